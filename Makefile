# `make` alone lists the targets. What each one runs is short; the work is in operations/launch.

.DEFAULT_GOAL := help
.PHONY: help setup up test check bench soak lock clean setup-dev

python := .venv/bin/python
compile := $(python) -m piptools compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--strip-extras --allow-unsafe
# For the pytest command line, for example: make test ARGS='-m database'
ARGS ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Install everything into .venv and node_modules
	@sh operations/launch/setup.sh

setup-dev:
	@sh operations/launch/setup.sh dev

up: setup ## Start the site: HOST (all), PORT (8443), DATA_DIR (./data)
	@exec $(python) -m operations.launch up

# Tests wait as often as they compute. Each process keeps their order, in which those that empty the tables come last.
test: workers := --numprocesses=2 --dist=loadscope --no-loadscope-reorder
test: setup-dev ## Run the test suite: ARGS='…' goes to pytest
	@exec $(python) -m pytest $(workers) $(ARGS) </dev/null

# Settings have no default secret, and the checks need none that is one; nothing is read from your data.
check: export SECRET_KEY := only-for-checks
check: export DATA_DIR := $(CURDIR)/.mypy_cache/data
check: setup-dev ## Lint, types, import contracts, migrations
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy .
	@.venv/bin/lint-imports
	@$(python) manage.py makemigrations --check --dry-run

bench: setup-dev ## Measure against the figures in the design
	@exec $(python) -m bench $(ARGS)

soak: setup-dev ## Kill processes under load and count what was lost
	@exec $(python) -m pytest -o python_files='soak_*.py' $(ARGS) </dev/null

lock: setup-dev ## Pin the packages' versions and hashes again
	$(compile) --output-file=requirements.txt requirements.in
	$(compile) --output-file=requirements-dev.txt requirements-dev.in
	$(compile) --output-file=requirements-node.txt requirements-node.in

clean: ## Remove what can be made again; data stays
	rm -rf .venv node_modules staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +
