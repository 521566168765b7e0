"""Short ways to define a common property, and what a class of objects has of them.

Owns: these forms. Does not know: any property; every class has a module of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyKind, TakesEffect


@dataclass(frozen=True, slots=True)
class PropertyClass:
    """The common properties of one class of objects: those that people set, and those that are only shown.

    The names of `settable` are the names of the record's fields. What is `read_only` follows from other records.
    """

    name: str
    settable: tuple[PropertyDefinition, ...]
    read_only: tuple[PropertyDefinition, ...] = ()


def number(
    name: str, alias: str, words: str, low: int, high: int, default: int | None, unit: str = ""
) -> PropertyDefinition:
    """A whole number between `low` and `high`, both allowed."""
    return PropertyDefinition(
        name=name,
        reference_alias=alias,
        kind=PropertyKind.INTEGER,
        words=words,
        minimum=low,
        maximum=high,
        default=default,
        unit=unit,
    )


def flag(name: str, alias: str, words: str, *, default: bool) -> PropertyDefinition:
    """Yes or no."""
    return PropertyDefinition(name=name, reference_alias=alias, kind=PropertyKind.BOOLEAN, words=words, default=default)


def text(name: str, alias: str, words: str, form: PropertyForm = PropertyForm.ANY) -> PropertyDefinition:
    """A string, empty by default."""
    return PropertyDefinition(
        name=name, reference_alias=alias, kind=PropertyKind.STRING, words=words, default="", form=form
    )


def choice(name: str, alias: str, words: str, choices: tuple[str, ...], default: str) -> PropertyDefinition:
    """One of some words."""
    return PropertyDefinition(
        name=name, reference_alias=alias, kind=PropertyKind.STRING, words=words, choices=choices, default=default
    )


def listing(name: str, alias: str, words: str, form: PropertyForm) -> PropertyDefinition:
    """Several strings in order, none by default."""
    return PropertyDefinition(
        name=name, reference_alias=alias, kind=PropertyKind.STRINGS, words=words, default=[], form=form
    )


def shown(name: str, alias: str, words: str) -> PropertyDefinition:
    """What is only shown."""
    return PropertyDefinition(
        name=name,
        reference_alias=alias,
        kind=PropertyKind.STRING,
        words=words,
        read_only=True,
        takes_effect=TakesEffect.AT_ONCE,
    )


DESCRIPTION: Final = text("description", "Description", "a comment")
ID: Final = shown("id", "Id", "never changes")
NAME: Final = shown("name", "Name", "changed with the command rename")
STATE: Final = shown("state", "State", "as it is now")
