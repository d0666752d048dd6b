"""Which version may answer when."""

from __future__ import annotations

from hotpatch_agent.load.phases import NEUTRAL, Phase, Seen, judge

PHASES = [
    Phase("before", {"total": ("old",)}),
    Phase("change", {"total": ("old", "new")}),
    Phase("after", {"total": ("new",)}),
    Phase("anything"),
]


def verdicts(*labels: str, first: int, last: int) -> list[bool]:
    """Whether each label is right, one after another on one connection."""
    seen, found = Seen(), []
    for label in labels:
        complaint, seen = judge(PHASES, first, last, "total", label, seen)
        found.append(complaint is None)
    return found


def test_before_a_change_only_the_old_is_right() -> None:
    assert verdicts("old", "new", first=0, last=0) == [True, False]


def test_after_a_change_only_the_new_is_right() -> None:
    assert verdicts("old", "new", first=2, last=2) == [False, True]


def test_in_a_change_a_connection_goes_forward() -> None:
    assert verdicts("old", "old", "new", "new", first=1, last=1) == [True] * 4


def test_in_a_change_a_connection_never_goes_back() -> None:
    assert verdicts("old", "new", "old", first=1, last=1) == [True, True, False]


def test_a_request_under_way_while_phases_change_may_see_any_of_them() -> None:
    assert verdicts("old", first=0, last=2) == [True]
    assert verdicts("new", first=0, last=2) == [True]
    assert verdicts("other", first=0, last=2) == [False]


def test_a_request_sent_after_the_change_may_not_see_the_old() -> None:
    assert verdicts("old", first=2, last=3) == [True]
    assert verdicts("old", first=2, last=2) == [False]


def test_what_a_phase_does_not_name_may_be_anything() -> None:
    assert verdicts("old", "new", "old", first=3, last=3) == [True] * 3


def test_a_neutral_answer_is_right_in_every_phase() -> None:
    assert verdicts(NEUTRAL, first=0, last=0) == [True]


def test_what_was_seen_in_one_phase_says_nothing_about_the_next() -> None:
    _, seen = judge(PHASES, 1, 1, "total", "new", Seen())
    back = [*PHASES, Phase("back", {"total": ("new", "old")})]
    complaint, seen = judge(back, 4, 4, "total", "new", seen)
    assert complaint is None
    complaint, seen = judge(back, 4, 4, "total", "old", seen)
    assert complaint is None


def test_subjects_are_followed_apart() -> None:
    two = [Phase("change", {"total": ("old", "new"), "search": ("old", "new")})]
    _, seen = judge(two, 0, 0, "total", "new", Seen())
    complaint, _ = judge(two, 0, 0, "search", "old", seen)
    assert complaint is None
