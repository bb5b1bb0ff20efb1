"""export/build.py and __main__.py: python -m export, whatever goes wrong."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

import export.__main__
from export.__main__ import main
from export.write_up import APPENDIX
from export_samples import (
    NAMES,
    OLD,
    ROOT,
    code,
    command,
    contents,
    refused,
    save,
)
from pdf_pages import Printed

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]

ASK = "import os\nprint('drawn are', os.environ.get('FIGURES', 'all'), 6 * 7)"


def text_of(path: Path) -> str:
    printed = Printed(path.read_bytes())
    return "".join(printed.text(k + 1) for k in range(len(printed.pages)))


# ---- What it does ----------------------------------------------------------------


def test_it_runs_the_notebooks_and_leaves_them_alone(folder, capsys, monkeypatch):
    for name in ("fchmod", "sched_getaffinity"):  # which Windows lacks
        monkeypatch.delattr(os, name, raising=False)
    save(folder / "a.ipynb", "# A\n\n" + "Word word. " * 900, code(ASK))
    before = contents(folder)
    assert main(command(folder, "--keep-typst")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Running 2 notebooks"
    assert sorted(line.split()[0] for line in lines[1:3]) == ["a.ipynb", "b.ipynb"]
    assert [line.split() for line in lines[3:7]] == [
        ["Question", "Pages"], ["A", "3-5"], ["B", "6"],
        ["Appendix:", "all", "Python", "code", "7"],
    ]  # fmt: skip
    assert "w.pdf: 7 pages in " in lines[7] and len(lines) == 8
    # Of page.py's three formats the PDF takes one; the others take more time.
    assert "drawnaresvg42" in text_of(folder / "w.pdf")
    assert "#show: document" in (folder / "w.typ").read_text()
    after = contents(folder)
    assert {name for name in after if after[name] != before.get(name)} == {
        "w.pdf", "w.typ"}  # fmt: skip


def test_refresh_keeps_the_new_outputs_and_who_may_read_them(folder):
    save(folder / "a.ipynb", "# A", code(ASK))
    (folder / "a.ipynb").chmod(0o600)
    assert main(command(folder, "--refresh")) == 0
    for name in NAMES:
        notebook = nbformat.read(folder / name, 4)
        nbformat.validate(notebook)
        assert notebook.cells[1].outputs[0].text.endswith("42\n")
        assert notebook.cells[1].execution_count == 1
    assert "drawnareall42" in text_of(folder / "w.pdf")
    assert (folder / "a.ipynb").stat().st_mode & 0o777 == 0o600
    once = (folder / "a.ipynb").read_bytes()
    assert once.endswith(b"}\n")
    assert main(command(folder, "--refresh")) == 0
    assert (folder / "a.ipynb").read_bytes() == once


def test_what_is_saved_while_it_runs_is_left_so(folder, capsys):
    """The last notebook saves and removes others, as somebody in JupyterLab would."""
    first, second = folder / "a.ipynb", folder / "b.ipynb"
    edits = (f"from pathlib import Path; Path({str(first)!r}).write_text('edited')\n"
             f"Path({str(second)!r}).unlink()")  # fmt: skip
    save(folder / "c.ipynb", "# C", code(edits), code("print(6 * 7)"))
    names = (*NAMES, "c.ipynb")
    assert main(command(folder, "--refresh", notebooks=names)) == 0
    assert first.read_text() == "edited" and not second.exists()
    assert "42" in (folder / "c.ipynb").read_text()
    said = capsys.readouterr().out
    for path in (first, second):
        assert f"{path} was saved while it ran, and is left so: run this again" in said


def test_an_unsigned_write_up_is_said_to_be_so(folder, capsys):
    (folder / "cover.toml").write_text('title = "T"\nworked_with = ["B"]\n')
    assert main(command(folder, "--no-execute")) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        f"The write-up is unsigned: fill in name, date in {folder / 'cover.toml'}."
    )


def test_what_is_not_as_meant_is_said_and_an_error_when_strict(folder, capsys):
    path = save(folder / "a.ipynb", "# A", *(f"![](gone{k}.png)" for k in range(9)))
    options = command(folder, "--no-execute", notebooks=("a.ipynb",))
    assert main(options) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 9
    line = f"{path}, cell 2: the image gone0.png: there is no such file"
    assert lines[0] == f"warning: {line}"
    (folder / "w.pdf").write_bytes(OLD)
    error = refused(capsys, *options, "--strict")
    assert error.startswith(f"error: {line}; ") and error.endswith(" (and 1 more)")
    assert (folder / "w.pdf").read_bytes() == OLD


def test_hidden_notebooks_are_left_out_and_copies_by_name(
    tmp_path, monkeypatch, capsys
):
    names = ("a", "a-Copy1", "a (2)", "b copy", "b_copy", "._a", ".~a", "c (1)")
    for name in names:
        save(tmp_path / f"{name}.ipynb", "# A")
    (tmp_path / "._a.ipynb").write_bytes(b"not a notebook")
    seen = []
    monkeypatch.setattr(export.__main__, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("export.build.build", lambda paths, options: seen.extend(paths))
    assert main([]) == 0
    # Without an original, it is nobody's copy.
    assert [path.stem for path in seen] == ["a", "b copy", "b_copy", "c (1)"]
    assert capsys.readouterr().out.splitlines() == [
        f"Leaving out {name}.ipynb: it looks like a copy of a.ipynb"
        for name in ("a (2)", "a-Copy1")
    ]


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for option in ("--output", "--no-execute", "--refresh", "--keep-typst", "--cover"):
        assert option in said


# ---- What goes wrong -------------------------------------------------------------


@pytest.mark.parametrize("source, words", [
    ("1\nraise RuntimeError('so it is')", "cell 2: RuntimeError: so it is (line 2: "),
    ("while True: pass", "cell 2: still running after 1 s, given up"),
    (None, "not a Jupyter notebook"),
], ids=["raises", "hangs", "half-saved"])  # fmt: skip
def test_a_bad_notebook_leaves_all_as_it_was(folder, capsys, source, words):
    if source:
        save(folder / "b.ipynb", "# B", code(source))
    else:
        whole = (folder / "b.ipynb").read_bytes()
        (folder / "b.ipynb").write_bytes(whole[: len(whole) // 2])
    before = contents(folder)
    line = refused(capsys, *command(folder, "--refresh", "--timeout", "1"))
    assert line.startswith(f"error: {folder / 'b.ipynb'}") and words in line
    assert contents(folder) == before


def test_mistakes_are_one_line(folder, capsys, monkeypatch):
    arguments = command(folder, "--no-execute")
    assert "none.ipynb: No such file" in refused(capsys, "none.ipynb", *arguments[2:])
    for name in ("a.ipynb", "./b.ipynb", "cover.toml"):
        before = (folder / name).read_bytes()
        line = refused(capsys, *arguments, "--output", str(folder / name))
        assert "it is read from" in line and (folder / name).read_bytes() == before
    (folder / "cover.toml").write_text("name = \n")
    assert "cover.toml, line 1: " in refused(capsys, *arguments)
    (folder / "empty").mkdir()
    monkeypatch.setattr("export.__main__.NOTEBOOKS", folder / "empty")
    assert "no notebook in" in refused(capsys, "--no-execute")
    assert (folder / "w.pdf").read_bytes() == OLD


# ---- Killed ----------------------------------------------------------------------


def start(folder: Path) -> subprocess.Popen:
    """The command, which hears of a lost terminal even if the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "export", *command(folder, "--refresh")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGHUP, before)


def wait_for(condition, seconds: float = 60):
    """What the condition returns as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.mark.traced
def test_stopping_it_ends_the_kernels_and_keeps_every_file(tmp_path):
    signals = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL
    started, before, kernels = {}, {}, {}
    for sent in signals:
        folder = tmp_path / sent.name
        folder.mkdir()
        save(folder / "a.ipynb", "# A")
        (folder / "w.pdf").write_bytes(OLD)
        hangs = f"open({str(folder / 'reached')!r}, 'w').close()\nwhile True: pass"
        save(folder / "b.ipynb", code(hangs))
        before[sent], started[sent] = contents(folder), start(folder)
    try:
        for sent, process in started.items():
            wait_for((tmp_path / sent.name / "reached").exists)
            kernels[sent] = psutil.Process(process.pid).children(recursive=True)
            os.kill(process.pid, sent)
        for sent, process in started.items():
            _, said = process.communicate(timeout=60)
            if sent != signal.SIGKILL:
                assert process.returncode == 130
                assert said.strip() == "interrupted: no file is half written"
            assert kernels[sent] and not psutil.wait_procs(kernels[sent], 60)[1]
            left = contents(tmp_path / sent.name)
            assert left == before[sent] | {"reached": b""}
    finally:
        for sent, process in started.items():
            for child in kernels.get(sent, []):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.kill()


@pytest.mark.traced
def test_what_is_ignored_stays_so(folder):
    """As under nohup: the terminal may go."""
    words = " ".join(f"'{word}'" for word in command(folder, "--no-execute"))
    line = f"trap '' HUP; '{sys.executable}' -m export {words} & kill -HUP $!; wait $!"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "w.pdf").read_bytes() != OLD


# ---- Who listens, and where ------------------------------------------------------


def run_command(arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "export", *arguments],
        stderr=subprocess.PIPE, text=True, encoding="utf-8", **options,
    )  # fmt: skip


def test_two_builds_in_other_surroundings_give_the_same_bytes(homework, tmp_path):
    """One to a terminal that cannot write the Σ of a title."""
    arguments = ["--no-execute", *map(str, sorted(homework.glob("*.ipynb"))), "-o"]
    surroundings = [
        {"PYTHONHASHSEED": "1", "TZ": "UTC1", "PYTHONUTF8": "1"},
        {"PYTHONHASHSEED": "2", "TZ": "UTC2", "PYTHONIOENCODING": "cp1252"},
    ]
    outputs = [tmp_path / "one.pdf", tmp_path / "two" / "one.pdf"]
    outputs[1].parent.mkdir()
    for output, environment, title in zip(outputs, surroundings, "Σ?"):
        done = run_command([*arguments, str(output)], stdout=subprocess.PIPE,
                           env={"PATH": ""} | environment)  # fmt: skip
        assert done.returncode == 0 and f"Second {title}" in done.stdout, done.stderr
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_terminal_that_takes_nothing_is_an_error_too(folder):
    with open("/dev/full", "w") as full:
        done = run_command(command(folder), stdout=full)
    assert done.returncode == 1
    assert done.stderr == "error: [Errno 28] No space left on device\n"
    assert (folder / "w.pdf").read_bytes() == OLD


@pytest.mark.traced
def test_nobody_who_reads_is_no_error(folder):
    """A pipe whose reader has gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_command(command(folder, "--no-execute"), stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "w.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.traced
def test_closed_streams_are_no_error(folder):
    """With no output at all, the first file that is opened would become number 1."""
    save(folder / "a.ipynb", "# A", code("import os; os.write(1, b'into a file?')"))
    words = [sys.executable, "-m", "export", *command(folder, notebooks=NAMES[:1])]
    line = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(["sh", "-c", f"exec {line} <&- >&- 2>&-"])
    assert done.returncode == 0
    pdf = (folder / "w.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")


@pytest.mark.traced
def test_a_missing_package_is_named_with_the_line_that_installs_it():
    script = (
        "import sys; sys.modules['typst'] = None; "
        "from export.__main__ import main; sys.exit(main(['--no-execute']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: the package typst is missing: run `pip install -r requirements.txt`\n"
    )


def test_the_next_homework_needs_nothing_but_the_folder_export(tmp_path):
    """As a student would: export/ next to other notebooks, and another cover.toml.

    Its modules are its own, wherever else some of these names are installed.
    """
    copy = tmp_path / "copy of it"
    ignore = shutil.ignore_patterns("__pycache__", "*.pdf", "*.png")
    shutil.copytree(ROOT / "export", copy / "export", ignore=ignore)
    (copy / "export" / "cover.toml").write_text(
        'course = "Stat 20"\nhomework = "Homework 9"\ntitle = "Dice"\nname = "Ada"\n'
        'worked_alone = true\ndate = "today"\nstatement = "I rolled them myself."\n'
    )
    (copy / "nn_helpers.py").write_text("WHO = 'this is the copy'\n")
    (copy / "notebooks").mkdir()
    (copy / "notebooks" / "dice.py").write_text("FACES = 6\n")
    for name, title in (("1_one", "# Question 1"), ("2_two", "# Question 2")):
        source = "import dice, nn_helpers\nprint(nn_helpers.WHO.upper(), dice.FACES)"
        save(copy / "notebooks" / f"{name}.ipynb", title, code(source))
    done = run_command(["--strict"], cwd=copy, env={"PATH": "", "HOME": str(tmp_path)},
                       stdout=subprocess.DEVNULL)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    printed = Printed((copy / "export" / "write-up.pdf").read_bytes())
    first, last = printed.text(1), printed.text(len(printed.pages))
    for words in ("Stat20", "Homework9", "Dice", "Ada", "Irolledthemmyself."):
        assert words in first
    assert "certify" not in first
    assert printed.titles == ["Question 1", "Question 2", APPENDIX]
    assert printed.reader.metadata.title == "Stat 20 – Homework 9 – Dice"
    assert "THISISTHECOPY6" in printed.text(3)
    assert "'thisisthecopy'" in last and "FACES=6" in last
