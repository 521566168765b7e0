"""The picture of dependencies: what lies where, and what is told of each resource."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.control.dependency_changes import DependencyView, GroupDependencies
from quorate.control.dependency_drawing import draw_dependencies
from quorate.control.layered_layout import Node, lay_out

SVG = "{http://www.w3.org/2000/svg}"


def one(name: str, *parts: tuple[str, ...], after: tuple[str, ...] = (), state: str = "online") -> DependencyView:
    return DependencyView(
        resource=name, group="shop", expression="", expression_by_id="", provides_for=(), starts_after=after,
        depends_on=tuple(dict.fromkeys(itertools.chain(*parts))), parts=parts, state=state,
    )  # fmt: skip


def drawn(*members: DependencyView, about: str = "") -> ET.Element:
    return ET.fromstring(draw_dependencies(GroupDependencies(group="shop", resources=members), about))


def boxes(picture: ET.Element) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right, bottom of each box, by the name in it."""
    found = {}
    names = [text for text in picture.iter(f"{SVG}text") if text.get("font-size") == "14"]
    for text, box in zip(names, [b for b in picture.iter(f"{SVG}rect") if b.get("rx") == "5"], strict=True):
        x, y, w, h = (float(box.get(name) or 0) for name in ("x", "y", "width", "height"))
        found[text.text or ""] = (x, y, x + w, y + h)
    return found


def words(picture: ET.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


SHOP = (
    one("site", ("server",), ("address4", "address6")),
    one("server", ("database",)),
    one("database", ("disk",), ("address4",)),
    one("disk"),
    one("address4"),
    one("address6", state="failed"),
    one("mailer", ("disk",), after=("site",), state="online_pending"),
    one("<probe> & co", state="offline"),
)


def test_every_provider_lies_below_its_dependents_and_nothing_overlaps() -> None:
    found = boxes(drawn(*SHOP))
    assert set(found) == {member.resource for member in SHOP}
    for member in SHOP:
        for other in (*member.depends_on, *member.starts_after):
            assert found[other][1] > found[member.resource][3], (member.resource, other)
    for (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) in itertools.combinations(found.values(), 2):
        assert right1 < left2 or right2 < left1 or bottom1 < top2 or bottom2 < top1


def test_states_are_words_and_and_or_and_order_are_told_apart() -> None:
    picture = drawn(*SHOP)
    told = words(picture)
    assert (told.count("and"), told.count("or")) == (2, 1)
    assert {"online", "failed", "online pending", "offline"} <= set(told)
    dotted = [line for line in picture.iter(f"{SVG}path") if line.get("stroke-dasharray")]
    assert [(line.findtext(f"{SVG}title") or "") for line in dotted] == ["mailer starts after site"]
    assert all(box[0] >= 0 and box[2] <= float(picture.get("width") or 0) for box in boxes(picture).values())


def test_about_one_resource_what_is_connected_to_it_is_drawn() -> None:
    picture = drawn(*SHOP, about="disk")
    assert "<probe> & co" not in boxes(picture)
    assert len(boxes(picture)) == len(SHOP) - 1
    assert list(boxes(drawn(*SHOP, about="<probe> & co"))) == ["<probe> & co"]


def test_a_group_without_resources_and_one_of_a_newer_state_are_drawn() -> None:
    assert "it has no resources" in words(drawn())
    assert "dreaming" in words(drawn(one("a", state="dreaming")))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Node], list[tuple[str, str]]]:
    rows = draw(st.lists(st.integers(0, 5), min_size=1, max_size=12))
    nodes = {f"n{number}": Node(row, 10.0 + number) for number, row in enumerate(rows)}
    able = [(a, b) for a, b in itertools.permutations(nodes, 2) if nodes[a].row > nodes[b].row]
    return nodes, draw(st.lists(st.sampled_from(able), unique=True, max_size=20)) if able else []


@given(graphs())
def test_neighbours_in_a_row_keep_their_distance_and_lines_bend_once_in_every_row_between(
    made: tuple[dict[str, Node], list[tuple[str, str]]],
) -> None:
    nodes, lines = made
    layout = lay_out(nodes, lines, 5.0)
    for row in {node.row for node in nodes.values()}:
        here = sorted((layout.places[name], node.width) for name, node in nodes.items() if node.row == row)
        for (left, width1), (right, width2) in itertools.pairwise(here):
            assert right - left >= (width1 + width2) / 2 + 5.0 - 1e-6
    for upper, lower in lines:
        between = [row for row, _ in layout.bends[upper, lower]]
        assert between == list(range(nodes[upper].row - 1, nodes[lower].row, -1))
    assert all(-1e-6 <= place <= layout.width + 1e-6 for place in layout.places.values())
    assert lay_out(nodes, lines, 5.0) == layout


@pytest.mark.parametrize("name", ['a"b', "a'b", "ü" * 60])
def test_names_of_every_kind_are_readable(name: str) -> None:
    picture = drawn(one(name, ("b",)), one("b"))
    assert name in words(picture)
    (left, _, right, _) = boxes(picture)[name]
    assert right - left > 8 * len(name)
    assert re.fullmatch(r"\d+", picture.get("width") or "")
