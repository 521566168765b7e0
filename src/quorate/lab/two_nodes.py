"""`./demo --two-nodes`: two nodes and a quorum storage, the case for which quorum resources were made.

Owns: these steps. Does not know: how a step is judged (`show`).
"""

from __future__ import annotations

from quorate.lab.drill import GROUP, PROGRAM
from quorate.lab.plan import LabError
from quorate.lab.prober import boot_time_s
from quorate.lab.show import SLACK_MS, Show
from quorate.sdk.overriding import override

CLAIM_MS = 600.0
"""Beyond the takeover bound: claim of the storage, start of the member on it, and an election with it."""
COLD_MS = 15_000.0
"""From no power at all: boot, formation after the wait for whoever led last, and the group's own start."""


class TwoNodes(Show):
    """Two nodes and a directory that both reach."""

    nodes = 2
    quorum = "directory"
    preferred = "node1"

    @override
    def steps(self) -> None:
        """The owner with the storage dies; both die and the stale one starts; the storage, a network, are away."""
        lab = self.drill.lab
        owner = self.have_both()
        other = next(m.name for m in lab.plan.node_machines if m.name != owner)
        self.step(
            f"{owner}, which owns the group and controls the quorum storage, loses power",
            lambda: lab.power_off(owner),
            limit_ms=self.bound_ms + CLAIM_MS,
        )
        self.promise(f"{other} controls the storage now", held=self.holder() == other)
        self.step(f"{owner} returns; the group fails back", lambda: self.come_back(owner), limit_ms=SLACK_MS)
        self.whole()
        self.stale_one_first(owner, other)
        self.whole()
        self.step(
            "the quorum storage goes away from both nodes, and comes back",
            self.storage_away,
            limit_ms=0.0,
            changes=False,
        )
        self.whole()
        self.step("one of the two networks is cut", lambda: lab.cut(1, 2, networks=["a"]), limit_ms=0.0, changes=False)
        lab.heal()
        names = {m.name for m in lab.plan.node_machines}
        self.promise("both nodes are up all the while", held=self.up() == names)

    # ---------------------------------------------------------------- acts

    def have_both(self) -> str:
        """Have the group on the node that controls the storage; its name."""
        holder = self.holder()
        if self.drill.owner().name != holder:
            self.cli("group", "move", GROUP, "--to", holder, "--wait")
        return holder

    def stale_one_first(self, owner: str, other: str) -> None:
        """One node is away when something is written; then all power is lost, and that node starts first, alone."""
        lab = self.drill.lab
        self.say(f"{other} loses power, and a group is created meanwhile")
        lab.power_off(other)
        self.drill.until(f"{other} is known to be down", lambda: self.up() == {owner}, 20.0)
        self.cli("group", "create", "written-while-away")

        def start() -> float:
            began_s = lab.power_off(owner)
            lab.power_on(other, program=PROGRAM)
            self.drill.until(f"{other} forms the cluster and has the group", lambda: self.drill.answering() == other)
            return began_s

        title = f"{owner} loses power too; {other}, whose own copy is older, starts alone"
        self.step(title, start, limit_ms=COLD_MS)
        groups = str(self.drill.ask("group", "list"))
        self.promise("what was written while it was away is there", held="written-while-away" in groups)
        lab.power_on(owner, program=PROGRAM)

    def storage_away(self) -> float:
        """Two votes of three are left."""
        lab = self.drill.lab
        began_s = boot_time_s()
        for machine in lab.plan.node_machines:
            lab.storage(machine.name, there=False)
        self.drill.until("the quorum resource is missed", lambda: not self.drill.all_vote(3), 20.0)
        for machine in lab.plan.node_machines:
            lab.storage(machine.name, there=True)
        self.drill.until("the quorum resource votes again", lambda: self.drill.all_vote(3), 30.0)
        return began_s

    # ---------------------------------------------------------------- looking

    def holder(self) -> str:
        """The node that controls the storage."""
        return str(self.drill.ask("quorum", "show")["holder"])

    def up(self) -> set[str]:
        """The nodes that are up, as any of them says."""
        try:
            nodes = self.drill.ask("node", "list")["nodes"]
        except LabError:
            return set()
        assert isinstance(nodes, list)
        return {str(node["name"]) for node in nodes if node["state"] == "up"}

    def whole(self) -> None:
        """Wait until both nodes and the quorum resource vote."""
        self.drill.until("both nodes and the quorum resource are up", lambda: self.drill.all_vote(3), 60.0)
