"""The service itself is asked, worker by worker, which version answers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable, Mapping

from attrs import frozen

from hotpatch_agent.drill.failure import DrillFailed
from hotpatch_agent.drill.patches import NONCES, Probe
from hotpatch_agent.drill.service import HOST, Service
from hotpatch_agent.load.wire import Answer, Request

PATIENCE_SECONDS = 60.0


@frozen
class Word:
    """What one worker says: the version that its answers come from, and the release that it claims to run."""

    label: str | None
    release: int | None


class Inquiry:
    """Counts its requests.  One that gets no answer ends the drill."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._nonce = NONCES
        self.asked = 0

    def ask_all(self, probe: Probe) -> Mapping[int, Word]:
        """What each worker says, by pid.  All workers that live now are reached, by as many connections as it
        takes; DrillFailed if one of them never answers."""
        wanted = set(self._service.workers())
        found: dict[int, Word] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing := sorted(wanted - set(found)):
            self._nonce += 1
            answers = self.ask(probe.requests(self._nonce))
            asked = {_worker(answer) for answer in answers}
            if len(asked) > 1:  # connections are not kept alive, and each request has met another worker
                answers = [self._ask_one(missing[0], one, deadline) for one in probe.requests(self._nonce)]
            worker = _worker(answers[0])
            if worker in missing:
                release = answers[0].headers.get("x-release", "None")
                found[worker] = Word(probe.judge(answers), None if release == "None" else int(release))
            elif time.monotonic() > deadline:
                raise _unreached(missing)
        return found

    def _ask_one(self, worker: int, request: Request, deadline: float) -> Answer:
        """A request until this worker has answered it, each time on another connection."""
        while True:
            (answer,) = self.ask((request,))
            if _worker(answer) == worker:
                return answer
            if time.monotonic() > deadline:
                raise _unreached([worker])

    def ask(self, requests: Iterable[Request]) -> list[Answer]:
        """Requests over one connection, which stays with one worker as long as the server keeps it."""
        connection = http.client.HTTPConnection(HOST, self._service.port, timeout=PATIENCE_SECONDS)
        answers = []
        try:
            for request in requests:
                self.asked += 1
                began = time.monotonic()
                connection.putrequest(request.method, request.path)
                for name, value in request.headers.items():
                    connection.putheader(name, value)
                body = request.body.encode()
                if body:
                    connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body or None)
                got = connection.getresponse()
                data = got.read()
                headers = {name.lower(): value for name, value in got.getheaders()}
                answers.append(Answer(got.status, headers, data, time.monotonic() - began))
        except (OSError, http.client.HTTPException) as error:
            raise DrillFailed(f"the service dropped a request of the drill's own: {error!r}") from error
        finally:
            connection.close()
        return answers


def _worker(answer: Answer) -> int:
    return int(answer.headers.get("x-worker", "0"))


def _unreached(workers: Iterable[int]) -> DrillFailed:
    silent = ", ".join(map(str, workers))
    return DrillFailed(f"no connection has reached worker {silent} in {PATIENCE_SECONDS:.0f} s")
