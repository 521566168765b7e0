"""All resource hosts of one node as its service sees them: the shared one, and one per resource that asks for its own.

Owns: the links and their tasks, and which command goes to which host. Does not know: policy; what hosts say goes to
the pump (`node.service_loop`). How it works: the sentinel keeps hosts running, and ends what a dead one held before it
starts it anew. A host of its own is asked for where its group runs or is coming, and found again by a new service
through the sentinel's list of processes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from quorate.core.group_run import QUIET, BringOnline, Command, End, TakeOffline
from quorate.model.workload import ResourceSpec, ResourceState
from quorate.node.host_link import OWN_PREFIX, SHARED, HostLink, host_of
from quorate.wire import sentinel_channel as channel

if TYPE_CHECKING:
    from quorate.node.service import Service

CHILD_PREFIX = "host-"
"""How the sentinel calls a host among its children."""


class HostFleet:
    """Links to hosts, by name."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._links: dict[str, HostLink] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Connect to the shared host, which the sentinel has started before anything else."""
        self._group = tasks
        self.link(SHARED)

    def stop(self) -> None:
        """Break every connection; the hosts go on."""
        for task in self._tasks.values():
            task.cancel()

    def link(self, name: str) -> HostLink:
        """The link to that host, which is made where there is none; a host of its own is started by the sentinel."""
        link = self._links.get(name)
        if link is None:
            folder, log = self._service.places.hosts, self._service.faces.resource_log
            link = HostLink(name, folder, self._state_seen, self._contact_lost, self._inventoried, log)
            self._links[name] = link
            if name != SHARED:
                self._service.tell_sentinel(channel.RunHost(name))
            self._tasks[name] = self._group.create_task(link.run(), name=f"host {name}")
        return link

    def running(self, children: dict[str, int]) -> None:
        """The sentinel told what runs: hosts that a former service asked for are found again."""
        for child in children:
            name = child.removeprefix(CHILD_PREFIX)
            if name != child and name.startswith(OWN_PREFIX):
                self.link(name)

    def command(self, command: Command) -> None:
        """Send a command to the host of its resource."""
        match command:
            case BringOnline(spec=spec):
                self.link(host_of(spec)).send(command)
            case TakeOffline(resource=resource) | End(resource=resource):
                for link in self._having(resource):
                    link.send(command)

    def prepare(self, specs: tuple[ResourceSpec, ...]) -> None:
        """Hint that these may soon come online here."""
        for spec in specs:
            self.link(host_of(spec)).prepare(spec)

    def dismiss(self) -> None:
        """End hosts of which no resource is left: it was deleted, or asks for no host of its own any more."""
        if len(self._links) == 1:
            return
        wanted = {host_of(known.record) for known in self._service.view.resources.values()} | {SHARED}
        for name in [name for name, link in self._links.items() if name not in wanted and not link.present]:
            self._tasks.pop(name).cancel()
            del self._links[name]
            self._service.loop.own_host(name, known=False)
            self._service.tell_sentinel(channel.EndProcess(f"{CHILD_PREFIX}{name}"))

    # ---------------------------------------------------------------- what hosts say

    def _having(self, resource: str) -> list[HostLink]:
        """The host that has the resource now, which need not be the one that its specification names by now."""
        having = [link for link in self._links.values() if resource in link.present]
        if having:
            return having
        known = self._service.view.resources.get(resource)
        return [self.link(host_of(known.record) if known else SHARED)]

    def _state_seen(self, resource: str, state: ResourceState, detail: str) -> None:
        known = self._service.view.resources.get(resource)
        group = known.record.group if known else self._group_of(resource)
        if group:
            self._service.loop.host_state(group, resource, state, detail)
            self._service.pump()
        if state in QUIET:
            self.dismiss()

    def _group_of(self, resource: str) -> str:
        return next((group for group, run in self._service.loop.runs.items() if resource in run.resources), "")

    def _resources_of(self, host: str) -> frozenset[str]:
        """Resources that belong to a host: by their specification, or because it has them."""
        view = self._service.view.resources
        specified = {resource for resource, known in view.items() if host_of(known.record) == host}
        return frozenset(specified | self._links[host].present)

    def _contact_lost(self, host: str) -> None:
        self._service.loop.own_host(host, known=False)
        self._service.loop.contact_lost(self._resources_of(host))

    def _inventoried(self, host: str, present: frozenset[str]) -> None:
        """The sentinel starts a host anew only when everything of the former one is ended."""
        if host == SHARED:
            self._service.loop.hosts_ready = True
        else:
            self._service.loop.own_host(host, known=True)
        elsewhere = {resource for name, link in self._links.items() if name != host for resource in link.present}
        self._service.view.touched_all = True
        self._service.loop.host_lost(self._resources_of(host) - present - elsewhere)
        self._service.pump()
