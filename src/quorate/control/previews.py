"""What would follow, for every face: the form of a preview and of a forecast (design §5).

Owns: fields and their words. Does not know: how they are made (`control.foreseeing`).
"""

from __future__ import annotations

from quorate.control.views import AsOf
from quorate.model.base import Value


class StepView(Value, frozen=True, kw_only=True):
    """One thing that would be decided, or done by an owner.

    `what`: place, move, hold, stay (decisions), stop, start (resources on `target`).
    """

    group: str
    what: str
    source: str = ""
    target: str = ""
    why: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    anyway: bool = False
    """It would come without the change as well."""


class UnservedView(Value, frozen=True, kw_only=True):
    """A group that should be online and is not, in the end."""

    group: str
    node: str = ""
    why: tuple[str, ...] = ()
    before: bool = False
    """It is so now already."""


class Preview(Value, frozen=True, kw_only=True):
    """What would follow, in order. Times, and starts that fail, cannot be foreseen."""

    as_of: AsOf
    of: str
    alters: bool = True
    """False: it is so already, nothing would be written."""
    steps: tuple[StepView, ...] = ()
    unserved: tuple[UnservedView, ...] = ()
    waiting: tuple[UnservedView, ...] = ()
    """Groups that are as they should be where they are, and would wait to go elsewhere: a drain is not over then."""
    settled: bool = True
    """False: the steps found no end."""
    keeps_majority: bool = True
    """False: the cluster could decide nothing any more; what runs elsewhere runs on."""
    further_losses: int | None = None
    """Of a loss: how many voters more may go after it, whichever they are; negative: the majority is missing."""
    needs_proof: tuple[str, ...] = ()
    """Groups that would stand still until somebody proves that a lost node is off."""


class LossView(Value, frozen=True, kw_only=True):
    """What the loss of one thing would do now."""

    lost: str
    kind: str
    """node, site or quorum: the quorum resource, or the witness."""
    keeps_majority: bool
    further_losses: int
    """How many voters more may go after it, whichever they are; negative where the majority is missing."""
    moves: tuple[StepView, ...] = ()
    """One step for each group that the loss brings elsewhere, on hold, offline or online: from before to the end.

    *stop*, *start* and *stay* are where it is: it goes offline, comes online, or does one after the other.
    """
    unserved: tuple[UnservedView, ...] = ()
    """Without those that are so already."""
    needs_proof: tuple[str, ...] = ()


class Forecast(Value, frozen=True, kw_only=True):
    """What the loss of each node, of each site, and of the quorum resource would do now."""

    as_of: AsOf
    losses: tuple[LossView, ...]
