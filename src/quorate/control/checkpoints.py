"""Commands on the checkpoints of a resource (spec/02 §9.2; K-4, K-6, K-7, K-9).

Owns: which paths may be one, and the deletion of what was saved. Does not know: how trees are saved and put back.
How it works: a checkpoint is part of its resource's specification, so it is backed up, restored, kept in the history
and deleted with it. Nothing here reaches the handler: the resource is not told (CK-06).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final

from quorate.control.change import Change, Done, Occasion, altered, audited, delete, guard, put
from quorate.control.context import Context
from quorate.control.lookup import find_resource, guard_group
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.checkpoint import Checkpoint
from quorate.model.problems import Problem, Refused, error, warning
from quorate.model.records import Write
from quorate.model.workload import ResourceSpec

CHECKPOINTS_MOST: Final = 20
_SYSTEM: Final = {
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
    "/run", "/sbin", "/srv", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share",
    "/var", "/var/cache", "/var/lib", "/var/log", "/var/run", "/var/spool", "/etc/systemd",
    "/tmp", "/var/tmp",  # noqa: S108 - refused, not used
}  # fmt: skip
_BELOW: Final = ("/proc/", "/sys/", "/dev/", "/boot/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/usr/bin/", "/usr/sbin/")
_IDENTITY: Final = {
    *("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/fstab"),
    *("/etc/hosts", "/etc/hostname", "/etc/machine-id", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/crypttab"),
    *("/etc/ssh", "/etc/pam.d", "/etc/security", "/etc/network", "/etc/netplan", "/etc/NetworkManager"),
}
"""What makes a machine that machine: another's copy would lock people out, or keep it from starting."""
_OURS: Final = ("/etc/quorate", "/var/lib/quorate", "/run/quorate", "/var/log/quorate")


class NewCheckpoint(Value, frozen=True, kw_only=True):
    """A file or folder that shall travel with a resource."""

    path: str
    secret: bool = False


class CheckpointView(Value, frozen=True, kw_only=True):
    """One checkpoint and what is kept of it."""

    path: str
    secret: bool
    saved_at: str = ""
    """Empty: nothing was saved yet."""
    saved_by: str = ""
    size_bytes: int = 0
    problem: str = ""


class CheckpointList(Value, frozen=True, kw_only=True):
    """All checkpoints of a resource."""

    resource: str
    checkpoints: tuple[CheckpointView, ...]


def add_checkpoint(view: ClusterView, name: str, wish: NewCheckpoint, occasion: Occasion) -> Change[Done]:
    """Have a file or folder travel with the resource; it is saved as soon as the resource is online."""
    spec = _resource(view, name)
    problems = path_problems(wish.path)
    if any(known.path == wish.path for known in spec.checkpoints):
        what = f"resource {spec.name} has that checkpoint (ALREADY_EXISTS, 183)"
        remedy = "remove it first, if it shall become secret or shall not be so any more"
        problems.append(error("checkpoint_exists", what, where="path", remedy=remedy))
    if len(spec.checkpoints) >= CHECKPOINTS_MOST:
        remedy = "name a folder instead of its files"
        what = f"a resource has at most {CHECKPOINTS_MOST} checkpoints"
        problems.append(error("checkpoints_too_many", what, where="path", remedy=remedy))
    for known in spec.checkpoints:
        if known.path != wish.path and _overlap(known.path, wish.path):
            what = f"{wish.path} and {known.path} lie within one another"
            problems.append(error("checkpoint_overlaps", what, where="path", remedy="name the outer one alone"))
    if problems:
        raise Refused(problems)
    made = Checkpoint(id=occasion.id, path=wish.path, secret=wish.secret)
    return _write(view, spec, (*spec.checkpoints, made), occasion, f"+ {wish.path}", _shared(view, spec, wish.path))


def remove_checkpoint(view: ClusterView, name: str, path: str, occasion: Occasion) -> Change[Done]:
    """The file or folder stays where it is, and travels no more; what was saved is deleted."""
    spec = _resource(view, name)
    found = next((known for known in spec.checkpoints if path in {known.path, known.id}), None)
    if found is None:
        there = ", ".join(known.path for known in spec.checkpoints) or "none"
        what = f"resource {spec.name} has no checkpoint {path} (FILE_NOT_FOUND, 2)"
        raise Refused([error("checkpoint_unknown", what, where="path", remedy=f"it has: {there}")])
    left = tuple(known for known in spec.checkpoints if known is not found)
    return _write(view, spec, left, occasion, f"- {found.path}", (), saved_keys(view, spec.id, [found]))


def list_checkpoints(context: Context, name: str) -> CheckpointList:
    """The checkpoints of a resource. Raises Refused."""
    view, spec = context.view, _resource(context.view, name)
    found = []
    for known in spec.checkpoints:
        state = view.checkpoints.get((spec.id, known.id))
        saved = state.record if state is not None else None
        found.append(
            CheckpointView(
                path=known.path,
                secret=known.secret,
                saved_at=saved.at if saved is not None else "",
                saved_by=node_name(view, saved.node) if saved is not None and saved.node else "",
                size_bytes=saved.size_bytes if saved is not None else 0,
                problem=saved.problem if saved is not None else "",
            )
        )
    return CheckpointList(resource=spec.name, checkpoints=tuple(found))


def checkpoint_problems(view: ClusterView) -> list[Problem]:
    """Checkpoints of which the newest content is not saved."""
    found = []
    for (resource, own), known in sorted(view.checkpoints.items()):
        spec = view.resources.get(resource)
        point = next((p for p in spec.record.checkpoints if p.id == own), None) if spec is not None else None
        if known.record.problem and spec is not None and point is not None:
            what = f"checkpoint {point.path} of resource {spec.record.name} is not saved: {known.record.problem}"
            remedy = "another node would get what was saved before; make it smaller, or raise checkpoint_limit_kib"
            found.append(error("checkpoint_not_saved", what, where=f"resource.{spec.record.name}", remedy=remedy))
    return found


def saved_keys(view: ClusterView, resource: str, checkpoints: Iterable[Checkpoint]) -> tuple[Write, ...]:
    """Deletes everything that was saved of these checkpoints (K-4)."""
    writes: list[Write] = []
    for known in checkpoints:
        if (resource, known.id) not in view.checkpoints:
            continue
        writes.append(delete(keys.checkpoint(resource, known.id)))
        writes += [
            delete(keys.checkpoint_chunk(resource, known.id, slot, number))
            for slot in ("a", "b")
            for number in range(view.checkpoints[(resource, known.id)].record.most)
        ]
    return tuple(writes)


def path_problems(path: str) -> list[Problem]:
    """What makes a path unfit for a checkpoint."""
    if not path.startswith("/") or posixpath.normpath(path) != path or path.startswith("//") or not path.isprintable():
        what = f"{path!r} is not an absolute path in its plain form"
        remedy = "begin with /, and leave out . and .. and a / at the end"
        return [error("checkpoint_path", what, where="path", remedy=remedy)]
    if path in _SYSTEM or path.startswith(_BELOW) or any(_overlap(path, own) for own in _IDENTITY):
        what = f"{path} is the system's: putting it back would remove what other programs have there"
        return [error("checkpoint_path", what, where="path", remedy="name a file or folder of the resource alone")]
    if any(_overlap(path, ours) for ours in _OURS):
        what = f"{path} is the cluster's own"
        return [error("checkpoint_path", what, where="path", remedy="the cluster takes care of its own files")]
    return []


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _shared(view: ClusterView, spec: ResourceSpec, path: str) -> tuple[Problem, ...]:
    """Other resources with the same files: on one node they overwrite each other (K-6)."""
    return tuple(
        warning(
            "checkpoint_shared",
            f"resource {known.record.name} has {point.path} as a checkpoint too: they overwrite each other",
            where="path",
            remedy="use different names, or one resource for it",
        )
        for known in view.resources.values()
        for point in known.record.checkpoints
        if known.record.id != spec.id and _overlap(point.path, path)
    )


def _resource(view: ClusterView, name: str) -> ResourceSpec:
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    if spec is None:
        raise Refused(problems)
    return spec


def _write(
    view: ClusterView,
    spec: ResourceSpec,
    points: tuple[Checkpoint, ...],
    occasion: Occasion,
    detail: str,
    warnings: tuple[Problem, ...],
    more: tuple[Write, ...] = (),
) -> Change[Done]:
    group = view.groups[spec.group].record
    change = Change(
        guards=(guard_group(view, spec.group), guard(keys.SPEC_RESOURCE + spec.id, view.resources[spec.id].revision)),
        writes=(
            put(keys.SPEC_RESOURCE + spec.id, altered(spec, checkpoints=points)),
            put(keys.SPEC_GROUP + group.id, group),
            *more,
        ),
        answer=Done(id=spec.id, name=spec.name, warnings=warnings),
    )
    return audited(
        change, occasion, verb="checkpoint", kind="resource", object_id=spec.id, object_name=spec.name, detail=detail
    )
