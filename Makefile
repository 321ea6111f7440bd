# Two commands do all set-up: `make up` starts Muster, `make test` proves that it works.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the browser tests check accessibility with.
AXE := tests/browser/axe/node_modules/axe-core/axe.min.js
# Two workers: the tests' engines and servers share two cores.
PYTEST := $(BIN)/python -m pytest

.PHONY: help up demo test prove bench fmt lint clean lock system

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(VENV)/run: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

up: $(VENV)/run ## start everything here (pages, API, OTLP) and print the URLs
	@$(BIN)/python -m deploy up

demo: $(VENV)/run ## send realistic agent traffic to a running Muster
	@$(BIN)/python -m deploy demo

$(AXE): tests/browser/axe/package-lock.json
	@command -v npm >/dev/null || { echo "tests need npm (Debian: sudo apt-get install npm)"; exit 1; }
	npm ci --prefix tests/browser/axe --silent --no-audit --no-fund
	@touch $@

test: $(VENV)/dev system $(AXE) lint ## everything that proves it works, in its short form
	$(PYTEST) -n 2 --dist loadfile -m "not prove" tests

prove: $(VENV)/dev system $(AXE) ## the long forms: kill -9 rounds, millions of spans
	$(PYTEST) -m prove tests

bench: $(VENV)/dev ## speed, as ratios within one run
	$(BIN)/python -m tests.bench

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fmt: $(VENV)/dev ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Chromium for the browser tests, strace for the test of what is synced when, PostgreSQL for the registry's, openssl and
# zstd for whoever verifies a package without us.
system:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v strace >/dev/null || missing="$$missing strace"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	command -v zstd >/dev/null || missing="$$missing zstd"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$$missing postgresql"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else echo "tests need:$$missing (Debian: sudo apt-get install$$missing)"; exit 1; fi; \
	fi

lock: ## resolve dependencies anew (needs uv)
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove what was built; data in .data stays
	rm -rf $(VENV) __cache__ .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
