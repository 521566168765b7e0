"""Small cluster views written in one line each, for tests of pure decisions."""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.core.failover.deciding import decide
from quorate.core.failover.decision import Decision, Verdict
from quorate.core.moment import Moment
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.nodes import NodeIntent, NodeSpec
from quorate.model.records import Change, Position
from quorate.model.workload import Assignment, GroupFact, GroupIntent, GroupSpec, Reason, ResourceFact, ResourceSpec


class Cluster:
    """A view that is written like a database; nodes 1 to n are up and node 1 leads."""

    def __init__(self, nodes: int = 3) -> None:
        self.view = ClusterView()
        self.revision = 1
        self.put(keys.COORDINATOR, CoordinatorRecord(node=1, epoch=1))
        for node in range(1, nodes + 1):
            self.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}"))
            self.member(node)

    def put(self, key: str, value: Value) -> None:
        """Write one key."""
        self.revision += 1
        change = Change(key, encode(value), self.revision)
        self.view.apply(Position(1, self.revision), [change])

    def member(self, node: int, *, up: bool = True, life: str = "a") -> None:
        """Record a node up or down."""
        record = MemberRecord(node=node, state="up" if up else "down", incarnation=f"{node}.{life}", proof="lease_over")
        self.put(keys.member(node), record)

    def node(self, node: int, **intent: object) -> None:
        """Say what is wanted of a node."""
        self.put(f"{keys.INTENT_NODE}{node}", NodeIntent(**intent))  # type: ignore[arg-type]

    def group(self, group: str = "g", *, online: bool = True, **spec: object) -> None:
        """Create a group that should be online."""
        self.put(keys.SPEC_GROUP + group, GroupSpec(id=group, name=group, **spec))  # type: ignore[arg-type]
        self.intent(group, persistent_state=online)

    def intent(self, group: str = "g", **intent: object) -> None:
        """Say what is wanted of a group."""
        self.put(keys.INTENT_GROUP + group, GroupIntent(**intent))  # type: ignore[arg-type]

    def resource(self, name: str, group: str = "g", **spec: object) -> None:
        """Create a resource."""
        made = ResourceSpec(id=name, name=name, type="t", group=group, **spec)  # type: ignore[arg-type]
        self.put(keys.SPEC_RESOURCE + name, made)

    def assigned(self, owner: int, group: str = "g", *, number: int = 1, **more: object) -> None:
        """Write an assignment for the owner's present life."""
        incarnation = self.view.authority.members[owner].record.incarnation
        made = Assignment(group=group, owner=owner, incarnation=incarnation, number=number, **more)  # type: ignore[arg-type]
        self.put(keys.ASSIGNMENT + group, made)

    def fact(
        self, group: str = "g", *, states: str = "online", stopped: bool = False, gives_up: Reason | None = None
    ) -> None:
        """Let the owner report one state for all members under the present assignment."""
        now = self.view.assignments[group].record
        members = self.view.members_of.get(group, {})
        resources = {r: ResourceFact(state=states) for r in members}  # type: ignore[arg-type]
        made = GroupFact(
            group=group,
            incarnation=now.incarnation,
            number=now.number,
            resources=resources,
            stopped=stopped,
            gives_up=gives_up,
        )
        self.put(keys.fact_group(now.owner, group), made)

    def decide(self, group: str = "g", wall_s: float = 1000.0) -> Decision | None:
        """What the coordinator decides about the group now."""
        made = self.verdict(group, wall_s).decisions
        return made[0] if made else None

    def verdict(self, group: str = "g", wall_s: float = 1000.0, **moment: object) -> Verdict:
        """The same with what the group waits for."""
        return decide(self.view, self.view.groups[group].record, Moment(wall_s, **moment))  # type: ignore[arg-type]

    def carry_out(self, group: str = "g", wall_s: float = 1000.0) -> Assignment:
        """Decide and write the assignment."""
        decision = self.decide(group, wall_s)
        assert decision is not None
        self.put(keys.ASSIGNMENT + group, decision.assignment)
        return decision.assignment
