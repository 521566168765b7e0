"""A node that is evicted: it leaves when its groups have, and steps aside when it is listed no more (spec/02 §5.3).

Owns: what this node's service does about its own eviction, and what it says. Does not know: how the records are
removed; the coordinator does that (`node.evicting`). Level-triggered: looked at whenever the store moved.
How it works: a node that is up leaves as in a clean stop and then waits, its member of the store running on, because
with two voters that member is needed to vote itself out. When the database lists the node no more, also at the next
start of a machine that was down, everything ends and the sentinel puts the state folder aside.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quorate.core.eviction import may_leave
from quorate.node.service_log import log

if TYPE_CHECKING:
    from quorate.node.service import Service

WAIT_S: Final = 30.0
"""How long a node that has left waits to be listed no more. It is evicted without it too, if its vote can be spared."""


class Retiring:
    """One node's own part in its eviction."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._told = False

    @property
    def unlisted(self) -> bool:
        """The database was read, and this node is none of the cluster's. A damaged record lists it all the same."""
        return not self._service.view.authority.is_listed(self._service.node)

    @property
    def destroyed_suffix(self) -> str:
        """Under what the state folder is put aside when the node has stopped; empty where the cluster is to live on."""
        cluster = self._service.view.cluster
        return f"node-{self._service.node}" if cluster is not None and cluster.record.destroyed is not None else ""

    def look(self) -> None:
        """Take the next step, if there is one."""
        service = self._service
        if self.unlisted:
            self._step_aside()
        elif self.destroyed_suffix and not service.leaving.under_way:
            log.warning(f"cluster {service.replica.cluster.name} is being destroyed; this node stops and steps aside")
            service.spawn(service.leaving.run())
        elif may_leave(service.view, service.node) and service.loop.is_up and not service.leaving.under_way:
            log.info("this node is evicted: it leaves the cluster")
            service.spawn(service.leaving.run(after=self.wait_unlisted))

    async def wait_unlisted(self) -> None:
        """The node has left: keep its member of the store until the cluster has done without it."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not self.unlisted:
                    await self._service.turned()
        except TimeoutError:
            log.warning("the cluster has not removed this node yet; it ends, and is removed without it")

    def _step_aside(self) -> None:
        service = self._service
        gone = service.view.evicted.get(service.node)
        if self._told:
            return
        self._told = True
        name = service.replica.cluster.name
        if gone is None:
            log.warning(
                f"cluster {name} does not list this node, and does not say that it was evicted; it takes no part",
                code="node_not_listed",
                remedy="perhaps the database is an older one; to use this machine anew: stop it, then "
                "quorate node cleanup --force",
            )
            return
        record = gone.record
        log.warning(
            f"this node, {record.name}, was evicted from cluster {name} at {record.at} by {record.author or 'somebody'}"
            + (f" ({record.reason})" if record.reason else ""),
            code="node_evicted",
            where=str(service.places.state),
            remedy="its state folder is put aside and kept; to let this machine in again: quorate token create on a "
            "node of the cluster, then quorate node join here",
        )
        service.end(stop_node=True, retire=record.member or f"node-{record.node}")
