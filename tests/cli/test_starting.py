"""A command given to a node that is starting waits for it; where no node runs it does not."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quorate.cli.starting import ASK_AGAIN_S, START_LIMIT_S, wait_for_service
from quorate.client.endpoints import local_socket
from quorate.node.places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path)
    found.run.mkdir(parents=True)
    return found


@contextmanager
def running_node(places: Places) -> Iterator[None]:
    """Hold what a sentinel holds."""
    with places.sentinel_lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


class Pauses:
    """Counts them, and begins to listen at the one asked for."""

    def __init__(self, places: Places, opens_at: int) -> None:
        self.count = 0
        self.opens_at = opens_at
        self._places = places
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __call__(self, pause_s: float) -> None:
        self.count += 1
        if self.count == self.opens_at:
            self._places.service_socket.unlink(missing_ok=True)
            self.socket.bind(str(self._places.service_socket))
            self.socket.listen()


@pytest.mark.parametrize("left_over", [False, True])
def test_a_command_waits_until_the_service_listens(places: Places, left_over: bool) -> None:
    if left_over:  # the file of a service that was killed: nobody listens there
        places.service_socket.touch()
    pauses = Pauses(places, 3)
    with running_node(places), pauses.socket:
        wait_for_service(places, pause=pauses)
        assert pauses.count == 3
        wait_for_service(places, pause=pauses)
    assert pauses.count == 3, "one that listens is not waited for"


def test_no_command_waits_where_no_node_runs_or_for_ever(places: Places) -> None:
    pauses = Pauses(places, -1)
    wait_for_service(places, pause=pauses)
    places.sentinel_lock.touch()
    wait_for_service(places, pause=pauses)
    assert pauses.count == 0
    with running_node(places):
        wait_for_service(places, pause=pauses)
    assert pauses.count == START_LIMIT_S / ASK_AGAIN_S
    pauses.socket.close()


def test_who_is_sent_elsewhere_does_not_wait(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUORATE_ENDPOINT", "QUORATE_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QUORATE_ROOT", str(places.root))
    assert local_socket() == places.service_socket
    assert local_socket("https://10.0.0.1:7400") is None
    for name in ("QUORATE_ENDPOINT", "QUORATE_PROFILE"):
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv(name, "alpha")
            assert local_socket() is None
