"""What a lab consists of: machines, networks, names, addresses, folders. Nothing here does anything.

Owns: every name and number a lab uses, so that all of them can be derived from its name, its size and one random word.
Does not know: how machines are made, or what runs in them.

Each network is a bridge in the lab's own *switch*, a network namespace without addresses. A machine has one port per
network; its side is called `net-<network>`, the switch's side `<machine>-<network>`.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FOLDER_ENVIRONMENT: Final = "QUORATE_LAB"
LOOPBACK_BLOCK: Final = "127.77.0"
BLOCK_ENVIRONMENT: Final = "QUORATE_LAB_BLOCK"
"""Another block of loopback addresses, so that two labs without namespaces can live side by side."""
MACHINE_ENVIRONMENT: Final = "QUORATE_LAB_MACHINE"
"""Set in everything that a lab starts: how processes of a lab without namespaces are found again."""

MAX_NODES: Final = 64
PROFILES: Final = ("default", "fast", "wide")
PLAN_FILE: Final = "lab.json"
LEDGER_FILE: Final = "ledger"
SHARED_FOLDER: Final = "shared"
SHARED_POINT: Final = "/run/lab/shared"
"""Where every machine has the lab's shared folder."""
SWITCH: Final = "switch"
CLIENT: Final = "client"
HIDDEN: Final = ("/etc", "/run", "/var/lib", "/var/log", "/proc", "/sys", "/dev")
"""A machine sees its own version of these, so the folder of a lab cannot lie in them."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


class LabError(Exception):
    """A lab command cannot be carried out; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Network:
    """A bridge. Host n of the network has the address `prefix`.n/24."""

    name: str
    prefix: str

    @property
    def interface(self) -> str:
        """Its name on every machine."""
        return f"net-{self.name}"

    @property
    def bridge(self) -> str:
        """Its name in the switch."""
        return f"bridge-{self.name}"

    def address(self, host: int) -> str:
        """Without the prefix length."""
        return f"{self.prefix}.{host}"

    def card(self, host: int) -> str:
        """The hardware address, which a reboot does not change: neighbours remember it for many seconds."""
        return f"02:77:00:00:{int(self.prefix.rpartition('.')[2]):02x}:{host:02x}"


CLUSTER_NETWORKS: Final = (Network("a", "10.77.1"), Network("b", "10.77.2"))
CLIENT_NETWORK: Final = Network("client", "10.77.9")
NETWORKS: Final = (*CLUSTER_NETWORKS, CLIENT_NETWORK)


@dataclass(frozen=True, slots=True)
class Machine:
    """A node, the client, or the switch. `host` is its number on every network it has a port on."""

    name: str
    host: int
    networks: tuple[Network, ...]
    number: int = 0
    """Of a node; 0 for the others."""
    block: str = LOOPBACK_BLOCK
    """The lab's addresses without namespaces begin so."""

    def port(self, network: Network) -> str:
        """The switch's side of the cable."""
        return f"{self.name}-{network.name}"

    @property
    def loopback_address(self) -> str:
        """Where a node lives in a lab without namespaces."""
        return f"{self.block}.{self.number}"


QUORUMS: Final = ("directory", "share")


@dataclass(frozen=True, slots=True)
class Plan:
    """One lab. `word` is random, so that what this lab makes outside its folder cannot be somebody else's."""

    name: str
    nodes: int
    profile: str
    word: str
    namespaces: bool
    quorum: str = ""
    """`directory`: the cluster gets a directory that all machines share as its quorum storage; `share`: the same
    directory keeps the record of a light witness."""
    block: str = LOOPBACK_BLOCK

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise LabError(f"{self.name!r} cannot name a lab: up to 20 of a-z, 0-9 and -, beginning with a letter")
        if not 1 <= self.nodes <= MAX_NODES:
            raise LabError(f"a lab has 1 to {MAX_NODES} nodes, not {self.nodes}")
        if self.quorum not in {"", *QUORUMS}:
            raise LabError(f"there is no quorum storage {self.quorum}; there are {', '.join(QUORUMS)}")
        if self.profile not in PROFILES:
            raise LabError(f"there is no profile {self.profile}; there are {', '.join(PROFILES)}")

    def quorum_path(self, folder: Path) -> str:
        """Where the shared folder of the lab lies, as its nodes see it."""
        return SHARED_POINT if self.namespaces else str(folder / SHARED_FOLDER)

    @property
    def node_machines(self) -> tuple[Machine, ...]:
        """The nodes, in order."""
        numbers = range(1, self.nodes + 1)
        return tuple(Machine(f"node{number}", number, NETWORKS, number, self.block) for number in numbers)

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Everything with a first process, in the order of making; without namespaces the nodes alone."""
        if not self.namespaces:
            return self.node_machines
        return (Machine(SWITCH, 0, ()), Machine(CLIENT, 254, (CLIENT_NETWORK,)), *self.node_machines)

    def machine(self, word: str) -> Machine:
        """Found by `2`, `node2` or `client`."""
        wanted = f"node{word}" if word.isdigit() else word
        for machine in self.machines:
            if machine.name == wanted and machine.name != SWITCH:
                return machine
        names = ", ".join(machine.name for machine in self.machines if machine.name != SWITCH)
        raise LabError(f"lab {self.name} has no machine {word}; it has {names}")

    def write(self, folder: Path) -> None:
        """Keep it in the lab's folder."""
        (folder / PLAN_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def read(folder: Path) -> Plan:
        """The plan of the lab in this folder."""
        try:
            return Plan(**json.loads((folder / PLAN_FILE).read_text()))
        except FileNotFoundError:
            raise LabError(f"there is no lab in {folder}; quorate lab up makes one") from None
        except (TypeError, ValueError) as problem:
            raise LabError(f"{folder / PLAN_FILE} cannot be read ({problem}); quorate lab down clears up") from None


def default_folder(name: str) -> Path:
    """Where the lab of this name lives: one folder, named by the environment or below /var/tmp."""
    named = os.environ.get(FOLDER_ENVIRONMENT)
    if named:
        return Path(named).absolute()
    # Each user a base of their own: /var/tmp belongs to everybody.
    base = "quorate-lab" if os.geteuid() == 0 else f"quorate-lab-{os.geteuid()}"
    return Path("/var/tmp") / base / name


def parse_networks(names: tuple[str, ...]) -> tuple[Network, ...]:
    """Networks by name; none named means all."""
    known = {network.name: network for network in NETWORKS}
    if unknown := sorted(set(names) - set(known)):
        raise LabError(f"there is no network {unknown[0]}; there are {', '.join(known)}")
    return tuple(known[name] for name in names) or NETWORKS
