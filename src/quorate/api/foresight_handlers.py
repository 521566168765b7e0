"""What the routes of foresight do.

Owns: the joining of their use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call
from quorate.api.handlers import Nothing
from quorate.control import foreseeing
from quorate.control.previews import Forecast, Preview


async def show_forecast(call: Call[Nothing]) -> Forecast:
    """What the loss of each node, of each site, and of the quorum resource would do now."""
    return await foreseeing.forecast(call.context)


async def node_loss(call: Call[Nothing]) -> Preview:
    """What the loss of a node, or of several at once, separated by commas, would do now."""
    return await foreseeing.node_loss(call.context, tuple(word.strip() for word in call.name.split(",")))


async def quorum_loss(call: Call[Nothing]) -> Preview:
    """What the loss of the quorum resource, or of the witness, would do now."""
    return await foreseeing.quorum_loss(call.context)


async def site_loss(call: Call[Nothing]) -> Preview:
    """What the loss of all nodes of a site would do now."""
    return await foreseeing.site_loss(call.context, call.name)
