"""Scripts of stories about answers of the store: late, lost, or older than what is known.

Owns: those scripts. Does not know: what a story proves (`stories`).
"""

from __future__ import annotations

from collections.abc import Sequence

from quorate.model import keys
from quorate.model.base import decode
from quorate.model.membership import MemberRecord
from quorate.model.records import Put, Write
from quorate.sim.scripts import coordinator, cut, deaf_channel, isolate
from quorate.sim.world import World


def late_answer(world: World) -> None:
    """A node renews by reading; it is cut off as the read executes, and the answer comes long after."""

    def begin() -> None:
        acting = coordinator(world)
        victim = next(n for n in world.nodes if n != acting)
        for network in world.options.networks:
            world.media.cut(acting, victim, network)
        world.troubles.injure(list(world.nodes), 10.0)
        world.store.answer_delay[victim] = 0.87

        def executed(node: int) -> None:
            if node == victim:
                world.store.read_script = None
                isolate(world, victim)

        world.store.read_script = executed
        world.at(world.now + 6.0, world.store.answer_delay.clear)
        world.at(world.now + 6.0, world.media.heal)

    world.at(6.0, begin)


def verdict_executes_late(world: World) -> None:
    """A node is cut off as it is admitted, and heard again after the verdict was sent; that executes only later.

    The node never held a lease, so it has nothing to swear; what it clears of its mark is lost on the way.
    """
    victim = 3

    def script(node: int, writes: Sequence[Write]) -> str:
        members = [w for w in writes if isinstance(w, Put) and w.key == keys.member(victim)]
        if not members:
            return ""
        record = decode(members[0].value, MemberRecord)
        if node == victim:
            return "never"
        if record.state == "up" and record.mark is None:
            isolate(world, victim)  # admitted, and cut off before it knows
            world.troubles.injure(list(world.nodes), 20.0)
        if record.state == "down":
            world.at(world.now + 0.01, world.media.heal)
            return "late"
        return ""

    world.store.commit_script = script
    world.at(20.0, lambda: setattr(world.store, "commit_script", None))
    world.at(20.1, world.media.heal)


def marked_unconfirmed(world: World) -> None:
    """The channel of the coordinator breaks as its service is about to mark a node that its sentinel hears again."""
    deaf_channel(world)

    def script(node: int, writes: Sequence[Write]) -> str:
        own = any(w.key == keys.member(node) for w in writes)
        return "never" if own and 6.0 < world.now < 16.0 else ""

    world.store.commit_script = script


def alone_with_the_store(world: World, one: int) -> None:
    """That node alone reaches the store, and no longer hears the coordinator; the others hear everybody else."""
    acting = coordinator(world)
    for other in world.nodes:
        if other != one:
            world.media.keep_out(other, world.now + 12.0)
    for network in world.options.networks:
        cut(world, one, acting, network)
    world.troubles.injure(list(world.nodes), 12.0)
    world.at(world.now + 12.0, world.media.heal)


def admitted_unknown(world: World) -> None:
    """An admission executes unanswered; at once the admitted node is the only one that reaches the store."""
    newcomer = 4

    def script(_node: int, writes: Sequence[Write]) -> str:
        if not any(is_up(write, newcomer) for write in writes):
            return ""
        world.store.commit_script = None
        world.store.execute((), writes)
        alone_with_the_store(world, newcomer)
        return "never"

    world.store.commit_script = script


def old_refusal(world: World) -> None:
    """A verdict is sent twice; the refusal of the second comes only after the node was admitted in a new life.

    From then on that node alone reaches the store: whoever believes the refusal does not count it any more.
    """

    def begin() -> None:
        victim = next(n for n in world.nodes if n != coordinator(world))
        sent: list[float] = []

        def script(node: int, writes: Sequence[Write]) -> str:
            if node == victim or not any(is_down(write, victim) for write in writes):
                return ""
            sent.append(world.now)
            if len(sent) == 1:
                return "never"
            world.store.commit_script = None
            world.store.execute((), writes)  # the first one, late, at this very moment
            world.at(world.now + 0.5, lambda: alone_with_the_store(world, victim))
            return "slow"

        world.store.commit_script = script
        world.nodes[victim].sentinel.die()

    world.at(6.0, begin)


def is_up(write: Write, node: int) -> bool:
    """The node is written up and unmarked."""
    known = decode(write.value, MemberRecord) if isinstance(write, Put) and write.key == keys.member(node) else None
    return known is not None and known.state == "up" and known.mark is None


def is_down(write: Write, node: int) -> bool:
    """The node is written down."""
    known = decode(write.value, MemberRecord) if isinstance(write, Put) and write.key == keys.member(node) else None
    return known is not None and known.state == "down"
