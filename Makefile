# Each target sets up what it needs: a virtual environment in .venv, then the package in editable form.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export MPLBACKEND := Agg
# Bytecode is kept, whatever the environment says: else each process that a test starts compiles the package anew.
unexport PYTHONDONTWRITEBYTECODE
# Threads that wait give up their core soon (src/orbitscope/system/openmp.py); a value of yours wins.
ifndef OMP_WAIT_POLICY
export GOMP_SPINCOUNT ?= 10000
endif

.PHONY: demo test bench docs

demo: $(VENV)/.installed
	$(BIN)/orbitscope run linear-2 --recipe fast --quick --out runs/demo

# The shapes of annotations are executed by .ci/run: they make the tests take 2.6 times as long.
# Types and import contracts have one process each; they are checked beside the tests. Each of the two processes of
# pytest begins with half of the files (worksteal), so that what a file shares is seldom built twice.
test: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@($(BIN)/lint-imports && $(BIN)/pyright --pythonpath $(BIN)/python) > $(VENV)/types.txt 2>&1 & types=$$!; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal; tests=$$?; \
	wait $$types; types=$$?; cat $(VENV)/types.txt; [ $$types -eq 0 ] && exit $$tests || exit 1

bench: $(VENV)/.installed-test
	$(BIN)/python -m pip install -q -e '.[bench]'
	$(BIN)/python -m pytest benchmarks -q -p no:xdist -s

docs: $(VENV)/.installed
	$(BIN)/python experiments/emulation_table.py
	$(BIN)/python experiments/dynamics_table.py --page
	$(BIN)/python experiments/circuit_figures.py
	$(BIN)/python experiments/discrete_to_continuous.py
	$(BIN)/python experiments/circuit_table.py --page
	$(BIN)/orbitscope explain --page > docs/reference.md

$(VENV)/.created: Makefile
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "orbitscope needs Python 3.11 or newer: make PYTHON=python3.11"'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install -q -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install -q -e '.[test]'
	touch $@
