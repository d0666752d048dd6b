"""gunicorn tells when a WSGI request is over: by `post_request`, which its workers call at the end of each
request, whatever happened, in the thread or greenlet that served it.

So a request need not be followed through its body: it is pinned from the call of the application to there,
its body is handed to gunicorn as it is, and nothing is paid for a chunk.  Known by gunicorn's own
response; a worker class that brings another one (gevent's pywsgi) is served in the general way.
"""

from __future__ import annotations

from sys import exception
from typing import Any, Final

from gunicorn.http.wsgi import Response

from hotpatch.epochs.wsgi import ends_requests

SERVER: Final = "gunicorn"


def put_in(worker: Any) -> None:
    """From the next request on this worker says when each is over; the service's own hook still runs."""
    over = ends_requests(Response)
    setting = worker.cfg.settings["post_request"]
    own = setting.get()

    def post_request(worker: Any, req: Any, environ: Any, resp: Any) -> None:
        error = exception()
        if resp is not None:
            over(resp, error is not None and by_application(error))

    def own_post_request(worker: Any, req: Any, environ: Any, resp: Any) -> None:
        error = exception()
        try:
            own(worker, req, environ, resp)
        finally:
            if resp is not None:
                over(resp, error is not None and by_application(error))

    # gunicorn's own hook does nothing, and is not called for that.
    setting.value = hook = post_request if own is setting.default else own_post_request
    # Where it is found at once: looked up among the settings, a hook takes longer to find than to run.
    vars(worker.cfg)["post_request"] = hook


def by_application(error: BaseException) -> bool:
    """Has the application failed, rather than the client gone or the worker ended?"""
    if isinstance(error, StopIteration):  # gunicorn's own word for: this connection ends here
        cause = error.__context__
        return cause is not None and by_application(cause)
    if isinstance(error, Exception) and not isinstance(error, OSError):
        return True
    return not _raised_by_server(error)


def _raised_by_server(error: BaseException) -> bool:
    """Does the way from the worker's own code to the error lead through the server's?"""
    called = ""
    step = error.__traceback__
    while step is not None:
        name = str(step.tb_frame.f_globals.get("__name__", ""))
        if not name.startswith(f"{SERVER}.workers.") and name != f"{SERVER}.util":
            called = name
            break
        step = step.tb_next
    return called.partition(".")[0] == SERVER
