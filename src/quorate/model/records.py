"""The values in which the cluster database is read and changed.

Owns: keys with their revisions, guards, writes, and positions in the order of history.
Does not know: etcd, time, or what any key means; `model.keys` names the keys.
How it works: plain frozen dataclasses, because the sentinel may load this module and must stay small.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A point in the history of the store, compared as (generation, revision) (design §4 rule 9).

    A restore or re-forming of the store raises `generation`; `revision` is the store's own counter.
    """

    generation: int
    revision: int


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key as stored. Revisions are the store's: `mod_revision` changes with every write of the key."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Absent:
    """Guard: the key does not exist."""

    key: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Guard: the key exists and was last written at `mod_revision`."""

    key: str
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Equals:
    """Guard: the key exists and holds exactly `value`."""

    key: str
    value: bytes


Guard = Absent | Unchanged | Equals


@dataclass(frozen=True, slots=True)
class Put:
    """Write: the key holds `value` from now on."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Write: the key is gone; harmless where it does not exist."""

    key: str


Write = Put | Delete


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Answer to a read: every key asked for that exists, all as of one `position`."""

    position: Position
    items: tuple[KeyValue, ...]

    def get(self, key: str) -> KeyValue | None:
        """The item of that key, or None."""
        return next((item for item in self.items if item.key == key), None)


@dataclass(frozen=True, slots=True)
class Committed:
    """Answer to a guarded transaction.

    `succeeded` tells whether all guards held and so whether the writes were made; where they were not,
    `current` holds the guarded keys that exist, as of `position`.
    """

    position: Position
    succeeded: bool
    current: tuple[KeyValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One change seen by a watch. `value` is None where the key was deleted."""

    key: str
    value: bytes | None
    mod_revision: int
    create_revision: int = 0


@dataclass(frozen=True, slots=True)
class WatchBatch:
    """Changes of one revision or more, in order, complete up to `position`; may be empty (a progress note)."""

    position: Position
    changes: tuple[Change, ...]
