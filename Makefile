# Everything runs in .venv, made from the lock file on first use.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.locked
SYNAPSE := .synapse/.locked

.DEFAULT_GOAL := help
.PHONY: help setup synapse demo run test faults check bench bench-data bench-models lint fmt clean lock

help:  ## say what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## make .venv with everything pinned in requirements.lock

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . && touch $@

demo: setup  ## the whole thing on this machine: exchange, daemon, Redis, live table
	$(BIN)/technic demo

run: setup  ## the daemon, by technic.toml
	$(BIN)/technic run

$(SYNAPSE): tests/synapse.lock
	$(PYTHON) -m venv .synapse
	.synapse/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r tests/synapse.lock && touch $@

synapse: $(SYNAPSE)  ## a real Matrix server for the tests, in an environment of its own

test: setup synapse  ## every test but those of faults that take long; real data from ../shared/data or $TECHNIC_DATA
	$(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0 -m "not slow"

faults: setup  ## what happens when: docs/faults.md, on real processes, sockets and disks; seeds are printed
	$(BIN)/python -m pytest -n auto --dist worksteal --max-worker-restart 0 tests/faults

check: lint test  ## what has to pass before a change lands

bench: setup  ## technic beside its peers, in the same run: table on stderr, JSON on stdout
	@$(BIN)/python -m benchmarks

bench-data: setup  ## scans, cold and warm, loading, warm-up, and prefetch: JSON on stdout
	@$(BIN)/python -m benchmarks data warmup prefetch

bench-models: setup  ## scores beside offline LightGBM on the real minutes: tables on stderr, JSON on stdout
	@$(BIN)/python -m benchmarks.models

lint: setup  ## ruff and mypy strict
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: setup  ## format and mend what ruff can mend
	$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

clean:  ## remove what the targets made
	rm -rf .venv .synapse build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock:  ## pin all dependencies anew (needs uv)
	uv pip compile --quiet --universal --group dev pyproject.toml --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.lock
