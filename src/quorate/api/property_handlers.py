"""What the routes of properties do.

Owns: the joining of their use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import properties, setting
from quorate.control.change import Changed


async def list_properties(call: Call[Nothing]) -> properties.PropertyList:
    """Every property with value, effective value and source; of the class `kind`, of the object `object`."""
    return properties.list_properties(call.context, call.query.get("kind", ""), call.query.get("object", ""))


async def set_properties(call: Call[setting.SettingWish]) -> Changed:
    """Set properties of several objects, all or nothing."""
    types = call.context.types
    return await Plan(call).run(lambda view, now: setting.set_properties(view, call.body, now, types), at_once)
