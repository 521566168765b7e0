"""Who is on the other end of a connection: read once when it is made, carried in the scope of every request.

Owns: TLS of the listeners, the reading of client certificates and of the Unix socket's peer.
Does not know: what the caller may do (`control.access`). How it works: uvicorn tells an application neither the client
certificate nor the peer of a Unix socket, so `CallerProtocol` puts the caller into the connection's state.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from quorate.control.access import STRANGER, Caller, Role, local_caller, role_of
from quorate.sdk.overriding import override

NODE_UNIT: Final = "node"
STRANGER_LIMIT_S: Final = 10.0
"""How long a connection without certificate may last: long enough to join, too short to hold our places occupied."""


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """Files of the REST listeners: this node's certificate chain and key, and both authorities."""

    certificate: Path
    key: Path
    node_authority: Path
    user_authority: Path

    @staticmethod
    def below(pki: Path) -> TlsPaths:
        """The files in a node's pki folder."""
        return TlsPaths(pki / "api.pem", pki / "api.key", pki / "node-ca.pem", pki / "user-ca.pem")


def server_context(paths: TlsPaths) -> ssl.SSLContext:
    """Mutual TLS.

    A client may come without certificate, because a machine that joins has none; every other route turns it away.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(paths.certificate, paths.key)
    context.load_verify_locations(paths.user_authority)
    context.load_verify_locations(paths.node_authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(paths: TlsPaths) -> ssl.SSLContext:
    """For one node calling another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(paths.node_authority)
    context.load_cert_chain(paths.certificate, paths.key)
    return context


class CertificateReader:
    """Turns a verified client certificate into a caller."""

    def __init__(self, paths: TlsPaths) -> None:
        self._users = _authority_name(paths.user_authority)
        self._nodes = _authority_name(paths.node_authority)

    def caller(self, certificate: dict[str, Any] | None) -> Caller:
        """The caller behind a certificate that TLS has verified. Which authority signed it decides what it may say."""
        if not certificate:
            return STRANGER
        issuer = _flat(certificate.get("issuer", ()))
        subject = _flat(certificate.get("subject", ()))
        name = subject.get("commonName") or subject.get("pseudonym", "")
        unit = subject.get("organizationalUnitName", "")
        if issuer == self._users:
            return Caller(name, role_of(unit))
        if issuer == self._nodes and unit == NODE_UNIT:
            return Caller(name, Role.ADMINISTRATOR, is_node=True)
        return STRANGER


def _authority_name(path: Path) -> dict[str, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    certificates: list[dict[str, Any]] = context.get_ca_certs()
    return _flat(certificates[0]["subject"])


def _flat(name: Any) -> dict[str, str]:  # noqa: ANN401 - the ssl module's nested tuples
    return {key: value for part in name for key, value in part}


class CallerProtocol(H11Protocol):
    """HTTP over one connection whose caller is known."""

    reader: CertificateReader | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find out who calls, before the first request."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        caller = self._caller(transport)
        self.app_state = {**self.app_state, "caller": caller}
        if caller == STRANGER:
            self.loop.call_later(STRANGER_LIMIT_S, transport.close)

    def _caller(self, transport: asyncio.Transport) -> Caller:
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            return self.reader.caller(tls.getpeercert()) if self.reader is not None else STRANGER
        peer = transport.get_extra_info("socket")
        if peer is None or peer.family != socket.AF_UNIX:
            return STRANGER
        packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, user_id, _ = struct.unpack("3i", packed)
        try:
            user_name = pwd.getpwuid(user_id).pw_name
        except KeyError:
            user_name = f"user {user_id}"
        return local_caller(user_id, user_name, os.geteuid())
