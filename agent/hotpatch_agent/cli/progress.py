"""A release on its way, as people see it: one row a worker on a terminal, one line a change elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

from hotpatch_agent.cli import tell
from hotpatch_agent.cli.follow import Glance
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.home.status import Life, Phase, Status

if TYPE_CHECKING:
    from rich.table import Table

_STYLES: Final = {
    Phase.LIVE: "green",
    Phase.READY: "cyan",
    Phase.REFUSED: "red",
    Phase.HELD: "yellow",
    Phase.UNABLE: "yellow",
    Phase.FELL_BACK: "red",
}


class Screen(Protocol):
    """Something that glances can be shown on."""

    def show(self, glance: Glance) -> None: ...


def phase_of(status: Status, glance: Glance) -> tuple[str, str]:
    """A worker's phase in what is on its way, for people, and a word more where there is one."""
    if status.life is not Life.SERVING:
        return status.life.value, ""
    adoption = status.adoption
    if adoption is None or adoption.errand != glance.errand or glance.trail.version is None:
        return "serving", ""
    return adoption.phase.value, adoption.problem.text if adoption.problem else adoption.reason


@contextlib.contextmanager
def screen(terminal: Terminal) -> Iterator[Screen]:
    """A live table where there is a terminal to draw on, lines where there is none, nothing for scripts."""
    if terminal.as_json:
        yield _Silent()
    elif terminal.console.is_terminal:
        from rich.live import Live

        with Live(console=terminal.console, refresh_per_second=20) as live:
            yield _Drawn(live.update)
    else:
        yield _Lines(terminal)


class _Silent:
    def show(self, glance: Glance) -> None:
        return


class _Lines:
    """One line for each thing that is new."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._phases: dict[str, str] = {}

    def show(self, glance: Glance) -> None:
        for record in glance.records:
            if not glance.is_refusal(record.fact):
                self._terminal.say(tell.fact(record.fact))
        for status in glance.workers:
            phase, more = phase_of(status, glance)
            if self._phases.get(status.worker) != phase and phase != "serving":
                self._terminal.say(f"  worker {status.pid}: {phase}" + (f" ({more})" if more else ""))
            self._phases[status.worker] = phase


class _Drawn:
    """The table is drawn anew at each glance; the last words of the ledger stand above it."""

    def __init__(self, update: _Update) -> None:
        self._update = update
        self._said = ""

    def show(self, glance: Glance) -> None:
        self._said = glance.sentence or self._said
        self._update(self._draw(glance), refresh=True)

    def _draw(self, glance: Glance) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=Text(self._said), title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        for heading in ("worker", "runs", "phase", ""):
            table.add_column(heading, overflow="fold")
        for status in glance.workers:
            phase, more = phase_of(status, glance)
            style = _STYLES.get(status.adoption.phase, "") if status.adoption and phase != "serving" else ""
            table.add_row(str(status.pid), tell.release(status.release), Text(phase, style=style), Text(more))
        return table


class _Update(Protocol):
    def __call__(self, renderable: Table, *, refresh: bool = False) -> None: ...
