"""Placeholder until the adapters exist."""

from __future__ import annotations

from typing import cast

from quorate.sdk.facilities import Addresses


class AddressBook:
    """All addresses of one host."""

    def __init__(self, guard: str | None) -> None:
        self._guard = guard

    def refresh(self, now_s: float, lease_holds: bool) -> None:
        """Nothing yet."""

    def close(self) -> None:
        """Nothing yet."""


def HostedAddresses(*arguments: object) -> Addresses:  # noqa: N802
    """None yet."""
    return cast("Addresses", None)
