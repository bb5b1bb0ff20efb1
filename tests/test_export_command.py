"""python -m export: what it prints, writes and leaves alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from export.__main__ import main
from export_samples import code, save, stdout

pytestmark = pytest.mark.export

ROOT = Path(__file__).resolve().parent.parent
COVER = 'name = "Ada"\nworked_alone = true\ndate = "today"\n'


@pytest.fixture
def folder(tmp_path) -> Path:
    save(tmp_path / "a.ipynb", "# A", code("print(6 * 7)", stdout("old"), ran=9))
    save(tmp_path / "b.ipynb", "# B", code("1"), "> **Answer (b).** One.")
    (tmp_path / "cover.toml").write_text(COVER)
    (tmp_path / "w.pdf").write_bytes(b"the old one")
    return tmp_path


def arguments(folder: Path, *more: str, notebooks=("a.ipynb", "b.ipynb")) -> list[str]:
    paths = [str(folder / name) for name in notebooks]
    output = ["--output", str(folder / "w.pdf"), "--cover", str(folder / "cover.toml")]
    return [*paths, *output, *more]


def refused(capsys, *command: str) -> str:
    """The one line that a command which must fail prints."""
    assert main(list(command)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def test_it_runs_the_notebooks_and_leaves_them_alone(folder, capsys):
    before = (folder / "a.ipynb").read_bytes()
    assert main(arguments(folder)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Running 2 notebooks"
    assert sorted(line.split()[0] for line in lines[1:3]) == ["a.ipynb", "b.ipynb"]
    assert [line.split() for line in lines[3:7]] == [
        ["Question", "Pages"], ["A", "3"], ["B", "4"],
        ["Appendix:", "all", "code", "5"],
    ]  # fmt: skip
    assert "w.pdf: 5 pages in " in lines[7] and len(lines) == 8
    assert (folder / "w.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "a.ipynb").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {
        "a.ipynb", "b.ipynb", "cover.toml", "w.pdf",
    }  # fmt: skip


def test_an_unsigned_write_up_is_said_to_be_so(folder, capsys):
    (folder / "cover.toml").write_text('worked_with = ["B"]\n')
    assert main(arguments(folder, "--no-execute")) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        f"The write-up is unsigned: fill in name, date in {folder / 'cover.toml'}."
    )


def test_refresh_puts_the_new_outputs_into_the_notebooks(folder):
    assert main(arguments(folder, "--refresh")) == 0
    fresh = nbformat.read(folder / "a.ipynb", 4)
    assert fresh.cells[1].outputs[0].text == "42\n"
    assert fresh.cells[1].execution_count == 1
    assert (folder / "w.pdf").read_bytes().startswith(b"%PDF")
    once = (folder / "a.ipynb").read_bytes()
    assert once.endswith(b"}\n")
    assert main(arguments(folder, "--refresh")) == 0
    assert (folder / "a.ipynb").read_bytes() == once


def test_a_failing_notebook_leaves_everything_as_it_was(folder, capsys):
    save(folder / "bad.ipynb", code("1"), code("oops"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = arguments(folder, "--refresh", notebooks=("a.ipynb", "bad.ipynb"))
    said = refused(capsys, *command)
    assert "bad.ipynb, cell 2: NameError: name 'oops' is not defined" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_keeping_the_typst(folder):
    assert main(arguments(folder, "--no-execute", "--keep-typst")) == 0
    assert "#show: document" in (folder / "w.typ").read_text()


def test_mistakes_are_one_line(folder, capsys, monkeypatch):
    command = arguments(folder, "--no-execute")
    (folder / "cover.toml").write_text("name = \n")
    assert "cover.toml, line 1: " in refused(capsys, *command)
    (folder / "cover.toml").write_text(COVER)
    assert "none.ipynb: No such file" in refused(capsys, "none.ipynb", *command[2:])
    (folder / "a.ipynb").write_text("{")
    assert "a.ipynb: not a Jupyter notebook" in refused(capsys, *command)
    (folder / "empty").mkdir()
    monkeypatch.setattr("export.__main__.NOTEBOOKS", folder / "empty")
    assert "no notebook in" in refused(capsys, "--no-execute")
    assert (folder / "w.pdf").read_bytes() == b"the old one"


@pytest.mark.parametrize("place", ["nowhere/w.pdf", "a.ipynb/w.pdf", "."])
def test_an_output_that_cannot_be_written_is_known_at_once(folder, capsys, place):
    start = time.monotonic()
    said = refused(capsys, *arguments(folder)[:2], "--output", str(folder / place))
    assert "cannot write" in said
    assert time.monotonic() - start < 2  # no notebook was run for it


@pytest.mark.parametrize("name", ["a.ipynb", "./b.ipynb", "cover.toml"])
def test_what_is_read_is_not_written_over(folder, capsys, name):
    before = (folder / name).read_bytes()
    command = arguments(folder, "--no-execute", "--output", str(folder / name))
    assert "it is read from" in refused(capsys, *command)
    assert (folder / name).read_bytes() == before


def test_a_question_of_several_pages_is_a_range(folder, capsys):
    save(folder / "a.ipynb", "# A\n\n" + "Word word. " * 900)
    assert main(arguments(folder, "--no-execute")) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["A", "3-5"] in rows and ["B", "6"] in rows


def test_refreshing_keeps_who_may_read_a_notebook(folder):
    (folder / "a.ipynb").chmod(0o600)
    assert main(arguments(folder, "--refresh")) == 0
    assert (folder / "a.ipynb").stat().st_mode & 0o777 == 0o600


def test_a_missing_package_is_named_with_the_line_that_installs_it(folder):
    script = (
        "import sys; sys.modules['typst'] = None; "
        "from export.__main__ import main; sys.exit(main(['--no-execute']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: the package typst is missing: run `pip install -r requirements.txt`\n"
    )


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for option in ("--output", "--no-execute", "--refresh", "--keep-typst", "--cover"):
        assert option in said


# ---- Killed at any moment --------------------------------------------------------


def start(folder: Path, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "export", *arguments(folder, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds: float = 20):
    """What the condition returns as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


def running(kernels: list[psutil.Process]) -> list[psutil.Process]:
    return [
        kernel
        for kernel in kernels
        if kernel.is_running() and kernel.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopping_it_ends_the_kernels_and_keeps_the_old_pdf(folder, sent):
    mark = folder / "reached"
    hangs = f"open({str(mark)!r}, 'w').close()\nwhile True: pass"
    save(folder / "b.ipynb", code(hangs))
    process = start(folder)
    wait_for(mark.exists)
    kernels = psutil.Process(process.pid).children(recursive=True)
    assert kernels
    os.kill(process.pid, sent)
    _, said = process.communicate(timeout=20)
    if sent != signal.SIGKILL:
        assert process.returncode == 130
        assert said.strip() == "interrupted: no file is half written"
    wait_for(lambda: not running(kernels))
    assert (folder / "w.pdf").read_bytes() == b"the old one"


def test_whenever_it_is_killed_there_is_one_whole_pdf(folder):
    for moment in (0.8, 1.4, 2.0):
        (folder / "w.pdf").write_bytes(b"the old one")
        process = start(folder, "--no-execute")
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        left = (folder / "w.pdf").read_bytes()
        assert left == b"the old one" or (
            left.startswith(b"%PDF") and left.rstrip().endswith(b"%%EOF")
        )
