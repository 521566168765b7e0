"""The built-in resource types by name.

Owns: the list of names. Does not know what any type does; a type's module is loaded when it is first asked for, so
that a host holds only what runs in it. A name of the form `module:Class` finds a type from elsewhere (spec/04 section
10).
"""

from __future__ import annotations

import importlib
from typing import Final

from quorate.sdk.resource_type import ResourceType

BUILT_IN: Final = {
    "generic_application": "quorate.resources.generic_application:GenericApplication",
    "ip_address": "quorate.resources.ip_address:IpAddress",
}
"""Name of a built-in type to the place of its class."""

_REFERENCE_NAMES: Final = {"generic application": "generic_application", "ip address": "ip_address"}


class UnknownType(Exception):
    """There is no type of that name here; the text says what was looked for."""


def find_type(type_name: str) -> type[ResourceType]:
    """The class of a type, by its name, its reference name (`IP Address`), or its place. Raises UnknownType."""
    name = _REFERENCE_NAMES.get(type_name.casefold(), type_name)
    place = BUILT_IN.get(name, name)
    module_name, separator, class_name = place.partition(":")
    if not separator:
        raise UnknownType(f"there is no resource type {type_name}; built in: {', '.join(BUILT_IN)}")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as problem:
        raise UnknownType(f"resource type {type_name} cannot be loaded: {problem}") from problem
    if not (isinstance(found, type) and issubclass(found, ResourceType)):
        raise UnknownType(f"{place} is not a resource type")
    return found
