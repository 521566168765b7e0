"""Fencing, while a node is marked: agents are called, and what they confirm is written into the mark (decision 0061).

Owns: the calls under way, one run of levels for each mark. Does not know: whom to fence (`core.fencing`); the wait of
rule 7 goes on beside it in `core.authority.suspicion`, which sends the verdict at whichever comes first.
How it works: looks at every turn of the pump. Before each call it looks whether the mark still stands: a node that came
back is left alone. Nothing here is waited for by anybody else, and a store in trouble costs the history alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.core.fencing import (
    Level,
    Target,
    action_in,
    agent_inputs,
    fenced,
    is_marked,
    levels_of,
    remembered,
    stands,
    targets,
)
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Damaged, decode
from quorate.model.fencing import FenceAction, FenceAttempt, FenceDevice
from quorate.model.membership import MemberRecord
from quorate.model.records import Guard, Put
from quorate.ports.fencing import FenceAgents
from quorate.ports.store import OutcomeUnknown, Store, StoreError

AGAIN_S: Final = 30.0
"""Between attempts at a node that is down already, and for which groups wait."""
WRITES_MOST: Final = 5
"""Attempts at writing one thing down; each is decided anew."""


class FenceKeeper:
    """The fencing that this node has under way."""

    def __init__(
        self,
        node: int,
        view: ClusterView,
        store: Store,
        agents: FenceAgents,
        leads: Callable[[], bool],
        turned: Callable[[], Awaitable[None]],
        now: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._node = node
        self._view = view
        self._store = store
        self._agents = agents
        self._leads = leads
        self._turned = turned
        self._now = now
        self._log = log
        self._begun: set[Target] = set()
        self._kept: list[tuple[int, FenceAttempt]] = []
        """Calls that succeeded and are not written into a history yet."""

    async def run(self) -> None:
        """Look at every turn of the pump; ends with what it has begun when it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._begun = {target for target in self._begun if stands(self._view, target)}
                for target in targets(self._view, self._node, leads=self._leads()):
                    if target not in self._begun:
                        self._begun.add(target)
                        tasks.create_task(self.fence(target), name=f"fencing of node {target.node}")
                await self._turned()

    async def fence(self, target: Target) -> bool:
        """Have the node switched off; tells whether a level confirmed that it is."""
        done = await self._levels(target)
        while self._kept:
            await self._remember(*self._kept.pop(0))
        if not done and not target.mark:
            await asyncio.sleep(AGAIN_S)
            self._begun.discard(target)  # a group waits for this: it is tried for as long as that is so
        return done

    async def _levels(self, target: Target) -> bool:
        """Try level after level."""
        for level in levels_of(self._view, target.node):
            if await self._level(target, level):
                by = " and ".join(device.name for device in level)
                await self._write(lambda by=by: fenced(self._view, target, by, wall_time()))  # type: ignore[misc]
                self._log(f"{node_name(self._view, target.node)} is fenced by {by}")
                return True
            if not stands(self._view, target):
                return False
        name = node_name(self._view, target.node)
        rest = "its lease is waited for" if target.mark else "groups that demand more than its lease wait"
        self._log(f"no fence device confirmed that {name} is off; {rest}")
        return False

    async def _level(self, target: Target, level: Level) -> bool:
        """Every device of the level must succeed; they are called one after the other."""
        for device in level:
            if device.delay_ms:
                await asyncio.sleep(device.delay_ms / 1000)
            for _ in range(1 + device.retries):
                if not await self._still_stands(target):
                    return False
                if await self._call(target, device, action_in(level, device)):
                    break
            else:
                return False
        return True

    async def _still_stands(self, target: Target) -> bool:
        """Ask the store itself: a node that stood still may have an old picture, and fence one that is long back."""
        key = keys.member(target.node)
        try:
            item = (await self._store.read(keys=[key])).get(key)
            record = decode(item.value, MemberRecord, key) if item is not None else None
        except (StoreError, Damaged) as problem:
            self._log(f"node {target.node} is not fenced, because nobody knows how it stands: {problem}")
            return False
        return record is not None and is_marked(record, target)

    async def _call(self, target: Target, device: FenceDevice, action: FenceAction) -> bool:
        name = node_name(self._view, target.node)
        at, began = wall_time(), self._now()
        inputs = agent_inputs(device, target.node, name, action)
        answer = await self._agents.call(device.agent, inputs, float(device.timeout_s))
        good = answer.status == 0
        attempt = FenceAttempt(
            at=at,
            device=device.name,
            action=action,
            good=good,
            took_ms=round((self._now() - began) * 1000),
            by=self._node,
            mark=target.mark,
            detail="" if good else answer.words or f"exit status {answer.status}",
        )
        if good:  # the proof goes first, history waits for it
            self._kept.append((target.node, attempt))
        else:
            await self._remember(target.node, attempt)
        return good

    async def _remember(self, node: int, attempt: FenceAttempt) -> None:
        await self._write(lambda: remembered(self._view, node, attempt))

    async def _write(self, decide: Callable[[], tuple[tuple[Guard, ...], tuple[Put, ...]]]) -> None:
        """Commit what is decided, anew where something else came first; given up where the store is in trouble."""
        for _ in range(WRITES_MOST):
            guards, writes = decide()
            if not writes:
                return
            try:
                if (await self._store.commit(guards, writes)).succeeded:
                    return
            except OutcomeUnknown:
                pass
            except StoreError as problem:
                self._log(f"what a fence device did is not written down: {problem}")
                return
            await self._turned()


def wall_time() -> str:
    """UTC in RFC 3339 with milliseconds, for people."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
