"""Which proof of a lost owner's end a group takes, and what it does until there is one (design §4)."""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.core.explain import explain_group
from quorate.core.fencing import Target, fenced, stands, targets
from quorate.core.moment import Moment
from quorate.core.proof_means import without_means
from quorate.core.proofs import Owed, demanded, meets, owed, waiting_for
from quorate.model import keys
from quorate.model.fencing import FenceDevice
from quorate.model.membership import JoinRequest, MemberRecord, Proof
from quorate.model.proofs import PROOF_LEVELS, ProofLevel
from quorate.model.resource_type import Manifest


def lost(proof: Proof = "lease_over", level: ProofLevel = "fenced") -> Cluster:
    """A group on node 3, which went down by that proof."""
    cluster = Cluster()
    cluster.group(required_proof=level)
    cluster.resource("r")
    cluster.assigned(3)
    cluster.fact()
    cluster.put(keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a", proof=proof))
    return cluster


@pytest.mark.parametrize("level", PROOF_LEVELS)
@pytest.mark.parametrize("proof", ["released", "ended", "fenced", "confirmed"])
def test_what_somebody_saw_or_swore_meets_every_demand(proof: Proof, level: ProofLevel) -> None:
    assert meets(proof, level)
    assert lost(proof, level).carry_out().owner == 1


@pytest.mark.parametrize("level", ["watchdog", "fenced"])
@pytest.mark.parametrize("proof", ["lease_over", ""])
def test_a_lease_that_is_over_meets_the_weakest_demand_alone(proof: Proof, level: ProofLevel) -> None:
    assert meets(proof, "lease")
    cluster = lost(proof, level)
    assert cluster.decide() is None
    assert owed(cluster.view, "g") == Owed(3, proof, level)
    assert waiting_for(cluster.view, 3) == ("g",)
    assert lost(proof, "lease").carry_out().owner == 1


def test_the_most_of_what_group_and_types_demand_counts() -> None:
    cluster = lost(level="lease")
    assert demanded(cluster.view, "g") == "lease"
    cluster.resource("disk", required_proof="watchdog")
    assert demanded(cluster.view, "g") == "watchdog"
    assert cluster.decide() is None
    cluster.group(required_proof="fenced")
    assert demanded(cluster.view, "g") == "fenced"


def test_a_type_that_takes_hold_of_more_than_the_kernel_ends_demands_a_proof() -> None:
    plain = Manifest(name="t", display_name="T", description="", takes_hold_of=("process", "address"))
    mount = Manifest(name="t", display_name="T", description="", takes_hold_of=("process", "mount"))
    assert (plain.required_proof, mount.required_proof) == ("lease", "watchdog")


def test_a_better_proof_a_new_life_or_its_removal_ends_the_wait() -> None:
    cluster = lost()
    cluster.put(keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a", proof="confirmed"))
    assert cluster.carry_out().owner == 1
    cluster = lost()
    cluster.member(3, life="b")
    assert cluster.carry_out().incarnation != "3.a"


def test_explain_says_what_is_waited_for_and_what_would_help() -> None:
    told = explain_group(lost().view, "g", Moment(1000.0))
    assert any(why.startswith("waits for fenced: n3 was silent") for why in told.why_not_running)
    assert any("quorate node confirm-off n3" in words for words in told.what_would_help)


def test_a_demand_that_nothing_could_meet_is_known_before_anything_is_lost() -> None:
    cluster = lost("released")
    assert without_means(cluster.view, "g") == (1, 2, 3)
    cluster.resource("r2", possible_owners=(1, 3))
    cluster.put(keys.SPEC_FENCE + "pdu", FenceDevice(name="pdu", agent="fence_x", plugs={"3": "7"}))
    assert without_means(cluster.view, "g") == (1,)
    assert without_means(lost(level="lease").view, "g") == ()


def test_whom_groups_wait_for_is_fenced_after_the_verdict_unless_it_is_coming_back() -> None:
    cluster = lost()
    late = Target(3, "3.a", "")
    assert targets(cluster.view, 1, leads=True) == (), "no device can"
    cluster.put(keys.SPEC_FENCE + "pdu", FenceDevice(name="pdu", agent="fence_x", plugs={"3": "7"}))
    assert targets(cluster.view, 1, leads=True) == (late,)
    assert targets(cluster.view, 2, leads=False) == ()
    (_, writes) = fenced(cluster.view, late, "pdu", "now")
    assert b'"proof":"fenced"' in writes[0].value
    cluster.put(keys.join(3), JoinRequest(node=3, incarnation="3.b"))
    assert not stands(cluster.view, late)
    cluster = lost("confirmed")
    assert not stands(cluster.view, late)
