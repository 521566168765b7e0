"""All resource hosts of one node as its service sees them: the shared one, and one per resource that asks for its own.

Owns: the links and their tasks, and which command goes to which host. Does not know: policy; what hosts say goes to
the pump (`node.service_loop`).

How it works: the sentinel keeps hosts running, and ends what a dead one held before it starts it anew. A host of its
own is asked for where its group runs or is coming, and found again by a new service through the sentinel's list of
processes. A host tells states by resource, the store tells which group each belongs to: so hosts are connected to only
when the store has been read. What a restarted service heard before that it could not place, and a group that runs would
look offline to it, and even stopped, which lets another node start it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from quorate.core.group_run import BringOnline, Command, End, Respecify, TakeOffline
from quorate.model.workload import QUIET, ResourceFlags, ResourceSpec, ResourceState
from quorate.node.host_link import OWN_PREFIX, SHARED, HostLink, Logged, host_of
from quorate.node.notices import Notices
from quorate.node.service_loop import ServiceLoop
from quorate.wire import sentinel_channel as channel

CHILD_PREFIX = "host-"
"""How the sentinel calls a host among its children."""


class HostFleet:
    """Links to hosts, by name. `changed` is called when the loop has something new to decide on."""

    def __init__(
        self,
        folder: Path,
        loop: ServiceLoop,
        changed: Callable[[], None],
        tell_sentinel: Callable[[channel.ToSentinel], None],
        logged: Logged,
    ) -> None:
        self._folder = folder
        self._loop = loop
        self._changed = changed
        self._tell_sentinel = tell_sentinel
        self._logged = logged
        self._links: dict[str, HostLink] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._children: frozenset[str] = frozenset()
        self._group: asyncio.TaskGroup | None = None
        self.last_look: Callable[[ResourceSpec], Awaitable[None]] | None = None
        """What is done when a resource with checkpoints has ended, before anybody is told that it has."""
        self._held_back: dict[str, object] = {}
        """What was said of a resource and is not told yet."""
        self.notices = Notices(loop, self._links.values, self.link)
        loop.shared_host(there=False)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """The store has been read: connect to what runs. Harmless to repeat."""
        if self._group is None:
            self._group = tasks
            self.link(SHARED)  # which the sentinel has started before anything else
            self._find_own()

    def stop(self) -> None:
        """Break every connection; the hosts go on."""
        for task in self._tasks.values():
            task.cancel()

    def link(self, name: str) -> HostLink:
        """The link to that host, which is made where there is none; a host of its own is started by the sentinel."""
        link = self._links.get(name)
        if link is None:
            assert self._group is not None, "nothing is decided about resources before the store was read"
            link = HostLink(
                name,
                self._folder,
                self._state_seen,
                self._contact_lost,
                self._inventoried,
                self._logged,
                self.notices.around,
            )
            self._links[name] = link
            if name != SHARED:
                self._loop.own_host(name, known=False)
                self._tell_sentinel(channel.RunHost(name))
            self._tasks[name] = self._group.create_task(link.run(), name=f"host {name}")
        return link

    def running(self, children: dict[str, int]) -> None:
        """The sentinel told what runs: hosts that a former service asked for are found again."""
        names = {child.removeprefix(CHILD_PREFIX) for child in children if child.startswith(CHILD_PREFIX)}
        self._children = frozenset(name for name in names if name.startswith(OWN_PREFIX))
        if self._group is not None:
            self._find_own()

    def _find_own(self) -> None:
        for name in self._children:
            self.link(name)

    def command(self, command: Command) -> None:
        """Send a command to the host of its resource."""
        match command:
            case BringOnline(spec=spec):
                self.link(host_of(spec)).send(command)
            case Respecify(spec=spec):
                for link in self._having(spec.id):
                    link.send(command)
            case TakeOffline(resource=resource) | End(resource=resource):
                known = self._loop.view.resources.get(resource)
                for link in self._having(resource):
                    if known is not None and resource in link.present:
                        link.send(
                            Respecify(self._loop.in_effect(known.record))
                        )  # what follows if it does not stop may have been changed
                    link.send(command)

    def prepare(self, specs: tuple[ResourceSpec, ...]) -> None:
        """Hint that these may soon come online here."""
        for spec in specs:
            self.link(host_of(spec)).prepare(spec)

    def dismiss(self) -> None:
        """End hosts of which no resource is left: it was deleted, or asks for no host of its own any more."""
        if len(self._links) == 1:
            return
        wanted = {host_of(known.record) for known in self._loop.view.resources.values()} | {SHARED}
        for name in [
            name for name, link in self._links.items() if name not in wanted and link.told and not link.present
        ]:
            self._tasks.pop(name).cancel()
            del self._links[name]
            self._loop.own_host_gone(name)
            self._tell_sentinel(channel.EndProcess(f"{CHILD_PREFIX}{name}"))

    # ---------------------------------------------------------------- what hosts say

    def _having(self, resource: str) -> list[HostLink]:
        """The host that has the resource now, which need not be the one that its specification names by now."""
        having = [link for link in self._links.values() if resource in link.present]
        if having:
            return having
        known = self._loop.view.resources.get(resource)
        return [self.link(host_of(known.record) if known else SHARED)]

    def _state_seen(self, resource: str, state: ResourceState, detail: str, flags: ResourceFlags) -> None:
        self._held_back.pop(resource, None)  # this is newer
        known = self._loop.view.resources.get(resource)
        spec = known.record if known is not None else None
        if spec is None or not spec.checkpoints or state not in QUIET or self.last_look is None:
            self._tell(resource, state, detail, flags)
        elif self._group is not None and self._all_told() and self._loop.runs_here(spec.group, resource):
            mark = self._held_back[resource] = object()
            self._group.create_task(self._tell_after(self.last_look(spec), mark, resource, state, detail, flags))
        else:
            self._tell(resource, state, detail, flags)

    def _all_told(self) -> bool:
        """No inventory is being taken: what that says is told at once, or the rest would contradict it."""
        return all(link.told for link in self._links.values())

    async def _tell_after(
        self,
        look: Awaitable[None],
        mark: object,
        resource: str,
        state: ResourceState,
        detail: str,
        flags: ResourceFlags,
    ) -> None:
        await look
        if self._held_back.get(resource) is mark:  # else something newer was said, or the contact was lost
            del self._held_back[resource]
            self._tell(resource, state, detail, flags)

    def _tell(self, resource: str, state: ResourceState, detail: str, flags: ResourceFlags) -> None:
        known = self._loop.view.resources.get(resource)
        group = known.record.group if known else self._group_of(resource)
        if group:
            self._loop.host_state(group, resource, state, detail, flags)
            self._changed()
        if state in QUIET:
            self.dismiss()

    def _group_of(self, resource: str) -> str:
        return next((group for group, run in self._loop.runs.items() if resource in run.resources), "")

    def _resources_of(self, host: str) -> frozenset[str]:
        """Resources that belong to a host: by their specification, or because it has them."""
        view = self._loop.view.resources
        specified = {resource for resource, known in view.items() if host_of(known.record) == host}
        link = self._links.get(host)  # none where it has just been dismissed
        return frozenset(specified | link.present | link.former if link is not None else specified)

    def _contact_lost(self, host: str) -> None:
        if host == SHARED:
            self._loop.shared_host(there=False)
        elif host in self._links:
            self._loop.own_host(host, known=False)
        for resource in self._resources_of(host):
            self._held_back.pop(resource, None)  # the next inventory tells
        self._loop.contact_lost(self._resources_of(host))

    def _inventoried(self, host: str, present: frozenset[str]) -> None:
        """The sentinel starts a host anew only when everything of the former one is ended."""
        if host == SHARED:
            self._loop.hosts_ready = True
            self._loop.shared_host(there=True)
        else:
            self._loop.own_host(host, known=True)
        elsewhere = {resource for name, link in self._links.items() if name != host for resource in link.present}
        self._loop.view.touched_all = True
        self._loop.host_lost(self._resources_of(host) - present - elsewhere)
        for resource in present:
            if resource not in self._loop.view.resources and not self._group_of(resource):
                self._links[host].end_stray(resource)  # deleted while no service was there to carry that out
        self.notices.opened(self._links[host])
        self._changed()
