"""`witness join`: this machine becomes a witness of a cluster, by a one-time token.

Owns: the checks on this machine, the key pair, and what happens when the answer is lost. Does not know: what the
cluster checks (`control.witnesses`). The key stays in a folder of its own until the answer has come, so that the same
command may be given again.
"""

from __future__ import annotations

import hashlib
import ipaddress
import shutil
import socket
from collections.abc import Callable
from typing import Final

from quorate.adapters import pki
from quorate.control.names import name_problems
from quorate.model.problems import Problem, Refused, error
from quorate.model.versions import RELEASE
from quorate.model.witness import WitnessAnswer, WitnessRecord, WitnessRequest
from quorate.node.join import kept_key, read_token
from quorate.node.places import Places
from quorate.node.witness_files import WitnessFolder, witness_folders, witness_root
from quorate.wire.join_token import JoinToken

FIRST_PORT: Final = 7422
"""Peer port of the first cluster; each further one gets the next pair."""

Enrol = Callable[[JoinToken, WitnessRequest], WitnessAnswer]


def join_as_witness(
    places: Places, word: str, name: str, address: str, port: int | None, enrol: Enrol, *, check: bool = True
) -> WitnessRecord:
    """Make this machine a witness. Raises Refused with every problem, and what `enrol` raises."""
    problems = name_problems(name, "name", host=True) + (_address_problems(address) if check else [])
    peer_port = port if port is not None else _free_port(places)
    problems += _port_problems(places, peer_port)
    token = read_token(word, problems)
    if token is None or problems:
        raise Refused(problems)
    folder = witness_root(places) / f"joining-{hashlib.sha256(token.secret).hexdigest()[:12]}"
    key = kept_key(folder)
    request = WitnessRequest(
        secret=token.secret.hex(),
        name=name,
        address=address,
        peer_port=peer_port,
        certificate_request=pki.make_request(key, name).decode(),
        release=RELEASE,
    )
    try:
        answer = enrol(token, request)
    except Refused:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    record = _settle(places, request, answer, key)
    shutil.rmtree(folder, ignore_errors=True)
    return record


def _settle(places: Places, request: WitnessRequest, answer: WitnessAnswer, key: bytes) -> WitnessRecord:
    if not pki.matches(answer.certificate.encode(), key):
        what, remedy = "the cluster signed another key than ours", "report this; nothing was changed"
        raise Refused([error("certificate_mismatch", what, remedy=remedy)])
    folder = WitnessFolder(witness_root(places) / answer.cluster_id)
    if folder.record_path.exists():
        what = f"this machine witnesses for {answer.cluster_name} already"
        remedy = f"leave it first: quorate witness leave {answer.cluster_name}"
        raise Refused([error("witness_already", what, where=str(folder.path), remedy=remedy)])
    pki.write_files(
        folder.pki,
        {pki.NODE_CA: answer.authority.encode(), pki.NODE: answer.certificate.encode(), pki.NODE_KEY: key},
    )
    record = WitnessRecord(
        cluster_id=answer.cluster_id,
        cluster_name=answer.cluster_name,
        profile=answer.profile,
        name=request.name,
        address=request.address,
        peer_port=request.peer_port,
        nodes=answer.nodes,
    )
    folder.write_record(record)  # last: only a folder with a record counts
    return record


def _address_problems(address: str) -> list[Problem]:
    """Whether this machine has that address."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    except ValueError:
        return [
            error("witness_address_form", f"{address!r} is not an address", where="address", remedy="like 10.77.1.9")
        ]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as problem:
            what = f"this machine does not have {address}: {problem.strerror}"
            remedy = "give the address at which the nodes reach this machine"
            return [error("witness_address_not_here", what, where="address", remedy=remedy)]
    return []


def _free_port(places: Places) -> int:
    taken = {folder.record().peer_port for folder in witness_folders(places)}
    return next(port for port in range(FIRST_PORT, 65535, 2) if port not in taken)


def _port_problems(places: Places, port: int) -> list[Problem]:
    taken = {
        p: r.cluster_name for f in witness_folders(places) for r in [f.record()] for p in (r.peer_port, r.peer_port + 1)
    }
    clash = taken.get(port) or taken.get(port + 1)
    if clash:
        remedy = "leave --port out, and a free one is found"
        return [error("witness_port_taken", f"port {port} or {port + 1} serves {clash}", where="port", remedy=remedy)]
    return []
