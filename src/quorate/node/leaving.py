"""A clean stop of a node: groups leave first, what is left is taken offline, then the node leaves (spec/02 §7.4).

Owns: the order of these steps and their limit. Does not know: how groups move; the coordinator does that because the
node's intent says *stopping*. Every step is level-triggered, so an interrupted stop leaves nothing half-done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from quorate.core.placement.choosing import objection
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.records import Absent, Guard, Put, Unchanged
from quorate.node.service_log import log
from quorate.ports.store import StoreError

if TYPE_CHECKING:
    from quorate.node.service import Service

LOOK_AGAIN_S = 0.02
STORE_LIMIT_S = 5.0
"""A store that takes no word for so long is waited for no longer: without it no group can move, and that this node left
is then told by its sentinel alone. The last nodes of a cluster that is being stopped meet this."""

HAND_OVER_LIMIT_S = 3.0
"""Another node sees within a heartbeat that the quorum storage is free, and starts its member in a fraction of a
second."""


CEDE_LIMIT_S = 10.0
"""Beside a light witness the other node takes this one's vote away; etcd may want 5 s for that."""


class Leaving:
    """The clean stop of one node."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.under_way = False

    async def run(self, after: Callable[[], Awaitable[None]] | None = None) -> None:
        """Drain, take offline, leave, do what comes `after` that, end."""
        if self.under_way:
            return
        self.under_way = True
        service = self._service
        limit_s = service.settings.shutdown_limit_s / 2
        log.info("the node is being stopped")
        try:
            async with asyncio.timeout(limit_s):
                async with asyncio.timeout(STORE_LIMIT_S):
                    await self._say_stopping()
                while self._can_still_move():
                    await service.turned()
        except TimeoutError:
            log.warning("groups did not leave in time; they are taken offline here")
        service.loop.wind_down()
        service.pump()
        try:
            async with asyncio.timeout(limit_s):
                while not all(run.quiet() for run in service.loop.runs.values()):
                    await service.turned()
            await service.quorum.hand_over(HAND_OVER_LIMIT_S)
            await service.light.cede(CEDE_LIMIT_S)
            async with asyncio.timeout(min(limit_s, STORE_LIMIT_S)):
                service.loop.leave()
                service.pump()
                while not service.loop.left:
                    await service.turned()
        except TimeoutError:
            log.warning("the node could not leave in time; its sentinel ends the rest")
        if after is not None:
            await after()
        else:
            await self._wait_for_others()
        service.end(stop_node=True, retire=service.retiring.destroyed_suffix)

    async def _wait_for_others(self) -> None:
        """Where the whole cluster stops, nobody ends its member of the store before everybody has left.

        Else the last ones, without a majority, could write neither that their groups ended nor that they have left.
        """
        view = self._service.view
        try:
            async with asyncio.timeout(STORE_LIMIT_S):
                while view.authority.up() and all(view.node_intent(node).stopping for node in view.authority.up()):
                    await self._service.turned()
        except TimeoutError:
            log.info("another node that is being stopped takes long; it is not waited for")

    async def _say_stopping(self) -> None:
        service = self._service
        key = f"{keys.INTENT_NODE}{service.node}"
        while not service.view.node_intent(service.node).stopping:
            known = service.view.node_intents.get(service.node)
            intent = replace(service.view.node_intent(service.node), stopping=True)
            guard: Guard = Unchanged(key, known.revision) if known else Absent(key)
            try:
                await service.store.commit([guard], [Put(key, encode(intent))])
            except StoreError as problem:
                log.info("cannot say that the node is stopping yet", detail=str(problem))
                await asyncio.sleep(10 * LOOK_AGAIN_S)
            await asyncio.sleep(LOOK_AGAIN_S)

    def _can_still_move(self) -> bool:
        """Tell whether a group of ours is on its way to, or wanted by, another node."""
        view, node = self._service.view, self._service.node
        for group, known in view.assignments.items():
            spec = view.groups.get(group)
            if known.record.owner != node or spec is None:
                continue
            others = (other for other in view.authority.members if other != node)
            if any(objection(view, spec.record, other) is None for other in others):
                return True
        return False
