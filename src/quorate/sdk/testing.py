"""The conformance kit: tests for resource types, without a host, for authors outside as for the built-in types.

Owns: the checks every type must pass
(spec/04 section 15).
Does not know: any type. How it works: a test is a frozen `World` (`sdk.memory`), the calls to make, and the `Outcome`
that comes out:

    outcome = await play(MyType, {"address": "192.0.2.7"}, World(), "open", "online")
    assert outcome.problem is None and outcome.world.addresses == ("192.0.2.7",)

`await check_conformance(MyType, properties)` runs all checks and raises ConformanceFailure with every one that failed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quorate.model.properties import PropertyValue
from quorate.model.resource_type import check_manifest, complete_properties
from quorate.sdk.memory import MemoryContext, World
from quorate.sdk.resource_type import Failure, ResourceType


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the calls: the world after, the answer or error of the last call, and what the type said."""

    world: World
    answer: object = None
    problem: Exception | None = None
    failures: tuple[tuple[Failure, str], ...] = ()
    progress: tuple[str, ...] = ()
    log: tuple[str, ...] = ()


class ConformanceFailure(AssertionError):
    """The type does not keep its contract; one line for every check that failed."""


async def play(kind: type[ResourceType], properties: Mapping[str, PropertyValue], world: World, *calls: str) -> Outcome:
    """Make the calls in order on one instance, up to the first that raises. `lose` loses everything from outside.

    Properties are completed with the defaults of the manifest. Raises Refused where they are wrong.
    """
    context = MemoryContext(complete_properties(kind.manifest, properties), world)
    instance = kind(context)
    answer: object = None
    problem: Exception | None = None
    for call in calls:
        try:
            if call == "lose":
                context.lose_everything()
            else:
                answer = await getattr(instance, call)()
        except Exception as raised:  # noqa: BLE001 - whatever it raises is the outcome
            problem = raised
            break
    await asyncio.sleep(0)
    return Outcome(
        context.world_now(),
        answer,
        problem,
        tuple(context.failures),
        tuple(context.progress),
        tuple(context.lines),
    )


async def check_conformance(kind: type[ResourceType], properties: Mapping[str, PropertyValue]) -> None:
    """Run every check with properties under which the type can come online in `World()`. Raises ConformanceFailure."""
    faults = [f"manifest: {problem.what}" for problem in check_manifest(kind.manifest)]

    async def expect(story: str, world: World, calls: str, right: Callable[[Outcome], bool]) -> None:
        outcome = await play(kind, properties, world, *calls.split())
        if not right(outcome):
            faults.append(f"{story}: {calls} gave {outcome}")

    def nothing_left(outcome: Outcome) -> bool:
        return not outcome.world.programs and not outcome.world.addresses

    def something_runs(outcome: Outcome) -> bool:
        return not nothing_left(outcome)

    def well(outcome: Outcome) -> bool:
        return outcome.problem is None

    await expect("opening takes hold of nothing", World(), "open", lambda o: well(o) and nothing_left(o))
    await expect(
        "a probe finds nothing where nothing runs",
        World(),
        "open probe",
        lambda o: well(o) and o.answer == "" and nothing_left(o),
    )
    await expect("online, and alive", World(), "open online is_alive", lambda o: o.answer is True and something_runs(o))
    await expect("looks alive too", World(), "open online looks_alive", lambda o: o.answer is True)
    await expect("offline leaves nothing", World(), "open online offline", lambda o: well(o) and nothing_left(o))
    await expect("terminate leaves nothing", World(), "open online terminate", lambda o: well(o) and nothing_left(o))
    await expect("stopping is no failure", World(), "open online offline", lambda o: not o.failures)
    await expect("terminate is harmless when offline", World(), "open terminate terminate", well)
    await expect("offline is harmless when offline", World(), "open offline offline close", well)
    once = (await play(kind, properties, World(), "open", "online")).world
    await expect("online twice is online once", World(), "open online online", lambda o: well(o) and o.world == once)
    await expect("it comes back", World(), "open online offline online is_alive", lambda o: o.answer is True)
    await expect("a loss is seen", World(), "open online lose is_alive", lambda o: o.answer is False)
    await expect("a loss is reported at once", World(), "open online lose", lambda o: bool(o.failures))
    await expect("ending after a loss", World(), "open online lose terminate", lambda o: well(o) and nothing_left(o))
    refusing = World(grants_holdings=False)
    await expect("a refused holding is heeded", refusing, "open online", lambda o: not well(o) and nothing_left(o))
    if not await _survives_interruption(kind, properties):
        faults.append("terminate during online: something was left")
    if faults:
        raise ConformanceFailure("\n".join(faults))


async def _survives_interruption(kind: type[ResourceType], properties: Mapping[str, PropertyValue]) -> bool:
    """Whether nothing is left when `online` is cancelled after it has taken hold, and `terminate` follows."""
    context = MemoryContext(complete_properties(kind.manifest, properties), World(stalls=True))
    instance = kind(context)
    await instance.open()
    online = asyncio.create_task(instance.online())
    while not context.processes.started and not context.addresses.present_addresses and not online.done():  # noqa: ASYNC110 - one turn at a time
        await asyncio.sleep(0)
    online.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await online
    await instance.terminate()
    world = context.world_now()
    return not world.programs and not world.addresses
