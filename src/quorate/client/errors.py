"""What may come back instead of an answer.

Owns: the failures of a call. Does not know: connections.

Errors, drawn as a tree; whose move it is stands beside each:

    Refused             (model.problems) the request is wrong or not allowed; the caller's move
    CallFailed
    ├── NotNow          nothing was changed, and the cluster cannot do it now; try again later
    ├── NoConnection    nobody answered, and nothing was sent
    └── OutcomeUnknown  the request was sent and the answer is missing; look before trying again
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.model.problems import Problem


class CallFailed(Exception):
    """Root of everything but a refusal."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.what for problem in self.problems))


class NotNow(CallFailed):
    """Nothing was changed; trying again later may help."""


class NoConnection(CallFailed):
    """No endpoint could be reached; nothing was sent."""


class OutcomeUnknown(CallFailed):
    """The request was sent and no answer came."""
