"""What this machine is to any cluster, asked without one; and its way back to being nothing (spec/02 §1.4, §5.4).

Owns: the four local states with the reference's numbers, and the clean-up by force. Does not know: the cluster.
"""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import Final

from quorate.adapters.etcd.member import EtcdMissing, find_binary
from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error
from quorate.node.identity import load_identity, load_replica
from quorate.node.places import Places
from quorate.node.process import is_held
from quorate.node.retired import retire, retired
from quorate.node.settings import load


class MachineState(enum.IntEnum):
    """The numbers are the reference's."""

    NOT_INSTALLED = 0
    NOT_CONFIGURED = 1
    NOT_RUNNING = 3
    RUNNING = 19


WORDS: Final = {
    MachineState.NOT_INSTALLED: "not installed: the software is here in part only",
    MachineState.NOT_CONFIGURED: "not configured: this machine belongs to no cluster",
    MachineState.NOT_RUNNING: "not running: this machine is a node, and its cluster service is stopped",
    MachineState.RUNNING: "running: this machine is a node, and its cluster service runs",
}


class LocalState(Value, frozen=True, kw_only=True):
    """Answer to `node state`."""

    value: int
    state: str
    words: str
    cluster: str = ""
    node: str = ""
    number: int = 0
    retired: tuple[str, ...] = ()
    """Folders that former memberships left."""
    problems: tuple[Problem, ...] = ()
    """What is damaged, or missing."""


def local_state(places: Places) -> LocalState:
    """The state of this machine; always answers."""
    problems: list[Problem] = []
    cluster, node, number = "", "", 0
    try:
        identity = load_identity(places)
        if identity is not None:
            cluster, node, number = identity.cluster_name, identity.name, identity.node
            replica = load_replica(places, identity)
            cluster = replica.cluster.name
            node = next((spec.name for spec in replica.nodes if spec.node == number), node)
    except Refused as refused:
        problems += refused.problems
    state = MachineState.NOT_CONFIGURED
    if places.identity.exists():
        state = MachineState.RUNNING if is_held(places.sentinel_lock) else MachineState.NOT_RUNNING
    elif missing := _missing(places):
        state = MachineState.NOT_INSTALLED
        problems.append(missing)
    return LocalState(
        value=int(state),
        state=state.name.lower(),
        words=WORDS[state],
        cluster=cluster,
        node=node,
        number=number,
        retired=tuple(str(path) for path in retired(places)),
        problems=tuple(problems),
    )


def _missing(places: Places) -> Problem | None:
    """The one program that is not ours and that a node cannot do without."""
    try:
        named = load(places.settings).etcd
    except Refused:
        return None  # wrong settings are no missing software
    try:
        found = os.access(named, os.X_OK) if named else bool(find_binary(os.environ))
        why = f"{places.settings} names {named}, which cannot be executed"
    except EtcdMissing as problem:
        found, why = False, str(problem)
    return None if found else error("etcd_missing", why, remedy="install the package etcd-server")


def clean_up(places: Places, *, force: bool) -> Path | None:
    """Put the state of this machine aside; None where there is none. Raises Refused; nothing is ever deleted."""
    if is_held(places.sentinel_lock):
        raise Refused(
            [
                error(
                    "node_runs",
                    "this machine's cluster service runs",
                    where=str(places.state),
                    remedy="stop it first (quorate node stop, or systemctl stop quorate); "
                    "to take a node out of a cluster that lives: quorate node evict",
                )
            ]
        )
    state = local_state(places)
    former = retired(places)
    if not places.state.is_dir() or all(entry in former for entry in places.state.iterdir()):
        return None
    if not force:
        whose = f"node {state.node} of cluster {state.cluster}" if state.number else "an unknown node"
        raise Refused(
            [
                error(
                    "cleanup_not_confirmed",
                    f"this machine is {whose}; afterwards it belongs to no cluster",
                    where=str(places.state),
                    remedy="say --force if that is meant; its files are kept under another name. A cluster that lives "
                    "still lists the node: quorate node evict there",
                    override="--force",
                )
            ]
        )
    try:
        return retire(places, f"node-{state.number}" if state.number else "unknown")
    except OSError as problem:
        raise Refused(
            [
                error(
                    "state_folder_unusable",
                    f"{places.state} cannot be put aside: {problem.strerror or problem}",
                    where=str(places.state),
                    remedy="run as root, and see that the disk is writable",
                )
            ]
        ) from problem
