"""What a node says when it has not heard from the database for a while: everything else that it shows is old.

Owns: that one condition. Does not know: why the database is silent.
"""

from __future__ import annotations

from typing import Final

from quorate.model.problems import Problem, error

SILENT_S: Final = 3.0
"""Well beyond an election and a watch that is begun anew."""


def silence_problem(age_s: float, *, lease_over: bool) -> Problem | None:
    """The condition, `age_s` seconds after the last word; None while that is no news."""
    if age_s < SILENT_S:
        return None
    what = f"this node has not heard from the database for {age_s:.0f} s; all that it shows is as it was then"
    if lease_over:
        what += ". Its lease is over: whatever ran here was ended, and comes back when the database answers"
    remedy = "quorate quorum show names the voters: start those that are down, and bring the quorum storage back"
    return error("database_silent", what, where="store", remedy=remedy)
