"""This node's part in knowing the networks: what it has, whom it hears, and, where it leads, what follows from both.

Owns: the facts about cards and paths that this node writes, and the records of networks that the coordinator writes.
Does not know: how a network stands (`core.networks`), or which networks there are (`core.topology`).
How it works: the kernel tells of every change of a link or address (netlink multicast), the sentinel of every path that
is lost or back. What differs from the facts in the database is written, guarded by this node being up in this life
(design §4 rule 14). Changes that come in a burst are written once.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from quorate.adapters.netlink import News, NewsSocket, RouteSocket
from quorate.core.authority.view import Known
from quorate.core.paths import PathState
from quorate.core.topology import Findings, discover, reportable
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.records import Absent, Guard, Put, Unchanged, WatchBatch, Write
from quorate.model.topology import AdapterFact, AdaptersFact, PathsFact
from quorate.node.service_log import log
from quorate.ports.store import StoreError

if TYPE_CHECKING:
    from quorate.node.service import Service

BURST_S: Final = 0.05
"""Pause after news, and between writes: a link that goes takes its addresses with it, one message each."""
AGAIN_S: Final = 1.0
"""After a write that failed, or that something else came before."""
LOOK_S: Final = 30.0
"""Between looks without any news: the kernel drops news for a socket that is not read in time."""

_OURS: Final = (keys.SPEC_NETWORK, keys.SPEC_NODE, keys.SPEC_CLUSTER, keys.SPEC_RESOURCE, keys.MEMBER, keys.COORDINATOR)


class NetworkKeeper:
    """The networks of one node."""

    def __init__(self, service: Service) -> None:
        self.paths: tuple[PathState, ...] = ()
        """Every path, as the sentinel last told."""
        self._service = service
        self._wake = asyncio.Event()

    def told(self, paths: tuple[PathState, ...]) -> None:
        """The sentinel told of the paths."""
        self.paths = paths
        fact = self._paths_fact()
        known = self._service.view.paths.get(self._service.node)
        if fact is not None and (known is None or known.record != fact):
            self._wake.set()

    def changed(self, batch: WatchBatch | None) -> None:
        """The database changed; None where everything may have."""
        if batch is None or any(c.key.startswith(_OURS) or c.key.endswith("/adapters") for c in batch.changes):
            self._wake.set()

    async def run(self) -> None:
        """Keep facts and records right, for ever."""
        loop = asyncio.get_running_loop()
        news: NewsSocket | None = None
        try:
            news = NewsSocket(self._heard)
            loop.add_reader(news.fileno(), news.read)
        except OSError as problem:
            log.warning("links are not watched", detail=str(problem))
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._wake.wait()
                await asyncio.sleep(BURST_S)
                self._wake.clear()
                try:
                    settled = await self._write()
                except StoreError as problem:
                    log.debug("networks are not written", detail=str(problem))
                    settled = False
                if not settled:
                    self._wake.set()
                    await asyncio.sleep(AGAIN_S)
        finally:
            if news is not None:
                loop.remove_reader(news.fileno())
                news.close()

    def _heard(self, news: News) -> None:
        del news  # whatever it was, the cards are looked at anew
        self._wake.set()

    # ---------------------------------------------------------------- writing

    async def _write(self) -> bool:
        """Write what differs; False where it is to be tried again."""
        service = self._service
        view = service.view
        me = view.authority.members.get(service.node)
        if me is None or view.cluster is None or not service.loop.membership.is_up(view.authority):
            return True  # the change of that record wakes us
        guards: list[Guard] = [Unchanged(keys.member(service.node), me.revision)]
        writes: list[Write] = []
        cards = _cards()
        if cards is not None:
            adapters = AdaptersFact(
                node=service.node, incarnation=me.record.incarnation, adapters=reportable(view, cards)
            )
            self._differs(view.adapters.get(service.node), adapters, keys.fact_adapters(service.node), guards, writes)
        paths = self._paths_fact()
        if paths is not None:
            self._differs(view.paths.get(service.node), paths, keys.fact_paths(service.node), guards, writes)
        if writes:
            committed = await service.store.commit(guards, writes)
            if not committed.succeeded:
                return False
        return await self._record(discover(view)) if service.faces.leads() else True

    @staticmethod
    def _differs(
        known: Known[AdaptersFact] | Known[PathsFact] | None,
        fact: Value,
        key: str,
        guards: list[Guard],
        writes: list[Write],
    ) -> None:
        if known is None or known.record != fact:
            guards.append(Unchanged(key, known.revision) if known else Absent(key))
            writes.append(Put(key, encode(fact)))

    def _paths_fact(self) -> PathsFact | None:
        """Whom this node hears, by id of the network; None while there is nothing to say."""
        service = self._service
        me = service.view.authority.members.get(service.node)
        ids = {known.record.name: known.record.id for known in service.view.networks.values()}
        if me is None or not self.paths or not ids:
            return None
        heard: dict[str, list[int]] = {}
        for path in self.paths:
            if path.network in ids:
                row = heard.setdefault(ids[path.network], [])
                if path.heard:
                    row.append(path.node)
        rows = {network: tuple(sorted(nodes)) for network, nodes in sorted(heard.items())}
        return PathsFact(node=service.node, incarnation=me.record.incarnation, heard=rows)

    async def _record(self, findings: Findings) -> bool:
        """Write the records of networks and nodes that follow from everybody's facts, as coordinator."""
        view = self._service.view
        coordinator = view.authority.coordinator
        if not findings or coordinator is None:
            return True
        guards: list[Guard] = [Unchanged(keys.COORDINATOR, coordinator.revision)]
        writes: list[Write] = []
        for network in findings.networks:
            key, known = keys.SPEC_NETWORK + network.id, view.networks.get(network.id)
            guards.append(Unchanged(key, known.revision) if known else Absent(key))
            writes.append(Put(key, encode(network)))
            if known is None:
                name_key = keys.name("network", network.name)
                guards.append(Absent(name_key))
                writes.append(Put(name_key, network.id.encode()))
                log.info("network found", network=network.name, prefixes=network.prefixes, role=network.role)
        for node in findings.nodes:
            key = f"{keys.SPEC_NODE}{node.node}"
            guards.append(Unchanged(key, view.nodes[node.node].revision))
            writes.append(Put(key, encode(node)))
        return (await self._service.store.commit(guards, writes)).succeeded


def _cards() -> list[AdapterFact] | None:
    """The cards of this machine that have addresses, loopback left out; None where they cannot be looked at."""
    try:
        route = RouteSocket()
    except OSError:
        return None
    try:
        links = {link.index: link for link in route.links() if not link.loopback}
        addresses = route.addresses()
    except OSError:
        return None
    finally:
        route.close()
    return [
        AdapterFact(
            name=link.name,
            hardware_address=link.hardware_address,
            carries=link.carries,
            addresses=tuple(f"{a.address}/{a.prefix_length}" for a in addresses if a.interface_index == link.index),
        )
        for link in links.values()
    ]
