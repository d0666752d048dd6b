"""Commands, URLs, checks and gates, against real servers and real commands."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hotpatch_agent.rollout import checks, gates, outside
from hotpatch_agent.rollout.errands import Errands
from hotpatch_agent.rollout.strategy import CheckSpec, GateSpec

from tests.rollout.servers import serving, until

NOBODY = "http://127.0.0.1:9/"


def script(path: Path, text: str) -> tuple[str, ...]:
    path.write_text(text)
    return sys.executable, str(path)


# -- commands --------------------------------------------------------------------------------


def test_a_command_gets_the_document_and_its_exit_code_is_the_answer(tmp_path: Path) -> None:
    command = script(tmp_path / "c.py", "import json,sys; sys.exit(json.load(sys.stdin)['release'])")
    assert outside.run(command, {"release": 0}, 30).ok
    assert outside.run(command, {"release": 3}, 30).status == 3


def test_a_command_does_not_inherit_the_services_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hush")
    said = outside.run(script(tmp_path / "c.py", "import os; print(dict(os.environ))"), {"release": 7}, 30)
    assert "hush" not in said.text
    assert "'HOTPATCH_RELEASE': '7'" in said.text


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child.pid"
    command = script(
        tmp_path / "c.py",
        "import subprocess,sys,time,pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n",
    )
    results: list[outside.Said] = []
    thread = threading.Thread(target=lambda: results.append(outside.run(command, {}, 3)))
    thread.start()
    pid = int(until(lambda: child.exists() and child.read_text()))
    thread.join()
    assert not results[0].ok
    assert "no answer within 3 s" in results[0].text
    until(lambda: _is_gone(pid))


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def test_a_grandchild_that_keeps_the_output_open_holds_nobody(tmp_path: Path) -> None:
    command = script(
        tmp_path / "c.py",
        "import subprocess,sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'], start_new_session=True)\n"
        "print('yes')\n",
    )
    assert outside.run(command, {}, 15).ok


def test_a_command_does_not_inherit_the_services_sockets(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        text = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd')))"
        said = outside.run(script(tmp_path / "c.py", text), {}, 30)
    assert said.text.strip() == "[0, 1, 2, 3]"  # 3 is the folder being listed


def test_a_command_that_is_not_there_is_no_answer() -> None:
    said = outside.run(("/nowhere/at/all",), {}, 5)
    assert (said.ok, said.status) == (False, None)
    assert "can't be run" in said.text


# -- URLs ------------------------------------------------------------------------------------


def test_an_url_is_asked_and_what_it_says_comes_back() -> None:
    with serving(body=b"hello") as site:
        assert outside.fetch(site.url, 10) == outside.Said(True, 200, "hello")
        assert outside.fetch(site.url, 10, {"event": "gate"}).ok
    assert [(method, document) for method, _, document in site.asked] == [
        ("GET", None),
        ("POST", {"event": "gate"}),
    ]


def test_a_bad_status_is_no_and_says_why() -> None:
    with serving(status=503, body=b"full") as site:
        said = outside.fetch(site.url, 10)
    assert (said.ok, said.status, said.text) == (False, 503, "status 503: full")


@pytest.mark.parametrize("url", [NOBODY, "http://no.such.host.invalid/", "file:///etc/passwd", "http://[bad"])
def test_an_url_that_leads_nowhere_is_no_answer(url: str) -> None:
    said = outside.fetch(url, 5)
    assert (said.ok, said.status) == (False, None)


def test_a_server_that_never_answers_is_left_after_the_limit() -> None:
    with serving(hang=threading.Event()) as site:
        assert "no answer within 0.5 s" in outside.fetch(site.url, 0.5).text


@pytest.mark.parametrize("status", [200, 500])
def test_a_server_that_drips_is_left_after_the_limit(status: int) -> None:
    with serving(drip=True, status=status) as site:
        assert "no answer within 0.5 s" in outside.fetch(site.url, 0.5).text


# -- checks ----------------------------------------------------------------------------------


def probe(url: str, **more: object) -> CheckSpec:
    return CheckSpec("probe", "http", url=url, timeout=5, **more)  # type: ignore[arg-type]


def test_a_probe_says_yes_to_the_status_and_text_that_it_expects() -> None:
    with serving(status=418, body=b"a teapot") as site:
        assert checks.run(probe(site.url, status=418, contains="teapot"), 7).yes
        assert checks.run(probe(site.url, status=200), 7).yes is False
        assert checks.run(probe(site.url, status=418, contains="coffee"), 7).yes is False


def test_a_probe_that_gets_no_answer_says_no() -> None:
    assert checks.run(probe(NOBODY), 7).yes is False


@pytest.mark.parametrize(
    ("body", "yes"),
    [("pass", True), ("return True", True), ("return 0", False), ("raise OSError('full')", False)],
)
def test_a_python_check_says_what_its_function_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, yes: bool
) -> None:
    name = f"check_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(f"def look():\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    result = checks.run(CheckSpec("own", "python", function=f"{name}:look"), 7)
    assert result.yes is yes


@pytest.mark.parametrize("function", ["no_such_module:x", "json:nope", "json"])
def test_a_python_check_that_is_not_there_says_no(function: str) -> None:
    assert checks.run(CheckSpec("own", "python", function=function), 7).yes is False


def prometheus(body: object, status: int = 200, **bounds: float) -> tuple[bool | None, str]:
    with serving(status=status, body=json.dumps(body).encode()) as site:
        spec = CheckSpec("p", "prometheus", url=site.url, query="rate{v='{release}'}", **bounds)  # type: ignore[arg-type]
        result = checks.run(spec, 7)
    assert "release" not in site.asked[0][1]
    assert site.asked[0][1].startswith("/api/v1/query?query=rate%7Bv%3D%277%27%7D")
    return result.yes, result.reason


def vector(*values: str) -> dict[str, object]:
    series = [{"metric": {}, "value": [1_700_000_000, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": series}}


def test_a_query_within_its_bounds_says_yes() -> None:
    assert prometheus(vector("3", "4.5"), most=5.0)[0] is True
    scalar = {"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}
    assert prometheus(scalar, least=1.0)[0] is True


def test_a_query_outside_its_bounds_says_no() -> None:
    assert prometheus(vector("3", "6"), most=5.0) == (False, "rate{v='7'} is 6, above 5")
    assert prometheus(vector("3"), least=4.0)[0] is False


@pytest.mark.parametrize(
    "answer", [vector(), vector("NaN"), {"status": "error"}, ["nonsense"], {"data": {"resultType": "matrix"}}]
)
def test_a_query_that_matches_nothing_or_makes_no_sense_cant_tell(answer: object) -> None:
    assert prometheus(answer, most=5.0)[0] is None


def test_a_monitoring_that_is_down_says_nothing_about_the_release() -> None:
    spec = CheckSpec("p", "prometheus", url=NOBODY, query="up", least=1.0, timeout=5)
    assert checks.run(spec, 7).yes is None


# -- gates -----------------------------------------------------------------------------------


def test_gates_are_asked_at_their_point_alone_and_the_first_no_ends_it(tmp_path: Path) -> None:
    with serving() as yes, serving(status=403, body=b"not on Fridays") as no, serving() as never:
        specs = tuple(
            GateSpec(at, url=site.url, timeout=10)
            for at, site in (("more", yes), ("before", yes), ("before", no), ("before", never))
        )
        answer = gates.ask(specs, "before", {"release": 7, "id": "q"})
    assert not answer.yes
    assert "not on Fridays" in answer.reason
    assert (len(yes.asked), len(no.asked), len(never.asked)) == (1, 1, 0)
    assert yes.asked[0][2] == {"release": 7, "id": "q", "event": "gate", "at": "before"}


@pytest.mark.parametrize(
    "spec",
    [
        GateSpec("before", url=NOBODY, timeout=5),
        GateSpec("before", command=("/nowhere",), timeout=5),
        GateSpec("before", command=(sys.executable, "-c", "import time; time.sleep(60)"), timeout=0.5),
        GateSpec("before", command=(sys.executable, "-c", "raise SystemExit(1)"), timeout=30),
    ],
)
def test_no_answer_means_no(spec: GateSpec) -> None:
    assert not gates.ask((spec,), "before", {}).yes


def test_a_commands_yes_is_a_yes() -> None:
    assert gates.ask((GateSpec("before", command=(sys.executable, "-c", "")),), "before", {}).yes


# -- errands ---------------------------------------------------------------------------------


def test_an_errand_is_done_once_and_its_result_stays() -> None:
    done: list[int] = []
    woken = threading.Event()
    errands: Errands[str] = Errands(woken.set)

    def work() -> str:
        done.append(1)
        return "done"

    until(lambda: errands.result("a", work, 30, lambda: "late"))
    assert woken.wait(30)
    assert errands.result("a", work, 30, lambda: "late") == "done"
    assert len(done) == 1


def test_an_errand_that_takes_too_long_is_given_up_for_good() -> None:
    release = threading.Event()
    errands: Errands[str] = Errands()

    def work() -> str:
        release.wait()
        return "done"

    assert until(lambda: errands.result("a", work, 0.05, lambda: "late")) == "late"
    errands.again("a")
    assert errands.result("a", work, 0.05, lambda: "late") == "late", "its thread hangs: no second one"
    release.set()
    until(lambda: all(one.name != "hotpatch-errand" for one in threading.enumerate()))
    assert errands.result("a", work, 0.05, lambda: "late") == "late"
    errands.again("a")
    assert until(lambda: errands.result("a", work, 30, lambda: "late")) == "done"


def test_nothing_waits_for_an_errand() -> None:
    release = threading.Event()
    errands: Errands[bool] = Errands()
    assert errands.result("a", release.wait, 3600, lambda: False) is None
    assert 0 < errands.due() <= 3600
    release.set()
    until(lambda: errands.result("a", release.wait, 3600, lambda: False))
    errands.keep_only(())
    assert errands.due() == float("inf")


def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    def held() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with serving() as site:
        outside.fetch(site.url, 10)
        outside.run((sys.executable, "-c", ""), {}, 30)
        before = held()
        for _ in range(5):
            outside.fetch(site.url, 10)
            outside.fetch(NOBODY, 1)
            outside.run((sys.executable, "-c", ""), {}, 30)
        until(lambda: held() <= before, 10)


def test_under_gevent_all_of_it_runs_beside_the_hub_from_a_thread_of_the_system(tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    with serving() as site:
        program = Path(__file__).with_name("gevent_leader.py")
        said = subprocess.run(
            [sys.executable, str(program), site.url, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
    assert said.stdout.strip() == "['check', 'gate', 'no', 'told'] True", said.stderr
