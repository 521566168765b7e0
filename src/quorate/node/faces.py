"""The faces of one node: what the service tells them, and their start and stop.

Owns: the context that use cases see. Does not know: HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from quorate.model.records import WatchBatch
from quorate.model.workload import Assignment

if TYPE_CHECKING:
    from quorate.node.service import Service

log = structlog.get_logger("service")


class Faces:
    """What people and programs see of this node."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def start(self) -> None:
        """Serve."""

    async def stop(self) -> None:
        """Serve no more."""

    def noted(self, rule: int, branch: str, node: int, detail: str) -> None:
        """A rule of authority fired."""
        if branch != "renew by reading":
            log.info("authority", rule=rule, branch=branch, node=node, detail=detail)

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
        log.info(
            "group online" if online else "group changing", group=group, group_name=known.record.name if known else ""
        )

    def resource_log(self, resource: str, level: str, text: str) -> None:
        """A host logged something about a resource."""
        log.info("resource", resource=resource, level=level, text=text)

    def changed(self, batch: WatchBatch) -> None:
        """The database changed."""
