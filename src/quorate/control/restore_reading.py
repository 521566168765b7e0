"""What of a backup is put back, in terms of this cluster (spec/02 §9.1).

Owns: which keys of a backup a restore looks at, and the translation of node numbers. Does not know: what stands in the
cluster against it (`control.restore_plan`).
How it works: specifications and intents of groups, resources, the cluster's properties, the networks' descriptions and
metrics are put back. Membership, coordinator, marks, votes, assignments, facts, tokens and the audit trail are history
of a life that is over: they are never read. Nodes are known by name: a number is of one cluster only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from quorate.control.change import altered
from quorate.control.lookup import find_node
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.backup import Backup, BackupEntry
from quorate.model.base import Damaged, decode
from quorate.model.checkpoint import CheckpointState
from quorate.model.fencing import FenceDevice
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Problem, error, warning
from quorate.model.topology import NetworkSpec
from quorate.model.workload import GroupIntent, GroupSetSpec, GroupSpec, ResourceSpec

RESTORABLE: Final = (
    keys.SPEC_CLUSTER,
    keys.SPEC_NODE,
    keys.SPEC_GROUP,
    keys.SPEC_RESOURCE,
    keys.SPEC_SET,
    keys.SPEC_NETWORK,
    keys.INTENT_GROUP,
    keys.SPEC_FENCE,
    keys.CHECKPOINT,
    keys.CHECKPOINT_DATA,
)
"""Prefixes of the keys that a restore reads; nodes for their names alone."""


@dataclass(slots=True)
class Wanted:
    """What the cluster shall hold; node numbers are this cluster's."""

    cluster: ClusterSpec | None = None
    groups: dict[str, GroupSpec] = field(default_factory=dict)
    resources: dict[str, ResourceSpec] = field(default_factory=dict)
    intents: dict[str, GroupIntent] = field(default_factory=dict)
    sets: dict[str, GroupSetSpec] = field(default_factory=dict)
    networks: list[NetworkSpec] = field(default_factory=list)
    fences: dict[str, FenceDevice] = field(default_factory=dict)
    """By key."""
    saved: dict[tuple[str, str], CheckpointState] = field(default_factory=dict)
    """What was saved of checkpoints, by resource and checkpoint."""
    chunks: dict[str, bytes] = field(default_factory=dict)
    """The content of that, by key."""

    def members(self, group: str) -> dict[str, ResourceSpec]:
        """The resources of a group."""
        return {spec.id: spec for spec in self.resources.values() if spec.group == group}


def restorable(entries: Iterable[BackupEntry]) -> tuple[BackupEntry, ...]:
    """The entries that a restore reads."""
    return tuple(entry for entry in entries if entry.key.startswith(RESTORABLE))


def read_wanted(view: ClusterView, backup: Backup, map_nodes: Mapping[str, str], problems: list[Problem]) -> Wanted:
    """Read a backup for this cluster; everything that is wrong with it goes to `problems`."""
    wanted, nodes = Wanted(), list[NodeSpec]()
    for entry in restorable(backup.entries):
        try:
            _read(wanted, nodes, entry)
        except Damaged as damaged:
            problems.append(error("backup_damaged", str(damaged), where=entry.key, remedy="use another backup"))
    if wanted.cluster is None:
        problems.append(error("backup_incomplete", "it holds no cluster", where="archive", remedy="use another backup"))
    numbers = _numbers(view, backup, nodes, map_nodes, problems)
    names = {spec.node: spec.name for spec in nodes}
    _fences(wanted, numbers, names, problems)
    for group in list(wanted.groups.values()):
        wanted.groups[group.id] = altered(group, preferred_owners=_owners(group.preferred_owners, numbers))
        _tell_missing(group.name, "preferred_owners", group.preferred_owners, numbers, names, problems)
    for resource in list(wanted.resources.values()):
        owners = _owners(resource.possible_owners, numbers)
        wanted.resources[resource.id] = altered(resource, possible_owners=owners)
        _tell_missing(resource.name, "possible_owners", resource.possible_owners, numbers, names, problems)
        if resource.possible_owners and not owners:
            what = f"none of the nodes that resource {resource.name} may run on is a node of this cluster"
            remedy = "say which nodes stand for them: --map-node OLD=NEW"
            problems.append(error("owners_unknown", what, where=resource.name, remedy=remedy))
        if resource.group not in wanted.groups:
            what = f"resource {resource.name} is in a group that the backup does not hold"
            problems.append(error("backup_incomplete", what, where=resource.name, remedy="use another backup"))
    return wanted


def _fences(wanted: Wanted, numbers: Mapping[int, int], names: Mapping[int, str], problems: list[Problem]) -> None:
    """Plugs are named by numbers of nodes: those of nobody here are left out, and so is a device without any."""
    for key, device in list(wanted.fences.items()):
        nodes = tuple(int(node) for node in device.plugs)
        plugs = {str(numbers[node]): device.plugs[str(node)] for node in nodes if node in numbers}
        _tell_missing(device.name, "plugs", nodes, numbers, names, problems)
        if plugs:
            wanted.fences[key] = altered(device, plugs=plugs)
        else:
            del wanted.fences[key]
            what, remedy = f"fence device {device.name} fences no node of this cluster", "it is left out"
            problems.append(warning("fence_left_out", what, where=device.name, remedy=remedy))


def _read(wanted: Wanted, nodes: list[NodeSpec], entry: BackupEntry) -> None:
    key, value = entry.key, entry.value
    if key == keys.SPEC_CLUSTER:
        wanted.cluster = decode(value, ClusterSpec, key)
    elif key.startswith(keys.SPEC_NODE):
        nodes.append(decode(value, NodeSpec, key))
    elif key.startswith(keys.SPEC_GROUP):
        wanted.groups[key.removeprefix(keys.SPEC_GROUP)] = decode(value, GroupSpec, key)
    elif key.startswith(keys.SPEC_RESOURCE):
        wanted.resources[key.removeprefix(keys.SPEC_RESOURCE)] = decode(value, ResourceSpec, key)
    elif key.startswith(keys.SPEC_SET):
        wanted.sets[key.removeprefix(keys.SPEC_SET)] = decode(value, GroupSetSpec, key)
    elif key.startswith(keys.INTENT_GROUP):
        wanted.intents[key.removeprefix(keys.INTENT_GROUP)] = altered(decode(value, GroupIntent, key), fail={})
    elif key.startswith(keys.SPEC_FENCE):
        wanted.fences[key] = decode(value, FenceDevice, key)
    elif key.startswith(keys.CHECKPOINT_DATA):
        wanted.chunks[key] = value
    elif key.startswith(keys.CHECKPOINT):
        resource, _, own = key.removeprefix(keys.CHECKPOINT).partition("/")
        wanted.saved[resource, own] = decode(value, CheckpointState, key)
    elif key.startswith(keys.SPEC_NETWORK):
        wanted.networks.append(decode(value, NetworkSpec, key))


def _numbers(
    view: ClusterView, backup: Backup, nodes: list[NodeSpec], map_nodes: Mapping[str, str], problems: list[Problem]
) -> dict[int, int]:
    """This cluster's number for each of the backup's. In its own cluster the number counts: a node may be renamed."""
    same = view.cluster is not None and view.cluster.record.id == backup.manifest.cluster_id
    given: dict[str, str] = {old.casefold(): new for old, new in map_nodes.items()}
    known = {spec.name.casefold() for spec in nodes}
    for old in map_nodes:
        if old.casefold() not in known:
            there = ", ".join(sorted(spec.name for spec in nodes))
            what, remedy = f"the backup knows no node {old}", f"its nodes are: {there}"
            problems.append(error("node_unknown", what, where=f"map_nodes.{old}", remedy=remedy))
    found: dict[int, int] = {}
    for spec in nodes:
        told = given.get(spec.name.casefold())
        here = find_node(view, told, problems, f"map_nodes.{spec.name}") if told is not None else None
        if told is None and same and spec.node in view.nodes:
            found[spec.node] = spec.node
        elif told is None:
            here = find_node(view, spec.name, []) if not spec.name.isdigit() else None
        if here is not None:
            found[spec.node] = here.node
    return found


def _owners(owners: tuple[int, ...], numbers: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(numbers[node] for node in owners if node in numbers))


def _tell_missing(
    name: str,
    where: str,
    owners: tuple[int, ...],
    numbers: Mapping[int, int],
    names: Mapping[int, str],
    problems: list[Problem],
) -> None:
    missing = ", ".join(names.get(node, str(node)) for node in owners if node not in numbers)
    if missing:
        what = f"{missing}, named by {where} of {name}, is no node of this cluster"
        remedy = "it is left out; say who stands for it with --map-node OLD=NEW"
        problems.append(warning("node_left_out", what, where=f"{name}.{where}", remedy=remedy))
