"""States of networks and interfaces: from rows of who hears whom and links of cards to the words of spec/01 §5."""

from __future__ import annotations

import pytest
from cluster_written import Cluster
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.networks import Standing, standing
from quorate.model import keys
from quorate.model.nodes import NodeSpec
from quorate.model.topology import AdapterFact, AdaptersFact, NetworkSpec, PathsFact

NETWORK = NetworkSpec(id="net", name="a", prefixes=("10.77.1.0/24",))


def cluster(rows: str, *, down: str = "", no_link: str = "", role: str = "both") -> Standing:
    """A network of as many nodes as `rows` has words: word n says whom node n hears ('-' nobody, '?' not told)."""
    words = rows.split()
    made = Cluster(len(words))
    network = NetworkSpec(id="net", name="a", prefixes=NETWORK.prefixes, role=role)  # type: ignore[arg-type]
    made.put(keys.SPEC_NETWORK + "net", network)
    for node, word in enumerate(words, start=1):
        made.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", addresses={"a": f"10.77.1.{node}"}))
        card = AdapterFact(name="eth0", carries=str(node) not in no_link, addresses=(f"10.77.1.{node}/24",))
        made.put(keys.fact_adapters(node), AdaptersFact(node=node, incarnation=f"{node}.a", adapters=(card,)))
        if word != "?":
            heard = tuple(int(digit) for digit in word if digit.isdigit())
            made.put(keys.fact_paths(node), PathsFact(node=node, incarnation=f"{node}.a", heard={"net": heard}))
        made.member(node, up=str(node) not in down)
    return standing(made.view, network)


def words(found: Standing) -> str:
    return " ".join([found.state, *(interface.state for interface in found.interfaces)])


@pytest.mark.conformance("NW-08", "NW-09")
@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ("23 13 12", {}, "up up up up"),
        ("23 13 12", {"down": "3"}, "up up up unavailable"),
        ("23 13 12", {"down": "123"}, "unavailable unavailable unavailable unavailable"),
        ("2 1 -", {}, "partitioned up up failed"),
        ("- - -", {}, "down failed failed failed"),
        ("- -", {}, "down failed failed"),
        ("2 13 2", {}, "partitioned unreachable up unreachable"),
        ("2 1 4 3", {}, "partitioned unreachable unreachable unreachable unreachable"),
        ("23 1 1", {}, "partitioned up unreachable unreachable"),
        # One way: who is not heard is not reached, whatever it hears itself.
        ("23 13 -", {}, "partitioned up up failed"),
        ("2 13 12", {}, "partitioned unreachable up unreachable"),
        # The link tells at once, before silence does.
        ("23 13 12", {"no_link": "3"}, "partitioned up up failed"),
        ("23 13 12", {"no_link": "123"}, "down failed failed failed"),
        # A node alone.
        ("-", {}, "up up"),
        ("-", {"no_link": "1"}, "down failed"),
        ("2 1 -", {"down": "23"}, "up up unavailable unavailable"),
        # Who has not told yet is believed.
        ("? ? ?", {}, "up up up up"),
        ("3 ? 12", {}, "partitioned unreachable unreachable up"),
        # Where nodes do not speak to each other, links alone count.
        ("- - -", {"role": "client"}, "up up up up"),
        ("- - -", {"role": "none", "no_link": "2"}, "partitioned up failed up"),
    ],
)
def test_states(rows: str, options: dict[str, str], expected: str) -> None:
    assert words(cluster(rows, **options)) == expected


def test_whom_an_interface_does_not_reach_is_named() -> None:
    found = cluster("2 13 2")
    assert [interface.unreachable for interface in found.interfaces] == [(3,), (), (1,)]


def test_what_a_former_life_said_counts_no_more() -> None:
    made = Cluster(2)
    made.put(keys.SPEC_NETWORK + "net", NETWORK)
    for node in (1, 2):
        made.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", addresses={"a": f"10.77.1.{node}"}))
        made.put(keys.fact_paths(node), PathsFact(node=node, incarnation=f"{node}.a", heard={"net": ()}))
    assert words(standing(made.view, NETWORK)) == "down failed failed"
    made.member(1, life="b")
    made.member(2, life="b")
    assert words(standing(made.view, NETWORK)) == "up up up"


@pytest.mark.conformance("NW-12")
def test_a_node_without_address_and_card_has_no_interface_there() -> None:
    made = Cluster(2)
    made.put(keys.SPEC_NETWORK + "net", NETWORK)
    made.put(f"{keys.SPEC_NODE}1", NodeSpec(node=1, name="n1", addresses={"a": "10.77.1.1"}))
    found = standing(made.view, NETWORK)
    assert [(interface.node, interface.address) for interface in found.interfaces] == [(1, "10.77.1.1")]


MATRIX = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.frozensets(st.integers(1, n)), min_size=n, max_size=n).map(
        lambda rows: [row - {node} for node, row in enumerate(rows, start=1)]
    )
)


@given(MATRIX)
def test_the_definitions_hold_for_every_matrix(rows: list[frozenset[int]]) -> None:
    found = cluster(" ".join("".join(map(str, sorted(row))) or "-" for row in rows))
    states = {interface.node: interface.state for interface in found.interfaces}
    nodes = set(range(1, len(rows) + 1))
    reach = {(i, j) for i in nodes for j in nodes if i != j and j in rows[i - 1] and i in rows[j - 1]}
    if len(nodes) == 1:
        assert words(found) == "up up"
        return
    failed = {node for node in nodes if not any((node, other) in reach for other in nodes)}
    assert {node for node in nodes if states[node] == "failed"} == failed
    for node in nodes - failed:
        assert (states[node] == "up") == all((node, other) in reach for other in nodes - failed - {node})
    complete = len(reach) == len(nodes) * (len(nodes) - 1)
    assert found.state == ("down" if not reach else "up" if complete else "partitioned")
