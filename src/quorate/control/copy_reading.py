"""A node's local copy of the cluster database, read without any cluster (decision 0075).

Owns: what is told of a copy. Does not know: files, or whether anything in it still holds: it says when it was taken,
and nothing here is ever acted on.
How it works: the copy is a backup archive, so one that is damaged anywhere is refused whole; what it holds becomes a
replica like that of a node, and is told in the same words.
"""

from __future__ import annotations

from quorate.control.specifications import class_of, plain
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model.backup import Backup
from quorate.model.base import Damaged, Value, decode
from quorate.model.history import Plain
from quorate.model.records import KeyValue, Position


class CopiedNode(Value, frozen=True, kw_only=True):
    """One node, as last recorded."""

    name: str
    number: int
    state: str
    votes: int
    addresses: dict[str, str]


class CopiedGroup(Value, frozen=True, kw_only=True):
    """One group, as last recorded."""

    name: str
    owner: str
    wanted: str
    resources: tuple[str, ...]
    """Name and type of each."""


class CopyView(Value, frozen=True, kw_only=True):
    """A node's copy of the database."""

    cluster: str
    cluster_id: str
    written_by: str
    generation: int
    revision: int
    """Everything is as of this position of the store."""
    at: str
    age_s: float
    """By this machine's clock."""
    coordinator: str
    epoch: int
    nodes: tuple[CopiedNode, ...]
    groups: tuple[CopiedGroup, ...]
    specifications: dict[str, Plain]
    """Every specification by its key; of secrets only the names."""
    unreadable: tuple[str, ...] = ()
    """Keys that cannot be read."""


def view_copy(copy: Backup, age_s: float) -> CopyView:
    """What a copy says."""
    manifest = copy.manifest
    view = ClusterView()
    items = [KeyValue(entry.key, entry.value, manifest.revision, manifest.revision) for entry in copy.entries]
    view.reset(Position(manifest.generation, manifest.revision), items)
    members = view.authority.members
    coordinator = view.authority.coordinator
    specifications, unreadable = dict[str, Plain](), dict(view.damaged) | dict(view.authority.damaged)
    for entry in copy.entries:
        found = class_of(entry.key)
        if found is not None:
            try:
                specifications[entry.key] = plain(decode(entry.value, found[1], entry.key))
            except Damaged as damaged:
                unreadable[entry.key] = str(damaged)
    return CopyView(
        cluster=manifest.cluster_name,
        cluster_id=manifest.cluster_id,
        written_by=manifest.node,
        generation=manifest.generation,
        revision=manifest.revision,
        at=manifest.at,
        age_s=round(age_s, 1),
        coordinator=node_name(view, coordinator.record.node) if coordinator is not None else "",
        epoch=view.authority.epoch,
        nodes=tuple(
            CopiedNode(
                name=known.record.name,
                number=node,
                state=members[node].record.state if node in members else "never up",
                votes=known.record.votes,
                addresses=known.record.addresses,
            )
            for node, known in sorted(view.nodes.items())
        ),
        groups=tuple(_group(view, group) for group in sorted(view.groups, key=lambda g: view.groups[g].record.name)),
        specifications=specifications,
        unreadable=tuple(sorted(unreadable)),
    )


def _group(view: ClusterView, group: str) -> CopiedGroup:
    assignment = view.assignments.get(group)
    members = view.members_of.get(group, {}).values()
    return CopiedGroup(
        name=view.groups[group].record.name,
        owner=node_name(view, assignment.record.owner) if assignment is not None else "",
        wanted="online" if view.intent(group).persistent_state else "offline",
        resources=tuple(sorted(f"{resource.name} ({resource.type})" for resource in members)),
    )
