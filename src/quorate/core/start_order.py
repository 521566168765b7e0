"""Which groups wait with their start for others (spec/03 §11 to §13): sets, dependencies, delays, priorities, limits.

Owns: the reason for which a group is not started yet, and when that is over at the latest. Pure: every node finds the
same for every group, so its owner can hold it back and anybody can say why. Does not know: how a group is started.
How it works: the rules are asked in one order, the first that holds the group back is the reason. They order starts
alone: a group that has begun is never held back, and what a provider does later stops nobody (PR-10).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from quorate.core.cluster_view import ClusterView
from quorate.model.nodes import ClusterSpec
from quorate.model.workload import FALLEN, GroupSetSpec, GroupSpec, Reason, as_wanted, desired, wants_online

_DEFAULTS = ClusterSpec(name="", id="")


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a group is not started yet; `until_s` is the wall time at which it is at the latest, None: open."""

    reason: Reason
    until_s: float | None = None


class StartOrder:
    """One view's answers, as of one moment; what concerns all groups is found once."""

    def __init__(self, view: ClusterView, wall_s: float) -> None:
        self.view = view
        self.wall_s = wall_s
        self._cluster = view.cluster.record if view.cluster is not None else _DEFAULTS

    def wait_of(self, group: GroupSpec, starting_here: int | None = None) -> Wait | None:
        """What the group waits for before it is started; None where it may start.

        `starting_here`: how many groups the owner is starting; None: as far as facts tell.
        """
        known = self.view.assignments.get(group.id)
        if known is None:
            return None
        now, intent = known.record, self.view.intent(group.id)
        if intent.unordered:
            return None
        by_hand = intent.clear_failures != now.clear_failures
        began_s = max(now.at_s, intent.asked_s)
        if not by_hand and group.group_start_delay_ms and self.wall_s < now.at_s + group.group_start_delay_ms / 1000:
            delay = str(group.group_start_delay_ms)
            return Wait(Reason(code="start_delay", detail=delay), now.at_s + group.group_start_delay_ms / 1000)
        waits = self._providers(group, began_s)
        if waits is None and not by_hand:
            waits = self._higher(group, now.at_s)
        limit = self._cluster.start_limit
        if waits is None and limit:
            busy = starting_here if starting_here is not None else self._starting_on[now.owner]
            if busy >= limit:
                waits = Wait(Reason(code="start_limit", node=now.owner, detail=str(limit)))
        return waits

    # ---------------------------------------------------------------- providers

    def _providers(self, group: GroupSpec, began_s: float) -> Wait | None:
        """Sets and groups that must be ready first; after GroupDependencyTimeout it starts without them (PR-09)."""
        until_s = began_s + self._cluster.group_dependency_timeout_s
        if self.wall_s >= until_s:
            return None
        own = self._set_of.get(group.id)
        if own is None or not own.is_global:
            late = next((one for one in self._global_sets if not self.set_ready(one)), None)
            if late is not None:
                return Wait(Reason(code="waits_for_global_set", subject=late.name), until_s)
        for part in (*group.depends_on, *(own.depends_on if own is not None else ())):
            ready = [self._ready_s(one, until_s) for one in part]
            if not any(at_s <= self.wall_s for at_s in ready):
                names = " or ".join(sorted(self._name(one) for one in part))
                return Wait(Reason(code="waits_for_provider", subject=names), min((*ready, until_s)))
        return None

    def _name(self, provider: str) -> str:
        if provider in self.view.sets:
            return f"set {self.view.sets[provider].record.name}"
        return f"group {self.view.groups[provider].record.name}" if provider in self.view.groups else provider

    def _ready_s(self, provider: str, never_s: float) -> float:
        """When a provider is ready; a group or set that is no more is."""
        if provider in self.view.sets:
            return self._set_ready_s(self.view.sets[provider].record, never_s)
        return 0.0 if provider not in self.view.groups or self.online(provider) else never_s

    def online(self, group: str) -> bool:
        """All that should be online of the group is, but for what does not matter, and something should."""
        known = self.view.assignments.get(group)
        fact = self.view.fact(known.record) if known is not None else None
        if fact is None:
            return False
        intent, members = self.view.intent(group), self.view.members_of.get(group, {})
        wanted = [spec for spec in members.values() if desired(spec, intent)]
        return bool(wanted) and as_wanted(wanted, intent, fact)

    def set_ready(self, one: GroupSetSpec) -> bool:
        """Those who depend on the set may start."""
        return self._set_ready_s(one, self.wall_s + 1) <= self.wall_s

    def _set_ready_s(self, one: GroupSetSpec, never_s: float) -> float:
        """When the set is ready (spec/03 §13); settings 3 and 4 count as 2."""
        groups = [group for group in one.groups if group in self.view.groups]
        times = sorted(self._begun_s(group, never_s, online=one.startup_setting != 1) for group in groups)
        needed = self.needed(one, len(groups))
        if not needed:
            return 0.0
        reached_s = times[needed - 1]
        return never_s if reached_s >= never_s else reached_s + one.startup_delay_s

    @staticmethod
    def needed(one: GroupSetSpec, size: int) -> int:
        """How many of its groups must be so (PR-07)."""
        if one.startup_count is None or one.startup_count > size:
            return size
        return size // 2 + 1 if one.startup_count == 0 and size else one.startup_count

    def _begun_s(self, group: str, never_s: float, *, online: bool) -> float:
        """When the group was given to its owner; `online`: and is online."""
        known, intent = self.view.assignments.get(group), self.view.intent(group)
        if known is None or known.record.phase != "run" or not wants_online(intent):
            return never_s
        if online and not self.online(group):
            return never_s
        return max(known.record.at_s, intent.asked_s)

    # ---------------------------------------------------------------- priorities and limits

    def _higher(self, group: GroupSpec, at_s: float) -> Wait | None:
        """Groups of higher priority that are being started go first, for so long at most."""
        if self._highest <= group.priority:
            return None
        until_s = at_s + self._cluster.priority_stagger_s
        return (
            Wait(Reason(code="waits_for_priority", detail=str(self._highest)), until_s)
            if self.wall_s < until_s
            else None
        )

    @cached_property
    def _highest(self) -> int:
        """The highest priority of a group that is being started by itself."""
        priorities = {known.record.priority for known in self.view.groups.values()}
        if len(priorities) < 2:
            return -1
        found = (self.view.groups[g].record for g in self.view.assignments if g in self.view.groups)
        return max((spec.priority for spec in found if self._starting(spec)), default=-1)

    def _starting(self, group: GroupSpec) -> bool:
        """It is to start by itself, has not come to an end of that, and waits for nobody else."""
        now, intent = self.view.assignments[group.id].record, self.view.intent(group.id)
        if now.phase != "run" or not intent.persistent_state or now.cause == "created":
            return False
        if self.wall_s >= now.at_s + self._cluster.priority_stagger_s or self.online(group.id):
            return False
        if not self.view.owner_lives(now):
            return False
        fact = self.view.fact(now)
        if fact is not None and any(f.state in FALLEN for f in fact.resources.values()):
            return False
        return bool(self.view.members_of.get(group.id)) and self._providers(group, now.at_s) is None

    @cached_property
    def _starting_on(self) -> Counter[int]:
        """Groups that each node is starting, as far as facts tell."""
        counts: Counter[int] = Counter()
        for known in self.view.assignments.values():
            fact = self.view.fact(known.record)
            if fact is not None and any(f.state == "online_pending" for f in fact.resources.values()):
                counts[known.record.owner] += 1
        return counts

    @cached_property
    def _set_of(self) -> dict[str, GroupSetSpec]:
        return {group: known.record for known in self.view.sets.values() for group in known.record.groups}

    @cached_property
    def _global_sets(self) -> list[GroupSetSpec]:
        return sorted((k.record for k in self.view.sets.values() if k.record.is_global), key=lambda one: one.name)
