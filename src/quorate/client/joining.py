"""How a machine without a certificate asks a cluster for a place in it, and knows that it is the right cluster.

Owns: pinning by the fingerprint in the token. Does not know: what is asked, or what is done with the answer.
How it works: a first connection, on which nothing is believed, fetches the chain that the server shows; the certificate
in it that has the token's fingerprint is then the only authority by which a second, ordinary connection is checked.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Callable
from typing import Final, TypeVar

from quorate.client import CONNECT_LIMIT_S, post_once
from quorate.client.errors import NoConnection, OutcomeUnknown
from quorate.model.base import Value
from quorate.model.enrolment import ADD_EVICT_DELAY, EnrolmentAnswer, EnrolmentRequest
from quorate.model.problems import Refused, error
from quorate.model.witness import WitnessAnswer, WitnessRequest
from quorate.wire.join_token import JoinToken

V = TypeVar("V", bound=Value)
EVERY_NODE: Final = "localhost"
"""Every node's certificate is valid for this name, and a witness's is not. Any node will do; by which of its addresses
it is reached says nothing, and those on networks that were found later are in no certificate."""

ASK_AGAIN_S: Final = 1.0
"""Between attempts of a join that came too soon after an eviction."""


def enrol(token: JoinToken, request: EnrolmentRequest) -> EnrolmentAnswer:
    """Ask the cluster that made the token for a place in it. Raises Refused or CallFailed."""
    return _ask(token, "/v1/join", request, EnrolmentAnswer)


def enrol_witness(token: JoinToken, request: WitnessRequest) -> WitnessAnswer:
    """Ask the cluster that made the token to be its witness. Raises Refused or CallFailed."""
    return _ask(token, "/v1/witness-join", request, WitnessAnswer)


def _ask(token: JoinToken, path: str, request: Value, answers: type[V]) -> V:
    why: list[str] = []
    for host, port in token.endpoints:
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        try:
            authority = _pinned_authority(host, port, token.fingerprint)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=authority)
            return post_once(url, context, path, request, answers, named=EVERY_NODE)
        except (OSError, NoConnection) as problem:
            why.append(f"{host}:{port}: {problem}")
        except OutcomeUnknown as problem:
            raise OutcomeUnknown(
                [
                    error(
                        "outcome_unknown",
                        f"{host} took the request, and its answer was lost",
                        remedy="give the same command again on this machine: it gets the same answer",
                    )
                ]
            ) from problem
    remedy = "see that a node of the cluster runs and that this machine reaches it"
    raise NoConnection([error("no_connection", f"no node answers: {'; '.join(why)}", remedy=remedy)])


def _pinned_authority(host: str, port: int, fingerprint: bytes) -> str:
    """The node authority's certificate, as the server shows it, if its fingerprint is the one in the token.

    Nothing is believed on this connection: it only fetches the certificate by which the next one is checked.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=CONNECT_LIMIT_S) as raw,
        context.wrap_socket(raw) as tls,
    ):
        chain = _shown_chain(tls)
    for certificate in chain:
        if hashlib.sha256(certificate).digest() == fingerprint:
            return ssl.DER_cert_to_PEM_cert(certificate)
    raise ssl.SSLError("the certificate is not of the cluster that made this token")


def _shown_chain(tls: ssl.SSLSocket) -> list[bytes]:
    """All certificates that the server sent, in DER. Public from Python 3.13 on; 3.11 has it one level down."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    inner = getattr(tls, "_sslobj")  # noqa: B009 - see above
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_unverified_chain()]


def enrol_patiently(
    token: JoinToken, request: EnrolmentRequest, say: Callable[[str], None], pause: Callable[[float], None]
) -> EnrolmentAnswer:
    """As `enrol`; a join that comes too soon after an eviction waits until it may be. Raises Refused or CallFailed."""
    told = False
    while True:
        try:
            return enrol(token, request)
        except Refused as refused:
            if {problem.code for problem in refused.problems} != {ADD_EVICT_DELAY}:
                raise
            if not told:
                say(f"waiting: {refused.problems[0].what}")
            told = True
        pause(ASK_AGAIN_S)
