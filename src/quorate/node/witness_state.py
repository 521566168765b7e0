"""How a witness host stands, and how it leaves a cluster.

Owns: these two answers, from its folders and its members' own doors. Does not know: how members run.
"""

from __future__ import annotations

import asyncio

from quorate.adapters.etcd.peers import Peers, PeerUnreachable
from quorate.model.base import Value
from quorate.model.problems import Refused, error
from quorate.node.places import Places
from quorate.node.witness_files import WitnessFolder, find_folder, put_aside, witness_folders
from quorate.node.witness_host import client_tls


class WitnessedState(Value, frozen=True, kw_only=True):
    """One cluster on this witness host."""

    cluster_id: str
    cluster_name: str
    name: str
    address: str
    peer_port: int
    state: str
    """`votes`: its member runs. `waiting`, `lacks data`: its own words. `not served`: nothing answers there."""
    member: str = ""
    """Id of the member whose data are here, in hexadecimal."""
    nodes: tuple[str, ...] = ()


class WitnessStates(Value, frozen=True, kw_only=True):
    """Every cluster on this witness host."""

    clusters: tuple[WitnessedState, ...]


class KeptAside(Value, frozen=True, kw_only=True):
    """What was left of a cluster."""

    cluster_name: str
    kept: str


async def witness_states(places: Places) -> WitnessStates:
    """How every cluster stands here. Raises Refused where a record is damaged."""
    return WitnessStates(clusters=tuple([await _state(folder) for folder in witness_folders(places)]))


async def leave_cluster(places: Places, cluster: str) -> KeptAside:
    """Put everything of that cluster aside. Raises Refused."""
    folder = find_folder(places, cluster)
    state = await _state(folder)
    if state.state == "votes" and await _is_member(folder):
        what = f"cluster {state.cluster_name} counts this witness's vote"
        remedy = "take the vote away first, on a node: quorate quorum set node_majority --wait"
        raise Refused([error("witness_votes", what, where="cluster", remedy=remedy)])
    return KeptAside(cluster_name=state.cluster_name, kept=str(put_aside(folder)))


async def _is_member(folder: WitnessFolder) -> bool:
    record = folder.record()
    url = f"https://{record.address}:{record.peer_port}"
    peers = Peers(client_tls(folder))
    try:
        return any(url in member.peerURLs for member in await peers.members(url))
    except PeerUnreachable:
        return False
    finally:
        await peers.aclose()


async def _state(folder: WitnessFolder) -> WitnessedState:
    record, kept = folder.record(), folder.kept()
    peers = Peers(client_tls(folder))
    try:
        answer = await peers.ask(f"{record.address}:{record.peer_port}")
        state = "votes" if answer.runs else answer.word
    except PeerUnreachable:
        state = "not served"
    finally:
        await peers.aclose()
        await asyncio.sleep(0)  # closed connections end within the loop
    return WitnessedState(
        cluster_id=record.cluster_id,
        cluster_name=record.cluster_name,
        name=record.name,
        address=record.address,
        peer_port=record.peer_port,
        state=state,
        member=f"{kept:x}" if kept else "",
        nodes=tuple(node.name for node in record.nodes),
    )
