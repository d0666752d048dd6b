"""What a drill sees of a process that it is about to kill."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hotpatch_agent.drill.processes import peers, processes, stop

HOLDER = "import socket, sys; held = socket.socket(fileno=int(sys.argv[1])).accept(); sys.stdin.read()"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def holder(listener: socket.socket) -> Iterator[int]:
    """A process that accepts one connection, and then sits there."""
    given = str(listener.fileno())
    command = [sys.executable, "-c", HOLDER, given]
    with subprocess.Popen(command, pass_fds=[listener.fileno()], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def test_a_process_that_is_stopped_shows_which_clients_it_has_accepted(
    listener: socket.socket, holder: int
) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        # Another is in the queue of the listener, and nobody's as yet.
        while not peers(holder):
            time.sleep(0.01)
        with socket.create_connection(listener.getsockname()):
            stop(holder)
            assert [each.state for each in processes() if each.pid == holder] == ["T"]
            assert peers(holder) == {client.getsockname()[1]}
