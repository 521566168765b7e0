"""What a member is started with, which releases are refused, and where the binary is looked for."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.adapters.etcd.member import (
    BINARY_ENVIRONMENT,
    BUNDLED_BINARY,
    EtcdMissing,
    MemberSettings,
    MemberTls,
    argv,
    check_version,
    find_binary,
    index_reads_trusted,
)

SETTINGS = MemberSettings(
    name="n1",
    data_dir=Path("/data/n1"),
    client_listen=("[fd00::1]:7402", "127.0.0.1:7402"),
    client_advertise=("[fd00::1]:7402",),
    peer_listen=("[fd00::1]:7403",),
    peer_advertise=("[fd00::1]:7403",),
    initial_cluster=(("n1", "[fd00::1]:7403"), ("n2", "[fd00::2]:7403")),
    token="cluster",
)


def flags(settings: MemberSettings) -> dict[str, str]:
    return dict(flag.removeprefix("--").split("=", 1) for flag in argv(settings)[1:])


def test_addresses_become_urls_of_one_scheme() -> None:
    plain = flags(SETTINGS)
    assert argv(SETTINGS)[0] == str(BUNDLED_BINARY)
    assert plain["listen-client-urls"] == "http://[fd00::1]:7402,http://127.0.0.1:7402"
    assert plain["initial-cluster"] == "n1=http://[fd00::1]:7403,n2=http://[fd00::2]:7403"
    assert not any("cert" in flag for flag in plain)
    secret = flags(replace(SETTINGS, tls=MemberTls(Path("/c"), Path("/k"), Path("/a"))))
    assert secret["advertise-client-urls"] == "https://[fd00::1]:7402"
    assert secret["client-cert-auth"] == secret["peer-client-cert-auth"] == "true"
    assert (secret["cert-file"], secret["peer-key-file"], secret["peer-trusted-ca-file"]) == ("/c", "/k", "/a")


def test_timings_and_state_are_passed_on() -> None:
    passed = flags(replace(SETTINGS, heartbeat_ms=10, election_ms=90, state="existing"))
    assert (passed["heartbeat-interval"], passed["election-timeout"]) == ("10", "90")
    assert passed["initial-cluster-state"] == "existing"
    assert passed["max-txn-ops"] == "2048"


def test_settings_that_etcd_would_refuse_are_refused_first() -> None:
    with pytest.raises(ValueError, match="heartbeats"):
        replace(SETTINGS, heartbeat_ms=100, election_ms=400)
    with pytest.raises(ValueError, match="initial cluster"):
        replace(SETTINGS, name="n3")


@pytest.mark.parametrize(
    ("release", "accepted", "reads"),
    [
        ("3.3.27", False, False),
        ("3.4.19", False, False),
        ("3.4.20", False, False),
        ("3.4.21", True, False),
        ("3.4.23", True, False),
        ("3.4.42", True, True),
        ("3.5.0", False, False),
        ("3.5.2", False, False),
        ("3.5.4", False, False),
        ("3.5.5", False, False),
        ("3.5.6", True, False),
        ("3.5.28", True, True),
        ("3.6.0", True, False),
        ("3.6.9", True, True),
        ("3.7.0", False, False),
        ("4.0.0", False, False),
        ("3.5.0-rc.1", False, False),
    ],
)
def test_releases(release: str, *, accepted: bool, reads: bool) -> None:
    text = f"etcd Version: {release}\nGit SHA: abc\nGo Version: go1.19.8\n"
    problem = check_version(text)
    assert (problem is None) == accepted
    assert index_reads_trusted(text) == reads


def test_an_unreadable_version_is_a_problem() -> None:
    assert check_version("zsh: command not found") is not None
    assert not index_reads_trusted("")


def test_the_named_binary_comes_first_and_a_missing_one_is_explained(tmp_path: Path) -> None:
    for name in ("etcd", "other"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    path = {"PATH": str(tmp_path)}
    assert find_binary(path) == tmp_path / "etcd"
    assert find_binary({**path, BINARY_ENVIRONMENT: str(tmp_path / "other")}) == tmp_path / "other"
    with pytest.raises(EtcdMissing, match="install the package etcd-server"):
        find_binary({**path, BINARY_ENVIRONMENT: str(tmp_path / "none")})


@pytest.mark.etcd
def test_the_binary_at_hand_is_one_we_accept() -> None:
    try:
        binary = find_binary(os.environ)
    except EtcdMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    output = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True).stdout
    assert check_version(output) is None
