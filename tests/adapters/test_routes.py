"""Addresses and routes in the kernel: what goes with an interface comes back, and one address takes no other along."""

from __future__ import annotations

import socket
import subprocess

import pytest
from cable import Namespace, cable, six

from quorate.adapters.netlink import InterfaceAddress, RouteSocket
from quorate.node.fabric import Fabric

__all__ = ["cable"]
pytestmark = pytest.mark.root


def shown(end: Namespace, *words: str) -> str:
    return subprocess.run(["ip", "-n", end.name, *words], check=True, capture_output=True, text=True).stdout


def test_fabric_routes_come_back_after_the_interface_went_away(cable: tuple[Namespace, Namespace]) -> None:
    owner, client = cable
    networks = {1: {"a": owner.own}, 2: {"a": client.own}}
    fabrics = {1: "100.64.9.1", 2: "100.64.9.2"}

    def lose_and_repeat() -> None:
        fabric = Fabric(fabrics[1], networks[1], managed=True)
        assert fabric.update(2, fabrics[2], networks[2], ("a",), now=0.0) == "a"
        assert fabrics[2] in shown(owner, "route")
        for words in (("link", "set", "link0", "down"), ("link", "set", "link0", "up"), ("addr", "flush", "dev", "lo")):
            subprocess.run(["ip", "-n", owner.name, *words], check=True, capture_output=True)
        assert fabrics[2] not in shown(owner, "route")
        fabric.repeat(fabrics, networks)
        assert f"{fabrics[2]} via {client.own}" in shown(owner, "route")
        assert fabrics[1] in shown(owner, "addr", "show", "dev", "lo")
        fabric.close()
        fabric = Fabric(fabrics[1], networks[1], managed=True)
        fabric.close()

    owner.inside(lose_and_repeat)
    assert fabrics[1] not in shown(owner, "addr", "show", "dev", "lo"), "a clean stop leaves nothing"


def test_other_addresses_of_the_subnet_stay_when_the_first_one_goes(cable: tuple[Namespace, Namespace]) -> None:
    owner, _ = cable

    def delete_the_first() -> None:
        link = socket.if_nametoindex("link0")
        first, second = (InterfaceAddress(link, f"198.51.100.{last}", 24) for last in (10, 11))
        sock = RouteSocket()
        try:
            sock.keep_secondaries(link)
            sock.add_address(first, 60)
            sock.add_address(second, 60)
            sock.delete_address(first)
        finally:
            sock.close()

    owner.inside(delete_the_first)
    addresses = shown(owner, "addr", "show", "dev", "link0")
    assert "198.51.100.10" not in addresses
    assert "198.51.100.11" in addresses


def test_the_fabric_runs_over_a_network_that_is_ipv6_alone(cable: tuple[Namespace, Namespace]) -> None:
    fabrics = {1: "100.64.9.1", 2: "100.64.9.2"}
    networks = {1: {"six": "fd00:77::1"}, 2: {"six": "fd00:77::2"}}
    owner, client = six(cable)
    made = []
    for end, own, peer in ((owner, 1, 2), (client, 2, 1)):

        def route(own: int = own, peer: int = peer) -> Fabric:
            fabric = Fabric(fabrics[own], networks[own], managed=True)
            assert fabric.update(peer, fabrics[peer], networks[peer], ("six",), now=0.0) == "six"
            return fabric

        subprocess.run(["ip", "-n", end.name, "addr", "flush", "dev", "link0", "scope", "global", "to", "192.0.2.0/24"],
                       check=True, capture_output=True)  # fmt: skip
        made.append(end.inside(route))
    assert f"{fabrics[2]} via inet6 fd00:77::2" in shown(owner, "route")
    with (
        client.inside(lambda: socket.create_server((fabrics[2], 7777))) as server,
        owner.inside(lambda: socket.create_connection((fabrics[2], 7777), timeout=3)) as connected,
    ):
        accepted, sender = server.accept()
        accepted.close()
        assert sender[0] == fabrics[1]
        assert connected.getpeername()[0] == fabrics[2]
    for fabric in made:
        fabric.close()


@pytest.mark.conformance("NW-06")
def test_a_network_of_lower_metric_is_used_when_it_has_been_alive_for_a_while(
    cable: tuple[Namespace, Namespace],
) -> None:
    owner, client = six(cable)
    ways = {"four": client.own, "six": "fd00:77::2"}

    def prefer() -> list[str | None]:
        fabric = Fabric("100.64.9.1", {"four": owner.own}, managed=True)
        fabric.metrics = {"four": 100, "six": 90}
        found = [fabric.update(2, "100.64.9.2", ways, ("four",), now=0.0)]
        found += [fabric.update(2, "100.64.9.2", ways, ("four", "six"), now) for now in (1.0, 5.9)]
        found += [fabric.update(2, "100.64.9.2", ways, ("four",), 5.95)]  # not steadily
        found += [fabric.update(2, "100.64.9.2", ways, ("four", "six"), now) for now in (6.0, 10.9, 11.0)]
        found += [fabric.update(2, "100.64.9.2", {"four": client.own}, ("four", "six"), 12.0)]  # its role was changed
        fabric.close()
        return found

    assert owner.inside(prefer) == ["four", None, None, None, None, None, "six", "four"]
