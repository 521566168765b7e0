"""Which node of which cluster a machine is, and what it last knew of the cluster: two files that a start needs.

Owns: `identity.json` (never changes after create or join) and `replica.json` (nodes, networks and profile as last seen;
only a starting point, the store decides). A damaged or foreign file stops the start and is never removed (design §2).
"""

from __future__ import annotations

import os
from pathlib import Path

from quorate.model.base import Damaged, Value, decode, encode
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Refused, error
from quorate.model.quorum import QuorumSpec
from quorate.node.places import Places


class Identity(Value, frozen=True, kw_only=True):
    """Written once, by `cluster create` or `node join`."""

    cluster_id: str
    cluster_name: str
    node: int
    name: str
    store_generation: int = 1


class Replica(Value, frozen=True, kw_only=True):
    """The cluster as last seen by this node."""

    cluster_id: str
    cluster: ClusterSpec
    nodes: tuple[NodeSpec, ...]
    quorum: QuorumSpec = QuorumSpec()
    quiet_networks: tuple[str, ...] = ()
    """Networks over which nodes do not speak to each other, by name (their role says so)."""


def write_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace a file so that a crash leaves the old or the new content, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        rest = data
        while rest:  # a disk that is nearly full takes a part of it and says so by the count alone
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load_identity(places: Places) -> Identity | None:
    """The identity of this machine, or None where it belongs to no cluster. Raises Refused where it is damaged."""
    if not places.identity.exists():
        return None
    try:
        return decode(places.identity.read_bytes(), Identity, str(places.identity))
    except (Damaged, OSError) as problem:
        raise Refused(
            [
                error(
                    "identity_damaged",
                    f"{places.identity} is damaged: {problem}",
                    where=str(places.identity),
                    remedy="restore it from a backup of this node; nothing was changed or deleted",
                )
            ]
        ) from problem


def load_replica(places: Places, identity: Identity) -> Replica:
    """What this node last knew of its cluster. Raises Refused where it is damaged or of another cluster."""
    try:
        replica = decode(places.replica.read_bytes(), Replica, str(places.replica))
    except (Damaged, OSError) as problem:
        raise Refused(
            [
                error(
                    "replica_damaged",
                    f"{places.replica} cannot be read: {problem}",
                    where=str(places.replica),
                    remedy="copy the file from another node of this cluster; nothing was changed or deleted",
                )
            ]
        ) from problem
    if replica.cluster_id != identity.cluster_id:
        raise Refused(
            [
                error(
                    "foreign_data",
                    f"{places.replica} belongs to cluster {replica.cluster_id}, this node to {identity.cluster_id}",
                    where=str(places.replica),
                    remedy="put back the files of this node; nothing was changed or deleted",
                )
            ]
        )
    return replica


def save_replica(places: Places, replica: Replica) -> None:
    """Keep what is known of the cluster for the next start."""
    data = encode(replica)
    if not places.replica.exists() or places.replica.read_bytes() != data:
        write_file(places.replica, data)
