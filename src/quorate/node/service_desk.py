"""Where the service talks to its sentinel: one connection at a time on a Unix socket.

Owns: that connection and what is still to be written to it. Does not know: what is said; `said` gets every message.
Standard library only.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable
from pathlib import Path

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
        listen(path, selector, self._accept)

    @property
    def connected(self) -> bool:
        """A service is there."""
        return self._connection is not None

    def _accept(self, connection: socket.socket) -> None:
        self._drop()  # a new service takes the place of a former one
        self._connection, self._lines, self._unsent = connection, channel.Lines(), b""
        self._selector.register(connection, selectors.EVENT_READ, self._read)
        self._greeted()

    def _drop(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.close()
            self._connection = None

    def _read(self) -> None:
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
        """Send; a report that cannot be sent now is replaced by the next one."""
        if self._connection is None:
            return
        try:
            data = self._unsent + channel.encode(message)
            sent = self._connection.send(data)
        except BlockingIOError:
            return
        except OSError:
            self._drop()
            return
        self._unsent = data[sent:]
