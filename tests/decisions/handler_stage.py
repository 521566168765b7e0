"""The stage `handlers`: the life of one resource in its host (`host.machine`), whose calls return when told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from decisions.replay import Stage, Verb
from decisions.written_fields import seconds
from quorate.host import lives, machine
from quorate.wire.host_channel import FailureKind, OfflineReason, ReportedState


class HandlerStage(Stage):
    """Every call into the type and every state shown is an outcome."""

    def __init__(self) -> None:
        self.now = 0.0
        self.life = lives.Life(lives.Intervals(5.0, 60.0, 180.0))

    def timeouts(self, pending: str, looks: str, alive: str) -> Iterable[str]:
        self.life = lives.Life(lives.Intervals(float(looks), float(alive), float(pending)))
        return ()

    def tell(self, event: lives.Event) -> list[str]:
        self.life, effects = machine.step(self.life, event, self.now)
        found = []
        for effect in effects:
            match effect:
                case lives.Show():
                    shown = self.life.shown
                    inside = ", failed inside" if shown.failure is FailureKind.EMBEDDED else ""
                    locked = f", locked: {self.life.locked}" if self.life.locked else ""
                    words = shown.state.value.replace("_", " ") + (f" ({shown.detail})" if shown.detail else "")
                    maintained = ", in maintenance" if self.life.maintained else ""
                    found.append(words + inside + locked + maintained)
                case lives.CallOnline():
                    found.append("calls online")
                case lives.CallOffline():
                    found.append("calls offline")
                case lives.CallTerminate():
                    found.append("calls terminate")
                case lives.CallPoll(poll):
                    found.append(f"calls {poll.value}")
        return found

    def online(self) -> Iterable[str]:
        return self.tell(lives.OnlineWanted())

    def offline(self) -> Iterable[str]:
        return self.tell(lives.OfflineWanted(OfflineReason.REQUEST))

    def progress(self) -> Iterable[str]:
        return self.tell(lives.Progress("still at it"))

    def returns(self, call: str) -> Iterable[str]:
        return self.tell(lives.CallReturned(lives.Call(call)))

    def raises(self, call: str) -> Iterable[str]:
        failed = ReportedState.FAILED if call == "online" else ReportedState.OFFLINE
        return self.tell(lives.CallReturned(lives.Call(call), lives.Standing(failed, "it raised")))

    def says(self, poll: str, answer: str) -> Iterable[str]:
        return self.tell(lives.Verdict(lives.Poll(poll), answer == "yes"))

    def reports(self, kind: str) -> Iterable[str]:
        return self.tell(lives.FailureReported(FailureKind(kind), "from inside"))

    def suspects(self) -> Iterable[str]:
        return self.tell(lives.Suspected())

    def clears(self) -> Iterable[str]:
        return self.tell(lives.FailureCleared())

    def locks(self) -> Iterable[str]:
        return self.tell(lives.Locked("a snapshot is made"))

    def maintained(self, what: str) -> Iterable[str]:
        """`begins` or `ends`."""
        return self.tell(lives.Maintained(what == "begins"))

    def passes(self, amount: str, unit: str) -> Iterable[str]:
        end, found = self.now + seconds(amount, unit), []
        while (due := machine.deadline(self.life)) is not None and due <= end:
            self.now = due
            found += self.tell(lives.Tick())
        self.now = end
        return found

    def progress_every(self, every: str, unit: str, amount: str, for_unit: str) -> Iterable[str]:
        found: list[str] = []
        for _ in range(round(seconds(amount, for_unit) / seconds(every, unit))):
            found += [*self.passes(every, unit), *self.progress()]
        return list(dict.fromkeys(found))

    verbs: ClassVar[tuple[Verb, ...]] = (
        Verb("pending_timeout {pending} s, looks_alive every {looks} s, is_alive every {alive} s", timeouts),
        Verb("it is to come online", online),
        Verb("it is to go offline", offline),
        Verb("it reports progress", progress),
        Verb("it reports progress every {every} {unit} for {amount} {for_unit}", progress_every),
        Verb("it reports a {kind} failure", reports),
        Verb("it says that it may have failed", suspects),
        Verb("it clears the failure", clears),
        Verb("it is locked", locks),
        Verb("its maintenance {what}", maintained),
        Verb("{call} returns", returns),
        Verb("{call} raises", raises),
        Verb("{poll} says {answer}", says),
        Verb("{amount} {unit} pass", passes),
    )
