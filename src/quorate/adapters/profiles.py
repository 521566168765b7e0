"""Saved ways into a cluster: endpoints with the certificate to show and the authority to believe.

Owns: the files of a profile and their folder (`~/.config/quorate/profiles`, or `etc/quorate/profiles` below
QUORATE_ROOT, so that many nodes on one machine do not share them). Does not know: how a connection is made.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from quorate.model.base import Damaged, Value, decode, encode
from quorate.model.problems import Refused, error

PROFILE_ENVIRONMENT: Final = "QUORATE_PROFILE"


class Profile(Value, frozen=True, kw_only=True):
    """One cluster as one user reaches it; certificates and key are PEM."""

    cluster: str
    endpoints: tuple[str, ...]
    certificate: str
    key: str
    authority: str


def profile_folder() -> Path:
    """Where profiles are kept."""
    root = os.environ.get("QUORATE_ROOT", "/")
    if root != "/":
        return Path(root) / "etc/quorate/profiles"
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "quorate/profiles"


def save_profile(profile: Profile) -> Path:
    """Keep the profile, readable by its owner alone; returns its folder, which also holds the PEM files."""
    folder = profile_folder() / _file_name(profile.cluster)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    contents = {
        "client.pem": profile.certificate.encode(),
        "client.key": profile.key.encode(),
        "node-ca.pem": profile.authority.encode(),
        "profile.json": encode(profile),
    }
    for name, content in contents.items():
        new = folder / f"{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        new.replace(folder / name)
    return folder


def load_profiles() -> dict[str, Profile]:
    """Every saved profile by the name of its folder. Raises Refused where one is damaged."""
    found: dict[str, Profile] = {}
    try:
        paths = sorted(profile_folder().glob("*/profile.json"))
    except OSError:
        return found
    for path in paths:
        try:
            found[path.parent.name] = decode(path.read_bytes(), Profile, str(path))
        except Damaged as problem:
            raise Refused(
                [error("profile_damaged", str(problem), where=str(path), remedy="remove that profile, or restore it")]
            ) from problem
        except OSError:
            continue  # another user's
    return found


def _file_name(cluster: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "_" for character in cluster)
