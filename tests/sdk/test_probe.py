"""What runs already: the probe of the built-in types, and a process that a file names."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.model.properties import PropertyValue
from quorate.resources.generic_application import GenericApplication
from quorate.resources.ip_address import IpAddress
from quorate.resources.stray_process import find_stray
from quorate.sdk.facilities import ServiceAddress
from quorate.sdk.memory import MemoryContext, World
from quorate.sdk.testing import play

ADDRESS: dict[str, PropertyValue] = {"address": "192.0.2.7", "prefix_length": 24}


@pytest.fixture
def stray(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A program that somebody started by hand, and its file."""
    with subprocess.Popen(["sleep", "600"]) as process:
        while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
            pass  # the kernel tells that it is executed a moment before it shows its command
        path = tmp_path / "program.pid"
        path.write_text(f"{process.pid}\n")
        yield process, path
        process.kill()


async def test_a_program_started_by_hand_is_found_by_its_file_and_ended(
    stray: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, path = stray
    properties: dict[str, PropertyValue] = {"command_line": "/usr/bin/sleep 600", "pid_file": str(path)}
    found = await play(GenericApplication, properties, World(), "open", "probe")
    assert found.answer == f"process {process.pid} (sleep)"
    assert process.poll() is None, "a probe ends nothing"
    await play(GenericApplication, properties, World(), "open", "end_found")
    assert process.wait(5) == -15
    assert (await play(GenericApplication, properties, World(), "open", "probe")).answer == ""
    assert (await play(GenericApplication, properties, World(), "open", "end_found")).problem is None


async def test_another_program_with_that_number_is_left_alone(stray: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, path = stray
    properties: dict[str, PropertyValue] = {"command_line": "/usr/bin/server", "pid_file": str(path)}
    assert (await play(GenericApplication, properties, World(), "open", "probe", "end_found")).problem is None
    assert process.poll() is None


@pytest.mark.parametrize("text", ["", "nobody", "-1", "0", "99999999999999999999", "4194304999"])
def test_a_file_that_names_no_process_finds_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    handles = len(list(Path("/proc/self/fd").iterdir()))
    assert find_stray(str(path), "sleep") is None
    assert len(list(Path("/proc/self/fd").iterdir())) == handles


async def test_nothing_is_looked_for_without_a_file_or_while_it_runs() -> None:
    given = {"command_line": "/bin/sleep 1"}
    assert (await play(GenericApplication, given, World(), "open", "probe")).answer == ""
    assert (await play(GenericApplication, given, World(), "open", "online", "probe")).answer == ""


async def test_an_address_that_is_on_the_interface_is_told_and_taken_over() -> None:
    outcome = await play(IpAddress, ADDRESS, World(), "open", "probe")
    assert outcome.answer == ""
    properties = {**ADDRESS, "subnet_mask": "", "network": "", "probe_limit_ms": 0, "probe_fresh_ms": 0}
    context = MemoryContext(properties, World())
    address = IpAddress(context)
    place = context.addresses.place("192.0.2.7", 24, "")
    assert isinstance(place, ServiceAddress)
    context.addresses.protected.add("192.0.2.7")
    await context.addresses.add(place, lambda _: None)
    assert await address.probe() == f"192.0.2.7 is on {place.interface_name}"
    await address.end_found()
    assert context.addresses.present(place), "taken over without a gap"
    await address.online()
    assert await address.probe() == ""


async def test_an_address_that_answers_elsewhere_is_reported_as_found() -> None:
    properties = {**ADDRESS, "subnet_mask": "", "network": "", "probe_limit_ms": 10, "probe_fresh_ms": 0}
    context = MemoryContext(properties, World(answering={"192.0.2.7": "02:00:00:00:00:07"}))
    with pytest.raises(Exception, match="in use"):
        await IpAddress(context).online()
    assert "02:00:00:00:00:07" in context.found
