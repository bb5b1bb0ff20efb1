"""The command line: its options, its one line of error, and being killed."""

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import export.__main__
from export.__main__ import main
from export_samples import OLD, code, command, contents, save

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


def test_killed_at_twenty_moments_it_leaves_whole_files(
    folder, monkeypatch, tmp_path_factory
):
    before = contents(folder)
    # For what the killed can no longer remove.
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("scratch")))
    # Forked from a process that has imported everything, so that no moment is spent on
    # that.
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["export.__main__", "export.build"])
    warm_up = forks.Process(target=int)
    warm_up.start()
    warm_up.join()
    start = time.monotonic()
    process = forks.Process(target=main, args=[command(folder, "--refresh")])
    process.start()
    process.join()
    whole = time.monotonic() - start
    after = contents(folder)
    assert all(after[name] != before[name] for name in before)
    moments = random.Random(20)
    (folder / "work").mkdir()
    ends, kernels = [], []
    for k in range(20):
        for name, content in before.items():
            (folder / "work" / name).write_bytes(content)
        process = forks.Process(
            target=main, args=[command(folder / "work", "--refresh")]
        )
        process.start()
        time.sleep(whole * (k + moments.random()) / 20)  # one in each twentieth
        with contextlib.suppress(psutil.NoSuchProcess):
            kernels += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.join()
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


@pytest.mark.traced
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


def start(folder: Path, *more: str) -> subprocess.Popen:
    """The command, which hears of a lost terminal even if the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "export", *command(folder, *more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGHUP, before)


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


@pytest.mark.traced
@pytest.mark.parametrize(
    "sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
)
def test_stopping_it_ends_the_kernels_and_keeps_the_old_pdf(folder, sent):
    mark = folder / "reached"
    hangs = f"open({str(mark)!r}, 'w').close()\nwhile True: pass"
    save(folder / "b.ipynb", code(hangs))
    process = start(folder)
    kernels: list[psutil.Process] = []
    try:
        wait_for(mark.exists)
        kernels = psutil.Process(process.pid).children(recursive=True)
        assert kernels
        os.kill(process.pid, sent)
        _, said = process.communicate(timeout=20)
    finally:
        for left in (process, *running(kernels) * (sent != signal.SIGKILL)):
            left.kill()
    if sent != signal.SIGKILL:
        assert process.returncode == 130
        assert said.strip() == "interrupted: no file is half written"
    wait_for(lambda: not running(kernels))
    assert (folder / "w.pdf").read_bytes() == OLD


@pytest.mark.traced
def test_what_is_ignored_stays_so(folder):
    """As under nohup: the terminal may go."""
    words = " ".join(f"'{word}'" for word in command(folder, "--no-execute"))
    line = f"trap '' HUP; '{sys.executable}' -m export {words} & kill -HUP $!; wait $!"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "w.pdf").read_bytes() != OLD


def test_whenever_it_is_killed_there_is_one_whole_pdf(folder):
    for moment in (0.8, 1.4, 2.0):
        (folder / "w.pdf").write_bytes(OLD)
        process = start(folder, "--no-execute")
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        left = (folder / "w.pdf").read_bytes()
        assert left == OLD or (
            left.startswith(b"%PDF") and left.rstrip().endswith(b"%%EOF")
        )


# ---- Which notebooks -------------------------------------------------------------


def test_hidden_notebooks_are_left_out_and_copies_by_name(
    tmp_path, monkeypatch, capsys
):
    names = ("a", "a-Copy1", "a (2)", "b copy", "b_copy", "._a", ".~a", "c (1)")
    for name in names:
        save(tmp_path / f"{name}.ipynb", "# A")
    (tmp_path / "._a.ipynb").write_bytes(b"no notebook")
    seen = []
    monkeypatch.setattr(export.__main__, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("export.build.build", lambda paths, options: seen.extend(paths))
    assert main([]) == 0
    # Without an original, it is nobody's copy.
    assert [path.stem for path in seen] == ["a", "b copy", "b_copy", "c (1)"]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Leaving out {name}.ipynb: it looks like a copy of a.ipynb"
        for name in ("a (2)", "a-Copy1")
    ]


# ---- Who listens -----------------------------------------------------------------


def run_command(folder, *more, **options):
    return subprocess.run(
        [sys.executable, "-m", "export", *command(folder, *more)],
        stderr=subprocess.PIPE, text=True, encoding="utf-8", **options,
    )  # fmt: skip


def test_a_title_that_the_terminal_cannot_write_is_no_error(folder):
    save(folder / "a.ipynb", "# The sum Σ")
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = run_command(folder, "--no-execute", env=environment, stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The sum ?" in done.stdout
    assert (folder / "w.pdf").read_bytes() != OLD


@pytest.mark.traced
def test_nobody_who_reads_is_no_error(folder):
    """A pipe whose reader has gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_command(folder, "--no-execute", stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "w.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.traced
def test_closed_streams_are_no_error(folder):
    """With no output at all, the first file that is opened would become number 1."""
    save(folder / "a.ipynb", "# A", code("import os; os.write(1, b'into a file?')"))
    words = [sys.executable, "-m", "export", *command(folder)]
    line = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(["sh", "-c", f"exec {line} <&- >&- 2>&-"])
    assert done.returncode == 0
    pdf = (folder / "w.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
