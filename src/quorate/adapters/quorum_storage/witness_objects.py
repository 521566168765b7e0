"""A light witness in a bucket, or in a container of blobs: one object, replaced under a condition (decision 0036).

Owns: how a record is one object, and what a store must be able to do. Does not know: how it is reached (`Bucket`), or
what records mean.

How it works: a swap reads the object, compares, and writes under the condition that the mark it has just read still
stands; where there is to be none, under the condition that there is none. A request that executes late, after its
sender gave up, therefore changes nothing that was written in between. Where the outcome of a write is open, or the
store says that somebody else was first, the object is looked at once more: a record bears the random name of its swap,
so one's own is recognised.

Stores exist that take conditional writes and do not honour the condition. With them both nodes would go on alone, so
`check` tries it: one after the other and at once.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from quorate.adapters.quorum_storage.object_bucket import Bucket, BucketDenied, BucketLost, Found
from quorate.model.base import Damaged, decode, encode
from quorate.model.light_witness import LightRecord
from quorate.model.problems import Problem, error
from quorate.ports.light_witness import WitnessLost

AT_ONCE: Final = 5
"""So many writers `check` lets loose on one object."""


class Objects:
    """Implements `LightWitness`."""

    def __init__(self, bucket: Bucket, cluster: str, *, limit_s: float) -> None:
        """`limit_s`: no answer within that time counts as lost."""
        self._bucket = bucket
        self._name = f"quorate-{cluster}.json"
        self._limit_s = limit_s

    async def check(self) -> tuple[Problem, ...]:
        """Whether it can be reached, read, written and cleared, and keeps every second writer out."""
        trial = f"quorate-trial-{secrets.token_hex(8)}"
        problems: list[Problem] = []
        try:
            problems += await self._try(trial)
        except BucketDenied as denied:
            remedy = "name credentials in light-witness.toml on this node that may read, write, list and delete there"
            problems.append(error("witness_store_denied", str(denied), where="witness", remedy=remedy))
        except BucketLost as lost:
            remedy = "see that the bucket or container exists, and that this node reaches its endpoint"
            problems.append(error("witness_store_unusable", str(lost), where="witness", remedy=remedy))
        try:
            await self._bucket.remove(trial)
        except BucketLost as lost:
            # Where nothing could be reached nothing can have been left, and the first problem says more.
            if not any(p.code == "witness_store_unusable" for p in problems):
                what = f"an object cannot be removed: {lost}"
                remedy = f"let this node delete objects; remove {self._bucket.key(trial)} if it is there"
                problems.append(error("witness_store_cannot_remove", what, where="witness", remedy=remedy))
        return tuple(problems)

    async def read(self) -> LightRecord | None:
        """The record as the store has it. Raises WitnessLost."""
        try:
            found = await self._bucket.get(self._name)
            return self._record(found)
        except (BucketLost, Damaged) as lost:
            raise WitnessLost(str(lost)) from lost

    async def swap(self, expected: LightRecord | None, wanted: LightRecord) -> bool:
        """Replace the object, if it still is the one that was read here and held the expected. Raises WitnessLost."""
        try:
            async with asyncio.timeout(self._limit_s):
                found = await self._bucket.get(self._name)
                if self._record(found) != expected:
                    return False
                return await self._write(found, wanted)
        except TimeoutError as problem:
            raise WitnessLost(f"the witness has not answered for {self._limit_s:g} s") from problem
        except (BucketLost, Damaged) as lost:
            raise WitnessLost(str(lost)) from lost

    async def _write(self, found: Found | None, wanted: LightRecord) -> bool:
        content = encode(wanted)
        try:
            mark = await self._bucket.put(self._name, content, replaces=found.mark if found is not None else None)
        except BucketDenied:
            raise
        except BucketLost:
            if await self._stands(wanted):
                return True
            raise  # what was sent may still execute
        return mark is not None or await self._stands(wanted)

    async def _stands(self, wanted: LightRecord) -> bool:
        return self._record(await self._bucket.get(self._name)) == wanted

    def _record(self, found: Found | None) -> LightRecord | None:
        return decode(found.content, LightRecord, self._bucket.key(self._name)) if found is not None else None

    # ---------------------------------------------------------------- the trial

    async def _try(self, trial: str) -> list[Problem]:
        """What is wrong with the conditions, as far as it can be tried. Raises BucketLost."""
        if await self._bucket.get(trial) is not None:
            return [_unfit("an object is there that nobody has made")]
        first = await self._bucket.put(trial, b"first", replaces=None)
        if not first:
            return [_unfit("a new object is refused, or gets no ETag")]
        if await self._bucket.put(trial, b"second", replaces=None) is not None:
            return [_unfit("the condition that there is no object (If-None-Match: *) is ignored")]
        replaced = await self._bucket.put(trial, b"third", replaces=first)
        if not replaced or replaced == first:
            return [_unfit("an object cannot be replaced under the condition of its ETag (If-Match)")]
        if await self._bucket.put(trial, b"fourth", replaces=first) is not None:
            return [_unfit("the condition that an object is the one that was read (If-Match) is ignored")]
        contents = [b"writer %d" % number for number in range(AT_ONCE)]
        puts = (self._bucket.put(trial, content, replaces=replaced) for content in contents)
        # All of them are waited for, whatever becomes of one: none may write after the object is removed.
        answers = await asyncio.gather(*puts, return_exceptions=True)
        marks = [_answered(answer) for answer in answers]
        won = [content for content, mark in zip(contents, marks, strict=True) if mark is not None]
        found = await self._bucket.get(trial)
        if len(won) != 1:
            return [_unfit(f"of {AT_ONCE} writers that replaced one object at once {len(won)} were told they did")]
        if found is None or found.content != won[0]:
            return [_unfit("what was written last is not what is read")]
        return []


def _answered(answer: str | BaseException | None) -> str | None:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _unfit(what: str) -> Problem:
    remedy = "use a store that honours conditional writes; never this one: both nodes would go on alone"
    return error("witness_store_unfit", f"the store keeps no second writer out: {what}", where="witness", remedy=remedy)
