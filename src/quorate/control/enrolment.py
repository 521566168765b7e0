"""How a machine gets a place among the nodes (design §8).

Owns: what a token is worth, every check of a machine that wants to be a node, and the one transaction that consumes the
token and writes the node. Does not know: certificates; a `Signer` makes them once the transaction is answered.
How it works: `enrol` is a command like others; it also gets the token's record as read from the
store, because the replica does not hold tokens; the record is guarded by its revision, so that two machines with one
token cannot both be given a number, and one machine asking twice is given the same.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import replace
from typing import Final, Literal, Protocol

from quorate.control.change import Change, Occasion, altered, audited, guard, put, unchanged
from quorate.control.joining_networks import network_problems, new_networks
from quorate.control.names import name_problems
from quorate.core.cluster_view import ClusterView
from quorate.core.versions import incompatibility
from quorate.model import keys
from quorate.model.base import Value, decode, encode
from quorate.model.enrolment import ADD_EVICT_DELAY, Credentials, EnrolmentRequest, TokenRecord
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Problem, Refused, error
from quorate.model.records import KeyValue, Put
from quorate.model.versions import Software
from quorate.wire.join_token import SECRET_BYTES, secret_hash

NODES_MOST: Final = 64


class Signer(Protocol):
    """Whoever holds the authorities' keys: every voter (design §8)."""

    def fingerprint(self) -> bytes:
        """SHA-256 of the node authority's certificate."""
        ...

    def request_key_hash(self, certificate_request: str) -> str | None:
        """Hash of the public key of a request; None where it is not a request."""
        ...

    def credentials(self, certificate_request: str, node: NodeSpec) -> Credentials:
        """Sign the node's certificates and add what a voter needs."""
        ...

    def witness_certificate(self, certificate_request: str, name: str, address: str) -> tuple[str, str]:
        """Sign a witness's certificate; with it the node authority's own, both in PEM."""
        ...


class Enrolled(Value, frozen=True, kw_only=True):
    """Which node the machine is, and the cluster it belongs to."""

    node: NodeSpec
    cluster: ClusterSpec
    nodes: tuple[NodeSpec, ...]


def token_key(secret_hex: str) -> str:
    """Where the record of a token with that secret must be."""
    try:
        secret = bytes.fromhex(secret_hex)
    except ValueError:
        secret = b""
    return keys.TOKEN + secret_hash(secret[:SECRET_BYTES])


def enrol(
    view: ClusterView, request: EnrolmentRequest, token: KeyValue | None, key_hash: str | None, occasion: Occasion
) -> Change[Enrolled]:
    """Give the machine its number, or say everything that stands against it."""
    cluster = view.cluster
    if cluster is None:
        raise Refused(
            [
                error(
                    "cluster_not_formed",
                    "the cluster has not formed yet",
                    remedy="try again when `cluster status` answers",
                )
            ]
        )
    token, record = good_token(token, "node", key_hash)
    if record.used_by:
        known = view.nodes.get(record.node)
        if known is None:
            raise Refused([token_problem("the node that used this token is gone")])
        return unchanged(_enrolled(view, cluster.record, known.record))
    problems: list[Problem] = _delay_problems(view, cluster.record, occasion.at_s)
    if record.expires_s < occasion.at_s:
        problems.append(token_problem("this token has expired"))
    if key_hash is None:
        problems.append(
            error(
                "certificate_request_bad",
                "the certificate request cannot be read",
                where="certificate_request",
                remedy="use `quorate node join` of the same version",
            )
        )
    offered = Software(version=request.version, release=request.release, lowest_release=request.lowest_release)
    why = incompatibility(view, cluster.record.next_node, offered)
    if why:
        remedy = "install the release of the cluster on this machine (quorate cluster status shows it)"
        problems.append(error("software_incompatible", why, where="release", remedy=remedy))
    problems += _name_problems(view, request.name)
    problems += network_problems(view, cluster.record, request.networks)
    number = cluster.record.next_node
    apart = new_networks(view, cluster.record, request.networks)
    fabric, fabric_problems = _fabric_address(cluster.record, number, request)
    problems += fabric_problems
    if len(view.nodes) >= NODES_MOST:
        problems.append(
            error("too_many_nodes", f"a cluster has at most {NODES_MOST} nodes", remedy="remove a node first")
        )
    if problems:
        raise Refused(problems)
    node = NodeSpec(
        node=number,
        name=request.name,
        addresses={network: value.partition("/")[0] for network, value in request.networks.items()},
        fabric_address=fabric,
        votes=0,  # the vote follows when the node's member has caught up
        api_port=request.api_port,
        heartbeat_port=request.heartbeat_port,
        client_port=request.client_port,
        peer_port=request.peer_port,
    )
    change = _enrolment(view, cluster.record, cluster.revision, token, record, node, key_hash or "", occasion)
    for network in apart:
        key, name_key = keys.SPEC_NETWORK + network.id, keys.name("network", network.name)
        change = replace(
            change,
            guards=(*change.guards, guard(key, None), guard(name_key, None)),
            writes=(*change.writes, put(key, network), Put(name_key, network.id.encode())),
        )
    return change


def good_token(
    token: KeyValue | None, use: Literal["node", "witness"], key_hash: str | None
) -> tuple[KeyValue, TokenRecord]:
    """The token's record, if it may be used for this by whoever asks. Raises Refused."""
    record = decode(token.value, TokenRecord, token.key) if token is not None else None
    if record is None or token is None or (record.used_by and record.used_by != key_hash):
        # One answer for unknown and used: a stranger learns nothing from trying.
        raise Refused([token_problem("this token is unknown or already used")])
    if record.revoked_at and not record.used_by:
        raise Refused([token_problem(f"this token was revoked at {record.revoked_at}")])
    if record.use != use:
        command = {"node": "quorate node join", "witness": "quorate witness join"}[record.use]
        raise Refused([token_problem(f"this token is for a {record.use}: {command}")])
    return token, record


def _enrolment(
    view: ClusterView,
    cluster: ClusterSpec,
    cluster_revision: int,
    token: KeyValue,
    record: TokenRecord,
    node: NodeSpec,
    key_hash: str,
    occasion: Occasion,
) -> Change[Enrolled]:
    used = altered(record, used_by=key_hash, used_at=occasion.at, node=node.node)
    grown = altered(cluster, next_node=node.node + 1)
    node_key, name_key = f"{keys.SPEC_NODE}{node.node}", keys.name("node", node.name)
    change = Change(
        guards=(
            guard(token.key, token.mod_revision),
            guard(keys.SPEC_CLUSTER, cluster_revision),  # serialises all enrolments, so addresses stay unique
            guard(node_key, None),
            guard(name_key, None),
        ),
        writes=(
            Put(token.key, encode(used)),
            put(keys.SPEC_CLUSTER, grown),
            put(node_key, node),
            Put(name_key, str(node.node).encode()),
        ),
        answer=_enrolled(view, grown, node),
    )
    return audited(
        change, occasion, verb="join", kind="node", object_id=str(node.node), object_name=node.name,
        detail=f"token made by {record.author or 'unknown'}",
    )  # fmt: skip


def _enrolled(view: ClusterView, cluster: ClusterSpec, node: NodeSpec) -> Enrolled:
    others = [known.record for number, known in sorted(view.nodes.items()) if number != node.node]
    return Enrolled(node=node, cluster=cluster, nodes=(*others, node))


def _delay_problems(view: ClusterView, cluster: ClusterSpec, at_s: float) -> list[Problem]:
    """A node was evicted a moment ago (AddEvictDelay, spec/02 §5.1). Clocks may differ: never longer than that."""
    last = max((known.record for known in view.evicted.values()), key=lambda gone: gone.at_s, default=None)
    if last is None:
        return []
    left_s = min(last.at_s + cluster.add_evict_delay_s - at_s, cluster.add_evict_delay_s)
    if left_s <= 0:
        return []
    return [
        error(
            ADD_EVICT_DELAY,
            f"{last.name} was evicted at {last.at}: no machine joins within {cluster.add_evict_delay_s} s of that "
            f"(add_evict_delay_s), {math.ceil(left_s)} s from now",
            where="cluster.add_evict_delay_s",
            remedy="wait, or ask again then; the token stays good until it expires",
        )
    ]


def token_problem(what: str) -> Problem:
    """Why a token is not taken."""
    return error(
        "token_refused",
        what,
        where="token",
        remedy="make a new one with `quorate token create` on a node of the cluster",
    )


def _name_problems(view: ClusterView, name: str) -> list[Problem]:
    problems = name_problems(name, "name", host=True)
    if any(known.record.name.casefold() == name.casefold() for known in view.nodes.values()):
        problems.append(
            error(
                "name_in_use",
                f"there is a node {name!r} already",
                where="name",
                remedy="choose another with --node-name; names are compared regardless of case",
            )
        )
    return problems


def _fabric_address(cluster: ClusterSpec, number: int, request: EnrolmentRequest) -> tuple[str, list[Problem]]:
    if not cluster.fabric_prefix:
        first = next(iter(cluster.networks), "")
        given = request.networks.get(first) or next(iter(request.networks.values()), "")
        return given.partition("/")[0], []
    prefix = ipaddress.ip_network(cluster.fabric_prefix)
    if number < prefix.num_addresses - 1:
        return str(prefix[number]), []
    return "", [
        error(
            "fabric_full",
            f"node number {number} does not fit into the fabric prefix {cluster.fabric_prefix}",
            remedy="node numbers are never reused; create the cluster with a larger --fabric-prefix",
        )
    ]
