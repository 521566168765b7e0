"""Given values of common properties: found under either name, checked, and turned into fields of records and back.

Owns: these steps. Does not know: which class has which property.
How it works: a record keeps a list as a tuple, quantities as a table, and a default of all-ones as None;
everything else as it is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from quorate.model.base import Value
from quorate.model.common_properties.defining import PropertyClass
from quorate.model.common_properties.elsewhere import reason_for
from quorate.model.problems import Problem, error
from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyValue, check_value
from quorate.model.resource_type import NEVER_MS

LISTED_MOST: Final = 10
"""So many names are listed where an unknown one was given."""


def find_common(definitions: tuple[PropertyDefinition, ...], name: str) -> PropertyDefinition | None:
    """The property of that name or reference name, regardless of case; `restart-delay-ms` is understood too."""
    folded = name.casefold().replace("-", "_")
    return next((d for d in definitions if folded in (d.name, d.reference_alias.casefold()) and folded), None)


def read_common(
    kind: PropertyClass, given: Mapping[str, PropertyValue], where: str
) -> tuple[dict[str, PropertyValue], list[Problem]]:
    """The given values under our names, and everything wrong with them. None stands for the default."""
    values: dict[str, PropertyValue] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        definition = find_common(kind.settable, name)
        if definition is None:
            problems.append(_not_settable(kind, name, f"{where}.{name}"))
        elif definition.name in values:
            problems.append(
                error(
                    "property_given_twice",
                    f"{definition.name} is given under two names",
                    where=f"{where}.{name}",
                    remedy="leave one of them out",
                )
            )
        else:
            values[definition.name] = definition.default if value is None else value
            if value is not None:
                problems += check_value(definition, value, f"{where}.{name}")
    return values, problems


def _not_settable(kind: PropertyClass, name: str, where: str) -> Problem:
    shown = find_common(kind.read_only, name)
    if shown is not None:
        what = f"{shown.name} of a {kind.name} cannot be set: {shown.words}"
        return error("property_read_only", what, where=where, remedy="leave it out")
    reason = reason_for(kind.name, name)
    if reason:
        what = f"{name} is a property of the reference that is not offered: {reason}"
        return error("property_not_offered", what, where=where, remedy="leave it out; see docs/reference/properties.md")
    known = [d.name for d in kind.settable]
    near = difflib.get_close_matches(name.casefold(), known, n=1)
    remedy = (
        f"there are: {', '.join(known)}" if len(known) <= LISTED_MOST else f"quorate properties {kind.name} lists all"
    )
    remedy = f"did you mean {near[0]}?" if near else remedy
    return error("property_unknown", f"there is no common property {name}", where=where, remedy=remedy)


def fields_of(kind: PropertyClass, values: Mapping[str, PropertyValue]) -> dict[str, object]:
    """Checked values, under our names, as fields of the record."""
    definitions = {d.name: d for d in kind.settable}
    return {name: _as_field(definitions[name], value) for name, value in values.items()}


def values_of(record: Value, definitions: tuple[PropertyDefinition, ...]) -> dict[str, PropertyValue]:
    """What a record holds, as it would be given."""
    return {d.name: _as_value(d, getattr(record, d.name)) for d in definitions}


def _as_field(definition: PropertyDefinition, value: PropertyValue) -> object:
    if definition.default == NEVER_MS and value == NEVER_MS:
        return None
    if not isinstance(value, list):
        return value
    if definition.form is not PropertyForm.QUANTITY:
        return tuple(dict.fromkeys(str(entry) for entry in value))
    parts = [str(entry).partition("=") for entry in value]
    return {name.strip(): int(amount) for name, _, amount in parts}


def _as_value(definition: PropertyDefinition, field: Any) -> PropertyValue:  # noqa: ANN401 - of any record
    match field:
        case None:
            return definition.default
        case dict():
            return [f"{name}={amount}" for name, amount in sorted(field.items())]
        case tuple():
            return list(field)
        case _:
            return field  # type: ignore[no-any-return]
