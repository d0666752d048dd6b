"""Lists, dicts and sets of other packages that a module of the program changes when it is imported."""

from __future__ import annotations

import json
import mimetypes
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator

import pytest

from hotpatch.plan import Effect

from .conftest import Program

PARSE = (
    "from urllib.parse import urlunsplit\n{imported}\n"
    "def made():\n    return urlunsplit(('x-shop', '', '', 'a', ''))\n"
)
APPEND = "\nif 'x-shop' not in urllib.parse.uses_netloc:\n    urllib.parse.uses_netloc.append('x-shop')\n"


@pytest.fixture(scope="module")
def schemes_of_a_clean_process() -> list[str]:
    """Packages that other tests load may have added theirs to this process."""
    ask = "import json, urllib.parse; print(json.dumps(urllib.parse.uses_netloc))"
    found: list[str] = json.loads(subprocess.check_output([sys.executable, "-c", ask]))
    return found


@pytest.fixture(autouse=True)
def as_it_was(schemes_of_a_clean_process: list[str]) -> Iterator[None]:
    schemes, types = list(urllib.parse.uses_netloc), dict(mimetypes.types_map)
    urllib.parse.uses_netloc[:] = schemes_of_a_clean_process
    yield
    urllib.parse.uses_netloc[:] = schemes
    mimetypes.types_map.clear()
    mimetypes.types_map.update(types)


def test_an_item_that_the_new_code_adds_is_added_and_taken_back(program: Program) -> None:
    """Though the name of the module, which comes with it, differs too."""
    program.runs({"links.py": PARSE.format(imported="")})
    links, before = program.module("links"), list(urllib.parse.uses_netloc)
    outcome = program.patch({"links.py": PARSE.format(imported="import urllib.parse") + APPEND})
    assert outcome.effect is Effect.LIVE, outcome.reasons
    assert [*before, "x-shop"] == urllib.parse.uses_netloc and links.made() == "x-shop://?a"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert before == urllib.parse.uses_netloc


def test_by_a_name_imported_from_its_module(program: Program) -> None:
    head = "from mimetypes import types_map as known\n"
    program.runs({"kinds.py": head})
    program.module("kinds")
    outcome = program.patch({"kinds.py": head + "known['.shop'] = 'text/shop'\n"})
    assert outcome.effect is Effect.LIVE, outcome.reasons
    assert mimetypes.types_map[".shop"] == "text/shop"


def test_what_the_live_process_added_meanwhile_stays(program: Program) -> None:
    program.runs({"links.py": PARSE.format(imported="")})
    program.module("links")
    urllib.parse.uses_netloc.append("x-live")
    outcome = program.patch({"links.py": PARSE.format(imported="import urllib.parse") + APPEND})
    assert "x-live" in urllib.parse.uses_netloc
    assert ("x-shop" in urllib.parse.uses_netloc) is (outcome.effect is Effect.LIVE)


def test_what_no_container_holds_is_still_a_reason_for_a_new_process(program: Program) -> None:
    """The module's name is new, and its being there says nothing of the call."""
    program.runs({"net.py": "X = 1\n"})
    program.module("net")
    outcome = program.patch({"net.py": "import socket\nX = 1\nsocket.setdefaulttimeout(None)\n"})
    assert outcome.effect is Effect.RELOAD and "net:3" in outcome.reasons[0]


KNOWN = "from mimetypes import types_map as known\nKIND = {!r}\n"
FILLING = "def fill():\n    known.update({'.shop': KIND})\nfill()\n"


@pytest.mark.parametrize("statement", ["known['.shop'] = KIND\n", FILLING])
def test_by_a_statement_that_is_the_same_and_gives_it_something_else(
    program: Program, statement: str
) -> None:
    program.runs({"kinds.py": KNOWN.format("text/a") + statement})
    program.module("kinds")
    outcome = program.patch({"kinds.py": KNOWN.format("text/b") + statement})
    assert outcome.effect is Effect.LIVE, outcome.reasons
    assert mimetypes.types_map[".shop"] == "text/b"


def test_by_a_module_that_comes(program: Program) -> None:
    program.runs({"shop.py": "X = 1\n"})
    program.module("shop")
    kinds = KNOWN.format("text/a") + "known['.shop'] = KIND\n"
    outcome = program.patch({"shop.py": "import kinds\nX = 1\n", "kinds.py": kinds})
    assert outcome.effect is Effect.LIVE, outcome.reasons
    assert mimetypes.types_map[".shop"] == "text/a"
