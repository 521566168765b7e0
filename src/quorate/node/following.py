"""The following of the cluster database: read it whole, then every change of it, and begin again where history is gone.

Owns: the reading and the watch, the first content of a new database, and the node list that is kept for the next start.
Does not know: what follows from a change; it tells the service's parts in their order.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quorate.core.topology import quiet_networks
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.records import Absent, Put, Write
from quorate.node.identity import Replica, save_replica
from quorate.node.service_log import log
from quorate.ports.store import Compacted, StoreError
from quorate.wire.lease_page import boot_time_s

if TYPE_CHECKING:
    from quorate.node.service import Service

READ_PAUSE_S: Final = 0.1
READ_LIMIT_S: Final = 1.0
READ_LONGEST_S: Final = 16.0
FOREIGN_PAUSE_S: Final = 5.0
"""Between looks at a database that is not this cluster's; only a person can change that."""
SCHEMA: Final = b'{"version":1}'


class Following:
    """One service's picture of the database, kept up to date."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limit_s = READ_LIMIT_S

    async def run(self) -> None:
        """Read everything, then follow the watch; ends only with its task."""
        while True:
            try:
                await self._follow()
            except Compacted:
                continue
            except StoreError as problem:
                log.info("the store cannot be read", detail=str(problem))
                self._limit_s = min(2 * self._limit_s, READ_LONGEST_S)  # perhaps there is much to read
                await asyncio.sleep(READ_PAUSE_S)

    async def _follow(self) -> None:
        """From a full read to the end of the watch. Raises StoreError."""
        service, sent_at = self._service, boot_time_s()
        snapshot = await service.store.read(prefixes=keys.REPLICA, timeout_s=self._limit_s)
        self._limit_s = READ_LIMIT_S
        if snapshot.get(keys.SCHEMA) is None:
            await self._nothing_there()
            return
        service.keeper.founded()
        if service.prevents_quorum:  # the others have a majority without this node's member: now it may help
            service.keeper.start_existing(service.own_spec(), service.nodes())
        service.loop.read_all(snapshot.position, snapshot.items, sent_at)
        service.start_hosts()
        service.hosts.notices.changed(None)
        self._seen(everything=True)
        service.faces.changed(None)
        service.networks.changed(None)
        async for batch in service.store.watch("", after_revision=snapshot.position.revision):
            service.loop.watched(batch.position, batch.changes)
            service.hosts.notices.changed(change.key for change in batch.changes)
            self._seen(everything=any(_concerns_all(change.key) for change in batch.changes))
            service.faces.changed(batch)
            service.networks.changed(batch)

    async def _nothing_there(self) -> None:
        """The database holds nothing of this cluster: it is new, or foreign. Raises StoreError."""
        places = self._service.places
        if not places.founded.exists():
            await self._first_content()
            return
        log.warning(
            "the database holds nothing of this cluster, which has had one; nothing is written",
            code="store_foreign_or_emptied",
            where=str(places.store),
            remedy="put back the store folder of this node",
        )
        await asyncio.sleep(FOREIGN_PAUSE_S)

    async def _first_content(self) -> None:
        """A store that was never written holds what `cluster create` decided. Raises StoreError."""
        replica = self._service.replica
        writes: list[Write] = [Put(keys.SCHEMA, SCHEMA), Put(keys.SPEC_CLUSTER, encode(replica.cluster))]
        for spec in replica.nodes:
            writes.append(Put(f"{keys.SPEC_NODE}{spec.node}", encode(spec)))
            writes.append(Put(keys.name("node", spec.name), str(spec.node).encode()))
        await self._service.store.commit([Absent(keys.SCHEMA)], writes)

    def _seen(self, *, everything: bool) -> None:
        service = self._service
        service.watched_at = boot_time_s()
        service.loop.clear_stopping()
        if service.loop.being_stopped and not service.leaving.under_way:
            service.spawn(service.leaving.run())  # a former service of this life had begun it
        service.retiring.look()
        if everything and not service.retiring.unlisted:
            service.pacing.look()
            service.reach.announce()
            service.hosts.dismiss()
            self._keep_replica()
        service.pump()

    def _keep_replica(self) -> None:
        """Write down what a start must know before it can read the database."""
        service, view = self._service, self._service.view
        if view.cluster is None or not view.nodes:
            return
        service.replica = Replica(
            cluster_id=service.identity.cluster_id,
            cluster=view.cluster.record,
            nodes=tuple(known.record for _, known in sorted(view.nodes.items())),
            quorum=view.quorum_spec,
            quiet_networks=quiet_networks(view),
        )
        try:
            save_replica(service.places, service.replica)
        except OSError as problem:  # a full disk ends nothing: the last copy is what a start would read
            log.warning("the copy of the node list cannot be written", detail=str(problem))


def _concerns_all(key: str) -> bool:
    """A change after which peers, timings and endpoints are looked at anew."""
    return key.startswith("spec/") or (key.startswith(keys.FACT) and key.endswith("/store"))
