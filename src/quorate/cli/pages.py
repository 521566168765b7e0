"""Views as pages: headings, lines and tables in words, before anybody decides how they look.

Owns: which facts of a view are shown, and in what order. Does not know: terminals, colours, widths (`cli.render`).
"""

from __future__ import annotations

from quorate.cli.explanation_pages import group_page, node_page, resource_page
from quorate.cli.fence_pages import fence_page, fence_table, fence_test_page
from quorate.cli.foresight_pages import forecast_page, preview_page
from quorate.cli.incident_pages import incident_list_page, incident_page
from quorate.cli.network_pages import interface_page, interface_table, matrix_page, network_page, network_table
from quorate.cli.page import Page, Section, Table
from quorate.cli.set_pages import set_table
from quorate.control.events import Event
from quorate.control.explanations import GroupExplanation, NodeExplanation, ResourceExplanation
from quorate.control.fence_testing import FenceTest
from quorate.control.fencing import FenceDeviceList, FenceDeviceView
from quorate.control.group_sets import GroupSetList, GroupSetView
from quorate.control.incidents import IncidentList, IncidentView
from quorate.control.path_views import PathMatrix
from quorate.control.previews import Forecast, Preview
from quorate.control.quorum import QuorumView
from quorate.control.tokens import NewToken, TokenList
from quorate.control.views import (
    ClusterStatus,
    FailureCounts,
    GroupList,
    GroupView,
    InterfaceList,
    InterfaceView,
    NetworkList,
    NetworkView,
    NodeList,
    NodeView,
    PaceView,
    ResourceList,
    ResourceView,
)
from quorate.model.base import Value
from quorate.model.problems import Problem
from quorate.model.quorum import LIGHT_KINDS


def page_of(value: Value) -> Page:
    """The page of a view."""
    match value:
        case ClusterStatus():
            return _cluster(value)
        case NodeList():
            return Page((Section(table=_nodes(value.nodes)),))
        case GroupList():
            return Page((Section(table=_groups(value.groups)),))
        case ResourceList():
            return Page((Section(table=_resources(value.resources, with_group=True)),))
        case FenceDeviceList():
            return fence_table(value)
        case FenceDeviceView():
            return fence_page(value)
        case FenceTest():
            return fence_test_page(value)
        case NetworkList():
            return Page((Section(table=network_table(value.networks)),))
        case InterfaceList():
            return Page((Section(table=interface_table(value.interfaces)),))
        case PathMatrix():
            return matrix_page(value)
        case NetworkView():
            return network_page(value)
        case InterfaceView():
            return interface_page(value)
        case NodeView():
            return _node(value)
        case GroupView():
            return _group(value)
        case ResourceView():
            return _resource(value)
        case GroupExplanation():
            return group_page(value)
        case Preview():
            return preview_page(value)
        case Forecast():
            return forecast_page(value)
        case NodeExplanation():
            return node_page(value)
        case ResourceExplanation():
            return resource_page(value)
        case IncidentView():
            return incident_page(value)
        case IncidentList():
            return incident_list_page(value)
        case QuorumView():
            return _quorum(value)
        case NewToken():
            expires = f"expires {value.expires_at}; it lets one machine in, once"
            facts = (("token", value.token), ("id", value.id))
            return Page((Section(facts=facts, sentences=(expires,)),))
        case TokenList():
            return Page((Section(table=_tokens(value)),))
        case GroupSetList():
            return Page((Section(table=set_table(value.sets)),))
        case GroupSetView():
            return Page((Section(table=set_table((value,))),))
        case _:
            raise TypeError(f"there is no page for {type(value).__name__}")


def event_lines(event: Event) -> list[str]:
    """One event as lines of text."""
    lines = [f"{event.at[11:23] or '--:--:--.---'}  {event.what or event.kind}"]
    lines += [f"              because {reason}" for reason in event.reasons]
    return lines


def _words(state: str) -> str:
    return state.replace("_", " ")


def _cluster(status: ClusterStatus) -> Page:
    store = status.store
    voters = f"{len(store.voters_up)} of {len(store.voters)} voters up, {store.majority} needed"
    losses = {0: "no voter may be lost", 1: "one more voter may be lost"}.get(
        store.further_losses, f"{store.further_losses} more voters may be lost"
    )
    bound = f"{status.takeover_bound_s * 1000:.0f} ms and the start of the resources (profile {status.profile})"
    seen, last = status.as_of, status.backup
    facts = (
        ("cluster", f"{status.name} ({status.id})"),
        ("coordinator", f"{status.coordinator or 'none'}, epoch {status.epoch}"),
        ("database", f"{voters}; {losses}; votes are {store.votes}"),
        ("takeover", bound),
        *_paces(status.paces),
        *((("last backup", f"{last.at}, {last.path} on {last.node}"),) if last is not None and last.path else ()),
        ("as of", f"revision {seen.revision}, {seen.age_s * 1000:.0f} ms old, from {seen.answered_by}"),
    )
    sections = [Section(facts=facts), Section("Nodes", table=_nodes(status.nodes))]
    if status.networks:
        sections.append(Section("Networks", table=network_table(status.networks)))
    if status.groups:
        sections.append(Section("Groups", table=_groups(status.groups)))
    if status.problems:
        sections.append(Section("Problems", sentences=tuple(_problem(problem) for problem in status.problems)))
    return Page(tuple(sections))


def _tokens(shown: TokenList) -> Table:
    rows = tuple(
        (
            token.id,
            token.use,
            token.state + (f" by {token.node}" if token.node else ""),
            token.author,
            token.created_at,
            token.used_at or token.revoked_at or token.expires_at,
        )
        for token in shown.tokens
    )
    return Table(("id", "for a", "state", "made by", "made at", "used, revoked or expires at"), rows)


def _paces(paces: tuple[PaceView, ...]) -> tuple[tuple[str, str], ...]:
    """One line where all nodes are as near; else one for each distance that there is."""
    used = [pace for pace in paces if pace.pairs] or [paces[0]]
    return tuple(
        (
            "heartbeats" if pace.reach == "same_subnet" else f"  {_words(pace.reach)}",
            f"every {pace.heartbeat_ms} ms; silence is {pace.suspicion_ms} ms without one"
            + (f" ({', '.join(pace.pairs)})" if pace.reach != "same_subnet" else ""),
        )
        for pace in used
    )


def _problem(problem: Problem) -> str:
    return f"{problem.severity.value}: {problem.what} [{problem.code}] → {problem.remedy}"


def _nodes(nodes: tuple[NodeView, ...]) -> Table:
    def roles(node: NodeView) -> str:
        found = [word for word, holds in (("coordinator", node.coordinator), ("voter", node.voter)) if holds]
        return ", ".join(found) or "-"

    rows = tuple(
        (
            str(node.number),
            node.name,
            _words(node.state),
            roles(node),
            ", ".join(node.groups) or "-",
            ", ".join(node.addresses.values()),
        )
        for node in nodes
    )
    return Table(("no", "node", "state", "role", "groups", "addresses"), rows)


def _groups(groups: tuple[GroupView, ...]) -> Table:
    def owner(group: GroupView) -> str:
        return f"{group.owner} → {group.moving_to}" if group.moving_to else group.owner or "-"

    rows = tuple(
        (
            group.name,
            _words(group.state),
            group.wanted,
            owner(group),
            ", ".join(f"{r.name} {_words(r.state)}" for r in group.resources if r.state != group.state)
            or f"{len(group.resources)} resources",
        )
        for group in groups
    )
    return Table(("group", "state", "wanted", "owner", "resources"), rows)


def _resources(resources: tuple[ResourceView, ...], *, with_group: bool) -> Table:
    columns = ("resource", "type", "state", "wanted", "owner", "depends on", "detail")
    rows = [
        (r.name, r.type, _words(r.state), r.wanted, r.owner or "-", r.depends_on or "-", r.detail or "-")
        for r in resources
    ]
    if not with_group:
        return Table(columns, tuple(rows))
    named = tuple((row[0], r.group, *row[1:]) for row, r in zip(rows, resources, strict=True))
    return Table((columns[0], "group", *columns[1:]), named)


def _node(node: NodeView) -> Page:
    facts = [
        ("node", f"{node.name} (number {node.number})"),
        (
            "state",
            _words(node.state) + (f" ({node.proof})" if node.proof else "") + (", suspected" if node.suspected else ""),
        ),
        *((("proof", node.attestation),) if node.attestation else ()),
        ("role", "coordinator" if node.coordinator else "member"),
        ("voter", "yes" if node.voter else "not yet" if node.weight else "never (weight 0)"),
        ("groups", ", ".join(node.groups) or "-"),
        *((("site", node.site),) if node.site else ()),
        *((f"network {network}", address) for network, address in node.addresses.items()),
        ("fabric", node.fabric_address),
        ("api port", str(node.api_port)),
        *((f"process {name}", str(process)) for name, process in node.processes.items()),
    ]
    return Page((Section(facts=tuple(facts)),))


def _failures(counts: FailureCounts) -> str:
    return f"{counts.this_node} on this node, {counts.other_nodes} on others"


def _group(group: GroupView) -> Page:
    facts = (
        ("group", f"{group.name} ({group.id})"),
        ("state", f"{_words(group.state)}, should be {group.wanted}"),
        ("owner", f"{group.owner or 'none'}, assignment {group.assignment}"),
        ("preferred", ", ".join(group.preferred_owners) or "-"),
        ("failback", group.failback),
        *((("flags", ", ".join(_words(flag) for flag in group.flags)),) if group.flags else ()),
        *((("failures", _failures(group.failures)),) if group.failures.this_node or group.failures.other_nodes else ()),
        *((("failovers", f"{group.failovers} counted"),) if group.failovers else ()),
        *((("demands proof", str(proof)),) if (proof := group.properties.get("required_proof")) != "lease" else ()),
    )
    why = tuple(filter(None, (group.cause, *group.reasons)))
    sections = [Section(facts=facts)]
    if why:
        sections.append(Section("Why here", sentences=why))
    sections.append(Section("Resources", table=_resources(group.resources, with_group=False)))
    return Page(tuple(sections))


def _resource(resource: ResourceView) -> Page:
    facts = (
        ("resource", f"{resource.name} ({resource.id})"),
        ("type", resource.type),
        ("group", resource.group),
        ("state", f"{_words(resource.state)}, should be {resource.wanted}"),
        ("owner", resource.owner or "none"),
        ("detail", resource.detail or "-"),
        *((_words(flag), told or "yes") for flag, told in resource.flags.items()),
        *((("state since", resource.changed_at),) if resource.changed_at else ()),
        ("restarts", str(resource.restarts)),
        ("failures", _failures(resource.failures)),
        *((("last failure", f"{resource.failed_at}: {resource.last_failure}"),) if resource.failed_at else ()),
        *((("tried again", resource.retry_at),) if resource.retry_at else ()),
        ("depends on", resource.depends_on or "-"),
        *((("starts after", ", ".join(resource.starts_after)),) if resource.starts_after else ()),
        ("possible", ", ".join(resource.possible_owners) or "every node"),
    )
    private = tuple((name, str(value)) for name, value in sorted(resource.properties.items()))
    common = tuple((name, str(value)) for name, value in sorted(resource.common.items()))
    return Page(
        (Section(facts=facts), Section("Properties", facts=private), Section("Common properties", facts=common))
    )


def _quorum(found: QuorumView) -> Page:
    facts = [("model", _words(found.model))]
    if found.kind:
        facts.append(("record" if found.kind in LIGHT_KINDS else "storage", f"{_words(found.kind)} {found.path}"))
    if found.kind in {"directory", "block_device"}:
        facts.append(("controlled by", found.holder or "nobody"))
    if found.kind in LIGHT_KINDS and found.holder:
        facts.append(("names", found.holder))
    facts.append(("votes of dead nodes", "may be taken away" if found.dynamic_votes else "stay"))
    if found.lower_priority_node:
        facts.append(("lower priority", found.lower_priority_node))
    if not found.settled:
        facts.append(("on its way", found.waiting or "a vote is being changed"))
    rows = tuple(
        (
            voter.name,
            voter.kind,
            "up" if voter.up else "down",
            "on its way" if voter.pending else "yes" if voter.votes else "no",
            voter.loss,
        )
        for voter in found.voters
    )
    table = Table(("voter", "kind", "state", "votes", "its loss now"), rows)
    return Page((Section(facts=tuple(facts)), Section("Voters", table=table), Section(sentences=found.sentences)))
