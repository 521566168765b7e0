"""Outside observers of a cluster: they hold the promises, whatever the nodes believe (design §10).

Owns: the one true history of who was active, who acted as coordinator, who was declared down. The same checkers judge
the simulation and the lab. Does not know: how a node decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class Violation(AssertionError):
    """A promise was broken; the message names it, the time and the nodes."""


@dataclass(slots=True)
class Checker:
    """Promises 1 and 3, checked at every event."""

    active: dict[str, dict[int, int]] = field(default_factory=dict)
    """Per group, per node: how many of its processes can run."""
    acting: dict[int, int] = field(default_factory=dict)
    """Per node that acts as coordinator now: its epoch."""
    expulsion_limit: int = 0
    """So many nodes may be put out before somebody has looked; 0: no limit."""
    expelled: list[int] = field(default_factory=list)
    """Nodes that were put out since somebody looked last."""
    rivals: frozenset[str] = frozenset()
    """Groups of which no two may run on one node."""
    needless: list[str] = field(default_factory=list)
    """Outages without a reason, in words (promise 3)."""

    def activated(self, group: str, node: int, now: float) -> None:
        """A process of the group can run on that node from now on."""
        nodes = self.active.setdefault(group, {})
        nodes[node] = nodes.get(node, 0) + 1
        if len(nodes) > 1:
            raise Violation(f"one owner: group {group} is active on nodes {sorted(nodes)} at {now:.3f} s")
        beside = sorted(other for other in self.rivals if other != group and node in self.active.get(other, {}))
        if group in self.rivals and beside:
            raise Violation(f"kept apart: group {group} is active beside {beside} on node {node} at {now:.3f} s")

    def deactivated(self, group: str, node: int) -> None:
        """One process of the group has ended on that node."""
        nodes = self.active.get(group, {})
        if node in nodes:
            nodes[node] -= 1
            if nodes[node] <= 0:
                del nodes[node]

    def all_off(self, node: int) -> None:
        """The node lost power, or everything on it has ended."""
        for nodes in self.active.values():
            nodes.pop(node, None)

    def acts(self, node: int, epoch: int, now: float) -> None:
        """That node acts as coordinator of that epoch."""
        self.acting[node] = epoch
        if len(self.acting) > 1:
            raise Violation(f"one coordinator: {dict(sorted(self.acting.items()))} (node: epoch) act at {now:.3f} s")

    def acts_no_more(self, node: int) -> None:
        """That node does not act as coordinator."""
        self.acting.pop(node, None)

    def wished(self, group: str, before: object, after: object, now: float) -> None:
        """A node wrote what should be so of a group: only people change whether it should be online (spec/03 §5)."""
        if before != after:
            raise Violation(f"wishes: what should be online of {group} became {after} at {now:.3f} s, and was {before}")

    def put_out(self, node: int, now: float) -> None:
        """A node that had not come back was declared down, and not because somebody looked at it."""
        self.expelled.append(node)
        if 0 < self.expulsion_limit < len(self.expelled):
            raise Violation(f"blast radius: {self.expelled} are put out at {now:.3f} s; {self.expulsion_limit} may be")

    def declared_down(self, node: int, now: float, *, same_life: bool, holds_lease: bool) -> None:
        """A verdict about a node was executed; if it is about its present life nothing of it may run."""
        if not same_life:
            return
        running = sorted(group for group, nodes in self.active.items() if node in nodes)
        if running:
            raise Violation(f"expelled: node {node} is declared down at {now:.3f} s while it runs {running}")
        if holds_lease:
            raise Violation(f"expelled: node {node} is declared down at {now:.3f} s while it holds a lease")
