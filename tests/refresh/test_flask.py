"""Flask: the table of URLs follows the rules, in one step."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

from hotpatch.engine.commit import commit
from hotpatch.ops import ABSENT, Op
from hotpatch.refresh import begin
from hotpatch.refresh.plugins import flask as plugin
from tests.refresh.programs import Programs, asked_for_ever, item, new_code

SOURCE = """
    from flask import Flask
    def make():
        app = Flask(__name__)
        @app.get("/things/<name>")
        def thing(name): return "thing " + name
        @app.get("/old")
        def old(): return "old"
        def special(): return "special"
        app.special = special
        return app
    APP = make()
"""


def apply(program: Programs, *ops: Op) -> None:
    with begin(ops, root=program.root):
        commit(ops)


def bound(app: Any, path: str, endpoint: str) -> Rule:
    """A rule as a clean start makes it, entered in no table yet."""
    rule = Rule(path, endpoint=endpoint, methods={"GET"})
    rule.bind(app.url_map)
    return rule


def test_a_new_rule_is_matched_before_a_less_special_one(program: Programs) -> None:
    app = program.load("hp_flask_a", SOURCE).APP
    client = app.test_client()
    assert client.get("/things/one").text == "thing one"
    apply(
        program,
        item(app.view_functions, "special", app.special),
        item(app.url_map._rules_by_endpoint, "special", [bound(app, "/things/special", "special")]),
    )
    assert client.get("/things/special").text == "special"
    assert client.get("/things/one").text == "thing one"
    with app.test_request_context():
        assert app.url_for("special") == "/things/special"


def test_a_rule_that_went_is_no_longer_matched_and_comes_back_on_undo(program: Programs) -> None:
    app = program.load("hp_flask_b", SOURCE).APP
    client = app.test_client()
    rules = app.url_map._rules_by_endpoint
    ops = (item(rules, "old", ABSENT),)
    with begin(ops, root=program.root):
        undo = commit(ops)
    assert client.get("/old").status_code == 404
    with begin(ops, undo=True, root=program.root):
        undo.revert()
    assert client.get("/old").text == "old"


def test_a_change_of_code_alone_leaves_the_table_as_it_is(program: Programs) -> None:
    module = program.load("hp_flask_c", SOURCE)
    matcher = module.APP.url_map._matcher
    apply(program, new_code(module.make, "def make(): return 1"))
    assert module.APP.url_map._matcher is matcher


def test_no_request_misses_its_rule_while_the_table_is_renewed(program: Programs) -> None:
    app = program.load("hp_flask_d", SOURCE).APP
    for number in range(200):
        app.url_map.add(Rule(f"/n{number}/<x>", endpoint="thing"))
    adapter = app.url_map.bind("localhost")
    adapter.match("/old")
    with asked_for_ever(lambda: adapter.match("/old"), threads=1):
        for _ in range(30):
            plugin.renew(app.url_map)
