"""Bytes and back: the host channel, the holdings channel, the lease page, ARP and nftables."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire import arp, holdings, host_channel, ndp, netlink, nft
from quorate.wire.lease_page import NO_LEASE, BadLeasePage, LeaseReader, LeaseWriter, boot_time_s, incarnation_hash

COMMANDS: list[host_channel.Command] = [
    host_channel.Open("r", "generic_application", "a", {"command_line": "x", "n": 1, "list": ["a", "b"], "b": True}),
    host_channel.Online("r", 1),
    host_channel.Offline("r", 2, host_channel.OfflineReason.MOVE),
    host_channel.Terminate("r", 3),
    host_channel.Close("r"),
    host_channel.Control(4, "r", "verb", {"deep": [1, {"x": None}]}),
    host_channel.Prepare("r"),
    host_channel.Inventory(),
]
STATE = host_channel.State("r", 1, host_channel.ReportedState.FAILED, "why", 1.5, 2, host_channel.FailureKind.GENERAL)
REPORTS: list[host_channel.Report] = [
    STATE,
    host_channel.ControlAnswer(4, [1, 2]),
    host_channel.InventoryReport("shared", 12, (STATE, STATE), {"r": 1}, "pid_namespace"),
    host_channel.CommandRefused("r", "online", host_channel.RefusalCode.STALE_TOKEN, "old", 1),
    host_channel.LogRecord("r", "info", "text", 1.5),
]


@given(st.lists(st.integers(min_value=1, max_value=400), max_size=20))
def test_messages_survive_any_cutting_of_the_stream(cuts: list[int]) -> None:
    for messages, decoder in ((COMMANDS, host_channel.command_decoder()), (REPORTS, host_channel.report_decoder())):
        stream = b"".join(host_channel.encode(message) for message in messages)
        found: list[object] = []
        for cut in cuts:
            found += decoder.feed(stream[:cut])
            stream = stream[cut:]
        found += decoder.feed(stream)
        assert found == messages


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02{}", b"\x00\x00\x00\x03abc", host_channel.encode(STATE)],
)
def test_what_is_no_command_is_refused(data: bytes) -> None:
    with pytest.raises(host_channel.BadFrame):
        host_channel.command_decoder().feed(data)


def test_holdings_survive_and_strangers_are_refused() -> None:
    messages: list[holdings.HoldingMessage] = [
        holdings.Register(1, "shared", "r", holdings.ProcessHolding(12, 34, contained=False)),
        holdings.Release(2, "shared", "r", holdings.AddressHolding(2, "192.0.2.1", 24)),
        holdings.Answer(2, granted=False, detail="no lease"),
    ]
    splitter = holdings.LineSplitter()
    stream = b"".join(holdings.encode(message) for message in messages)
    assert [found for byte in stream for found in splitter.feed(bytes([byte]))] == messages
    for line in (b"x", b"{}", b'{"op":"register","request_id":1,"host":"h","resource_id":"r","holding":{"kind":"x"}}'):
        with pytest.raises(holdings.BadHoldingMessage):
            holdings.decode(line)
    with pytest.raises(holdings.BadHoldingMessage):
        splitter.feed(b"x" * 5000)


def test_the_lease_page_is_read_as_written_and_kept_over_writers(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    with pytest.raises(FileNotFoundError):
        LeaseReader(path)
    writer = LeaseWriter(path)
    reader = LeaseReader(path)
    assert reader.read() == NO_LEASE
    for number in range(5):
        writer.write(incarnation_hash("n1-x"), 100.0 + number)
        lease = reader.read()
        assert lease.lease_until_s == 100.0 + number
        assert lease.incarnation_hash == incarnation_hash("n1-x")
        assert lease.holds_at(99.0 + number)
        assert not lease.holds_at(100.0 + number)
    again = LeaseWriter(path)
    assert reader.read().lease_until_s == 104.0
    again.write(7, 0.0)
    assert not reader.read().holds_at(boot_time_s())


def test_a_writer_killed_in_the_middle_leaves_the_former_lease(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    writer = LeaseWriter(path)
    writer.write(1, 10.0)
    writer.write(1, 20.0)
    whole = path.read_bytes()
    writer.write(1, 30.0)
    after = path.read_bytes()
    changed = [index for index in range(len(whole)) if whole[index] != after[index]]
    for torn in range(1, len(changed)):
        page = bytearray(whole)
        for index in changed[:torn]:
            page[index] = after[index]
        copy = tmp_path / f"torn{torn}"
        copy.write_bytes(page)
        assert LeaseReader(copy).read().lease_until_s == 20.0


def test_a_file_that_is_no_lease_page_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"x" * 200):
        path = tmp_path / "other"
        path.write_bytes(content)
        with pytest.raises(BadLeasePage):
            LeaseReader(path)


def test_arp_packets_say_what_they_should() -> None:
    hardware = bytes.fromhex("020000000007")
    asked = arp.parse(arp.probe(hardware, "192.0.2.7"))
    assert asked == arp.ArpPacket(arp.REQUEST, hardware, "0.0.0.0", bytes(6), "192.0.2.7")
    told = arp.parse(arp.announcement(hardware, "192.0.2.7"))
    assert told is not None
    assert (told.sender_address, told.target_address) == ("192.0.2.7", "192.0.2.7")
    assert arp.parse(b"short") is None
    assert arp.parse(bytes(60)) is None


def test_claims_of_an_address_are_told_from_everything_else() -> None:
    us, them = bytes.fromhex("020000000007"), bytes.fromhex("020000000008")
    for wire, address, other in ((arp, "192.0.2.7", "192.0.2.8"), (ndp, "fd00::7", "fd00::8")):
        for frame in (*wire.announcements(them, address), wire.probe(them, address)):
            assert wire.claim(frame, us, address) == them
            assert wire.claim(frame, them, address) is None, "our own"
            assert wire.claim(frame, us, other) is None
            assert wire.claim(frame[:-20], us, address) is None or wire is ndp
        for rubbish in (b"", bytes(60), bytes(200)):
            assert wire.claim(rubbish, us, address) is None
    routed = bytearray(ndp.probe(them, "fd00::7"))
    routed[21] = 254  # hop limit: it came through a router
    assert ndp.claim(bytes(routed), us, "fd00::7") is None


def test_a_renewal_is_one_batch_of_delete_and_add_per_family() -> None:
    data = nft.batch(nft.renewal("quorate", nft.FAMILIES, 1400), sequence=5)
    messages = netlink.parse(data)
    assert [message.kind for message in messages] == [0x10, *[0xA0E, 0xA0C] * 3, 0x11]
    assert [message.body[0] for message in messages] == [0, 2, 2, 3, 3, 10, 10, 0]
    assert [message.sequence for message in messages] == list(range(5, 13))
    acknowledged = [bool(message.flags & netlink.ACKNOWLEDGE) for message in messages]
    assert acknowledged == [False] * 6 + [True, False]
    assert struct.pack(">Q", 1400) in messages[2].body


def test_netlink_addresses_and_attributes() -> None:
    assert netlink.address_text(netlink.address_bytes("192.0.2.1")) == "192.0.2.1"
    for wrong in ("1.2.3", "1.2.3.256", "x"):
        with pytest.raises(ValueError, match=r"\w"):
            netlink.address_bytes(wrong)
    packed = netlink.text(1, "abc") + netlink.nested(2, netlink.attribute(7, b"x"))
    assert netlink.attributes(packed)[1] == b"abc\0"
    assert netlink.attributes(netlink.attributes(packed)[2]) == {7: b"x"}
    assert netlink.parse(b"\x05\x00") == []
