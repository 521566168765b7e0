"""Fence agents as programs in one folder of this machine.

Owns: the process, its input, its time limit and its end. Does not know: when an agent is called, or what follows.
How it works: the agent runs in a session of its own, with a short path and nothing else in its environment; parameters
go through standard input, so that no list of processes shows a password. Whatever it started is killed with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from quorate.ports.fencing import AgentAnswer

PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
WORDS_MOST: Final = 400
"""Of what an agent prints, its last characters are kept."""


class InstalledAgents:
    """The agents in a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def has(self, agent: str) -> bool:
        """Whether there is a program of that name."""
        return os.access(self._folder / agent, os.X_OK)

    async def call(self, agent: str, inputs: Mapping[str, str], limit_s: float) -> AgentAnswer:
        """Run it, and kill it when its time is over or the caller wants no answer any more."""
        program = self._folder / agent
        try:
            process = await asyncio.create_subprocess_exec(
                str(program),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={"PATH": PATH, "LC_ALL": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
        except OSError as problem:
            return AgentAnswer(None, f"{program} cannot be run: {problem.strerror}")
        lines = "".join(f"{name}={value}\n" for name, value in inputs.items())
        try:
            async with asyncio.timeout(limit_s):
                printed, _ = await process.communicate(lines.encode())
        except TimeoutError:
            return AgentAnswer(None, f"it took longer than {limit_s:g} s and was killed")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.returncode is None:
                await asyncio.shield(process.wait())
        words = " ".join(_without(printed.decode(errors="replace"), inputs).split())[-WORDS_MOST:]
        return AgentAnswer(process.returncode, words)


def _without(text: str, inputs: Mapping[str, str]) -> str:
    """What was printed, without any value of four characters or more that was given: agents echo passwords."""
    for value in sorted((v for n, v in inputs.items() if len(v) > 3 and n not in {"action", "plug", "port"}), key=len):
        text = text.replace(value, "***")
    return text
