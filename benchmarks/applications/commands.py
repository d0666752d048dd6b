"""An operator of one service: home, key, bundles, and the commands that bring them to it."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from hotpatch_agent.drill.commands import Done, run

from benchmarks.applications.service import Plan, environment

SERVICE, ENVIRONMENT = "site", "benchmark"


class CommandFailedError(Exception):
    """A command said no where it has to work."""


@frozen
class Operator:
    """Everything is done by the command line, as a person does it."""

    plan: Plan
    seconds: float
    """The longest that a command may take."""

    def set_up(self) -> None:
        """The home of the service, and a key that it trusts."""
        assert self.plan.home is not None
        self._must("init", "--service", SERVICE, "--environment", ENVIRONMENT, "--app", self.plan.target,
                   "--root", self.plan.root, "--set", f"deadline={self.seconds:g}")  # fmt: skip
        self._must("keygen", self.key, "--trust", self.plan.home)

    @property
    def key(self) -> Path:
        return self.plan.folder / "release.key"

    def build(self, old: object, new: object, bundle: Path, *more: object) -> Done:
        """`old` and `new` are folders, or revisions with `--repo` among the further arguments."""
        return self._run("build", "--from", old, "--to", new, "--key", self.key, "--output", bundle, *more)

    def push(self, bundle: Path) -> Done:
        return self._run("push", bundle)

    def roll_back(self, to: int) -> Done:
        return self._run("rollback", "--to", to)

    def history(self) -> list[str]:
        """What the ledger tells, oldest first."""
        return [str(record["text"]) for record in self._run("log").answer["records"]]

    def _run(self, *arguments: object) -> Done:
        return run(*arguments, environ=environment(self.plan), longest=self.seconds)

    def _must(self, *arguments: object) -> None:
        done = self._run(*arguments)
        if done.code:
            raise CommandFailedError(f"hotpatch {done.command} failed with code {done.code}: {done.message}")
