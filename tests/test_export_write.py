"""Files are the old ones or the new ones, whatever happens to the disk."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from export.write import write
from export_samples import NAMES, command, contents, refused, said

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


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


@pytest.mark.parametrize("place", ["a.ipynb/w.pdf", "no/where/w.pdf", "/proc/w.pdf"])
def test_a_folder_that_cannot_be_written_is_known_before_any_notebook_runs(
    folder, capsys, place
):
    # Root may write anywhere that chmod forbids, but not below a file or in /proc.
    before = contents(folder)
    line = refused(capsys, *command(folder, "--output", str(folder / place)))
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
