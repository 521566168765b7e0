"""Incidents: what opens one, whom it follows, where the time went, and when it is over (promise 5)."""

from __future__ import annotations

from cluster_written import Cluster

from quorate.core.authority.view import Known
from quorate.core.incidents.book import OPEN_MOST_S, IncidentBook
from quorate.core.incidents.course import STAYS_S
from quorate.core.incidents.telling import EACH_GROUP_UP_TO
from quorate.model import keys
from quorate.model.incident import Incident, order_of
from quorate.model.membership import Mark, MemberRecord
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.workload import GroupFact, Move, Reason, ResourceFact

GIVES_UP = Reason(code="resource_failed_for_good", subject="r")
WALL_S = 1_800_000_000.0


class Watched:
    """A cluster whose changes an observer sees one by one, at the times that the test says."""

    def __init__(self, groups: int = 1, nodes: int = 3, owner: int = 2, **spec: object) -> None:
        self.cluster = Cluster(nodes)
        self.cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
        self.groups = ["g", *(f"g{number}" for number in range(2, groups + 1))]
        for group in self.groups:
            self.cluster.group(group, **spec)  # type: ignore[arg-type]
            self.cluster.resource("r" if group == "g" else f"r-{group}", group)
            self.cluster.assigned(owner, group)
            self.cluster.fact(group)
        self.book = IncidentBook()
        self.see(0.0, None)

    def see(self, at_s: float, changed: list[str] | None) -> None:
        self.book.look(self.cluster.view, changed, at_s, WALL_S + at_s)

    def marked(self, node: int, at_s: float, silent_ms: int = 500) -> None:
        mark = Mark(kind="suspicion", id="m", author=1, epoch=1, silent_ms=silent_ms)
        record = MemberRecord(node=node, state="up", incarnation=f"{node}.a", mark=mark)
        self.cluster.put(keys.member(node), record)
        self.see(at_s, [keys.member(node)])

    def down(self, node: int, at_s: float, proof: str = "lease_over") -> None:
        record = MemberRecord(node=node, state="down", incarnation=f"{node}.a", proof=proof)  # type: ignore[arg-type]
        self.cluster.put(keys.member(node), record)
        self.see(at_s, [keys.member(node)])

    def decided(self, group: str, at_s: float) -> None:
        self.cluster.carry_out(group)
        self.see(at_s, [keys.ASSIGNMENT + group])

    def said(self, group: str, at_s: float, **fact: object) -> None:
        self.cluster.fact(group, **fact)  # type: ignore[arg-type]
        owner = self.cluster.view.assignments[group].record.owner
        self.see(at_s, [keys.fact_group(owner, group)])

    def one(self) -> Incident:
        """The only incident that is over."""
        (found,) = self.book.ended.values()
        return found


def told(incident: Incident) -> list[tuple[int, str, str]]:
    return [(entry.at_ms, entry.node, entry.what) for entry in incident.timeline]


def test_a_lost_node_is_told_from_the_last_sign_of_life_to_the_last_group_online() -> None:
    seen = Watched()
    seen.marked(2, 10.0)
    assert not seen.book.under_way
    seen.down(2, 10.75)
    assert seen.book.under_way
    seen.decided("g", 10.76)
    seen.said("g", 10.8, states="online_pending")
    seen.said("g", 11.26)
    incident = seen.one()
    assert (incident.cause, incident.node, incident.took_ms) == ("node_lost", 2, 1760)
    spent = incident.spent
    assert (spent.detect_ms, spent.fence_ms, spent.decide_ms, spent.stop_ms, spent.start_ms) == (500, 750, 10, 0, 500)
    assert incident.sentence == (
        "n2 was lost (silent until its lease was certainly over); group g is online on n1, 1.76 s after it began"
    )
    assert told(incident) == [
        (0, "n2", "is heard for the last time"),
        (500, "n1", "suspects n2"),
        (1250, "n2", "is out of the cluster: silent until its lease was certainly over"),
        (1260, "n1", "is given group g"),
        (1760, "n1", "group g is online"),
    ]
    assert incident.began_s == WALL_S + 9.5
    assert not seen.book.under_way


def test_the_same_incident_has_the_same_id_for_every_observer() -> None:
    first = Watched()
    first.down(2, 5.0)
    other = IncidentBook()
    cluster = first.cluster
    up = MemberRecord(node=3, state="up", incarnation="3.a")
    other.look(cluster.view, None, 1.0, WALL_S)
    cluster.put(keys.member(3), up)
    cluster.member(3, up=False)
    other.look(cluster.view, [keys.member(3)], 2.0, WALL_S)
    first.see(8.0, [keys.member(3)])
    assert other.ended.keys() == {str(cluster.revision)}
    assert str(cluster.revision) in first.book.ended


def test_news_that_come_together_are_told_apart() -> None:
    seen = Watched()
    seen.cluster.member(2, up=False)
    seen.cluster.carry_out("g")
    seen.see(3.0, [keys.member(2), keys.ASSIGNMENT + "g"])
    seen.said("g", 4.0)
    assert (seen.one().groups[0].former, seen.one().groups[0].owner, seen.one().groups[0].outcome) == (2, 1, "online")


def test_a_clean_stop_and_a_move_by_hand_are_no_incidents() -> None:
    seen = Watched()
    seen.cluster.intent("g", persistent_state=True, move=Move(id="m", to=3))
    seen.decided("g", 1.0)
    seen.said("g", 2.0, states="offline", stopped=True)
    seen.decided("g", 3.0)
    seen.said("g", 4.0)
    seen.down(2, 5.0, proof="released")
    assert not seen.book.under_way
    assert not seen.book.ended


def test_a_node_with_nothing_to_run_is_an_incident_that_is_over_at_once() -> None:
    seen = Watched()
    seen.down(3, 1.0)
    assert seen.one().sentence.startswith(
        "n3 was lost (silent until its lease was certainly over); no group was to run"
    )


def test_the_time_for_a_demanded_proof_is_fencing() -> None:
    seen = Watched(required_proof="fenced")
    seen.marked(2, 10.0)
    seen.down(2, 10.5)
    seen.see(20.0, [])
    assert seen.book.under_way
    seen.down(2, 30.0, proof="fenced")
    seen.decided("g", 30.25)
    seen.said("g", 31.0)
    spent = seen.one().spent
    assert (spent.fence_ms, spent.decide_ms) == (20_000, 250)
    assert (20_500, "n2", "is known to run nothing any more: it was fenced") in told(seen.one())


def test_a_group_that_its_owner_gives_up_is_followed_from_its_first_failure() -> None:
    seen = Watched()
    seen.said("g", 1.0, states="failed")
    assert not seen.book.under_way  # it may come back where it is
    seen.said("g", 2.5, states="failed", gives_up=GIVES_UP)
    seen.decided("g", 2.6)
    seen.said("g", 2.9, states="offline", stopped=True)
    seen.decided("g", 3.0)
    seen.said("g", 4.0)
    incident = seen.one()
    assert (incident.cause, incident.node, incident.took_ms) == ("resource_failed", 2, 3000)
    spent = incident.spent
    assert (spent.detect_ms, spent.decide_ms, spent.stop_ms, spent.start_ms) == (1500, 100, 300, 1000)
    assert incident.sentence.startswith("resource r failed on n2; group g is online on n1, 3.00 s")


def test_a_restart_that_helps_is_none() -> None:
    seen = Watched()
    seen.said("g", 1.0, states="failed")
    seen.said("g", 2.0)
    seen.said("g", 9.0, states="failed", gives_up=GIVES_UP)
    seen.see(9.0 + STAYS_S, [])
    assert seen.one().spent.detect_ms == 0  # what failed before, and came back, is past


def test_a_group_that_nobody_can_bring_online_stays_failed() -> None:
    seen = Watched(nodes=2)
    seen.cluster.member(1, up=False)
    seen.see(0.5, [keys.member(1)])
    seen.book.ended.clear()
    seen.said("g", 1.0, states="failed", gives_up=GIVES_UP)
    seen.see(1.0 + STAYS_S - 0.1, [])
    assert seen.book.under_way
    seen.see(1.0 + STAYS_S, [])
    assert (seen.one().groups[0].outcome, seen.one().groups[0].owner) == ("failed", 2)
    assert "group g: could not be brought online" in seen.one().sentence


def test_what_stays_failed_is_told_once() -> None:
    seen = Watched(nodes=2, failover_threshold=0)
    seen.said("g", 1.0, states="failed", gives_up=GIVES_UP)
    seen.see(1.0 + STAYS_S, [])
    first = seen.one()
    seen.said("g", 20.0, states="failed", gives_up=GIVES_UP)
    seen.see(20.0 + STAYS_S, [])
    assert seen.one() == first
    seen.said("g", 30.0)
    seen.said("g", 40.0, states="failed", gives_up=GIVES_UP)
    seen.see(40.0 + STAYS_S, [])
    assert len(seen.book.ended) == 2


def test_what_was_failed_before_anybody_looked_is_no_news() -> None:
    seen = Watched(nodes=2, failover_threshold=0)
    seen.cluster.fact("g", states="failed", gives_up=GIVES_UP)
    seen.book = IncidentBook()
    seen.see(1.0, None)
    seen.said("g", 2.0, states="failed", gives_up=GIVES_UP)
    assert not seen.book.under_way


def test_groups_that_are_given_up_in_one_transaction_are_incidents_of_their_own() -> None:
    seen = Watched(groups=2, nodes=2, failover_threshold=0)
    for group in seen.groups:
        seen.cluster.fact(group, states="failed", gives_up=GIVES_UP)
    both = max(known.revision for known in seen.cluster.view.facts.values())
    for place, known in seen.cluster.view.facts.items():
        seen.cluster.view.facts[place] = Known(known.record, both)
    changed = [keys.fact_group(2, group) for group in seen.groups]
    seen.see(1.0, changed)
    seen.see(1.0 + STAYS_S, [])
    assert list(seen.book.ended) == [str(both), f"{both}.2"]
    assert sorted(seen.book.ended, key=order_of) == list(seen.book.ended)
    assert [incident.groups[0].name for incident in seen.book.ended.values()] == seen.groups


def test_a_group_that_waits_is_told_with_what_it_waits_for() -> None:
    seen = Watched(priority=0)
    seen.down(2, 1.0)
    seen.decided("g", 1.1)
    assert seen.book.under_way  # it may go on in a moment: others may be making room for it
    seen.see(1.1 + STAYS_S, [])
    (group,) = seen.one().groups
    assert (group.outcome, seen.one().spent.start_ms, seen.one().took_ms) == ("waits", 0, 100)
    assert "its priority is 0" in group.why


def test_who_makes_room_is_part_of_it_and_a_hold_that_ends_at_once_is_no_wait() -> None:
    seen = Watched(nodes=2, priority=3000, demand={"memory": 6})
    cluster = seen.cluster
    for node in (1, 2):
        cluster.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", capacity={"memory": 10}))
    cluster.group("low", priority=1000, demand={"memory": 6})
    cluster.resource("low-r", "low")
    cluster.assigned(1, "low")
    cluster.fact("low")
    seen.see(0.5, [keys.ASSIGNMENT + "low", keys.fact_group(1, "low")])
    seen.down(2, 1.0)
    for decision in cluster.verdict("g").decisions:
        cluster.put(keys.ASSIGNMENT + decision.assignment.group, decision.assignment)
    seen.see(1.1, [keys.ASSIGNMENT + "low", keys.ASSIGNMENT + "g"])
    seen.said("low", 1.2, states="offline", stopped=True)
    seen.said("g", 1.2, states="offline", stopped=True)
    seen.decided("g", 1.3)
    seen.said("g", 2.0)
    seen.see(1.1 + STAYS_S, [])
    assert {(one.name, one.outcome) for one in seen.one().groups} == {("g", "online"), ("low", "waits")}


def test_a_node_that_is_stopped_is_not_lost() -> None:
    seen = Watched()
    seen.cluster.node(2, stopping=True)
    seen.down(2, 1.0, proof="ended")
    assert not seen.book.under_way
    assert not seen.book.ended


def test_who_is_lost_while_taking_over_is_an_incident_of_its_own() -> None:
    seen = Watched()
    seen.down(2, 1.0)
    seen.decided("g", 1.1)
    assert seen.cluster.view.assignments["g"].record.owner == 1
    seen.down(1, 2.0)
    first = seen.one()
    assert (first.node, first.groups[0].outcome) == (2, "lost_again")
    seen.decided("g", 2.1)
    seen.said("g", 3.0)
    assert [(found.node, found.groups[0].outcome) for found in seen.book.ended.values()] == [
        (2, "lost_again"),
        (1, "online"),
    ]


def test_of_many_groups_the_first_and_the_last_are_told_and_all_are_counted() -> None:
    many = EACH_GROUP_UP_TO + 10
    seen = Watched(groups=many)
    seen.down(2, 1.0)
    for step, group in enumerate(seen.groups):
        seen.decided(group, 1.1 + step / 1000)
    for step, group in enumerate(seen.groups):
        seen.said(group, 2.0 + step / 10)
    incident = seen.one()
    assert len(incident.groups) == many
    assert f"{many} groups are online on n1, n3" in incident.sentence
    assert len([entry for entry in incident.timeline if "is online" in entry.what]) == 2
    assert incident.timeline[-1].what == f"group g{many} is online, the last of {many}"


def test_one_that_is_never_settled_is_closed_with_what_is_known() -> None:
    seen = Watched(required_proof="fenced")
    seen.down(2, 1.0)
    seen.see(1.0 + OPEN_MOST_S, [])
    assert seen.one().groups[0].outcome == "open"


def test_what_is_written_is_forgotten_and_only_once_seen() -> None:
    seen = Watched()
    seen.down(3, 1.0)
    incident = seen.one()
    seen.cluster.put(keys.INCIDENT + incident.id, incident)
    seen.see(2.0, [keys.INCIDENT + incident.id])
    assert not seen.book.ended
    assert seen.cluster.view.incidents[incident.id].record == incident


def test_what_does_not_matter_opens_nothing() -> None:
    seen = Watched()
    seen.cluster.resource("extra", "g", critical=False)
    now = seen.cluster.view.assignments["g"].record
    gone = {"r": ResourceFact(state="online"), "extra": ResourceFact(state="failed", exhausted=True)}
    fact = GroupFact(group="g", incarnation=now.incarnation, number=now.number, resources=gone)
    seen.cluster.put(keys.fact_group(2, "g"), fact)
    seen.see(1.0, [keys.fact_group(2, "g")])
    seen.see(100.0, [])
    assert not seen.book.under_way
    assert not seen.book.ended
