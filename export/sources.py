"""The code of a write-up: the cells of its notebooks and the modules they import."""

import ast
import contextlib
import sys
import sysconfig
import tokenize
import warnings
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat import NotebookNode

from nbtypst.errors import ExportError
from nbtypst.read import notebook_bytes, whole

PROJECT = Path(__file__).resolve().parents[1]  # to which this write-up belongs
NOT_PYTHON = SyntaxError, ValueError, RecursionError, MemoryError


class Source(NamedTuple):
    """A file of the appendix: its name there, what is printed and what is attached."""

    name: str
    listings: list[tuple[str, str]]  # stretches of code, each after its label, if any
    content: bytes


def all_sources(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode]
) -> list[Source]:
    """Return the modules of the project, the notebooks, and the modules next to those.

    If they are in several folders, modules next to notebooks are named with their
    folder. Raises ExportError if a module cannot be read.
    """
    modules = _local_modules(paths, notebooks)
    of_notebooks = {path.parent.resolve() for path in paths}
    one_folder = len({*modules.values(), *of_notebooks}) == 1

    def name_of(path: Path, folder: Path) -> str:
        start = folder.parent if folder in of_notebooks and not one_folder else folder
        return whole(path.relative_to(start).as_posix())

    project, cells, next_to_notebooks = [], [], []
    for path, folder in modules.items():
        try:
            with tokenize.open(path) as file:
                listings = [("", file.read().rstrip())]
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise ExportError(f"{path}: {error}") from None
        part = next_to_notebooks if folder in of_notebooks else project
        part.append(Source(name_of(path, folder), listings, path.read_bytes()))
    for path, notebook in zip(paths, notebooks):
        if listings := _code_cells(notebook):
            bare, _ = ClearOutputPreprocessor().preprocess(deepcopy(notebook), {})
            folder = path.parent.resolve()
            name = name_of(folder / path.name, folder)
            cells.append(Source(name, listings, notebook_bytes(bare)))
    return project + cells + next_to_notebooks


def _code_cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return label (place and execution count) and code of each code cell."""
    return [
        (f"Cell {k} [{cell.execution_count}]" if cell.execution_count else f"Cell {k}",
         cell.source.rstrip())
        for k, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and cell.source.strip()
    ]


def _local_modules(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode]
) -> dict[Path, Path]:
    """Return the project's own modules that the notebooks import, directly or not.

    Each file is mapped to the folder that it is imported from; a module comes before
    those that it needs, and a package with all of its modules.
    """
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    on_path = [Path(entry).resolve() for entry in sys.path if entry]
    elsewhere = [path for path in on_path if not installed & {path, *path.parents}]
    found: dict[Path, Path] = {}

    def follow(code: str | bytes, places: Sequence[Path]) -> None:
        for name in _imported(code):
            for place in places:
                package, module = place / name, place / f"{name}.py"
                regular = (package / "__init__.py").is_file() or not module.is_file()
                files = sorted(package.rglob("*.py")) if regular else [module]
                new = [file for file in files if file not in found]
                found.update(dict.fromkeys(new, place))
                for file in new:
                    follow(file.read_bytes(), places)
                if files:
                    break

    for path, notebook in zip(paths, notebooks):
        for _, code in _code_cells(notebook):
            # Searched in the kernels' order, but without installed packages.
            follow(code, (path.parent.resolve(), PROJECT, *elsewhere))
    return found


def _imported(code: str | bytes) -> list[str]:
    """Return what the code of a cell or module imports: names up to the first dot."""
    names: list[str] = []
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(*NOT_PYTHON):
        if isinstance(code, str):
            code = TransformerManager().transform_cell(code)  # without magics
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.append(str(node.module))
    return [name.partition(".")[0] for name in names]
