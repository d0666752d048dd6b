"""The catalogue of edits: what was written before, what after, and what becomes of it in a running process.

It is kept as text, one file a family of edits (`edits/*.txt`), for people to read and add to:

```
# Functions                    the family's title; then, as paragraphs: treatment, sound, limits

== body                        one edit
before:                        the source of the module `m`; `before a.py:` for another module's
    def f(): return 1
after:
    def f(): return 2
held: g = m.f                  what the process holds when the edit comes
old: g() == 1                  true before the edit, after a refusal and after the undo
new: g() == 2                  true after it
transformers:                  a file of state transformers, given with the edit
    ...
effect: reload                 if it isn't `live`, then with
reason: closures of            a part of the reason that is given
remark: ...                    what the table of `docs/edits.md` adds
```

Each edit is a test (`test_catalogue.py`), and a line of `docs/edits.md` (`catalogue_page.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from attrs import field, frozen

from hotpatch.plan import Effect

FOLDER = Path(__file__).parent / "edits"
_KEY = re.compile(
    r"(treatment|sound|limits|before|after|held|old|new|transformers|effect|reason|remark)(?: (\S+))?:(.*)"
)


@frozen
class Row:
    """One edit of a program whose main module is `m`."""

    edit: str
    before: Mapping[str, str]
    """Source by file name."""
    after: Mapping[str, str]
    held: str
    old: str
    new: str
    effect: Effect
    reason: str
    remark: str
    transformers: str = ""


@frozen
class Section:
    """A family of edits, and what holds for all of them."""

    title: str
    treatment: str
    sound: str
    limits: str
    rows: tuple[Row, ...] = field(repr=False)


def read() -> tuple[Section, ...]:
    """The whole catalogue."""
    return tuple(map(_section, sorted(FOLDER.glob("*.txt"))))


def _section(path: Path) -> Section:
    head, *rows = re.split(r"^== ", path.read_text(), flags=re.MULTILINE)
    title, _, rest = head.partition("\n")
    values = _values(rest)
    treatment, sound, limits = (" ".join(values[key, ""].split()) for key in ("treatment", "sound", "limits"))
    return Section(title.removeprefix("# "), treatment, sound, limits, tuple(map(_row, rows)))


def _row(text: str) -> Row:
    edit, _, rest = text.partition("\n")
    values = _values(rest)
    before, after = (
        {file or "m.py": source for (key, file), source in values.items() if key == which}
        for which in ("before", "after")
    )
    held, old, new, reason, remark = (
        values.get((key, ""), "") for key in ("held", "old", "new", "reason", "remark")
    )
    effect = Effect(values.get(("effect", ""), "live"))
    transformers = values.get(("transformers", ""), "")
    return Row(edit.strip(), before, after, held, old, new, effect, reason, remark, transformers)


def _values(text: str) -> dict[tuple[str, str], str]:
    """(key, file) with what stands behind it on the line, or indented below."""
    found: dict[tuple[str, str], list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if match := _KEY.match(line):
            lines = [match[3].strip()] if match[3].strip() else []
            found[match[1], match[2] or ""] = lines
        elif line.startswith("    ") or not line:
            lines.append(line)
        else:
            raise ValueError(f"neither a key nor indented: {line!r}")
    return {key: dedent("\n".join(lines)).strip("\n") for key, lines in found.items()}
