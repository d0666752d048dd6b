"""The shop behind ASGI: the bridge tells what the WSGI application says, as it says it."""

from __future__ import annotations

from tests.demo.conftest import Ask

BEGIN = """
import asyncio, json, threading
from demo_app import asgi

async def ask(application, method="GET", path="/", body=b"", query=b"", gone=None):
    sent = []
    pieces = [{"type": "http.request", "body": body, "more_body": False}]
    leaving = asyncio.Event()
    async def receive():
        if pieces:
            return pieces.pop()
        await leaving.wait()
        return {"type": "http.disconnect"}
    async def send(message):
        sent.append(message)
        if gone is not None and len(sent) == gone:
            leaving.set()
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "http_version": "1.1",
             "headers": [(b"content-type", b"application/json"), (b"cookie", b"visitor=7")]}
    await application(scope, receive, send)
    return sent

def whole(sent):
    return b"".join(message.get("body", b"") for message in sent[1:])
"""


def test_a_request_with_a_body_a_query_and_a_cookie_is_answered_as_by_wsgi(ask: Ask) -> None:
    status, listed, told = ask("""
        body = json.dumps({"lines": [{"sku": "KI-KET-COP-0", "quantity": 2}]}).encode()
        quote = asyncio.run(ask(asgi.app, "POST", "/basket/quote", body))
        listed = asyncio.run(ask(asgi.app, path="/catalogue", query=b"category=music&page=1"))
        told = asyncio.run(ask(asgi.app, path="/rollout"))
        answer = [quote[0]["status"], len(json.loads(whole(listed))["products"]), json.loads(whole(told))]
    """)
    assert (status, listed, told["visitor"]) == (200, 24, "7")


def test_a_stream_is_sent_piece_by_piece_and_ends_with_its_client(ask: Ask) -> None:
    sent, closed, threads = ask("""
        closed = []
        class Endless:
            def __iter__(self):
                while True:
                    yield b"piece"
            def close(self):
                closed.append(True)
        def endless(environ, start_response):
            start_response("200 OK", [])
            return Endless()
        sent = asyncio.run(ask(asgi.Bridge(endless), gone=4))
        left = [each for each in threading.enumerate() if each is not threading.main_thread()]
        for each in left:
            each.join(60)
        answer = [len(sent), closed, sum(each.is_alive() for each in left)]
    """)
    assert sent >= 4 and closed == [True] and threads == 0


def test_what_the_application_raises_reaches_the_server(ask: Ask) -> None:
    assert (
        ask("""
        def broken(environ, start_response):
            raise LookupError("no such thing")
        try:
            asyncio.run(ask(asgi.Bridge(broken)))
        except LookupError as error:
            answer = str(error)
    """)
        == "no such thing"
    )


def test_start_and_end_of_the_server_are_answered(ask: Ask) -> None:
    assert ask("""
        sent = []
        told = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]
        async def receive():
            return told.pop()
        async def send(message):
            sent.append(message["type"])
        asyncio.run(asgi.app({"type": "lifespan"}, receive, send))
        answer = sent
    """) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
