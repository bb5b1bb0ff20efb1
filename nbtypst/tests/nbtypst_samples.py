"""Small notebooks with their outputs in them, and many of them set in one document."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cache, cached_property
from inspect import signature
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)  # fmt: skip

from nbtypst import TypstExporter, TypstPDFExporter
from pdf_pages import Mark, Printed, squeezed

WIDGET = "application/vnd.jupyter.widget-view+json"
CELL = '''def mean(values):
    """The average."""
    return sum(values) / len(values)  # not of an empty list


print(mean([1, 2, 3]))'''


def figure(alt: str | None = "A line that falls.", width: float = 4) -> NotebookNode:
    """A Matplotlib figure as an output: PNG, PDF and SVG."""
    metadata = {"image/png": {"alt": alt}} if alt else {}
    return new_output("display_data", data=dict(_drawn(width)), metadata=metadata)


@cache
def _drawn(width: float) -> dict[str, str]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    picture = Figure(figsize=(width, 1.5))
    picture.subplots().plot([0, 1], [1, 0])
    data = {}
    for kind, mimetype in [("png", "image/png"), ("pdf", "application/pdf")]:
        file = io.BytesIO()
        metadata = {"CreationDate": None} if kind == "pdf" else {}
        picture.savefig(file, format=kind, metadata=metadata)
        data[mimetype] = base64.b64encode(file.getvalue()).decode()
    with io.StringIO() as drawing, rc_context({"svg.hashsalt": "figure"}):
        picture.savefig(drawing, format="svg", metadata={"Date": None})
        data["image/svg+xml"] = drawing.getvalue()
    return data


def display(mimetype: str, text, **metadata) -> NotebookNode:
    return new_output("display_data", data={mimetype: text}, metadata=metadata)


def markdown(text: str, **metadata) -> NotebookNode:
    return display("text/markdown", text, **metadata)


def html(text: str) -> NotebookNode:
    """A cell with HTML as its output, and without code."""
    return code("", display("text/html", text))


def stdout(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def code(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = (), ran: int = 1):
    metadata = {"tags": list(tags)} if tags else {}
    return new_code_cell(
        source, outputs=list(outputs), execution_count=ran, metadata=metadata)


def raw(text: str, mimetype: str = "text/x-typst") -> NotebookNode:
    return new_raw_cell(text, metadata={"raw_mimetype": mimetype})


def space_left(points: float) -> NotebookNode:
    """Fill the page, but for so many points."""
    fill = f"#block(height: 100% - {points}pt, spacing: 0pt)[x]"
    return raw(f"#pagebreak(weak: true)\n{fill}")


def notebook(*cells: NotebookNode | str) -> NotebookNode:
    """A notebook; strings become Markdown cells."""
    made = [new_markdown_cell(c) if isinstance(c, str) else c for c in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=made, metadata={"kernelspec": kernel})


def save(path: Path, *cells: NotebookNode | str) -> Path:
    nbformat.write(notebook(*cells), path)
    return path


def pdf_of(*cells: NotebookNode | str, **options) -> tuple[Printed, list[str]]:
    """The PDF of one notebook, and its warnings without the notebook's name."""
    pdf, resources = TypstPDFExporter(**options).from_notebook_node(notebook(*cells))
    warnings = [line.removeprefix("Notebook, ") for line in resources["warnings"]]
    return Printed(pdf), warnings


def warnings_of(*cells: NotebookNode | str, **options) -> list[str]:
    """The warnings of one notebook, without its name and without Typst's own."""
    _, resources = TypstExporter(**options).from_notebook_node(notebook(*cells))
    return [line.removeprefix("Notebook, ") for line in resources["warnings"]]


class Samples:
    """Cases that are set in one document, on first use; each begins a page.

    Every case is checked for words outside the margins or over each other, and for
    fonts that are not embedded.
    """

    def __init__(self) -> None:
        self.cells: list[NotebookNode] = []
        self.count = 0
        self.tried = False

    def add(self, *cells: NotebookNode | str) -> "Shown":
        """A case, which is a notebook of its own as far as its formulas go."""
        assert "document" not in self.__dict__, "it is set already"
        self.count += 1
        mark = f"#pagebreak(weak: true)\n#place(dy: -0.85in)[§§{self.count}]"
        for number, cell in enumerate(notebook(raw(mark), *cells).cells):
            cell = deepcopy(cell)
            cell.id = f"{self.count}-{number}"
            cell.metadata["where"] = f"case {self.count}, cell {number}"
            self.cells.append(cell)
        return Shown(self, self.count)

    def of(self, *cells: NotebookNode | str) -> Callable:
        """Decorate a test of a case of its own, which is `shown`."""
        return pytest.mark.parametrize("shown", [self.add(*cells)], ids=[""])

    def each(self, cases: Mapping[str, Any], cells: Callable = lambda it: [it]):
        """Decorate a test of what is `shown` of each case, and what is `wanted`."""
        def decorate(test: Callable) -> Callable:
            names = [*signature(test).parameters]
            rows = [{"shown": self.add(*cells(case)), "case": case, "wanted": wanted}
                    for case, wanted in cases.items()]
            values = [[row[name] for name in names] for row in rows]
            return pytest.mark.parametrize(names, values, ids=[*cases])(test)

        return decorate

    def rows(self, rows: Mapping[str, Sequence]) -> Callable:
        """Decorate a test of rows: some cells, and what is to be `seen` of them."""
        seen = {name: [*row[1:]] for name, row in rows.items()}
        return self.each(seen, lambda name: rows[name][0])

    @cached_property
    def document(self) -> tuple[Printed, list[str], list[int]]:
        """What is printed, the warnings, and the number of each case's first page."""
        assert not self.tried, "these samples could not be set: see the first failure"
        self.tried = True
        printed, warnings = pdf_of(*self.cells)
        starts = []
        for number, page in enumerate(printed.pages, 1):
            if [mark for mark in page if mark.text.startswith("§§")]:
                starts.append(number)
            page[:] = [mark for mark in page if not mark.text.startswith("§§")]
        assert len(starts) == self.count
        faults = printed.faults()
        assert not faults, faults
        return printed, warnings, [*starts, len(printed.pages) + 1]


class Shown:
    """A case of some samples on its pages."""

    def __init__(self, samples: Samples, number: int) -> None:
        self.samples, self.number = samples, number

    @property
    def printed(self) -> Printed:
        """All samples."""
        return self.samples.document[0]

    @property
    def numbers(self) -> range:
        """The numbers of its pages."""
        return range(*self.samples.document[2][self.number - 1 :][:2])

    @property
    def pages(self) -> list[list[Mark]]:
        """What is on each of its pages, without header and footer."""
        return [self.printed.body(number) for number in self.numbers]

    @property
    def sheets(self) -> list[Any]:
        """Its pages as pypdf has them."""
        return [self.printed.reader.pages[number - 1] for number in self.numbers]

    @property
    def marks(self) -> list[Mark]:
        """All words and pictures."""
        return [mark for page in self.pages for mark in page]

    @property
    def words(self) -> list[str]:
        """Each by itself; a picture is an empty one."""
        return [mark.text for mark in self.marks]

    @property
    def lines(self) -> list[str]:
        """The words of each line, from top to bottom."""
        rows: dict[tuple[int, int], list[Mark]] = {}
        for number, page in enumerate(self.pages):
            for mark in page:
                rows.setdefault((number, -round(mark.bottom)), []).append(mark)
        return [" ".join(mark.text for mark in sorted(rows[row], key=lambda m: m.left))
                for row in sorted(rows)]  # fmt: skip

    @property
    def text(self) -> str:
        """All words, without white space."""
        return squeezed("".join(mark.text for mark in self.marks))

    @property
    def seen(self) -> list[str]:
        """All words, ▢ and the description of each picture, → links; the warnings."""
        pictures = "".join(f"▢{it.get('/Alt', '')}" for it in self.tagged("/Figure"))
        links = "".join(f"→{address}" for address in self.addresses)
        return [self.text + pictures + links, *self.warnings]

    @property
    def addresses(self) -> list[str]:
        """Those on the web that its links lead to."""
        links = [link.get_object().get("/A", {}) for page in self.sheets
                 for link in page.get("/Annots", [])]  # fmt: skip
        return [link["/URI"] for link in links if "/URI" in link]

    @property
    def warnings(self) -> list[str]:
        """Those about this case, without its name."""
        name = f"case {self.number}, "
        return [line.removeprefix(name) for line in self.samples.document[1]
                if line.startswith(name)]  # fmt: skip

    def tagged(self, *kinds: str) -> list[Any]:
        """The elements of these kinds in the PDF's structure, in order."""
        return self.printed.tagged(*kinds, pages=self.numbers)

    @property
    def alternatives(self) -> list[str]:
        """The descriptions of figures and formulas."""
        return [e["/Alt"] for e in self.tagged("/Figure", "/Formula") if "/Alt" in e]
