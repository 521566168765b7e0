"""What resources hold, told by their hosts, and the ending of all of it by the sentinel alone (design §2, §4 rule 10).

Owns: the holdings socket, the list of holdings, and endings under way. Does not know: leases; it is asked to end, and
calls `ended` when everything of that incarnation is certainly gone. Standard library only.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quorate.node.children import Children
from quorate.node.endings import Holdings, end_holding
from quorate.node.process import log
from quorate.node.service_desk import listen
from quorate.wire import holdings as hold
from quorate.wire.holdings import Holding
from quorate.wire.lease_page import boot_time_s

LEFTOVERS_LIMIT_S: Final = 2.0
HOST_PREFIX: Final = "host-"


class LeftoversRemain(Exception):
    """What a former life held is not gone."""


class HostDesk:
    """Holdings and endings of one node."""

    def __init__(
        self,
        holdings: Holdings,
        selector: selectors.BaseSelector,
        held: Callable[[], bool],
        ended: Callable[[str], None],
    ) -> None:
        self.holdings = holdings
        self._selector = selector
        self._held = held
        self._ended = ended
        self._endings: dict[str, set[int]] = {}
        self._forgetting: set[Holding] = set()
        """What a dead host held and is ending."""

    def listen(self, path: Path) -> None:
        """Serve resource hosts."""
        listen(path, self._selector, self._accept)

    def _accept(self, connection: socket.socket) -> None:
        splitter = hold.LineSplitter()
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection, splitter))

    def _read(self, connection: socket.socket, splitter: hold.LineSplitter) -> None:
        try:
            data = connection.recv(1 << 16)
            for message in splitter.feed(data) if data else []:
                answer = self._answer(message)
                if answer is not None:
                    connection.send(hold.encode(answer))
        except (OSError, hold.BadHoldingMessage):
            data = b""
        if not data:
            self._selector.unregister(connection)
            connection.close()

    def _answer(self, message: hold.HoldingMessage) -> hold.Answer | None:
        match message:
            case hold.Register(request_id=request, host=host, holding=holding):
                if not self._held():
                    return hold.Answer(request, granted=False, detail="no lease is held")
                try:
                    self.holdings.add(holding, host)
                except OSError as problem:
                    return hold.Answer(request, granted=False, detail=str(problem))
                return hold.Answer(request, granted=True)
            case hold.Release(request_id=request, holding=holding):
                self.holdings.remove(holding)
                return hold.Answer(request, granted=True)
            case hold.Answer():
                return None

    # ---------------------------------------------------------------- ending

    def end_leftovers(self) -> str:
        """End what a former sentinel of this boot left; returns the life that may be forsworn, or nothing.

        Raises LeftoversRemain where something is not gone: the node may not take part then (rule 13).
        """
        ended: dict[int, Holding] = {}
        for held in self.holdings.held:
            try:
                handle = end_holding(held)
            except OSError as problem:
                raise LeftoversRemain(f"{held} cannot be ended: {problem}") from problem
            if handle >= 0:
                ended[handle] = held
        deadline = boot_time_s() + LEFTOVERS_LIMIT_S
        with selectors.DefaultSelector() as poll:
            for handle in ended:
                poll.register(handle, selectors.EVENT_READ)
            while poll.get_map() and boot_time_s() < deadline:
                for key, _ in poll.select(deadline - boot_time_s()):
                    poll.unregister(key.fd)
            remaining = [str(ended[key.fd]) for key in poll.get_map().values()]
        for handle in ended:
            os.close(handle)
        if remaining:
            raise LeftoversRemain(f"{', '.join(remaining)} does not end")
        self.holdings.clear()
        return self.holdings.incarnation if self.holdings.same_boot else ""

    def end_all(self, incarnation: str, children: Children) -> None:
        """End everything; `ended` is called when it is done.

        Raises OSError where something can neither be ended nor be said to be gone: the sentinel then dies, the kernel
        ends its children with it, and the next one begins with these leftovers. No oath is sworn meanwhile.
        """
        handles = self._end_held()
        for name, child in children.table.items():
            if name.startswith(HOST_PREFIX) and child.handle >= 0:
                handles.append(os.dup(child.handle))
                children.kill(name)
        self._await(incarnation, handles)

    def _end_held(self) -> list[int]:
        return [handle for held in self.holdings.held if (handle := end_holding(held)) >= 0]

    def _await(self, incarnation: str, handles: list[int]) -> None:
        self._endings[incarnation] = waiting = set(handles)
        for handle in handles:
            self._selector.register(handle, selectors.EVENT_READ, self._gone_handler(incarnation, handle))
        if not waiting:
            self._all_gone(incarnation)

    def _gone_handler(self, incarnation: str, handle: int) -> Callable[[], None]:
        def gone() -> None:
            self._selector.unregister(handle)
            os.close(handle)
            waiting = self._endings.get(incarnation, set())
            waiting.discard(handle)
            if not waiting and incarnation in self._endings:
                self._await(incarnation, self._end_held())  # what a host took hold of while it was being killed

        return gone

    def _all_gone(self, incarnation: str) -> None:
        del self._endings[incarnation]
        self.holdings.clear()
        log(f"everything of {incarnation} is ended")
        self._ended(incarnation)

    def is_clear_of(self, host: str) -> bool:
        """Nothing of what that dead host held is left; what could not be ended before is tried again."""
        self.host_died(host)
        return host not in self.holdings.held.values()

    def host_died(self, host: str) -> None:
        """End what a dead host held; it stays on the list until it is gone, so that no oath overlooks it."""
        if self._endings:
            return
        left = [held for held, owner in self.holdings.held.items() if owner == host and held not in self._forgetting]
        for held in left:
            try:
                handle = end_holding(held)
            except OSError as problem:
                log(f"what host {host} held cannot be ended: {problem}")
                continue  # it stays on the list, for the end of this life
            if handle >= 0:
                self._forgetting.add(held)
                self._selector.register(handle, selectors.EVENT_READ, self._forget_handler(held, handle))
            else:
                self.holdings.remove(held)

    def _forget_handler(self, held: hold.Holding, handle: int) -> Callable[[], None]:
        def gone() -> None:
            self._selector.unregister(handle)
            os.close(handle)
            self._forgetting.discard(held)
            self.holdings.remove(held)

        return gone
