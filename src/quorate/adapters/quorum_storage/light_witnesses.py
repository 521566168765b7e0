"""From what is configured to the light witness itself.

Owns: which adapter a kind means, and that what is wrong is told at once. Does not know: who uses it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import assert_never

from quorate.adapters.quorum_storage.object_bucket import Bucket
from quorate.adapters.quorum_storage.witness_credentials import read_credentials
from quorate.adapters.quorum_storage.witness_objects import Objects
from quorate.adapters.quorum_storage.witness_share import Share
from quorate.model.light_address import AzureAddress, LightKind, S3Address, ShareAddress, read_light_address
from quorate.ports.light_witness import LightWitness


def open_light_witness(kind: LightKind, path: str, cluster: str, *, credentials: Path, limit_s: float) -> LightWitness:
    """The witness of that cluster at `path`; nothing is asked yet. Raises Refused with every problem found.

    `credentials` is light-witness.toml of this node; a share needs none. `limit_s`: no answer within that time is loss.
    """
    address = read_light_address(kind, path)
    match address:
        case ShareAddress(path=folder):
            return Share(Path(folder), cluster, limit_s=limit_s)
        case S3Address():
            read = partial(read_credentials, credentials, "s3")
        case AzureAddress():
            read = partial(read_credentials, credentials, "azure")
        case _:
            assert_never(address)
    read()
    return Objects(Bucket(address, read, limit_s=limit_s), cluster, limit_s=limit_s)
