"""Checkpoints on the node that owns a resource: saved while it is online, put back before it is (decision 0076).

Owns: when a tree is looked at, saved and put back, and the two moments in which a host is made to wait for that.
Does not know: the form of what is saved (`node.checkpoint_store`), or policy.

How it works: three duties.
Watching: while a resource is online its trees are looked at every `LOOK_S`; one that has changed is saved.
Before Online: the command waits here until every tree is put back. Whether it may still be given is asked anew in the
same turn in which it is given (`still_wanted`): a command that outlives its assignment, its lease or its life is never
given. Until then the group counts as coming online, so nobody else is told that it is stopped.
After the end: what a host says of a resource that has just ended is held back for at most `LAST_LOOK_S`, while its
trees are saved once more; so what it wrote while it went offline travels too. Held back, the resource counts as
running: nothing may start elsewhere sooner than without.
Files are worked on in threads that may hang: that costs this resource and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quorate.adapters.file_trees import TreeChanging, TreeTooLarge, read_tree, signature, write_tree
from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.core.group_run import BringOnline
from quorate.model.checkpoint import Checkpoint, CheckpointState, FileTree
from quorate.model.workload import ResourceSpec
from quorate.node.checkpoint_seal import Seal
from quorate.node.checkpoint_store import ContentWriter, Kept, read_kept
from quorate.node.disk_work import DiskWork
from quorate.ports.store import Store, StoreError
from quorate.wire.file_tree import pack_tree, unpack_tree

LOOK_S: Final = 1.0
DISK_LIMIT_S: Final = 10.0
LAST_LOOK_S: Final = 3.0
READ_LIMIT_S: Final = 15.0
"""Of reading from the store what is to be put back."""
RETRY_S: Final = 0.2
BYTES_PER_S: Final = 100_000
"""A large tree that keeps changing is saved seldom, so that the store's history does not fill."""


@dataclass(slots=True)
class _Watched:
    """One tree as it was last seen here."""

    disk: DiskWork
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: object = None
    token: int = 0
    """The assignment under which this node put it back or saved it: what lies here is the newest then."""
    state: Known[CheckpointState] | None = None
    not_before_s: float = 0.0


class CheckpointKeeper:
    """The checkpoints of one node.

    `online` lists resources that are online here; `still_wanted` tells whether an Online may be given now;
    `give` hands it to the host; `failed` tells the loop that it cannot be given.
    """

    def __init__(
        self,
        node: int,
        view: ClusterView,
        store: Store,
        seal: Seal,
        online: Callable[[], Iterable[ResourceSpec]],
        still_wanted: Callable[[BringOnline], bool],
        give: Callable[[BringOnline], None],
        failed: Callable[[ResourceSpec, str], None],
        now: Callable[[], float],
        wall: Callable[[], str],
        log: Callable[[str], None],
    ) -> None:
        self._node = node
        self._view = view
        self._store = store
        self._seal = seal
        self._writer = ContentWriter(store, view, node)
        self._online = online
        self._still_wanted = still_wanted
        self._give = give
        self._failed = failed
        self._now = now
        self._wall = wall
        self._log = log
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._coming: dict[str, BringOnline] = {}
        """The newest Online of each resource that waits here."""

    async def run(self) -> None:
        """Watch what is online."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Save every tree of an online resource that has changed. Trouble with one concerns no other."""
        specs = [spec for spec in self._online() if spec.checkpoints]
        present = {(spec.id, point.id) for spec in specs for point in spec.checkpoints}
        for gone in self._watched.keys() - present - {(r, p) for r, p in self._watched if r in self._coming}:
            if not self._watched[gone].lock.locked():
                self._watched[gone].seen = None
        async with asyncio.TaskGroup() as tasks:
            for spec in specs:
                for point in spec.checkpoints:
                    tasks.create_task(self._look_at(spec, point, hurry=False))

    # ---------------------------------------------------------------- before Online

    def concerns(self, command: BringOnline) -> bool:
        """This Online has to wait until trees are put back."""
        return bool(command.spec.checkpoints)

    async def bring_online(self, command: BringOnline) -> None:
        """Put every tree back, then give the command; or tell that it cannot be given."""
        own = command.spec.id
        self._coming[own] = command
        problem = ""
        try:
            for point in command.spec.checkpoints:
                await self._put_back(command, point)
        except Exception as fault:  # noqa: BLE001 - whatever it is: the resource has failed, and the service goes on
            problem = str(fault) or type(fault).__name__
        if self._coming.get(own) is not command:
            return  # asked anew meanwhile: that one counts
        del self._coming[own]
        if problem:
            self._failed(command.spec, f"its checkpoint cannot be put back: {problem}")
        elif self._still_wanted(command):
            self._give(command)
        else:
            self._failed(command.spec, "")

    async def _put_back(self, command: BringOnline, point: Checkpoint) -> None:
        own, path = command.spec.id, Path(point.path)
        watched = self._watch(own, point)
        async with watched.lock:
            try:
                kept = await self._read(own, point)
            except StoreError:
                if watched.token != command.token:
                    raise
                # Under this very assignment it was online here: what lies here is the newest, store or no store.
                self._log(f"{point.path} is left as it is: the database cannot be read")
                return
            if kept.state.chunks:
                packed = await asyncio.to_thread(self._seal.open, kept, own, point)
                tree = await asyncio.to_thread(unpack_tree, packed, point.path)
                await watched.disk.run(lambda: write_tree(path, tree))
                watched.seen = await watched.disk.run(lambda: signature(path))
            watched.token = command.token
            watched.state = Known(kept.state, kept.revision) if kept.revision is not None else None

    async def _read(self, own: str, point: Checkpoint) -> Kept:
        """What is kept; asked again where the store does not answer, for a while."""
        end_s = self._now() + READ_LIMIT_S
        while True:
            try:
                return await read_kept(self._store, own, point.id)
            except StoreError:
                if self._now() >= end_s:
                    raise
                await asyncio.sleep(RETRY_S)

    # ---------------------------------------------------------------- while online, and just after

    async def last_look(self, spec: ResourceSpec) -> None:
        """The resource has just ended: save what it wrote last, as far as that can be done in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_LOOK_S):
                for point in spec.checkpoints:
                    await self._look_at(spec, point, hurry=True)

    def _watch(self, resource: str, point: Checkpoint) -> _Watched:
        made = self._watched.get((resource, point.id))
        if made is None:
            made = self._watched[resource, point.id] = _Watched(DiskWork(f"the disk of {point.path}", DISK_LIMIT_S))
        return made

    async def _look_at(self, spec: ResourceSpec, point: Checkpoint, *, hurry: bool) -> None:
        watched, path = self._watch(spec.id, point), Path(point.path)
        if watched.lock.locked() and not hurry:
            return
        async with watched.lock:
            try:
                if not hurry and self._now() < watched.not_before_s:
                    return
                seen = await watched.disk.run(lambda: signature(path))
                if seen == watched.seen and watched.state is not None and not watched.state.record.problem:
                    return
                cluster = self._view.cluster
                limit = (cluster.record.checkpoint_limit_kib if cluster is not None else 0) << 10
                tree = await watched.disk.run(lambda: read_tree(path, limit))
                if await self._save(spec, point, watched, tree, limit):
                    watched.seen = seen
            except TreeChanging:
                return
            except StoreError as fault:
                self._log(f"checkpoint {point.path} of {spec.name} is not saved yet: {fault}")
            except Exception as fault:  # noqa: BLE001 - a name that is no text, say: told, and nothing else ends
                await self._complain(spec, point, watched, str(fault) or type(fault).__name__)

    async def _save(self, spec: ResourceSpec, point: Checkpoint, watched: _Watched, tree: FileTree, limit: int) -> bool:
        packed = await asyncio.to_thread(pack_tree, tree)
        if len(packed) > limit:
            raise TreeTooLarge(f"{point.path} takes {len(packed)} bytes, and {limit} are allowed")
        digest, content = await asyncio.to_thread(self._seal.close, packed, spec.id, point)
        former = await self._former(spec.id, point, watched)
        if former is not None and former.record.digest == digest and not former.record.problem:
            watched.state = former
            return True
        wanted = CheckpointState(digest=digest, at=self._wall(), node=self._node)
        saved = await self._writer.save(spec.id, point.id, former, wanted, content)
        watched.state = saved
        watched.not_before_s = self._now() + len(content) / BYTES_PER_S
        assignment = self._view.assignments.get(spec.group)
        if saved is not None and assignment is not None:
            watched.token = assignment.record.number
        return saved is not None

    async def _former(self, resource: str, point: Checkpoint, watched: _Watched) -> Known[CheckpointState] | None:
        """The record as this node wrote it last, or as the replica has it, whichever is newer."""
        seen = self._view.checkpoints.get((resource, point.id))
        if watched.state is None or (seen is not None and seen.revision > watched.state.revision):
            return seen
        return watched.state

    async def _complain(self, spec: ResourceSpec, point: Checkpoint, watched: _Watched, why: str) -> None:
        former = await self._former(spec.id, point, watched)
        if former is not None and former.record.problem == why:
            return
        self._log(f"checkpoint {point.path} of {spec.name} is not saved: {why}")
        with contextlib.suppress(StoreError):
            watched.state = await self._writer.complain(spec.id, point.id, former, why)
