"""The keys of the cluster database below `/quorate/<cluster id>/` (design §8).

Owns: their spelling, and nothing else. Every key here is relative to the cluster's prefix.
"""

from __future__ import annotations

SCHEMA = "schema"
COORDINATOR = "coordinator"
MEMBER = "member/"
JOIN = "join/"
SPEC_NODE = "spec/node/"
SPEC_GROUP = "spec/group/"
SPEC_RESOURCE = "spec/resource/"
SPEC_NETWORK = "spec/network/"
SPEC_SET = "spec/set/"
SPEC_FENCE = "spec/fence/"
SPEC_CLUSTER = "spec/cluster"
SPEC_QUORUM = "spec/quorum"
INTENT_CLUSTER = "intent/cluster"
INTENT_NODE = "intent/node/"
INTENT_GROUP = "intent/group/"
INTENT_RESOURCE = "intent/resource/"
ASSIGNMENT = "assignment/"
FACT = "fact/"
NAME = "name/"
TOKEN = "token/"  # noqa: S105 - a place, not a secret
AUDIT = "audit/"
PAST = "past/"
"""What a change replaced, under the id of its audit record; `past/` and `audit/` are pruned together."""
HISTORY_FLOOR = "history-floor"
"""How far they were pruned."""
EVICTED = "evicted/"
FORCED = "forced"
"""What is kept of a node that was evicted, by its number, which is never used again."""

BACKUP = "backup"
"""What came of the scheduled backups."""

CHECKPOINT = "checkpoint/"
"""What is kept of a checkpoint, by resource and checkpoint."""

CHECKPOINT_DATA = "checkpoint-data/"
"""The content, in chunks; read only where it is put back."""

FENCING = "fencing/"
"""What came of calling fence devices, by the number of the node that was to be switched off."""

FORMED = "formed"
"""The newest forming of the cluster."""

INCIDENT = "incident/"
"""Failures that took groups from where they ran, by the revision with which they began; the newest are kept."""

STANDING = "standing/"
"""Failures counted against a node, by its number."""


REPLICA = (
    SCHEMA,
    COORDINATOR,
    MEMBER,
    JOIN,
    "spec/",
    "intent/",
    ASSIGNMENT,
    FACT,
    NAME,
    EVICTED,
    STANDING,
    INCIDENT,
    FENCING,
    FORCED,
    FORMED,
    BACKUP,
    CHECKPOINT,
)
"""Prefixes of what every node keeps a copy of; tokens and the audit trail only grow, and are read when asked for."""


def member(node: int) -> str:
    """The membership record of a node."""
    return f"{MEMBER}{node}"


def join(node: int) -> str:
    """The join request of a node."""
    return f"{JOIN}{node}"


def fact_group(node: int, group: str) -> str:
    """What a node reports of a group that it owns."""
    return f"{FACT}{node}/group/{group}"


def fact_adapters(node: int) -> str:
    """What a node reports of its network cards."""
    return f"{FACT}{node}/adapters"


def fact_paths(node: int) -> str:
    """Whom a node hears, over which network."""
    return f"{FACT}{node}/paths"


def fact_quorum(node: int) -> str:
    """What a node reports of the quorum storage."""
    return f"{FACT}{node}/quorum"


def name(kind: str, text: str) -> str:
    """The key that keeps a name unique in its class, whatever its case (I-13)."""
    return f"{NAME}{kind}/{text.casefold()}"


def fact_software(node: int) -> str:
    """What a node runs."""
    return f"{FACT}{node}/software"


def fact_watchdog(node: int) -> str:
    """What a node reports of its watchdog."""
    return f"{FACT}{node}/watchdog"


def fencing(node: int) -> str:
    """The history of fencing a node."""
    return f"{FENCING}{node}"


def checkpoint(resource: str, own: str) -> str:
    """What is kept of one checkpoint of a resource."""
    return f"{CHECKPOINT}{resource}/{own}"


def checkpoint_chunk(resource: str, own: str, slot: str, number: int) -> str:
    """One part of its content."""
    return f"{CHECKPOINT_DATA}{resource}/{own}/{slot}/{number:03}"


def fact_store(node: int) -> str:
    """What a node reports of its member of the store."""
    return f"{FACT}{node}/store"
