"""Work beside requests: what changes for the whole process meanwhile, and that it is as before afterwards."""

from __future__ import annotations

import gc
import os
import sys

import pytest

from hotpatch.engine import gently
from hotpatch.engine.gently import SHARE, YOUNG


def settings() -> tuple[float, tuple[int, int, int]]:
    return sys.getswitchinterval(), gc.get_threshold()


def test_other_threads_get_in_early_and_the_whole_heap_is_not_collected() -> None:
    with gently():
        assert sys.getswitchinterval() <= SHARE * 1.01
        assert gc.get_threshold() == YOUNG


def test_all_is_as_before_afterwards() -> None:
    before = settings()
    with pytest.raises(KeyError), gently(), gently():
        raise KeyError
    assert settings() == before


def test_a_collector_that_is_switched_off_stays_so() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        with gently():
            assert gc.get_threshold()[0] == 0
        assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


def test_what_the_program_sets_meanwhile_stays() -> None:
    interval, thresholds = settings()
    try:
        with gently():
            sys.setswitchinterval(0.02)
            gc.set_threshold(5_000, 20, 30)
        assert settings() == (pytest.approx(0.02), (5_000, 20, 30))
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)


def test_a_child_forked_meanwhile_has_the_settings_of_before() -> None:
    before = settings()
    with gently():
        pid = os.fork()
        if pid == 0:
            os._exit(0 if settings() == before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
