"""`pin_requests(app)`: one door for WSGI and ASGI applications."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Literal

from hotpatch.epochs import carry
from hotpatch.epochs.asgi import pin_asgi
from hotpatch.epochs.wsgi import Header, pin_wsgi

_MARK = "__hotpatch_pinned__"


def pin_requests(app: Any, kind: Literal["wsgi", "asgi"] | None = None, header: Header | None = None) -> Any:
    """The application with every request pinned, from its first byte to its last; carrying is on afterwards.

    `kind` is told by whether the application is a coroutine function, if not given.  With `header`, say
    `("X-Version", name_of_epoch)`, each response names the version that answered.  An application that is
    pinned already is returned as it is.
    """
    carry.install()
    if getattr(app, _MARK, False):
        return app
    wrapped: Any = pin_asgi(app, header) if (kind or _kind(app)) == "asgi" else pin_wsgi(app, header)
    setattr(wrapped, _MARK, True)
    return wrapped


def _kind(app: Any) -> str:
    while isinstance(app, functools.partial):
        app = app.func
    call = app if inspect.isroutine(app) else getattr(type(app), "__call__", app)  # noqa: B004
    return "asgi" if inspect.iscoroutinefunction(call) else "wsgi"
