# Two commands on a fresh machine: `make demo` and `make test`. Everything else is here too; nothing is CI-only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Compiled tests are kept, also where the environment says otherwise: to compile them anew takes longer than to run them.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test unit faults chart examples check fix bench compare train lock sbom clean

help: ## Show what each target does.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv with the locked packages (done by itself when needed).

demo: $(STAMP) ## Run it all on this machine until Ctrl-C, or for SECONDS=60: every alert is held against the truth.
	@$(BIN)/beholden demo $(if $(SECONDS),--seconds $(SECONDS))

test: $(STAMP) ## Run every test: unit, promises, and integration with a real broker and a real Ray.
	@echo "== unit tests and promises"
	@$(BIN)/python -m pytest -q -n logical --maxprocesses=8 -m "not integration and not testdata and not chart"
	@echo "== the chart, with such of its tools as 'make chart' has built"
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m chart
	@echo "== integration tests: real broker, real Ray, real models if BEHOLDEN_TESTDATA names them"
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "integration or testdata" --durations=5

unit: $(STAMP) ## Run the unit tests alone, in seconds.
	@$(BIN)/python -m pytest -q -n logical --maxprocesses=8 -m "not integration and not testdata and not chart"

faults: $(STAMP) ## Ten thousand seeded schedules, simulated; then 44 faults on a real cluster (under 20 minutes).
	@BEHOLDEN_FAULTS_SCHEDULES=10000 $(BIN)/python -m pytest -q -n logical --maxprocesses=8 tests/faults
	@for mode in at-least-once exactly-once; do $(BIN)/python -m tests.faults.suite --runs 22 --delivery $$mode || exit 1; done

chart: $(STAMP) ## Judge the Helm chart, also on a real API server; the tools are built first (Go 1.26, once, a while).
	@$(BIN)/python -m helm.tools.build charts score monitoring kuberay-1.5 kuberay-1.6 cluster
	@BEHOLDEN_CHART_TOOLS=required $(BIN)/python -m pytest -q tests/helm

examples: $(STAMP) ## Copy what the chart has of configs/, render its examples and its README anew.
	@$(BIN)/python -m helm.tools.build charts
	@$(BIN)/python -m helm.files
	@$(BIN)/python -m helm.tools.examples

check: $(STAMP) ## Style, types, import contracts.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q . || { echo "files are not formatted: make fix"; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: $(STAMP) ## Format, and mend what can be mended mechanically.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## Measure the pipeline against a bare loop (needs a quiet machine).
	@$(BIN)/beholden bench pipeline

compare: $(STAMP) ## Measure again what docs/performance.md says; fails when a ratio has become worse (quiet machine, long).
	@held=; worse=; unclear=; \
	for file in docs/performance/*.json; do \
		[ -e "$$file" ] || { echo "no baseline: beholden bench NAME --json docs/performance/NAME.json"; exit 2; }; \
		$(BIN)/beholden bench compare "$$file"; \
		case $$? in 0) held="$$held $$file";; 1) worse="$$worse $$file";; *) unclear="$$unclear $$file";; esac; \
	done; \
	[ -z "$$unclear" ] || echo "could not be compared:$$unclear"; \
	[ -z "$$worse" ] || { echo "worse:$$worse"; exit 1; }; \
	[ -n "$$held" ] || { echo "nothing was compared"; exit 2; }

train: ## Train the models for people who do not exist anew (two hours; a .venv-train with PyTorch, about 6 GB).
	@$(PYTHON) -m venv .venv-train
	@.venv-train/bin/pip install --disable-pip-version-check --require-hashes -r requirements/train.txt
	@.venv-train/bin/python -m loadtests.training

lock: $(STAMP) ## Resolve the newest versions that pyproject.toml allows into requirements/.
	@for set in "cpu pyproject.toml --extra cpu" "gpu pyproject.toml --extra gpu" \
		"dev pyproject.toml --extra cpu --extra evaluate --extra dev" "train pyproject.toml --extra cpu --extra train" \
		"build --group build"; do \
		name=$${set%% *}; \
		$(BIN)/uv pip compile $${set#* } --universal --python-version 3.11 --upgrade --quiet \
			--generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements/$$name.txt; \
		echo "requirements/$$name.txt"; \
	done

sbom: $(STAMP) ## Write what the images hold, as CycloneDX: build/sbom-cpu.json and build/sbom-gpu.json.
	@$(BIN)/python -m image.sbom $(PYTHON_IMAGE)

clean: ## Remove the virtual environment and caches.
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	@echo "== making $(VENV) with the locked packages (about 250 MB, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --no-warn-script-location --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@
