"""A whole cluster in memory, for transcripts: the real duties of coordinator and owners on one replica that all share.

Owns: the carrying out of their transactions, hosts that do what they are told at once, and time. Does not know: words.
Authority is left out: who is up is said, not found; node 1 leads while it is up, then the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quorate.core.cluster_view import ClusterView
from quorate.core.group_run import BringOnline, Command, End, Respecify, TakeOffline
from quorate.core.start_order import StartOrder
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.records import Absent, Change, Delete, Equals, Guard, Position, Unchanged, Write
from quorate.model.workload import NO_FLAGS, Assignment, ResourceFlags, ResourceState
from quorate.node.coordinating import Coordinating
from quorate.node.outputs import HostCommand
from quorate.node.owning import Owning

START_WALL_S = 1_800_000_000.0
"""08:00 in UTC."""
STEPS_MOST = 500


class SmallCluster:
    """Nodes are numbered from 1. `settle` runs until nothing moves any more and tells every assignment."""

    def __init__(self) -> None:
        self.view = ClusterView()
        self.now = 1000.0
        self.failing: dict[tuple[str, int], ResourceState] = {}
        """Resources that come to this instead of online, by resource and node; node 0: on every node."""
        self.slow: set[str] = set()
        """Resources that take their time to stop."""
        self.flags: dict[str, ResourceFlags] = {}
        self._revisions: dict[str, int] = {}
        self._revision = 1
        self._epoch = 0
        self._leader = 0
        self._lives: dict[int, int] = {}
        self._owning: dict[int, Owning] = {}
        self._coordinating: Coordinating | None = None

    def wall_s(self) -> float:
        """Seconds since 1970."""
        return START_WALL_S + self.now - 1000.0

    # ---------------------------------------------------------------- the database

    def put(self, key: str, value: Value) -> None:
        """Write one key, whatever is there."""
        self._write([(key, encode(value))])

    def holds(self, guard: Guard) -> bool:
        """What a transaction rests on still stands."""
        known = self._revisions.get(guard.key, 0)
        match guard:
            case Absent():
                return not known
            case Unchanged(mod_revision=revision):
                return known == revision
            case Equals():
                raise NotImplementedError

    def commit(self, guards: Iterable[Guard], writes: Iterable[Write]) -> None:
        """Carry out a transaction; all that it rests on must stand, for nobody else writes meanwhile."""
        broken = [guard for guard in guards if not self.holds(guard)]
        assert not broken, broken
        self._write([(write.key, None if isinstance(write, Delete) else write.value) for write in writes])

    def _write(self, content: list[tuple[str, bytes | None]]) -> None:
        self._revision += 1
        changes = []
        for key, value in content:
            changes.append(Change(key, value, self._revision))
            self._revisions[key] = self._revision
            if value is None:
                del self._revisions[key]
        self.view.apply(Position(1, self._revision), changes)

    # ---------------------------------------------------------------- nodes

    def up(self, node: int) -> None:
        """The node takes part, in a new life."""
        self._lives[node] = self._lives.get(node, 0) + 1
        self._owning[node] = Owning(node, self.view, self.wall_s)
        self._member(node, "up")
        self._lead()

    def down(self, node: int, proof: str = "lease_over") -> None:
        """The node is lost, or has left (`released`)."""
        self._owning.pop(node, None)
        self._member(node, "down", proof)
        self._lead()

    def incarnation(self, node: int) -> str:
        """The present life of a node."""
        return f"{node}.{self._lives.get(node, 0)}"

    def _member(self, node: int, state: str, proof: str = "") -> None:
        life = self.incarnation(node)
        record = MemberRecord(node=node, state=state, incarnation=life, proof=proof)  # type: ignore[arg-type]
        self.put(keys.member(node), record)

    def _lead(self) -> None:
        leader = min(self._owning, default=0)
        if leader and leader != self._leader:
            self._leader, self._epoch = leader, self._epoch + 1
            self.put(keys.COORDINATOR, CoordinatorRecord(node=leader, epoch=self._epoch))
            self._coordinating = Coordinating(leader, self.view, self.wall_s, frozenset())
        elif not leader:
            self._leader, self._coordinating = 0, None

    # ---------------------------------------------------------------- the duties

    def settle(self) -> Iterator[Assignment]:
        """Let everybody do what is due until nothing is; every assignment as it is made."""
        for _ in range(STEPS_MOST):
            before = self._revision
            if self._coordinating is not None:
                request, decided, _ = self._coordinating.assign(set(self.view.groups))
                if request is not None:
                    self.commit(request.guards, request.writes)
                yield from (made.assignment for made in decided)
            busy = False
            for node, owning in sorted(self._owning.items()):
                busy = self._own(node, owning) or busy
            if self._revision == before and not busy:
                return
        raise AssertionError("it never settles")

    def _own(self, node: int, owning: Owning) -> bool:
        order, busy = StartOrder(self.view, self.wall_s()), False
        for group in sorted(self.view.groups, key=lambda g: (-self.view.groups[g].record.priority, g)):
            for output in owning.run(group, self.now, self.incarnation(node), order, held=True, up=True):
                if isinstance(output, HostCommand):
                    self._obey(node, owning, group, output.command)
                    busy = True
        request = owning.report_facts()
        if request is not None:
            self.commit(request.guards, request.writes)
        return busy

    def _obey(self, node: int, owning: Owning, group: str, command: Command) -> None:
        match command:
            case BringOnline(spec=spec):
                state = self.failing.get((spec.id, node)) or self.failing.get((spec.id, 0)) or "online"
                detail = "" if state == "online" else "it does not start"
                owning.host_state(group, spec.id, state, detail, self.flags.get(spec.id, NO_FLAGS))
            case TakeOffline(resource=resource) | End(resource=resource):
                owning.host_state(group, resource, "offline_pending" if resource in self.slow else "offline", "")
            case Respecify():
                return

    def reports(self, resource: str, state: ResourceState, detail: str) -> None:
        """The host of a resource that runs says this of it."""
        group = self.view.resources[resource].record.group
        owner = self.view.assignments[group].record.owner
        self._owning[owner].host_state(group, resource, state, detail, self.flags.get(resource, NO_FLAGS))

    def due_s(self) -> float | None:
        """The next time at which something is due by itself, on the clock of `now`."""
        dues = [due for owning in self._owning.values() for due in owning.due.values() if due > self.now]
        again_s = self._coordinating.again_s if self._coordinating is not None else None
        if again_s is not None:
            dues.append(max(self.now + 0.001, again_s - START_WALL_S + 1000.0))
        return min(dues, default=None)
