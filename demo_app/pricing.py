"""Prices move: a background thread in each worker.  Whoever holds the lease changes a price now and then; all
follow what was changed, forget what they had cached and tell their listeners."""

from __future__ import annotations

import fcntl
import os
import random
import threading
from pathlib import Path
from typing import IO

from demo_app.cache import Cache
from demo_app.database import Database
from demo_app.events import Hub
from demo_app.version import running_release

MOST_CHANGE_PERCENT = 5
LOWEST_PRICE = 100


class Lease:
    """One process at a time holds it, until it ends.  The lock belongs to the open file, so a forked child
    that asks anew does not get it while its parent lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: tuple[int, IO[str]] | None = None

    def held(self) -> bool:
        pid = os.getpid()
        if self._held is not None and self._held[0] == pid:
            return True
        file = self._path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._held = (pid, file)
        return True


def moved(price: int, chance: random.Random) -> int:
    """A price some percent up or down, never below the lowest."""
    percent = chance.randint(-MOST_CHANGE_PERCENT, MOST_CHANGE_PERCENT)
    return max(LOWEST_PRICE, price + price * percent // 100)


class PriceDesk:
    """The thread and its work.  It is started by the first request of a process, so that a master which
    preloads the application has none, and a forked child none of its parent's."""

    def __init__(self, database: Database, cache: Cache, hub: Hub, interval: float, started: float) -> None:
        self._database = database
        self._cache = cache
        self._hub = hub
        self._interval = interval
        self._started = started
        self._lease = Lease(database.folder / "lease")
        self._chance = random.Random()
        self._seen: int | None = None
        self._release: int | None = None
        self._pid: int | None = None

    def ensure_running(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._seen = None
            threading.Thread(target=self._run, name="price-desk", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._interval):
            self.step()

    def step(self) -> None:
        if self._lease.held():
            self._move_a_price()
        self._follow_prices()
        self._follow_release()
        warmth = self._cache.warmth()
        self._hub.publish_now("pulse", hits=warmth.hits, warmth=round(warmth.share, 4), started=self._started)

    def _move_a_price(self) -> None:
        with self._database.writing() as connection:
            row = connection.execute("SELECT sku, price FROM products ORDER BY random() LIMIT 1").fetchone()
            after = moved(row["price"], self._chance)
            connection.execute("UPDATE products SET price = ? WHERE sku = ?", (after, row["sku"]))
            connection.execute(
                "INSERT INTO price_changes (sku, before, after) VALUES (?, ?, ?)",
                (row["sku"], row["price"], after),
            )

    def _follow_prices(self) -> None:
        if self._seen is None:
            newest = self._database.row("SELECT max(id) FROM price_changes")
            self._seen = (newest[0] if newest else None) or 0
            return
        for change in self._database.rows("SELECT * FROM price_changes WHERE id > ? ORDER BY id", self._seen):
            self._seen = change["id"]
            self._cache.forget(("product", change["sku"]))
            self._hub.publish("price", sku=change["sku"], before=change["before"], after=change["after"])

    def _follow_release(self) -> None:
        release = running_release()
        if release != self._release:
            self._hub.publish("release", before=self._release, after=release)
            self._release = release
