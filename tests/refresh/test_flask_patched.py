"""Flask in a program that is patched: the first filter of a program, added to an environment for templates
that came into being when the first template was rendered."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Program, program

__all__ = ["program"]
SITE = """
from flask import Flask, render_template_string
app = Flask(__name__)

@app.get("/")
def page(): return render_template_string("{{ 6 }}")
"""


@pytest.mark.parametrize(
    ("used", "text"),
    [
        ('@app.template_filter()\ndef more(n): return n + "!"', "{{ '6'|more }}"),
        ("@app.template_test()\ndef big(n): return n > 5", "{% if 6 is big %}6!{% endif %}"),
        ('app.jinja_env.globals["mark"] = "!"', "6{{ mark }}"),
    ],
    ids=["filter", "test", "global"],
)
def test_the_first_of_its_kind_is_there_for_templates_and_goes(
    program: Program, used: str, text: str
) -> None:
    program.runs({"site_of_templates.py": SITE})
    site = program.module("site_of_templates")
    client = site.app.test_client()
    assert client.get("/").text == "6"
    new = SITE.replace("\n@app.get", f"{used}\n@app.get").replace("{{ 6 }}", text)
    outcome = program.patch({"site_of_templates.py": new})
    assert outcome, outcome.reasons
    assert client.get("/").text == "6!"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert client.get("/").text == "6"


def test_another_option_of_the_environment_is_a_reason(program: Program) -> None:
    program.runs({"site_of_templates.py": SITE})
    client = program.module("site_of_templates").app.test_client()
    client.get("/")
    new = SITE.replace("\n@app.get", "app.jinja_env.trim_blocks = True\n@app.get")
    outcome = program.patch({"site_of_templates.py": new})
    assert not outcome
    assert "app.jinja_env is new, and lives here already" in outcome.reasons[0]
