"""One group on its owner: dependency order up and down, restarts here, giving up (spec/03 §1, §3, §6, §7).

Owns: the names that others use. `run` steps a group, `order` says what may start and stop now, `restart_policy` what
follows a failure, `failing` which failures are made and which the group leaves for, `commands` what hosts are told,
`resource_run` what is known of one resource.
"""

from __future__ import annotations

from quorate.core.group_run.commands import BringOnline, Command, End, Respecify, TakeOffline
from quorate.core.group_run.resource_run import ResourceRun
from quorate.core.group_run.run import GroupRun

__all__ = ["BringOnline", "Command", "End", "GroupRun", "ResourceRun", "Respecify", "TakeOffline"]
