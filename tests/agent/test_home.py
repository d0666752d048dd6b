"""A home folder is found, made, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hotpatch_agent.home.folder import Service, create, locate, open_home

from hotpatch.errors import NoHome, NotAService

SHOP = Service("shop", "production", "shop:app")


def test_a_home_that_was_made_is_found_again(tmp_path: Path) -> None:
    made = create(tmp_path / "home", SHOP)

    assert open_home(tmp_path / "home") == made
    assert {child.name for child in (tmp_path / "home").iterdir()} == {
        "service.json",
        "trust",
        "spool",
        "ledger",
        "bundles",
        "workers",
    }


def test_a_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = create(tmp_path / "home", SHOP)

    for folder in (home.path, home.spool, home.ledger, home.trust, home.workers, home.bundles):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_making_a_home_again_keeps_what_it_holds(tmp_path: Path) -> None:
    home = create(tmp_path / "home", SHOP)
    (home.ledger / "0000000001.rec").write_bytes(b"kept")

    again = create(tmp_path / "home", Service("shop", "production", "shop:other"))

    assert again.service.app == "shop:other"
    assert (home.ledger / "0000000001.rec").read_bytes() == b"kept"


def test_a_folder_that_holds_something_else_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(NotAService, match=r"thesis\.txt"):
        create(tmp_path, SHOP)
    assert [child.name for child in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")

    with pytest.raises(NotAService, match="file"):
        create(tmp_path / "home", SHOP)
    with pytest.raises(NotAService):
        open_home(tmp_path / "home")


def test_a_folder_that_is_not_there_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(NoHome, match="hotpatch init"):
        open_home(tmp_path / "gone")


@pytest.mark.parametrize("card", [b"", b"{}\n", b'{"name":"shop"', b"\xff\xfe\n", b"[]\n", b'{"name":1}\n'])
def test_an_unreadable_card_is_no_service(tmp_path: Path, card: bytes) -> None:
    (tmp_path / "service.json").write_bytes(card)

    with pytest.raises(NotAService, match=r"service\.json"):
        open_home(tmp_path)


def test_a_folder_without_a_card_is_no_service(tmp_path: Path) -> None:
    with pytest.raises(NotAService, match=r"no service\.json"):
        open_home(tmp_path)


def test_a_home_of_another_format_is_told_apart(tmp_path: Path) -> None:
    create(tmp_path / "home", Service("shop", "production", "shop:app", format=2))

    with pytest.raises(NotAService, match="format 2"):
        open_home(tmp_path / "home")


def test_the_home_is_the_one_given_or_else_the_one_in_the_environment(tmp_path: Path) -> None:
    assert locate("/srv/a", {"HOTPATCH_HOME": "/srv/b"}) == Path("/srv/a")
    assert locate(None, {"HOTPATCH_HOME": "/srv/b"}) == Path("/srv/b")
    with pytest.raises(NoHome, match="HOTPATCH_HOME"):
        locate(None, {})
