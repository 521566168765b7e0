"""What makes a machine a node, put down so that it is there whole or not at all.

Owns: the checks that a machine can become a node, and the one rename after which it is one.
Does not know: where identity and certificates come from; `node.create` makes them, `node.join` is given them.
How it works: everything is written and flushed into a folder beside the state folder, which then takes its place: an
interruption before that leaves a folder that nobody reads, and which the next attempt replaces. Nothing that was there
before is ever removed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quorate.adapters.pki import write_files
from quorate.model.base import encode
from quorate.model.problems import Problem, Refused, error
from quorate.node import settings as node_settings
from quorate.node.identity import Identity, Replica, load_identity
from quorate.node.places import Places
from quorate.node.retired import MARK
from quorate.node.settings_text import settings_text

PORTS: Final = {"api": "api_port", "heartbeat": "heartbeat_port", "client": "client_port", "peer": "peer_port"}
"""Names of `--port` and the settings they mean."""


FOUNDED: Final = ("pki", "replica.json")
"""What is moved into place before the identity."""

MOVING: Final = "moving"
"""In the staging folder: from now on files beside it may be ours."""


@dataclass(frozen=True, slots=True)
class Founding:
    """All files of a new node; names in `pki` are those of `adapters.pki`."""

    identity: Identity
    replica: Replica
    pki: Mapping[str, bytes]
    ports: Mapping[str, int]


def machine_problems(places: Places) -> list[Problem]:
    """Why this machine cannot become a node: it is one already, or something lies where its state would be."""
    try:
        identity = load_identity(places)
    except Refused as refused:
        return list(refused.problems)
    if identity is not None:
        return [
            error(
                "already_a_node",
                f"this machine is node {identity.name} of cluster {identity.cluster_name}",
                where=str(places.identity),
                remedy="a machine belongs to one cluster; nothing was changed",
            )
        ]
    try:
        found = sorted(
            entry.name
            for entry in places.state.iterdir()
            if entry not in leftovers(places) and not entry.name.startswith(MARK)
        )
    except FileNotFoundError:
        found = []
    except OSError as problem:
        return [_unusable(places.state, problem)]
    if found:
        return [
            error(
                "state_folder_in_use",
                f"{places.state} is not empty: {', '.join(found[:5])}",
                where=str(places.state),
                remedy="move its content away if it is not needed; nothing is ever deleted from it",
            )
        ]
    return []


def address_problems(networks: Mapping[str, str]) -> list[Problem]:
    """Addresses that this machine does not have."""
    problems: list[Problem] = []
    for network, given in networks.items():
        try:
            address = ipaddress.ip_interface(given).ip
        except ValueError:
            continue  # its form is reported elsewhere
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((str(address), 0))
            except OSError:
                problems.append(
                    error(
                        "address_not_here",
                        f"this machine does not have the address {address}",
                        where=f"network.{network}",
                        remedy="give an address of this machine, or bring the interface up first",
                        override="--no-check",
                    )
                )
    return problems


def chosen_ports(places: Places, given: Mapping[str, int]) -> tuple[dict[str, int], list[Problem]]:
    """The ports of this node by setting: those asked for, else those of an existing node.toml, else the defaults."""
    problems: list[Problem] = []
    try:
        settings = node_settings.load(places.settings)
    except Refused as refused:
        return {}, list(refused.problems)
    ports = {key: int(getattr(settings, key)) for key in PORTS.values()}
    for name, port in given.items():
        key = PORTS.get(name)
        if key is None:
            problems.append(
                error("port_unknown", f"there is no port {name!r}", where="port", remedy=f"ports: {', '.join(PORTS)}")
            )
        elif not 0 < port < 65536:
            problems.append(error("port_range", f"{port} is no port", where=f"port.{name}", remedy="1 to 65535"))
        elif places.settings.exists() and ports[key] != port:
            problems.append(
                error(
                    "port_contradicts_settings",
                    f"{places.settings} says {key} = {ports[key]}",
                    where=f"port.{name}",
                    remedy="leave --port out, or change the file first",
                )
            )
        else:
            ports[key] = port
    if len(set(ports.values())) < len(ports) and not problems:
        used = ", ".join(f"{key} = {port}" for key, port in ports.items())
        problems.append(error("port_twice", f"two ports are the same: {used}", where="port", remedy="tell them apart"))
    return ports, problems


def found(places: Places, founding: Founding) -> None:
    """Make the machine that node. Raises Refused where the files cannot be written.

    The folder itself may be a mount point, so the files are gathered inside it and moved one by one, the identity last:
    a machine is a node when its identity is there. What an interruption leaves is known by the staging folder.
    """
    staging = staging_folder(places)
    try:
        _undo(places)
        _stage(staging, founding)
        with _settings_written(places, founding.ports):
            (staging / MOVING).touch()
            for name in (*FOUNDED, places.identity.name):
                (staging / name).rename(places.state / name)
        _flush_folder(places.state)
    except OSError as problem:
        _undo(places)
        raise Refused([_unusable(places.state, problem)]) from problem
    except BaseException:
        _undo(places)
        raise
    shutil.rmtree(staging, ignore_errors=True)


def staging_folder(places: Places) -> Path:
    """Where files are gathered: on the same file system, and ours alone to remove."""
    return places.state / ".founding"


def leftovers(places: Places) -> tuple[Path, ...]:
    """What an interrupted founding left; nothing where this machine is a node."""
    staging = staging_folder(places)
    if places.identity.exists() or not staging.exists():
        return ()
    moved = tuple(places.state / name for name in FOUNDED) if (staging / MOVING).exists() else ()
    return (*moved, staging)


def _undo(places: Places) -> None:
    for path in leftovers(places):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _stage(staging: Path, founding: Founding) -> None:
    staging.mkdir(mode=0o700, parents=True)
    write_files(staging / "pki", founding.pki)
    files = {"replica.json": encode(founding.replica), "identity.json": encode(founding.identity)}
    write_files(staging, files)


@contextlib.contextmanager
def _settings_written(places: Places, ports: Mapping[str, int]) -> Iterator[None]:
    """Write node.toml unless a person has; take it back where what follows fails."""
    if places.settings.exists():
        yield
        return
    defaults = node_settings.Settings()
    chosen = {key: port for key, port in ports.items() if port != getattr(defaults, key)}
    places.settings.parent.mkdir(parents=True, exist_ok=True)
    new = places.settings.with_name(places.settings.name + ".new")
    new.write_text(settings_text(chosen))
    new.replace(places.settings)
    try:
        yield
    except BaseException:
        places.settings.unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, problem: OSError) -> Problem:
    return error(
        "state_folder_unusable",
        f"{path} cannot be used: {problem.strerror or problem}",
        where=str(path),
        remedy="run as root, and see that the disk is writable; nothing was changed",
    )
