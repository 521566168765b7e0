"""Every reason has a sentence, and a group explains itself from whatever state it is in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cluster_written import Cluster

import quorate.core
from quorate.core.explain import Explanation, explain_group
from quorate.core.moment import Moment
from quorate.core.reasons import CAUSES, PROOFS, SENTENCES, in_words
from quorate.model.membership import Proof
from quorate.model.workload import Reason


def values_in_core(keyword: str) -> set[str]:
    """Every constant that core passes as that keyword."""
    found: set[str] = set()
    for path in Path(next(iter(quorate.core.__path__))).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == keyword and isinstance(node.value, ast.Constant):
                found.add(str(node.value.value))
    return found


def test_every_reason_code_in_core_has_a_sentence() -> None:
    codes = values_in_core("code")
    assert len(codes) > 15, "the walk finds nothing"
    assert codes <= SENTENCES.keys()


def test_every_cause_and_proof_has_words() -> None:
    assert values_in_core("cause") <= CAUSES.keys()
    place_of = {"left": 2, "taken": 3, "without_room": 3}
    given = {
        cause.value
        for path in (Path(next(iter(quorate.core.__path__))) / "failover").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in place_of
        and isinstance(cause := node.args[place_of[node.func.id]], ast.Constant)
    }
    assert {"drained", "moved", "resource_failed", "failback", "node_lost", "preempted"} <= given
    assert given <= CAUSES.keys()
    assert set(Proof.__args__) <= PROOFS.keys()  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence_can_be_filled(code: str) -> None:
    view = Cluster().view
    for reason in (Reason(code=code), Reason(code=code, node=2, subject="web", detail="x")):
        words = in_words(view, reason)
        assert "{" not in words
        assert words == words.strip()


def test_a_code_of_a_newer_version_is_shown_as_it_is() -> None:
    assert in_words(Cluster().view, Reason(code="moon_phase", node=2, detail="full")) == "moon_phase n2  full"


def explained(cluster: Cluster, group: str = "g") -> Explanation:
    return explain_group(cluster.view, group, Moment(1000.0))


def web(*, online: bool = True, **spec: object) -> Cluster:
    cluster = Cluster()
    cluster.group("g", online=online, **spec)
    cluster.resource("addr")
    cluster.resource("site", depends_on=(("addr",),))
    return cluster


def test_a_group_that_runs_needs_no_help() -> None:
    cluster = web(preferred_owners=(1,))
    cluster.carry_out()
    cluster.fact()
    found = explained(cluster)
    assert found.running
    assert found.why_here == (
        "it is on n1 because it was placed for the first time (assignment 1)",
        "when that was decided: n1 is preferred owner number 1",
    )
    assert not found.why_not_running
    assert not found.what_would_help
    assert [(n.name, n.owner, n.rank) for n in found.nodes] == [("n1", True, 1), ("n2", False, 2), ("n3", False, 3)]


def test_nobody_asked() -> None:
    cluster = web(online=False)
    cluster.carry_out()
    assert explained(cluster).why_not_running == ("nobody asked for it to be online, or it was taken offline",)
    assert explained(cluster).what_would_help == ("quorate group online 'g'",)


def test_an_empty_group() -> None:
    cluster = Cluster()
    cluster.group()
    assert explained(cluster).why_not_running == ("it has no resources",)


def test_no_node_can_own_it_and_why_not_each() -> None:
    cluster = web()
    cluster.resource("disk", possible_owners=(2,))
    cluster.node(2, paused=True)
    cluster.member(3, up=False)
    found = explained(cluster)
    assert found.why_not_running == (
        "no node can own it",
        "n1 is not a possible owner of resource disk",
        "n2 is paused",
        "n3 is down",
    )
    assert found.what_would_help == (
        "add n1 to the possible owners of that resource",
        "quorate node resume n2",
        "start n3",
    )


def test_its_owner_is_lost() -> None:
    cluster = web()
    cluster.carry_out()
    cluster.fact()
    cluster.member(1, up=False)
    assert "its owner n1 is down" in explained(cluster).why_not_running
    cluster.carry_out()
    why = explained(cluster).why_here
    assert why[0] == "it is on n2 because its owner was lost (assignment 2)"
    assert (
        why[1]
        == "when that was decided: its owner n1 is no longer in the cluster (silent until its lease was certainly over)"
    )


def test_a_failed_resource_with_its_detail_and_the_limit() -> None:
    cluster = web(failover_threshold=1)
    cluster.assigned(1, failovers=(900.0,))
    cluster.fact(states="failed", gives_up=Reason(code="resource_failed_for_good", subject="addr", detail="exit 1"))
    assert cluster.decide() is None, "the coordinator leaves it"
    found = explained(cluster)
    assert "resource addr is failed" in found.why_not_running
    assert "resource site is failed, waiting for addr" in found.why_not_running
    assert "it failed over 1 times within 6 h; the limit is 1" in found.why_not_running
    assert any("exit 1" in why for why in found.why_not_running)
    assert "quorate group online 'g' starts the count anew" in found.what_would_help


def test_a_failed_resource_with_nowhere_to_go() -> None:
    cluster = web()
    cluster.member(2, up=False)
    cluster.member(3, up=False)
    cluster.assigned(1)
    cluster.fact(states="failed", gives_up=Reason(code="cannot_come_online_here", subject="addr"))
    assert "no other node can take it" in explained(cluster).why_not_running


def test_its_owner_is_paused() -> None:
    cluster = web()
    cluster.assigned(1)
    cluster.fact(states="offline")
    cluster.node(1, paused=True)
    found = explained(cluster)
    assert "n1 is paused: nothing is brought online there" in found.why_not_running
    assert "quorate node resume n1, or quorate group move 'g'" in found.what_would_help


def test_one_resource_is_offline_by_request() -> None:
    cluster = web()
    cluster.assigned(1)
    cluster.intent(persistent_state=True, own_states={"site": False})
    cluster.fact()
    found = explained(cluster)
    assert found.why_not_running == ("resource site is to be offline by request",)
    assert found.what_would_help == ("quorate resource online 'site'",)


def test_it_is_on_its_way() -> None:
    cluster = web()
    cluster.assigned(1)
    cluster.fact()
    cluster.node(1, drain="d")
    cluster.carry_out()
    found = explained(cluster)
    assert found.why_not_running == ("it is being stopped on n1 to go to n2",)
    assert "it is about to leave for n2" in found.why_here
    assert "when that was decided: n1 is being drained" in found.why_here
