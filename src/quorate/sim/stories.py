"""Stories that once broke the rules, and those that seeds tell too rarely, written by hand (design §10).

Owns: the list; each is a world with its faults and, where needed, a script that acts on it. They stand first in the
corpus. A mutation that random seeds catch too seldom has a story here in which it is caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from quorate.core.authority.mutations import Mutation
from quorate.core.authority.timings import DEFAULT, FAST, WIDE
from quorate.sim import proof_scripts, scripts, store_scripts
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


BASE = Options(seed=0, nodes=3, groups=3, end_s=40.0, quiet_after_s=20.0, drift=0.01)

STORIES: tuple[Story, ...] = (
    Story(
        "five nodes, three left cleanly, split 2|3, the three start",
        replace(BASE, nodes=5, seed=11),
        scripts.three_of_five,
    ),
    Story(
        "a node starts while the coordinator's service restarts", replace(BASE, seed=12), scripts.start_during_restart
    ),
    Story(
        "the coordinator's service hangs for 4 s",
        replace(BASE, seed=14, nothing_ends=True),
        scripts.hung_coordinator,
        catches=(Mutation.ACT_AFTER_RELEASE,),
    ),
    Story(
        "the coordinator stands still for a little less than S, again and again",
        replace(BASE, seed=25, nothing_ends=True, timings=FAST, delay_s=0.02, channel_delay_s=0.02),
        scripts.short_standstills,
    ),
    Story(
        "a node dies and with it the leader of the store",
        replace(BASE, seed=15, nothing_ends=True),
        scripts.death_and_election,
    ),
    Story("both survivors split the vote", replace(BASE, seed=16, timings=FAST, nothing_ends=True), scripts.split_vote),
    Story(
        "an answer comes after the node was cut off and marked",
        replace(BASE, seed=17),
        store_scripts.late_answer,
        catches=(Mutation.LEASE_FROM_RECEIPT, Mutation.SHORT_WAIT),
    ),
    Story(
        "the channel breaks while a node is silent, and the node is heard again",
        replace(BASE, seed=18, channel_delay_s=0.01, timings=FAST),
        store_scripts.marked_unconfirmed,
        catches=(Mutation.MARK_BEFORE_HOLDING,),
    ),
    Story(
        "the coordinator is in the minority and its service hangs",
        replace(BASE, nodes=5, seed=20),
        scripts.minority_with_coordinator,
        catches=(Mutation.ACK_WITHOUT_AUTHORITY,),
    ),
    Story(
        "the coordinator is in the minority",
        replace(BASE, nodes=5, seed=22),
        scripts.minority,
        catches=(Mutation.AUTHORITY_BY_ANY_ACK,),
    ),
    Story(
        "a verdict executes after its author gave up, and the node was heard again",
        replace(BASE, seed=21, chaos=Chaos(late_s=2.0), first_at_s=(0.01, 0.02, 4.0)),
        store_scripts.verdict_executes_late,
        catches=(Mutation.FORGET_UNKNOWN, Mutation.ACK_DURING_VERDICT),
    ),
    Story(
        "an admission executes unanswered, and the admitted node alone reaches the store",
        replace(BASE, nodes=5, seed=23, first_at_s=(0.01, 0.02, 0.03, 6.0, 0.05)),
        store_scripts.admitted_unknown,
        catches=(Mutation.ADMIT_UNCOUNTED,),
    ),
    Story(
        "the refusal of a verdict arrives after the node was admitted again, and that node alone reaches the store",
        replace(BASE, nodes=5, seed=24),
        store_scripts.old_refusal,
        catches=(Mutation.ADOPT_OLD,),
    ),
    Story(
        "an operator confirms that a silent node is off",
        replace(BASE, seed=26, timings=WIDE),
        scripts.confirmed_off,
        catches=(Mutation.CONFIRM_LIVING,),
    ),
    Story(
        "a guest is suspended with its clock for 8 s, and its groups demand to know that it is off",
        replace(BASE, seed=27, required_proof="fenced"),
        proof_scripts.suspended,
        catches=(Mutation.IGNORE_DEMAND,),
    ),
    Story(
        "a node dies, its groups demand to know that it is off, and an operator looks later",
        replace(BASE, seed=28, required_proof="fenced"),
        proof_scripts.proved_later,
        catches=(Mutation.IGNORE_DEMAND,),
    ),
    Story(
        "a part of a group does not stop, and the group is held until it does",
        replace(BASE, seed=29, stop_failure_action="hold"),
        proof_scripts.stuck_stop,
        catches=(Mutation.IGNORE_FAILED_STOP,),
    ),
    Story("a part of a group does not stop and is ended by force", replace(BASE, seed=30), proof_scripts.stuck_stop),
    Story(
        "a part of a group does not stop, and its node gives its life up",
        replace(BASE, seed=31, stop_failure_action="fence"),
        proof_scripts.stuck_stop,
    ),
    Story(
        "two of five die one after the other, and one may be put out",
        replace(BASE, seed=32, nodes=5, groups=5, expulsion_limit=1),
        proof_scripts.one_after_the_other,
        catches=(Mutation.IGNORE_RADIUS,),
    ),
    Story(
        "everything is stopped on a node whose lease is about to end, and its watchdog resets it",
        replace(BASE, seed=33, required_proof="watchdog", watchdog_s=4.0),
        proof_scripts.all_stopped,
        catches=(Mutation.IGNORE_DEMAND, Mutation.SHORT_RESET),
    ),
    Story(
        "everybody loses power at once and returns",
        replace(BASE, seed=19, timings=DEFAULT, faults=(Fault(8.0, "power_off_all", (), 2.0),)),
    ),
)
