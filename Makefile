# `make drill` and `make test` are all that a newcomer needs: both make .venv themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= auto

.PHONY: drill test lint docs conformance simulate clean

$(STAMP): pyproject.toml requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.txt -e '.[dev,peers]'
	touch $@

drill: $(STAMP)  ## the main job: faults found and fixed live in the demo app, under load
	$(BIN)/hotpatch drill

test: $(STAMP)  ## all tests, in parallel
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(STAMP)  ## style, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

SCHEDULES ?= 1000000
simulate: $(STAMP)  ## ledger, leader and workers on a simulated machine, through a million schedules
	$(BIN)/python -m tests.simulation --schedules $(SCHEDULES)

docs: $(STAMP)  ## the pages that are rendered from tests
	$(BIN)/python -m tests.engine.catalogue_page

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
