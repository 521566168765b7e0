"""Who hosts what: per node the groups that should be online there, what they demand, and the classes they bring.

Owns: the counts that placement goes by, kept up to date group by group. Does not know: nodes' states, or what follows.
How it works: a group counts where it is, or where it is going to; what it takes, and whom it keeps away, counts where
it leaves too, until nothing of it runs there. So does what is on hold. A copy made from a base is for trying a batch of
decisions: only the nodes that change are copied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import ItemsView, Mapping
from dataclasses import dataclass, field
from typing import Final

from quorate.model.workload import Assignment, GroupFact, GroupIntent, GroupSpec, SeparationLevel, wants_online

APART, TOGETHER, SPREAD = "apart", "together", "spread"
"""Why a class is counted."""
STRICT: Final[dict[SeparationLevel, str]] = {
    "node": "strict_node",
    "fault_domain": "strict_fault_domain",
    "site": "strict_site",
}
"""The class of a group that shares that place with none of it, whatever they say themselves."""
_WHILE_IT_RUNS = frozenset({APART, *STRICT.values()})


@dataclass(slots=True)
class Load:
    """What one node hosts."""

    hosts: set[str] = field(default_factory=set)
    """The groups that count here."""
    leaving: set[str] = field(default_factory=set)
    """Those that are on their way from here, and of which something may still run."""
    used: dict[str, int] = field(default_factory=dict)
    """Of each named quantity."""
    classes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many groups bring each class, by kind and name."""

    def copy(self) -> Load:
        """One that may be changed."""
        return Load(set(self.hosts), set(self.leaving), dict(self.used), Counter(self.classes))

    @property
    def groups(self) -> int:
        """How many groups count here."""
        return len(self.hosts)


@dataclass(frozen=True, slots=True)
class Share:
    """What one group takes of the node on which it counts."""

    node: int
    demand: Mapping[str, int]
    classes: tuple[tuple[str, str], ...]
    leaving: int = 0
    """The node on which something of it may still run, on its way."""

    def on(self, node: int) -> bool:
        """It takes room there."""
        return node in (self.node, self.leaving)


NOTHING = Load()


class Occupancy:
    """What every node hosts."""

    def __init__(self, base: Occupancy | None = None) -> None:
        """`base`: what this is a copy of, to try decisions on; it must not change meanwhile."""
        self._base = base
        self._loads: dict[int, Load] = dict(base.nodes()) if base is not None else {}
        self._own: set[int] = set()
        """Nodes whose load is this copy's own."""
        self._shares: dict[str, Share | None] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._loads.clear()
        self._own.clear()
        self._shares.clear()

    def load(self, node: int) -> Load:
        """What a node hosts; not to be changed."""
        return self._loads.get(node, NOTHING)

    def share(self, group: str) -> Share | None:
        """Where a group counts, and with what."""
        if self._base is None or group in self._shares:
            return self._shares.get(group)
        return self._base.share(group)

    def nodes(self) -> ItemsView[int, Load]:
        """Every node that hosts something, or did."""
        return self._loads.items()

    def copy(self) -> Occupancy:
        """One that goes its own way from now on."""
        made = Occupancy()
        made._loads = {node: load.copy() for node, load in self._loads.items()}
        made._own = set(made._loads)
        made._shares = dict(self._shares)
        return made

    def on(self, node: int) -> list[str]:
        """Groups that count on a node, in the order of their ids."""
        return sorted(self.load(node).hosts)

    def leaving(self, node: int) -> list[str]:
        """Groups that are on their way from a node."""
        return sorted(self.load(node).leaving)

    def put(self, group: str, share: Share | None) -> None:
        """The group counts there from now on, or nowhere."""
        former = self.share(group)
        if former == share:
            return
        if former is not None:
            self._add(group, former, -1)
        if share is not None:
            self._add(group, share, 1)
        if share is None and self._base is None:
            self._shares.pop(group, None)
        else:
            self._shares[group] = share

    def _add(self, group: str, share: Share, sign: int) -> None:
        load = self._changing(share.node)
        _note(load.hosts, group, sign)
        for name, amount in share.demand.items():
            load.used[name] = load.used.get(name, 0) + sign * amount
        for entry in share.classes:
            load.classes[entry] += sign
        if not share.leaving:
            return
        load = self._changing(share.leaving)
        _note(load.leaving, group, sign)
        for name, amount in share.demand.items():
            load.used[name] = load.used.get(name, 0) + sign * amount
        for entry in share.classes:
            if entry[0] in _WHILE_IT_RUNS:
                load.classes[entry] += sign

    def _changing(self, node: int) -> Load:
        """The node's load, this copy's own from now on."""
        load = self._loads.get(node)
        if load is None or node not in self._own:
            load = self._loads[node] = load.copy() if load is not None else Load()
            self._own.add(node)
        return load


def _note(groups: set[str], group: str, sign: int) -> None:
    if sign > 0:
        groups.add(group)
    else:
        groups.discard(group)


def share_of(
    spec: GroupSpec, intent: GroupIntent, assignment: Assignment | None, fact: GroupFact | None
) -> Share | None:
    """Where a group counts and with what; nowhere while nobody wants it online or nothing of it may run."""
    if assignment is None or not wants_online(intent):
        return None
    if assignment.phase == "hold" and fact is not None and fact.stopped:
        return None
    on_its_way = assignment.phase == "stop" and assignment.to not in (0, assignment.owner)
    leaving = assignment.owner if on_its_way and not (fact is not None and fact.stopped) else 0
    return share_on(spec, assignment.to or assignment.owner, leaving)


def share_on(spec: GroupSpec, node: int, leaving: int = 0) -> Share:
    """What the group takes where it is put, and where it leaves."""
    if not (spec.anti_affinity_class_names or spec.affinity_class_names or spec.spread_class_names):
        return Share(node, spec.demand, (), leaving)
    kinds = (
        (APART, spec.anti_affinity_class_names),
        (TOGETHER, spec.affinity_class_names),
        (SPREAD, spec.spread_class_names),
        (STRICT[spec.separation_level], spec.anti_affinity_class_names if spec.anti_affinity_enforced else ()),
    )
    classes = tuple((kind, name.casefold()) for kind, names in kinds for name in names)
    return Share(node, spec.demand, classes, leaving)
