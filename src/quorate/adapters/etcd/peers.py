"""What a member of etcd says to its peers without being asked for a key: its list of members, and that it lives.

Owns: two requests to a peer port over mutual TLS, and what a witness answers there in a member's place (`WitnessWord`).
Does not know: what follows. A list is one member's own and may be old: decisions on it must allow for that.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

import httpx2
import msgspec

from quorate.adapters.etcd.messages import Member
from quorate.model.base import Damaged, decode
from quorate.model.witness import WitnessWord

LIMIT_S: Final = 1.0


class _PeerMember(msgspec.Struct, frozen=True, kw_only=True):
    id: int = 0
    name: str = ""
    peerURLs: tuple[str, ...] = ()  # noqa: N815
    clientURLs: tuple[str, ...] = ()  # noqa: N815
    isLearner: bool = False  # noqa: N815


_LIST: Final = msgspec.json.Decoder(tuple[_PeerMember, ...])


class PeerUnreachable(Exception):
    """Nothing at that address answers as a peer of this cluster."""


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """Who answered: a running member, or a witness without one, in its own words."""

    runs: bool
    word: str = ""


class Peers:
    """A client of peer ports; close it."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._client = httpx2.AsyncClient(verify=tls, trust_env=False, timeout=LIMIT_S)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def ask(self, address: str) -> PeerAnswer:
        """Who is at `host:port`. Raises PeerUnreachable."""
        body = await self._get(f"https://{address}/version")
        try:
            return PeerAnswer(runs=False, word=decode(body, WitnessWord, address).witness)
        except Damaged:
            return PeerAnswer(runs=True)

    async def members(self, url: str) -> tuple[Member, ...]:
        """The members as that one lists them. Raises PeerUnreachable."""
        body = await self._get(f"{url.rstrip('/')}/members")
        try:
            listed = _LIST.decode(body)
        except msgspec.MsgspecError as problem:
            raise PeerUnreachable(f"{url}: not a list of members: {problem}") from problem
        return tuple(
            Member(id=m.id, name=m.name, peerURLs=m.peerURLs, clientURLs=m.clientURLs, isLearner=m.isLearner)
            for m in listed
        )

    async def _get(self, url: str) -> bytes:
        try:
            answer = await self._client.get(url)
        except (httpx2.HTTPError, ssl.SSLError, OSError) as problem:
            raise PeerUnreachable(f"{url}: {type(problem).__name__}: {problem}") from problem
        if answer.status_code != 200:
            raise PeerUnreachable(f"{url}: status {answer.status_code}")
        return answer.content
