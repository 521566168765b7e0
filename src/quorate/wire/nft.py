"""The nftables messages of the lease guard, as bytes (kernel header linux/netfilter/nf_tables.h).

Owns: what the guard's tables, sets, chains and rules look like, and the batches that make, renew, change and remove
them.
Does not know: sockets or time; `adapters.guard` sends. Standard library only: the sentinel loads it.
How it works: a batch is a list of (family, kind, flags, attributes) between a begin and an end message; the kernel
carries it out whole or not at all. There is one table of the same name in the families ip, arp and ip6, each with

    set guarded    addresses that answer only under a lease
    set lease      one element, the protocol number of the family, which times out
    chains         drop what carries a guarded address unless the lease has its element

In `ip` and `ip6` the destination is looked at before any address translation, the source after it, so that input,
output and forwarding are covered, and a translated flow too. In `arp` what this node says as, or about, a guarded
address is dropped on its way out; in `ip6` advertisements of neighbours are packets like others, and their source is
the address that they speak for. The rule of the lease reads `meta protocol != @lease`: a constant key, so that one
element speaks for all addresses.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from quorate.wire import netlink
from quorate.wire.netlink import attribute, nested, text

FAMILY_IP: Final = 2
FAMILY_ARP: Final = 3
FAMILY_IP6: Final = 10
FAMILIES_4: Final = (FAMILY_IP, FAMILY_ARP)
FAMILIES: Final = (*FAMILIES_4, FAMILY_IP6)
GUARDED: Final = "guarded"
LEASE: Final = "lease"

_SUBSYSTEM: Final = 10
_BATCH_BEGIN: Final = 0x10
_BATCH_END: Final = 0x11
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE, _DELETE_RULE = 0, 2, 3, 6, 8
_NEW_SET, _NEW_ELEMENT, _GET_ELEMENT, _DELETE_ELEMENT = 9, 12, 13, 14
_SET_HAS_TIMEOUT: Final = 0x10
_TYPE_IPV4_ADDRESS, _TYPE_IPV6_ADDRESS, _TYPE_ETHER_TYPE = 7, 8, 10
_PROTOCOL: Final = {FAMILY_IP: b"\x08\x00", FAMILY_ARP: b"\x08\x06", FAMILY_IP6: b"\x86\xdd"}
_DROP, _ACCEPT = 0, 1


@dataclass(frozen=True, slots=True)
class _Chain:
    """A base chain, and the offsets in the network header whose address it looks up."""

    name: str
    hook: int
    priority: int
    offsets: tuple[int, ...]


_CHAINS: Final = {
    FAMILY_IP: (
        _Chain("arriving", 0, -310, (16,)),  # prerouting, before raw (-300): destination
        _Chain("leaving", 4, 310, (12,)),  # postrouting, after source translation (100): source
    ),
    FAMILY_ARP: (_Chain("leaving", 1, 0, (14, 24)),),  # output: sender, target
    FAMILY_IP6: (_Chain("arriving", 0, -310, (24,)), _Chain("leaving", 4, 310, (8,))),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a batch."""

    family: int
    kind: int
    flags: int
    body: bytes


def batch(entries: Iterable[Entry], sequence: int = 1) -> bytes:
    """The bytes of one atomic batch; its last entry asks for an acknowledgement, any entry may answer with an error."""
    listed = list(entries)
    parts = [_message(_BATCH_BEGIN, netlink.REQUEST, sequence, 0, b"", _SUBSYSTEM)]
    for index, entry in enumerate(listed, start=1):
        flags = netlink.REQUEST | entry.flags | (netlink.ACKNOWLEDGE if index == len(listed) else 0)
        parts.append(_message((_SUBSYSTEM << 8) | entry.kind, flags, sequence + index, entry.family, entry.body))
    parts.append(_message(_BATCH_END, netlink.REQUEST, sequence + len(listed) + 1, 0, b"", _SUBSYSTEM))
    return b"".join(parts)


def families_of(address: str) -> tuple[int, ...]:
    """The families whose sets an address belongs in."""
    return (FAMILY_IP6,) if ":" in address else FAMILIES_4


def installation(table: str, families: Iterable[int]) -> list[Entry]:
    """Make everything that is missing and renew all rules; elements that are there stay."""
    entries: list[Entry] = []
    for family in families:
        key_type, key_length = (_TYPE_IPV6_ADDRESS, 16) if family == FAMILY_IP6 else (_TYPE_IPV4_ADDRESS, 4)
        entries.append(Entry(family, _NEW_TABLE, netlink.CREATE, text(1, table)))
        entries.append(Entry(family, _NEW_SET, netlink.CREATE, _set(table, GUARDED, key_type, key_length, 0, 1)))
        lease = _set(table, LEASE, _TYPE_ETHER_TYPE, 2, _SET_HAS_TIMEOUT, 2)
        entries.append(Entry(family, _NEW_SET, netlink.CREATE, lease))
        for chain in _CHAINS[family]:
            entries.append(Entry(family, _NEW_CHAIN, netlink.CREATE, _chain(table, chain)))
            entries.append(Entry(family, _DELETE_RULE, 0, text(1, table) + text(2, chain.name)))
            for offset in chain.offsets:
                rule = text(1, table) + text(2, chain.name) + nested(4, *_drop_without_lease(offset, key_length))
                entries.append(Entry(family, _NEW_RULE, netlink.CREATE | netlink.APPEND, rule))
    return entries


def removal(table: str, family: int) -> Entry:
    """Delete the table with all it holds."""
    return Entry(family, _DELETE_TABLE, 0, text(1, table))


def lease_start(table: str, family: int, timeout_ms: int) -> Entry:
    """Put the lease's element in, to time out by itself."""
    body = _elements(table, LEASE, [_PROTOCOL[family]], timeout_ms)
    return Entry(family, _NEW_ELEMENT, netlink.CREATE, body)


def lease_end(table: str, family: int) -> Entry:
    """Take the lease's element out."""
    return Entry(family, _DELETE_ELEMENT, 0, _elements(table, LEASE, [_PROTOCOL[family]]))


def renewal(table: str, families: Iterable[int], timeout_ms: int) -> list[Entry]:
    """Replace the lease's element by a new one; within one batch a packet sees the old or the new, never none."""
    return [
        entry for family in families for entry in (lease_end(table, family), lease_start(table, family, timeout_ms))
    ]


def guard_address(table: str, family: int, address: str) -> Entry:
    """Put an address behind the guard."""
    return Entry(family, _NEW_ELEMENT, netlink.CREATE, _elements(table, GUARDED, [netlink.address_bytes(address)]))


def free_address(table: str, family: int, address: str) -> Entry:
    """Take an address out of the guard."""
    return Entry(family, _DELETE_ELEMENT, 0, _elements(table, GUARDED, [netlink.address_bytes(address)]))


def dump_guarded(table: str, family: int, sequence: int = 1) -> bytes:
    """Ask for the addresses behind the guard of a family; no batch, it changes nothing."""
    kind = (_SUBSYSTEM << 8) | _GET_ELEMENT
    return _message(kind, netlink.REQUEST | netlink.DUMP, sequence, family, text(1, table) + text(2, GUARDED))


def dumped_addresses(message: netlink.Message) -> list[str]:
    """The addresses in one answer to `dump_guarded`."""
    listed = netlink.attributes(message.body[4:]).get(3, b"")
    keys = (netlink.attributes(element).get(1, b"") for _, element in netlink.attribute_list(listed))
    return [netlink.address_text(netlink.attributes(key)[1]) for key in keys if key]


def _message(kind: int, flags: int, sequence: int, family: int, body: bytes, resource: int = 0) -> bytes:
    return netlink.build(kind, flags, sequence, struct.pack(">BBH", family, 0, resource) + body)


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack(">I", value))


def _set(table: str, name: str, key_type: int, key_length: int, flags: int, number: int) -> bytes:
    described = _number(3, flags) + _number(4, key_type) + _number(5, key_length) + _number(10, number)
    return text(1, table) + text(2, name) + described


def _chain(table: str, chain: _Chain) -> bytes:
    hook = nested(4, _number(1, chain.hook), attribute(2, struct.pack(">i", chain.priority)))
    return text(1, table) + text(3, chain.name) + hook + _number(5, _ACCEPT) + text(7, "filter")


def _elements(table: str, name: str, keys: list[bytes], timeout_ms: int | None = None) -> bytes:
    lifetime = b"" if timeout_ms is None else attribute(4, struct.pack(">Q", timeout_ms))
    listed = [nested(1, nested(1, attribute(1, key)) + lifetime) for key in keys]
    return text(1, table) + text(2, name) + nested(3, *listed)


def _expression(name: str, *described: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, *described))


def _drop_without_lease(offset: int, length: int) -> list[bytes]:
    """`<address at offset> @guarded meta protocol != @lease drop`."""
    return [
        _expression("payload", _number(1, 1), _number(2, 1), _number(3, offset), _number(4, length)),
        _expression("lookup", text(1, GUARDED), _number(2, 1)),
        _expression("meta", _number(1, 1), _number(2, 1)),
        _expression("lookup", text(1, LEASE), _number(2, 1), _number(5, 1)),
        _expression("immediate", _number(1, 0), nested(2, nested(2, _number(1, _DROP)))),
    ]
