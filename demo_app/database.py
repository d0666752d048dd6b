"""The SQLite file: schema, seed, and one connection for each thread of each process."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo_app import seed

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (
    sku TEXT PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price INTEGER NOT NULL,
    stock INTEGER NOT NULL, description TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS products_by_category ON products (category, name);
CREATE TABLE IF NOT EXISTS customers (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, email TEXT NOT NULL, address TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS baskets (id TEXT PRIMARY KEY, lines TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER NOT NULL REFERENCES customers (id),
    lines TEXT NOT NULL, total INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS price_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sku TEXT NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL
);
"""


class Database:
    """Threads and forks: each thread has its own connection, and a forked child opens new ones, because
    SQLite's own must be neither used nor closed on the other side of a fork."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "shop.sqlite"
        self._local = threading.local()
        self._inherited: list[sqlite3.Connection] = []
        self._seed()

    def connection(self) -> sqlite3.Connection:
        pid = os.getpid()
        known: tuple[int, sqlite3.Connection] | None = getattr(self._local, "connection", None)
        if known is not None:
            if known[0] == pid:
                return known[1]
            self._inherited.append(known[1])
        fresh = self._connect()
        self._local.connection = (pid, fresh)
        return fresh

    def rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        return self.connection().execute(statement, values).fetchall()

    def row(self, statement: str, *values: object) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.connection().execute(statement, values).fetchone()
        return found

    def texts(self) -> list[tuple[str, str, str]]:
        """(sku, name, description) of every product, by a connection of its own: see `_seed`."""
        connection = self._connect()
        try:
            found = connection.execute("SELECT sku, name, description FROM products ORDER BY sku").fetchall()
        finally:
            connection.close()
        return [tuple(row) for row in found]

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; rolled back by an exception.  Waits for other writers, at most five seconds."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=5.0, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def _seed(self) -> None:
        """Make and fill the tables, once, though several workers start at the same time."""
        with (self.folder / "seed.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Closed again at once: a master that preloads the application must not hand a connection on.
            connection = self._connect()
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(SCHEMA)
                if connection.execute("SELECT count(*) FROM products").fetchone()[0] == 0:
                    connection.execute("BEGIN")
                    connection.executemany("INSERT INTO products VALUES (?, ?, ?, ?, ?, ?)", seed.products())
                    connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", seed.customers())
                    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", seed.orders())
                    connection.execute("COMMIT")
            finally:
                connection.close()
