"""The faces of one node: what use cases may see of the service, and the start and stop of the REST listeners.

Owns: the `Context` of all use cases, the event bus, and what goes into the service's log for people.
Does not know: HTTP or any use case. The listeners are imported in a thread after the node's own work has begun and its
lease is safe, so that a restarted service shows life within the hang limit, and a lone node keeps its resources.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quorate.control.silence import silence_problem
from quorate.core.authority.orders import Report
from quorate.core.authority.timings import Timings
from quorate.core.cluster_view import ClusterView
from quorate.core.paths import PathState
from quorate.model.problems import Problem
from quorate.model.quorum import StorageKind
from quorate.model.records import WatchBatch
from quorate.model.workload import Assignment
from quorate.node.joining_authority import JoiningAuthority
from quorate.node.light_place import light_problems
from quorate.node.quorum_check import quorum_storage_problems
from quorate.node.service_log import log
from quorate.node.witness_watch import witness_problems
from quorate.ports.fencing import FenceAgents
from quorate.ports.store import Store
from quorate.wire.lease_page import boot_time_s

if TYPE_CHECKING:
    from quorate.api.server import ApiServer
    from quorate.node.service import Service

START_LIMIT_S = 0.5
"""The longest that faces wait for the node's lease: importing them takes the time that a new service needs for it."""

STORAGE_LIMIT_S = 5.0
"""A storage that has not answered by then is unfit."""

QUIET = {"renew by reading"}
"""Rules that fire all the time and say nothing to people."""


class Faces:
    """One node, as its faces see it (`control.context.Context`)."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._began = boot_time_s()
        self._server: ApiServer | None = None
        self._events: EventBus | None = None
        self.signer = JoiningAuthority(service.places)

    # ---------------------------------------------------------------- the context of use cases

    @property
    def node(self) -> int:
        """This node's number."""
        return self._service.node

    @property
    def events(self) -> EventBus:
        """What happened; there as soon as anybody can ask."""
        assert self._events is not None
        return self._events

    @property
    def types(self) -> TypeCatalogue:
        """The resource types that are installed here."""
        from quorate.node.type_catalogue import InstalledTypes

        return InstalledTypes()

    @property
    def view(self) -> ClusterView:
        """The replica."""
        return self._service.view

    @property
    def store(self) -> Store:
        """The cluster database."""
        return self._service.store

    @property
    def timings(self) -> Timings:
        """The timings in force."""
        return self._service.timings

    @property
    def agents(self) -> FenceAgents:
        """The fence agents of this machine."""
        return self._service.keepers.agents

    def report(self) -> Report | None:
        """The sentinel's latest report."""
        return self._service.loop.sentinel_report

    def paths(self) -> tuple[PathState, ...]:
        """Every path to another node."""
        return self._service.networks.paths

    def leads(self) -> bool:
        """This node acts as coordinator."""
        report = self.report()
        return report is not None and self._service.loop.membership.leads(self.view.authority, report)

    def replica_age_s(self) -> float:
        """How long ago the watch last showed life, or this node started, where it never did."""
        return boot_time_s() - (self._service.watched_at or self._began)

    def store_problems(self) -> tuple[Problem, ...]:
        """What members of the store complain of, and what this node waits for."""
        waits = None if self._service.loop.is_up else self._service.links.problem
        report = self.report()
        lease_over = report is not None and report.lease_until <= boot_time_s()
        copies = self._service.keepers.copies
        silence = silence_problem(self.replica_age_s(), lease_over=lease_over, ever=bool(self._service.watched_at))
        told = (silence, copies.gone_back, copies.problem, waits, self._service.light.problem())
        return (*self._service.keepers.history.problems, *(problem for problem in told if problem is not None))

    async def check_storage(self, kind: StorageKind, path: str) -> tuple[Problem, ...]:
        """What is wrong with a quorum storage as this node reaches it."""
        if kind == "witness":
            return await witness_problems(self._service.places, path)
        if kind == "share" or kind == "s3" or kind == "azure":  # noqa: PLR1714 - so that the type is narrowed
            return await light_problems(self._service.places, kind, path, self._service.identity.cluster_id)
        return await quorum_storage_problems(kind, path, limit_s=STORAGE_LIMIT_S)

    @property
    def prevents_quorum(self) -> bool:
        """This node never forms a cluster."""
        return self._service.prevents_quorum

    def votes_waiting(self) -> str:
        """Why a change of votes is not made; only the coordinator knows."""
        return self._service.votes.waiting if self.leads() else ""

    def wall_time(self) -> str:
        """UTC with milliseconds."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def wall_time_s(self) -> float:
        """Seconds since 1970."""
        return datetime.now(UTC).timestamp()

    def entropy(self, count_bytes: int) -> bytes:
        """Unpredictable bytes."""
        return os.urandom(count_bytes)

    def processes(self) -> Mapping[str, int]:
        """Process ids of this node."""
        return self._service.processes

    async def stop_node(self) -> None:
        """Begin the clean stop of this node."""
        self._service.spawn(self._service.leaving.run())

    # ---------------------------------------------------------------- start and stop

    async def start(self) -> None:
        """Begin to serve; returns before the listeners are open."""
        self._service.spawn(self._serve())

    async def _serve(self) -> None:
        with contextlib.suppress(TimeoutError):  # a node without a store or a lease has faces too
            async with asyncio.timeout(START_LIMIT_S):
                await self._service.lease_is_safe.wait()
        server_type, tls_paths, bus_type = await asyncio.to_thread(_load_server)
        service = self._service
        self._events = bus_type(secrets.token_hex(4))
        if service.watched_at:
            self._events.observe(self.view, self.wall_time(), None)  # what is so when the first reader can come
        self._server = server_type()
        own = service.own_spec()
        tcp = [(address, service.settings.api_port) for address in own.addresses.values()]
        problems = await self._server.start(
            self, service.places.service_socket, tcp, tls_paths.below(service.places.pki)
        )
        for problem in problems:
            log.warning(problem.what, code=problem.code, where=problem.where, remedy=problem.remedy)

    async def stop(self) -> None:
        """Serve no more."""
        if self._events is not None:
            self._events.close()
        if self._server is not None:
            await self._server.stop()

    # ---------------------------------------------------------------- what the service tells

    def noted(self, rule: int, branch: str, node: int, detail: str) -> None:
        """A rule of authority fired."""
        (log.debug if branch in QUIET else log.info)("authority", rule=rule, branch=branch, node=node, detail=detail)

    def decided(self, assignment: Assignment) -> None:
        """The coordinator asks for an assignment."""
        known = self._service.view.groups.get(assignment.group)
        log.info(
            "assignment",
            group=assignment.group,
            group_name=known.record.name if known else "",
            owner=assignment.owner,
            to=assignment.to,
            phase=assignment.phase,
            cause=assignment.cause,
            number=assignment.number,
        )

    def settled(self, group: str, *, online: bool) -> None:
        """A group of this node is what it should be, or is so no more."""
        known = self._service.view.groups.get(group)
        name = known.record.name if known else ""
        offline = online and not self.view.intent(group).persistent_state
        event = "group offline" if offline else "group online" if online else "group changing"
        log.info(event, group=group, group_name=name)

    def resource_log(self, resource: str, level: str, text: str) -> None:
        """A host logged something about a resource."""
        log.info("resource", resource=resource, level=level, text=text)

    def changed(self, batch: WatchBatch | None) -> None:
        """The database changed; None where everything may have."""
        changed = None if batch is None else [change.key for change in batch.changes]
        self._service.keepers.incidents.changed(changed)
        if self._events is not None and (changed is None or changed):
            self._events.observe(self.view, self.wall_time(), changed)


def _load_server() -> tuple[type[ApiServer], type[TlsPaths], type[EventBus]]:
    """Import the listeners and what they need: about 0.3 s that must not stand in the way of the node's own work."""
    from quorate.api.identity import TlsPaths
    from quorate.api.server import ApiServer
    from quorate.control.events import EventBus

    return ApiServer, TlsPaths, EventBus


if TYPE_CHECKING:
    from quorate.api.identity import TlsPaths
    from quorate.control.context import Context
    from quorate.control.events import EventBus
    from quorate.control.types import TypeCatalogue

    def _is_context(faces: Faces) -> Context:
        return faces
