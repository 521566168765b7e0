"""Two network namespaces joined by a cable, made and removed by the test that asks for them."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from quorate.adapters import neighbours
from quorate.adapters.process import kernel

CLONE_NEWNET = 0x4000_0000
ADDRESS = "192.0.2.77"
ADDRESS_6 = "fd00:77::77"
T = TypeVar("T")
_numbers = itertools.count()


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@dataclass(frozen=True)
class Namespace:
    """One end of the cable; `link` is its interface, `own` its address."""

    name: str
    own: str
    link: str = "link0"

    def inside(self, act: Callable[[], T]) -> T:
        """Do something with the network of this namespace: a thread may enter one by itself."""
        results: list[T | BaseException] = []

        def work() -> None:
            descriptor = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            try:
                kernel.enter_namespace(descriptor, CLONE_NEWNET)
                results.append(act())
            except BaseException as problem:  # noqa: BLE001 - handed to the test
                results.append(problem)
            finally:
                os.close(descriptor)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        (result,) = results
        if isinstance(result, BaseException):
            raise result
        return result


@pytest.fixture
def cable() -> Iterator[tuple[Namespace, Namespace]]:
    """The owner's namespace and a client's."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root (namespaces, netlink): run pytest as root, or deselect with -m 'not root'")
    tag = f"q{os.getpid()}-{next(_numbers)}"
    owner, client = Namespace(f"{tag}a", "192.0.2.1"), Namespace(f"{tag}b", "192.0.2.2")
    try:
        for end in (owner, client):
            run("ip", "netns", "add", end.name)
        run("ip", "link", "add", "link0", "netns", owner.name, "type", "veth", "peer", "link0", "netns", client.name)
        for end in (owner, client):
            run("ip", "-n", end.name, "addr", "add", f"{end.own}/24", "dev", "link0")
            run("ip", "-n", end.name, "link", "set", "link0", "up")
            run("ip", "-n", end.name, "link", "set", "lo", "up")
        yield owner, client
    finally:
        for end in (owner, client):
            subprocess.run(["ip", "netns", "del", end.name], check=False, capture_output=True)


def who_has(client: Namespace, limit_ms: int = 60, address: str = ADDRESS) -> str | None:
    return client.inside(lambda: asyncio.run(neighbours.probe("link0", address, limit_ms)))


def six(cable: tuple[Namespace, Namespace]) -> tuple[Namespace, Namespace]:
    """The same two with IPv6 addresses beside, at once usable."""
    for end, address in zip(cable, ("fd00:77::1", "fd00:77::2"), strict=True):
        run("ip", "-n", end.name, "addr", "add", f"{address}/64", "dev", "link0", "nodad")
    return cable
