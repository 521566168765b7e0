"""Resource types that do everything wrong, for tests of hosts and of policy.

Owns: the catalogue of misbehaviour. Does not know: who watches. Load one by its place,
`quorate.sdk.misbehaving:SilentOnline`.
How it works: each type runs one program (`sleep`), so that a test sees whether anything was left, and errs in one way.
"""

# ruff: noqa: D102 - what replaces a method is documented where the method is declared

from __future__ import annotations

import asyncio
import os
import time
from typing import ClassVar

from quorate.model.base import replace
from quorate.model.properties import PropertyDefinition, PropertyKind
from quorate.model.resource_type import Characteristic, Manifest
from quorate.sdk.facilities import Program, RunningProgram
from quorate.sdk.overriding import override
from quorate.sdk.resource_type import CannotComeOnlineAnywhere, CannotComeOnlineHere, Json, ResourceFailed, ResourceType


class WellBehaved(ResourceType):
    """One program and no vice: what the others are measured against."""

    manifest: ClassVar[Manifest] = Manifest(
        name="misbehaving", display_name="Misbehaving", description="For tests.", takes_hold_of=("process",)
    )
    program: RunningProgram | None = None

    @override
    async def online(self) -> None:
        await self.terminate()
        sleep = Program(arguments=("sleep", "86400"))
        self.program = await self.context.processes.start(sleep, lambda _: None)

    @override
    async def offline(self) -> None:
        await self.terminate()

    @override
    async def terminate(self) -> None:
        if self.program is not None:
            await self.program.kill()
            self.program = None

    @override
    async def is_alive(self) -> bool:
        return self.program is not None and self.program.running

    @override
    async def control(self, verb: str, body: Json) -> Json:
        """Errs on request: `block` the loop, `fail` or `fail_inside` now, `crash` the host, `echo` the body.

        `recover_inside`, `lock` and `unlock` are no vices.
        """
        match verb:
            case "block":
                time.sleep(3600)  # noqa: ASYNC251 - that is the vice
            case "fail":
                self.context.report_failure("general", "asked to fail")
            case "fail_inside":
                self.context.report_failure("embedded", "asked to fail inside")
            case "recover_inside":
                self.context.clear_failure()
            case "lock":
                self.context.lock(str(body))
            case "unlock":
                self.context.unlock()
            case "crash":
                os.abort()
            case _:
                return body
        return None


class FoundRunning(WellBehaved):
    """Something of it runs before anybody has started it, until `end_found`."""

    left = True

    @override
    async def probe(self) -> str:
        return "one that was left" if self.left else ""

    @override
    async def end_found(self) -> None:
        self.left = False


class BlocksOnline(WellBehaved):
    """Blocks the host's loop in `online`."""

    @override
    async def online(self) -> None:
        await super().online()
        time.sleep(3600)  # noqa: ASYNC251 - that is the vice


class SilentOnline(WellBehaved):
    """Starts its program, then never says that it is online."""

    @override
    async def online(self) -> None:
        await super().online()
        await asyncio.Event().wait()


class SlowOnline(WellBehaved):
    """Takes ten steps to come online, with a sign of progress each: slow, but right."""

    @override
    async def online(self) -> None:
        await super().online()
        for number in range(10):
            await asyncio.sleep(0.05)
            self.context.report_progress(f"step {number}")


class SlowOpen(WellBehaved):
    """Takes a while to open."""

    @override
    async def open(self) -> None:
        await asyncio.sleep(0.5)


class ForgivesCancel(WellBehaved):
    """Takes the cancellation of `online` for a reason to be done with it."""

    @override
    async def online(self) -> None:
        await super().online()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return

    @override
    async def terminate(self) -> None:
        await asyncio.sleep(0.2)
        await super().terminate()


class IgnoresCancel(WellBehaved):
    """Swallows the cancellation of `online` and goes on."""

    @override
    async def online(self) -> None:
        await super().online()
        self.context.report_progress("deaf from now on")
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue


class CrashesOnline(WellBehaved):
    """Takes the host down in `online`."""

    @override
    async def online(self) -> None:
        await super().online()
        os.abort()


class RaisesOnline(WellBehaved):
    """Starts its program, then raises something of its own."""

    @override
    async def online(self) -> None:
        await super().online()
        raise ZeroDivisionError("of its own")


class NotHere(WellBehaved):
    """Cannot come online on this node."""

    @override
    async def online(self) -> None:
        raise CannotComeOnlineHere("not on this node")


class NotAnywhere(WellBehaved):
    """Cannot come online on any node."""

    @override
    async def online(self) -> None:
        raise CannotComeOnlineAnywhere("not on any node")


class RefusesToStop(WellBehaved):
    """Neither goes offline nor ends."""

    @override
    async def offline(self) -> None:
        await asyncio.Event().wait()

    @override
    async def terminate(self) -> None:
        if self.program is not None:
            await asyncio.Event().wait()


class WillNotEnd(WellBehaved):
    """Its `terminate` fails while the file of its property is there; without that, until `control relent`."""

    manifest: ClassVar[Manifest] = Manifest(
        name="will_not_end",
        display_name="Will Not End",
        description="For tests.",
        properties=(PropertyDefinition(name="obstacle", kind=PropertyKind.STRING, words="a path", default=""),),
        takes_hold_of=("process",),
        stop_failure_endangers_data=True,
    )
    relents = False

    @override
    async def terminate(self) -> None:
        obstacle = str(self.context.properties.get("obstacle") or "")
        stands = os.path.exists(obstacle) if obstacle else not self.relents  # noqa: ASYNC240, PTH110
        if self.program is not None and self.program.running and stands:
            raise ResourceFailed("it has made up its mind")
        await super().terminate()

    @override
    async def control(self, verb: str, body: Json) -> Json:
        self.relents = self.relents or verb == "relent"
        return await super().control(verb, body)


class DeadInside(WellBehaved):
    """Looks dead at every quick check, and is dead at the thorough one."""

    @override
    async def looks_alive(self) -> bool:
        return False

    @override
    async def is_alive(self) -> bool:
        return False


class WatchesItself(WellBehaved):
    """Hears of trouble by itself. `dead` says what the thorough check answers; the quick one must never be made."""

    manifest: ClassVar[Manifest] = replace(WellBehaved.manifest, name="watches_itself", watches_itself=True)
    dead = False

    @override
    async def looks_alive(self) -> bool:
        raise ResourceFailed("it was asked whether it looks alive")

    @override
    async def is_alive(self) -> bool:
        self.context.log("asked whether it is alive")
        return not self.dead and await super().is_alive()

    @override
    async def control(self, verb: str, body: Json) -> Json:
        """`suspect`, and before that `die`."""
        self.dead = self.dead or verb == "die"
        if verb == "suspect":
            self.context.suspect_failure("a handle was signalled")
        return await super().control(verb, body)


class HearsEverything(WellBehaved):
    """Writes every notice to the cluster log, and to the file of its property, then raises: nothing comes of that."""

    manifest: ClassVar[Manifest] = Manifest(
        name="hears_everything",
        display_name="Hears Everything",
        description="For tests.",
        properties=(PropertyDefinition(name="file", kind=PropertyKind.STRING, words="a path", default=""),),
        takes_hold_of=("process",),
        characteristics=Characteristic.DELETE_REQUIRES_ALL_NODES.value,
    )

    def _heard(self, what: str) -> None:
        self.context.log(f"heard: {what}")
        if place := str(self.context.properties.get("file") or ""):
            with open(place, "a", encoding="utf-8") as file:  # noqa: PTH123 - a line in a test
                file.write(f"{self.context.name}: {what}\n")
        raise ResourceFailed("it does not like that")

    @override
    async def renamed(self, former: str) -> None:
        self._heard(f"renamed from {former} to {self.context.name}")

    @override
    async def leaving_group(self, group: str) -> None:
        self._heard(f"leaving {group}")

    @override
    async def joining_group(self, group: str) -> None:
        self._heard(f"joining {group}")

    @override
    async def dependency_added(self, resource_id: str, name: str) -> None:
        del resource_id
        self._heard(f"depends on {name}")

    @override
    async def dependency_removed(self, resource_id: str, name: str) -> None:
        del resource_id
        self._heard(f"does not depend on {name}")

    @override
    async def deleted(self) -> None:
        self._heard("deleted")

    @override
    async def close(self) -> None:
        self.context.log("closed")


class NotMaintained(WellBehaved):
    """Its health checks cannot be overlooked."""

    manifest: ClassVar[Manifest] = replace(WellBehaved.manifest, name="not_maintained", can_be_maintained=False)
