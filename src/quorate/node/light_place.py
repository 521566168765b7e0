"""Where this node finds its light witness.

Owns: the way from the configuration to the witness, and the check before anything is configured. Does not know: the
adapters' reasons; it hands them on.
"""

from __future__ import annotations

import asyncio
import importlib

from quorate.model.light_address import LightKind
from quorate.model.problems import Problem, Refused, error
from quorate.model.quorum import QuorumSpec
from quorate.node.places import Places
from quorate.ports.light_witness import LightWitness, WitnessLost

CHECK_LIMIT_S = 10.0


async def open_light(places: Places, kind: LightKind, path: str, cluster: str, limit_s: float) -> LightWitness:
    """The witness of this cluster at that place. Raises Refused."""
    opening = await asyncio.to_thread(importlib.import_module, "quorate.adapters.quorum_storage.light_witnesses")
    opened: LightWitness = await asyncio.to_thread(
        lambda: opening.open_light_witness(kind, path, cluster, credentials=places.light_witness, limit_s=limit_s)
    )
    return opened


def light_kind(spec: QuorumSpec) -> LightKind | None:
    """What keeps the record; None where there is no light witness."""
    match spec.kind:
        case "share" | "s3" | "azure":
            return spec.kind
        case "" | "directory" | "block_device" | "witness":
            return None


async def light_problems(places: Places, kind: LightKind, path: str, cluster: str) -> tuple[Problem, ...]:
    """Everything that makes a place unfit to be the light witness of this cluster, as this node reaches it."""
    try:
        witness = await open_light(places, kind, path, cluster, CHECK_LIMIT_S)
        found = await witness.check()
        record = None if found else await witness.read()
    except Refused as refused:
        return tuple(refused.problems)
    except WitnessLost as lost:
        remedy = "see that it is there and answers on every node"
        return (error("light_witness_unreachable", f"{path}: {lost}", where="witness", remedy=remedy),)
    if record is not None and record.cluster != cluster:
        what = f"{path} is the light witness of another cluster, {record.cluster}"
        return (*found, error("light_witness_in_use", what, where="witness", remedy="use another place"))
    return found
