"""The record that a light witness keeps (design §3, decision 0035).

Owns: its form. Does not know: who may write what into it (`core.lone_survivor`), or where it is kept.
"""

from __future__ import annotations

from typing import Final

from quorate.model.base import Value

BOTH: Final = 0
"""In a record: either node may go on alone."""
CLOSED: Final = -1
"""In a record: no node may go on alone; the witness is being given up."""


class LightRecord(Value, frozen=True, kw_only=True):
    """What stands on the witness. `generation` rises with every swap; `claim` is the random name of one swap."""

    cluster: str
    generation: int
    holder: int
    """The one node that may go on alone, BOTH or CLOSED."""
    claim: str


def following(former: LightRecord | None, seen: int, *, cluster: str, holder: int, claim: str) -> LightRecord:
    """The record after `former`, above every generation that its author has `seen`."""
    generation = max(former.generation if former is not None else 0, seen) + 1
    return LightRecord(cluster=cluster, generation=generation, holder=holder, claim=claim)
