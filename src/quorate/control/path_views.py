"""Who hears whom over which network: latency, losses, and the last heartbeats of lost paths.

Owns: the form of these views, and their making from what each node measures. Does not know: how other nodes are asked;
a face hands their answers in. A node that does not answer is shown by its row in the database, without measures.
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.control.context import Context
from quorate.control.queries import as_of
from quorate.control.views import AsOf
from quorate.core.cluster_view import ClusterView
from quorate.core.paths import PathState
from quorate.core.reasons import node_name
from quorate.model.base import Value
from quorate.model.workload import NodeSpec


class HeardBeat(Value, frozen=True, kw_only=True):
    """One of the last heartbeats of a lost path."""

    serial: int
    before_loss_ms: int
    """How long it had been heard when the path counted as lost."""


class PathView(Value, frozen=True, kw_only=True):
    """One direction of one path: `hearer` hears `sender` over `network`."""

    network: str
    hearer: str
    sender: str
    heard: bool
    measured: bool
    """False where the hearer did not answer: then only `heard` says anything, as it last wrote."""
    round_trip_us: int = -1
    """Smoothed; -1 where none was measured."""
    expected: int = 0
    """Heartbeats that should have come of late."""
    missing: int = 0
    loss: float = 0.0
    """The part of them that did not, 0 to 1."""
    silent_ms: int = -1
    """Since the last heartbeat; -1 where there was none."""
    history: tuple[HeardBeat, ...] = ()
    """Of a lost path: the last heartbeats that were heard."""


class NodePaths(Value, frozen=True, kw_only=True):
    """What one node hears."""

    node: int
    paths: tuple[PathView, ...]


class PathMatrix(Value, frozen=True, kw_only=True):
    """What every node that is up hears of every other one, by network, hearer and sender."""

    as_of: AsOf
    paths: tuple[PathView, ...]


def node_paths(context: Context) -> NodePaths:
    """What this node hears."""
    nodes = context.view.nodes
    shown = tuple(_path(context.view, context.node, path) for path in context.paths() if path.node in nodes)
    return NodePaths(node=context.node, paths=shown)


def others_up(context: Context) -> tuple[NodeSpec, ...]:
    """The other nodes that are up: those that can tell."""
    up = context.view.authority.up()
    return tuple(k.record for n, k in sorted(context.view.nodes.items()) if n in up and n != context.node)


def path_matrix(context: Context, told: Iterable[NodePaths]) -> PathMatrix:
    """All that is known: this node's paths, what others told, and the written rows of those that did not."""
    view = context.view
    answers = {one.node: one for one in (node_paths(context), *told)}
    paths = [path for one in answers.values() for path in one.paths]
    for node in others_up(context):
        if node.node not in answers:
            paths += _written(view, node.node)
    up = {node_name(view, node) for node in view.authority.up()}
    shown = sorted((p for p in paths if p.sender in up), key=lambda p: (p.network, p.hearer, p.sender))
    return PathMatrix(as_of=as_of(context), paths=tuple(shown))


def _path(view: ClusterView, hearer: int, path: PathState) -> PathView:
    return PathView(
        network=path.network,
        hearer=node_name(view, hearer),
        sender=node_name(view, path.node),
        heard=path.heard,
        measured=True,
        round_trip_us=path.round_trip_us,
        expected=path.expected,
        missing=path.missing,
        loss=round(path.missing / path.expected, 4) if path.expected else 0.0,
        silent_ms=path.silent_ms,
        history=tuple(HeardBeat(serial=serial, before_loss_ms=ago) for serial, ago in path.history),
    )


def _written(view: ClusterView, hearer: int) -> list[PathView]:
    known, member = view.paths.get(hearer), view.authority.members.get(hearer)
    if known is None or member is None or known.record.incarnation != member.record.incarnation:
        return []
    found = []
    for network_id, heard in known.record.heard.items():
        network = view.networks.get(network_id)
        for sender in view.authority.up() if network is not None else ():
            if sender != hearer and network is not None and network.record.name in view.nodes[sender].record.addresses:
                found.append(
                    PathView(
                        network=network.record.name,
                        hearer=node_name(view, hearer),
                        sender=node_name(view, sender),
                        heard=sender in heard,
                        measured=False,
                    )
                )
    return found
