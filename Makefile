# make            build the environment, run the seven notebooks, write export/write-up.pdf
# make test       run the tests, see that they reach every line, and check the style
# make lint       check style and types alone
# make bench      time the training beside PyTorch and others, and the viewers
# make versions   run the tests under other versions of Python and NumPy
# make mutate     change the network in one place, see a test fail, 2,600 times over
# make ua         have veraPDF check that the PDF is PDF/UA-1, where it is installed
# make lab        open the notebooks in JupyterLab
# make notebooks  run the notebooks and keep their new outputs, and write the PDF
# make lock       pin anew what the pinned packages need, in requirements.lock
# make clean      remove the environment and all caches

PYTHON ?= python3
BIN := .venv/bin

.DELETE_ON_ERROR:
.PHONY: write-up notebooks lab test lint bench versions mutate ua lock clean anew

write-up: .venv/ready
	@$(BIN)/python -m export --strict

notebooks: .venv/ready
	@$(BIN)/python -m export --strict --refresh

lab: .venv/ready
	@$(BIN)/jupyter lab notebooks

# A process for each processor takes up one file after the other, so that what a file's
# tests share is made once, and NumPy's products need no threads of their own.
test: lint
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --cov \
	  -n logical --dist loadfile --no-loadscope-reorder

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
	@$(INSTALL) -r tests/mutate-requirements.txt
	@$(BIN)/python tests/mutate.py

ua:
	@if command -v verapdf >/dev/null; then verapdf --flavour ua1 export/write-up.pdf; \
	else echo "veraPDF is not installed; the tests check the tags as far as they can."; fi

# The stamps are made last, so that an interrupted installation is taken up again. An
# environment that was copied or moved, or has lost its Python, is built anew.
INTACT := $(shell test "$$(cat .venv/made-in 2>/dev/null)" = "$(CURDIR)" && \
  $(BIN)/python -c "" 2>/dev/null && echo yes)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
  -c requirements.lock
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME

.venv/ready: requirements.txt requirements.lock pyproject.toml $(if $(INTACT),,anew)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: this Python has no venv (on Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Installing requirements.txt into .venv"
	@$(if $(INTACT),,rm -rf .venv && $(PYTHON) -m venv .venv && pwd -P >.venv/made-in)
	@$(INSTALL) -r requirements.txt
	@touch $@

.venv/ready-for-tests: .venv/ready tests/requirements.txt
	@$(INSTALL) -r tests/requirements.txt
	@touch $@

.venv/ready-for-bench: .venv/ready bench/requirements.txt
	@$(INSTALL) -r bench/requirements.txt
	@touch $@

# Look for newer versions of what the pinned packages need, on all systems and Pythons.
lock:
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@grep -v editable requirements.txt | $(BIN)/uv pip compile --quiet --upgrade \
	  --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" \
	  - tests/requirements.txt tests/mutate-requirements.txt \
	  --output-file requirements.lock

clean:
	rm -rf .venv *.egg-info build .pytest_cache .hypothesis \
	  .ruff_cache .mypy_cache .coverage .coverage.*
	find . -name __pycache__ -prune -exec rm -rf {} +
