"""What goes offline when a resource does, and what alternatives spare (spec/03 §3.2).

Owns: that analysis. Pure. Does not know: whether a resource will be restarted; it answers for as long as it is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.model.workload import ResourceSpec


@dataclass(frozen=True, slots=True)
class Impact:
    """Ids, in the order in which they go. `spared` maps what stays to the providers that remain in its parts."""

    goes: tuple[str, ...]
    spared: dict[str, tuple[str, ...]]


def impact_of(members: Mapping[str, ResourceSpec], online: frozenset[str], resource: str) -> Impact:
    """What of `online` cannot stay without the resource; dependents come before what they depend on."""
    left = set(online) - {resource}
    rounds: list[list[str]] = []
    while fallen := {m for m in left if any(not left & set(part) for part in members[m].depends_on)}:
        rounds.append(sorted(fallen, key=lambda own: members[own].name.casefold()))
        left -= fallen
    away = {resource, *(own for one in rounds for own in one)}
    spared = {
        own: tuple(entry for part in members[own].depends_on if away & set(part) for entry in part if entry in left)
        for own in sorted(left, key=lambda own: members[own].name.casefold())
        if any(away & set(part) for part in members[own].depends_on)
    }
    return Impact(tuple(own for one in reversed(rounds) for own in one), spared)
