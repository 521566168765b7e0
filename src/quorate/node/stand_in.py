"""An empty member of the store in the place of a lost one: what it must be told first, and what it proves itself with.

Owns: the list of members that it starts with, and its certificate. Does not know: when one may be played
(`core.lone_survivor`, `node.forcing`), or who runs it.

How it works: an empty member asks the surviving one who the members are, once, and ends where that differs from what it
was told. A member that has just been started replays its log: its list grows from nothing, one member after another,
and is not to be believed before it stands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from quorate.adapters import pki
from quorate.adapters.etcd.member import MemberTls
from quorate.adapters.etcd.messages import Member
from quorate.adapters.etcd.peers import Peers, PeerUnreachable
from quorate.model.base import replace
from quorate.model.nodes import NodeSpec
from quorate.model.quorum import MEMBER_NAME
from quorate.node.joining_authority import issue_node_certificate
from quorate.node.places import Places
from quorate.node.store_link import tls_context

PAUSE_S: Final = 0.2

PeerList = tuple[tuple[str, str], ...]
"""Name and peer address of members."""


async def settled_members(
    ask: Callable[[], Awaitable[tuple[Member, ...]]], needed: Iterable[str], *, pause_s: float = PAUSE_S
) -> tuple[Member, ...]:
    """The members as `ask` lists them, once the list stands and has every needed peer URL in it; cancel it to give up.

    `ask` may raise PeerUnreachable: that member does not answer yet.
    """
    wanted = frozenset(needed)
    former: tuple[Member, ...] | None = None
    while True:
        found: tuple[Member, ...] | None = None
        with contextlib.suppress(PeerUnreachable):
            found = await ask()
        if found is not None and found == former and wanted <= {url for m in found for url in m.peerURLs}:
            return found
        former = found
        await asyncio.sleep(pause_s)


async def listed_by(places: Places, own: NodeSpec, needed: Iterable[str], limit_s: float) -> tuple[Member, ...]:
    """Every member as this node's own one lists them; empty where that has not settled within the limit."""
    asked = Peers(tls_context(places))
    url = peer_url(own)
    try:
        async with asyncio.timeout(limit_s):
            return await settled_members(lambda: asked.members(url), needed)
    except TimeoutError:
        return ()
    finally:
        await asked.aclose()


def peer_url(spec: NodeSpec) -> str:
    """Where the other members reach that node's one."""
    return f"https://{spec.fabric_address}:{spec.peer_port}"


def peer_list(members: Iterable[Member]) -> PeerList:
    """As a new member is told; one that never ran has no name yet, and is the quorum resource's."""
    return tuple((m.name or MEMBER_NAME, m.peerURLs[0].removeprefix("https://")) for m in members)


def stand_in_certificate(places: Places, own: NodeSpec, played: Iterable[NodeSpec], folder: Path) -> MemberTls:
    """One for this node's member and all that it plays, from the authority whose key every voter has.

    It is valid for every address that is played: on one machine the kernel sends from the address that it sends to, and
    a member refuses a certificate that does not name where it comes from.
    """
    authority = pki.Issued((places.pki / pki.NODE_CA).read_bytes(), (places.pki / pki.NODE_CA_KEY).read_bytes())
    key = pki.make_key()
    addresses = {spec.name: spec.fabric_address for spec in played}
    spec = replace(own, addresses={**own.addresses, **addresses})
    certificate = issue_node_certificate(authority, pki.make_request(key, spec.name), spec)
    pki.write_files(folder, {pki.NODE: certificate, pki.NODE_KEY: key})
    return MemberTls(folder / pki.NODE, folder / pki.NODE_KEY, places.pki / pki.NODE_CA)
