# The first target that needs Python creates .venv from infra/requirements.lock; it needs only python3 (>= 3.11) and make.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
READY := .venv/.ready
CHECKOV := .venv/tools/checkov
SUPPLY := .venv/tools/supply
CHECKOV_PACKAGES := checkov==3.3.30
SUPPLY_PACKAGES := cyclonedx-bom==7.5.0 pip-audit==2.10.1
COMPILE := $(BIN)/uv pip compile --quiet --system-certs --universal --generate-hashes --no-annotate --no-header
# Tests and tools start many processes, each of which would compile the code again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test unit check format lint manifests sbom audit bench chaos lock generate clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## play Mr Dale's six weeks through the real stack and print the story
	@$(BIN)/care demo

up: $(READY) ## serve the four services on one port, supervised; Ctrl-C stops; PORT=8090 NAME=other for a second stack
	@$(BIN)/care up $(if $(PORT),--port $(PORT)) $(if $(NAME),--name $(NAME))

test: $(READY) ## run every test on embedded PostgreSQL and Apache Kafka, twenty minutes on two cores; FILE=tests/... runs one file or folder
	@$(BIN)/pytest $(if $(FILE),$(FILE),-n auto --dist loadfile --durations=15 --durations-min=5)

unit: $(READY) ## run the tests that need no server, in seconds, with 25 examples of each property; `test` tries 100
	@$(BIN)/pytest -q -n logical --hypothesis-profile=quick --durations=5 --durations-min=0.5 tests/unit

check: lint test manifests ## the single gate: format, lint, types, import contracts, generated files, tests, manifests

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
	@printf '%s\n' $(CHECKOV_PACKAGES) | $(COMPILE) - -o infra/requirements-checkov.lock
	@printf '%s\n' $(SUPPLY_PACKAGES) | $(COMPILE) - -o infra/requirements-supply.lock

manifests: $(CHECKOV)/.ready ## check infra/k8s and infra/Dockerfile with checkov, in an environment of its own (220 MB)
	@$(CHECKOV)/bin/checkov --config-file infra/checkov.yaml

sbom: $(SUPPLY)/.ready ## write the bill of materials of the image, CycloneDX, to dist/sbom.cdx.json
	@mkdir -p dist
	@$(SUPPLY)/bin/cyclonedx-py requirements infra/requirements-image.lock --pyproject pyproject.toml --output-reproducible -o dist/sbom.cdx.json 2> /dev/null
	@echo "dist/sbom.cdx.json: $$(grep -c '"bom-ref": "requirements-' dist/sbom.cdx.json) packages"

audit: $(SUPPLY)/.ready ## compare the packages of the image with the list of known vulnerabilities, which needs the internet
	@$(SUPPLY)/bin/pip-audit -r infra/requirements-image.lock --require-hashes --disable-pip --progress-spinner off -f json 2> /dev/null \
	| $(BIN)/python -m infra.deploy.vulnerabilities

bench: $(READY) ## measure every promised figure on the real product; ARGS="--help" lists what and how long
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: $(READY) ## the whole product under load while processes, servers and networks fail, then `care verify`; HOURS=8 SEED=1 RATE=20
	@$(BIN)/python -m tests.chaos $(if $(HOURS),--hours $(HOURS)) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) $(ARGS)

clean: ## remove the virtual environment and what tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find services shared infra tests -name __pycache__ -type d -prune -exec rm -rf {} +

# These tools need other versions of the libraries that the product uses.
.venv/tools/%/.ready: infra/requirements-%.lock | $(READY)
	@$(BIN)/uv venv --quiet --clear $(@D)
	@VIRTUAL_ENV=$(@D) $(BIN)/uv pip sync --quiet --system-certs --require-hashes $<
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
