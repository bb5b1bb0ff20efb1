"""Several notebooks, the code they use and a cover: one document."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from traitlets.config import Config

from export.cover import Cover
from export.sources import PROJECT, all_sources
from nbtypst.exporter import REMOVED, TypstExporter
from nbtypst.literals import typst_code
from nbtypst.read import whole

APPENDIX = "Appendix: all Python code"
TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class WriteUp:
    """A document ready for Typst."""

    source: str
    files: dict[str, bytes]  # what it is made with, by path: pictures and attachments
    rasters: dict[str, bytes]  # PNGs of some of the pictures
    sections: int  # how many begin pages of their own
    warnings: list[str]  # what could not be shown, with notebook and cell


class WriteUpExporter(TypstExporter):
    """nbtypst's exporter with our template, which extends the package's."""

    @property
    def default_config(self) -> Config:
        """The package's, with our template in the first place."""
        config = super().default_config
        config.TypstExporter.template_name = "write_up"
        config.TypstExporter.extra_template_basedirs.append(str(TEMPLATES))
        config.TypstExporter.picture_folders = [str(PROJECT)]
        return config


def make_write_up(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode], cover: Cover, name: str
) -> WriteUp:
    """All of the write-up as Typst.

    paths, notebooks -- where each notebook is from, and its content
    name -- the PDF's, without its ending

    Raises ExportError if something cannot be typeset or a module cannot be read.
    """
    name, sources = whole(name), all_sources(paths, notebooks)
    listings = [listing for found in sources for listing in found.listings]
    attached = {found.name: found.content for found in sources}
    places = {file: f"{name}_files/code/{file}" for file in attached}
    with ThreadPoolExecutor(1) as colouring:  # half a second, next to the rest
        colouring.map(typst_code, [listing.source for listing in listings])
        source, resources = WriteUpExporter().converted(
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
    sections = len(resources["titles"]) + bool(listings)
    return WriteUp(source, files, resources["rasters"], sections, resources["warnings"])


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
            title = new_markdown_cell("# " + whole(path.stem.replace("_", " ")))
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
