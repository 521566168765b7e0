"""The record of the light witness, as this node reads and swaps it (decision 0035).

Owns: the way to it, the note of what must be remembered, and whether a swap of this node's is in doubt. Does not know:
what shall stand there.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from quorate.model.light_address import LightKind
from quorate.model.light_witness import BOTH, CLOSED, LightRecord, following
from quorate.node.light_memory import LightMemory
from quorate.node.light_place import open_light
from quorate.node.service_log import log
from quorate.ports.light_witness import LightWitness, WitnessLost

if TYPE_CHECKING:
    from quorate.node.service import Service

LIMIT_S: Final = 5.0


class LightAccess:
    """One node's access; opened where the configuration says, and anew where that changes."""

    def __init__(self, service: Service) -> None:
        self.record: LightRecord | None = None
        self.reached = False
        self.problem = ""
        """Why it is not reached."""
        self.doubt = True
        """A swap of this node's may execute still; a former service may have sent one."""
        self.won: LightRecord | None = None
        """The record of the last swap for going on alone, once that was answered as done."""
        self._service = service
        self._witness: LightWitness | None = None
        self._memory: LightMemory | None = None
        self._place = ("", "")

    @property
    def memory(self) -> LightMemory:
        """What must be remembered; only after `open`."""
        assert self._memory is not None
        return self._memory

    def close(self) -> None:
        """There is no light witness any more."""
        self._witness, self._memory, self._place = None, None, ("", "")
        self.record, self.won, self.reached, self.problem, self.doubt = None, None, False, "", True

    async def open(self, kind: LightKind, path: str) -> None:
        """Be at that place. Raises Refused, Damaged, OSError."""
        if self._witness is None or (kind, path) != self._place:
            self.close()
            self._memory = LightMemory(self._service.places.light_note)
            await self._memory.at(kind, path)
            cluster = self._service.identity.cluster_id
            self._witness = await open_light(self._service.places, kind, path, cluster, LIMIT_S)
            self._place = (kind, path)

    async def read(self) -> None:
        """Read the record. Raises OSError where what was seen cannot be written down."""
        assert self._witness is not None
        try:
            self.record = await self._witness.read()
        except WitnessLost as lost:
            self.reached, self.problem = False, f"the witness does not answer: {lost}"
            return
        foreign = self.record is not None and self.record.cluster != self._service.identity.cluster_id
        self.reached, self.problem = not foreign, "the record is another cluster's" if foreign else ""
        if self.record is not None and not foreign:
            await self.memory.has_seen(self.record.generation)
            if self.record.holder == BOTH:
                await self.memory.swaps(alone=False)

    async def swap(self, holder: int, *, alone: bool) -> None:
        """Let the record say that. `alone`: for going on alone, by `won`. Raises WitnessLost, and is in doubt then."""
        assert self._witness is not None
        node, former, doubted = self._service.node, self.record, self.doubt
        claim, cluster = f"{node}-{secrets.token_hex(8)}", self._service.identity.cluster_id
        wanted = following(former, self.memory.note.seen, cluster=cluster, holder=holder, claim=claim)
        self.won, self.doubt = None, True
        if holder == node:
            await self.memory.swaps(alone=True)
        done = await self._witness.swap(former, wanted)
        log.info(
            "light witness", detail=f"record {wanted.generation} for {_words(holder)}: {'done' if done else 'refused'}"
        )
        self.doubt = doubted and not done
        if done:
            await self.memory.has_seen(wanted.generation)
            await self.memory.swaps(alone=holder == node)
            self.record, self.won = wanted, wanted if alone else None

    def names_another(self) -> bool:
        """Only another node may go on alone, as far as this one can see."""
        return self.reached and self.record is not None and self.record.holder not in {BOTH, CLOSED, self._service.node}

    def is_open(self) -> str:
        """Why the record counts as open, for whoever would change votes; empty where it does not."""
        if not self.reached:
            return "the light witness does not answer, and its record may be open"
        if self.record is None:
            return "the record of the light witness has gone" if self.memory.note.seen else ""
        return "" if self.record.holder == CLOSED else "the record of the light witness is not closed yet"


def _words(holder: int) -> str:
    return {BOTH: "both", CLOSED: "nobody (closed)"}.get(holder, f"node {holder}")
