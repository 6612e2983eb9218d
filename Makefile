# One obvious command for each want; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
FAST := not e2e and not services and not slow and not gpu and not cudasim

.PHONY: help run test test-servers check fast bench test-cudasim test-nojit test-gpu lock new-solution new-kernel pictures format setup setup-dev

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## Set up all it needs, then run the product in the foreground
	@scripts/setup.sh run
	@exec $(PY) scripts/supervise.py

test: ## Set up all they need, then run all tests, those with a browser too
	@scripts/test.sh

test-servers: setup-dev ## Run all tests again on PostgreSQL and Redis, started for them
	@SERVERS=1 scripts/test.sh

check: setup-dev ## Am I done? Format, lint, types, imports, migrations, fast tests
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	scripts/with_test_settings.sh $(PY) manage.py makemigrations --check --dry-run
	.venv/bin/pytest -q -n 2 -m "$(FAST)" tests

fast: ## Run the fast tests alone
	.venv/bin/pytest -q -n 2 -m "$(FAST)" tests

bench: setup-dev ## Measure all that is claimed; writes benchmarks/results/
	@$(PY) scripts/bench.py

test-cudasim: ## Run the CUDA kernels in Numba's simulator
	NUMBA_ENABLE_CUDASIM=1 .venv/bin/pytest -q -m "not gpu" tests/kernels

test-nojit: ## Run the kernels uncompiled, so that coverage sees inside
	NUMBA_DISABLE_JIT=1 NUMBA_ENABLE_CUDASIM=1 .venv/bin/pytest -q -m "not gpu and not slow" tests/kernels

test-gpu: ## Run the tests that need a GPU
	.venv/bin/pytest -q -m gpu tests

pictures: setup-dev ## Do the tutorials in a browser, and write docs/pictures
	.venv/bin/pytest -q tests/e2e/test_tutorials.py
	@$(PY) scripts/pictures.py

new-solution: ## Begin a solution that passes the kit: make new-solution NAME=weld
	@$(PY) scripts/new_solution.py "$(NAME)"

new-kernel: ## Begin a kernel whose twins agree: make new-kernel NAME=knn
	@$(PY) scripts/new_kernel.py "$(NAME)"

format: ## Format and fix what can be fixed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

setup: ## Install what running needs
	@scripts/setup.sh run

setup-dev: ## Install what developing needs
	@scripts/setup.sh dev

lock: ## Write requirements.lock and requirements-dev.lock from pyproject.toml
	@$(PY) scripts/lock.py
