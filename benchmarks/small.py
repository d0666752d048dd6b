"""A service that does next to nothing, so that what is measured is the server, and what the agent adds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen
from hotpatch_agent.drill.commands import run
from hotpatch_agent.drill.service import Service, ServicePlan

APP = "small:app"
PROGRAM = """import json
import os

VERSION = {version!r}


def answer():
    return json.dumps({{"worker": os.getpid(), "version": VERSION}}).encode()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [answer()]
"""


def sources(version: str) -> Mapping[str, str]:
    """The program, one file, in a version that its answers name."""
    return {"small.py": PROGRAM.format(version=version)}


@frozen
class Small:
    """A small service; `environ` is what the commands need to find its home, empty without the agent."""

    service: Service
    folder: Path
    environ: Mapping[str, str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def bundle(self, old: str, new: str) -> Path:
        """A signed bundle that leads from one version to another."""
        trees = [write_tree(self.folder / "trees" / f"{old}-{new}" / each, each) for each in (old, new)]
        path = self.folder / f"{new}.bundle"
        key = self.folder / "release.key"
        self.command("build", "--from", trees[0], "--to", trees[1], "--key", key, "--output", path)
        return path

    def command(self, *words: object) -> Mapping[str, object]:
        return command(*words, environ=self.environ)


def command(*words: object, environ: Mapping[str, str] | None = None) -> Mapping[str, object]:
    """A command of hotpatch that has to succeed; its JSON object."""
    done = run(*words, environ=environ or {})
    if done.code:
        raise RuntimeError(f"hotpatch {words[0]} ended with {done.code}: {done.message}")
    return done.answer


def write_tree(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for path, text in sources(version).items():
        (folder / path).write_text(text)
    return folder


@contextlib.contextmanager
def small(folder: Path, workers: int, with_agent: bool, worker_class: str = "gthread") -> Iterator[Small]:
    """The service, started, with a home folder and a key that it trusts, or without the agent."""
    tree = write_tree(folder / "deployed", "one")
    environ = {"HOTPATCH_HOME": str(folder / "home")} if with_agent else {}
    if with_agent:
        command(
            "init",
            "--service",
            "small",
            "--environment",
            "benchmark",
            "--app",
            APP,
            "--root",
            tree,
            environ=environ,
        )
        command("keygen", folder / "release.key", "--trust", folder / "home", environ=environ)
    plan = ServicePlan(
        folder,
        tree,
        workers=workers,
        threads=2,
        arguments=("--config=python:hotpatch_agent.gunicorn",) if with_agent else (),
        environ=environ,
        worker_class=worker_class,
        app=APP,
    )
    with Service(plan) as service:
        service.wait_until_ready()
        yield Small(service, folder, environ)
