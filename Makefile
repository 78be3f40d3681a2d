# Two commands are enough: `make demo` shows the product, `make test` checks it.
# Everything is installed into .venv; nothing outside this folder and ~/.ganvas is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 4
CATALOGUE = $(shell grep -oE 'tests/[a-z_/0-9]+\.py' docs/reliability.md | sort -u) tests/contract
EXTRAS := worker,server,onnx,store,tracking,dev
PAGE := app/page/index.html
PAGE_SOURCES := $(shell find dashboard -name node_modules -prune -o -type f -print)

.PHONY: setup tools demo up test faults chaos check fmt bench bench-training bench-serving screenshots clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(BIN)/.ready $(PAGE) ## install what the service needs into .venv, build the dashboard

tools: $(BIN)/.tools $(PAGE) # and what tests, checks and benchmarks need besides

$(BIN)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Ganvas needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a minute or two the first time) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[worker,server]'
	@touch $@

$(BIN)/.tools: $(BIN)/.ready
	@echo "Installing what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@# without torchvision, which it asks for and which would want another torch.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt torch-fidelity
	@touch $@

$(PAGE): $(PAGE_SOURCES) | $(BIN)/.ready
	@$(BIN)/python dashboard/run.py build

demo: setup ## train on built-in sprites, write a grid, stay up (MINUTES=4)
	@exec $(BIN)/ganvas demo --minutes $(MINUTES)

up: setup ## start the whole service on http://127.0.0.1:8000
	@exec $(BIN)/ganvas up

test: tools ## run the tests: the quick ones side by side, then those with real processes
	$(BIN)/python dashboard/run.py test
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not service and not slow"
	$(BIN)/pytest -q -n 2 --dist loadfile -m "service and not slow"

faults: tools ## the whole fault catalogue: every test that docs/reliability.md names
	$(BIN)/pytest -m slow
	$(BIN)/pytest -m "not slow" $(CATALOGUE)

chaos: tools ## many jobs under random faults, then the oracle (MINUTES=10 SEED=1)
	$(BIN)/python -m bench.chaos --minutes $(if $(filter file,$(origin MINUTES)),10,$(MINUTES)) $(if $(SEED),--seed $(SEED))

check: tools ## lint, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python dashboard/run.py check

fmt: tools ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python dashboard/run.py format

bench: tools ## measure ingestion, evaluation, and how soon jobs recover, on this machine
	$(BIN)/python -m bench.ingest
	$(BIN)/python -m bench.evaluation
	$(BIN)/python -m bench.recovery

bench-training: tools ## measure trainings on this machine (SETS=1000,100000,1000000 needs 15 GB)
	$(BIN)/python -m bench.training $(if $(SETS),--sets $(SETS))

bench-serving: tools ## serving beside other frameworks, needs wrk (ROUNDS=3)
	$(BIN)/python -m bench.serving $(if $(ROUNDS),--rounds $(ROUNDS))

screenshots: tools ## take the pictures of docs/dashboard.md (MINUTES=10 each of two trainings, or URL=...)
	$(BIN)/python dashboard/screenshots.py $(or $(URL),$(if $(filter file,$(origin MINUTES)),10,$(MINUTES)))

clean: ## remove the virtual environment, the built dashboard and caches
	rm -rf $(VENV) app/page dashboard/node_modules .pytest_cache .ruff_cache .hypothesis
