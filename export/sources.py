"""The code of a write-up: the cells of its notebooks and the modules they import."""

import re
import sys
import sysconfig
import tokenize
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

from nbconvert.preprocessors import ClearOutputPreprocessor
from nbformat import NotebookNode

from nbtypst.errors import ExportError
from nbtypst.read import notebook_bytes, whole

PROJECT = Path(__file__).resolve().parents[1]  # to which this write-up belongs
IMPORT = re.compile(  # found in broken code and next to magics, too
    r"(?:^|[:;])[ \t]*(?:from[ \t]+(\w+)[\w.]*[ \t]+import\b|import[ \t]+([^#;\n]+))",
    re.MULTILINE)


class Source(NamedTuple):
    """A file of the appendix: its name there, what is printed and what is attached."""

    name: str
    listings: list[tuple[str, str]]  # stretches of code, each after its label, if any
    content: bytes


def all_sources(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode]
) -> list[Source]:
    """Return the project's modules, the notebooks, and the modules next to those.

    Of the last, packages come after single modules. If all are in several folders,
    modules next to notebooks are named with their folder. Raises ExportError if a
    module cannot be read.
    """
    cells = [_code_cells(notebook) for notebook in notebooks]
    modules = _local_modules(paths, cells)
    of_notebooks = {path.parent.resolve() for path in paths}
    one_folder = len({*of_notebooks, *(folder for folder, _ in modules.values())}) == 1

    def source(path: Path, folder: Path, listings: list, content: bytes) -> Source:
        start = folder.parent if folder in of_notebooks and not one_folder else folder
        return Source(whole(path.relative_to(start).as_posix()), listings, content)

    before: list[Source] = []
    single: list[Source] = []
    packages: list[Source] = []
    for path, (folder, code) in modules.items():
        after = single if path.parent == folder else packages
        part = after if folder in of_notebooks else before
        part.append(source(path, folder, [("", code)], path.read_bytes()))
    for path, notebook, listings in zip(paths, notebooks, cells):
        bare, _ = ClearOutputPreprocessor().preprocess(deepcopy(notebook), {})
        folder = path.parent.resolve()
        if listings:
            before.append(
                source(folder / path.name, folder, listings, notebook_bytes(bare)))
    return before + single + packages


def _code_cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return label (place and execution count) and code of each code cell."""
    return [
        (f"Cell {k} [{cell.execution_count}]" if cell.execution_count else f"Cell {k}",
         cell.source.rstrip())
        for k, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and cell.source.strip()
    ]


def _local_modules(
    paths: Sequence[Path], cells: Sequence[list[tuple[str, str]]]
) -> dict[Path, tuple[Path, str]]:
    """Return the project's own modules that notebooks import, directly or not.

    Each file is mapped to the folder that it is imported from, and its code; a module
    comes before those that it needs, and a package with all of its modules.
    """
    installed = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    on_path = [Path(entry).resolve() for entry in sys.path if entry]
    elsewhere = [path for path in on_path if not installed & {path, *path.parents}]
    found: dict[Path, tuple[Path, str]] = {}

    def follow(code: str, places: Sequence[Path]) -> None:
        names = (name for some in IMPORT.findall(code)
                 for name in re.findall(r"(?:^|,)\s*(\w+)", "".join(some)))
        for name in names:
            for place in places:
                package, module = place / name, place / f"{name}.py"
                regular = (package / "__init__.py").is_file() or not module.is_file()
                files = sorted(package.rglob("*.py")) if regular else [module]
                new = {it: (place, _code(it)) for it in files if it not in found}
                found.update(new)
                for _, imported in new.values():
                    follow(imported, places)
                if files:
                    break

    for path, listings in zip(paths, cells):
        for _, code in listings:
            # Searched in the kernels' order, but without installed packages.
            follow(code, (path.parent.resolve(), PROJECT, *elsewhere))
    return found


def _code(module: Path) -> str:
    try:
        with tokenize.open(module) as file:
            return file.read().rstrip()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ExportError(f"{module}: {error}") from None
