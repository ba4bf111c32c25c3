# Every target that needs Python first makes .venv, with the newest interpreter found.
# ARGS are passed on: make test ARGS='-k hibernation -x', make dev ARGS='--port 9000'.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help dev test check fmt cov bench golden conformance autobahn soak clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

dev: $(READY) ## serve wrangler_like.toml on http://localhost:8787
	@$(VENV)/bin/durable dev $(ARGS)

test: $(READY) ## all tests but the slow, real-time and conformance ones
	$(PY) -X dev -m pytest -n 2 $(ARGS)

check: $(READY) ## format, lint, types, import directions (read-only)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -q tests/test_architecture.py

fmt: $(READY) ## rewrite: format and fix what can be fixed
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

cov: $(READY) ## tests under coverage; the core must be covered whole
	$(PY) -m coverage run -m pytest $(ARGS)
	$(PY) -m coverage report
	$(PY) -m coverage report --include='emulator/core/*' --fail-under=100

bench: $(READY) ## measure, against the real runtime where it can be had
	$(PY) -m benchmarks $(ARGS)

golden: $(READY) ## compare with the recordings of the real runtime
	$(PY) -m tests.golden $(ARGS)

conformance: $(READY) ## the same cases here and on the real runtime
	$(PY) -m pytest -m conformance $(ARGS)

autobahn: $(READY) ## the Autobahn WebSocket suite on an echo object (needs a Python 2.7)
	$(PY) -m tests.conformance.autobahn $(ARGS)

soak: $(READY) ## the tests that take long
	$(PY) -m pytest -m slow $(ARGS)

clean: ## remove .venv and caches; the objects' state stays
	rm -rf $(VENV) build dist .coverage .coverage.* htmlcov .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache benchmarks/.cache
	find emulator objects tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an installation that failed is tried again.
$(READY): pyproject.toml scripts/find-python
	@if ! $(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
		python=$$(sh scripts/find-python) && \
		echo "Making $(VENV) with $$python" && \
		"$$python" -m venv --clear $(VENV); \
	fi
	@echo "Installing durable-emulator and its development tools into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
