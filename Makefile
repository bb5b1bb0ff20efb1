# make            build the environment, run the notebooks, write export/write-up.pdf
#                 (FRESH=1 runs all of them, also those that have not changed)
# make site       write the same as pages for a browser: site/index.html
# make test       run the tests, see that they reach every line, and check the style
# make lint       check style and types alone
# make bench      time the training next to PyTorch and others, and the viewers
# make versions   run the tests under other versions of Python and NumPy
# make windows    run tests on Python for Windows, under Wine (TESTS="..." for pytest)
# make ua         have veraPDF check that the PDF is PDF/UA-1, where it is installed
# make learn      write the learner's edition into homework/, or into TO=folder
# make check      check the learner's functions, and name the mistakes in them
# make gradescope pack the check for Gradescope: autograder.zip
# make lab        open the notebooks in JupyterLab
# make notebooks  run the notebooks and keep their new outputs, and write the PDF
# make lock       look for newer versions of what the packages need: requirements.lock
# make clean      remove the environment, kept runs and all caches

PYTHON ?= python3
# Whatever make is told, as by MAKEFLAGS=e: commands are for sh, and these names are ours.
override SHELL := /bin/sh
override BIN := .venv/bin
# Of what is set for every Python and pip, only this counts: where packages come from, and
# how a terminal is written to.
override KEPT := INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX TRUSTED_HOST CERT \
  CLIENT_CERT PROXY TIMEOUT DEFAULT_TIMEOUT RETRIES CACHE_DIR NO_CACHE_DIR CONFIG_FILE
unexport $(filter-out PYTHON PYTHONUTF8 PYTHONIOENCODING $(KEPT:%=PIP_%), \
  $(filter PYTHON% PIP_%,$(.VARIABLES)))
override export PIP_USER := 0

.DELETE_ON_ERROR:
.PHONY: write-up site notebooks lab learn check gradescope test lint bench versions \
  windows ua lock clean again

write-up: .venv/ready
	@$(BIN)/python -m export --strict $(if $(FRESH),--fresh)

site: .venv/ready
	@$(BIN)/python -m export --strict --site site $(if $(FRESH),--fresh)

notebooks: .venv/ready
	@$(BIN)/python -m export --strict --refresh

lab: .venv/ready
	@$(BIN)/python -m jupyterlab notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

learn: .venv/ready
	@$(BIN)/python -m learn.edition "$(or $(TO),homework)"

check: .venv/ready
	@$(BIN)/python -m learn.check \
	  "$(or $(TO),$(if $(wildcard learn/edition.py),homework,.))/nn_helpers.py" || true

gradescope: .venv/ready
	@$(BIN)/python -m learn.edition autograder.zip

# Each process takes up one file after the other, so that what a file's tests share is made
# once, and NumPy's products need no threads of their own.
test: lint
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --cov \
	  -n auto --dist loadfile --no-loadscope-reorder

lint: .venv/ready-for-tests
	@$(BIN)/python -m ruff check
	@$(BIN)/python -m mypy

bench: .venv/ready-for-bench
	@$(BIN)/python bench/training.py
	@echo
	@$(BIN)/python bench/frames.py

versions:
	@tests/versions.sh

windows: .venv/ready-for-tests
	@$(UV)
	@$(BIN)/python tests/windows.py $(TESTS)

ua:
	@if command -v verapdf >/dev/null; then verapdf --flavour ua1 export/write-up.pdf; \
	else echo "veraPDF is not installed; the tests check the tags as far as they can."; fi

# ---- The environment
#
# The stamps are made last, so that an interrupted installation is taken up again. An
# environment that was copied or moved, or has lost its Python, is replaced, and goes when
# the new one is complete. One that make has not made is not touched. The folder's name is
# never part of a command.
override INTACT := $(shell test "$$(cat .venv/made-in 2>/dev/null)" = "$$(pwd -P)" && \
  $(BIN)/python -E -c "" 2>/dev/null && echo yes)
override INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
  -c requirements.lock
override UV := $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
override COMPLETE := $(BIN)/python -c "import export.build, ipywidgets, jupyterlab, mnist"
override SETTINGS := $(BIN)/python -m pip config list

.venv/ready: requirements.txt requirements.lock pyproject.toml nbtypst/pyproject.toml \
  $(if $(INTACT),,again)
	@fail() { echo "error: $$*" >&2; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  fail "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  fail "this Python has no venv (on Debian: apt install python3-venv)"; \
	test ! -e .venv -a ! -h .venv || test -e .venv/made-in || \
	  fail ".venv is not from make, and is left as it is: rename it, or go on" \
	    "without make, as README.md says"; \
	echo "Installing requirements.txt into .venv"; \
	if test -z "$(INTACT)"; then \
	  if test -d .venv && ! grep -q unfinished .venv/made-in; then \
	    rm -rf .venv-before && mv .venv .venv-before || exit; fi; \
	  rm -rf .venv && mkdir .venv && echo unfinished >.venv/made-in && \
	  $(PYTHON) -m venv .venv || exit; fi; \
	if $(SETTINGS) | grep -E "^(global|install)\.(prefix|target|root|dry-run)=" >&2; then \
	  fail "with this setting pip installs elsewhere:" \
	    "remove it, or try PIP_CONFIG_FILE=/dev/null make"; fi; \
	if $(INSTALL) -r requirements.txt && $(COMPLETE); then \
	  pwd -P >.venv/made-in && rm -rf .venv-before && touch $@; \
	else \
	  echo "Settings of pip from elsewhere, which may be why:" >&2; $(SETTINGS) >&2; \
	  if test -d .venv-before; then rm -rf .venv && mv .venv-before .venv; fi; exit 1; fi

.venv/ready-for-tests: .venv/ready tests/requirements.txt
	@$(INSTALL) -r tests/requirements.txt
	@touch $@

.venv/ready-for-bench: .venv/ready bench/requirements.txt
	@$(INSTALL) -r bench/requirements.txt
	@touch $@

lock: .venv/ready
	@$(UV)
	@grep -v editable requirements.txt | $(BIN)/uv pip compile --quiet --upgrade \
	  --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" \
	  - nbtypst/pyproject.toml tests/requirements.txt --output-file requirements.lock

clean:
	rm -rf .venv .venv-before .windows .kept *.egg-info */*.egg-info build .pytest_cache \
	  .hypothesis .ruff_cache .mypy_cache .coverage .coverage.*
	find . -name __pycache__ -prune -exec rm -rf {} +
