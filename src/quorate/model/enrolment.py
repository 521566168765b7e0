"""How a machine becomes a node of an existing cluster: what it asks, and what it is given (design §8).

Owns: the form of the request and of the answer, of the token's record in the database, and of the audit record.
Does not know: who checks them (`control.enrolment`), or how they travel (`POST /v1/join`). Being a node is not being
admitted: `core.authority` owns what a node in one of its lives may do.
"""

from __future__ import annotations

from typing import Final, Literal

from quorate.model.base import Value
from quorate.model.nodes import ClusterSpec, NodeSpec

ADD_EVICT_DELAY: Final = "add_evict_delay"
"""Code of the one refusal that passes by itself: a machine that joins waits for its end."""


class EnrolmentRequest(Value, frozen=True, kw_only=True):
    """A machine asks to become a node."""

    secret: str
    """The token's secret, in hexadecimal."""
    name: str
    networks: dict[str, str]
    """Address with prefix length (`10.77.1.2/24`) on each network, by network name."""
    certificate_request: str
    version: str
    release: int = 1
    lowest_release: int = 1
    """Oldest release that its software works together with."""
    api_port: int = 7400
    heartbeat_port: int = 7401
    client_port: int = 7402
    peer_port: int = 7403


class Credentials(Value, frozen=True, kw_only=True):
    """What proves a node, and what a node needs to become a voter: the keys of both authorities (design §8).

    Certificates and keys are PEM; `heartbeat_key` is hexadecimal.
    """

    node_certificate: str
    api_certificate: str
    node_authority: str
    node_authority_key: str
    user_authority: str
    user_authority_key: str
    heartbeat_key: str


class EnrolmentAnswer(Value, frozen=True, kw_only=True):
    """The machine is node `node` from now on. A repeated identical request gets the same number again."""

    node: int
    cluster: ClusterSpec
    nodes: tuple[NodeSpec, ...]
    credentials: Credentials


class TokenRecord(Value, frozen=True, kw_only=True):
    """A join token as the database keeps it, under the hash of its secret.

    `used_by` is the hash of the public key that consumed it: the same machine asking again, after an answer was lost,
    is given the same number.
    """

    created_at: str
    expires_s: int
    use: Literal["node", "witness"] = "node"
    """What a machine becomes by it."""
    author: str = ""
    used_by: str = ""
    used_at: str = ""
    node: int = 0
    revoked_by: str = ""
    revoked_at: str = ""
    """Nobody gets in by it any more; empty where it was not revoked."""


class AuditRecord(Value, frozen=True, kw_only=True):
    """Who changed what, when and why; written in the transaction that makes the change."""

    at: str
    author: str
    verb: str
    kind: str
    object_id: str
    object_name: str = ""
    reason: str = ""
    detail: str = ""
