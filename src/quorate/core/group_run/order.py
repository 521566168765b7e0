"""What may start and what may stop now: dependencies, alternatives, advisory order, what matters (spec/03 §3.2).

Owns: the questions about members of one group that need more than one of them. Pure. Does not know: restart policy
beyond "no restart is left", or commands. Answers are kept for the step, or a lattice of dependencies would be walked
along every path; what is ordered within the step changes none of them.
How it works: a `Picture` is made at the start of a step, from specifications, runs and what is wanted. A part of an
expression is satisfied by one resource that is online and may stay; *hopeful* is one that may still come by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quorate.core.group_run.resource_run import ResourceRun
from quorate.model.workload import FALLEN, QUIET, ResourceSpec


class Picture:
    """The members of a group at one moment."""

    def __init__(
        self,
        members: Mapping[str, ResourceSpec],
        runs: Mapping[str, ResourceRun],
        wanted: Mapping[str, bool],
        *,
        paused: bool,
    ) -> None:
        self._members = members
        self._runs = runs
        self._wanted = wanted
        self._paused = paused
        self._users: dict[str, list[tuple[ResourceSpec, tuple[str, ...]]]] = {}
        """Of each resource: the members with a part that names it, and that part."""
        self._later: dict[str, list[ResourceSpec]] = {}
        """Of each resource: the members that start after it."""
        for spec in members.values():
            for part in spec.depends_on:
                for provider in part:
                    self._users.setdefault(provider, []).append((spec, part))
            for earlier in spec.starts_after:
                self._later.setdefault(earlier, []).append(spec)
        self._coming_known: dict[str, bool] = {}
        self._hopeful_known: dict[str, bool] = {}
        self._matters_known: dict[str, bool] = {}
        self.standing = self._find_standing()
        """Resources that are online and may stay: wanted, and stood on providers that stay (D-2, D-3)."""

    def _find_standing(self) -> frozenset[str]:
        members = self._members
        standing = {r for r in members if self._wanted[r] and self._runs[r].state == "online"}
        while fallen := {r for r in standing if not all(standing & set(part) for part in members[r].depends_on)}:
            standing -= fallen
        return frozenset(standing)

    # ---------------------------------------------------------------- up

    def provided(self, spec: ResourceSpec) -> bool:
        """Every part of its expression is satisfied."""
        return all(any(p in self.standing for p in part) for part in spec.depends_on)

    def may_start(self, spec: ResourceSpec) -> bool:
        """Provided for; no alternative pending, nothing to start after on its way, no dependent still going down."""
        pending = any(self._pending(p) for part in spec.depends_on for p in part)
        if pending or not self.provided(spec) or any(self._coming(r) for r in spec.starts_after):
            return False
        return not any(
            run.state not in QUIET and run.state != "stop_failed" and needing.id not in self.standing
            for needing in self._needing(spec.id)
            if (run := self._runs[needing.id]).known
        )

    def _pending(self, resource: str) -> bool:
        run = self._runs.get(resource)
        return run is not None and (run.state == "online_pending" or run.asked == "online")

    def _coming(self, resource: str) -> bool:
        """It is being started, or will be as soon as what it needs is there. A failed one is not waited for."""
        if resource not in self._coming_known:
            self._coming_known[resource] = False  # should there be a circle
            self._coming_known[resource] = self._find_coming(resource)
        return self._coming_known[resource]

    def _find_coming(self, resource: str) -> bool:
        run = self._runs.get(resource)
        if run is None or resource not in self._members or not self._wanted[resource]:
            return False
        if self._pending(resource):
            return True
        return run.state == "offline" and all(
            any(p in self.standing or self._coming(p) for p in part) for part in self._members[resource].depends_on
        )

    # ---------------------------------------------------------------- down

    def may_stop(self, resource: str) -> bool:
        """Everything that needs it is down, and so is what started after it and is stopping too."""
        for other in self._needing(resource):
            if not self._quiet(other.id):
                return False
        return all(
            self._quiet(other.id) or other.id in self.standing or self._runs[other.id].state == "stop_failed"
            for other in self._later.get(resource, ())
        )

    def _needing(self, resource: str) -> Iterator[ResourceSpec]:
        """Members with a part that nothing but this resource satisfies; alternatives in an OR part do not need it."""
        for other, part in self._users.get(resource, ()):
            if not any(p != resource and p in self._runs and self._runs[p].state == "online" for p in part):
                yield other

    def _quiet(self, resource: str) -> bool:
        run = self._runs.get(resource)
        return run is None or (run.known and run.state in QUIET)

    # ---------------------------------------------------------------- what matters

    def matters(self, resource: str) -> bool:
        """Whether the failure of this resource is one of the group (spec/03 §3.2, last point).

        It is not where the resource is only an alternative and another one serves or may still come; and not where it
        is not critical, unless a resource that matters cannot be online without it.
        """
        if resource not in self._matters_known:
            self._matters_known[resource] = False  # should there be a circle
            self._matters_known[resource] = self._find_matters(resource)
        return self._matters_known[resource]

    def _find_matters(self, resource: str) -> bool:
        users = [(other, part) for other, part in self._users.get(resource, ()) if self._wanted[other.id]]
        spare = [any(self._hopeful(p) for p in part if p != resource) for _, part in users]
        if self._members[resource].critical and not (users and all(spare)):
            return True
        return any(not spared and self.matters(other.id) for (other, _), spared in zip(users, spare, strict=True))

    def _hopeful(self, resource: str) -> bool:
        """It serves, or may still come online by itself."""
        if resource not in self._hopeful_known:
            self._hopeful_known[resource] = False  # should there be a circle
            self._hopeful_known[resource] = self._find_hopeful(resource)
        return self._hopeful_known[resource]

    def _find_hopeful(self, resource: str) -> bool:
        run = self._runs.get(resource)
        if run is None or resource not in self._members or not self._wanted[resource]:
            return False
        if not run.known or resource in self.standing or self._pending(resource):
            return True
        if self._paused or run.state == "stop_failed":
            return False
        if run.state in FALLEN and (run.counts.settled or run.state != "failed"):
            return False
        return all(any(self._hopeful(p) for p in part) for part in self._members[resource].depends_on)
