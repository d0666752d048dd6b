"""At every durable step of a release a process of a real service is killed under load; the service goes on.

Each of ROWS is a write, and who dies at its steps.  What was asked for comes to be by itself, or, where the
one that asks died before the service could know of it, when it is asked for again.  Requests that the killed
process had may be lost, and no other.  `python -m tests.agent.test_failpoints` draws the table of the docs.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from attrs import define, field, frozen
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.failpoint import SHOT, VARIABLE, VICTIM
from hotpatch_agent.home import spool
from hotpatch_agent.home.status import Life

from tests.agent.pushing import Pusher, settled
from tests.agent.scenes import LATE, SCENES, Case
from tests.agent.service import Service, alive, wait_until
from tests.agent.shop import APP as SHOP
from tests.agent.shop import RELOAD, TWO

STEPS = ("begin", "written", "synced", "named", "durable")
BRIEFLY = ("begin", "named", "durable")
"""Before it is decided, when it is, and after."""
APP = {
    **SHOP,
    "app.py": SHOP["app.py"]
    .replace('answer(environ["PATH_INFO"]).encode()', 'told(environ["PATH_INFO"])')
    .replace('append(1)\n    yield answer("").encode()', 'append(1)\n    yield told("").ljust(14)')
    + '\ndef told(path):\n    return f"{answer(path)} {os.getpid()}".encode()\n',
}
LIVE = {**APP, "shop.py": TWO["shop.py"]}
BY_RELOAD = {**APP, "shop.py": RELOAD["shop.py"]}
NTH = {2: "2nd", 3: "3rd"}
WORKERS = 3
CLIENTS = 4
BRIEF = 3
"""Seconds that the workers of a killed master wait for their clients, which keep their connections."""


@frozen
class Row:
    """One kind of durable write."""

    what: str
    who: str
    """`leader`, `worker`, `pusher`; `master`: it is killed while the leader is at this step."""
    change: str = "push"
    """What is under way: `push`, `rollback`; `reload`: a push that goes in only by starting workers; or one
    of SCENES."""
    steps: tuple[str, ...] = STEPS
    visit: int = 1
    """At which of its writes of this kind the process dies."""
    always: bool = True
    """Does its last step belong to every run?"""


ROWS = (
    Row("bundle", "leader"),
    Row("ledger.offered", "leader"),
    Row("ledger.rehearsed", "leader"),
    Row("ledger.committed", "leader"),
    Row("ledger.settled", "leader"),
    Row("ledger.replacing", "leader", "reload"),
    Row("leaver", "leader", "reload"),
    Row("orders", "leader", "reload"),
    Row("orders", "leader", "reload", visit=2),
    Row("ledger.replaced", "leader", "reload"),
    Row("ledger.rolled_back", "leader", "rollback"),
    Row("status", "worker"),
    Row("status", "worker", visit=4),
    Row("spool.card", "pusher"),
    Row("spool.bundle", "pusher"),
    Row("spool.request", "pusher", "rollback"),
    Row("ledger.offered", "master", steps=("durable",)),
    Row("ledger.committed", "master", steps=("begin", "named", "durable")),
    Row("ledger.replacing", "master", "reload", steps=("durable",)),
    Row("ledger.rolled_back", "master", "rollback", steps=("durable",)),
    Row("ledger.blocked", "leader", "hold"),
    Row("ledger.finishing", "leader", "finish", always=False),
    Row("ledger.reloading", "leader", "restart", always=False),
    Row("ledger.reloaded", "leader", "restart", BRIEFLY, always=False),
    Row("ledger.began", "leader", "canary", always=False),
    Row("ledger.moved", "leader", "promote", BRIEFLY, always=False),
    Row("ledger.moved", "leader", "promote", visit=2),
    Row("ledger.moved", "leader", "promote", BRIEFLY, 3, always=False),
    Row("ledger.moved", "leader", "promote", BRIEFLY, 4, always=False),
    Row("ledger.moved", "leader", "abort", always=False),
    Row("ledger.failed", "leader", "abort", BRIEFLY, always=False),
    Row("ledger.moved", "leader", "abort", BRIEFLY, 2, always=False),
    Row("ledger.moved", "leader", "revert", always=False),
    Row("ledger.moved", "leader", "revert", BRIEFLY, 2, always=False),
)


def cases(scenes: bool) -> list[object]:
    """Of most writes the last step belongs to every run; `make failpoints` has them all."""
    return [
        pytest.param(
            row,
            step,
            id=f"{row.who}-{row.change}-{row.what}.{step}-{row.visit}",
            marks=() if row.always and step == row.steps[-1] else pytest.mark.exhaustive,
        )
        for row in ROWS
        for step in row.steps
        if (row.change in SCENES) == scenes
    ]


@define(eq=False)
class Clients:
    """Keep-alive clients that know which worker a connection belongs to."""

    service: Service
    answers: list[str] = field(factory=list)
    lost: list[tuple[int, int, str]] = field(factory=list)
    """Pid of the worker (0: the connection was new), nanoseconds at which the request began, the error."""
    _stop: threading.Event = field(factory=threading.Event)

    def run(self) -> None:
        worker, connection = 0, self._connect()
        while not self._stop.is_set():
            began = time.monotonic_ns()
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                text = response.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append((worker, began, f"{type(error).__name__}: {error}"))
                connection.close()
                worker, connection = 0, self._connect()
                self._stop.wait(0.02)  # a service without a master refuses connections: don't spin
                continue
            if response.status != 200:
                self.lost.append((-1, began, f"{response.status}: {text[:200]}"))
            self.answers.append(text.partition(" ")[0])
            worker = 0 if response.will_close else int(text.partition(" ")[2])
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.run) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(self.answers) >= CLIENTS, "the clients are being served")
            yield
            more = len(self.answers) + 40
            wait_until(lambda: len(self.answers) >= more, "the clients are still being served")
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def lost_besides(self, victim: int, dead: int) -> list[tuple[int, int, str]]:
        """Requests that were lost and not with this process: neither on a connection of its own, nor on a new
        one, which it may have been the one to accept, before it was seen to be dead."""
        return [each for each in self.lost if each[0] != victim and not (each[0] == 0 and each[1] < dead)]


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Pusher:
    return Pusher(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def bundles(maker: Pusher) -> dict[str, bytes]:
    """Each is the first release of its service; built once, since what is tested comes after that."""
    made = {}
    for name, new, settings in (
        ("push", LIVE, {"deadline": "30"}),
        ("reload", BY_RELOAD, {"deadline": "30"}),
        ("late", LIVE, LATE),
    ):
        maker.version = 0
        made[name] = maker.bundle(APP, new, settings=settings)
    return made


def taken(shot: Path) -> int | None:
    """The process that took the shot; None while nobody has."""
    return next((int(path.name.split(".")[1]) for path in shot.parent.glob(f"{shot.name}.*")), None)


def command(pusher: Pusher, verb: str, file: Path, environ: Mapping[str, str] | None = None) -> int:
    """A real `hotpatch push` or `hotpatch rollback`; its exit status."""
    return subprocess.run(
        pusher.command(verb, *([str(file)] if verb == "push" else [])),
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        timeout=120,
    ).returncode


def state_of(pusher: Pusher) -> State:
    """What the whole ledger says; raises if it is damaged."""
    history = History(pusher.home.ledger)
    history.ledger.history()
    history.refresh()
    return history.state


def at_rest(pusher: Pusher, service: Service) -> tuple[int, ...]:
    """Waits until nothing is on its way and every worker runs the head; the head."""

    def there() -> bool:
        if spool.waiting(pusher.home.spool):
            return False  # looked at first: what is taken from there stands in the ledger by then
        state, statuses = state_of(pusher), pusher.statuses()
        return (
            state.stage is Stage.IDLE
            and state.replacement is None
            and len(statuses) == len(service.workers()) == WORKERS
            and all(one.life is Life.SERVING and one.stack == state.versions for one in statuses)
        )

    wait_until(there, "the service is at rest", 90.0)
    return state_of(pusher).versions


def start_again(service: Service, was: list[int]) -> None:
    """After its master's death: its workers end by themselves, and the service is started anew."""
    wait_until(lambda: service.ended is not None, "the master is dead")
    wait_until(lambda: not any(alive(pid) for pid in was), "its workers have ended")
    service.log.rename(service.log.with_suffix(".first"))
    service.start()


@pytest.mark.slow
@pytest.mark.parametrize(("row", "step"), cases(scenes=False))
def test_a_process_killed_here_costs_its_own_requests_and_nothing_else(
    maker: Pusher, bundles: dict[str, bytes], tmp_path: Path, row: Row, step: str
) -> None:
    pusher = Pusher(tmp_path, key=maker._key)
    shot, file = tmp_path / "shot", tmp_path / "one.bundle"
    file.write_bytes(bundles["reload" if row.change == "reload" else "push"])
    old, new = ((1,), ()) if row.change == "rollback" else ((), (1,))
    deadly = {VARIABLE: f"{row.what}.{step}:{row.visit}", SHOT: str(shot)}
    if row.who == "master":
        deadly[VICTIM] = "parent"
    with Service(
        tmp_path,
        APP,
        home=pusher.make_home(),
        settings={"worker_class": "gthread", "workers": WORKERS, "threads": 4}
        | ({"graceful_timeout": BRIEF} if row.who == "master" else {}),
        environ={} if row.who == "pusher" else deadly,
    ) as service:
        settled(pusher, service, WORKERS)
        if old:
            assert command(pusher, "push", file) == 0
        verb = "rollback" if row.change == "rollback" else "push"
        clients = Clients(service)
        with clients.asking():
            was = service.workers()
            shot.touch()
            if row.who == "pusher":
                assert command(pusher, verb, file, deadly) == -signal.SIGKILL
            elif verb == "push":
                pusher.offer(file.read_bytes())
            else:
                spool.ask(pusher.home.spool, spool.Request("rollback", None, "a test"))
            killed = wait_until(lambda: taken(shot), "the step is reached")
            if row.who == "master":
                start_again(service, was)
            else:
                wait_until(lambda: not alive(killed), "the process is dead")
            dead = time.monotonic_ns()
            found = at_rest(pusher, service)
            # A push that has put down no bundle has asked for nothing, whatever else it has written.
            unknown = row.what == "spool.card" or (row.who == "pusher" and step in STEPS[:3])
            assert found in (old, new)
            if found == old:
                assert command(pusher, verb, file) == 0, "it can be asked for again"
                assert at_rest(pusher, service) == new
            assert (found == old) == unknown
        if row.who != "master":
            assert clients.lost_besides(killed, dead) == []
        expected = {(): "one", (1,): "reloaded" if row.change == "reload" else "two"}[new]
        assert {service.body().partition(" ")[0] for _ in range(20)} == {expected}


@pytest.mark.slow
@pytest.mark.parametrize(("row", "step"), cases(scenes=True))
def test_a_leader_killed_here_is_succeeded_by_one_that_ends_what_it_was_at(
    maker: Pusher, bundles: dict[str, bytes], tmp_path: Path, row: Row, step: str
) -> None:
    scene, pusher, shot = SCENES[row.change], Pusher(tmp_path, key=maker._key), tmp_path / "shot"
    with Service(
        tmp_path,
        APP,
        home=pusher.make_home(),
        settings={"worker_class": "gthread", "workers": WORKERS, "threads": 4},
        environ={VARIABLE: f"{row.what}.{step}:{row.visit}", SHOT: str(shot)},
    ) as service:
        settled(pusher, service, WORKERS)
        clients, case = Clients(service), Case(pusher, service, bundles["late"])
        scene.begin(case)
        with clients.asking():
            shot.touch()
            scene.ask(case)
            killed = wait_until(lambda: taken(shot), "the step is reached")
            wait_until(lambda: not alive(killed), "the process is dead")
            dead = time.monotonic_ns()
            scene.end(case, killed)
            at_rest(pusher, service)
            assert case.answers() == 1
        assert clients.lost_besides(killed, dead) == []
        assert {service.body().partition(" ")[0] for _ in range(20)} == {scene.body}


def table() -> str:
    """The rows for people."""
    lines = ["| write | steps | who dies | while |", "| --- | --- | --- | --- |"]
    words = {"push": "a release goes in live", "reload": "workers are replaced", "rollback": "a rollback"}
    words |= {change: scene.words for change, scene in SCENES.items()}
    for row in ROWS:
        steps = "all" if row.steps == STEPS else ", ".join(row.steps)
        nth = f" (its {NTH.get(row.visit, f'{row.visit}th')})" if row.visit > 1 else ""
        lines.append(f"| `{row.what}`{nth} | {steps} | the {row.who} | {words[row.change]} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_the_docs_is_drawn_from_the_rows() -> None:
    page = Path(__file__).parents[2] / "docs" / "ledger-format.md"
    assert table() in page.read_text()


if __name__ == "__main__":
    sys.stdout.write(table())
