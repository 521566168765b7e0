"""The stage `groups`: a whole cluster under the real commands of administrators; what they and failures lead to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from decisions.replay import Stage, Verb
from decisions.small_cluster import START_WALL_S, SmallCluster
from decisions.written_fields import seconds, written_fields
from quorate.control import group_sets, groups, maintenance, moving, nodes, resources
from quorate.control.change import Change, Done, Occasion
from quorate.control.standing import state_of
from quorate.core.cluster_view import ClusterView
from quorate.core.explain import explain_group
from quorate.core.failover.deciding import decide
from quorate.core.reasons import in_words, node_name
from quorate.core.start_order import StartOrder
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.common_properties import CLUSTER, GROUP, NODE, RESOURCE
from quorate.model.membership import Formed
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Refused
from quorate.model.resource_type import Manifest
from quorate.model.workload import NO_FLAGS, Assignment, ResourceFlags, ResourceSpec
from quorate.node.day import Day

Command = Callable[[ClusterView, Occasion], Change[Done]]


def undemanding(type_name: str) -> Manifest:
    """No type here demands anything of anybody."""
    return Manifest(name=type_name, display_name=type_name, description="For tests.")


class GroupStage(Stage):
    """Nodes are called n1, n2 and so on; ids are names. Every group begins online unless told otherwise."""

    def __init__(self) -> None:
        self.cluster = SmallCluster()
        self.cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
        self._count = 0
        self._states: dict[str, str] = {}

    # ---------------------------------------------------------------- given

    def node(self, name: str, rest: str = "") -> Iterable[str]:
        fields = written_fields(NODE, rest)
        number = int(name.removeprefix("n"))
        self.cluster.put(f"{keys.SPEC_NODE}{number}", NodeSpec(node=number, name=name, **fields))  # type: ignore[arg-type]
        self.cluster.up(number)
        return ()

    def nodes(self, count: str) -> Iterable[str]:
        for number in range(1, int(count) + 1):
            self.node(f"n{number}")
        return ()

    def cluster_set(self, rest: str) -> Iterable[str]:
        known = self.cluster.view.cluster
        assert known is not None
        self.cluster.put(keys.SPEC_CLUSTER, replace(known.record, **written_fields(CLUSTER, rest)))
        return self.settle()

    def group(self, name: str, rest: str = "") -> Iterable[str]:
        """`on NODE` where it runs at first, `offline` where it does not, and common properties as NAME=VALUE."""
        on = re.search(r"\bon (\w+)", rest)
        preferred = re.search(r"\bpreferred_owners=(\S+)", rest)
        fields = written_fields(GROUP, re.sub(r"\bpreferred_owners=\S+", "", rest))
        wish = groups.NewGroup(
            name=name,
            preferred_owners=tuple(preferred.group(1).split(",")) if preferred else (),
            properties={},
        )
        self._command(lambda view, occasion: groups.create_group(view, wish, occasion), own_id=name)
        known = self.cluster.view.groups[name]
        self.cluster.put(keys.SPEC_GROUP + name, replace(known.record, **fields))
        if on is not None:
            number = self._number(on.group(1))
            life = self.cluster.incarnation(number)
            made = Assignment(
                group=name, owner=number, incarnation=life, number=1, cause="created", at_s=self.cluster.wall_s()
            )
            self.cluster.put(keys.ASSIGNMENT + name, made)
        self.resource(f"{name}-r", name)
        list(self.settle())
        if not re.search(r"\boffline\b", rest):
            found = self._asked(lambda view, occasion: groups.group_online(view, name, occasion, undemanding))
            return [line for line in found if not (on and line == f"{name}: online on {on.group(1)}")]
        return ()

    def resource(self, name: str, group: str, rest: str = "") -> Iterable[str]:
        owners = re.search(r"\bpossible_owners=(\S+)", rest)
        fields = written_fields(RESOURCE, re.sub(r"\bpossible_owners=\S+", "", rest))
        if owners:
            fields["possible_owners"] = tuple(self._number(one) for one in owners.group(1).split(","))
        known = self.cluster.view.resources.get(name)
        spec = known.record if known else ResourceSpec(id=name, name=name, type="t", group=group)
        self.cluster.put(keys.SPEC_RESOURCE + name, replace(spec, **fields))
        return self.settle()

    def fails_to_start(self, name: str, node: str = "") -> Iterable[str]:
        self.cluster.failing[self._resource(name), self._number(node) if node else 0] = "failed"
        return ()

    def stops_slowly(self, name: str) -> Iterable[str]:
        self.cluster.slow.add(self._resource(name))
        return ()

    def has_stopped(self, name: str) -> Iterable[str]:
        self.cluster.slow.discard(self._resource(name))
        self.cluster.reports(self._resource(name), "offline", "")
        return self.settle()

    def group_set(self, name: str, members: str, rest: str = "") -> Iterable[str]:
        wish = group_sets.GroupSetWish(name=name, groups=tuple(members.split(",")))
        return self._asked(lambda view, occasion: group_sets.create_set(view, wish, occasion), own_id=name)

    # ---------------------------------------------------------------- when: what happens

    def lost(self, name: str) -> Iterable[str]:
        self.cluster.down(self._number(name))
        return self.settle()

    def all_lost(self, first: str, second: str) -> Iterable[str]:
        for name in (first, second):
            self.cluster.down(self._number(name))
        return self.settle()

    def known_off(self, name: str) -> Iterable[str]:
        self.cluster.down(self._number(name), "fenced")
        return self.settle()

    def returns(self, name: str) -> Iterable[str]:
        self.cluster.up(self._number(name))
        return self.settle()

    def crashes(self, name: str) -> Iterable[str]:
        self.cluster.reports(self._resource(name), "failed", "it crashed")
        return self.settle()

    def locks(self, name: str, what: str) -> Iterable[str]:
        resource = self._resource(name)
        self.cluster.flags[resource] = ResourceFlags(locked="it copies") if what == "locks" else NO_FLAGS
        self.cluster.reports(resource, "online", "")
        return self.settle()

    def forms(self, rest: str = "") -> Iterable[str]:
        """Every node was off; those that are not named as missing come up, and the first forms the cluster."""
        missing = {self._number(name) for name in rest.removeprefix("without ").split(",") if name}
        known = sorted(self.cluster.view.nodes)
        for node in known:
            self.cluster.down(node, "released")
        for node in known:
            if node not in missing:
                self.cluster.up(node)
        epoch = self.cluster.view.authority.epoch
        formed = Formed(epoch=epoch, at_s=self.cluster.wall_s(), awaited=tuple(missing))
        self.cluster.put(keys.FORMED, formed)
        return self.settle()

    def passes(self, amount: str, unit: str) -> Iterable[str]:
        """Everything that is due meanwhile is done when it is due."""
        began, end = self.cluster.now, self.cluster.now + seconds(amount, unit)
        found: list[str] = []
        while (due := self.cluster.due_s()) is not None and due <= end:
            self.cluster.now = due
            found += [f"after {_time(due - began)}: {line}" for line in self.settle()]
        self.cluster.now = end
        return [*found, *self.settle()]

    # ---------------------------------------------------------------- when: what administrators do

    def wanted(self, name: str, state: str) -> Iterable[str]:
        if state == "online":
            return self._asked(lambda view, occasion: groups.group_online(view, name, occasion, undemanding))
        return self._asked(lambda view, occasion: groups.group_offline(view, name, occasion))

    def wanted_at_once(self, first: str, second: str) -> Iterable[str]:
        """Two commands are checked against the same state; the second is sent when the first has been carried out."""
        view = self.cluster.view
        one, two = (groups.group_online(view, g, self._occasion(), undemanding) for g in (first, second))
        self.cluster.commit(one.guards, one.writes)
        if all(self.cluster.holds(guard) for guard in two.guards):
            self.cluster.commit(two.guards, two.writes)
            return self.settle()
        again = self._command(lambda view, occasion: groups.group_online(view, second, occasion, undemanding))
        return [f"{second} is checked anew", *again, *self.settle()]

    def one_wanted(self, name: str, state: str) -> Iterable[str]:
        if state == "online":
            return self._asked(lambda view, occasion: resources.resource_online(view, name, occasion, undemanding))
        return self._asked(lambda view, occasion: resources.resource_offline(view, name, occasion))

    def move(self, name: str, rest: str = "") -> Iterable[str]:
        to = re.search(r"\bto (\w+)", rest)
        wish = moving.MoveWish(
            to=to.group(1) if to else "", return_on_error="back on error" in rest, queue="waiting" in rest
        )
        ignore = "whatever is locked" in rest
        return self._asked(lambda view, occasion: moving.move_group(view, name, wish, occasion, ignore_locked=ignore))

    def cancel(self, name: str) -> Iterable[str]:
        return self._asked(lambda view, occasion: moving.cancel_move(view, name, occasion))

    def change(self, name: str, rest: str) -> Iterable[str]:
        if name in self.cluster.view.groups:
            known = self.cluster.view.groups[name]
            self.cluster.put(keys.SPEC_GROUP + name, replace(known.record, **written_fields(GROUP, rest)))
            return self.settle()
        if name in self.cluster.view.resources:
            return self.resource(name, "", rest)
        number = self._number(name)
        node = self.cluster.view.nodes[number]
        self.cluster.put(f"{keys.SPEC_NODE}{number}", replace(node.record, **written_fields(NODE, rest)))
        return self.settle()

    def node_verb(self, name: str, what: str) -> Iterable[str]:
        match what.split(" "):
            case ["paused"]:
                return self._asked(lambda view, occasion: nodes.pause_node(view, name, occasion))
            case ["drained"]:
                return self._asked(lambda view, occasion: nodes.drain_node(view, name, nodes.DrainWish(), occasion))
            case ["resumed", *how]:
                wish = nodes.ResumeWish(failback="immediate" if how else "policy")
                return self._asked(lambda view, occasion: nodes.resume_node(view, name, wish, occasion))
            case _:
                raise AssertionError(what)

    def maintain(self, kind: str, name: str, state: str) -> Iterable[str]:
        wish = maintenance.MaintenanceWish(on=state == "in")
        found: maintenance.Kind = "group" if kind == "group" else "node"
        return self._asked(lambda view, occasion: maintenance.set_maintenance(view, found, name, wish, occasion))

    def depends(self, name: str, expression: str) -> Iterable[str]:
        wish = group_sets.GroupDependencyWish(depends_on=expression)
        return self._asked(lambda view, occasion: group_sets.set_group_dependency(view, name, wish, occasion))

    def why(self, name: str) -> Iterator[str]:
        """The rule for every node, and what is waited for."""
        view = self.cluster.view
        moment = Day().moment(view, self.cluster.wall_s())
        found = explain_group(view, name, moment)
        for node in found.nodes:
            place = "owner" if node.owner else f"rank {node.rank}" if node.rank else "cannot"
            yield f"{node.name}: {place}: {node.why}"
        for waits in found.waits_for:
            yield f"waits: {waits}"

    def record(self, name: str) -> Iterable[str]:
        """What stays written of the last change of hands."""
        now = self.cluster.view.assignments[name].record
        view = self.cluster.view
        former = node_name(view, now.former) if now.former else "nobody"
        ago = _time(self.cluster.wall_s() - now.at_s)
        return [f"{name}: on {node_name(view, now.owner)}, before that on {former}, {ago} ago, {now.cause}"]

    def intended(self, name: str) -> Iterable[str]:
        """What somebody wants, apart from what is."""
        intent = self.cluster.view.intent(name)
        own = [f"{r}: {'online' if on else 'offline'}" for r, on in sorted(intent.own_states.items())]
        return [f"wanted: {name} {'online' if intent.persistent_state else 'offline'}", *own]

    # ---------------------------------------------------------------- the engine

    def _number(self, name: str) -> int:
        return int(name.removeprefix("n"))

    def _resource(self, name: str) -> str:
        return name if name in self.cluster.view.resources else f"{name}-r"

    def _occasion(self, own_id: str = "") -> Occasion:
        self._count += 1
        made_id, audit_id = own_id or f"request-{self._count}", f"{self._count:026}"
        return Occasion("ann", "work", "", self.cluster.wall_s(), made_id, audit_id)

    def _command(self, command: Command, own_id: str = "") -> list[str]:
        occasion = self._occasion(own_id)
        try:
            change = command(self.cluster.view, occasion)
        except Refused as refusal:
            return [f"refused: {problem.what}" for problem in refusal.problems]
        self.cluster.commit(change.guards, change.writes)
        return [f"warning: {problem.what}" for problem in change.answer.warnings]

    def _asked(self, command: Command, own_id: str = "") -> list[str]:
        return [*self._command(command, own_id), *self.settle()]

    def settle(self) -> list[str]:
        """Every assignment with its cause and first reason, then the groups whose state is another one now."""
        lines = [self._made(assignment) for assignment in self.cluster.settle()]
        for group in sorted(self.cluster.view.groups):
            state = self._state(group)
            if self._states.get(group) != state:
                self._states[group] = state
                lines.append(f"{group}: {state}")
        return lines

    def _made(self, made: Assignment) -> str:
        view, name = self.cluster.view, made.group
        owner, told = node_name(view, made.owner), "; ".join(in_words(view, reason) for reason in made.reasons)
        what = ""
        match made.phase:
            case "run":
                what = f"{name} is {owner}'s"
            case "stop":
                what = f"{name} leaves {owner} for {node_name(view, made.to)}"
            case "hold":
                what = f"{name} is held by {owner}"
        return f"{what} ({made.cause}): {told}" if told else f"{what} ({made.cause})"

    def _state(self, group: str) -> str:
        view = self.cluster.view
        known = view.assignments.get(group)
        if known is None:
            return "nobody's"
        words = f"{state_of(view, group).replace('_', ' ')} on {node_name(view, known.record.owner)}"
        spec = view.groups[group].record
        moment = Day().moment(view, self.cluster.wall_s())
        waits = [in_words(view, reason) for reason in decide(view, spec, moment).waits]
        order = StartOrder(view, self.cluster.wall_s()).wait_of(spec)
        if order is not None and "offline" in words and view.intent(group).persistent_state:
            waits.append(in_words(view, order.reason))
        return f"{words}, waits: {'; '.join(waits)}" if waits else words

    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("{kind} {name} is put {state} maintenance", maintain),
        Verb("{count} nodes", nodes),
        Verb("node {name}", node),
        Verb("node {name} {rest...}", node),
        Verb("the cluster has {rest...}", cluster_set),
        Verb("group {name}", group),
        Verb("group {name} {rest...}", group),
        Verb("resource {name} of {group}", resource),
        Verb("resource {name} of {group} {rest...}", resource),
        Verb("set {name} of {members}", group_set),
        Verb("{name} does not start on {node}", fails_to_start),
        Verb("{name} starts nowhere", fails_to_start),
        Verb("{name} stops slowly", stops_slowly),
        Verb("{name} has stopped", has_stopped),
        Verb("{first} and {second} are lost", all_lost),
        Verb("{name} is lost", lost),
        Verb("{name} is known to be off", known_off),
        Verb("{name} returns", returns),
        Verb("{name} crashes", crashes),
        Verb("{name} {what} itself", locks),
        Verb("the cluster forms again", forms),
        Verb("the cluster forms again {rest...}", forms),
        Verb("{amount} {unit} pass", passes),
        Verb("{first} and {second} are wanted online at once", wanted_at_once),
        Verb("{name} is wanted {state}", wanted),
        Verb("resource {name} is wanted {state}", one_wanted),
        Verb("{name} is to move", move),
        Verb("{name} is to move {rest...}", move),
        Verb("the move of {name} is taken back", cancel),
        Verb("{name} is set {rest...}", change),
        Verb("{name} is {what...}", node_verb),
        Verb("{name} depends on {expression...}", depends),
        Verb("somebody asks about {name}", why),
        Verb("somebody asks what was done with {name}", record),
        Verb("somebody asks what is wanted of {name}", intended),
    )


def _time(of_s: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if of_s >= size:
            return f"{round(of_s / size, 3):g} {unit}"
    return f"{round(of_s * 1000):g} ms"


assert START_WALL_S % 86_400 == 8 * 3600, "08:00"
