"""One resource in its host: carries out what `machine` decides, on the type's own object.

Owns: the object of the type, its context, its calls as tasks, one timer.
Does not know: the channel, tokens of commands, or other resources; `runner` does.
How it works: `tell` feeds an event to the machine and carries the effects out; a call that returns is the next event.
Calls run one at a time, except `terminate`: it cancels what runs, gives it UNWIND_LIMIT_S to unwind, and starts
regardless. Whatever had not unwound by then is waited for (under the deadlock limit), and `terminate` is repeated,
because it may have taken hold of something in between.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final, assert_never

from quorate.host import lives, machine
from quorate.host.context import LOG_TEXT_LIMIT, Desk, InstanceContext
from quorate.host.notices import Notice, notices
from quorate.model.properties import PropertyValue
from quorate.model.resource_type import ENDED_BY_KERNEL, NEVER_MS
from quorate.sdk.facilities import FacilityError, HoldRefused
from quorate.sdk.resource_type import (
    CannotComeOnlineAnywhere,
    CannotComeOnlineHere,
    Json,
    ResourceProblem,
    ResourceType,
    UnknownVerb,
)
from quorate.wire.host_channel import ControlAnswer, FailureKind, Open, ReportedState, State
from quorate.wire.lease_page import boot_time_s

UNWIND_LIMIT_S: Final = 0.05
"""How long `terminate` waits for a cancelled call. G, the time for ending resources, is 100 ms in the fast profile."""

TERMINATE_AGAIN_S: Final = 0.25
"""Pause before a `terminate` that raised is tried again."""

FAILURES_MOST: Final = 4
"""So often `terminate` may raise before the stop counts as failed: what it holds is ended by force, or that is told."""

STOP_FAILED_AGAIN_S: Final = 2.0
"""Pause between attempts after that: an obstacle may be removed."""

NEVER_S: Final = 10.0 * 365 * 24 * 3600


class Instance:
    """One resource, from `open` to `close`."""

    def __init__(
        self, spec: Open, kind: type[ResourceType], properties: Mapping[str, PropertyValue], desk: Desk
    ) -> None:
        self.resource_id = spec.resource_id
        self.spec = spec
        self.properties = properties
        self.token = 0
        self.found = ""
        """What was active before it was brought online under the present assignment, in words."""
        self._probed_token = 0
        self._desk = desk
        self._waiting_properties: Mapping[str, PropertyValue] | None = None
        self.life = lives.Life(_intervals(spec, kind), since_s=boot_time_s(), maintained=spec.maintained)
        self._context = InstanceContext(self, desk)
        self._type = kind(self._context)
        self._one_call = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._complaint = ""
        self._telling: asyncio.Task[None] | None = None
        """Notices under way, one after the other; nothing cancels them, for they are told once."""
        self.standing_still = asyncio.Event()
        self.standing_still.set()

    @property
    def kind(self) -> type[ResourceType]:
        """The class of its type."""
        return type(self._type)

    def state(self) -> State:
        """As reported."""
        life = self.life
        return State(
            resource_id=self.resource_id,
            token=self.token,
            state=life.shown.state,
            detail=life.shown.detail,
            since_boot_s=life.since_s,
            checkpoint=life.checkpoint,
            failure=life.shown.failure,
            locked=life.locked,
            found=self.found,
            maintained=life.maintained,
        )

    def change(self, spec: Open, properties: Mapping[str, PropertyValue]) -> None:
        """New properties; the private ones take effect at the next online, the intervals now.

        What became of it otherwise, its name, its group, its dependencies, is told to the type.
        """
        told = tuple(notices(self._type, self.spec, spec))
        if told:
            self._telling = asyncio.create_task(self._tell_type(self._telling, told), name=f"tell {self.resource_id}")
        self.spec = spec
        self.life = replace(self.life, intervals=_intervals(spec, self.kind))
        if self.life.phase is lives.Phase.OFFLINE:
            self.properties = properties
        else:
            self._waiting_properties = properties
        self.tell(lives.Maintained(spec.maintained))

    def tell(self, event: lives.Event) -> None:
        """Feed an event, carry the effects out."""
        self.life, effects = machine.step(self.life, event, boot_time_s())
        still = self.life.phase is lives.Phase.OFFLINE
        self._desk.held(self.resource_id, held=not still)
        if still:
            self.standing_still.set()
        else:
            self.standing_still.clear()
        for effect in effects:
            self._carry_out(effect)
        self._set_timer()

    async def open(self) -> None:
        """Call `open`. Raises what it raises."""
        async with self._one_call:
            with self._call("open"):
                await self._type.open()

    async def close(self, *, deleted: bool = False) -> None:
        """End it if need be, then call `close`; before that `deleted`, where the resource is no more."""
        if self.life.phase is not lives.Phase.OFFLINE:
            self.tell(lives.EndWanted("closed"))
            await self.standing_still.wait()
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._running):
            task.cancel()
        last = (("deleted", self._type.deleted),) if deleted else ()
        await self._tell_type(self._telling, (*last, ("close", self._type.close)))

    async def _tell_type(self, former: asyncio.Task[None] | None, told: tuple[Notice, ...]) -> None:
        """Call each of these, after those that were to be told before."""
        if former is not None:
            await former
        for name, call in told:
            async with self._one_call:
                with self._call(name):
                    try:
                        await call()
                    except Exception:  # noqa: BLE001 - the type's fault must not stop the host, and changes nothing
                        self._log_traceback(name)

    def prepare(self) -> None:
        """Call `prepare`, unless something else is going on."""
        if self.life.phase is lives.Phase.OFFLINE and not self._one_call.locked():
            self._spawn("prepare", self._prepare())

    def control(self, request_id: int, verb: str, body: Json, answer: Callable[[ControlAnswer], None]) -> None:
        """Call `control`; the answer comes when it returns."""
        self._spawn("control", self._control(request_id, verb, body, answer))

    def _carry_out(self, effect: lives.Effect) -> None:
        match effect:
            case lives.Show():
                self._desk.report(self.state())
            case lives.CallOnline():
                if self._waiting_properties is not None:
                    self.properties, self._waiting_properties = self._waiting_properties, None
                self._spawn("online", self._pending(lives.Call.ONLINE, self._come_online, ReportedState.FAILED))
            case lives.CallOffline():
                self._spawn("offline", self._pending(lives.Call.OFFLINE, self._type.offline, ReportedState.OFFLINE))
            case lives.CallTerminate():
                self._ending = asyncio.create_task(self._terminate(), name=f"terminate {self.resource_id}")
            case lives.CallPoll(poll):
                self._spawn(poll.value, self._poll(poll))
            case _ as unreachable:
                assert_never(unreachable)

    async def _pending(
        self, which: lives.Call, call: Callable[[], Coroutine[Any, Any, None]], failed: ReportedState
    ) -> None:
        name = which.value
        problem: lives.Standing | None = None
        async with self._one_call:
            with self._call(name, pending=True):
                try:
                    await call()
                except CannotComeOnlineAnywhere as cause:
                    problem = lives.Standing(ReportedState.CANNOT_ANYWHERE, str(cause))
                except (CannotComeOnlineHere, HoldRefused) as cause:
                    problem = lives.Standing(ReportedState.CANNOT_HERE, str(cause))
                except (ResourceProblem, FacilityError) as cause:
                    problem = lives.Standing(failed, str(cause), FailureKind.GENERAL)
                except Exception as cause:  # noqa: BLE001 - a type may raise anything
                    self._log_traceback(name)
                    problem = lives.Standing(failed, f"{name} raised {cause!r}", FailureKind.GENERAL)
        self.tell(lives.CallReturned(which, problem))

    async def _come_online(self) -> None:
        """Look for what is active already, and do with it as the policy says; once under each assignment.

        An attempt that ends here has dealt with nothing, so the next one looks again.
        """
        token = self.token
        if self._probed_token != token:
            self.found, found = "", await self._probe()
            if found:
                self._context.report_found(found)
                if self.spec.already_running_action == "fail":
                    # Nowhere, not here: whoever else started it would go on beside the group on another node.
                    raise CannotComeOnlineAnywhere(f"it is active here already and was not started here: {found}")
                if self.spec.already_running_action == "adopt" and self.kind.manifest.can_adopt:
                    await self._type.adopt()
                    self._probed_token = token
                    return
                await self._type.end_found()
            self._probed_token = token
        await self._type.online()

    async def _probe(self) -> str:
        try:
            return await self._type.probe()
        except Exception:  # noqa: BLE001 - a type may raise anything; what cannot be looked for is not found
            self._log_traceback("probe")
            return ""

    async def _terminate(self) -> None:
        cancelled = [task for task in self._running if not task.done()]
        for task in cancelled:
            task.cancel()
        self._desk.calls.cancelled(self.resource_id)
        if cancelled:
            await asyncio.wait(cancelled, timeout=UNWIND_LIMIT_S)
        failures = 0
        while not await self._ends(cancelled):
            failures += 1
            if failures >= FAILURES_MOST and self.spec.end_by_force and await self._end_by_force():
                break
            if failures >= FAILURES_MOST:
                self.tell(lives.StopFailed(self._complaint))
            await asyncio.sleep(TERMINATE_AGAIN_S if failures < FAILURES_MOST else STOP_FAILED_AGAIN_S)
        self.tell(lives.CallReturned(lives.Call.TERMINATE))

    async def _ends(self, cancelled: list[asyncio.Task[None]]) -> bool:
        """Call `terminate`, and once more where something had not unwound; tells whether nothing is left."""
        with self._call("terminate"):
            while True:
                unwound = all(task.done() for task in cancelled)
                try:
                    await self._type.terminate()
                except Exception as cause:  # noqa: BLE001 - a type may raise anything, and something of it may be left
                    self._log_traceback("terminate")
                    self._complaint = str(cause) or repr(cause)
                    return False
                if unwound:
                    return True
                await asyncio.wait(cancelled)

    async def _end_by_force(self) -> bool:
        """Without the type: what it holds is ended as the end of a lease would; tells whether that is all it holds."""
        with self._call("end by force"):
            try:
                await self._desk.end_by_force(self.resource_id)
            except OSError as cause:
                self._complaint = f"by force: {cause}"
                return False
        self._desk.log(self.resource_id, "warning", f"it was ended by force: {self._complaint}"[:LOG_TEXT_LIMIT])
        return ENDED_BY_KERNEL.issuperset(self.kind.manifest.takes_hold_of)

    async def _poll(self, poll: lives.Poll) -> None:
        check = self._type.looks_alive if poll is lives.Poll.LOOKS_ALIVE else self._type.is_alive
        detail = "is_alive says no"
        async with self._one_call:
            with self._call(poll.value):
                try:
                    alive = await check()
                except Exception as cause:  # noqa: BLE001 - a type may raise anything
                    self._log_traceback(poll.value)
                    alive, detail = False, f"{poll.value} raised {cause!r}"
        self.tell(lives.Verdict(poll, alive, detail))

    async def _prepare(self) -> None:
        async with self._one_call:
            with self._call("prepare"):
                try:
                    await self._type.prepare()
                except Exception:  # noqa: BLE001 - a hint; what is wrong will show when it comes online
                    self._log_traceback("prepare")

    async def _control(self, request_id: int, verb: str, body: Json, answer: Callable[[ControlAnswer], None]) -> None:
        reply = ControlAnswer(request_id, problem="interrupted by terminate")
        try:
            async with self._one_call:
                with self._call(f"control {verb}"):
                    reply = ControlAnswer(request_id, await self._type.control(verb, body))
        except UnknownVerb:
            reply = ControlAnswer(request_id, problem=f"{self.spec.type_name} has no operation {verb}")
        except (ResourceProblem, FacilityError) as problem:
            reply = ControlAnswer(request_id, problem=str(problem))
        except Exception as problem:  # noqa: BLE001 - a type may raise anything
            self._log_traceback(verb)
            reply = ControlAnswer(request_id, problem=repr(problem))
        finally:
            answer(reply)

    def _call(self, name: str, *, pending: bool = False) -> AbstractContextManager[None]:
        limit_ms = self.spec.deadlock_timeout_ms
        limit_s = NEVER_S if limit_ms == NEVER_MS else limit_ms / 1000
        return self._desk.calls.running(self.resource_id, name, limit_s, pending=pending)

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"{name} {self.resource_id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_s = machine.deadline(self.life)
        if due_s is not None:
            self._timer = asyncio.get_running_loop().call_later(max(due_s - boot_time_s(), 0), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.tell(lives.Tick())

    def _log_traceback(self, name: str) -> None:
        text = traceback.format_exc()
        self._desk.log(self.resource_id, "error", f"{name}: …{text[-LOG_TEXT_LIMIT + 20 :]}")


def _intervals(spec: Open, kind: type[ResourceType]) -> lives.Intervals:
    pending_s = NEVER_S if spec.pending_timeout_ms == NEVER_MS else spec.pending_timeout_ms / 1000
    looks_alive_s = NEVER_S if kind.manifest.watches_itself else spec.looks_alive_poll_interval_ms / 1000
    return lives.Intervals(looks_alive_s, spec.is_alive_poll_interval_ms / 1000, pending_s)
