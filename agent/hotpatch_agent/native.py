"""Threads of the operating system, also where gevent has turned `threading` into greenlets."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from hotpatch.native import original


def under_gevent() -> bool:
    """Has gevent taken the place of threads in this process?"""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def start_thread(run: Callable[[], None], name: str) -> None:
    """Runs `run` on a thread of its own that does not keep the process from ending."""
    if under_gevent():
        original("_thread", "start_new_thread")(run, ())
    else:
        threading.Thread(target=run, name=name, daemon=True).start()
