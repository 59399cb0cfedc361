# Everything starts here; it needs Python 3.11 or newer and nothing else.
#
#   make up      install what running needs and start Darkroom on this machine; Ctrl-C stops it
#   make test    install what the tests need (torch included) and run them
#   make chaos   every fault of docs/reliability.md at full size: killed processes, restarted brokers, cut connections
#   make soak    all of them at random, for twenty minutes
#   make bench   measure Darkroom against what else could do its work; make bench-quick only sees that it all runs
#   make docs    build the documentation as a site, in site/
#   make lock    pin every package anew
#   make client        check and build the TypeScript client and the Next.js example; needs Node 20.19 or newer
#   make types-client  make that client's types of today's OpenAPI document
#   make profiles  write what Compose, systemd and Terraform read of worker_profiles/
#
# PORT=8000 FLOWER_PORT=5555 BROKER_PORT=6399 CACHE_PORT=6398 move the servers; PYTHON=python3.12 picks an interpreter.

# What one process has compiled the next one need not: torch and diffusers alone are seconds for each that loads them.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV := $(BIN)/uv pip install --python $(BIN)/python --quiet

# A stamp says that a list is installed. Both lists hold the same versions of what they share, and installing one
# removes nothing of the other.
MADE := $(VENV)/.made
LIGHT := $(VENV)/.light
FULL := $(VENV)/.full

.PHONY: up test chaos soak lint types audit bench bench-quick docs lock profiles client types-client clean
.DELETE_ON_ERROR:

up: $(LIGHT)
	@exec $(BIN)/darkroom up

# Side by side, as many tests wait for what real processes do; tests/scheduling.py says what stays together.
test: $(FULL)
	$(BIN)/pytest -n 3

chaos: $(FULL)
	DARKROOM_CHAOS=full $(BIN)/pytest tests/chaos -m "not soak"

soak: $(FULL)
	DARKROOM_CHAOS=full $(BIN)/pytest tests/chaos -m soak

lint: $(FULL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(FULL)
	$(BIN)/mypy

# Known vulnerabilities in what is pinned; says so where no service can be asked.
audit: $(FULL)
	$(BIN)/python .ci/audit.py

# Against what a user would pick instead, and against the limit (docs/performance.md); a quarter of an hour on a machine
# that does nothing else. The other programs of benchmarks/ are studies of one thing, each with a command of its own.
BENCH := .darkroom/bench
bench: $(FULL)
	$(BIN)/python -m benchmarks --into $(BENCH)

bench-quick: $(FULL)
	$(BIN)/python -m benchmarks --quick

# Of its own pages and of what the code says; links into nowhere fail.
docs: $(FULL)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "site/index.html; with its search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

# Pins and hashes, for every platform and Python from 3.11 on; no address of a package index.
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet
lock: $(MADE)
	$(LOCK) --extra server -o requirements/base.txt
	$(LOCK) --extra server --extra fastsam --extra qwen --extra tracing --extra docs --extra test -c requirements/base.txt -o requirements/test.txt
# Of the images, in the versions that the tests have; and what builds our own package.
	$(LOCK) --extra server --extra aws --extra tracing -c requirements/test.txt -o requirements/light.txt
	$(LOCK) --extra server --extra aws --extra tracing --extra fastsam --extra birefnet -c requirements/test.txt -o requirements/t4.txt
	$(LOCK) --extra server --extra aws --extra tracing --extra qwen -c requirements/test.txt -o requirements/a100.txt
	echo 'setuptools>=80' | $(subst pyproject.toml,-,$(LOCK)) --no-annotate -o requirements/build.txt

profiles: $(LIGHT)
	$(BIN)/darkroom profile --all -o worker_profiles
	$(BIN)/darkroom profile --all --format json -o worker_profiles/pools.json

# npm writes this file last: it says what is installed.
CLIENT := clients/typescript
CLIENT_MADE := $(CLIENT)/node_modules/.package-lock.json
EXAMPLE := examples/nextjs

types-client: $(LIGHT) $(CLIENT_MADE)
	$(BIN)/darkroom openapi -o $(CLIENT)/openapi.json
	npm --prefix $(CLIENT) run types

# Whether openapi.json is today's is a test (tests/darkroom/test_openapi.py).
client: $(CLIENT_MADE)
	npm --prefix $(CLIENT) run types -- --check
	npm --prefix $(CLIENT) run check
	npm --prefix $(CLIENT) run build
	npm --prefix $(EXAMPLE) ci
	npm --prefix $(EXAMPLE) run build

$(CLIENT_MADE): $(CLIENT)/package-lock.json
	npm --prefix $(CLIENT) ci --ignore-scripts
	@touch $@

# What `make` made; the data in .darkroom stay.
clean:
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf $(foreach folder,$(CLIENT) $(EXAMPLE),$(addprefix $(folder)/,node_modules build dist .next))
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE): Makefile
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Darkroom needs Python 3.11 or newer; \
	$(PYTHON) is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 up")'
	@test -x $(BIN)/python || { echo "Creating $(VENV)"; $(PYTHON) -m venv $(VENV); } || { rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(LIGHT): requirements/base.txt pyproject.toml $(MADE)
	@echo "Installing the light set"
	@$(UV) --compile-bytecode --require-hashes -r requirements/base.txt
	@$(UV) --no-deps -e .
	@touch $@

$(FULL): requirements/test.txt $(LIGHT)
	@echo "Installing what the tests need"
	@$(UV) --require-hashes -r requirements/test.txt
	@touch $@
