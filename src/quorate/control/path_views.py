"""Who hears whom over which network: latency, losses, and the last heartbeats of lost paths.

Owns: the form of these views, and their making from what each node measures. Does not know: how other nodes are asked;
a face hands their answers in. A node that does not answer is shown by its row in the database, without measures.
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.control.context import Context
from quorate.control.queries import as_of
from quorate.control.views import AsOf
from quorate.core.authority.paces import Reach, Settings, reach_of
from quorate.core.authority.timings import Pace
from quorate.core.cluster_view import ClusterView
from quorate.core.paths import PathState
from quorate.core.reasons import node_name
from quorate.core.topology import places_of, quiet_networks, settings_of
from quorate.model.base import Value
from quorate.model.nodes import NodeSpec


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
    reach: str = "same_subnet"
    """What lies between the two: same_subnet, cross_subnet or cross_site."""
    heartbeat_ms: int = 0
    """The interval at which the sender beats."""
    silence_limit_ms: int = 0
    """After so long without a heartbeat the path counts as lost."""
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
    reach, pace = _pace(view, hearer, path.node)
    return PathView(
        reach=reach,
        heartbeat_ms=round(pace.heartbeat_s * 1000),
        silence_limit_ms=round(pace.suspicion_s * 1000),
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


def _pace(view: ClusterView, one: int, other: int) -> tuple[Reach, Pace]:
    """What lies between two nodes, and the heartbeats that follow from it."""
    specs = [view.nodes[node].record for node in (one, other) if node in view.nodes]
    places = places_of(specs, quiet_networks(view))
    reach: Reach = reach_of(places[one], places[other]) if len(places) > 1 else "same_subnet"
    settings = settings_of(view.cluster.record) if view.cluster else Settings()
    return reach, settings.timings(reach).pace


def _written(view: ClusterView, hearer: int) -> list[PathView]:
    known, member = view.paths.get(hearer), view.authority.members.get(hearer)
    if known is None or member is None or known.record.incarnation != member.record.incarnation:
        return []
    found = []
    for network_id, heard in known.record.heard.items():
        network = view.networks.get(network_id)
        for sender in view.authority.up() if network is not None else ():
            if sender != hearer and network is not None and network.record.name in view.nodes[sender].record.addresses:
                reach, pace = _pace(view, hearer, sender)
                found.append(
                    PathView(
                        reach=reach,
                        heartbeat_ms=round(pace.heartbeat_s * 1000),
                        silence_limit_ms=round(pace.suspicion_s * 1000),
                        network=network.record.name,
                        hearer=node_name(view, hearer),
                        sender=node_name(view, sender),
                        heard=sender in heard,
                        measured=False,
                    )
                )
    return found
