"""Takes the five-minute tour and writes down what the commands printed.  `python docs/tour.py` makes it.

Each step is prose and the lines that a reader would type.  They are run by a real shell, one after another,
in a folder of their own, on a real gunicorn; what they print is the page.  A test takes the tour again and
holds the page to it, numbers aside.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Final

from attrs import frozen

PAGE: Final = Path(__file__).with_name("tour.md")
PORT: Final = "8000"
HEAD: Final = """\
# Five minutes with hotpatch

A service with state that took time to gather, a bug, and a fix that goes live without a restart. Everything
below was typed as it stands, on one machine, and everything that looks like output is what the commands
printed (`python docs/tour.py` takes the tour again and writes this page).
"""


@frozen
class Step:
    """What a reader is told, and then types.  A line in the background brings up the service."""

    prose: str
    lines: tuple[str, ...]
    background: bool = False


STEPS: Final = (
    Step(
        "Hotpatch is one package for the service's environment and for the operator's:",
        ("hotpatch --version",),
    ),
    Step(
        "A service. Each worker counts in memory what it has sold; and it charges too little, for the "
        "discount is taken twice.",
        (
            "mkdir -p shop",
            "cat > shop/shop.py <<'EOF'\n"
            "SOLD = []          # warm state: a restart would lose it\n"
            "DISCOUNT = 10      # percent\n"
            "\n"
            "\n"
            "def total(amount):\n"
            "    return amount - 2 * amount * DISCOUNT // 100\n"
            "\n"
            "\n"
            "def app(environ, start_response):\n"
            "    SOLD.append(total(100))\n"
            '    text = f"total {SOLD[-1]}, sold {len(SOLD)}\\n".encode()\n'
            '    start_response("200 OK", [("Content-Length", str(len(text)))])\n'
            "    return [text]\n"
            "EOF",
        ),
    ),
    Step(
        "The service gets a home folder, and a key that it trusts. Only what that key has signed will "
        "ever run.",
        (
            "export HOTPATCH_HOME=$PWD/home",
            "hotpatch init --service shop --environment production --app shop:app --root shop",
            "hotpatch keygen release.key --trust home",
        ),
    ),
    Step(
        "gunicorn is started as ever, with one option more:",
        (
            "gunicorn -c python:hotpatch_agent.gunicorn --chdir shop -w 2 -b 127.0.0.1:8000 shop:app "
            "> gunicorn.log 2>&1 &",
        ),
        background=True,
    ),
    Step(
        "It serves, and knows itself:",
        ("curl -s http://127.0.0.1:8000/", "curl -s http://127.0.0.1:8000/", "hotpatch status"),
    ),
    Step(
        "The fix, in a copy of the sources (two git revisions do as well):",
        (
            "cp -r shop fixed",
            "sed -i 's/2 \\* amount/amount/' fixed/shop.py",
            "diff shop/shop.py fixed/shop.py",
            "hotpatch plan --from shop --to fixed --app shop:app",
        ),
    ),
    Step(
        "Both versions were started, each in a clean process, and what differs between them *is* the plan. "
        "It is signed into a bundle, with a check that must hold before anybody sees the new code:",
        (
            "hotpatch build --from shop --to fixed --key release.key "
            "--http 'GET / -> 200 contains total 90' -m 'take the discount once' -o fix.bundle",
        ),
    ),
    Step(
        "And pushed. Every worker verifies the bundle for itself; one rehearses it in a forked copy of "
        "itself, where the check runs and the result is compared with a fresh start; then all commit at "
        "once.",
        ("hotpatch push fix.bundle", "curl -s http://127.0.0.1:8000/", "hotpatch status"),
    ),
    Step(
        "The total is right, and what had been sold is still known: nothing was restarted. A fix that breaks "
        "something is another matter:",
        (
            "cp -r fixed worse",
            "sed -i 's/DISCOUNT = 10 /DISCOUNT = 100/' worse/shop.py",
            "hotpatch build --from fixed --to worse --key release.key "
            "--http 'GET / -> 200 contains total 90' -m 'a slip of the hand' -o worse.bundle",
            "hotpatch push worse.bundle; echo exit code $?",
            "curl -s http://127.0.0.1:8000/",
        ),
    ),
    Step(
        "It was rehearsed, refused, and nobody saw it. What went live can be taken back, and the ledger "
        "knows it all:",
        ("hotpatch rollback --reason 'only trying'", "curl -s http://127.0.0.1:8000/", "hotpatch log"),
    ),
)

TAIL: Final = """
Where to go from here: [operations.md](operations.md) for the service's life, [edits.md](edits.md) for what
can be changed live, [consistency.md](consistency.md) for what a request may rely on,
[rollouts.md](rollouts.md) for strategies, [security.md](security.md) for keys and trust.
"""


def take(folder: Path, port: str) -> str:
    """The tour, taken in this folder with the service on this port; the page's text."""
    page = [HEAD]
    with _Shell(folder, port) as shell:
        for step in STEPS:
            if step.prose:
                page.append(f"\n{textwrap.fill(step.prose, 108)}\n")
            page.append("\n```console\n")
            for line in step.lines:
                page.append(f"$ {line}\n")
                page.append(shell.run(line, background=step.background))
            page.append("```\n")
    page.append(TAIL)
    return "".join(page)


class _Shell:
    """One bash for the whole tour; what a line prints ends at a mark."""

    MARK = "--end-of-line--"

    def __init__(self, folder: Path, port: str) -> None:
        self._folder, self._port = folder, port
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HOTPATCH")}
        environ |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}",
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environ,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> _Shell:
        return self

    def __exit__(self, *exc: object) -> None:
        self.run("kill %1; wait %1 2> /dev/null")
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, line: str, background: bool = False) -> str:
        typed = line.replace(f":{PORT}", f":{self._port}")
        if background:
            # Its socket is the gunicorn user's default otherwise, which another service may have.
            typed = typed.replace("gunicorn -c", "gunicorn --no-control-socket -c")
            typed += f"\nuntil curl -s -o /dev/null http://127.0.0.1:{self._port}/; do sleep 0.1; done"
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{typed}\necho {self.MARK}\n")
        self._process.stdin.flush()
        said: list[str] = []
        for answer in self._process.stdout:
            if answer.endswith(f"{self.MARK}\n"):
                said.append(answer.removesuffix(f"{self.MARK}\n"))
                break
            said.append(answer)
        text = "".join(said).replace(str(self._folder), "~/tour").replace(f":{self._port}", f":{PORT}")
        return "".join(f"{one.rstrip()}\n" for one in text.splitlines())


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def masked(page: str) -> list[str]:
    """The page without what differs from tour to tour: numbers, the key's name, how wide they make a table,
    in which order the workers came along, and what each of them had answered by then."""
    passing = re.compile(
        r"  worker \d+: |(version|the code on disk|release \d+)  .*(share|%)|\d+ +(release|the code)"
    )
    lines = [line for line in page.splitlines() if line and not passing.match(line)]
    named = [re.sub(r"\([0-9a-f]{8}\)", "(KEY)", line) for line in lines]
    return [re.sub(r" +", " ", re.sub(r"\d+(?:[.,:]\d+)*", "0", line)) for line in named]


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tour-")).resolve()
    try:
        PAGE.write_text(take(folder, free_port()))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
