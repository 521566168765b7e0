"""Records that an older release wrote are read with what they lack at its default."""

from __future__ import annotations

from quorate.model.base import decode
from quorate.model.workload import GroupFact, GroupIntent, ResourceFact, ResourceSpec


def test_facts_and_specifications_of_an_older_release_are_read() -> None:
    fact = decode(
        b'{"group":"g","incarnation":"1.a","number":3,"resources":{"a":{"state":"online","restarts":2}},"intent":9}',
        GroupFact,
        "fact",
    )
    assert fact.resources["a"] == ResourceFact(state="online", restarts=2)
    assert (fact.clear_failures, fact.resources["a"].proven, fact.resources["a"].flags.locked) == (0, (), "")
    spec = decode(b'{"id":"a","name":"a","type":"t","group":"g","depends_on":[["b"]]}', ResourceSpec, "spec")
    assert (spec.critical, spec.starts_after, spec.restart_backoff_factor) == (True, (), 1.0)
    assert decode(b'{"persistent_state":true}', GroupIntent, "intent").fail == {}
