# Needs Python 3.11 or newer and make. Everything else comes from requirements.lock into $(VENV).
VENV ?= .venv
PYTHON ?= python3
PORT ?= 3000
DASHBOARD_PORT ?= 8080
DOCS_PORT ?= 8000
# Zensical builds the site of docs/. It takes 138 MB, so only `make docs` installs it.
DOCS_VENV ?= .venv-docs
# Other jobs for `make run` than the sources declare, and how many of their newest partitions:
# JOBS="--job yts_daily 3 --job imdb_daily 1".
JOBS ?=
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
SEARCH := --hypothesis-profile=search

# Bytecode halves the time that every command takes to start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run summary warnings dev dashboard test test-slow test-all benchmarks lint format docs docs-serve lock clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# The lock file is complete, so nothing has to be resolved (--no-deps): quick, and older versions
# of pip stumble in hash mode over a requirement with extras. setuptools comes from the lock too, and
# so does uv, which installs the rest in 10 s where pip takes 90. pip knows mirrors that uv does not.
$(INSTALLED): requirements.lock setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; choose one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV), up to a minute ..."
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock >$(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --compile-bytecode -r requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m pip check --disable-pip-version-check
	@$(BIN)/python -m compileall -q movies_assets
	@touch $@

install: $(INSTALLED) ## make the virtual environment, as every other command does on first use

# A DAGSTER_HOME that the caller has set is kept.
run summary warnings dev: export DAGSTER_HOME ?= $(CURDIR)
# Dagster warns of its own beta interfaces and of the command line to come, a screenful at a start.
run summary warnings dev: export PYTHONWARNINGS := ignore

# Without it, Dagster would run several writers at once, and keep runs without a living process.
define INSTANCE
@test -e "$$DAGSTER_HOME/dagster.yaml" || { mkdir -p "$$DAGSTER_HOME" && cp dagster.yaml "$$DAGSTER_HOME"; }
endef

run: $(INSTALLED) ## materialize the newest days of the sample's sources, then sum up
	$(INSTANCE)
	@$(BIN)/python -m movies_assets run $(JOBS)

summary: $(INSTALLED) ## what the warehouse holds and how the newest run went
	@$(BIN)/python -m movies_assets summary

warnings: $(INSTALLED) ## the warnings of the newest runs, as sentences
	@$(BIN)/python -m movies_assets warnings

dev: $(INSTALLED) ## Dagster's UI, schedules and run queue on http://127.0.0.1:3000 (PORT=...)
	$(INSTANCE)
	@$(BIN)/dagster dev --workspace workspace.yaml --host 127.0.0.1 --port $(PORT)

dashboard: $(INSTALLED) ## the dashboard on http://127.0.0.1:8080 (DASHBOARD_PORT=...)
	@$(BIN)/python -m movies_assets dashboard --port $(DASHBOARD_PORT)

# Property tests try the same examples in `test`, and search at random in the other two; add the failures
# that they find as an @example.
test: $(INSTALLED) ## the quick tests, in five minutes on two idle cores
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" $(PYTEST)

test-slow: $(INSTALLED) ## the slow tests, and a random search of the property tests
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "slow or hypothesis" $(SEARCH) $(PYTEST)

test-all: $(INSTALLED) ## all tests
	@$(BIN)/python -m pytest -n auto --dist worksteal $(SEARCH) $(PYTEST)

benchmarks: $(INSTALLED) ## what users wait for, against references in the same session; a few idle minutes
	@$(BIN)/python -m movies_assets_tests.benchmarks short

lint: $(INSTALLED) ## ruff, mypy, and the order of the rooms
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED) ## format the code, and fix what ruff can fix
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

$(DOCS_VENV)/installed: requirements-docs.lock | $(INSTALLED)
	@echo "Installing Zensical into $(DOCS_VENV) ..."
	@$(PYTHON) -m venv $(DOCS_VENV)
	@$(BIN)/uv pip install --quiet --python $(DOCS_VENV)/bin/python --require-hashes --no-deps -r $< \
		|| $(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

docs: $(INSTALLED) $(DOCS_VENV)/installed ## write the generated pages of docs/reference, then the site into site/
	@$(BIN)/python -W ignore -m movies_assets reference
	@$(DOCS_VENV)/bin/zensical build --clean --strict

docs-serve: $(DOCS_VENV)/installed ## the site on http://127.0.0.1:8000 (DOCS_PORT=...), as it is edited
	@$(DOCS_VENV)/bin/zensical serve --dev-addr 127.0.0.1:$(DOCS_PORT)

lock: $(INSTALLED) ## write the two lock files from setup.cfg, with newer versions where they fit
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--extra dev setup.cfg --output-file requirements.lock --no-header
	@sed -n '/^docs =/,/^dev =/s/^    //p' setup.cfg | $(BIN)/uv pip compile --quiet --upgrade --universal \
		--python-version 3.11 --generate-hashes - --output-file requirements-docs.lock --no-header

clean: ## remove the warehouse, Dagster's history and all caches; the virtual environment stays
	@find data -mindepth 1 -maxdepth 1 ! -name landing ! -name overrides -exec rm -rf {} +
	@rm -rf history schedules storage logs .logs_queue .nux .telemetry .instance.lock
	@rm -rf build dist site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find movies_assets movies_assets_tests -name __pycache__ -exec rm -rf {} +
