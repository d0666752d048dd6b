"""What start-up code built is part of the difference; what a worker loads later is measured as well."""

from __future__ import annotations

import io
import sys
from typing import Any

import attrs

from hotpatch import engine, patching
from hotpatch.plan import Effect

from .conftest import Program

FACTORY = """
from flask import Flask, current_app

class Settings:
    def __init__(self):
        self.limit = 5

def create_app():
    app = Flask(__name__)
    app.config["NAME"] = "old"
    app.settings = Settings()

    @app.get("/")
    def show():
        return f"{current_app.config['NAME']} {current_app.settings.limit}"

    return app
"""


def served(program: Program, files: dict[str, str | None], target: str, app: Any) -> patching.Outcome:
    """As a service does it: started by its application, sent over the wire, applied to the live object."""
    program.becomes(files)
    start = attrs.evolve(patching.here(str(program.root), (), target), modules=())
    measured = engine.measure(str(program.before), str(program.after), start)
    return patching.apply(engine.Measurement.load(measured.dump()), str(program.root), app)


def test_an_application_made_by_a_factory_gets_routes_configuration_and_new_closures(
    program: Program,
) -> None:
    program.runs({"shop.py": FACTORY})
    app = program.module("shop").create_app()
    client = app.test_client()
    settings = app.settings
    assert client.get("/").text == "old 5"
    new = FACTORY.replace('"old"', '"new"').replace(
        "self.limit = 5", "self.limit = 5\n        self.extra = 7"
    )
    new = new.replace("settings.limit}", "settings.limit} {app.settings.extra}")
    new = new.replace(
        "    return app\n", "    @app.get('/b')\n    def b():\n        return 'b'\n\n    return app\n"
    )
    outcome = served(program, {"shop.py": new}, "shop:create_app()", app)
    assert outcome.effect is Effect.LIVE, outcome.reasons
    assert (client.get("/").text, client.get("/b").text) == ("new 5 7", "b")
    assert app.settings is settings
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (client.get("/").text, client.get("/b").status_code) == ("old 5", 404)


LAZY = {
    "service.py": "def application(environ, start_response):\n    from pages import page\n"
    "    start_response('200 OK', [])\n    return [page().encode()]\n",
    "pages.py": "from words import WORD\n\ndef page():\n    return WORD\n",
    "words.py": "WORD = 'old'\n",
}


def answer(app: Any) -> bytes:
    return b"".join(app({"wsgi.input": io.BytesIO()}, lambda status, headers: None))


def test_a_module_loaded_with_the_first_request_is_changed_where_it_is_loaded(program: Program) -> None:
    program.runs(LAZY)
    app = program.module("service").application
    assert answer(app) == b"old"
    assert served(program, {"words.py": "WORD = 'new'\n"}, "service:application", app)
    assert answer(app) == b"new"


def test_a_module_that_is_not_loaded_yet_is_no_concern(program: Program) -> None:
    program.runs(LAZY)
    app = program.module("service").application
    outcome = served(program, {"words.py": "WORD = 'new'\n"}, "service:application", app)
    assert outcome and outcome.undo is not None and not outcome.undo.ops


def test_a_loaded_module_that_no_clean_start_loads_is_refused(program: Program) -> None:
    program.runs({"service.py": "application = print\n", "plugin.py": "X = 1\n"})
    app = program.module("service").application
    program.module("plugin")  # by a name that stands nowhere in the sources
    outcome = served(program, {"plugin.py": "X = 2\n"}, "service:application", app)
    assert outcome.effect is Effect.RELOAD and "plugin" in outcome.reasons[0]


def test_a_thread_that_only_the_new_start_has_is_a_reason(program: Program) -> None:
    program.runs({"t.py": "import threading\n"})
    program.module("t")
    new = "import threading, time\n"
    new += "threading.Thread(target=time.sleep, args=(9,), daemon=True, name='extra').start()\n"
    outcome = program.patch({"t.py": new})
    assert outcome.effect is Effect.RELOAD and "extra" in outcome.reasons[0]


def test_what_a_start_writes_is_told_in_the_plan(program: Program) -> None:
    program.runs({"w.py": "X = 1\n"})
    program.module("w")
    log = program.root.parent / "log"
    measured = program.measure({"w.py": f"X = 2\nwith open({str(log)!r}, 'w') as f:\n    f.write('x')\n"})
    reasons = [edit.reason for edit in engine.plan(measured).edits]
    assert any("writes the file" in reason and str(log) in reason for reason in reasons)


def test_only_the_change_travels_to_staging(program: Program) -> None:
    many = "".join(f"def f{i}(a, b):\n    return a + b + {i}\n\n" for i in range(400))
    program.runs({"big.py": many + "LIMIT = 1\n"})
    program.module("big")
    measured = program.measure({"big.py": many + "LIMIT = 2\n"})
    whole, kept = len(measured.proof.new.nodes), len(measured.difference.new.nodes)
    assert kept < 10 < whole and engine.stage(measured, str(program.root)).ops[0].after == 2


def test_a_module_of_the_program_called_like_one_of_the_standard_library_is_started_as_it_runs(
    program: Program,
) -> None:
    program.runs({"tabnanny.py": "def price(): return 1\n", "shop.py": "from tabnanny import price\n"})
    shop = program.module("shop")
    outcome = program.patch({"tabnanny.py": "def price(): return 2\n"})
    assert outcome, outcome.reasons
    assert shop.price() == 2


ALIASING = """
import sys
import inner.part
sys.modules["outer"] = sys.modules["inner.part"]
"""


def test_a_module_that_stands_under_another_name_no_more_is_no_live_edit(program: Program) -> None:
    outer = "raise ImportError('nobody imports this')\n"
    program.runs(
        {"shop.py": ALIASING, "inner/__init__.py": "", "inner/part.py": "A = 1\n", "outer.py": outer}
    )
    part = program.module("shop").inner.part
    files = {"shop.py": "import inner.part\n", "inner/part.py": "A = 2\n"}
    outcome = program.patch(files, choices={"shop:4": "keep"})
    sys.modules.pop("outer", None)
    assert outcome.effect is Effect.RELOAD
    assert "the module inner.part comes to stand in sys.modules as inner.part," in outcome.reasons[0]
    assert part.A == 1


def test_a_module_that_stands_under_two_names_changes(program: Program) -> None:
    program.runs({"shop.py": ALIASING, "inner/__init__.py": "", "inner/part.py": "A = 1\n"})
    part = program.module("shop").inner.part
    outcome = program.patch({"inner/part.py": "A = 2\n"})
    sys.modules.pop("outer", None)
    assert outcome, outcome.reasons
    assert part.A == 2


DOUBLED = """
import sys
import a
sys.modules["b"] = a
import {0}
import {1}
def f(): return {2}
"""


def test_a_package_under_two_names_has_the_part_that_came_last(program: Program) -> None:
    program.runs({"shop.py": DOUBLED.format("b.part", "a.part", 1), "a/__init__.py": "", "a/part.py": ""})
    shop = program.module("shop")
    outcome = program.patch({"shop.py": DOUBLED.format("b.part", "a.part", 2)})
    assert outcome, outcome.reasons
    assert shop.f() == 2
    outcome.undo.revert()  # type: ignore[union-attr]
    outcome = program.patch({"shop.py": DOUBLED.format("a.part", "b.part", 2)})
    for name in ("b", "b.part"):
        sys.modules.pop(name, None)
    assert outcome.effect is Effect.RELOAD
    assert "stands under two names" in outcome.reasons[0]
