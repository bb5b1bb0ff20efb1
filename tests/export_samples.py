"""Small notebooks for the tests of the export, with their outputs already in them."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)
from pypdf import PdfReader

import export
from export.__main__ import main
from export.check import Checked
from export.compile import compile_with_fonts
from export.cover import Cover, read_cover
from export.exporter import TypstExporter, TypstPDFExporter
from export.markup import Piece, convert
from export.pages import Mark, Page, read_pages
from export.write_up import WriteUp, make_write_up

STATEMENT = read_cover(Path(export.__file__).with_name("cover.toml")).statement
SIGNED = Cover(
    name="Ada Lovelace",
    worked_alone=True,
    date="10 December 2025",
    statement=STATEMENT,
)
_ALT = r'#\[#set math\.equation\(alt: "(?:\\.|[^"\\])*"'
SPOKEN = re.compile(_ALT + r"\);\s?(\$(?:\\.|[^$\\])*\$)\]", re.DOTALL)
ALONE = re.compile(_ALT + r"(?:, numbering: .*?)?\);\s?(\$.*\$)\]", re.DOTALL)
OLD = b"%PDF the old one"
NAMES = ("a.ipynb", "b.ipynb")
CELL = '''def mean(values):
    """The average."""
    return sum(values) / len(values)  # not of an empty list


print(mean([1, 2, 3]))'''

WIDGET = "application/vnd.jupyter.widget-view+json"


def figure(alt: str | None = "A line that falls.", width: float = 4) -> NotebookNode:
    """A Matplotlib figure as an output: PNG, PDF and SVG."""
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
    metadata = {"image/png": {"alt": alt}} if alt else {}
    return new_output("display_data", data=data, metadata=metadata)


def display(mimetype: str, text: str, **metadata) -> NotebookNode:
    return new_output("display_data", data={mimetype: text}, metadata=metadata)


def markdown(text: str, **metadata) -> NotebookNode:
    return display("text/markdown", text, **metadata)


def stdout(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def code(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = (), ran: int = 1):
    return new_code_cell(
        source,
        outputs=list(outputs),
        execution_count=ran,
        metadata={"tags": list(tags)} if tags else {},
    )


def notebook(*cells: NotebookNode | str) -> NotebookNode:
    """A notebook; strings become Markdown cells."""
    made = [new_markdown_cell(c) if isinstance(c, str) else c for c in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=made, metadata={"kernelspec": kernel})


def save(path: Path, *cells: NotebookNode | str) -> Path:
    nbformat.write(notebook(*cells), path)
    return path


def squeezed(text: str) -> str:
    """Text without white space (and U+2060, which only says where not to break)."""
    return re.sub(r"[\s\u2060]", "", text)


def build(*paths: Path, cover: Cover = SIGNED) -> tuple[WriteUp, bytes, Checked]:
    notebooks = [nbformat.read(path, 4) for path in paths]
    write_up = make_write_up(paths, notebooks, cover, "w")
    pdf = compile_with_fonts(write_up.source, write_up.files).pdf
    checked = Checked(pdf)
    assert checked.faults(write_up.expected) == []
    return write_up, pdf, checked


def text_of(*cells) -> str:
    """All text of the PDF of one notebook with these cells, without white space."""
    return squeezed("".join(mark.text for mark in text_marks(*cells)))


def alternatives(reader: PdfReader) -> set[str]:
    """The alternative texts in a PDF's structure."""
    found, waiting = set(), [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            found |= {node["/Alt"]} if "/Alt" in node else set()
            waiting += [node["/K"]] if "/K" in node else []
    return found


def text_marks(*cells) -> list[Mark]:
    """The words and pictures in the PDF of one notebook with these cells."""
    source, resources = TypstExporter().from_notebook_node(notebook(*cells))
    pdf = compile_with_fonts(source, resources["outputs"]).pdf
    return [mark for page in pages_of(pdf) for mark in page.marks]


def pages_of(pdf: bytes) -> list[Page]:
    return read_pages(pdf, PdfReader(io.BytesIO(pdf)))


def pieces_of(*texts: str, mimetype: str = "text/markdown") -> list[Piece]:
    """What becomes of each text, as a cell of one notebook; without descriptions."""
    pieces = _pieces(*texts, mimetype=mimetype)
    for piece in pieces:
        piece.typst = unspoken(piece.typst)
    return pieces


def _pieces(*texts: str, mimetype: str = "text/markdown") -> list[Piece]:
    pieces = [
        Piece(text, mimetype, f"n, cell {number}")
        for number, text in enumerate(texts, 1)
    ]
    convert(pieces)
    return pieces


def typst_of(*formulas: str) -> list[str]:
    """Each formula's Typst, as Markdown with that formula gives it."""
    typst = [piece.typst.strip() for piece in _pieces(*formulas)]
    return [m[1] if (m := ALONE.fullmatch(t)) else unspoken(t) for t in typst]


def unspoken(typst: str) -> str:
    """Typst without the descriptions of its formulas."""
    return SPOKEN.sub(r"\1", typst)


def warned(*cells) -> list[str]:
    """The warnings about the PDF of one notebook with these cells, without its name."""
    _, resources = TypstPDFExporter().from_notebook_node(notebook(*cells))
    return [line.removeprefix("Notebook, ") for line in resources["warnings"]]


def command(folder: Path, *more: str, notebooks: tuple[str, ...] = NAMES) -> list[str]:
    """The arguments that make w.pdf of notebooks in a folder, with its cover if any."""
    cover = folder / "cover.toml"
    options = ["-o", str(folder / "w.pdf"), *["--cover", str(cover)] * cover.exists()]
    return [*(str(folder / name) for name in notebooks), *options, *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def said(*arguments: str, status: int = 1, **options) -> str:
    """The one line that the command prints as it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "export", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )
    assert done.returncode == status, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def refused(capsys, *arguments: str) -> str:
    """The same, within this process."""
    assert main(list(arguments)) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line
