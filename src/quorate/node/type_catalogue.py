"""The resource types that are installed on this node, for the use cases.

Owns: nothing but the bridge between `control`, which may not know types, and `resources`, which holds them.
"""

from __future__ import annotations

from quorate.model.resource_type import Manifest
from quorate.resources import BUILT_IN, UnknownType, find_type


class InstalledTypes:
    """Finds manifests; a type's module is loaded when it is first asked for."""

    def find(self, type_name: str) -> Manifest | None:
        """The manifest of a type, by its name, reference name or place."""
        try:
            return find_type(type_name).manifest
        except UnknownType:
            return None

    def names(self) -> tuple[str, ...]:
        """The built-in types; others are named by `module:Class`."""
        return tuple(BUILT_IN)
