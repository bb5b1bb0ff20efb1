"""Markdown, HTML and LaTeX to Typst: all of a document in one call of Pandoc."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pypandoc
from nbformat import NotebookNode

from export import ExportError
from export.maths import FORMULA, PLACEHOLDER, Formula, Refused, finish, lift, mend

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
    lower: int = 0  # by how many levels headings are lowered
    leads: bool = False  # to code or an output, on the same page as its last paragraph
    typst: str = ""
    images: Sequence[str] = ()
    codes: Sequence[dict[str, str]] = ()
    titles: Sequence[str] = ()


def convert(pieces: Sequence[Piece]) -> None:
    """Fill in each piece's `typst` and `images`."""
    formulas: list[Formula] = []
    origins: list[str] = []
    requests: list[dict] = []
    for piece in pieces:
        text = piece.text
        if piece.mimetype != "text/html":
            text = lift(text, formulas)
            origins += [piece.where] * (len(formulas) - len(origins))
        # Without the last line break, Pandoc misses the last row of a table.
        request = {"text": text + "\n", "format": READERS[piece.mimetype]}
        requests.append(request | {"lower": piece.lower, "leads": piece.leads})
    stand_ins = []
    for formula, where in zip(formulas, origins):
        try:
            tex, typst = mend(formula)
        except Refused as reason:
            raise _refusal(where, formula, str(reason)) from None
        stand_ins.append(typst)
        requests.append({"tex": tex, "display": formula.display})
    results = _pandoc(requests)
    maths = []
    for formula, where, typst, result in zip(
        formulas, origins, stand_ins, results[len(pieces) :]
    ):
        if result.get("problem"):
            raise _refusal(where, formula, _stumbled(result["problem"]))
        try:
            finished = finish(result["typst"].strip(), typst, formula.display)
        except Refused as reason:
            raise _refusal(where, formula, str(reason)) from None
        maths.append(_spoken(formula, finished))
    for piece, result in zip(pieces, results):
        if result.get("problem"):
            raise ExportError(f"{piece.where}: cannot typeset {result['problem']}")
        piece.typst = PLACEHOLDER.sub(
            lambda match: maths[int(match[1])], result["typst"]
        )
        piece.images = result["images"]
        piece.codes = result["codes"]
        piece.titles = [PLACEHOLDER.sub(FORMULA, title) for title in result["titles"]]


def _spoken(formula: Formula, typst: str) -> str:
    """A formula with its TeX, to be read out, if it has a line of its own."""
    if not formula.display:
        return typst
    tex = json.dumps(" ".join(formula.tex.split()), ensure_ascii=False)
    return f"#[#set math.equation(alt: {tex}); {typst}]"


def _refusal(where: str, formula: Formula, reason: str) -> ExportError:
    tex = " ".join(formula.tex.split())
    return ExportError(f"{where}: cannot typeset ${tex}$: {reason}")


def _stumbled(message: str) -> str:
    """The line of Pandoc's message that says what it did not understand."""
    said = re.search("^unexpected.*", message, re.MULTILINE)
    return said[0] if said else "Pandoc does not understand it"


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
