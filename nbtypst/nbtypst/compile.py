"""Typst source to PDF: fonts for every character, a way around what Typst refuses."""

import json
import re
import subprocess
import sys
import tempfile
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import typst  # noqa: F401 (for the child: if it is missing, better known here)

from nbtypst.errors import ExportError, one_line
from nbtypst.literals import CONTROLS, typst_string
from nbtypst.plaintext import truncate

# The first that a document allows: PDF/UA-1, which everybody can read, with eyes or
# without; one that names missing glyphs as well; any PDF.
STANDARDS = ("ua-1",), ("a-3u",), ()
TIMEOUT_S = 600
NO_GLYPH = "□\u2009"  # in the place of a character without a font; a line may end there
_CELL = re.compile(r"^// Cell: (.*)\n", re.MULTILINE)  # as the template marks each

# What runs in a process of its own, since a crash of Typst ends it.
_CHILD = """
import json, sys, typst
folder, system_fonts, *standards = sys.argv[1:]
try:
    pdf = typst.compile(folder + "/main.typ", root=folder, pdf_standards=standards,
                        ignore_system_fonts=not system_fonts)
except typst.TypstError as error:
    pdf = json.dumps([str(error.message), str(error.diagnostic)]).encode()
sys.stdout.buffer.write(pdf)
"""


class Refusal(ExportError):
    """What Typst does not compile: its message, and all faults, with their lines."""

    def __init__(self, message: str, diagnostic: str = "") -> None:
        super().__init__(f"typst: {message}")
        self.faults: list[tuple[str, int]] = []  # line 0: it is not known
        for fault in re.split(r"^(?=error: )", diagnostic, flags=re.MULTILINE)[1:]:
            lines = re.findall(r"main\.typ:(\d+):", fault)
            what = fault.partition("\n")[0].removeprefix("error: ")
            self.faults.append((what, int(lines[-1]) if lines else 0))
        self.is_of_standard = bool(re.search("^PDF/|in this export mode", message))

    def missing_glyphs(self) -> set[str]:
        """The characters that no font has."""
        words = [re.search('the text `"(.*)"` could not be displayed', what)
                 for what, _ in self.faults]  # fmt: skip
        text = "".join(found[1] for found in words if found)
        text = re.sub(r"\\u\{(\w+)\}", lambda match: chr(int(match[1], 16)), text)
        return {char for char in text if char > "\x7f"}


class Compiled(NamedTuple):
    """A PDF, and what could not be shown as it was meant."""

    pdf: bytes
    warnings: list[str]


def compile_document(source: str, files: Mapping[str, bytes]) -> Compiled:
    """The PDF of a Typst document, with a warning for each cell that is not as meant.

    It is PDF/UA-1 if the document allows it, and what does not allow it is named. The
    system's fonts are asked only for characters that the built-in ones lack; what these
    lack, too, becomes a box. A cell that Typst refuses is shown as its source.

    files -- the pictures and attachments by path

    Raises ExportError if Typst refuses what is in no cell.
    """
    source = source.translate(CONTROLS)
    warnings: list[str] = []
    level, system_fonts = 0, False
    lacking: set[str] = set()  # in the fonts that come with Typst
    while True:  # each round has one cell, script or standard less to try
        try:
            pdf = run_typst(source, files, STANDARDS[level], system_fonts=system_fonts)
            return Compiled(pdf, warnings)
        except ExportError as error:
            refusal = error if isinstance(error, Refusal) else Refusal(str(error))
            missing = refusal.missing_glyphs() & set(source)
            if missing and not lacking:
                lacking, system_fonts = missing, True
            elif missing:
                system_fonts = missing != lacking
                warnings += _without_font(missing, source)
                boxes = {ord(c): "" if _is_unseen(c) else NO_GLYPH for c in missing}
                source = source.translate(boxes)
            elif refusal.is_of_standard:
                if level == 0:
                    warnings += _not_accessible(refusal, source)
                level += 1
            else:
                number = _refused_cell(error, refusal, source, files)
                where, text, source = _as_its_source(number, source)
                if text.startswith("#unset("):  # it is shown so already
                    raise
                warnings.append(f"{where}: {one_line(error)}")


def _without_font(missing: set[str], source: str) -> Iterator[str]:
    """A warning for each cell with characters that no font has."""
    _, *texts = _CELL.split(source)
    for where, text in zip(texts[::2], texts[1::2]):
        here = [c for c in dict.fromkeys(text) if c in missing and not _is_unseen(c)]
        if here:
            more = f" and {len(here) - 5} more" if len(here) > 5 else ""
            shown = ", ".join(here[:5]) + more + f", shown as {NO_GLYPH[0]}"
            yield f"{where or 'the appendix'}: no font on this computer has {shown}"


def _is_unseen(char: str) -> bool:
    """Whether a character takes no room of its own, such as a variation selector."""
    unseen = unicodedata.category(char) in ("Cf", "Cc", "Co")
    return unseen or "\ufe00" <= char <= "\ufe0f"


def _not_accessible(refusal: Refusal, source: str) -> list[str]:
    """What keeps the document from being PDF/UA, cell by cell if Typst says where.

    Pictures without a description have been named before.
    """
    marks = _marks(source)
    found = {
        f"{marks[number][1] if number is not None else 'the document'}: {message}"
        for message, line in refusal.faults
        for number in [_cell_at(line, source)]
        if "PDF/UA" in message and "alt text" not in message
    }
    return sorted(found)


def _marks(source: str) -> list[re.Match]:
    return [*_CELL.finditer(source)]


def _cell_at(line: int, source: str) -> int | None:
    """The number of the cell that has a line of the source; None if none has."""
    marks = _marks(source)
    starts = [source.count("\n", 0, mark.start()) + 1 for mark in marks]
    number = bisect_right(starts, line) - 1
    return number if number >= 0 and marks[number][1] else None


def _refused_cell(
    error: ExportError, refusal: Refusal, source: str, files: Mapping[str, bytes]
) -> int:
    """The number of the cell that is refused: it is found by halves if none is named.

    Raises the error if it comes from outside of the cells.
    """
    line = refusal.faults[-1][1] if refusal.faults else 0
    if (named := _cell_at(line, source)) is not None:
        return named
    marks = _marks(source)

    def is_refused(first: int, last: int) -> bool:
        part = source[marks[first].start() : marks[last].start()]
        try:
            run_typst(source[: marks[0].start()] + part, files)
        except ExportError as again:
            return str(again) == str(error)
        return False

    first, last = 0, len(marks) - 1  # below the last mark is what is in no cell
    if line or last < 1 or not is_refused(first, last):
        raise error
    while last - first > 1:
        half = (first + last) // 2
        first, last = (first, half) if is_refused(first, half) else (half, last)
    return first


def _as_its_source(number: int, source: str) -> tuple[str, str, str]:
    """Where a cell is from, its Typst, and the document that shows that as code."""
    marks = _marks(source)
    start, end = marks[number].end(), marks[number + 1].start()
    text = source[start:end].strip()
    shown = f"#unset({typst_string(truncate(text)[0])})\n"
    return marks[number][1], text, source[:start] + shown + source[end:]


def run_typst(
    source: str, files: Mapping[str, bytes], standards: Sequence[str] = (), *,
    system_fonts: bool = False,
) -> bytes:
    """The PDF of a Typst document as it is.

    files -- the pictures and attachments by path
    standards -- what the PDF must conform to

    Raises Refusal with Typst's message, or ExportError if it crashes or never ends.
    """
    with tempfile.TemporaryDirectory(prefix="typst-") as folder:
        for name, content in {"main.typ": source.encode(), **files}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        fonts = "yes" * system_fonts
        command = [sys.executable, "-c", _CHILD, folder, fonts, *standards]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ExportError(f"typst: still at work after {TIMEOUT_S} s") from None
    if done.returncode:
        last = one_line(done.stderr.decode(errors="replace"), 200)
        reason = f"it crashed, over something nested or too large: {last}"
        raise ExportError(f"typst: {reason} (status {done.returncode})")
    if done.stdout.startswith(b"%PDF"):
        return done.stdout
    raise Refusal(*json.loads(done.stdout))
