# make setup | run | test | mutants | soak | bench | bench-long. Needs make, Python 3.11 or newer and its venv module; all else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test mutants soak peers bench bench-long
.DELETE_ON_ERROR:

setup: .venv/stamp
	@:

.venv/stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Handraiser needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Say which to use: make PYTHON=python3.12 $(or $(MAKECMDGOALS),setup)" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "$(PYTHON) has no venv module. Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf .venv; exit 1; }
	@echo "Installing into .venv (once; about a minute) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: setup
	@exec $(BIN)/handraiser up --try

# What the tests start a hundred times is compiled once, also where the environment says that bytecode is not to be written.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 5 --dist worksteal -rs

mutants: setup
	$(BIN)/python -m tests.mutants

soak: mutants
	HANDRAISER_SOAK=1 $(BIN)/pytest -q -n 3 --dist worksteal -rsP tests/truth tests/simulation tests/detector/core/test_lead_life.py tests/detector/rulebook/test_fuzz.py tests/ingest/test_fuzz.py tests/journey/test_crash_matrix.py tests/journey/test_crashes.py tests/journey/test_p4saas_orders.py tests/journey/test_p4saas_import.py tests/journey/test_pressure.py tests/journey/test_log_away.py

# Other engines for `bench` and `bench-long`, into .peers: Maven and a JDK for one of them, the network for all.
peers: setup
	$(BIN)/python -m benchmarks.peers.install

# Each writes its table into docs/performance.md; a figure that could not be measured says so there.
bench: setup
	-$(BIN)/python -m benchmarks.peers.install
	$(BIN)/python -m benchmarks

bench-long: setup
	-$(BIN)/python -m benchmarks.peers.install
	$(BIN)/python -m benchmarks.pipeline embedded
	$(BIN)/python -m benchmarks.late
	$(BIN)/python -m benchmarks.seen
	$(BIN)/python -m benchmarks.verify
	$(BIN)/python -m benchmarks.backtest
	$(BIN)/python -m benchmarks --long
