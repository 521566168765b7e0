"""A voter's right to make nodes: the `Signer` of `control.enrolment`, on the keys in this node's folder.

Owns: reading the authorities' files, and which names a node's certificate is valid for.
Does not know: tokens or checks. Keys are read when needed and not kept in memory, and so is the library that signs:
it takes 10 MB, and most services never sign anything.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from quorate.model.enrolment import Credentials
from quorate.model.nodes import NodeSpec
from quorate.node.places import Places

if TYPE_CHECKING:
    from quorate.adapters.pki import Issued

LOCAL_PLACES: Final = ("127.0.0.1", "localhost")


def certificate_places(node: NodeSpec) -> tuple[str, ...]:
    """Everything by which a node is reached: its certificate is valid for these."""
    return (node.fabric_address, *node.addresses.values(), *LOCAL_PLACES, node.name)


def issue_node_certificate(authority: Issued, request: bytes, node: NodeSpec) -> bytes:
    """The certificate of that node."""
    from quorate.adapters import pki

    return pki.sign_node(authority, request, node.name, certificate_places(node))


def node_files(credentials: Credentials, key: bytes) -> Mapping[str, bytes]:
    """The files of a node's pki folder. One key serves etcd and REST; the REST chain carries the authority too.

    A machine that joins checks that chain against the fingerprint in its token.
    """
    from quorate.adapters import pki

    return {
        pki.NODE_CA: credentials.node_authority.encode(),
        pki.NODE_CA_KEY: credentials.node_authority_key.encode(),
        pki.USER_CA: credentials.user_authority.encode(),
        pki.USER_CA_KEY: credentials.user_authority_key.encode(),
        pki.NODE: credentials.node_certificate.encode(),
        pki.NODE_KEY: key,
        pki.API: credentials.api_certificate.encode() + credentials.node_authority.encode(),
        pki.API_KEY: key,
        pki.HEARTBEAT_KEY: bytes.fromhex(credentials.heartbeat_key),
    }


class JoiningAuthority:
    """Signs for machines that were given a number."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def _read(self, name: str) -> bytes:
        return (self._places.pki / name).read_bytes()

    def fingerprint(self) -> bytes:
        """SHA-256 of the node authority's certificate."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self._read("node-ca.pem").decode())).digest()

    def request_key_hash(self, certificate_request: str) -> str | None:
        """Hash of the public key of a request; None where it is not a request."""
        from quorate.adapters import pki

        try:
            return pki.request_key_hash(certificate_request.encode())
        except pki.BadRequest:
            return None

    def credentials(self, certificate_request: str, node: NodeSpec) -> Credentials:
        """Sign the node's certificates and add what a voter needs."""
        from quorate.adapters import pki

        authority = pki.Issued(self._read(pki.NODE_CA), self._read(pki.NODE_CA_KEY))
        user = pki.Issued(self._read(pki.USER_CA), self._read(pki.USER_CA_KEY))
        return make_credentials(authority, user, self._read(pki.HEARTBEAT_KEY), certificate_request, node)

    def witness_certificate(self, certificate_request: str, name: str, address: str) -> tuple[str, str]:
        """Sign a witness's certificate; with it the node authority's own, both in PEM."""
        from quorate.adapters import pki

        authority = pki.Issued(self._read(pki.NODE_CA), self._read(pki.NODE_CA_KEY))
        places = (address, "127.0.0.1", name)  # not localhost: by that a joining machine knows a node
        return pki.sign_node(
            authority, certificate_request.encode(), name, places
        ).decode(), authority.certificate.decode()


def make_credentials(
    authority: Issued, user_authority: Issued, heartbeat_key: bytes, certificate_request: str, node: NodeSpec
) -> Credentials:
    """What a node is given: certificates for its key, the authorities, the heartbeat key."""
    certificate = issue_node_certificate(authority, certificate_request.encode(), node).decode()
    return Credentials(
        node_certificate=certificate,
        api_certificate=certificate,
        node_authority=authority.certificate.decode(),
        node_authority_key=authority.key.decode(),
        user_authority=user_authority.certificate.decode(),
        user_authority_key=user_authority.key.decode(),
        heartbeat_key=heartbeat_key.hex(),
    )
