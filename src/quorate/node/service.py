"""The service process: the composition root, with every task in its starting and stopping order (design §2).

Owns: the tasks, and the carrying out of what `node.service_loop` asks for. Does not know: policy.

Order of starting: sentinel link, member of the store, pump, reading of the store, hosts, watch, faces, keepers of vote,
history and networks. Order of stopping: faces, keepers, hosts, watch, requests under way, sentinel link.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.store import EtcdStore
from quorate.core.authority.frame import Note
from quorate.core.authority.orders import Order, Renewal, Report
from quorate.core.cluster_view import ClusterView
from quorate.core.group_run import BringOnline
from quorate.core.topology import timings_of
from quorate.core.votes import may_become_voter
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Refused
from quorate.model.workload import ResourceSpec
from quorate.node.faces import Faces
from quorate.node.following import Following
from quorate.node.host_fleet import HostFleet
from quorate.node.identity import load_identity, load_replica
from quorate.node.keepers import Keepers
from quorate.node.leaving import Leaving
from quorate.node.light_keeper import LightKeeper
from quorate.node.link_wait import LinkWait, working_addresses
from quorate.node.member_keeper import MemberKeeper, etcd_binary
from quorate.node.network_keeper import NetworkKeeper
from quorate.node.outputs import Decided, HostCommand, NeedHost, Prepare, Settled, StoreRequest
from quorate.node.pacing import Pacing
from quorate.node.places import Places
from quorate.node.quorum_share import QuorumShare
from quorate.node.reach import Reach
from quorate.node.retiring import Retiring
from quorate.node.sentinel_link import SentinelLink
from quorate.node.service_log import log
from quorate.node.service_loop import ServiceLoop
from quorate.node.settings import load
from quorate.node.store_link import PrefixedStore, carry_out, tls_context
from quorate.node.vote_keeper import VoteKeeper
from quorate.wire import sentinel_channel as channel
from quorate.wire.lease_page import boot_time_s

PREVENT_QUORUM = "QUORATE_PREVENT_QUORUM"
"""In the environment of a node that shall join an active cluster and never form one (`node run --prevent-quorum`)."""


class Service:
    """One node's service."""

    def __init__(self, places: Places) -> None:
        """Read what a start needs. Raises Refused where settings or data are wrong."""
        self.places = places
        self.settings = load(places.settings)
        log.show_from(self.settings.log_level)
        identity = load_identity(places)
        if identity is None:
            raise Refused([])
        self.identity = identity
        self.replica = load_replica(places, identity)
        self.node = identity.node
        self.timings = timings_of(self.replica.cluster)
        self.view = ClusterView()
        self.watched_at = 0.0
        self.votes = VoteKeeper(self)
        self.quorum = QuorumShare(self)
        self.light = LightKeeper(self)
        self.reach = Reach(self)
        self.loop = ServiceLoop(
            self.node,
            self.timings,
            boot_id=places.boot_id.read_text() if places.boot_id.exists() else "",
            new_incarnation=lambda: f"{self.node}.{secrets.token_hex(6)}",
            wall_s=lambda: datetime.now(UTC).timestamp(),  # hours of failover periods, never authority
            now=boot_time_s(),
            view=self.view,
        )
        self.pacing = Pacing(self)
        self.prevents_quorum = PREVENT_QUORUM in os.environ
        self.loop.membership.may_form = not self.prevents_quorum
        quiet = set(self.replica.quiet_networks)
        self.links = LinkWait(
            {name: address for name, address in self.own_spec().addresses.items() if name not in quiet},
            self.settings.link_wait_s,
            working_addresses,
            self._links_up,
            lambda text: log.info("links", detail=text),
        )
        self.loop.membership.links_up = self.links.look()
        self.gateway = Gateway(self.reach.endpoints(), tls=tls_context(places))
        self._etcd = EtcdStore(self.gateway, generation=identity.store_generation)
        self.store = PrefixedStore(self._etcd, f"/quorate/{identity.cluster_id}/")
        self.processes: dict[str, int] = {}
        self.keeper: MemberKeeper
        self._link: SentinelLink | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._pumping = False
        self._turn = asyncio.Event()
        self.faces = Faces(self)
        self.hosts = HostFleet(places.hosts, self.loop, self.pump, self.tell_sentinel, self.faces.resource_log)
        self.leaving = Leaving(self)
        self.following = Following(self)
        self.networks = NetworkKeeper(self)
        self.retiring = Retiring(self)
        self.keepers = Keepers(self, self._etcd)
        self.hosts.last_look = self.keepers.checkpoints.last_look
        self.lease_is_safe = asyncio.Event()
        """Set for good when this service has seen, or seen to, a lease that needs nothing from it for a while."""
        self._ended = asyncio.Event()

    def nodes(self) -> tuple[NodeSpec, ...]:
        """All nodes, from the store or as last seen."""
        return tuple(known.record for known in self.view.nodes.values()) or self.replica.nodes

    def own_spec(self) -> NodeSpec:
        """This node's specification, from the store or as last seen."""
        return next(spec for spec in (*self.nodes(), *self.replica.nodes) if spec.node == self.node)

    # ---------------------------------------------------------------- running

    async def run(self) -> None:
        """Run until told to end, or until the sentinel is gone."""
        link = await SentinelLink.connect(self.places.sentinel_socket)
        self._link = link
        self.reach.announce()
        keeper = self.keeper = MemberKeeper(
            self.places,
            self.identity,
            self.timings,
            self.gateway,
            self.store,
            self.view,
            lambda name, argv: link.send(channel.RunProcess(name, argv)),
            lambda name: link.send(channel.EndProcess(name)),
            lambda: "etcd" in self.processes,
            lambda members: may_become_voter(self.node, self.votes.picture(members)),
            lambda text: log.info("store member", detail=text),
            etcd=etcd_binary(self.settings.etcd),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._ended.set)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            reading = tasks.create_task(self._listen(link), name="sentinel link")
            others = [
                tasks.create_task(self._beat(), name="progress"),
                tasks.create_task(self.links.run(), name="link wait"),
                tasks.create_task(self.following.run(), name="watch"),
                tasks.create_task(keeper.run(), name="vote keeper"),
                *(tasks.create_task(run, name=name) for name, run in self.keepers.runs()),
                tasks.create_task(self.votes.run(), name="votes"),
                tasks.create_task(self.quorum.run(), name="quorum share"),
                tasks.create_task(self._start_and_keep_light(), name="light witness"),
                tasks.create_task(self.networks.run(), name="network keeper"),
            ]
            await self.faces.start()
            await self._ended.wait()
            await self.faces.stop()
            self.hosts.stop()
            for task in (*others, reading, *self._requests):
                task.cancel()
        await self.gateway.aclose()
        await link.close()

    async def _start_and_keep_light(self) -> None:
        """Start the member, after the light witness was asked where there is one; then look after that."""
        if not self.prevents_quorum and not await self.light.forbids_start():
            self.keeper.start_existing(self.own_spec(), self.nodes())
        await self.light.run()

    def end(self, *, stop_node: bool, retire: str = "") -> None:
        """End this process; `stop_node` where the node has left and the sentinel shall end too.

        With `retire` the sentinel puts the state folder aside, under that suffix: the machine is a node no more.
        """
        if self._link is not None:
            self._link.send(channel.ServiceEnds(stop_node=stop_node, retire=retire))
        self._ended.set()

    async def _listen(self, link: SentinelLink) -> None:
        async for message in link.messages():
            match message:
                case Report():
                    self.loop.report(message)
                    self.reach.hear(message)
                    if self.watched_at and message.lease_until - message.now > self.timings.renew_margin_s:
                        self.lease_is_safe.set()
                case channel.StopNode():
                    self.spawn(self.leaving.run())
                case channel.Processes(running=running):
                    self.processes = running
                    self.keepers.member_watch.process(running.get("etcd", 0))
                    self.hosts.running(running)
                case channel.Paths(paths=paths):
                    self.networks.told(paths)
            self.pump()
        log.warning("the sentinel is gone; the service ends")
        self._ended.set()

    @property
    def linked(self) -> bool:
        """There is a connection to the sentinel."""
        return self._link is not None

    def start_hosts(self) -> None:
        """Connect to the hosts; what they run counts from then on."""
        assert self._tasks is not None
        self.hosts.start(self._tasks)

    def tell_sentinel(self, message: channel.ToSentinel) -> None:
        """Send to the sentinel, where there is a connection."""
        if self._link is not None:
            self._link.send(message)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something in the service's task group."""
        assert self._tasks is not None
        task = self._tasks.create_task(work)
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    def _links_up(self) -> None:
        self.loop.membership.links_up = True
        self.pump()

    async def _beat(self) -> None:
        """Show life even where nothing happens, so that a silent service is a hung one."""
        while True:
            if self.watched_at:
                self.loop.clear_stopping()  # its commit may have failed, and nothing else would ask again
            self.pump()
            await asyncio.sleep(self.timings.heartbeat_s)

    def not_given(self, spec: ResourceSpec, why: str) -> None:
        """An Online that was held back was never given, for that reason."""
        self.loop.not_given(spec, why)
        self.pump()

    # ---------------------------------------------------------------- the pump

    def pump(self) -> None:
        """Let the loop decide, and carry out what it asks for."""
        if self._link is None or self._pumping:
            return
        self._pumping = True
        try:
            self.loop.step(boot_time_s())
            for output in self.loop.take():
                match output:
                    case Order():
                        self._link.send(output)
                    case Renewal():
                        self._link.send(output)
                        self.lease_is_safe.set()
                    case StoreRequest():
                        self.spawn(self._carry_out(output))
                    case HostCommand(command=BringOnline() as command) if self.keepers.checkpoints.concerns(command):
                        self.spawn(self.keepers.checkpoints.bring_online(command))
                    case HostCommand(command=command):
                        self.hosts.command(command)
                    case Prepare(group=group):
                        self.hosts.prepare(tuple(self.view.members_of.get(group, {}).values()))
                    case NeedHost(host=host):
                        self.hosts.link(host)
                    case Settled(group=group, online=online):
                        self.faces.settled(group, online=online)
                    case Note(rule=rule, branch=branch, node=node, detail=detail):
                        self.faces.noted(rule, branch, node, detail)
                    case Decided(assignment=assignment):
                        self.faces.decided(assignment)
            self._link.send(channel.Progress())
        finally:
            self._pumping = False
            self._turn.set()
            self._turn = asyncio.Event()
        self._set_timer()

    async def turned(self) -> None:
        """Wait until the loop has decided once more."""
        await self._turn.wait()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.loop.deadline is not None:
            delay = max(0.0005, self.loop.deadline - boot_time_s())
            self._timer = asyncio.get_running_loop().call_later(delay, self.pump)

    async def _carry_out(self, output: StoreRequest) -> None:
        outcome = await carry_out(self.store, output.request, self.timings)
        self.loop.outcome(output.id, outcome, boot_time_s())
        self.pump()


def main() -> int:
    """Run the service until the sentinel ends it."""
    places = Places.from_environment()
    try:
        service = Service(places)
    except Refused as refused:
        for problem in refused.problems:
            log.warning(problem.what, code=problem.code, where=problem.where, remedy=problem.remedy)
        return 4
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(service.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
