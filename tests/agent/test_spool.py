"""What people put into the spool is found whole, in order, and known by its name."""

from __future__ import annotations

from pathlib import Path

from hotpatch_agent.home.spool import (
    MAX_REQUEST,
    Request,
    Unreadable,
    ask,
    new_name,
    offer,
    read_request,
    remove,
    waiting,
)


def test_a_bundle_lies_there_as_it_was_given(tmp_path: Path) -> None:
    name = offer(tmp_path, b"bundle")

    assert waiting(tmp_path) == (name,)
    assert (tmp_path / name).read_bytes() == b"bundle"


def test_a_request_comes_back_as_it_was_asked(tmp_path: Path) -> None:
    name = ask(tmp_path, Request("rollback", 3, "ann", "wrong totals"))

    assert read_request(tmp_path, name) == Request("rollback", 3, "ann", "wrong totals")


def test_files_are_taken_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    names = [offer(tmp_path, b"one"), ask(tmp_path, Request("rollback")), offer(tmp_path, b"two")]

    assert list(waiting(tmp_path)) == names


def test_names_are_never_given_twice() -> None:
    assert len({new_name() for _ in range(1000)}) == 1000


def test_other_files_are_not_taken(tmp_path: Path) -> None:
    for name in ("notes.txt", ".0001.bundle.7.1.tmp", ".hidden.bundle", "a b.bundle", "x" * 200 + ".bundle"):
        (tmp_path / name).write_bytes(b"")

    assert waiting(tmp_path) == ()


def test_what_is_no_request_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "a.request").write_bytes(b"go back!")
    (tmp_path / "b.request").write_bytes(b"x" * (MAX_REQUEST + 1))

    for name, reason in (("a.request", "no request"), ("b.request", "longer")):
        found = read_request(tmp_path, name)
        assert isinstance(found, Unreadable)
        assert reason in found.reason


def test_a_request_that_was_removed_is_gone(tmp_path: Path) -> None:
    name = ask(tmp_path, Request("rollback"))
    remove(tmp_path, name)
    remove(tmp_path, name)

    assert read_request(tmp_path, name) is None
