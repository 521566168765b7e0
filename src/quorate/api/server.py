"""The listeners of the REST face: mutual TLS on the node's addresses, a Unix socket for local root.

Owns: sockets, their start and stop, inside the service's event loop and without signal handling.
Does not know: routes. How it works: uvicorn's HTTP protocol runs on servers that we open ourselves, because each
listener identifies its callers in another way.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from quorate.api.app import build_app
from quorate.api.forwarding import Forwarder
from quorate.api.identity import CallerProtocol, CertificateReader, TlsPaths, server_context
from quorate.control.context import Context
from quorate.model.problems import Problem, error

BACKLOG: Final = 128
STOP_LIMIT_S: Final = 2.0
"""Longest wait for requests under way when the service stops."""

ACCEPT_ROUNDS: Final = 4
"""Rounds of the loop in which an accepted connection gets its protocol, and so an owner; in one that closes before, it
would stay open for ever (asyncio knows no way to wait for that)."""

CONCURRENCY_MOST: Final = 256
"""Connections and requests at once, on each kind of listener: a face must not exhaust the service's memory."""

HANDSHAKE_LIMIT_S: Final = 5.0

_IP_FREEBIND: Final = 15
_IPV6_FREEBIND: Final = 78
"""linux/in.h and linux/in6.h; not named by Python."""


class ApiServer:
    """Serves one node's REST face."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        # Apart, so that strangers on the network cannot use up what local root needs.
        self._local, self._remote = ServerState(), ServerState()
        self._context: Context | None = None
        self._unix_path: Path | None = None

    async def start(
        self, context: Context, unix_path: Path | None, tcp: Iterable[tuple[str, int]], tls: TlsPaths | None
    ) -> tuple[Problem, ...]:
        """Open all listeners; returns what could not be opened. Trouble here never stops a node (promise 3)."""
        self._context = context
        app = build_app(context, Forwarder(tls))
        config = Config(
            app,
            http=CallerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=CONCURRENCY_MOST,
            interface="asgi3",
        )
        config.load()
        problems: list[Problem] = []
        if unix_path is not None:
            problems += await self._listen_locally(config, unix_path)
        if tls is not None:
            problems += await self._listen_tls(config, tcp, tls)
        return tuple(problems)

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports of the TCP listeners, for tests that ask for any port."""
        found = [s.getsockname() for server in self._servers for s in server.sockets if s.family != socket.AF_UNIX]
        return tuple(name[1] for name in found)

    async def _listen_locally(self, config: Config, path: Path) -> list[Problem]:
        try:
            listener = _unix_listener(path)
        except OSError as problem:
            return [_cannot_listen(str(path), problem)]
        self._unix_path = path
        protocol = functools.partial(CallerProtocol, config, self._local, {})
        self._servers.append(
            await asyncio.get_running_loop().create_unix_server(protocol, sock=listener, backlog=BACKLOG)
        )
        return []

    async def _listen_tls(self, config: Config, tcp: Iterable[tuple[str, int]], tls: TlsPaths) -> list[Problem]:
        problems: list[Problem] = []
        try:
            context, reader = server_context(tls), CertificateReader(tls)
        except (OSError, ssl.SSLError) as problem:
            return [_cannot_listen(str(tls.certificate), problem)]
        loop = asyncio.get_running_loop()
        for host, port in dict.fromkeys(tcp):
            try:
                listener = _tcp_listener(host, port)
            except OSError as problem:
                problems.append(_cannot_listen(f"{host}:{port}", problem))
                continue
            protocol = functools.partial(_identified, reader, config, self._remote)
            server = await loop.create_server(
                protocol, sock=listener, backlog=BACKLOG, ssl=context, ssl_handshake_timeout=HANDSHAKE_LIMIT_S
            )
            self._servers.append(server)
        return problems

    async def stop(self) -> None:
        """Take no new requests, end streams, give requests under way a moment, close everything."""
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for listening in server.sockets:
                loop.remove_reader(listening.fileno())
        for _ in range(ACCEPT_ROUNDS):
            await asyncio.sleep(0)
        for server in self._servers:
            server.close()
        if self._context is not None:
            self._context.events.close()
        for connection in (*self._local.connections, *self._remote.connections):
            connection.shutdown()
        under_way = self._local.tasks | self._remote.tasks
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=STOP_LIMIT_S)
            for task in late:
                task.cancel()
        for connection in (*self._local.connections, *self._remote.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        if self._unix_path is not None:
            self._unix_path.unlink(missing_ok=True)
        self._servers.clear()


def _identified(reader: CertificateReader, config: Config, state: ServerState) -> CallerProtocol:
    protocol = CallerProtocol(config, state, {})
    protocol.reader = reader
    return protocol


def _unix_listener(path: Path) -> socket.socket:
    """A socket that only root can open; a stale one of a former life is replaced, anything else is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        former = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(former)
    except OSError:
        listener.close()
        raise
    return listener


def _tcp_listener(host: str, port: int) -> socket.socket:
    """A socket on an address that this node may not have yet: a network that is down now comes back later."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            else:
                listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _cannot_listen(where: str, problem: OSError) -> Problem:
    return error(
        "cannot_listen",
        f"cannot serve on {where}: {problem.strerror or problem}",
        where=where,
        remedy="see what else uses it, or change it in node.toml; the node runs on without it",
    )
