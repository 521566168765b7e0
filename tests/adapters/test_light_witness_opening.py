"""From address and credentials file to a light witness; everything that may be wrong with the file (decision 0036)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quorate.adapters.pki import make_authority
from quorate.adapters.quorum_storage.light_witnesses import open_light_witness
from quorate.adapters.quorum_storage.witness_credentials import Credentials, read_credentials
from quorate.adapters.quorum_storage.witness_objects import Objects
from quorate.adapters.quorum_storage.witness_share import Share
from quorate.model.problems import Problem, Refused

BOTH_KINDS = """
[s3]
access_key_id = "id"
secret_access_key = "secret"

[azure]
account_key = "a2V5"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "light-witness.toml", BOTH_KINDS)


def write(path: Path, content: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(content)
    return path


def problems(path: Path) -> list[Problem]:
    with pytest.raises(Refused) as caught:
        read_credentials(path, "s3")
    return list(caught.value.problems)


def codes(path: Path) -> list[str]:
    found = problems(path)
    assert all(problem.remedy and problem.where == str(path) for problem in found)
    return [problem.code for problem in found]


def test_each_kind_finds_its_own(path: Path) -> None:
    assert read_credentials(path, "s3") == Credentials(access_key_id="id", secret_access_key="secret")
    assert read_credentials(path, "azure") == Credentials(account_key="a2V5")


@pytest.mark.parametrize("content", ["", "[s3]\n", "# the machine has a role of its own\n"])
def test_a_file_that_names_none_leaves_it_to_the_machine(path: Path, content: str) -> None:
    assert read_credentials(write(path, content), "s3") == Credentials()


def test_certificates_are_read_with_it(path: Path) -> None:
    authority = path.with_name("authority.pem")
    authority.write_bytes(certificate := make_authority("a store").certificate)
    write(path, f'[s3]\nca_file = "{authority}"')
    assert read_credentials(path, "s3") == Credentials(ca=certificate)


def test_secrets_are_not_shown_by_accident() -> None:
    assert "hunter2" not in repr(Credentials(secret_access_key="hunter2"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert codes(tmp_path / "nowhere.toml") == ["light_credentials_missing"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610])
def test_a_file_that_others_may_use_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    (problem,) = problems(path)
    assert problem.code == "light_credentials_open"
    assert f"{mode:04o}" in problem.what
    assert f"chmod 600 {path}" in problem.remedy


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_only_its_owner_may_use_is_read(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert read_credentials(path, "azure").account_key == "a2V5"


@pytest.mark.root
def test_a_file_of_somebody_else_is_refused(path: Path) -> None:
    os.chown(path, 65534, 65534)
    assert codes(path) == ["light_credentials_open"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir(mode=0o700)
    assert codes(folder) == ["light_credentials_unreadable"]
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe, 0o600)
    assert codes(pipe) == ["light_credentials_unreadable"]
    assert codes(tmp_path / "folder.toml" / "below" / "it") == ["light_credentials_missing"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[s3", ["light_credentials_not_toml"]),
        ("s3 = 1", ["light_credentials_unknown"]),
        ("[s4]\naccess_key_id = 'x'", ["light_credentials_unknown"]),
        (
            "[s3]\naccess_key_id = 'x'\nsecret_acess_key = 'y'",
            ["light_credentials_unknown", "light_credentials_incomplete"],
        ),
        ("[s3]\naccess_key_id = 'x'", ["light_credentials_incomplete"]),
        ("[s3]\naccess_key_id = 1\nsecret_access_key = ' '", ["light_credentials_empty", "light_credentials_empty"]),
        ("[azure]\naccount_key = 'a2V5'\nsas_token = 'sv=1&sig=y%3D'", ["light_credentials_ambiguous"]),
        ("[s3]\naccess_key_id = 'a b'\nsecret_access_key = 'ä b'", ["light_credentials_form"]),
        ("[s3]\naccess_key_id = \"a\\nb\"\nsecret_access_key = 'x'", ["light_credentials_form"]),
        ("[azure]\naccount_key = 'hunter2'", ["light_credentials_form"]),
        ("[azure]\nsas_token = 'hunter2'", ["light_credentials_form"]),
        ("[azure]\nsas_token = 'sv=1&sig=a b'", ["light_credentials_form"]),
        ("[s3]\nca_file = '/nowhere/authority.pem'", ["light_credentials_ca"]),
        ("[s3]\nca_file = '/dev/null'", ["light_credentials_ca"]),
        (
            "[other]\n[s3]\nsecret_access_key = 'x'\n[azure]\nkey = 'y'",
            ["light_credentials_unknown", "light_credentials_incomplete", "light_credentials_unknown"],
        ),
    ],
)
def test_everything_that_is_wrong_is_told_at_once(path: Path, content: str, expected: list[str]) -> None:
    assert codes(write(path, content)) == expected


def test_the_nearest_key_is_named(path: Path) -> None:
    found = problems(write(path, "[s3]\naccess_key_id = 'x'\nsecret_acess_key = 'hunter2'"))
    assert found[0].remedy == "did you mean secret_access_key?"
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "content", ["[s3]\nsecret_access_key = hunter2", "hunter2", "[s3]\nsecret_access_key = 'hunter2"]
)
def test_a_line_that_is_no_toml_is_not_repeated(path: Path, content: str) -> None:
    assert "hunter2" not in repr(problems(write(path, content)))


def test_text_in_another_encoding_is_told(path: Path) -> None:
    path.write_bytes(b"[s3]\naccess_key_id = '\xe4'")
    assert codes(path) == ["light_credentials_not_toml"]


def test_each_kind_is_opened(path: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.toml"
    assert isinstance(open_light_witness("share", "/mnt", "c-1", credentials=nowhere, limit_s=1.0), Share)
    address = "s3://witnesses?region=eu-central-1"
    assert isinstance(open_light_witness("s3", address, "c-1", credentials=path, limit_s=1.0), Objects)
    address = "azure://witnesses?account=contoso"
    assert isinstance(open_light_witness("azure", address, "c-1", credentials=path, limit_s=1.0), Objects)


def test_what_is_wrong_is_told_when_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        open_light_witness("s3", "s3://W", "c-1", credentials=tmp_path / "nowhere.toml", limit_s=1.0)
    assert [p.code for p in caught.value.problems] == [
        "light_address_bucket",
        "light_address_region",
        "light_credentials_missing",
    ]


def test_the_library_is_loaded_by_who_uses_it_alone() -> None:
    program = "import quorate.adapters.quorum_storage.light_witnesses, sys; print('obstore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
