"""The life of one resource in its host: where it stands, what may happen to it, what is to be done (spec/04 section 5).

Owns: these nouns. Does not know: what follows from what (`host.machine`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from quorate.wire.host_channel import FailureKind, OfflineReason, ReportedState


class Phase(enum.Enum):
    """Where a life stands; see the table above."""

    OFFLINE = "offline"
    COMING = "coming"
    ONLINE = "online"
    GOING = "going"
    ENDING = "ending"


class Poll(enum.Enum):
    """The two health checks."""

    LOOKS_ALIVE = "looks_alive"
    IS_ALIVE = "is_alive"


@dataclass(frozen=True, slots=True)
class Intervals:
    """Times of one resource, in seconds."""

    looks_alive_s: float
    is_alive_s: float
    pending_s: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What is shown of a life."""

    state: ReportedState
    detail: str = ""
    failure: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """One resource in its host. Times are seconds on the boot-time clock."""

    intervals: Intervals
    phase: Phase = Phase.OFFLINE
    wanted_online: bool = False
    shown: Standing = Standing(ReportedState.OFFLINE)
    since_s: float = 0.0
    checkpoint: int = 0
    silent_since_s: float = 0.0
    polling: Poll | None = None
    next_looks_alive_s: float = 0.0
    next_is_alive_s: float = 0.0
    outcome: Standing = Standing(ReportedState.OFFLINE)
    locked: str = ""
    """Why the type has locked it; gone when nothing of it runs any more (spec/03 §14.1: volatile)."""
    maintained: bool = False
    """Somebody works on it by hand: what its health checks say is shown and has no consequence (spec/03 §14.2).

    It ends with what runs of it."""
    suspected: bool = False
    """The type says that it may have failed, and the thorough check that follows has not begun."""
    early_failure: Standing | None = None
    """What the type reported before its `online` returned: a program may end in between."""


# Events ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OnlineWanted:
    """A command: be online."""


@dataclass(frozen=True, slots=True)
class OfflineWanted:
    """A command: be offline, gracefully."""

    reason: OfflineReason


@dataclass(frozen=True, slots=True)
class EndWanted:
    """Be ended at once: a command, the end of the lease, or the end of the host."""

    detail: str


class Call(enum.Enum):
    """The calls that move a life on."""

    ONLINE = "online"
    OFFLINE = "offline"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class CallReturned:
    """A call is done; `problem` says how it failed, if it did. Only the call of the present phase means anything.

    An `online` that was given up may still return while `terminate` has not begun: that is not the end of anything.
    """

    call: Call
    problem: Standing | None = None


@dataclass(frozen=True, slots=True)
class StopFailed:
    """`terminate` fails again and again: something may be left. It goes on being tried."""

    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life from a pending call."""

    detail: str


@dataclass(frozen=True, slots=True)
class FailureReported:
    """The type says by itself that the resource failed."""

    kind: FailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class Suspected:
    """The type says by itself that the resource may have failed: the thorough check decides, now (C5)."""


@dataclass(frozen=True, slots=True)
class FailureCleared:
    """The type says that what failed inside works again."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The type locks it for that reason; an empty one unlocks it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Maintained:
    """Its maintenance begins, or ends: then it is checked at once."""

    on: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A health check has answered."""

    poll: Poll
    alive: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    OnlineWanted
    | OfflineWanted
    | EndWanted
    | CallReturned
    | StopFailed
    | Progress
    | FailureReported
    | Suspected
    | FailureCleared
    | Locked
    | Maintained
    | Verdict
    | Tick
)


# Effects --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallOnline:
    """Start `online`."""


@dataclass(frozen=True, slots=True)
class CallOffline:
    """Start `offline`."""

    reason: OfflineReason


@dataclass(frozen=True, slots=True)
class CallTerminate:
    """Cancel what runs, then `terminate`."""


@dataclass(frozen=True, slots=True)
class CallPoll:
    """Start a health check."""

    poll: Poll


@dataclass(frozen=True, slots=True)
class Show:
    """The standing or its checkpoint has changed: report it."""


Effect = CallOnline | CallOffline | CallTerminate | CallPoll | Show
Step = tuple[Life, tuple[Effect, ...]]
