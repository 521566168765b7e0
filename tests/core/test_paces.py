"""Heartbeats of pairs: what lies between two nodes, and that both of them come to the same answer."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces_world import cluster_spec
from quorate.control.change import altered
from quorate.core.authority.paces import (
    Paces,
    Place,
    Reach,
    Settings,
    between,
    paces_of,
    reach_of,
    routed,
    settings_of_mapping,
)
from quorate.core.authority.timings import FAST, Pace
from quorate.core.topology import node_paces, settings_of
from quorate.model.base import decode, encode
from quorate.model.nodes import NodeSpec

PLACES = st.builds(
    Place,
    st.sampled_from(("", "north", "North", "south")),
    st.frozensets(st.sampled_from(("a", "b", "c", "d")), max_size=3),
)
ADDRESSES = st.dictionaries(st.sampled_from(("a", "b", "c", "d")), st.uuids().map(str), max_size=3)


@pytest.mark.conformance("MB-02")
@pytest.mark.parametrize(
    ("one", "other", "reach"),
    [
        (Place("", ("a", "b")), Place("", ("b",)), "same_subnet"),
        (Place("", ("a",)), Place("", ("b",)), "cross_subnet"),
        (Place("north", ("a",)), Place("south", ("a",)), "cross_site"),
        (Place("north", ("a",)), Place("NORTH", ("b",)), "cross_subnet"),
        (Place("north", ("a",)), Place("", ("a",)), "cross_site"),
    ],
)
def test_what_lies_between_two_nodes(one: Place, other: Place, reach: Reach) -> None:
    assert reach_of(one, other) == reach


@given(PLACES, PLACES)
def test_both_of_a_pair_keep_the_same_pace(one: Place, other: Place) -> None:
    settings = Settings("fast", {"cross_subnet": 80, "cross_site": 90}, {"cross_site": 5})
    places = {1: one, 2: other}
    assert paces_of(settings, 1, places).of(2) == paces_of(settings, 2, places).of(1)


def test_what_is_not_set_is_as_within_a_subnet_and_that_as_the_profile() -> None:
    settings = Settings("fast", {"same_subnet": 60}, {"cross_site": 5})
    assert settings.timings().pace == Pace(0.06, 0.18)
    assert settings.timings("cross_subnet").pace == Pace(0.06, 0.18)
    assert settings.timings("cross_site").pace == Pace(0.06, 0.3)
    assert Settings("fast").timings("cross_site") == FAST


@given(ADDRESSES, ADDRESSES)
def test_what_is_sent_through_routers_comes_back_the_same_way(own: dict[str, str], peer: dict[str, str]) -> None:
    there, back = routed(own, peer), routed(peer, own)
    if own.keys() & peer.keys():
        assert there == back == {}
        return
    assert len(there) == min(len(own), len(peer))
    for network, address in there.items():
        other = next(name for name, at in peer.items() if at == address)
        assert back[other] == own[network]


def test_while_nodes_learn_of_a_change_each_pair_is_patient() -> None:
    former = Paces(Pace(0.05, 0.15), {2: Pace(0.09, 0.45)})
    wanted = Paces(Pace(0.05, 0.2), {3: Pace(0.02, 0.1)})
    calm = between(former, wanted)
    assert calm.of(2) == Pace(0.05, 0.45)
    assert calm.of(3) == Pace(0.02, 0.15)
    assert calm.of(4) == Pace(0.05, 0.2)
    assert wanted.slowest == Pace(0.05, 0.2)
    assert wanted.quickest_s == 0.02


def test_the_sentinel_reads_from_the_file_what_the_service_reads_from_the_record() -> None:
    spec = altered(cluster_spec(), profile="wide", cross_site_delay_ms=700, same_subnet_threshold=4)
    assert settings_of_mapping(msgspec.json.decode(encode(spec))) == settings_of(spec)
    nodes = [NodeSpec(node=1, name="a", addresses={"x": "10.0.0.1", "quiet": "10.0.9.1"})]
    nodes.append(decode(b'{"node":2,"name":"b","site":"","addresses":{"quiet":"10.0.9.2"}}', NodeSpec, "b"))
    assert node_paces(spec, 1, nodes, ("quiet",)).of(2) == settings_of(spec).timings("cross_subnet").pace
