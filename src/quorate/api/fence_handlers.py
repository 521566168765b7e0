"""What each route of fence devices does: a line or two around a use case.

Owns: the joining of these use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import fence_testing, fencing
from quorate.control.change import Changed


async def list_devices(call: Call[Nothing]) -> fencing.FenceDeviceList:
    """All fence devices with their history."""
    return fencing.list_devices(call.context)


async def show_device(call: Call[Nothing]) -> fencing.FenceDeviceView:
    """One fence device with its history."""
    return fencing.show_device(call.context, call.name)


async def create_device(call: Call[fencing.NewFenceDevice]) -> Changed:
    """Create a fence device; it is used from now on."""
    installed = call.context.agents.has(call.body.agent)
    return await Plan(call).run(
        lambda view, occasion: fencing.create_device(view, call.body, installed, occasion), at_once
    )


async def delete_device(call: Call[Nothing]) -> Changed:
    """Delete a fence device."""
    return await Plan(call).run(lambda view, occasion: fencing.delete_device(view, call.name, occasion), at_once)


async def check_device(call: Call[Nothing]) -> fence_testing.FenceTest:
    """Ask a fence device how it and its plugs are, from this node; nothing is switched."""
    return await fence_testing.check_device(call.context, call.name)
