"""Doing a fault to a world: what each kind means, and which nodes it may rightly cost their resources.

Owns: those two meanings. Does not know: how often a fault comes (`drawing`), or what is checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.records import Put
from quorate.model.workload import GroupIntent, Move
from quorate.sim.options import Fault, FaultKind

if TYPE_CHECKING:
    from quorate.sim.node import SimNode
    from quorate.sim.world import World

TO_ALL: frozenset[FaultKind] = frozenset(
    {"heal", "stall_store", "elect", "cut_store", "stop_member", "move_group", "power_off_all", "cut_storage"}
)
CUTS: frozenset[FaultKind] = frozenset({"cut", "cut_one_way", "cut_network", "partition"})


def inject(world: World, fault: Fault) -> None:
    """Do a fault to the world, and note whom it touches."""
    world.trace(0, f"fault: {fault.kind} {fault.nodes} {fault.duration_s:.2f} s {fault.network}")
    world.disturb(fault.duration_s)
    if world.options.nothing_ends and fault.kind not in {"heal", "power_on"} and not world.whole():
        world.fired[(0, "trouble came to a cluster that was not whole")] += 1
        world.troubles.injure(world.nodes, fault.duration_s)
    if fault.kind in CUTS:
        _cut(world, fault)
    elif fault.kind in TO_ALL:
        _to_all(world, fault)
    else:
        for node in [world.nodes[n] for n in fault.nodes]:
            if fault.kind == "power_on":
                world.power_on(node)
            elif node.powered:
                _to_node(world, node, fault)
    world.media.settle(world.now)  # members notice a lost leader by themselves, not when somebody asks
    world.troubles.injure(touched(world, fault), fault.duration_s)


def _to_node(world: World, node: SimNode, fault: Fault) -> None:
    now, duration_s = world.now, fault.duration_s
    match fault.kind:
        case "power_off":
            world.power_off(node)
        case "kill_service" | "break_channel":
            node.service.die()
        case "kill_sentinel":
            node.sentinel.die()
        case "kill_host":
            node.host.die(world.chance.uniform(0.0, 0.05))
        case "hang_service":
            node.pause("service", duration_s)
        case "pause_sentinel":
            node.pause("sentinel", duration_s)
        case "pause_host":
            node.pause("host", duration_s)
        case "freeze_node":
            node.freeze(duration_s)
        case "suspend_node":
            node.suspend(duration_s)
        case "kill_keeper":
            node.keeper.die()
        case "break_host":
            node.host.break_connection(duration_s)
        case "lose_command":
            node.host.lose_next_command = True
        case "stall_channel":
            node.channel.stall(now + duration_s)
        case "fail_resource":
            node.host.fail_resource()
        case "leave" | "leave_for_good" if node.service.loop is not None:
            node.service.loop.leave()
            node.service.pump()
            after_s = 1.0 + duration_s if fault.kind == "leave" else 2.0
            world.after(after_s, lambda: _switch_off(world, node, again=fault.kind == "leave"), node)
        case _:
            pass


def _to_all(world: World, fault: Fault) -> None:
    media, now = world.media, world.now
    match fault.kind:
        case "power_off_all":
            for node in world.nodes.values():
                world.power_off(node)
                world.at(now + 0.5 + world.chance.random() * fault.duration_s, lambda n=node: world.power_on(n))  # type: ignore[misc]
        case "heal":
            media.heal()
        case "stall_store":
            media.stall(now + fault.duration_s)
        case "elect":
            media.force_election(now)
        case "cut_store":
            for n in fault.nodes:
                media.keep_out(n, now + fault.duration_s)
        case "stop_member":
            for n in fault.nodes:
                media.stop_member(n, now + fault.duration_s)
        case "cut_storage":
            _cut_storage(world, fault)
        case "move_group":
            _move(world, fault)
        case _:
            pass


def _cut_storage(world: World, fault: Fault) -> None:
    """The storage does not answer these nodes for a while; a member there cannot write either."""
    if world.options.storage == "witness":
        world.media.witness_cut |= set(fault.nodes)
        world.at(world.now + fault.duration_s, lambda: world.media.witness_cut.difference_update(fault.nodes))
        return
    if world.storage is None:
        return
    storage = world.storage
    storage.cut_off |= set(fault.nodes)
    world.at(world.now + fault.duration_s, lambda: storage.cut_off.difference_update(fault.nodes))


def _cut(world: World, fault: Fault) -> None:
    media = world.media
    networks = (fault.network,) if fault.network else world.options.networks
    inside, everyone = set(fault.nodes), set(world.nodes)
    pairs: list[tuple[int, int]] = []
    match fault.kind:
        case "cut_one_way":
            pairs = [(fault.nodes[0], fault.nodes[1])]
        case "cut":
            pairs = [(fault.nodes[0], fault.nodes[1]), (fault.nodes[1], fault.nodes[0])]
        case "cut_network":
            networks = networks[:1]
            pairs = [(one, other) for one in everyone for other in everyone]
        case _:
            pairs = [(one, other) for one in inside for other in everyone - inside]
            pairs += [(other, one) for one, other in pairs]
    for one, other in pairs:
        for network in networks:
            media.cut(one, other, network)
    world.troubles.cut(n for n in everyone if media.cut_off(n))


# -------------------------------------------------------------------- whom it touches


def touched(world: World, fault: Fault) -> set[int]:
    """Nodes that this fault, coming alone to a whole cluster, may cost their resources; all, if no majority is left."""
    everyone = set(world.nodes)
    hit = set(fault.nodes)
    match fault.kind:
        case "power_off" | "kill_sentinel" | "leave" | "leave_for_good":
            lost = hit
        case "freeze_node" | "pause_sentinel":
            lost = {n for n in hit if fault.duration_s >= _first_suspected_s(world, n)}
        case "hang_service":
            return everyone if hit >= everyone else set()  # nobody could take the role up (rule 12)
        case "power_off_all":
            return everyone
        case "cut" | "cut_one_way" | "cut_network" | "partition":
            lost = everyone - _kept(world)
        case _:
            return set()
    if world.storage is not None:
        return _touched_with_storage(world, lost)
    return lost if len(everyone - lost) > len(everyone) // 2 else everyone


def _first_suspected_s(world: World, node: int) -> float:
    """S of the node that suspects this one first."""
    return min(world.options.paces(other).of(node).suspicion_s for other in world.nodes if other != node)


def _touched_with_storage(world: World, lost: set[int]) -> set[int]:
    """Where the holder of the storage is lost, the rest may be without a store for longer than a lease."""
    everyone = set(world.nodes)
    holder = next((n for n, node in world.nodes.items() if node.keeper.holds), 0)
    if holder in lost or not holder:
        return everyone if lost else set()
    rest = everyone - lost
    return lost if len(rest) + 1 > (len(everyone) + 1) // 2 else everyone


def _kept(world: World) -> set[int]:
    """The largest set whose members all have a go-between in common: the role can go to that one."""
    best: set[int] = set()
    for n in world.nodes:
        reached = set(world.nodes) - world.media.cut_off(n)
        best = max(best, reached, key=len)
    return best


# -------------------------------------------------------------------- how


def _switch_off(world: World, node: SimNode, *, again: bool) -> None:
    """A node that left is switched off, perhaps on again."""
    world.power_off(node)
    if again:
        world.at(world.now + 0.2, lambda: world.power_on(node))


def _move(world: World, fault: Fault) -> None:
    group = f"g{fault.nodes[0] % world.options.groups + 1}"
    key = keys.INTENT_GROUP + group
    items = world.engine.read(keys=[key]).items
    if items:
        intent = decode(items[0].value, GroupIntent, key)
        move = Move(id=f"m{world.now:.3f}", to=fault.nodes[0])
        changed = GroupIntent(persistent_state=intent.persistent_state, own_states=intent.own_states, move=move)
        world.store.execute((), (Put(key, encode(changed)),))
