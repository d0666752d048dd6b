"""The page of exit codes is what the code says, and no code means two things."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def drawn() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exit_codes", DOCS / "exit_codes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(drawn: ModuleType) -> None:
    assert (DOCS / "exit-codes.md").read_text() == drawn.render(), "run: python docs/exit_codes.py"


def test_no_code_has_two_meanings(drawn: ModuleType) -> None:
    twice = [code for code, number in Counter(code for code, _, _ in drawn.rows()).items() if number > 1]
    assert twice == []


def test_every_error_says_what_it_means(drawn: ModuleType) -> None:
    assert all(text.endswith(".") and len(text) > 7 for _, _, text in drawn.rows())


def test_every_code_is_one_that_a_shell_can_show(drawn: ModuleType) -> None:
    assert all(0 <= code <= 255 for code, _, _ in drawn.rows())
