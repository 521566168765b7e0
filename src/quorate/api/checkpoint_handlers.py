"""What the routes of checkpoints do.

Owns: the joining of their use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import checkpoints
from quorate.control.change import Changed


async def list_checkpoints(call: Call[Nothing]) -> checkpoints.CheckpointList:
    """The files that travel with a resource, and what is kept of them."""
    return checkpoints.list_checkpoints(call.context, call.name)


async def add_checkpoint(call: Call[checkpoints.NewCheckpoint]) -> Changed:
    """Have a file or folder travel with a resource."""
    return await Plan(call).run(
        lambda view, occasion: checkpoints.add_checkpoint(view, call.name, call.body, occasion), at_once
    )


async def remove_checkpoint(call: Call[Nothing]) -> Changed:
    """A file or folder, named by `path`, travels no more."""
    path = call.query.get("path", "")
    return await Plan(call).run(
        lambda view, occasion: checkpoints.remove_checkpoint(view, call.name, path, occasion), at_once
    )
