"""The content of checkpoints in the cluster database (decision 0076).

Owns: chunks, slots, and the guards under which a node may save. Does not know: files, or sealing.
How it works: content that fits into one chunk goes into one transaction with its record. More is written chunk by chunk
into the slot that is not in use; the record that names the slot comes last, so whoever reads sees the former or the new
content whole. Every write is guarded by the owner's membership and assignment and by the resource's specification: a
node that has lost the group saves nothing any more, and a deleted resource gets nothing back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Damaged, decode, encode, replace
from quorate.model.checkpoint import CHUNK_BYTES, CheckpointState
from quorate.model.records import Absent, Delete, Guard, Put, Unchanged, Write
from quorate.ports.store import Store

READ_LIMIT_S: Final = 5.0
WRITE_LIMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one checkpoint: its record with the revision, and the bytes."""

    state: CheckpointState
    revision: int | None
    """None: there is no record."""
    content: bytes = b""


async def read_kept(store: Store, resource: str, own: str) -> Kept:
    """What is kept, as of one position. Raises StoreUnavailable, StoreAlarm, Damaged."""
    key = keys.checkpoint(resource, own)
    snapshot = await store.read(
        keys=(key,), prefixes=(f"{keys.CHECKPOINT_DATA}{resource}/{own}/",), timeout_s=READ_LIMIT_S
    )
    item = snapshot.get(key)
    if item is None:
        return Kept(CheckpointState(), None)
    state = decode(item.value, CheckpointState, key)
    parts = list[bytes]()
    for number in range(state.chunks):
        chunk = snapshot.get(keys.checkpoint_chunk(resource, own, state.slot, number))
        if chunk is None:
            raise Damaged(key, f"part {number + 1} of {state.chunks} is missing")
        parts.append(chunk.value)
    content = b"".join(parts)
    if len(content) != state.size_bytes:
        raise Damaged(key, f"{len(content)} bytes of {state.size_bytes}")
    return Kept(state, item.mod_revision, content)


def owner_guards(view: ClusterView, node: int, resource: str) -> tuple[Guard, ...] | None:
    """What makes a save this node's to make; None where it is not."""
    spec = view.resources.get(resource)
    assignment = view.assignments.get(spec.record.group) if spec is not None else None
    member = view.authority.up().get(node)
    if spec is None or assignment is None or member is None or assignment.record.owner != node:
        return None
    if assignment.record.incarnation != member.record.incarnation:
        return None
    return (
        Unchanged(keys.member(node), member.revision),
        Unchanged(keys.ASSIGNMENT + spec.record.group, assignment.revision),
        Unchanged(keys.SPEC_RESOURCE + resource, spec.revision),
    )


class ContentWriter:
    """Saves content as the owner of its resource."""

    def __init__(self, store: Store, view: ClusterView, node: int) -> None:
        self._store = store
        self._view = view
        self._node = node

    async def save(
        self, resource: str, own: str, former: Known[CheckpointState] | None, wanted: CheckpointState, content: bytes
    ) -> Known[CheckpointState] | None:
        """Make `content` what is kept; None where somebody else changed it, or the group is not ours any more.

        `wanted` names digest, time and node. Raises StoreError.
        """
        guards = owner_guards(self._view, self._node, resource)
        if guards is None:
            return None
        chunks = [content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
        before = former.record if former is not None else CheckpointState()
        slot = "b" if before.slot == "a" and before.chunks else "a"

        def put(number: int) -> Put:
            return Put(keys.checkpoint_chunk(resource, own, slot, number), chunks[number])

        if len(chunks) > 1:
            former = await self._note(resource, own, former, replace(before, begun=max(before.most, len(chunks))))
            if former is None:
                return None
            before = former.record
            for number in range(1, len(chunks)):
                if not (await self._store.commit(guards, [put(number)], timeout_s=WRITE_LIMIT_S)).succeeded:
                    return None
        state = replace(wanted, slot=slot, chunks=len(chunks), size_bytes=len(content), begun=before.most, problem="")
        gone = [Delete(keys.checkpoint_chunk(resource, own, before.slot, n)) for n in range(before.chunks)]
        return await self._commit(resource, own, former, state, [put(0), *gone])

    async def complain(
        self, resource: str, own: str, former: Known[CheckpointState] | None, problem: str
    ) -> Known[CheckpointState] | None:
        """Write down why what is on the disk is not saved; what was saved stays. Raises StoreError."""
        before = former.record if former is not None else CheckpointState()
        return await self._note(resource, own, former, replace(before, problem=problem))

    async def _note(
        self, resource: str, own: str, former: Known[CheckpointState] | None, state: CheckpointState
    ) -> Known[CheckpointState] | None:
        if former is not None and former.record == state:
            return former
        return await self._commit(resource, own, former, state, [])

    async def _commit(
        self,
        resource: str,
        own: str,
        former: Known[CheckpointState] | None,
        state: CheckpointState,
        more: list[Write],
    ) -> Known[CheckpointState] | None:
        guards = owner_guards(self._view, self._node, resource)
        if guards is None:
            return None
        key = keys.checkpoint(resource, own)
        present: Guard = Absent(key) if former is None else Unchanged(key, former.revision)
        done = await self._store.commit((*guards, present), (Put(key, encode(state)), *more), timeout_s=WRITE_LIMIT_S)
        return Known(state, done.position.revision) if done.succeeded else None
