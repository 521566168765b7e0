"""Scripts about networks that work in part: a deaf node, a mute one, cuts between some, a node with seconds of delay.

Owns: those injuries, done to a world without touching anybody else: in a calm world (`nothing_ends`) the judge then
demands that the others' resources never end. Does not know: what membership becomes of it; tests say what they expect.
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.model import keys
from quorate.model.base import decode
from quorate.model.membership import MemberRecord
from quorate.sim.world import World

UNHURT_S = 1000.0
"""Whoever is struck stays so to the end of the story."""


def strike(world: World, victims: Iterable[int]) -> None:
    """What follows may cost these nodes their resources, and nobody else."""
    struck = tuple(victims)
    world.troubles.injure(struck, UNHURT_S)
    _stay_cut(world, struck)


def _stay_cut(world: World, victims: tuple[int, ...]) -> None:
    """That not all hear these nodes counts as long as it lasts; the judge forgets it after a while."""
    world.troubles.cut(victims)
    if world.now < world.options.quiet_after_s:
        world.at(world.now + 1.0, lambda: _stay_cut(world, victims))


def silence(world: World, sender: int, receiver: int) -> None:
    """Nothing of the one reaches the other any more, over any network; the way back works."""
    for network in world.options.networks:
        world.media.cut(sender, receiver, network)


def deafen(world: World, victim: int) -> None:
    """The node hears nobody; everybody hears it."""
    strike(world, [victim])
    for other in world.nodes:
        if other != victim:
            silence(world, other, victim)


def mute(world: World, victim: int) -> None:
    """Nobody hears the node; it hears everybody."""
    strike(world, [victim])
    for other in world.nodes:
        if other != victim:
            silence(world, victim, other)


def separate(world: World, one: int, other: int) -> None:
    """These two do not hear each other; everybody else hears both. Either may have to go."""
    strike(world, [one, other])
    silence(world, one, other)
    silence(world, other, one)


def slow_down(world: World, victim: int, by_s: float) -> None:
    """Every datagram and every answer of the store is late for that node."""
    strike(world, [victim])
    world.media.lag[victim] = by_s
    world.store.answer_delay[victim] = by_s


def members(world: World) -> dict[int, MemberRecord]:
    """The membership records as they stand."""
    found = (decode(item.value, MemberRecord, item.key) for item in world.engine.read(prefixes=[keys.MEMBER]).items)
    return {record.node: record for record in found}


def up(world: World) -> frozenset[int]:
    """Nodes recorded up."""
    return frozenset(node for node, record in members(world).items() if record.state == "up")
