"""hotpatch put into a gunicorn master and its workers, beside the hooks that the service has of its own.

gunicorn calls `nworkers_changed` whenever it has (re)read its configuration, before it loads or forks
anything (`Arbiter.setup` sets the number of workers).  `engage` is that hook: it wraps the other hooks of the
configuration as it then stands, so that it doesn't matter where in a config file hotpatch was put in, and a
`HUP` that reads a new configuration engages anew.

Whatever is wrong with hotpatch's own folder, the service starts and serves: one line in the log says that
hotpatch is off, and why.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hotpatch.errors import DiskFull, HotpatchError, NotWritable
from hotpatch_agent.home import masters
from hotpatch_agent.home.alive import Lock
from hotpatch_agent.home.folder import Home, locate, open_home
from hotpatch_agent.home.headcount import Headcount, note_wanted, read_wanted
from hotpatch_agent.home.status import worker_id
from hotpatch_agent.process.program import Program
from hotpatch_agent.worker import who_leaves

HEAVY: Final = (
    "hotpatch_agent.worker.start",
    "hotpatch.trust.rules",
    "hotpatch.trust.root",
    "hotpatch.bundle.compose",
    "importlib.metadata",  # by which plugins are found
    "_strptime",  # of the first date that is read, in the trust root
)
"""Imported by the master, so that its workers share them and none pays for them."""
FORGETFUL: Final = "hotpatch_agent.gunicorn"
"""The configuration module: gunicorn finds it executed anew whenever it reads its configuration."""


class _Master:
    """What the master of this process knows of hotpatch; its workers inherit it at the fork."""

    home: Home | None = None
    claim: Lock | None = None
    """Held while the home is this master's."""
    said: str = ""
    """The last word on why hotpatch is off, so that it is said once."""
    program: Program | None = None
    """With `preload_app`: the program as the master has loaded it."""
    application: Any = None
    headcount: Headcount | None = None
    unnoted: str = ""
    """Why the leader can't read how many workers there are to be, as it was said last."""
    start: Any = None
    """In a worker: its `Start`."""


def engage(server: Any, new: int | None = None, old: int | None = None) -> None:
    """Puts hotpatch's hooks around those of the server's configuration; harmless to repeat.  Never raises."""
    sys.modules.pop(FORGETFUL, None)
    settings = server.cfg.settings
    if getattr(settings["post_fork"].value, "hotpatch", False):
        if _Master.home is not None and _Master.headcount is not None and new is not None:
            if old is not None and new < old:
                who_leaves.choose_leaver(server, _Master.home.path)
            _Master.headcount.becomes(new)
            _note(server, _Master.home, _Master.headcount)
        return
    try:
        _Master.home = open_home(locate(None, os.environ))
        _claim(server, _Master.home)
        for name in HEAVY:
            importlib.import_module(name)
    except Exception as error:
        _Master.home = None
        if str(error) != _Master.said:
            _Master.said = str(error)
            known = isinstance(error, HotpatchError | OSError)
            server.log.warning("hotpatch is off; the service runs without it: %s", error, exc_info=not known)
        return
    _Master.said = ""
    _guard(server, _Master.home)
    _forget_leavers(server, _Master.home)
    _count_anew(server, _Master.home, server.num_workers if new is None else new)
    _around(settings, "pre_fork", before=_pre_fork)
    _around(settings, "post_fork", before=_post_fork)
    _around(settings, "post_worker_init", after=_post_worker_init)
    _around(settings, "worker_exit", before=_worker_exit)
    if "on_dirty_starting" in settings:
        _around(settings, "on_dirty_starting", before=_on_dirty_starting)
    server.log.info(
        "hotpatch is on for the service '%s', home %s", _Master.home.service.name, _Master.home.path
    )


def _claim(server: Any, home: Home) -> None:
    """NotAService if the home is another service's."""
    held = _Master.claim
    if held is not None and held.path.parent == home.masters and held.is_in_place():
        return
    _give_back()
    try:
        _Master.claim = masters.claim(home)
    except (NotWritable, DiskFull) as error:
        server.log.warning("hotpatch: whether another master has this home can't be found out: %s", error)
        return
    plain = server.stop

    def stop(graceful: bool = True) -> None:
        # Its workers are about to leave, and a master that is started meanwhile is to have the home.
        _give_back()
        plain(graceful)

    server.stop = stop


def _give_back() -> None:
    held, _Master.claim = _Master.claim, None
    if held is not None:
        held.release()


def _guard(server: Any, home: Home) -> None:
    from hotpatch_agent.worker.halting import guard

    guard(server, home)
    who_leaves.watch_over(server, home.path)
    _keep_noting(server)


def _forget_leavers(server: Any, home: Home) -> None:
    try:
        who_leaves.forget(server, home.path)
    except (HotpatchError, OSError) as error:
        server.log.warning("hotpatch: who was named to go could not be taken away: %s", error)


def _keep_noting(server: Any) -> None:
    """What could not be noted, on a full disk, or has gone with the home folder, is noted by the next round
    of the master's loop that can."""
    plain = server.manage_workers
    if getattr(plain, "notes", False):
        return

    def manage_workers() -> None:
        plain()
        home, count = _Master.home, _Master.headcount
        if home is not None and count is not None and count.wanted != read_wanted(home.path):
            _note(server, home, count)

    manage_workers.hotpatch = manage_workers.notes = True  # type: ignore[attr-defined]
    server.manage_workers = manage_workers


def _count_anew(server: Any, home: Home, workers: int) -> None:
    """The configuration was read: so many, whatever the leader has borrowed."""
    if _Master.headcount is None:
        _Master.headcount = Headcount(home.path, worker_id())
    _Master.headcount.begins_with(workers)
    _note(server, home, _Master.headcount)


def _note(server: Any, home: Home, count: Headcount) -> None:
    try:
        note_wanted(home.path, count.wanted)
    except (HotpatchError, OSError) as error:
        if str(error) != _Master.unnoted:
            _Master.unnoted = str(error)
            server.log.warning("hotpatch: how many workers there are to be could not be noted: %s", error)
    else:
        _Master.unnoted = ""


def _around(
    settings: Any,
    name: str,
    before: Callable[..., None] | None = None,
    after: Callable[..., None] | None = None,
) -> None:
    """The setting's own hook with ours before or after it."""
    setting = settings[name]
    own: Callable[..., Any] = setting.get()

    def ours(step: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
        try:
            if step is not None:
                step(*arguments)
        except Exception:  # noqa: BLE001  (gunicorn would end the worker, or the service)
            arguments[0].log.exception("hotpatch: the hook %s failed; the service goes on", name)

    def hook(*arguments: Any) -> None:
        ours(before, arguments)
        try:
            own(*arguments)
        finally:
            ours(after, arguments)

    hook.hotpatch = True  # type: ignore[attr-defined]
    setting.value = hook


def _pre_fork(server: Any, _worker: Any) -> None:
    """In the master: with `preload_app`, what it has loaded is noted once, when it has just been loaded."""
    app = server.app.callable
    if app is None or app is _Master.application or _Master.home is None:
        return
    from hotpatch_agent.worker.start import root_of

    _Master.application = app
    _Master.program = Program.at(root_of(_Master.home))
    _Master.program.note_loaded()


def _post_fork(server: Any, worker: Any) -> None:
    """In the new worker: its start goes through ours."""
    from hotpatch_agent.worker.start import Start

    assert _Master.home is not None
    preloaded = _Master.program if server.app.callable is not None else None
    _Master.start = Start(worker, _Master.home, preloaded)


def _on_dirty_starting(arbiter: Any) -> None:
    """In the dirty arbiter, a process of its own."""
    from hotpatch_agent.worker import dirty_arbiter

    if _Master.home is not None:
        dirty_arbiter.engage(arbiter, _Master.home)


def _post_worker_init(_worker: Any) -> None:
    if _Master.start is not None:
        _Master.start.begin()


def _worker_exit(_server: Any, worker: Any) -> None:
    """In the worker that ends; gunicorn may call it in the master too, for one that is gone already."""
    if _Master.start is not None and worker.pid == os.getpid():
        _Master.start.end()


def user_config(environ: Any) -> Path | None:
    """The service's own configuration file, where ours is given in its place."""
    named = environ.get("HOTPATCH_GUNICORN_CONFIG", "")
    path = Path(named or "gunicorn.conf.py")
    return path if path.exists() else None
