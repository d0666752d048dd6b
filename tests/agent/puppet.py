"""A worker with no code of its own: it takes part in everything through the home folder, as real ones do.

    python -m tests.agent.puppet HOME BEHAVIOUR

BEHAVIOUR is a JSON object: what it answers when it verifies, rehearses and adopts.  Bundles are judged by the
real rules of trust, duties come from `duty`, decisions from `Leader`; only running code is left out.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import evolve
from hotpatch_agent import clock
from hotpatch_agent.decision.acts import Rehearse, Replace
from hotpatch_agent.decision.duty import Duty, Task, duty
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.observe import Rehearsal
from hotpatch_agent.home.alive import Lock
from hotpatch_agent.home.facts import How
from hotpatch_agent.home.folder import open_home
from hotpatch_agent.home.status import Adoption, Board, Life, Phase, Problem, Status, read_roll, worker_id
from hotpatch_agent.home.watch import Watch
from hotpatch_agent.leader.lead import Leader
from hotpatch_agent.leader.lookout import Lookout

from hotpatch import errors, trust
from hotpatch.release import Release

BASE = {"shop/pricing.py": "0" * 64}


def problem(told: dict[str, Any]) -> Problem:
    return Problem(told["error"], getattr(errors, told["error"]).exit_code, told["text"])


class Puppet:
    def __init__(self, folder: Path, behaviour: dict[str, Any]) -> None:
        self.home, self.behaviour = open_home(folder), behaviour
        self.me = worker_id()
        self.history = History(self.home.ledger)
        self.history.refresh()
        self.board = Board(self.home.workers, self.me)
        top = self.history.state.top
        self.status = Status(
            self.me,
            os.getpid(),
            clock.now(),
            "puppet",
            "shop:app",
            "3.11",
            stack=self.history.state.versions,
            digest=top.digest if top else "",
        )
        self.leader = Leader(self.home, self.history, self.me, clock.now)
        self.lookout = Lookout(self.home, self.me, self.accept)
        self.rehearsal: Rehearsal | None = None
        self.lock: Lock | None = None
        self.spawned: list[subprocess.Popen[bytes]] = []

    def accept(self, data: bytes) -> Release:
        root = trust.read_root(self.home.trust / "root.json")
        floor = self.history.state.floor
        service = self.home.service
        expected = trust.Expectation(
            service.name, service.environment, floor, datetime.now(UTC), "", BASE.get
        )
        return trust.accept(data, root, expected)

    def run(self) -> None:
        watch = Watch()
        signal.signal(
            signal.SIGTERM, lambda *_: setattr(self, "status", evolve(self.status, life=Life.LEAVING))
        )
        for folder in (self.home.ledger, self.home.spool, self.home.workers):
            watch.add(folder)
        self.board.write(self.status)
        while self.status.life is Life.SERVING:
            self.history.refresh()
            self.do(duty(self.history.state, self.status))
            self.board.write(evolve(self.status, seq=self.history.state.seq))
            self.lock = self.lock or Lock.try_take(self.home.leader_lock)
            if self.lock is not None:
                self.lead()
            watch.wait(0.02)
        if self.lock is not None:
            self.lock.release()
        self.board.leave()

    def leave(self, *_: object) -> None:
        self.status = evolve(self.status, life=Life.LEAVING)

    def report(self, to: Duty, phase: Phase, **more: Any) -> None:
        adoption = Adoption(to.errand, to.digest, to.version, phase, clock.now(), **more)
        self.status = evolve(self.status, adoption=adoption)

    def do(self, to: Duty) -> None:
        match to.task:
            case Task.VERIFY if "verify" in self.behaviour:
                self.report(to, Phase.REFUSED, problem=problem(self.behaviour["verify"]))
            case Task.VERIFY if not self.behaviour.get("mute"):
                self.report(to, Phase.VERIFIED)
            case Task.STAGE:
                self.report(to, Phase.READY)
            case Task.ADOPT:
                self.adopt(to)
            case Task.WITHDRAW:
                self.status = evolve(self.status, adoption=None)

    def adopt(self, to: Duty) -> None:
        how = Phase(self.behaviour.get("adopt", "live"))
        if how is Phase.LIVE:
            self.status = evolve(self.status, stack=to.stack, digest=to.digest)
        if self.status.phase_for(to.errand, to.digest) is not how:
            self.report(to, how, reason="" if how is Phase.LIVE else "it was told so")

    def lead(self) -> None:
        for act in self.leader.turn(self.lookout.look(self.rehearsal)):
            match act:
                case Rehearse():
                    told = self.behaviour.get("rehearse", {"how": "live"})
                    if "error" in told:
                        self.rehearsal = Rehearsal(act.errand, None, problem(told))
                    else:
                        self.rehearsal = Rehearsal(act.errand, How(told["how"]), seconds=0.01)
                case Replace(worker):
                    assert self.history.state.replacement is not None
                    self.replace(worker, self.history.state.replacement.among)

    def replace(self, worker: str, among: int) -> None:
        alive = [one for one in read_roll(self.home.workers).alive if one.life is Life.SERVING]
        if len(alive) > among:
            os.kill(int(worker.partition("-")[0]), signal.SIGTERM)
        elif all(one.poll() is not None for one in self.spawned) or len(alive) == among:
            known = {one.pid for one in alive}
            if not any(one.pid not in known and one.poll() is None for one in self.spawned):
                self.spawned.append(start(self.home.path, {**self.behaviour, "adopt": "live"}))


def start(home: Path, behaviour: dict[str, Any]) -> subprocess.Popen[bytes]:
    """A puppet of its own process."""
    command = [sys.executable, "-m", "tests.agent.puppet", str(home), json.dumps(behaviour)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


if __name__ == "__main__":
    Puppet(Path(sys.argv[1]), json.loads(sys.argv[2])).run()
