"""Machines in namespaces: what they share, what they do not, and every way to hurt them. Needs root."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import stand_ins

from quorate.lab import cgroup, ground
from quorate.lab.cluster import Lab, clear
from quorate.lab.ground import is_stopped
from quorate.lab.ledger import Process
from quorate.lab.plan import FOLDER_ENVIRONMENT, LabError
from quorate.lab.prober import boot_time_s
from quorate.lab.probing import probing
from quorate.lab.record import both_active, outages, read

pytestmark = pytest.mark.root

STREAM = """
import socket, sys
s = socket.create_connection((sys.argv[1], 9000), 0.4)
s.send(b"who?")
print(s.recv(99).split()[-1].decode())
"""
DATAGRAM = """
import socket, sys
s = socket.socket(type=socket.SOCK_DGRAM)
s.settimeout(0.4)
s.sendto(sys.argv[2].encode(), (sys.argv[1], 9000))
s.recvfrom(99)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three bare nodes and a client, with stand-ins on every path."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root (namespaces): run pytest as root, or deselect with -m 'not root'")
    folder = tmp_path_factory.mktemp("lab") / "lab"
    programs = stand_ins.make(tmp_path_factory.mktemp("programs"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(FOLDER_ENVIRONMENT, str(folder))
        environment.setenv("PYTHONPATH", str(programs))
        environment.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        made = Lab.make("test", 3, "fast", namespaces=True)
        try:
            for number in (1, 2, 3):
                listen(made, number)
            yield made
        finally:
            clear(folder)


@pytest.fixture(autouse=True)
def whole(lab: Lab) -> Iterator[None]:
    """Each test begins and ends with everything on, and nothing cut."""
    yield
    lab.heal()
    for machine in lab.plan.node_machines:
        if not lab.ground.is_on(machine):
            power_on(lab, machine.number)
        if lab.ground.is_paused(machine):
            lab.resume(machine.number)


def power_on(lab: Lab, number: int) -> None:
    lab.power_on(number, None)
    listen(lab, number)


def listen(lab: Lab, number: int) -> None:
    start(lab, number, sys.executable, "-m", "listener")
    wait_until_there(seen_from_here(lab, number, "/run/quorate/listening"))


def start(lab: Lab, number: int, *words: str) -> None:
    machine = lab.machine(number)
    ground.start(lab.ground, machine, words, lab.folder / machine.name / "test.log")


def inside(lab: Lab, machine: str | int, *words: str) -> subprocess.CompletedProcess[str]:
    return ground.run(lab.ground, lab.machine(machine), words, capture=True)


def seen_from_here(lab: Lab, number: int, path: str) -> Path:
    """A file as the machine sees it."""
    pid = lab.ground.processes(lab.machine(number))[0]
    return Path(f"/proc/{pid}/root{path}")


def wait_until_there(path: Path) -> None:
    tick = threading.Event()
    for _ in range(1000):
        if path.exists():
            return
        tick.wait(0.01)
    pytest.fail(f"{path} did not appear")


def hears(lab: Lab, origin: str | int, address: str) -> str:
    """Who answers a connection, or how it failed."""
    done = inside(lab, origin, sys.executable, "-S", "-c", STREAM, address)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1].partition(":")[0]


def hears_again(lab: Lab, origin: int, address: str) -> str:
    """After a cut the kernel asks only once a second for an address that did not answer; so a client asks again."""
    return next((who for _ in range(10) if (who := hears(lab, origin, address)).startswith("node")), "nobody")


def test_machines_are_separate_and_joined_by_three_networks(lab: Lab) -> None:
    assert inside(lab, 2, "hostname").stdout.strip() == "node2"
    assert hears(lab, 1, "10.77.1.2") == "node2"
    assert hears(lab, 3, "10.77.2.1") == "node1"
    assert hears(lab, "client", "10.77.9.3") == "node3"
    assert hears(lab, "client", "10.77.1.3") == "OSError", "the client is on its own network only"
    pids = inside(lab, 1, "sh", "-c", "echo /proc/[0-9]*").stdout.split()
    assert "/proc/1" in pids
    assert len(pids) < 10, "a machine sees its own processes"


def test_folders_of_a_node_are_its_own(lab: Lab) -> None:
    before = Path("/etc/quorate").exists()
    inside(lab, 1, "sh", "-c", "echo here >/etc/quorate/x; echo kept >/var/lib/quorate/x; echo gone >/run/quorate/x")
    assert (lab.folder / "node1/etc/x").read_text() == "here\n"
    assert Path("/etc/quorate").exists() == before
    assert not Path("/run/quorate/x").exists()
    assert inside(lab, 2, "cat", "/var/lib/quorate/x").returncode != 0
    lab.power_off(1)
    power_on(lab, 1)
    assert inside(lab, 1, "cat", "/var/lib/quorate/x").stdout == "kept\n"
    assert inside(lab, 1, "cat", "/run/quorate/x").returncode != 0, "a reboot forgets this"


def test_a_cut_is_silent_and_heals(lab: Lab) -> None:
    lab.cut(1, 2, networks=["a"])
    assert hears(lab, 1, "10.77.1.2") == "TimeoutError"
    assert hears(lab, 1, "10.77.2.2") == "node2", "the other network is whole"
    assert hears(lab, 1, "10.77.1.3") == "node3", "so is the other node"
    assert [(cut.sender, cut.receiver, cut.network) for cut in lab.status()[1]] == [
        ("node1", "node2", "a"),
        ("node2", "node1", "a"),
    ]
    lab.heal()
    assert hears_again(lab, 1, "10.77.1.2") == "node2"
    assert lab.status()[1] == []


def test_a_one_way_cut_lets_the_other_way_through(lab: Lab) -> None:
    assert inside(lab, 1, sys.executable, "-S", "-c", DATAGRAM, "10.77.1.2", "first").returncode == 0
    lab.cut(2, 1, one_way=True)
    assert inside(lab, 1, sys.executable, "-S", "-c", DATAGRAM, "10.77.1.2", "unanswered").returncode != 0
    assert "unanswered" in (lab.folder / "node2/log/heard").read_text()
    lab.heal()
    assert hears_again(lab, 1, "10.77.1.2") == "node2"
    lab.cut(1, 2, one_way=True)
    assert inside(lab, 1, sys.executable, "-S", "-c", DATAGRAM, "10.77.1.2", "unheard").returncode != 0
    assert "unheard" not in (lab.folder / "node2/log/heard").read_text()


def test_a_machine_can_be_cut_from_all_others(lab: Lab) -> None:
    lab.cut(1, "others", networks=["a", "b"])
    assert hears(lab, 2, "10.77.1.1") == "TimeoutError"
    assert hears(lab, 3, "10.77.2.1") == "TimeoutError"
    assert hears(lab, "client", "10.77.9.1") == "node1"
    assert hears(lab, 2, "10.77.1.3") == "node3"


def test_a_paused_machine_is_silent_and_runs_on(lab: Lab) -> None:
    before = sorted(lab.ground.processes(lab.machine(2)))
    lab.pause(2)
    assert hears(lab, 1, "10.77.1.2") in {"TimeoutError", "OSError"}
    assert [machine.state for machine in lab.status()[0]] == ["on", "paused", "on"]
    with pytest.raises(LabError, match="node2 is paused"):
        inside(lab, 2, "true")
    with pytest.raises(LabError, match="paused already"):
        lab.pause(2)
    lab.resume(2)
    assert hears_again(lab, 1, "10.77.1.2") == "node2"
    assert sorted(lab.ground.processes(lab.machine(2))) == before


def test_power_off_ends_everything_also_when_paused(lab: Lab) -> None:
    start(lab, 3, "setsid", "sh", "-c", "trap '' TERM HUP; (setsid sleep 1000 &) ; sleep 1000")
    lab.pause(3)
    processes = [Process.of(pid) for pid in lab.ground.processes(lab.machine(3))]
    lab.power_off(3)
    assert not any(process.alive for process in processes)
    assert lab.ground.processes(lab.machine(3)) == []
    assert hears(lab, 1, "10.77.1.3") in {"TimeoutError", "OSError"}
    with pytest.raises(LabError, match="node3 has no power"):
        inside(lab, 3, "true")
    power_on(lab, 3)
    assert hears_again(lab, 1, "10.77.1.3") == "node3"
    assert lab.status()[0][2].state == "on"
    with pytest.raises(LabError, match="has power already"):
        lab.power_on(3)


def test_processes_of_a_node_are_hurt_one_by_one_and_all_at_once(lab: Lab) -> None:
    for module in ("quorate.node.sentinel", "quorate.node.service", "quorate.host", "quorate.host"):
        start(lab, 1, sys.executable, "-m", module)
    start(lab, 1, "etcd", "1000")
    roles = wait_for_roles(lab, {"sentinel": 1, "service": 1, "host": 2, "etcd": 1})
    lab.pause(1, "service")
    assert [role for role, pids in roles.items() if all(map(is_stopped, pids))] == ["service"]
    lab.resume(1)
    assert not any(is_stopped(pid) for pids in roles.values() for pid in pids)
    lab.kill(1, ["service"])
    wait_for_roles(lab, {"sentinel": 1, "host": 2, "etcd": 1})
    with pytest.raises(LabError, match="runs no service"):
        lab.kill(1, ["service"])
    lab.kill(1, ["sentinel", "host"])
    wait_for_roles(lab, {"etcd": 1})
    lab.kill(1, ["all"])
    wait_for_roles(lab, {})
    assert hears_again(lab, 2, "10.77.1.1") == "node1", "nothing else was touched"


def wait_for_roles(lab: Lab, wanted: dict[str, int]) -> dict[str, list[int]]:
    tick = threading.Event()
    found: dict[str, list[int]] = {}
    for _ in range(500):
        found = lab.status()[0][0].processes
        if {role: len(pids) for role, pids in found.items()} == wanted:
            return found
        tick.wait(0.01)
    pytest.fail(f"wanted {wanted}, found {found}")


def test_bring_up_makes_joins_and_runs_every_node(lab: Lab) -> None:
    said: list[str] = []
    lab.recipe(said.append, (sys.executable, "-m", "quorate_stand_in")).bring_up()
    calls = [(lab.folder / f"node{number}/state/calls").read_text().splitlines() for number in (1, 2, 3)]
    assert calls[0][0] == (
        "cluster create --name test --profile fast --client-network client=10.77.9.1/24"
        " --node-name node1 --network a=10.77.1.1/24 --network b=10.77.2.1/24"
    )
    assert "node run" in calls[0]
    assert calls[1][0] == "node join TOKEN0 --node-name node2 --network a=10.77.1.2/24 --network b=10.77.2.2/24"
    assert calls[2][0].startswith("node join TOKEN1 --node-name node3")
    assert said[-1] == "node3 runs"


def test_a_refused_join_says_why(lab: Lab) -> None:
    (lab.folder / "node2/state/refuse").touch()
    recipe = lab.recipe(lambda _: None, (sys.executable, "-m", "quorate_stand_in"))
    with pytest.raises(LabError, match="node join failed on node2: this token was used before"):
        recipe.join(lab.machine(2), "OLD")


def test_bad_orders_are_refused(lab: Lab) -> None:
    for order, message in (
        (lambda: lab.power_off(9), "has no machine 9; it has client, node1, node2, node3"),
        (lambda: lab.cut(1, 1), "cannot be cut from itself"),
        (lambda: lab.cut(1, "client", networks=["a"]), "no such network in common"),
        (lambda: lab.cut(1, 2, networks=["z"]), "there is no network z"),
        (lambda: Lab.make("test", 1, "fast", namespaces=True), "there is a lab in"),
        (lambda: Lab.make("Test", 1, "fast", namespaces=True), "cannot name a lab"),
        (lambda: Lab.make("test", 0, "fast", namespaces=True), "1 to 64 nodes"),
    ):
        with pytest.raises(LabError, match=message):
            order()


def test_this_machine_is_untouched(lab: Lab) -> None:
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert "node1" not in links
    assert "bridge-a" not in links
    assert str(lab.folder) not in Path("/proc/self/mounts").read_text()
    assert cgroup.find_root() is not None


def test_a_prober_sees_a_machine_lose_power_and_return(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "record"
    with probing(lab, "10.77.9.2:9000", path):
        wait_for_answers(path, 5)
        began_s = lab.power_off(2)
        power_on(lab, 2)
        wait_for_answers(path, 5, after_ms=boot_time_s() * 1000)
    probes = read(path)
    (outage,) = outages(probes)
    assert outage.begin_ms <= began_s * 1000 + outage.length_ms
    assert outage.failed > 0
    assert (outage.node_before, outage.node_after) == ("node2", "node2")
    assert both_active(probes) == []


def wait_for_answers(path: Path, count: int, after_ms: float = 0) -> None:
    tick = threading.Event()
    for _ in range(1000):
        if sum(probe.ok and probe.sent_ms > after_ms for probe in read(path)) >= count:
            return
        tick.wait(0.01)
    pytest.fail("the prober was not answered")
