"""Clients that come once: each request on a connection of its own, so that they meet every worker."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from attrs import define, field

from tests.agent.service import WAIT, Service, wait_until


@define(eq=False)
class Visits:
    """What they were answered so far: status and body, in order; and what was no answer."""

    answers: list[tuple[int, str]] = field(factory=list)
    lost: list[str] = field(factory=list)

    def bodies(self) -> set[str]:
        return {body for _, body in list(self.answers)}

    def settle(self, more: int = 20) -> set[str]:
        """Waits for so many further answers; those that began since."""
        have = len(self.answers) + 8  # those that are being answered just now began before
        wait_until(lambda: len(self.answers) >= have + more, f"{more} more visits")
        return {body for _, body in list(self.answers)[have:]}


@contextmanager
def visiting(
    service: Service, headers: Mapping[str, str] | None = None, clients: int = 2, path: str = "/"
) -> Iterator[Visits]:
    """So many of them come again and again while the block runs."""
    visits, over = Visits(), threading.Event()

    def come() -> None:
        while not over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=WAIT)
            with closing(connection):
                try:
                    connection.request("GET", path, headers=dict(headers or {}))
                    response = connection.getresponse()
                    visits.answers.append((response.status, response.read().decode()))
                except (OSError, http.client.HTTPException) as error:
                    visits.lost.append(f"{type(error).__name__}: {error}")
            over.wait(0.002)

    threads = [threading.Thread(target=come) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield visits
    finally:
        over.set()
        for thread in threads:
            thread.join()
