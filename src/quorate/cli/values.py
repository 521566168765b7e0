"""Property values as people type them, turned into what a property wants.

Owns: the reading of `NAME=VALUE`. Does not know: whether a value is allowed; the cluster checks that, with all others.
How it works: the property's kind decides. A value that does not fit its kind is sent as text, so that the cluster's
answer names it together with everything else that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from quorate.cli.frame import pairs
from quorate.model.properties import PropertyDefinition, PropertyKind, PropertyValue

Find = Callable[[str], PropertyDefinition | None]
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def given_properties(option: str, given: Iterable[str], find: Find) -> dict[str, PropertyValue]:
    """The values of `NAME=VALUE` options; `NAME=` means the default. `find` knows the kinds."""
    return {name: _value(find(name), text) for name, text in pairs(option, given).items()}


def _value(definition: PropertyDefinition | None, text: str) -> PropertyValue:
    if text == "":
        return None
    if definition is None:
        return _guess(text)
    match definition.kind:
        case PropertyKind.STRING:
            return text
        case PropertyKind.STRINGS:
            return list(text.split(","))
        case PropertyKind.INTEGER:
            return int(text) if re.fullmatch(r"-?\d+", text) else text
        case PropertyKind.NUMBER:
            return float(text) if _NUMBER.fullmatch(text) else text
        case PropertyKind.BOOLEAN:
            folded = text.casefold()
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(folded, text)


def _guess(text: str) -> PropertyValue:
    """For a type that this machine does not have: numbers and truth by their look."""
    if text in {"true", "false"}:
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text
