"""What parallel versions cost: `python -m benchmarks.overhead --json`

    steady_ratio              requests per CPU second of gunicorn's sync worker with an ordinary Flask page
                              (a SQLite query, a template with 100 rows, about a millisecond), each request
                              pinned and no release under way, over the same without hotpatch; request by
                              request in turns, and of each turn's CPU times the mean of the middle half
    added_us                  the same difference in microseconds a request, from a page that does next to
                              nothing: what to set against the time of one's own pages
    during_ratio              the same while two versions of all its functions run, half of the requests
                              on each
    after_instructions_ratio  machine instructions of patched calls after the collapse, over those of a
                              process that was born with the new code: functions, keywords, methods, `[]`,
                              properties, instances, iterators, constants (callgrind; None without valgrind)

Each for every interpreter found: this one, and `.venv*/bin/python` beside it.  Ratios are taken in one
process, in turns, and given with their spread.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hotpatch_agent.process import request_end

from benchmarks.spread import spread
from benchmarks.two_versions import Program
from hotpatch.epochs import install, is_plain, missing_internals, pin_requests, sticky

MODULE = "benchmarks.overhead"
ROOT = Path(__file__).resolve().parent.parent

PAGE = """
import sqlite3
from jinja2 import Template
LIMIT = 100
TITLE = "Shop {v}"
class Row:
    currency = "EUR {v}"
    def __init__(self, name, price):
        self.name = name
        self.price = price
    @property
    def label(self):
        return f"{{self.name}} {{money(self.price)}} {{self.currency}} {v}"
def money(cents, *, sign="{v}"):
    return f"{{cents / 100:.2f}} {{sign}}"
def rows(database):
    found = database.execute("select name, price from item order by price limit ?", (LIMIT,))
    return [Row(*row) for row in found]
TEMPLATE = Template(
    "<h1>{{{{ title }}}}</h1><ul>{{% for row in rows %}}"
    "<li class={{{{ loop.cycle('odd', 'even') }}}}>{{{{ row.label|e }}}} {{{{ row.name|title }}}}</li>"
    "{{% endfor %}}</ul>"
)
def page(database):
    return TEMPLATE.render(title=TITLE, rows=rows(database))
"""

HOT = """
X = {v}
def plain(a): return a + {v}
def keywords(a, *, b=1): return a + b + {v}
def constant(): return X
class C:
    k = {v}
    def __init__(self): self.made = {v}
    def method(self): return self.made + {v}
    def __getitem__(self, key): return key + {v}
    @property
    def prop(self): return self.made + {v}
    def __iter__(self):
        yield {v}
"""


def hot_loop(m: Any, times: int) -> None:
    plain, keywords, constant, kind = m.plain, m.keywords, m.constant, m.C
    c = kind()
    for _ in range(times):
        plain(1)
        keywords(1, b=2)
        constant()
        c.method()
        c[0]
        c.prop  # noqa: B018 - the look-up is what is measured
        kind()
        for _item in c:
            pass


def run_hot(patched: bool, times: int) -> None:
    """The child of the instruction count: the hot loop on code that was born so, or was patched to it."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program({"hot": HOT.format(v=1 if patched else 2)}, Path(folder))
        hot_loop(program["hot"], 200)  # warm: the sites are specialised for what is there now
        if patched:
            version = install(program.ops({"hot": HOT.format(v=2)}))
            hot_loop(program["hot"], 200)
            version.flip()
            hot_loop(program["hot"], 200)
            assert version.collapse() and is_plain()
        hot_loop(program["hot"], 200)
        os.getsid(0)
        hot_loop(program["hot"], times)
        os.getsid(0)


def instructions(python: str, patched: bool, times: int) -> int:
    """Instructions that the last hot loop of `run_hot` takes, by callgrind: what it counted between the two
    calls of `getsid`, which nothing else calls."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        count = ["valgrind", "--tool=callgrind", "--dump-before=getsid", f"--callgrind-out-file={out}"]
        subprocess.run(
            [*count, python, "-m", MODULE, "--hot", "patched" if patched else "born", str(times)],
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=True,
        )
        second = Path(f"{out}.2")
        found = re.search(r"^totals: (\d+)", second.read_text(), re.M) if second.exists() else None
    if found is None:
        raise RuntimeError(f"callgrind has counted nothing between the marks of {MODULE}")
    return int(found[1])


def instruction_ratio(python: str, times: int = 8_000) -> float | None:
    """Instructions for a turn of the hot loop, patched over born; None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    return instructions(python, True, times) / instructions(python, False, times)


def run_throughput(rounds: int, batch: int) -> dict[str, Any]:
    """The child of the throughput ratios, in turns: without hotpatch, pinned, pinned with two versions."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program({"page": PAGE.format(v=1)}, Path(folder))
        page = flask_app(program)
        app, pinned = Server(page), Server(pin_requests(page), told=True)
        steady: list[float] = []
        during: list[float] = []
        for each in (app, pinned):
            requests_per_second(each, batch)
        for turn in range(rounds):
            bare, with_pins = seconds_each(app, pinned, batch, turn)
            steady.append(bare / with_pins)
        for _ in range(rounds):
            before = requests_per_second(app, batch)
            version = install(program.ops({"page": PAGE.format(v=2)}))
            version.canary(sticky.share(0.5, sticky.header("x-user")))
            requests_per_second(pinned, batch // 4)
            both = requests_per_second(pinned, batch)
            version.withdraw()
            assert is_plain()
            requests_per_second(app, batch // 4)
            during.append(both * 2 / (before + requests_per_second(app, batch)))
        app.close()
        pinned.close()
        return {
            "steady_ratio": spread(steady, 4),
            "during_ratio": spread(during, 4),
            "page_us": round(bare * 1e6, 1),
            "added_us": added_microseconds(rounds, batch),
        }


def added_microseconds(rounds: int, batch: int) -> float:
    """What pinning adds to a request of a Flask page that does nothing: the median over all turns."""
    from flask import Flask

    flask = Flask("nothing")
    flask.add_url_rule("/", view_func=lambda: "<ul></ul>")
    app, pinned = Server(flask), Server(pin_requests(flask), told=True)
    added = []
    for turn in range(rounds):
        bare, with_pins = seconds_each(app, pinned, batch, turn)
        added.append((with_pins - bare) * 1e6)
    app.close()
    pinned.close()
    return round(statistics.median(added), 2)


def seconds_each(one: Server, other: Server, batch: int, turn: int) -> tuple[float, float]:
    """CPU seconds of a request of each: one, other, other, one and so on, so that a machine that gets slower
    or faster meanwhile counts for both; what a pause of the machine or the collector made long counts for
    neither."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(turn, turn + 2 * batch):
        which = (number + 1) // 2 % 2
        times[which].append(seconds(one if which == 0 else other, str(number)))
    return middle_mean(times[0]), middle_mean(times[1])


def middle_mean(values: list[float]) -> float:
    """The mean of the middle half."""
    quarter = len(values) // 4
    return statistics.fmean(sorted(values)[quarter : len(values) - quarter])


def flask_app(program: Program) -> Any:
    from flask import Flask

    database = sqlite3.connect(":memory:")
    database.execute("create table item (name text, price integer)")
    database.executemany("insert into item values (?, ?)", ((f"item {i}", i * 7 % 1000) for i in range(1000)))
    database.execute("create index item_price on item (price)")
    app = Flask("page")
    app.add_url_rule("/", view_func=lambda: program["page"].page(database))
    return app


class Server:
    """gunicorn's own sync worker, handling one request after the other in this process; `told`: as the agent
    has it, saying when each is over."""

    def __init__(self, app: Any, told: bool = False) -> None:
        from gunicorn.app.base import BaseApplication
        from gunicorn.workers.sync import SyncWorker

        class Application(BaseApplication):  # type: ignore[misc]
            def load_config(self) -> None:
                self.cfg.set("accesslog", None)

            def load(self) -> Any:
                return app

        application = Application()
        self.listener = socket.create_server(("127.0.0.1", 0))
        log = application.cfg.logger_class(application.cfg)
        self.worker = SyncWorker(1, os.getpid(), [self.listener], application, 30, application.cfg, log)
        self.worker.wsgi = app
        if told:
            request_end.put_in(self.worker)

    def request(self, user: str) -> bytes:
        ours, its = socket.socketpair()
        with ours:
            ours.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\nX-User: {user}\r\n\r\n".encode())
            ours.shutdown(socket.SHUT_WR)  # or the worker waits for more before it closes
            self.worker.handle(self.listener, its, ("127.0.0.1", 1))
            return b"".join(iter(lambda: ours.recv(65536), b""))

    def close(self) -> None:
        self.worker.tmp.close()
        self.listener.close()


def seconds(server: Server, user: str) -> float:
    """CPU seconds of one request, so that other load on the machine does not count."""
    began = time.process_time()
    answer = server.request(user)
    ended = time.process_time()
    assert answer.startswith(b"HTTP/1.1 200") and b"</ul>" in answer
    return ended - began


def requests_per_second(server: Server, number: int) -> float:
    return 1 / middle_mean([seconds(server, str(user)) for user in range(number)])


def interpreters() -> dict[str, str]:
    """The Pythons to measure, by version."""
    found: dict[str, str] = {}
    for python in [sys.executable, *(str(p) for p in sorted(ROOT.glob(".venv*/bin/python")))]:
        version = subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        if version:
            found.setdefault(version, python)
    return found


def measure(python: str, rounds: int, batch: int, count: bool) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-m", MODULE, "--throughput", str(rounds), str(batch)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    ratio = instruction_ratio(python) if count else None
    figures["after_instructions_ratio"] = None if ratio is None else round(ratio, 4)
    return figures


def summary(by_version: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures by interpreter, and what lies behind them."""

    def each(pick: Callable[[Mapping[str, Any]], Any]) -> dict[str, Any]:
        return {version: pick(figures) for version, figures in by_version.items()}

    return {
        "steady_ratio": each(lambda f: f["steady_ratio"]["median"]),
        "during_ratio": each(lambda f: f["during_ratio"]["median"]),
        "after_instructions_ratio": each(lambda f: f["after_instructions_ratio"]),
        "added_us": each(lambda f: f["added_us"]),
        "spread": {version: dict(figures) for version, figures in by_version.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--batch", type=int, default=100, help="requests in a turn (%(default)s)")
    parser.add_argument("--no-instructions", action="store_true", help="leave callgrind out")
    parser.add_argument("--hot", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--throughput", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.hot:
        run_hot(arguments.hot[0] == "patched", int(arguments.hot[1]))
        return
    if arguments.throughput:
        print(json.dumps({**run_throughput(*arguments.throughput), "missing": missing_internals()}))
        return
    by_version = {}
    for version, python in interpreters().items():
        by_version[version] = measure(
            python, arguments.rounds, arguments.batch, not arguments.no_instructions
        )
        print(f"{version:6} {json.dumps(by_version[version])}", flush=True)
    figures = summary(by_version)
    worst = min(figures["steady_ratio"].values())
    print(f"steady, worst interpreter: {worst}; median {statistics.median(figures['steady_ratio'].values())}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
