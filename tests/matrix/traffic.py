"""Clients of the program: each answer is the list of versions that its request saw, and has to be of one."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from attrs import define, field
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.agent.service import WAIT, wait_until
from tests.matrix.program import WorkerClass

SHORT_CLIENTS = 4
MESSAGES = 12
"""Of one WebSocket."""


@define
class Account:
    """What one client's requests came to.  Written by its thread alone."""

    requests: int = 0
    mixed: int = 0
    errors: int = 0
    by_way: Counter[str] = field(factory=Counter)
    versions: set[str] = field(factory=set)
    samples: list[str] = field(factory=list)

    def note(self, way: str, seen: set[str]) -> None:
        self.requests += 1
        self.by_way[way] += 1
        self.versions |= seen
        if len(seen) != 1 or "-1" in seen:
            self.mixed += 1
            self._keep(f"{way} saw {sorted(seen)}")

    def fail(self, way: str, error: str) -> None:
        self.errors += 1
        self._keep(f"{way}: {error}")

    def _keep(self, sample: str) -> None:
        if len(self.samples) < 5:
            self.samples.append(sample)

    def __add__(self, other: Account) -> Account:
        return Account(
            self.requests + other.requests,
            self.mixed + other.mixed,
            self.errors + other.errors,
            self.by_way + other.by_way,
            self.versions | other.versions,
            [*self.samples, *other.samples][:10],
        )


Ask = Callable[[Account], None]


class Traffic:
    """Clients that ask from the beginning of the block to its end, each in a thread of its own."""

    def __init__(self, of: WorkerClass, port: int) -> None:
        self._of, self._port = of, port
        self._stop = threading.Event()
        self._accounts: list[Account] = []
        clients: list[Callable[[], Iterator[Ask]]] = [self._short] * SHORT_CLIENTS
        clients += [self._events] if of.long else []
        clients += [self._socket] if of.sockets else []
        self._threads = [
            threading.Thread(target=self._run, args=(client, f"user-{number}"))
            for number, client in enumerate(clients)
        ]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        self.settle(len(self._threads))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def total(self) -> Account:
        return sum(list(self._accounts), Account())

    def settle(self, more: int = 20) -> None:
        """Waits until so many further requests have ended."""
        wanted = self.total().requests + more

        def enough() -> bool:
            now = self.total()
            return now.requests + now.errors >= wanted

        wait_until(enough, f"{more} more requests end")

    # -- one client ------------------------------------------------------------------------------

    def _run(self, client: Callable[[], Iterator[Ask]], user: str) -> None:
        account = Account()
        self._accounts.append(account)
        for ask in client():
            ask(account)
            if self._stop.is_set():
                return

    def _short(self) -> Iterator[Ask]:
        first = self._of.paths[len(self._accounts) % len(self._of.paths) :]
        yield from self._requests((*first, *self._of.paths))

    def _events(self) -> Iterator[Ask]:
        yield from self._requests(("/events",))

    def _requests(self, paths: tuple[str, ...]) -> Iterator[Ask]:
        """On one connection that is kept alive, opened anew only after a failure or where the server asks."""
        user = threading.current_thread().name
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT)
        with contextlib.closing(connection):
            for path in itertools.cycle(paths):
                yield lambda account, path=path: _get(connection, path, user, account)

    def _socket(self) -> Iterator[Ask]:
        while True:
            yield self._talk

    def _talk(self, account: Account) -> None:
        seen: set[str] = set()
        try:
            with connect(f"ws://127.0.0.1:{self._port}/", open_timeout=WAIT, close_timeout=WAIT) as socket:
                for _ in range(MESSAGES):
                    socket.send("and now?")
                    seen |= set(str(socket.recv(WAIT)).split())
                    self._stop.wait(0.1)
        except (OSError, WebSocketException) as error:
            account.fail("websocket", f"{type(error).__name__}: {error}")
        else:
            account.note("websocket", seen)


def _get(connection: http.client.HTTPConnection, path: str, user: str, account: Account) -> None:
    try:
        connection.request("GET", path, headers={"X-User": user})
        response = connection.getresponse()
        body = response.read().decode()
    except (OSError, http.client.HTTPException) as error:
        account.fail(path, f"{type(error).__name__}: {error}")
        connection.close()
        return
    if response.status != 200:
        account.fail(path, f"{response.status}: {body[:200]}")
    else:
        account.note(path, set(body.split()))
