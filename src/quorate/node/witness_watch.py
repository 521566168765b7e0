"""Whether the cluster's witness answers this node, told in the form in which a keeper tells of a storage.

Owns: the question, once a second, and the standing that follows. Does not know: votes.
"""

from __future__ import annotations

from typing import Final

from quorate.adapters.etcd.peers import Peers, PeerUnreachable
from quorate.model.problems import Problem, error
from quorate.model.quorum import QuorumSpec
from quorate.node.places import Places
from quorate.node.store_link import tls_context
from quorate.wire.lease_page import boot_time_s
from quorate.wire.quorum_channel import KeeperStanding

LOOK_S: Final = 1.0
MISSES_MOST: Final = 2
"""One answer that does not come is no news yet."""


class WitnessWatch:
    """One node's view of the witness. `standing` is None until it was asked once."""

    def __init__(self, places: Places) -> None:
        self.standing: KeeperStanding | None = None
        self._places = places
        self._peers: Peers | None = None
        self._look_at = 0.0
        self._missed = 0

    async def aclose(self) -> None:
        """Close the connection."""
        if self._peers is not None:
            await self._peers.aclose()
            self._peers = None

    async def look(self, spec: QuorumSpec) -> None:
        """Ask, where that is due."""
        if spec.kind != "witness":
            self.standing = None
            return
        now = boot_time_s()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        self._peers = self._peers or Peers(tls_context(self._places))
        try:
            answer = await self._peers.ask(spec.path)
        except PeerUnreachable as problem:
            self._missed += 1
            if self._missed >= MISSES_MOST:
                remedy = "see that quorate witness serve runs there, and that this node reaches it"
                self.standing = KeeperStanding(
                    reached=False, code="witness_unreachable", problem=str(problem), remedy=remedy
                )
            return
        self._missed = 0
        # Without a member yet, or after its data were lost, it says so itself.
        self.standing = KeeperStanding(
            reached=True, runs=answer.runs, lacks_data=answer.word == "lacks data", problem=answer.word
        )


async def witness_problems(places: Places, address: str) -> tuple[Problem, ...]:
    """Why that cannot be the cluster's witness, as this node finds it."""
    peers = Peers(tls_context(places))
    try:
        await peers.ask(address)
    except PeerUnreachable as problem:
        remedy = "on that machine: quorate witness join TOKEN --address ..., then quorate witness serve"
        what = f"no witness of this cluster answers at {address}: {problem}"
        return (error("witness_unreachable", what, where="witness", remedy=remedy),)
    finally:
        await peers.aclose()
    return ()
