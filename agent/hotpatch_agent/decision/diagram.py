"""The diagram of the stages, drawn from the table that the fold goes by.

python -m hotpatch_agent.decision.diagram docs/ledger-format.md     # redraws it there
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from hotpatch_agent.decision.states import TRANSITIONS, Stage
from hotpatch_agent.home.facts import NAMES

BEGIN: Final = "```mermaid\n"
END: Final = "```\n"


def draw() -> str:
    """A mermaid state diagram: an arrow for each record that leads from one stage to another."""
    lines = ["stateDiagram-v2", f"    [*] --> {Stage.IDLE.value}"]
    for stage, row in TRANSITIONS.items():
        for after in Stage:
            kinds = [NAMES[kind] for kind, to in row.items() if to is after]
            if after is not stage and kinds:
                lines.append(f"    {stage.value} --> {after.value}: {', '.join(kinds)}")
    return "\n".join(lines) + "\n"


def anywhere() -> tuple[str, ...]:
    """Records that may come in every stage and lead nowhere else."""
    kinds = set.intersection(
        *({kind for kind, to in row.items() if to is stage} for stage, row in TRANSITIONS.items())
    )
    return tuple(sorted(NAMES[kind] for kind in kinds))


def redraw(text: str) -> str:
    """The page with its diagram as it should be.  ValueError if it has no place for one."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no mermaid block")
    return before + BEGIN + draw() + END + after


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(redraw(page.read_text(encoding="utf-8")), encoding="utf-8")
