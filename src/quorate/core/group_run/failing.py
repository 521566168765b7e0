"""Failures that begin or end outside a resource: those that are made, and those that the group leaves for.

Owns: requests to fail, failures inside (spec/03 §14.3), and why the group should leave. Does not know: restarts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quorate.core.group_run import restart_policy
from quorate.core.group_run.commands import Command, End
from quorate.core.group_run.order import Picture
from quorate.core.group_run.resource_run import ResourceRun
from quorate.model.workload import GroupIntent, Reason, ResourceSpec

EMBEDDED_AGAIN_S: Final = 3600.0
"""A second failure inside a resource within this time is one for good (spec/03 §14.3)."""


def end_failing(
    now: float,
    number: int,
    members: Mapping[str, ResourceSpec],
    runs: Mapping[str, ResourceRun],
    wanted: Mapping[str, bool],
    intent: GroupIntent,
    overlooked: frozenset[str],
) -> list[Command]:
    """End what somebody asked to fail, and that in which something failed, as if it had failed itself.

    `overlooked`: somebody works on these by hand, so what fails inside them ends nothing.
    """
    found: list[Command] = []
    for resource, spec in members.items():
        run = runs[resource]
        if not wanted[resource] or not run.known or run.asked or run.state not in {"online", "online_pending"}:
            continue  # what is to go offline does so gracefully
        request = intent.fail.get(resource)
        if request is not None and request.number == number and request.id != run.answered:
            run.answered = request.id
            run.fail(f"failed on request of {request.author or 'somebody'}")
        elif not run.failing and run.flags.embedded and _recovers(spec) and resource not in overlooked:
            again = run.embedded_at is not None and now - run.embedded_at < EMBEDDED_AGAIN_S
            run.embedded_at = now
            run.fail(f"something inside it failed: {run.flags.embedded}", for_good=again)
        if run.failing:  # or the command was lost with the connection to the host
            run.asked = "offline"
            found.append(End(resource, number))
    return found


def _recovers(spec: ResourceSpec) -> bool:
    return spec.embedded_failure_action == "recover" and spec.restart_action != 0


def gives_up(
    members: Mapping[str, ResourceSpec],
    runs: Mapping[str, ResourceRun],
    wanted: Mapping[str, bool],
    picture: Picture,
) -> Reason | None:
    """Why the group should leave: the first of its resources that failed for good, and matters.

    One on probation may never have worked anywhere: nobody else is disturbed because of it.
    """
    for resource, spec in members.items():
        run = runs[resource]
        if not run.known or run.asked or not wanted[resource] or run.on_probation:
            continue
        if run.state not in ("failed", "cannot_here", "cannot_anywhere"):  # in full, so that the type is narrowed
            continue
        if not restart_policy.gives_up(run.counts, spec, run.state) or not picture.matters(resource):
            continue
        if run.state == "cannot_here":
            return Reason(code="cannot_come_online_here", subject=spec.name, detail=run.detail)
        detail = f"{run.detail} ({len(run.counts.restarts)} restarts)"
        return Reason(code="resource_failed_for_good", subject=spec.name, detail=detail)
    return None
