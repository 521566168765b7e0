"""The routes of the REST face as one typed table; the OpenAPI document is made from it.

Owns: method, path, role, handler and types of every route. Does not know: how requests are read (`api.app`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from quorate.api import (
    backup_handlers,
    checkpoint_handlers,
    dependency_handlers,
    fence_handlers,
    foresight_handlers,
    group_handlers,
    handlers,
    joining_handlers,
    network_handlers,
    node_handlers,
    object_handlers,
    property_handlers,
)
from quorate.api.handlers import Nothing
from quorate.control import (
    checkpoints,
    cluster,
    confirming,
    copying,
    dependency_changes,
    ending,
    evicting,
    explanations,
    fence_testing,
    fencing,
    group_sets,
    groups,
    incidents,
    maintenance,
    moving,
    names,
    networks,
    nodes,
    path_views,
    previews,
    properties,
    quorum,
    quorum_setting,
    rebuilding,
    regrouping,
    resource_writing,
    setting,
    tokens,
    views,
    weighing,
)
from quorate.control.access import Role
from quorate.control.change import Changed
from quorate.control.events import Event
from quorate.control.history import PastChanges
from quorate.model.backup import BackupArchive
from quorate.model.base import Value
from quorate.model.enrolment import EnrolmentAnswer, EnrolmentRequest
from quorate.model.history import Difference, PastChangeView, RevertWish
from quorate.model.problems import Problem
from quorate.model.restore import RestoreAnswer, RestoreWish
from quorate.model.witness import WitnessAnswer, WitnessRequest

Handler = Callable[[Any], Awaitable[Value]]

BODY_MOST_BYTES: Final = 1 << 20
RESTORE_MOST_BYTES: Final = 64 << 20
"""Of a request with a backup in it."""


class ProblemDocument(Value, frozen=True, kw_only=True):
    """The answer to every request that is not carried out."""

    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One route. Its summary is the handler's first line."""

    method: str
    path: str
    role: Role
    handler: Handler
    takes: type[Value]
    answers: type[Value]
    query: tuple[str, ...] = ()
    at_node: bool = False
    """Carried out by the node in the path; any other forwards it there."""
    body_most_bytes: int = BODY_MOST_BYTES
    """More than usual where input or answer is a whole backup."""

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET"


_CHANGE: Final = ("reason", "wait_s", "preview")
_LOOK: Final = ("GET", Role.VIEWER)


def _get(path: str, handler: Handler, answers: type[Value]) -> Route:
    return Route("GET", path, Role.VIEWER, handler, Nothing, answers)


def _operate(path: str, handler: Handler, takes: type[Value] = Nothing, *query: str, at_node: bool = False) -> Route:
    return Route("POST", path, Role.OPERATOR, handler, takes, Changed, (*_CHANGE, *query), at_node)


def _administer(method: str, path: str, handler: Handler, takes: type[Value] = Nothing, *query: str) -> Route:
    return Route(method, path, Role.ADMINISTRATOR, handler, takes, Changed, (*_CHANGE, *query))


ROUTES: Final = (
    _get("/v1/me", handlers.who_am_i, views.WhoAmI),
    _get("/v1/cluster", handlers.show_cluster, views.ClusterStatus),
    _administer("PATCH", "/v1/cluster", handlers.change_cluster, cluster.ClusterChange),
    _operate("/v1/cluster/release-expulsions", handlers.release_expulsions),
    _operate("/v1/cluster/maintenance", group_handlers.maintain_cluster, maintenance.MaintenanceWish),
    _administer("POST", "/v1/cluster/rename", handlers.rename_cluster, names.NewName),
    _administer("POST", "/v1/cluster/upgrade-level", handlers.upgrade_level),
    Route(
        "GET",
        "/v1/cluster/backup",
        Role.ADMINISTRATOR,
        backup_handlers.take_backup,
        Nothing,
        BackupArchive,
        ("reason",),
        body_most_bytes=RESTORE_MOST_BYTES,
    ),
    Route(
        "POST",
        "/v1/cluster/restore",
        Role.ADMINISTRATOR,
        backup_handlers.restore,
        RestoreWish,
        RestoreAnswer,
        ("reason",),
        body_most_bytes=RESTORE_MOST_BYTES,
    ),
    _administer("POST", "/v1/cluster/stop", handlers.stop_cluster),
    _administer("POST", "/v1/cluster/destroy", handlers.destroy_cluster, ending.DestroyWish),
    _get("/v1/nodes", node_handlers.list_nodes, views.NodeList),
    _get("/v1/nodes/{name}", node_handlers.show_node, views.NodeView),
    _get("/v1/forecast", foresight_handlers.show_forecast, previews.Forecast),
    _get("/v1/what-if/node-loss/{name}", foresight_handlers.node_loss, previews.Preview),
    _get("/v1/what-if/quorum-loss", foresight_handlers.quorum_loss, previews.Preview),
    _get("/v1/what-if/site-loss/{name}", foresight_handlers.site_loss, previews.Preview),
    _get("/v1/nodes/{name}/explanation", node_handlers.explain_node, explanations.NodeExplanation),
    _administer("PATCH", "/v1/nodes/{name}", node_handlers.change_node, weighing.NodeChange),
    _operate("/v1/nodes/{name}/pause", node_handlers.pause_node),
    _operate("/v1/nodes/{name}/resume", node_handlers.resume_node, nodes.ResumeWish),
    _operate("/v1/nodes/{name}/maintenance", group_handlers.maintain_node, maintenance.MaintenanceWish),
    _operate("/v1/nodes/{name}/drain", node_handlers.drain_node, nodes.DrainWish),
    _operate("/v1/nodes/{name}/stop", node_handlers.stop_node, at_node=True),
    _operate("/v1/nodes/{name}/clear-quarantine", node_handlers.clear_quarantine),
    _operate("/v1/nodes/{name}/confirm-off", node_handlers.confirm_off, confirming.ConfirmOffWish),
    _administer("POST", "/v1/nodes/{name}/rename", node_handlers.rename_node, names.NewName),
    _administer("POST", "/v1/nodes/{name}/rebuild-member", node_handlers.rebuild_member, rebuilding.RebuildWish),
    _administer("POST", "/v1/nodes/{name}/evict", node_handlers.evict_node, evicting.EvictWish),
    _get("/v1/fence", fence_handlers.list_devices, fencing.FenceDeviceList),
    _administer("POST", "/v1/fence", fence_handlers.create_device, fencing.NewFenceDevice),
    _get("/v1/fence/{name}", fence_handlers.show_device, fencing.FenceDeviceView),
    _administer("DELETE", "/v1/fence/{name}", fence_handlers.delete_device),
    Route("GET", "/v1/fence/{name}/test", Role.OPERATOR, fence_handlers.check_device, Nothing, fence_testing.FenceTest),
    _get("/v1/groups", handlers.list_groups, views.GroupList),
    _administer("POST", "/v1/groups", handlers.create_group, groups.NewGroup),
    _get("/v1/groups/{name}", handlers.show_group, views.GroupView),
    _administer("PATCH", "/v1/groups/{name}", handlers.change_group, groups.GroupChange),
    _administer("DELETE", "/v1/groups/{name}", handlers.delete_group, Nothing, "with_resources"),
    _administer("POST", "/v1/groups/{name}/rename", object_handlers.rename_group, names.NewName),
    _administer("POST", "/v1/groups/{name}/destroy", object_handlers.destroy_group, Nothing, "ignore_locked"),
    _get("/v1/groups/{name}/explanation", handlers.explain_group, explanations.GroupExplanation),
    _operate("/v1/groups/{name}/online", group_handlers.group_online, Nothing, "ignore_locked", "now", "to"),
    _operate("/v1/groups/{name}/offline", handlers.group_offline, Nothing, "ignore_locked"),
    _operate("/v1/groups/{name}/move", group_handlers.move_group, moving.MoveWish, "ignore_locked"),
    _operate("/v1/groups/{name}/cancel-move", group_handlers.cancel_move),
    _operate("/v1/groups/{name}/maintenance", group_handlers.maintain_group, maintenance.MaintenanceWish),
    _administer("PUT", "/v1/groups/{name}/dependency", group_handlers.depend_group, group_sets.GroupDependencyWish),
    _get("/v1/sets", group_handlers.list_sets, group_sets.GroupSetList),
    _administer("POST", "/v1/sets", group_handlers.create_set, group_sets.GroupSetWish),
    _get("/v1/sets/{name}", group_handlers.show_set, group_sets.GroupSetView),
    _administer("PATCH", "/v1/sets/{name}", group_handlers.change_set, group_sets.GroupSetWish),
    _administer("DELETE", "/v1/sets/{name}", group_handlers.delete_set),
    _get("/v1/resources", handlers.list_resources, views.ResourceList),
    _administer("POST", "/v1/resources", handlers.create_resource, resource_writing.NewResource),
    _get("/v1/resources/{name}", handlers.show_resource, views.ResourceView),
    _get("/v1/resources/{name}/explanation", handlers.explain_resource, explanations.ResourceExplanation),
    _administer("PATCH", "/v1/resources/{name}", handlers.change_resource, resource_writing.ResourceChange),
    _administer("DELETE", "/v1/resources/{name}", handlers.delete_resource, Nothing, "drop_dependencies"),
    _administer("POST", "/v1/resources/{name}/rename", object_handlers.rename_resource, names.NewName),
    _get(
        "/v1/groups/{name}/dependencies", dependency_handlers.group_dependencies, dependency_changes.GroupDependencies
    ),
    _get("/v1/resources/{name}/dependencies", dependency_handlers.show_dependencies, dependency_changes.DependencyView),
    _administer(
        "POST",
        "/v1/resources/{name}/add-dependency",
        dependency_handlers.add_dependency,
        dependency_changes.DependencyWish,
    ),
    _administer(
        "POST",
        "/v1/resources/{name}/remove-dependency",
        dependency_handlers.remove_dependency,
        dependency_changes.DependencyWish,
    ),
    Route(
        "GET",
        "/v1/resources/{name}/can-depend",
        Role.VIEWER,
        dependency_handlers.can_depend,
        Nothing,
        dependency_changes.DependencyAnswer,
        ("on",),
    ),
    _get("/v1/resources/{name}/impact", dependency_handlers.show_impact, dependency_changes.ImpactView),
    _administer("POST", "/v1/resources/{name}/group", object_handlers.move_to_group, regrouping.RegroupWish),
    _administer("POST", "/v1/resources/{name}/copy", object_handlers.copy_resource, copying.CopyWish),
    _get("/v1/resources/{name}/checkpoints", checkpoint_handlers.list_checkpoints, checkpoints.CheckpointList),
    _administer(
        "POST", "/v1/resources/{name}/checkpoints", checkpoint_handlers.add_checkpoint, checkpoints.NewCheckpoint
    ),
    _administer("DELETE", "/v1/resources/{name}/checkpoints", checkpoint_handlers.remove_checkpoint, Nothing, "path"),
    _operate("/v1/resources/{name}/online", handlers.resource_online, Nothing, "ignore_locked"),
    _operate("/v1/resources/{name}/offline", handlers.resource_offline, Nothing, "ignore_locked"),
    _operate("/v1/resources/{name}/fail", handlers.resource_fail),
    _operate("/v1/resources/{name}/maintenance", group_handlers.maintain_resource, maintenance.MaintenanceWish),
    Route(
        "GET",
        "/v1/properties",
        Role.VIEWER,
        property_handlers.list_properties,
        Nothing,
        properties.PropertyList,
        ("kind", "object"),
    ),
    _administer("PATCH", "/v1/properties", property_handlers.set_properties, setting.SettingWish),
    _get("/v1/quorum", handlers.show_quorum, quorum.QuorumView),
    Route("GET", "/v1/quorum/would-hold", Role.VIEWER, handlers.would_hold, Nothing, quorum.LossAnswer, ("without",)),
    _administer("PATCH", "/v1/quorum", handlers.set_quorum, quorum_setting.QuorumWish),
    _get("/v1/networks", network_handlers.list_networks, views.NetworkList),
    _get("/v1/networks/{name}", network_handlers.show_network, views.NetworkView),
    _administer("PATCH", "/v1/networks/{name}", network_handlers.change_network, networks.NetworkChange),
    _administer("POST", "/v1/networks/{name}/rename", network_handlers.rename_network, names.NewName),
    _get("/v1/paths", network_handlers.list_paths, path_views.PathMatrix),
    Route(
        "GET",
        "/v1/nodes/{name}/paths",
        Role.VIEWER,
        network_handlers.node_paths,
        Nothing,
        path_views.NodePaths,
        at_node=True,
    ),
    _get("/v1/interfaces", network_handlers.list_interfaces, views.InterfaceList),
    _get("/v1/interfaces/{name}", network_handlers.show_interface, views.InterfaceView),
    _administer("PATCH", "/v1/interfaces/{name}", network_handlers.change_interface, networks.NetworkChange),
    Route("GET", "/v1/incidents", Role.VIEWER, handlers.list_incidents, Nothing, incidents.IncidentList, ("group",)),
    _get("/v1/incidents/{name}", handlers.show_incident, incidents.IncidentView),
    Route("GET", "/v1/history", Role.VIEWER, backup_handlers.list_history, Nothing, PastChanges, ("limit", "object")),
    Route(
        "GET",
        "/v1/history/diff",
        Role.VIEWER,
        backup_handlers.show_difference,
        Nothing,
        Difference,
        ("since", "until", "object"),
    ),
    _get("/v1/history/{name}", backup_handlers.show_change, PastChangeView),
    _administer("POST", "/v1/history/{name}/revert", backup_handlers.revert_change, RevertWish),
    Route(
        "POST",
        "/v1/tokens",
        Role.ADMINISTRATOR,
        joining_handlers.create_token,
        tokens.TokenWish,
        tokens.NewToken,
        ("reason",),
    ),
    Route("GET", "/v1/tokens", Role.ADMINISTRATOR, joining_handlers.list_tokens, Nothing, tokens.TokenList),
    _administer("POST", "/v1/tokens/{name}/revoke", joining_handlers.revoke_token),
    Route("POST", "/v1/join", Role.NOBODY, joining_handlers.join, EnrolmentRequest, EnrolmentAnswer),
    Route("POST", "/v1/witness-join", Role.NOBODY, joining_handlers.join_as_witness, WitnessRequest, WitnessAnswer),
)

EVENTS_PATH: Final = "/v1/events"
OPENAPI_PATH: Final = "/v1/openapi.json"


def openapi(version: str) -> dict[str, Any]:
    """The OpenAPI document of the table."""
    known: list[type[Value]] = [ProblemDocument, Event, *(r.takes for r in ROUTES), *(r.answers for r in ROUTES)]
    kinds = list(dict.fromkeys(known))
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema_of: dict[type[Value], Any] = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    paths[EVENTS_PATH] = {
        "get": {
            "summary": "Everything that happens, as server-sent events; resumes after `Last-Event-ID`.",
            "responses": {
                "200": {"description": "events", "content": {"text/event-stream": {"schema": schema_of[Event]}}}
            },
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Quorate", "version": version},
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: Route, schema_of: dict[type[Value], Any]) -> dict[str, Any]:
    parameters = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    parameters = parameters if "{name}" in route.path else []
    parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    words = (route.handler.__doc__ or "").strip().partition("\n")[0]
    failure = {"application/json": {"schema": schema_of[ProblemDocument]}}
    operation: dict[str, Any] = {
        "operationId": getattr(route.handler, "__name__", route.path),
        "summary": words,
        "x-role": route.role.name.lower(),
        "parameters": parameters,
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": schema_of[route.answers]}}},
            "default": {"description": "not carried out, or it is not known whether", "content": failure},
        },
    }
    if route.takes is not Nothing:
        operation["requestBody"] = {"content": {"application/json": {"schema": schema_of[route.takes]}}}
    return operation
