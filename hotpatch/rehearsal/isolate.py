"""The forked child cut off from what it shares with the worker: signals, connections, resources.

After a fork the child holds the worker's sockets (a client would wait for an end of stream that the
child keeps from it), its epoll sets (a change in the child changes the worker's set, for they are
one kernel object), its wake-up pipes and its database connections (two processes that talk on
one connection corrupt it).  So each of those descriptors is replaced, under its own number, by one
that leads nowhere: reads see the end, writes see a broken pipe, as if the peer had gone.

Linux only: the descriptors come from /proc/self/fd.  All of it runs in the child, on its only thread.
"""

from __future__ import annotations

import _socket  # the bare descriptor pair; the runtime opens no connection
import ctypes
import fcntl
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hotpatch.rehearsal.verdict import Limits

KEPT: Final = frozenset({0, 1, 2})
"""Output stays: what a check prints belongs into the service's log."""
STARTS_A_PROCESS: Final = frozenset(
    {"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}
)
EPOLL: Final = getattr(select, "epoll", None)
"""Taken while it is there: gevent removes it from the module."""
PR_SET_PDEATHSIG: Final = 1
IGNORED_BY_PYTHON: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ})


class TooManyProcesses(BaseException):
    """A step started more processes than it may.  No Exception: a check must not survive it."""


def isolate(limits: Limits, keep: int, worker: int) -> None:
    """Cuts this child off; `keep` is the descriptor of the pipe to its parent, the process `worker`."""
    os.setsid()
    die_with_the_worker(worker)
    default_signals()
    deaden_descriptors(KEPT | {keep})
    fresh_output()
    limit_resources(limits)
    limit_processes(limits.processes)


def die_with_the_worker(worker: int) -> None:
    """The kernel ends this child when the thread that forked it ends, however that comes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != worker:
        os._exit(1)  # it ended before the kernel had been told


def default_signals() -> None:
    """Every signal as at the start of a Python process, without SIGINT's exception; nothing blocked."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number in (signal.SIGKILL, signal.SIGSTOP) or not isinstance(number, signal.Signals):
            continue
        wanted = signal.SIG_IGN if number in IGNORED_BY_PYTHON else signal.SIG_DFL
        signal.signal(number, wanted)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.setitimer(signal.ITIMER_REAL, 0)


def deaden_descriptors(keep: frozenset[int]) -> None:
    """Replaces every shared socket, pipe and kernel object by one that leads nowhere."""
    listed = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    dead = _Dead()
    for descriptor in listed:
        if descriptor in keep:
            continue
        try:
            target = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        except OSError:
            continue  # the listing's own descriptor
        substitute = dead.substitute(target, descriptor)
        if substitute is not None and substitute != descriptor:
            os.dup2(substitute, descriptor, inheritable=False)
    dead.close()


class _Dead:
    """One descriptor of each kind that leads nowhere."""

    def __init__(self) -> None:
        mine, other = _socket.socketpair()
        other.close()
        self.socket = mine.detach()
        self.reader, writer = os.pipe()
        os.close(writer)
        reader, self.writer = os.pipe()
        os.close(reader)
        self.epoll = EPOLL() if EPOLL is not None else None

    def substitute(self, target: str, descriptor: int) -> int | None:
        """What stands in for a descriptor whose link says `target`; None if it may stay."""
        if target.startswith("socket:"):
            return self.socket
        if target.startswith("pipe:"):
            mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
            return self.reader if mode == os.O_RDONLY else self.writer
        if "[eventpoll]" in target:
            return self.epoll.fileno() if self.epoll is not None else self.socket
        if target.startswith("anon_inode:"):
            return self.socket
        return None

    def close(self) -> None:
        for descriptor in (self.socket, self.reader, self.writer):
            os.close(descriptor)
        if self.epoll is not None:
            self.epoll.close()


def fresh_output() -> None:
    """Text streams with empty buffers: what the worker had not flushed yet must not be printed twice."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        try:
            stream = open(descriptor, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        except OSError:
            continue  # the service was started with that descriptor closed
        setattr(sys, name, stream)


def limit_resources(limits: Limits) -> None:
    """Memory, processor time and priority.  Soft limits, so that the child can still say why it ends."""
    _soft(resource.RLIMIT_CORE, 0)
    _soft(resource.RLIMIT_AS, address_space() + limits.memory)
    seconds = int(limits.total_seconds) + 1
    _soft(resource.RLIMIT_CPU, seconds)
    signal.alarm(seconds + int(limits.check_seconds) + 5)  # the worker may die before it ends its child
    os.nice(limits.niceness)


def limit_fresh(address_space: int, niceness: int) -> None:
    """The limits of a process that is no fork of a worker: memory in all, and priority."""
    _soft(resource.RLIMIT_CORE, 0)
    _soft(resource.RLIMIT_AS, address_space)
    os.nice(niceness)


def lift_memory_limit() -> None:
    """Room to say that memory ran out."""
    resource.setrlimit(resource.RLIMIT_AS, (_hard(resource.RLIMIT_AS), _hard(resource.RLIMIT_AS)))


def limit_processes(count: int) -> None:
    """At most `count` processes by this child and all that it starts, counted in a pipe that they share.

    An audit hook sees every way in which Python code starts a process; programs that are not Python are
    ended with the child's process group.
    """
    tokens, filler = os.pipe()
    os.set_blocking(tokens, False)
    os.write(filler, b"." * count)
    os.close(filler)
    sys.addaudithook(_process_guard(tokens))


def _process_guard(tokens: int) -> Callable[[str, tuple[Any, ...]], None]:
    def guard(event: str, _arguments: tuple[Any, ...]) -> None:
        if event in STARTS_A_PROCESS and not os.read(tokens, 1):
            raise TooManyProcesses(event)

    return guard


def address_space() -> int:
    """Bytes of address space that this process has."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def _soft(which: int, wanted: int) -> None:
    hard = _hard(which)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(which, (wanted, hard))


def _hard(which: int) -> int:
    return resource.getrlimit(which)[1]
