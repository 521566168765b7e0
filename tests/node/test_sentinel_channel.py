"""The channel between sentinel and service: every message survives its bytes, and rubbish ends the connection."""

from __future__ import annotations

import contextlib
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.authority.orders import Heard, Order, Peer, Renewal, Report, Unsettled
from quorate.core.paths import PathState
from quorate.wire.sentinel_channel import (
    LINE_LIMIT_BYTES,
    BadLine,
    EndProcess,
    Lines,
    Pace,
    Paths,
    Peers,
    Processes,
    Progress,
    RunHost,
    RunProcess,
    ServiceEnds,
    StopNode,
    ToSentinel,
    ToService,
    decode,
    encode,
)

NODE = st.integers(1, 64)
TIME = st.floats(0, 1e9)
PEER = st.builds(Peer, NODE, st.text(max_size=20))
PEERS = st.lists(PEER, max_size=3).map(tuple)
NODES = st.lists(NODE, max_size=4).map(tuple)
UNSETTLED = st.lists(
    st.builds(
        Unsettled,
        st.sampled_from(["verdict", "admission", "takeover"]),
        PEER,
        st.integers(0),
        st.text(),
        st.integers(0),
    ),
    max_size=2,
).map(tuple)
ORDER = st.builds(
    Order,
    serial=st.integers(0),
    incarnation=st.text(max_size=20),
    acknowledge=PEERS,
    admitting=PEERS,
    required=PEERS,
    watched=PEERS,
    unsettled=UNSETTLED,
    up=st.booleans(),
    epoch=st.integers(0),
    coordinator=st.integers(0, 64),
    votes_block=st.booleans(),
    release_role=st.booleans(),
    end_all=st.booleans(),
)
HEARD = st.builds(Heard, peer=PEER, epoch=st.integers(0), heard=NODES, mutual=NODES, boot_id=st.text(max_size=50))
REPORT = st.builds(
    Report,
    serial=st.integers(0),
    now=TIME,
    lease_until=TIME,
    heard=st.lists(HEARD, max_size=3).map(tuple),
    silent=PEERS,
    unsettled=UNSETTLED,
    order=st.none() | ORDER,
)
PATH = st.builds(
    PathState,
    node=NODE,
    network=st.text(),
    heard=st.booleans(),
    silent_ms=st.integers(-1),
    round_trip_us=st.integers(-1),
    expected=st.integers(0),
    missing=st.integers(0),
    history=st.lists(st.tuples(st.integers(1), st.integers(0)), max_size=3).map(tuple),
)
MESSAGES = {
    Order: ORDER,
    Report: REPORT,
    Renewal: st.builds(Renewal, st.text(), st.integers(0), TIME),
    Progress: st.builds(Progress),
    Peers: st.builds(
        Peers,
        st.dictionaries(NODE, st.dictionaries(st.text(), st.text(), max_size=2), max_size=3),
        st.dictionaries(NODE, st.text(), max_size=3),
        st.dictionaries(st.text(), st.integers(1), max_size=3),
        st.integers(0, 40),
    ),
    Pace: st.builds(Pace, st.integers(0, 1000), st.integers(0, 120)),
    Paths: st.builds(Paths, st.lists(PATH, max_size=3).map(tuple)),
    RunHost: st.builds(RunHost, st.text()),
    RunProcess: st.builds(RunProcess, st.text(), st.lists(st.text()).map(tuple)),
    EndProcess: st.builds(EndProcess, st.text()),
    ServiceEnds: st.builds(ServiceEnds, st.booleans()),
    StopNode: st.builds(StopNode),
    Processes: st.builds(Processes, st.dictionaries(st.text(), st.integers(1))),
}
ANY = st.one_of(list(MESSAGES.values()))


def test_every_message_of_both_directions_is_drawn_here() -> None:
    assert set(MESSAGES) == {*typing.get_args(ToSentinel), *typing.get_args(ToService)}


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_comes_back_from_its_bytes(kind: type) -> None:
    @given(MESSAGES[kind])
    def comes_back(message: ToSentinel | ToService) -> None:
        assert decode(encode(message)) == message

    comes_back()


@given(st.lists(ANY, max_size=4), st.integers(1, 200))
def test_messages_arrive_whole_and_in_order_however_the_bytes_are_cut(
    messages: list[ToSentinel | ToService], size: int
) -> None:
    data = b"".join(map(encode, messages))
    lines = Lines()
    arrived = [message for at in range(0, len(data), size) for message in lines.feed(data[at : at + size])]
    assert arrived == messages


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b'"Progress"',
        b'["Progress"]',
        b'["Nothing",{}]',
        b'["Renewal",{"incarnation":"a"}]',
        b'["Renewal",{"incarnation":"a","epoch":1,"since":1.0,"more":2}]',
        b'["Order",{"serial":1}]',
        b'["Peers",{"addresses":{"x":{}},"fabric":{}}]',
        b'["Peers",{"addresses":[],"fabric":{}}]',
        b'["RunProcess",[]]',
        b'["Processes",{"running":{"etcd":"many"}}]',
        b'["Report",null]',
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_no_message_is_told_as_such(line: bytes) -> None:
    with pytest.raises(BadLine):
        decode(line)


@given(st.binary(max_size=100))
def test_rubbish_never_raises_anything_else(data: bytes) -> None:
    with contextlib.suppress(BadLine):
        decode(data)


def test_a_line_without_end_is_not_gathered_for_ever() -> None:
    lines = Lines()
    lines.feed(b"x" * LINE_LIMIT_BYTES)
    with pytest.raises(BadLine, match="too long"):
        lines.feed(b"x")
