"""A service's replica of the records on which authority rests, adopted in order (design §4 rule 9).

Owns: coordinator, members, join requests and votes, each with the revision that wrote it, and the position up to which
this picture is complete. Does not know: where the changes come from.
How it works: a change is adopted if it is newer than what is known of that key; a read or transaction may run ahead
of the watch for single keys, but only the watch (or a full read) moves `position`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from quorate.model import keys
from quorate.model.base import Damaged, decode
from quorate.model.membership import CoordinatorRecord, JoinRequest, MemberRecord
from quorate.model.records import Change, Guard, KeyValue, Position, Unchanged

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A record and the revision that wrote it."""

    record: T
    revision: int


class AuthorityView:
    """What a service knows of coordinator, members and join requests."""

    def __init__(self, voters: frozenset[int]) -> None:
        self.voters = voters
        self.pending_voters: frozenset[int] = frozenset()
        """Nodes that may or may not vote by now: whatever is proved must hold with and without them."""
        self.one_may_suffice = False
        """A light witness is named: any voter alone may come to be a majority (decision 0035)."""
        self.position = Position(0, 0)
        self.coordinator: Known[CoordinatorRecord] | None = None
        self.members: dict[int, Known[MemberRecord]] = {}
        self.joins: dict[int, Known[JoinRequest]] = {}
        self.listed: dict[int, int] = {}
        """Nodes that the database lists, each with the revision of its specification; who was evicted is not."""
        self.barred: frozenset[int] = frozenset()
        """Nodes that may not be admitted now: evicted soon, quarantined, of another version. Whoever leads sets it."""
        self.expulsions_left: int | None = None
        """How many nodes may still be declared down unasked; None: no limit. Set beside `barred`."""
        self.damaged: dict[str, str] = {}
        self._revisions: dict[str, int] = {}

    def copy(self) -> AuthorityView:
        """One that goes its own way from now on."""
        made = AuthorityView(self.voters)
        for name, content in vars(self).items():
            setattr(made, name, dict(content) if isinstance(content, dict) else content)
        return made

    def reset(self, position: Position, items: Iterable[KeyValue]) -> None:
        """Adopt a full read, unless it is older than what is known."""
        if position < self.position:
            return
        self.coordinator, self.members, self.joins, self._revisions = None, {}, {}, {}
        self.listed = {}
        for item in items:
            self.note(item.key, item.value, item.mod_revision)
        self.position = position

    def apply(self, position: Position, changes: Iterable[Change]) -> None:
        """Adopt what a watch delivered, complete up to `position`."""
        for change in changes:
            self.note(change.key, change.value, change.mod_revision)
        self.position = max(self.position, position)

    def note(self, key: str, value: bytes | None, revision: int, *, any_order: bool = False) -> None:
        """Adopt one key if `revision` is newer than what is known of it (`any_order` is mutation 9)."""
        if revision <= self._revisions.get(key, 0) and not any_order:
            return
        self._revisions[key] = revision
        try:
            self._store(key, value, revision)
        except (Damaged, ValueError) as error:
            self.damaged[key] = str(error)

    def _store(self, key: str, value: bytes | None, revision: int) -> None:
        if key == keys.COORDINATOR:
            self.coordinator = None if value is None else Known(decode(value, CoordinatorRecord, key), revision)
        elif key.startswith(keys.MEMBER):
            self._put(self.members, int(key.removeprefix(keys.MEMBER)), key, value, MemberRecord, revision)
        elif key.startswith(keys.JOIN):
            self._put(self.joins, int(key.removeprefix(keys.JOIN)), key, value, JoinRequest, revision)
        elif key.startswith(keys.SPEC_NODE):
            node = int(key.removeprefix(keys.SPEC_NODE))
            self.listed.pop(node, None)
            if value is not None:
                self.listed[node] = revision

    @staticmethod
    def _put(
        table: dict[int, Known[T]], node: int, key: str, value: bytes | None, kind: type[T], revision: int
    ) -> None:
        if value is None:
            table.pop(node, None)
        else:
            table[node] = Known(decode(value, kind, key), revision)

    # ---------------------------------------------------------------- questions

    @property
    def epoch(self) -> int:
        """The newest epoch known."""
        return self.coordinator.record.epoch if self.coordinator else 0

    def revision_of(self, key: str) -> int:
        """The revision that last changed a key, as far as known; 0 if never seen."""
        return self._revisions.get(key, 0)

    def is_past(self, key: str, revision: int) -> bool:
        """Tell whether the key was changed or deleted after `revision`: nothing guarded on that can execute any more.

        A full read does not show what was deleted before it; a key that is not there, in a picture complete beyond
        that revision, is gone for good at that revision.
        """
        known = self._revisions.get(key)
        return known > revision if known is not None else self.position.revision > revision > 0

    def is_listed(self, node: int) -> bool:
        """Tell whether the node belongs to the cluster. One that lists nobody was never filled."""
        return not self.listed or node in self.listed

    def listing(self, node: int) -> tuple[Guard, ...]:
        """Guard a write by the node being listed as it is now: an eviction makes it void."""
        revision = self.listed.get(node)
        return () if revision is None else (Unchanged(f"{keys.SPEC_NODE}{node}", revision),)

    def up(self) -> dict[int, Known[MemberRecord]]:
        """Members that are recorded up."""
        return {node: known for node, known in self.members.items() if known.record.state == "up"}

    def votes_block(self, up: Iterable[int]) -> bool:
        """No majority of the store's voters exists without one of `up` (rule 4).

        A pending voter that is not up counts as voting and as not voting: each one more outside brings a majority
        without `up` nearer, each one more inside makes it larger and so never does.
        """
        here = set(up)
        worst = self.voters | (self.pending_voters - here)
        return all(len(voters - here) < len(voters) // 2 + 1 for voters in (self.voters, worst))

    def shuts_store_out(self, up: Iterable[int]) -> bool:
        """No majority can *come about* without one of `up`, whoever may go on alone: what rule 4 rests on.

        With two voters and a light witness the one that is down blocks nothing by its absence: it may live, get the
        record, and remove the other's vote, which the others would learn from nobody.
        """
        here = set(up)
        if self.one_may_suffice and (self.voters | self.pending_voters) - here:
            return False
        return self.votes_block(here)
