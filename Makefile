# Everything runs in .venv, made once from the lock files; a second call installs nothing.
# Any of the supported Pythons may be chosen:  make run PYTHON=/path/to/python3.12

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c \
	'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header pyproject.toml

# After a failure all is read anew: Sphinx warns of a page only when it writes it.
SPHINX := PYTHONPATH=src $(BIN)/python -m sphinx -j auto -d build/doctrees

# Where `make serve` listens.
HOST ?= 127.0.0.1
PORT ?= 8000

# Kedro sends usage statistics unless told not to; .telemetry says no as well.
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help run serve test test-slow check lint-container format lineage lineage-static lineage-pictures report-picture bench docs site links lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run: $(VENV)/run.stamp  ## Rebuild the whole project from the panel file
	$(BIN)/kedro run

serve: $(VENV)/run.stamp  ## Score over HTTP; HOST=... and PORT=... say where
	$(BIN)/kedro serve --host $(HOST) --port $(PORT)

test: $(VENV)/dev.stamp  ## Run the tests, but those that are slow by nature
	$(BIN)/pytest -m "not slow"

test-slow: $(VENV)/dev.stamp  ## Run the slow tests: whole runs, notebooks, saves that are killed at every step
	$(BIN)/pytest -m slow

check: lint-container $(VENV)/dev.stamp  ## Check format, lint, types, the direction of imports and the container
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports

lint-container: $(VENV)/dev.stamp  ## Check the Dockerfile and the compose file
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

format: $(VENV)/dev.stamp  ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lineage: $(VENV)/run.stamp  ## Open the map of pipelines and datasets in a browser
	$(BIN)/python tools/lineage.py show

lineage-static: $(VENV)/run.stamp  ## Write the same map as a web page to build/lineage
	$(BIN)/python tools/lineage.py page

lineage-pictures: $(VENV)/dev.stamp  ## Take the pictures of it for the docs; needs Chromium
	$(BIN)/python tools/lineage.py pictures

report-picture: $(VENV)/dev.stamp  ## Take the picture of the report's summary for the docs; needs Chromium
	$(BIN)/python -m tools.report_picture

bench: $(VENV)/dev.stamp  ## Measure seconds and memory, stability and scoring beside the usual ways, and the report in Chromium
	$(BIN)/python tools/bench.py
	$(BIN)/python tools/bench_stability.py
	PYTHONPATH=src $(BIN)/python -m tools.bench_scoring
	$(BIN)/python -m tools.bench_report

docs: $(VENV)/run.stamp  ## Write the generated parts of the docs from the last full run
	$(BIN)/python tools/docs.py

site: $(VENV)/dev.stamp  ## Build the documentation site in build/site; a broken link fails
	@rm -rf build/site
	$(SPHINX) -b html --fail-on-warning --quiet docs build/site || { rm -rf build/doctrees build/site; exit 1; }
	@echo "The site is build/site/index.html; for its search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site"

links: $(VENV)/dev.stamp  ## Check the links to other sites, which needs a network
	$(SPHINX) -b linkcheck --quiet docs build/links

lock: | $(BIN)/python  ## Choose versions anew and write both lock files
	$(BIN)/python -m pip install --quiet 'uv>=0.13,<1'
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --upgrade --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean:  ## Remove the environment, caches and all that a run wrote; data/01_raw, your own files, stays
	rm -rf $(VENV) .viz build .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis
	find data -type f ! -name .gitkeep ! -path 'data/01_raw/*' -delete
	rm -rf docs/api/modules
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; say make run PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock | $(BIN)/python
	$(PIP) --requirement $<
	@touch $@

# Compiled only when imported: the tools are many and a test run needs few of them.
$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	$(PIP) --no-compile --requirement $<
	@touch $@
