# make            build the environment, run the seven notebooks, write export/write-up.pdf
# make test       run the tests, see that they reach every line, and check the style
# make lint       check style and types alone
# make bench      time the training beside PyTorch and others, and the viewers
# make versions   run the tests under other versions of Python and NumPy
# make mutate     change the network in one place, see a test fail, 2,600 times over
# make lab        open the notebooks in JupyterLab
# make notebooks  run the notebooks and keep their new outputs, and write the PDF
# make clean      remove the environment and all caches

PYTHON ?= python3
BIN := .venv/bin

.DELETE_ON_ERROR:
.PHONY: write-up notebooks lab test lint bench versions mutate clean

write-up: .venv/ready
	@$(BIN)/python -m export --strict

notebooks: .venv/ready
	@$(BIN)/python -m export --strict --refresh

lab: .venv/ready
	@$(BIN)/jupyter lab notebooks

test: lint
	@$(BIN)/python -m pytest --cov

lint: .venv/ready-for-tests
	@$(BIN)/ruff check
	@$(BIN)/mypy

bench: .venv/ready-for-bench
	@$(BIN)/python bench/training.py
	@echo
	@$(BIN)/python bench/frames.py

versions:
	@tests/versions.sh

mutate: .venv/ready-for-tests
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -r tests/mutate-requirements.txt
	@$(BIN)/python tests/mutate.py

# The stamps are made last, so that an interrupted installation is taken up again.
.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: this Python has no venv (on Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Installing requirements.txt into .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/ready-for-tests: .venv/ready tests/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

.venv/ready-for-bench: .venv/ready bench/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@touch $@

clean:
	rm -rf .venv *.egg-info build .pytest_cache .hypothesis \
	  .ruff_cache .mypy_cache .coverage .coverage.*
	find . -name __pycache__ -prune -exec rm -rf {} +
