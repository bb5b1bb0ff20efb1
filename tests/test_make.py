"""The Makefile: when the environment is built again, and what checks the PDF."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time

import pytest

from learn.edition import OTHERS
from nn_data import PROJECT

pytestmark = pytest.mark.export
# The tests themselves are run by make, and what it hands on to a make within it changes
# what that one prints.
OUTSIDE = {name: value for name, value in os.environ.items()
           if not name.startswith(("MAKE", "MFLAGS", "COVERAGE"))}


# In the place of Python: makes environments, lists settings, notes what it installs.
PYTHON = r"""#!/bin/sh
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"pip config list") test -z "$SETTING" || echo "$SETTING" ;;
  *"pip install"*)
    echo "for $PYTHONPATH$PYTHONSAFEPATH:$PIP_PREFIX$PIP_NO_DEPS:$PIP_USER:$PIP_CERT"
    echo installs
    $FAKE_INSTALL ;;
  *"import export.build"*) $FAKE_CHECK ;;
esac
"""


@pytest.fixture
def folder(tmp_path):
    """A project whose environment is complete: a Python, and the stamps."""
    python, folder = tmp_path / "tools" / "python3", tmp_path / "project"
    for place in (python.parent, folder / "nbtypst", folder / ".venv" / "bin"):
        place.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    shutil.copy(python, folder / ".venv" / "bin" / "python")
    for name in ("Makefile", "requirements.txt", "requirements.lock", "pyproject.toml",
                 "nbtypst/pyproject.toml"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / ".venv" / "made-in").write_text(f"{folder.resolve()}\n")
    (folder / ".venv" / "old").touch()
    (folder / ".venv" / "ready").touch()
    later = time.time() + 10
    os.utime(folder / ".venv" / "ready", (later, later))
    return folder


def make(folder, *arguments, **environment):
    """What make says as it brings about an environment, and whether it could."""
    tools = folder.parent / "tools"
    settings = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", **environment}
    for name in ("FAKE_INSTALL", "FAKE_CHECK"):
        settings.setdefault(name, "true")
    done = subprocess.run(["make", *(arguments or [".venv/ready"])], cwd=folder,
                          capture_output=True, text=True, env=OUTSIDE | settings)
    return done.stdout + done.stderr, done.returncode == 0


def test_a_complete_environment_is_left_as_it_is(folder):
    said, well = make(folder)
    assert well and "installs" not in said


def test_newer_requirements_are_installed_into_the_same_environment(folder):
    later = time.time() + 20
    os.utime(folder / "requirements.lock", (later, later))
    said, well = make(folder)
    assert well and "installs" in said and (folder / ".venv" / "old").exists()


@pytest.mark.parametrize("harm", ["moved", "copied", "no Python", "a broken Python"])
def test_a_moved_or_broken_environment_is_replaced_once_the_new_one_is_there(
    folder, harm
):
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
    for failing in ({"FAKE_INSTALL": "false"}, {"FAKE_CHECK": "false"}):
        _, well = make(folder, **failing)
        assert not well and (folder / ".venv" / "old").exists()
    said, well = make(folder)
    assert well and "installs" in said and not (folder / ".venv" / "old").exists()
    assert not (folder / ".venv-before").exists() and "installs" not in make(folder)[0]


def test_an_interrupted_installation_is_taken_up_again(folder):
    (folder / ".venv" / "made-in").write_text("unfinished\n")
    said, well = make(folder)
    assert well and "installs" in said and not (folder / ".venv-before").exists()


def test_the_environment_of_a_stranger_is_left_with_a_line(folder):
    (folder / ".venv" / "made-in").unlink()
    (folder / ".venv" / "ready").unlink()
    said, well = make(folder)
    assert not well and "error: .venv is not from make, and is left as it is" in said
    make(folder, MAKEFLAGS="i")  # whatever fails, go on
    assert (folder / ".venv" / "old").exists()
    assert not (folder / ".venv" / "ready").exists()
    shutil.rmtree(folder / ".venv")
    (folder / ".venv").symlink_to("on a disk that is away")
    assert "is left as it is" in make(folder)[0] and (folder / ".venv").is_symlink()


@pytest.mark.parametrize("arguments, environment", [
    (["SHELL=/bin/false", "BIN=/bogus"], {}),
    ([], {"MAKEFLAGS": "e", "BIN": "/bogus", "INTACT": "", "INSTALL": "false",
          "COMPLETE": "false", "SETTINGS": "false", "KEPT": "", "PIP_USER": "1"})])
def test_other_shells_and_variables_of_the_same_names_play_no_part(
        folder, arguments, environment):
    """What is set on the command line, or by -e in the environment, comes first."""
    assert "installs" not in make(folder, *arguments, ".venv/ready", **environment)[0]
    (folder / ".venv" / "ready").unlink()
    said, well = make(folder, *arguments, ".venv/ready", PIP_CERT="/c", **environment)
    assert well and "for ::0:/c\ninstalls" in said


def test_nothing_outside_of_the_environment_plays_a_part(folder):
    (folder / ".venv" / "ready").unlink()
    said, well = make(folder, PYTHONPATH="/p", PYTHONSAFEPATH="1", PIP_USER="1",
                      PIP_PREFIX="/q", PIP_NO_DEPS="1", PIP_CERT="/c")  # fmt: skip
    assert well and "for ::0:/c\ninstalls" in said
    (folder / ".venv" / "ready").unlink()
    for setting in ("global.target='/t'", "install.prefix='/p'", "install.root='/r'"):
        said, well = make(folder, SETTING=setting)
        assert not well and setting in said and "pip installs elsewhere" in said
        assert not (folder / ".venv" / "ready").exists()
    setting = "global.no-deps='true'"
    said, well = make(folder, SETTING=setting, FAKE_CHECK="false")
    assert not well and f"which may be why:\n{setting}" in said
    assert make(folder, SETTING="global.index-url='/i'")[1]


def test_an_environment_is_intact_whatever_python_is_told(folder):
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(sys.executable)
    said, well = make(folder, PYTHONHOME="/gone")
    assert well and "installs" not in said


def test_nothing_in_a_folders_name_is_run(folder):
    name = """it's $(touch ran) `touch ran` $HOME "a" #"""
    folder = folder.rename(folder.with_name(name))
    (folder / ".venv" / "made-in").write_text(f"{folder.resolve()}\n")
    said, well = make(folder)
    assert well and "installs" not in said
    (folder / ".venv" / "ready").unlink()
    assert make(folder)[1] and not [*folder.parent.rglob("ran")]


def test_the_superuser_of_a_container_may_open_the_notebooks(folder):
    for user in ("0", "10"):
        script = folder.parent / "tools" / "id"
        script.write_text(f"#!/bin/sh\necho {user}\n")
        script.chmod(0o755)
        assert ("--allow-root" in make(folder, "-n", "lab")[0]) == (user == "0")


def test_the_learners_makefile_needs_nothing_that_is_not_in_the_edition():
    made = OTHERS.sub("", (PROJECT / "Makefile").read_text())
    assert not re.search(r"tests/|bench/|-m learn\.edition", made)


@pytest.mark.parametrize("code", [0, 1])
def test_verapdf_judges_the_pdf(folder, code):
    verapdf = folder.parent / "tools" / "verapdf"
    verapdf.write_text(f'#!/bin/sh\necho "asked: $*"\nexit {code}\n')
    verapdf.chmod(0o755)
    said, well = make(folder, "ua")
    asked, failed, _ = said.partition("make: ")
    assert asked == "asked: --flavour ua1 export/write-up.pdf\n"
    assert bool(failed) == (not well) == bool(code)


def test_without_verapdf_one_line_says_so(folder):
    tools = folder / "tools"
    tools.mkdir()
    for name in ("make", "sh", "cat", "pwd"):
        (tools / name).symlink_to(shutil.which(name))
    line = "veraPDF is not installed; the tests check the tags as far as they can.\n"
    assert make(folder, "ua", PATH=str(tools)) == (line, True)


def test_a_script_finds_its_folder_whatever_cd_searches(tmp_path):
    (tmp_path / "tests").mkdir()
    done = subprocess.run(["tests/versions.sh", "python0"], cwd=PROJECT, text=True,
                          capture_output=True, env=OUTSIDE | {"CDPATH": str(tmp_path)})
    assert done.stdout == "python0: there is no python0 here\n"


# ---- What README.md says to do without make --------------------------------------

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_each_line_for_powershell_is_what_make_does(folder):
    for name in ("learn/edition.py", "tests/requirements.txt"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    rows = re.findall(r"^\|(?: `(make.*)`|.*) \| `(.+)` \|$", README, re.MULTILINE)
    assert len(rows) == 12
    made = ["-B", ".venv/ready"]
    for typed, line in rows:
        made = typed.split()[1:] if typed else made  # or what the row above makes
        said = make(folder, "-n", *made)[0].replace("\\\n", "").replace('"', "")
        commands = [{*part.split()} for part in re.split(r"\n|;|&&|\|\|", said)]
        line = line.replace("Scripts", "bin").replace("\\", "/")
        words = {*line.replace("py ", "python3 ").split()}
        assert any(words <= command for command in commands), (line, said)


def test_what_to_type_without_make_does_it(tmp_path):
    """With one notebook, one test, and the packages that are installed here."""
    ignore = shutil.ignore_patterns(".*", "__pycache__", "test_*.py", "[a-z]_*.ipynb")
    copy = shutil.copytree(PROJECT, tmp_path / "a copy", ignore=ignore)
    shutil.copy(PROJECT / ".gitignore", copy)
    (copy / "tests" / "test_one.py").write_text("def test_one(): pass\n")
    block = re.search(r"^## Without make\n\n((?:    .+\n)+)", README, re.MULTILINE)
    for line in block[1].splitlines():
        command = line.partition("#")[0].strip()
        if "pip install" in command:
            files = re.findall(r"-[rc] (\S+)", command)
            assert len(files) == 2 and all((copy / name).exists() for name in files)
            [packages] = (copy / ".venv" / "lib").glob("python*/site-packages")
            packages.rename(tmp_path / os.urandom(4).hex())
            packages.symlink_to(sysconfig.get_path("purelib"))
        else:
            command += " --version" * ("jupyterlab" in command)  # it would not end
            done = subprocess.run(["sh", "-c", command], cwd=copy, capture_output=True,
                                  text=True, env=OUTSIDE)  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / "homework" / "nn_helpers.py").exists()
    assert "1 passed" in done.stdout
