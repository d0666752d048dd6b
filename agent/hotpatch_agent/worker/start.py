"""One worker's start, from its fork to its first request: on the ledger's head, whatever is on disk.

gunicorn ends the whole service when a worker can't boot (exit status 3 or 4), since without a release there
is nothing to fall back on.  Here there is: a worker that can't start on the head leaves its status behind
with the reason and exits with another status; its successor finds that, and starts on the last release that
does start, or on the disk's own code.  What fails there fails as it would without hotpatch.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from hotpatch import epochs, refresh
from hotpatch.errors import (
    BaseDiffers,
    DiskFull,
    HotpatchError,
    LedgerDamaged,
    NotWritable,
    PatchInvalid,
    PatchRefused,
)
from hotpatch.release import python_tag
from hotpatch_agent import running
from hotpatch_agent.clock import Instant, now
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import facts
from hotpatch_agent.home.alive import Lock
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.ledger import NameTaken
from hotpatch_agent.home.shelf import Shelf
from hotpatch_agent.home.status import (
    Adoption,
    Board,
    Life,
    Phase,
    Problem,
    Status,
    read_roll,
    start_of,
    worker_id,
)
from hotpatch_agent.process import adopt, worker_classes
from hotpatch_agent.process.layers import Layers, layer
from hotpatch_agent.process.program import Program
from hotpatch_agent.worker.agent import Agent
from hotpatch_agent.worker.choice import choose, open_trial, place_on_trial

CANNOT_START: Final = 75
"""The exit status of a worker that can't start on the head (EX_TEMPFAIL); gunicorn starts another then."""
SEEN: Final = 5.0
"""Seconds that a worker that can't start stays where others serve: its master starts the next at once."""
VERSION_HEADER: Final = "version_header"
"""The setting of a service that names a response header: it tells which release answered."""
BOOT_ERRORS: Final = (3, 4)
"""Exit statuses at which gunicorn's master ends the service: WORKER_BOOT_ERROR and APP_LOAD_ERROR."""


class Start:
    """Made in a new worker right after the fork; puts itself around what the worker class does to start."""

    def __init__(self, worker: Any, home: Home, preloaded: Program | None) -> None:
        self._worker = worker
        self._home = home
        self._preloaded = preloaded
        self._load: Callable[[], None] = worker.load_wsgi
        self._run: Callable[[], Any] = worker.run
        self._status: Status | None = None
        self._problem: Problem | None = None
        self._meant: tuple[int, str] = (0, "")
        """Version and digest of what it was to be started on."""
        self.agent: Agent | None = None
        self.failed = False
        worker.load_wsgi = self.load
        worker.run = self.run
        worker_classes.prepare(worker, self._left)

    def _left(self) -> None:
        if self.agent is not None:
            self.agent.leave()

    # -- what stands in for the worker's own methods -------------------------------------------

    def load(self) -> None:
        """`load_wsgi`: the application as the head has it, its requests pinned."""
        try:
            layers = self._prepare()
        except Exception as error:  # noqa: BLE001  (whatever is wrong with us, the service serves)
            self._off(error)
            self._load()
            return
        try:
            self._load_layers(layers)
            self._pin()
        except BaseException as error:
            self._give_up(error)
            raise
        try:
            self._hand_over(layers)
        except Exception as error:  # noqa: BLE001  (as above)
            self._off(error)
        self._load_plugins()

    def _off(self, error: Exception) -> None:
        known = isinstance(error, HotpatchError | OSError)
        self._worker.log.error("hotpatch is off in this worker: %s", error, exc_info=not known)

    def run(self) -> Any:
        """`run`: an application that fails to start up in there fails by exit status alone; one that has not
        proven that it answers says so in the same way."""
        try:
            came = self._run()
            if self.failed:
                raise SystemExit(CANNOT_START)
            return came
        except SystemExit as error:
            if error.code in BOOT_ERRORS and self.agent is not None and not self.agent.has_served:
                self._give_up(error)
            raise

    # -- what gunicorn's hooks call ----------------------------------------------------------------

    def begin(self) -> None:
        """The worker is about to serve: its agent begins, and counts it as serving at its first heartbeat.

        Every worker class calls `notify` when it has begun to accept connections, and all the time from then
        on; so the stand-in is there for one call.
        """
        agent, worker = self.agent, self._worker
        if agent is None:
            return
        notify = worker.notify

        def first_notify() -> None:
            del worker.notify
            notify()
            agent.served()

        worker.notify = first_notify
        agent.enter()
        agent.start()

    def end(self) -> None:
        """The worker is about to exit."""
        if self.agent is not None and not self.failed:
            self.agent.stop()

    # -- before the application is loaded --------------------------------------------------------

    def _prepare(self) -> Layers:
        """What to start on, with a status file that says so from now on."""
        self._board = Board(self._home.workers, worker_id())
        self._history = History(self._home.ledger)
        trouble = self._read_history()
        while True:
            known = self._history.state.seq
            layers = self._place(trouble)
            trouble = self._read_history()
            if self._history.state.seq == known:
                return layers
            # What was decided before it could be seen was decided without it, so it chooses anew.

    def _place(self, trouble: str) -> Layers:
        state = self._history.state
        self._program = self._preloaded or Program.at(root_of(self._home))
        if self._preloaded is not None and state.runs_disk and self._program.is_older_than_disk():
            self._worker.log.info("hotpatch: loading the program anew in this worker, as it is on disk")
            self._forget_preloaded()
        # No two workers take the same place, so the next one chooses when this one's choice can be seen.
        lock = Lock.take(self._home.start_lock) if state.replacement and state.replacement.on else None
        try:
            layers = self._choose(state)
            self._status = self._booting(layers, trouble)
            self._board.write(self._status)
        finally:
            if lock is not None:
                lock.release()
        return layers

    def _choose(self, state: State) -> Layers:
        roll = read_roll(self._home.workers)
        shelf = Shelf(self._home)
        releases, self._problem = choose(state, roll, shelf.committed)
        self._meant = (state.top.version, state.top.digest) if state.top else (0, "")
        assert self._program is not None
        layers = layer(releases, self._program.base_digest)
        trial = place_on_trial(state, roll)
        if trial is None or self._problem is not None:
            return layers
        self._meant = trial.version, trial.digest
        beyond = releases if len(state.stack_on(trial.version)) > 1 else ()
        on_trial, self._problem = open_trial(state, roll, shelf.committed)
        if on_trial is None:
            return layers
        with_trial = layer((*beyond, on_trial), self._program.base_digest)
        if with_trial.stack[-1:] == (trial.version,):
            return with_trial
        because = with_trial.because or "the release does not fit the sources on disk"
        self._problem = Problem.of(BaseDiffers(because))
        return layers

    def _read_history(self) -> str:
        """Reads the ledger, records the master's start in it if that is news; gives what is wrong with it."""
        try:
            self._history.refresh()
            while is_new_master(self._history.state, now(), started_at(os.getppid())):
                try:
                    self._history.append(facts.Started(str(os.getppid())), worker_id(), now())
                except NameTaken:
                    self._history.refresh()
        except (LedgerDamaged, DiskFull, NotWritable) as error:
            self._worker.log.error("hotpatch: %s", error)
            return str(error)
        return ""

    def _booting(self, layers: Layers, trouble: str) -> Status:
        top = layers.applied[-1] if layers.applied else None
        errand = self._history.state.errand
        return Status(
            worker=worker_id(),
            pid=os.getpid(),
            started=now(),
            worker_class=self._worker.cfg.worker_class_str,
            app=self._home.service.app,
            python=python_tag(),
            life=Life.BOOTING,
            stack=layers.stack,
            digest=top.digest if top else "",
            adoption=Adoption(errand, top.digest, top.version, Phase.COMMITTING, now()) if top else None,
            absorbs=(*layers.absorbed, *layers.strangers),
            absorbs_because=layers.because,
            seq=self._history.state.seq,
            trouble=trouble,
        )

    # -- the application ---------------------------------------------------------------------------

    def _load_layers(self, layers: Layers) -> None:
        if self._preloaded is None:
            self._program.start_on(layers.applied)
            self._load()
            self._program.note_loaded()
            return
        self._load()
        self._app = worker_classes.application(self._worker)
        try:
            for release in layers.applied:
                prepared = adopt.prepare(self._program, release, self._app)
                adopt.commit(self._program, prepared, self._app)
        except PatchRefused as reason:
            self._worker.log.info("hotpatch: loading the program anew in this worker: %s", reason)
            self._forget_preloaded()
            self._load_layers(layers)

    def _forget_preloaded(self) -> None:
        """What the master has loaded is not what this worker is to run."""
        self._program.forget_modules()
        self._worker.app.callable = None
        self._preloaded = None

    def _pin(self) -> None:
        self._app = worker_classes.application(self._worker)
        assert self._program is not None
        top = self._program.top
        running.note_epoch(epochs.current(), top.version if top else 0)
        name = self._home.service.settings.get(VERSION_HEADER, "")
        header = (name, lambda epoch: str(running.release_of(epoch))) if name else None
        worker_classes.put_application(self._worker, epochs.pin_requests(self._app, header=header))

    def _load_plugins(self) -> None:
        """Now, while nobody waits: the first release would do so beside requests."""
        try:
            refresh.load_plugins()
        except Exception as error:  # noqa: BLE001  (the first release says so)
            self._worker.log.warning("hotpatch: refresh plugins can't be looked for: %s", error)

    def _hand_over(self, layers: Layers) -> None:
        """From here on the agent has the status."""
        assert self._status is not None
        adoption = self._status.adoption
        if adoption is not None:
            adoption = evolve(adoption, phase=Phase.LIVE, since=now())
        note = ""
        version, digest = self._meant
        if self._problem is not None and version:
            note = f"could not start on release {version}: {self._problem.text}"
            errand = self._history.state.errand
            adoption = Adoption(errand, digest, version, Phase.FELL_BACK, now(), self._problem, note)
            self._worker.log.error("hotpatch: %s; started on %s", note, _named(layers.stack))
        if layers.because:
            self._worker.log.warning("hotpatch: %s", layers.because)
        status = evolve(self._status, adoption=adoption, note=note, base=self._program.base())
        self.agent = Agent(
            self._worker,
            self._home,
            self._board,
            self._history,
            self._program,
            self._app,
            status,
            self._unready,
        )

    def _give_up(self, error: BaseException) -> None:
        """Leaves word: for the successor, if it was a release that failed; for the leader, if it was the code
        on disk while other workers serve.  Does not come back then."""
        status = self._status
        if status is None:
            return
        if status.adoption is None:
            self._fail_beside_others(status, error)
            return
        self.failed = True
        text = "".join(traceback.format_exception_only(error)).strip().replace("\n", " ")
        problem = Problem.of(error if isinstance(error, HotpatchError) else PatchInvalid(text))
        self._worker.log.error(
            "hotpatch: release %s does not start: %s; another worker starts on the one before it",
            status.adoption.version,
            text,
        )
        traceback.print_exception(error)
        self._board.write(evolve(status, adoption=evolve(status.adoption, problem=problem)))
        raise SystemExit(CANNOT_START) from error

    def _unready(self, error: HotpatchError, charged: bool) -> None:
        """On the agent's thread, of a worker whose doors have never been open.  Ends it as one that can't be
        started: by word for its successor, or for the leader."""
        status = self._status
        assert status is not None
        self.failed = True
        self._worker.log.error(
            "hotpatch: this worker has started and does not answer as it should: %s", error
        )
        if charged and status.adoption is not None:
            self._board.write(evolve(status, adoption=evolve(status.adoption, problem=Problem.of(error))))
        else:
            self._stay_failed(status, str(error))
        os.kill(os.getpid(), signal.SIGTERM)

    def _stay_failed(self, status: Status, said: str) -> None:
        """For a moment, so that the leader can ask this worker, and no other, to go."""
        self._board.write(evolve(status, life=Life.FAILED, note=said))
        end = time.monotonic() + SEEN
        while time.monotonic() < end and self._worker.alive:
            time.sleep(0.05)

    def _fail_beside_others(self, status: Status, error: BaseException) -> None:
        """A service that serves is not ended because a further worker can't start."""
        alive = read_roll(self._home.workers).alive
        if not any(one.life is Life.SERVING for one in alive):
            return
        self.failed = True
        said = "".join(traceback.format_exception_only(error)).strip().replace("\n", " ")
        self._worker.log.error("hotpatch: the code on disk does not start: %s; other workers serve on", said)
        traceback.print_exception(error)
        self._stay_failed(status, said)
        raise SystemExit(CANNOT_START) from error


def is_new_master(state: State, moment: Instant, master: float) -> bool:
    """Has the master that started at tick `master` of this boot not been recorded yet?"""
    started = state.started
    return started is None or started.boot != moment.boot or started.tick < master


def started_at(pid: int) -> float:
    """When a process of this boot was started, in seconds since the boot."""
    return int(start_of(f"/proc/{pid}/stat")) / os.sysconf("SC_CLK_TCK")


def root_of(home: Home) -> Path:
    """The folder of the program's sources."""
    return Path(home.service.root) if home.service.root else Path.cwd()


def _named(stack: tuple[int, ...]) -> str:
    return f"release {stack[-1]}" if stack else "the code on disk"
