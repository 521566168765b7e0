"""One group on its owner: dependency order up and down, restarts here, giving up (spec/03 §1, §3, §6, §7).

Owns: the life of every member resource under the present assignment. Does not know: hosts, sockets, the store.
How it works: level-triggered. `step` compares what should be with what hosts reported and returns commands; each
resource has at most one command under way. What is reported comes in through `reported` and `host_lost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quorate.model.workload import (
    Assignment,
    GroupFact,
    GroupIntent,
    Reason,
    ResourceFact,
    ResourceSpec,
    ResourceState,
    desired,
)


@dataclass(frozen=True, slots=True)
class BringOnline:
    """Command: bring the resource online under that token."""

    spec: ResourceSpec
    token: int


@dataclass(frozen=True, slots=True)
class TakeOffline:
    """Command: take the resource offline gracefully."""

    resource: str
    token: int
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """Command: end the resource at once."""

    resource: str
    token: int


@dataclass(frozen=True, slots=True)
class Respecify:
    """Command: it goes by this specification from now on; what runs of it runs on."""

    spec: ResourceSpec


Command = BringOnline | TakeOffline | End | Respecify

QUIET: frozenset[ResourceState] = frozenset({"offline", "failed", "cannot_here", "cannot_anywhere"})
"""States in which nothing of a resource runs."""


@dataclass(slots=True)
class ResourceRun:
    """What is known and under way of one resource."""

    state: ResourceState = "offline"
    known: bool = True
    """What the host says of it is up to date; False from a lost connection to the next inventory."""
    detail: str = ""
    asked: str = ""
    restarts: list[float] = field(default_factory=list)
    restart_at: float | None = None
    settled_failure: bool = False
    """Failed, and no restart here is left or wanted."""
    retry_at: float | None = None


class GroupRun:
    """One group on the node that owns it."""

    def __init__(self, group: str, *, heed_failed_stops: bool = True) -> None:
        """`heed_failed_stops` is False in a mutation alone: what does not stop counts as stopped."""
        self.group = group
        self._heed_failed_stops = heed_failed_stops
        self.resources: dict[str, ResourceRun] = {}
        self._number = 0
        self._cleared = 0

    @property
    def begun(self) -> bool:
        """It has been stepped, or goes on from what a former service had done."""
        return self._number != 0

    def resume(self, fact: GroupFact, cleared: int, now: float) -> None:
        """Go on where a former service of this life was: its restarts count, as if they had all been made now."""
        self._number, self._cleared = fact.number, cleared
        for resource, known in fact.resources.items():
            self.resources.setdefault(resource, ResourceRun()).restarts = [now] * known.restarts

    def reported(self, resource: str, state: ResourceState, detail: str) -> None:
        """A host reported a state."""
        run = self.resources.setdefault(resource, ResourceRun())
        run.state, run.detail, run.asked, run.known = state, detail, "", True

    def contact_lost(self, resources: frozenset[str]) -> None:
        """The connection to their host broke: they may go on, so nothing is concluded and nothing is asked."""
        for resource in resources & self.resources.keys():
            self.resources[resource].known = False

    def host_lost(self, resources: frozenset[str]) -> None:
        """The host of these resources ended, and they with it."""
        for resource in resources & self.resources.keys():
            run = self.resources[resource]
            run.asked, run.known = "", True
            if run.state not in QUIET:
                run.state, run.detail = "failed", "its resource host ended"

    def end(self) -> tuple[Command, ...]:
        """End whatever runs: the group is no more."""
        running = [
            r
            for r, run in self.resources.items()
            if run.state not in QUIET and run.state != "stop_failed" and run.asked != "offline"
        ]
        for resource in running:
            self.resources[resource].asked = "offline"
        return tuple(End(resource, self._number) for resource in running)

    def changing(self) -> bool:
        """Something is under way, so that what could be said now will soon be out of date."""
        return any(run.known and (run.asked or run.state.endswith("_pending")) for run in self.resources.values())

    def quiet(self) -> bool:
        """Nothing of the group runs or is about to."""
        quiet = QUIET if self._heed_failed_stops else QUIET | {"stop_failed"}
        return all(run.known and run.state in quiet and run.asked != "online" for run in self.resources.values())

    def fencing_for(self, members: Mapping[str, ResourceSpec]) -> str:
        """The name of a resource that does not stop, and for which this node must end; empty where none does."""
        stuck = [r for r, run in self.resources.items() if run.known and run.state == "stop_failed"]
        return next((members[r].name for r in stuck if r in members and members[r].stop_failure_action == "fence"), "")

    def step(
        self,
        now: float,
        assignment: Assignment,
        members: Mapping[str, ResourceSpec],
        intent: GroupIntent,
        *,
        may_start: bool,
        paused: bool,
        unknown: frozenset[str] = frozenset(),
    ) -> tuple[tuple[Command, ...], GroupFact, float | None]:
        """Commands for the hosts, the fact to report, and when to look again.

        `may_start`: the lease is held; `paused`: nothing may be brought online here (spec/02 §7.1); `unknown`:
        resources whose host has not told yet what it has, so that nothing is concluded of them and nothing is asked.
        """
        if assignment.number != self._number:
            self._number = assignment.number
            if assignment.phase == "run" and assignment.cause not in {"", "created"}:
                self._fresh_start()
        if intent.clear_failures != self._cleared:
            self._cleared = intent.clear_failures
            self._fresh_start()
        for resource in members:
            run = self.resources.setdefault(resource, ResourceRun())
            if resource in unknown and run.state in QUIET:  # else another host has it, and has said so
                run.known = False
        for resource in [r for r, run in self.resources.items() if r not in members and run.state in QUIET]:
            del self.resources[resource]
        stopping = assignment.phase == "stop"
        commands: list[Command] = []
        due: list[float] = []
        gives_up: Reason | None = None
        wanted = {r: not stopping and desired(spec, intent) for r, spec in members.items()}
        standing = self._standing(members, wanted)
        for resource, spec in members.items():
            run = self.resources[resource]
            if not run.known:
                continue
            if run.state == "stop_failed":
                commands.append(Respecify(spec))  # what is to be done about it may have been changed
                continue
            if not wanted[resource] and run.state in {"failed", "cannot_here", "cannot_anywhere"} and not run.asked:
                run.state, run.restart_at, run.retry_at = "offline", None, None  # its host has ended it (ST-04)
                run.settled_failure = False
            if wanted[resource] and run.state in {"failed", "cannot_here", "cannot_anywhere"} and not run.asked:
                reason = self._failed(now, spec, run, paused=paused)
                gives_up = gives_up or reason
                due += [when for when in (run.restart_at, run.retry_at) if when is not None and when > now]
            command = self._next(
                now, spec, run, members, wanted, standing, may_start=may_start and not paused, stop=assignment
            )
            if command is not None:
                commands.append(command)
        for resource, run in self.resources.items():
            if resource not in members and not run.asked and run.state != "stop_failed":
                run.asked = "offline"
                commands.append(End(resource, assignment.number))
        fact = GroupFact(
            group=self.group,
            incarnation=assignment.incarnation,
            number=assignment.number,
            resources={
                r: ResourceFact(state=run.state, detail=run.detail, restarts=len(run.restarts))
                for r, run in sorted(self.resources.items())
            },
            stopped=stopping and self.quiet(),
            gives_up=None if stopping else gives_up,
        )
        return tuple(commands), fact, min(due, default=None)

    def _fresh_start(self) -> None:
        """Counts are void after a change of hands and after an administrator's online (spec/03 §7.3)."""
        for run in self.resources.values():
            run.restarts.clear()
            run.settled_failure, run.restart_at, run.retry_at = False, None, None
            if run.state in {"failed", "cannot_here", "cannot_anywhere"}:
                run.state = "offline"

    def _failed(self, now: float, spec: ResourceSpec, run: ResourceRun, *, paused: bool) -> Reason | None:
        """Restart policy (spec/03 §7.3). Returns why the group should leave, where it should."""
        if run.restart_at is not None:
            return None
        if run.state in {"cannot_here", "cannot_anywhere"}:
            if run.retry_at is not None and now >= run.retry_at:
                run.retry_at, run.restart_at = None, now  # perhaps it can by now; nobody else took it meanwhile
                return None
            if run.retry_at is None and spec.restart_action != 0:
                run.retry_at = now + spec.retry_period_on_failure_ms / 1000
            if run.state == "cannot_anywhere":
                return None
            return Reason(code="cannot_come_online_here", subject=spec.name, detail=run.detail)
        if run.settled_failure:
            if run.retry_at is not None and now >= run.retry_at:
                run.retry_at, run.restart_at = None, now
                return None
        else:
            period_s = spec.restart_period_ms / 1000
            run.restarts = [at for at in run.restarts if period_s == 0 or now - at < period_s]
            may = spec.restart_action != 0 and run.state == "failed" and not paused
            if may and len(run.restarts) < spec.restart_threshold:
                run.restarts.append(now)
                run.restart_at = now + spec.restart_delay_ms / 1000
                return None
            run.settled_failure = True
            if spec.restart_action != 0:
                run.retry_at = now + spec.retry_period_on_failure_ms / 1000
        if spec.restart_action == 2 and run.state == "failed":
            return Reason(
                code="resource_failed_for_good",
                subject=spec.name,
                detail=f"{run.detail} ({len(run.restarts)} restarts)",
            )
        return None

    def _next(
        self,
        now: float,
        spec: ResourceSpec,
        run: ResourceRun,
        members: Mapping[str, ResourceSpec],
        wanted: Mapping[str, bool],
        standing: frozenset[str],
        *,
        may_start: bool,
        stop: Assignment,
    ) -> Command | None:
        if run.asked:
            return None
        state = self.resources
        provided = all(any(p in standing for p in part) for part in spec.depends_on)
        ready = provided and not any(
            p in state and (state[p].state == "online_pending" or state[p].asked == "online")
            for part in spec.depends_on
            for p in part
        )
        keep = wanted[spec.id] and provided
        match run.state:
            case "offline" if wanted[spec.id] and ready and may_start:
                run.asked = "online"
                return BringOnline(spec, stop.number)
            case "failed" | "cannot_here" | "cannot_anywhere" if run.restart_at is not None and now >= run.restart_at:
                if not (wanted[spec.id] and ready and may_start):
                    return None
                run.asked, run.restart_at = "online", None
                return BringOnline(spec, stop.number)
            case "online" | "online_pending" if not keep and self._dependents_quiet(spec.id, members):
                run.asked = "offline"
                if run.state == "online_pending":
                    return End(spec.id, stop.number)
                return TakeOffline(spec.id, stop.number, stop.cause if stop.phase == "stop" else "request")
            case _:
                return None

    def _standing(self, members: Mapping[str, ResourceSpec], wanted: Mapping[str, bool]) -> frozenset[str]:
        """Resources that are online and may stay: wanted, and stood on providers that stay (spec/03 D-2, D-3)."""
        standing = {r for r in members if wanted[r] and self.resources[r].state == "online"}
        while fallen := {r for r in standing if not all(standing & set(part) for part in members[r].depends_on)}:
            standing -= fallen
        return frozenset(standing)

    def _dependents_quiet(self, resource: str, members: Mapping[str, ResourceSpec]) -> bool:
        """Everything that needs the resource is down (spec/03 D-2); alternatives in an OR part do not need it."""
        for other in members.values():
            run = self.resources.get(other.id)
            if run is None or (run.known and run.state in QUIET):
                continue
            for part in other.depends_on:
                left = [
                    p for p in part if p != resource and p in self.resources and self.resources[p].state == "online"
                ]
                if resource in part and not left:
                    return False
        return True
