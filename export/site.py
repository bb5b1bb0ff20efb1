"""The whole deliverable as a folder of pages, which opens by a double click."""

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from export.cover import Cover
from export.sources import PROJECT, Source
from export.write_up import SETTINGS, title_of
from nbtypst.errors import ExportError
from nbtypst.offline import OfflineHTMLExporter
from nbtypst.read import whole

README = PROJECT / "README.md"  # its opening, table and pictures are on the first page
INDEX, CODE = "index", "code"  # the names of the first page and the last


def make_site(
    folder: Path, paths: Sequence[Path], notebooks: Sequence[NotebookNode],
    cover: Cover, sources: Sequence[Source], pdf: str,
) -> tuple[dict[Path, bytes], list[str]]:
    """Return the pages of a site by their paths, and what they cannot show.

    Parameters
    ----------
    folder : where they will be, next to a PDF of the name `pdf`
    paths, notebooks : where each notebook is from, and its content
    cover : its title is the site's
    sources : the code of notebooks and modules, as all_sources returns it

    Raises
    ------
    ExportError : if `folder` is not one, or two pages have the same name
    """
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"cannot write {folder}: it is not a folder")
    names = [*(whole(path.stem) for path in paths), CODE, INDEX]
    if len({*names}) < len(names):
        raise ExportError(f"two pages are called alike: {', '.join(names)}")
    titles = [*(title_of(notebook) or name.replace("_", " ")
                for name, notebook in zip(names, notebooks)), "All Python code"]
    links = [*zip(titles, (f"{name}.html" for name in names))]
    start = (cover.title or "Notebooks", f"{INDEX}.html")
    exporter = OfflineHTMLExporter(
        template_name="site", also_in_contents=r"Answer \(.*\)", **SETTINGS)
    other = "|".join(map(re.escape, names[:-1]))
    to_other = rf'href="(?:[^":?#]*/)?({other})\.ipynb(?=[#"])'
    pages: dict[Path, bytes] = {}
    answers: list[str] = []
    warnings: list[str] = []

    def add(name: str, place: Path, notebook: NotebookNode, ways: list) -> None:
        metadata = {"name": str(place), "path": str(place.parent)}
        page, resources = exporter.converted(
            notebook, {"metadata": metadata, "ways": ways, "site": ways and start[0]})
        page = re.sub(to_other, r'href="\1.html', page)
        pages[folder / f"{name}.html"] = page.encode()
        warnings.extend(resources["warnings"])
        answers.extend(
            f"[{entry['words'].partition(' ')[2]}]({name}.html#{quote(entry['id'])})"
            for entry in resources["contents"] if entry["marked"])

    shown = [*notebooks, _code(titles[-1], sources)]
    for k, (place, notebook) in enumerate(zip([*paths, PROJECT / CODE], shown)):
        add(names[k], place, notebook, [
            *(("prev", *link) for link in links[max(k - 1, 0) : k]), ("", *start),
            *(("next", *link) for link in links[k + 1 : k + 2])])
    add(INDEX, README, _index(start[0], links, answers, pdf), [])
    return pages, warnings


def _code(title: str, sources: Sequence[Source]) -> NotebookNode:
    """A page of all modules; the code of the notebooks is on their own pages."""
    words = "The modules that the notebooks import; their own code is on their pages."
    texts = [f"# {title}\n\n{words}"]
    texts += [
        f"## {source.name}\n\n~~~~~~python\n{source.listings[0][1]}\n~~~~~~"
        for source in sources if not source.listings[0][0]
    ]
    return new_notebook(cells=[*map(new_markdown_cell, texts)])


def _index(
    title: str, links: Sequence[tuple[str, str]], answers: Sequence[str], pdf: str
) -> NotebookNode:
    """The first page: what there is to see, with the README's words and pictures."""
    readme = README.read_text("utf-8") if README.exists() else ""
    opening = re.match(r"# .*\n\n((?:.+\n)+)", readme)
    table = re.search(r"(?m)(?:^\|.*\n)+\|.*\.ipynb\).*\n(?:\|.*\n)*", readme)
    pages = "".join(f"- [{words}]({place})\n" for words, place in links)
    parts = [
        f"# {title}",
        opening[1] if opening else "",
        "## What there is to see",
        table[0] if table else pages,
        "Straight to the answers: " + ", ".join(answers) + "." if answers else "",
        *re.findall(r"(?m)^!\[[^\]]*\]\([^)]*\)$", readme),
        "## As a PDF, and the code",
        f"- [The write-up as a PDF]({pdf}), to print or to hand in.\n"
        f"- [{links[-1][0]}]({links[-1][1]}). The code of each notebook is on its "
        "page, folded where it is not part of the text.",
    ]
    return new_notebook(cells=[new_markdown_cell("\n\n".join(parts))])
