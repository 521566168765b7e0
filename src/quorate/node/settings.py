"""node.toml: what is set on one machine alone (design §8).

Owns: the keys, their defaults, and the complete list of what is wrong in a file. Does not know: the cluster's settings,
which live in the cluster database.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error


class Settings(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one node; every key is documented in docs/reference/node-toml.md."""

    api_port: int = 7400
    """REST API over mutual TLS."""
    heartbeat_port: int = 7401
    """Heartbeats, UDP."""
    client_port: int = 7402
    """etcd clients."""
    peer_port: int = 7403
    """etcd peers."""
    etcd: str = ""
    """Path of the etcd binary; empty: search."""
    fence_agents: str = "/usr/sbin"
    """Folder of the fence agents; nothing outside it is ever run as one."""
    realtime_priority: int = 10
    """Priority of the sentinel's real-time scheduling; 0 switches it off."""
    lock_memory: bool = True
    """Keep the sentinel's memory from being swapped out."""
    address_guard: bool = True
    """Let the kernel silence service addresses when the lease ends (needs root and nftables)."""
    manage_fabric: bool = True
    """Give this node its fabric address and route those of the others (needs root)."""
    link_wait_s: float = 15.0
    """So long at most a starting node waits for its links before it forms a cluster; 0: not at all."""
    watchdog: str = ""
    """Device that resets this machine unless the sentinel feeds it, such as /dev/watchdog0; empty: none."""
    watchdog_timeout_s: int = 5
    """So long unfed it waits; a driver may round that."""
    log_level: str = "info"
    """debug, info, warning or error."""
    shutdown_limit_s: float = 60.0
    """Longest wait for groups to leave when the node is stopped."""


_PORT: Final = (1, 65535)
RANGES: Final = {
    "api_port": _PORT,
    "heartbeat_port": _PORT,
    "client_port": _PORT,
    "peer_port": _PORT,
    "realtime_priority": (0, 99),
    "link_wait_s": (0, 600),
    "watchdog_timeout_s": (1, 300),
    "shutdown_limit_s": (0, 86_400),
}
"""Least and most of each key that is a number."""


def load(path: Path) -> Settings:
    """Read node.toml; a missing file means the defaults. Raises Refused with every problem found."""
    if not path.exists():
        return Settings()
    try:
        raw = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise Refused(
            [error("settings_not_toml", f"{path} is not TOML: {problem}", where=str(path), remedy="correct that line")]
        ) from problem
    return check(raw, str(path))


def check(raw: dict[str, object], where: str) -> Settings:
    """Turn plain values into settings. Raises Refused with every problem found."""
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    problems: list[Problem] = []
    good: dict[str, object] = {}
    for key, value in raw.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are: {', '.join(sorted(fields))}"
            problems.append(
                error("unknown_setting", f"there is no setting {key}", where=f"{where}: {key}", remedy=hint)
            )
            continue
        try:
            good[key] = msgspec.convert(value, fields[key].type, strict=True)
        except msgspec.ValidationError as problem:
            problems.append(
                error(
                    "setting_ill_typed",
                    f"{key}: {problem}",
                    where=f"{where}: {key}",
                    remedy=f"give a value like {fields[key].default!r}",
                )
            )
    for key, (least, most) in RANGES.items():
        number = good.get(key, least)
        if isinstance(number, int | float) and not least <= number <= most:
            problems.append(
                error(
                    "setting_out_of_range",
                    f"{key} = {number} is out of range",
                    where=f"{where}: {key}",
                    remedy=f"{least} to {most}",
                )
            )
    if good.get("log_level", "info") not in {"debug", "info", "warning", "error"}:
        problems.append(
            error(
                "setting_out_of_range",
                f"log_level = {good['log_level']!r}",
                where=f"{where}: log_level",
                remedy="debug, info, warning or error",
            )
        )
    if problems:
        raise Refused(problems)
    return msgspec.convert(good, Settings)
