"""hotpatch comes into a gunicorn configuration without taking anything of it away."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import APP, TWO, bodies, make

HOOKS = """
def on_starting(server): server.log.info("own on_starting")
def when_ready(server): server.log.info("own when_ready")
def nworkers_changed(server, new, old): server.log.info("own nworkers_changed")
def pre_fork(server, worker): server.log.info("own pre_fork")
def post_fork(server, worker): server.log.info("own post_fork")
def post_worker_init(worker): worker.log.info("own post_worker_init")
def worker_exit(server, worker): server.log.info("own worker_exit")
"""
NAMES = (
    "on_starting",
    "when_ready",
    "nworkers_changed",
    "pre_fork",
    "post_fork",
    "post_worker_init",
    "worker_exit",
)
FORMS = {
    "star at the top": "from hotpatch_agent.gunicorn import *\n" + HOOKS,
    "star at the end": HOOKS + "from hotpatch_agent.gunicorn import *\n",
    "install at the end": HOOKS + "from hotpatch_agent.gunicorn import install\ninstall(globals())\n",
}


def with_config(pusher: Pusher, config: str, **settings: object) -> Service:
    service = make(pusher, **settings)
    service.config = config
    return service


@pytest.mark.parametrize("form", FORMS)
def test_own_hooks_run_and_hotpatch_is_on(pusher: Pusher, form: str) -> None:
    config = FORMS[form]
    if form == "star at the top":  # one hook of the three that bring hotpatch in is enough
        config = config.replace("def on_starting", "def _on_starting").replace(
            "def when_ready", "def _when_ready"
        )
    with with_config(pusher, config) as service:
        settled(pusher, service, 2)
        text = service.text()
    for name in NAMES[2:] if form == "star at the top" else NAMES[:-1]:
        assert f"own {name}" in text or name == "worker_exit", name
    assert "own worker_exit" in service.text()


def test_ours_in_place_of_the_services_own_file_reads_that_file(pusher: Pusher) -> None:
    with make(pusher) as service:
        pass
    text = (
        (pusher.folder / "gunicorn.conf.py")
        .read_text()
        .replace("from hotpatch_agent.gunicorn import *", HOOKS)
    )
    (service.root / "gunicorn.conf.py").write_text(text)
    service.config_argument = "python:hotpatch_agent.gunicorn"
    service.log.unlink()
    with service:
        settled(pusher, service, 2)
        assert "own post_fork" in service.text()
        pusher.push(APP, TWO)
        assert set(bodies(service, 10)) == {"two"}


def test_a_hup_reads_the_services_own_file_anew(pusher: Pusher) -> None:
    with with_config(pusher, "from hotpatch_agent.gunicorn import *\n", workers=1) as service:
        settled(pusher, service, 1)
        config = pusher.folder / "gunicorn.conf.py"
        config.write_text(config.read_text().replace("workers = 1", "workers = 2"))
        os.utime(config, (1.0, 1.0))  # bytecode goes by size and second, and both may be what they were
        service.signal(signal.SIGHUP)
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        assert set(bodies(service, 10)) == {"two"}


@pytest.mark.parametrize("home", ["none", "missing", "not one"])
def test_without_a_home_the_service_serves_and_says_once_that_hotpatch_is_off(
    tmp_path: Path, home: str
) -> None:
    folder = {"none": None, "missing": tmp_path / "nowhere", "not one": tmp_path}[home]
    with Service(tmp_path / "run", APP, home=folder, settings={"workers": 2}) as service:
        assert service.body() == "one"
        service.signal(signal.SIGHUP)
        wait_until(lambda: service.text().count("Booting worker") >= 4, "the reload")
        assert service.text().count("hotpatch is off") == 1


def test_usr2_brings_a_master_whose_workers_start_on_the_head(pusher: Pusher) -> None:
    with make(pusher, pidfile=str(pusher.folder / "pid")) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        service.signal(signal.SIGUSR2)
        second = pusher.folder / "pid.2"
        wait_until(second.exists, "a second master")
        pid = int(second.read_text())
        wait_until(lambda: len(pusher.statuses()) == 4, "its workers")
        assert set(bodies(service, 20)) == {"two"}
        service.signal(signal.SIGTERM, pid)
        wait_until(lambda: not second.exists(), "it has gone")
        settled(pusher, service, 2)
