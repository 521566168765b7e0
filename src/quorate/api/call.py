"""One request as a handler sees it, and what a handler answers.

Owns: `Call`, and the frame of every changing handler. Does not know: HTTP beyond names of parameters, or any route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from quorate.api.inputs import read_flag, read_seconds
from quorate.control.access import Caller
from quorate.control.change import Change, Changed, Done, Occasion
from quorate.control.context import Context
from quorate.control.executor import execute, new_occasion
from quorate.control.explanations import now
from quorate.control.wait import Condition, Outcome, groups_of, wait_for
from quorate.core.cluster_view import ClusterView
from quorate.core.eviction import vote_obstacle
from quorate.core.explain import explain_group
from quorate.core.placement.choosing import place
from quorate.core.reasons import in_words
from quorate.model.base import Value
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Problem, error

I = TypeVar("I", bound=Value)
Command = Callable[[ClusterView, Occasion], Change[Done]]
Until = Callable[[ClusterView, Done], Condition]
"""What counts as the end of a change, told when it is made."""


Ask = Callable[[NodeSpec, str], Awaitable[bytes | None]]
"""The answer of a node to GET of a path; None where it gives none in time."""


async def silent(node: NodeSpec, path: str) -> bytes | None:
    """Nobody else can be asked."""
    del node, path
    return None


@dataclass(frozen=True, slots=True)
class Call(Generic[I]):
    """One request: who asks, for what, with which input."""

    context: Context
    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: I
    on_behalf_of: str = ""
    ask: Ask = silent
    """Asks another node for what only it knows."""

    @property
    def name(self) -> str:
        """The object in the path."""
        return self.path["name"]

    @property
    def author(self) -> str:
        """Who the audit record names."""
        return self.on_behalf_of or self.caller.name

    @property
    def wait_s(self) -> float | None:
        """How long the caller wants to wait for the end of the operation; None: not at all."""
        return read_seconds(self.query.get("wait_s"), "wait_s")

    @property
    def previews(self) -> bool:
        """The caller asks what would follow; nothing must be changed."""
        return self.flag("preview")

    def flag(self, name: str) -> bool:
        """A yes-or-no parameter."""
        return read_flag(self.query.get(name), name)

    def occasion(self) -> Occasion:
        """Fresh ids, author and reason."""
        return new_occasion(self.context, self.author, self.query.get("reason", ""), preview=self.previews)


class Plan(Generic[I]):
    """How a change is made and what its end is: the frame of every changing handler."""

    def __init__(self, call: Call[I]) -> None:
        self._call = call
        self._wait_s = call.wait_s  # read first: a bad parameter must not be found after the change was made

    async def run(self, command: Command, until: Until | None) -> Changed:
        """Make the change, then wait for its end where the caller asked for that and `until` can tell it."""
        context = self._call.context
        done = await execute(context, command, self._call.occasion())
        outcome: Outcome | str = "accepted"
        if self._wait_s is not None and until is not None:
            outcome = await wait_for(context, until(context.view, done), self._wait_s)
        return Changed(
            id=done.id,
            name=done.name,
            changed=done.changed,
            outcome=outcome,
            operation=done.operation,
            warnings=done.warnings,
            problems=_why(context, done) if outcome == "failed" else (),
        )


def _why(context: Context, done: Done) -> tuple[Problem, ...]:
    """Why a change was made and its end was not reached."""
    view = context.view
    if done.id.isdigit():
        obstacle = vote_obstacle(view, int(done.id)) if view.node_intent(int(done.id)).eviction else ""
        remedy = "start a voter that is down; the eviction goes on then"
        kept = (error("store_would_lose_majority", obstacle, where=done.name, remedy=remedy),) if obstacle else ()
        return (*kept, *(_stays(view, group) for group in groups_of(view, int(done.id))))
    resource = view.resources.get(done.id)
    group = resource.record.group if resource else done.id
    if group not in view.groups:
        return (error("gone", f"{done.name} is gone", remedy="look at the events"),)
    found = explain_group(view, group, now(context))
    remedy = "; ".join(found.what_would_help) or f"quorate explain group {found.group!r}"
    return tuple(error("not_reached", why, where=found.group, remedy=remedy) for why in found.why_not_running)


def _stays(view: ClusterView, group: str) -> Problem:
    """A group that cannot leave a node."""
    spec = view.groups[group].record
    against = "; ".join(in_words(view, reason) for reason in place(view, spec, "move").against)
    return error(
        "group_stays",
        f"group {spec.name} stays, because no other node can take it: {against}",
        where=spec.name,
        remedy="bring another node up or resume one; it goes on then",
    )


def at_once(view: ClusterView, done: Done) -> Condition:
    """For changes that are complete when they are written."""
    del view, done
    return lambda view: "done"  # noqa: ARG005
