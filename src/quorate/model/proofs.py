"""The levels of proof that a group can demand before it leaves a lost owner (design §4).

Owns: their names and order. Does not know: which proof meets which level (`core.proofs`).
"""

from __future__ import annotations

from typing import Final, Literal

ProofLevel = Literal["lease", "watchdog", "fenced"]

PROOF_LEVELS: Final[tuple[ProofLevel, ...]] = ("lease", "watchdog", "fenced")
"""Weakest first. *lease*: its lease is certainly over; *watchdog*: and its hardware has reset it; *fenced*: an agent,
an operator or the node itself says that nothing of it runs."""
