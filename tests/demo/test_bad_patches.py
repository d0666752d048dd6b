"""Each bad patch is as bad as it says, so that its refusal proves something."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hotpatch_agent.drill.patches import Patch

from tests.demo.conftest import BAD, PATCHES, RunIn

IMPORT = "import demo_app.basket"

CHECK = """
import faulthandler, inspect, runpy, sys
import demo_app.basket
checks = [check for name, check in runpy.run_path(sys.argv[1]).items() if name.startswith("check")]
faulthandler.dump_traceback_later(1, exit=True)
for check in checks:
    check()
print("survived")
"""

LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))\n" + CHECK.replace(
    "dump_traceback_later(1", "dump_traceback_later(60"
)


@pytest.mark.parametrize(
    "patch", [each for each in BAD if each.refused_by == "push"], ids=lambda each: each.name
)
def test_what_the_rehearsal_must_refuse_can_be_imported(
    patch: Patch, tree: Callable[..., Path], run_in: RunIn
) -> None:
    assert run_in(tree(patch), IMPORT).returncode == 0


@pytest.mark.parametrize("patch", BAD, ids=lambda each: each.name)
def test_a_bad_patch_also_fits_on_the_first_fix(patch: Patch, tree: Callable[..., Path]) -> None:
    fixed = tree(PATCHES["wrong-total"])
    assert patch.changed(fixed) != {path: (fixed / path).read_text() for path in patch.changed(fixed)}


def test_syntax_error_does_not_compile(tree: Callable[..., Path], run_in: RunIn) -> None:
    assert "SyntaxError" in run_in(tree(PATCHES["syntax-error"]), IMPORT).stderr


def test_raises_at_import_does_not_import(tree: Callable[..., Path], run_in: RunIn) -> None:
    assert "KeyError: 'SHOP_SHIPPING_CENTS'" in run_in(tree(PATCHES["raises-at-import"]), IMPORT).stderr


def checked(name: str, tree: Callable[..., Path], run_in: RunIn, program: str = CHECK) -> tuple[int, str]:
    patch = PATCHES[name]
    done = run_in(tree(patch), program, patch.checks)
    assert "survived" not in done.stdout
    return done.returncode, done.stderr


def test_wrong_answer_fails_its_check(tree: Callable[..., Path], run_in: RunIn) -> None:
    code, errors = checked("wrong-answer", tree, run_in)
    assert code == 1 and "AssertionError" in errors


def test_endless_check_never_ends(tree: Callable[..., Path], run_in: RunIn) -> None:
    code, errors = checked("endless-check", tree, run_in)
    assert code == 1 and "Timeout" in errors and "check_for_ever" in errors


def test_exits_ends_its_process_without_a_word(tree: Callable[..., Path], run_in: RunIn) -> None:
    assert checked("exits", tree, run_in) == (0, "")


def test_segfault_dies_by_the_signal(tree: Callable[..., Path], run_in: RunIn) -> None:
    assert checked("segfault", tree, run_in)[0] == -signal.SIGSEGV


def test_eats_memory_until_there_is_none(tree: Callable[..., Path], run_in: RunIn) -> None:
    code, errors = checked("eats-memory", tree, run_in, LIMITED)
    assert code == 1 and "MemoryError" in errors


def test_deadlock_hangs_in_the_changed_function(tree: Callable[..., Path], run_in: RunIn) -> None:
    code, errors = checked("deadlock", tree, run_in)
    assert code == 1 and "Timeout" in errors and "in totals" in errors
