"""An operator with hotpatch: keys, a home folder, bundles, and the commands that bring them to a service."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hotpatch_agent.drill.commands import Done, Running, run
from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.patches import Patch, demo_root
from hotpatch_agent.drill.window import Window

APP = "demo_app.wsgi:app"
SERVICE, ENVIRONMENT = "port-amber", "drill"
READY = ("GET /healthz -> 200 contains ok", "GET / -> 200")


def copy_demo(folder: Path, tree: Path | None = None) -> Path:
    """A copy of a tree's demo application (by default of the one that comes with hotpatch) in this folder,
    which is then a tree that holds `demo_app`."""
    source = (tree or demo_root()) / "demo_app"
    shutil.copytree(source, folder / "demo_app", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


class Operator:
    """Works in `folder`; `deployed` is the tree that the service was started from."""

    def __init__(self, folder: Path, deployed: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.deployed = deployed
        self._key = folder / "release.key"
        self._tree = deployed
        """The sources that run now; a bundle is built from them to what a patch makes of them."""
        self.release = 0
        """The release that runs now, as far as the commands have said."""
        self._built: dict[Path, Path] = {}
        """By bundle, the tree that it leads to."""
        self._fixed: tuple[int, Path] | None = None

    def service_environ(self) -> Mapping[str, str]:
        return {"HOTPATCH_HOME": str(self.home)}

    def gunicorn_arguments(self) -> Sequence[str]:
        return ("--config=python:hotpatch_agent.gunicorn",)

    def set_up(self, app: str = APP, rollout: str = "", ready: Sequence[str] = READY) -> None:
        """The home folder of the service, with this rollout.toml if it isn't empty, and a key that it
        trusts; `ready` is what a new worker has to answer."""
        init = ("init", "--service", SERVICE, "--environment", ENVIRONMENT, "--app", app)
        self.must(*init, "--root", self.deployed, *(word for probe in ready for word in ("--ready", probe)))
        if rollout:
            (self.home / "rollout.toml").write_text(rollout)
        self.must("keygen", self._key, "--trust", self.home)

    def build(self, patch: Patch) -> Path:
        """A signed bundle of the patch; DrillFailed if there is none to be had."""
        done = self.try_build(patch)
        if done.code:
            raise DrillFailed(f"hotpatch build failed with code {done.code}: {done.message}")
        return self.bundle_of(patch)

    def try_build(self, patch: Patch) -> Done:
        tree = copy_demo(self.folder / "trees" / patch.name, self._tree)
        patch.apply(tree)
        self._built[self.bundle_of(patch)] = tree
        settings = [word for setting in patch.settings for word in ("--set", setting)]
        return run(
            *("build", "--from", self._tree, "--to", tree, "--key", self._key, *settings),
            *("--check", patch.checks, "--message", patch.title, "--output", self.bundle_of(patch)),
            environ={**self._environ, **patch.builder},
        )

    def bundle_of(self, patch: Patch) -> Path:
        return self.folder / f"{patch.name}.bundle"

    def push(self, bundle: Path, *flags: str) -> Done:
        done = self.must("push", bundle, *flags)
        self.has_gone_live(bundle, int(done.answer["release"]))
        return done

    def has_gone_live(self, bundle: Path, release: int) -> None:
        """This bundle is what runs now."""
        self.release, self._tree = release, self._built[bundle]
        self._fixed = (self.release, self._tree)

    def try_push(self, bundle: Path, *flags: str) -> Done:
        return self.command("push", bundle, *flags)

    def starts_push(self, bundle: Path, *flags: str) -> Running:
        """A push that is left to itself."""
        return Running("push", bundle, *flags, environ=self._environ)

    def pushes_in_window(self, bundle: Path) -> Window:
        """A push in a terminal window, as a person runs it."""
        return Window("push", bundle, environ=self._environ)

    def roll_back(self) -> Done:
        done = self.must("rollback", "--reason", "the drill says so")
        self.release, self._tree = 0, self.deployed
        return done

    def roll_forward(self) -> Done:
        """Back to the release that was pushed last."""
        if self._fixed is None:
            raise DrillFailed("nothing has been pushed that one could go forward to")
        self.release, self._tree = self._fixed
        return self.must("rollback", "--to", self.release, "--reason", "the drill says so")

    def history(self) -> list[str]:
        """What the ledger tells of releases and workers, oldest first."""
        return [str(record["text"]) for record in self.records()]

    def records(self) -> list[dict[str, Any]]:
        """The ledger, as `hotpatch log --json` tells it, oldest first."""
        found: list[dict[str, Any]] = self.must("log", "-n", 10_000).answer["records"]
        return found

    def command(self, *arguments: object) -> Done:
        return run(*arguments, environ=self._environ)

    @property
    def _environ(self) -> Mapping[str, str]:
        return {**self.service_environ(), **self._small_start()}

    def _small_start(self) -> Mapping[str, str]:
        """How the clean starts of a build are started: as the service is, with a small index and data of
        their own."""
        return {
            "DEMO_DATA": str(self.folder / "build-data"),
            "DEMO_INDEX_MB": "1",
            "DEMO_INDEX_SECONDS": "0",
        }

    def must(self, *arguments: object) -> Done:
        """A command that has to succeed; DrillFailed with its own words if it doesn't."""
        done = self.command(*arguments)
        if done.code:
            raise DrillFailed(f"hotpatch {done.command} failed with code {done.code}: {done.message}")
        return done
