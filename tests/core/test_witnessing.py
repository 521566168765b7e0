"""What a witness host does with old lists, lost data and members that come and go (design §3)."""

from __future__ import annotations

import random

import pytest

from quorate.core.witnessing import Create, ListedMember, Lost, Run, Wait, witness_decision

NOBODY = frozenset[int]()


def listed(number: int, *, started: bool = True, learner: bool = False) -> ListedMember:
    return ListedMember(number, started, learner)


def test_without_a_member_it_waits() -> None:
    assert witness_decision([], 0, NOBODY) == Wait()


def test_a_member_that_never_ran_is_made_once() -> None:
    fresh = listed(7, started=False, learner=True)
    assert witness_decision([fresh], 0, NOBODY) == Create(7, former=0)
    assert witness_decision([fresh], 7, frozenset({7})) == Run(7)
    assert witness_decision([fresh], 0, frozenset({7})) == Lost(7)


def test_lost_data_are_never_made_anew() -> None:
    """An empty member under an old name would vote twice in one term."""
    for voter in (listed(7), listed(7, learner=True), listed(7, started=False)):
        assert witness_decision([voter], 0, NOBODY) == Lost(7)


def test_data_run_whatever_an_old_list_says() -> None:
    """A stale node that lists no witness must not keep the newest data from a majority."""
    assert witness_decision([], 7, frozenset({7})) == Run(7)
    assert witness_decision([listed(5)], 7, frozenset({5, 7})) == Run(7)
    assert witness_decision([listed(5, started=False, learner=True)], 7, frozenset({5, 7})) == Run(7)


def test_a_new_member_at_the_same_address_means_that_the_former_was_removed() -> None:
    fresh = listed(9, started=False, learner=True)
    assert witness_decision([listed(7), fresh], 7, frozenset({7})) == Create(9, former=7)


@pytest.mark.parametrize("seed", range(200))
def test_no_member_is_ever_made_twice(seed: int) -> None:
    """Members added, promoted and removed; lists of any age; data lost at any time."""
    chance = random.Random(seed)
    present, count, history = None, 0, [tuple[ListedMember, ...]()]
    kept, made, times = 0, set[int](), dict[int, int]()
    for _ in range(60):
        match chance.choice(["add", "promote", "remove", "lose", "act", "act", "act"]):
            case "add" if present is None:
                count += 1
                present = listed(count, started=False, learner=True)
            case "promote" if present is not None and present.started:
                present = listed(present.id)
            case "remove":
                present = None
            case "lose":
                kept = 0
            case "act":
                seen = chance.sample(history[-8:], min(2, len(history)))
                match witness_decision([m for shown in seen for m in shown], kept, frozenset(made)):
                    case Create(id=number):
                        made.add(number)
                        times[number] = times.get(number, 0) + 1
                        kept = number
                        if present is not None and present.id == number:
                            present = listed(number, learner=True)
                    case Run(id=number):
                        assert number == kept
                    case Wait() | Lost():
                        assert kept == 0
            case _:
                pass
        history.append(() if present is None else (present,))
    assert all(count == 1 for count in times.values())
