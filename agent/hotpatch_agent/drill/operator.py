"""An operator with hotpatch: keys, a home folder, bundles, and the commands that bring them to a service."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from hotpatch_agent.drill.commands import Done, run
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.patches import demo_root

SERVICE, ENVIRONMENT = "port-amber", "drill"


def copy_demo(folder: Path) -> Path:
    """A copy of the demo application in this folder, which is then a tree that holds `demo_app`."""
    shutil.copytree(
        demo_root() / "demo_app", folder / "demo_app", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


class Operator:
    """Works in `folder`; `deployed` is the tree that the service was started from."""

    def __init__(self, folder: Path, deployed: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.deployed = deployed
        self._tree = deployed
        """The sources that run now."""

    def service_environ(self) -> Mapping[str, str]:
        return {"HOTPATCH_HOME": str(self.home)}

    def gunicorn_arguments(self) -> Sequence[str]:
        return ("--config=python:hotpatch_agent.gunicorn",)

    def command(self, *arguments: object) -> Done:
        return run(*arguments, environ=self.service_environ())

    def must(self, *arguments: object) -> Done:
        """A command that has to succeed; DrillFailed with its own words if it doesn't."""
        done = self.command(*arguments)
        if done.code:
            raise DrillFailed(f"hotpatch {done.command} failed with code {done.code}: {done.message}")
        return done
