"""What a node says of itself among its facts: the software that it runs, the watchdog that watches it.

Owns: the transactions that write these facts, where they differ from what is written. Does not know: when they are
sent. Each is guarded by the node being up in this life (design §4 rule 14) and by the fact that it replaces.
"""

from __future__ import annotations

from quorate.core.authority.frame import CommitRequest
from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.membership import WatchdogFact
from quorate.model.records import Absent, Guard, Put, Unchanged
from quorate.model.versions import Software


def software_fact(view: ClusterView, node: int, ours: Software) -> CommitRequest | None:
    """Say what this node runs, in a cluster that has its first content."""
    known = view.software.get(node)
    written = view.cluster is None or (known is not None and known.record == ours)
    return None if written else _fact(view, node, "software", keys.fact_software(node), known, ours)


def watchdog_fact(view: ClusterView, node: int, incarnation: str, armed_s: float) -> CommitRequest | None:
    """Say that this life has a watchdog, once it is armed."""
    known = view.watchdogs.get(node)
    ours = WatchdogFact(incarnation=incarnation, timeout_s=armed_s)
    written = not armed_s or (known is not None and known.record == ours)
    return None if written else _fact(view, node, "watchdog", keys.fact_watchdog(node), known, ours)


def _fact(
    view: ClusterView,
    node: int,
    purpose: str,
    key: str,
    known: Known[Software] | Known[WatchdogFact] | None,
    ours: Value,
) -> CommitRequest | None:
    member = view.authority.members.get(node)
    if member is None:
        return None
    before: Guard = Unchanged(key, known.revision) if known is not None else Absent(key)
    return CommitRequest(purpose, (Unchanged(keys.member(node), member.revision), before), (Put(key, encode(ours)),))
