"""The docs show the machine as it is."""

from __future__ import annotations

from pathlib import Path

from hotpatch_agent.decision.diagram import anywhere, draw, redraw
from hotpatch_agent.home.facts import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "ledger-format.md"


def test_the_diagram_in_the_docs_is_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert redraw(text) == text
    assert "idle --> offered: offered" in draw()


def test_the_docs_name_every_kind_of_record_and_those_that_lead_nowhere() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert all(f"`{kind}`" in text for kind in KINDS)
    assert ", ".join(f"`{kind}`" for kind in anywhere()) in text
