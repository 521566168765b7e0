"""Commands on fence devices: create, delete; and how devices and their history are shown (decision 0061).

Owns: what each command demands, and that secrets are never shown. Does not know: when a device is used
(`core.fencing`), or how an agent is called.
"""

from __future__ import annotations

import re
from typing import Final

from quorate.control.change import Change, Done, Occasion, audited, delete, guard, put
from quorate.control.context import Context
from quorate.control.lookup import find_node
from quorate.control.names import name_problems, taken, unknown
from quorate.control.queries import as_of
from quorate.control.views import AsOf
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.fencing import FenceAction, FenceDevice
from quorate.model.problems import Problem, Refused, error, warning

RANGES: Final = {"level": (1, 9), "delay_ms": (0, 60_000), "retries": (0, 10), "timeout_s": (1, 600)}
"""Least and most of each number."""

RESERVED: Final = {"action", "option", "plug", "port", "nodename"}
"""What the cluster itself tells an agent."""

_AGENT: Final = re.compile(r"fence_[a-z0-9_]{1,60}")
_PARAMETER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,60}")
_SECRET: Final = re.compile(r"pass|secret|key|token|community", re.IGNORECASE)


class NewFenceDevice(Value, frozen=True, kw_only=True):
    """A fence device to be created. `plugs`: what the device calls each node, by the node's name."""

    name: str
    agent: str
    plugs: dict[str, str]
    parameters: dict[str, str] = {}
    secrets: dict[str, str] = {}
    action: FenceAction = "off"
    level: int = 1
    delay_ms: int = 0
    retries: int = 1
    timeout_s: int = 30


class FenceAttemptView(Value, frozen=True, kw_only=True):
    """One call of an agent."""

    at: str
    node: str
    device: str
    action: str
    good: bool
    took_ms: int
    by: str
    detail: str = ""


class FenceDeviceView(Value, frozen=True, kw_only=True):
    """One fence device. Of secrets only the names are told."""

    name: str
    agent: str
    plugs: dict[str, str]
    parameters: dict[str, str]
    secrets: tuple[str, ...]
    action: str
    level: int
    delay_ms: int
    retries: int
    timeout_s: int
    history: tuple[FenceAttemptView, ...] = ()


class FenceDeviceList(Value, frozen=True, kw_only=True):
    """All fence devices, and the nodes that none can fence."""

    as_of: AsOf
    devices: tuple[FenceDeviceView, ...]
    without: tuple[str, ...] = ()


def create_device(view: ClusterView, wish: NewFenceDevice, installed: bool, occasion: Occasion) -> Change[Done]:
    """A new device; `installed`: the answering node has that agent."""
    problems = name_problems(wish.name, "name")
    if view.find(view.fence_devices, wish.name, lambda device: device.name) is not None:
        problems.append(taken("fence_device", wish.name, "name"))
    if not _AGENT.fullmatch(wish.agent):
        what = f"{wish.agent!r} is not the name of a fence agent"
        remedy = "name a program of the fence-agents family without its folder, such as fence_ipmilan"
        problems.append(error("fence_agent_form", what, where="agent", remedy=remedy))
    plugs: dict[str, str] = {}
    for name, plug in wish.plugs.items():
        node = find_node(view, name, problems, f"plugs.{name}")
        if node is not None:
            plugs[str(node.node)] = plug
        if not plug or not _one_line(plug):
            remedy = "give one line of text: a plug number, a machine's name, or the node's own name where it has none"
            problems.append(
                error("fence_plug_form", f"{plug!r} cannot be a plug", where=f"plugs.{name}", remedy=remedy)
            )
    if not wish.plugs:
        remedy = "name at least one node with what the device calls it"
        problems.append(error("fence_without_nodes", "the device fences no node", where="plugs", remedy=remedy))
    problems += _parameter_problems(wish)
    for field, (least, most) in RANGES.items():
        number: int = getattr(wish, field)
        if not least <= number <= most:
            what = f"{field} = {number} is out of range"
            problems.append(error("fence_out_of_range", what, where=field, remedy=f"{least} to {most}"))
    if problems:
        raise Refused(problems)
    device = FenceDevice(
        name=wish.name,
        agent=wish.agent,
        plugs=plugs,
        parameters={name: value for name, value in wish.parameters.items() if not _SECRET.search(name)},
        secrets={**{n: v for n, v in wish.parameters.items() if _SECRET.search(n)}, **wish.secrets},
        action=wish.action,
        level=wish.level,
        delay_ms=wish.delay_ms,
        retries=wish.retries,
        timeout_s=wish.timeout_s,
    )
    missing = warning(
        "fence_agent_missing",
        f"the node that answers has no agent {wish.agent}",
        where="agent",
        remedy="install the fence-agents package on every node: any of them may have to fence another",
    )
    key = _key(wish.name)
    answer = Done(id=wish.name, name=wish.name, warnings=() if installed else (missing,))
    change = Change((guard(key, None),), (put(key, device),), answer)
    return audited(
        change, occasion, verb="create", kind="fence_device", object_id=wish.name, object_name=wish.name,
        detail=f"{wish.agent} for {', '.join(sorted(wish.plugs))}",
    )  # fmt: skip


def delete_device(view: ClusterView, name: str, occasion: Occasion) -> Change[Done]:
    """The device is used no more; a call under way goes on."""
    device = find_device(view, name)
    key = _key(device.name)
    known = view.fence_devices[device.name.casefold()]
    change = Change((guard(key, known.revision),), (delete(key),), Done(id=device.name, name=device.name))
    return audited(change, occasion, verb="delete", kind="fence_device", object_id=device.name, object_name=device.name)


def find_device(view: ClusterView, name: str) -> FenceDevice:
    """The device of that name. Raises Refused."""
    known = view.fence_devices.get(name.casefold())
    if known is None:
        names = [entry.record.name for entry in view.fence_devices.values()]
        raise Refused([unknown("fence_device", name, names, "fence_device")])
    return known.record


def _parameter_problems(wish: NewFenceDevice) -> list[Problem]:
    found: list[Problem] = []
    for field, given in (("parameters", wish.parameters), ("secrets", wish.secrets)):
        for name, value in given.items():
            where = f"{field}.{name}"
            if not _PARAMETER.fullmatch(name):
                remedy = "letters, digits, - and _, beginning with a letter; see the agent's metadata"
                found.append(
                    error("fence_parameter_form", f"{name!r} cannot be a parameter", where=where, remedy=remedy)
                )
            elif name in RESERVED:
                remedy = "leave it out; for plugs give --node NAME=PLUG, for the action --action"
                found.append(
                    error("fence_parameter_reserved", f"the cluster itself gives {name}", where=where, remedy=remedy)
                )
            if not _one_line(value):  # the value itself is not told: it may be a password
                remedy = "give it in one line"
                found.append(
                    error("fence_value_form", f"the value of {name} has several lines", where=where, remedy=remedy)
                )
    both = wish.parameters.keys() & wish.secrets.keys()
    if both:
        what = f"given twice: {', '.join(sorted(both))}"
        found.append(error("fence_parameter_twice", what, where="secrets", remedy="give each once"))
    return found


def _one_line(text: str) -> bool:
    return text.isprintable()


def _key(name: str) -> str:
    return f"{keys.SPEC_FENCE}{name.casefold()}"


# ---------------------------------------------------------------- views


def list_devices(context: Context) -> FenceDeviceList:
    """All devices by name."""
    view = context.view
    names = sorted(view.fence_devices)
    covered = {node for known in view.fence_devices.values() for node in known.record.plugs}
    without = tuple(node_name(view, node) for node in sorted(view.nodes) if str(node) not in covered)
    return FenceDeviceList(
        as_of=as_of(context),
        devices=tuple(_device(view, view.fence_devices[name].record) for name in names),
        without=without if names else (),
    )


def show_device(context: Context, name: str) -> FenceDeviceView:
    """One device. Raises Refused."""
    return _device(context.view, find_device(context.view, name))


def _device(view: ClusterView, device: FenceDevice) -> FenceDeviceView:
    history = [
        FenceAttemptView(
            at=attempt.at,
            node=node_name(view, node),
            device=attempt.device,
            action=attempt.action,
            good=attempt.good,
            took_ms=attempt.took_ms,
            by=node_name(view, attempt.by),
            detail=attempt.detail,
        )
        for node, known in view.fence_histories.items()
        for attempt in known.record.attempts
        if attempt.device == device.name
    ]
    return FenceDeviceView(
        name=device.name,
        agent=device.agent,
        plugs={node_name(view, int(node)): plug for node, plug in sorted(device.plugs.items())},
        parameters=device.parameters,
        secrets=tuple(sorted(device.secrets)),
        action=device.action,
        level=device.level,
        delay_ms=device.delay_ms,
        retries=device.retries,
        timeout_s=device.timeout_s,
        history=tuple(sorted(history, key=lambda attempt: attempt.at)),
    )
