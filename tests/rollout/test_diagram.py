"""The docs show the machine as it is."""

from __future__ import annotations

from pathlib import Path

from hotpatch_agent.rollout.diagram import draw, redraw

PAGE = Path(__file__).parents[2] / "docs" / "rollouts.md"


def test_the_diagram_and_the_table_in_the_docs_are_the_machines() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert redraw(text) == text
    assert "watching --> held: inconclusive" in draw()
