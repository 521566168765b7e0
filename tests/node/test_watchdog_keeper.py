"""When the watchdog is armed, fed and let go; the file that stands in for a device tells what that one would see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quorate.node.watchdog_keeper import WatchdogKeeper

W = 5


class Machine:
    """One machine with a clock and a stand-in for its watchdog; a keeper is a sentinel's life."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 100.0
        self.file = folder / "dog"
        self.file.touch()

    def keeper(self, boot: str = "b1", path: str | None = None) -> WatchdogKeeper:
        given = str(self.file) if path is None else path
        return WatchdogKeeper(given, W, self.folder / "note", boot, lambda: self.now)

    @property
    def told(self) -> dict[str, object]:
        text = self.file.read_text()
        found: dict[str, object] = json.loads(text) if text else {"armed": False}
        return found

    def fired(self) -> bool:
        told = self.told
        return bool(told["armed"]) and self.now >= float(str(told["fed_at"])) + W


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_is_armed_when_told_and_fed_while_the_node_is_safe(machine: Machine) -> None:
    keeper = machine.keeper()
    keeper.take_over()
    keeper.turn(safe=True)
    assert not machine.told["armed"], "a node that was not admitted has none"
    keeper.arm()
    assert keeper.armed_s == W
    for _ in range(100):
        machine.now += 0.2
        keeper.turn(safe=True)
        assert not machine.fired()
    keeper.arm()
    assert machine.told["times_armed"] == 1
    machine.now += W - 1.0
    assert not machine.fired()
    machine.now += 1.0
    assert machine.fired(), "a loop that does not turn feeds nothing"


def test_it_is_not_fed_while_something_may_be_left_running(machine: Machine) -> None:
    keeper = machine.keeper()
    keeper.arm()
    for _ in range(W * 5 + 1):
        machine.now += 0.2
        keeper.turn(safe=False)
    assert machine.fired()


def test_a_clean_stop_lets_it_go_and_one_that_leaves_something_does_not(machine: Machine) -> None:
    keeper = machine.keeper()
    keeper.arm()
    keeper.let_go(safe=False)
    assert machine.told["armed"]
    keeper.let_go(safe=True)
    assert not machine.told["armed"]
    assert not (machine.folder / "note").exists()


def test_the_next_sentinel_of_this_boot_lets_go_what_a_killed_one_left(machine: Machine) -> None:
    machine.keeper().arm()
    keeper = machine.keeper()
    assert machine.told["armed"]
    keeper.take_over()
    assert not machine.told["armed"]
    keeper.arm()
    assert machine.told["times_armed"] == 2


def test_a_start_after_a_reset_says_so_and_arms_nothing(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.keeper("b1").arm()
    keeper = machine.keeper("b2")
    keeper.take_over()
    assert "it has reset it, or the power was lost" in capsys.readouterr().err
    assert keeper.armed_s == 0.0
    machine.keeper("b3").take_over()
    assert capsys.readouterr().err == "", "told once"


@pytest.mark.parametrize("path", ["missing", ""])
def test_what_cannot_be_armed_is_told_once_and_nothing_waits_for_it(
    machine: Machine, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keeper = machine.keeper(path=str(machine.folder / path))
    for _ in range(3):
        keeper.arm()
        keeper.turn(safe=True)
    assert keeper.armed_s == 0.0
    assert capsys.readouterr().err.count("is not armed") == 1
    keeper.let_go(safe=True)


def test_without_a_setting_nothing_happens(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    keeper = machine.keeper(path="")
    keeper.arm()
    keeper.turn(safe=True)
    keeper.let_go(safe=True)
    assert (keeper.armed_s, capsys.readouterr().err) == (0.0, "")
