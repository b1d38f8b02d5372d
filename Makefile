# Every target sets up .venv first; python3 >= 3.10 and make are all it needs.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 10))
INPUTS := pyproject.toml constraints.txt
INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

.PHONY: help demo test soak lint format bench bench-full scoreboard gpu bench-gpu sanitize-gpu wheel-test clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do \
		printf 'make %-12s %s\n' "$$name" "$$what"; done

demo: $(VENV)/.demo ## track the loops of a real heartbeat recording over three time scales
	@$(BIN)/python -m aura_tda_gpu.cli demo

test: $(VENV)/.test ## run every test, the built wheel in an empty environment included
	@echo "running the tests (a minute or two)"
	@$(BIN)/python -m pytest
	@$(MAKE) --no-print-directory wheel-test

soak: $(VENV)/.test ## update one window 100 000 times and compare it with rebuilds
	@echo "updating a window 100 000 times (about five minutes)"
	@AURA_SOAK_UPDATES=100000 $(BIN)/python -m pytest --timeout=0 tests/persistence/test_window_soak.py

lint: $(VENV)/.test ## check style and types
	@echo "checking style and types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then $(BIN)/mypy; \
		else echo "types are not checked: that needs Python 3.11 or newer"; fi

format: $(VENV)/.test ## put the code into the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## measure again in ten minutes, and redraw docs/scoreboard.md
	@echo "measuring (less than ten minutes on two cores; make bench-full takes an hour)"
	@$(BIN)/python -m benchmarks.suite

bench-full: $(VENV)/.bench ## the same with more sizes and repeats, the highest load, and all of the accuracy
	@echo "measuring (more than an hour on two cores)"
	@$(BIN)/python -m benchmarks.suite --full

scoreboard: $(VENV)/.bench ## draw docs/scoreboard.md and its pictures from the records
	@$(BIN)/python -m benchmarks.scoreboard

# the environment of a GPU node holds CuPy: make bench-gpu GPU_PYTHON=python takes that one
GPU_PYTHON ?= $(BIN)/python
NEEDS_GPU = $(GPU_PYTHON) -c "import sys; from aura_tda_gpu.persistence.cuda_device import why_not; \
	why_not() and sys.exit('nothing was run: ' + why_not())"

gpu: bench-gpu sanitize-gpu ## on a GPU: all that needs one, tests, figures and sanitizers

bench-gpu: ## on a GPU: run its tests, then measure all that needs one
	@$(NEEDS_GPU)
	@$(GPU_PYTHON) -m pytest -q -rs tests/gpu
	@$(GPU_PYTHON) -m benchmarks.gpu_performance

# a test under a sanitizer takes some hundred times as long: one of each kind
SANITIZED ?= many_windows or of_any_sizes or two_chunks or grow or come_in_chunks or any_change or two_streams_by_turns
sanitize-gpu: ## on a GPU: run its tests under compute-sanitizer
	@$(NEEDS_GPU)
	@command -v compute-sanitizer >/dev/null || { \
		echo "compute-sanitizer was not found: it is part of the CUDA toolkit" >&2; exit 1; }
	@for tool in memcheck racecheck initcheck synccheck; do echo "$$tool"; AURA_RAW_DEVICE_MEMORY=1 \
		compute-sanitizer --tool $$tool --error-exitcode 1 --target-processes all \
		$(GPU_PYTHON) -m pytest -q --timeout=0 -k "$(SANITIZED)" tests/gpu || exit 1; done

wheel-test: $(VENV)/.test ## build the wheel and run the demo from it, outside this folder
	@sh tests/wheel_smoke.sh $(BIN)/python

clean: ## remove .venv and everything built
	@rm -rf $(VENV) dist build out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that is missing, broken, too old or made in another folder is made anew.
USABLE := $(shell $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null && cat $(VENV)/.python 2>/dev/null)
ifneq ($(USABLE),$(CURDIR))
.PHONY: $(VENV)/.python
endif

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "python 3.10 or newer is needed, and $(PYTHON) was not found" >&2; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "python 3.10 or newer is needed, and" \
		"$(PYTHON) is `$(PYTHON) --version 2>&1`: try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module: install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@if [ -s $@ ] || ! $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null; then \
		echo "setting up .venv"; rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	@echo "$(CURDIR)" >$@

$(VENV)/.demo: $(VENV)/.python $(INPUTS)
	@echo "installing the package and what the demo needs (about a minute, once)"
	@$(INSTALL) -e '.[plot]'
	@touch $@

$(VENV)/.test: $(VENV)/.python $(INPUTS)
	@echo "installing the package and what the tests need (a few minutes, once)"
	@$(INSTALL) -e '.[test,plot,parquet,sklearn,torch]'
	@$(INSTALL) --no-deps aeon # for the recordings in it; what its code needs would hold numba back
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.python $(INPUTS)
	@echo "installing the package and the peers to measure against (about a minute, once)"
	@$(INSTALL) -e '.[plot]'
	@$(BIN)/python -m benchmarks.first_start --compile >/dev/null 2>&1 & \
		$(INSTALL) -e '.[bench,plot]' && wait
	@touch $@
