# What a developer and CI both call. A second run is quick: the stamps in .venv follow
# pyproject.toml and constraints.txt.
#
#   make demo     install what a node needs and show an auction with three nodes
#   make test     install the development and training extras and run the tests
#   make faults   every fault on real processes, then 2,000 seeds of the simulator
#   make ha       the integration and the doors on two real Home Assistants (root; docs/home_assistant.md)
#   make install  the node as a service of this machine, by sudo: docs/install.md (ARGS="--dry-run")
#   make systemd  install, break, upgrade and remove it on a booted Debian 12 and 13 (root, systemd-nspawn)
#   make check    format, lint and types
#   make setup    .venv with everything in it, and the broker
#   make run      one node in the foreground (ARGS="--config configs/desktop.toml")
#   make bench    the benchmarks, as tables
#   make docs     the documentation as a site, in site/
#   make clean    remove .venv, caches and build output

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
INPUTS := pyproject.toml constraints.txt
FUSED := $(wildcard engine/fused/*.cpp engine/fused/*.h) engine/fused/build.py
# Both names: the first for pip before 25.3, the second for what pip builds the package with after.
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
       $(BIN)/python -m pip install --disable-pip-version-check --no-input --quiet

.NOTPARALLEL:
.PHONY: help setup demo test faults ha install systemd check bench run docs clean

help:
	@sed -n '4,15s/^# *//p' Makefile

setup: venv.broker.clients $(VENV)/.everything $(VENV)/.fused

demo: venv.broker $(VENV)/.node $(VENV)/.fused
	$(BIN)/forgebus demo

test: venv.broker.clients $(VENV)/.everything $(VENV)/.fused
	$(BIN)/pytest

# Cells that cannot run here are skipped with their reason: docs/faults.md.
faults: venv.broker $(VENV)/.everything
	PYTHONPATH=tests $(BIN)/python -m faults_matrix $(CELLS)
	PYTHONPATH=tests $(BIN)/python -m machine_storms --seeds 2000

# Makes each Home Assistant's own environment once; says why where it cannot.
ha: venv.broker.clients $(VENV)/.everything
	PYTHONPATH=tests $(BIN)/python -m ha_matrix $(ARGS)

install: venv $(VENV)/.node
	$(if $(filter-out 0,$(shell id -u)),sudo) $(BIN)/forgebus install $(ARGS)

# What is checked: tools/systemd_check_inside.sh.
systemd:
	tools/systemd_check.sh $(SUITES)

check: venv $(VENV)/.everything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: venv.broker $(VENV)/.everything $(VENV)/.fused
	$(BIN)/forgebus bench

run: venv.broker.clients $(VENV)/.node $(VENV)/.fused
	$(BIN)/forgebus run $(ARGS)

docs: venv $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "site/index.html is its first page; for the search: python3 -m http.server -d site"

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What Debian must give, asked for at once so that a plain user reads one message, not three.
.PHONY: venv venv.broker venv.broker.clients
venv venv.broker venv.broker.clients:
	@tools/bootstrap.sh debian $(subst ., ,$@)

$(BIN)/python:
	@tools/bootstrap.sh venv $(VENV)

# The stamp of everything stands for that of a node as well.
$(VENV)/.node: $(INPUTS) | $(BIN)/python
	@echo "installing forgebus for a node into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.everything: $(INPUTS) | $(BIN)/python
	@echo "installing forgebus with the development and training extras into $(VENV)"
	@$(PIP) --editable '.[dev,train]'
	@touch $(VENV)/.node $@

$(VENV)/.docs: $(INPUTS) | $(BIN)/python
	@echo "installing what makes the documentation into $(VENV)"
	@$(PIP) --editable '.[docs]'
	@touch $@

# One call of C++ a token for int8 models. Without a compiler it says so, and onnxruntime serves.
$(VENV)/.fused: $(FUSED) | $(BIN)/python
	@$(BIN)/python -m engine.fused.build || true
	@touch $@
