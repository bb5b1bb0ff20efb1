"""Markdown, HTML and LaTeX to Typst: all of a document in one call of Pandoc."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pypandoc
from nbformat import NotebookNode

from export import ExportError
from export.maths import PLACEHOLDER, Formula, lift

# What JupyterLab understands, but for the formulas, which `lift` takes out before.
MARKDOWN = "commonmark" + "".join(
    "+" + extension
    for extension in (
        "autolink_bare_uris",
        "footnotes",
        "pipe_tables",
        "raw_html",
        "smart",
        "strikeout",
        "task_lists",
    )
)
READERS = {
    "text/markdown": MARKDOWN,
    "text/html": "html",
    "text/latex": "latex+raw_tex",
}


@dataclass
class Piece:
    """Some text to be converted, and where it comes from (for error messages)."""

    text: str
    mimetype: str
    where: str
    cell: NotebookNode
    typst: str = ""
    images: Sequence[str] = ()


def convert(pieces: Sequence[Piece]) -> None:
    """Fill in each piece's `typst` and `images`."""
    formulas: list[Formula] = []
    origins: list[Piece] = []
    requests = []
    for piece in pieces:
        text = piece.text
        if piece.mimetype != "text/html":
            text = lift(text, formulas)
            origins += [piece] * (len(formulas) - len(origins))
        requests.append({"text": text, "format": READERS[piece.mimetype]})
    for formula in formulas:
        mark = "$$" if formula.display else "$"
        requests.append({"text": mark+formula.tex+mark, "format": "markdown"})
    results = _pandoc(requests)
    maths = [result["typst"].strip() for result in results[len(pieces) :]]
    for piece, result in zip(pieces, results):
        if result.get("problem"):
            raise ExportError(f"{piece.where}: cannot typeset {result['problem']}")
        piece.typst = PLACEHOLDER.sub(
            lambda match: maths[int(match[1])], result["typst"]
        )
        piece.images = result["images"]


def _pandoc(requests: list[dict]) -> list[dict]:
    script = Path(__file__).with_name("markup.lua")
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), "lua", script],
        input=json.dumps(requests).encode(),
        capture_output=True,
    )
    if done.returncode:
        raise ExportError(f"pandoc: {done.stderr.decode(errors='replace').strip()}")
    return json.loads(done.stdout)
