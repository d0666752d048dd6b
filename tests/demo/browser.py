"""A real browser without a window: Chromium, steered by its DevTools protocol."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_SECONDS = 120.0


def executable() -> str:
    """The browser of this machine; without one, the test that needs it is skipped."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"there is no browser: none of {', '.join(NAMES)} is installed")
    return found


class Browser:
    """One page.  Use it as a context manager: leaving it ends every process of the browser."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._open = contextlib.ExitStack()
        self._log = (folder.parent / "browser.log").open("wb")
        self._process = subprocess.Popen(
            [
                executable(),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        port = int(self._wait_for(self._port_line))
        address = self._wait_for(lambda: page_address(port))
        self._socket = self._open.enter_context(connect(address, max_size=None, compression=None))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def go(self, url: str) -> None:
        self._ask("Page.navigate", url=url)

    def set_cookie(self, url: str, name: str, value: str) -> None:
        self._ask("Network.setCookie", url=url, name=name, value=value)

    def evaluate(self, expression: str) -> Any:
        """What this JavaScript comes to, as a plain value."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """The text of the first element that the selector finds; empty if there is none."""
        found: str = self.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")
        return found

    def fact(self, name: str) -> str:
        return self.text(f'[data-fact="{name}"]')

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _port_line(self) -> str:
        path = self._folder / "DevToolsActivePort"
        return path.read_text().splitlines()[0] if path.exists() and path.stat().st_size else ""

    def _wait_for(self, look: Any) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            assert self._process.poll() is None, "the browser has ended by itself"
            assert time.monotonic() < deadline, "the browser does not start"
            time.sleep(0.02)
        return str(found)


def page_address(port: int) -> str:
    """Where the first page is steered; empty as long as there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/json/list")
        pages = json.loads(connection.getresponse().read())
    except OSError:
        return ""
    finally:
        connection.close()
    return next((str(page["webSocketDebuggerUrl"]) for page in pages if page["type"] == "page"), "")
