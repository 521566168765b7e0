"""Identity and replica on disk: written whole, and where they are damaged or foreign the node says so and stays off."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Refused
from quorate.node.identity import Identity, Replica, load_identity, load_replica, save_replica, write_file
from quorate.node.places import Places

IDENTITY = Identity(cluster_id="c1", cluster_name="demo", node=1, name="n1")
REPLICA = Replica(
    cluster_id="c1",
    cluster=ClusterSpec(name="demo", id="c1", profile="fast"),
    nodes=(NodeSpec(node=1, name="n1", addresses={"a": "10.0.0.1"}, fabric_address="10.0.0.1"),),
)
RUBBISH = [b"", b"{", b"[]", b"\xff\xfe\x00", b'{"cluster_id":"c1"}', b'{"cluster_id":1,"node":"one"}']


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path)
    made.state.mkdir(parents=True)
    return made


def everything_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_machine_of_no_cluster_has_no_identity(places: Places) -> None:
    assert load_identity(places) is None


def test_what_is_written_is_read_back(places: Places) -> None:
    places.identity.write_bytes(
        b'{"cluster_id":"c1","cluster_name":"demo","node":1,"name":"n1","written_by_a_newer_version":true}'
    )
    save_replica(places, REPLICA)
    assert load_identity(places) == IDENTITY
    assert load_replica(places, IDENTITY) == REPLICA


@pytest.mark.parametrize("content", RUBBISH)
def test_a_damaged_identity_is_named_and_left_alone(places: Places, content: bytes) -> None:
    places.identity.write_bytes(content)
    before = everything_below(places.root)
    with pytest.raises(Refused) as refused:
        load_identity(places)
    (problem,) = refused.value.problems
    assert (problem.code, problem.where) == ("identity_damaged", str(places.identity))
    assert everything_below(places.root) == before


def test_an_identity_that_cannot_be_read_is_refused_too(places: Places) -> None:
    places.identity.mkdir()
    with pytest.raises(Refused) as refused:
        load_identity(places)
    assert refused.value.problems[0].code == "identity_damaged"


@pytest.mark.parametrize("content", [None, *RUBBISH])
def test_a_damaged_or_missing_replica_is_named_and_left_alone(places: Places, content: bytes | None) -> None:
    if content is not None:
        places.replica.write_bytes(content)
    before = everything_below(places.root)
    with pytest.raises(Refused) as refused:
        load_replica(places, IDENTITY)
    (problem,) = refused.value.problems
    assert (problem.code, problem.where) == ("replica_damaged", str(places.replica))
    assert everything_below(places.root) == before


def test_a_replica_of_another_cluster_is_foreign_and_left_alone(places: Places) -> None:
    save_replica(places, Replica(cluster_id="c2", cluster=ClusterSpec(name="demo", id="c2"), nodes=()))
    before = everything_below(places.root)
    with pytest.raises(Refused) as refused:
        load_replica(places, IDENTITY)
    (problem,) = refused.value.problems
    assert problem.code == "foreign_data"
    assert "c2" in problem.what
    assert everything_below(places.root) == before


def test_an_unchanged_replica_is_not_written_again(places: Places) -> None:
    save_replica(places, REPLICA)
    before = places.replica.stat().st_ino
    save_replica(places, REPLICA)
    assert places.replica.stat().st_ino == before


def test_a_file_is_replaced_whole_and_private(places: Places) -> None:
    path = places.state / "deep" / "file"
    write_file(path, b"old")
    with path.open("rb") as reader:
        write_file(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_what_a_crash_left_half_written_is_not_in_the_way(places: Places) -> None:
    (places.state / "replica.json.new").write_bytes(b"half of somethi")
    save_replica(places, REPLICA)
    assert load_replica(places, IDENTITY) == REPLICA
