SHELL := /bin/bash
# make chat   everything up to an open chat page       make test   lint, types and all quick tests
# The first run installs the dependencies; llama-cpp-python is compiled once (about five minutes on two cores)
# and its wheel is kept in the user's cache, so no other checkout or environment compiles it again.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dateline
# A build is native to its CPU: one folder per CPU, so that a shared home never serves the wrong one.
CPU := $(shell (grep -m1 -E '^(flags|Features)' /proc/cpuinfo 2>/dev/null || uname -mp) | cksum | cut -d' ' -f1)
WHEELS := $(CACHE)/wheels/$(shell uname -m)-$(CPU)
LLAMA := llama-cpp-python==$(shell sed -n 's/^llama.cpp.python==//p' constraints.txt)
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -q --progress-bar off -c constraints.txt --find-links $(WHEELS)

.PHONY: chat test test-slow check format sample screenshots wheel clean
.DEFAULT_GOAL := chat

# MODEL=extracts fetches nothing, MODEL=NAME uses another; without it the best model for this machine is fetched meanwhile.
chat: sample
	$(BIN)/rag chat $(if $(MODEL),--model $(MODEL),--fetch)

sample: $(VENV)/.installed
	@$(BIN)/rag status >/dev/null 2>&1 || $(BIN)/rag index --sample

test: $(VENV)/.installed-dev check
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -q

test-slow: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -q -m slow

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python docs/screenshots.py

wheel: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed; name it with: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.wheels: constraints.txt | $(VENV)/bin/python
	@mkdir -p $(WHEELS)
	@if ls $(WHEELS)/llama_cpp_python-$(patsubst llama-cpp-python==%,%,$(LLAMA))-*.whl >/dev/null 2>&1; then \
	  echo "Using the llama-cpp-python wheel built earlier: $(WHEELS)"; \
	else \
	  echo "Compiling $(LLAMA), about five minutes on two cores; this happens once."; \
	  set -o pipefail; \
	  $(PIP) wheel -v --no-cache-dir --no-deps --no-binary llama-cpp-python -w $(WHEELS)/.new "$(LLAMA)" 2>&1 \
	    | tee $(VENV)/llama-build.log | awk 'match($$0, /\[[0-9]+\/[0-9]+\]/) { split(substr($$0, RSTART + 1, RLENGTH - 2), n, "/"); p = int(20 * n[1] / n[2]); \
	           if (p != last) { print "  compiled " n[1] " of " n[2]; fflush(); last = p } }' \
	    || { tail -40 $(VENV)/llama-build.log; exit 1; }; \
	  mv $(WHEELS)/.new/*.whl $(WHEELS)/ && rmdir $(WHEELS)/.new; \
	fi
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt $(VENV)/.wheels
	@echo "Installing the pinned dependencies (about 1.5 GB with PyTorch); a few minutes the first time."
	$(INSTALL) torch
	$(INSTALL) -e '.[eval]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	@touch $@

$(VENV)/.installed-training: $(VENV)/.installed-dev
	$(INSTALL) -e '.[training]'
	@touch $@

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache

print-wheels:
	@echo $(WHEELS)
