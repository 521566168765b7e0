"""Where the service talks to its sentinel: one connection at a time on a Unix socket.

Owns: that connection and what is still to be written to it. Does not know: what is said; `said` gets every message.
Standard library only.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from quorate.core.authority.orders import Report
from quorate.node.process import log
from quorate.wire import sentinel_channel as channel


def listen(path: Path, selector: selectors.BaseSelector, accepted: Callable[[socket.socket], None]) -> None:
    """Listen on a Unix socket for root alone."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(16)

    def accept() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            accepted(connection)

    selector.register(listener, selectors.EVENT_READ, accept)


class ServiceDesk:
    """The sentinel's end of the channel."""

    def __init__(
        self,
        path: Path,
        selector: selectors.BaseSelector,
        said: Callable[[channel.ToSentinel | channel.ToService], None],
        greeted: Callable[[], None],
    ) -> None:
        self._selector = selector
        self._said = said
        self._greeted = greeted
        self._connection: socket.socket | None = None
        self._lines = channel.Lines()
        self._unsent = b""
        self._waiting: dict[type, channel.ToService] = {}
        listen(path, selector, self._accept)

    @property
    def connected(self) -> bool:
        """A service is there."""
        return self._connection is not None

    def _accept(self, connection: socket.socket) -> None:
        self._drop()  # a new service takes the place of a former one
        self._connection, self._lines = connection, channel.Lines()
        self._selector.register(connection, selectors.EVENT_READ, self._move)
        self._greeted()

    def _drop(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.close()
            self._connection = None
        self._unsent = b""
        self._waiting.clear()

    def _move(self) -> None:
        """The socket can be read, or written again."""
        if self._unsent:
            self._flush()
        if self._connection is None:
            return
        try:
            data = self._connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            messages = self._lines.feed(data)
        except channel.BadLine as problem:
            log(f"service channel: {problem}")
            data, messages = b"", []
        if not data:
            self._drop()
        for message in messages:
            self._said(message)

    def tell(self, message: channel.ToService) -> None:
        """Send. Where the service does not read, the latest message of each kind waits: older ones have no meaning."""
        if self._connection is None:
            return
        former = self._waiting.get(type(message))
        if isinstance(message, Report) and isinstance(former, Report) and message.order is None:
            message = replace(message, order=former.order)  # a greeting that was never sent
        self._waiting[type(message)] = message
        self._flush()

    def _flush(self) -> None:
        """Write what the socket takes, and ask to be called again while something is left."""
        if self._connection is None:
            return
        try:
            while self._unsent or self._waiting:
                if not self._unsent:
                    self._unsent = channel.encode(self._waiting.pop(next(iter(self._waiting))))
                self._unsent = self._unsent[self._connection.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._drop()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        if self._selector.get_key(self._connection).events != events:
            self._selector.modify(self._connection, events, self._move)
