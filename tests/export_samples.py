"""Small notebooks for the tests of the export, with their outputs already in them."""

import base64
import io
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

WIDGET = "application/vnd.jupyter.widget-view+json"


def figure(alt: str | None = None, width: float = 4) -> NotebookNode:
    """A Matplotlib figure as an output: PNG and PDF."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(width, 1.5))
    picture.subplots().plot([0, 1], [1, 0])
    data = {}
    for kind, mimetype in [("png", "image/png"), ("pdf", "application/pdf")]:
        file = io.BytesIO()
        metadata = {"CreationDate": None} if kind == "pdf" else {}
        picture.savefig(file, format=kind, metadata=metadata)
        data[mimetype] = base64.b64encode(file.getvalue()).decode()
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
