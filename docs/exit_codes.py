"""Draws docs/exit-codes.md from hotpatch/errors.py: `python docs/exit_codes.py`.

The table can't be wrong, because nobody writes it; a test says when it is out of date.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Final

from hotpatch_agent.cli import main as frame

from hotpatch import errors
from hotpatch.errors import HotpatchError

TARGET: Final = Path(__file__).with_name("exit-codes.md")

OTHERS: Final = (
    (0, "", "Success."),
    (frame.USAGE, "Usage", "The command line makes no sense; the line says what to change."),
    (
        frame.BUG,
        "the exception's name",
        "A bug in hotpatch. `HOTPATCH_DEBUG=1` shows where; please report it with that.",
    ),
    (frame.INTERRUPTED, "Interrupted", "Ctrl-C. What had been handed to the service goes on there."),
    (frame.BROKEN_PIPE, "", "Whoever read the output went away before its end."),
)
"""Codes that no error class stands for."""

HEAD: Final = """\
# Exit codes

Every command of `hotpatch` ends with one of these. A code is never given another meaning, so scripts may rely
on it. An error is one line on stderr, `hotpatch: ...`; with `--json` it is one object on stdout,
`{"error": name, "code": code, "message": text}`.

<!-- drawn from hotpatch/errors.py by `python docs/exit_codes.py`: change it there -->

| code | error | meaning |
| ---: | --- | --- |
"""


def classes() -> list[type[HotpatchError]]:
    """The errors that are raised as they are: those without a more special one below them."""
    named = vars(errors).values()
    found = [each for each in named if inspect.isclass(each) and issubclass(each, HotpatchError)]
    return [
        each for each in found if not any(other is not each and issubclass(other, each) for other in found)
    ]


def rows() -> list[tuple[int, str, str]]:
    """Code, name and meaning, in the order of the codes."""
    named = [(each.exit_code, each.__name__, meaning(each)) for each in classes()]
    return sorted([*OTHERS, *named])


def meaning(error: type[HotpatchError]) -> str:
    """The first paragraph of the class's docstring, on one line."""
    return " ".join((inspect.getdoc(error) or "").split("\n\n")[0].split())


def render() -> str:
    """The whole page."""
    lines = [
        f"| {code} | {f'`{name}`' if name.isidentifier() else name} | {text} |" for code, name, text in rows()
    ]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render())
