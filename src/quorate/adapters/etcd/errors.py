"""What may come of a request to etcd, sorted by what matters: whether it can have been executed.

Owns: the errors of the gateway, and the judgement which of them prove that nothing was or will be executed.
Does not know: the store port; `store` turns these into its errors.

    GatewayError
    ├── NotSent     no byte of the request left us; proves that nothing was executed
    ├── NoAnswer    something may have left us and no usable answer came back; proves nothing
    └── Refused     etcd answered with an error; a few of these errors prove that nothing was executed

The list of proofs was read off the path of a Txn through etcd 3.4 to 3.6. Whatever comes back after the proposal was
handed to raft ("request timed out" in all its forms, "leader changed", "server stopped", "request cancelled", a closed
connection inside etcd) proves nothing: the proposal may still be committed, long after the answer.
"""

from __future__ import annotations

NOT_EXECUTED = frozenset(
    {
        "etcdserver: no leader",  # from the interceptor in front of the call (we send hasleader), never from raft
        "etcdserver: rpc not supported for learner",  # same place
        "etcdserver: not capable",  # same place
        "etcdserver: too many requests",  # judged before the proposal
        "raft proposal dropped",  # raft's own step refused it before it reached the log or another member
    }
)
"""Answers after which the request was certainly not executed and another endpoint may be asked."""

CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, OUT_OF_RANGE, UNAVAILABLE = 1, 2, 3, 4, 11, 14
"""The gRPC codes that matter here. CANCELLED, UNKNOWN, DEADLINE_EXCEEDED and UNAVAILABLE speak of the member that was
asked; every other code would come from each member alike."""

_OF_ONE_MEMBER = frozenset({CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, UNAVAILABLE})


class GatewayError(Exception):
    """Root of what a call to etcd may raise."""

    proves_not_executed = False
    is_final = False
    """Whether every other endpoint would say the same."""


class NotSent(GatewayError):
    """No connection came about; etcd does not know of the request."""

    proves_not_executed = True


class NoAnswer(GatewayError):
    """The time-out passed, the connection broke, or the answer was not etcd's."""


class Refused(GatewayError):
    """etcd answered with an error: its gRPC `code` and `message`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message
        self.proves_not_executed = message in NOT_EXECUTED
        self.is_final = code not in _OF_ONE_MEMBER and not self.proves_not_executed

    @property
    def alarm(self) -> str | None:
        """NOSPACE or CORRUPT where the refusal is that of a store that protects itself."""
        if "database space exceeded" in self.message:
            return "NOSPACE"
        return "CORRUPT" if "corrupt cluster" in self.message else None

    @property
    def blames_request(self) -> bool:
        """Whether the request itself is at fault: too large, too many operations, wrong form or revision."""
        return self.code in {INVALID_ARGUMENT, OUT_OF_RANGE} or "message larger than max" in self.message
