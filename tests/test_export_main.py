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
    return subprocess.Popen(
        [sys.executable, "-m", "export", *command(folder, *more)],
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
    assert (folder / "w.pdf").read_bytes() == OLD


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
