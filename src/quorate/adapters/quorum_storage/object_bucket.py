"""A bucket, or a container of blobs, with conditional writes: four requests over obstore.

Owns: how the library is asked, once for each call and without blocking, and what its errors mean. Does not know: what
the objects are. The library is imported, in a thread, with the first request.

How it works: `put` names the mark (ETag) of what it replaces, or says that there is nothing yet; the store refuses it
where that is not so. The library's own retries are off: the outcome of a request is told, not guessed. Credentials are
read again after the store has refused those that were read before, so that a key can be replaced while it is in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from quorate.adapters.quorum_storage.witness_credentials import Credentials
from quorate.model.light_address import AzureAddress, S3Address

if TYPE_CHECKING:
    from obstore.store import AzureConfig, AzureStore, ClientConfig, RetryConfig, S3Config, S3Store

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
_DENIED: Final = {"PermissionDeniedError", "UnauthenticatedError"}
"""The library's errors by name: it may not be here to be asked."""
_NO_RETRIES: Final[RetryConfig] = {"max_retries": 0}


class Bucket:
    """Objects below one prefix. Each method takes `limit_s` at most, and raises BucketLost, or BucketDenied."""

    def __init__(
        self, address: S3Address | AzureAddress, credentials: Callable[[], Credentials], *, limit_s: float
    ) -> None:
        """`credentials` reads them from where they lie; it may raise Refused."""
        self._address = address
        self._credentials = credentials
        self._limit_s = limit_s
        self._store: S3Store | AzureStore | None = None
        self._sas_token = ""
        self._context: ssl.SSLContext | None = None

    def key(self, name: str) -> str:
        """The whole name of an object in the bucket."""
        return f"{self._address.prefix}/{name}" if self._address.prefix else name

    async def get(self, name: str) -> Found | None:
        """The object; None where there certainly is none. A bucket that has gone is not an empty one."""

        async def request(store: S3Store | AzureStore) -> Found | None:
            import obstore

            try:
                found = await obstore.get_async(store, self.key(name))
            except FileNotFoundError:
                # Said of a missing object and of a missing bucket alike; only a bucket that is there can be listed.
                async for _ in obstore.list(store, self._address.prefix or None, offset=self.key(name)):
                    break
                return None
            if not (mark := found.meta["e_tag"]):
                raise BucketLost(f"{self._place}: {name} has no ETag")
            return Found(bytes(await found.bytes_async()), mark)

        return await self._ask(request)

    async def put(self, name: str, content: bytes, *, replaces: str | None) -> str | None:
        """Write it where its mark still is `replaces`; for None where there is no such object.

        The new mark; None where the store refused and wrote nothing.
        """

        async def request(store: S3Store | AzureStore) -> str | None:
            import obstore
            from obstore.exceptions import AlreadyExistsError, PreconditionError

            try:
                done = await obstore.put_async(
                    store,
                    self.key(name),
                    content,
                    mode="create" if replaces is None else {"e_tag": replaces},
                    use_multipart=False,
                )
            except (AlreadyExistsError, PreconditionError):
                return None
            return done["e_tag"] or ""

        return await self._ask(request)

    async def remove(self, name: str) -> None:
        """Remove it; harmless where it is not there."""

        async def request(store: S3Store | AzureStore) -> None:
            import obstore

            if self._sas_token:
                await asyncio.to_thread(self._remove_by_signature, name)
                return
            with contextlib.suppress(FileNotFoundError):
                await obstore.delete_async(store, self.key(name))

        await self._ask(request)

    async def _ask(self, request: Callable[[S3Store | AzureStore], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._limit_s):
                if self._store is None:
                    self._store = await asyncio.to_thread(self._open)
                return await request(self._store)
        except BucketLost:
            raise
        except TimeoutError as problem:
            raise BucketLost(f"{self._place} has not answered for {self._limit_s:g} s") from problem
        except Exception as problem:
            if type(problem).__name__ not in _DENIED:
                raise BucketLost(f"{self._place}: {_words(problem)}") from problem
            self._store = None
            raise BucketDenied(f"{self._place}: {_words(problem)}") from problem

    def _remove_by_signature(self, name: str) -> None:
        """In a thread. The library sends a batch to the whole account, which a container's signature does not open."""
        import httpx2

        assert isinstance(self._address, AzureAddress)
        url = f"{self._address.endpoint}/{self._address.container}/{self.key(name)}?{self._sas_token.lstrip('?')}"
        verify = self._context or True
        status = httpx2.delete(url, timeout=self._limit_s, verify=verify).status_code
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

    def _open(self) -> S3Store | AzureStore:
        """In a thread: it loads the library and reads a file. Raises Refused."""
        from obstore.store import AzureStore, S3Store

        known = self._credentials()
        self._sas_token = known.sas_token
        self._context = ssl.create_default_context() if known.ca else None
        limit = timedelta(seconds=self._limit_s)
        client: ClientConfig = {
            "allow_http": self._address.endpoint.startswith("http://"),
            "connect_timeout": limit,
            "timeout": limit,
        }
        if self._context is not None:
            self._context.load_verify_locations(cadata=known.ca.decode())
            client["root_certificate"] = known.ca
        match self._address:
            case S3Address() as s3:
                config: S3Config = {"endpoint": s3.endpoint, "region": s3.region, "conditional_put": "etag"}
                config["disable_bulk_delete"] = True  # not every store knows them
                if known.access_key_id:
                    config["access_key_id"] = known.access_key_id
                    config["secret_access_key"] = known.secret_access_key
                return S3Store(s3.bucket, config=config, client_options=client, retry_config=_NO_RETRIES)
            case AzureAddress() as azure:
                settings: AzureConfig = {"endpoint": azure.endpoint, "account_name": azure.account}
                if known.account_key:
                    settings["account_key"] = known.account_key
                if known.sas_token:
                    settings["sas_key"] = known.sas_token
                return AzureStore(azure.container, config=settings, client_options=client, retry_config=_NO_RETRIES)


def _words(problem: Exception) -> str:
    """The sentence of an error; without what follows a question mark in its addresses, which may be a signature."""
    text = str(problem).partition("\n\nDebug source")[0]
    said, _, document = text.partition("<?xml")
    told = _TOLD.search(document)
    words = f"{said}{told.group(1)} ({(told.group(2) or '').strip()})" if told else said
    return _QUERY.sub("?…", " ".join(words.split()))[:_BRIEF]
