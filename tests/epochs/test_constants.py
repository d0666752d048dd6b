"""Names by epoch: each version sees its own constants, wherever they are read."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from benchmarks.two_versions import Program
from hotpatch.epochs import install, is_plain
from tests.epochs.requests import Open

Make = Callable[..., Program]

CONFIG = "TIMEOUT = {v}\nDERIVED = TIMEOUT * 10\n"
USER = """
import config
from config import TIMEOUT

class C:
    limit = TIMEOUT

    def read(self):
        return self.limit

def look():
    from config import DERIVED as late
    again = getattr(config, "TIMEOUT")
    return (TIMEOUT, config.TIMEOUT, config.DERIVED, late, C.limit, C().limit, C().read(), again)

handlers = [lambda: TIMEOUT]
"""


def test_constant_everywhere(program: Make) -> None:
    """Global, derived, from-import, `m.X`, import at run time, class attribute agree in one request."""
    app = program(config=CONFIG.format(v=1), user=USER)
    handler = app["user"].handlers[0]
    old = Open()
    version = install(app.ops({"config": CONFIG.format(v=2), "user": USER}))
    expected = {v: (v, v, 10 * v, 10 * v, v, v, v, v) for v in (1, 2)}
    assert old.run(app["user"].look) == expected[1]
    version.flip()
    new = Open()
    for _ in range(2):
        assert old.run(app["user"].look) == expected[1] and old.run(handler) == 1
        assert new.run(app["user"].look) == expected[2] and new.run(handler) == 2
    old.end()
    assert version.collapse() and is_plain()
    assert new.run(app["user"].look) == expected[2] == app["user"].look()
    assert app["user"].look.__code__.co_names.count("TIMEOUT") == 1
    new.end()
    assert not [name for m in ("config", "user") for name in vars(app[m]) if "@" in name]


def test_constant_everywhere_through_a_canary_and_a_rollback(program: Make) -> None:
    app = program(config=CONFIG.format(v=1), user=USER)
    version = install(app.ops({"config": CONFIG.format(v=2), "user": USER}))
    version.canary(bool)
    pig, other = Open("pig"), Open("")
    assert set(pig.run(app["user"].look)) == {2, 20} and set(other.run(app["user"].look)) == {1, 10}
    version.flip()
    back = version.rollback()
    assert set(pig.run(app["user"].look)) == {2, 20} and set(other.run(app["user"].look)) == {1, 10}
    assert set(app["user"].look()) == {1, 10}
    pig.end()
    other.end()
    assert back.collapse() and set(app["user"].look()) == {1, 10}


def test_stream_outlives_collapse_of_renamed_constant(program: Make) -> None:
    text = "X = {v}\ndef stream():\n    while True:\n        yield X\n"
    app = program(app=text.format(v=1))
    version = install(app.ops({"app": text.format(v=2)}))
    version.flip()
    new = Open()
    items = new.run(app["app"].stream)
    assert next(items) == 2
    assert version.collapse(), "the stream is on the new epoch: nobody is pinned below"
    third = install(app.ops({"app": text.format(v=3)}))
    third.flip()
    new.end()
    assert third.collapse()
    assert next(items) == 2, "it goes on reading what it began with"
    assert [name for name in vars(app["app"]) if "@" in name] == ["X@1"]
    del items
    assert not [name for name in vars(app["app"]) if "@" in name], "the alias goes with its last reader"


def test_builtin_shadowed_by_new_name(program: Make) -> None:
    old_text, new_text = (
        "def f():\n    return max(1, 2)\n",
        "def max(*a):\n    return 'own'\ndef f():\n    return max(1, 2)\n",
    )
    app = program(app=old_text)
    old = Open()
    version = install(app.ops({"app": new_text}))
    assert app["app"].f() == 2 and not hasattr(app["app"], "max")
    version.flip()
    assert old.run(app["app"].f) == 2 and app["app"].f() == "own"
    assert not old.run(hasattr, app["app"], "max") and app["app"].max() == "own"
    back = version.rollback()
    assert app["app"].f() == 2 and not hasattr(app["app"], "max")
    old.end()
    assert back.collapse() and app["app"].f() == 2 and "max" not in vars(app["app"])


def test_a_name_that_is_removed_is_gone_for_the_new_version_alone(program: Make) -> None:
    app = program(app="OLD = 1\ndef f():\n    return OLD\n")
    old = Open()
    version = install(app.ops({"app": "def f():\n    return 'without'\n"}))
    version.flip()
    assert old.run(app["app"].f) == 1 and old.run(getattr, app["app"], "OLD") == 1
    assert app["app"].f() == "without" and not hasattr(app["app"], "OLD")
    old.end()
    assert version.collapse() and "OLD" not in vars(app["app"])


NEW_HELPER = """
import json
BASE = 5
def helper():
    return json.dumps(BASE)
def f():
    return helper()
"""


def test_a_new_helper_and_a_new_import_are_the_new_versions_alone(program: Make) -> None:
    app = program(app="def f():\n    return 1\n")
    old = Open()
    version = install(app.ops({"app": NEW_HELPER}))
    version.flip()
    new = Open()
    assert old.run(app["app"].f) == 1 and new.run(app["app"].f) == "5"
    assert not old.run(hasattr, app["app"], "helper")
    old.end()
    assert version.collapse() and app["app"].f() == "5" and app["app"].helper() == "5"
    assert app["app"].helper.__code__.co_names == ("json", "dumps", "BASE")
    new.end()


def test_the_applications_own_assignment_counts_for_all_epochs(program: Make) -> None:
    app = program(app="X = 1\ndef f():\n    return X\n")
    old = Open()
    version = install(app.ops({"app": "X = 2\ndef f():\n    return X\n"}))
    version.flip()
    app["app"].X = 9
    assert old.run(app["app"].f) == 9 == app["app"].f()
    old.end()
    assert version.collapse() and app["app"].X == 9


def test_a_modules_own_class_and_getattr_survive(program: Make) -> None:
    app = program(app="X = 1\ndef __getattr__(name):\n    return 'dynamic ' + name\n")
    old = Open()
    kind = type(app["app"])
    version = install(
        app.ops({"app": "X = 2\nY = 3\ndef __getattr__(name):\n    return 'dynamic ' + name\n"})
    )
    version.flip()
    assert old.run(getattr, app["app"], "Y") == "dynamic Y" and app["app"].Y == 3
    assert app["app"].Z == "dynamic Z" and old.run(getattr, app["app"], "X") == 1 and app["app"].X == 2
    old.end()
    assert version.collapse() and type(app["app"]) is kind and app["app"].Y == 3


def test_functions_set_aside_by_gc_freeze_are_found(tmp_path: Any) -> None:
    script = """
    import gc, pathlib
    from benchmarks.two_versions import Program
    from tests.epochs.requests import Open
    from hotpatch.epochs import install
    app = Program({"app": "X = 1\\ndef make():\\n    return lambda: X\\n"}, pathlib.Path("."))
    hidden = [app["app"].make()]
    gc.freeze()
    old = Open()
    install(app.ops({"app": "X = 2\\ndef make():\\n    return lambda: X\\n"})).flip()
    assert (old.run(hidden[0]), hidden[0]()) == (1, 2)
    assert gc.get_freeze_count() > 0
    print("good")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "good\n", done.stderr
