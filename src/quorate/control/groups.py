"""Commands on groups: create, delete, online, offline (spec/03 §4 to §6).

Owns: what each command demands and which records it writes. Does not know: how a group is brought online; the records
say what should be so, and coordinator and owner make it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quorate.control.change import Change, Done, Occasion, altered, audited, delete, guard, put, unchanged
from quorate.control.checkpoints import saved_keys
from quorate.control.locks import group_locked_problems
from quorate.control.lookup import find_group, find_nodes, guard_group, guard_intent
from quorate.control.maintenance import maintenance_problems
from quorate.control.names import name_problems, taken, unknown
from quorate.control.neighbours import neighbour_guards
from quorate.control.placement_warnings import placement_warnings
from quorate.control.requirements import FindManifest, deletion_guards, deletion_problems, online_problems
from quorate.control.standing import assignment_of, at_rest, state_of
from quorate.core.cluster_view import ClusterView
from quorate.core.placement.choosing import choose, objection
from quorate.core.placement.filters import BY_RULE
from quorate.core.placement.scene import GOING, Scene
from quorate.core.proofs import owed
from quorate.core.reasons import in_words, node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.common_properties import GROUP, fields_of, read_common
from quorate.model.problems import Problem, Refused, error, stops
from quorate.model.properties import PropertyValue
from quorate.model.records import Guard, Put
from quorate.model.workload import GroupIntent, GroupSpec, Move, wants_online

TOLD_OTHERWISE: Final = GOING | {"node_in_maintenance"}
"""A node that is down or leaving loses the group anyway; a maintenance is a problem of its own."""
FAILBACK = {"prevent": 0, "immediate": 1}


class NewGroup(Value, frozen=True, kw_only=True):
    """A group to be made. `preferred_owners` are names of nodes, best first."""

    name: str
    preferred_owners: tuple[str, ...] = ()
    failback: str = ""
    """`prevent` or `immediate`; empty: as auto_failback_type says."""
    properties: dict[str, PropertyValue] = {}


class GroupChange(Value, frozen=True, kw_only=True):
    """Common properties to be set, under our names or the reference's; null stands for the default."""

    properties: dict[str, PropertyValue] = {}


def create_group(view: ClusterView, wish: NewGroup, occasion: Occasion) -> Change[Done]:
    """Make an empty group that is offline."""
    problems = name_problems(wish.name, "name")
    if view.find(view.groups, wish.name, lambda group: group.name) is not None:
        problems.append(taken("group", wish.name, "name"))
    preferred = find_nodes(view, wish.preferred_owners, problems, "preferred_owners")
    values, faults = read_common(GROUP, wish.properties, "properties")
    problems += faults
    fields = _fields(view, values, problems)
    if preferred and "preferred_owners" in values:
        remedy = "leave one of them out"
        problems.append(
            error("property_given_twice", "preferred owners are given twice", where="preferred_owners", remedy=remedy)
        )
    if wish.failback:
        if wish.failback not in FAILBACK:
            problems.append(unknown("failback", wish.failback, FAILBACK, "failback"))
        fields["auto_failback_type"] = FAILBACK.get(wish.failback, 0)
    if problems:
        raise Refused(problems)
    spec = altered(GroupSpec(id=occasion.id, name=wish.name, preferred_owners=preferred), **fields)
    name_key = keys.name("group", wish.name)
    change = Change(
        guards=(guard(keys.SPEC_GROUP + spec.id, None), guard(name_key, None)),
        writes=(put(keys.SPEC_GROUP + spec.id, spec), Put(name_key, spec.id.encode())),
        answer=Done(id=spec.id, name=spec.name, warnings=placement_warnings(view, spec)),
    )
    return audited(change, occasion, verb="create", kind="group", object_id=spec.id, object_name=spec.name)


def change_group(view: ClusterView, name: str, wish: GroupChange, occasion: Occasion) -> Change[Done]:
    """Set common properties of a group; a list, like that of the preferred owners, is replaced as a whole."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    values, faults = read_common(GROUP, wish.properties, "properties")
    problems += faults
    fields = _fields(view, values, problems)
    if spec is None or problems:
        raise Refused(problems)
    changed = altered(spec, **fields)
    if changed == spec:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    waits = owed(view, spec.id)
    if waits is not None and changed.required_proof != spec.required_proof:
        node = node_name(view, waits.node)
        what = f"group {spec.name} waits for the proof that nothing of it runs on {node}; the demand is not changed now"
        remedy = f"look at the machine; if it is off: quorate node confirm-off {node}; or start {node}"
        raise Refused([error("group_waits_for_proof", what, where="properties.required_proof", remedy=remedy)])
    change = Change(
        guards=(guard_group(view, spec.id), *_owner_guards(view, spec.id)),
        writes=(put(keys.SPEC_GROUP + spec.id, changed),),
        answer=Done(id=spec.id, name=spec.name, warnings=placement_warnings(view, changed)),
    )
    detail = ", ".join(f"{n}={v}" for n, v in sorted(values.items()))
    return audited(change, occasion, verb="set", kind="group", object_id=spec.id, object_name=spec.name, detail=detail)


def _fields(view: ClusterView, values: Mapping[str, PropertyValue], problems: list[Problem]) -> dict[str, object]:
    """Values as fields of the record, where nothing is wrong with them; nodes that are named become numbers."""
    nodes = values.get("preferred_owners", [])
    if isinstance(nodes, list) and all(isinstance(node, str) for node in nodes):
        found = find_nodes(view, map(str, nodes), problems, "properties.preferred_owners")
        owners = {"preferred_owners": found} if "preferred_owners" in values else {}
        return {} if problems else {**fields_of(GROUP, values), **owners}
    return {}


def _owner_guards(view: ClusterView, group: str) -> tuple[Guard, ...]:
    """The owner stands as the view has it: a demand is not taken back in the moment in which it begins to count."""
    assignment = assignment_of(view, group)
    member = view.authority.members.get(assignment.owner) if assignment is not None else None
    return (guard(keys.member(member.record.node), member.revision),) if member is not None else ()


def delete_group(view: ClusterView, name: str, occasion: Occasion, *, with_resources: bool) -> Change[Done]:
    """Remove a group that is offline and empty; `with_resources` removes its resources too."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    if spec is None:
        raise Refused(problems)
    members = view.members_of.get(spec.id, {})
    if not at_rest(view, spec.id):
        problems.append(
            error(
                "group_not_offline",
                f"group {spec.name} is {state_of(view, spec.id).replace('_', ' ')}, or should be online",
                where="group",
                remedy=f"take it offline first: quorate group offline {spec.name!r} --wait",
            )
        )
    if members and not with_resources:
        names = ", ".join(sorted(resource.name for resource in members.values()))
        problems.append(
            error(
                "group_not_empty",
                f"group {spec.name} has resources: {names}",
                where="group",
                remedy="delete them first, or have them deleted with the group",
                override="--force",
            )
        )
    if problems:
        raise Refused(problems)
    problems += deletion_problems(view, members.values())
    if problems:
        raise Refused(problems)
    gone = [keys.SPEC_GROUP + spec.id, keys.name("group", spec.name), keys.INTENT_GROUP + spec.id]
    for resource in members.values():
        gone += [keys.SPEC_RESOURCE + resource.id, keys.name("resource", resource.name)]
    guards = [guard_group(view, spec.id), guard_intent(view, spec.id)]
    guards += deletion_guards(view, members.values())
    known = view.assignments.get(spec.id)
    if known is not None:
        gone.append(keys.ASSIGNMENT + spec.id)
        guards.append(guard(keys.ASSIGNMENT + spec.id, known.revision))
    for (node, group), fact in view.facts.items():
        if group == spec.id:
            # Nothing may have started meanwhile: the owner's last word still stands.
            gone.append(keys.fact_group(node, group))
            guards.append(guard(keys.fact_group(node, group), fact.revision))
    saved = (write for resource in members.values() for write in saved_keys(view, resource.id, resource.checkpoints))
    change = Change(tuple(guards), (*(delete(key) for key in gone), *saved), Done(id=spec.id, name=spec.name))
    return audited(change, occasion, verb="delete", kind="group", object_id=spec.id, object_name=spec.name)


def group_online(
    view: ClusterView,
    name: str,
    occasion: Occasion,
    find_manifest: FindManifest,
    *,
    ignore_locked: bool = False,
    unordered: bool = False,
    stays: bool = True,
) -> Change[Done]:
    """The group should be online from now on, all members of it; failure counts start anew.

    `unordered`: it starts now, whatever it should wait for (spec/03 §10.2, 0x08). `stays`: where it is, so its owner
    must be able to run it.
    """
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    if spec is None:
        raise Refused(problems)
    move = _elsewhere(view, spec, occasion) if stays else None
    problems += owner_problems(view, spec) if stays and move is None else []
    problems += maintenance_problems(view, spec, occasion.at_s)
    for resource in view.members_of.get(spec.id, {}).values():
        problems += online_problems(view, resource, find_manifest)
    problems += [] if ignore_locked else group_locked_problems(view, spec.id)
    if stops(problems):
        raise Refused(problems)
    intent = view.intent(spec.id)
    if intent.persistent_state and not intent.own_states and state_of(view, spec.id) == "online":
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    wanted = altered(
        intent,
        persistent_state=True,
        own_states={},
        clear_failures=intent.clear_failures + 1,
        asked_s=occasion.at_s,
        unordered=unordered,
        **({"move": move} if move is not None else {}),
    )
    return intend(view, spec, wanted, occasion, "online", operation=move.id if move is not None else "")


def _elsewhere(view: ClusterView, spec: GroupSpec, occasion: Occasion) -> Move | None:
    """The move to the best node, of a group that is at rest where it cannot run; None where it stays, or cannot go."""
    known = view.assignments.get(spec.id)
    if known is None or known.record.phase == "hold" or not at_rest(view, spec.id) or spec.locked_from_moving:
        return None
    owner = known.record.owner
    found = objection(view, spec, owner, runs=True)
    if found is None or found.code not in BY_RULE:
        return None
    best, _ = choose(Scene(view, occasion.at_s), spec, "move", owner=owner, without=frozenset({owner}), runs=True)
    if best is None or view.intent(spec.id).move is not None:
        return None
    return Move(id=occasion.id, reason=occasion.reason, author=occasion.author)


def owner_problems(view: ClusterView, spec: GroupSpec) -> list[Problem]:
    """Why nothing of the group can be brought online where it is (spec/03 §6.1)."""
    assignment = assignment_of(view, spec.id)
    if assignment is None or assignment.phase == "hold":
        return []  # what is on hold goes to a node that can take it, as soon as there is one
    found = objection(view, spec, assignment.owner, runs=True)
    if found is None or found.code in TOLD_OTHERWISE:
        return []
    return [
        error(
            "owner_cannot",
            f"group {spec.name} is on {node_name(view, assignment.owner)}: {in_words(view, found)}",
            where="group",
            remedy=f"move the group (quorate group move {spec.name!r}), or remove the obstacle",
        )
    ]


def group_offline(view: ClusterView, name: str, occasion: Occasion, *, ignore_locked: bool = False) -> Change[Done]:
    """The group should be offline from now on; a move that has not begun is cancelled."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    if spec is None:
        raise Refused(problems)
    intent = view.intent(spec.id)
    if not wants_online(intent) and intent.move is None:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    problems += [] if ignore_locked else group_locked_problems(view, spec.id)
    if problems:
        raise Refused(problems)
    wanted = altered(intent, persistent_state=False, own_states={}, move=None, resource_maintenance={})
    return intend(view, spec, wanted, occasion, "offline")


def intend(
    view: ClusterView,
    spec: GroupSpec,
    wanted: GroupIntent,
    occasion: Occasion,
    verb: str,
    *,
    operation: str = "",
    detail: str = "",
) -> Change[Done]:
    """Write what should be so of the group from now on."""
    beside = neighbour_guards(view, spec) if verb == "online" else ()
    change = Change(
        guards=(guard_group(view, spec.id), guard_intent(view, spec.id), *beside),
        writes=(put(keys.INTENT_GROUP + spec.id, wanted),),
        answer=Done(id=spec.id, name=spec.name, operation=operation),
    )
    return audited(change, occasion, verb=verb, kind="group", object_id=spec.id, object_name=spec.name, detail=detail)
