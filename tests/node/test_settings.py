"""node.toml: defaults without a file, everything wrong at once, and a written file that says what the code does."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from quorate.model.problems import Refused
from quorate.node.settings import Settings, check, load
from quorate.node.settings_text import WORDS, settings_text

KEYS = tuple(Settings.__struct_fields__)


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "node.toml") == Settings()


def test_what_is_set_counts_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text('api_port = 17400\nshutdown_limit_s = 5\netcd = "/opt/etcd"\nlock_memory = false\n')
    assert load(path) == Settings(api_port=17400, shutdown_limit_s=5.0, etcd="/opt/etcd", lock_memory=False)


@pytest.mark.parametrize(
    ("misspelt", "nearest"),
    [("api_prot", "api_port"), ("heartbeatport", "heartbeat_port"), ("adress_guard", "address_guard")],
)
def test_an_unknown_key_is_refused_with_the_nearest_valid_one(misspelt: str, nearest: str) -> None:
    with pytest.raises(Refused) as refused:
        check({misspelt: 1}, "node.toml")
    (problem,) = refused.value.problems
    assert problem.code == "unknown_setting"
    assert problem.where == f"node.toml: {misspelt}"
    assert problem.remedy == f"did you mean {nearest}?"


def test_where_no_key_is_near_all_are_named() -> None:
    with pytest.raises(Refused) as refused:
        check({"zzz": 1}, "node.toml")
    assert all(key in refused.value.problems[0].remedy for key in KEYS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_port", "7400"),
        ("api_port", True),
        ("api_port", 7400.5),
        ("lock_memory", 1),
        ("etcd", 3),
        ("log_level", ["info"]),
        ("shutdown_limit_s", "long"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_an_example(key: str, value: object) -> None:
    with pytest.raises(Refused) as refused:
        check({key: value}, "node.toml")
    codes = {problem.code: problem for problem in refused.value.problems}
    assert repr(getattr(Settings(), key)) in codes["setting_ill_typed"].remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("api_port", 0),
        ("peer_port", 65536),
        ("client_port", -1),
        ("log_level", "loud"),
        ("shutdown_limit_s", -1.0),
        ("shutdown_limit_s", float("nan")),
        ("realtime_priority", -1),
        ("realtime_priority", 100),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(key: str, value: object) -> None:
    with pytest.raises(Refused) as refused:
        check({key: value}, "node.toml")
    (problem,) = refused.value.problems
    assert problem.code == "setting_out_of_range"
    assert problem.where == f"node.toml: {key}"
    assert problem.remedy


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(Refused) as refused:
        check({"api_prot": 1, "lock_memory": "yes", "peer_port": 0, "log_level": "loud", "api_port": 1}, "node.toml")
    assert [problem.code for problem in refused.value.problems] == [
        "unknown_setting",
        "setting_ill_typed",
        "setting_out_of_range",
        "setting_out_of_range",
    ]


@pytest.mark.parametrize("content", [b"api_port = ", b"api_port = 1\napi_port = 2\n", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "node.toml"
    path.write_bytes(content)
    with pytest.raises(Refused) as refused:
        load(path)
    assert refused.value.problems[0].code == "settings_not_toml"
    assert path.read_bytes() == content


def test_every_key_has_words_in_the_written_file() -> None:
    assert tuple(WORDS) == KEYS


def test_the_written_file_without_choices_changes_nothing() -> None:
    assert check(tomllib.loads(settings_text({})), "written") == Settings()


def test_commented_lines_show_the_defaults() -> None:
    text = settings_text({})
    uncommented = "\n".join(line.removeprefix("# ") for line in text.splitlines() if " = " in line)
    assert check(tomllib.loads(uncommented), "written") == Settings()


def test_choices_are_read_back() -> None:
    chosen: dict[str, int | str | float | bool] = {
        "api_port": 17400,
        "etcd": 'C:\\odd "path"',
        "lock_memory": False,
        "shutdown_limit_s": 2.5,
    }
    read = check(tomllib.loads(settings_text(chosen)), "written")
    assert {key: getattr(read, key) for key in chosen} == chosen
