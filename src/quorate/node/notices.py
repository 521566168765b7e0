"""What hosts are told when specifications change: so that types hear of it (spec/04 §8.2, decision 0112).

Owns: which resources a change of the replica concerns, and which hosts are told. Does not know: the types, or what they
do about it; what was told before is the host's own knowledge (`host.notices`).
How it works: a host compares every specification that it is given with the one it has. So whatever may differ for a
resource that is open in a host is sent there again. A deletion leaves nothing to compare: the specifications that were
known last are kept for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from quorate.core.group_run import Respecify
from quorate.model import keys
from quorate.model.dependency import providers
from quorate.model.workload import ResourceSpec
from quorate.node.host_link import SHARED, HostLink, Surroundings
from quorate.node.service_loop import ServiceLoop


class Notices:
    """Tells the hosts of one node."""

    def __init__(
        self, loop: ServiceLoop, links: Callable[[], Iterable[HostLink]], link: Callable[[str], HostLink]
    ) -> None:
        self._loop = loop
        self._links = links
        self._link = link
        self._known: dict[str, ResourceSpec] = {}

    def around(self, spec: ResourceSpec) -> Surroundings:
        """Names of its group and of what it depends on."""
        view = self._loop.view
        group = view.groups.get(spec.group)
        names = {
            other: view.resources[other].record.name if other in view.resources else other
            for other in providers(spec.depends_on)
        }
        return Surroundings(group.record.name if group is not None else spec.group, names)

    def changed(self, touched: Iterable[str] | None) -> None:
        """The replica has changed in these keys; None: it was read anew."""
        for resource in list(self._concerned(touched)):
            known = self._loop.view.resources.get(resource)
            if known is not None:
                self._known[resource] = known.record
                self._tell(known.record)
            elif (former := self._known.pop(resource, None)) is not None:
                self._deleted(former)

    def opened(self, link: HostLink) -> None:
        """A host has said what is open there: changes that no service saw are told now."""
        for resource in link.open_there:
            known = self._loop.view.resources.get(resource)
            if known is not None:
                link.send(Respecify(self._loop.in_effect(known.record)))
            elif resource not in link.present:  # what runs is ended by whoever takes the inventory
                link.close(resource, deleted=True)

    def _concerned(self, touched: Iterable[str] | None) -> Iterator[str]:
        view = self._loop.view
        if touched is None:
            yield from self._known.keys() | view.resources.keys()
            return
        for key in touched:
            if key.startswith(keys.SPEC_RESOURCE):
                yield key.removeprefix(keys.SPEC_RESOURCE)
            elif key.startswith(keys.SPEC_GROUP):
                yield from view.members_of.get(key.removeprefix(keys.SPEC_GROUP), {})

    def _tell(self, spec: ResourceSpec) -> None:
        for link in self._links():
            if spec.id in link.open_there:
                link.send(Respecify(self._loop.in_effect(spec)))

    def _deleted(self, spec: ResourceSpec) -> None:
        """Its type hears of it where the group was owned, and everywhere where it asks for that."""
        hears = spec.delete_requires_all_nodes or spec.group in self._loop.runs
        having = [link for link in self._links() if spec.id in link.open_there]
        for link in having:
            link.close(spec.id, deleted=hears)
        if not having and spec.delete_requires_all_nodes:
            self._link(SHARED).delete_unopened(spec)
