"""The self-test of a fence device: monitor, then the status of every plug; it never switches anything.

Owns: which calls are made and what they prove. Does not know: how an agent is called.
"""

from __future__ import annotations

from quorate.control.context import Context
from quorate.control.fencing import find_device
from quorate.core.fencing import agent_inputs
from quorate.core.reasons import node_name
from quorate.model.base import Value
from quorate.ports.fencing import AgentAnswer


class FenceCheck(Value, frozen=True, kw_only=True):
    """One harmless call. `node` is empty for the device as a whole."""

    action: str
    node: str = ""
    good: bool
    found: str


class FenceTest(Value, frozen=True, kw_only=True):
    """What a test found, as the answering node reaches the device."""

    device: str
    answered_by: str
    good: bool
    checks: tuple[FenceCheck, ...]


async def check_device(context: Context, name: str) -> FenceTest:
    """Ask the device how it is, and how every plug is. Raises Refused."""
    view = context.view
    device = find_device(view, name)
    limit_s = float(device.timeout_s)
    answer = await context.agents.call(device.agent, agent_inputs(device, 0, "", "monitor"), limit_s)
    checks = [FenceCheck(action="monitor", good=answer.status == 0, found=_words(answer, "answers"))]
    for number in sorted(device.plugs, key=int):
        node = node_name(view, int(number))
        answer = await context.agents.call(device.agent, agent_inputs(device, int(number), node, "status"), limit_s)
        found = "off" if answer.status == 2 else _words(answer, "on")
        checks.append(FenceCheck(action="status", node=node, good=answer.status in {0, 2}, found=found))
    # Single-plug agents answer monitor with 2 where the plug is off, and need it named: what tells is the plugs then.
    plugs_good = all(check.good for check in checks[1:])
    return FenceTest(
        device=device.name,
        answered_by=node_name(view, context.node),
        good=plugs_good and bool(device.plugs),
        checks=tuple(checks),
    )


def _words(answer: AgentAnswer, good: str) -> str:
    if answer.status == 0:
        return good
    return answer.words or f"exit status {answer.status}"
