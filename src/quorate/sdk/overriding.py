"""The mark `override`, without a package at run time.

Owns: one name. The standard library has it from Python 3.12; until then a host does without the package that offers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method: object) -> object:
        """Mark a method that replaces one of its base class."""
        return method


__all__ = ["override"]
