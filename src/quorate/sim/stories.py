"""Stories that once broke the rules, and those that seeds tell too rarely, written by hand (design §10).

Owns: the list; each is a world with its faults and, where needed, a script that acts on it. They stand first in the
corpus. A mutation that random seeds catch too seldom has a story here in which it is caught.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from quorate.core.authority.mutations import Mutation
from quorate.core.authority.timings import DEFAULT, FAST
from quorate.model import keys
from quorate.model.base import decode
from quorate.model.membership import MemberRecord
from quorate.model.records import Put, Write
from quorate.sim.options import Chaos, Fault, Options
from quorate.sim.run import Result, judge
from quorate.sim.world import World

Script = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Story:
    """One hand-written history. `catches` are the mutations that it must reveal."""

    name: str
    options: Options
    script: Script | None = None
    catches: tuple[Mutation, ...] = ()

    def run(self, *, mutation: Mutation | None = None, trace: bool = False) -> Result:
        """Run it, with one rule broken where asked."""
        options = self.options if mutation is None else replace(self.options, mutations=frozenset({mutation}))
        world = World(options)
        world.tracing = trace
        if self.script is not None:
            self.script(world)
        problem = ""
        try:
            world.run()
            problem = judge(world)
        except AssertionError as violation:
            problem = str(violation)
        return Result(options.seed, problem, world.fired, world.now, 0.0, tuple(world.log))


def _coordinator(world: World) -> int:
    """The node that acts as coordinator now, or the first."""
    return next(iter(world.checker.acting), 1)


def _three_of_five(world: World) -> None:
    """Three leave cleanly one after the other, the network splits, and the three start again on their side."""

    def split() -> None:
        acting = _coordinator(world)
        stay = [acting, next(n for n in world.nodes if n != acting)]
        others = [n for n in world.nodes if n not in stay]
        for index, n in enumerate(others):
            world.at(world.now + 0.4 * index, lambda n=n: _leave(world, n))  # type: ignore[misc]
        for one in stay:
            for other in others:
                for network in world.options.networks:
                    world.at(world.now + 4.0, lambda a=one, b=other, w=network: _cut(world, a, b, w))  # type: ignore[misc]
        for n in others:
            world.at(world.now + 4.1, lambda n=n: _restart(world, n))  # type: ignore[misc]

    world.at(6.0, split)
    world.at(16.0, world.media.heal)


def _leave(world: World, node: int) -> None:
    service = world.nodes[node].service
    if service.loop is not None:
        service.loop.leave()
        service.pump()


def _restart(world: World, node: int) -> None:
    world.troubles.injure([node])
    world.power_off(world.nodes[node])
    world.power_on(world.nodes[node])


def _cut(world: World, one: int, other: int, network: str) -> None:
    world.troubles.injure(list(world.nodes))
    world.troubles.cut((one, other))
    world.media.cut(one, other, network)
    world.media.cut(other, one, network)


def _start_during_restart(world: World) -> None:
    def act() -> None:
        acting = _coordinator(world)
        other = next(n for n in world.nodes if n != acting)
        world.troubles.injure([other])
        world.power_off(world.nodes[other])
        world.at(world.now + 3.0, world.nodes[acting].service.die)
        world.at(world.now + 3.01, lambda: world.power_on(world.nodes[other]))

    world.at(6.0, act)


def _hung_coordinator(world: World) -> None:
    def hang() -> None:
        world.nodes[_coordinator(world)].pause("service", 4.0)

    world.at(6.0, hang)


def _death_and_election(world: World) -> None:
    def kill() -> None:
        leader = world.media.leader = _coordinator(world)
        world.troubles.injure([leader])
        world.power_off(world.nodes[leader])

    world.at(6.0, kill)


def _split_vote(world: World) -> None:
    def kill() -> None:
        world.media.split_votes = 1
        leader = world.media.leader = _coordinator(world)
        world.troubles.injure([leader])
        world.power_off(world.nodes[leader])

    world.at(6.0, kill)


def _isolate(world: World, victim: int) -> None:
    """Cut one node off from all others, silently."""
    for other in world.nodes:
        if other != victim:
            for network in world.options.networks:
                _cut(world, victim, other, network)


def _late_answer(world: World) -> None:
    """A node renews by reading; it is cut off as the read executes, and the answer comes long after."""

    def begin() -> None:
        acting = _coordinator(world)
        victim = next(n for n in world.nodes if n != acting)
        for network in world.options.networks:
            world.media.cut(acting, victim, network)
        world.troubles.injure(list(world.nodes), 10.0)
        world.store.answer_delay[victim] = 0.87

        def executed(node: int) -> None:
            if node == victim:
                world.store.read_script = None
                _isolate(world, victim)

        world.store.read_script = executed
        world.at(world.now + 6.0, world.store.answer_delay.clear)
        world.at(world.now + 6.0, world.media.heal)

    world.at(6.0, begin)


def _deaf_channel(world: World) -> None:
    """The channel breaks as the coordinator's service sees a node silent; the node is heard again by its sentinel."""

    def begin() -> None:
        acting = _coordinator(world)
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


def _minority_with_coordinator(world: World) -> None:
    """The coordinator and one more are cut off from the others, and its service hangs."""
    _minority(world, hang_s=10.0)


def _minority(world: World, hang_s: float = 0.0) -> None:
    """Five nodes; the coordinator and one more are cut off from the others."""

    def split() -> None:
        acting = _coordinator(world)
        inside = [acting, next(n for n in world.nodes if n != acting)]
        for one in inside:
            for other in world.nodes:
                if other not in inside:
                    for network in world.options.networks:
                        _cut(world, one, other, network)
        world.nodes[acting].pause("service", hang_s)

    world.at(6.0, split)
    world.at(18.0, world.media.heal)


def _verdict_executes_late(world: World) -> None:
    """A node is cut off as it is admitted, and heard again after the verdict was sent; that executes only later.

    The node never held a lease, so it has nothing to swear; what it clears of its mark is lost on the way.
    """
    victim = 3
    marked: list[float] = []

    def script(node: int, writes: Sequence[Write]) -> str:
        members = [w for w in writes if isinstance(w, Put) and w.key == keys.member(victim)]
        if not members:
            return ""
        record = decode(members[0].value, MemberRecord)
        if node == victim:
            return "never"
        if record.state == "up" and record.mark is None:
            _isolate(world, victim)  # admitted, and cut off before it knows
            world.troubles.injure(list(world.nodes), 20.0)
        if record.state == "up" and record.mark is not None:
            marked.append(world.now)
        if record.state == "down":
            world.at(world.now + 0.01, world.media.heal)
            return "late"
        return ""

    world.store.commit_script = script
    world.at(20.0, lambda: setattr(world.store, "commit_script", None))
    world.at(20.1, world.media.heal)


def _marked_unconfirmed(world: World) -> None:
    """The channel of the coordinator breaks as its service is about to mark a node that its sentinel hears again."""
    _deaf_channel(world)

    def script(node: int, writes: Sequence[Write]) -> str:
        own = any(w.key == keys.member(node) for w in writes)
        return "never" if own and 6.0 < world.now < 16.0 else ""

    world.store.commit_script = script


def _alone_with_the_store(world: World, one: int) -> None:
    """That node alone reaches the store, and no longer hears the coordinator; the others hear everybody else."""
    acting = _coordinator(world)
    for other in world.nodes:
        if other != one:
            world.media.keep_out(other, world.now + 12.0)
    for network in world.options.networks:
        _cut(world, one, acting, network)
    world.troubles.injure(list(world.nodes), 12.0)
    world.at(world.now + 12.0, world.media.heal)


def _admitted_unknown(world: World) -> None:
    """An admission executes unanswered; at once the admitted node is the only one that reaches the store."""
    newcomer = 4

    def script(_node: int, writes: Sequence[Write]) -> str:
        if not any(_is_up(write, newcomer) for write in writes):
            return ""
        world.store.commit_script = None
        world.store.execute((), writes)
        _alone_with_the_store(world, newcomer)
        return "never"

    world.store.commit_script = script


def _old_refusal(world: World) -> None:
    """A verdict is sent twice; the refusal of the second comes only after the node was admitted in a new life.

    From then on that node alone reaches the store: whoever believes the refusal does not count it any more.
    """

    def begin() -> None:
        victim = next(n for n in world.nodes if n != _coordinator(world))
        sent: list[float] = []

        def script(node: int, writes: Sequence[Write]) -> str:
            if node == victim or not any(_is_down(write, victim) for write in writes):
                return ""
            sent.append(world.now)
            if len(sent) == 1:
                return "never"
            world.store.commit_script = None
            world.store.execute((), writes)  # the first one, late, at this very moment
            world.at(world.now + 0.5, lambda: _alone_with_the_store(world, victim))
            return "slow"

        world.store.commit_script = script
        world.nodes[victim].sentinel.die()

    world.at(6.0, begin)


def _is_up(write: Write, node: int) -> bool:
    known = decode(write.value, MemberRecord) if isinstance(write, Put) and write.key == keys.member(node) else None
    return known is not None and known.state == "up" and known.mark is None


def _is_down(write: Write, node: int) -> bool:
    known = decode(write.value, MemberRecord) if isinstance(write, Put) and write.key == keys.member(node) else None
    return known is not None and known.state == "down"


BASE = Options(seed=0, nodes=3, groups=3, end_s=40.0, quiet_after_s=20.0, drift=0.01)

STORIES: tuple[Story, ...] = (
    Story(
        "five nodes, three left cleanly, split 2|3, the three start",
        replace(BASE, nodes=5, seed=11),
        _three_of_five,
    ),
    Story("a node starts while the coordinator's service restarts", replace(BASE, seed=12), _start_during_restart),
    Story(
        "the coordinator's service hangs for 4 s",
        replace(BASE, seed=14, nothing_ends=True),
        _hung_coordinator,
        catches=(Mutation.ACT_AFTER_RELEASE,),
    ),
    Story(
        "a node dies and with it the leader of the store",
        replace(BASE, seed=15, nothing_ends=True),
        _death_and_election,
    ),
    Story("both survivors split the vote", replace(BASE, seed=16, timings=FAST, nothing_ends=True), _split_vote),
    Story(
        "an answer comes after the node was cut off and marked",
        replace(BASE, seed=17),
        _late_answer,
        catches=(Mutation.LEASE_FROM_RECEIPT, Mutation.SHORT_WAIT),
    ),
    Story(
        "the channel breaks while a node is silent, and the node is heard again",
        replace(BASE, seed=18, channel_delay_s=0.01, timings=FAST),
        _marked_unconfirmed,
        catches=(Mutation.MARK_BEFORE_HOLDING,),
    ),
    Story(
        "the coordinator is in the minority and its service hangs",
        replace(BASE, nodes=5, seed=20),
        _minority_with_coordinator,
        catches=(Mutation.ACK_WITHOUT_AUTHORITY,),
    ),
    Story(
        "the coordinator is in the minority",
        replace(BASE, nodes=5, seed=22),
        _minority,
        catches=(Mutation.AUTHORITY_BY_ANY_ACK,),
    ),
    Story(
        "a verdict executes after its author gave up, and the node was heard again",
        replace(BASE, seed=21, chaos=Chaos(late_s=2.0), first_at_s=(0.01, 0.02, 4.0)),
        _verdict_executes_late,
        catches=(Mutation.FORGET_UNKNOWN, Mutation.ACK_DURING_VERDICT),
    ),
    Story(
        "an admission executes unanswered, and the admitted node alone reaches the store",
        replace(BASE, nodes=5, seed=23, first_at_s=(0.01, 0.02, 0.03, 6.0, 0.05)),
        _admitted_unknown,
        catches=(Mutation.ADMIT_UNCOUNTED,),
    ),
    Story(
        "the refusal of a verdict arrives after the node was admitted again, and that node alone reaches the store",
        replace(BASE, nodes=5, seed=24),
        _old_refusal,
        catches=(Mutation.ADOPT_OLD,),
    ),
    Story(
        "everybody loses power at once and returns",
        replace(BASE, seed=19, timings=DEFAULT, faults=(Fault(8.0, "power_off_all", (), 2.0),)),
    ),
)
