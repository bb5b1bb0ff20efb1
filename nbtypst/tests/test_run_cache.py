"""run_cache.py, run_trace.py: a run is taken again only where nothing has changed."""

import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path

import nbformat
import pytest

from nbtypst.errors import ExportError
from nbtypst.run import execute_notebooks
from nbtypst.run_cache import KEEP, MAX_KEPT, NEVER_KEEP, KeptRuns
from nbtypst.run_trace import Trace
from nbtypst_samples import code, save

CODE = """import glob, os
import helper
print(helper.WORD, open("data.txt").read())
print(os.path.exists("maybe.txt"), len(glob.glob("more/*.csv")))
try:
    import perhaps
except ModuleNotFoundError:
    print("no perhaps")"""
# Other notebooks: their code, the tags of that, and why their runs are not kept.
OTHERS = {
    "program": ("import subprocess; subprocess.run(['true'])", (),
                "it uses subprocess.Popen"),
    "allowed": ("import subprocess; subprocess.run(['true'])", (KEEP,), ""),
    "network": ("import socket\ntry: socket.create_connection(('127.0.0.1', 9))\n"
                "except OSError: pass", (), "it uses socket.connect"),
    "private": ("import os, socket, tempfile\n"
                "tempfile.TemporaryFile().close(); open(os.devnull).close()\n"
                "def socketpair():  # as Windows has it\n"
                "    with socket.create_server(('127.0.0.1', 0)) as server:\n"
                "        socket.socket().connect(server.getsockname())\n"
                "socketpair()", (), ""),
    "writes": ("open('log.txt', 'w').close()", (), "it changes log.txt"),
    "never": ("print(1)", (NEVER_KEEP,), f"a cell has the tag {NEVER_KEEP}"),
    "meanwhile": ("import subprocess\nopen('input.txt').read()\n"
                  "subprocess.run('echo x >>input.txt', shell=True)", (KEEP,),
                  "input.txt was changed while it ran"),
}  # fmt: skip


class Project:
    """A folder with notebooks, a module in a folder of its own, and data."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lib = folder / "book", folder / "lib"
        self.path, self.kept = self.folder / "a.ipynb", folder / "kept"
        (self.folder / "more").mkdir(parents=True)
        self.lib.mkdir()
        (self.lib / "helper.py").write_text("WORD = 'one'\n")
        for name, text in {"data.txt": "two", "input.txt": ""}.items():
            (self.folder / name).write_text(text)
        for file in folder.rglob("*.*"):
            os.utime(file, (1e9, 1e9))  # long before the run
        self.save("# Title", CODE)

    def save(self, words: str, source: str) -> None:
        save(self.path, words, code(source))

    def runs(self, **settings: str) -> KeptRuns:
        return KeptRuns(self.kept, [self.lib], settings)

    def run(self, *paths: Path, fresh: bool = False):
        """Run the notebooks; return how each result was obtained, and the first one."""
        how = {}
        notebooks = execute_notebooks(
            paths or [self.path], import_from=[self.lib], kept=self.runs(), fresh=fresh,
            on_done=lambda path, words: how.update({path.stem: words}),
        )  # fmt: skip
        return how, notebooks[0]

    def changed(self, **settings: str) -> str:
        """Why the notebook would run again; empty if it would not."""
        return self.runs(**settings).find(self.path, nbformat.read(self.path, 4))[1]


def printed(notebook) -> str:
    return "".join(o.text for c in notebook.cells for o in c.get("outputs", ()))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A project whose notebooks have run once, and how that went."""
    project = Project(tmp_path_factory.mktemp("project"))
    others = [save(project.folder / f"{name}.ipynb", code(source, tags=tags))
              for name, (source, tags, _) in OTHERS.items()]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        # Python may write what it compiles.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("TMPDIR", "gone")  # which a kernel would try in its folder
        how, notebook = project.run(project.path, *others)
    assert [*project.lib.rglob("*.pyc")]
    assert printed(notebook) == "one two\nFalse 0\nno perhaps\n"
    return project, how


@pytest.fixture
def project(ran, tmp_path):
    """The same project in the same place, which is restored afterwards."""
    folder = ran[0].folder.parent
    shutil.copytree(folder, tmp_path / "before")
    yield ran[0]
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "before", folder)


def test_a_run_is_kept_unless_it_cannot_be_tracked(ran):
    project, how = ran
    reasons = {"a": "", **{name: why for name, (*_, why) in OTHERS.items()}}
    assert {name: words.partition(" s")[2] for name, words in how.items()} == {
        name: f" (not kept: {why})" * bool(why) for name, why in reasons.items()}
    kept = {file.name.split("-")[0] for file in project.kept.iterdir()}
    assert kept == {name for name, why in reasons.items() if not why}


def test_what_has_not_changed_is_taken_with_the_words_of_today(project):
    """Whatever the order, and next to other notebooks."""
    project.save("# Another title", CODE)
    how, notebook = project.run(project.path, project.folder / "private.ipynb")
    assert all(words.startswith("kept from ") for words in how.values())
    assert printed(notebook).startswith("one two")
    assert notebook.cells[0].source == "# Another title"
    assert notebook.cells[1].execution_count == 1


@pytest.mark.parametrize(("file", "content", "why"), [
    ("lib/helper.py", "WORD = 'new'\n", "helper.py changed"),
    ("book/data.txt", "2", "data.txt changed"),
    ("book/maybe.txt", "", "maybe.txt is new"),
    ("book/more/x.csv", "", "the files in more changed"),
    ("book/helper.py", "WORD = 'nearer'", "helper.py is new"),
    ("lib/perhaps.py", "", "perhaps.py is new"),
])  # fmt: skip
def test_a_changed_file_is_named(project, file, content, why):
    assert project.changed() == ""
    target = project.folder.parent / file
    target.write_text(content)
    os.utime(target, (1e9, 1e9))  # its date tells nothing
    assert project.changed() == why


def test_a_changed_file_has_the_notebook_run_again(project):
    (project.lib / "helper.py").write_text("WORD = 'new'\n")
    os.utime(project.lib / "helper.py", (1e9 + 2, 1e9 + 2))
    how, notebook = project.run()
    assert how["a"].endswith(" s (helper.py changed)")
    assert printed(notebook).startswith("new two") and project.changed() == ""


def test_code_settings_and_packages_are_part_of_the_key(project, monkeypatch):
    project.save("# Title", CODE + "\nprint(3)")
    assert project.changed() == "its code changed"
    project.save("# Title", CODE)
    assert project.changed() == ""
    assert "setting changed" in project.changed(FIGURES="svg")
    monkeypatch.setattr(metadata, "distributions", lambda: ())
    assert "a package" in project.changed()


def test_a_run_that_fails_is_not_kept(project):
    bad = save(project.folder / "bad.ipynb", code("1 / 0"))
    with pytest.raises(ExportError, match="ZeroDivisionError"):
        project.run(bad)
    assert not [*project.kept.glob("bad*")]


STOPPED = """
import itertools, os, resource, signal, sys
from pathlib import Path
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbtypst.run_cache import KeptRuns

folder, path = Path(sys.argv[1]), Path("a.ipynb")
log, kept = folder / "log", KeptRuns(folder / "kept", [], {})
log.touch()

def run_of(number):
    output = new_output("stream", text=f"{number} " * 20_000)
    return new_notebook(cells=[new_code_cell("x", id="x", outputs=[output])])

def keep(number, stop):
    "Keep a run in a process that stops on its way; return the signal that ended it."
    if child := os.fork():
        return os.WTERMSIG(os.waitpid(child, 0)[1])
    stop()
    kept.keep(path, run_of(number), log, 2e9)
    os._exit(0)

def at_event(count):
    "Stop at one of the things that are done to objects and files."
    def hook(event, arguments):
        nonlocal count
        count -= 1
        if not count:
            os.kill(os.getpid(), signal.SIGKILL)
    return lambda: sys.addaudithook(hook)

def at_byte(size, action):
    "Stop in the middle of writing, or (SIG_IGN) find the disk full there."
    def limit():
        signal.signal(signal.SIGXFSZ, action)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit

keep(0, lambda: None)
last, ends = 0, []
stops = [at_byte(size, action) for size in (1, 64, 99, 30_000)
         for action in (signal.SIG_DFL, signal.SIG_IGN)]
for number in itertools.count(1):
    ends.append(keep(number, stops.pop() if stops else at_event(number - 8)))
    when, changed = kept.find(path, run := run_of(""))
    assert when and not changed and run in (run_of(last), run_of(number))
    last = number if run == run_of(number) else last
    if not ends[-1] and number > 8:
        break
keep("two", os.fork)  # at once
assert kept.find(path, run := run_of(""))[0] and run == run_of("two")
print(*ends)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither fork nor these limits")
def test_a_process_that_is_killed_while_it_keeps_a_run_leaves_right_ones(tmp_path):
    """The run before or the new one is found, wherever the new one was stopped."""
    done = subprocess.run([sys.executable, "-c", STOPPED, tmp_path],
                          capture_output=True, text=True)  # fmt: skip
    ends = done.stdout.split()
    assert not done.stderr and ends[:8] == ["0", str(int(signal.SIGXFSZ))] * 4
    assert len(ends) > 12 and set(ends[8:-1]) == {str(int(signal.SIGKILL))}


def test_a_damaged_run_is_never_taken(project):
    [entry] = project.kept.glob("a-*.json")
    whole = entry.read_text("utf-8")
    for damaged in ("", whole[: len(whole) // 2], whole.replace("one two", "six two")):
        entry.write_text(damaged, "utf-8")
        notebook = nbformat.read(project.path, 4)
        assert project.runs().find(project.path, notebook) == ("", "")
        assert project.runs().seconds(project.path) == math.inf


def test_two_at_once_both_have_right_results(project):
    results = []
    threads = [threading.Thread(target=lambda: results.append(project.run(fresh=True)))
               for _ in range(2)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for how, notebook in results:
        assert how["a"].endswith(" s") and printed(notebook).startswith("one two")
    assert len(results) == 2 and project.changed() == ""


def test_old_runs_go_and_a_folder_that_cannot_be_written_stops_nothing(project):
    notebook = nbformat.read(project.path, 4)
    log = project.folder / "log"
    log.write_text("")
    for number in range(MAX_KEPT + 2):
        notebook.cells[1].source = str(number)
        assert project.runs().keep(project.path, notebook, log, 2e9) == ""
    kept = [json.loads(file.read_text("utf-8").partition("\n")[2])["notebook"]
            for file in project.kept.glob("a-*.json")]  # fmt: skip
    newest = [str(n) for n in itertools.islice(itertools.count(2), MAX_KEPT)]
    assert sorted(run["cells"][1]["source"] for run in kept) == newest
    shutil.rmtree(project.kept)
    project.kept.write_text("a file")
    assert project.runs().keep(project.path, notebook, log, 2e9) == ""
    assert project.runs().find(project.path, notebook) == ("", "")


def test_what_a_run_does_is_written_down_once(tmp_path, monkeypatch):
    """In this process, where no audit hook may remain."""
    hooks = []
    monkeypatch.setattr("sys.addaudithook", hooks.append)
    monkeypatch.setattr("os.stat", os.stat)
    Trace(str(tmp_path / "log"))
    [hook] = hooks
    for event, *args in [
        ("open", "a", "r", os.O_RDONLY), ("open", b"a", "r", 0), ("open", "b", "w", 1),
        ("open", 3, "r", 0), ("os.listdir", None), ("os.scandir", "."),
        ("import", "json.tool"), ("os.rename", "b", "c"), ("subprocess.Popen", "ls"),
        ("subprocess.Popen", "fc-list"), ("compile", "x"),
    ]:  # fmt: skip
        hook(event, tuple(args))
    for missing in (tmp_path / "gone", ""):
        with pytest.raises(FileNotFoundError):
            os.stat(missing)  # noqa: PTH116
    assert tmp_path.stat().st_mode
    # A folder that an import looks into is not one that the notebook lists.
    looks = compile("hook('os.listdir', ('/',))", "<frozen importlib>", "exec")
    exec(looks, {"hook": hook})
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    here = Path.cwd()
    assert lines == [
        ["read", f"{here}/a"], ["write", f"{here}/b"], ["read", str(here)],
        ["import", "json.tool"], ["outside", "subprocess.Popen"],
        ["read", str(tmp_path / "gone")],
    ]  # fmt: skip
