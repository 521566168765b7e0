"""One group on its owner (spec/03 §1, §3, §6, §7)."""

from __future__ import annotations

import pytest

from quorate.core.group_run import BringOnline, Command, End, GroupRun, Respecify, TakeOffline
from quorate.model.base import replace
from quorate.model.workload import Assignment, GroupFact, GroupIntent, ResourceSpec

ONLINE = GroupIntent(persistent_state=True)


def spec(name: str, *needs: tuple[str, ...], **more: object) -> ResourceSpec:
    return ResourceSpec(id=name, name=name, type="t", group="g", depends_on=needs, **more)  # type: ignore[arg-type]


class Host:
    """Carries out commands at once and lets the run settle; what it was told is in `told`."""

    def __init__(self, *specs: ResourceSpec, intent: GroupIntent = ONLINE) -> None:
        self.run = GroupRun("g")
        self.members = {s.id: s for s in specs}
        self.intent = intent
        self.now = 100.0
        self.assignment = Assignment(group="g", owner=1, incarnation="1.a", number=1)
        self.told: list[str] = []
        self.fact: GroupFact | None = None
        self.due: float | None = None
        self.paused = False
        self.failing: set[str] = set()

    def step(self) -> tuple[Command, ...]:
        commands, self.fact, self.due = self.run.step(
            self.now, self.assignment, self.members, self.intent, may_start=True, paused=self.paused
        )
        return commands

    def settle(self) -> None:
        while commands := self.step():
            for command in commands:
                match command:
                    case BringOnline(spec=s):
                        self.told.append(f"+{s.id}")
                        state = "failed" if s.id in self.failing else "online"
                        self.run.reported(s.id, state, "")  # type: ignore[arg-type]
                    case TakeOffline(resource=r) | End(resource=r):
                        self.told.append(f"-{r}")
                        self.run.reported(r, "offline", "")
                    case Respecify():
                        return

    def states(self) -> dict[str, str]:
        return {r: run.state for r, run in self.run.resources.items()}

    def crash(self, resource: str) -> None:
        self.run.reported(resource, "failed", "it crashed")


def test_what_does_not_stop_holds_the_group_and_may_end_its_node() -> None:
    host = Host(spec("b", ("a",)), spec("a"))
    host.settle()
    host.assignment = Assignment(group="g", owner=1, incarnation="1.a", number=2, phase="stop", to=2)
    host.step()
    host.run.reported("b", "stop_failed", "it does not end")
    assert host.step() == (Respecify(host.members["b"]),), "its provider stays, and nobody asks it again"
    assert host.fact is not None
    assert not host.fact.stopped
    assert host.fact.gives_up is None
    assert host.run.end() == (End("a", host.assignment.number),)
    assert host.run.fencing_for(host.members) == ""
    fencing = replace(host.members["b"], stop_failure_action="fence")
    assert host.run.fencing_for({**host.members, "b": fencing}) == "b"
    host.run.reported("b", "offline", "")
    host.run.reported("a", "offline", "")
    host.step()
    assert host.fact.stopped


@pytest.mark.conformance("DP-01", "DP-02", "FO-07")
def test_providers_first_up_and_last_down() -> None:
    host = Host(spec("c", ("b",)), spec("b", ("a",)), spec("a"))
    host.settle()
    assert host.told == ["+a", "+b", "+c"]
    host.told.clear()
    host.intent = GroupIntent(persistent_state=False)
    host.settle()
    assert host.told == ["-c", "-b", "-a"]


def test_a_lattice_of_dependencies_is_not_walked_along_every_path() -> None:
    """Forty layers of two, each on both below: 2^40 paths."""
    layers = [
        spec(f"{side}{layer:02}", (f"a{layer - 1:02}",), (f"b{layer - 1:02}",))
        for layer in range(1, 40)
        for side in "ab"
    ]
    last = replace(spec("last", ("a00", "spare")), starts_after=("a39", "b39"))
    host = Host(last, *reversed(layers), spec("spare", ("b38",)), spec("a00", restart_threshold=0), spec("b00"))
    host.settle()
    assert host.told[-1] == "+last"
    host.failing = {"a00"}
    host.crash("a00")
    host.settle()
    assert host.fact is not None
    assert host.fact.gives_up is not None
    assert host.states()["last"] == "offline"


@pytest.mark.conformance("ST-02")
def test_pending_states_are_reported() -> None:
    host = Host(spec("a"))
    host.step()
    host.run.reported("a", "online_pending", "")
    host.step()
    assert host.fact is not None
    assert host.fact.resources["a"].state == "online_pending"


@pytest.mark.conformance("DP-10")
def test_one_alternative_is_enough() -> None:
    host = Host(spec("x", ("a", "b")), spec("a", restart_action=0), spec("b"))
    host.failing = {"a"}
    host.settle()
    assert host.states() == {"a": "failed", "b": "online", "x": "online"}


@pytest.mark.conformance("DP-11")
def test_losing_one_alternative_leaves_the_dependent_online() -> None:
    host = Host(spec("x", ("a", "b")), spec("a", restart_action=0), spec("b"))
    host.settle()
    host.crash("a")
    host.settle()
    assert host.states()["x"] == "online"


@pytest.mark.conformance("DP-12")
def test_losing_the_last_alternative_takes_the_dependent_down() -> None:
    host = Host(spec("x", ("a", "b")), spec("a", restart_action=0), spec("b", restart_action=0))
    host.settle()
    host.crash("a")
    host.crash("b")
    host.settle()
    assert host.states()["x"] == "offline"


@pytest.mark.conformance("DP-17")
def test_taking_a_provider_offline_takes_its_dependents_offline_first() -> None:
    host = Host(spec("x", ("a",)), spec("a"))
    host.settle()
    host.told.clear()
    host.intent = GroupIntent(persistent_state=True, own_states={"a": False})
    host.settle()
    assert host.told == ["-x", "-a"]


@pytest.mark.conformance("ST-09")
def test_a_resource_taken_offline_by_request_stays_offline_under_a_new_owner() -> None:
    host = Host(spec("a"), spec("b"), intent=GroupIntent(persistent_state=True, own_states={"b": False}))
    host.assignment = Assignment(group="g", owner=2, incarnation="2.a", number=7, cause="node_lost")
    host.settle()
    assert host.states() == {"a": "online", "b": "offline"}


@pytest.mark.conformance("ST-04")
def test_taking_a_failed_resource_offline_succeeds() -> None:
    host = Host(spec("a", restart_action=0))
    host.settle()
    host.crash("a")
    host.settle()
    assert host.states() == {"a": "failed"}
    host.intent = GroupIntent(persistent_state=False)
    host.settle()
    assert host.states() == {"a": "offline"}


def test_restarts_within_the_window_then_giving_up() -> None:
    """X-1 of spec/03 §15: threshold 2: two restarts, the third failure gives the group up."""
    host = Host(spec("a", restart_threshold=2, restart_period_ms=200_000, restart_delay_ms=0))
    host.settle()
    for _ in range(2):
        host.crash("a")
        host.settle()
        host.step()
        host.settle()
        assert host.states() == {"a": "online"}
    host.crash("a")
    host.settle()
    assert host.told == ["+a", "+a", "+a"]
    assert host.fact is not None
    assert host.fact.gives_up is not None
    assert host.fact.gives_up.code == "resource_failed_for_good"


def test_failures_spread_wider_than_the_window_are_tolerated() -> None:
    """X-2."""
    host = Host(spec("a", restart_threshold=2, restart_period_ms=200, restart_delay_ms=0))
    host.settle()
    for _ in range(5):
        host.now += 1.0
        host.crash("a")
        host.settle()
        host.settle()
        assert host.states() == {"a": "online"}


def test_restart_action_one_never_gives_the_group_up() -> None:
    """X-3."""
    host = Host(spec("a", restart_action=1, restart_threshold=0))
    host.settle()
    host.crash("a")
    host.settle()
    assert host.fact is not None
    assert host.fact.gives_up is None
    assert host.states() == {"a": "failed"}


def test_restart_action_zero_does_nothing() -> None:
    """X-4."""
    host = Host(spec("a", restart_action=0))
    host.settle()
    host.crash("a")
    host.settle()
    assert host.told == ["+a"]
    assert host.fact is not None
    assert host.fact.gives_up is None


def test_a_restart_waits_its_delay() -> None:
    host = Host(spec("a", restart_delay_ms=500))
    host.settle()
    host.crash("a")
    host.settle()
    assert host.due == host.now + 0.5
    host.now += 0.5
    host.settle()
    assert host.states() == {"a": "online"}


@pytest.mark.conformance("ND-03")
@pytest.mark.parametrize("state", ["cannot_here", "cannot_anywhere"])
def test_what_cannot_come_online_now_is_tried_again_after_the_retry_period(state: str) -> None:
    """A link that was away for half a minute must not keep an address offline for ever."""
    host = Host(spec("a", retry_period_on_failure_ms=60_000))
    host.settle()
    host.told.clear()
    host.run.reported("a", state, "no link")  # type: ignore[arg-type]
    host.settle()
    assert host.told == []
    assert host.fact is not None
    assert (host.fact.gives_up is not None) == (state == "cannot_here")
    assert host.due == host.now + 60
    host.now += 59
    host.settle()
    assert host.told == []
    host.now += 1
    host.settle()
    assert host.told == ["+a"]
    assert host.states() == {"a": "online"}


def test_on_a_paused_node_nothing_comes_online_and_offline_works() -> None:
    host = Host(spec("a"))
    host.paused = True
    host.settle()
    assert host.told == []
    host.paused = False
    host.settle()
    host.paused = True
    host.intent = GroupIntent(persistent_state=False)
    host.settle()
    assert host.told == ["+a", "-a"]


def test_a_crash_of_one_resource_leaves_its_provider_alone() -> None:
    host = Host(spec("web", ("ip",), restart_delay_ms=0), spec("ip"))
    host.settle()
    host.told.clear()
    host.crash("web")
    host.settle()
    host.settle()
    assert host.told == ["+web"]


def test_stopped_is_said_only_when_everything_has_ended() -> None:
    host = Host(spec("b", ("a",)), spec("a"))
    host.settle()
    host.assignment = Assignment(group="g", owner=1, incarnation="1.a", number=2, phase="stop", to=2)
    host.step()
    assert host.fact is not None
    assert not host.fact.stopped
    host.run.reported("b", "offline", "")
    host.settle()
    assert host.fact is not None
    assert host.fact.stopped
    assert host.fact.number == 2


def test_resources_of_a_lost_host_have_failed_and_start_again() -> None:
    host = Host(spec("a", restart_delay_ms=0))
    host.settle()
    host.run.host_lost(frozenset({"a"}))
    assert host.states() == {"a": "failed"}
    host.settle()
    host.settle()
    assert host.states() == {"a": "online"}


def test_a_broken_connection_ends_nothing_and_says_nothing() -> None:
    """The host may go on without us: reported as stopped, the group would start elsewhere beside it."""
    host = Host(spec("a"))
    host.settle()
    host.assignment = Assignment(group="g", owner=1, incarnation="1.a", number=2, phase="stop", to=2)
    host.step()
    host.run.contact_lost(frozenset({"a"}))
    assert host.step() == ()
    assert host.fact is not None
    assert not host.fact.stopped
    host.run.host_lost(frozenset({"a"}))
    host.settle()
    assert host.fact.stopped


def test_nothing_is_asked_or_said_of_a_resource_whose_host_has_not_told_what_it_has() -> None:
    """A new service that takes silence for *stopped* would let another node start the group."""
    run, now = GroupRun("g"), 100.0
    members = {"a": spec("a"), "b": spec("b")}
    assignment = Assignment(group="g", owner=1, incarnation="1.a", number=1)

    def step(assignment: Assignment, *unknown: str) -> tuple[tuple[Command, ...], GroupFact]:
        commands, fact, _ = run.step(
            now, assignment, members, ONLINE, may_start=True, paused=False, unknown=frozenset(unknown)
        )
        return commands, fact

    stop = Assignment(group="g", owner=1, incarnation="1.a", number=2, phase="stop")
    assert [command.spec.id for command in step(assignment, "a")[0] if isinstance(command, BringOnline)] == ["b"]
    run.reported("b", "offline", "")
    assert not step(stop, "a")[1].stopped
    run.host_lost(frozenset({"a"}))  # it has told: nothing of it runs there
    assert step(stop)[1].stopped


def test_what_was_asked_of_a_host_that_is_gone_is_asked_of_the_next() -> None:
    host = Host(spec("a"))
    host.step()
    host.run.host_lost(frozenset({"a"}))
    host.settle()
    assert host.states() == {"a": "online"}


def test_a_deleted_group_is_ended_once() -> None:
    host = Host(spec("a"), spec("b"))
    host.settle()
    assert host.run.end() == (End("a", 1), End("b", 1))
    assert host.run.end() == ()


def test_a_deleted_resource_is_ended() -> None:
    host = Host(spec("a"), spec("b"))
    host.settle()
    del host.members["b"]
    host.settle()
    assert host.told[-1] == "-b"
    host.step()
    assert "b" not in host.states()
