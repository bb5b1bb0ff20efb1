"""The code of a write-up: the cells of its notebooks and the modules they import."""

import ast
import importlib.util
import sysconfig
import tokenize
import warnings
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat import NotebookNode

from export.errors import ExportError
from export.read import notebook_bytes

PROJECT = Path(__file__).resolve().parents[1]  # which this exporter belongs to


@dataclass(frozen=True)
class Listing:
    """A stretch of code in the appendix, under a heading and a label of its own."""

    title: str  # empty: it goes on under the title before
    label: str
    source: str


@dataclass(frozen=True)
class Source:
    """A file of the appendix: its name there, what is printed and what is attached."""

    name: str
    listings: list[Listing]
    content: bytes


def all_sources(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode]
) -> list[Source]:
    """The modules of the project, the notebooks, and the modules beside those.

    If not all are in one folder, those beside notebooks are named with theirs.

    Raises ExportError if a module cannot be read.
    """
    modules = local_modules(paths, notebooks)
    beside = {path.parent.resolve() for path in paths}
    folders = {*modules.values(), *beside}

    def name_of(path: Path, folder: Path) -> str:
        if len(folders) > 1 and folder in beside:
            folder = folder.parent
        return path.relative_to(folder).as_posix()

    ours: list[Source] = []
    helpers: list[Source] = []
    cells: list[Source] = []
    for path, folder in modules.items():
        name = name_of(path, folder)
        listing = Listing(name, "", _read(path).rstrip())
        found = Source(name, [listing], path.read_bytes())
        (helpers if folder in beside else ours).append(found)
    for path, notebook in zip(paths, notebooks):
        folder = path.parent.resolve()
        name = name_of(folder / path.name, folder)
        listings = _code_cells(name, notebook)
        if listings:
            cells.append(Source(name, listings, _without_outputs(notebook)))
    return ours + cells + helpers


def _without_outputs(notebook: NotebookNode) -> bytes:
    """A notebook's file as it was before it ran."""
    bare, _ = ClearOutputPreprocessor().preprocess(deepcopy(notebook), {})
    return notebook_bytes(bare)


def _code_cells(name: str, notebook: NotebookNode) -> list[Listing]:
    """Every code cell of a notebook that holds anything, under the notebook's name."""
    listings: list[Listing] = []
    for index, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and cell.source.strip():
            ran = f" [{cell.execution_count}]" if cell.execution_count else ""
            title = "" if listings else name
            listings.append(Listing(title, f"Cell {index}{ran}", cell.source.rstrip()))
    return listings


def local_modules(
    paths: Sequence[Path], notebooks: Iterable[NotebookNode]
) -> dict[Path, Path]:
    """The modules of one's own that the notebooks import, directly or not.

    For each file there is the folder that it is imported from; a module comes before
    those that it needs, and a package with all of its modules.
    """
    found: dict[Path, Path] = {}
    waiting = [
        (path.parent.resolve(), _python(cell.source))
        for path, notebook in zip(paths, notebooks)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    while waiting:
        folder, source = waiting.pop(0)
        for name in _imported(source):
            root, files = _locate(name, folder)
            for path in files:
                if path not in found:
                    found[path] = root
                    waiting.append((root, _read(path)))
    return found


def _read(path: Path) -> str:
    """The source of a module."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ExportError(f"{path}: {error}") from None


def _python(source: str) -> str:
    """The code of a cell without IPython's own commands; empty if it is no code."""
    with warnings.catch_warnings(action="ignore"):
        try:
            return TransformerManager().transform_cell(source)
        except SyntaxError:
            return ""


def _imported(source: str) -> Iterable[str]:
    """The top-level names of the modules that some code imports."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # is no code
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def _locate(name: str, folder: Path) -> tuple[Path, list[Path]]:
    """The folder and the files of a module or package, unless it is installed.

    It is looked for as the kernels do: beside the notebook, in the project, elsewhere.
    """
    places = [
        path
        for place in (folder, PROJECT)
        for path in (place / name / "__init__.py", place / f"{name}.py")
        if path.is_file()
    ]
    path = places[0] if places else _elsewhere(name)
    if path is None:
        return folder, []
    if path.name == "__init__.py":
        return path.parent.parent, sorted(path.parent.rglob("*.py"))
    return path.parent, [path]


def _elsewhere(name: str) -> Path | None:
    """The file of a module on Python's path that nobody installed, or None."""
    spec = None if name == "__main__" else importlib.util.find_spec(name)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin).resolve()
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in kinds}
    return None if any(path.is_relative_to(place) for place in installed) else path
