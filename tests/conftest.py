"""The order in which several processes of pytest take up the files: `make test`."""

import os

LONGEST = {"test_browser.py", "test_notebooks.py"}


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that none is left over at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path.name not in LONGEST)
