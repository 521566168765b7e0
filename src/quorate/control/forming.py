"""What a node answers that has not read the database in its present life: it stands still, or the others are missing.

Owns: that one refusal. Does not know: why; what the node itself complains of is handed on.
"""

from __future__ import annotations

from quorate.control.reading import Reading
from quorate.model.problems import Refused, error


def not_formed(context: Reading) -> Refused:
    """To be raised where the view has no cluster."""
    what = "this node has not read the database yet"
    remedy = "a majority of the voters must be up; see the log of this node"
    return Refused([error("cluster_not_formed", what, remedy=remedy), *context.store_problems()])
