"""IP Address: a service address that follows its group (spec/04 section 9.3).

Owns: the order of coming online: protect, probe, add, announce. Does not know netlink, ARP, neighbour
discovery or the guard; the host does.
How it works: the address is behind the guard before it is on the interface, so that it never answers without a lease.
A probe begun in `prepare`, while the cluster still waits to be sure of the former owner, is used if it found silence
and is fresh, which takes its time out of the takeover. If it found an answer, that may have been the former owner:
the question is asked again.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import ClassVar, Final

import msgspec

from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyKind
from quorate.model.resource_type import Manifest, ResourceClass, Timeouts
from quorate.sdk.facilities import FacilityError, NoInterface, ServiceAddress
from quorate.sdk.overriding import override
from quorate.sdk.resource_type import (
    CannotComeOnlineAnywhere,
    CannotComeOnlineHere,
    Json,
    ResourceFailed,
    ResourceProblem,
    ResourceType,
    UnknownVerb,
)

MANIFEST: Final = Manifest(
    name="ip_address",
    reference_name="IP Address",
    display_name="IP Address",
    description="An IPv4 or IPv6 address that clients use and that moves with its group.",
    resource_class=ResourceClass.NETWORK,
    takes_hold_of=("address",),
    can_adopt=True,
    one_of=(("prefix_length", "subnet_mask"),),
    timeouts=Timeouts(looks_alive_poll_interval_ms=5_000, is_alive_poll_interval_ms=60_000),
    properties=(
        PropertyDefinition(
            name="address",
            reference_alias="Address",
            kind=PropertyKind.STRING,
            form=PropertyForm.IP_ADDRESS,
            required=True,
            words="the address, IPv4 or IPv6",
        ),
        PropertyDefinition(
            name="subnet_mask",
            reference_alias="SubnetMask",
            kind=PropertyKind.STRING,
            form=PropertyForm.IPV4_MASK,
            default="",
            words="mask of its subnet, for IPv4; give this or prefix_length",
        ),
        PropertyDefinition(
            name="prefix_length",
            reference_alias="PrefixLength",
            kind=PropertyKind.INTEGER,
            unit="bits",
            default=0,
            minimum=0,
            maximum=128,
            words="length of the subnet's prefix; 0: from subnet_mask",
        ),
        PropertyDefinition(
            name="network",
            reference_alias="Network",
            kind=PropertyKind.STRING,
            default="",
            words="name of an interface, or a network as address/n; empty: the interface with an address in the subnet",
        ),
        PropertyDefinition(
            name="probe_limit_ms",
            kind=PropertyKind.INTEGER,
            unit="ms",
            default=100,
            minimum=0,
            maximum=10_000,
            words="how long to ask the network whether somebody has the address already; 0: do not ask",
        ),
        PropertyDefinition(
            name="probe_fresh_ms",
            kind=PropertyKind.INTEGER,
            unit="ms",
            default=5_000,
            minimum=0,
            maximum=60_000,
            words="how long the silence found by an early probe counts",
        ),
    ),
)


class Settings(msgspec.Struct, frozen=True):
    """The private properties, typed."""

    address: str
    subnet_mask: str
    prefix_length: int
    network: str
    probe_limit_ms: int
    probe_fresh_ms: int

    def prefix_bits(self) -> int:
        """The prefix length, wherever it was given; 0 where it was not."""
        if self.prefix_length or not self.subnet_mask:
            return self.prefix_length
        return ipaddress.IPv4Network(f"0.0.0.0/{self.subnet_mask}").prefixlen


class IpAddress(ResourceType):
    """One service address."""

    manifest: ClassVar[Manifest] = MANIFEST
    _taken: ServiceAddress | None = None
    _early: asyncio.Task[tuple[str | None, float]] | None = None
    _unverified: bool = False
    """The early probe was answered: by the former owner, as far as anybody can tell before it has let go."""
    _verifying: asyncio.Task[None] | None = None

    @override
    async def prepare(self) -> None:
        """Begin to ask the network, in the background."""
        settings = self.read_settings(Settings)
        begun = self._early is not None and not self._early.done()
        if self._taken is None and not begun and settings.probe_limit_ms:
            self._early = asyncio.create_task(self._probe(self._place(settings), settings.probe_limit_ms))

    @override
    async def probe(self) -> str:
        """Whether the interface has the address already: left over, or given to it by hand."""
        try:
            address = self._place(self.read_settings(Settings))
        except ResourceProblem:
            return ""  # online says so
        here = address != self._taken and self.context.addresses.present(address)
        return f"{address.address} is on {address.interface_name}" if here else ""

    @override
    async def end_found(self) -> None:
        """Nothing: adding it anew takes it over without a gap, behind the guard."""

    @override
    async def online(self) -> None:
        """Protect, probe, add, announce."""
        settings = self.read_settings(Settings)
        await self.terminate()
        address = self._place(settings)
        self._taken = address
        await self.context.addresses.protect(address)
        owner = await self._owner(address, settings)
        if owner is not None:
            self.context.report_found(f"{address.address} answers on this network from {owner}")
            raise ResourceFailed(f"{address.address} is in use on this network by {owner}")
        if self.context.addresses.present(address):
            self.context.log(f"{address.address} was left on {address.interface_name}; taken over", level="warning")
        await self.context.addresses.add(address, self._lost)
        self.context.addresses.announce(address)
        if self._unverified:
            self._verifying = asyncio.create_task(self._verify(address, settings.probe_limit_ms))

    @override
    async def offline(self) -> None:
        """Take it away."""
        await self.terminate()

    @override
    async def terminate(self) -> None:
        """Take it away."""
        if self._verifying is not None:
            self._verifying.cancel()
            self._verifying = None
        if self._taken is not None:
            await self.context.addresses.remove(self._taken)
            self._taken = None

    @override
    async def close(self) -> None:
        """Forget an early probe."""
        for task in (self._early, self._verifying):
            if task is not None:
                task.cancel()

    @override
    async def looks_alive(self) -> bool:
        """Whether the interface has a link."""
        return self._taken is not None and self.context.addresses.link_up(self._taken)

    @override
    async def is_alive(self) -> bool:
        """Whether the address is there and the interface has a link."""
        address = self._taken
        if address is None:
            return False
        return self.context.addresses.present(address) and self.context.addresses.link_up(address)

    @override
    async def control(self, verb: str, body: Json) -> Json:
        """`announce`: tell the neighbours again."""
        del body
        if verb != "announce":
            raise UnknownVerb(verb)
        if self._taken is None:
            raise ResourceFailed("the address is not online here")
        self.context.addresses.announce(self._taken)
        return None

    def _place(self, settings: Settings) -> ServiceAddress:
        bits = settings.prefix_bits()
        if not bits:
            raise CannotComeOnlineAnywhere("neither subnet_mask nor prefix_length is given")
        address = ipaddress.ip_address(settings.address)
        if settings.subnet_mask and address.version == 6:
            raise CannotComeOnlineAnywhere("an IPv6 address has a prefix_length, no subnet_mask")
        if bits > address.max_prefixlen:
            raise CannotComeOnlineAnywhere(f"prefix_length {bits} is too long for {address}")
        try:
            return self.context.addresses.place(settings.address, bits, settings.network)
        except NoInterface as problem:
            raise CannotComeOnlineHere(str(problem)) from problem

    async def _probe(self, address: ServiceAddress, limit_ms: int) -> tuple[str | None, float]:
        """Who has it, and when that was found out."""
        owner = await self.context.addresses.probe(address, limit_ms)
        return owner, asyncio.get_running_loop().time()

    async def _owner(self, address: ServiceAddress, settings: Settings) -> str | None:
        """Who else has the address now, as far as asking can tell."""
        if not settings.probe_limit_ms:
            return None
        early, self._early = self._early, None
        if early is not None and not early.done():
            early.cancel()  # a handover that took less than the probe: the former owner had it until a moment ago
            self._unverified = True
            return None
        if early is not None:
            try:
                owner, found_s = await early
            except FacilityError:
                owner, found_s = "unknown", 0.0
            age_s = asyncio.get_running_loop().time() - found_s
            if age_s * 1000 <= settings.probe_fresh_ms:
                # Whoever answered early was to let go before we are told to come online. Asking again costs the clients
                # the whole probe, so the question is asked while they are served, and an answer then is a failure.
                self._unverified = owner is not None
                return None
        self._unverified = False
        return (await self._probe(address, settings.probe_limit_ms))[0]

    async def _verify(self, address: ServiceAddress, limit_ms: int) -> None:
        """Ask once more while the address is in use here; whoever answers now has not let go."""
        owner, _ = await self._probe(address, limit_ms)
        if owner is not None and self._taken == address:
            self.context.report_failure("general", f"{address.address} is also in use on this network by {owner}")

    def _lost(self, why: str) -> None:
        self.context.report_failure("network_loss", f"{self.read_settings(Settings).address}: {why}")
