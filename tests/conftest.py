"""How the tests run: their order, and the processes whose coverage is measured."""

import os
import signal

import pytest

LONGEST = {"test_browser.py", "test_notebooks.py", "test_learn.py",
           "test_site.py"}
TRACED = "COVERAGE_PROCESS_CONFIG"  # with it, coverage reaches other processes


def pytest_configure():
    """Take a Ctrl-C, and let those started from here do so, under `nohup ... &` too."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Run one process more than there are cores: it mostly waits for browsers."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that none is left over at the end.

    Those of notebooks and viewers are not traced, which would take a third longer: they
    reach no line that others do not.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        if item.get_closest_marker("notebooks"):
            item.add_marker("no_cover")


@pytest.fixture(scope="session", autouse=True)
def coverage_settings():
    """Trace no lines of commands and kernels: they would take half as long again."""
    with pytest.MonkeyPatch.context() as patch:
        settings = os.environ.get(TRACED)
        patch.delenv(TRACED, raising=False)
        yield settings


@pytest.fixture(autouse=True)
def coverage_of_commands(request, monkeypatch, coverage_settings):
    """Trace the processes that a test marked `traced` starts."""
    if coverage_settings and request.node.get_closest_marker("traced"):
        monkeypatch.setenv(TRACED, coverage_settings)


@pytest.fixture(scope="module")
def browser():
    """Chromium, as Playwright has it."""
    from browsers import chromium

    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    """A tab of Firefox."""
    from browsers import Firefox

    opened = Firefox(tmp_path_factory.mktemp("firefox"))
    yield opened
    opened.close()
