"""A witness host: a third machine whose one vote decides, and that runs nothing else (design §3).

Owns: the form of what it asks, is given, and keeps. Does not know: who checks it (`control.witnesses`), or how it runs
(`node.witness_host`).
"""

from __future__ import annotations

from quorate.model.base import Value


class WitnessRequest(Value, frozen=True, kw_only=True):
    """A machine asks to witness for a cluster."""

    secret: str
    """The token's secret, in hexadecimal."""
    name: str
    address: str
    """Where nodes reach it."""
    peer_port: int
    certificate_request: str
    release: int = 1


class WitnessedNode(Value, frozen=True, kw_only=True):
    """A node as its witness needs to know it."""

    node: int
    name: str
    fabric_address: str
    addresses: dict[str, str]
    peer_port: int


class WitnessAnswer(Value, frozen=True, kw_only=True):
    """What a witness is given: a certificate for its key, and no secret of the cluster. Certificates are PEM."""

    cluster_id: str
    cluster_name: str
    profile: str
    nodes: tuple[WitnessedNode, ...]
    certificate: str
    authority: str


class WitnessRecord(Value, frozen=True, kw_only=True):
    """One cluster as a witness host keeps it."""

    cluster_id: str
    cluster_name: str
    profile: str
    name: str
    address: str
    peer_port: int
    nodes: tuple[WitnessedNode, ...]


class WitnessWord(Value, frozen=True, kw_only=True):
    """What a witness without a running member says to a node that asks."""

    witness: str
    """`waiting`: it has no member yet. `lacks data`: its member ran here once, and its data have gone."""
