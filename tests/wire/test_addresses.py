"""Addresses as bytes and text: held to the standard library's reading of them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire import netlink

MANY_ZEROS = st.lists(st.sampled_from([0, 0, 0, 1, 0xABC, 0xFFFF]), min_size=8, max_size=8).map(
    lambda groups: ipaddress.IPv6Address(sum(group << 16 * at for at, group in enumerate(groups)))
)


@given(st.one_of(st.ip_addresses(), MANY_ZEROS))
def test_every_address_there_and_back(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert netlink.address_bytes(str(address)) == address.packed
    assert netlink.address_bytes(address.exploded) == address.packed
    shown = netlink.address_text(address.packed)
    assert netlink.address_bytes(shown) == address.packed
    assert shown == str(ipaddress.ip_address(address.packed)) or "::ffff:" in str(address)


@pytest.mark.parametrize("wrong", ["1::2::3", "1:2:3", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "1.2.3", "256.1.1.1"])
def test_what_is_no_address(wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its words
        netlink.address_bytes(wrong)
