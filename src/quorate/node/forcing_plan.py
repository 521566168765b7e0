"""What a forced start would do, and everything that stands against it (spec/02 §8.9).

Owns: the plan, and its checks. Does not know: how it is carried out (`node.forcing`). Changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.control.names import unknown
from quorate.core.votes import majority_of
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Problem, Refused, error
from quorate.model.quorum import LIGHT_KINDS
from quorate.node.identity import Identity, Replica, load_identity, load_replica
from quorate.node.member_keeper import member_name
from quorate.node.places import Places
from quorate.node.process import is_held


@dataclass(frozen=True, slots=True)
class Plan:
    """What a forced start will do, and to whom."""

    identity: Identity
    replica: Replica
    own: NodeSpec
    lost: tuple[NodeSpec, ...]
    quorum_lost: bool
    """The quorum resource, which votes."""
    light: bool = False
    """There is a light witness, and its record is to name this node before anything else is done."""
    light_lost: bool = False
    """There is a light witness, and it is declared lost: nobody can write its record."""

    @property
    def stand_ins(self) -> tuple[NodeSpec, ...]:
        """So many lost members have to be played that this node's has a majority with them."""
        voters = 1 + len(self.lost) + int(self.quorum_lost)
        return self.lost[: majority_of(voters) - 1]

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that is declared lost."""
        return (
            *(spec.name for spec in self.lost),
            *(("quorum resource",) if self.quorum_lost else ()),
            *(("the light witness",) if self.light_lost else ()),
        )


def plan_forcing(places: Places, without: tuple[str, ...]) -> Plan:
    """What would be done. Raises Refused with everything that stands against it; changes nothing."""
    identity = load_identity(places)
    if identity is None:
        remedy = "run this on the node whose data shall become the cluster's"
        raise Refused([error("no_node", "this machine is no node of a cluster", remedy=remedy)])
    replica = load_replica(places, identity)
    problems: list[Problem] = []
    if is_held(places.sentinel_lock):
        remedy = "stop it first: quorate node stop NAME, or systemctl stop quorate"
        problems.append(error("node_runs", f"{identity.name} is running", remedy=remedy))
    own = next((spec for spec in replica.nodes if spec.node == identity.node), None)
    data = places.store / member_name(identity.node)
    if own is None or not own.votes or not data.is_dir():
        what = f"{identity.name} holds no copy of the database: it has no member of the store"
        problems.append(error("no_copy", what, where=str(data), remedy="use a node that had a vote"))
    lost, quorum_lost, named = _lost(replica, identity, without)
    problems += named
    if problems or own is None:
        raise Refused(problems)
    light = replica.quorum.kind in LIGHT_KINDS
    gone = light and "quorum" in {name.casefold() for name in without}
    plan = Plan(identity, replica, own, lost, quorum_lost, light=light and not gone, light_lost=gone)
    if len(plan.stand_ins) < majority_of(1 + len(lost) + int(quorum_lost)) - 1:
        what = "there are too few lost nodes to stand in for: the quorum resource held the only other votes"
        raise Refused([error("nothing_to_stand_in", what, remedy="restore the cluster from a backup")])
    return plan


def _lost(
    replica: Replica, identity: Identity, without: tuple[str, ...]
) -> tuple[tuple[NodeSpec, ...], bool, list[Problem]]:
    problems: list[Problem] = []
    named = {name.casefold() for name in without}
    voters = [spec for spec in replica.nodes if spec.votes or spec.vote_pending]
    others = [spec for spec in voters if spec.node != identity.node]
    if identity.name.casefold() in named:
        what = f"{identity.name} is this node"
        problems.append(error("is_here", what, where="without", remedy="name the others"))
    known = {spec.name.casefold() for spec in replica.nodes} | {"quorum"}
    problems += [unknown("node", name, known, "without") for name in without if name.casefold() not in known]
    unnamed = [spec.name for spec in others if spec.name.casefold() not in named]
    quorum_votes = bool(replica.quorum.votes or replica.quorum.vote_pending)
    if quorum_votes and "quorum" not in named:
        unnamed.append("quorum")
    if unnamed:
        what = f"every other voter must be declared lost by name; not named: {', '.join(unnamed)}"
        remedy = "start them instead if they can be started: with a majority nothing has to be forced"
        problems.append(error("voter_not_named", what, where="without", remedy=remedy))
    if not others and not quorum_votes:
        what = f"{identity.name} is the only voter"
        problems.append(error("nothing_to_force", what, remedy="start it: quorate node run"))
    return tuple(others), quorum_votes, problems
