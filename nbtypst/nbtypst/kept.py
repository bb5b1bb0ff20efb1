"""Runs that are kept: their outputs are taken again as long as nothing has changed.

A run is kept with all that it depended on: its code, the files that it read, the names
that it looked for and did not find, Python, packages, computer and settings. What no
key can hold, such as a network or a subprocess, keeps a run from being kept, and so
does a change of a file next to the notebook.
"""

import contextlib
import hashlib
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata, util
from math import inf
from pathlib import Path

from nbformat import NotebookNode, from_dict
from platformdirs import user_cache_dir

MAX_KEPT = 3  # runs of each notebook
KEEP, NEVER_KEEP = "keep_run", "never_keep_run"  # tags of a code cell
_SYSTEM = ("/proc", "/sys", "/dev")


class KeptRuns:
    """A folder of runs."""

    def __init__(
        self, folder: Path, import_from: Sequence[Path], settings: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.import_from = [path.resolve() for path in import_from]
        python = [sys.version, platform.platform(), _processor(), _packages()]
        self.common = _sum([python, sorted(settings.items()), _own_code()])

    def find(self, path: Path, notebook: NotebookNode) -> tuple[str, str]:
        """Give the notebook, in place, the outputs of a kept run, if one is right.

        Returns when that ran (empty if there is none), and else what has changed.
        """
        changed = ""
        for entry in self._entries(path):
            run = _read(entry)
            if run is None:
                continue
            if why := self._why_not(run, notebook):
                changed = changed or why
                continue
            _take_outputs(notebook, run["notebook"])
            return time.strftime("%H:%M", time.localtime(entry.stat().st_mtime)), ""
        return "", changed

    def seconds(self, path: Path) -> float:
        """How long a notebook took when it ran last; without end if it never ran."""
        runs = (run for entry in self._entries(path) if (run := _read(entry)))
        return next((run.get("seconds", inf) for run in runs), inf)

    def keep(
        self, path: Path, notebook: NotebookNode, log: Path, start: float
    ) -> str:
        """Keep a run that has ended well; return what kept it from that, if anything.

        log -- what `trace` wrote down of it; start -- when it began, by the clock
        """
        tags = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", ())}
        if NEVER_KEEP in tags:
            return f"a cell has the tag {NEVER_KEEP}"
        places = [path.parent.resolve(), *self.import_from]
        scratch = log.parent
        did: dict[str, set[str]] = defaultdict(set)
        for line in log.read_text("utf-8").splitlines():
            kind, what = json.loads(line)
            if kind == "write" and "__pycache__" in what:
                continue  # of a module that is imported for the first time
            if kind in ("import", "outside") or not _is_ignored(what, scratch):
                did[kind].add(_source_of(what))
        names = {name.partition(".")[0] for name in did["import"]}
        candidates = {c for name in names for c in _candidates(name, places)}
        looked_for = {Path(what) for what in did["read"] | did["missing"] | candidates}
        reads = [file for file in looked_for if file.is_file()]
        if did["outside"] and KEEP not in tags:
            return f"it uses {min(did['outside'])}"
        for file in map(Path, did["write"]):
            if any(file.is_relative_to(place) for place in places):
                return f"it changes {file.name}"
        for file in reads:
            if file.stat().st_mtime >= start:
                return f"{file.name} was changed while it ran"
        self._write(path, {
            "common": self.common,
            "seconds": time.time() - start,
            "code": _code(notebook),
            "reads": {str(file): _sum_of_file(file) for file in reads},
            "missing": sorted(str(file) for file in looked_for if not file.exists()),
            "lists": {folder: _listing(folder) for folder in did["list"]},
            "notebook": notebook,
        })  # fmt: skip
        return ""

    def _entries(self, path: Path) -> list[Path]:
        """The files of a notebook's runs, the newest first."""
        name = f"{path.stem}-{_sum(str(path.resolve()))[:8]}"
        found = self.folder.glob(f"{name}-*.json")
        return sorted(found, key=lambda entry: -entry.stat().st_mtime)

    def _write(self, path: Path, run: dict) -> None:
        content = json.dumps(run)
        name = f"{path.stem}-{_sum(str(path.resolve()))[:8]}-{_sum(content)[:16]}.json"
        temporary = self.folder / f".{name}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(f"{_sum(content)}\n{content}", "utf-8")
            temporary.replace(self.folder / name)
            for entry in self._entries(path)[MAX_KEPT:]:
                entry.unlink(missing_ok=True)
        except OSError:  # a full disk: the next run is a fresh one
            with contextlib.suppress(OSError):
                temporary.unlink()

    def _why_not(self, run: dict, notebook: NotebookNode) -> str:
        """What has changed since a run; empty if nothing has."""
        if run["common"] != self.common:
            return "Python, a package or a setting changed"
        if run["code"] != _code(notebook):
            return "its code changed"
        for file, sum_then in run["reads"].items():
            if not Path(file).is_file() or _sum_of_file(Path(file)) != sum_then:
                return f"{Path(file).name} changed"
        for file in run["missing"]:
            if Path(file).exists():
                return f"{Path(file).name} is new"
        for folder, listing in run["lists"].items():
            if _listing(folder) != listing:
                return f"the files in {Path(folder).name} changed"
        return ""


def _take_outputs(notebook: NotebookNode, run: dict) -> None:
    """Give each code cell its outputs; the words around them stay today's."""
    kept = from_dict(run)
    notebook.metadata = kept.metadata
    cells = [cell for cell in kept.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            before = cells.pop(0)
            cell.outputs, cell.execution_count = before.outputs, before.execution_count


def _read(entry: Path) -> dict | None:
    """A run; None if its file is damaged, or gone by now."""
    try:
        total, _, content = entry.read_text("utf-8").partition("\n")
        return json.loads(content) if total == _sum(content) else None
    except (OSError, ValueError):
        return None


def _code(notebook: NotebookNode) -> str:
    return _sum([[cell.source, cell.metadata.get("tags", [])]
                 for cell in notebook.cells if cell.cell_type == "code"])  # fmt: skip


def _candidates(name: str, places: Iterable[Path]) -> list[str]:
    """The files by which a module could be found in one of one's own folders."""
    return [str(place / part) for place in places
            for part in (f"{name}.py", f"{name}/__init__.py")]  # fmt: skip


def _source_of(file: str) -> str:
    """A file; the module that it is compiled from, if it is such a one."""
    if "__pycache__" in file and ".pyc" in file:  # or .pyc.140..., while it is made
        return util.source_from_cache(file.partition(".pyc")[0] + ".pyc")
    return file


def _is_ignored(file: str, scratch: Path) -> bool:
    """Whether a file is the system's, the kernel's own, a package's or in a cache."""
    ignored = *_SYSTEM, sys.prefix, sys.base_prefix, user_cache_dir(), scratch
    return any(Path(file).is_relative_to(place) for place in ignored)


def _listing(folder: str) -> str:
    try:
        return _sum(sorted(os.listdir(folder)))  # noqa: PTH208
    except OSError:
        return ""


def _sum_of_file(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _sum(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _packages() -> list[str]:
    return sorted(f"{d.name} {d.version}" for d in metadata.distributions())


def _processor() -> str:
    """The kind of processor, whose arithmetic can differ in the last digit."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _own_code() -> list[str]:
    """What runs notebooks here, and keeps them."""
    folder = Path(__file__).parent
    return [_sum_of_file(folder / f"{name}.py") for name in ("run", "kept", "trace")]
