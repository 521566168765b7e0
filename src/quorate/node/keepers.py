"""The keepers of one node that stand beside its care of votes: each looks after one thing, on its own (design §2).

Owns: which there are, what each is given, and that each is a task. Does not know: what they do.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from quorate.adapters.etcd.store import EtcdStore
from quorate.adapters.fencing import InstalledAgents
from quorate.model.backup import BackupArchive
from quorate.model.records import Snapshot
from quorate.node.backup_keeper import BackupKeeper
from quorate.node.checkpoint_keeper import CheckpointKeeper
from quorate.node.checkpoint_seal import Seal
from quorate.node.copy_keeper import CopyKeeper
from quorate.node.evicting import EvictionKeeper
from quorate.node.fence_keeper import FenceKeeper
from quorate.node.history_keeper import HistoryKeeper
from quorate.node.history_pruner import HistoryPruner
from quorate.node.incident_keeper import IncidentKeeper
from quorate.node.member_watch import MemberWatch
from quorate.node.service_log import log
from quorate.wire.lease_page import boot_time_s

if TYPE_CHECKING:
    from quorate.node.service import Service


class Keepers:
    """All of them."""

    def __init__(self, service: Service, etcd: EtcdStore) -> None:
        self._service = service
        self.evictions = EvictionKeeper(
            service.view,
            service.store,
            service.gateway,
            service.faces.leads,
            lambda text: log.info("eviction", detail=text),
        )
        self.agents = InstalledAgents(service.settings.fence_agents)
        self.fencing = FenceKeeper(
            service.node,
            service.view,
            service.store,
            self.agents,
            service.faces.leads,
            service.turned,
            boot_time_s,
            lambda text: log.info("fencing", detail=text),
        )
        self.history = HistoryKeeper(
            service.node,
            etcd,
            service.gateway,
            self._own_endpoint,
            lambda: service.view.position.revision,
            service.faces.leads,
            lambda text: log.info("store", detail=text),
        )
        self.member_watch = MemberWatch(
            service.node,
            service.view,
            service.store,
            service.gateway,
            self._own_endpoint,
            self._other_endpoints,
            service.reach.use_endpoints,
            f"/quorate/{service.identity.cluster_id}/",
            service.places.log / "etcd.log",
            boot_time_s,
            lambda text: log.warning("store member", detail=text),
        )
        self.pruner = HistoryPruner(
            service.view,
            service.store,
            service.faces.leads,
            service.faces.wall_time_s,
            lambda text: log.info("history", detail=text),
        )
        self.incidents = IncidentKeeper(
            service.node,
            service.view,
            service.store,
            service.faces.leads,
            boot_time_s,
            service.faces.wall_time_s,
            lambda text: log.info("incident", detail=text),
        )
        self.backups = BackupKeeper(
            service.node,
            service.view,
            service.store,
            service.faces.leads,
            self._take_backup,
            service.faces.wall_time_s,
            service.faces.wall_time,
            lambda text: log.info("backup", detail=text),
        )
        self.copies = CopyKeeper(
            service.places.copy,
            service.view,
            service.store,
            self._pack_copy,
            lambda text: log.warning("copy", detail=text),
        )
        self.checkpoints = CheckpointKeeper(
            service.node,
            service.view,
            service.store,
            Seal(service.places.heartbeat_key),
            service.loop.online_here,
            lambda command: service.loop.still_wanted(command, boot_time_s()),
            service.hosts.command,
            service.not_given,
            boot_time_s,
            service.faces.wall_time,
            lambda text: log.info("checkpoint", detail=text),
        )

    def runs(self) -> tuple[tuple[str, Coroutine[object, object, None]], ...]:
        """What each does until it is cancelled, by its name; every one is to be awaited."""
        return (
            ("fence keeper", self.fencing.run()),
            ("history keeper", self.history.run()),
            ("member watch", self.member_watch.run()),
            ("history pruner", self.pruner.run()),
            ("incident keeper", self.incidents.run()),
            ("backup keeper", self.backups.run()),
            ("copy keeper", self.copies.run()),
            ("checkpoint keeper", self.checkpoints.run()),
            ("eviction keeper", self.evictions.run()),
        )

    def _own_endpoint(self) -> str:
        spec = self._service.own_spec()
        return f"https://{spec.fabric_address}:{spec.client_port}" if spec.votes else ""

    def _other_endpoints(self) -> dict[str, str]:
        """Client endpoints of the other nodes' members that vote, by the node's name."""
        return {
            spec.name: f"https://{spec.fabric_address}:{spec.client_port}"
            for spec in self._service.nodes()
            if spec.votes and spec.node != self._service.node
        }

    async def _take_backup(self) -> BackupArchive:
        """The whole database, for the schedule."""
        taking = await asyncio.to_thread(importlib.import_module, "quorate.control.backup")  # a service starts light
        archive: BackupArchive = await taking.take_backup(self._service.faces, "cluster", "scheduled")
        return archive

    async def _pack_copy(self, snapshot: Snapshot) -> BackupArchive:
        """What a replica holds, as an archive."""
        view = self._service.view
        packing = await asyncio.to_thread(importlib.import_module, "quorate.control.backup")
        cluster = view.cluster.record if view.cluster is not None else self._service.replica.cluster
        name, at = self._service.own_spec().name, self._service.faces.wall_time()
        archive: BackupArchive = await asyncio.to_thread(
            lambda: packing.pack(snapshot, cluster, name, at, "", "this node's copy")
        )
        return archive
