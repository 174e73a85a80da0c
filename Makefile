# Everything is done in a virtual environment of its own, made from the lock when first needed: by uv, which comes from the
# lock as well and is quicker than pip; by pip, where only pip knows the way to the packages.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
from_lock = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) || $(PIP) --require-hashes -r $(1)

# Bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install reproduce test check docs bytecode test-slow test-faults test-cluster test-mutants test-lowest test-newest \
	wheel bench lock clean

install: .venv/installed

# What running needs, and lookax itself.
.venv/ready: pyproject.toml requirements/run.lock
	$(PYTHON) -m venv .venv
	awk '/^[^ #]/ { uv = /^uv==/ } uv' requirements/dev.lock > .venv/uv.lock
	$(PIP) --require-hashes -r .venv/uv.lock
	$(call from_lock,requirements/run.lock)
	$(PIP) --no-deps -e .
	touch $@

# What testing and documentation need besides, and the package of examples.
.venv/installed: .venv/ready requirements/dev.lock examples/pyproject.toml
	$(call from_lock,requirements/dev.lock)
	$(PIP) --no-deps -e examples
	touch $@

reproduce: .venv/ready ## Figure 3 of POLA: learn, draw, compare
	$(BIN)/lookax reproduce pola-figure3

test: install ## lint, types, documentation, tests
	$(MAKE) --jobs=2 check docs bytecode
	$(BIN)/pytest -n 2 --dist worksteal --durations=25

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/python -m tools.words

docs: install ## the site, in site/: tutorials are run, warnings are errors
	$(BIN)/python -m tools.docs

bytecode: install ## what Python compiles of packages, sources and tests, once and not in every process that tests
	$(BIN)/pytest --collect-only --quiet --quiet --quiet

test-slow: install ## the published settings in full
	$(BIN)/pytest -m slow

test-faults: install ## runs of every learner, killed at random moments; prints how many when
	$(BIN)/pytest -m faults -n 2 -rP

test-cluster: install ## sweeps on a Ray cluster, runs in several processes
	$(BIN)/pytest -m cluster -s tests/cluster

test-mutants: install ## changes of one line of the library, each of which some test has to notice
	$(BIN)/python -m tests.mutants

test-lowest: install ## the tests with the lowest versions that pyproject.toml allows
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) .venv-lowest
	$(BIN)/uv pip install --quiet --python .venv-lowest --resolution lowest-direct -e . -e examples --group dev
	.venv-lowest/bin/pytest -n 2 --dist loadfile

test-newest: install ## the tests with the newest versions that there are: make test-newest PYTHON=python3.13
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) .venv-newest
	$(BIN)/uv pip install --quiet --python .venv-newest --overrides requirements/overrides.txt -e . -e examples --group dev
	.venv-newest/bin/pytest -n 2 --dist loadfile

wheel: install ## builds the wheel, looks into it, and uses it in a clean environment as the README says
	$(BIN)/python -m tools.wheel $(PYTHONS)

bench: install ## speed and memory on this machine, and what is recorded beside the original codes
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.runs
	$(BIN)/python -m benchmarks.recurrent_shaping
	$(BIN)/python -m benchmarks.meta_gradients

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
	--python-version 3.11 pyproject.toml

lock: install ## refresh the locks from pyproject.toml
	$(COMPILE) --group dev -o requirements/dev.lock
	$(COMPILE) --constraint requirements/dev.lock -o requirements/run.lock

clean:
	rm -rf .venv .venv-lowest .venv-newest .cache dist site
