"""Doing a fault to a world, and drawing worlds full of faults from a seed.

Owns: what each kind of fault means, and the weights with which seeds draw them. Does not know: checks.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.timings import CLOCK_RATE_BOUND, DEFAULT, FAST
from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.records import Put
from quorate.model.workload import GroupIntent, Move
from quorate.sim.options import Fault, FaultKind, Options

if TYPE_CHECKING:
    from quorate.sim.world import World

WEIGHTS: dict[FaultKind, float] = {
    "power_off": 3.0,
    "power_on": 4.0,
    "kill_service": 2.0,
    "hang_service": 2.0,
    "pause_sentinel": 1.0,
    "pause_host": 1.0,
    "freeze_node": 1.5,
    "kill_sentinel": 1.5,
    "leave": 1.5,
    "leave_for_good": 0.0,
    "cut": 3.5,
    "cut_one_way": 3.5,
    "cut_network": 1.0,
    "partition": 3.0,
    "heal": 4.0,
    "stall_store": 2.0,
    "break_channel": 1.5,
    "elect": 1.0,
    "power_off_all": 0.5,
    "fail_resource": 1.0,
    "move_group": 1.0,
}


def inject(world: World, fault: Fault) -> None:
    """Do a fault to the world."""
    media, now = world.media, world.now
    world.trace(0, f"fault: {fault.kind} {fault.nodes} {fault.duration_s:.2f} s {fault.network}")
    nodes = [world.nodes[n] for n in fault.nodes]
    networks = (fault.network,) if fault.network else world.options.networks
    if fault.kind not in {"stall_store", "kill_service", "elect", "power_on", "move_group"}:
        world.injure(list(world.nodes), fault.duration_s)
    match fault.kind:
        case "power_off":
            for node in nodes:
                world.power_off(node)
        case "power_on":
            for node in nodes:
                world.power_on(node)
        case "power_off_all":
            for node in world.nodes.values():
                world.power_off(node)
                world.at(now + 0.5 + world.chance.random() * fault.duration_s, lambda n=node: world.power_on(n))  # type: ignore[misc]
        case "kill_service":
            for node in nodes:
                if node.powered:
                    node.kill_service()
        case "hang_service":
            for node in nodes:
                node.paused_until["service"] = now + fault.duration_s * world.chance.uniform(0.6, 1.0)
        case "pause_sentinel":
            for node in nodes:
                node.paused_until["sentinel"] = now + fault.duration_s
                world.checker.acts_no_more(node.number)
        case "pause_host":
            for node in nodes:
                node.paused_until["host"] = now + fault.duration_s
        case "freeze_node":
            for node in nodes:
                _freeze(world, node.number, fault.duration_s)
        case "kill_sentinel":
            for node in nodes:
                if node.powered and node.sentinel is not None:
                    node.kill_sentinel()
        case "leave" | "leave_for_good":
            for node in nodes:
                if node.powered and node.service is not None:
                    node.service.leave()
                    node.pump_service()
                    life = node.life
                    if fault.kind == "leave":
                        world.at(
                            now + 1.0 + fault.duration_s,
                            lambda n=node, life=life: _return(world, n.number, life),  # type: ignore[misc]
                        )
                    else:
                        world.at(now + 1.0, lambda n=node, life=life: _switch_off(world, n.number, life))  # type: ignore[misc]
        case "cut":
            one, other = fault.nodes[:2]
            for network in networks:
                media.cut(one, other, network)
                media.cut(other, one, network)
        case "cut_one_way":
            for network in networks:
                media.cut(fault.nodes[0], fault.nodes[1], network)
        case "cut_network":
            for one in world.nodes:
                for other in world.nodes:
                    media.cut(one, other, networks[0])
        case "partition":
            inside = set(fault.nodes)
            for one in inside:
                for other in set(world.nodes) - inside:
                    for network in world.options.networks:
                        media.cut(one, other, network)
                        media.cut(other, one, network)
        case "heal":
            media.heal()
        case "stall_store":
            media.stall(now + fault.duration_s)
        case "break_channel":
            for node in nodes:
                node.channel_broken_until = now + fault.duration_s
        case "elect":
            media.force_election(now)
        case "fail_resource":
            for node in nodes:
                if node.powered:
                    node.fail_resource()
        case "move_group":
            _move(world, fault)


def _freeze(world: World, number: int, duration_s: float) -> None:
    """Stop every process and cut the links; nothing of the node can act, and the kernel's guard silences addresses."""
    node = world.nodes[number]
    if not node.powered:
        return
    node.frozen_until = world.now + duration_s
    world.media.alive.discard(number)
    held = {group for group, nodes in world.checker.active.items() if number in nodes}
    world.checker.all_off(number)
    world.checker.acts_no_more(number)
    life = node.life

    def thaw() -> None:
        if node.life != life:
            return
        world.media.alive.add(number)
        # sentinel and hosts look at the clock before anything else runs (design §2 a)
        if node.clock() >= node.lease_until:
            for key in node.states:
                if node.states[key] not in {"offline", "failed"}:
                    node.states[key] = "failed"
                    node.tell(key, "failed", "its lease ran out")
        else:
            for group in held:
                for (owned, _), state in node.states.items():
                    if owned == group and state not in {"offline", "failed"}:
                        world.checker.activated(group, number, world.now)
        node.tick_sentinel()

    world.at(node.frozen_until, thaw)


def _switch_off(world: World, number: int, life: int) -> None:
    """A node that left is switched off."""
    node = world.nodes[number]
    if node.life == life:
        world.power_off(node)


def _return(world: World, number: int, life: int) -> None:
    """A node that left is switched off and on again."""
    node = world.nodes[number]
    if node.life == life:
        world.power_off(node)
        world.at(world.now + 0.2, lambda: world.power_on(node))


def _move(world: World, fault: Fault) -> None:
    group = f"g{fault.nodes[0] % world.options.groups + 1}"
    key = keys.INTENT_GROUP + group
    items = world.engine.read(keys=[key]).items
    if items:
        intent = decode(items[0].value, GroupIntent, key)
        move = Move(id=f"m{world.now:.3f}", to=fault.nodes[0])
        changed = GroupIntent(persistent_state=intent.persistent_state, own_states=intent.own_states, move=move)
        world.execute((), (Put(key, encode(changed)),))


def draw(
    seed: int,
    *,
    mutations: frozenset[Mutation] = NONE,
    nodes: int | None = None,
    end_s: float | None = None,
) -> Options:
    """Draw a world from a seed: size, timings, how faulty everything is, and the faults."""
    chance = random.Random(f"options {seed}")
    count = nodes or chance.choice((2, 3, 3, 4, 5, 5, 6, 7))
    timings = chance.choice((DEFAULT, FAST))
    kind = chance.random()
    store_only = kind < 0.1
    quiet = chance.uniform(12.0, 24.0)
    faults: list[Fault] = []
    chaos = 0.0 if store_only else chance.choice((0.0, 0.0, 0.1, 0.3))
    if store_only:
        faults = _store_faults(chance, quiet)
    elif kind < 0.42:
        faults = _emptied(chance, count, quiet)
    elif kind < 0.7:
        faults = _hangs_and_pair_cuts(chance, count, quiet)
    else:
        faults = _any_faults(chance, count, quiet)
    if kind >= 0.65:
        chaos = 0.6
        faults += _interrupted_joins(chance, count, quiet)
    faults.append(Fault(quiet, "heal"))
    faults += [Fault(quiet + 0.01 * n, "power_on", (n,)) for n in range(1, count + 1)]
    options = Options(
        seed=seed,
        nodes=count,
        groups=chance.randint(1, 4),
        timings=timings,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
        quiet_after_s=quiet,
        end_s=quiet + 14.0 + 10 * timings.takeover_bound_s,
        drift=chance.choice((0.0, CLOCK_RATE_BOUND)),
        loss=0.0 if store_only else chance.choice((0.0, 0.0, 0.02, 0.1)),
        delay_s=chance.choice((0.001, 0.005, 0.02)),
        store_delay_s=chance.choice((0.002, 0.005, 0.02)),
        answer_lost=chaos * chance.random(),
        executed_late=chaos * chance.random(),
        channel_delay_s=chance.choice((0.0005, 0.002, 0.02)),
        channel_loss=0.0 if store_only else chance.choice((0.0, 0.0, 0.05)),
        mutations=mutations,
        store_only=store_only,
    )
    return options if end_s is None else replace(options, end_s=end_s)


def _store_faults(chance: random.Random, quiet: float) -> list[Fault]:
    """Stalls and elections alone, once the cluster has settled."""
    at, faults = 6.0, []
    while at < quiet:
        kind: FaultKind = chance.choice(("stall_store", "elect"))
        length = chance.uniform(0.2, 4.0)
        faults.append(Fault(at, kind, duration_s=length))
        at += length + chance.uniform(0.5, 3.0)
    return faults


def _emptied(chance: random.Random, count: int, quiet: float) -> list[Fault]:
    """Nodes leave cleanly or die one after the other, in some order; then some or all start again, perhaps split."""
    everyone = chance.sample(range(1, count + 1), count)
    last_dies = chance.random() < 0.35
    clean = count - 1 if last_dies else chance.randint(0, count)
    at = chance.uniform(4.0, 6.0)
    faults: list[Fault] = []
    for index, node in enumerate(everyone):
        kind: FaultKind = "leave_for_good" if index < clean else "power_off"
        if index >= clean and not last_dies and chance.random() < 0.4:
            continue
        faults.append(Fault(at, kind, (node,)))
        at += chance.choice((0.05, chance.uniform(0.5, 2.5)))
    at += chance.uniform(0.2, 2.0)
    if chance.random() < 0.5:
        faults.append(Fault(at, "partition", tuple(everyone[:clean])))
        at += 0.1
    returning = [*everyone[:clean], *everyone[clean:]] if last_dies else chance.sample(everyone, count)
    for node in returning:
        if last_dies and node == everyone[-1]:
            at += 6.0  # the last one to leave is missed for longer than any wait
        faults.append(Fault(at, "power_on", (node,)))
        at += chance.choice((0.02, chance.uniform(0.1, 2.0)))
    return [fault for fault in faults if fault.at_s < quiet]


def _hangs_and_pair_cuts(chance: random.Random, count: int, quiet: float) -> list[Fault]:
    """Every service hangs for a while, or two nodes stop hearing each other while all others hear both."""
    everyone = tuple(range(1, count + 1))
    faults: list[Fault] = []
    at = chance.uniform(4.0, 6.0)
    while at < quiet - 6.0:
        if chance.random() < 0.5:
            faults.append(Fault(at, "hang_service", everyone, chance.uniform(2.0, 4.0)))
        else:
            faults.append(Fault(at, "cut", tuple(chance.sample(everyone, 2))))
            faults.append(Fault(at + 5.5, "heal"))
        at += chance.uniform(5.5, 7.0)
    return faults


def _interrupted_joins(chance: random.Random, count: int, quiet: float) -> list[Fault]:
    """A node that starts is switched off again while it is being admitted."""
    faults: list[Fault] = []
    at = chance.uniform(4.0, 6.0)
    while at < quiet - 3.0:
        node = chance.randint(1, count)
        faults.append(Fault(at, "power_off", (node,)))
        back = at + chance.uniform(1.0, 3.0)
        faults.append(Fault(back, "power_on", (node,)))
        faults.append(Fault(back + chance.uniform(0.05, 0.9), "power_off", (node,)))
        faults.append(Fault(back + chance.uniform(1.5, 3.0), "power_on", (node,)))
        at = back + chance.uniform(2.0, 4.0)
    return faults


def _any_faults(chance: random.Random, count: int, quiet: float) -> list[Fault]:
    kinds = list(WEIGHTS)
    weights = list(WEIGHTS.values())
    at, faults = chance.uniform(0.5, 5.0), []
    pace = chance.choice((0.3, 1.0, 2.5))
    everyone = list(range(1, count + 1))
    while at < quiet:
        kind = chance.choices(kinds, weights)[0]
        some = chance.sample(everyone, chance.randint(1, max(1, count // 2)))
        if kind in {"cut", "cut_one_way"}:
            some = chance.sample(everyone, 2)
        elif kind == "hang_service" and chance.random() < 0.4:
            some = everyone
        elif kind not in {"partition", "power_on", "leave", "power_off"}:
            some = some[:1]
        duration = chance.choice((chance.uniform(0.05, 0.6), chance.uniform(0.5, 5.0)))
        network = chance.choice(("", "", "a", "b")) if kind in {"cut", "cut_one_way", "cut_network"} else ""
        faults.append(Fault(at, kind, tuple(some), duration, network))
        if kind == "power_off" and chance.random() < 0.7:
            faults.append(Fault(at + chance.uniform(0.1, 6.0), "power_on", tuple(some)))
        at += chance.expovariate(1 / pace)
    return [fault for fault in faults if fault.at_s < quiet]
