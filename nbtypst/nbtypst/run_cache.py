"""Kept runs: their outputs are used again as long as nothing has changed.

A run is kept with all that it depended on: its code, the files that it read, the names
that it looked for and did not find, Python, packages, computer and settings. What no
key can hold, such as a network or a subprocess, keeps a run from being kept, and so
does a change of a file next to the notebook.
"""

import contextlib
import hashlib
import json
import platform
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata, util
from math import inf
from pathlib import Path

from nbformat import NotebookNode, from_dict
from platformdirs import user_cache_dir

MAX_KEPT = 3  # runs of each notebook
KEEP, NEVER_KEEP = "keep_run", "never_keep_run"  # tags of a code cell
_SYSTEM = "/proc", "/sys", "/dev", sys.prefix, sys.base_prefix, user_cache_dir()


class KeptRuns:
    """A folder of runs."""

    def __init__(
        self, folder: Path, import_from: Sequence[Path], settings: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.import_from = [path.resolve() for path in import_from]
        packages = sorted(f"{d.name} {d.version}" for d in metadata.distributions())
        python = [sys.version, platform.platform(), _processor(), packages]
        ours = [_state(Path(__file__).with_name(f"{name}.py"))
                for name in ("run", "run_cache", "run_trace", "widgets")]  # fmt: skip
        self.common = _sum([python, sorted(settings.items()), ours])

    def find(self, path: Path, notebook: NotebookNode) -> tuple[str, str]:
        """Give the notebook, in place, the outputs of a kept run, if one is right.

        Returns when that run began (empty if none is right), and what has changed.
        """
        changed = ""
        for run in self._runs(path):
            if not (why_not := self._why_not(run, notebook)):
                kept = from_dict(run["notebook"])
                notebook.metadata = kept.metadata
                for cell, before in zip(_code_cells(notebook), _code_cells(kept)):
                    cell |= {"outputs": before.outputs,
                             "execution_count": before.execution_count}
                return time.strftime("%H:%M", time.localtime(run["start"])), ""
            changed = changed or why_not
        return "", changed

    def seconds(self, path: Path) -> float:
        """Return the seconds that a notebook's last run took; inf if it never ran."""
        return next((run["seconds"] for run in self._runs(path)), inf)

    def keep(
        self, path: Path, notebook: NotebookNode, log: Path, start: float
    ) -> str:
        """Keep a run that has ended well; return why it cannot be kept, if so.

        log -- the file that run_trace wrote of it; start -- when it began, by the clock
        """
        tags = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", ())}
        if NEVER_KEEP in tags:
            return f"a cell has the tag {NEVER_KEEP}"
        places = [path.parent.resolve(), *self.import_from]
        did = _did(log, places)
        if did["outside"] and KEEP not in tags:
            return f"it uses {min(did['outside'])}"
        for file in map(Path, did["write"]):
            if any(file.is_relative_to(place) for place in places):
                return f"it changes {file.name}"
        for file in map(Path, did["read"]):
            if file.is_file() and file.stat().st_mtime >= start:
                return f"{file.name} was changed while it ran"
        states = {name: _state(Path(name)) for name in did["read"]}
        content = json.dumps({
            "common": self.common, "code": _code(notebook), "states": states,
            "start": start, "seconds": time.time() - start, "notebook": notebook,
        })  # fmt: skip
        file = self.folder / f"{self._name(path)}{time.time_ns()}.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{_sum(content)}\n{content}", "utf-8")
            for old in self._files(path)[MAX_KEPT:]:
                old.unlink(missing_ok=True)
        except OSError:  # a full disk: the next run is a fresh one
            with contextlib.suppress(OSError):
                file.unlink()
        return ""

    def _name(self, path: Path) -> str:
        """Return the prefix of the names of the files with a notebook's runs."""
        return f"{path.stem}-{_sum(str(path.resolve()))[:8]}-"

    def _files(self, path: Path) -> list[Path]:
        """Return the files with a notebook's runs, the newest first."""
        return sorted(self.folder.glob(f"{self._name(path)}*.json"), reverse=True)

    def _runs(self, path: Path) -> Iterator[dict]:
        """Yield a notebook's runs, the newest first, without those in damaged files."""
        for file in self._files(path):
            with contextlib.suppress(OSError, ValueError):  # another process deletes it
                total, _, content = file.read_text("utf-8").partition("\n")
                if total == _sum(content):
                    yield json.loads(content)

    def _why_not(self, run: dict, notebook: NotebookNode) -> str:
        """Return what has changed since a run; empty if nothing has."""
        if run["common"] != self.common:
            return "Python, a package or a setting changed"
        if run["code"] != _code(notebook):
            return "its code changed"
        for file, then in run["states"].items():
            if _state(Path(file)) != then:
                what = "the files in " * Path(file).is_dir() + Path(file).name
                return f"{what} changed" if then else f"{what} is new"
        return ""


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _code(notebook: NotebookNode) -> str:
    return _sum([(c.source, c.metadata.get("tags", [])) for c in _code_cells(notebook)])


def _did(log: Path, places: Sequence[Path]) -> dict[str, set[str]]:
    """Return what a run did, by kind, without files of the system and of packages."""
    did: dict[str, set[str]] = defaultdict(set)
    ignored = (*_SYSTEM, log.parent)
    for kind, what in map(json.loads, log.read_text("utf-8").splitlines()):
        if kind == "import":  # only what is, or could become, the user's own module
            name = what.partition(".")[0]
            did["read"] |= {str(place / file) for place in places
                            for file in (f"{name}.py", f"{name}/__init__.py")}
        elif kind == "outside":
            did[kind].add(what)
        elif not any(Path(what).is_relative_to(place) for place in ignored):
            if "__pycache__" in what and ".pyc" in what:
                compiled = what.partition(".pyc")[0] + ".pyc"  # at first .pyc.140
                did["read"].add(util.source_from_cache(compiled))
            elif Path(what).name != "__pycache__":
                did[kind].add(what)
    return did


def _state(path: Path) -> str:
    """Return a checksum of a file, or of a folder's file names; empty if neither."""
    with contextlib.suppress(OSError):  # one that may not be read
        if path.is_dir():
            return _sum(sorted(file.name for file in path.iterdir()))
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


def _sum(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _processor() -> str:
    """Return the kind of processor, whose arithmetic can differ in the last digit."""
    known = Path("/proc/cpuinfo")
    text = known.read_text("utf-8") if known.exists() else ""
    model = re.search("^model name.*", text, re.MULTILINE)
    return model[0] if model else platform.processor()
