"""Renders `docs/edits.md` from the catalogue: `python -m tests.engine.catalogue_page`."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from tests.engine.catalogue import Row, Section, read

PAGE = Path(__file__).parents[2] / "docs" / "edits.md"

HEAD = """# Supported edits

What becomes of each kind of edit in a process that goes on serving: which are live, which are not and why,
and what one can rely on.  Each row below is a test that runs the edit in a live process, with references
held across it, and takes it back again; this page is rendered from these tests (`tests/engine/edits`) by
`make docs`.

- **live**: applied in the running process, proven in a forked child to equal a fresh start of the new
  sources, and undone exactly.
- **reload**: there is no sound live form.  Nothing is changed; the service replaces its workers one at a time
  instead.
- **refuse**: the new sources are no program.  Nothing is changed.

Three things hold for all live edits.  What did not change is not executed again.  All of an edit takes
effect, or nothing of it.  Where the process after the edit would differ from a fresh start in anything but
state, the edit isn't live, and the difference is the reason given.
"""


def render() -> str:
    return "\n".join([HEAD, *map(_section, read())])


def _section(section: Section) -> str:
    parts = [f"## {section.title}", ""]
    for title, text in (
        ("", section.treatment),
        ("Why it is sound: ", section.sound),
        ("Limits: ", section.limits),
    ):
        parts += [
            fill(f"{title}{text}", 110, break_long_words=False, break_on_hyphens=False),
            "",
        ]
    parts += ["| edit | effect | remark |", "| --- | --- | --- |", *map(_row, section.rows), ""]
    return "\n".join(parts)


def _row(row: Row) -> str:
    return f"| {row.edit} | {row.effect.value} | {row.remark} |"


if __name__ == "__main__":
    PAGE.write_text(render())
