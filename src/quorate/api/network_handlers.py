"""What each route of networks and interfaces does: a line or two around a use case.

Owns: the joining of these use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import network_views, networks, views
from quorate.control.change import Changed


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


async def rename_network(call: Call[networks.NewName]) -> Changed:
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
