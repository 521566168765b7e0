"""The stepping of one group on its owner: what should be, what is, and what hosts are told next (spec/03 §6 and §7).

Owns: the runs of its members under the present assignment. Does not know: hosts, sockets, the store.
How it works: level-triggered. `step` compares what should be with what hosts reported and returns commands; each
resource has at most one command under way. What is reported comes in through `reported` and `host_lost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from quorate.core.group_run import restart_policy
from quorate.core.group_run.commands import BringOnline, Command, End, Respecify, TakeOffline
from quorate.core.group_run.failing import end_failing, gives_up
from quorate.core.group_run.order import Picture
from quorate.core.group_run.resource_run import ResourceRun
from quorate.model.base import replace
from quorate.model.workload import (
    FALLEN,
    NO_FLAGS,
    QUIET,
    Assignment,
    GroupFact,
    GroupIntent,
    ResourceFlags,
    ResourceSpec,
    ResourceState,
    desired,
)


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

    def resume(self, fact: GroupFact, now: float, wall_s: float = 0.0) -> None:
        """Go on where a former service of this life was."""
        self._number, self._cleared = fact.number, fact.clear_failures
        for resource, known in fact.resources.items():
            self.resources.setdefault(resource, ResourceRun()).resume(known, now, wall_s)

    def reported(self, resource: str, state: ResourceState, detail: str, flags: ResourceFlags = NO_FLAGS) -> None:
        """A host reported a state."""
        self.resources.setdefault(resource, ResourceRun()).enter(state, detail, flags)

    def contact_lost(self, resources: frozenset[str]) -> None:
        """The connection to their host broke: they may go on, so nothing is concluded and nothing is asked."""
        for resource in resources & self.resources.keys():
            self.resources[resource].known = False

    def host_lost(self, resources: frozenset[str]) -> None:
        """The host of these resources ended, and they with it."""
        for resource in resources & self.resources.keys():
            run = self.resources[resource]
            if run.state not in QUIET:
                run.enter("failed", "its resource host ended")
            else:
                run.asked, run.known = "", True

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
        stuck = [
            r for r, run in self.resources.items() if run.known and run.state == "stop_failed" and not run.spares_node
        ]
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
        hands_off: bool = False,
        maintained: frozenset[str] = frozenset(),
        unknown: frozenset[str] = frozenset(),
        proofs: Mapping[str, frozenset[str]] = MappingProxyType({}),
        wall_s: float = 0.0,
    ) -> tuple[tuple[Command, ...], GroupFact, float | None]:
        """Commands for the hosts, the fact to report, and when to look again.

        `may_start`: the lease is held; `paused`: nothing may be brought online here (spec/02 §7.1); `hands_off`: and
        nothing is ended by itself either, somebody works here by hand; `maintained`: resources whose health, by their
        own word, has no consequence meanwhile; `unknown`:
        resources whose host has not told yet what it has, so that nothing is concluded of them and nothing is asked;
        `proofs`: with what each member has been online anywhere (`core.probation`); `wall_s`: wall time, for people.
        """
        paused = paused or hands_off
        self._heed(assignment, members, intent, unknown)
        for resource, spec in members.items():
            self.resources[resource].take_spec(spec, proofs.get(resource, frozenset()))
        stopping = assignment.phase != "run"
        wanted = {r: not stopping and desired(spec, intent) for r, spec in members.items()}
        due = self._apply_policy(now, members, wanted, paused=paused)
        picture = Picture(members, self.resources, wanted, paused=paused)
        overlooked = frozenset(members) if hands_off else maintained
        commands = end_failing(now, assignment.number, members, self.resources, wanted, intent, overlooked)
        for resource, spec in members.items():
            run = self.resources[resource]
            if run.known and run.state == "stop_failed":
                commands.append(Respecify(self.in_effect(spec)))  # what is to be done about it may have been changed
            elif run.known and not run.asked:
                starts = run.state == "offline" or (run.state in FALLEN and _due(run, now))
                ready = starts and wanted[resource] and may_start and not paused and picture.may_start(spec)
                keep = starts or (wanted[resource] and (hands_off or picture.provided(spec)))
                command = self._next(spec, run, assignment, ready=ready, go=not keep and picture.may_stop(resource))
                told = run.state != "online" or run.flags.maintained == (resource in maintained)
                if command is None and wanted[resource] and not told:
                    command = Respecify(self.in_effect(spec), maintained=resource in maintained)
                commands += [command] if command is not None else []
        for resource, run in self.resources.items():
            if resource not in members and not run.asked and run.state != "stop_failed":
                run.asked = "offline"
                commands.append(End(resource, assignment.number))
        fact = GroupFact(
            group=self.group,
            incarnation=assignment.incarnation,
            number=assignment.number,
            resources={r: run.fact(now, wall_s) for r, run in sorted(self.resources.items())},
            stopped=stopping and self.quiet(),
            gives_up=None if stopping or hands_off else gives_up(members, self.resources, wanted, picture),
            clear_failures=intent.clear_failures,
        )
        return tuple(commands), fact, min(due, default=None)

    def in_effect(self, spec: ResourceSpec) -> ResourceSpec:
        """The specification that its host goes by: while on probation it does not cost a node its life."""
        run = self.resources.get(spec.id)
        if spec.stop_failure_action == "fence" and run is not None and run.spares_node:
            return replace(spec, stop_failure_action="end")
        return spec

    def _heed(
        self,
        assignment: Assignment,
        members: Mapping[str, ResourceSpec],
        intent: GroupIntent,
        unknown: frozenset[str],
    ) -> None:
        """Take note of a change of hands, of counts that are void, and of members that came and went."""
        anew = intent.clear_failures != self._cleared
        if assignment.number != self._number:
            anew = anew or (assignment.phase == "run" and assignment.cause not in {"", "created"})
        self._number, self._cleared = assignment.number, intent.clear_failures
        for run in self.resources.values() if anew else ():
            run.start_anew()
        for resource in members:
            run = self.resources.setdefault(resource, ResourceRun())
            if resource in unknown and run.state in QUIET:  # else another host has it, and has said so
                run.known = False
        for resource in [r for r, run in self.resources.items() if r not in members and run.state in QUIET]:
            del self.resources[resource]

    def _apply_policy(
        self, now: float, members: Mapping[str, ResourceSpec], wanted: Mapping[str, bool], *, paused: bool
    ) -> list[float]:
        """What follows for those that have fallen; tells when the next of it is due."""
        due: list[float] = []
        for resource, spec in members.items():
            run = self.resources[resource]
            if not run.known or run.asked or run.state not in FALLEN:
                continue
            if not wanted[resource]:
                run.rest()  # its host has ended it (ST-04)
                continue
            assert run.state in ("failed", "cannot_here", "cannot_anywhere")
            run.counts = restart_policy.look(run.counts, spec, run.state, now, paused=paused)
            due += [at for at in (run.counts.restart_at, run.counts.retry_at) if at is not None and at > now]
        return due

    def _next(
        self, spec: ResourceSpec, run: ResourceRun, assignment: Assignment, *, ready: bool, go: bool
    ) -> Command | None:
        """The command for one resource, if any: `ready` to come online if it is to, `go` offline if it runs."""
        match run.state:
            case "offline" if ready:
                run.asked = "online"
                run.trying = run.digest
                return BringOnline(self.in_effect(spec), assignment.number)
            case "failed" | "cannot_here" | "cannot_anywhere" if ready:
                run.asked, run.counts, run.trying = "online", restart_policy.started(run.counts), run.digest
                return BringOnline(self.in_effect(spec), assignment.number)
            case "online_pending" if go:
                run.asked = "offline"
                return End(spec.id, assignment.number)
            case "online" if go:
                run.asked = "offline"
                return TakeOffline(
                    spec.id, assignment.number, assignment.cause if assignment.phase != "run" else "request"
                )
            case _:
                return None


def _due(run: ResourceRun, now: float) -> bool:
    return run.counts.restart_at is not None and now >= run.counts.restart_at
