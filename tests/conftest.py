"""The order in which several processes of pytest take up the files: `make test`."""

import os
import signal

LONGEST = {"test_browser.py", "test_notebooks.py"}


def pytest_configure():
    """Take a Ctrl-C, and let those started from here do so, under `nohup ... &` too."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that none is left over at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path.name not in LONGEST)
