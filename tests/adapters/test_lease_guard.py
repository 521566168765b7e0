"""The kernel keeps the lease: what answers, what falls silent, and when."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
import time

import pytest
from cable import ADDRESS, ADDRESS_6, Namespace, cable, run, six, who_has

from quorate.adapters import neighbours
from quorate.adapters.guard import GuardMissing, LeaseGuard
from quorate.adapters.netlink import AddressGone, InterfaceAddress, LinkChanged, News, NewsSocket, RouteSocket

PORT = 7777
__all__ = ["cable"]


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Echo:
    """Answers every datagram to one address; ended with the test."""

    def __init__(self, owner: Namespace, address: str = ADDRESS) -> None:
        self._socket = owner.inside(lambda: socket.socket(family(address), socket.SOCK_DGRAM))
        self._socket.bind((address, PORT))
        self._socket.settimeout(0.2)
        self._stop = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop:
            try:
                data, sender = self._socket.recvfrom(64)
                self._socket.sendto(data, sender)
            except (TimeoutError, PermissionError):  # dropped on its way out
                continue

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self._socket.close()


def client_socket(client: Namespace, address: str = ADDRESS) -> socket.socket:
    opened = client.inside(lambda: socket.socket(family(address), socket.SOCK_DGRAM))
    opened.connect((address, PORT))
    return opened


def answers(asking: socket.socket, wait_s: float = 0.05) -> bool:
    asking.settimeout(wait_s)
    question = os.urandom(8)
    deadline_s = time.monotonic() + wait_s
    try:
        asking.send(question)
        while asking.recv(64) != question:  # an answer to an earlier one
            asking.settimeout(max(deadline_s - time.monotonic(), 0.001))
    except OSError:
        return False
    return True


@pytest.mark.root
def test_the_address_falls_silent_when_nobody_renews(cable: tuple[Namespace, Namespace]) -> None:
    owner, client = cable
    guard, route = owner.inside(LeaseGuard), owner.inside(RouteSocket)
    index = next(link.index for link in route.links() if link.name == "link0")
    guard.install()
    guard.protect(ADDRESS)
    route.add_address(InterfaceAddress(index, ADDRESS, 24), 60)
    echo, asking = Echo(owner), client_socket(client)
    free_echo, free_asking = Echo(owner, owner.own), client_socket(client, owner.own)
    try:
        assert not answers(asking), "no lease was ever given"
        assert who_has(client) is None
        guard.renew(400)
        renewed_s = time.monotonic()
        assert who_has(client) is not None
        last_s = renewed_s
        while time.monotonic() < renewed_s + 0.7:
            if answers(asking, 0.02):
                last_s = time.monotonic()
        assert 0.3 < last_s - renewed_s < 0.45
        assert who_has(client) is None, "the kernel must not answer for it either"
        assert answers(free_asking, 1.0), "what is not guarded goes on"
        guard.renew(60_000)
        assert answers(asking, 1.0)
        guard.revoke()
        assert not answers(asking)
    finally:
        for opened in (echo, asking, free_echo, free_asking):
            opened.close()
        guard.close()
        route.close()


@pytest.mark.root
def test_a_hundred_renewals_lose_no_packet(cable: tuple[Namespace, Namespace]) -> None:
    owner, client = cable
    guard, route = owner.inside(LeaseGuard), owner.inside(RouteSocket)
    index = next(link.index for link in route.links() if link.name == "link0")
    guard.install()
    guard.protect(ADDRESS)
    guard.renew(2_000)
    route.add_address(InterfaceAddress(index, ADDRESS, 24), 60)
    echo, asking = Echo(owner), client_socket(client)
    sent = 0
    stop = threading.Event()

    def renew() -> None:
        for _ in range(100):
            guard.renew(2_000)
            time.sleep(0.003)  # spread over the traffic, not before it
        stop.set()

    try:
        assert answers(asking, 1.0)
        renewing = threading.Thread(target=renew)
        renewing.start()
        while not stop.is_set():
            sent += 1
            assert answers(asking, 1.0), f"packet {sent} was lost"
        renewing.join()
        assert sent > 100
    finally:
        echo.close()
        asking.close()
        guard.close()
        route.close()


@pytest.mark.root
def test_installing_again_keeps_addresses_and_a_flush_is_noticed(cable: tuple[Namespace, Namespace]) -> None:
    owner, _ = cable
    guard = owner.inside(LeaseGuard)
    try:
        with pytest.raises(GuardMissing):
            guard.renew(100)
        guard.install()
        for address in ("192.0.2.9", "192.0.2.8", "192.0.2.9"):
            guard.protect(address)
        guard.install()
        assert guard.protected() == ("192.0.2.8", "192.0.2.9")
        guard.unprotect("192.0.2.8")
        guard.unprotect("192.0.2.8")
        assert guard.protected() == ("192.0.2.9",)
        listed = subprocess.run(
            ["ip", "netns", "exec", owner.name, "nft", "list", "ruleset"], check=True, capture_output=True, text=True
        ).stdout
        assert listed.count("meta protocol != @lease drop") == 6
        guard.remove()
        guard.remove()
        for call in (guard.protected, guard.revoke, lambda: guard.renew(10), lambda: guard.protect("192.0.2.9")):
            with pytest.raises(GuardMissing):
                call()
    finally:
        guard.close()


@pytest.mark.root
def test_addresses_and_links_are_seen_and_news_arrive(cable: tuple[Namespace, Namespace]) -> None:
    owner, _ = cable
    heard: list[News] = []
    route, news = owner.inside(RouteSocket), owner.inside(lambda: NewsSocket(heard.append))
    try:
        link = next(link for link in route.links() if link.name == "link0")
        assert link.carries
        address = InterfaceAddress(link.index, ADDRESS, 24)
        route.add_address(address, 30)
        route.add_address(address, 60)
        assert address in route.addresses()
        assert route.delete_address(address)
        assert not route.delete_address(address)
        run("ip", "-n", owner.name, "link", "set", "link0", "down")
        for _ in range(20):
            news.read()
        assert AddressGone(link.index, ADDRESS) in heard
        assert LinkChanged(link.index, carries=False) in heard
        with pytest.raises(OSError, match="No such device"):
            route.add_address(InterfaceAddress(9999, ADDRESS, 24), 30)
    finally:
        route.close()
        news.close()


@pytest.mark.root
def test_the_lifetime_of_an_address_is_the_kernels(cable: tuple[Namespace, Namespace]) -> None:
    owner, _ = cable
    route = owner.inside(RouteSocket)
    try:
        link = next(link for link in route.links() if link.name == "link0")
        route.add_address(InterfaceAddress(link.index, ADDRESS, 24), 7)
        shown = subprocess.run(
            ["ip", "-n", owner.name, "addr", "show", "dev", "link0"], check=True, capture_output=True, text=True
        ).stdout
        assert "valid_lft 7sec" in shown or "valid_lft 6sec" in shown
    finally:
        route.close()


@pytest.mark.root
def test_an_ipv6_address_is_found_answers_at_once_and_falls_silent(cable: tuple[Namespace, Namespace]) -> None:
    owner, client = six(cable)
    guard, route = owner.inside(LeaseGuard), owner.inside(RouteSocket)
    heard: list[News] = []
    news = owner.inside(lambda: NewsSocket(heard.append))
    index = next(link.index for link in route.links() if link.name == "link0")
    guard.install()
    guard.protect(ADDRESS_6)
    assert guard.protected() == (ADDRESS_6,)
    assert who_has(client, address=ADDRESS_6) is None
    address = InterfaceAddress(index, ADDRESS_6, 64)
    guard.renew(60_000)
    route.add_address(address, 60)
    assert address in route.addresses()
    echo, asking = Echo(owner, ADDRESS_6), client_socket(client, ADDRESS_6)
    try:
        shown = subprocess.run(
            ["ip", "-6", "-n", owner.name, "addr", "show", "to", ADDRESS_6], check=True, capture_output=True, text=True
        ).stdout
        assert ADDRESS_6 in shown
        assert "tentative" not in shown, "the kernel's own detection would keep it silent for a second"
        assert answers(asking, 5.0)
        assert who_has(client, address=ADDRESS_6) == next(x.hardware_address for x in route.links() if x.index == index)
        guard.renew(300)
        time.sleep(0.35)  # the lease is time
        assert not answers(asking)
        assert who_has(client, address=ADDRESS_6) is None, "the kernel must not advertise it either"
        guard.renew(60_000)
        assert answers(asking, 1.0)
        guard.revoke()
        assert not answers(asking)
        assert route.delete_address(address)
        assert not route.delete_address(address)
        guard.unprotect(ADDRESS_6)
        assert guard.protected() == ()
        deadline_s = time.monotonic() + 2
        while AddressGone(index, ADDRESS_6) not in heard and time.monotonic() < deadline_s:
            news.read()
        assert AddressGone(index, ADDRESS_6) in heard
    finally:
        for opened in (echo, asking, guard, route, news):
            opened.close()


@pytest.mark.root
def test_an_announcement_moves_what_neighbours_remember_of_an_ipv6_address(
    cable: tuple[Namespace, Namespace],
) -> None:
    owner, client = six(cable)

    def remembered() -> str:
        words = ("ip", "-6", "-n", client.name, "neigh", "show", ADDRESS_6)
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    run("ip", "-n", client.name, "neigh", "add", ADDRESS_6, "lladdr", "02:00:00:00:00:99", "dev", "link0",
        "nud", "reachable")  # fmt: skip
    turns = iter([True, False])
    owner.inside(lambda: asyncio.run(neighbours.announce("link0", ADDRESS_6, lambda: next(turns))))
    hardware = owner.inside(RouteSocket)
    try:
        link = next(link for link in hardware.links() if link.name == "link0")
    finally:
        hardware.close()
    assert link.hardware_address in remembered()
