"""The disk under one member of the store is full, or takes no writes any more: real etcd on a small file system.

One of three members. Whatever its disk does, the cluster commits, nothing acknowledged is lost, every node says what is
wrong and where, and it is over when the disk is mended, without a command.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_labs import on_loopback
from under_watch import until

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.store import EtcdStore
from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM
from quorate.model.records import Put
from quorate.node.identity import load_identity, load_replica
from quorate.node.places import Places
from quorate.node.store_link import PrefixedStore, tls_context

pytestmark = [pytest.mark.root, pytest.mark.etcd]

SIZE_MIB = 176
"""Etcd sets two files of 64 MiB aside for its log of writes; the rest is for the database."""
VALUE = b"x" * 200_000
WRITES = 24
"""Of such a size: more than the file of the database had room for when the disk became full."""
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes; the store of node3 lies on a file system of its own."""
    with on_loopback("d-disks", 3) as made:
        recipe = made.recipe(lambda _: None, PROGRAM)
        one, two, three = made.plan.node_machines
        recipe.create(one)
        recipe.run(one)
        recipe.patiently(one, "cluster", "set", "quarantine_threshold=0", "expulsion_limit=0")
        for machine in (two, three):
            recipe.join(machine, recipe.token(one))
            if machine is three:
                disk(made).mkdir()
                mount("-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "quorate-test", str(disk(made)))
            recipe.run(machine)
        try:
            until("all vote", lambda: len(status(made, 1)["store"]["voters_up"]) == 3, LIMIT_S)
            yield made
        finally:
            for machine in made.plan.node_machines:
                made.ground.power_off(machine)
            subprocess.run(["umount", "-l", str(disk(made))], check=True)


def disk(lab: Lab) -> Path:
    return places(lab, 3).store


def places(lab: Lab, number: int) -> Places:
    return Places(lab.folder / f"node{number}" / "root")


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def status(lab: Lab, number: int) -> dict[str, Any]:
    words = (*PROGRAM, "cluster", "status", "--json")
    done = ground.run(lab.ground, lab.machine(number), words, limit_s=LIMIT_S, capture=True)
    empty = {"store": {"voters_up": []}, "problems": []}
    return json.loads(done.stdout) if done.returncode == 0 else empty


def fault(lab: Lab, number: int) -> str:
    """What that node says of the member of node3; empty where nothing is wrong."""
    found = {problem["code"]: problem["what"] for problem in status(lab, number)["problems"]}
    return str(found.get("store_member_fails", ""))


def access(lab: Lab, number: int, *, write: str = "") -> list[str]:
    """Write values through the member of that node alone, or list what is there; the keys that were acknowledged."""

    async def work() -> list[str]:
        where = places(lab, number)
        identity = load_identity(where)
        assert identity is not None
        spec = next(spec for spec in load_replica(where, identity).nodes if spec.node == number)
        async with Gateway([f"https://{spec.fabric_address}:{spec.client_port}"], tls=tls_context(where)) as gateway:
            store = PrefixedStore(EtcdStore(gateway), f"/quorate/{identity.cluster_id}/")
            if not write:
                return [item.key for item in (await store.read(prefixes=["app/disk/"], timeout_s=5.0)).items]
            made = [f"app/disk/{write}-{count:03}" for count in range(WRITES)]
            for key in made:
                assert (await store.commit([], [Put(key, VALUE)], timeout_s=5.0)).succeeded
            return made

    return asyncio.run(work())


def whole_again(lab: Lab, acknowledged: list[str]) -> None:
    """The member of node3 serves, votes, and has everything."""
    until("nothing is wrong with it any more", lambda: fault(lab, 1) == "", LIMIT_S)
    until("all vote", lambda: len(status(lab, 1)["store"]["voters_up"]) == 3, LIMIT_S)
    assert set(acknowledged) <= set(access(lab, 3))
    assert [node["state"] for node in status(lab, 1)["nodes"]] == ["up", "up", "up"]


def test_a_full_disk_is_named_and_the_member_is_back_when_there_is_room(lab: Lab) -> None:
    filler = disk(lab) / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1M"], check=False, capture_output=True)
    acknowledged = access(lab, 1, write="full")
    until("every node names the full disk", lambda: all("no space left" in fault(lab, n) for n in (1, 2, 3)), LIMIT_S)
    assert status(lab, 1)["store"]["further_losses"] == 0
    filler.unlink()
    whole_again(lab, acknowledged)


@pytest.mark.soak
def test_a_disk_that_takes_no_writes_is_named_and_the_member_is_back_when_it_does(lab: Lab) -> None:
    def unwritable() -> bool:
        """A file system turns read-only while nothing is open for writing there: between two starts of the member."""
        lab.kill("node3", ["etcd"])
        return (
            subprocess.run(["mount", "-o", "remount,ro", str(disk(lab))], check=False, capture_output=True).returncode
            == 0
        )

    until("it is read-only", unwritable, LIMIT_S)
    acknowledged = access(lab, 1, write="unwritable")
    until("every node names it", lambda: all("read-only file system" in fault(lab, n) for n in (1, 2, 3)), LIMIT_S)
    mount("-o", "remount,rw", str(disk(lab)))
    whole_again(lab, acknowledged)
