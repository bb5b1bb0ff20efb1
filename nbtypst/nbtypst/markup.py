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
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pypandoc

from nbtypst.errors import ExportError, one_line
from nbtypst.html import normalize
from nbtypst.literals import typst_string
from nbtypst.tex.find import CODE, FENCED, Formula, split
from nbtypst.tex.macros import KNOWN_MACROS, Macros, Scope
from nbtypst.tex.rewrite import Rewritten
from nbtypst.tex.tree import Refused

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

# What Pandoc reads in another way than JupyterLab, `misread` outside of code: a line of
# words right above a table (whose second row is dashes); the dashes of --help; the mark
# within a Hebrew word, which is not a quote; the mark of a footnote.
_HEBREW = "[\u0590-\u05ff]"
_DASHES = r"[ \t]*:?-+:?[ \t]*"
_TABLE = re.compile(
    rf"{FENCED}|^(?=[^\n|]*[^\s|])(?P<misread>[^\n|]++)\n(?=[^\n|]*\|[^\n]*\n"
    rf" {{0,3}}(?:\|{_DASHES}|{_DASHES}\|{_DASHES})(?:\|{_DASHES})*\|?$)",
    re.MULTILINE,
)
_MARKS = re.compile(
    rf"{CODE}|(?P<misread>(?<![^\s(])--(?=[A-Za-z])|(?<={_HEBREW})\"(?={_HEBREW}))",
    re.MULTILINE,
)
_NOTE = re.compile(rf"{FENCED}|^ {{0,3}}(?P<misread>\[\^[^\]\s]+\])(?=:)", re.MULTILINE)


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


class Texts:
    """The texts of some pieces, with a number between two marks for each formula."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            piece.text = re.sub(r"\r\n?", "\n", piece.text)
        self.pieces = pieces
        self.mark = _unused(piece.text for piece in pieces)
        self.origins: list[tuple[Piece, Formula]] = []  # of each number
        self.requests = [self._request(piece) for piece in pieces]

    def _request(self, piece: Piece) -> dict:
        words = ""
        for part in _parts(piece):
            if isinstance(part, Formula):
                words += f"{self.mark}{len(self.origins)}{self.mark}"
                self.origins.append((piece, part))
            else:
                words += part
        if piece.mimetype == "text/markdown":
            words = _as_jupyter_reads_it(words)
        # Without the last line break, Pandoc misses the last row of a table.
        request = {"text": words + "\n", "format": READERS[piece.mimetype]}
        settings = "heading_shift", "keep_with_next"
        return request | {name: getattr(piece, name) for name in settings}

    def formulas(self, write: Callable[[Formula, Scope, str], dict],
                 macros: Macros = KNOWN_MACROS) -> list[dict]:  # fmt: skip
        """Return each formula as it is written for Pandoc.

        Those of one notebook share macros and numbers. What cannot be written is to be
        shown as its source.
        """
        scopes: defaultdict[str, Scope] = defaultdict(lambda: Scope(macros))
        scope_of = [scopes[p.where.rpartition(", cell ")[0]] for p, _ in self.origins]
        for number, (_, formula) in enumerate(self.origins):
            scope_of[number].number(formula.tex, f"eq-{number}")
        requests = [{"source": formula.source} for _, formula in self.origins]
        for number, (piece, formula) in enumerate(self.origins):
            try:
                requests[number] |= write(formula, scope_of[number], f"eq-{number}")
            except Exception as error:  # in any case, the rest can be typeset
                own = isinstance(error, Refused)
                reason = str(error) if own else type(error).__name__
                _show_source(piece, formula, reason)
        return requests

    def run(self, to: str, formulas: list[dict], **common) -> dict:
        """Return the results of markup.lua, which uses the requests as they are now."""
        common |= {"to": to, "mark": self.mark, "formulas": formulas}
        done = run_pandoc(common, self.requests)
        for (piece, formula), result in zip(self.origins, done["formulas"]):
            if problem := result.get("problem"):
                line = re.search("^(unexpected|a construct).*", problem, re.MULTILINE)
                reason = line[0] if line else "Pandoc does not understand it"
                _show_source(piece, formula, reason)
        for piece, result in zip(self.pieces, done["pieces"]):
            piece.warnings += map(one_line, result["problems"])
        return done


def convert(pieces: Sequence[Piece], labels: Sequence[str] = ()) -> None:
    """Fill in the Typst of each piece, and what belongs to it.

    A link to one of the labels, [words](#label), becomes the number of its figure.
    What would be lost is shown as its source, with a warning.
    """
    texts = Texts(pieces)
    _read_html(texts)
    formulas = texts.formulas(partial(_as_typst, texts.mark))
    done = texts.run("typst", formulas, labels=labels)
    places = {anchor for result in done["pieces"] for anchor in result["anchors"]}
    for piece, result in zip(pieces, done["pieces"]):
        for name in ("typst", "titles", "images", "codes", "missing_alt"):
            setattr(piece, name, result[name])
        # Without any labels, links may be meant for something else.
        gone = [link for link in result["links"] if unquote(link) not in places]
        piece.warnings += [f"nothing has the label {link!r}" for link in gone if labels]


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
    return pattern.sub(lambda m: new(m["misread"]) if m["misread"] else m[0], text)


def _unused(texts: Iterable[str]) -> str:
    """Return a private-use character that is in no text, not even as an escape.

    A number between two such characters replaces a formula while Pandoc works on the
    text. Nothing that anybody wrote can be mistaken for that.
    """
    text = "\n".join(texts)
    used = set(text + html.unescape(text))
    return next(char for char in map(chr, range(0xE000, 0x10FFFE)) if char not in used)


def _as_typst(mark: str, formula: Formula, scope: Scope, place: str) -> dict:
    """Return a formula in Typst, with its description, its number and its place."""
    done = Rewritten(formula.tex, formula.display, mark, scope)
    alt = typst_string(" ".join(formula.tex.split()))  # to be read out
    number = f", numbering: n => {typst_string(done.tag)}" if done.tag else ""
    labelled = formula.display and place in [own for _, own in scope.labels.values()]
    gap = " " * formula.display
    typst = f"${gap}{done.typst}{gap}$" + f" <{place}>" * labelled
    return {"typst": f"#[#set math.equation(alt: {alt}{number});{gap}{typst}]"}


def _show_source(piece: Piece, formula: Formula, reason: str) -> None:
    tex = one_line(formula.tex, 120)
    piece.warnings.append(f"the formula ${tex}$ is shown as its source: {reason}")


def _read_html(texts: Texts) -> None:
    """Rewrite the HTML of the requests as a browser reads it; warn of what is lost."""
    both = [*zip(texts.pieces, texts.requests)]
    mixed = [(piece, request) for piece, request in both
             if request["format"] == MARKDOWN and "<" in request["text"]]  # fmt: skip
    common = {"mark": texts.mark, "to": "html"}
    done = run_pandoc(common, [text for _, text in mixed])["pieces"] if mixed else []
    for (piece, request), result in zip(mixed, done):
        if result.get("html"):
            request |= {"format": "html", "text": result["html"]}
            piece.warnings += map(one_line, result["problems"])
    for piece, request in both:
        if request["format"] == "html":
            request["text"], problems = normalize.read(request["text"])
            piece.warnings += map(one_line, problems)


def run_pandoc(common: dict, pieces: list[dict]) -> dict:
    """Return the results of markup.lua for some pieces.

    A piece with which Pandoc never finishes, such as a footnote in itself, is shown as
    its source.
    """
    content = json.dumps(common | {"pieces": pieces}).encode()
    seconds = TIMEOUT_S + len(content) / BYTES_PER_S
    path = Path(__file__).with_name("markup.lua")
    os.environ.pop("PYPANDOC_PANDOC", None)  # Typst needs the one of this version
    try:  # with a temporary folder that is there
        done = subprocess.run(
            [pypandoc.get_pandoc_path(), "+RTS", f"-M{MAX_HEAP}", "-RTS", "lua", path],
            input=content,
            capture_output=True,
            timeout=seconds,
            env=os.environ | dict.fromkeys(("TMPDIR", "TMP"), tempfile.gettempdir()),
        )
        status, messages = done.returncode, done.stderr.decode(errors="replace")
        if not status:
            return json.loads(done.stdout)
    except subprocess.TimeoutExpired as expired:
        status = HEAP_EXHAUSTED
        messages = (expired.stderr or b"").decode(errors="replace")
        messages += f"still at work after {seconds:.0f} s"
    *begun, message = re.split(r"^piece (\d+)$", messages, flags=re.MULTILINE)
    if not begun or status != HEAP_EXHAUSTED or pieces[int(begun[-1])].get("endless"):
        raise ExportError(f"pandoc: {one_line(message)}")
    pieces[int(begun[-1])]["endless"] = True
    return run_pandoc(common, pieces)
