"""Which releases work together: the rule of joining, what keeps a node out, and when the functional level may rise."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from cluster_written import Cluster

from quorate.core.authority.membership import Membership
from quorate.core.authority.orders import Heard, Order, Peer, Report
from quorate.core.authority.timings import FAST
from quorate.core.gate import barred, refusal
from quorate.core.versions import Range, cluster_range, incompatibility
from quorate.model import keys
from quorate.model.membership import JoinRequest
from quorate.model.nodes import ClusterSpec
from quorate.model.versions import LOWEST_RELEASE, OURS, RELEASE, VERSION, Software


def runs(release: int, lowest: int) -> Software:
    return Software(version=f"{release}.0", release=release, lowest_release=lowest)


def made(*software: tuple[int, int], level: int = 1) -> Cluster:
    """Nodes 1 to n are up and run that; node n + 1 is listed and down."""
    cluster = Cluster(len(software) + 1)
    cluster.put(
        keys.SPEC_CLUSTER,
        ClusterSpec(name="alpha", id="x", functional_level=level, quarantine_threshold=0, expulsion_limit=0),
    )
    cluster.member(len(software) + 1, up=False)
    for node, (release, lowest) in enumerate(software, 1):
        cluster.put(keys.fact_software(node), runs(release, lowest))
    return cluster


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    assert LOWEST_RELEASE <= RELEASE
    assert Software(version=VERSION, release=RELEASE, lowest_release=LOWEST_RELEASE) == OURS


def test_the_range_of_a_cluster_is_what_all_active_nodes_can() -> None:
    assert cluster_range(()) is None
    assert cluster_range([runs(3, 2), runs(2, 1)]) == Range(highest=2, lowest=2)


@pytest.mark.conformance("CF-05")
@pytest.mark.parametrize(
    ("active", "offered", "fits"),
    [
        ([(1, 1)], (1, 1), True),  # the same
        ([(1, 1), (1, 1)], (2, 1), True),  # the next one: its lowest is the cluster's highest
        ([(1, 1), (2, 1)], (1, 1), True),  # mixed: the former one
        ([(1, 1), (2, 1)], (2, 1), True),  # mixed: the newer one
        ([(2, 1), (2, 1)], (1, 1), True),  # its highest is the cluster's lowest
        ([(2, 2), (2, 2)], (1, 1), False),  # no longer understood
        ([(1, 1)], (3, 2), False),  # two apart
        ([(1, 1), (2, 1)], (3, 2), False),  # one of the active ones is two behind
        ([(1, 1)], (3, 1), False),  # says that it could, but majors are two apart
        ([(1, 1)], (2, 2), False),  # the next one, which gave the former one up
    ],
)
def test_who_works_together(active: list[tuple[int, int]], offered: tuple[int, int], *, fits: bool) -> None:
    cluster = made(*active)
    node = len(active) + 1
    assert (incompatibility(cluster.view, node, runs(*offered)) == "") is fits
    cluster.put(keys.join(node), JoinRequest(node=node, incarnation="z", software=runs(*offered)))
    reason = refusal(cluster.view, node, 0.0)
    assert (reason is None) is fits
    assert reason is None or (reason.code == "software_incompatible" and reason.detail)


def test_a_former_release_cannot_return_once_the_level_has_risen() -> None:
    cluster = made((2, 1), level=2)
    assert "functional level 2" in incompatibility(cluster.view, 2, runs(1, 1))
    assert incompatibility(cluster.view, 2, runs(2, 1)) == ""


def test_a_node_that_never_said_what_it_runs_counts_as_the_first_release() -> None:
    cluster = Cluster(2)
    assert incompatibility(cluster.view, 3, runs(2, 1)) == ""
    assert incompatibility(cluster.view, 3, runs(3, 2)) != ""


# ---------------------------------------------------------------- at admission


def admissions(cluster: Cluster, node: int) -> list[str]:
    """What the coordinator asks the store for about a node that is heard, acknowledges and wants to be let in."""
    peer = Heard(Peer(node, f"{node}.b"), 1, up=False, acting=False, silent=False, acknowledged=True)
    membership = Membership(1, FAST, boot_id="b", new_incarnation=lambda: "1.a", now=0.0)
    order = Order(serial=1, incarnation="1.a", up=True, epoch=1, coordinator=1)
    asked: list[str] = []
    for now in (0.0, 0.01, 0.02, 0.03):
        report = Report(
            serial=order.serial, now=now, incarnation="1.a", lease_until=now + 1, ended="", released_epoch=0,
            acting=True, heard=(peer,), order=order,
        )  # fmt: skip
        cluster.view.authority.barred = barred(cluster.view, now)
        made = membership.step(now, cluster.view.authority, report, frozenset())
        order = made.order
        asked += [request.purpose for request in made.requests if request.purpose.startswith("admit")]
    return asked


@pytest.mark.conformance("CF-05")
def test_a_node_whose_software_does_not_fit_is_not_admitted() -> None:
    cluster = made((1, 1))
    cluster.put(keys.join(2), JoinRequest(node=2, incarnation="2.b", software=runs(3, 2)))
    assert admissions(cluster, 2) == []
    cluster.put(keys.join(2), JoinRequest(node=2, incarnation="2.b", software=runs(2, 1)))
    assert admissions(cluster, 2)


@pytest.mark.conformance("CF-04")
def test_a_node_that_the_configuration_does_not_name_is_not_admitted() -> None:
    cluster = made((1, 1))
    cluster.put(keys.join(9), JoinRequest(node=9, incarnation="9.b"))
    assert admissions(cluster, 9) == []


def test_software_below_the_level_neither_asks_nor_forms() -> None:
    cluster = made((1, 1))
    for fit in (False, True):
        membership = Membership(2, FAST, boot_id="b", new_incarnation=lambda: "2.z", now=0.0)
        membership.fit = fit
        report = Report(
            serial=0, now=0.0, incarnation="", lease_until=0.0, ended="", released_epoch=0, acting=False,
            order=Order(serial=0),
        )  # fmt: skip
        step = membership.step(0.0, cluster.view.authority, report, frozenset())
        assert bool(step.requests) is fit
