"""A bucket, or a container of blobs, with conditional writes: three requests over obstore.

Owns: how the library is asked, in threads and once for each call, and what its errors mean. Does not know: what the
objects are.

How it works: `put` names the mark (ETag) of what it replaces, or says that there is nothing yet; the store refuses it
where that is not so. The library's own retries are off: the outcome of a request is told, not guessed. Its blocking
functions are used: threads of its own that hand results to Python end a process badly (decision 0036). It is loaded
with the first request. Credentials are read again after the store has refused those that were read before, so that a
key can be replaced while it is in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from quorate.adapters.quorum_storage.object_opening import Opened, open_store
from quorate.adapters.quorum_storage.witness_credentials import Credentials
from quorate.model.light_address import AzureAddress, S3Address

if TYPE_CHECKING:
    from obstore import UpdateVersion

T = TypeVar("T")


class BucketLost(Exception):
    """No answer, or one that leaves open whether the request was executed."""


class BucketDenied(BucketLost):
    """The store does not let this node do that; nothing was executed."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read."""

    content: bytes
    mark: str


_TOLD: Final = re.compile(r"<Code>([^<]*)</Code>\s*(?:<Message>([^<\n]*))?")
_QUERY: Final = re.compile(r"\?\S+")
_BRIEF: Final = 400
_ROLE: Final = re.compile(r"/latest/(?:api/token|meta-data)|/metadata/identity/")
"""Where a machine of Amazon's or Azure's asks for its role."""
_DENIED: Final = {"PermissionDeniedError", "UnauthenticatedError"}
"""The library's errors by name: it may not be here to be asked."""


class Bucket:
    """Objects below one prefix. Each method takes `limit_s` at most, and raises BucketLost, or BucketDenied."""

    def __init__(
        self, address: S3Address | AzureAddress, credentials: Callable[[], Credentials], *, limit_s: float, at_once: int
    ) -> None:
        """`credentials` reads them from where they lie and may raise Refused; `at_once` requests run side by side."""
        self._address = address
        self._credentials = credentials
        self._limit_s = limit_s
        self._opened: Opened | None = None
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="light-witness")

    def key(self, name: str) -> str:
        """The whole name of an object in the bucket."""
        return f"{self._address.prefix}/{name}" if self._address.prefix else name

    async def get(self, name: str) -> Found | None:
        """The object; None where there certainly is none. A bucket that has gone is not an empty one."""
        return await self._run(lambda opened: self._get(opened, name))

    async def put(self, name: str, content: bytes, *, replaces: str | None) -> str | None:
        """Write it where its mark still is `replaces`; for None where there is no such object.

        The new mark; None where the store refused and wrote nothing.
        """
        return await self._run(lambda opened: self._put(opened, name, content, replaces))

    async def remove(self, name: str) -> None:
        """Remove it; harmless where it is not there."""
        await self._run(lambda opened: self._remove(opened, name))

    async def _run(self, request: Callable[[Opened], T]) -> T:
        """In a thread, which the library's own time-out frees; nobody waits for it longer than the limit."""
        try:
            async with asyncio.timeout(self._limit_s):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, request)
        except TimeoutError as problem:
            raise BucketLost(f"{self._place} has not answered for {self._limit_s:g} s") from problem

    # ---------------------------------------------------------------- in a thread

    def _ask(self, request: Callable[[Opened], T]) -> T:
        try:
            if self._opened is None:
                self._opened = open_store(self._address, self._credentials(), self._limit_s)
            return request(self._opened)
        except BucketLost:
            raise
        except Exception as problem:
            words = f"{self._place}: {_words(problem)}"
            if _ROLE.search(words):
                words = f"no credentials are named, and this machine has no role: {words}"
            elif type(problem).__name__ not in _DENIED:
                raise BucketLost(words) from problem
            self._opened = None
            raise BucketDenied(words) from problem

    def _get(self, opened: Opened, name: str) -> Found | None:
        import obstore

        try:
            found = obstore.get(opened.store, self.key(name))
        except FileNotFoundError:
            # Said of a missing object and of a missing bucket alike; only a bucket that is there can be listed.
            next(iter(obstore.list(opened.store, self._address.prefix or None, offset=self.key(name))), None)
            return None
        if not (mark := found.meta["e_tag"]):
            raise BucketLost(f"{self._place}: {name} has no ETag")
        return Found(bytes(found.bytes()), mark)

    def _put(self, opened: Opened, name: str, content: bytes, replaces: str | None) -> str | None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        condition: Literal["create"] | UpdateVersion = "create" if replaces is None else {"e_tag": replaces}
        try:
            done = obstore.put(opened.store, self.key(name), content, mode=condition, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return None
        return done["e_tag"] or ""

    def _remove(self, opened: Opened, name: str) -> None:
        import obstore

        if opened.sas_token:
            self._remove_by_signature(opened, name)
            return
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(opened.store, self.key(name))

    def _remove_by_signature(self, opened: Opened, name: str) -> None:
        """The library sends a batch to the whole account, which a container's signature does not open."""
        import httpx2

        assert isinstance(self._address, AzureAddress)
        url = f"{self._address.endpoint}/{self._address.container}/{self.key(name)}?{opened.sas_token}"
        status = httpx2.delete(url, timeout=self._limit_s, verify=opened.context or True).status_code
        if status in {401, 403}:
            raise BucketDenied(f"{self._place}: {name} cannot be removed: status {status}")
        if status >= 300 and status != 404:
            raise BucketLost(f"{self._place}: {name} cannot be removed: status {status}")

    @property
    def _place(self) -> str:
        match self._address:
            case S3Address(bucket=bucket, endpoint=endpoint):
                return f"bucket {bucket} at {endpoint}"
            case AzureAddress(container=container, endpoint=endpoint):
                return f"container {container} at {endpoint}"


def _words(problem: Exception) -> str:
    """The sentence of an error; without what follows a question mark in its addresses, which may be a signature."""
    text = str(problem).partition("\n\nDebug source")[0]
    said, _, document = text.partition("<?xml")
    told = _TOLD.search(document)
    words = f"{said}{told.group(1)} ({(told.group(2) or '').strip()})" if told else said
    return _QUERY.sub("?…", " ".join(words.split()))[:_BRIEF]
