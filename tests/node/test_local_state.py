"""What a machine is, asked without a cluster, and the way back to being nothing."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from quorate.model.problems import Refused
from quorate.node.create import Wish, create_cluster
from quorate.node.local_state import MachineState, clean_up, local_state
from quorate.node.places import Places
from quorate.node.retired import retire, retired


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    return Places(tmp_path)


class Held:
    """The sentinel's lock, held for a while."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT)

    def __enter__(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def become_a_node(places: Places) -> None:
    create_cluster(places, Wish(name="alpha", node_name="n1", networks={"a": "127.0.1.1/24"}, fabric=False))


@pytest.mark.conformance("CF-15")
def test_the_four_answers(places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUORATE_ETCD", str(tmp_path / "none"))
    found = local_state(places)
    assert (found.value, found.state) == (0, "not_installed")
    assert [problem.code for problem in found.problems] == ["etcd_missing"]
    program = tmp_path / "etcd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("QUORATE_ETCD", str(program))
    assert local_state(places).value == 1
    become_a_node(places)
    stopped = local_state(places)
    assert (stopped.value, stopped.cluster, stopped.node, stopped.number) == (3, "alpha", "n1", 1)
    with Held(places.sentinel_lock):
        assert local_state(places).value == MachineState.RUNNING
    assert local_state(places).value == MachineState.NOT_RUNNING


def test_a_damaged_node_still_answers(places: Places) -> None:
    become_a_node(places)
    places.identity.write_bytes(b"{")
    found = local_state(places)
    assert found.value == MachineState.NOT_RUNNING
    assert [problem.code for problem in found.problems] == ["identity_damaged"]


@pytest.mark.conformance("CF-19")
def test_clean_up_puts_everything_aside_and_deletes_nothing(places: Places) -> None:
    assert clean_up(places, force=True) is None
    become_a_node(places)
    files = sorted(path.name for path in places.state.rglob("*"))
    with pytest.raises(Refused, match="node n1 of cluster alpha"):
        clean_up(places, force=False)
    with Held(places.sentinel_lock), pytest.raises(Refused, match="runs"):
        clean_up(places, force=True)
    kept = clean_up(places, force=True)
    assert kept is not None
    assert sorted(path.name for path in kept.rglob("*")) == files
    assert not places.state.exists()
    become_a_node(places)  # nothing stands in the way of the next cluster
    assert clean_up(places, force=True) == kept.with_name(f"{kept.name}.2")
    assert len(retired(places)) == 2


def test_a_folder_that_cannot_be_renamed_is_emptied_into_itself(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the state folder is a mount point; the identity goes first."""
    become_a_node(places)
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    real = Path.rename
    moved: list[str] = []

    def rename(self: Path, target: Path) -> Path:
        if self == places.state:
            raise OSError(16, "Device or resource busy")
        moved.append(self.name)
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    kept = retire(places, "ab")
    assert kept == places.state / "retired-ab"
    assert moved[0] == "identity.json"
    monkeypatch.undo()
    assert [entry.name for entry in places.state.iterdir()] == ["retired-ab"]
    become_a_node(places)
    assert local_state(places).number == 1
