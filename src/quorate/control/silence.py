"""What a node says when it has not heard from the database for a while: everything else that it shows is old.

Owns: that one condition. Does not know: why the database is silent.
"""

from __future__ import annotations

from typing import Final

from quorate.model.problems import Problem, error

SILENT_S: Final = 3.0
"""Well beyond an election and a watch that is begun anew."""


def silence_problem(age_s: float, *, lease_over: bool, ever: bool = True) -> Problem | None:
    """The condition, `age_s` seconds after the last word; None while that is no news.

    Not `ever`: there was no word since the node started, `age_s` seconds ago; that is news at once.
    """
    if ever and age_s < SILENT_S:
        return None
    if ever:
        what = f"this node has not heard from the database for {age_s:.0f} s; all that it shows is as it was then"
        ended = "Its lease is over: whatever ran here was ended, and comes back when the database answers"
    else:
        what = f"this node has not heard from the database since it started, {age_s:.0f} s ago; it knows of nothing yet"
        ended = "It has no lease: nothing runs here until the database answers"
    if lease_over:
        what += f". {ended}"
    remedy = "quorate quorum show names the voters: start those that are down, and bring the quorum storage back"
    return error("database_silent", what, where="store", remedy=remedy)
