"""Threads of the operating system, also where gevent has turned `threading` into greenlets."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from hotpatch.native import original


def under_gevent() -> bool:
    """Has gevent taken the place of threads in this process?"""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def start_thread(run: Callable[[], None], name: str) -> None:
    """Runs `run` on a thread of its own that does not keep the process from ending."""
    if under_gevent():
        _make_hub()
        original("_thread", "start_new_thread")(run, ())
    else:
        threading.Thread(target=run, name=name, daemon=True).start()


def _make_hub() -> None:
    """This thread's hub, before another thread makes one of its own: that imports what gevent is set to use,
    and two that import it at once wait for each other, for an import's lock is gevent's as well and waits on
    a hub (gevent 24 to 25)."""
    import gevent

    hub: Any = gevent.get_hub()
    _ = hub.resolver_class, hub.threadpool_class  # imported when they are first asked for
