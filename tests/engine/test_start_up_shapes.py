"""What start-up code builds can be told, whatever it is made of."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from hotpatch import patching

NAMES = iter(range(1000))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Imports a module from a text, and patches it to another."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    loaded: list[str] = []

    def start(old: str, new: str):
        name = f"start_up_{next(NAMES)}"
        for folder, text in (("before", old), ("after", new), ("root", old)):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}.py").write_text(textwrap.dedent(text))
        module = __import__(name)
        loaded.append(name)
        return module, lambda: patching.patch(
            tmp_path / "before", tmp_path / "after", root=root, modules=[name]
        )

    yield start
    for name in loaded:
        sys.modules.pop(name, None)


def test_a_table_may_have_a_key_that_leads_back_to_the_table(program):
    source = """
        class Key:
            def __init__(self):
                self.table = dict([(self, 1)])

        TABLE = dict([(Key(), "x")])
        def answer():
            return {value}, len(TABLE)
        """
    module, patch = program(source.format(value=1), source.format(value=2))
    outcome = patch()
    assert outcome, outcome.reasons
    assert module.answer() == (2, 1)


@pytest.mark.parametrize("kept", ["id(answer)", "f'answer at {id(answer)}'", "{id(answer): 'x'}"])
def test_an_address_that_a_start_wrote_down_is_no_edit(program, kept):
    more = "\n".join(f"        def added_{n}(): return {n!r}, lambda: {n!r}" for n in range(20))
    source = f"""
        def answer():
            return VALUE

        WHERE = {kept}
        VALUE = """
    module, patch = program(source + "1\n", more + source + "2\n")
    where = module.WHERE
    outcome = patch()
    assert outcome, outcome.reasons
    assert module.answer() == 2
    assert where == module.WHERE
