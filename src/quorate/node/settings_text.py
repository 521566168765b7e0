"""The node.toml that `cluster create` and `node join` write: every key with its words, commented out at its default.

Owns: the words of each key. Does not know: how settings are read; `node.settings` does. A test holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from quorate.node.settings import Settings

WORDS: Final = {
    "api_port": "Port of the REST API, mutual TLS. The other nodes know it: change it with care.",
    "heartbeat_port": "UDP port of heartbeats between nodes.",
    "client_port": "Port on which this node's store member answers clients (the services of all nodes).",
    "peer_port": "Port on which store members talk to one another.",
    "etcd": "Path of the etcd binary; empty: search the usual places.",
    "fence_agents": "Folder of the fence agents that this node may call; nothing outside it is run as one.",
    "realtime_priority": "Real-time priority of the sentinel; 0 switches it off.",
    "lock_memory": "Keep the sentinel's memory from being swapped out.",
    "address_guard": "Let the kernel silence service addresses when this node may no longer run them (root, nftables).",
    "manage_fabric": "Give this node its fabric address and route those of the other nodes (root).",
    "link_wait_s": "Longest wait, in seconds, for this node's links after a start before it forms a cluster; 0: none.",
    "watchdog": "Device that resets this machine unless the sentinel feeds it, such as /dev/watchdog0; empty: none.",
    "watchdog_timeout_s": "So many seconds unfed the watchdog waits; groups that demand its proof wait as long again.",
    "log_level": "debug, info, warning or error.",
    "shutdown_limit_s": "Longest wait, in seconds, for groups to leave when this node is stopped.",
}


def settings_text(chosen: Mapping[str, int | str | float | bool]) -> str:
    """The file: chosen keys set, all others commented out at their defaults."""
    lines = [
        "# Settings of this node alone. Settings of the cluster live in its database.",
        "# A key that is commented out shows its default. Unknown keys are refused at the start.",
        "",
    ]
    defaults = Settings()
    for key, words in WORDS.items():
        value = chosen.get(key, getattr(defaults, key))
        lines += [f"# {words}", f"{'' if key in chosen else '# '}{key} = {_toml(value)}", ""]
    return "\n".join(lines)


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)  # TOML has the escapes of JSON
        case _:
            return str(value)
