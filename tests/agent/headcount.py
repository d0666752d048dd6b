"""How many workers a service has while something goes on."""

from __future__ import annotations

import threading

import psutil

from tests.agent.service import Service


class Headcount:
    """How many workers there were at most, and at least, while it watched."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.seen: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.seen.add(len(self.service.workers()))
            except psutil.NoSuchProcess:
                return
            self._stop.wait(0.02)

    def __enter__(self) -> Headcount:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
