"""Where everything of one node lies, derived from one root (design §8).

Owns: the paths. Standard library only: the sentinel loads it. `QUORATE_ROOT` moves the root, so that many nodes can
live on one machine; it is `/` otherwise.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT_ENVIRONMENT = "QUORATE_ROOT"


@dataclass(frozen=True, slots=True)
class Places:
    """Paths of one node."""

    root: Path

    @staticmethod
    def from_environment() -> Places:
        """The places below `QUORATE_ROOT`, or below `/`."""
        return Places(Path(os.environ.get(ROOT_ENVIRONMENT, "/")))

    @property
    def settings(self) -> Path:
        """node.toml, written by people and by `cluster create` and `node join`."""
        return self.root / "etc/quorate/node.toml"

    @property
    def light_witness(self) -> Path:
        """light-witness.toml, written by people: with which credentials this node reaches a light witness."""
        return self.root / "etc/quorate/light-witness.toml"

    @property
    def state(self) -> Path:
        """Everything that must survive a reboot."""
        return self.root / "var/lib/quorate"

    @property
    def run(self) -> Path:
        """Sockets and what a reboot forgets."""
        return self.root / "run/quorate"

    @property
    def identity(self) -> Path:
        """Which node of which cluster this is."""
        return self.state / "identity.json"

    @property
    def founded(self) -> Path:
        """There once the store has had content."""
        return self.state / "founded"

    @property
    def replica(self) -> Path:
        """The cluster's nodes and settings as last seen: what a start needs before the store answers."""
        return self.state / "replica.json"

    @property
    def copy(self) -> Path:
        """The database as this node last read it, for people: readable while the node is down."""
        return self.state / "copy.tar"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def heartbeat_key(self) -> Path:
        """The key that authenticates heartbeats."""
        return self.pki / "heartbeat.key"

    @property
    def quorum_seen(self) -> Path:
        """How far the quorum resource's member had come when this node last saw it."""
        return self.state / "quorum.json"

    @property
    def light_note(self) -> Path:
        """What this node must remember of its light witness."""
        return self.state / "light-witness.json"

    @property
    def store(self) -> Path:
        """Data directories of etcd members, one folder each."""
        return self.state / "store"

    @property
    def holdings(self) -> Path:
        """What resource hosts have taken hold of in this life, for whoever must end it.

        Void after a reboot, so it needs no disk; on one that stalls, writing it would keep the sentinel from renewing.
        """
        return self.run / "holdings"

    @property
    def lease_page(self) -> Path:
        """The lease, mapped by every host (design §2 a)."""
        return self.run / "lease"

    @property
    def boot_id(self) -> Path:
        """A file that a reboot removes; its content tells one boot from another."""
        return self.run / "boot_id"

    @property
    def watchdog_note(self) -> Path:
        """There while a watchdog is armed; survives a reset, so that the next start can tell."""
        return self.state / "watchdog-armed"

    @property
    def sentinel_lock(self) -> Path:
        """Held by the one sentinel that this node has."""
        return self.run / "sentinel.lock"

    @property
    def sentinel_socket(self) -> Path:
        """The sentinel listens for its service here."""
        return self.run / "sentinel.sock"

    @property
    def service_socket(self) -> Path:
        """The service listens for local administrators here."""
        return self.run / "service.sock"

    @property
    def quorum_socket(self) -> Path:
        """The keeper of the quorum storage listens for the service here."""
        return self.run / "quorum.sock"

    @property
    def holdings_socket(self) -> Path:
        """The sentinel listens for resource hosts here."""
        return self.run / "holdings.sock"

    @property
    def hosts(self) -> Path:
        """Resource hosts listen here, one socket each."""
        return self.run / "hosts"

    @property
    def log(self) -> Path:
        """Log files of the processes of this node."""
        return self.root / "var/log/quorate"
