# `make up` starts everything; `make test` proves it. Both build the environment first.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := .venv-clients

.PHONY: up test check format clean

up: $(VENV)/.runtime
	@$(BIN)/python manage.py up

test: $(VENV)/.development $(CLIENTS)/.installed
	@bash .ci/test

# The checks that need no server: style, types, import directions, Django's own.
check: $(VENV)/.development
	@bash .ci/check

format: $(VENV)/.development
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

$(VENV)/.runtime: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 13) else f"Modelyard needs Python 3.11 or 3.12, found {v.major}.{v.minor}; name one with: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || (echo "Making the environment in $(VENV)" && $(PYTHON) -m venv $(VENV))
	@echo "Installing what Modelyard runs on (about 2 GB, a few minutes the first time)"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -q -r requirements.txt
	@if command -v nvidia-smi > /dev/null && nvidia-smi -L > /dev/null 2>&1; then echo "Installing what TensorFlow needs for the GPU (4 GB)"; $(BIN)/python -m pip install --disable-pip-version-check -q "tensorflow[and-cuda]==$$(sed -n 's/^tensorflow==//p' requirements.txt)"; fi
	@touch $@

$(VENV)/.development: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need"
	@$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	@touch $@

# The original clients that the protocol tests run as programs of their own: their pins are not ours.
$(CLIENTS)/.installed: requirements-clients.txt | $(VENV)/.runtime
	@test -x $(CLIENTS)/bin/python || $(BIN)/python -m venv $(CLIENTS)
	@echo "Installing the clients that the protocols are proved with (about 600 MB, a minute)"
	@$(CLIENTS)/bin/python -m pip install --disable-pip-version-check --no-compile -q -r requirements-clients.txt
	@touch $@

clean:
	rm -rf $(VENV) $(CLIENTS) node_modules .mypy_cache .ruff_cache .hypothesis test-results
