"""An authoritative restore into a cluster that runs (spec/02 §9.1, DB-09, DB-10).

Owns: the order of its steps. Does not know: what is written (`control.restore_plan`).
How it works: everything is checked before anything is changed; groups that must change are taken offline by the same
command that an administrator would use; then part after part until nothing differs.
"""

from __future__ import annotations

import asyncio
import shlex
from typing import Final

from quorate.control.change import Change, Occasion, altered
from quorate.control.cluster import formed
from quorate.control.context import Context
from quorate.control.executor import CannotNow, execute, execute_reading, new_occasion
from quorate.control.groups import group_offline
from quorate.control.restore_plan import (
    PartDone,
    Unit,
    busy_groups,
    first_part,
    left_offline,
    part,
    standing_problems,
    units,
)
from quorate.control.restore_reading import Wanted, read_wanted
from quorate.control.restore_saved import put_saved, saved_problems
from quorate.control.wait import group_offline as until_offline
from quorate.control.wait import wait_for
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model.backup import Backup
from quorate.model.base import Damaged
from quorate.model.problems import Problem, Refused, error, stops, warning
from quorate.model.records import Snapshot
from quorate.model.restore import RestoreAnswer, RestoreItem, RestoreWish
from quorate.model.workload import GroupSpec
from quorate.wire.backup_archive import read_archive

OFFLINE_LIMIT_S: Final = 60.0
PARTS_MOST: Final = 1000


async def restore(context: Context, wish: RestoreWish, author: str, reason: str) -> RestoreAnswer:
    """Make the cluster's configuration that of the backup. Raises Refused, CannotNow or Unsettled."""
    backup = await asyncio.to_thread(_read, wish.archive)
    cluster = formed(context.view).record
    same = cluster.id == backup.manifest.cluster_id
    problems: list[Problem] = []
    if backup.manifest.functional_level > cluster.functional_level:
        what = f"the backup is of functional level {backup.manifest.functional_level}"
        remedy = f"this cluster is at {cluster.functional_level}: quorate cluster upgrade-level"
        problems.append(error("backup_newer", what, where="archive", remedy=remedy))
    wanted = read_wanted(context.view, backup, wish.map_nodes, problems)
    problems += standing_problems(context.view, wanted)
    problems += _types(context, wanted) + saved_problems(context.view, wanted, same_cluster=same)

    def differing(view: ClusterView) -> list[Unit]:
        return units(view, wanted, same_cluster=same, as_they_were=wish.as_they_were)

    found = differing(context.view)
    busy = busy_groups(context.view, found)
    problems += _others_up(context, force=wish.force) + _busy(busy, force=wish.force)
    manifest = backup.manifest
    answer = RestoreAnswer(
        cluster=manifest.cluster_name, revision=manifest.revision, at=manifest.at, preview=wish.preview
    )
    if wish.preview:
        return _answer(answer, tuple(item for unit in found for item in unit.items), 0, problems)
    if stops(problems):
        raise Refused(problems)
    for group in busy:
        await _take_offline(context, group, author, reason)
    detail = f"backup of {manifest.cluster_name} at revision {manifest.revision}, {manifest.at}"

    def command(view: ClusterView, snapshot: Snapshot, occasion: Occasion) -> Change[PartDone]:
        left = differing(view)
        still = busy_groups(view, left)
        if still:
            raise Refused(_busy(still, force=False))
        return part(left, snapshot, occasion, cluster, detail) if left else Change((), (), PartDone())

    await put_saved(context, wanted, same_cluster=same)
    items: tuple[RestoreItem, ...] = ()
    for parts in range(PARTS_MOST):
        names = tuple(key for unit in first_part(differing(context.view)) for key in unit.names)
        done = await execute_reading(context, names, command, new_occasion(context, author, reason))
        if not done.items:
            offline = left_offline(context.view, found)
            told = altered(answer, left_offline=tuple(group.name for group in offline))
            return _answer(told, items, parts, [*problems, *_still_offline(offline, busy)])
        items += done.items
    raise CannotNow(Refused([error("restore_unfinished", "other changes kept coming", remedy="ask again")]))


def _read(data: bytes) -> Backup:
    try:
        return read_archive(data, "archive")
    except Damaged as damaged:
        remedy = "use another backup; nothing was changed"
        raise Refused([error("backup_damaged", str(damaged), where="archive", remedy=remedy)]) from damaged


def _answer(
    answer: RestoreAnswer, items: tuple[RestoreItem, ...], parts: int, problems: list[Problem]
) -> RestoreAnswer:
    return altered(answer, items=items, parts=parts, problems=tuple(problems))


def _others_up(context: Context, *, force: bool) -> list[Problem]:
    """Other nodes that are active (CLUSTER_NODE_UP): people at work there should know what comes."""
    others = [node_name(context.view, node) for node in sorted(context.view.authority.up()) if node != context.node]
    if not others:
        return []
    names = ", ".join(others)
    if force:
        return [warning("cluster_node_up", f"{names} stay active and take the restored data at once", remedy="none")]
    what, remedy = f"{names} are active (CLUSTER_NODE_UP, 5056)", "stop them first, or restore under their eyes"
    return [error("cluster_node_up", what, where="cluster", remedy=remedy, override="--force")]


def _busy(groups: list[GroupSpec], *, force: bool) -> list[Problem]:
    """Groups that are online, or should be, and are not as the backup has them."""
    remedy = "take it offline first, or have that done"
    made: list[Problem] = []
    for group in groups:
        what = f"group {group.name} is not offline, and the backup has it otherwise"
        if force:
            made.append(warning("group_goes_offline", what, where=group.name, remedy="it is taken offline for this"))
        else:
            made.append(error("group_not_offline", what, where=group.name, remedy=remedy, override="--force"))
    return made


def _still_offline(groups: list[GroupSpec], stopped: list[GroupSpec]) -> list[Problem]:
    """Which groups nobody brings online, and how they come back."""
    ended = {group.id for group in stopped}
    return [
        warning(
            "group_left_offline",
            f"group {group.name} is offline" + (": it was taken offline for this" if group.id in ended else ""),
            where=group.name,
            remedy=f"look at it, then: quorate group online {shlex.quote(group.name)}",
        )
        for group in groups
    ]


def _types(context: Context, wanted: Wanted) -> list[Problem]:
    """Resources whose type nobody has here: restored all the same, because a type can be installed later."""
    remedy = "install the resource type before the resource is brought online"
    return [
        warning("type_not_here", f"there is no type {spec.type}", where=spec.name, remedy=remedy)
        for spec in wanted.resources.values()
        if context.types.find(spec.type) is None
    ]


async def _take_offline(context: Context, group: GroupSpec, author: str, reason: str) -> None:
    why = reason or "restore of a backup"
    await execute(
        context, lambda view, occasion: group_offline(view, group.id, occasion), new_occasion(context, author, why)
    )
    if await wait_for(context, until_offline(group.id), OFFLINE_LIMIT_S) != "done":
        what = f"group {group.name} was told to go offline and has not yet; nothing is restored"
        remedy = f"see `quorate explain group {group.name!r}`, then ask again"
        raise CannotNow(Refused([error("group_not_offline", what, where=group.name, remedy=remedy)]))
