"""Drawn clusters, and how things go in one: the coordinator's own batches, and owners that do what they are told.

Owns: which clusters and changes properties are tried on, and a history that knows nothing of `foresight`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from cluster_written import Cluster
from hypothesis import strategies as st

from quorate.core.cluster_view import ClusterView
from quorate.core.moment import Moment
from quorate.core.placement.choosing import objection
from quorate.core.placement.scene import Scene
from quorate.model import keys
from quorate.model.base import Value, encode, replace
from quorate.model.membership import MemberRecord
from quorate.model.nodes import ClusterSpec, NodeIntent, NodeSpec
from quorate.model.records import Change, Position, Put
from quorate.model.workload import (
    Assignment,
    GroupFact,
    Move,
    Reason,
    ResourceFact,
    ResourceState,
    SeparationLevel,
    desired,
)
from quorate.node.coordinating import Coordinating

NOW = Moment(1000.0)


@dataclass(frozen=True)
class DrawnGroup:
    preferred: tuple[int, ...]
    possible: frozenset[int]
    failback: int
    priority: int
    demand: int
    apart: bool
    together: bool
    enforced: bool
    spread: bool
    level: SeparationLevel
    locked: bool
    online: bool
    proof: str


@dataclass(frozen=True)
class World:
    nodes: int
    capacity: int
    sites: tuple[str, ...]
    drain_limit: int
    late: int
    """A node that is down at first, and comes when the others have been settled; 0: none."""
    groups: tuple[DrawnGroup, ...]
    change: str
    node: int
    group: int


def groups(count: int, *, alone: bool) -> st.SearchStrategy[DrawnGroup]:
    """Groups for so many nodes; `alone`: none that has to do with another."""
    one = st.integers(1, count)
    seldom, rarely = st.sampled_from((False, False, True)), st.sampled_from((False, False, False, True))
    never: st.SearchStrategy[bool] = st.just(value=False)
    return st.builds(
        DrawnGroup,
        preferred=st.lists(one, unique=True, max_size=2).map(tuple),
        possible=st.frozensets(one, max_size=3),
        failback=st.integers(0, 1),
        priority=st.sampled_from((2000, 2000, 0, 1000, 3000)),
        demand=st.just(0) if alone else st.integers(0, 3),
        apart=never if alone else seldom,
        together=never if alone else seldom,
        enforced=st.booleans(),
        spread=never if alone else rarely,
        level=st.sampled_from(("node", "site")),
        locked=rarely,
        online=st.sampled_from((True, True, True, False)),
        proof=st.sampled_from(("lease", "lease", "fenced")),
    )


CHANGES = (
    "lost", "comes", "drain", "pause", "stop", "move", "best", "offline", "online",
    "demand", "priority", "owners", "apart", "delete", "limit",
)  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn, *, alone: bool = False) -> World:
    """A cluster and a change; `alone`: its groups have nothing to do with each other."""
    count = draw(st.integers(2, 5))
    one = st.integers(1, count)
    drawn = draw(st.lists(groups(count, alone=alone), min_size=1, max_size=6).map(tuple))
    return World(
        nodes=count,
        capacity=draw(st.integers(2, 6)),
        sites=tuple(draw(st.lists(st.sampled_from(("", "east", "west")), min_size=count, max_size=count))),
        drain_limit=0 if alone else draw(st.sampled_from((0, 0, 1))),
        late=draw(st.sampled_from((0, 0, 1, 2))),
        groups=drawn,
        change=draw(st.sampled_from(CHANGES)),
        node=draw(one),
        group=draw(st.integers(0, len(drawn) - 1)),
    )


def written(world: World) -> Cluster:
    """The cluster before anything was decided."""
    cluster = Cluster(world.nodes)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c", drain_limit=world.drain_limit))
    for node in range(1, world.nodes + 1):
        spec = NodeSpec(node=node, name=f"n{node}", capacity={"ram": world.capacity}, site=world.sites[node - 1])
        cluster.put(f"{keys.SPEC_NODE}{node}", spec)
    if world.late:
        cluster.member(world.late, up=False)
    for number, drawn in enumerate(world.groups):
        name = f"g{number}"
        cluster.group(
            name,
            online=drawn.online,
            preferred_owners=drawn.preferred,
            auto_failback_type=drawn.failback,
            priority=drawn.priority,
            demand={"ram": drawn.demand} if drawn.demand else {},
            anti_affinity_class_names=("x",) if drawn.apart else (),
            anti_affinity_enforced=drawn.enforced,
            affinity_class_names=("y",) if drawn.together else (),
            affinity_enforced=drawn.enforced,
            spread_class_names=("z",) if drawn.spread else (),
            separation_level=drawn.level,
            locked_from_moving=drawn.locked,
            required_proof=drawn.proof,
        )
        cluster.resource(f"{name}a", name, possible_owners=tuple(sorted(drawn.possible)))
        cluster.resource(f"{name}b", name, depends_on=((f"{name}a",),))
    return cluster


def settled(world: World) -> Cluster:
    """The cluster when everybody has come and nothing is left to be done."""
    cluster = written(world)
    happen(cluster)
    if world.late and world.change != "comes":
        cluster.member(world.late, life="b")
        happen(cluster)
    return cluster


@dataclass(frozen=True)
class Event:
    """One thing that happened: something was decided, or an owner stopped or started resources."""

    group: str
    what: str
    source: int
    target: int
    resources: tuple[str, ...] = ()
    cause: str = ""
    reasons: tuple[Reason, ...] = ()


def happen(cluster: Cluster, chance: random.Random | None = None) -> list[Event]:
    """Drive the view as a service does until nothing changes; with `chance` every owner takes its time."""
    view = cluster.view
    coordinating = Coordinating(1, view, lambda: NOW.wall_s, frozenset())
    history: list[Event] = []
    again: set[str] = set()
    view.touched_all = True  # whoever comes to lead looks at everything
    idle = 0
    while idle < 2:
        slow = chance if idle == 0 else None
        obeyed = obey(cluster, slow)
        history += obeyed
        touched = set(view.groups) if view.touched_all else set(view.touched)
        view.touched, view.touched_all = set(), False
        request, decided, again = coordinating.assign(touched | again)
        before = dict(view.assignments)
        _allowed(view, [one.assignment for one in decided])
        if request is not None:
            for write in request.writes:
                assert isinstance(write, Put)
                cluster.revision += 1
                change = Change(write.key, write.value, cluster.revision)
                view.apply(Position(1, cluster.revision), [change])
            for one in decided:
                known = before.get(one.assignment.group)
                history += told(known.record if known is not None else None, one.assignment)
        idle = 0 if obeyed or request is not None else idle + 1
        if idle == 2 and leave(cluster, history):
            idle = 0
        assert len(history) < 500, "no end"
    return history


def _allowed(view: ClusterView, decided: list[Assignment]) -> None:
    """No group goes where it may not be, as things are when that is decided."""
    scene = Scene(view, NOW.wall_s)
    for made in decided:
        known, spec = view.assignments.get(made.group), view.groups[made.group].record
        goes_on = known is not None and known.record.owner == made.owner and made.phase == "run"
        if made.phase != "hold" and not goes_on:
            assert objection(scene, spec, made.to or made.owner) is None, made
        scene.decided(spec, made)


def told(former: Assignment | None, made: Assignment) -> list[Event]:
    """An assignment in the words of foresight, written without a look at it."""
    group, reasons = made.group, made.reasons
    if former is None:
        return [Event(group, "hold" if made.phase == "hold" else "place", 0, made.owner, (), made.cause, reasons)]
    if former.number == made.number:
        new = reasons[len(former.reasons) :]
        return [Event(group, "stay", made.owner, made.owner, (), made.cause, new)] if new else []
    if made.phase == "stop":
        return [Event(group, "move", made.owner, made.to, (), made.cause, reasons)]
    if made.phase == "hold":
        return [Event(group, "hold", former.owner, made.owner, (), made.cause, reasons)]
    if former.phase == "stop" and former.to == made.owner:
        return []
    what = "stay" if former.owner == made.owner else "move"
    return [Event(group, what, former.owner, made.owner, (), made.cause, reasons)]


def leave(cluster: Cluster, history: list[Event]) -> bool:
    """Nodes that are being stopped end what is left and go; tells whether somebody is left who can go on."""
    view = cluster.view
    going = [n for n in sorted(view.authority.up()) if view.node_intent(n).stopping]
    for node in going:
        life = view.authority.members[node].record.incarnation
        for group, known in sorted(view.assignments.items()):
            fact = view.fact(known.record) if known.record.owner == node else None
            if fact is not None and view.owner_lives(known.record) and group in view.groups:
                up = tuple(sorted(r for r, f in fact.resources.items() if f.state == "online"))
                history += [Event(group, "stop", node, node, up)] if up else []
        cluster.put(keys.member(node), MemberRecord(node=node, state="down", incarnation=life, proof="released"))
    return bool(going) and has_majority(view)


def has_majority(view: ClusterView) -> bool:
    """Every node votes in a drawn cluster."""
    return 2 * len(view.authority.up()) > len(view.nodes)


def obey(cluster: Cluster, chance: random.Random | None = None) -> list[Event]:
    """Every living owner reports what it should have; tells what stopped and started by that."""
    view = cluster.view
    found: list[Event] = []
    for group, known in sorted(view.assignments.items()):
        now, intent = known.record, view.intent(group)
        if not view.owner_lives(now) or group not in view.groups:
            continue
        if chance is not None and chance.random() < 0.5:
            continue
        former = view.fact(now)
        last = view.facts.get((now.owner, group))
        same_life = last is not None and last.record.incarnation == now.incarnation
        ran = {r for r, f in last.record.resources.items() if f.state == "online"} if last and same_life else set()
        paused = view.node_intent(now.owner).paused
        states: dict[str, ResourceState] = {}
        for resource, spec in view.members_of.get(group, {}).items():
            was = former.resources[resource].state if former is not None else "offline"
            goes_on = was == "online" or not paused
            run = now.phase == "run" and desired(spec, intent) and goes_on
            states[resource] = "online" if run else "offline"
        fact = GroupFact(
            group=group,
            incarnation=now.incarnation,
            number=now.number,
            resources={r: ResourceFact(state=s) for r, s in states.items()},
            stopped=now.phase != "run",
            intent=view.intents[group].revision,
            clear_failures=intent.clear_failures,
        )
        if fact == former:
            continue
        runs = {r for r, state in states.items() if state == "online"}
        if ran - runs:
            found.append(Event(group, "stop", now.owner, now.owner, tuple(sorted(ran - runs))))
        if runs - ran:
            found.append(Event(group, "start", now.owner, now.owner, tuple(sorted(runs - ran))))
        cluster.put(keys.fact_group(now.owner, group), fact)
    return found


def changed(world: World, cluster: Cluster) -> list[tuple[str, Value | None]]:
    """What the drawn change writes; None: the key is gone."""
    view, group = cluster.view, f"g{world.group}"
    intent, key = view.intent(group), keys.INTENT_GROUP + group
    spec, wish = view.groups[group].record, f"{keys.INTENT_NODE}{world.node}"
    match world.change:
        case "drain":
            return [(wish, NodeIntent(paused=True, drain="d"))]
        case "pause":
            return [(wish, NodeIntent(paused=True))]
        case "stop":
            return [(wish, NodeIntent(stopping=True))]
        case "move" | "best":
            move = Move(id="m", to=world.node if world.change == "move" else 0)
            return [(key, replace(intent, move=move))]
        case "online" | "offline":
            on = world.change == "online"
            cleared = intent.clear_failures + on
            return [(key, replace(intent, persistent_state=on, clear_failures=cleared))]
        case "demand":
            return [(keys.SPEC_GROUP + group, replace(spec, demand={"ram": 5}))]
        case "priority":
            return [(keys.SPEC_GROUP + group, replace(spec, priority=2500))]
        case "apart":
            return [(keys.SPEC_GROUP + group, replace(spec, anti_affinity_class_names=("x",)))]
        case "owners":
            name = f"{group}a"
            return [(keys.SPEC_RESOURCE + name, replace(view.resources[name].record, possible_owners=(world.node,)))]
        case "delete":
            facts = [keys.fact_group(node, of) for node, of in view.facts if of == group]
            gone = (keys.SPEC_RESOURCE + f"{group}a", keys.SPEC_RESOURCE + f"{group}b", keys.SPEC_GROUP + group)
            return [(one, None) for one in (*gone, key, keys.ASSIGNMENT + group, *facts)]
        case "limit":
            return [(f"{keys.SPEC_NODE}{world.node}", replace(view.nodes[world.node].record, capacity={"ram": 1}))]
        case "comes":
            if not world.late:
                return []
            record = MemberRecord(node=world.late, state="up", incarnation=f"{world.late}.b")
            return [(keys.member(world.late), record)]
        case _:
            life = view.authority.members[world.node].record.incarnation
            lost = MemberRecord(node=world.node, state="down", incarnation=life, proof="lease_over")
            return [(keys.member(world.node), lost)]


def bytes_of(writes: Iterable[tuple[str, Value | None]]) -> list[tuple[str, bytes | None]]:
    """As `ClusterView.imagine` takes them."""
    return [(key, encode(value) if value is not None else None) for key, value in writes]


def make(cluster: Cluster, writes: Iterable[tuple[str, Value | None]]) -> None:
    """Write them, in one transaction."""
    cluster.revision += 1
    made = [Change(key, value, cluster.revision) for key, value in bytes_of(writes)]
    cluster.view.apply(Position(1, cluster.revision), made)


def ends(view: ClusterView) -> dict[str, tuple[str, int, bool]]:
    """Phase, owner, and whether anything is online, of every group."""
    found: dict[str, tuple[str, int, bool]] = {}
    for group, known in view.assignments.items():
        fact = view.fact(known.record) if view.owner_lives(known.record) else None
        online = fact is not None and any(f.state == "online" for f in fact.resources.values())
        found[group] = (known.record.phase, known.record.owner, online)
    return found
