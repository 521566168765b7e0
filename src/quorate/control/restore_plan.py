"""What a restore changes, and one part of it as a guarded transaction (spec/02 §9.1).

Owns: the comparison of what is wanted with what is there, what stands against it, and the writes of one part.
Does not know: how a backup is read (`control.restore_reading`), or how often a part is tried (`control.restoring`).
How it works: the unit is a group with its resources. A group that is as the backup has it is not touched, be it online;
one that differs must be at rest, and its intent is guarded, so that nothing can start meanwhile. As many units as fit
into one transaction go into a part; the next one compares anew. So a restore that was interrupted is finished by
asking for it again. Neither coordinator nor epoch nor any record of membership is ever written: the store's revision
goes on rising, and its generation stays (0071).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from quorate.control.change import Change, Occasion, altered, audited, delete, guard, put
from quorate.control.checkpoints import saved_keys
from quorate.control.cluster import formed
from quorate.control.heartbeat_settings import timing_problems
from quorate.control.lookup import guard_group, guard_intent
from quorate.control.restore_reading import Wanted
from quorate.control.standing import at_rest
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.common_properties import CLUSTER_PROPERTIES
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Problem, warning
from quorate.model.records import Guard, Put, Snapshot, Write
from quorate.model.restore import RestoreItem
from quorate.model.topology import NetworkSpec
from quorate.model.workload import GroupIntent, GroupSpec, ResourceSpec

PART_WRITES: Final = 1000
"""Writes of one transaction, below what the store takes (2048 guards, 2048 writes)."""
PART_BYTES: Final = 1_000_000


class PartDone(Value, frozen=True, kw_only=True):
    """Answer to one part: what it did; nothing where nothing differs any more."""

    items: tuple[RestoreItem, ...] = ()


@dataclass(slots=True)
class Unit:
    """One group, or the cluster's own record, that differs: goes into a transaction whole."""

    items: list[RestoreItem] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Name keys that must belong to an object from then on, with its id."""

    @property
    def size_bytes(self) -> int:
        """What it costs of a transaction."""
        values = sum(len(write.value) for write in self.writes if isinstance(write, Put))
        return values + 200 * (len(self.writes) + len(self.guards) + 2 * len(self.names))


def units(view: ClusterView, wanted: Wanted, *, same_cluster: bool, as_they_were: bool) -> list[Unit]:
    """Everything that differs; removals come first, because they give names free."""
    kept_names = {keys.name("group", spec.name) for spec in wanted.groups.values()}
    kept_names |= {keys.name("resource", spec.name) for spec in wanted.resources.values()}
    gone = sorted(group for group in view.groups if group not in wanted.groups)
    found = [_removed(view, group, kept_names, wanted) for group in gone]
    for group in sorted(wanted.groups):
        unit = _group(view, wanted, group, kept_names, as_they_were=as_they_were)
        if unit.writes:
            found.append(unit)
    found += _sets(view, wanted)
    found += _fences(view, wanted)
    own = _cluster(view, wanted, same_cluster=same_cluster)
    return [*found, own] if own.writes else found


def busy_groups(view: ClusterView, found: list[Unit]) -> list[GroupSpec]:
    """Groups of the cluster that a unit changes and that are not at rest."""
    touched = {write.key.removeprefix(keys.SPEC_GROUP) for unit in found for write in unit.writes}
    return [view.groups[group].record for group in sorted(touched & set(view.groups)) if not at_rest(view, group)]


def left_offline(view: ClusterView, found: list[Unit]) -> list[GroupSpec]:
    """Groups of the cluster that a unit changed and that are not to be online."""
    touched = {write.key.removeprefix(keys.SPEC_GROUP) for unit in found for write in unit.writes}
    return sorted(
        (view.groups[group].record for group in touched & set(view.groups) if not view.intent(group).persistent_state),
        key=lambda spec: spec.name.casefold(),
    )


def standing_problems(view: ClusterView, wanted: Wanted) -> list[Problem]:
    """What of the cluster's own record cannot be put back, and roles of networks that are left alone."""
    problems: list[Problem] = []
    if wanted.cluster is not None:
        problems += timing_problems(_wanted_cluster(formed(view).record, wanted.cluster, same_cluster=False))
    for spec, there in _networks(view, wanted):
        if spec is None:
            what, remedy = f"network {there.name} is not there", "it is found when two nodes are on it"
            problems.append(warning("network_left_out", what, where=there.name, remedy=remedy))
        elif spec.role != there.role:
            what = f"network {spec.name} keeps its role {spec.role}; in the backup it is {there.role}"
            remedy = f"quorate network set {spec.name!r} role={there.role}, if that is meant"
            problems.append(warning("network_role_kept", what, where=spec.name, remedy=remedy))
    return problems


def part(
    found: list[Unit], snapshot: Snapshot, occasion: Occasion, cluster: ClusterSpec, detail: str
) -> Change[PartDone]:
    """As many units as fit, in one transaction with its audit record."""
    taken = first_part(found)
    guards = [guard for unit in taken for guard in unit.guards]
    writes = [write for unit in taken for write in unit.writes]
    for key, owner in ((key, owner) for unit in taken for key, owner in unit.names.items()):
        known = snapshot.get(key)
        guards.append(guard(key, known.mod_revision if known is not None else None))
        if known is None or known.value != owner.encode():
            writes.append(Put(key, owner.encode()))
    named = {write.key for write in writes if isinstance(write, Put)}
    writes = [write for write in writes if isinstance(write, Put) or write.key not in named]
    items = tuple(item for unit in taken for item in unit.items)
    change = Change(tuple(dict.fromkeys(guards)), tuple(dict.fromkeys(writes)), PartDone(items=items))
    return audited(
        change,
        occasion,
        verb="restore",
        kind="cluster",
        object_id=cluster.id,
        object_name=cluster.name,
        detail=f"{detail}: " + ", ".join(f"{item.action} {item.kind} {item.name}" for item in items[:50]),
    )


def first_part(found: list[Unit]) -> list[Unit]:
    """The units of the next transaction: never none."""
    taken, writes, size = list[Unit](), 0, 0
    for unit in found:
        writes, size = writes + len(unit.writes) + len(unit.names), size + unit.size_bytes
        if taken and (writes > PART_WRITES or size > PART_BYTES):
            break
        taken.append(unit)
    return taken


def _group(view: ClusterView, wanted: Wanted, group: str, kept_names: set[str], *, as_they_were: bool) -> Unit:
    spec, members = wanted.groups[group], wanted.members(group)
    known, there = view.groups.get(group), view.members_of.get(group, {})
    unit = Unit()
    if known is None:
        unit.items.append(RestoreItem(action="added", kind="group", name=spec.name))
    elif known.record != spec:
        unit.items.append(
            RestoreItem(action="changed", kind="group", name=spec.name, detail=_fields(known.record, spec))
        )
    for resource in (members[key] for key in sorted(members)):
        _resource(view, resource, unit, kept_names)
    for resource in (there[key] for key in sorted(there) if key not in wanted.resources):
        unit.items.append(RestoreItem(action="removed", kind="resource", name=resource.name))
        unit.guards.append(guard(keys.SPEC_RESOURCE + resource.id, view.resources[resource.id].revision))
        unit.writes.append(delete(keys.SPEC_RESOURCE + resource.id))
        unit.writes += saved_keys(view, resource.id, resource.checkpoints)
        _free_name(unit, keys.name("resource", resource.name), kept_names)
    intent, before = view.intent(group), wanted.intents.get(group, GroupIntent())
    states = (before.persistent_state, before.own_states) if as_they_were else (False, {})
    if not unit.items and (not as_they_were or states == (intent.persistent_state, intent.own_states)):
        return Unit()
    if not unit.items:
        state = "online" if before.persistent_state else "offline"
        unit.items.append(RestoreItem(action="changed", kind="group", name=spec.name, detail=f"should be {state}"))
    else:
        if known is not None and known.record.name != spec.name:
            _free_name(unit, keys.name("group", known.record.name), kept_names)
        unit.writes.append(put(keys.SPEC_GROUP + group, spec))
        unit.names[keys.name("group", spec.name)] = group
    renewed = GroupIntent(persistent_state=states[0], own_states=states[1], clear_failures=intent.clear_failures + 1)
    unit.guards += [guard_group(view, group), guard_intent(view, group)]
    unit.writes.append(put(keys.INTENT_GROUP + group, renewed))
    return unit


def _resource(view: ClusterView, spec: ResourceSpec, unit: Unit, kept_names: set[str]) -> None:
    known = view.resources.get(spec.id)
    if known is not None and known.record == spec:
        return
    action = RestoreItem(action="added", kind="resource", name=spec.name)
    if known is not None:
        action = RestoreItem(action="changed", kind="resource", name=spec.name, detail=_fields(known.record, spec))
        kept = {point.id for point in spec.checkpoints}
        unit.writes += saved_keys(view, spec.id, [p for p in known.record.checkpoints if p.id not in kept])
        if known.record.name != spec.name:
            _free_name(unit, keys.name("resource", known.record.name), kept_names)
    unit.items.append(action)
    unit.guards.append(guard(keys.SPEC_RESOURCE + spec.id, known.revision if known is not None else None))
    unit.writes.append(put(keys.SPEC_RESOURCE + spec.id, spec))
    unit.names[keys.name("resource", spec.name)] = spec.id


def _removed(view: ClusterView, group: str, kept_names: set[str], wanted: Wanted) -> Unit:
    spec = view.groups[group].record
    unit = Unit([RestoreItem(action="removed", kind="group", name=spec.name)])
    unit.guards += [guard_group(view, group), guard_intent(view, group)]
    unit.writes += [delete(keys.SPEC_GROUP + group), delete(keys.INTENT_GROUP + group)]
    _free_name(unit, keys.name("group", spec.name), kept_names)
    for resource in view.members_of.get(group, {}).values():
        if resource.id in wanted.resources:
            continue
        unit.items.append(RestoreItem(action="removed", kind="resource", name=resource.name))
        unit.writes.append(delete(keys.SPEC_RESOURCE + resource.id))
        unit.writes += saved_keys(view, resource.id, resource.checkpoints)
        _free_name(unit, keys.name("resource", resource.name), kept_names)
    assignment = view.assignments.get(group)
    if assignment is not None:
        unit.guards.append(guard(keys.ASSIGNMENT + group, assignment.revision))
        unit.writes.append(delete(keys.ASSIGNMENT + group))
    for (node, of), fact in view.facts.items():
        if of == group:
            # As when a group is deleted: nothing may have started meanwhile.
            unit.guards.append(guard(keys.fact_group(node, of), fact.revision))
            unit.writes.append(delete(keys.fact_group(node, of)))
    return unit


def _sets(view: ClusterView, wanted: Wanted) -> list[Unit]:
    """Group sets; the order of starts alone follows from them, so nothing has to be at rest."""
    found = []
    kept_names = {keys.name("set", spec.name) for spec in wanted.sets.values()}
    for own in sorted({*wanted.sets, *view.sets}):
        known, spec = view.sets.get(own), wanted.sets.get(own)
        if known is not None and known.record == spec:
            continue
        unit, key = Unit(), keys.SPEC_SET + own
        unit.guards.append(guard(key, known.revision if known is not None else None))
        if spec is None:
            assert known is not None
            unit.items.append(RestoreItem(action="removed", kind="set", name=known.record.name))
            unit.writes.append(delete(key))
        else:
            action: Literal["added", "changed"] = "added" if known is None else "changed"
            detail = _fields(known.record, spec) if known is not None else ""
            unit.items.append(RestoreItem(action=action, kind="set", name=spec.name, detail=detail))
            unit.writes.append(put(key, spec))
            unit.names[keys.name("set", spec.name)] = own
        if known is not None and (spec is None or known.record.name != spec.name):
            _free_name(unit, keys.name("set", known.record.name), kept_names)
        found.append(unit)
    return found


def _fences(view: ClusterView, wanted: Wanted) -> list[Unit]:
    """Fence devices; a call under way goes on."""
    found = []
    for key in sorted({*wanted.fences, *(keys.SPEC_FENCE + name for name in view.fence_devices)}):
        known, device = view.fence_devices.get(key.removeprefix(keys.SPEC_FENCE)), wanted.fences.get(key)
        if known is not None and known.record == device:
            continue
        before = known.record if known is not None else None
        name = device.name if device is not None else before.name if before is not None else ""
        action: Literal["added", "changed", "removed"] = (
            "added" if known is None else "changed" if device else "removed"
        )
        detail = _fields(before, device) if before is not None and device is not None else ""
        unit = Unit([RestoreItem(action=action, kind="fence_device", name=name, detail=detail)])
        unit.guards.append(guard(key, known.revision if known is not None else None))
        unit.writes.append(put(key, device) if device is not None else delete(key))
        found.append(unit)
    return found


def _cluster(view: ClusterView, wanted: Wanted, *, same_cluster: bool) -> Unit:
    unit, known = Unit(), formed(view)
    if wanted.cluster is not None:
        spec = _wanted_cluster(known.record, wanted.cluster, same_cluster=same_cluster)
        if spec != known.record:
            fields = _fields(known.record, spec)
            unit.items.append(RestoreItem(action="changed", kind="cluster", name=spec.name, detail=fields))
            unit.guards.append(guard(keys.SPEC_CLUSTER, known.revision))
            unit.writes.append(put(keys.SPEC_CLUSTER, spec))
    for present, there in _networks(view, wanted):
        if present is None:
            continue
        renewed = altered(present, description=there.description, metric=there.metric, auto_metric=there.auto_metric)
        if renewed != present:
            fields = _fields(present, renewed)
            unit.items.append(RestoreItem(action="changed", kind="network", name=present.name, detail=fields))
            unit.guards.append(guard(keys.SPEC_NETWORK + present.id, view.networks[present.id].revision))
            unit.writes.append(put(keys.SPEC_NETWORK + present.id, renewed))
    return unit


def _wanted_cluster(present: ClusterSpec, there: ClusterSpec, *, same_cluster: bool) -> ClusterSpec:
    """Properties, and in its own cluster the name; never networks, numbers, level or an end."""
    values = {definition.name: getattr(there, definition.name) for definition in CLUSTER_PROPERTIES}
    return altered(present, **values, name=there.name if same_cluster else present.name)


def _networks(view: ClusterView, wanted: Wanted) -> list[tuple[NetworkSpec | None, NetworkSpec]]:
    """This cluster's network for each of the backup's, by name."""
    return [(view.find(view.networks, spec.name, lambda network: network.name), spec) for spec in wanted.networks]


def _free_name(unit: Unit, key: str, kept_names: set[str]) -> None:
    if key not in kept_names:
        unit.writes.append(delete(key))


def _fields(before: Value, after: Value) -> str:
    return ", ".join(name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name))
