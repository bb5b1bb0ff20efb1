"""The code of a write-up: the cells of its notebooks and the modules they import."""

import contextlib
import itertools
import sys
import sysconfig
import tokenize
import warnings
from collections.abc import Sequence
from copy import deepcopy
from modulefinder import ModuleFinder
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

    found: dict[str, list[Source]] = {"project": [], "cells": [], "next to them": []}
    for path, folder in modules.items():
        try:
            with tokenize.open(path) as file:
                listings = [("", file.read().rstrip())]
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise ExportError(f"{path}: {error}") from None
        source = Source(name_of(path, folder), listings, path.read_bytes())
        found["next to them" if folder in of_notebooks else "project"].append(source)
    for path, notebook in zip(paths, notebooks):
        if listings := _code_cells(notebook):
            bare, _ = ClearOutputPreprocessor().preprocess(deepcopy(notebook), {})
            folder = path.parent.resolve()
            name = name_of(folder / path.name, folder)
            found["cells"].append(Source(name, listings, notebook_bytes(bare)))
    return [*itertools.chain(*found.values())]


def _code_cells(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return label (place and execution count) and code of each code cell."""
    return [
        (f"Cell {k} [{cell.execution_count}]" if cell.execution_count else f"Cell {k}",
         cell.source.rstrip())
        for k, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and cell.source.strip()
    ]


class _Finder(ModuleFinder):
    def find_module(self, name, path, parent=None):
        """As its base, which fails on a folder without __init__.py (up to 3.13)."""
        try:
            return super().find_module(name, path, parent)
        except AttributeError:
            raise ImportError(name) from None


def _local_modules(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode]
) -> dict[Path, Path]:
    """Return the project's own modules that the notebooks import, directly or not.

    Each file is mapped to the folder that it is imported from; a module comes before
    those that it needs, and a package with all of its modules.
    """
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in kinds}
    on_path = [Path(entry).resolve() for entry in sys.path if entry]
    elsewhere = [p for p in on_path if not any(p.is_relative_to(i) for i in installed)]
    found: dict[Path, Path] = {}
    for path, notebook in zip(paths, notebooks):
        # Searched in the kernels' order, but without installed packages.
        places = (path.parent.resolve(), PROJECT, *elsewhere)
        finder = _Finder([str(place) for place in places])
        cells = finder.add_module("__main__")
        with warnings.catch_warnings(action="ignore"):
            for _, source in _code_cells(notebook):
                with contextlib.suppress(*NOT_PYTHON):
                    code = TransformerManager().transform_cell(source)  # without magics
                    finder.scan_code(compile(code, "cell", "exec"), cells)
        for name, module in finder.modules.items():
            if origin := getattr(module, "__file__", None):
                file = Path(origin)
                is_package = file.name == "__init__.py"
                folder = file.parents[name.count(".") + is_package]
                for part in sorted(file.parent.rglob("*.py")) if is_package else [file]:
                    found.setdefault(part, folder)
        for name in finder.badmodules:  # broken code is printed, too
            files = (place / f"{name}.py" for place in places)
            if broken := next((file for file in files if file.is_file()), None):
                found.setdefault(broken, broken.parent)
            for place in places:
                for file in sorted((place / name.partition(".")[0]).rglob("*.py")):
                    found.setdefault(file, place)
    return found
