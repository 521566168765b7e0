"""Persistent reservations on a real SCSI target: one reservation, taken over only by preempting it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from iscsi_target import Target, running_target

from quorate.adapters.quorum_storage.scsi import commands
from quorate.adapters.quorum_storage.scsi.commands import TYPE, Conflict
from quorate.adapters.quorum_storage.scsi.reservations import Reservations

pytestmark = pytest.mark.root

ONE, TWO, THREE = 0x0001_0000_0000_0001, 0x0002_0000_0000_0001, 0xFFFF_FFFF_FFFF_FFFF
_BLOCK = 512


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with running_target(tmp_path) as made:
        yield made


def write(target_path: commands.Transport) -> int:
    """WRITE(10) of the first block; the status."""
    command = bytes([0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0])
    while (answer := target_path.send(command, b"\0" * _BLOCK)).sense_key == 0x6:
        pass  # a unit attention: something happened to the device, and is told once
    return answer.status


def test_a_fresh_disk_has_neither_keys_nor_a_reservation(target: Target) -> None:
    device = Reservations(target.path("one"))
    assert device.keys().keys == ()
    assert device.reservation().key == 0


def test_registering_is_repeatable_and_every_path_has_a_key_of_its_own(target: Target) -> None:
    one, two = Reservations(target.path("one")), Reservations(target.path("two"))
    one.register(ONE)
    one.register(ONE)
    two.register(TWO)
    assert set(one.keys().keys) == {ONE, TWO}
    two.register(THREE)
    assert set(one.keys().keys) == {ONE, THREE}
    two.register(0)
    assert one.keys().keys == (ONE,)


def test_only_one_has_the_reservation_and_registrants_alone_write(target: Target) -> None:
    path_one, path_two, path_three = target.path("one"), target.path("two"), target.path("three")
    one, two = Reservations(path_one), Reservations(path_two)
    one.register(ONE)
    one.reserve(ONE)
    one.reserve(ONE)
    held = two.reservation()
    assert (held.key, held.type) == (ONE, TYPE)
    two.register(TWO)
    with pytest.raises(Conflict):
        two.reserve(TWO)
    assert write(path_one) == commands.GOOD
    assert write(path_two) == commands.GOOD
    assert write(path_three) == commands.RESERVATION_CONFLICT
    one.release(ONE)
    two.reserve(TWO)
    assert one.reservation().key == TWO


def test_preempting_takes_the_reservation_and_stops_the_former_holder(target: Target) -> None:
    path_one, path_two = target.path("one"), target.path("two")
    one, two = Reservations(path_one), Reservations(path_two)
    one.register(ONE)
    one.reserve(ONE)
    two.register(TWO)
    two.preempt(TWO, ONE)
    assert two.reservation().key == TWO
    assert two.keys().keys == (TWO,)
    assert write(path_one) == commands.RESERVATION_CONFLICT
    assert write(path_two) == commands.GOOD
    with pytest.raises(Conflict):
        one.reserve(ONE)


def test_who_is_not_registered_preempts_nobody(target: Target) -> None:
    one, two = Reservations(target.path("one")), Reservations(target.path("two"))
    one.register(ONE)
    one.reserve(ONE)
    with pytest.raises(Conflict):
        two.preempt(TWO, ONE)
    assert one.reservation().key == ONE


def test_a_key_that_rises_keeps_the_reservation_and_shows_life(target: Target) -> None:
    """How a claim beats on a device: the holder registers anew under the next key."""
    one, two = Reservations(target.path("one")), Reservations(target.path("two"))
    one.register(ONE)
    one.reserve(ONE)
    one.change_key(ONE, ONE + 1)
    assert two.keys().keys == (ONE + 1,)
    assert two.reservation().key == ONE + 1
    with pytest.raises(Conflict):
        one.change_key(ONE, ONE + 2)


def test_clearing_leaves_nothing(target: Target) -> None:
    one = Reservations(target.path("one"))
    one.register(ONE)
    one.reserve(ONE)
    one.clear(ONE)
    assert one.keys().keys == ()
    assert one.reservation().key == 0
