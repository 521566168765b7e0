"""`node join`: this machine becomes a node of an existing cluster, by a one-time token.

Owns: the checks on this machine, the key pair, and what happens when the answer is lost.
Does not know: what the cluster checks (`control.enrolment`), or how a connection is made (`client`).
How it works: the key stays in a folder of its own until the answer has come. So the same command, given again after a
lost answer, shows the same key, and the cluster gives the same node number instead of a second one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quorate.adapters import pki
from quorate.control.names import name_problems
from quorate.model.enrolment import EnrolmentAnswer, EnrolmentRequest
from quorate.model.problems import Problem, Refused, error, stops
from quorate.model.versions import LOWEST_RELEASE, RELEASE
from quorate.node.founding import Founding, address_problems, chosen_ports, found, machine_problems
from quorate.node.identity import Identity, Replica
from quorate.node.joining_authority import node_files
from quorate.node.places import Places
from quorate.wire.join_token import BadToken, JoinToken, decode_token


@dataclass(frozen=True, slots=True)
class Wish:
    """What `node join` was asked for. Addresses stand with their prefix length."""

    token: str
    node_name: str
    networks: Mapping[str, str]
    version: str
    ports: Mapping[str, int] = field(default_factory=dict)
    check_addresses: bool = True


Enrol = Callable[[JoinToken, EnrolmentRequest], EnrolmentAnswer]
"""Ask the cluster. Raises Refused where it is refused; anything else means that repeating is safe."""


def join_cluster(places: Places, wish: Wish, enrol: Enrol) -> EnrolmentAnswer:
    """Make this machine a node. Raises Refused with every problem, and what `enrol` raises."""
    ports, port_problems = chosen_ports(places, wish.ports)
    problems = machine_problems(places) + port_problems + name_problems(wish.node_name, "node_name", host=True)
    problems += _network_form(wish.networks)
    if wish.check_addresses:
        problems += address_problems(wish.networks)
    token = read_token(wish.token, problems)
    if token is None or stops(problems):
        raise Refused(problems)
    folder = places.state.with_name(places.state.name + ".joining")
    key = kept_key(folder)
    request = EnrolmentRequest(
        secret=token.secret.hex(),
        name=wish.node_name,
        networks=dict(wish.networks),
        certificate_request=pki.make_request(key, wish.node_name).decode(),
        version=wish.version,
        release=RELEASE,
        lowest_release=LOWEST_RELEASE,
        api_port=ports["api_port"],
        heartbeat_port=ports["heartbeat_port"],
        client_port=ports["client_port"],
        peer_port=ports["peer_port"],
    )
    try:
        answer = enrol(token, request)
    except Refused:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _settle(places, answer, key, ports)
    shutil.rmtree(folder, ignore_errors=True)
    return answer


def _settle(places: Places, answer: EnrolmentAnswer, key: bytes, ports: Mapping[str, int]) -> None:
    if not pki.matches(answer.credentials.node_certificate.encode(), key):
        raise Refused(
            [
                error(
                    "certificate_mismatch",
                    "the cluster signed another key than ours",
                    remedy="report this; nothing was changed",
                )
            ]
        )
    me = next(node for node in answer.nodes if node.node == answer.node)
    identity = Identity(cluster_id=answer.cluster.id, cluster_name=answer.cluster.name, node=answer.node, name=me.name)
    replica = Replica(cluster_id=answer.cluster.id, cluster=answer.cluster, nodes=answer.nodes)
    found(places, Founding(identity, replica, node_files(answer.credentials, key), ports))


def _network_form(networks: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    for network, given in networks.items():
        try:
            ipaddress.ip_interface(given)
        except ValueError:
            problems.append(
                error(
                    "network_address_form",
                    f"{given!r} is not an address with prefix length",
                    where=f"network.{network}",
                    remedy="write it like 10.77.1.2/24",
                )
            )
    return problems


def read_token(word: str, problems: list[Problem]) -> JoinToken | None:
    """What the word says; None, with a problem added, where it is no token."""
    try:
        return decode_token(word)
    except BadToken as problem:
        problems.append(
            error(
                "token_form",
                f"this is not a join token: {problem}",
                where="token",
                remedy="copy the whole word that `quorate token create` printed",
            )
        )
        return None


def kept_key(folder: Path) -> bytes:
    """The key of an attempt whose answer was lost, or a new one."""
    path = folder / pki.NODE_KEY
    with contextlib.suppress(OSError):
        kept = path.read_bytes()
        with contextlib.suppress(ValueError):
            pki.make_request(kept, "kept")
            return kept
    key = pki.make_key()
    try:
        pki.write_files(folder, {pki.NODE_KEY: key})
    except OSError as problem:
        raise Refused(
            [
                error(
                    "state_folder_unusable",
                    f"{folder} cannot be written: {problem.strerror}",
                    where=str(folder),
                    remedy="run as root, and see that the disk is writable; nothing was changed",
                )
            ]
        ) from problem
    return key
