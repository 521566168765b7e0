"""The calling of fence agents (the FenceAgentAPI of the fence-agents project).

Owns: the `FenceAgents` protocol and the answer's form. Adapter: `adapters.fencing`; twin: `MemoryAgents`, below.
Does not know: when an agent is called.
How it works: an agent reads `name=value` lines from its standard input, the action among them, and answers by its exit
status: 0 done (status: the plug is on), 1 failed, 2 (status and monitor) the plug is off. A call that takes too long
has failed: time that passes proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What came of one call. `status` is the exit status; None where there is none, and `words` say why."""

    status: int | None
    words: str = ""


class FenceAgents(Protocol):
    """The agents of this machine."""

    def has(self, agent: str) -> bool:
        """Whether there is an agent of that name."""
        ...

    async def call(self, agent: str, inputs: Mapping[str, str], limit_s: float) -> AgentAnswer:
        """Call it; never raises but when cancelled, and then the agent is killed."""
        ...


@dataclass
class MemoryAgents:
    """The twin: plugs that are on or off, and calls that go wrong when told to."""

    plugs: dict[str, bool] = field(default_factory=dict)
    """Whether each plug is on."""
    installed: set[str] = field(default_factory=lambda: {"fence_twin"})
    answers: list[AgentAnswer] = field(default_factory=list)
    """What the next calls answer, whatever they ask for."""
    calls: list[dict[str, str]] = field(default_factory=list)

    def has(self, agent: str) -> bool:
        """Whether there is an agent of that name."""
        return agent in self.installed

    async def call(self, agent: str, inputs: Mapping[str, str], limit_s: float) -> AgentAnswer:
        """Do what is asked, at once."""
        del limit_s
        self.calls.append(dict(inputs))
        plug = inputs.get("plug", "")
        if not self.has(agent):
            return AgentAnswer(None, f"there is no agent {agent} on this machine")
        if self.answers:
            return self.answers.pop(0)
        match inputs.get("action"):
            case "monitor":
                return AgentAnswer(0)
            case _ if plug not in self.plugs:
                return AgentAnswer(1, f"no plug {plug}")
            case "status":
                return AgentAnswer(0 if self.plugs[plug] else 2)
            case "off":
                self.plugs[plug] = False
                return AgentAnswer(0)
            case "on" | "reboot":
                self.plugs[plug] = True
                return AgentAnswer(0)
            case action:
                return AgentAnswer(1, f"no action {action}")
