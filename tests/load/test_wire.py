"""One connection tells exactly what its peer did."""

from __future__ import annotations

import asyncio

import pytest
from hotpatch_agent.load.wire import Answer, Connection, DroppedError, Request

from tests.load.scripted import (
    Behaviour,
    Scripted,
    answer,
    answer_then_close,
    chunked,
    close,
    cut_short,
    reset,
    scripted,
    silence,
    stream_and_cut,
)


def ask(server: Scripted, times: int, patience: float = 60.0) -> list[Answer | str]:
    """What became of so many requests, one after another on one connection: answers, or why it was dropped.
    Each is sent after the server has done all that it does about the one before, its closing included."""

    async def run() -> list[Answer | str]:
        connection = Connection("127.0.0.1", server.port, patience)
        found: list[Answer | str] = []
        for number in range(times):
            try:
                found.append(await connection.ask(Request("GET", f"/{number}")))
            except DroppedError as error:
                found.append(str(error))
            while server.done < len(server.requests):
                await asyncio.sleep(0.001)
        connection.close()
        return found

    return asyncio.run(run())


def bodies(found: list[Answer | str]) -> list[bytes | str]:
    return [each.body if isinstance(each, Answer) else each for each in found]


def test_answers_come_over_one_connection() -> None:
    with scripted() as server:
        assert bodies(ask(server, 5)) == [b'"ok"'] * 5
        assert server.connections == 1


def test_a_chunked_answer_is_put_together() -> None:
    with scripted(chunked, answer("next")) as server:
        assert bodies(ask(server, 2)) == [b'"ok"', b'"next"']


@pytest.mark.parametrize("ending", [answer(close=True), answer_then_close], ids=["announced", "unannounced"])
def test_a_connection_closed_between_requests_drops_nothing(ending: Behaviour) -> None:
    with scripted(ending, ending, ending) as server:
        assert bodies(ask(server, 4)) == [b'"ok"'] * 4
        assert server.connections == 4


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [(close, "closed without an answer"), (cut_short, "cut short"), (reset, "connection lost")],
    ids=["closed", "cut short", "reset"],
)
def test_a_request_without_a_whole_answer_is_dropped(behaviour: Behaviour, reason: str) -> None:
    with scripted(answer(), behaviour) as server:
        found = ask(server, 3)
        assert isinstance(found[1], str) and found[1].startswith(reason)
        assert bodies(found)[::2] == [b'"ok"'] * 2


def test_a_dropped_request_is_not_sent_again() -> None:
    with scripted(close) as server:
        ask(server, 2)
        assert server.requests == ["/0", "/1"]


def test_a_refused_connection_is_a_drop() -> None:
    with scripted() as server:
        pass
    assert ask(server, 1) == ["connection refused"]


def test_no_answer_in_time_is_a_drop() -> None:
    with scripted(silence) as server:
        assert ask(server, 1, patience=0.05) == ["no whole answer in 0.05 s"]


def test_the_path_goes_over_the_wire_as_it_is() -> None:
    async def run(port: int) -> None:
        await Connection("127.0.0.1", port, 60.0).ask(Request("GET", "/a/../b%2e?c='d"))

    with scripted() as server:
        asyncio.run(run(server.port))
        assert server.requests == ["/a/../b%2e?c='d"]


def test_a_stream_yields_what_arrives_and_says_when_it_is_cut() -> None:
    async def run(port: int) -> list[bytes]:
        pieces: list[bytes] = []
        with pytest.raises(DroppedError):
            async for piece in Connection("127.0.0.1", port, 60.0).listen(Request("GET", "/events")):
                pieces += [piece]
        return pieces

    with scripted(stream_and_cut) as server:
        assert asyncio.run(run(server.port)) == [b"hello"]
