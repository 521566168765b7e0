"""Addresses and routes in the kernel: what goes with an interface comes back, and one address takes no other along."""

from __future__ import annotations

import socket
import subprocess

import pytest
from cable import Namespace, cable

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
