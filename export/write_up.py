"""Several notebooks, the code they use and a cover: one document."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from export.cover import Cover
from export.sources import PROJECT, all_sources
from nbtypst.exporter import REMOVED, TEMPLATES, TypstExporter
from nbtypst.read import whole

APPENDIX = "Appendix: Python code"
# Of each exporter: its templates are nbtypst's, extended by those of this folder.
SETTINGS = {
    "picture_folders": [str(PROJECT)],
    "extra_template_basedirs": [str(Path(__file__).with_name("templates")),
                                str(TEMPLATES)],
}


def make_write_up(
    paths: Sequence[Path], notebooks: Sequence[NotebookNode], cover: Cover, name: str
) -> tuple[str, dict[str, Any]]:
    """Return the Typst of notebooks from paths, for a PDF of a name, and resources.

    In these, "outputs" has the attached files, too, and "sections" is how many parts
    begin a page. Raises ExportError if something cannot be typeset, or a module read.
    """
    name, sources = whole(name), all_sources(paths, notebooks)
    places = {it.name: f"{name}_files/code/{it.name}" for it in sources}
    exporter = TypstExporter(template_name="write_up", **SETTINGS)
    source, resources = exporter.converted(
        _merged(paths, notebooks),
        {"cover": cover, "appendix": APPENDIX, "sources": sources, "attached": places,
         "unique_key": name, "output_files_dir": f"{name}_files"},
    )
    resources["outputs"] |= {places[it.name]: it.content for it in sources}
    resources["sections"] = len(resources["titles"]) + bool(sources)
    return source, resources


def _merged(paths: Sequence[Path], notebooks: Sequence[NotebookNode]) -> NotebookNode:
    """Return all cells in one notebook; each knows where it comes from.

    A notebook that does not begin with a heading of its own gets its name as one.
    """
    cells = []
    for path, notebook in zip(paths, notebooks):
        if not title_of(notebook):
            title = "# " + whole(path.stem.replace("_", " "))
            cells.append(new_markdown_cell(title, metadata={"where": str(path)}))
        for index, cell in enumerate(notebook.cells, 1):
            here = {"where": f"{path}, cell {index}", "folder": str(path.parent)}
            cells.append(NotebookNode(cell, metadata=cell.metadata | here))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells)


def title_of(notebook: NotebookNode) -> str:
    """Return the words of the level 1 heading with which a notebook begins, if any."""
    shown = (cell for cell in notebook.cells
             if not REMOVED & {*cell.metadata.get("tags", ())})
    first = next(shown, new_markdown_cell())
    heading = r"\s*(?:#[ \t]+(.+)|<h1\b[^>]*>((?s:.*?))</h1>|(.+)\n=+[ \t]*(?:\n|$))"
    found = re.match(heading, first.source) if first.cell_type == "markdown" else None
    words = "".join(found.groups("")) if found else ""
    return re.sub(r"!\[.*?\]\(.*?\)|<.*?>|[*_`$#]", "", words).strip()
