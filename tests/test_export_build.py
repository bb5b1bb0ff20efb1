"""python -m export: what it prints, writes and leaves alone, whatever goes wrong."""

import hashlib
import io
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from pypdf import PdfReader

from export.__main__ import main
from export.pages import read_text
from export_samples import NAMES, OLD, code, command, contents, refused, save

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]

ROOT = Path(__file__).resolve().parent.parent
COVER = 'name = "Ada"\nworked_alone = true\ndate = "today"\n'


@pytest.fixture
def signed(folder) -> Path:
    """The same, with a cover that is filled in."""
    (folder / "cover.toml").write_text(COVER)
    return folder


def test_two_builds_give_the_same_bytes(built, homework, tmp_path):
    command = [sys.executable, "-m", "export", "--no-execute", "-o"]
    digests = set()
    for name, seed in (("one", "1"), ("two", "2")):
        output = tmp_path / name / "w.pdf"
        output.parent.mkdir()
        subprocess.run(
            [*command, output, *sorted(homework.glob("*.ipynb"))],
            check=True,
            capture_output=True,
            env={"PATH": "", "PYTHONHASHSEED": seed, "TZ": f"UTC{seed}"},
        )
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_repositorys_pdf_is_what_its_notebooks_give(capsys, tmp_path):
    output = tmp_path / "write-up.pdf"
    assert main(["--no-execute", "--output", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Question", "Pages"]
    for letter in "abcdef":
        assert sum(f"({letter})" in line for line in lines) == 1
    # After a plain make the folder has what this processor gives, which may differ from
    # the notebooks' outputs in a last digit: then the PDF that is committed counts.
    made, there = output.read_bytes(), (ROOT / "export" / "write-up.pdf").read_bytes()
    committed = b""
    if git := shutil.which("git"):
        show = [git, "show", "HEAD:export/write-up.pdf"]
        committed = subprocess.run(show, cwd=ROOT, capture_output=True).stdout
    fresh = made in (there, committed)
    if not committed:  # for this is no repository, but a copy of its files
        fresh = words_of(made) == words_of(there)
    assert fresh, "write-up.pdf is older than notebooks or code: run make notebooks"


def words_of(pdf: bytes) -> tuple[str, dict[str, list[bytes]]]:
    """All of the text but numbers, and the attached files."""
    attached = PdfReader(io.BytesIO(pdf)).attachments
    return re.sub(r"[\d.e+-]+", "", read_text(pdf)), dict(attached.items())


def test_damaged_data_are_named(folder, capsys):
    """A copy of the project, in which a file of the data is cut off."""
    project = folder / "project"
    shutil.copytree(ROOT / "data", project / "data")
    for name in ("nn_helpers.py", "test_batch_weights_biases.pkl"):
        shutil.copy(ROOT / name, project)
    for source in ROOT.glob("nn_*.py"):  # what nn_helpers may be made of
        shutil.copy(source, project)
    images = project / "data" / "train-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:100_000])
    load = "import nn_helpers\nnn_helpers.get_mnist_threes_nines()"
    # The copy, wherever else nn_helpers is installed: it lies beside the notebook.
    save(project / "c.ipynb", "# C", code("1"), code(load))
    before = contents(folder / "project" / "data"), (folder / "w.pdf").read_bytes()
    notebook = str(project / "c.ipynb")
    line = refused(capsys, notebook, "--refresh", "-o", str(folder / "w.pdf"))
    assert line.startswith(f"error: {notebook}, cell 3: ")
    assert "train-images-idx3-ubyte.gz" in line
    assert (contents(project / "data"), (folder / "w.pdf").read_bytes()) == before


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise RuntimeError('so it is')", "cell 1: RuntimeError: so it is (line 1"),
        ("while True: pass", "cell 1: still running after 1 s, given up"),
        ("import os; os.kill(os.getpid(), 9)", "cell 1: the kernel died"),
        (None, "b.ipynb: not a Jupyter notebook"),
    ],
    ids=["raises", "hangs", "dies", "half-saved"],
)
def test_a_bad_notebook_leaves_all_as_it_was(folder, capsys, source, words):
    if source:
        save(folder / "b.ipynb", code(source))
    else:
        whole = (folder / "b.ipynb").read_bytes()
        (folder / "b.ipynb").write_bytes(whole[: len(whole) // 2])
    before = contents(folder)
    line = refused(capsys, *command(folder, "--refresh", "--timeout", "1"))
    assert line.startswith(f"error: {folder / 'b.ipynb'}") and words in line
    assert contents(folder) == before


def test_what_is_refreshed_can_be_read_again(folder):
    assert main(command(folder, "--refresh")) == 0
    for name in NAMES:
        notebook = nbformat.read(folder / name, 4)
        nbformat.validate(notebook)
        assert notebook.cells[1].outputs[0].text == "42\n"


def test_it_runs_the_notebooks_and_leaves_them_alone(signed, capsys):
    before = (signed / "a.ipynb").read_bytes()
    assert main(command(signed)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Running 2 notebooks"
    assert sorted(line.split()[0] for line in lines[1:3]) == ["a.ipynb", "b.ipynb"]
    assert [line.split() for line in lines[3:7]] == [
        ["Question", "Pages"], ["A", "3"], ["B", "4"],
        ["Appendix:", "all", "Python", "code", "5"],
    ]  # fmt: skip
    assert "w.pdf: 5 pages in " in lines[7] and len(lines) == 8
    assert (signed / "w.pdf").read_bytes().startswith(b"%PDF")
    assert (signed / "a.ipynb").read_bytes() == before
    assert {path.name for path in signed.iterdir()} == {
        "a.ipynb", "b.ipynb", "cover.toml", "w.pdf",
    }  # fmt: skip


def test_an_unsigned_write_up_is_said_to_be_so(signed, capsys):
    (signed / "cover.toml").write_text('worked_with = ["B"]\n')
    assert main(command(signed, "--no-execute")) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        f"The write-up is unsigned: fill in name, date in {signed / 'cover.toml'}."
    )


def test_refresh_puts_the_new_outputs_into_the_notebooks(signed):
    assert main(command(signed, "--refresh")) == 0
    fresh = nbformat.read(signed / "a.ipynb", 4)
    assert fresh.cells[1].outputs[0].text == "42\n"
    assert fresh.cells[1].execution_count == 1
    assert (signed / "w.pdf").read_bytes().startswith(b"%PDF")
    once = (signed / "a.ipynb").read_bytes()
    assert once.endswith(b"}\n")
    assert main(command(signed, "--refresh")) == 0
    assert (signed / "a.ipynb").read_bytes() == once


def test_a_failing_notebook_leaves_everything_as_it_was(signed, capsys):
    save(signed / "bad.ipynb", code("1"), code("oops"))
    before = {path.name: path.read_bytes() for path in signed.iterdir()}
    arguments = command(signed, "--refresh", notebooks=("a.ipynb", "bad.ipynb"))
    said = refused(capsys, *arguments)
    assert "bad.ipynb, cell 2: NameError: name 'oops' is not defined" in said
    assert {path.name: path.read_bytes() for path in signed.iterdir()} == before


def test_keeping_the_typst(signed):
    assert main(command(signed, "--no-execute", "--keep-typst")) == 0
    assert "#show: document" in (signed / "w.typ").read_text()


def test_mistakes_are_one_line(signed, capsys, monkeypatch):
    arguments = command(signed, "--no-execute")
    (signed / "cover.toml").write_text("name = \n")
    assert "cover.toml, line 1: " in refused(capsys, *arguments)
    (signed / "cover.toml").write_text(COVER)
    assert "none.ipynb: No such file" in refused(capsys, "none.ipynb", *arguments[2:])
    (signed / "a.ipynb").write_text("{")
    assert "a.ipynb: not a Jupyter notebook" in refused(capsys, *arguments)
    (signed / "empty").mkdir()
    monkeypatch.setattr("export.__main__.NOTEBOOKS", signed / "empty")
    assert "no notebook in" in refused(capsys, "--no-execute")
    assert (signed / "w.pdf").read_bytes() == OLD


@pytest.mark.parametrize("place", ["nowhere/w.pdf", "a.ipynb/w.pdf", "."])
def test_an_output_that_cannot_be_written_is_known_at_once(signed, capsys, place):
    start = time.monotonic()
    said = refused(capsys, *command(signed)[:2], "--output", str(signed / place))
    assert "cannot write" in said
    assert time.monotonic() - start < 2  # no notebook was run for it


@pytest.mark.parametrize("name", ["a.ipynb", "./b.ipynb", "cover.toml"])
def test_what_is_read_is_not_written_over(signed, capsys, name):
    before = (signed / name).read_bytes()
    arguments = command(signed, "--no-execute", "--output", str(signed / name))
    assert "it is read from" in refused(capsys, *arguments)
    assert (signed / name).read_bytes() == before


def test_a_question_of_several_pages_is_a_range(signed, capsys):
    save(signed / "a.ipynb", "# A\n\n" + "Word word. " * 900)
    assert main(command(signed, "--no-execute")) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["A", "3-5"] in rows and ["B", "6"] in rows


def test_figures_are_drawn_for_the_pdf_alone_unless_outputs_are_kept(folder):
    """The PDF takes one of page.py's three formats; the two others take more time."""
    ask = "import os\nprint('drawn are', os.environ.get('FIGURES', 'all'))"
    save(folder / "a.ipynb", "# A", code(ask))
    for option, drawn in (("--refresh", "all"), ("--keep-typst", "svg")):
        assert main(command(folder, option, notebooks=("a.ipynb",))) == 0
        pages = PdfReader(folder / "w.pdf").pages
        assert any(f"drawn are {drawn}" in page.extract_text() for page in pages)


def test_refreshing_keeps_who_may_read_a_notebook(signed):
    (signed / "a.ipynb").chmod(0o600)
    assert main(command(signed, "--refresh")) == 0
    assert (signed / "a.ipynb").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["write_text('edited')", "unlink()"])
def test_what_is_saved_while_it_runs_is_left_so(signed, capsys, change):
    """The second notebook saves the first one, as somebody in JupyterLab would."""
    folder = signed
    first, second = folder / "a.ipynb", folder / "b.ipynb"
    edited = f"from pathlib import Path; Path({str(first)!r}).{change}"
    save(second, "# B", code(edited), code("print(6 * 7)"))
    assert main(command(folder, "--refresh")) == 0
    assert not first.exists() if change == "unlink()" else first.read_text() == "edited"
    assert "42" in second.read_text()
    said = capsys.readouterr().out
    assert f"{first} was saved while it ran, and is left so: run this again" in said


def test_a_copied_project_runs_and_prints_its_own_modules(tmp_path):
    """Wherever else modules of these names are installed."""
    copy = tmp_path / "copy of it"
    shutil.copytree(ROOT / "export", copy / "export", ignore=shutil.ignore_patterns(
        "*.pdf", "*.png", "__pycache__"))
    (copy / "nn_helpers.py").write_text("WHO = 'this is the copy'\n")
    (copy / "notebooks").mkdir()
    save(copy / "notebooks" / "a.ipynb", "# A",
         code("import nn_helpers\nprint(nn_helpers.WHO.upper())"))
    done = subprocess.run(
        [sys.executable, "-m", "export", "-o", "w.pdf"], cwd=copy, text=True,
        capture_output=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    pages = PdfReader(copy / "w.pdf").pages
    text = "".join(page.extract_text() for page in pages)
    assert "THIS IS THE COPY" in text and "'this is the copy'" in text
