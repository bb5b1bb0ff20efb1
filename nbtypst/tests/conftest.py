"""How the tests run where coverage is measured: the lines of kernels do not count."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def untraced_processes():
    """Trace no lines of commands and kernels: they would take half as long again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture
def script(tmp_path):
    """Write a program, to be run instead of another; return its path."""
    def written(*lines: str) -> str:
        path = tmp_path / "program"
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)
        return str(path)

    return written
