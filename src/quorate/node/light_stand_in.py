"""The stand-in on this machine: an empty member in the place of the other node's, for as long as an election takes.

Owns: its process below the sentinel, its folder, the other's fabric address on this machine. Does not know: when it may
be played (`core.lone_survivor`, `node.light_keeper`).

How it works: the sentinel runs it, so it ends with the node and outlives a restart of the service; a new service ends
what it finds and begins anew. Its data are worth nothing: whatever they hold, this node's own member holds too.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
import os
import shutil
from typing import TYPE_CHECKING, Final

from quorate.adapters.etcd.member import argv
from quorate.adapters.routes import Routes
from quorate.model.nodes import NodeSpec
from quorate.node.member_keeper import etcd_binary, member_name, member_settings
from quorate.node.stand_in import listed_by, peer_list, peer_url, stand_in_certificate
from quorate.wire import sentinel_channel as channel
from quorate.wire.lease_page import boot_time_s

if TYPE_CHECKING:
    from quorate.node.service import Service

PROCESS: Final = "stand-in"
LISTED_LIMIT_S: Final = 5.0


class LightStandIn:
    """What plays the other node's member here."""

    def __init__(self, service: Service) -> None:
        self.played: NodeSpec | None = None
        self.since = 0.0
        self._service = service
        self._folder = service.places.run / PROCESS
        self._ended = False

    @property
    def nothing_runs(self) -> bool:
        """No stand-in runs, nor has its address: the sentinel has said so, or this one has ended it."""
        processes = self._service.processes
        return self._ended and self.played is None and bool(processes) and PROCESS not in processes

    async def start(self, other: NodeSpec) -> str:
        """Play that node's member; what stands against it, empty where it runs."""
        service = self._service
        own = service.own_spec()
        members = await listed_by(service.places, own, (peer_url(own), peer_url(other)), LISTED_LIMIT_S)
        if not members:
            return "this node's member does not list both voters"
        self._ended, self.played, self.since = False, other, boot_time_s()
        await asyncio.to_thread(self._make_folder)
        tls = await asyncio.to_thread(stand_in_certificate, service.places, own, (other,), self._folder / "pki")
        settings = member_settings(
            other,
            self._folder / member_name(other.node),
            peer_list(members),
            cluster=service.identity.cluster_id,
            timings=service.timings,
            tls=tls,
            new=False,
        )
        settings = dataclasses.replace(settings, peers_from_anywhere=True)
        self._address(other, owned=True)
        line = ("/usr/bin/env", "GOMAXPROCS=1", *argv(settings, etcd_binary(service.settings.etcd)))
        service.tell_sentinel(channel.RunProcess(PROCESS, line))
        return ""

    async def end(self) -> None:
        """End it, once; what it used is given back when the sentinel has said that it is no more."""
        service = self._service
        service.tell_sentinel(channel.EndProcess(PROCESS))
        if not service.processes or PROCESS in service.processes:
            return  # looked at again
        if self._folder.exists():
            for spec in service.nodes():
                if spec.node != service.node:
                    self._address(spec, owned=False)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self.played, self._ended = None, True

    def _make_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)

    def _address(self, spec: NodeSpec, *, owned: bool) -> None:
        """The other's fabric address on this machine's loopback; on one machine of many nodes it is there anyway."""
        managed = self._service.settings.manage_fabric and os.geteuid() == 0
        if not managed or ipaddress.ip_address(spec.fabric_address).is_loopback:
            return
        with contextlib.closing(Routes()) as routes:
            if owned:
                routes.own(spec.fabric_address)
            else:
                with contextlib.suppress(OSError):
                    routes.disown(spec.fabric_address)
