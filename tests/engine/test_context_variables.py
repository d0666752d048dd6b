"""Context variables: told by name and default, for C lets neither change where they are."""

from __future__ import annotations

import contextvars

import pytest

from hotpatch import engine
from hotpatch.errors import PatchRefused
from hotpatch.plan import Effect
from tests.engine.conftest import Program

LOCALES = """
from contextvars import ContextVar
LOCALE = ContextVar("locale", default={!r})
def locale(): return LOCALE.get()
"""
VIEWS = "from locales import LOCALE\ndef view(): return LOCALE.get()\n"


def test_a_default_changes_for_all_who_import_the_variable(program: Program) -> None:
    program.runs({"locales.py": LOCALES.format("en"), "views.py": VIEWS})
    locales, views = program.module("locales"), program.module("views")
    outcome = program.patch({"locales.py": LOCALES.format("de")})
    assert outcome, outcome.reasons
    assert locales.locale() == views.view() == "de"
    assert views.LOCALE is locales.LOCALE
    assert outcome.undo is not None
    outcome.undo.revert()
    assert locales.locale() == views.view() == "en"


def test_a_variable_that_is_set_somewhere_stays_and_its_new_default_reloads(program: Program) -> None:
    program.runs({"locales.py": LOCALES.format("en")})
    locales = program.module("locales")
    request = contextvars.copy_context()
    request.run(locales.LOCALE.set, "fr")
    outcome = program.patch({"locales.py": LOCALES.format("de")})
    assert outcome.effect is Effect.RELOAD
    assert "holds the old" in outcome.reasons[0]
    assert request.run(locales.locale) == "fr"
    assert locales.locale() == "en"


def test_a_set_variable_does_not_stand_in_the_way_of_other_edits(program: Program) -> None:
    program.runs({"locales.py": LOCALES.format("en")})
    locales = program.module("locales")
    request = contextvars.copy_context()
    request.run(locales.LOCALE.set, "fr")
    outcome = program.patch({"locales.py": LOCALES.format("en").replace("get()", "get().upper()")})
    assert outcome, outcome.reasons
    assert request.run(locales.locale) == "FR"


def test_a_variable_that_comes_is_one_wherever_it_is_imported(program: Program) -> None:
    program.runs({"a_views.py": "def view(): return 1\n", "locales.py": ""})
    views, locales = program.module("a_views"), program.module("locales")
    outcome = program.patch({"a_views.py": VIEWS, "locales.py": LOCALES.format("en")})
    assert outcome, outcome.reasons
    assert views.LOCALE is locales.LOCALE
    assert views.view() == "en"


def test_what_can_only_be_made_by_its_statement_is_made_where_it_is_written(program: Program) -> None:
    program.runs({"a_views.py": "def view(): return 1\n", "tls.py": ""})
    views, tls = program.module("a_views"), program.module("tls")
    outcome = program.patch(
        {
            "a_views.py": "from tls import CONTEXT as C\ndef view(): return C\n",
            "tls.py": "import ssl\nCONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n",
        }
    )
    assert outcome, outcome.reasons
    assert views.view() is tls.CONTEXT


def test_a_variable_that_was_set_since_staging_calls_the_commit_off(program: Program) -> None:
    program.runs({"locales.py": LOCALES.format("en")})
    locales = program.module("locales")
    staged = engine.stage(program.measure({"locales.py": LOCALES.format("de")}), str(program.root))
    request = contextvars.copy_context()
    request.run(locales.LOCALE.set, "fr")
    with pytest.raises(PatchRefused, match="is set just now"):
        engine.commit_now(staged)
    assert locales.locale() == "en"


def test_a_variable_that_was_set_since_the_commit_calls_its_undo_off(program: Program) -> None:
    program.runs({"locales.py": LOCALES.format("en")})
    locales = program.module("locales")
    staged = engine.stage(program.measure({"locales.py": LOCALES.format("de")}), str(program.root))
    undo = engine.commit_now(staged)
    request = contextvars.copy_context()
    token = request.run(locales.LOCALE.set, "fr")
    with pytest.raises(PatchRefused, match="is set just now"):
        undo.revert()
    request.run(locales.LOCALE.reset, token)
    undo.revert()
    assert locales.locale() == "en"
