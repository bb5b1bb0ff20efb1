"""Several notebooks, the code they use and a cover: one document."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from export.check import Expected
from export.cover import Cover
from export.exporter import REMOVED, TypstExporter
from export.literals import typst_code
from export.sources import all_sources

APPENDIX = "Appendix: all Python code"


@dataclass(frozen=True)
class WriteUp:
    """A document ready for Typst, and what must be found in its PDF."""

    source: str
    files: dict[str, bytes]  # what it is made with, by path: pictures and attachments
    expected: Expected
    warnings: list[str]  # what could not be shown, with notebook and cell


def make_write_up(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode], cover: Cover, name: str
) -> WriteUp:
    """All of the write-up as Typst.

    paths, notebooks -- where each notebook is from, and its content
    name -- the PDF's, without its ending

    Raises ExportError if something cannot be typeset or a module cannot be read.
    """
    sources = all_sources(paths, notebooks)
    listings = [listing for found in sources for listing in found.listings]
    attached = {found.name: found.content for found in sources}
    places = {file: f"{name}_files/code/{file}" for file in attached}
    with ThreadPoolExecutor(1) as colouring:  # while Pandoc runs: half a second
        colouring.map(typst_code, [listing.source for listing in listings])
        source, resources = TypstExporter().converted(
            _merged(paths, notebooks),
            {
                "cover": cover,
                "appendix": APPENDIX,
                "listings": listings,
                "attached": places,
                "unique_key": name,
                "output_files_dir": f"{name}_files",
            },
        )
    files = resources["outputs"] | {places[file]: attached[file] for file in attached}
    expected = Expected(
        {"the statement": cover.statement}
        | {f"the name {name!r}": name for name in (cover.name, *cover.worked_with)}
        | {f"the source {source!r}": source for source in cover.sources},
        resources["titles"] + [[APPENDIX]] * bool(listings),
        [APPENDIX + listing.title for listing in listings],
        [(f"{code.title} {code.label}".strip(), code.source) for code in listings],
        attached,
    )
    return WriteUp(source, files, expected, resources["warnings"])


def _merged(paths: Sequence[Path], notebooks: Sequence[NotebookNode]) -> NotebookNode:
    """All cells in one notebook; each knows where it comes from.

    A notebook that does not begin with a heading of its own gets its name as one.
    """
    cells = []
    for path, notebook in zip(paths, notebooks):
        shown = (cell for cell in notebook.cells
                 if not REMOVED & {*cell.metadata.get("tags", ())})  # fmt: skip
        first = next(shown, new_markdown_cell())
        if first.cell_type != "markdown" or not _title(first.source):
            title = new_markdown_cell("# " + path.stem.replace("_", " "))
            cells.append(title)
            title.metadata.where = str(path)
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
    return NotebookNode(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)


def _title(source: str) -> str:
    """The words of the heading of level 1 with which some Markdown begins, if any."""
    heading = r"\s*(?:#[ \t]+(.+)|<h1\b[^>]*>((?s:.*?))</h1>|(.+)\n=+[ \t]*(?:\n|$))"
    found = re.match(heading, source)
    words = "".join(found.groups("")) if found else ""
    return re.sub(r"!\[.*?\]\(.*?\)|<.*?>|[#\s]", "", words)
