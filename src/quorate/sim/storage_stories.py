"""Stories of clusters with a quorum storage, written by hand (design §3 and §10).

Owns: the list and its scripts. `uncounted` says that the story must fail where the records do not count the quorum
resource's vote, which is a mutation of rules 4 and 13. It costs no safety as long as both rules count alike: what the
one would wrongly hold by acknowledgements the other would not let be formed anew. It costs the side that has the
majority its right to form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from quorate.core.authority.timings import FAST
from quorate.sim.options import Options
from quorate.sim.run import Result, judge
from quorate.sim.scripts import cut, leave
from quorate.sim.world import World

EXTRA_S = 1.0
"""Claim, start of the member and election, and the start of the resources, on top of the published takeover."""


@dataclass(frozen=True, slots=True)
class StorageStory:
    """One hand-written history."""

    name: str
    options: Options
    script: Callable[[World], None]
    uncounted: bool = False

    def run(self, *, counted: bool = True, trace: bool = False) -> Result:
        """Run it; without counting the quorum resource's vote where asked."""
        world = World(replace(self.options, storage_counted=counted))
        world.tracing = trace
        self.script(world)
        problem = ""
        try:
            world.run()
            problem = judge(world)
        except AssertionError as violation:
            problem = str(violation)
        return Result(self.options.seed, problem, world.fired, world.now, 0.0, tuple(world.log))


def holder(world: World) -> int:
    """The node that controls the quorum storage now; 0 where none does."""
    return next((n for n, node in world.nodes.items() if node.keeper.holds), 0)


def _online(world: World, when: str) -> None:
    offline = world.offline_groups()
    assert not offline, f"{when}: {offline}"


def holder_dies(world: World) -> None:
    """The node with the storage loses power: the other has every group, alone, within the published time."""

    def strike() -> None:
        victim = world.nodes[holder(world)]
        world.troubles.injure(list(world.nodes))
        world.power_off(victim)
        timings = world.options.timings
        limit_s = timings.takeover_bound_s + EXTRA_S
        if world.options.storage == "claim":  # watched for longer than a lease, so the survivor has lost its own
            limit_s += timings.verdict_wait_s + timings.suspicion_s
        world.at(
            world.now + limit_s,
            lambda: _online(world, "the holder of the storage lost power"),
        )
        world.at(world.now + 6.0, lambda: world.power_on(victim))

    world.at(8.0, strike)


def the_stale_one_starts_first(world: World) -> None:
    """One node is down, the other goes on and then loses power too; the one that slept starts, alone."""

    def first() -> None:
        sleeper = world.nodes[2]
        world.troubles.injure(list(world.nodes))
        world.power_off(sleeper)
        world.at(world.now + 4.0, lambda: world.power_off(world.nodes[1]))
        world.at(world.now + 5.0, lambda: world.power_on(sleeper))
        limit_s = world.options.service_start_s * 2 + world.options.timings.recovery_bound_s + EXTRA_S
        world.at(world.now + 5.0 + limit_s, lambda: _online(world, "the node that slept is alone"))
        world.at(world.now + 5.0 + limit_s, lambda: world.power_on(world.nodes[1]))

    world.at(8.0, first)


def storage_away(world: World) -> None:
    """The storage answers nobody for a while: two votes of three are left, and nothing ends."""

    def away() -> None:
        assert world.storage is not None
        world.storage.cut_off |= set(world.nodes)
        world.at(world.now + 5.0, world.storage.cut_off.clear)
        world.at(world.now + 5.0, lambda: _online(world, "the storage was away"))

    world.at(8.0, away)


def split(world: World) -> None:
    """The two do not hear each other, and both reach the storage: its holder goes on, the other ends everything."""

    def strike() -> None:
        keeps = holder(world)
        for network in world.options.networks:
            cut(world, 1, 2, network)

        def look() -> None:
            assert holder(world) == keeps, "the storage went to the other side of the split"
            _online(world, "the network is split")

        world.at(world.now + world.options.timings.takeover_bound_s + EXTRA_S, look)
        world.at(world.now + 6.0, world.media.heal)

    world.at(8.0, strike)


def sentinel_stands_still(world: World) -> None:
    """The sentinel of the coordinator is stopped, and its service lives: the other node has every group in time.

    It had not: the service cleared every suspicion in the name of a sentinel that held nothing any more.
    """

    def strike() -> None:
        leads = next(iter(world.checker.acting))
        world.troubles.injure(list(world.nodes), 8.0)
        world.nodes[leads].pause("sentinel", 8.0)
        limit_s = world.options.timings.takeover_bound_s + EXTRA_S
        world.at(world.now + limit_s, lambda: _online(world, "the coordinator's sentinel stands still"))

    world.at(8.0, strike)


def two_that_slept_take_the_storage(world: World) -> None:
    """Of four nodes two have left; the two that stay lose the storage to them, and each other's way to it.

    Two of five votes are left to the nodes that are up, three are with nodes that are recorded down.
    """
    stay, sleep = (1, 2), (3, 4)

    def strike() -> None:
        for n in sleep:
            leave(world, n)
            world.at(world.now + 1.5, lambda n=n: world.power_off(world.nodes[n]))  # type: ignore[misc]
        world.at(world.now + 4.0, swap)

    def formed() -> None:
        leads = set(world.checker.acting)
        assert leads & set(sleep), f"{leads} lead; the side with the storage has the majority and did not form"
        _online(world, "the side with the storage formed the cluster")

    def swap() -> None:
        assert world.storage is not None
        world.storage.cut_off |= set(stay)
        world.troubles.injure(list(world.nodes))
        for one in stay:
            for other in sleep:
                for network in world.options.networks:
                    cut(world, one, other, network)
        for n in sleep:
            world.power_on(world.nodes[n])
        world.at(world.now + 7.9, formed)
        world.at(world.now + 8.0, world.media.heal)
        world.at(world.now + 8.0, world.storage.cut_off.clear)

    world.at(8.0, strike)


def witness_owner_dies(world: World) -> None:
    """One of two nodes loses power: the other and the witness are a majority, within the published time."""

    def strike() -> None:
        victim = world.nodes[next(iter(world.checker.acting))]
        world.troubles.injure(list(world.nodes))
        world.power_off(victim)
        limit_s = world.options.timings.takeover_bound_s + EXTRA_S
        world.at(world.now + limit_s, lambda: _online(world, "a node lost power"))
        world.at(world.now + 6.0, lambda: world.power_on(victim))

    world.at(8.0, strike)


def witness_away(world: World) -> None:
    """No node reaches the witness for a while: nothing ends."""

    def away() -> None:
        world.media.witness_cut |= set(world.nodes)
        world.at(world.now + 5.0, world.media.witness_cut.clear)
        world.at(world.now + 5.0, lambda: _online(world, "the witness was away"))

    world.at(8.0, away)


def witness_split(world: World) -> None:
    """The two do not hear each other, and both reach the witness: one goes on, the other ends everything."""

    def strike() -> None:
        world.troubles.injure(list(world.nodes))
        for network in world.options.networks:
            cut(world, 1, 2, network)
        limit_s = world.options.timings.takeover_bound_s + EXTRA_S
        world.at(world.now + limit_s, lambda: _online(world, "the network is split"))
        world.at(world.now + 6.0, world.media.heal)

    world.at(8.0, strike)


BASE = Options(seed=0, nodes=2, groups=3, end_s=40.0, quiet_after_s=22.0, drift=0.01, timings=FAST, storage="lock")

STORAGE_STORIES: tuple[StorageStory, ...] = (
    StorageStory("the holder of the storage loses power", replace(BASE, seed=31), holder_dies),
    StorageStory(
        "the holder of a storage without locks loses power", replace(BASE, seed=32, storage="claim"), holder_dies
    ),
    StorageStory("both lose power and the stale one starts first", replace(BASE, seed=33), the_stale_one_starts_first),
    StorageStory("the storage goes away and comes back", replace(BASE, seed=34, nothing_ends=True), storage_away),
    StorageStory("the coordinator's sentinel stands still", replace(BASE, seed=37), sentinel_stands_still),
    StorageStory("two nodes are cut from each other", replace(BASE, seed=35), split),
    StorageStory("with a witness one of two nodes dies", replace(BASE, seed=38, storage="witness"), witness_owner_dies),
    StorageStory("the witness is away", replace(BASE, seed=39, storage="witness", nothing_ends=True), witness_away),
    StorageStory(
        "two nodes with a witness are cut from each other", replace(BASE, seed=40, storage="witness"), witness_split
    ),
    StorageStory(
        "nodes that were down take the storage from those that are up",
        replace(BASE, seed=36, nodes=4),
        two_that_slept_take_the_storage,
        uncounted=True,
    ),
)
