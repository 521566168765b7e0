"""A complete list of what is wrong with given properties, never only the first."""

from __future__ import annotations

import pytest

from quorate.model.problems import Refused
from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyKind, PropertyValue
from quorate.model.resource_type import Characteristic, Manifest, check_manifest, check_properties, complete_properties

MANIFEST = Manifest(
    name="example",
    display_name="Example",
    description="For tests.",
    characteristics=0x80,
    properties=(
        PropertyDefinition(
            name="path", kind=PropertyKind.STRING, form=PropertyForm.ABSOLUTE_PATH, required=True, words="p"
        ),
        PropertyDefinition(
            name="count", kind=PropertyKind.INTEGER, default=3, minimum=1, maximum=5, unit="s", words="c"
        ),
        PropertyDefinition(name="mode", kind=PropertyKind.STRING, choices=("a", "b"), default="a", words="m"),
        PropertyDefinition(name="pid", kind=PropertyKind.INTEGER, read_only=True, words="r"),
        PropertyDefinition(name="words", reference_alias="WordList", kind=PropertyKind.STRINGS, default=[], words="w"),
    ),
)


def codes(given: dict[str, PropertyValue]) -> list[str]:
    return [problem.code for problem in check_properties(MANIFEST, given)]


def test_all_problems_come_at_once() -> None:
    given: dict[str, PropertyValue] = {"count": 9, "mode": "c", "pid": 1, "nonsense": True}
    assert codes(given) == [
        "property_range",
        "property_choice",
        "property_read_only",
        "property_unknown",
        "property_required",
    ]
    assert all(problem.where and problem.remedy for problem in check_properties(MANIFEST, given))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"path": "/x"}, []),
        ({"PATH": "/x", "wordlist": ["a"]}, []),
        ({"path": "x"}, ["property_form"]),
        ({"path": ""}, ["property_required"]),
        ({"path": "/x", "count": True}, ["property_kind"]),
        ({"path": "/x", "count": 2.5}, ["property_kind"]),
        ({"path": "/x", "words": [1]}, ["property_kind"]),
        ({"path": "/x", "words": ["a"], "WordList": ["b"]}, ["property_given_twice"]),
    ],
)
def test_one_value_at_a_time(given: dict[str, PropertyValue], expected: list[str]) -> None:
    assert codes(given) == expected


@pytest.mark.parametrize(
    ("form", "text", "right"),
    [
        (PropertyForm.IPV4_ADDRESS, "192.0.2.1", True),
        (PropertyForm.IPV4_ADDRESS, "255.255.255.255", False),
        (PropertyForm.IPV4_ADDRESS, "0.0.0.0", False),
        (PropertyForm.IPV4_ADDRESS, "224.0.0.1", False),
        (PropertyForm.IPV4_ADDRESS, "1.2.3", False),
        (PropertyForm.IPV4_MASK, "255.255.255.0", True),
        (PropertyForm.IPV4_MASK, "255.0.255.0", False),
        (PropertyForm.IPV4_MASK, "255.255.255.255", False),
        (PropertyForm.COMMAND_LINE, "a 'b c'", True),
        (PropertyForm.COMMAND_LINE, "a 'b", False),
        (PropertyForm.COMMAND_LINE, "  ", False),
        (PropertyForm.ENVIRONMENT, "A=b", True),
        (PropertyForm.ENVIRONMENT, "=b", False),
        (PropertyForm.ENVIRONMENT, "A", False),
    ],
)
def test_forms(form: PropertyForm, text: str, right: bool) -> None:
    definition = PropertyDefinition(name="x", kind=PropertyKind.STRING, form=form, words="x")
    manifest = Manifest(name="x", display_name="X", description="", properties=(definition,))
    assert (check_properties(manifest, {"x": text}) == ()) is right


def test_completion_uses_our_names_and_the_defaults() -> None:
    complete = complete_properties(MANIFEST, {"Path": "/x", "WordList": ["a"]})
    assert complete == {"path": "/x", "count": 3, "mode": "a", "pid": None, "words": ["a"]}
    with pytest.raises(Refused) as refused:
        complete_properties(MANIFEST, {})
    assert [problem.code for problem in refused.value.problems] == ["property_required"]


def test_characteristics_are_flags() -> None:
    assert MANIFEST.has(Characteristic.SINGLE_GROUP_INSTANCE)
    assert not MANIFEST.has(Characteristic.QUORUM)


def test_a_manifest_is_checked_too() -> None:
    wrong = Manifest(
        name="x",
        display_name="X",
        description="",
        properties=(
            PropertyDefinition(name="Bad", kind=PropertyKind.STRING, words="x"),
            PropertyDefinition(name="n", kind=PropertyKind.INTEGER, default="x", words="x"),
            PropertyDefinition(name="n", kind=PropertyKind.INTEGER, words=""),
        ),
    )
    found = {problem.code for problem in check_manifest(wrong)}
    assert found == {"name_form", "name_twice", "property_kind", "words_missing"}


@pytest.mark.parametrize(
    ("given", "codes"),
    [({}, ["property_required"]), ({"mask": ""}, ["property_required"]), ({"bits": 24}, []), ({"mask": "m"}, [])],
)
def test_one_of_several_properties_must_be_given(given: dict[str, PropertyValue], codes: list[str]) -> None:
    manifest = Manifest(
        name="t",
        display_name="T",
        description="d",
        properties=(
            PropertyDefinition(name="mask", kind=PropertyKind.STRING, default="", words="w"),
            PropertyDefinition(name="bits", kind=PropertyKind.INTEGER, default=0, words="w"),
        ),
        one_of=(("bits", "mask"),),
    )
    problems = check_properties(manifest, given)
    assert [problem.code for problem in problems] == codes
    assert all("bits or mask" in problem.remedy for problem in problems)
