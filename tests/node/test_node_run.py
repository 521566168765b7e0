"""`quorate node run` on a machine that is not sound: it says all that is wrong, and starts and changes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from quorate.model.nodes import ClusterSpec
from quorate.node.create import Wish, create_cluster
from quorate.node.identity import Replica, save_replica
from quorate.node.places import ROOT_ENVIRONMENT, Places

RUN = (sys.executable, "-c", "from quorate.cli.main import main; main()", "node", "run", "--root")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv(ROOT_ENVIRONMENT, str(tmp_path))
    made = Places(tmp_path)
    create_cluster(made, Wish(name="alpha", node_name="n1", networks={"a": "127.88.71.1/24"}, fabric=False))
    return made


def run(places: Places) -> tuple[int, str]:
    done = subprocess.run((*RUN, str(places.root)), check=False, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def everything_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(places: Places) -> str:
    before = everything_below(places.root)
    status, told = run(places)
    assert status == 2, told
    assert "Traceback" not in told
    assert everything_below(places.root) == before
    return told


def test_every_wrong_setting_is_named_with_its_remedy(places: Places) -> None:
    with places.settings.open("a") as settings:
        settings.write('api_prot = 1\nlock_memory = "yes"\n')
    told = refused(places)
    assert "did you mean api_port?" in told
    assert "lock_memory" in told


@pytest.mark.parametrize("name", ["identity.json", "replica.json"])
def test_a_damaged_file_is_named(places: Places, name: str) -> None:
    path = places.state / name
    path.write_bytes(path.read_bytes()[:-20])
    assert name in refused(places)


@pytest.mark.parametrize("name", ["node.key", "node.pem", "node-ca.pem", "heartbeat.key", "api.key", "user-ca.pem"])
@pytest.mark.parametrize("content", [b"x", b""])
def test_a_damaged_key_or_certificate_is_named(places: Places, name: str, content: bytes) -> None:
    (places.pki / name).write_bytes(content)
    assert name in refused(places)


def test_every_missing_file_is_named_at_once(places: Places) -> None:
    for name in ("node.key", "heartbeat.key"):
        (places.pki / name).unlink()
    told = refused(places)
    assert "node.key" in told
    assert "heartbeat.key" in told


def test_a_number_that_the_cluster_does_not_know_is_foreign(places: Places) -> None:
    text = places.identity.read_text()
    places.identity.write_text(text.replace('"node":1', '"node":7'))
    assert text != places.identity.read_text()
    assert "node 7" in refused(places)


def test_data_of_another_cluster_are_foreign(places: Places) -> None:
    save_replica(places, Replica(cluster_id="other", cluster=ClusterSpec(name="b", id="other"), nodes=()))
    assert "belongs to cluster other" in refused(places)


def test_a_machine_of_no_cluster_says_how_to_get_into_one(tmp_path: Path) -> None:
    status, told = run(Places(tmp_path))
    assert status == 4
    assert "cluster create" in told
    assert "node join" in told
