"""Drawn clusters under drawn commands and failures, played on the stage `groups`: what must hold after every step.

A case that fails is a transcript: its lines are printed, and belong into tests/decisions/groups with the mend.
"""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, note, settings
from hypothesis import strategies as st

from decisions.group_stage import GroupStage
from quorate.core.placement.filters import allowed_nodes, rivals
from quorate.core.placement.scene import Scene
from quorate.model.workload import QUIET, Assignment, wants_online
from quorate.sdk.overriding import override


class Checked(GroupStage):
    """Remembers what is played, and every assignment."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.made: list[Assignment] = []

    @override
    def _made(self, made: Assignment) -> str:
        self.made.append(made)
        return super()._made(made)

    def go(self, line: str) -> list[str]:
        """Play one line, if it makes sense now, and check everything."""
        self.lines.append(line)
        note(line)
        found = self.play(line)
        for outcome in found:
            note(f"    {outcome}")
        self.check()
        return found

    def active(self, group: str) -> int:
        """The node on which something of the group runs; 0: none."""
        view = self.cluster.view
        now = view.assignments[group].record if group in view.assignments else None
        fact = view.fact(now) if now is not None else None
        if now is None or fact is None or not view.owner_lives(now):
            return 0
        return now.owner if any(one.state not in QUIET for one in fact.resources.values()) else 0

    def check(self) -> None:
        """All that must hold whenever everybody has done what is due."""
        view = self.cluster.view
        assert not self.play("0 s pass"), "what is settled stays settled"
        scene = Scene(view, self.cluster.wall_s())
        where = {group: node for group in view.groups if (node := self.active(group))}
        for group, node in where.items():
            spec = view.groups[group].record
            allowed = allowed_nodes(view.members_of.get(group, {}))
            assert allowed is None or node in allowed, f"{group} runs where it may not be"
            for other in rivals(scene, spec):
                assert where.get(other) != node, f"{group} and {other} on n{node}"
        for node, known in view.nodes.items():
            for name, most in known.record.capacity.items():
                taken = sum(view.groups[g].record.demand.get(name, 0) for g, at in where.items() if at == node)
                assert taken <= most, f"{taken} of {most} {name} on n{node}"
        for made in self.made:
            assert made.reasons, f"{made.group} was given away without a reason: {made.cause}"
        self.made.clear()

    def check_words(self) -> None:
        """Every node has its rule."""
        for group in self.cluster.view.groups:
            told = [line for line in self.why(group) if not line.startswith("waits: ")]
            assert all(line.partition(": ")[2].partition(": ")[2] for line in told), told


def plausible(stage: Checked, line: str) -> bool:
    """Only what runs can crash, only who is up can be lost."""
    view, words = stage.cluster.view, line.split()
    up = view.authority.up()
    if line.endswith("crashes"):
        return stage.active(words[0]) != 0
    if line.endswith("is lost"):
        return int(words[0][1:]) in up and len(up) > 1
    if line.endswith("returns"):
        return int(words[0][1:]) not in up
    return True


GROUPS = ("a", "b", "c")
KINDS = (
    "",
    "anti_affinity_class_names=x anti_affinity_enforced=yes",
    "anti_affinity_class_names=x",
    "demand=memory=6",
    "demand=memory=6 priority=3000",
    "preferred_owners=n1 auto_failback_type=1",
    "preferred_owners=n2,n1",
    "affinity_class_names=y",
    "affinity_class_names=y affinity_enforced=yes",
    "priority=0",
    "failover_threshold=1",
    "locked_from_moving=yes",
)


@st.composite
def stories(draw: st.DrawFn) -> list[str]:
    count = draw(st.integers(2, 3))
    node, group = st.integers(1, count).map("n{}".format), st.sampled_from(GROUPS)
    roomy = draw(st.booleans())
    lines = [f"node n{number} capacity=memory={20 if roomy else 10}" for number in range(1, count + 1)]
    lines += [f"group {name} {draw(st.sampled_from(KINDS))} offline on {draw(node)}" for name in GROUPS]
    if draw(st.booleans()):
        lines.append(f"resource extra of {draw(group)} possible_owners={draw(node)}")
    lines += [f"{name}-r is set restart_threshold=0" for name in GROUPS if draw(st.booleans())]
    lines += [f"{name} is wanted online" for name in GROUPS]
    event = st.one_of(
        node.map("{} is lost".format),
        node.map("{} returns".format),
        group.map("{} crashes".format),
        st.tuples(group, node).map(lambda w: f"{w[0]} is to move to {w[1]}"),
        st.tuples(group, node).map(lambda w: f"{w[0]} is to move to {w[1]} back on error"),
        group.map("{} is to move waiting".format),
        group.map("the move of {} is taken back".format),
        st.tuples(group, st.sampled_from(["online", "offline"])).map(lambda w: f"{w[0]} is wanted {w[1]}"),
        st.tuples(node, st.sampled_from(["paused", "drained", "resumed", "resumed with all"])).map(" is ".join),
        st.tuples(node, st.sampled_from(["in", "out_of"])).map(lambda w: f"node {w[0]} is put {w[1]} maintenance"),
        st.tuples(group, st.sampled_from(["in", "out_of"])).map(lambda w: f"group {w[0]} is put {w[1]} maintenance"),
        st.sampled_from(["1 s pass", "1 min pass", "7 h pass"]),
        st.just("the cluster forms again without n1"),
    )
    return [*lines, *draw(st.lists(event, max_size=10))]


def cured(stage: Checked, nodes: Iterable[int]) -> None:
    """Every obstacle that events have made is taken away; time passes."""
    for node in nodes:
        if node not in stage.cluster.view.authority.up():
            stage.go(f"n{node} returns")
        stage.go(f"node n{node} is put out_of maintenance")
        stage.go(f"n{node} is resumed")
    for group in GROUPS:
        stage.go(f"group {group} is put out_of maintenance")
        stage.go(f"{group} is wanted online")
    stage.go("7 h pass")


@settings(max_examples=60)
@given(stories())
def test_whatever_happens_every_promise_holds_and_what_can_run_runs_in_the_end(story: list[str]) -> None:
    stage = Checked()
    for line in story:
        if plausible(stage, line):
            stage.go(line)
    stage.check_words()
    view = stage.cluster.view
    cured(stage, sorted(view.nodes))
    for group in GROUPS:
        if wants_online(view.intent(group)) and not stage.active(group):
            told = list(stage.why(group))
            assert any(words in line for line in told for words in OBSTACLES), (group, told)


OBSTACLES = ("kept apart from", "kept together with", "too little memory", "no possible owner", "not a possible owner")
"""What may keep a group from running although all nodes are well."""
