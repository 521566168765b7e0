"""A service's replica of the whole cluster database, kept by its watch (design §5).

Owns: the decoded objects of every class, each with the revision that wrote it, and which groups a change touched.
Does not know: where changes come from. Authority's records are in `authority.view`, which this view carries along.
How it works: one table a class; `apply` decodes only what changed, and collects the groups that must be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from quorate.core.authority.view import AuthorityView, Known
from quorate.core.placement.occupancy import Occupancy, share_of
from quorate.model import keys
from quorate.model.backup import BackupStanding
from quorate.model.base import Damaged, decode
from quorate.model.checkpoint import CheckpointState
from quorate.model.fencing import FenceDevice, FenceHistory
from quorate.model.incident import Incident
from quorate.model.membership import Formed, NodeStanding, WatchdogFact
from quorate.model.nodes import ClusterIntent, ClusterSpec, EvictedNode, NodeIntent, NodeSpec
from quorate.model.quorum import LIGHT_KINDS, QUORUM_VOTER, ForcedQuorum, QuorumFact, QuorumSpec
from quorate.model.records import Change, KeyValue, Position
from quorate.model.store_member import MemberFact
from quorate.model.topology import AdaptersFact, NetworkSpec, PathsFact
from quorate.model.versions import Software
from quorate.model.workload import Assignment, GroupFact, GroupIntent, GroupSetSpec, GroupSpec, ResourceSpec

T = TypeVar("T")
V = TypeVar("V")


class ClusterView:
    """Everything a node knows of the cluster, as of one position."""

    def __init__(self, voters: frozenset[int] = frozenset()) -> None:
        self.authority = AuthorityView(voters)
        self.cluster: Known[ClusterSpec] | None = None
        self.cluster_intent: Known[ClusterIntent] | None = None
        self.formed: Known[Formed] | None = None
        self.nodes: dict[int, Known[NodeSpec]] = {}
        self.evicted: dict[int, Known[EvictedNode]] = {}
        self.software: dict[int, Known[Software]] = {}
        self.standings: dict[int, Known[NodeStanding]] = {}
        self.watchdogs: dict[int, Known[WatchdogFact]] = {}
        self.incidents: dict[str, Known[Incident]] = {}
        self.fence_devices: dict[str, Known[FenceDevice]] = {}
        self.fence_histories: dict[int, Known[FenceHistory]] = {}
        self.node_intents: dict[int, Known[NodeIntent]] = {}
        self.groups: dict[str, Known[GroupSpec]] = {}
        self.sets: dict[str, Known[GroupSetSpec]] = {}
        self.intents: dict[str, Known[GroupIntent]] = {}
        self.resources: dict[str, Known[ResourceSpec]] = {}
        self.members_of: dict[str, dict[str, ResourceSpec]] = {}
        self.assignments: dict[str, Known[Assignment]] = {}
        self.facts: dict[tuple[int, str], Known[GroupFact]] = {}
        self.occupancy = Occupancy()
        self.backup: Known[BackupStanding] | None = None
        self.checkpoints: dict[tuple[str, str], Known[CheckpointState]] = {}
        """By resource and checkpoint."""
        self.quorum: Known[QuorumSpec] | None = None
        self.forced: Known[ForcedQuorum] | None = None
        self.quorum_facts: dict[int, Known[QuorumFact]] = {}
        self.networks: dict[str, Known[NetworkSpec]] = {}
        self.adapters: dict[int, Known[AdaptersFact]] = {}
        self.paths: dict[int, Known[PathsFact]] = {}
        self.store_members: dict[int, Known[MemberFact]] = {}
        self.damaged: dict[str, str] = {}
        self.touched: set[str] = set()
        """Groups to be looked at again; whoever looks clears it."""
        self.touched_all = True
        self._revisions: dict[str, int] = {}

    @property
    def position(self) -> Position:
        """Up to where this picture is complete."""
        return self.authority.position

    def reset(self, position: Position, items: Iterable[KeyValue]) -> None:
        """Adopt a full read."""
        kept = list(items)
        for table in (self.nodes, self.node_intents, self.groups, self.intents, self.resources, self.members_of):
            table.clear()
        for other in (self.assignments, self.facts, self.quorum_facts, self.networks, self.adapters, self.paths):
            other.clear()
        self.sets.clear()
        self.occupancy.clear()
        self.cluster_intent = None
        self.formed = None
        self.evicted.clear()
        self.standings.clear()
        self.watchdogs.clear()
        self.incidents.clear()
        self.fence_devices.clear()
        self.fence_histories.clear()
        self.software.clear()
        self.store_members.clear()
        self.checkpoints.clear()
        self.backup = None
        self.quorum = None
        self.forced = None
        self._revisions.clear()
        self.touched_all = True
        self.authority.reset(position, kept)
        for item in kept:
            self._adopt(item.key, item.value, item.mod_revision)

    def apply(self, position: Position, changes: Iterable[Change]) -> None:
        """Adopt what a watch delivered."""
        kept = list(changes)
        self.authority.apply(position, kept)
        for change in kept:
            self._adopt(change.key, change.value, change.mod_revision)

    def imagine(self, writes: Iterable[tuple[str, bytes | None]]) -> ClusterView:
        """A copy in which these keys are written (None: gone), to ask what would be; this view stays as it is."""
        made = ClusterView()
        for name, content in vars(self).items():
            if isinstance(content, dict):
                content = {key: dict(entry) if isinstance(entry, dict) else entry for key, entry in content.items()}
            elif isinstance(content, set):
                content = set(content)
            setattr(made, name, content)
        made.authority = self.authority.copy()
        made.occupancy = self.occupancy.copy()
        for key, value in writes:
            revision = max(self.position.revision, self._revisions.get(key, 0)) + 1
            made.authority.note(key, value, revision)
            made._adopt(key, value, revision)
        return made

    def _adopt(self, key: str, value: bytes | None, revision: int) -> None:
        if revision <= self._revisions.get(key, 0):
            return
        self._revisions[key] = revision
        try:
            self._store(key, value, revision)
            self.damaged.pop(key, None)
        except (Damaged, ValueError) as error:
            self.damaged[key] = str(error)

    def _store(self, key: str, value: bytes | None, revision: int) -> None:
        def put(table: dict[T, Known[V]], at: T, kind: type[V]) -> None:
            if value is None:
                table.pop(at, None)
            else:
                table[at] = Known(decode(value, kind, key), revision)

        if key.startswith(keys.FACT):
            node, _, rest = key.removeprefix(keys.FACT).partition("/")
            if rest.startswith("group/"):
                group = rest.removeprefix("group/")
                put(self.facts, (int(node), group), GroupFact)
                self.touched.add(group)
                if (known := self.assignments.get(group)) is not None and known.record.phase != "run":
                    self._count_group(group)
            elif rest == "quorum":
                put(self.quorum_facts, int(node), QuorumFact)
            elif rest == "adapters":
                put(self.adapters, int(node), AdaptersFact)
            elif rest == "software":
                put(self.software, int(node), Software)
            elif rest == "watchdog":
                put(self.watchdogs, int(node), WatchdogFact)
            elif rest == "store":
                put(self.store_members, int(node), MemberFact)
            elif rest == "paths":
                put(self.paths, int(node), PathsFact)
        elif key.startswith(keys.ASSIGNMENT):
            group = key.removeprefix(keys.ASSIGNMENT)
            put(self.assignments, group, Assignment)
            self._count_group(group)
            self.touched.add(group)
        elif key.startswith(keys.INTENT_GROUP):
            group = key.removeprefix(keys.INTENT_GROUP)
            put(self.intents, group, GroupIntent)
            self._count_group(group)
            self.touched.add(group)
        elif key.startswith(keys.SPEC_GROUP):
            group = key.removeprefix(keys.SPEC_GROUP)
            put(self.groups, group, GroupSpec)
            self._count_group(group)
            self.touched.add(group)
        elif key.startswith(keys.SPEC_RESOURCE):
            self._store_resource(key, value, revision)
        elif key.startswith((keys.MEMBER, keys.COORDINATOR)):
            self.touched_all = True
        elif key.startswith(keys.INTENT_NODE):
            put(self.node_intents, int(key.removeprefix(keys.INTENT_NODE)), NodeIntent)
            self.touched_all = True
        elif key.startswith(keys.SPEC_NODE):
            put(self.nodes, int(key.removeprefix(keys.SPEC_NODE)), NodeSpec)
            self._count_votes()
            self.touched_all = True
        elif key.startswith(keys.SPEC_SET):
            put(self.sets, key.removeprefix(keys.SPEC_SET), GroupSetSpec)
            self.touched_all = True
        elif key == keys.INTENT_CLUSTER:
            self.cluster_intent = None if value is None else Known(decode(value, ClusterIntent, key), revision)
            self.touched_all = True
        elif key == keys.FORMED:
            self.formed = None if value is None else Known(decode(value, Formed, key), revision)
            self.touched_all = True
        elif key == keys.FORCED:
            self.forced = None if value is None else Known(decode(value, ForcedQuorum, key), revision)
        elif key == keys.SPEC_QUORUM:
            self.quorum = None if value is None else Known(decode(value, QuorumSpec, key), revision)
            self._count_votes()
        elif key.startswith(keys.SPEC_NETWORK):
            put(self.networks, key.removeprefix(keys.SPEC_NETWORK), NetworkSpec)
        elif key.startswith(keys.STANDING):
            put(self.standings, int(key.removeprefix(keys.STANDING)), NodeStanding)
        elif key.startswith(keys.INCIDENT):
            put(self.incidents, key.removeprefix(keys.INCIDENT), Incident)
        elif key.startswith(keys.SPEC_FENCE):
            put(self.fence_devices, key.removeprefix(keys.SPEC_FENCE), FenceDevice)
        elif key.startswith(keys.FENCING):
            put(self.fence_histories, int(key.removeprefix(keys.FENCING)), FenceHistory)
        elif key.startswith(keys.EVICTED):
            put(self.evicted, int(key.removeprefix(keys.EVICTED)), EvictedNode)
        elif key.startswith(keys.CHECKPOINT):
            resource, _, own = key.removeprefix(keys.CHECKPOINT).partition("/")
            put(self.checkpoints, (resource, own), CheckpointState)
        elif key == keys.BACKUP:
            self.backup = None if value is None else Known(decode(value, BackupStanding, key), revision)
        elif key == keys.SPEC_CLUSTER:
            self.cluster = None if value is None else Known(decode(value, ClusterSpec, key), revision)
            self.touched_all = True

    def _count_group(self, group: str) -> None:
        """Where the group counts for placement."""
        spec, assignment = self.groups.get(group), self.assignments.get(group)
        if spec is None or assignment is None:
            self.occupancy.put(group, None)
            return
        fact = self.fact(assignment.record)
        self.occupancy.put(group, share_of(spec.record, self.intent(group), assignment.record, fact))

    def _count_votes(self) -> None:
        """Who votes; the quorum resource counts as a voter that is never up by itself (rules 4 and 13)."""
        votes = {node: (known.record.votes, known.record.vote_pending) for node, known in self.nodes.items()}
        quorum = self.quorum_spec
        votes[QUORUM_VOTER] = (quorum.votes, quorum.vote_pending)
        self.authority.voters = frozenset(voter for voter, (has, _) in votes.items() if has)
        self.authority.pending_voters = frozenset(voter for voter, (_, pending) in votes.items() if pending)
        self.authority.one_may_suffice = quorum.kind in LIGHT_KINDS

    def _store_resource(self, key: str, value: bytes | None, revision: int) -> None:
        resource = key.removeprefix(keys.SPEC_RESOURCE)
        former = self.resources.pop(resource, None)
        if former is not None:
            self.members_of.get(former.record.group, {}).pop(resource, None)
            self.touched.add(former.record.group)
        if value is not None:
            spec = decode(value, ResourceSpec, key)
            self.resources[resource] = Known(spec, revision)
            self.members_of.setdefault(spec.group, {})[resource] = spec
            self.touched.add(spec.group)

    # ---------------------------------------------------------------- questions

    @property
    def quorum_spec(self) -> QuorumSpec:
        """The quorum configuration; its default where nothing was ever said."""
        return self.quorum.record if self.quorum is not None else QuorumSpec()

    def quorum_fact(self, node: int) -> QuorumFact | None:
        """What a node that is up reports of the quorum storage in its present life."""
        known, member = self.quorum_facts.get(node), self.authority.up().get(node)
        if known is None or member is None or known.record.incarnation != member.record.incarnation:
            return None
        return known.record

    def store_member_fact(self, node: int) -> MemberFact | None:
        """What a node that is up reports of its member of the store in its present life."""
        known, member = self.store_members.get(node), self.authority.up().get(node)
        if known is None or member is None or known.record.incarnation != member.record.incarnation:
            return None
        return known.record

    def quorum_holder(self) -> int:
        """The node that controls the quorum storage, as nodes report it; 0 where none does."""
        facts = ((node, self.quorum_fact(node)) for node in sorted(self.nodes))
        return next((node for node, fact in facts if fact is not None and fact.holds), 0)

    def quorum_told(self) -> QuorumFact | None:
        """What is known of the quorum resource's member: as its holder tells, or whoever reaches the witness."""
        if self.quorum_spec.kind != "witness":
            holder = self.quorum_holder()
            return self.quorum_fact(holder) if holder else None
        facts = [fact for node in sorted(self.nodes) if (fact := self.quorum_fact(node)) is not None and fact.reached]
        return next((fact for fact in facts if fact.runs), facts[0] if facts else None)

    def voters_up(self) -> frozenset[int]:
        """Voters that are up: nodes by their membership, the quorum resource where its member runs.

        A node whose member does not serve is no voter that is up, however healthy it is otherwise.
        """
        failing = {node for node in self.store_members if (said := self.store_member_fact(node)) and said.fails}
        up = set(self.authority.up()) - failing
        told = self.quorum_told()
        if told is not None and told.runs:
            up.add(QUORUM_VOTER)
        return self.authority.voters & up

    def intent(self, group: str) -> GroupIntent:
        """What should be so of a group; its default where nothing was ever said."""
        known = self.intents.get(group)
        return known.record if known else GroupIntent()

    def node_intent(self, node: int) -> NodeIntent:
        """What an administrator wants of a node."""
        known = self.node_intents.get(node)
        return known.record if known else NodeIntent()

    def owner_lives(self, assignment: Assignment) -> bool:
        """The owner is up in the very life for which the assignment holds."""
        member = self.authority.members.get(assignment.owner)
        alive = member is not None and member.record.state == "up"
        return alive and member is not None and member.record.incarnation == assignment.incarnation

    def fact(self, assignment: Assignment) -> GroupFact | None:
        """What the owner reports under exactly this assignment; older facts read as Offline (rule 14)."""
        known = self.facts.get((assignment.owner, assignment.group))
        if known is None:
            return None
        fact = known.record
        current = fact.incarnation == assignment.incarnation and fact.number == assignment.number
        return fact if current else None

    def find(self, table: dict[str, Known[V]], name: str, of: Callable[[V], str]) -> V | None:
        """The object of that name, whatever its case (I-13)."""
        folded = name.casefold()
        return next((known.record for known in table.values() if of(known.record).casefold() == folded), None)
