"""Scripts of stories in which a lease alone does not suffice: suspended guests, stops that fail, too many losses.

Owns: those scripts. Does not know: what a story proves (`stories`).
"""

from __future__ import annotations

from quorate.model import keys
from quorate.model.base import decode, encode, replace
from quorate.model.nodes import ClusterSpec
from quorate.model.records import Put
from quorate.model.workload import GroupIntent, Move
from quorate.sim.node import ProcessName
from quorate.sim.scripts import confirm, coordinator, isolate
from quorate.sim.world import World

STOPPABLE: tuple[ProcessName, ...] = ("sentinel", "service", "host")


def suspended(world: World) -> None:
    """A hypervisor stops a guest for longer than any wait, and its clock with it; then it goes on as it was."""

    def act() -> None:
        victim = _bystander(world)
        world.troubles.injure([victim], 8.0)
        world.nodes[victim].suspend(8.0)
        world.media.settle(world.now)

    world.at(6.0, act)


def proved_later(world: World) -> None:
    """A node dies; its groups stand still after the verdict, and go elsewhere when an operator has looked."""

    def die() -> None:
        acting, victim = coordinator(world), _bystander(world)
        owned = {group for group, _ in world.nodes[victim].host.states}
        world.troubles.injure([victim])
        world.power_off(world.nodes[victim])

        def look() -> None:
            assert owned <= world.offline_groups().keys(), f"{owned} of a node that nobody proved off are online"
            world.disturb(0.0)
            confirm(world, acting, victim)

        world.at(world.now + 2 * world.options.timings.takeover_bound_s, look)

    world.at(6.0, die)


def stuck_stop(world: World) -> None:
    """A group is asked to move, and a part of it does not stop for 6 s."""

    def ask() -> None:
        acting = coordinator(world)
        key = keys.INTENT_GROUP + "g1"
        owner = next(n for n, node in world.nodes.items() if ("g1", "g1a") in node.host.states)
        world.nodes[owner].host.stuck["g1", "g1a"] = world.now + 6.0
        (item,) = world.engine.read(keys=[key]).items
        move = Move(id="stuck", to=next(n for n in world.nodes if n not in (owner, acting)))
        wish = replace(decode(item.value, GroupIntent, key), move=move)
        world.store.execute((), (Put(key, encode(wish)),))
        world.disturb(6.0)
        world.troubles.impede(owner, 1.0)  # where the node has to end for it
        world.at(world.now + 3.0, lambda: look(owner))

    def look(owner: int) -> None:
        action = world.options.stop_failure_action
        still = world.nodes[owner].host.states.get(("g1", "g1a")) == "stop_failed"
        assert still == (action == "hold"), f"{action}: the part that does not stop is left: {still}"

    world.at(6.0, ask)


def one_after_the_other(world: World) -> None:
    """Two of five die, one after the other, where one may be put out; later somebody looks and releases that."""

    def kill() -> None:
        victim = _bystander(world)
        world.troubles.injure([victim])
        world.power_off(world.nodes[victim])

    def look() -> None:
        assert world.offline_groups(), "the second one that died was put out although nobody had looked"
        (item,) = world.engine.read(keys=[keys.SPEC_CLUSTER]).items
        world.checker.expelled.clear()
        released = replace(decode(item.value, ClusterSpec, item.key), expulsions_released_s=world.now)
        world.store.execute((), (Put(item.key, encode(released)),))
        world.disturb(0.0)

    world.at(6.0, kill)
    world.at(11.0, kill)
    world.at(17.0, look)


def all_stopped(world: World) -> None:
    """A node is cut off; just before its lease ends everything on it that could end its resources is stopped."""

    def act() -> None:
        victim = _bystander(world)
        node = world.nodes[victim]
        world.troubles.injure(list(world.nodes), 12.0)
        isolate(world, victim)
        stop(victim, node.true_time(node.lease_until))

    def stop(victim: int, until: float) -> None:
        node = world.nodes[victim]
        if world.now < until - 0.02:  # it may still be renewed
            world.at(until - 0.01, lambda: stop(victim, node.true_time(node.lease_until)))
            return
        for process in STOPPABLE:
            node.pause(process, 30.0)
        world.at(world.now + 10.0, world.media.heal)

    world.at(6.0, act)


def _bystander(world: World) -> int:
    """A node that runs something and does not lead."""
    acting = coordinator(world)
    return next(n for n, node in world.nodes.items() if n != acting and node.host.states)
