# The first target that needs Python creates .venv from infra/requirements.lock; it needs only python3 (>= 3.11) and make.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
READY := .venv/.ready
CHECKOV := .venv/checkov
CHECKOV_VERSION := 3.3.30
COMPILE := $(BIN)/uv pip compile --quiet --system-certs --universal --generate-hashes --no-annotate --no-header
# Tests and tools start many processes, each of which would compile the code again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test unit check format lint manifests bench chaos lock generate clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## play Mr Dale's six weeks through the real stack and print the story
	@$(BIN)/care demo

up: $(READY) ## serve the four services on one port, supervised; Ctrl-C stops; PORT=8090 NAME=other for a second stack
	@$(BIN)/care up $(if $(PORT),--port $(PORT)) $(if $(NAME),--name $(NAME))

test: $(READY) ## run every test on embedded PostgreSQL and Apache Kafka, about eight minutes; FILE=tests/... runs one file or folder
	@$(BIN)/pytest $(if $(FILE),$(FILE),-n auto --dist loadfile --durations=15 --durations-min=5)

unit: $(READY) ## run the tests that need no server, in seconds, with 25 examples of each property; `test` tries 100
	@$(BIN)/pytest -q -n logical --hypothesis-profile=quick --durations=5 --durations-min=0.5 tests/unit

check: lint manifests test ## the single gate: format, lint, types, import contracts, generated files, manifests, tests

lint: $(READY) ## everything of `check` but the tests
	@$(BIN)/ruff format --no-cache --check .
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m infra.codegen.generate --check

format: $(READY) ## format the code and fix what a linter can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

generate: $(READY) ## write event schemas and examples; in docs: events, AsyncAPI, states, data, scopes, configuration, API conventions, index of decisions
	@$(BIN)/python -m infra.codegen.generate

lock: $(READY) ## resolve the dependencies of pyproject.toml again, for developers and for the image
	@$(COMPILE) --group dev pyproject.toml -o infra/requirements.lock
	@$(COMPILE) --constraints infra/requirements.lock pyproject.toml -o infra/requirements-image.lock
	@echo checkov==$(CHECKOV_VERSION) | $(COMPILE) - -o infra/requirements-checkov.lock

manifests: $(CHECKOV)/.ready ## check infra/k8s and infra/Dockerfile with checkov, in an environment of its own (220 MB)
	@$(CHECKOV)/bin/checkov --config-file infra/checkov.yaml

bench: $(READY) ## measure every promised figure on the real product; ARGS="--help" lists what and how long
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: $(READY) ## the whole product under load while processes, servers and networks fail, then `care verify`; HOURS=8 SEED=1 RATE=20
	@$(BIN)/python -m tests.chaos $(if $(HOURS),--hours $(HOURS)) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) $(ARGS)

clean: ## remove the virtual environment and what tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find services shared infra tests -name __pycache__ -type d -prune -exec rm -rf {} +

# checkov fixes old versions of libraries that the product uses.
$(CHECKOV)/.ready: infra/requirements-checkov.lock | $(READY)
	@$(BIN)/uv venv --quiet --clear $(CHECKOV)
	@VIRTUAL_ENV=$(CHECKOV) $(BIN)/uv pip sync --quiet --system-certs --require-hashes infra/requirements-checkov.lock
	@touch $@

$(READY): infra/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name another: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Preparing .venv from infra/requirements.lock (first use, or the dependencies changed): about 220 MB to download, 830 MB on disk, a minute or two ..."
	@$(BIN)/python -c 'import pip, sys; sys.exit(sys.prefix == sys.base_prefix)' 2> /dev/null || $(PYTHON) -m venv --clear .venv || { echo "python3 cannot make virtual environments here; on Debian install python3-venv."; exit 1; }
	@began=$$(date +%s) && \
	{ $(BIN)/uv --version 2> /dev/null | grep -qF " $(UV_VERSION)" || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); } && \
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --system-certs --compile-bytecode --require-hashes infra/requirements.lock && \
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --system-certs --no-deps -e . && \
	touch $@ && echo "Ready in $$(($$(date +%s) - began)) s."
