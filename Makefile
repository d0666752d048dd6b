# `make drill` and `make test` are all that a newcomer needs: both make .venv themselves.
# `make test-all VERSIONS="python3.11 python3.13"` names other interpreters than those found.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CORES := $(shell getconf _NPROCESSORS_ONLN)
# Most tests wait for processes more than they compute: one for each core would leave it idle half of the time.
# Those of the engine compute, and look at every object of their process: they run by themselves, in processes
# that have not loaded what the others need.
JOBS ?= $(shell echo $$((2 * $(CORES))))
SPREAD := -n $(JOBS) --dist worksteal
ENGINE := tests/engine

.PHONY: help compiled drill drills test test-all conformance conformance-as-worker lint simulate exhaustive failpoints docs applications package-suites soak mixtures clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.txt -e '.[dev,peers]'
	touch $@

# Tests start thousands of processes.  Each that finds no bytecode, as after a fresh checkout, or where Python
# is told to write none, compiles what it imports for itself: more than it does else from its start to its end.
compiled: $(STAMP)
	$(BIN)/python -m compileall -q -x 'tests/conformance/.*/' agent hotpatch tests

drill: $(STAMP)  ## the main job: faults found and fixed live in the demo app, under load
	$(BIN)/hotpatch drill

WORKER_CLASS ?= gthread
drills: $(STAMP)  ## every drill there is, one after another (WORKER_CLASS=sync, asgi, uvicorn)
	$(BIN)/hotpatch drill --all --worker-class $(WORKER_CLASS)

test: compiled  ## all tests, in parallel
	@$(BIN)/python -m pytest -n $(CORES) --dist worksteal $(ENGINE); first=$$?; \
	$(BIN)/python -m pytest $(SPREAD) $(ENGINE:%=--ignore=%); second=$$?; \
	exit $$((first ? first : second))

VERSIONS ?= $(shell for v in 3.11 3.12 3.13; do \
	(python$$v -c '' 2>/dev/null && command -v python$$v) || \
	ls -d $$HOME/.pyenv/versions/$$v.*/bin/python 2>/dev/null | tail -n 1; done)
test-all:  ## all tests on every CPython from 3.11 to 3.13 that is found
	@for python in $(VERSIONS); do \
	  name=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])') && echo "== CPython $$name" && \
	  $(MAKE) --no-print-directory test PYTHON=$$python VENV=.venv-$$name || exit 1; done

SHARED ?= ../shared
conformance: compiled  ## the live-edit cases and the real releases, with totals
	$(BIN)/python -m tests.judges $(SHARED)

conformance-as-worker: compiled  ## the same, by the way that a worker takes from release to release
	$(BIN)/python -m tests.judges $(SHARED) --as-worker

lint: $(STAMP)  ## style, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# `make simulate SEED=250000 SCHEDULES=250000 PROCESSES=1` is a part of it.
SCHEDULES ?= 1000000
SEED ?= 0
PROCESSES ?= $(CORES)
simulate: $(STAMP)  ## ledger, leader and workers on a simulated machine, through a million schedules
	$(BIN)/python -m tests.simulation --seed $(SEED) --schedules $(SCHEDULES) --jobs $(PROCESSES)

exhaustive: compiled  ## the tests that make test leaves out: further worker classes, failpoints, drills, a soak
	$(BIN)/python -m pytest $(SPREAD) -m exhaustive

failpoints: compiled  ## a real service killed at each of its durable steps, under load
	$(BIN)/python -m pytest $(SPREAD) -m '' tests/agent/test_failpoints.py

docs: $(STAMP)  ## the pages that are rendered from tests
	$(BIN)/python -m tests.engine.catalogue_page
	$(BIN)/python docs/tour.py

applications: $(STAMP)  ## real applications, patched live from one release to the next
	$(BIN)/python -m benchmarks.applications

package-suites: $(STAMP)  ## packages' own tests, in a process that was patched from the release before
	$(BIN)/python -m benchmarks.package_suites

soak: $(STAMP)  ## ten thousand patches and undos in one process: nothing grows, nothing old is held
	$(BIN)/python -m benchmarks.soak

RELEASES ?= 60
mixtures: $(STAMP)  ## every worker class of gunicorn under endless releases: does a request see two versions?
	$(BIN)/python -m tests.matrix --releases $(RELEASES)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
