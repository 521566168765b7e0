"""What a resource needs before it may be brought online: properties, required dependencies by type and by class."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import groups
from quorate.control.executor import execute, new_occasion
from quorate.control.groups import NewGroup
from quorate.control.queries import show_group, show_resource
from quorate.control.resource_writing import NewResource, create_resource
from quorate.model.problems import Refused
from quorate.model.properties import PropertyDefinition, PropertyKind, TakesEffect
from quorate.model.resource_type import Manifest, RequiredDependency, ResourceClass, Timeouts


def manifest(name: str, **fields: object) -> Manifest:
    return Manifest(name=name, display_name=name, description="For tests.", **fields)  # type: ignore[arg-type]


DISK = manifest("disk", resource_class=ResourceClass.STORAGE, timeouts=Timeouts(is_alive_poll_interval_ms=7_000))
SHARE = manifest(
    "share",
    required_dependencies=(
        RequiredDependency(resource_class=ResourceClass.STORAGE),
        RequiredDependency(type_names=("name",)),
    ),
)
NAME = manifest(
    "name",
    properties=(
        PropertyDefinition(
            name="dns_name",
            kind=PropertyKind.STRING,
            words="its name",
            required=True,
            takes_effect=TakesEffect.NEXT_ONLINE,
        ),
    ),
)


class Types:
    """A catalogue of these."""

    def __init__(self) -> None:
        self.known = {"disk": DISK, "share": SHARE, "name": NAME}

    def find(self, type_name: str) -> Manifest | None:
        return self.known.get(type_name)

    def names(self) -> tuple[str, ...]:
        return tuple(self.known)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        occasion = new_occasion(made, "ann", "")
        await execute(made, lambda view, o: groups.create_group(view, NewGroup(name="web"), o), occasion)
        await made.assign("web", 1)
        yield made


async def make(world: FacesWorld, name: str, kind: str, types: Types, depends_on: str = "", **properties: str) -> None:
    wish = NewResource(name=name, group="web", type=kind, depends_on=depends_on, properties=dict(properties))
    await execute(world, lambda view, o: create_resource(view, wish, o, types), new_occasion(world, "ann", ""))


async def online(world: FacesWorld, types: Types) -> set[str]:
    """Codes and places of what forbids it."""
    command = new_occasion(world, "ann", "")
    try:
        await execute(world, lambda view, o: groups.group_online(view, "web", o, types.find), command)
    except Refused as refused:
        assert show_group(world, "web").wanted == "offline", "nothing has changed"
        return {f"{problem.code} {problem.where}" for problem in refused.problems}
    return set()


@pytest.mark.conformance("DP-13", "DP-14")
async def test_required_dependencies_are_met_by_type_or_by_any_type_of_a_class(world: FacesWorld) -> None:
    types = Types()
    await make(world, "d", "disk", types)
    await make(world, "n", "name", types, dns_name="files")
    await make(world, "alone", "share", types)
    await make(world, "half", "share", types, "[d]")
    missing = "required_dependency_missing resource"
    assert await online(world, types) == {f"{missing}.alone.depends_on", f"{missing}.half.depends_on"}
    types.known["share"] = manifest("share")
    assert await online(world, types) == set()


@pytest.mark.conformance("ST-06")
async def test_a_required_property_that_is_missing_prevents_online(world: FacesWorld) -> None:
    """It may become missing: a newer release of the type asks for more."""
    types = Types()
    types.known["name"] = manifest("name")
    await make(world, "n", "name", types)
    types.known["name"] = NAME
    assert await online(world, types) == {"property_required resource.n.dns_name"}


@pytest.mark.conformance("FR-15")
async def test_poll_intervals_that_are_not_given_come_from_the_type(world: FacesWorld) -> None:
    types = Types()
    await make(world, "d", "disk", types)
    found = show_resource(world, "d").common
    assert (found["is_alive_poll_interval_ms"], found["looks_alive_poll_interval_ms"]) == (7_000, 5_000)
