"""The dependency language: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.model.dependency import Expression, find_cycle, format_dependency, parse_dependency, providers

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,8}[A-Za-z0-9]", fullmatch=True)
parts = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)


@given(st.lists(parts, max_size=4).map(tuple))
def test_what_is_written_is_read_back(expression: Expression) -> None:
    assert parse_dependency(format_dependency(expression)) == (expression, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("[a]", (("a",),)),
        ("([a] or [b]) and [c]", (("a", "b"), ("c",))),
        (" ( [ a ] OR [b] )AND[c] ", (("a", "b"), ("c",))),
        ("([a])", (("a",),)),
        ("([a] or [a])", (("a",),)),
        ("[IP Address and more]", (("IP Address and more",),)),
    ],
)
@pytest.mark.conformance("DP-07")
def test_a_conjunction_of_alternatives_is_accepted(text: str, expected: Expression) -> None:
    assert parse_dependency(text) == (expected, ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("([a] and [b]) or [c]", ["'and' at 6 in parentheses", "`or` at 15 stands outside"]),
        ("[a] or [b]", ["outside parentheses"]),
        ("[a] [b]", ["where `and` was expected"]),
        ("[a] and", ["ends too early"]),
        ("(([a]))", ["parentheses in parentheses"]),
        ("([a] or [b]", ["not closed"]),
        ("[]", ["empty brackets"]),
        ("a and b", ["'a' at 1 where a resource was expected"]),
        ("[a", ["the bracket at 1 is not closed"]),
        ("[a] and ()", ["no resource at 10"]),
    ],
)
@pytest.mark.conformance("DP-07")
def test_anything_else_is_refused_with_its_place(text: str, words: list[str]) -> None:
    expression, problems = parse_dependency(text)
    told = "; ".join(problem.what for problem in problems)
    assert expression == ()
    assert {problem.code for problem in problems} == {"dependency_form"}
    assert all(word in told for word in words), told


@given(st.text(alphabet="[]() abandor", max_size=30))
def test_no_text_is_read_silently_wrong(text: str) -> None:
    expression, problems = parse_dependency(text)
    assert bool(problems) or bool(expression) or not text.strip()
    assert all(part for part in expression)


def test_cycles_are_named_from_a_member_around() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": []}) == ()
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"], "d": ["a"]}) == ("b", "c", "b")
    assert find_cycle({"a": ["a"]}) == ("a", "a")
    wide = {str(at): [str(at + 1), str(at + 2)] for at in range(200)}  # no path is walked twice
    assert find_cycle(wide) == ()


def test_providers_are_named_once() -> None:
    assert providers((("a", "b"), ("b", "c"))) == ("a", "b", "c")
