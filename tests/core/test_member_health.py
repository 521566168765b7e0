"""When a member of the store counts as failing, what its log says, and when a disk is slow (decision 0077)."""

from __future__ import annotations

from quorate.core.member_health import SILENT_S, MemberHealth, durations, judge, telling_line


def test_a_member_fails_when_it_has_been_silent_for_longer_than_a_start_takes() -> None:
    health = MemberHealth()
    assert not health.fails(0.0)
    health.looked(0.0, answered=False)
    health.looked(SILENT_S - 1, answered=False)
    assert not health.fails(SILENT_S - 1)
    assert health.fails(SILENT_S)
    health.looked(SILENT_S, answered=True)
    assert not health.fails(SILENT_S + 1)
    health.forget()
    assert not health.fails(1000.0)


def test_a_disk_is_slow_when_two_windows_in_a_row_are() -> None:
    health = MemberHealth()
    health.measured(1.0, 100)
    health.measured(4.0, 110)
    assert health.slow_ms == 0, "one slow window is no news"
    health.measured(7.2, 120)
    assert health.slow_ms == 300
    health.measured(7.2, 121)
    assert health.slow_ms == 300, "too few writes to say anything"
    health.measured(7.3, 130)
    assert health.slow_ms == 0
    health.measured(0.1, 5)
    health.measured(9.1, 15)
    assert health.slow_ms == 0, "it was started anew in between"


def test_the_line_that_names_the_cause_is_told() -> None:
    fatal = '{"level":"fatal","msg":"discovery failed","error":"walpb: crc mismatch","stacktrace":"..."}'
    assert telling_line(["start", fatal, "goroutine 1 [running]", ""]) == "discovery failed: walpb: crc mismatch"
    assert telling_line(["write wal: no space left on device", "goroutine 1"]) == "write wal: no space left on device"
    assert telling_line(["nothing", "of note"]) == ""
    assert telling_line(["panic: [1, 2", "panic: []"]) == "panic: []"
    assert telling_line([]) == ""


def test_the_counters_are_found_among_the_others() -> None:
    text = (
        "# HELP etcd_disk_wal_fsync_duration_seconds x\n"
        'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 4\n'
        "etcd_disk_wal_fsync_duration_seconds_sum 0.25\netcd_disk_wal_fsync_duration_seconds_count 40\n"
    )
    assert durations(text) == (0.25, 40)
    assert durations("etcd_disk_wal_fsync_duration_seconds_sum x\n") is None
    assert durations("") is None


def test_a_majority_that_agrees_is_right_and_without_one_nobody_knows() -> None:
    assert judge("a", {"n2": "a", "n3": "a"}, 3) == (False, "")
    assert judge("a", {"n2": "a", "n3": "b"}, 3) == (False, ""), "the other one finds itself wrong"
    distrusted, what = judge("b", {"n2": "a", "n3": "a"}, 3)
    assert (distrusted, "n2, n3, which agree" in what) == (True, True)
    for own, others, voters in (("b", {"n2": "a"}, 2), ("b", {"n2": "a"}, 3), ("a", {"n2": "b", "n3": "c"}, 3)):
        distrusted, what = judge(own, others, voters)
        assert not distrusted
        assert "no majority says who is right" in what
    assert judge("a", {}, 3) == (False, ""), "nobody to compare with"
