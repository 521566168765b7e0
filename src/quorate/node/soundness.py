"""Whether the files of a node can be used, looked at before anything starts: a damaged node does not start.

Owns: the check of keys and certificates, and that identity and node list belong together. Does not know: what they are
for. Everything wrong is told at once; nothing is changed or deleted.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from quorate.adapters import pki as files
from quorate.model.problems import Problem, error
from quorate.node.identity import Identity, Replica
from quorate.node.places import Places

_REMEDY: Final = "restore it from a backup of this node; nothing was changed or deleted"


def check_files(places: Places, identity: Identity, replica: Replica) -> tuple[Problem, ...]:
    """All problems of this node's files beyond those of identity and node list themselves."""
    found: list[Problem] = []
    if identity.node not in {spec.node for spec in replica.nodes}:
        what = f"{places.identity} says node {identity.node}, which {places.replica} does not know"
        remedy = "put back the files of this node; nothing was changed or deleted"
        found.append(error("foreign_data", what, where=str(places.identity), remedy=remedy))
    found += _check_heartbeat_key(places.heartbeat_key)
    pki = places.pki
    found += _check_authority(pki / files.NODE_CA)
    found += _check_pair(pki / files.NODE, pki / files.NODE_KEY)
    if (pki / files.API).exists():
        found += _check_pair(pki / files.API, pki / files.API_KEY)
    if (pki / files.USER_CA).exists():
        found += _check_authority(pki / files.USER_CA)
    return tuple(found)


def _check_heartbeat_key(path: Path) -> list[Problem]:
    try:
        length = len(path.read_bytes())
    except OSError as problem:
        return [_damaged(path, str(problem))]
    return (
        []
        if length == files.HEARTBEAT_KEY_BYTES
        else [_damaged(path, f"{length} bytes, not {files.HEARTBEAT_KEY_BYTES}")]
    )


def _check_authority(path: Path) -> list[Problem]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ssl.SSLError) as problem:
        return [_damaged(path, str(problem))]
    return []


def _check_pair(certificate: Path, key: Path) -> list[Problem]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as problem:
        return [_damaged(certificate, f"it and {key.name} cannot be used: {problem}")]
    return []


def _damaged(path: Path, why: str) -> Problem:
    return error("key_damaged", f"{path}: {why}", where=str(path), remedy=_REMEDY)
