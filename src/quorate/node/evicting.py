"""The coordinator's part in evictions: each step of `core.eviction`, carried out on the database.

Owns: asking etcd for its members, and the sweeping up of members that belong to nobody. Does not know: the order of
steps, or votes; `node.vote_keeper` takes away the vote of a node that has left. Idle while nobody is being evicted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.messages import Member
from quorate.core.cluster_view import ClusterView
from quorate.core.eviction import Commit, Wait, next_step, peer_url
from quorate.model import keys
from quorate.ports.store import Store, StoreError

LOOK_S: Final = 0.3
SWEEPS: Final = 40
"""Looks after an eviction at whether its member came back: its node may have been about to add it."""


class EvictionKeeper:
    """Evictions, as long as this node leads."""

    def __init__(
        self,
        view: ClusterView,
        store: Store,
        gateway: Gateway,
        leads: Callable[[], bool],
        log: Callable[[str], None],
    ) -> None:
        self._view = view
        self._store = store
        self._gateway = gateway
        self._leads = leads
        self._log = log
        self._sweeps = 1
        self._said = ""

    async def run(self) -> None:
        """Look, and look again."""
        while True:
            if self._leads():
                try:
                    await self.look()
                except (GatewayError, StoreError) as problem:
                    self._say(f"an eviction is held up: {problem}")
            else:
                self._sweeps = 1
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take the next step of every eviction. Raises GatewayError and StoreError."""
        wanted = [n for n, k in self._view.node_intents.items() if k.record.eviction is not None]
        wanted = [node for node in wanted if node in self._view.nodes]
        if not wanted and not (self._sweeps and self._view.evicted):
            return
        members = await self._gateway.members(timeout_s=1.0)
        for node in wanted:
            await self._advance(node, members)
        if self._sweeps:
            self._sweeps -= 1
            await self._sweep(members)

    async def _advance(self, node: int, members: tuple[Member, ...]) -> None:
        known = self._view.nodes.get(node)
        if known is None:
            return
        url = peer_url(known.record)
        mine = next((member.id for member in members if url in member.peerURLs), None)
        facts = await self._store.read(prefixes=[f"{keys.FACT}{node}/"])
        now = datetime.now(UTC)  # for people, and for the delay before the next join; never for authority
        at = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        step = next_step(self._view, node, mine, [item.key for item in facts.items], at, now.timestamp())
        match step:
            case Wait(why=why):
                self._say(why)
            case Commit(guards=guards, writes=writes, removes=removes):
                committed = await self._store.commit(guards, writes)
                if removes and committed.succeeded:
                    self._sweeps = SWEEPS
                    self._log(f"{known.record.name} is evicted")

    async def _sweep(self, members: tuple[Member, ...]) -> None:
        """A member of an evicted node that its own service added at the last moment."""
        listed = {peer_url(known.record) for known in self._view.nodes.values()}
        evicted = {known.record.peer for known in self._view.evicted.values()} - listed - {""}
        for member in members:
            if evicted & set(member.peerURLs):
                await self._gateway.remove_member(member.id)
                self._log(f"member {member.id:x} of a node that was evicted is removed from the store")

    def _say(self, text: str) -> None:
        if text and text != self._said:
            self._log(text)
        self._said = text
