"""Where a cluster is looked for: an endpoint, QUORATE_ENDPOINT, the local socket, a saved profile; in this order.

Owns: that order, and the form of endpoints. Does not know: how a connection is made.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from quorate.adapters.profiles import PROFILE_ENVIRONMENT, Profile, load_profiles, profile_folder
from quorate.client.errors import NoConnection
from quorate.model.problems import Problem, Refused, error

ENDPOINT_ENVIRONMENT: Final = "QUORATE_ENDPOINT"
DEFAULT_PORT: Final = 7400


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in: a Unix socket, or an address with the certificate to show."""

    url: str
    socket: Path | None = None
    profile: Profile | None = None
    profile_folder: Path | None = None

    @property
    def words(self) -> str:
        """The endpoint as people write it."""
        return f"unix:{self.socket}" if self.socket is not None else self.url


def local_socket(given: str = "") -> Path | None:
    """The socket of this machine's own service; None where somebody said to ask elsewhere."""
    if given or os.environ.get(ENDPOINT_ENVIRONMENT) or os.environ.get(PROFILE_ENVIRONMENT):
        return None
    return Path(os.environ.get("QUORATE_ROOT", "/")) / "run/quorate/service.sock"


def find_endpoints(given: str = "") -> list[Endpoint]:
    """Where to ask, in order. Raises NoConnection where there is nowhere."""
    asked = given or os.environ.get(ENDPOINT_ENVIRONMENT, "")
    if asked:
        return [_parse_endpoint(asked)]
    local = local_socket(given)
    profiles = load_profiles()
    chosen = os.environ.get(PROFILE_ENVIRONMENT, "")
    if local is not None and local.exists():
        return [Endpoint("http://local", socket=local)]
    names = [chosen] if chosen else list(profiles)
    if len(names) == 1 and names[0] in profiles:
        profile = profiles[names[0]]
        folder = profile_folder() / names[0]
        return [Endpoint(url, profile=profile, profile_folder=folder) for url in profile.endpoints]
    if chosen:
        what, remedy = f"there is no profile {chosen!r}", f"there are: {', '.join(profiles) or 'none'}"
    elif profiles:
        what, remedy = (
            "no service runs here and several profiles are saved",
            f"choose by {PROFILE_ENVIRONMENT}: {', '.join(profiles)}",
        )
    else:
        what = f"no service runs here ({local} is missing) and no profile is saved"
        remedy = "start the node (quorate node run), or name one: --endpoint https://ADDRESS:7400"
    raise NoConnection([error("no_cluster_here", what, remedy=remedy)])


def _parse_endpoint(text: str) -> Endpoint:
    if text.startswith(("unix:", "/")):
        return Endpoint("http://local", socket=Path(text.removeprefix("unix:").removeprefix("//")))
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme != "https" or not parts.hostname:
        raise Refused(
            [
                error(
                    "endpoint_form",
                    f"{text!r} is no endpoint",
                    where="endpoint",
                    remedy="write https://ADDRESS:7400 or unix:/run/quorate/service.sock",
                )
            ]
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"https://{host}:{parts.port or DEFAULT_PORT}"
    profiles = load_profiles()
    fitting = [name for name, profile in profiles.items() if url in profile.endpoints] or list(profiles)
    chosen = os.environ.get(PROFILE_ENVIRONMENT) or (fitting[0] if fitting else "")
    if chosen not in profiles:
        raise NoConnection(
            [
                error(
                    "no_credentials",
                    f"there is no saved profile to show to {url}",
                    where="endpoint",
                    remedy=f"copy a profile into {profile_folder()}",
                )
            ]
        )
    return Endpoint(url, profile=profiles[chosen], profile_folder=profile_folder() / chosen)


def no_connection(why: str, endpoints: list[Endpoint]) -> Problem:
    """The problem that nobody answered at any of these."""
    tried = ", ".join(endpoint.words for endpoint in endpoints)
    return error(
        "no_connection",
        f"no answer from {tried}: {why}",
        where="endpoint",
        remedy="see that the node's service runs and that this user may use it",
    )
