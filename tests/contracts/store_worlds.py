"""The two worlds in which the store contract is held: the in-memory twin, and a real etcd behind a hostile network.

Owns: how each world brings about the same misfortunes.
Does not know: what the contract demands.
How it works: `store` is the client on whom misfortune falls, `other` one that is spared. Misfortunes are named alike;
the twin is told, etcd suffers them through a TCP proxy.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from tcp_proxy import TcpProxy

from quorate.adapters.etcd.store import EtcdStore
from quorate.ports.store import Store
from quorate.ports.store_memory import Fault, MemoryStore


class World(Protocol):
    """One database with two clients."""

    @property
    def store(self) -> Store:
        """The client on whom misfortune falls."""
        ...

    @property
    def other(self) -> Store:
        """The client that is spared."""
        ...

    def lose_next_answer(self) -> None:
        """The next request executes, its answer is lost."""
        ...

    def hold_next_answer(self) -> None:
        """The next request executes, its answer waits."""
        ...

    async def answer_is_held(self) -> None:
        """Until the request has executed and its answer waits."""
        ...

    def release_answer(self) -> None:
        """Let the answer that waits arrive."""
        ...

    def delay_next_execution(self) -> None:
        """The next request is under way and arrives only with `execute_delayed`."""
        ...

    async def execute_delayed(self) -> None:
        """Let the delayed request arrive and execute."""
        ...

    def cut(self) -> None:
        """Break all connections and refuse new ones."""
        ...

    async def restore(self) -> None:
        """Accept connections again."""
        ...

    async def compact(self, revision: int) -> None:
        """Forget history up to `revision`."""
        ...


class TwinWorld:
    """The twin."""

    def __init__(self) -> None:
        self._memory = MemoryStore()
        self.store = self._memory.client("store")
        self.other = self._memory.client("other")

    def lose_next_answer(self) -> None:
        self.store.inject(Fault.LOST_ANSWER)

    def hold_next_answer(self) -> None:
        self.store.inject(Fault.LATE_ANSWER)

    async def answer_is_held(self) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def release_answer(self) -> None:
        self._memory.release_answers()

    def delay_next_execution(self) -> None:
        self.store.inject(Fault.LATE_EXECUTION)

    async def execute_delayed(self) -> None:
        self._memory.flush_late()

    def cut(self) -> None:
        self.store.inject(Fault.UNAVAILABLE)
        self.store.drop_watches()

    async def restore(self) -> None:
        self.store.restore_watches()

    async def compact(self, revision: int) -> None:
        self._memory.compact(revision)


class EtcdWorld:
    """A real etcd; `store` reaches it through the proxy."""

    def __init__(self, proxy: TcpProxy, store: EtcdStore, other: EtcdStore) -> None:
        self._proxy = proxy
        self._other = other
        self.store = store
        self.other = other

    def lose_next_answer(self) -> None:
        self._proxy.drop_next_answer()

    def hold_next_answer(self) -> None:
        self._proxy.hold_answers()

    async def answer_is_held(self) -> None:
        await self._proxy.answer_held.wait()

    def release_answer(self) -> None:
        self._proxy.release_answers()

    def delay_next_execution(self) -> None:
        self._proxy.hold_requests()

    async def execute_delayed(self) -> None:
        self._proxy.release_requests()
        await self._proxy.answered.wait()

    def cut(self) -> None:
        self._proxy.cut()

    async def restore(self) -> None:
        await self._proxy.restore()

    async def compact(self, revision: int) -> None:
        await self._other.compact(revision)
