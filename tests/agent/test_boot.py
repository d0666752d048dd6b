"""A program imported through the finder is the one that it would be if its sources lay on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

DISK = {
    "shop/__init__.py": "from shop.price import total\n",
    "shop/price.py": "RATE = 1\n\ndef total():\n    return RATE\n",
    "shop/old.py": "",
    "single.py": "VALUE = 'disk'\n",
    "space/part.py": "VALUE = 'disk'\n",
}
PRELUDE = """
import json, sys
sys.path.insert(0, ROOT)
from hotpatch_agent.process import boot
finder = boot.install(ROOT)
finder.serve({path: None if text is None else text.encode() for path, text in OVERLAY.items()})
"""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a script in a fresh process over DISK with an overlay; gives what it assigns to `result`."""
    for path, text in DISK.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    def execute(overlay: Mapping[str, str | None], script: str) -> Any:
        setting = f"ROOT = {str(tmp_path)!r}\nOVERLAY = {dict(overlay)!r}\n"
        code = setting + PRELUDE + script + "\nprint(json.dumps(result))\n"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return execute


def test_a_changed_module_of_a_package_is_served(run: Any) -> None:
    changed = {"shop/price.py": "def total():\n    return 2\n"}
    assert run(changed, "import shop; result = shop.total()") == 2


def test_an_untouched_module_comes_from_disk(run: Any) -> None:
    assert run({"shop/price.py": "total = 1\n"}, "import single; result = single.VALUE") == "disk"


def test_a_changed_package_keeps_its_path_and_submodules(run: Any) -> None:
    overlay = {"shop/__init__.py": "NEW = True\nfrom shop.price import total\n"}
    script = "import shop; result = [shop.NEW, shop.total(), len(shop.__path__)]"
    assert run(overlay, script) == [True, 1, 1]


def test_a_new_module_and_a_new_package_are_importable(run: Any) -> None:
    overlay = {
        "fresh.py": "A = 1\n",
        "deep/__init__.py": "",
        "deep/er/__init__.py": "",
        "deep/er/mod.py": "B = 2\n",
    }
    assert run(overlay, "import fresh; from deep.er import mod; result = [fresh.A, mod.B]") == [1, 2]


def test_a_new_module_in_a_namespace_package_is_importable(run: Any) -> None:
    overlay = {"space/other.py": "VALUE = 'new'\n", "void/thing.py": "VALUE = 'new'\n"}
    script = """
import space.other, space.part, void.thing
result = [space.other.VALUE, space.part.VALUE, void.thing.VALUE]
"""
    assert run(overlay, script) == ["new", "disk", "new"]


def test_a_removed_module_is_not_found(run: Any) -> None:
    script = """
try:
    import shop.old
except ModuleNotFoundError as error:
    result = [str(error), error.name]
"""
    assert run({"shop/old.py": None}, script) == ["No module named 'shop.old'", "shop.old"]


def test_a_module_that_became_a_package_is_the_package(run: Any) -> None:
    overlay = {
        "single.py": None,
        "single/__init__.py": "from single.core import VALUE\n",
        "single/core.py": "VALUE = 'new'\n",
    }
    assert run(overlay, "import single; result = single.VALUE") == "new"


def test_a_package_that_became_a_module_is_the_module(run: Any) -> None:
    overlay = {"shop/__init__.py": None, "shop/price.py": None, "shop.py": "VALUE = 'flat'\n"}
    assert run(overlay, "import shop; result = [shop.VALUE, hasattr(shop, '__path__')]") == ["flat", False]


def test_file_cached_and_spec_are_as_from_disk(run: Any, tmp_path: Path) -> None:
    script = """
import shop.price as m
result = [m.__file__, m.__spec__.name, m.__spec__.origin, m.__package__, m.__cached__]
"""
    served = run({"shop/price.py": "def total(): pass\n"}, script)
    assert served == run({}, script)
    assert served[0] == str(tmp_path / "shop/price.py")


def test_no_bytecode_of_a_served_source_is_left_on_disk(run: Any, tmp_path: Path) -> None:
    run({"single.py": "VALUE = 'new'\n"}, "import single; result = 0")
    assert not list(tmp_path.glob("__pycache__/single*"))
    assert run({}, "import single; result = single.VALUE") == "disk"


def test_a_traceback_shows_the_source_that_runs(run: Any) -> None:
    script = """
import traceback, shop
try:
    shop.total()
except ZeroDivisionError:
    result = traceback.format_exc()
"""
    told = run({"shop/price.py": "def total():\n    return 1 / 0  # the new line\n"}, script)
    assert "return 1 / 0  # the new line" in told


def test_inspect_shows_the_source_that_runs(run: Any) -> None:
    script = "import inspect, linecache, shop; linecache.checkcache(); result = inspect.getsource(shop.total)"
    assert (
        run({"shop/price.py": "def total():\n    return 'new'\n"}, script)
        == "def total():\n    return 'new'\n"
    )


def test_a_declared_encoding_is_honoured(run: Any) -> None:
    assert run({"single.py": "# coding: utf-8\nVALUE = 'ü'\n"}, "import single; result = single.VALUE") == "ü"


def test_what_is_served_can_change_before_a_late_import(run: Any) -> None:
    script = "finder.serve({'single.py': b'VALUE = 3'}); import single; result = single.VALUE"
    assert run({"single.py": "VALUE = 2\n"}, script) == 3
