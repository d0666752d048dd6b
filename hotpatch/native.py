"""The operating system's own calls, also where gevent has put its versions in their place.

Under gevent's monkey patching `os.fork` tells a hub about the child, `os.waitpid` and `select.poll` wait
on a hub, and a rehearsal in a native thread has no hub that runs.  What gevent saved when it patched is
what we want; where it did not patch, the modules hold that anyhow.  Works with every gevent that has
`monkey.get_original` (1.0 on).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any


def original(module: str, name: str) -> Callable[..., Any]:
    """The unpatched `module.name`.  Raises AttributeError if the platform doesn't have it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    else:
        found = monkey.get_original(module, name)
    return found
