"""The record of a light witness: one small value that is read and swapped, wherever it is kept.

Owns: the `LightWitness` protocol. Adapter: `adapters.quorum_storage.witness_share`; twin: `light_witness_memory`. Does
not know: who may write what (`core.lone_survivor`).
"""

from __future__ import annotations

from typing import Protocol

from quorate.model.light_witness import LightRecord
from quorate.model.problems import Problem


class WitnessLost(Exception):
    """The witness does not answer. What was sent may have been executed, or may be later: the record itself tells."""


class LightWitness(Protocol):
    """One record, as one node reaches it."""

    async def check(self) -> tuple[Problem, ...]:
        """Everything that makes this place unfit; leaves nothing behind."""
        ...

    async def read(self) -> LightRecord | None:
        """The record; None where there never was one. Raises WitnessLost.

        It may be old where the place keeps copies of it; a swap that expects an old one changes nothing.
        """
        ...

    async def swap(self, expected: LightRecord | None, wanted: LightRecord) -> bool:
        """Replace the record if it still is the expected one; whether it was.

        Atomic against every other swap. `wanted` has a higher generation than `expected`, and than any before.
        Raises WitnessLost, after which the outcome is unknown.
        """
        ...
