"""One worker's agent: a thread that sleeps until the home folder changes, then does what the ledger says.

*What does the ledger say I should run; do that; say so.*  Any worker may lead; the one that does also looks
at the spool and at the others, decides, and rehearses.  The thread never gets in a request's way, and no
error ends it: what keeps it from its work stands in the worker's status, and it tries again.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from typing import Any, Final

from attrs import evolve

from hotpatch import epochs
from hotpatch.errors import HotpatchError
from hotpatch.pace import breathe, paced
from hotpatch.release import Release
from hotpatch_agent import running
from hotpatch_agent.clock import now
from hotpatch_agent.decision.acts import ForWorker, Rehearse, Replace
from hotpatch_agent.decision.decide import wake_in
from hotpatch_agent.decision.duty import Duty, Task, duty
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.observe import Observations
from hotpatch_agent.decision.overdue import stacks
from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.decision.trial import has_a_say
from hotpatch_agent.decision.two_sets import are_up, staying
from hotpatch_agent.home import measuring
from hotpatch_agent.home.alive import Lock
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.shelf import Shelf
from hotpatch_agent.home.status import HERE, Board, Life, Phase, Status, master_id, read_roll
from hotpatch_agent.home.watch import watch_over
from hotpatch_agent.leader.lead import Leader
from hotpatch_agent.leader.levers import Levers
from hotpatch_agent.leader.lookout import Lookout
from hotpatch_agent.leader.overseer import Overseer
from hotpatch_agent.leader.rehearsing import Rehearsing, limits
from hotpatch_agent.leader.replace import LOOK, Replacer
from hotpatch_agent.native import start_thread
from hotpatch_agent.process.doors import is_shut
from hotpatch_agent.process.memory import used
from hotpatch_agent.process.program import Program
from hotpatch_agent.process.traffic import Traffic
from hotpatch_agent.process.trials import before, counters
from hotpatch_agent.process.wear import Wear
from hotpatch_agent.rollout.counters import Measured
from hotpatch_agent.worker.doorkeeper import Doorkeeper
from hotpatch_agent.worker.proving import Failed, Proving
from hotpatch_agent.worker.tasks import Tasks, requests

RETRY: Final = (0.25, 2.0)
"""Seconds until a held commit is tried again: at first, and at most."""
TROUBLE: Final = (1.0, 30.0)
"""Seconds until the agent looks again after an error: at first, and at most."""
COUNTED: Final = 0.5
"""Seconds between two words on what requests of a release on trial have come to."""
ANSWERING: Final = 1.0
"""Seconds between two words of a worker that leaves on which requests it still answers."""
FAREWELL: Final = 5.0
"""Seconds that a worker's end waits for its agent to finish what it is doing."""


class Agent:
    """Made by the worker before its first request; all but `enter`, `start`, `served`, `leave` and `stop`
    runs on the agent's own thread."""

    def __init__(
        self,
        worker: Any,
        home: Home,
        board: Board,
        history: History,
        program: Program,
        app: Any,
        status: Status,
        unready: Failed,
    ) -> None:
        self._worker = worker
        self._log = worker.log
        self._home = home
        self._board = board
        self._history = history
        self._program = program
        self._status = status
        self._watch = watch_over(home.ledger, home.spool, home.workers)
        self._watch.remove(home.spool)
        self._watch.remove(home.workers)  # only the leader needs to be woken by these
        self._shelf = Shelf(home)
        self._tasks = Tasks(program, app, self._shelf, worker.log, self._stands)
        self._rehearsing = Rehearsing(program, app, worker, self._watch.wake)
        levers = Levers(os.getppid(), worker.cfg, worker.log)
        self._replacer = Replacer(home.path, levers, worker.log, master_id())
        self._lookout = Lookout(home, status.worker, self._accept)
        self._leader = Leader(home, history, status.worker, now)
        self._overseer = Overseer(home, history, self._watch.wake, worker.log)
        self._traffic = Traffic()
        self._wear = Wear(worker, home.service.settings)
        self._doorkeeper: Doorkeeper | None = None
        self._proving = Proving(worker, app, home.service.settings, unready)
        self._measured: Measured | None = None
        self._told: Status | None = None
        self._lock: Lock | None = None
        self._leads = False
        self._unable = ""
        """Why this worker can't stand by to lead."""
        self._stopping = False
        self._is_leaving = False
        self._gone = threading.Event()
        self._held_for = RETRY[0]
        self._back_off = TROUBLE[0]
        self._warned = 0
        """The errand whose blockers were put into the log."""
        self.has_served = False

    # -- called by the worker ----------------------------------------------------------------------

    def enter(self) -> None:
        """The worker is about to accept connections, or to wait."""
        self._doorkeeper = Doorkeeper(self._worker, self._watch, self._home.workers, self._proving)
        self._doorkeeper.enter(self._history.state, self._status, self._alive)

    def start(self) -> None:
        """Begin.  The worker counts as serving when `served` has been called."""
        start_thread(self._live, "hotpatch")
        start_thread(self._succeed, "hotpatch-succession")

    def served(self) -> None:
        """The worker has begun to accept connections."""
        self.has_served = True
        self._watch.wake()

    def leave(self) -> None:
        """The worker no longer accepts connections.  Safe in a signal handler."""
        self._is_leaving = True
        self._watch.wake()

    def stop(self) -> None:
        """The worker's last act: its status goes, and its word no longer counts."""
        self._stopping = True
        self._watch.wake()
        self._gone.wait(FAREWELL)
        self._board.leave()
        if self._lock is not None:
            self._lock.release()

    # -- the thread --------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            while not self._stopping:
                self._watch.wait(self._careful_round())
        finally:
            self._gone.set()

    def _succeed(self) -> None:
        """Sleeps in the kernel until no other worker leads."""
        pause = TROUBLE[0]
        while not self._stopping:
            try:
                lock = Lock.try_take(self._home.leader_lock)
                if self._unable:
                    self._unable = ""  # from here on it waits its turn, perhaps for as long as it lives
                    self._watch.wake()
                self._lock = lock or Lock.take(self._home.leader_lock)
            except (HotpatchError, OSError) as error:
                said = f"this worker can't lead for now: {error}"
                if said != self._unable:
                    self._unable = said
                    self._log.error("hotpatch: %s", said)
                    self._watch.wake()
                self._gone.wait(pause)
                pause = min(2 * pause, TROUBLE[1])
            else:
                self._watch.wake()
                return

    def _careful_round(self) -> float | None:
        """A round in which nothing can go so wrong that there is no next one; seconds until that."""
        try:
            with paced(self._traffic.is_on):
                wait = self._round()
        except Exception as error:  # noqa: BLE001  (the thread has to outlive whatever it meets)
            pause, self._back_off = self._back_off, min(2 * self._back_off, TROUBLE[1])
            said = str(error) if isinstance(error, HotpatchError) else f"{type(error).__name__}: {error}"
            if self._status.trouble != said:
                self._log.error("hotpatch: %s", said, exc_info=not isinstance(error, HotpatchError))
            self._say_trouble(said)
            return pause
        if self._status.trouble != self._unable:
            self._say_trouble(self._unable)
        self._back_off = TROUBLE[0]
        return wait

    def _say_trouble(self, said: str) -> None:
        try:
            self._tell(evolve(self._status, trouble=said))
        except (HotpatchError, OSError):
            self._status = evolve(self._status, trouble=said)  # the disk may be the trouble

    def _round(self) -> float | None:
        """Everything that there is to do now.  Gives the seconds until the next look; None: until woken."""
        self._watch.add(self._home.ledger)
        self._board.keep()
        self._note_life()
        while True:
            self._history.refresh()
            before = self._history.state.seq
            if self._doorkeeper is not None:
                self._tell(self._doorkeeper.mind(self._history.state, self._status, self._alive, self._leads))
            wait = min(self._do_duties(), self._tend(), self._note_wear())
            breathe()
            lead_wait = self._lead()
            if self._history.state.seq == before and not self._is_due():
                break
        if self._status.seq != self._history.state.seq:
            self._tell(evolve(self._status, seq=self._history.state.seq))
        return None if math.isinf(soonest := min(wait, lead_wait)) else soonest

    def _note_life(self) -> None:
        life = self._status.life
        if life is Life.BOOTING and self.has_served:
            keeper = self._doorkeeper
            if keeper is not None and not keeper.let_in(self._history.state, self._status, self._alive):
                self._stopping = True  # what there was to say has been said
                return
            life = Life.WAITING if is_shut(self._worker) else Life.SERVING
        if life in HERE and self._is_leaving:
            life = Life.LEAVING
        if life is not self._status.life:
            self._tell(evolve(self._status, life=life, memory=used()))
        if life is Life.LEAVING and self._lock is not None:
            self._resign()

    def _resign(self) -> None:
        """This worker leads no more."""
        self._leads = False
        self._overseer.stop()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _alive(self) -> tuple[Status, ...]:
        """All that live, this one as it is now."""
        return tuple(
            self._status if one.worker == self._status.worker else one
            for one in read_roll(self._home.workers).alive
        )

    # -- a worker's part ---------------------------------------------------------------------------

    def _is_due(self) -> bool:
        return (self._status.adoption is None or self._status.adoption.phase is not Phase.HELD) and duty(
            self._history.state, self._status, self._peers()
        ).task is not Task.NOTHING

    def _peers(self) -> tuple[Status, ...]:
        """Who else lives, where what this worker does depends on that."""
        state = self._history.state
        return self._alive() if state.trying is not None or are_up(state) else ()

    def _warn(self, state: State) -> None:
        """Says in the service's log what holds this worker up past its deadline, once a transition."""
        if (transition := state.transition) is None or self._status.worker not in transition.blocked:
            return
        if self._warned != state.errand:
            self._warned = state.errand
            told = "; ".join(str(one) for one in self._status.blockers) or "nothing that can be seen by now"
            self._log.warning("hotpatch: old code still runs in this worker past its deadline: %s", told)

    def _do_duties(self) -> float:
        """Does what is due until nothing is, or until it has to wait; for how many seconds."""
        self._warn(self._history.state)
        while (due := duty(self._history.state, self._status, self._peers())).task is not Task.NOTHING:
            state = self._history.state
            after = self._tasks.do(due, state, self._status, self._tell)
            begins = due.task in (Task.VERIFY, Task.STAGE)
            if begins and state.rollout is not None and has_a_say(state.rollout.strategy):
                measuring.write(self._home.workers, after.worker, before())
            self._tell(after)
            if after.adoption is not None and after.adoption.phase is Phase.HELD:
                pause, self._held_for = self._held_for, min(2 * self._held_for, RETRY[1])
                return pause
            self._held_for = RETRY[0]
        return math.inf

    def _stands(self, due: Duty) -> bool:
        """Does the ledger still ask for this?"""
        self._history.refresh()
        return duty(self._history.state, self._status, self._peers()) == due

    def _tend(self) -> float:
        if self._status.life is Life.LEAVING:
            self._tell(evolve(self._status, blockers=requests(epochs.requests_in_flight())))
            return ANSWERING
        after, wait = self._tasks.tend(self._status)
        if after != self._status:
            self._tell(after)
        if (measured := self._tasks.trials.measured()) is None:
            return wait
        if measured != self._measured:
            measuring.write(self._home.workers, self._status.worker, measured)
            self._measured, self._told = measured, None
            self._tell(self._status)
        return min(wait, COUNTED)

    def _note_wear(self) -> float:
        """Asks to be replaced once this worker has answered as many requests as it may."""
        if self._status.life is not Life.SERVING:
            return math.inf
        worn = self._wear.worn(epochs.totals().requests)
        if worn != self._status.worn:
            self._tell(evolve(self._status, worn=worn))
        return self._wear.look

    def _tell(self, status: Status) -> None:
        """This is so now, for all to see; written only if something other than a count has changed."""
        self._status = status
        running.note(status.release)
        if self._stopping or status == self._told:
            return
        counted = counters(status.counters, running.release_of)
        self._board.write(evolve(status, counters=counted, written=round(time.time(), 3)))
        self._told = status
        breathe()

    # -- the leader's ------------------------------------------------------------------------------

    def _lead(self) -> float:
        """Decides, if this worker leads; seconds until a decision may be due for no reason but time."""
        if self._lock is None or self._status.life not in HERE:
            return math.inf
        if not self._lock.is_in_place():
            self._resign()
            start_thread(self._succeed, "hotpatch-succession")  # who leads is decided by the lock in place
            return math.inf
        if not self._leads:
            self._leader.begin()
            self._overseer.begin()
            self._history.refresh()  # what the one before has decided up to its end
            self._replacer.begin()
            self._watch.add(self._home.spool)
            self._watch.add(self._home.workers)
            self._leads = True
        state = self._history.state
        if state.stage is not Stage.OFFERED or state.errand != self._rehearsing.busy_with:
            self._rehearsing.call_off()
        self._note_rehearsal()
        seen = self._overseer.look(self._lookout.look(self._rehearsing.take()))
        for act in self._leader.turn(seen):
            breathe()
            self._do_act(act, seen)
        state = self._history.state
        self._overseer.tell()
        wait = min(wake_in(state, seen, now()), self._overseer.due())
        if state.replacement is not None or self._replacer.give_up(staying(state, seen.alive)):
            wait = min(wait, LOOK)
        return wait

    def _accept(self, data: bytes) -> Release:
        program, state = self._program, self._history.state
        # A newer push is built on what the service runs, which is not what this worker tries.
        trying = state.trying.digest if state.trying is not None else ""
        runs = functools.partial(program.digest_without, trying)
        return self._shelf.accept(data, state.floor, runs, program.base_digest)

    def _do_act(self, act: ForWorker, seen: Observations) -> None:
        state = self._history.state
        if isinstance(act, Rehearse):
            self._rehearse(act)
        elif isinstance(act, Replace) and state.replacement is not None:
            may_run = stacks(state, state.replacement)
            self._replacer.replace(act, state.replacement, seen.alive, may_run)

    def _rehearse(self, act: Rehearse) -> None:
        release = self._tasks.offered
        if self._rehearsing.busy_with is not None or release is None or release.digest != act.digest:
            return
        rollout = self._history.state.rollout
        cumulative = rollout is not None and rollout.terms.cumulative
        self._rehearsing.begin(act.errand, release, limits(release, self._home.service), cumulative)
        self._tell(self._with_phase(Phase.REHEARSING))

    def _note_rehearsal(self) -> None:
        """A rehearsal that is over leaves this worker where it was before."""
        adoption = self._status.adoption
        if adoption is not None and adoption.phase is Phase.REHEARSING and self._rehearsing.busy_with is None:
            self._tell(self._with_phase(Phase.VERIFIED))

    def _with_phase(self, phase: Phase) -> Status:
        assert self._status.adoption is not None
        return evolve(self._status, adoption=evolve(self._status.adoption, phase=phase, since=now()))
