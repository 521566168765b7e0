"""What each route of networks and interfaces does: a line or two around a use case.

Owns: the joining of these use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

import asyncio

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import names, network_views, networks, path_views, views
from quorate.control.change import Changed
from quorate.model.base import Damaged, decode
from quorate.model.nodes import NodeSpec


async def list_networks(call: Call[Nothing]) -> views.NetworkList:
    """All networks with their interfaces."""
    return network_views.list_networks(call.context)


async def show_network(call: Call[Nothing]) -> views.NetworkView:
    """One network with its interfaces."""
    return network_views.show_network(call.context, call.name)


async def change_network(call: Call[networks.NetworkChange]) -> Changed:
    """Change role, metric or description of a network."""
    return await Plan(call).run(
        lambda view, occasion: networks.change_network(view, call.name, call.body, occasion), at_once
    )


async def rename_network(call: Call[names.NewName]) -> Changed:
    """Give a network another name."""
    return await Plan(call).run(
        lambda view, occasion: networks.rename_network(view, call.name, call.body, occasion), at_once
    )


async def list_interfaces(call: Call[Nothing]) -> views.InterfaceList:
    """All network interfaces."""
    return network_views.list_interfaces(call.context)


async def show_interface(call: Call[Nothing]) -> views.InterfaceView:
    """One network interface."""
    return network_views.show_interface(call.context, call.name)


async def change_interface(call: Call[networks.NetworkChange]) -> Changed:
    """Change the description of a network interface."""
    return await Plan(call).run(
        lambda view, occasion: networks.change_interface(view, call.name, call.body, occasion), at_once
    )


# ---------------------------------------------------------------- paths


async def node_paths(call: Call[Nothing]) -> path_views.NodePaths:
    """Whom this node hears over which network, how fast, and with what losses."""
    return path_views.node_paths(call.context)


async def list_paths(call: Call[Nothing]) -> path_views.PathMatrix:
    """Who hears whom over which network, how fast, and with what losses; every node that is up is asked."""

    async def ask(node: NodeSpec) -> path_views.NodePaths | None:
        answer = await call.ask(node, f"/v1/nodes/{node.node}/paths")
        try:
            return decode(answer, path_views.NodePaths, node.name) if answer is not None else None
        except Damaged:
            return None

    told = await asyncio.gather(*(ask(node) for node in path_views.others_up(call.context)))
    return path_views.path_matrix(call.context, [one for one in told if one is not None])
