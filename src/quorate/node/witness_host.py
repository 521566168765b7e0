"""A witness host at work: for every cluster it has joined, one member of that cluster's store, and nothing else.

Owns: each cluster's loop, member process and waiting door, and their stopping order: member, door. Does not know: when
a member may run (`core.witnessing`), or anything of groups and resources: it has no secret of the cluster and hosts
nothing.
How it works: while there is no member to run, a door at the member's address tells nodes so; as soon as any node lists
a member for this address, it is made and run. The member's own copy of the database tells where the nodes are.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Final

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.member import MemberSettings, MemberTls, argv
from quorate.adapters.etcd.messages import Member, RangeRequest
from quorate.adapters.etcd.peers import Peers, PeerUnreachable
from quorate.adapters.etcd.watching import range_end
from quorate.core.authority.timings import PROFILES
from quorate.core.witnessing import Create, Decision, ListedMember, Lost, Run, Wait, witness_decision
from quorate.model import keys
from quorate.model.base import Damaged, decode, encode, replace
from quorate.model.nodes import NodeSpec
from quorate.model.quorum import MEMBER_NAME
from quorate.model.witness import WitnessedNode, WitnessWord
from quorate.node.member_keeper import etcd_binary
from quorate.node.places import Places
from quorate.node.process import hold_alone, log
from quorate.node.witness_files import WitnessFolder, witness_folders, witness_root
from quorate.node.witness_routes import WitnessRoutes

LOOK_S: Final = 1.0
"""Between looks whether some node lists a member for this witness, and how long its door then stays open."""
NODES_S: Final = 10.0
"""Between looks where the nodes are."""
END_LIMIT_S: Final = 5.0
"""A member that has not ended by SIGTERM by then is killed."""
ALONE_LIMIT_S: Final = 2.0


class WitnessedCluster:
    """One cluster on this witness host."""

    def __init__(self, folder: WitnessFolder, etcd: str) -> None:
        self._folder = folder
        self._record = folder.record()
        self._etcd = etcd
        pki = folder.pki
        self._tls = MemberTls(pki / "node.pem", pki / "node.key", pki / "node-ca.pem")
        self._said = ""

    async def run(self) -> None:
        """Look and run until cancelled."""
        routes = WitnessRoutes(self._record.address)
        minding = asyncio.create_task(self._mind(routes), name="witness routes")
        peers = Peers(client_tls(self._folder))
        try:
            while True:
                await self._turn(peers)
        finally:
            minding.cancel()
            routes.close()
            await peers.aclose()

    async def _turn(self, peers: Peers) -> None:
        listed, decision = await self._decide(peers)
        match decision:
            case Run(id=member):
                await self._run_member(member, ())
            case Create(id=member, former=former):
                self._folder.retire(former)
                self._folder.note_made(member)
                initial = next(m for m in listed if (own := self._mine(m)) is not None and own.id == member)
                await self._run_member(member, initial)
            case Wait():
                self._say("waits: the cluster has given this witness no member yet")
                await self._look_on(peers, "waiting", decision)
            case Lost(id=member):
                self._say(f"the data of member {member:x} have gone from {self._folder.path}; it needs a new one")
                await self._look_on(peers, "lacks data", decision)

    async def _decide(self, peers: Peers) -> tuple[list[tuple[Member, ...]], Decision]:
        listed = await self._listed(peers)
        mine = (self._mine(members) for members in listed)
        found = (member for member in mine if member is not None)
        return listed, witness_decision(found, self._folder.kept(), self._folder.made())

    async def _look_on(self, peers: Peers, word: str, former: Decision) -> None:
        """Answer at the member's address until something else is to be done."""
        async with self._door(word):
            while True:
                await asyncio.sleep(LOOK_S)
                if (await self._decide(peers))[1] != former:
                    return

    def _say(self, text: str) -> None:
        if text != self._said:
            log(f"{self._record.cluster_name}: {text}", "witness")
        self._said = text

    # ---------------------------------------------------------------- what nodes list

    async def _listed(self, peers: Peers) -> list[tuple[Member, ...]]:
        urls = [f"https://{node.fabric_address}:{node.peer_port}" for node in self._record.nodes]
        answers = await asyncio.gather(*(peers.members(url) for url in urls), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, PeerUnreachable):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    def _mine(self, members: Iterable[Member]) -> ListedMember | None:
        url = f"https://{self._record.address}:{self._record.peer_port}"
        found = next((m for m in members if url in m.peerURLs), None)
        return ListedMember(found.id, bool(found.name), found.isLearner) if found is not None else None

    # ---------------------------------------------------------------- the member

    async def _run_member(self, member: int, listed: tuple[Member, ...]) -> None:
        """Run it until it ends, or this is cancelled."""
        self._say(f"runs member {member:x}")
        words = argv(self._settings(member, listed), etcd_binary(self._etcd))
        # Nodes reach this machine over whichever of their addresses is best: their certificates are checked, by the
        # cluster's own authority, and where they come from is not.
        words.append("--experimental-peer-skip-client-san-verification=true")
        self._folder.data(member).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._folder.log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", "--", "/usr/bin/env", "GOMAXPROCS=1", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            status = await process.wait()
        finally:
            await _ended(process)
        self._say(f"member {member:x} has ended with status {status}: see {self._folder.log}")
        async with self._door("waiting"):
            await asyncio.sleep(LOOK_S)

    def _settings(self, member: int, listed: tuple[Member, ...]) -> MemberSettings:
        record, timings = self._record, PROFILES[self._record.profile]
        address, client = f"{record.address}:{record.peer_port}", f"127.0.0.1:{record.peer_port + 1}"
        names = tuple((m.name or MEMBER_NAME, m.peerURLs[0].removeprefix("https://")) for m in listed if m.peerURLs)
        return MemberSettings(
            name=MEMBER_NAME,
            data_dir=self._folder.data(member),
            client_listen=(client,),
            client_advertise=(client,),
            peer_listen=(address,),
            peer_advertise=(address,),
            initial_cluster=names or ((MEMBER_NAME, address),),
            token=record.cluster_id,
            state="existing",
            heartbeat_ms=round(timings.store_heartbeat_s * 1000),
            election_ms=round(timings.store_election_s * 1000),
            tls=self._tls,
        )

    # ---------------------------------------------------------------- the door

    @contextlib.asynccontextmanager
    async def _door(self, word: str) -> AsyncIterator[None]:
        """Answer nodes in the member's place."""
        body = encode(WitnessWord(witness=word))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        answer = head.encode() + b"Connection: close\r\n\r\n" + body

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(LOOK_S):
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(answer)
                    await writer.drain()
            writer.close()

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self._tls.authority))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self._tls.certificate, self._tls.key)
        server: asyncio.Server | None = None
        try:
            server = await asyncio.start_server(serve, self._record.address, self._record.peer_port, ssl=context)
        except OSError as problem:  # tried again with the next door; a member will say the same in its log
            self._say(f"cannot listen on {self._record.address}:{self._record.peer_port}: {problem}")
        try:
            yield
        finally:
            if server is not None:
                server.close()
                await server.wait_closed()

    # ---------------------------------------------------------------- where the nodes are

    async def _mind(self, routes: WitnessRoutes) -> None:
        """Keep ways to the nodes open; learn from the member's own copy where they are."""
        loop = asyncio.get_running_loop()
        learn_at = loop.time() + LOOK_S
        async with Gateway([f"https://127.0.0.1:{self._record.peer_port + 1}"], tls=client_tls(self._folder)) as own:
            while True:
                await routes.keep(self._record.nodes)
                if loop.time() >= learn_at:
                    learn_at = loop.time() + NODES_S
                    await self._learn(own)
                await asyncio.sleep(LOOK_S)

    async def _learn(self, own: Gateway) -> None:
        prefix = f"/quorate/{self._record.cluster_id}/{keys.SPEC_NODE}"
        request = RangeRequest(key=prefix.encode(), range_end=range_end(prefix), serializable=True)
        try:
            answer = await own.range(request, timeout_s=LOOK_S)
            nodes = tuple(_node(decode(found.value, NodeSpec, found.key.decode())) for found in answer.kvs)
        except (GatewayError, Damaged):
            return  # no member runs here now, or it has nothing yet
        if nodes and nodes != self._record.nodes:
            self._record = replace(self._record, nodes=nodes)
            with contextlib.suppress(OSError):
                self._folder.write_record(self._record)


def _node(spec: NodeSpec) -> WitnessedNode:
    return WitnessedNode(
        node=spec.node,
        name=spec.name,
        fabric_address=spec.fabric_address,
        addresses=dict(spec.addresses),
        peer_port=spec.peer_port,
    )


def client_tls(folder: WitnessFolder) -> ssl.SSLContext:
    """This witness's certificate for that cluster, and trust in its node authority alone."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(folder.pki / "node-ca.pem"))
    context.load_cert_chain(folder.pki / "node.pem", folder.pki / "node.key")
    return context


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End it where it has not ended: SIGTERM, and SIGKILL after the limit."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_LIMIT_S):
            await process.wait()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def serve(places: Places, etcd: str = "") -> int:
    """Witness for every cluster that this machine has joined, now and later, until SIGTERM. Returns an exit status."""
    root = witness_root(places)
    if not hold_alone(root / "lock", ALONE_LIMIT_S):
        log(f"another witness runs on {root}", "witness")
        return 1
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    running: dict[str, asyncio.Task[None]] = {}
    log("serves; quorate witness join adds a cluster", "witness")
    try:
        while not ending.is_set():
            _follow(places, etcd, running)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await ending.wait()
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
    return 0


def _follow(places: Places, etcd: str, running: dict[str, asyncio.Task[None]]) -> None:
    """One task per cluster; one that failed is told and tried again."""
    folders = {folder.path.name: folder for folder in witness_folders(places)}
    for name, task in list(running.items()):
        if task.done() and not task.cancelled() and (problem := task.exception()) is not None:
            log(f"{name}: {type(problem).__name__}: {problem}; tried again", "witness")
        if task.done():
            del running[name]
        elif name not in folders:
            task.cancel()  # put aside by `quorate witness leave`
    for name, folder in folders.items():
        if name not in running:
            running[name] = asyncio.create_task(WitnessedCluster(folder, etcd).run(), name=f"witness {name}")
