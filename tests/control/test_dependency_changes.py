"""One dependency added and removed, questions about dependencies, and what a loss brings about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import dependency_changes, groups, resource_writing
from quorate.control.change import Change, Done, Occasion
from quorate.control.dependency_changes import DependencyWish, Spared, can_depend, show_dependencies, show_impact
from quorate.control.executor import execute, new_occasion
from quorate.core.cluster_view import ClusterView
from quorate.model.problems import Refused

Command = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    """In web: disks d1 and d2, addr; db needs one of the disks, site needs db and addr. In mail: box."""
    async with faces_world(tmp_path) as made:
        for name in ("web", "mail"):
            await run(made, lambda v, o, n=name: groups.create_group(v, groups.NewGroup(name=n), o))  # type: ignore[misc]
        for name, depends_on, group in (
            ("d1", "", "web"), ("d2", "", "web"), ("addr", "", "web"), ("db", "[d1] or [d2]", "web"),
            ("site", "[db] and [addr]", "web"), ("box", "", "mail"),
        ):  # fmt: skip
            wish = resource_writing.NewResource(
                name=name, group=group, type="generic_application", properties={"command_line": "/bin/sleep 9"},
                depends_on=f"({depends_on})" if " or " in depends_on else depends_on,
            )  # fmt: skip
            await run(made, lambda v, o, w=wish: resource_writing.create_resource(v, w, o, made.types))  # type: ignore[misc]
        yield made


async def run(world: FacesWorld, command: Command) -> Done:
    return await execute(world, command, new_occasion(world, "ann", ""))


def add(world: FacesWorld, name: str, on: str) -> Command:
    return lambda v, o: dependency_changes.add_dependency(v, name, DependencyWish(on=on), o, world.types)


def remove(world: FacesWorld, name: str, on: str) -> Command:
    return lambda v, o: dependency_changes.remove_dependency(v, name, DependencyWish(on=on), o, world.types)


async def refused(world: FacesWorld, command: Command) -> list[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return [problem.code for problem in caught.value.problems]


async def test_one_more_is_joined_by_and_one_less_leaves_no_empty_part(world: FacesWorld) -> None:
    await run(world, add(world, "DB", "addr"))
    assert show_dependencies(world.view, "db").expression == "([d1] or [d2]) and [addr]"
    await run(world, remove(world, "db", "d1"))
    assert show_dependencies(world.view, "db").expression == "[d2] and [addr]"
    await run(world, remove(world, "db", "d2"))
    assert show_dependencies(world.view, "db").expression == "[addr]"
    await run(world, remove(world, "db", "addr"))
    assert show_dependencies(world.view, "db").expression == ""


@pytest.mark.conformance("DP-05")
async def test_a_dependency_that_is_there_is_refused(world: FacesWorld) -> None:
    assert await refused(world, add(world, "site", "db")) == ["dependency_already_exists"]
    assert await refused(world, add(world, "db", "D1")) == ["dependency_already_exists"], "an alternative is there too"


@pytest.mark.conformance("DP-06")
async def test_a_dependency_that_is_not_there_cannot_be_removed(world: FacesWorld) -> None:
    assert await refused(world, remove(world, "site", "d1")) == ["dependency_not_found"], "an indirect one is none"
    assert await refused(world, remove(world, "sight", "d3")) == ["resource_unknown", "resource_unknown"]


@pytest.mark.conformance("DP-03", "DP-04")
async def test_circles_and_other_groups_are_refused(world: FacesWorld) -> None:
    assert await refused(world, add(world, "d1", "site")) == ["circular_dependency"]
    assert await refused(world, add(world, "d1", "d1")) == ["circular_dependency"]
    assert await refused(world, add(world, "d1", "box")) == ["dependency_in_other_group"]


@pytest.mark.conformance("DP-15")
async def test_whether_it_could_is_told_and_nothing_changes(world: FacesWorld) -> None:
    before = world.engine.engine.revision
    occasion = new_occasion(world, "ann", "")

    def ask(name: str, on: str) -> tuple[bool, list[str]]:
        found = can_depend(world.view, name, on, occasion, world.types)
        return found.possible, [problem.code for problem in found.problems]

    assert ask("addr", "d1") == (True, [])
    assert ask("d1", "site") == (False, ["circular_dependency"])
    assert ask("d1", "box") == (False, ["dependency_in_other_group"])
    assert ask("site", "db") == (False, ["dependency_already_exists"])
    assert world.engine.engine.revision == before
    assert show_dependencies(world.view, "addr").depends_on == ()


@pytest.mark.conformance("DP-16", "DP-09")
async def test_both_directions_are_direct_and_expressions_come_by_name_and_by_id(world: FacesWorld) -> None:
    ids = {known.record.name: known.record.id for known in world.view.resources.values()}
    found = show_dependencies(world.view, "db")
    assert (found.depends_on, found.provides_for) == (("d1", "d2"), ("site",))
    assert show_dependencies(world.view, "d1").provides_for == ("db",), "site rests on it, but not directly"
    assert show_dependencies(world.view, "site").depends_on == ("db", "addr")
    assert found.expression == "([d1] or [d2])"
    assert found.expression_by_id == f"([{ids['d1']}] or [{ids['d2']}])"
    change = resource_writing.ResourceChange(depends_on=found.expression_by_id)
    done = await run(world, lambda v, o: resource_writing.change_resource(v, "db", change, o, world.types))
    assert not done.changed, "either form is read as the same"


async def test_what_a_loss_takes_along_heeds_alternatives(world: FacesWorld) -> None:
    assert show_impact(world.view, "d1").assumed
    await world.assign("web", 1)
    await world.report_states("web", dict.fromkeys(("d1", "d2", "addr", "db", "site"), "online"))
    found = show_impact(world.view, "d1")
    assert (found.assumed, found.goes_offline) == (False, ())
    assert found.spared == (Spared(resource="db", by=("d2",)),)
    await world.report_states(
        "web", {"d1": "online", "d2": "failed", "addr": "online", "db": "online", "site": "online"}
    )
    assert show_impact(world.view, "d1").goes_offline == ("site", "db"), (
        "the last alternative takes both, dependents first"
    )
    assert show_impact(world.view, "addr").goes_offline == ("site",)
    assert show_impact(world.view, "site").goes_offline == ()
