"""Saved content of checkpoints, put back from a backup (spec/02 §9.2 K-5).

Owns: which content is put back, and how it is written. Does not know: specifications (`control.restore_plan`).
How it works: content goes before the specifications that use it, so a restore that is interrupted between the two does
both when it is asked for again: a resource that is as the backup has it is not touched, and its content is newer.
Content of secret checkpoints is sealed for the cluster that it is of; another one cannot open it and does not get it.
"""

from __future__ import annotations

from typing import Final

from quorate.control.context import Context
from quorate.control.executor import unreadable
from quorate.control.lookup import guard_intent
from quorate.control.restore_reading import Wanted
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.checkpoint import Checkpoint, CheckpointState
from quorate.model.problems import Problem, Refused, error, warning
from quorate.model.records import Absent, Guard, Put, Unchanged
from quorate.model.workload import ResourceSpec
from quorate.ports.store import OutcomeUnknown, StoreAlarm, StoreUnavailable

WRITE_LIMIT_S: Final = 10.0


def saved_problems(view: ClusterView, wanted: Wanted, *, same_cluster: bool) -> list[Problem]:
    """What of the content cannot be put back."""
    found = []
    for spec, point in _due(view, wanted):
        if point.secret and not same_cluster and (spec.id, point.id) in wanted.saved:
            what = (
                f"the content of the secret checkpoint {point.path} of {spec.name} is sealed for the backup's cluster"
            )
            remedy = "put that file in place by hand, on the node where the resource comes online first"
            found.append(warning("checkpoint_sealed", what, where=spec.name, remedy=remedy))
    return found


async def put_saved(context: Context, wanted: Wanted, *, same_cluster: bool) -> None:
    """Write the content of every checkpoint of a resource that is about to be restored. Raises CannotNow, Refused."""
    for spec, point in _due(context.view, wanted):
        state = wanted.saved.get((spec.id, point.id))
        if state is not None and state.chunks and (same_cluster or not point.secret):
            try:
                await _put(context, wanted, spec, point, state)
            except (StoreUnavailable, StoreAlarm) as problem:
                raise unreadable(problem) from problem
            except OutcomeUnknown as problem:
                raise unreadable(StoreUnavailable(str(problem))) from problem


def _due(view: ClusterView, wanted: Wanted) -> list[tuple[ResourceSpec, Checkpoint]]:
    """Checkpoints of the resources that are not as the backup has them."""
    found = []
    for spec in wanted.resources.values():
        known = view.resources.get(spec.id)
        if known is None or known.record != spec:
            found += [(spec, point) for point in spec.checkpoints]
    return found


async def _put(context: Context, wanted: Wanted, spec: ResourceSpec, point: Checkpoint, state: CheckpointState) -> None:
    view, key = context.view, keys.checkpoint(spec.id, point.id)
    known, there = view.resources.get(spec.id), view.checkpoints.get((spec.id, point.id))
    specified = keys.SPEC_RESOURCE + spec.id
    guards: tuple[Guard, ...] = (
        Absent(specified) if known is None else Unchanged(specified, known.revision),
        guard_intent(view, spec.group),
    )
    slot = "b" if there is not None and there.record.slot == "a" else "a"
    for number in range(state.chunks):
        chunk = wanted.chunks.get(keys.checkpoint_chunk(spec.id, point.id, state.slot, number))
        if chunk is None:
            what = f"the content of checkpoint {point.path} of {spec.name} is not whole"
            raise Refused([error("backup_damaged", what, where=key, remedy="use another backup")])
        put = Put(keys.checkpoint_chunk(spec.id, point.id, slot, number), chunk)
        await context.store.commit(guards, [put], timeout_s=WRITE_LIMIT_S)
    most = max(state.chunks, there.record.most if there is not None else 0)
    made = replace(state, slot=slot, begun=most, problem="", node=0)
    present: Guard = Absent(key) if there is None else Unchanged(key, there.revision)
    done = await context.store.commit((*guards, present), [Put(key, encode(made))], timeout_s=WRITE_LIMIT_S)
    if not done.succeeded:
        what, remedy = f"resource {spec.name} was changed meanwhile", "ask again"
        raise Refused([error("restore_unfinished", what, where=spec.name, remedy=remedy)])
