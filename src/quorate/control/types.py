"""What the use cases want of resource types: manifests by name.

Owns: the protocol alone. Does not know: where types come from; a higher layer hands a catalogue in.
"""

from __future__ import annotations

from typing import Protocol

from quorate.model.resource_type import Manifest


class TypeCatalogue(Protocol):
    """The resource types of this node."""

    def find(self, type_name: str) -> Manifest | None:
        """The manifest of a type, by its name, reference name or place."""
        ...

    def names(self) -> tuple[str, ...]:
        """Names that `find` knows, for people."""
        ...
