"""One property of one object, for every face: its value, the value that counts, and where that comes from.

Owns: the form of these views, and how one is made of a record. Does not know: any class (`control.properties`).
How it works: a record keeps values and not whether somebody gave them; what equals the default, or that of the type,
counts as coming from there.
"""

from __future__ import annotations

from quorate.model.base import Value
from quorate.model.common_properties import CLASSES, values_of
from quorate.model.properties import PropertyDefinition, PropertyValue


class PropertyView(Value, frozen=True, kw_only=True):
    """One property of one object."""

    name: str
    alias: str = ""
    """The reference's name."""
    value: PropertyValue
    effective: PropertyValue
    """What counts: where nothing of its own is set, what stands for it."""
    source: str
    """`set` here, `default`, `type`, `cluster`, `profile`, `nodes`, `resources`, or `shown` where it cannot be set."""
    kind: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    default: PropertyValue = None
    read_only: bool = False
    words: str


class ObjectProperties(Value, frozen=True, kw_only=True):
    """All properties of one object."""

    kind: str
    name: str
    properties: tuple[PropertyView, ...]


Effective = dict[str, tuple[PropertyValue, str]]
"""What counts instead of a value, and where it comes from."""


def object_properties(
    kind: str, name: str, record: Value | None, other: Effective, shown: dict[str, PropertyValue]
) -> ObjectProperties:
    """All properties of an object: the record's, with `other` where something else counts, and those only `shown`.

    A value in `shown` stands for what the record has in another form, like names for numbers.
    """
    defined = CLASSES[kind]
    made = []
    values = values_of(record, defined.settable) if record is not None else {}
    for definition in defined.settable:
        value = shown.get(definition.name, values[definition.name])
        plain = (value, "default" if value == definition.default else "set")
        made.append(_view(definition, value, *other.get(definition.name, plain)))
    made += [_view(d, shown.get(d.name), shown.get(d.name), "shown") for d in defined.read_only]
    return ObjectProperties(kind=kind, name=name, properties=tuple(made))


def _view(definition: PropertyDefinition, value: PropertyValue, effective: PropertyValue, source: str) -> PropertyView:
    return PropertyView(
        name=definition.name,
        alias=definition.reference_alias,
        value=value,
        effective=effective,
        source=source,
        kind=definition.kind.value,
        unit=definition.unit,
        minimum=definition.minimum,
        maximum=definition.maximum,
        choices=definition.choices,
        default=definition.default,
        read_only=definition.read_only,
        words=definition.words,
    )
