"""The in-memory twin of a light witness: one record, each node's way to it, and what goes wrong.

Owns: the record, who is cut off, and swaps whose answer is lost. Nothing here waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.model.light_witness import LightRecord
from quorate.model.problems import Problem
from quorate.ports.light_witness import WitnessLost


@dataclass
class MemoryWitness:
    """One witness and everybody who can reach it."""

    record: LightRecord | None = None
    cut_off: set[int] = field(default_factory=set)
    lose_answers: set[int] = field(default_factory=set)
    """Nodes whose next swap is executed and never answered."""

    def reach(self, node: int) -> MemoryWitnessWay:
        """That node's way to it."""
        return MemoryWitnessWay(self, node)


class MemoryWitnessWay:
    """Implements `LightWitness` for one node."""

    def __init__(self, witness: MemoryWitness, node: int) -> None:
        self._witness = witness
        self._node = node

    async def check(self) -> tuple[Problem, ...]:
        """Fit wherever it answers."""
        self._answer()
        return ()

    async def read(self) -> LightRecord | None:
        """As it is."""
        self._answer()
        return self._witness.record

    async def swap(self, expected: LightRecord | None, wanted: LightRecord) -> bool:
        """Replace it, or not."""
        self._answer()
        if self._witness.record != expected:
            return False
        self._witness.record = wanted
        if self._node in self._witness.lose_answers:
            self._witness.lose_answers.discard(self._node)
            raise WitnessLost("the answer was lost")
        return True

    def _answer(self) -> None:
        if self._node in self._witness.cut_off:
            raise WitnessLost("the witness does not answer")
