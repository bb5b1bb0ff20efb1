"""The Makefile: when the environment is built anew, and what checks the PDF."""

import os
import shutil
import subprocess
import time

import pytest

from nn_data import PROJECT

pytestmark = pytest.mark.export
# The tests themselves are run by make, and what it hands on to a make within it changes
# what that one prints.
OUTSIDE = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}


@pytest.fixture
def folder(tmp_path):
    """A project whose environment is complete: a Python, and the stamps."""
    for name in ("Makefile", "requirements.txt", "requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    (tmp_path / ".venv" / "made-in").write_text(f"{tmp_path.resolve()}\n")
    later = time.time() + 10
    (tmp_path / ".venv" / "ready").touch()
    os.utime(tmp_path / ".venv" / "ready", (later, later))
    return tmp_path


def commands(folder, **environment):
    """What make would run to have its environment."""
    done = subprocess.run(
        ["make", "-n", ".venv/ready"], cwd=folder, capture_output=True, text=True,
        check=True, env=OUTSIDE | environment,
    )  # fmt: skip
    return done.stdout


def test_an_environment_that_is_complete_is_left(folder):
    assert "pip install" not in commands(folder)


def test_what_is_newer_is_installed_into_the_same_environment(folder):
    later = time.time() + 20
    os.utime(folder / "requirements.lock", (later, later))
    run = commands(folder)
    assert "-c requirements.lock -r requirements.txt" in run and "rm -rf" not in run


@pytest.mark.parametrize("harm", ["moved", "copied", "no Python", "a broken Python"])
def test_a_moved_or_broken_environment_is_built_anew(folder, harm):
    python = folder / ".venv" / "bin" / "python"
    if harm == "moved":
        folder = folder.rename(folder.with_name("it is here now"))
    elif harm == "copied":
        folder = shutil.copytree(folder, folder.with_name("a copy of it"))
    elif harm == "no Python":
        python.unlink()
        python.symlink_to(folder / "gone")
    else:
        python.write_text("#!/bin/sh\nexit 1\n")
    assert "rm -rf .venv && python3 -m venv .venv" in commands(folder)


def test_settings_for_pip_do_not_lead_elsewhere(folder):
    """They would install beside the environment, or refuse to."""
    with open(folder / "Makefile", "a") as makefile:
        makefile.write("settings:\n\t@env\n")
    done = subprocess.run(
        ["make", "settings"], cwd=folder, capture_output=True, text=True, check=True,
        env=OUTSIDE | {"PIP_USER": "1", "PIP_TARGET": "/t", "PIP_PREFIX": "/p"},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert "PIP_USER=0" in lines
    assert not [line for line in lines if line.startswith(("PIP_TARGET", "PIP_PREFIX"))]


@pytest.mark.parametrize("code", [0, 1])
def test_verapdf_judges_the_pdf(folder, code):
    verapdf = folder / "verapdf"
    verapdf.write_text(f'#!/bin/sh\necho "asked: $*"\nexit {code}\n')
    verapdf.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["make", "ua"], cwd=folder, capture_output=True, text=True,
                          env=OUTSIDE | {"PATH": path})
    assert done.stdout == "asked: --flavour ua1 export/write-up.pdf\n"
    assert (done.returncode == 0) == (code == 0)


def test_without_verapdf_one_line_says_so(folder):
    tools = folder / "tools"
    tools.mkdir()
    for name in ("make", "sh", "cat", "pwd"):
        (tools / name).symlink_to(shutil.which(name))
    done = subprocess.run([tools / "make", "ua"], cwd=folder, capture_output=True,
                          text=True, check=True, env={"PATH": str(tools)})
    assert done.stdout == ("veraPDF is not installed; the tests check the tags as far "
                           "as they can.\n")
