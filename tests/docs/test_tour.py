"""The tour is what the commands print."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "tour.py"


def load():
    spec = importlib.util.spec_from_file_location("tour", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tour"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_tour_taken_again_prints_what_the_page_says(tmp_path):
    tour = load()
    page = tour.take(tmp_path.resolve(), tour.free_port())
    assert tour.masked(page) == tour.masked(tour.PAGE.read_text())
