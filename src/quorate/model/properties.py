"""One private property of a resource type: its definition and the check of one value against it.

Owns: kinds, forms, bounds and words of a property; what is wrong with a single value.
Does not know: manifests, or which properties belong together; `model.resource_type` does.
How it works: `check_value` returns every problem of one value. Kinds are those of JSON, forms are rules for strings.
"""

from __future__ import annotations

import enum
import ipaddress
import re
import shlex
from collections.abc import Callable
from typing import Final, assert_never

from quorate.model.base import Value
from quorate.model.problems import Problem, error

_WORD: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_AMOUNT: Final = re.compile(r"[0-9]{1,15}")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
PropertyValue = None | bool | int | float | str | list[str | int | float | bool]


class PropertyKind(enum.Enum):
    """What a property value is, as JSON."""

    STRING = "string"
    STRINGS = "strings"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


class PropertyForm(enum.Enum):
    """A rule of form for a string beyond its kind."""

    ANY = "any"
    IPV4_ADDRESS = "ipv4_address"
    IP_ADDRESS = "ip_address"
    IPV4_MASK = "ipv4_mask"
    ABSOLUTE_PATH = "absolute_path"
    COMMAND_LINE = "command_line"
    ENVIRONMENT = "environment"
    WORD = "word"
    """A name without spaces, commas or equals signs."""
    QUANTITY = "quantity"
    """NAME=NUMBER, the number whole and not negative; every name once."""


class TakesEffect(enum.Enum):
    """When a changed property takes effect; NEXT_ONLINE answers 5024 in the reference."""

    AT_ONCE = "at_once"
    NEXT_ONLINE = "next_online"


class PropertyDefinition(Value, frozen=True, kw_only=True):
    """One private property.

    `words` describes it for people; `unit` is empty where there is none; `minimum` and `maximum` bound numbers,
    `choices` strings; `default` holds for a property that is not required and not given.
    """

    name: str
    kind: PropertyKind
    words: str
    unit: str = ""
    default: PropertyValue = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    form: PropertyForm = PropertyForm.ANY
    reference_alias: str = ""
    read_only: bool = False
    takes_effect: TakesEffect = TakesEffect.NEXT_ONLINE


def check_value(definition: PropertyDefinition, value: PropertyValue, place: str) -> list[Problem]:
    """Everything wrong with one value that is not None; `place` is its dotted path."""
    if not _is_of_kind(definition.kind, value):
        return [
            error(
                "property_kind",
                f"{definition.name} must be {_KIND_WORDS[definition.kind]}, not {value!r}",
                where=place,
                remedy=f"give {_KIND_WORDS[definition.kind]}",
            )
        ]
    problems: list[Problem] = []
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = definition.minimum, definition.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            unit = f" {definition.unit}" if definition.unit else ""
            bounds = f"between {_bound(low)} and {_bound(high)}{unit}"
            problems.append(
                error(
                    "property_range",
                    f"{definition.name} must be {bounds}, not {value}",
                    where=place,
                    remedy=f"give a value {bounds}",
                )
            )
    if definition.choices and value not in definition.choices:
        words = ", ".join(definition.choices)
        problems.append(
            error(
                "property_choice", f"{definition.name} cannot be {value!r}", where=place, remedy=f"choose from: {words}"
            )
        )
    fault = _fault_of_form(definition.form, value)
    if fault:
        problems.append(error("property_form", f"{definition.name}: {fault}", where=place, remedy="correct it"))
    return problems


_KIND_WORDS: Final = {
    PropertyKind.STRING: "a string",
    PropertyKind.STRINGS: "a list of strings",
    PropertyKind.INTEGER: "a whole number",
    PropertyKind.NUMBER: "a number",
    PropertyKind.BOOLEAN: "true or false",
}


def _bound(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"


def _is_of_kind(kind: PropertyKind, value: PropertyValue) -> bool:
    match kind:
        case PropertyKind.STRING:
            return isinstance(value, str)
        case PropertyKind.STRINGS:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case PropertyKind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case PropertyKind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case PropertyKind.BOOLEAN:
            return isinstance(value, bool)
        case _ as unreachable:
            assert_never(unreachable)


def _fault_of_form(form: PropertyForm, value: PropertyValue) -> str:
    """A sentence on what is wrong with the form, or nothing. An empty optional string is never wrong."""
    if form is PropertyForm.ANY or value in ("", []):
        return ""
    texts = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    if form is PropertyForm.QUANTITY:
        names = [text.partition("=")[0].strip() for text in texts]
        twice = next((name for name in names if names.count(name) > 1), "")
        if twice:
            return f"{twice} is given twice"
    return next((fault for text in texts if (fault := _fault_of_text(form, text))), "")


def _fault_of_text(form: PropertyForm, text: str) -> str:
    match form:
        case PropertyForm.ANY:
            return ""
        case PropertyForm.IPV4_ADDRESS:
            return _fault_of_address(text, ipaddress.IPv4Address, "an IPv4 address")
        case PropertyForm.IP_ADDRESS:
            return _fault_of_address(text, ipaddress.ip_address, "an IPv4 or IPv6 address")
        case PropertyForm.IPV4_MASK:
            try:
                prefix_length = ipaddress.IPv4Network(f"0.0.0.0/{text}").prefixlen
            except ValueError:
                return f"{text} is not a subnet mask"
            return "" if "." in text and prefix_length < 32 else f"{text} is not a subnet mask of a network"
        case PropertyForm.ABSOLUTE_PATH:
            return "" if text.startswith("/") else f"{text} is not an absolute path"
        case PropertyForm.COMMAND_LINE:
            try:
                words = shlex.split(text)
            except ValueError as problem:
                return f"the quoting is not closed ({problem})"
            return "" if words else "there is no command in it"
        case PropertyForm.ENVIRONMENT:
            return "" if text.partition("=")[1] and text[0] != "=" else f"{text} is not NAME=value"
        case PropertyForm.WORD:
            return "" if _WORD.fullmatch(text) else f"{text!r} is not a word of at most 63 letters, digits and . _ -"
        case PropertyForm.QUANTITY:
            name, _, amount = text.partition("=")
            good = _WORD.fullmatch(name.strip()) and _AMOUNT.fullmatch(amount.strip())
            return "" if good else f"{text!r} is not NAME=NUMBER with a whole number of at most 15 digits"
        case _ as unreachable:
            assert_never(unreachable)


def _fault_of_address(text: str, read: Callable[[str], Address], words: str) -> str:
    try:
        address = read(text)
    except ValueError:
        return f"{text} is not {words}"
    if "%" in text or address.is_unspecified or address.is_multicast or text == "255.255.255.255":
        return f"{text} cannot be the address of a host"
    return ""
