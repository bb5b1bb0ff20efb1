# make            build the environment, run the notebooks, write export/write-up.pdf
#                 (FRESH=1 runs all of them, also those that have not changed)
# make test       run the tests, see that they reach every line, and check the style
# make lint       check style and types alone
# make bench      time the training next to PyTorch and others, and the viewers
# make versions   run the tests under other versions of Python and NumPy
# make ua         have veraPDF check that the PDF is PDF/UA-1, where it is installed
# make learn      write the learner's edition into homework/, or into TO=folder
# make check      check the learner's functions, and name the mistakes in them
# make gradescope pack the check for Gradescope: autograder.zip
# make lab        open the notebooks in JupyterLab
# make notebooks  run the notebooks and keep their new outputs, and write the PDF
# make lock       look for newer versions of what the packages need: requirements.lock
# make clean      remove the environment, kept runs and all caches

PYTHON ?= python3
BIN := .venv/bin
# Nothing of a user's Python or pip may lead out of the environment.
unexport PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT
export PIP_USER := 0

.DELETE_ON_ERROR:
.PHONY: write-up notebooks lab learn check gradescope test lint bench versions ua lock \
  clean again

write-up: .venv/ready
	@$(BIN)/python -m export --strict $(if $(FRESH),--fresh)

notebooks: .venv/ready
	@$(BIN)/python -m export --strict --refresh

lab: .venv/ready
	@$(BIN)/python -m jupyterlab notebooks

learn: .venv/ready
	@$(BIN)/python -m learn.edition "$(or $(TO),homework)"

check: .venv/ready
	@$(BIN)/python -m learn.check \
	  "$(or $(TO),$(if $(wildcard learn/edition.py),homework,.))/nn_helpers.py" || true

gradescope: .venv/ready
	@$(BIN)/python -m learn.edition autograder.zip

# A process for each core takes up one file after the other, so that what a file's tests
# share is made once, and NumPy's products need no threads of their own.
test: lint
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --cov \
	  -n logical --dist loadfile --no-loadscope-reorder

lint: .venv/ready-for-tests
	@$(BIN)/python -m ruff check
	@$(BIN)/python -m mypy

bench: .venv/ready-for-bench
	@$(BIN)/python bench/training.py
	@echo
	@$(BIN)/python bench/frames.py

versions:
	@tests/versions.sh

ua:
	@if command -v verapdf >/dev/null; then verapdf --flavour ua1 export/write-up.pdf; \
	else echo "veraPDF is not installed; the tests check the tags as far as they can."; fi

# ---- The environment
#
# The stamps are made last, so that an interrupted installation is taken up again. An
# environment that was copied or moved, or has lost its Python, is replaced, and goes when
# the new one is complete. One that make has not made is not touched. The folder's name is
# never part of a command.
INTACT := $(shell test "$$(cat .venv/made-in 2>/dev/null)" = "$$(pwd -P)" && \
  $(BIN)/python -c "" 2>/dev/null && echo yes)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
  -c requirements.lock
COMPLETE := $(BIN)/python -c "import export.build, ipywidgets, jupyterlab, mnist"
ELSEWHERE := $(BIN)/python -m pip config list | \
  grep -E "^(global|install)\.(prefix|target|root)=" >&2

.venv/ready: requirements.txt requirements.lock pyproject.toml nbtypst/pyproject.toml \
  $(if $(INTACT),,again)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: this Python has no venv (on Debian: apt install python3-venv)" >&2; exit 1; }
	@if test -e .venv && ! test -e .venv/made-in; then \
	  echo "error: .venv is not from make, and is left as it is: rename it, or go on" \
	    "without make, as README.md says" >&2; exit 1; fi
	@echo "Installing requirements.txt into .venv"
	@if test -z "$(INTACT)"; then \
	  if test -d .venv && ! grep -q unfinished .venv/made-in; then \
	    rm -rf .venv-before && mv .venv .venv-before; fi; \
	  rm -rf .venv && mkdir .venv && echo unfinished >.venv/made-in && \
	  $(PYTHON) -m venv .venv; fi
	@if $(ELSEWHERE); then echo "error: with this setting pip installs elsewhere:" \
	  "remove it, or try PIP_CONFIG_FILE=/dev/null make" >&2; exit 1; fi
	@$(INSTALL) -r requirements.txt && $(COMPLETE) || { \
	  if test -d .venv-before; then rm -rf .venv && mv .venv-before .venv; fi; exit 1; }
	@pwd -P >.venv/made-in && rm -rf .venv-before
	@touch $@

.venv/ready-for-tests: .venv/ready tests/requirements.txt
	@$(INSTALL) -r tests/requirements.txt
	@touch $@

.venv/ready-for-bench: .venv/ready bench/requirements.txt
	@$(INSTALL) -r bench/requirements.txt
	@touch $@

lock:
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@grep -v editable requirements.txt | $(BIN)/uv pip compile --quiet --upgrade \
	  --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" \
	  - nbtypst/pyproject.toml tests/requirements.txt --output-file requirements.lock

clean:
	rm -rf .venv .venv-before .kept *.egg-info */*.egg-info build .pytest_cache \
	  .hypothesis .ruff_cache .mypy_cache .coverage .coverage.*
	find . -name __pycache__ -prune -exec rm -rf {} +
