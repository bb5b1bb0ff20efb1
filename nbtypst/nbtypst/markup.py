"""Markdown, HTML and LaTeX to Typst: all of a document in one call of Pandoc."""

import html
import json
import os
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pypandoc

from nbtypst.errors import ExportError, one_line
from nbtypst.html import normalize
from nbtypst.literals import typst_string
from nbtypst.tex.find import CODE, FENCED, Formula, split
from nbtypst.tex.rewrite import Refused, Scope, rewrite

# What JupyterLab understands, except for formulas, which are found earlier.
MARKDOWN = (
    "commonmark+autolink_bare_uris+footnotes+pipe_tables+raw_html+smart+strikeout"
    "+task_lists"
)
READERS = {
    "text/markdown": MARKDOWN,
    "text/html": "html",
    "text/latex": "latex+raw_tex",
}
TIMEOUT_S = 20  # seconds that Pandoc may take, and one more for
BYTES_PER_S = 10_000  # bytes each
MAX_HEAP = "2g"  # Pandoc's memory: endless input would fill the computer's
HEAP_EXHAUSTED = 251  # Pandoc's exit status
# Environments of LaTeX that are not formulas: they are left to Pandoc.
_TEXT = re.compile(
    r"\\begin\{(tabular|table|figure|center|itemize|enumerate|description)"
)
_IN_A_LINE = re.compile(
    r"\\begin\{((?:enum|item)\w+)\*\}.*?\\item\b\s*(.*?)\s*\\end\{\1\*\}", re.DOTALL
)

# What Pandoc reads in another way than JupyterLab, `found` outside of code: a line of
# words right above a table (whose second row is dashes); the dashes of --help; the mark
# within a Hebrew word, which is not a quote; the mark of a footnote.
_HEBREW = "[\u0590-\u05ff]"
_DASHES = r"[ \t]*:?-+:?[ \t]*"
_TABLE = re.compile(
    rf"{FENCED}|^(?=[^\n|]*[^\s|])(?P<found>[^\n|]++)\n(?=[^\n|]*\|[^\n]*\n"
    rf" {{0,3}}(?:\|{_DASHES}|{_DASHES}\|{_DASHES})(?:\|{_DASHES})*\|?$)",
    re.MULTILINE,
)
_MARKS = re.compile(
    rf"{CODE}|(?P<found>(?<![^\s(])--(?=[A-Za-z])|(?<={_HEBREW})\"(?={_HEBREW}))",
    re.MULTILINE,
)
_NOTE = re.compile(rf"{FENCED}|^ {{0,3}}(?P<found>\[\^[^\]\s]+\])(?=:)", re.MULTILINE)


@dataclass
class Piece:
    """Some text to be converted, and where it comes from."""

    text: str
    mimetype: str
    where: str  # notebook, cell 1
    heading_shift: int = 0  # by how many levels headings are lowered
    keep_with_next: bool = False  # its last paragraph with what follows
    # Filled in by `convert`. The Typst uses the arrays `codes` and `images`, which must
    # have been defined before it.
    typst: str = ""
    images: Sequence[str] = ()  # where each is to be found
    missing_alt: Sequence[int] = ()  # the images without a description
    codes: Sequence[dict[str, str]] = ()  # the `text` and `language` of each
    titles: Sequence[Sequence[str]] = ()  # of level 1: the words around formulas
    warnings: list[str] = field(default_factory=list)  # of what is not as meant


def convert(pieces: Sequence[Piece], labels: Sequence[str] = ()) -> None:
    """Fill in the Typst of each piece, and what belongs to it.

    A link to one of the labels, [words](#label), becomes the number of its figure.
    What would be lost is shown as its source, with a warning.
    """
    requests, origins, mark = with_marks(pieces)
    _read_html(pieces, requests)
    formulas = _formulas(origins, mark)
    common: dict = {"mark": mark, "labels": labels, "formulas": formulas}
    done = run_pandoc(common, requests)
    for (piece, formula), result in zip(origins, done["formulas"]):
        if problem := result.get("problem"):
            show_source(piece, formula, reason_of(problem))
    places = {anchor for result in done["pieces"] for anchor in result["anchors"]}
    for piece, result in zip(pieces, done["pieces"]):
        piece.warnings += map(one_line, result["problems"])
        for name in ("typst", "titles", "images", "codes", "missing_alt"):
            setattr(piece, name, result[name])
        # Without any labels, links may be meant for something else.
        gone = [link for link in result["links"] if unquote(link) not in places]
        piece.warnings += [f"nothing has the label {link!r}" for link in gone if labels]


def with_marks(
    pieces: Sequence[Piece],
) -> tuple[list[dict], list[tuple[Piece, Formula]], str]:
    """Return the request for each piece, all formulas by number, and the mark.

    In the texts, a number between two marks replaces the formula with that number.
    """
    for piece in pieces:
        piece.text = re.sub(r"\r\n?", "\n", piece.text)
    mark = _unused(piece.text for piece in pieces)
    origins: list[tuple[Piece, Formula]] = []
    requests = [_request(piece, mark, origins) for piece in pieces]
    return requests, origins, mark


def _request(piece: Piece, mark: str, origins: list[tuple[Piece, Formula]]) -> dict:
    """Return the request for a piece; its formulas are appended to `origins`."""
    words = ""
    for part in _parts(piece):
        if isinstance(part, Formula):
            words += f"{mark}{len(origins)}{mark}"
            origins.append((piece, part))
        else:
            words += part
    if piece.mimetype == "text/markdown":
        words = _as_jupyter_reads_it(words)
    # Without the last line break, Pandoc misses the last row of a table.
    request = {"text": words + "\n", "format": READERS[piece.mimetype]}
    settings = "heading_shift", "keep_with_next"
    return request | {name: getattr(piece, name) for name in settings}


def _formulas(origins: list[tuple[Piece, Formula]], mark: str) -> list[dict]:
    """Return each formula's request; those of one notebook share macros and numbers."""
    scopes: defaultdict[str, Scope] = defaultdict(Scope)
    for number, (piece, formula) in enumerate(origins):
        scopes[_notebook(piece)].number(formula.tex, f"eq-{number}")
    return [
        _formula(piece, formula, mark, f"eq-{number}", scopes[_notebook(piece)])
        for number, (piece, formula) in enumerate(origins)
    ]


def _parts(piece: Piece) -> list[str | Formula]:
    """Return the text and the formulas of a piece."""
    if piece.mimetype != "text/latex":
        return split(piece.text, in_html=piece.mimetype == "text/html")
    # R's LaTeX for a vector, which Pandoc does not know, becomes words in a line.
    text = _IN_A_LINE.sub(lambda m: re.sub(r"\s*\\item\b", ",", m[2]), piece.text)
    return [
        part.source if isinstance(part, Formula) and _TEXT.match(part.source) else part
        for part in split(text)
    ]


def _as_jupyter_reads_it(text: str) -> str:
    """Markdown in which Pandoc finds all tables, and only footnotes that are cited.

    A note that nothing in its cell refers to would be lost: its text stays where it is.
    The dashes of --help, which are not a dash between words, stay two.
    """

    def alone(mark: str) -> bool:
        return text.count(mark) == 1

    text = _replaced(_TABLE, text, lambda words: f"{words}\n\n")
    text = _replaced(_MARKS, text, lambda marks: re.sub(".", r"\\\g<0>", marks))
    return _replaced(_NOTE, text, lambda mark: "\\" * alone(mark) + mark)


def _replaced(pattern: re.Pattern, text: str, new: Callable[[str], str]) -> str:
    """Return the text with each match replaced, except for those in code."""
    return pattern.sub(lambda m: new(m["found"]) if m["found"] else m[0], text)


def _notebook(piece: Piece) -> str:
    return piece.where.rpartition(", cell ")[0]


def _unused(texts: Iterable[str]) -> str:
    """Return a private-use character that is in no text, not even as an escape.

    A number between two such characters replaces a formula while Pandoc works on the
    text. Nothing that anybody wrote can be mistaken for that.
    """
    text = "\n".join(texts)
    used = set(text + html.unescape(text))
    return next(char for char in map(chr, range(0xE000, 0x10FFFE)) if char not in used)


def _formula(
    piece: Piece, formula: Formula, mark: str, anchor: str, scope: Scope
) -> dict:
    """Return the request to markup.lua for a formula."""
    source = typst_string(" ".join(formula.source.split()))
    known = {"source": formula.source, "unset": f"#unset({source})"}
    try:
        done = rewrite(formula.tex, formula.display, mark, scope)
    except Exception as error:  # in any case, the rest can be typeset
        reason = str(error) if isinstance(error, Refused) else type(error).__name__
        show_source(piece, formula, reason)
        return known
    alt = typst_string(" ".join(formula.tex.split()))  # its description, to be read out
    number = f", numbering: n => {typst_string(done.tag)}" if done.tag else ""
    labelled = formula.display and anchor in [a for _, a in scope.labels.values()]
    gap = " " * formula.display
    typst = f"${gap}{done.typst}{gap}$" + f" <{anchor}>" * labelled
    return known | {
        "typst": f"#[#set math.equation(alt: {alt}{number});{gap}{typst}]"
    }


def reason_of(problem: str) -> str:
    """Return the line of Pandoc's message that says what is wrong with a formula."""
    line = re.search("^(unexpected|a construct).*", problem, re.MULTILINE)
    return line[0] if line else "Pandoc does not understand it"


def show_source(piece: Piece, formula: Formula, reason: str) -> None:
    """Warn that a formula is shown as its source."""
    tex = one_line(formula.tex, 120)
    piece.warnings.append(f"the formula ${tex}$ is shown as its source: {reason}")


def _read_html(pieces: Sequence[Piece], requests: list[dict]) -> None:
    """Rewrite the HTML of the requests as a browser reads it; warn of what is lost."""
    mixed = [(piece, request) for piece, request in zip(pieces, requests)
             if request["format"] == MARKDOWN and "<" in request["text"]]  # fmt: skip
    common = {"mark": "", "to_html": True}
    texts = [request for _, request in mixed]
    done = run_pandoc(common, texts)["pieces"] if mixed else []
    for (piece, request), result in zip(mixed, done):
        if result.get("html"):
            request |= {"format": "html", "text": result["html"]}
            piece.warnings += map(one_line, result["problems"])
    for piece, request in zip(pieces, requests):
        if request["format"] == "html":
            request["text"], problems = normalize.read(request["text"])
            piece.warnings += map(one_line, problems)


def run_pandoc(common: dict, pieces: list[dict]) -> dict:
    """Return the results of markup.lua, or of another script, for some pieces.

    A piece with which Pandoc never finishes, such as a footnote in itself, is shown as
    its source.
    """
    content = json.dumps(common | {"pieces": pieces}).encode()
    seconds = TIMEOUT_S + len(content) / BYTES_PER_S
    path = Path(__file__).with_name(common.get("script", "markup.lua"))
    os.environ.pop("PYPANDOC_PANDOC", None)  # Typst needs the one of this version
    try:  # with a temporary folder that is there
        done = subprocess.run(
            [pypandoc.get_pandoc_path(), "+RTS", f"-M{MAX_HEAP}", "-RTS", "lua", path],
            input=content,
            capture_output=True,
            timeout=seconds,
            env=os.environ | dict.fromkeys(("TMPDIR", "TMP"), tempfile.gettempdir()),
        )
        status, said = done.returncode, done.stderr.decode(errors="replace")
        if not status:
            return json.loads(done.stdout)
    except subprocess.TimeoutExpired as expired:
        status, said = HEAP_EXHAUSTED, (expired.stderr or b"").decode(errors="replace")
        said += f"still at work after {seconds:.0f} s"
    *begun, message = re.split(r"^piece (\d+)$", said, flags=re.MULTILINE)
    if not begun or status != HEAP_EXHAUSTED or pieces[int(begun[-1])].get("endless"):
        raise ExportError(f"pandoc: {one_line(message)}")
    pieces[int(begun[-1])]["endless"] = True
    return run_pandoc(common, pieces)
