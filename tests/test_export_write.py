"""Files are the old ones or the new ones, whatever happens to the disk."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from export.__main__ import main
from export.write import write
from export_samples import NAMES, OLD, command, contents, refused, said

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
    line = said(*command(folder, "--no-execute"), preexec_fn=limited(40_000))
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


# ---- Other systems ---------------------------------------------------------------


def test_no_function_is_needed_that_windows_lacks(folder, monkeypatch):
    for name in ("fchmod", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    assert main(command(folder)) == 0
    assert (folder / "w.pdf").read_bytes().startswith(b"%PDF-")


def refuse_to_open(monkeypatch, path):
    """Let a file be opened by others only, as an open one on Windows."""
    real = Path.open

    def guarded(self, *arguments, **options):
        if self == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", guarded)


def test_an_open_pdf_is_known_before_any_notebook_runs(folder, capsys, monkeypatch):
    refuse_to_open(monkeypatch, folder / "w.pdf")
    line = refused(capsys, *command(folder))
    assert line.startswith(f"error: cannot write {folder / 'w.pdf'}: Permission denied")
    assert "close it" in line
    monkeypatch.undo()
    assert (folder / "w.pdf").read_bytes() == OLD


def test_a_pdf_opened_in_the_meantime_costs_nothing(folder, capsys, monkeypatch):
    real = Path.replace

    def replace(temporary, path):
        if path == folder / "w.pdf":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(temporary, path)

    monkeypatch.setattr(Path, "replace", replace)
    assert main(command(folder, "--no-execute")) == 0
    assert (folder / "w.pdf").read_bytes() == OLD
    assert (folder / "w-new.pdf").read_bytes().startswith(b"%PDF-")
    said = capsys.readouterr().out
    assert f"{folder / 'w-new.pdf'}: " in said
    assert f"{folder / 'w.pdf'} is open in another program, close it there." in said


# ---- Links, folders and pipes ----------------------------------------------------


def test_a_link_is_followed(folder):
    (folder / "elsewhere").mkdir()
    for name in ("elsewhere/old.pdf", "elsewhere/none.pdf"):
        (folder / "link.pdf").unlink(missing_ok=True)
        (folder / "link.pdf").symlink_to(folder / name)
        link = folder / "link.pdf"
        assert main(command(folder, "--no-execute", "-o", str(link))) == 0
        assert link.is_symlink()
        assert (folder / name).read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused_at_once(folder, capsys, kind):
    place = folder / "place"
    place.mkdir() if kind == "folder" else os.mkfifo(place)
    line = refused(capsys, *command(folder, "-o", str(place)))
    what = "a folder" if kind == "folder" else "no ordinary file"
    assert line == f"error: cannot write {place}: it is {what}"
