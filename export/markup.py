"""Markdown, HTML and LaTeX to Typst: all of a document in one call of Pandoc."""

import html
import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pypandoc

from export.errors import ExportError
from export.formulas import Formula, split
from export.literals import typst_string
from export.tex import Refused, rewrite

# What JupyterLab understands, except for formulas, which are found before.
MARKDOWN = (
    "commonmark+autolink_bare_uris+footnotes+pipe_tables+raw_html+smart+strikeout"
    "+task_lists"
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
    lower: int = 0  # by how many levels headings are lowered
    leads: bool = False  # to code or an output, on the same page as its last paragraph
    # What `convert` fills in. In the Typst, `codes` and `images` are arrays that
    # must have been defined before it.
    typst: str = ""
    images: Sequence[str] = ()  # where each is to be found
    codes: Sequence[dict[str, str]] = ()  # the `text` and `language` of each
    titles: Sequence[Sequence[str]] = ()  # of level 1: the words around formulas


def convert(pieces: Sequence[Piece], labels: Sequence[str] = ()) -> None:
    """Fill in the Typst of each piece, and what belongs to it.

    A link to one of the labels, [words](#label), becomes the number of what has it.

    Raises ExportError if something would be lost; it names the place and the formula.
    """
    mark = _unused(piece.text for piece in pieces)
    formulas: list[dict] = []
    origins: list[tuple[str, Formula]] = []
    requests: list[dict] = []
    for piece in pieces:
        words = ""
        plain = piece.mimetype == "text/html"  # where dollars are dollars
        for part in [piece.text] if plain else split(piece.text):
            if isinstance(part, Formula):
                words += f"{mark}{len(formulas)}{mark}"
                origins.append((piece.where, part))
                formulas.append(_formula(piece.where, part, mark))
            else:
                words += part
        # Without the last line break, Pandoc misses the last row of a table.
        request = {"text": words + "\n", "format": READERS[piece.mimetype]}
        requests.append(request | {"lower": piece.lower, "leads": piece.leads})
    done = _pandoc(
        {"mark": mark, "labels": labels, "formulas": formulas, "pieces": requests}
    )
    for (where, formula), result in zip(origins, done["formulas"]):
        if result.get("problem"):
            raise _refusal(where, formula, _reason(result["problem"]))
    for piece, result in zip(pieces, done["pieces"]):
        if result.get("problem"):
            raise ExportError(f"{piece.where}: cannot typeset {result['problem']}")
        piece.typst, piece.titles = result["typst"], result["titles"]
        piece.images, piece.codes = result["images"], result["codes"]
    anchors = {anchor for result in done["pieces"] for anchor in result["anchors"]}
    for piece, result in zip(pieces, done["pieces"]):
        gone = [link for link in result["links"] if unquote(link) not in anchors]
        if labels and gone:  # where nothing has a label, links are another matter
            raise ExportError(f"{piece.where}: nothing has the label {gone[0]!r}")


def _unused(texts: Iterable[str]) -> str:
    """A character for private use that is in none of the texts, nor named in one.

    With a number between two of it, it takes the place of a formula while Pandoc works
    on the text. Nothing that anybody wrote can be mistaken for that.
    """
    text = "\n".join(texts)
    used = set(text + html.unescape(text))
    return next(char for char in map(chr, range(0xE000, 0x10FFFE)) if char not in used)


def _formula(where: str, formula: Formula, mark: str) -> dict:
    """What markup.lua must know of a formula."""
    try:
        tex, stand_ins = rewrite(formula.tex, formula.display, mark)
    except Refused as reason:
        raise _refusal(where, formula, str(reason)) from None
    return {
        "tex": tex,
        "stand_ins": [stand_in._asdict() for stand_in in stand_ins],
        "display": formula.display,
        "source": formula.source,
        "alt": typst_string(" ".join(formula.tex.split())),
    }


def _refusal(where: str, formula: Formula, reason: str) -> ExportError:
    tex = " ".join(formula.tex.split())
    return ExportError(f"{where}: cannot typeset ${tex}$: {reason}")


def _reason(message: str) -> str:
    """The line of Pandoc's message that says what it did not understand."""
    line = re.search("^(unexpected|a construct).*", message, re.MULTILINE)
    return line[0] if line else "Pandoc does not understand it"


def _pandoc(request: dict) -> dict:
    script = Path(__file__).with_name("markup.lua")
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), "lua", script],
        input=json.dumps(request).encode(),
        capture_output=True,
    )
    if done.returncode:
        raise ExportError(f"pandoc: {done.stderr.decode(errors='replace').strip()}")
    return json.loads(done.stdout)
