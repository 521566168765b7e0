"""When the next scheduled backup is due, and what its standing means to people (decision 0074).

Owns: these rules. Pure. Does not know: files or the store (`node.backup_keeper`).
How it works: the standing lies in the database, so whoever leads goes on where the former one stood. After a failure
it is tried again sooner than the interval says, never more often than every `RETRY_S`.
"""

from __future__ import annotations

from typing import Final

from quorate.model.backup import BackupStanding
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Problem, error, warning

RETRY_S: Final = 300.0
CLOCK_BACK_S: Final = 60.0
"""A last attempt so far in the future was made by a clock that is wrong: it delays nothing."""


def is_due(cluster: ClusterSpec, standing: BackupStanding, now_s: float) -> bool:
    """Whether a backup shall be made now."""
    if not cluster.backup_interval_min:
        return False
    interval_s = cluster.backup_interval_min * 60.0
    pause_s = min(interval_s, RETRY_S) if standing.failures else interval_s
    return not -CLOCK_BACK_S < now_s - standing.tried_at_s < pause_s


def schedule_problems(cluster: ClusterSpec) -> list[Problem]:
    """What stands against a schedule that is asked for."""
    if not cluster.backup_interval_min or cluster.backup_folder:
        return []
    remedy = "give backup_folder too: a folder that is there on every node"
    what = "backups are scheduled, and no folder is named"
    return [error("backup_without_folder", what, where="properties.backup_folder", remedy=remedy)]


def standing_problems(cluster: ClusterSpec, standing: BackupStanding, now_s: float) -> list[Problem]:
    """What people should know of a schedule that fails or lags."""
    if not cluster.backup_interval_min:
        return []
    if standing.failures:
        what = f"the last {standing.failures} scheduled backups failed" if standing.failures > 1 else (
            "the last scheduled backup failed"
        )  # fmt: skip
        told = f"{what}, on {standing.problem_node} at {standing.problem_at}: {standing.problem}"
        return [error("backup_failing", told, where="backup", remedy=standing.remedy or "see the log of that node")]
    late_s = now_s - standing.at_s
    if standing.path and late_s > 2 * cluster.backup_interval_min * 60.0 + RETRY_S:
        what = f"the last scheduled backup is of {standing.at}, and one is due every {cluster.backup_interval_min} min"
        remedy = "see the log of the coordinator; quorate cluster backup makes one now"
        return [warning("backup_overdue", what, where="backup", remedy=remedy)]
    return []
