"""The code of a write-up: the cells of its notebooks and the modules they import."""

import sys
import sysconfig
import tokenize
import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat import NotebookNode

from nbtypst.errors import ExportError
from nbtypst.read import notebook_bytes, whole

PROJECT = Path(__file__).resolve().parents[1]  # to which this write-up belongs


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
    """The modules of the project, the notebooks, and the modules next to those.

    If not all are in one folder, those next to notebooks are named with theirs.

    Raises ExportError if a module cannot be read.
    """
    modules = local_modules(paths, notebooks)
    of_notebooks = {path.parent.resolve() for path in paths}
    folders = {*modules.values(), *of_notebooks}

    def name_of(path: Path, folder: Path) -> str:
        if len(folders) > 1 and folder in of_notebooks:
            folder = folder.parent
        return whole(path.relative_to(folder).as_posix())

    ours: list[Source] = []
    helpers: list[Source] = []
    cells: list[Source] = []
    for path, folder in modules.items():
        name = name_of(path, folder)
        listing = Listing(name, "", _read(path).rstrip())
        found = Source(name, [listing], path.read_bytes())
        (helpers if folder in of_notebooks else ours).append(found)
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
    paths: Sequence[Path], notebooks: Sequence[NotebookNode]
) -> dict[Path, Path]:
    """The modules of one's own that the notebooks import, directly or not.

    For each file there is the folder that it is imported from; a module comes before
    those that it needs, and a package with all of its modules.
    """
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in kinds}
    on_path = [Path(entry).resolve() for entry in sys.path if entry]
    elsewhere = [p for p in on_path if not any(p.is_relative_to(i) for i in installed)]
    found: dict[Path, Path] = {}
    for path, notebook in zip(paths, notebooks):
        # They are looked for as the kernels do, but not among what is installed.
        places = (path.parent.resolve(), PROJECT, *elsewhere)
        finder = ModuleFinder([str(place) for place in places])
        cells = finder.add_module("__main__")
        with warnings.catch_warnings(action="ignore"):
            for cell in notebook.cells:
                if cell.cell_type == "code" and (code := _compiled(cell.source)):
                    finder.scan_code(code, cells)
        for name, module in finder.modules.items():
            if origin := getattr(module, "__file__", None):
                file = Path(origin)
                is_package = file.name == "__init__.py"
                folder = file.parents[name.count(".") + is_package]
                for part in sorted(file.parent.rglob("*.py")) if is_package else [file]:
                    found.setdefault(part, folder)
        for name in finder.badmodules:  # code that is broken is printed, too
            files = (place / f"{name}.py" for place in places)
            if broken := next((file for file in files if file.is_file()), None):
                found.setdefault(broken, broken.parent)
    return found


def _compiled(source: str):
    """The code of a cell without IPython's own commands; None if it is not Python."""
    try:
        return compile(TransformerManager().transform_cell(source), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _read(path: Path) -> str:
    """The source of a module."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ExportError(f"{path}: {error}") from None
