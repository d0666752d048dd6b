"""Gates of a service whose answers a test gives: silent ones keep a rollout where it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from tests.agent.pushing import Pusher
from tests.rollout.servers import Site, serving

GATES = ("before", "more", "promotion", "after")


@define(eq=False)
class Doors:
    """The gates: which of them are silent, and which say no."""

    silent: set[str] = field(factory=set)
    no: set[str] = field(factory=set)

    def answer(self, site: Site) -> None:
        point = site.asked[-1][1].strip("/")
        while point in self.silent:
            time.sleep(0.01)
        site.status = 500 if point in self.no else 200


@contextmanager
def doors(pusher: Pusher) -> Iterator[Doors]:
    """Gates at every point of this service."""
    found = Doors()
    with serving(answer=found.answer) as site:
        text = "".join(f"[[gate]]\nat = '{at}'\nurl = '{site.url}/{at}'\n" for at in GATES)
        (pusher.home.path / "rollout.toml").write_text(text)
        try:
            yield found
        finally:
            found.silent.clear()
