"""What changes of specifications mean to people: objects renamed, resources made and deleted, properties set (PP-12).

Owns: these happenings. Does not know: who reads them; `control.chronicle` asks for them together with all others.
How it works: it remembers every specification as it was last told, and compares the fields of those whose keys changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.workload import GroupSpec, ResourceSpec

Told = tuple[str, str, str, dict[str, str | int]]
"""Kind, subject, sentence, data."""

_OF_ITS_OWN = {"name", "next_node", "functional_level", "destroyed", "votes", "vote_pending", "expulsions_released_s"}
"""Fields whose changes are told in words of their own, or are the cluster's own doing."""


class SpecificationChronicle:
    """Tells changes of specifications; remembers what was told."""

    def __init__(self) -> None:
        self._known: dict[str, Value] = {}

    def look(self, view: ClusterView, changed: Iterable[str] | None) -> Iterator[Told]:
        """What happened since the last look, as far as these keys go; None means all keys."""
        wanted = set(self._known) | set(_all(view)) if changed is None else set(changed)
        for key in sorted(wanted):
            if key.startswith("spec/"):
                yield from self._one(view, key)

    def _one(self, view: ClusterView, key: str) -> Iterator[Told]:
        now, before = _record(view, key), self._known.get(key)
        if now is None:
            self._known.pop(key, None)
            if isinstance(before, ResourceSpec):
                yield "resource_deleted", before.name, f"resource {before.name} was deleted", {"group": before.group}
            return
        self._known[key] = now
        match now, before:
            case ResourceSpec(), None:
                yield "resource_created", now.name, f"resource {now.name} was created", {"group": now.group}
            case (
                (ClusterSpec() | NodeSpec() | GroupSpec() | ResourceSpec()),
                (ClusterSpec() | NodeSpec() | GroupSpec() | ResourceSpec()),
            ):
                yield from _compared(view, now, before)
            case _:
                return


def _compared(
    view: ClusterView, now: ClusterSpec | NodeSpec | GroupSpec | ResourceSpec, before: Value
) -> Iterator[Told]:
    kind = {ClusterSpec: "cluster", NodeSpec: "node", GroupSpec: "group", ResourceSpec: "resource"}[type(now)]
    former = getattr(before, "name", "")
    if former != now.name and kind != "node":
        yield f"{kind}_renamed", now.name, f"{kind} {former} is called {now.name} now", {"former": former}
    if isinstance(now, ResourceSpec) and isinstance(before, ResourceSpec) and now.group != before.group:
        group = view.groups[now.group].record.name if now.group in view.groups else now.group
        yield "resource_regrouped", now.name, f"resource {now.name} belongs to group {group} now", {"group": now.group}
    fields = [
        name
        for name in now.__struct_fields__
        if name not in _OF_ITS_OWN | {"group"} and getattr(now, name) != getattr(before, name, None)
    ]
    if fields:
        what = f"{kind} {now.name} was changed: {', '.join(fields)}"
        yield f"{kind}_changed", now.name, what, {"fields": ",".join(fields)}


def _all(view: ClusterView) -> Iterator[str]:
    yield keys.SPEC_CLUSTER
    yield from (f"{keys.SPEC_NODE}{node}" for node in view.nodes)
    yield from (keys.SPEC_GROUP + group for group in view.groups)
    yield from (keys.SPEC_RESOURCE + resource for resource in view.resources)


def _record(view: ClusterView, key: str) -> Value | None:
    own = key.rpartition("/")[2]
    if key == keys.SPEC_CLUSTER:
        return view.cluster.record if view.cluster is not None else None
    if key.startswith(keys.SPEC_NODE):
        node = view.nodes.get(int(own))
        return node.record if node is not None else None
    if key.startswith(keys.SPEC_GROUP):
        group = view.groups.get(own)
        return group.record if group is not None else None
    if key.startswith(keys.SPEC_RESOURCE):
        resource = view.resources.get(own)
        return resource.record if resource is not None else None
    return None
