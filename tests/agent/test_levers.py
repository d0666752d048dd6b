"""The master is asked through its control socket where there is one that is its own, else by signals."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import struct
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn import config
from hotpatch_agent.leader import levers
from hotpatch_agent.leader.levers import Levers, control_socket

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import deploy_two, make

HAS_SOCKET = "control_socket" in config.make_settings()


@pytest.mark.skipif(not HAS_SOCKET, reason="this gunicorn has no control socket")
@pytest.mark.parametrize("worker_class", ["gthread", "sync", "gevent"])
def test_through_the_control_socket(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class, workers=2) as service:
        settled(pusher, service, 2)
        wait_until(Path(service.control_socket).exists, "the master listens there")
        deploy_two(pusher, service)
        assert "worker add 1: the master means to have 3" in service.text()
        assert "Handling signal: tt" not in service.text()


@pytest.mark.parametrize("worker_class", ["gthread", "sync"])
def test_by_signals_where_there_is_no_socket(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class, workers=2, control_socket_disable=True) as service:
        settled(pusher, service, 2)
        deploy_two(pusher, service)
        assert service.text().count("Handling signal: ttin") == 2


@pytest.mark.skipif(not HAS_SOCKET, reason="this gunicorn has no control socket")
def test_another_services_master_on_the_same_path_is_asked_for_nothing(pusher: Pusher) -> None:
    with make(pusher, workers=1) as service:
        settled(pusher, service, 1)
        path = Path(service.control_socket)
        asked: list[str] = []
        wait_until(path.exists, "the master listens there")  # it begins to after it has started its workers
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            threading.Thread(target=stranger, args=(other, asked), daemon=True).start()
            assert pusher.reload() == 0
        settled(pusher, service, 1)
        assert set(asked) == {"show stats"}
        assert "Handling signal: ttin" in service.text()


def stranger(other: socket.socket, asked: list[str]) -> None:
    """Another master: answers as ours would, and is none."""
    while True:
        try:
            connection, _ = other.accept()
        except OSError:
            return
        with connection:
            (length,) = struct.unpack(">I", connection.recv(4))
            asked.append(json.loads(connection.recv(length))["command"])
            line = json.dumps({"id": 1, "status": "ok", "data": {"pid": 1, "total": 9}}).encode()
            connection.sendall(struct.pack(">I", len(line)) + line)


def test_no_socket_is_looked_for_where_the_configuration_has_none() -> None:
    assert control_socket(SimpleNamespace()) is None
    assert control_socket(SimpleNamespace(control_socket="/a", control_socket_disable=True)) is None
    assert control_socket(SimpleNamespace(control_socket="/a", control_socket_disable=False)) == "/a"
    assert control_socket(SimpleNamespace(control_socket="a")) == str(Path.cwd() / "a")


def test_a_master_that_listens_anew_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    path = tmp_path / "ctl"
    with socket.socket(socket.AF_UNIX) as master:

        def listen(_seconds: float) -> None:
            master.bind(str(path))
            master.listen()

        def ask(_connection: object, command: str) -> dict[str, int]:
            said.append(command)
            return {"pid": os.getppid(), "total": 3}

        monkeypatch.setattr(levers, "ask", ask)
        monkeypatch.setattr(time, "sleep", listen)
        monkeypatch.setattr(os, "kill", lambda _pid, _number: said.append("a signal"))
        config = SimpleNamespace(control_socket=str(path))
        assert Levers(os.getppid(), config, logging.getLogger()).more()
    assert said == ["show stats", "worker add 1"]


@pytest.mark.parametrize(
    ("fails", "certain", "signals"),
    [(BrokenPipeError, True, [signal.SIGTTIN]), (ConnectionResetError, False, [])],
    ids=["before the order was sent", "before it was answered"],
)
def test_a_conversation_that_the_master_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: type[OSError],
    certain: bool,
    signals: list[int],
) -> None:
    sent: list[int] = []
    told = {"show stats": {"pid": os.getppid()}}

    def ask(_connection: object, command: str) -> dict[str, int]:
        if command in told:
            return told[command]
        raise fails

    monkeypatch.setattr(levers, "ask", ask)
    monkeypatch.setattr(os, "kill", lambda _pid, number: sent.append(number))
    path = tmp_path / "ctl"
    with socket.socket(socket.AF_UNIX) as master:
        master.bind(str(path))
        master.listen()
        config = SimpleNamespace(control_socket=str(path))
        assert Levers(os.getppid(), config, logging.getLogger()).more() is certain
    assert sent == signals
