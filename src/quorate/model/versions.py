"""Which software a node runs, as far as nodes must agree on it (spec/02 §2.1, decision 0043).

Owns: the release of this software and the oldest one it works together with. Does not know: what follows from them
(`core.versions`). The release rises by one whenever records or datagrams change so that a former one would misread
them; `VERSION` is for people. A functional level is the release whose records a cluster may hold.
"""

from __future__ import annotations

from typing import Final

from quorate.model.base import Value

VERSION: Final = "0.1.0"
RELEASE: Final = 1
LOWEST_RELEASE: Final = 1


class Software(Value, frozen=True, kw_only=True):
    """The software of a node: NodeHighestVersion and NodeLowestVersion, as releases."""

    version: str = ""
    release: int = 1
    lowest_release: int = 1


OURS: Final = Software(version=VERSION, release=RELEASE, lowest_release=LOWEST_RELEASE)
