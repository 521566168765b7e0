"""Which history, tokens and backups are due (decisions 0073 and 0074)."""

from __future__ import annotations

import pytest

from quorate.control.executor import _ulid
from quorate.core.backup_schedule import RETRY_S, is_due, schedule_problems, standing_problems
from quorate.core.pruning import DAY_S, Entry, born_s, forgettable, spent_tokens
from quorate.model.backup import BackupStanding
from quorate.model.base import replace
from quorate.model.enrolment import TokenRecord
from quorate.model.nodes import ClusterSpec

NOW_S = 1_800_000_000.0
SCHEDULE = ClusterSpec(name="a", id="x", backup_interval_min=60, backup_folder="/srv")


def entry(revision: int, age_s: float) -> Entry:
    return Entry(_ulid(int((NOW_S - age_s) * 1000), b"\0" * 10), revision)


def test_an_id_tells_when_it_was_made() -> None:
    assert born_s(entry(1, 5.0).id) == NOW_S - 5.0
    assert born_s("~") is None
    assert born_s("!!!!!!!!!!!!") is None


def test_the_old_and_the_surplus_go_oldest_first_and_the_young_stay() -> None:
    entries = [entry(revision, age_s=(100 - revision) * DAY_S) for revision in range(1, 100)]
    old = forgettable(reversed(entries), NOW_S, keep_days=10, keep_number=1000)
    assert [one.revision for one in old] == list(range(1, 91)), "ten days and more"
    many = forgettable(entries, NOW_S, keep_days=1000, keep_number=9)
    assert [one.revision for one in many] == list(range(1, 91))
    young = [entry(revision, 599.0) for revision in range(1, 100)]
    assert forgettable(young, NOW_S, keep_days=1, keep_number=5) == ()
    damaged = Entry("~", 1)
    assert forgettable([damaged, *young], NOW_S, keep_days=1, keep_number=99) == (damaged,)
    assert forgettable([damaged, *young], NOW_S, keep_days=1, keep_number=100) == ()


def test_tokens_go_long_after_they_expired_and_used_ones_no_sooner() -> None:
    def token(expired_s: float, used_by: str = "") -> TokenRecord:
        return TokenRecord(created_at="", expires_s=int(NOW_S - expired_s), used_by=used_by)

    tokens = [
        ("good", token(-10)),
        ("used", token(-10, "k")),
        ("just", token(10)),
        ("old", token(8 * DAY_S)),
        ("new", token(DAY_S)),
        ("newer", token(DAY_S / 2, "k")),
    ]
    assert set(spent_tokens(tokens, NOW_S, keep_days=7, keep_number=9)) == {"old"}
    assert set(spent_tokens(tokens, NOW_S, keep_days=7, keep_number=1)) == {"old", "new"}


@pytest.mark.parametrize(
    ("age_s", "failures", "due"),
    [
        (3599.0, 0, False),
        (3600.0, 0, True),
        (RETRY_S - 1, 2, False),
        (RETRY_S, 2, True),
        (-30.0, 0, False),
        (-9999.0, 0, True),
    ],
)
def test_a_backup_is_due_by_its_interval_sooner_after_a_failure(age_s: float, failures: int, due: bool) -> None:
    standing = BackupStanding(tried_at_s=NOW_S - age_s, failures=failures)
    assert is_due(SCHEDULE, standing, NOW_S) is due
    assert not is_due(replace(SCHEDULE, backup_interval_min=0), standing, NOW_S)


def test_what_fails_or_lags_is_told() -> None:
    assert [p.code for p in schedule_problems(replace(SCHEDULE, backup_folder=""))] == ["backup_without_folder"]
    assert schedule_problems(SCHEDULE) == []
    good = BackupStanding(tried_at_s=NOW_S, at_s=NOW_S, at="then", path="/srv/x")
    assert standing_problems(SCHEDULE, good, NOW_S) == []
    assert [p.code for p in standing_problems(SCHEDULE, good, NOW_S + 3 * 3600)] == ["backup_overdue"]
    failing = replace(good, failures=3, problem="no space", problem_node="node2", problem_at="now")
    (told,) = standing_problems(SCHEDULE, failing, NOW_S)
    assert (told.code, "3 scheduled backups failed" in told.what, "node2" in told.what) == (
        "backup_failing",
        True,
        True,
    )
    assert standing_problems(replace(SCHEDULE, backup_interval_min=0), failing, NOW_S) == []
