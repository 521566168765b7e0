"""The manifest of a resource type: everything about it that can be said without running it (spec/04 sections 9 and 13).

Owns: the manifest with its timeouts, capabilities and required dependencies, and the check of given
properties against them.
Does not know: resources, hosts, or how a type does its work; the class of the type holds its manifest.
How it works: `check_properties` walks the manifest and the given values and returns every problem at once;
`complete_properties` adds the defaults, so that a type never sees a missing value. Both accept the reference name of a
property (`CommandLine`) wherever ours (`command_line`) may stand, regardless of case.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error, stops, warning
from quorate.model.proofs import ProofLevel
from quorate.model.properties import PropertyDefinition, PropertyValue, check_value

NEVER_MS: Final = 0xFFFFFFFF
"""All-ones: a timeout that never ends (spec/04 section 1.1)."""


ENDED_BY_KERNEL: Final = frozenset({"process", "address"})
"""Kinds of holding that the kernel ends within G whatever our own processes do (decision 0021, design §2)."""


class ResourceClass(enum.IntEnum):
    """Class of a type; numbers of the reference (spec/04 section 13)."""

    UNKNOWN = 0
    STORAGE = 1
    NETWORK = 2


class Characteristic(enum.Flag):
    """Characteristics of a type (spec/04 section 13). The first six carry the numbers of the reference."""

    NONE = 0
    QUORUM = 0x1
    DELETE_REQUIRES_ALL_NODES = 0x2
    LOCAL_QUORUM = 0x4
    REQUIRES_STATE_CHANGE_REASON = 0x10
    SINGLE_CLUSTER_INSTANCE = 0x40
    SINGLE_GROUP_INSTANCE = 0x80


class Timeouts(Value, frozen=True, kw_only=True):
    """Defaults of a type for its resources, in milliseconds."""

    looks_alive_poll_interval_ms: int = 5_000
    is_alive_poll_interval_ms: int = 60_000
    pending_timeout_ms: int = 180_000
    deadlock_timeout_ms: int = 300_000


class RequiredDependency(Value, frozen=True, kw_only=True):
    """One thing a resource of this type must depend on: any of these types, or any type of this class."""

    type_names: tuple[str, ...] = ()
    resource_class: ResourceClass | None = None


class Manifest(Value, frozen=True, kw_only=True):
    """All that is known of a type without running it.

    `stop_failure_endangers_data`: where its Offline and Terminate fail, the group must not start elsewhere without
    proof. `takes_hold_of` tells which kinds of holding it registers; what is not in (process, address) cannot be
    ended by the kernel alone within G and demands proof by watchdog, reservation or fencing (design §4).
    """

    name: str
    display_name: str
    description: str
    resource_class: ResourceClass = ResourceClass.UNKNOWN
    properties: tuple[PropertyDefinition, ...] = ()
    timeouts: Timeouts = Timeouts()
    characteristics: int = 0
    required_dependencies: tuple[RequiredDependency, ...] = ()
    stop_failure_endangers_data: bool = False
    can_adopt: bool = False
    """It can take over what runs already, so that this ends with the node's lease like what it started itself."""
    watches_itself: bool = False
    """It says at once when it may have failed (`Context.suspect_failure`, `report_failure`), as with an event handle in
    the reference: it is not asked whether it looks alive (spec/04 §7)."""
    can_be_maintained: bool = True
    """Its health checks may be overlooked while somebody works on it by hand (spec/03 §14.2)."""
    takes_hold_of: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    """Sets of properties of which at least one must be given."""
    reference_name: str = ""

    @property
    def required_proof(self) -> ProofLevel:
        """The weakest proof of a lost node's end by which a resource of the type may start elsewhere (design §4)."""
        return "lease" if ENDED_BY_KERNEL.issuperset(self.takes_hold_of) else "watchdog"

    def has(self, characteristic: Characteristic) -> bool:
        """Whether the type declares all of that."""
        return characteristic in Characteristic(self.characteristics)

    def find(self, given_name: str) -> PropertyDefinition | None:
        """The property of that name or reference name, regardless of case."""
        folded = given_name.casefold()
        for definition in self.properties:
            if folded in (definition.name.casefold(), definition.reference_alias.casefold()) and folded:
                return definition
        return None


def check_properties(
    manifest: Manifest, given: Mapping[str, PropertyValue], where: str = "properties"
) -> tuple[Problem, ...]:
    """Everything wrong with the given private properties; empty where all is well."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for given_name, value in given.items():
        place = f"{where}.{given_name}"
        definition = manifest.find(given_name)
        if definition is None:
            known = ", ".join(definition.name for definition in manifest.properties) or "none"
            problems.append(
                error(
                    "property_unknown",
                    f"{manifest.display_name} has no property {given_name}",
                    where=place,
                    remedy=f"leave it out; known properties: {known}",
                )
            )
            continue
        if definition.name in seen:
            problems.append(
                error(
                    "property_given_twice",
                    f"{definition.name} is given under two names",
                    where=place,
                    remedy="leave one of them out",
                )
            )
        seen.add(definition.name)
        if definition.read_only:
            problems.append(
                error("property_read_only", f"{definition.name} is read-only", where=place, remedy="leave it out")
            )
        elif value is not None:
            problems.extend(check_value(definition, value, place))
    for definition in manifest.properties:
        missing = given_value(manifest, given, definition.name) in (None, "", [])
        if definition.required and missing:
            problems.append(
                error(
                    "property_required",
                    f"{manifest.display_name} needs {definition.name}: {definition.words}",
                    where=f"{where}.{definition.name}",
                    remedy=f"give {definition.name}",
                )
            )
    for names in manifest.one_of:
        if all(given_value(manifest, given, name) in (None, "", 0, []) for name in names):
            words = " or ".join(names)
            what, place = f"{manifest.display_name} needs {words}", f"{where}.{names[0]}"
            problems.append(error("property_required", what, where=place, remedy=f"give {words}"))
    return tuple(problems)


def given_value(manifest: Manifest, given: Mapping[str, PropertyValue], name: str) -> PropertyValue:
    """The value given for the property `name`, under whichever of its names; None where it is not given."""
    for given_name, value in given.items():
        definition = manifest.find(given_name)
        if definition is not None and definition.name == name:
            return value
    return None


def complete_properties(manifest: Manifest, given: Mapping[str, PropertyValue]) -> dict[str, PropertyValue]:
    """The given values under our names, with the defaults of all others. Raises Refused with all problems."""
    problems = check_properties(manifest, given)
    if stops(problems):
        raise Refused(problems)
    complete: dict[str, PropertyValue] = {}
    for definition in manifest.properties:
        value = given_value(manifest, given, definition.name)
        complete[definition.name] = definition.default if value is None else value
    return complete


def check_manifest(manifest: Manifest) -> tuple[Problem, ...]:
    """Everything wrong with a manifest itself: what its author has to repair."""
    problems: list[Problem] = []
    spellings = [{entry.name.casefold(), entry.reference_alias.casefold()} - {""} for entry in manifest.properties]
    for definition in manifest.properties:
        place = f"manifest.properties.{definition.name}"
        if not definition.name.isidentifier() or definition.name != definition.name.lower():
            problems.append(error("name_form", f"{definition.name} is not snake_case", where=place, remedy="rename it"))
        if sum(definition.name.casefold() in spelled for spelled in spellings) > 1:
            problems.append(
                error("name_twice", f"{definition.name} is defined twice", where=place, remedy="rename one")
            )
        if definition.required and definition.default is not None:
            problems.append(
                error("default_useless", f"{definition.name} is required", where=place, remedy="drop the default")
            )
        if definition.default is not None:
            problems.extend(check_value(definition, definition.default, place))
        if not definition.words:
            problems.append(
                warning("words_missing", f"{definition.name} is not described", where=place, remedy="describe it")
            )
    return tuple(problems)
