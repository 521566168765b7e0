"""Two real nodes whose light witness lies in an object store (decisions 0035 and 0036)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from made_labs import good, on_loopback, quorate
from object_servers import ObjectServers, running_servers, write_credentials
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServers]:
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two nodes that are up."""
    with on_loopback("d-bucket", 2) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("both nodes are up", lambda: states(made) == {"up"}, LIMIT_S)
        yield made


def states(lab: Lab) -> set[str]:
    done = quorate(lab, 1, "node", "list", "--json")
    return {node["state"] for node in json.loads(done.stdout)["nodes"]} if done.returncode == 0 else set()


def margin(lab: Lab, number: int) -> tuple[int, int]:
    """Votes needed, and further losses that are survived; nothing while votes change."""
    done = quorate(lab, number, "quorum", "show", "--json")
    shown = json.loads(done.stdout) if done.returncode == 0 else {"settled": False}
    return (shown["needed"], shown["further_losses"]) if shown["settled"] else (0, 0)


def give_credentials(lab: Lab) -> None:
    for machine in lab.plan.node_machines:
        settings = next((lab.folder / machine.name).rglob("node.toml"))
        write_credentials(settings.with_name("light-witness.toml"))


def test_a_node_without_credentials_is_told_and_nothing_changes(lab: Lab, servers: ObjectServers) -> None:
    for words, code in (
        (("--s3", servers.address("s3", "c")), "light_credentials_missing"),
        (("--s3", "s3://B?key=secret"), "light_address"),
        (("--share", "relative"), "light_address_relative"),
        (("--share", "/nowhere/at/all"), "witness_share_missing"),
        (("--directory", "/srv"), "quorum_storage_unfit"),
        ((), "quorum_storage_missing"),
        (("--share", "/srv", "--s3", servers.address("s3", "c")), "quorum_storage_twice"),
    ):
        refused = quorate(lab, 1, "quorum", "set", "light_witness", *words)
        assert (refused.returncode, code in refused.stderr) == (2, True), refused.stderr
    shown = json.loads(good(lab, 1, "quorum", "show", "--json"))
    assert (shown["model"], shown["kind"]) == ("node_majority", "")


@pytest.mark.conformance("QU-28")
def test_the_survivor_goes_on_alone_by_the_word_of_a_bucket(lab: Lab, servers: ObjectServers) -> None:
    give_credentials(lab)
    address = servers.address("s3", "c")
    good(lab, 1, "quorum", "set", "light_witness", "--s3", address, "--wait", "--timeout-s", "50")
    assert margin(lab, 2) == (2, 1)
    for node in (1, 2):
        lab.power_off(node)
    lab.power_on(2, PROGRAM)  # the record says both: whoever comes
    until("node2 goes on alone", lambda: margin(lab, 2) == (1, 0), LIMIT_S)
    until("it writes", lambda: quorate(lab, 2, "group", "create", "written-alone").returncode == 0, LIMIT_S)
    lab.power_on(1, PROGRAM)
    until("either may go on alone", lambda: margin(lab, 1) == (2, 1), LIMIT_S)
    assert "written-alone" in good(lab, 1, "group", "list")


def test_another_store_takes_its_place_online(lab: Lab, servers: ObjectServers) -> None:
    address = servers.address("azure", "c")
    in_use = quorate(lab, 2, "quorum", "set", "light_witness", "--azure", address)
    assert (in_use.returncode, "quorum_storage_in_use" in in_use.stderr) == (2, True)
    good(lab, 2, "quorum", "set", "node_majority", "--wait", "--timeout-s", "50")
    good(lab, 2, "quorum", "set", "light_witness", "--azure", address, "--wait", "--timeout-s", "50")
    assert margin(lab, 1) == (2, 1)
