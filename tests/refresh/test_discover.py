"""Plugins are found by entry point, and loaded once what they are for is."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from hotpatch.refresh import discover


def run(code: str, *path: Path) -> str:
    """In a process of its own, with these folders on the path."""
    lines = [f"import sys; sys.path[:0] = {[str(p) for p in path]!r}", dedent(code)]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A distribution with a framework, a plugin for it, and a plugin that is broken."""
    info = tmp_path / "sample-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[hotpatch.refresh]\nsample_framework = sample_plugin:PLUGIN\n"
        "sample_framework:more = sample_plugin:MORE\nsample_framework:broken = sample_plugin:NOTHING\n"
        "sample_framework:wrong = sample_plugin:WRONG\n"
    )
    (tmp_path / "sample_framework.py").write_text("")
    (tmp_path / "sample_plugin.py").write_text(
        "from hotpatch.refresh import Handler\n"
        "PLUGIN = Handler('sample', forget=print)\nMORE = Handler('more', forget=print)\nWRONG = print\n"
    )
    return tmp_path


def test_a_plugin_is_loaded_once_its_framework_is(installed: Path) -> None:
    code = """
        from hotpatch.refresh import discover
        names = lambda: [h.name for h in discover.plugins()[0] if h.name in ("sample", "more")]
        print(names(), "sample_plugin" in sys.modules)
        import sample_framework
        print(names(), "sample_plugin" in sys.modules)
    """
    assert run(code, installed) == "[] False\n['sample', 'more'] True"


def test_a_broken_plugin_is_told_and_harms_no_other(installed: Path) -> None:
    code = """
        import sample_framework
        from hotpatch.refresh import discover
        for name, error in discover.plugins()[1]:
            print(name, "-", error)
    """
    first, second = run(code, installed).splitlines()
    assert first.startswith("sample_framework:broken - AttributeError")
    assert second.startswith("sample_framework:wrong - the entry point gives")


def test_no_framework_is_imported_for_its_plugin() -> None:
    code = """
        from hotpatch.refresh import discover
        discover.plugins()
        print([name for name in discover.BUILT_IN if name in sys.modules])
    """
    assert run(code) == "['functools', 'abc']"


def test_every_built_in_plugin_loads_with_its_framework() -> None:
    there = [name for name in discover.BUILT_IN if importlib.util.find_spec(name)]
    code = f"""
        import importlib
        from hotpatch.refresh import discover
        for name in {there!r}:
            importlib.import_module(name)
        found, failed = discover.plugins()
        print([h.name for h in found], failed)
    """
    assert run(code) == f"{there} ()"
