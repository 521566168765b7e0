"""Views of the cluster for every face: what there is, how it stands, and why (design §7).

Owns: how each view is made from the replica. Does not know: its form (`control.views`), or how it is shown.
How it works: pure functions of the context; each view carries the position and age of the replica it was made from,
because a value read may be old the next moment (spec/06 A-10).
"""

from __future__ import annotations

from datetime import UTC, datetime

from quorate.control.failures import (
    REPORTED_AS,
    counted_failovers,
    failure_counts,
    group_flags,
    resource_flags,
    state_in_words,
    sum_of_failures,
)
from quorate.control.lookup import find_group, find_node, find_resource
from quorate.control.reading import Reading
from quorate.control.standing import assignment_of, shown_fact, state_of
from quorate.control.views import (
    AsOf,
    GroupList,
    GroupView,
    NodeList,
    NodeState,
    NodeView,
    ResourceList,
    ResourceView,
)
from quorate.core.authority.frame import attestation_of
from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import demanded
from quorate.core.quarantine import is_needed, quarantine, standing
from quorate.core.reasons import cause_sentence, in_words, node_name
from quorate.core.versions import software_of
from quorate.model.common_properties import GROUP_PROPERTIES, values_of
from quorate.model.dependency import format_dependency
from quorate.model.membership import MemberRecord
from quorate.model.problems import Problem, Refused
from quorate.model.workload import ResourceSpec, desired


def as_of(context: Reading) -> AsOf:
    """Position and age of the replica."""
    position = context.view.position
    return AsOf(
        generation=position.generation,
        revision=position.revision,
        age_s=round(context.replica_age_s(), 3),
        answered_by=node_name(context.view, context.node),
    )


def node_state(view: ClusterView, node: int) -> NodeState:
    """The state that people see."""
    if view.node_intent(node).eviction is not None:
        return "evicting"
    member = view.authority.members.get(node)
    if member is None or member.record.state != "up":
        return "joining" if node in view.authority.joins else "down"
    intent = view.node_intent(node)
    if intent.stopping:
        return "stopping"
    if intent.drain and _owns_wanted(view, node):
        return "draining"
    return "paused" if intent.paused else "up"


def moment(wall_s: float) -> str:
    """A wall time for people: UTC in RFC 3339."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _owns_wanted(view: ClusterView, node: int) -> bool:
    return any(known.record.owner == node for group, known in view.assignments.items() if group in view.groups)


def _attestation(record: MemberRecord) -> str:
    said = record.attestation or attestation_of(record)
    if said is None:
        return ""
    return f"{said.kind} by {said.by} at {said.at}" + (f": {said.reason}" if said.reason else "")


def view_node(context: Reading, node: int) -> NodeView:
    """One node."""
    view = context.view
    spec = view.nodes[node].record
    member = view.authority.members.get(node)
    coordinator = view.authority.coordinator
    owned = [
        view.groups[g].record.name for g, k in view.assignments.items() if k.record.owner == node and g in view.groups
    ]
    down = member is not None and member.record.state == "down"
    state = node_state(view, node)
    kept_out = quarantine(view, node, context.wall_time_s()) if state in {"down", "joining"} else None
    return NodeView(
        number=node,
        name=spec.name,
        state="quarantined" if kept_out is not None and not is_needed(view, node) else state,
        coordinator=coordinator is not None and coordinator.record.node == node,
        voter=bool(spec.votes),
        weight=spec.weight,
        site=spec.site,
        addresses=spec.addresses,
        fabric_address=spec.fabric_address,
        api_port=spec.api_port,
        groups=tuple(sorted(owned)),
        incarnation=member.record.incarnation if member else "",
        proof=member.record.proof if member and down else "",
        attestation=_attestation(member.record) if member else "",
        suspected=member is not None and not down and member.record.mark is not None,
        version=software_of(view, node).version,
        release=software_of(view, node).release,
        lowest_release=software_of(view, node).lowest_release,
        quarantined_until=moment(kept_out.until_s) if kept_out is not None else "",
        failures=len(standing(view, node).failures),
        processes=dict(context.processes()) if node == context.node else {},
    )


def view_resource(view: ClusterView, spec: ResourceSpec) -> ResourceView:
    """One resource."""
    fact = shown_fact(view, spec)
    assignment = assignment_of(view, spec.group)
    members = view.members_of.get(spec.group, {})
    group = view.groups.get(spec.group)
    named = {
        "id",
        "name",
        "type",
        "group",
        "properties",
        "depends_on",
        "starts_after",
        "possible_owners",
        "checkpoints",
    }
    return ResourceView(
        id=spec.id,
        name=spec.name,
        type=spec.type,
        group=group.record.name if group else spec.group,
        state=state_in_words(fact.state),
        reported=fact.state if fact.state in REPORTED_AS else "",
        wanted="online" if desired(spec, view.intent(spec.group)) else "offline",
        owner=node_name(view, assignment.owner) if assignment else "",
        detail=fact.detail,
        restarts=fact.restarts,
        failures=failure_counts(view, spec),
        changed_at=moment(fact.changed_at_s) if fact.changed_at_s else "",
        last_failure=fact.last_failure,
        failed_at=moment(fact.failed_at_s) if fact.failed_at_s else "",
        retry_at=moment(fact.retry_at_s) if fact.retry_at_s else "",
        flags=resource_flags(view, spec),
        starts_after=tuple(sorted(members[entry].name for entry in spec.starts_after if entry in members)),
        depends_on=format_dependency(spec.depends_on, lambda entry: members[entry].name if entry in members else entry),
        possible_owners=tuple(node_name(view, node) for node in spec.possible_owners),
        properties=spec.properties,
        common={field: getattr(spec, field) for field in spec.__struct_fields__ if field not in named},
    )


def view_group(view: ClusterView, group: str) -> GroupView:
    """One group with its resources."""
    spec = view.groups[group].record
    assignment = assignment_of(view, group)
    members = sorted(view.members_of.get(group, {}).values(), key=lambda resource: resource.name)
    leaving = assignment is not None and assignment.phase == "stop"
    preferred = tuple(node_name(view, node) for node in spec.preferred_owners)
    return GroupView(
        id=spec.id,
        name=spec.name,
        state=state_of(view, group),
        wanted="online" if view.intent(group).persistent_state else "offline",
        owner=node_name(view, assignment.owner) if assignment else "",
        moving_to=node_name(view, assignment.to) if assignment and leaving else "",
        assignment=assignment.number if assignment else 0,
        cause=cause_sentence(assignment) if assignment else "",
        reasons=tuple(in_words(view, reason) for reason in assignment.reasons) if assignment else (),
        preferred_owners=preferred,
        failback="immediate" if spec.auto_failback_type else "prevent",
        failures=sum_of_failures(failure_counts(view, resource) for resource in members),
        failovers=counted_failovers(view, group),
        flags=group_flags(view, group),
        resources=tuple(view_resource(view, resource) for resource in members),
        properties={
            **values_of(spec, GROUP_PROPERTIES),
            "required_proof": demanded(view, group),
            "preferred_owners": list(preferred),
        },
    )


def list_nodes(context: Reading) -> NodeList:
    """All nodes, by number."""
    return NodeList(as_of=as_of(context), nodes=tuple(view_node(context, n) for n in sorted(context.view.nodes)))


def list_groups(context: Reading) -> GroupList:
    """All groups, by name."""
    return GroupList(as_of=as_of(context), groups=_groups(context.view))


def list_resources(context: Reading) -> ResourceList:
    """All resources, by name."""
    specs = sorted((known.record for known in context.view.resources.values()), key=lambda spec: spec.name.casefold())
    return ResourceList(as_of=as_of(context), resources=tuple(view_resource(context.view, spec) for spec in specs))


def _groups(view: ClusterView) -> tuple[GroupView, ...]:
    order = sorted(view.groups, key=lambda group: view.groups[group].record.name.casefold())
    return tuple(view_group(view, group) for group in order)


def show_node(context: Reading, name: str) -> NodeView:
    """One node by name. Raises Refused."""
    problems: list[Problem] = []
    spec = find_node(context.view, name, problems)
    if spec is None:
        raise Refused(problems)
    return view_node(context, spec.node)


def show_group(context: Reading, name: str) -> GroupView:
    """One group by name. Raises Refused."""
    problems: list[Problem] = []
    spec = find_group(context.view, name, problems)
    if spec is None:
        raise Refused(problems)
    return view_group(context.view, spec.id)


def show_resource(context: Reading, name: str) -> ResourceView:
    """One resource by name. Raises Refused."""
    problems: list[Problem] = []
    spec = find_resource(context.view, name, problems)
    if spec is None:
        raise Refused(problems)
    return view_resource(context.view, spec)
