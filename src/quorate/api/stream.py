"""Events over HTTP as server-sent events, with resume (design §7).

Owns: the form of the stream. Does not know: what happens in the cluster; `control.events` keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from quorate.api.inputs import to_json
from quorate.control.events import Event, EventBus

KEEP_ALIVE_S: Final = 15.0
"""A comment now and then tells both sides that the connection lives."""


def frame(event: Event) -> bytes:
    """One event as the stream carries it."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.id.encode(), event.kind.encode(), to_json(event))


async def event_stream(bus: EventBus, after: str | None, kinds: frozenset[str]) -> AsyncIterator[bytes]:
    """Every event after that id, of these kinds (empty: all), until the client goes or the service stops."""
    yield b": quorate events\n\n"
    events = bus.subscribe(after)
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=KEEP_ALIVE_S)
            if not done:
                yield b": still here\n\n"
                continue
            event = coming.result()
            if event is None:
                return
            if not kinds or event.kind in kinds or event.kind == "reconnected":
                yield frame(event)
            coming = asyncio.ensure_future(anext(events, None))
    finally:
        coming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await coming
