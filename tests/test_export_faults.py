"""Whatever befalls `python -m export`: the notebooks and the earlier PDF stay whole."""

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from export.__main__ import main
from export.write import write
from export_samples import code, save, stdout

pytestmark = pytest.mark.export

ROOT = Path(__file__).resolve().parent.parent
OLD = b"%PDF the old one"
NAMES = ("a.ipynb", "b.ipynb")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two notebooks with old outputs, and an old PDF."""
    for name, title in zip(NAMES, "AB"):
        save(tmp_path / name, f"# {title}", code("print(6 * 7)", stdout("old"), ran=9))
    (tmp_path / "w.pdf").write_bytes(OLD)
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    return [*(str(folder / n) for n in NAMES), "-o", str(folder / "w.pdf"), *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def said(*arguments: str, status: int = 1, **options) -> str:
    """The one line that the command prints as it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "export", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )
    assert done.returncode == status, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def refused(capsys, *arguments: str) -> str:
    """The same, within this process."""
    assert main(list(arguments)) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


# ---- Killed ----------------------------------------------------------------------


def test_killed_at_twenty_moments_it_leaves_whole_files(folder):
    before = contents(folder)
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "export", *command(folder, "--refresh")], check=True
    )
    whole = time.monotonic() - start
    after = contents(folder)
    assert all(after[name] != before[name] for name in before)
    moments = random.Random(20)
    scratch = folder / "scratch"  # for what the killed can no longer remove
    scratch.mkdir()
    (folder / "work").mkdir()
    ends, kernels = [], []
    for k in range(20):
        for name, content in before.items():
            (folder / "work" / name).write_bytes(content)
        process = subprocess.Popen(
            [sys.executable, "-m", "export", *command(folder / "work", "--refresh")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"TMPDIR": str(scratch)},
        )
        time.sleep(whole * (k + moments.random()) / 20)  # one in each twentieth
        kernels += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        left = contents(folder / "work")
        for name in before:
            assert left[name] in (before[name], after[name]), f"moment {k}: {name}"
        ends.append(left["w.pdf"] == after["w.pdf"])
        # Between two system calls a temporary file can be left, but never another one.
        strangers = left.keys() - before.keys()
        assert len(strangers) <= 3 and all(n.startswith(".") for n in strangers)
        for name in strangers:
            (folder / "work" / name).unlink()
    assert kernels and not psutil.wait_procs(kernels, timeout=20)[1]
    assert not all(ends)


def test_killed_between_two_replacements_each_notebook_is_whole(folder, monkeypatch):
    before = contents(folder)
    replaced = []

    def replace(temporary, path):
        if replaced:
            raise KeyboardInterrupt
        replaced.append(path)
        path.write_bytes(temporary.read_bytes())
        temporary.unlink()

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write({folder / name: b"new" for name in NAMES})
    assert contents(folder) == before | {"a.ipynb": b"new"}  # and nothing beside them


# ---- Disks -----------------------------------------------------------------------


def limited(size: int):
    """What makes a process unable to write a file of more than `size` bytes."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_a_file_that_does_not_fit_leaves_the_old_one(folder):
    before = contents(folder)
    # Nor could a measurement of the coverage be written.
    env = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    line = said(
        *command(folder, "--no-execute"), preexec_fn=limited(20_000), env=env
    )
    assert line == f"error: cannot write {folder / 'w.pdf'}: File too large"
    assert contents(folder) == before


def test_a_disk_that_is_full_is_said_and_changes_nothing(folder, capsys, monkeypatch):
    """Full at the second notebook, at the PDF, and where temporary files go."""
    before = contents(folder)
    synced = []

    def full(number):
        synced.append(number)
        if len(synced) == wanted:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    wanted = 2
    line = refused(capsys, *command(folder, "--refresh"))
    assert line == f"error: cannot write {folder / 'b.ipynb'}: No space left on device"
    assert contents(folder) == before
    synced.clear()
    wanted = 1
    line = refused(capsys, *command(folder, "--no-execute"))
    assert line == f"error: cannot write {folder / 'w.pdf'}: No space left on device"
    assert contents(folder) == before

    def nowhere(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/typst-0")

    monkeypatch.setattr("export.compile.tempfile.TemporaryDirectory", nowhere)
    line = refused(capsys, *command(folder, "--no-execute"))
    assert "No space left on device: '/tmp/typst-0'" in line
    assert contents(folder) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_terminal_that_takes_nothing_is_an_error_too(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-u", "-m", "export", *command(folder)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "error: [Errno 28] No space left on device\n"
    assert (folder / "w.pdf").read_bytes() == OLD


@pytest.mark.parametrize("place", ["a.ipynb/w.pdf", "no/where/w.pdf", "/proc/w.pdf"])
def test_a_folder_that_cannot_be_written_is_known_before_any_notebook_runs(
    folder, place
):
    # Root may write anywhere that chmod forbids, but not below a file or in /proc.
    before = contents(folder)
    line = said(*command(folder, "--output", str(folder / place)))
    assert line.startswith(f"error: cannot write {folder / place}: ")
    assert contents(folder) == before


def test_a_notebook_that_cannot_be_replaced_keeps_the_others(folder, capsys):
    before = contents(folder)

    def busy(temporary, path):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", busy)
        line = refused(capsys, *command(folder, "--refresh"))
    assert line == f"error: cannot write {folder / 'a.ipynb'}: Device or resource busy"
    assert contents(folder) == before


# ---- Damaged files ---------------------------------------------------------------


def test_damaged_data_are_named(folder):
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
    line = said(notebook, "--refresh", "-o", str(folder / "w.pdf"))
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
