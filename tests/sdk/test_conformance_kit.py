"""The kit passes what is right and names what is wrong; the built-in types pass it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.resource_type import check_manifest
from quorate.resources import BUILT_IN, UnknownType, find_type, generic_application, ip_address
from quorate.resources.generic_application import GenericApplication
from quorate.resources.ip_address import IpAddress
from quorate.sdk.memory import MemoryContext, World
from quorate.sdk.misbehaving import RaisesOnline, WellBehaved
from quorate.sdk.resource_type import CannotComeOnlineHere, ResourceFailed, ResourceType
from quorate.sdk.testing import ConformanceFailure, check_conformance, play

APPLICATION: dict[str, PropertyValue] = {"CommandLine": "server --port 80", "environment": ["MODE=test"]}
ADDRESS: dict[str, PropertyValue] = {"address": "192.0.2.7", "prefix_length": 24}


@pytest.mark.parametrize(("kind", "properties"), [(GenericApplication, APPLICATION), (IpAddress, ADDRESS)])
async def test_built_in_types_conform(kind: type[ResourceType], properties: dict[str, PropertyValue]) -> None:
    await check_conformance(kind, properties)


async def test_the_kit_names_every_fault_of_a_type() -> None:
    with pytest.raises(ConformanceFailure) as failure:
        await check_conformance(RaisesOnline, {})
    assert "online, and alive" in str(failure.value)
    assert "a loss is reported at once" in str(failure.value)


async def test_the_kit_misses_only_the_report_of_a_loss_in_the_reference_type() -> None:
    with pytest.raises(ConformanceFailure) as failure:
        await check_conformance(WellBehaved, {})
    assert str(failure.value).count("\n") == 0, failure.value
    assert "a loss is reported at once" in str(failure.value)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_type_is_found_and_its_manifest_is_sound(name: str) -> None:
    assert find_type(name).manifest.name == name
    assert check_manifest(find_type(name).manifest) == ()


def test_types_are_found_by_reference_name_and_by_place() -> None:
    assert find_type("IP Address") is IpAddress
    assert find_type("quorate.sdk.misbehaving:WellBehaved") is WellBehaved
    for wrong in ("nonsense", "quorate.nonsense:Type", "os:getpid"):
        with pytest.raises(UnknownType):
            find_type(wrong)


@pytest.mark.parametrize(
    ("manifest", "settings"),
    [
        (generic_application.MANIFEST, generic_application.Settings),
        (ip_address.MANIFEST, ip_address.Settings),
    ],
)
def test_typed_settings_name_every_property(manifest: object, settings: type[msgspec.Struct]) -> None:
    assert [entry.name for entry in manifest.properties] == list(settings.__struct_fields__)  # type: ignore[attr-defined]


async def test_a_program_that_ends_by_itself_is_a_failure_at_once() -> None:
    outcome = await play(GenericApplication, APPLICATION, World(), "open", "online", "lose")
    assert outcome.failures == (("general", "the program ended by signal 9"),)


async def test_a_missing_program_is_named() -> None:
    outcome = await play(GenericApplication, APPLICATION, World(missing_programs=frozenset({"server"})), "online")
    assert isinstance(outcome.problem, ResourceFailed)
    assert "server" in str(outcome.problem)


async def test_an_address_in_use_fails_with_who_answers_and_takes_nothing() -> None:
    world = World(answering={"192.0.2.7": "02:00:00:00:00:07"})
    outcome = await play(IpAddress, ADDRESS, world, "online")
    assert isinstance(outcome.problem, ResourceFailed)
    assert "02:00:00:00:00:07" in str(outcome.problem)
    assert outcome.world.addresses == ()


async def test_an_address_without_interface_cannot_come_online_here() -> None:
    outcome = await play(IpAddress, ADDRESS, World(has_interface=False), "online")
    assert isinstance(outcome.problem, CannotComeOnlineHere)


async def test_an_address_without_prefix_is_refused_before_anything_is_tried() -> None:
    with pytest.raises(Refused, match="prefix_length or subnet_mask"):
        await play(IpAddress, {"address": "192.0.2.7"}, World(), "online")


async def test_the_order_is_protect_probe_add_announce_and_an_early_probe_saves_the_second() -> None:
    properties = {**ADDRESS, "subnet_mask": "", "network": "", "probe_limit_ms": 10, "probe_fresh_ms": 5000}
    context = MemoryContext(properties, World())
    address = IpAddress(context)
    await address.online()
    assert context.addresses.calls == ["protect", "probe", "add", "announce"]
    await address.offline()
    context.addresses.calls.clear()
    await address.prepare()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await address.online()
    assert context.addresses.calls.count("probe") == 1
    assert sorted(context.addresses.calls) == ["add", "announce", "probe", "protect"]


async def test_a_handover_quicker_than_the_probe_serves_first_and_asks_meanwhile() -> None:
    properties = {**ADDRESS, "subnet_mask": "", "network": "", "probe_limit_ms": 10, "probe_fresh_ms": 5000}
    context = MemoryContext(properties, World())
    address = IpAddress(context)
    await address.prepare()
    await address.online()
    assert context.addresses.calls == ["protect", "add", "announce"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert context.addresses.calls == ["protect", "add", "announce", "probe"]


async def test_a_mask_serves_as_well_as_a_prefix_length() -> None:
    given: dict[str, PropertyValue] = {"Address": "192.0.2.7", "SubnetMask": "255.255.255.0"}
    outcome = await play(IpAddress, given, World(), "online")
    assert outcome.problem is None
    assert outcome.world.addresses == ("192.0.2.7",)
