"""Rule 4 beside a light witness: a voter that is down may live, and go on alone; whoever is up does not rule that out.

The history behind it: node 2 is set down while its member votes still (its sentinel was stopped, or its processes had
just been started again), and is cut off before it is admitted. The record says *both*: it gets it, takes node 1's vote,
and forms. Node 1, with node 3's acknowledgements, would have gone on as well: two owners.
"""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.core.authority.admission import Admissions
from quorate.core.authority.composing import Duties, compose
from quorate.core.authority.forming import Forming
from quorate.core.authority.frame import Frame
from quorate.core.authority.orders import Report
from quorate.core.authority.succession import Succession
from quorate.core.authority.suspicion import Suspicions
from quorate.core.authority.timings import FAST
from quorate.model import keys
from quorate.model.nodes import NodeSpec
from quorate.model.quorum import QuorumSpec

LIGHT = QuorumSpec(model="light_witness", kind="share", path="/mnt/w")


def three(quorum: QuorumSpec, *, pending: int = 0) -> Cluster:
    """Nodes 1 and 2 vote, node 3 does not; node 1 leads."""
    cluster = Cluster(3)
    for node in (1, 2, 3):
        spec = NodeSpec(node=node, name=f"n{node}", votes=int(node < 3), vote_pending=node == pending)
        cluster.put(f"{keys.SPEC_NODE}{node}", spec)
    cluster.put(keys.SPEC_QUORUM, quorum)
    return cluster


def holds_without_store(cluster: Cluster) -> bool:
    """Whether node 1 may lead by everybody's acknowledgements, as its sentinel is told."""
    report = Report(
        serial=1, now=9.0, incarnation="1.a", lease_until=99.0, ended="", released_epoch=0, acting=True, heard=()
    )
    frame = Frame(1, FAST, 9.0, cluster.view.authority, report, "1.a", frozenset())
    duties = Duties(Suspicions(), Admissions(), Forming(9.0), Succession())
    return compose(frame, duties, serial=1, up=True, leads=True, leaving=False).votes_block


@pytest.mark.parametrize(
    ("quorum", "holds"),
    [
        (QuorumSpec(), True),
        (LIGHT, False),
        (QuorumSpec(model="node_majority", kind="share", path="/mnt/w"), False),
    ],
    ids=["no witness", "a light witness", "one whose record is not closed yet"],
)
def test_a_voter_that_is_down_might_go_on_alone_beside_a_light_witness(quorum: QuorumSpec, holds: bool) -> None:
    cluster = three(quorum)
    assert holds_without_store(cluster), "everybody is up, and is asked"
    cluster.member(2, up=False)
    assert holds_without_store(cluster) is holds


def test_a_vote_that_is_on_its_way_counts_as_one_that_might() -> None:
    cluster = three(LIGHT, pending=2)
    cluster.put(f"{keys.SPEC_NODE}2", NodeSpec(node=2, name="n2", votes=0, vote_pending=True))
    cluster.member(2, up=False)
    assert not holds_without_store(cluster)
    cluster.put(f"{keys.SPEC_NODE}2", NodeSpec(node=2, name="n2", votes=0))
    assert holds_without_store(cluster), "its vote has gone, and the record names who took it"


def test_who_starts_forms_as_carefully_as_without_a_witness() -> None:
    """Forming asks whether the others may still hold something (rule 13), and is made no easier."""
    cluster = three(LIGHT)
    cluster.member(2, up=False)
    assert cluster.view.authority.votes_block({1, 3})
    assert not cluster.view.authority.shuts_store_out({1, 3})
