"""The quorum configuration as the cluster database holds it (design §3, spec/02 §8).

Owns: the form of `spec/quorum` and of what nodes report of the quorum storage. Does not know: how votes are changed
(`core.votes`), or how the storage is held (`core.quorum_keeping`).
"""

from __future__ import annotations

from typing import Final, Literal

from quorate.model.base import Value

QuorumModel = Literal["node_majority", "node_and_disk_majority", "disk_only", "light_witness"]
"""`light_witness`: two nodes vote, and a record that lies elsewhere says which of them may go on alone."""
StorageKind = Literal["", "directory", "block_device", "witness", "share", "s3", "azure"]
"""`witness`: no storage, but a machine that is none of the nodes, where the member always runs. The last three keep the
record of a light witness."""

LIGHT_KINDS: Final = frozenset[StorageKind]({"share", "s3", "azure"})
MEMBER_MODELS: Final = frozenset[QuorumModel]({"node_and_disk_majority", "disk_only"})
"""Models with one more member of the store, the quorum resource's."""

QUORUM_VOTER: Final = 0
"""The quorum resource among the voters; nodes are numbered from 1."""

MEMBER_NAME: Final = "quorum"
"""The name of the quorum resource's member in the store."""


class QuorumSpec(Value, frozen=True, kw_only=True):
    """How the cluster decides which part of it may go on.

    `model`, `kind` and `path` are what an administrator wants; the rest is how far that has come.
    """

    model: QuorumModel = "node_majority"
    kind: StorageKind = ""
    path: str = ""
    """Where the quorum storage or the record of a light witness lies, for every node; `address:port` of a witness."""
    votes: int = 0
    """The quorum resource votes."""
    vote_pending: bool = False
    """It may or may not vote by now: whatever is proved must hold with and without it (rule 4)."""
    member: str = ""
    """The id of its member in the store, in hexadecimal; names the folder of its data. Empty where there is none."""
    dynamic_votes: bool = True
    """Votes of dead nodes may be taken away where that raises the number of further losses survived."""
    lower_priority_node: int = 0
    """On an even number of voters without quorum resource this node goes without a vote; 0 where none was named."""


class QuorumFact(Value, frozen=True, kw_only=True):
    """What one node reports of the quorum storage."""

    incarnation: str
    holds: bool = False
    runs: bool = False
    """The quorum resource's member runs here."""
    lacks_data: bool = False
    """This node controls the storage, and the folder of the member is not on it."""
    reached: bool = True
    """The storage answers this node."""
    sees: int = 0
    """The node whose claim this node finds on the storage, 0 where none stands; of a light witness the record's
    `holder`, which `model.light_witness` explains."""
    opened: bool = False
    """Of a light witness: there is a record, and it is not closed."""
    member: str = ""
    """Beside a light witness: the id, in hexadecimal, of this node's member, once that itself has applied its vote."""
    lets_go: bool = False
    """This node has written down that there is no light witness any more, and heeds none."""
    code: str = ""
    problem: str = ""
    """What keeps this node from controlling it, where it should."""


class ForcedQuorum(Value, frozen=True, kw_only=True):
    """The cluster was started by force on one node's data (spec/02 §8.9)."""

    at: str
    author: str
    node: int
    without: tuple[int, ...]
    """Voters that were declared lost; `QUORUM_VOTER` among them where the quorum resource was."""
