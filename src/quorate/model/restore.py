"""What is asked of a restore and what it answers (spec/02 §9.1)."""

from __future__ import annotations

from typing import Literal

from quorate.model.base import Value
from quorate.model.problems import Problem


class RestoreWish(Value, frozen=True, kw_only=True):
    """A backup to be put back, authoritatively: where it and the cluster disagree, the backup is right."""

    archive: bytes
    preview: bool = False
    """Say what would be done; change nothing."""
    force: bool = False
    """Although other nodes are active; groups that change are taken offline first."""
    as_they_were: bool = False
    """Groups shall be online or offline as at the time of the backup; else those that change stay offline."""
    map_nodes: dict[str, str] = {}
    """Names of nodes in the backup, and of those that stand for them now."""


class RestoreItem(Value, frozen=True, kw_only=True):
    """One object that a restore touches."""

    action: Literal["added", "changed", "removed"]
    kind: Literal["cluster", "network", "group", "resource", "set", "fence_device"]
    name: str
    detail: str = ""
    """Which fields change."""


class RestoreAnswer(Value, frozen=True, kw_only=True):
    """What was done, or with `preview` what would be."""

    cluster: str
    """Name of the cluster that the backup is of."""
    revision: int
    """Position of the store at which the backup was taken."""
    at: str
    """When it was taken."""
    preview: bool
    items: tuple[RestoreItem, ...] = ()
    left_offline: tuple[str, ...] = ()
    """Groups that were touched and are to stay offline until somebody says otherwise."""
    parts: int = 0
    """Transactions that it took."""
    problems: tuple[Problem, ...] = ()
    """Warnings; with `preview` also what would stop it."""
