# creditnet: `make` alone lists the targets.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip -qq --disable-pip-version-check
PEERS := .peers
AXE := .axe
WITHOUT_DGL := .venv-without-dgl

.DEFAULT_GOAL := help
.PHONY: help install refresh test test-apart test-slow test-without-dgl tune-bundled screenshots sample axe check format lock \
	bench-refresh bench-graph bench-speed bench-corpnet bench-smesd bench-interbank bench-sbm bench-drift \
	bench-sensitivity bench-explain clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "requirements.lock is for Python 3.11; set PYTHON=/path/to/python3.11 (newer ones: see README)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (two to three minutes) ..."
	$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements.lock
	$(PIP) install torch==2.13.0
	$(PIP) install --no-deps --no-build-isolation -e .
	$(BIN)/pip check
	@touch $@

install: $(VENV)/.installed ## Create .venv from the lock; the command is then .venv/bin/creditnet

refresh: install ## Run the quarterly refresh of the simulated portfolio
	$(BIN)/creditnet refresh

test: install ## Run the test suite
	$(BIN)/python -m pytest

# The same packages but dgl, linked rather than installed again.
$(WITHOUT_DGL)/.linked: $(VENV)/.installed
	rm -rf $(WITHOUT_DGL)
	$(BIN)/python -m venv --without-pip $(WITHOUT_DGL)
	@for entry in $(CURDIR)/$(VENV)/lib/python3.11/site-packages/*; do \
		case $${entry##*/} in dgl*) ;; *) ln -s $$entry $(WITHOUT_DGL)/lib/python3.11/site-packages/ ;; esac; done
	@for program in creditnet prefect; do \
		sed '1s|.*|#!$(CURDIR)/$(WITHOUT_DGL)/bin/python|' $(BIN)/$$program > $(WITHOUT_DGL)/bin/$$program; \
		chmod +x $(WITHOUT_DGL)/bin/$$program; done
	@touch $@

test-without-dgl: $(WITHOUT_DGL)/.linked ## Run the test suite where dgl is not installed
	@! $(WITHOUT_DGL)/bin/python -c 'import dgl' 2>/dev/null || { echo "dgl is importable after all"; exit 1; }
	$(WITHOUT_DGL)/bin/python -m pytest -m 'not slow and not served and not browser and not once'

test-apart: install ## The proofs of minutes that CI runs beside the others: a served home, kills, the largest refresh
	$(BIN)/python -m pytest -m '(served or once) and not slow'

test-slow: install ## Run the long proofs: every kind of candidate on the bundled portfolios
	$(BIN)/python -m pytest -m slow

tune-bundled: install ## A short search on every bundled portfolio: it improves or keeps what is chosen (10 minutes)
	$(BIN)/python -m pytest -m slow tests/flows/test_tune_bundled.py

screenshots: install ## Take the pictures of docs/images in headless Chromium (needs chromium; some minutes)
	$(BIN)/python -m tests.flows.screenshots

check: install ## Lint, types and the import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench-refresh: install ## Time three refreshes of the simulated portfolio from scratch
	$(BIN)/python -m benchmarks.refresh

bench-graph: install ## Measure the graph layer beside pandas, networkit and networkx (a quarter of an hour)
	$(BIN)/python -m benchmarks.graph

$(PEERS)/.installed: $(VENV)/.installed
	rm -rf $(PEERS)
	$(PIP) install --no-deps --target $(PEERS) $$($(BIN)/python -c \
		'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["peers"])')
	@touch $@

$(AXE)/.installed: $(VENV)/.installed
	rm -rf $(AXE)
	$(PIP) install --no-deps --target $(AXE) $$($(BIN)/python -c \
		'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["axe"])')
	@touch $@

sample: install ## Make docs/sample anew: the documents of two quarters of the simulated economy (five minutes)
	rm -rf .sample docs/sample/*.html
	CREDITNET_HOME=.sample $(BIN)/creditnet refresh --quarter 2024Q3
	CREDITNET_HOME=.sample $(BIN)/creditnet drift --quarter 2024Q4
	CREDITNET_HOME=.sample $(BIN)/creditnet refresh --quarter 2024Q4
	CREDITNET_HOME=.sample $(BIN)/creditnet outcomes --quarter 2024Q4
	CREDITNET_HOME=.sample $(BIN)/creditnet diff 2024Q3 2024Q4
	cp .sample/lake/simulated/2024Q4/*/documents/*.html .sample/lake/simulated/drifts/*/drift.html \
		.sample/lake/simulated/outcomes/*/outcome.html \
		.sample/lake/simulated/diffs/2024Q3-2024Q4-*/diff.html docs/sample/
	rm -rf .sample

axe: $(AXE)/.installed ## Fetch axe-core, with which the tests look whether everybody can read the documents

bench-speed: $(PEERS)/.installed ## Time training steps beside PyTorch Geometric's
	$(BIN)/python -m benchmarks.speed

bench-drift: install ## Plant drift in the quarters of interbank and count the alarms (reads CREDITNET_DATA)
	$(BIN)/python -m benchmarks.drift

bench-explain: install ## Explanations beside known answers, their models and the clock (reads CREDITNET_DATA; an hour)
	CREDITNET_ENGINE=torch OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.explain

bench-corpnet: install ## CorpNet beside the published table (CREDITNET_DATA names the data; ten minutes)
	CREDITNET_ENGINE=torch OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.corpnet

bench-smesd: install ## SMEsD beside the published table (CREDITNET_DATA names the data; a quarter of an hour)
	CREDITNET_ENGINE=torch OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.smesd

bench-sensitivity: install ## GDAN by beta and by depth on SMEsD and CorpNet (CREDITNET_DATA names the data; 20 minutes)
	CREDITNET_ENGINE=torch OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.sensitivity

bench-sbm: install ## The chapter's network of 300 firms, 20 draws, beside the oracle (five minutes)
	$(BIN)/python -m benchmarks.sbm

bench-interbank: install ## Bank ratings beside the published accuracies (CREDITNET_DATA names the data; ten minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.interbank

# torch itself is left out, so that the same lock serves CPU and GPU machines; what it needs is locked
# with the rest. uv is needed only here.
lock: ## Resolve the dependencies anew (needs uv)
	printf "torch==2.13.0 ; sys_platform == 'never'\n" > .lock-overrides
	printf 'filelock\nfsspec\njinja2\nnetworkx\nsympy\ntyping-extensions\n' | uv pip compile pyproject.toml - \
		--extra dev --override .lock-overrides --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-package torch --output-file requirements.lock
	rm .lock-overrides

clean: ## Remove the environment; the state in .creditnet stays
	rm -rf $(VENV) $(WITHOUT_DGL) $(PEERS) $(AXE)
