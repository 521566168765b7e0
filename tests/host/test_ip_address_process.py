"""A real host with a real address, guard and network: the whole way of IP Address."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from host_under_test import HostUnderTest, SentinelEnd, bring_online

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))

from cable import ADDRESS, ADDRESS_6, Namespace, cable, run, six, who_has

from quorate.adapters.guard import LeaseGuard
from quorate.adapters.netlink import InterfaceAddress, RouteSocket
from quorate.wire.holdings import AddressHolding
from quorate.wire.host_channel import Offline, Online, Open, ReportedState

__all__ = ["cable"]


@pytest.mark.root
def test_a_host_brings_an_address_online_behind_the_guard(cable: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "host"))

    owner, client = cable
    guard = owner.inside(LeaseGuard)
    guard.install()
    guard.renew(60_000)
    sentinel = SentinelEnd(tmp_path / "h.sock")
    arguments = ("--holdings", str(tmp_path / "h.sock"), "--guard", "quorate")
    spec = Open("r", "ip_address", "address", {"Address": ADDRESS, "SubnetMask": "255.255.255.0", "probe_limit_ms": 60})
    other = client.inside(RouteSocket)
    try:
        with HostUnderTest(tmp_path, *arguments, prefix=("ip", "netns", "exec", owner.name)) as host:
            service = host.connect()
            bring_online(service, spec)
            assert guard.protected() == (ADDRESS,)
            assert [type(holding) for holding in sentinel.held] == [AddressHolding]
            assert who_has(client) is not None
            service.send(Offline("r", 1))
            service.state(ReportedState.OFFLINE)
            assert guard.protected() == ()
            assert sentinel.held == []
            index = next(link.index for link in other.links() if link.name == "link0")
            other.add_address(InterfaceAddress(index, ADDRESS, 24), 60)
            service.send(Online("r", 2))
            refused = service.state(ReportedState.FAILED)
            assert "in use" in refused.detail
            assert guard.protected() == ()
            other.delete_address(InterfaceAddress(index, ADDRESS, 24))
            service.send(Online("r", 3))
            service.state(ReportedState.ONLINE)
            run("ip", "-n", client.name, "link", "set", "link0", "down")
            assert "link" in service.state(ReportedState.FAILED).detail
    finally:
        guard.close()
        other.close()


@pytest.mark.root
def test_a_host_brings_an_ipv6_address_online_behind_the_guard(
    cable: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    owner, client = six(cable)
    guard = owner.inside(LeaseGuard)
    guard.install()
    guard.renew(60_000)
    sentinel = SentinelEnd(tmp_path / "h.sock")
    arguments = ("--holdings", str(tmp_path / "h.sock"), "--guard", "quorate")
    spec = Open("r", "ip_address", "address", {"address": "FD00:77:0::0077", "prefix_length": 64, "probe_limit_ms": 60})
    other = client.inside(RouteSocket)
    try:
        with HostUnderTest(tmp_path, *arguments, prefix=("ip", "netns", "exec", owner.name)) as host:
            service = host.connect()
            bring_online(service, spec)
            assert guard.protected() == (ADDRESS_6,)
            assert sentinel.held[0].address == ADDRESS_6  # type: ignore[union-attr]
            assert who_has(client, address=ADDRESS_6) is not None
            service.send(Offline("r", 1))
            service.state(ReportedState.OFFLINE)
            assert guard.protected() == ()
            assert who_has(client, address=ADDRESS_6) is None
            index = next(link.index for link in other.links() if link.name == "link0")
            other.add_address(InterfaceAddress(index, ADDRESS_6, 64), 60)
            service.send(Online("r", 2))
            assert "in use" in service.state(ReportedState.FAILED).detail
            other.delete_address(InterfaceAddress(index, ADDRESS_6, 64))
            service.send(Online("r", 3))
            service.state(ReportedState.ONLINE)
    finally:
        guard.close()
        other.close()
