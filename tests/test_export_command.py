"""python -m export: what it does, prints and writes, also when something goes wrong."""

import contextlib
import errno
import importlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
import typst

import export.__main__
from export.__main__ import main
from export.output import write
from export.write_up import APPENDIX
from nbtypst import ExportError
from nbtypst_samples import code, save, stdout
from pdf_pages import Printed

pytestmark = pytest.mark.export
ROOT = Path(export.__file__).resolve().parents[1]
NAMES = ("a.ipynb", "b.ipynb")
OLD = b"%PDF the old one"
OURS = ("export", "nbtypst")
ON_POSIX = os.name == "posix"
POSIX = pytest.mark.skipif(not ON_POSIX, reason="Windows lacks this, or lets few do it")
# What ends the command, the last one silently. (Ctrl-Break needs a console.)
STOPS = (signal.SIGTERM, signal.SIGKILL) if ON_POSIX else (signal.SIGTERM,)
BARE = {name: value for name, value in os.environ.items()
        if name == "SYSTEMROOT"} | {"PATH": ""}  # Windows needs it for sockets
ASK = "import os\nprint('drawn are', os.environ.get('FIGURES', 'all'), 6 * 7)"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two notebooks with old outputs, a cover that is filled in, and an old PDF."""
    for name, title in zip(NAMES, "AB"):
        save(tmp_path / name, f"# {title}", code("print(6 * 7)", stdout("old"), ran=9))
    (tmp_path / "w.pdf").write_bytes(OLD)
    signed = 'title = "T"\nname = "Ada"\nworked_alone = true\ndate = "today"\n'
    (tmp_path / "cover.toml").write_text(signed)
    return tmp_path


def command(folder: Path, *more: str, notebooks: tuple[str, ...] = NAMES) -> list[str]:
    """The arguments that make w.pdf of notebooks in a folder, with its cover if any."""
    cover = folder / "cover.toml"
    options = ["-o", str(folder / "w.pdf"), *["--cover", str(cover)] * cover.exists()]
    return [*(str(folder / name) for name in notebooks), *options, *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refused(capsys, *arguments: str) -> str:
    """The one line that the command prints as it fails."""
    assert main(list(arguments)) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


def run_command(arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "export", *arguments], text=True,
                          stderr=subprocess.PIPE, errors="replace", **options)


def text_of(path: Path) -> str:
    printed = Printed(path.read_bytes())
    return "".join(printed.text(k + 1) for k in range(len(printed.pages)))


# ---- What it does ----------------------------------------------------------------

def test_notebooks_run_and_their_files_stay_unchanged(folder, capsys, monkeypatch):
    for name in ("fchmod", "sched_getaffinity"):  # Windows lacks these
        monkeypatch.delattr(os, name, raising=False)
    save(folder / "a.ipynb", "# A\n\n" + "Word word. " * 900, code(ASK))
    before = contents(folder)
    assert main(command(folder, "--keep-typst", "--fresh")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Running 2 notebooks"
    assert sorted(line.split()[0] for line in lines[1:3]) == ["a.ipynb", "b.ipynb"]
    assert [line.split() for line in lines[3:7]] == [
        ["Question", "Pages"], ["A", "3-5"], ["B", "6"],
        ["Appendix:", "Python", "code", "7"]]
    assert "w.pdf: 7 pages in " in lines[7] and len(lines) == 8
    # Of page.py's three formats the PDF takes one; the others take more time.
    assert "drawnaresvg42" in text_of(folder / "w.pdf")
    after = contents(folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"w.pdf", "w.typ"}
    assert {path.name for path in (folder / "w_files").rglob("*.*")} == {*NAMES}
    assert typst.compile(str(folder / "w.typ")).startswith(b"%PDF-")


watched: list[Path] = []  # a folder, while a test looks
steps: list[tuple[str, dict]] = []  # a changed file, and what a kill there would leave


def _watch(event: str, arguments: tuple) -> None:
    if watched and event in ("open", "os.rename", "os.chmod", "os.remove"):
        path, flags = Path(str(arguments[0])), arguments[2] if event == "open" else 3
        trial = path.name == "w.pdf" and not flags & os.O_TRUNC  # whether it is open
        if path.parent == watched[0] and flags & 3 and not trial:
            steps.append((path.name, contents(watched[0])))


sys.addaudithook(_watch)


def test_refresh_keeps_new_outputs_and_overwrites_nothing_saved_meanwhile(
        folder, capsys):
    """The last notebook saves and removes others, as somebody in JupyterLab would."""
    first, second, third, last = (folder / f"{letter}.ipynb" for letter in "abcd")
    save(first, "# A", code(ASK))
    first.chmod(0o600)
    mode = first.stat().st_mode
    save(third, "# C")
    save(last, "# D", code(
        f"from pathlib import Path; Path({str(second)!r}).write_text('edited')\n"
        f"Path({str(third)!r}).unlink()"), code("print(6 * 7)"))
    names = [path.name for path in (first, second, third, last)]
    old = contents(folder)
    watched.append(folder)
    assert main(command(folder, "--refresh", notebooks=names)) == 0
    watched.clear()
    # Killed at any step, it leaves files that are whole, and hidden ones.
    new, written = contents(folder), ("a.ipynb", "d.ipynb", "w.pdf")
    for name, left in steps:
        assert name.startswith((".", "tmp")), name
        assert all(left[name] in (old[name], new[name]) for name in written)
        assert all(name.startswith((".", "tmp")) for name in left.keys() - old.keys())
    ends = [sum(left[name] == new[name] for name in written) for _, left in steps]
    assert {*ends} == {0, 1, 2, 3} and len(ends) > 6
    printed = capsys.readouterr().out
    for path in (second, third):
        assert f"{path} was saved while it ran, and is left so: run this" in printed
    assert second.read_text() == "edited" and not third.exists()
    for path, number in ((first, 1), (last, 2)):
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
        assert notebook.cells[number].outputs[0].text.endswith("42\n")
        assert notebook.cells[number].execution_count == number
    assert "drawnareall42" in text_of(folder / "w.pdf")
    assert first.stat().st_mode == mode
    once = first.read_bytes()
    assert main(command(folder, "--refresh", notebooks=NAMES[:1])) == 0
    assert once == first.read_bytes() and once.endswith(b"}\n")


def test_a_placeholder_is_a_warning_and_an_error_when_strict(folder, capsys):
    """In a write-up that is not yet signed, which its last line says."""
    (folder / "cover.toml").write_text('title = "T"\nworked_with = ["B"]\n')
    path = save(folder / "a.ipynb", "# A", *(f"![](gone{k}.png)" for k in range(9)))
    options = command(folder, "--no-execute", notebooks=NAMES[:1])
    assert main(options) == 0
    printed, errors = capsys.readouterr()
    line = f"{path}, cell 2: the image gone0.png: there is no such file"
    assert errors.startswith(f"warning: {line}\n") and len(errors.splitlines()) == 9
    blanks = f"fill in name, date in {folder / 'cover.toml'}."
    assert printed.splitlines()[-1] == f"The write-up is unsigned: {blanks}"
    (folder / "w.pdf").write_bytes(OLD)
    error = refused(capsys, *options, "--strict")
    assert error.startswith(f"error: {line}; ") and error.endswith(" (and 1 more)")
    assert (folder / "w.pdf").read_bytes() == OLD


def test_hidden_notebooks_are_left_out_and_copies_by_name(
        tmp_path, monkeypatch, capsys):
    for name in ("a", "a-Copy1", "a (2)", "b copy", "b_copy", ".~a", "c (1)", "._a",
                 "d", "d_copy", "d_copy_copy"):
        (tmp_path / f"{name}.ipynb").touch()
    seen = []
    monkeypatch.setattr(export.__main__, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("export.build.build", lambda paths, options: seen.extend(paths))
    assert main([]) == 0
    # Without its original, it is not a copy.
    assert [path.stem for path in seen] == ["a", "b copy", "b_copy", "c (1)", "d"]
    assert capsys.readouterr().out.splitlines() == [
        f"Leaving out {name}.ipynb: it looks like a copy of {original}.ipynb"
        for name, original in [("a (2)", "a"), ("a-Copy1", "a"), ("d_copy", "d"),
                               ("d_copy_copy", "d_copy")]]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_a_name_of_any_bytes_is_shown_damaged_on_paper_and_in_the_site(tmp_path):
    folder, name = os.fsdecode(b"\xe9"), os.fsdecode(b"caf\xe9.ipynb")
    (tmp_path / folder).mkdir()
    for path in (name, f"{folder}/b.ipynb"):
        save(tmp_path / path, code("1 / 1", stdout("42"), ran=1), "![](gone.png)")
    main(command(tmp_path, "--no-execute", "--site", str(tmp_path / "site"),
                 notebooks=(name, f"{folder}/b.ipynb")))
    assert "caf\ufffd" in Printed((tmp_path / "w.pdf").read_bytes()).text(3)
    site = {path.name: path for path in (tmp_path / "site").glob("*.html")}
    assert sorted(site) == ["b.html", "caf\ufffd.html", "code.html", "index.html"]
    assert 'href="caf\ufffd.html"' in site["b.html"].read_text("utf-8")


def test_the_next_homework_needs_nothing_but_the_folder_export(tmp_path):
    """As a student would: export/ next to other notebooks, and another cover.toml.

    Its modules are its own, wherever else some of these names are installed.
    """
    copy = tmp_path / "copy of it"
    ignore = shutil.ignore_patterns("__pycache__", "*.pdf", "*.png")
    shutil.copytree(ROOT / "export", copy / "export", ignore=ignore)
    (copy / "export" / "cover.toml").write_text(
        'course = "Stat 20"\nhomework = "Homework 9"\ntitle = "Dice"\nname = "Ada"\n'
        'worked_alone = true\ndate = "today"\nstatement = "I rolled them myself."\n')
    (copy / "nn_helpers.py").write_text("WHO = 'this is the copy'\n")
    (copy / "notebooks").mkdir()
    (copy / "notebooks" / "dice.py").write_text("FACES = 6\n")
    for name, title in (("1_one", "# Question 1"), ("2_two", "# Question 2")):
        source = "import dice, nn_helpers\nprint(nn_helpers.WHO.upper(), dice.FACES)"
        save(copy / "notebooks" / f"{name}.ipynb", title, code(source))
    done = run_command(["--strict"], cwd=copy, env=BARE | {"HOME": str(tmp_path)},
                       stdout=subprocess.DEVNULL)
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


# ---- What goes wrong -------------------------------------------------------------

def test_a_bad_notebook_leaves_all_as_it_was(folder, capsys):
    bad = save(folder / "b.ipynb", "# B", code("while True: pass"))
    before = contents(folder)
    line = refused(capsys, *command(folder, "--refresh", "--timeout", "1"))
    assert line == f"error: {bad}, cell 2: still running after 1 s, given up"
    assert contents(folder) == before


def test_mistakes_are_one_line(folder, capsys, monkeypatch):
    arguments = command(folder, "--no-execute")
    assert "none.ipynb: No such file" in refused(capsys, "none.ipynb", *arguments[2:])
    for seconds in ("0", "-5", "inf", "nan"):
        line = refused(capsys, *arguments, f"--timeout={seconds}")
        assert line.startswith("error: --timeout must be above 0 s, not ")
    for name in ("a.ipynb", "./b.ipynb", "cover.toml"):
        before = (folder / name).read_bytes()
        line = refused(capsys, *arguments, "--output", str(folder / name))
        assert "it is read from" in line and (folder / name).read_bytes() == before
    (folder / "cover.toml").write_text("name = \n")
    assert "cover.toml, line 1: " in refused(capsys, *arguments)
    monkeypatch.setattr("export.__main__.NOTEBOOKS", folder / "empty")
    assert "no notebook in" in refused(capsys, "--no-execute")
    assert (folder / "w.pdf").read_bytes() == OLD


def test_a_missing_package_is_named_with_the_line_that_installs_it(
        capsys, monkeypatch):
    for name in [it for it in sys.modules if it.partition(".")[0] in OURS]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "typst", None)
    assert importlib.import_module("export.__main__").main(["--no-execute"]) == 1
    assert capsys.readouterr() == ("", "error: the package typst is missing: "
                                       "run `pip install -r requirements.txt`\n")


# ---- Who listens, and where ------------------------------------------------------

@pytest.mark.traced
def test_another_build_in_other_surroundings_gives_the_same_bytes(tmp_path):
    """By a user without a home, to a terminal that cannot write the Σ of a title.

    Each Python prints a line as it begins, and one as it ends.
    """
    path = save(tmp_path / "a.ipynb", "# Second Σ", code("{'a', 'b', 'c'}; import no"))
    (tmp_path / "two").mkdir()
    one, two = tmp_path / "one.pdf", tmp_path / "two" / "one.pdf"
    assert main(["--no-execute", str(path), "-o", str(one)]) == 0
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys\nprint('begins')\natexit.register(print, 'ends')\n"
        "if sys.platform != 'win32':\n"
        "    import pwd\n    pwd.getpwuid = {}.__getitem__\n")
    other = {"PYTHONHASHSEED": "2", "TZ": "UTC2", "PYTHONIOENCODING": "cp1252",
             "PYTHONPATH": str(tmp_path)}
    other |= {name: value for name, value in os.environ.items() if "COVERAGE" in name}
    done = run_command(["--no-execute", path, "-o", two], stdout=subprocess.PIPE,
                       env=BARE | other)
    assert done.returncode == 0 and "Second ?" in done.stdout, done.stderr
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_output_device_is_one_error(folder, capsys, monkeypatch):
    with open("/dev/full", "w") as full:  # where closing does not try again
        full.write("held back")
        monkeypatch.setattr("sys.stdout", full)
        line = refused(capsys, *command(folder))
    assert line == "error: [Errno 28] No space left on device"
    assert (folder / "w.pdf").read_bytes() == OLD


def test_a_closed_pipe_is_not_an_error(folder, capsys, monkeypatch):
    """A pipe whose reader has gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as nobody:
        monkeypatch.setattr("sys.stdout", nobody)
        assert main(command(folder, "--no-execute")) == 0
    assert capsys.readouterr().err == ""
    assert (folder / "w.pdf").read_bytes().startswith(b"%PDF-")


@POSIX
@pytest.mark.traced
def test_closed_streams_are_not_an_error_and_what_is_ignored_stays_so(folder):
    """With no output at all, the first file that is opened would become number 1.

    As under nohup, the terminal may go: the notebook sends what its end would.
    """
    save(folder / "a.ipynb", "# A", code(
        "import os, signal; os.write(1, b'into a file?')\n"
        "os.kill(os.getppid(), signal.SIGHUP)"))
    words = [sys.executable, "-m", "export", *command(folder, notebooks=NAMES[:1])]
    line = shlex.join(words)
    done = subprocess.run(["sh", "-c", f"trap '' HUP; exec {line} <&- >&- 2>&-"])
    assert done.returncode == 0
    pdf = (folder / "w.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")


# ---- Stopped and killed ----------------------------------------------------------

@pytest.mark.traced
@pytest.mark.parametrize("sent", STOPS)
def test_stopping_it_ends_the_kernels_and_keeps_every_file(tmp_path, sent):
    (tmp_path / "w.pdf").write_bytes(OLD)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(300)
        save(tmp_path / "b.ipynb", code(
            f"import socket\nheard = socket.create_connection({server.getsockname()})\n"
            "while True: pass"))
        before = contents(tmp_path)
        words = command(tmp_path, "--refresh", notebooks=("b.ipynb",))
        process = subprocess.Popen([sys.executable, "-m", "export", *words], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=ON_POSIX)
        try:
            server.accept()[0].close()
            kernels = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(sent)
            _, printed = process.communicate(timeout=300)
        finally:
            process.kill()
    if sent != STOPS[-1]:
        assert process.returncode == 130
        assert printed.strip() == "interrupted: no file is half written"
    _, left = psutil.wait_procs(kernels, 60)
    for child in left:
        child.kill()
    assert kernels and not left
    assert contents(tmp_path) == before


LISTENING = """
import runpy, signal, sys, types
sent = [signal.Signals[name] for name in sys.argv[1:]]
def build(paths, options):
    for number in sent:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            print(number.name)
for number in sent[1:]:  # as from a terminal, even if the tests run under nohup
    signal.signal(number, signal.SIG_DFL)
sys.modules["export.build"] = types.SimpleNamespace(build=build)
sys.argv = ["export", "a.ipynb"]
runpy.run_module("export", run_name="__main__")
"""


def test_every_way_to_stop_it_is_an_interrupt():
    names = ["SIGINT", "SIGTERM", "SIGHUP" if ON_POSIX else "SIGBREAK"]
    done = subprocess.run([sys.executable, "-c", LISTENING, *names], cwd=ROOT,
                          capture_output=True, text=True)
    assert (done.stdout.split(), done.returncode) == (names, 0)


# ---- The disk --------------------------------------------------------------------

def failing(real, name, error):
    """The real function, which raises an error for a file of this name, or any."""
    def function(*arguments, **options):
        if not name or any(getattr(it, "name", "") == name for it in arguments):
            raise error
        return real(*arguments, **options)

    return function


@contextlib.contextmanager
def open_elsewhere(path: Path, method: str):
    """Hold a file open so that this method of its path fails, as Windows lets one."""
    if os.name == "nt":
        import _winapi
        shared = 0 if method == "open" else 3  # reading and writing, but not removing
        handle = _winapi.CreateFile(str(path), _winapi.GENERIC_READ, shared, 0,
                                    _winapi.OPEN_EXISTING, 0, 0)
        yield
        _winapi.CloseHandle(handle)
        return
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, method, failing(getattr(Path, method), path.name, denied))
        yield


@pytest.mark.parametrize("owner, function, name, error, changed", [
    (os, "fsync", "", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ()),
    (Path, "replace", "a.ipynb", OSError(errno.EBUSY, os.strerror(errno.EBUSY)), ()),
    (Path, "replace", "b.ipynb", KeyboardInterrupt(), ("a.ipynb",)),
], ids=["full", "busy", "interrupted"])
def test_a_write_that_fails_is_reported_and_leaves_whole_files_alone(
        folder, owner, function, name, error, changed):
    before = contents(folder)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(
            (ExportError, KeyboardInterrupt)) as caught:
        patch.setattr(owner, function, failing(getattr(owner, function), name, error))
        write({folder / name: b"new" for name in NAMES})
    if isinstance(error, OSError):
        reason = f"cannot write {folder / 'a.ipynb'}: {error.strerror}"
        assert str(caught.value) == reason
    assert contents(folder) == before | dict.fromkeys(changed, b"new")


@pytest.mark.parametrize("place, end", [
    ("a.ipynb/w.pdf", "a.ipynb yet"), ("no/where/w.pdf", "there is no folder {} yet"),
    ("/proc/w.pdf", ""), (".", "it is a folder"),
    pytest.param("place", "it is not an ordinary file", marks=POSIX),
    ("w.pdf", "Permission denied; if it is open, close it"),
])
def test_an_unwritable_place_is_reported_before_any_notebook_runs(
        folder, capsys, place, end):
    # Root may write anywhere that chmod forbids, but not below a file or in /proc.
    before = contents(folder)
    if place == "place":
        os.mkfifo(folder / place)
    with open_elsewhere(folder / "w.pdf", "open"):
        assert main(command(folder, "--output", str(folder / place))) == 1
    printed, error = capsys.readouterr()
    assert printed == "" and error.startswith(f"error: cannot write {folder / place}: ")
    assert error.strip().endswith(end.format(folder / "no/where"))
    assert contents(folder) == before


def test_a_pdf_opened_in_the_meantime_costs_nothing(folder, capsys):
    with open_elsewhere(folder / "w.pdf", "replace"):
        assert main(command(folder, "--no-execute")) == 0
    assert (folder / "w.pdf").read_bytes() == OLD
    assert (folder / "w-new.pdf").read_bytes().startswith(b"%PDF-")
    printed = capsys.readouterr().out
    assert f"{folder / 'w-new.pdf'}: " in printed
    assert f"{folder / 'w.pdf'} is open in another program, close it there." in printed


@POSIX
def test_a_link_is_followed(folder):
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "old.pdf").write_bytes(OLD)
    for name in ("old.pdf", "none.pdf"):
        link = folder / f"to-{name}"
        link.symlink_to(folder / "elsewhere" / name)
        write({link: b"new"})
        assert link.is_symlink()
        assert (folder / "elsewhere" / name).read_bytes() == b"new"
