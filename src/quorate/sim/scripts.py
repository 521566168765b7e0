"""Scripts of stories about nodes, networks and processes: what is done to a world at which moment.

Owns: those scripts, and the small acts that others are made of. Does not know: what a story proves (`stories`).
"""

from __future__ import annotations

from quorate.control.change import Occasion
from quorate.control.confirming import ConfirmOffWish, confirm_off
from quorate.core.authority.mutations import Mutation
from quorate.model import keys
from quorate.model.base import decode
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused
from quorate.sim.world import World


def coordinator(world: World) -> int:
    """The node that acts as coordinator now, or the first."""
    return next(iter(world.checker.acting), 1)


def cut(world: World, one: int, other: int, network: str) -> None:
    """Nothing passes between the two over that network."""
    world.troubles.injure(list(world.nodes))
    world.troubles.cut((one, other))
    world.media.cut(one, other, network)
    world.media.cut(other, one, network)


def isolate(world: World, victim: int) -> None:
    """Cut one node off from all others, silently."""
    for other in world.nodes:
        if other != victim:
            for network in world.options.networks:
                cut(world, victim, other, network)


def leave(world: World, node: int) -> None:
    """The node leaves the cluster cleanly."""
    service = world.nodes[node].service
    if service.loop is not None:
        service.loop.leave()
        service.pump()


def restart(world: World, node: int) -> None:
    """The node is switched off and on."""
    world.troubles.injure([node])
    world.power_off(world.nodes[node])
    world.power_on(world.nodes[node])


def three_of_five(world: World) -> None:
    """Three leave cleanly one after the other, the network splits, and the three start again on their side."""

    def split() -> None:
        acting = coordinator(world)
        stay = [acting, next(n for n in world.nodes if n != acting)]
        others = [n for n in world.nodes if n not in stay]
        for index, n in enumerate(others):
            world.at(world.now + 0.4 * index, lambda n=n: leave(world, n))  # type: ignore[misc]
        for one in stay:
            for other in others:
                for network in world.options.networks:
                    world.at(world.now + 4.0, lambda a=one, b=other, w=network: cut(world, a, b, w))  # type: ignore[misc]
        for n in others:
            world.at(world.now + 4.1, lambda n=n: restart(world, n))  # type: ignore[misc]

    world.at(6.0, split)
    world.at(16.0, world.media.heal)


def start_during_restart(world: World) -> None:
    """A node starts just as the coordinator's service was killed."""

    def act() -> None:
        acting = coordinator(world)
        other = next(n for n in world.nodes if n != acting)
        world.troubles.injure([other])
        world.power_off(world.nodes[other])
        world.at(world.now + 3.0, world.nodes[acting].service.die)
        world.at(world.now + 3.01, lambda: world.power_on(world.nodes[other]))

    world.at(6.0, act)


def hung_coordinator(world: World) -> None:
    """The coordinator's service hangs, and is killed for it."""

    def hang() -> None:
        world.nodes[coordinator(world)].pause("service", 4.0)

    world.at(6.0, hang)


def short_standstills(world: World) -> None:
    """Again and again the coordinator's whole machine stands still, for a little less than S."""

    def stand_still() -> None:
        world.nodes[coordinator(world)].freeze(world.options.timings.suspicion_s * world.chance.uniform(0.6, 0.99))
        if world.now < 17.0:
            world.at(world.now + world.chance.uniform(1.0, 1.5), stand_still)

    world.at(6.0, stand_still)


def death_and_election(world: World) -> None:
    """The coordinator dies, and with it the leader of the store."""

    def kill() -> None:
        leader = world.media.leader = coordinator(world)
        world.troubles.injure([leader])
        world.power_off(world.nodes[leader])

    world.at(6.0, kill)


def confirmed_off(world: World) -> None:
    """A node dies and an operator who looked confirms it as soon as it is marked; a careless one confirms a living one.

    Half of the wait later the node must be recorded down, by that word.
    """

    def die() -> None:
        acting = coordinator(world)
        victim = next(n for n in world.nodes if n != acting)
        if Mutation.CONFIRM_LIVING in world.options.mutations:
            isolate(world, victim)
        else:
            world.troubles.injure([victim])
            world.power_off(world.nodes[victim])
        world.at(world.now, lambda: confirm(world, acting, victim))

    world.at(6.0, die)


def confirm(world: World, asked: int, victim: int) -> None:
    """Confirm through the node that is asked that the victim is off, once that is not refused."""
    service = world.nodes[asked].service.loop
    if service is None:
        return
    report = service.sentinel_report
    heard = frozenset(h.peer.node for h in report.heard if not h.silent) if report is not None else frozenset()
    occasion = Occasion(author="ann", reason="", at="", at_s=0.0, id="", audit_id=f"confirm-{victim}")
    try:
        change = confirm_off(service.view, str(victim), ConfirmOffWish(name=f"node{victim}"), heard, occasion)
    except Refused:
        world.at(world.now + 0.01, lambda: confirm(world, asked, victim))
        return
    if not world.store.execute(change.guards, change.writes).succeeded:
        world.at(world.now + 0.01, lambda: confirm(world, asked, victim))
        return

    def look() -> None:
        item = world.engine.read(keys=[keys.member(victim)]).items[0]
        record = decode(item.value, MemberRecord, item.key)
        assert record.proof == "confirmed", f"not declared down by the operator's word: {record}"

    world.at(world.now + 0.5 * world.options.timings.verdict_wait_s, look)


def split_vote(world: World) -> None:
    """The same, and the survivors split the first vote."""

    def kill() -> None:
        world.media.split_votes = 1
        leader = world.media.leader = coordinator(world)
        world.troubles.injure([leader])
        world.power_off(world.nodes[leader])

    world.at(6.0, kill)


def deaf_channel(world: World) -> None:
    """The channel breaks as the coordinator's service sees a node silent; the node is heard again by its sentinel."""

    def begin() -> None:
        acting = coordinator(world)
        victim = next(n for n in world.nodes if n != acting)
        world.troubles.injure(list(world.nodes), 10.0)
        for network in world.options.networks:
            world.media.cut(victim, acting, network)
        timings = world.options.timings
        node = world.nodes[acting]

        def deafen() -> None:
            service = node.service.loop
            report = service.sentinel_report if service is not None else None
            if report is not None and report.silent:
                node.channel.stall(world.now + 8.0)
                world.media.heal()
                return
            if world.now < 12.0:
                world.at(world.now + 0.0002, deafen)

        world.at(world.now + 0.5 * timings.suspicion_s, deafen)

    world.at(6.0, begin)


def minority_with_coordinator(world: World) -> None:
    """The coordinator and one more are cut off from the others, and its service hangs."""
    minority(world, hang_s=10.0)


def minority(world: World, hang_s: float = 0.0) -> None:
    """Five nodes; the coordinator and one more are cut off from the others."""

    def split() -> None:
        acting = coordinator(world)
        inside = [acting, next(n for n in world.nodes if n != acting)]
        for one in inside:
            for other in world.nodes:
                if other not in inside:
                    for network in world.options.networks:
                        cut(world, one, other, network)
        world.nodes[acting].pause("service", hang_s)

    world.at(6.0, split)
    world.at(18.0, world.media.heal)
