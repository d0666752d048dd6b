"""A server whose behaviour towards each request is written down beforehand."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

Behaviour = Callable[[socket.socket, str], bool]
"""Given the connection and the path; whether the connection goes on."""


def answer(body: object = "ok", status: int = 200, close: bool = False, worker: str = "1") -> Behaviour:
    data = json.dumps(body).encode()
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Length: {len(data)}",
        f"X-Worker: {worker}",
    ]
    head += ["Connection: close"] if close else []

    def act(client: socket.socket, path: str) -> bool:
        client.sendall("\r\n".join([*head, "", ""]).encode() + data)
        return not close

    return act


def answer_then_close(client: socket.socket, path: str) -> bool:
    """Closed without having said so: the next request finds it closed."""
    answer()(client, path)
    return False


def chunked(client: socket.socket, path: str) -> bool:
    client.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n"o\r\n2\r\nk"\r\n0\r\n\r\n')
    return True


def close(client: socket.socket, path: str) -> bool:
    return False


def cut_short(client: socket.socket, path: str) -> bool:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot a hundred")
    return False


def silence(client: socket.socket, path: str) -> bool:
    return True


def reset(client: socket.socket, path: str) -> bool:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def stream_and_cut(client: socket.socket, path: str) -> bool:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    return False


class Scripted:
    """Behaviours are used up in order, by all connections together; then `rest` for ever."""

    def __init__(self, script: list[Behaviour], rest: Behaviour) -> None:
        self.requests: list[str] = []
        self.ports: list[int] = []
        """From which each connection was opened."""
        self.done = 0
        """Requests about which everything has been done, the closing of the connection included."""
        self._script = script
        self._rest = rest
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def connections(self) -> int:
        return len(self.ports)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, (_, port) = self._listener.accept()
            except OSError:
                return
            self.ports.append(port)
            self._clients.append(client)
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        waiting = b""
        with client:
            while True:
                while b"\r\n\r\n" not in waiting:
                    try:
                        piece = client.recv(65536)
                    except OSError:
                        return
                    if not piece:
                        return
                    waiting += piece
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                path = head.split()[1].decode()
                with self._lock:
                    self.requests.append(path)
                    act = self._script.pop(0) if self._script else self._rest
                goes_on = act(client, path)
                if not goes_on:
                    client.close()
                with self._lock:
                    self.done += 1
                if not goes_on:
                    return


@contextmanager
def scripted(*script: Behaviour, rest: Behaviour | None = None) -> Iterator[Scripted]:
    server = Scripted(list(script), rest or answer())
    try:
        yield server
    finally:
        server.stop()
