"""From what is configured to the light witness itself.

Owns: which adapter a kind means, and that all that is wrong is told at once. Does not know: who uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from quorate.adapters.quorum_storage.object_bucket import Bucket
from quorate.adapters.quorum_storage.witness_credentials import read_credentials
from quorate.adapters.quorum_storage.witness_objects import AT_ONCE, Objects
from quorate.adapters.quorum_storage.witness_share import Share
from quorate.model.light_address import LightKind, ShareAddress, read_light_address
from quorate.model.problems import Problem, Refused
from quorate.ports.light_witness import LightWitness

T = TypeVar("T")


def open_light_witness(kind: LightKind, path: str, cluster: str, *, credentials: Path, limit_s: float) -> LightWitness:
    """The witness of that cluster at `path`; nothing is asked yet. Raises Refused with every problem found.

    `credentials` is light-witness.toml of this node; a share needs none. `limit_s`: no answer within that time is loss.
    """
    problems: list[Problem] = []
    address = _try(problems, lambda: read_light_address(kind, path))
    if kind == "share":
        read = None
    else:
        read = partial(read_credentials, credentials, kind)
        _try(problems, read)
    if address is None or problems:
        raise Refused(problems)
    if isinstance(address, ShareAddress):
        return Share(Path(address.path), cluster, limit_s=limit_s)
    assert read is not None, "only a share goes without"
    return Objects(Bucket(address, read, limit_s=limit_s, at_once=AT_ONCE), cluster, limit_s=limit_s)


def _try(problems: list[Problem], work: Callable[[], T]) -> T | None:
    try:
        return work()
    except Refused as refused:
        problems += refused.problems
        return None
