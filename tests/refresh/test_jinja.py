"""Jinja: templates that were compiled with code that changed are compiled again, others are kept."""

from __future__ import annotations

from typing import Any

from hotpatch.engine.commit import commit
from hotpatch.ops import Op
from hotpatch.refresh import begin
from tests.refresh.programs import Programs, item, new_code, new_global

SOURCE = """
    from jinja2 import DictLoader, Environment
    MARK = "!"
    def mark(): return MARK
    def shout(text): return text.upper() + mark()
    def plain(text): return text
    pages = {"a": '{{ "hi"|shout }}', "b": '{{ "hi"|plain }}'}
    class Site:
        def __init__(self):
            self.env = Environment(loader=DictLoader(pages))
            self.env.filters["shout"] = shout
            self.env.filters["plain"] = plain
        def page(self, name): return self.env.get_template(name).render()
    SITE = Site()
    def make():
        site = Site()
        return lambda name: site.page(name)
"""


def apply(program: Programs, *ops: Op, app: Any = None) -> None:
    with begin(ops, root=program.root, app=app):
        commit(ops)


def test_a_filter_that_was_evaluated_at_compile_time_runs_anew(program: Programs) -> None:
    m = program.load("hp_jinja_a", SOURCE)
    assert m.SITE.page("a") == "HI!"
    apply(program, new_code(m.shout, "def shout(text): return text.upper() + '?'"))
    assert m.SITE.page("a") == "HI?"


def test_what_a_filter_leads_to_counts(program: Programs) -> None:
    m = program.load("hp_jinja_b", SOURCE)
    assert m.SITE.page("a") == "HI!"
    apply(program, new_global(m, "MARK", "?"))
    assert m.SITE.page("a") == "HI?"


def test_another_filter_under_the_same_name(program: Programs) -> None:
    m = program.load("hp_jinja_c", SOURCE)
    assert m.SITE.page("a") == "HI!"
    apply(program, item(m.SITE.env.filters, "shout", m.plain))
    assert m.SITE.page("a") == "hi"


def test_an_environment_in_a_closure_of_the_application_is_found(program: Programs) -> None:
    m = program.load("hp_jinja_d", SOURCE)
    app = m.make()
    assert app("a") == "HI!"
    apply(program, new_code(m.shout, "def shout(text): return text.upper() + '?'"), app=app)
    assert app("a") == "HI?"


def test_templates_that_no_change_concerns_are_kept(program: Programs) -> None:
    m = program.load("hp_jinja_e", SOURCE + "\n    def other(): return 1")
    m.SITE.page("b")
    kept = m.SITE.env.get_template("b")
    apply(program, new_code(m.other, "def other(): return 2"))
    assert m.SITE.env.get_template("b") is kept
