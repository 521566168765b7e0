"""One etcd process: which binary, which releases, which arguments.

Owns: the settings of a member, the command line they become, the judgement on releases, and where the binary may lie.
Does not know: how processes are started and ended (the sentinel does that), or which members a cluster should have.

How it works: everything is pure; `argv` spells out each flag that we depend on, because nobody configures etcd by hand
and a default that changes between releases would change our promises. Flags are those that 3.4, 3.5 and 3.6 all take.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BINARY_ENVIRONMENT = "QUORATE_ETCD"
BUNDLED_BINARY = Path("/usr/lib/quorate/etcd")

PROGRESS_INTERVAL_MS = 400
"""Between progress notes of a quiet watch: `store.WATCH_SILENCE_S` allows for one that comes late."""

MAX_TXN_OPS = 2048
"""Guards, or writes, of one transaction: one step's writes of a full cluster; etcd's default is 128."""

MAX_REQUEST_BYTES = 1_572_864
"""etcd's default, written out because the writer's split at 1 MiB depends on it."""

QUOTA_BYTES = 2 * 1024**3
"""Above it etcd raises NOSPACE. Our data are a few MiB; the rest is history until it is compacted."""

SNAPSHOT_COUNT = 1_000
"""Log entries between snapshots; etcd's default of 100,000 is sized for far larger machines. From the first one on an
empty member is sent a snapshot and no entries: it is better that this happens every day than once in a year."""

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class MemberTls:
    """Certificate paths; the same authority signs clients and peers, and both sides must show a certificate."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """One member. Addresses are `host:port`, an IPv6 host in brackets; times in milliseconds.

    `initial_cluster` holds (name, peer address) of every member, this one included; `state` says whether they form
    the cluster together or one of them is joining. `token` keeps members of different clusters apart.
    """

    name: str
    data_dir: Path
    client_listen: tuple[str, ...]
    client_advertise: tuple[str, ...]
    peer_listen: tuple[str, ...]
    peer_advertise: tuple[str, ...]
    initial_cluster: tuple[tuple[str, str], ...]
    token: str
    state: Literal["new", "existing"] = "new"
    heartbeat_ms: int = 30
    election_ms: int = 270
    tls: MemberTls | None = None
    peers_from_anywhere: bool = False
    """Members need only prove that they are some of the cluster's, not that they come from an address of theirs: on one
    machine the kernel sends from the address that it sends to."""
    max_txn_ops: int = MAX_TXN_OPS
    quota_bytes: int = QUOTA_BYTES

    def __post_init__(self) -> None:
        if self.election_ms < 5 * self.heartbeat_ms:
            # etcd itself refuses to start below this ratio.
            raise ValueError(f"election {self.election_ms} ms is less than five heartbeats of {self.heartbeat_ms} ms")
        if self.name not in {name for name, _ in self.initial_cluster}:
            raise ValueError(f"member {self.name} is missing from its own initial cluster")


class EtcdMissing(Exception):
    """There is no etcd binary; the message says what to install."""


def argv(settings: MemberSettings, binary: Path = BUNDLED_BINARY) -> list[str]:
    """The command line that runs this member; the first element is the binary."""
    flags = {
        "name": settings.name,
        "data-dir": str(settings.data_dir),
        "listen-client-urls": _urls(settings, settings.client_listen),
        "advertise-client-urls": _urls(settings, settings.client_advertise),
        "listen-peer-urls": _urls(settings, settings.peer_listen),
        "initial-advertise-peer-urls": _urls(settings, settings.peer_advertise),
        "initial-cluster": ",".join(
            f"{name}={_urls(settings, (address,))}" for name, address in settings.initial_cluster
        ),
        "initial-cluster-state": settings.state,
        "initial-cluster-token": settings.token,
        "heartbeat-interval": str(settings.heartbeat_ms),
        "election-timeout": str(settings.election_ms),
        # A member that returns from a partition must not unseat a leader that everybody else hears.
        "pre-vote": "true",
        "strict-reconfig-check": "true",
        "snapshot-count": str(SNAPSHOT_COUNT),
        "quota-backend-bytes": str(settings.quota_bytes),
        "max-txn-ops": str(settings.max_txn_ops),
        "max-request-bytes": str(MAX_REQUEST_BYTES),
        # Compaction follows what watches still need; only the service knows that.
        "auto-compaction-retention": "0",
        "experimental-initial-corrupt-check": "true",
        "experimental-watch-progress-notify-interval": f"{PROGRESS_INTERVAL_MS}ms",
        "logger": "zap",
        "log-outputs": "stderr",
        # With TLS the gateway warns at every single request (3.4.23: 180 bytes each, without end).
        "log-level": "error",
        **_tls_flags(settings.tls),
    }
    if settings.peers_from_anywhere:
        flags["experimental-peer-skip-client-san-verification"] = "true"
    return [str(binary), *(f"--{flag}={value}" for flag, value in flags.items())]


def check_version(text: str) -> str | None:
    """Why the release in the output of `etcd --version` must not hold our data; None where it may.

    Refused, and why:

    - before 3.4.20: a leader dropped ReadIndex requests in the first moments of its term, which blocked reads;
    - 3.4.20, and 3.5.3 and 3.5.4: a cluster of one member could acknowledge a write that a crash then lost
      (etcd issue 14370); a cluster of one is what "disk only" is;
    - 3.5.0 to 3.5.2: a crash under load could leave members with different data (etcd issue 13766);
    - 3.5.5: a crash during defragmentation could do so (etcd issue 14685);
    - anything after 3.6: flags and gateway have not been tried.
    """
    version = parse_version(text)
    if version is None:
        return "the version of etcd cannot be read from its output"
    shown = ".".join(map(str, version))
    if version < (3, 4, 20):
        return f"etcd {shown} can block reads after an election; 3.4.21 or later is needed"
    if version == (3, 4, 20) or (3, 5, 3) <= version < (3, 5, 5):
        return f"etcd {shown} can lose an acknowledged write of a single member"
    if (3, 5, 0) <= version < (3, 5, 3):
        return f"etcd {shown} can corrupt data when it crashes under load"
    if version == (3, 5, 5):
        return f"etcd {shown} can corrupt data when it crashes during defragmentation"
    if version >= (3, 7, 0):
        return f"etcd {shown} has not been tried with this release of Quorate"
    return None


def index_reads_trusted(text: str) -> bool:
    """Whether this release's own linearizable reads are never stale (etcd issue 20418): `EtcdStore.log_reads`."""
    version = parse_version(text)
    if version is None:
        return False
    fixed: dict[tuple[int, int], Version] = {(3, 4): (3, 4, 42), (3, 5): (3, 5, 28), (3, 6): (3, 6, 9)}
    first = fixed.get(version[:2])
    return first is not None and version >= first


def parse_version(text: str) -> Version | None:
    """(3, 4, 23) from the output of `etcd --version`; None for a pre-release or anything else."""
    found = re.search(r"^etcd Version: (\d+)\.(\d+)\.(\d+)\s*$", text, re.MULTILINE)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def find_binary(environment: Mapping[str, str]) -> Path:
    """The etcd binary: named by the environment, else in its PATH, else bundled. Raises EtcdMissing."""
    named = environment.get(BINARY_ENVIRONMENT)
    candidate = named or shutil.which("etcd", path=environment.get("PATH")) or str(BUNDLED_BINARY)
    found = shutil.which(candidate)  # also tells whether it may be executed
    if found is None:
        missing = (
            f"{BINARY_ENVIRONMENT} names {named}, which cannot be executed" if named else "there is no etcd binary"
        )
        raise EtcdMissing(f"{missing}: install the package etcd-server, or set {BINARY_ENVIRONMENT} to an etcd binary")
    return Path(found)


def _urls(settings: MemberSettings, addresses: tuple[str, ...]) -> str:
    scheme = "http" if settings.tls is None else "https"
    return ",".join(f"{scheme}://{address}" for address in addresses)


def _tls_flags(tls: MemberTls | None) -> dict[str, str]:
    if tls is None:
        return {}
    files = {"cert-file": tls.certificate, "key-file": tls.key, "trusted-ca-file": tls.authority}
    flags = {f"{role}{flag}": str(path) for role in ("", "peer-") for flag, path in files.items()}
    return flags | {"client-cert-auth": "true", "peer-client-cert-auth": "true"}
