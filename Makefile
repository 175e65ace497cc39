# One line each, the same here and in CI. What they need: git, make, Python 3.11 or newer with venv.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= not long and not soak
export PYTHONDONTWRITEBYTECODE :=  # tests start hundreds of processes: each would compile everything anew

.PHONY: up install test soak check bench docs pins

up: .venv/installed  ## everything on this machine, with three demo tenants
	@exec $(BIN)/conserje up --demo

install: .venv/tools

.venv/installed: requirements.txt $(wildcard core/pyproject.toml edge/pyproject.toml nginx/pyproject.toml certbot/pyproject.toml tests/fakes/pyproject.toml plugins/*/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Conserje needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Conserje needs Python's venv: on Debian, apt install python3-venv"; exit 1; }
	@echo "Conserje is being installed into .venv, which takes a minute ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet -r requirements.txt
	@touch $@

.venv/tools: requirements-dev.txt .venv/installed
	@echo "The tools for tests and checks are being installed into .venv, which takes a minute ..." >&2
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet -r requirements-dev.txt
	@touch $@

test: install  ## all tests that are not long, in parallel
	$(BIN)/pytest -n auto --dist worksteal -m "$(TESTS)" $(OPTIONS)

.n8n/installed:  ## a real n8n (3 GB), for soak; N8N names another place that has one
	@npm install --prefix .n8n/node24 --no-audit --no-fund --loglevel=error node@24
	@PATH="$(CURDIR)/.n8n/node24/node_modules/.bin:$$PATH" npm install --prefix .n8n/n8n --ignore-scripts --no-audit \
		--no-fund --loglevel=error n8n@2.41.1
	@touch $@

soak: install  ## a thousand deaths under load (figures for docs/reliability.md), a million bad posts, a long past, a hostile day, ten thousand sends, a hundred thousand notifications, n8n
	cd tests && ../$(BIN)/python -m crash.run --deaths 1000
	cd tests && ../$(BIN)/python -m fuzz --count 1000000
	HISTORY=1000000 $(BIN)/pytest -n0 -k promise_11 tests/core/conversations tests/core/operations
	cd tests && ../$(BIN)/python -m hostile.run --minutes 10
	SENDS=10000 $(BIN)/pytest -n0 tests/system/test_sends.py
	NOTIFICATIONS=100000 $(BIN)/pytest -n0 tests/core/notices/test_telling_promise_11.py
	test -n "$(N8N)" || $(MAKE) .n8n/installed
	$(BIN)/pytest -n0 -m soak tests/system

check: install  ## style, types, layers
	$(BIN)/ruff check && $(BIN)/ruff format --check --quiet && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/rumdl check --quiet

bench: install  ## what acknowledgements and turns cost, beside the usual stacks; OPTIONS=--write into the pages
	$(BIN)/python bench/run.py $(OPTIONS)

docs: install  ## what is written from the code
	$(BIN)/python tests/test_docs.py

OURS := $(shell sed -n 's/^name = "\(.*\)"/--no-emit-package \1/p' */pyproject.toml plugins/*/*/pyproject.toml)
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(OURS)

pins: install  ## the versions and hashes that releases are installed with; OPTIONS=--upgrade for newer ones
	$(PIN) $(OPTIONS) deployment/pins/certbot.in --output-file deployment/pins/certbot.txt
	$(PIN) $(OPTIONS) deployment/pins/conserje.in --constraints deployment/pins/certbot.txt --output-file deployment/pins/conserje.txt
