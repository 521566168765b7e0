"""The page of properties is what the definitions say; the definitions are what the records hold."""

from __future__ import annotations

import pytest

from properties_page import PAGE, page
from quorate.model.base import Value
from quorate.model.common_properties import CLASSES, fields_of, values_of
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.properties import check_value
from quorate.model.topology import NetworkSpec
from quorate.model.workload import GroupSpec, ResourceSpec

FRESH: dict[str, Value] = {
    "cluster": ClusterSpec(name="alpha", id="c"),
    "node": NodeSpec(node=1, name="one"),
    "group": GroupSpec(id="g", name="web"),
    "resource": ResourceSpec(id="r", name="site", type="t", group="g"),
    "network": NetworkSpec(id="n", name="lan", prefixes=("10.0.0.0/8",)),
}
OF_THE_TYPE = {"looks_alive_poll_interval_ms", "is_alive_poll_interval_ms", "stop_failure_action"}


def test_the_published_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run scripts/properties"


@pytest.mark.parametrize("kind", FRESH)
def test_every_property_is_a_field_of_the_record_with_the_default_of_its_definition(kind: str) -> None:
    definitions = CLASSES[kind].settable
    found = values_of(FRESH[kind], definitions)
    assert {d.name: d.default for d in definitions if d.name not in OF_THE_TYPE} == {
        name: value for name, value in found.items() if name not in OF_THE_TYPE
    }
    fields = fields_of(CLASSES[kind], {d.name: d.default for d in definitions if d.default is not None})
    assert {name: getattr(FRESH[kind], name) for name in fields} == fields


@pytest.mark.parametrize("kind", CLASSES)
def test_definitions_are_sound(kind: str) -> None:
    definitions = (*CLASSES[kind].settable, *CLASSES[kind].read_only)
    names = [name.casefold() for d in definitions for name in {d.name, d.reference_alias.casefold()} if name]
    assert len(names) == len(set(names)), "a name means one thing"
    for definition in definitions:
        assert definition.words
        if definition.default is not None:
            assert check_value(definition, definition.default, "x") == []
