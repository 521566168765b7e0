"""Contained processes: how they start, end and are seen, with namespaces and without."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate.adapters.process.launcher import ContainedProcess, Exit, Launch, Launcher, LaunchFailed
from quorate.adapters.process.output import Output
from quorate.wire.lease_page import LeaseWriter, boot_time_s


def launch(*arguments: str, **rest: object) -> Launch:
    given: dict[str, object] = {"working_folder": "/", "environment": {"PATH": os.environ["PATH"]}, **rest}
    return Launch(arguments=arguments, **given)  # type: ignore[arg-type]


async def grant(pid: int, start_time_ticks: int, contained: bool) -> None:
    assert pid > 1
    assert start_time_ticks > 0
    assert contained


@pytest.fixture
async def launcher() -> AsyncIterator[Launcher]:
    if os.geteuid() != 0:
        pytest.fail("this test needs root (namespaces): run pytest as root, or deselect with -m 'not root'")
    opened = Launcher()
    yield opened
    opened.close()


async def finish(process: ContainedProcess) -> Exit:
    async with asyncio.timeout(5):
        return await process.wait()


@pytest.mark.root
async def test_output_and_exit_code_arrive(launcher: Launcher) -> None:
    lines: list[str] = []
    process = await launcher.launch(launch("sh", "-c", "echo one; echo two >&2; exit 3"), grant, lines.append)
    assert await finish(process) == Exit(code=3)
    assert lines == ["one", "two"]


@pytest.mark.root
async def test_the_stop_signal_reaches_the_tree_and_the_grace_ends_the_deaf(launcher: Launcher) -> None:
    ready = asyncio.Event()
    gentle_words = launch("sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    gentle = await launcher.launch(gentle_words, grant, lambda _: ready.set())
    await ready.wait()
    assert await gentle.stop(5) == Exit(code=7)
    hears = asyncio.Event()
    deaf_words = launch("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done")
    deaf = await launcher.launch(deaf_words, grant, lambda _: hears.set())
    await hears.wait()
    assert await deaf.stop(0.2) == Exit()
    stopped = await launcher.launch(launch("sleep", "86400"), grant)
    assert await stopped.stop(5) == Exit(signal_number=signal.SIGTERM)


@pytest.mark.root
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (launch("/no/such/program"), "/no/such/program"),
        (launch("true", working_folder="/no/such/folder"), "working folder"),
        (launch("true", user="no-such-user"), "user no-such-user"),
        (launch("true", environment={"X": "y" * 200_000}), "limit"),
    ],
)
async def test_what_cannot_start_says_at_which_step(launcher: Launcher, wrong: Launch, named: str) -> None:
    with pytest.raises(LaunchFailed, match=named):
        await launcher.launch(wrong, grant)
    assert await finish(await launcher.launch(launch("true"), grant)) == Exit(code=0)


@pytest.mark.root
async def test_the_user_is_changed_and_containment_stays_out_of_reach(launcher: Launcher) -> None:
    lines: list[str] = []
    program = launch("sh", "-c", "id -un; id -G; kill -9 1 || echo refused; echo $$", user="nobody")
    await finish(await launcher.launch(program, grant, lines.append))
    assert lines[0] == "nobody"
    assert lines[1] == "65534"
    assert "refused" in lines
    assert int(lines[-1]) < 10, "it counts pids in a namespace of its own"


@pytest.mark.root
async def test_a_refused_registration_leaves_nothing(launcher: Launcher, tmp_path: Path) -> None:
    seen: list[int] = []

    async def refuse(pid: int, start_time_ticks: int, contained: bool) -> None:
        seen.append(pid)
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        await launcher.launch(launch("touch", str(tmp_path / "ran")), refuse)
    assert not Path(f"/proc/{seen[0]}").exists()  # noqa: ASYNC240 - nothing else runs here
    assert not (tmp_path / "ran").exists()


@pytest.mark.root
async def test_interrupted_starts_do_not_mix_up_their_answers(launcher: Launcher) -> None:
    for turns in range(12):
        start = asyncio.create_task(launcher.launch(launch("sleep", "86400"), grant))
        for _ in range(turns):
            await asyncio.sleep(0)
        start.cancel()
        result = (await asyncio.gather(start, return_exceptions=True))[0]
        if isinstance(result, ContainedProcess):
            await result.kill()
        lines: list[str] = []
        await finish(await launcher.launch(launch("echo", str(turns)), grant, lines.append))
        assert lines == [str(turns)]


@pytest.mark.root
async def test_a_program_that_backgrounds_itself_may_count_until_its_last_process(launcher: Launcher) -> None:
    daemonises = launch("sh", "-c", "setsid sleep 86400 & exit 0", ends_with_last=True)
    process = await launcher.launch(daemonises, grant)
    await asyncio.sleep(0.1)
    assert process.running
    await process.kill()
    first = await launcher.launch(launch("sh", "-c", "setsid sleep 86400 & exit 0"), grant)
    assert await finish(first) == Exit(code=0)


@pytest.mark.root
async def test_a_log_file_keeps_its_bound(launcher: Launcher, tmp_path: Path) -> None:
    log = tmp_path / "log"
    noisy = launch("sh", "-c", "seq 1 20000", log_path=str(log), log_limit_bytes=40_000)
    await finish(await launcher.launch(noisy, grant))
    older, newer = (Path(f"{log}.1").read_text(), log.read_text())  # noqa: ASYNC240 - nothing else runs here
    assert newer.endswith("20000\n")
    assert len(older) == 20_000
    assert len(newer) <= 20_000


def test_output_that_nobody_reads_is_dropped_and_counted() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    output = Output("", 0, writing)
    for _ in range(20):
        output.write(b"x" * 10_000)
    while True:
        try:
            os.read(reading, 1 << 20)
        except BlockingIOError:
            break
    output.write(b"again\n")
    assert b"bytes of output dropped]\nagain\n" in os.read(reading, 1 << 20)
    os.close(reading)
    os.close(writing)


FALLBACK = """
import asyncio, os, sys
from quorate.adapters.process.launcher import Launch, Launcher
async def main():
    launcher = Launcher()
    async def grant(pid, ticks, contained): assert not contained
    words = ("sh", "-c", "setsid sh -c 'sleep 86411 & sleep 86412' & sleep 86413")
    here = {"PATH": os.environ["PATH"], "MARK": os.environ["MARK"]}
    first = await launcher.launch(Launch(arguments=words, working_folder="/", environment=here), grant)
    assert first.containment == "process_group"
    await asyncio.sleep(0.2)
    await first.kill()
    await launcher.launch(Launch(arguments=words, working_folder="/", environment=here), grant)
    await asyncio.sleep(0.2)
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.root
async def test_the_helper_ends_what_outstays_the_lease_without_its_host(tmp_path: Path) -> None:
    """A host and a sentinel that are both stopped end nothing; another node has started the group long since."""
    page = LeaseWriter(tmp_path / "lease")
    page.write(1, boot_time_s() + 60.0)
    launcher = Launcher(tmp_path / "lease", 0.1)
    died = asyncio.Event()
    launcher.watch(died.set)
    try:
        process = await launcher.launch(launch("sleep", "86400"), grant)
        until_s = boot_time_s() + 0.4
        page.write(1, until_s)
        await finish(process)
        assert boot_time_s() >= until_s, "not before the lease is over"
        async with asyncio.timeout(5):
            await died.wait()
    finally:
        launcher.close()
        page.close()


@pytest.mark.root
async def test_a_helper_without_programs_outlasts_a_time_without_a_lease(tmp_path: Path) -> None:
    page = LeaseWriter(tmp_path / "lease")
    launcher = Launcher(tmp_path / "lease", 0.01)
    try:
        await asyncio.sleep(0.1)
        page.write(2, boot_time_s() + 60.0)
        process = await launcher.launch(launch("true"), grant)
        assert await finish(process) == Exit(code=0)
        page.write(2, 0.0)
        await asyncio.sleep(0.3)
        page.write(3, boot_time_s() + 60.0)
        assert await finish(await launcher.launch(launch("true"), grant)) == Exit(code=0)
    finally:
        launcher.close()
        page.close()


def test_without_the_right_to_namespaces_a_subreaper_still_finds_the_tree(tmp_path: Path) -> None:
    mark = f"{tmp_path.name}-{os.getpid()}"
    # As root, give up the right that namespaces need; without root it is not there anyway.
    prefix = ["setpriv", "--bounding-set", "-sys_admin"] if os.geteuid() == 0 else []
    command = [*prefix, sys.executable, "-c", FALLBACK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "MARK": mark}, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "ready\n"
        below = [pid for pid in marked(mark) if pid != host.pid]
        assert len(below) >= 4, "the second program; of the first nothing was left"
        host.kill()
        host.wait()
        for pid in below:
            wait_gone(pid)


def marked(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"MARK={mark}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_gone(pid: int) -> None:
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone = select.select([descriptor], [], [], 3)[0]
    os.close(descriptor)
    if not gone:
        os.kill(pid, signal.SIGKILL)
    assert gone, f"process {pid} was left behind"
