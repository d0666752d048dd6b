"""Run by a test, in a process of its own: a leader's outside work under gevent, on a thread of the system."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
from hotpatch_agent.native import start_thread  # noqa: E402
from hotpatch_agent.rollout import checks, gates  # noqa: E402
from hotpatch_agent.rollout.errands import Errands  # noqa: E402
from hotpatch_agent.rollout.events import Teller  # noqa: E402
from hotpatch_agent.rollout.strategy import CheckSpec, EventSpec, GateSpec  # noqa: E402

from hotpatch.native import original  # noqa: E402

url, folder = sys.argv[1], Path(sys.argv[2])
done: list[str] = []


def lead() -> None:
    sleep = original("time", "sleep")
    errands: Errands[object] = Errands()
    gate = GateSpec("before", command=(sys.executable, "-c", ""), timeout=60)
    slow = GateSpec("before", command=("sleep", "60"), timeout=0.3)
    probe = CheckSpec("probe", "http", url=url, timeout=30)
    teller = Teller((EventSpec(url=url), EventSpec(command=("true",))), folder / "events.json")
    event = {"seq": 1, "release": 7, "event": "worse", "station": "reverting", "service": "shop"}
    teller.tell([event])
    wanted = {
        "gate": lambda: gates.ask((gate,), "before", {}).yes,
        "no": lambda: not gates.ask((slow,), "before", {}).yes,
        "check": lambda: checks.run(probe, 7).yes,
    }
    end = time.monotonic() + 90
    while time.monotonic() < end and len(done) < 4:
        for name, work in wanted.items():
            if name not in done and errands.result(name, work, 80, lambda: None):
                done.append(name)
        if teller.told() == 1 and "told" not in done:
            done.append("told")
        sleep(0.02)
    teller.stop()


start_thread(lead, "leader")
beats = 0
end = time.monotonic() + 100
while len(done) < 4 and time.monotonic() < end:
    gevent.sleep(0.01)
    beats += 1
sys.stdout.write(f"{sorted(done)} {beats > 3}")
