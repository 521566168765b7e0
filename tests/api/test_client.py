"""The typed client: where it looks for a cluster, and what each way of failing means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quorate.adapters.profiles import Profile, load_profiles, profile_folder, save_profile
from quorate.client import Client
from quorate.client.endpoints import find_endpoints
from quorate.client.errors import NoConnection, NotNow, OutcomeUnknown
from quorate.control.change import Changed
from quorate.control.views import WhoAmI
from quorate.model.problems import Refused


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    for name in ("QUORATE_ENDPOINT", "QUORATE_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def profile(cluster: str, *endpoints: str) -> Profile:
    made = Profile(cluster=cluster, endpoints=endpoints, certificate="c", key="k", authority="a")
    save_profile(made)
    return made


def words(given: str = "") -> list[str]:
    return [endpoint.words for endpoint in find_endpoints(given)]


def test_the_order_in_which_a_cluster_is_looked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoConnection, match="no service runs here"):
        find_endpoints()
    profile("alpha", "https://10.0.0.1:7400", "https://10.0.1.1:7400")
    assert words() == ["https://10.0.0.1:7400", "https://10.0.1.1:7400"]
    (root / "run/quorate").mkdir(parents=True)
    (root / "run/quorate/service.sock").touch()
    assert words() == [f"unix:{root}/run/quorate/service.sock"]
    monkeypatch.setenv("QUORATE_ENDPOINT", "10.0.0.9")
    assert words() == ["https://10.0.0.9:7400"]
    assert words("unix:/x.sock") == ["unix:/x.sock"]


def test_one_of_several_profiles_is_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    profile("alpha", "https://10.0.0.1:7400")
    profile("beta", "https://10.0.0.2:7400")
    with pytest.raises(NoConnection, match="several profiles"):
        find_endpoints()
    monkeypatch.setenv("QUORATE_PROFILE", "beta")
    assert words() == ["https://10.0.0.2:7400"]
    monkeypatch.setenv("QUORATE_PROFILE", "gamma")
    with pytest.raises(NoConnection, match="no profile 'gamma'"):
        find_endpoints()
    monkeypatch.delenv("QUORATE_PROFILE")
    found = find_endpoints("https://10.0.0.2:7400")[0].profile
    assert found is not None
    assert found.cluster == "beta", "the profile that knows the endpoint"


def test_a_profile_is_readable_by_its_owner_alone() -> None:
    made = profile("a/../b", "https://10.0.0.1:7400")
    folder = profile_folder() / "a_.._b"
    assert load_profiles() == {"a_.._b": made}
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}


def test_a_damaged_profile_is_named() -> None:
    profile("alpha", "https://10.0.0.1:7400")
    (profile_folder() / "alpha/profile.json").write_text("{")
    with pytest.raises(Refused, match=r"profile\.json"):
        load_profiles()


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """A server that answers the first look with 200 and everything after it with the given bytes, then hangs up."""
    threads: list[threading.Thread] = []

    def serve(answer: bytes) -> str:
        path = tmp_path / "server.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()

        def work() -> None:
            with listener, listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                connection.recv(65536)
                connection.sendall(answer)

        threads.append(threading.Thread(target=work))
        threads[0].start()
        return f"unix:{path}"

    yield serve
    for thread in threads:
        thread.join(10)


def problem_document(status: int, code: str) -> bytes:
    body = b'{"problems":[{"code":"%s","severity":"error","what":"w","where":"","remedy":"r"}]}' % code.encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", OutcomeUnknown),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", OutcomeUnknown),
        (problem_document(503, "store_unavailable"), NotNow),
        (problem_document(504, "outcome_unknown"), OutcomeUnknown),
        (problem_document(409, "name_in_use"), Refused),
        (b"HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\noops", OutcomeUnknown),
    ],
)
def test_whose_move_it_is_after_a_change(
    answering: Callable[[bytes], str], answer: bytes, expected: type[Exception]
) -> None:
    with Client(answering(answer)) as client, pytest.raises(expected):
        client.ask("POST", "/v1/groups", Changed)


def test_a_lost_answer_to_a_look_changes_nothing(answering: Callable[[bytes], str]) -> None:
    with Client(answering(b"")) as client, pytest.raises(NoConnection):
        client.look("/v1/me", WhoAmI)
