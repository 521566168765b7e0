"""Heartbeat datagrams: authentic, fresh, whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.authority.orders import Acknowledgement, Heartbeat, Peer
from quorate.wire.heartbeat import FRAME_LIMIT_BYTES, BadDatagram, Frame, Freshness, seal, unseal

KEY = b"k" * 32
BEAT = Heartbeat(sender=Peer(1, "1.a"), epoch=2, sent_at=3.5, serial=7, up=True, heard=(2, 3), mutual=(2,), ended="1.0")
ACK = Acknowledgement(Peer(2, "2.a"), Peer(1, "1.a"), 2, 3.5)


@pytest.mark.parametrize("message", [BEAT, ACK])
def test_what_is_sealed_is_read_back(message: Heartbeat | Acknowledgement) -> None:
    frame = Frame(message, 11, 12, 13)
    assert unseal(seal(frame, KEY), KEY) == frame


def test_sixty_four_nodes_fit_one_ethernet_frame() -> None:
    everybody = tuple(range(1, 65))
    beat = Heartbeat(
        sender=Peer(64, "64." + "f" * 12),
        epoch=10**6,
        sent_at=123456.789012345,
        serial=10**9,
        heard=everybody,
        mutual=everybody,
        ended="64." + "e" * 12,
        boot_id="b" * 45,
    )
    assert len(seal(Frame(beat, 2**63, 2**63, 10**9), KEY)) <= FRAME_LIMIT_BYTES


@given(position=st.integers(min_value=0), change=st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_refused(position: int, change: int) -> None:
    data = bytearray(seal(Frame(BEAT, 1, 2, 3), KEY))
    data[position % len(data)] ^= change
    with pytest.raises(BadDatagram):
        unseal(bytes(data), KEY)


def test_another_key_is_refused() -> None:
    with pytest.raises(BadDatagram):
        unseal(seal(Frame(BEAT, 1, 2, 3), KEY), b"x" * 32)


@given(data=st.binary(max_size=200))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(BadDatagram):
        unseal(data, KEY)


def talk(sender: Freshness, receiver: Freshness) -> tuple[Frame, bool]:
    """One heartbeat of node 1 to node 2."""
    frame = sender.envelope(BEAT, 2)
    return frame, receiver.accept(frame, "a")


def meet(one: Freshness, two: Freshness) -> None:
    """Both learn each other's start."""
    talk(one, two)
    one.accept(two.envelope(Heartbeat(sender=Peer(2, "2.a"), epoch=0, sent_at=0.0, serial=1), 1), "a")


def test_a_frame_is_believed_once_and_never_again() -> None:
    one, two = Freshness(100), Freshness(200)
    meet(one, two)
    frame, fresh = talk(one, two)
    assert fresh
    assert not two.accept(frame, "a")
    assert two.accept(frame, "b")


def test_a_recording_proves_nothing_after_the_receiver_s_restart() -> None:
    one, two = Freshness(100), Freshness(200)
    meet(one, two)
    recorded, _ = talk(one, two)
    assert not Freshness(201).accept(recorded, "a")


def test_a_recording_proves_nothing_after_the_sender_s_restart() -> None:
    one, two = Freshness(100), Freshness(200)
    meet(one, two)
    recorded, _ = talk(one, two)
    again = Freshness(101)
    meet(again, two)
    assert talk(again, two)[1]
    assert not two.accept(recorded, "a")
    assert talk(again, two)[1], "the recording must not make the living sender a stranger"
