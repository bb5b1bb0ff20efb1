"""export/write.py: files are the old ones or the new ones, whatever happens."""

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from export.__main__ import main
from export.terminal import say
from export.write import write
from export_samples import NAMES, OLD, ROOT, command, contents, refused
from nbtypst.read import read_notebook

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


@pytest.fixture
def instant(monkeypatch):
    """Let notebooks run in no time: they have other outputs at once."""
    def executed(paths, **options):
        notebooks = [read_notebook(path) for path in paths]
        for notebook in notebooks:
            notebook.cells[1].outputs[0].text = "42\n"
        return notebooks

    monkeypatch.setattr("export.build.execute_notebooks", executed)


def test_a_time_limit_that_never_comes_is_refused(folder, capsys):
    for seconds in ("0", "-5", "inf", "nan"):
        line = refused(capsys, *command(folder, f"--timeout={seconds}"))
        assert line.startswith("error: --timeout must be above 0 s, not ")


def test_a_terminal_without_room_is_an_error_once(monkeypatch, tmp_path):
    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with (tmp_path / "terminal").open("w") as terminal:
        terminal.write("held back")
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setattr("builtins.print", fail)
        with pytest.raises(OSError, match="No space left"):
            say("a line")
    assert (tmp_path / "terminal").read_text() == ""  # nor is it tried again at the end


# A process that is killed at the n-th step with which the disk changes.
KILLED = """
import os, signal, sys
folder, last, *command = sys.argv[1:]
steps = []
def watch(event, arguments):
    if event not in ("open", "os.rename", "os.chmod", "os.remove"):
        return
    flags = arguments[2] if event == "open" else os.O_RDWR
    if not flags & 3 or not str(arguments[0]).startswith(folder + "/"):
        return
    steps.append((event, os.path.basename(arguments[0]), flags & os.O_TRUNC))
    if len(steps) == int(last):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
if command:
    from export.__main__ import main
    main(command)
else:
    from pathlib import Path
    from export.write import write
    write({Path(folder, name): b"new" * 999_999 for name in ("a.ipynb", "b.ipynb")})
print(steps)
"""


def steps_of(folder: Path, last: int, *arguments: str) -> list[tuple]:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(last), *arguments], cwd=ROOT,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode == -signal.SIGKILL:
        return []
    assert done.returncode == 0, done.stderr
    return eval(done.stdout.splitlines()[-1])


def test_killed_at_any_step_it_leaves_whole_files(folder):
    before = contents(folder)
    ends, last = set(), 0
    steps: list[tuple] = []
    while not steps:
        last += 1
        steps = steps_of(folder, last)
        left = contents(folder)
        new = [left[name] == b"new" * 999_999 for name in NAMES]
        assert all(left[name] == before[name] for name, is_new in zip(NAMES, new)
                   if not is_new)  # fmt: skip
        assert all(name.startswith(".") for name in left.keys() - before.keys())
        ends.add(sum(new))
        for name in left.keys() - before.keys():
            (folder / name).unlink()
        for name in NAMES:
            (folder / name).write_bytes(before[name])
    assert ends == {0, 1, 2} and last > 4


def test_no_file_of_the_user_is_written_in_place(folder):
    """In the whole command only temporary files are, and then put in place."""
    steps = steps_of(folder, -1, *command(folder, "--refresh"))
    written = {name for event, name, truncated in steps
               if event == "open" and (truncated or name not in ("w.pdf", *NAMES))}
    assert len(written) == 3 and all(name.startswith(".") for name in written)
    assert {name for event, name, _ in steps if event == "os.rename"} == written
    assert contents(folder)["w.pdf"] != OLD


def test_interrupted_between_two_replacements_each_notebook_is_whole(
    folder, monkeypatch
):
    before, real = contents(folder), Path.replace

    def replace(temporary, path):
        if path.name == "b.ipynb":
            raise KeyboardInterrupt
        return real(temporary, path)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write({folder / name: b"new" for name in NAMES})
    assert contents(folder) == before | {"a.ipynb": b"new"}  # and nothing more


# ---- The disk --------------------------------------------------------------------


def test_a_file_that_does_not_fit_leaves_the_old_one(folder, capsys):
    before = contents(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
        with pytest.raises(Exception, match="File too large"):
            write({folder / "w.pdf": b"new" * 999})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert contents(folder) == before


def raising(number: int, *more):
    """A function that fails as the system says with this number."""
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number), *more)

    return fail


@pytest.mark.parametrize("function, error, said", [
    ("os.fsync", errno.ENOSPC, "cannot write {0}/a.ipynb: No space left on device"),
    ("pathlib.Path.replace", errno.EBUSY,
     "cannot write {0}/a.ipynb: Device or resource busy"),
    ("nbtypst.engine.tempfile.TemporaryDirectory", errno.ENOSPC,
     "[Errno 28] No space left on device: '/tmp/typst-0'"),
])  # fmt: skip
def test_a_disk_that_is_full_or_busy_is_said_and_changes_nothing(
    folder, capsys, monkeypatch, instant, function, error, said
):
    before = contents(folder)
    more = ["/tmp/typst-0"] * function.startswith("nbtypst")
    option = "--no-execute" if more else "--refresh"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(function, raising(error, *more))
        line = refused(capsys, *command(folder, option))
    assert line == f"error: {said.format(folder)}"
    assert contents(folder) == before


@pytest.mark.parametrize("place", [
    "a.ipynb/w.pdf", "no/where/w.pdf", "/proc/w.pdf", ".", "place", "w.pdf",
])  # fmt: skip
def test_where_nothing_can_be_written_is_known_before_any_notebook_runs(
    folder, capsys, monkeypatch, place
):
    # Root may write anywhere that chmod forbids, but not below a file or in /proc.
    before = contents(folder)
    os.mkfifo(folder / "place")
    real = Path.open

    def as_open_elsewhere_on_windows(self, *arguments, **options):
        if self == folder / "w.pdf":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", as_open_elsewhere_on_windows)
    assert main(command(folder, "--output", str(folder / place))) == 1
    said, error = capsys.readouterr()
    assert said == "" and error.startswith(f"error: cannot write {folder / place}: ")
    ends = {".": "it is a folder", "place": "it is not an ordinary file",
            "w.pdf": "Permission denied; if it is open, close it"}  # fmt: skip
    assert error.strip().endswith(ends.get(place, ""))
    monkeypatch.undo()
    assert contents(folder) == before


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


def test_a_link_is_followed(folder):
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "old.pdf").write_bytes(OLD)
    for name in ("old.pdf", "none.pdf"):
        link = folder / f"to-{name}"
        link.symlink_to(folder / "elsewhere" / name)
        write({link: b"new"})
        assert link.is_symlink()
        assert (folder / "elsewhere" / name).read_bytes() == b"new"
