"""Commands on the cluster as a whole: its properties and its name (spec/02 §3, spec/05 §1).

Owns: what each command demands and the cluster's record that it writes. Does not know: what a property brings about.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.heartbeat_settings import timing_problems
from quorate.control.names import NewName, name_problems
from quorate.control.networks import role_by_name
from quorate.control.placement_warnings import cluster_placement_warnings, time_zone_problems
from quorate.core.authority.view import Known
from quorate.core.backup_schedule import schedule_problems
from quorate.core.blast_radius import allowance
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.common_properties import CLUSTER, fields_of, read_common
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Problem, Refused, error, stops, warning
from quorate.model.properties import PropertyValue


class ClusterChange(Value, frozen=True, kw_only=True):
    """Properties of the cluster to be set; null stands for the default."""

    properties: dict[str, PropertyValue] = {}


def formed(view: ClusterView) -> Known[ClusterSpec]:
    """The cluster's record. Raises Refused where the database has not been read yet."""
    if view.cluster is not None:
        return view.cluster
    what, remedy = "the cluster has not formed yet", "try again when `quorate cluster status` answers"
    raise Refused([error("cluster_not_formed", what, remedy=remedy)])


def change_cluster(view: ClusterView, wish: ClusterChange, occasion: Occasion) -> Change[Done]:
    """Set properties of the cluster."""
    known = formed(view)
    values, problems = read_common(CLUSTER, role_by_name(wish.properties), "properties")
    if stops(problems):
        raise Refused(problems)
    changed = altered(known.record, **fields_of(CLUSTER, values))
    problems = timing_problems(changed) + schedule_problems(changed) + time_zone_problems(changed)
    if problems:
        raise Refused(problems)
    if changed == known.record:
        return unchanged(Done(id=known.record.id, name=known.record.name, changed=False))
    detail = ", ".join(f"{n}={v}" for n, v in sorted(values.items()))
    return write_cluster(known, changed, occasion, "set", detail, cluster_placement_warnings(view, changed))


def release_expulsions(view: ClusterView, occasion: Occasion) -> Change[Done]:
    """Somebody has looked why so many nodes were put out: they are not counted any more, the cluster goes on."""
    known = formed(view)
    done = Done(id=known.record.id, name=known.record.name)
    found = allowance(view, occasion.at_s)
    if found is None or not found.spent:
        return unchanged(altered(done, changed=False))
    released = altered(known.record, expulsions_released_s=occasion.at_s)
    return write_cluster(known, released, occasion, "release-expulsions", f"{found.spent} were counted")


def rename_cluster(view: ClusterView, wish: NewName, occasion: Occasion) -> Change[Done]:
    """Give the cluster another name: stored at once; clients see it when the core name next comes online."""
    known = formed(view)
    problems = name_problems(wish.name, "name")
    if problems:
        raise Refused(problems)
    if wish.name == known.record.name:
        return unchanged(Done(id=known.record.id, name=wish.name, changed=False))
    later = warning(
        "published_at_next_online",
        f"stored (5024); {wish.name} is published when the core name next comes online",
        where="name",
        remedy="a cluster without a core name publishes none: every face shows the new name from now on",
    )
    renamed = altered(known.record, name=wish.name)
    return write_cluster(known, renamed, occasion, "rename", f"it was {known.record.name}", (later,))


def write_cluster(
    known: Known[ClusterSpec],
    changed: ClusterSpec,
    occasion: Occasion,
    verb: str,
    detail: str = "",
    warnings: tuple[Problem, ...] = (),
) -> Change[Done]:
    """The cluster's record anew, where nobody else has changed it."""
    change = Change(
        guards=(guard(keys.SPEC_CLUSTER, known.revision),),
        writes=(put(keys.SPEC_CLUSTER, changed),),
        answer=Done(id=changed.id, name=changed.name, warnings=warnings),
    )
    return audited(
        change, occasion, verb=verb, kind="cluster", object_id=changed.id, object_name=changed.name, detail=detail
    )
