"""Several notebooks, the code they use and a cover: one document."""

import ast
import importlib.util
import sysconfig
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from export import ExportError
from export.cover import STATEMENT, Cover
from export.exporter import TypstExporter

APPENDIX = "Appendix: all code"


@dataclass(frozen=True)
class Listing:
    """A stretch of code in the appendix, under a heading and a label of its own."""

    title: str  # empty: it goes on under the title before
    label: str
    source: str


@dataclass(frozen=True)
class WriteUp:
    """A document ready for Typst, and what must be found in it."""

    source: str
    files: dict[str, bytes]  # its pictures, by path
    titles: list[str]
    listings: list[Listing]
    cover: Cover


def typeset(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode], cover: Cover, name: str
) -> WriteUp:
    """All of the write-up as Typst; `name` is the file's, without its ending."""
    listings = [
        Listing(name, "", _read(path).rstrip())
        for name, path in local_modules(paths, notebooks).items()
    ]
    for path, notebook in zip(paths, notebooks):
        listings += code_cells(path, notebook)
    source, resources = TypstExporter().from_notebook_node(
        merge(paths, notebooks),
        resources={
            "cover": cover,
            "statement": STATEMENT,
            "appendix": APPENDIX,
            "listings": listings,
            "unique_key": name,
            "output_files_dir": f"{name}_files",
        },
    )
    files = resources["outputs"]
    return WriteUp(source, files, resources["titles"], listings, cover)


def merge(paths: Sequence[Path], notebooks: Sequence[NotebookNode]) -> NotebookNode:
    """All cells in one notebook; each knows where it comes from.

    A notebook that does not begin with a heading of its own gets its name as one.
    """
    cells = []
    for path, notebook in zip(paths, notebooks):
        if not (notebook.cells and notebook.cells[0].source.lstrip().startswith("# ")):
            cells.append(new_markdown_cell("# " + path.stem.replace("_", " ")))
        for index, cell in enumerate(notebook.cells, 1):
            cell = NotebookNode(cell)
            cell.metadata = NotebookNode(
                cell.metadata,
                where=f"{path}, cell {index}",
                folder=str(path.parent),
            )
            cells.append(cell)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells)


def code_cells(path: Path, notebook: NotebookNode) -> list[Listing]:
    """Every code cell of a notebook that holds anything."""
    listings: list[Listing] = []
    for index, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and cell.source.strip():
            ran = f" [{cell.execution_count}]" if cell.execution_count else ""
            title = "" if listings else path.name
            listings.append(Listing(title, f"Cell {index}{ran}", cell.source.rstrip()))
    return listings


def local_modules(
    paths: Sequence[Path], notebooks: Iterable[NotebookNode]
) -> dict[str, Path]:
    """The modules of one's own that the notebooks import, directly or not, by name.

    Those of the project come first, then those beside the notebooks. A package comes
    with all of its modules, named as viewers/pager.py is.
    """
    found: dict[Path, Path] = {}  # the file of a module, and the folder of its import
    waiting = [
        (path.parent.resolve(), TransformerManager().transform_cell(cell.source))
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
    beside = {path.parent.resolve() for path in paths}
    order = sorted(found, key=lambda path: (found[path] in beside, str(path)))
    return {path.relative_to(found[path]).as_posix(): path for path in order}


def _read(path: Path) -> str:
    """The source of a module."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ExportError(f"{path}: {error}") from None


def _imported(source: str) -> Iterable[str]:
    """The top-level names of the modules that some code imports."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def _locate(name: str, folder: Path) -> tuple[Path, list[Path]]:
    """The folder and the files of a module or package, unless it is installed."""
    package, module = folder / name / "__init__.py", folder / f"{name}.py"
    if package.is_file():
        path = package
    elif module.is_file():
        path = module
    else:
        spec = None if name == "__main__" else importlib.util.find_spec(name)
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            return folder, []
        path = Path(spec.origin).resolve()
        installed = {Path(sysconfig.get_path(kind)).resolve() for kind in
                     ("stdlib", "platstdlib", "purelib", "platlib")}
        if any(path.is_relative_to(place) for place in installed):
            return folder, []
    if path.name == "__init__.py":
        return path.parent.parent, sorted(path.parent.rglob("*.py"))
    return path.parent, [path]
