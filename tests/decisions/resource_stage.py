"""The stage `resources`: one group on its owner; its host does what it is told at once, unless told otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from decisions.replay import Stage, Verb
from decisions.written_fields import seconds, written_fields
from quorate.core.group_run import BringOnline, Command, End, GroupRun, Respecify, TakeOffline
from quorate.core.reasons import sentence
from quorate.model.base import replace
from quorate.model.common_properties import RESOURCE
from quorate.model.dependency import parse_dependency
from quorate.model.probation import digest_of
from quorate.model.workload import (
    Assignment,
    FailRequest,
    GroupFact,
    GroupIntent,
    ResourceSpec,
    ResourceState,
)

START_WALL_S = 1_800_000_000.0


class ResourceStage(Stage):
    """Times are shown since the last `when`."""

    def __init__(self) -> None:
        self.run = GroupRun("g")
        self.members: dict[str, ResourceSpec] = {}
        self.intent = GroupIntent()
        self.assignment = Assignment(group="g", owner=1, incarnation="1.a", number=1)
        self.now = self.began = 1000.0
        self.paused = False
        self.due: float | None = None
        self.fact: GroupFact | None = None
        self.starting: dict[str, tuple[ResourceState, str]] = {}
        self.proofs: dict[str, frozenset[str]] = {}
        self.maintained: set[str] = set()
        self.hands_off = False
        self.slow_start: set[str] = set()
        self.slow_stop: set[str] = set()
        self._shown: dict[str, str] = {}
        self._gave_up = ""

    # ---------------------------------------------------------------- given

    def resource(self, name: str, rest: str = "") -> Iterable[str]:
        """`on [expression]`, `after NAME`, and common properties as NAME=VALUE."""
        fields: dict[str, object] = {}
        after = re.search(r"\bafter (\S+)", rest)
        expression = re.search(r"\bon (.*?)(?= after | \w+=|$)", rest)
        if expression:
            parts, faults = parse_dependency(expression.group(1))
            assert not faults, faults
            fields["depends_on"] = parts
        if after:
            fields["starts_after"] = tuple(after.group(1).split(","))
        fields |= written_fields(RESOURCE, rest)
        known = self.members.get(name)
        made = known or ResourceSpec(id=name, name=name, type="t", group="g")
        self.members[name] = replace(made, **fields)
        return ()

    def change(self, name: str, rest: str) -> Iterable[str]:
        self.resource(name, rest)
        return self.settle()

    def fails_to_start(self, name: str) -> Iterable[str]:
        self.starting[name] = ("failed", "it does not start")
        return ()

    def cannot_start(self, name: str, where: str) -> Iterable[str]:
        self.starting[name] = ("cannot_here" if where == "here" else "cannot_anywhere", f"not {where}")
        return ()

    def starts_again(self, name: str) -> Iterable[str]:
        self.starting.pop(name, None)
        return ()

    def starts_slowly(self, name: str) -> Iterable[str]:
        self.slow_start.add(name)
        return ()

    def stops_slowly(self, name: str) -> Iterable[str]:
        self.slow_stop.add(name)
        return ()

    # ---------------------------------------------------------------- when

    def all_wanted(self, state: str) -> Iterable[str]:
        """An administrator's online of the group clears counts too (spec/03 §7.3)."""
        clear = self.intent.clear_failures + (state == "online" and self.fact is not None)
        self.intent = replace(self.intent, persistent_state=state == "online", own_states={}, clear_failures=clear)
        return self.settle()

    def one_wanted(self, name: str, state: str) -> Iterable[str]:
        own = {k: v for k, v in self.intent.own_states.items() if k != name}
        if state == "offline":
            own[name] = False
        self.intent = replace(self.intent, own_states=own)
        return self.settle()

    def crashes(self, name: str) -> Iterable[str]:
        self.run.reported(name, "failed", "it crashed")
        return self.settle()

    def becomes(self, name: str, state: str) -> Iterable[str]:
        """What a slow start or stop comes to."""
        self.run.reported(name, state.replace(" ", "_"), "")  # type: ignore[arg-type]
        return self.settle()

    def host_ends(self, name: str) -> Iterable[str]:
        self.run.host_lost(frozenset({name}))
        return self.settle()

    def passes(self, amount: str, unit: str) -> Iterable[str]:
        """Everything that is due meanwhile is done when it is due."""
        self.began, end = self.now, self.now + seconds(amount, unit)
        found: list[str] = []
        while self.due is not None and self.due <= end:
            self.now = max(self.due, self.now)
            after = self.now - self.began
            found += [f"after {_time(after)}: {line}" for line in self.settle()]
        self.now = end
        return found + list(self.settle())

    def node(self, state: str) -> Iterable[str]:
        self.paused = state == "paused"
        return self.settle()

    def leave(self) -> Iterable[str]:
        self.assignment = replace(self.assignment, number=self.assignment.number + 1, phase="stop", to=2, cause="moved")
        return self.settle()

    def come_back(self) -> Iterable[str]:
        number = self.assignment.number + 1
        self.assignment = replace(self.assignment, number=number, phase="run", to=0, cause="resource_failed")
        return self.settle()

    def owner_lost(self) -> Iterable[str]:
        """The group begins anew on another node, of which only records are known."""
        self.assignment = Assignment(group="g", owner=2, incarnation="2.a", number=9, cause="node_lost")
        self.run, self.fact, self._shown = GroupRun("g"), None, {}
        return self.settle()

    def service_restarts(self) -> Iterable[str]:
        """Hosts go on; the new service reads its last fact and the inventory."""
        assert self.fact is not None
        former, self.run = self.run, GroupRun("g")
        self.run.resume(self.fact, self.now, self._wall())
        for name, known in former.resources.items():
            self.run.reported(name, known.state, known.detail, known.flags)
        return self.settle()

    def asks_to_fail(self, name: str) -> Iterable[str]:
        request = FailRequest(id=f"request {self.now}", number=self.assignment.number, author="ann")
        self.intent = replace(self.intent, fail={**self.intent.fail, name: request})
        return self.settle()

    def inside(self, name: str, what: str) -> Iterable[str]:
        """`fails`, or `works`: the type takes it back."""
        run = self.run.resources[name]
        flags = replace(run.flags, embedded="a thread hangs" if what == "fails" else "")
        self.run.reported(name, run.state, "", flags)
        return self.settle()

    def maintenance(self, name: str, what: str) -> Iterable[str]:
        """`begins` or `ends`; of `the group`, too."""
        if name == "the group":
            self.hands_off = what == "begins"
        else:
            (self.maintained.add if what == "begins" else self.maintained.discard)(name)
        return self.settle()

    def worked(self, name: str) -> Iterable[str]:
        """Any node has reported it online with these properties."""
        self.proofs[name] = frozenset({digest_of(self.members[name])})
        return ()

    def properties(self, name: str, rest: str = "") -> Iterable[str]:
        """Private properties: what makes it a changed one."""
        self.members[name] = replace(self.members[name], properties=dict(pair.split("=") for pair in rest.split()))
        return self.settle()

    def ends_badly(self, name: str) -> Iterable[str]:
        self.run.reported(name, "stop_failed", "it does not end")
        stuck = self.run.fencing_for(self.members)
        return [*self.settle(), f"the node must end for {stuck}" if stuck else "the node need not end"]

    def probation(self, name: str) -> Iterable[str]:
        run = self.run.resources[name]
        action = self.run.in_effect(self.members[name]).stop_failure_action
        yield f"{'on probation' if run.on_probation else 'proven'}; a stop that fails: {action}"

    def counts(self) -> Iterable[str]:
        assert self.fact is not None
        for name, fact in self.fact.resources.items():
            yield f"{name}: {fact.restarts} restarts, {fact.failures} failures"

    # ---------------------------------------------------------------- the engine

    def _wall(self) -> float:
        return START_WALL_S + self.now

    def settle(self) -> list[str]:
        """Step until nothing more is told to hosts; what was told, what became of it, what is due."""
        told: list[str] = []
        seen: list[str] = []
        while True:
            commands, self.fact, self.due = self.run.step(
                self.now,
                self.assignment,
                self.members,
                self.intent,
                may_start=True,
                paused=self.paused,
                hands_off=self.hands_off,
                maintained=frozenset(self.maintained),
                proofs=self.proofs,
                wall_s=self._wall(),
            )
            seen += self._changes()
            now_told = [word for command in commands for word in self._obey(command)]
            if not now_told:
                break
            told.append(", ".join(now_told))
        lines = [f"told: {', then '.join(told)}"] if told else []
        return [*lines, *self._last(seen), *self._gives_up(), *self._look_again()]

    def _obey(self, command: Command) -> Iterator[str]:
        match command:
            case BringOnline(spec=spec):
                yield f"online {spec.name}"
                if spec.id in self.slow_start:
                    self.run.reported(spec.id, "online_pending", "")
                else:
                    self.run.reported(spec.id, *self.starting.get(spec.id, ("online", "")))
            case TakeOffline(resource=resource):
                yield f"offline {resource}"
                self._stop(resource)
            case End(resource=resource):
                yield f"end {resource}"
                self._stop(resource)
            case Respecify(spec=spec, maintained=maintained):
                if maintained is not None:
                    yield f"{'overlook' if maintained else 'heed'} the health of {spec.name}"
                    run = self.run.resources[spec.id]
                    self.run.reported(spec.id, run.state, "", replace(run.flags, maintained=maintained))

    def _stop(self, resource: str) -> None:
        self.run.reported(resource, "offline_pending" if resource in self.slow_stop else "offline", "")

    def _changes(self) -> Iterator[str]:
        for name, run in sorted(self.run.resources.items()):
            words = run.state.replace("_", " ") + (f" ({run.detail})" if run.detail and run.state != "offline" else "")
            if self._shown.get(name, "offline") != words:
                self._shown[name] = words
                yield f"{name}: {words}"

    def _last(self, seen: list[str]) -> list[str]:
        """Of each resource only where it ended up."""
        newest = {line.partition(":")[0]: line for line in seen}
        return [newest[name] for name in sorted(newest)]

    def _gives_up(self) -> Iterator[str]:
        reason = self.fact.gives_up if self.fact is not None else None
        words = sentence(reason, str) if reason is not None else ""
        if words != self._gave_up:
            self._gave_up = words
            yield f"the group should leave: {words}" if words else "the group need not leave any more"

    def _look_again(self) -> Iterator[str]:
        if self.due is not None:
            yield f"something is due in {_time(self.due - self.now)}"

    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("resource {name}", resource),
        Verb("resource {name} {rest...}", resource),
        Verb("{name} is set {rest...}", change),
        Verb("{name} fails to start", fails_to_start),
        Verb("{name} cannot start {where}", cannot_start),
        Verb("{name} starts again", starts_again),
        Verb("{name} starts slowly", starts_slowly),
        Verb("{name} stops slowly", stops_slowly),
        Verb("the group is wanted {state}", all_wanted),
        Verb("{name} is wanted {state}", one_wanted),
        Verb("{name} crashes", crashes),
        Verb("the host of {name} ends", host_ends),
        Verb("{name} is now {state...}", becomes),
        Verb("{amount} {unit} pass", passes),
        Verb("the node is {state}", node),
        Verb("the group is to leave", leave),
        Verb("the group comes back", come_back),
        Verb("the owner is lost", owner_lost),
        Verb("the service restarts", service_restarts),
        Verb("somebody asks for counts", counts),
        Verb("somebody asks to fail {name}", asks_to_fail),
        Verb("something inside {name} {what}", inside),
        Verb("maintenance of {name...} {what}", maintenance),
        Verb("{name} has worked somewhere", worked),
        Verb("{name} gets the properties {rest...}", properties),
        Verb("{name} gets no properties", properties),
        Verb("{name} does not end", ends_badly),
        Verb("somebody asks about probation of {name}", probation),
    )


def _time(of_s: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if of_s >= size:
            return f"{of_s / size:g} {unit}"
    return f"{round(of_s * 1000, 3):g} ms"
