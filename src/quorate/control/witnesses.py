"""How a machine becomes a witness of the cluster (design §3: one vote to many clusters).

Owns: every check of it, and the transaction that consumes its token. Does not know: certificates, or when it gets its
vote: `quorum set --witness` says so.
"""

from __future__ import annotations

import ipaddress

from quorate.control.change import Change, Occasion, altered, audited, guard, put, unchanged
from quorate.control.enrolment import good_token, token_problem
from quorate.control.names import name_problems
from quorate.core.cluster_view import ClusterView
from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error
from quorate.model.records import KeyValue
from quorate.model.versions import RELEASE
from quorate.model.witness import WitnessedNode, WitnessRequest


class Witnessed(Value, frozen=True, kw_only=True):
    """The cluster that the machine witnesses for from now on."""

    cluster_id: str
    cluster_name: str
    profile: str
    nodes: tuple[WitnessedNode, ...]


def enrol_witness(
    view: ClusterView, request: WitnessRequest, token: KeyValue | None, key_hash: str | None, occasion: Occasion
) -> Change[Witnessed]:
    """Consume the token, or say everything that stands against it. The same machine asking again gets the same."""
    if view.cluster is None:
        remedy = "try again when `cluster status` answers"
        raise Refused([error("cluster_not_formed", "the cluster has not formed yet", remedy=remedy)])
    cluster = view.cluster.record
    token, record = good_token(token, "witness", key_hash)
    answer = Witnessed(
        cluster_id=cluster.id,
        cluster_name=cluster.name,
        profile=cluster.profile,
        nodes=tuple(
            WitnessedNode(
                node=number,
                name=known.record.name,
                fabric_address=known.record.fabric_address,
                addresses=dict(known.record.addresses),
                peer_port=known.record.peer_port,
            )
            for number, known in sorted(view.nodes.items())
        ),
    )
    if record.used_by:
        return unchanged(answer)
    problems = name_problems(request.name, "name", host=True) + _address_problems(view, request)
    if record.expires_s < occasion.at_s:
        problems.append(token_problem("this token has expired"))
    if key_hash is None:
        what, remedy = "the certificate request cannot be read", "use `quorate witness join` of the same version"
        problems.append(error("certificate_request_bad", what, where="certificate_request", remedy=remedy))
    if request.release != RELEASE:
        what = f"the witness has release {request.release}, the answering node {RELEASE}"
        remedy = "install the release of the cluster on this machine"
        problems.append(error("software_incompatible", what, where="release", remedy=remedy))
    if problems:
        raise Refused(problems)
    used = altered(record, used_by=key_hash, used_at=occasion.at)
    change = Change((guard(token.key, token.mod_revision),), (put(token.key, used),), answer)
    where = f"{request.address}:{request.peer_port}"
    return audited(
        change, occasion, verb="join", kind="witness", object_id=where, object_name=request.name,
        detail=f"token made by {record.author or 'unknown'}",
    )  # fmt: skip


def _address_problems(view: ClusterView, request: WitnessRequest) -> list[Problem]:
    found: list[Problem] = []
    try:
        address = str(ipaddress.ip_address(request.address))
    except ValueError:
        what, remedy = f"{request.address!r} is not an address", "write it like 10.77.1.9"
        return [error("witness_address_form", what, where="address", remedy=remedy)]
    owners = {a: known.record.name for known in view.nodes.values() for a in known.record.addresses.values()}
    if address in owners:
        what = f"{address} is an address of node {owners[address]}: a witness is a machine of its own"
        found.append(error("address_in_use", what, where="address", remedy="run it on a third machine"))
    if not 1 <= request.peer_port <= 65534:
        what, remedy = f"{request.peer_port} is no port of a witness", "give 1 to 65534; the next one is used as well"
        found.append(error("witness_port", what, where="peer_port", remedy=remedy))
    return found
