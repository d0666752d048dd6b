"""Real HTTP servers on ports of their own, for probes, hooks and queries."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import define, field


@define
class Site:
    """What a server answers, and what it was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b"fine"
    hang: threading.Event = field(factory=threading.Event)
    """Set: answer at once."""
    drip: bool = False
    """Send a byte now and then, for ever."""
    asked: list[tuple[str, str, Any]] = field(factory=list)
    """Method, path, and the document that was posted."""
    answer: Callable[[Site], None] = lambda site: None
    """Called before each answer: may change the site, once the request is noted."""


@contextmanager
def serving(**settings: Any) -> Iterator[Site]:
    site = Site(**settings)
    if "hang" not in settings:
        site.hang.set()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            document = json.loads(self.rfile.read(length)) if length else None
            site.asked.append((self.command, self.path, document))
            site.answer(site)
            while not site.hang.wait(0.02) and not ended.is_set():
                pass
            try:
                self.send_response(site.status)
                if not site.drip:
                    self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                while site.drip and not ended.is_set():
                    self.wfile.write(b".")
                    self.wfile.flush()
                    time.sleep(0.02)
                self.wfile.write(site.body)
            except OSError:
                pass  # whoever asked has gone

        do_POST = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def until(condition: Callable[[], Any], limit: float = 30.0) -> Any:
    """Wait until it is so; fail if it never is."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not become so in time")
