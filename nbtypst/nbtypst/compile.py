"""Typst source to PDF: fonts for every character, a way around what Typst refuses."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import typst  # noqa: F401 (for the child process: fails here if it is missing)

from nbtypst.errors import ExportError, one_line
from nbtypst.literals import CONTROLS, typst_string
from nbtypst.plaintext import truncate

# Tried in this order: PDF/UA-1, which blind people can read, too; a standard that also
# reports missing glyphs; any PDF.
STANDARDS = ("ua-1",), ("a-3u",), ()
PICTURE_TIMEOUT_S = 15  # for a picture alone, and as much again for each megabyte
NO_GLYPH = "□\u2009"  # replaces a character without a font; a line may end there
NO_ALT = "a formula has no description for those who cannot see it"
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f]")  # Typst's own is monospaced
# The beginning of each cell, as the template marks it, and of the part after them all.
_CELL = re.compile(r'^(?=#metadata\((".*")\)<nbtypst-cell>\n)', re.MULTILINE)
TIMEOUT_S = 60  # for a document, and as much again for each megabyte in it

# This runs in a process of its own, since a crash of Typst ends the process. It exits
# when the process that waits for it ends in any way, because its input is then closed.
_CHILD = """
import json, os, sys, threading, typst
folder, system_fonts, *standards = sys.argv[1:]
threading.Thread(target=lambda: os._exit(bool(sys.stdin.read())), daemon=True).start()
document = folder + "/main.typ"
try:
    compiler = typst.Compiler(document, folder, ignore_system_fonts=not system_fonts)
    compiler.compile(output=folder + "/out.pdf", pdf_standards=standards)
    answer = json.loads(compiler.query("<nbtypst-small>", "value"))  # from its cache
except typst.TypstError as error:
    answer = [str(error.message), str(error.diagnostic)]
with open(folder + "/answer.json", "w") as file:  # others may print
    json.dump(answer, file)
"""


class TypstError(ExportError):
    """Typst makes no PDF.

    faults -- its messages about the document, each with its line (from 1; 0 if that is
    not known); empty if it crashed or, as `is_endless` says, did not finish in time
    """

    def __init__(
        self, message: str, diagnostic: str = "", *, is_endless: bool = False
    ) -> None:
        super().__init__(f"typst: {message}")
        self.is_endless = is_endless
        faults = re.split(r"^error: ", diagnostic, flags=re.MULTILINE)[1:]
        lines = [re.findall(r"main\.typ:(\d+):", fault) or ["0"] for fault in faults]
        self.faults = [(fault.partition("\n")[0], int(known[-1]))
                       for fault, known in zip(faults, lines)]  # fmt: skip
        self.is_of_standard = bool(re.search("^PDF/|in this export mode", message))
        text = "".join(re.findall('text `"(.*)"` could not be displayed', diagnostic))
        text = re.sub(r"\\u\{(\w+)\}", lambda match: chr(int(match[1], 16)), text)
        self.missing_glyphs = {char for char in text if char > "\x7f"}


def run_typst(
    source: str, files: Mapping[str, bytes], standards: Sequence[str] = (), *,
    system_fonts: bool = False, timeout: float = TIMEOUT_S,
    small: list[str] | None = None,
) -> bytes:
    """Return the PDF of a Typst document, compiled once and without repairs.

    files -- the pictures and attachments by path
    standards -- what the PDF must conform to
    timeout -- seconds, and as many again for each megabyte
    small -- a list that gets a warning for each text that style.typ sets below 5 pt

    Raises TypstError if Typst refuses the document, crashes or does not finish in time.
    """
    seconds = timeout * (1 + (len(source) + sum(map(len, files.values()))) / 1e6)
    reading, writing = os.pipe()
    with open(reading) as held_open, open(writing, "w"), \
            tempfile.TemporaryDirectory(prefix="typst-") as folder:  # fmt: skip
        for name, content in {"main.typ": source.encode(), **files}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        options = [folder, "yes" * system_fonts, *standards]
        try:
            done = subprocess.run([sys.executable, "-c", _CHILD, *options],
                                  stdin=held_open, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=seconds)  # fmt: skip
        except subprocess.TimeoutExpired:
            reason = f"still at work after {seconds:.0f} s"
            raise TypstError(reason, is_endless=True) from None
        if done.returncode:
            last = one_line(done.stderr.decode(errors="replace"), 200)
            reason = f"it crashed, over something nested or too large: {last}"
            raise TypstError(f"{reason} (status {done.returncode})")
        answer = json.loads(Path(folder, "answer.json").read_bytes())
        pdf = Path(folder, "out.pdf")
        if not pdf.exists():
            raise TypstError(*answer)
        if small is not None:
            small += answer
        return pdf.read_bytes()


class Compiled(NamedTuple):
    """A PDF, and what could not be shown as it was meant."""

    pdf: bytes
    warnings: list[str]


def compile_document(
    source: str, files: Mapping[str, bytes], rasters: Mapping[str, bytes] | None = None
) -> Compiled:
    """Return the PDF of a document, and warnings of what is not shown as meant.

    It is PDF/UA-1 if the document allows that; else the warnings name what does not.
    The system's fonts are used only for scripts that the built-in ones lack; characters
    that they lack, too, become boxes. A cell that Typst refuses is shown as its source.

    files -- the pictures and attachments by path
    rasters -- PNGs to be shown in place of pictures with which Typst never finishes

    Raises ExportError if Typst refuses something outside of all cells.
    """
    document = _Document(source.translate(CONTROLS), dict(files), rasters or {})
    while True:
        small: list[str] = []
        try:
            pdf = run_typst("".join(document.parts), document.files,
                            STANDARDS[document.level], small=small,
                            system_fonts=document.system_fonts)  # fmt: skip
            return Compiled(pdf, [*document.warnings, *dict.fromkeys(small)])
        except TypstError as error:
            document.repair(error)


class _Document:
    """A document in parts: its head, the cells, and what comes after them."""

    def __init__(
        self, source: str, files: dict[str, bytes], rasters: Mapping[str, bytes]
    ) -> None:
        head, *cells = _CELL.split(source)
        self.parts = [head, *cells[1::2]]
        self.places = ["", *map(json.loads, cells[::2])]  # empty: it is not a cell
        self.files, self.rasters = files, rasters
        self.warnings: dict[str, None] = {}
        self.level = 0  # in STANDARDS
        self.system_fonts = bool(_ARABIC.search(source))
        self.lacking: set[str] = set()  # what the built-in fonts lack

    def repair(self, error: TypstError) -> None:
        """Change what Typst reports; raise the error if it is not in a cell."""
        if missing := error.missing_glyphs & {*"".join(self.parts)}:
            self.find_glyphs(missing)
        elif error.is_of_standard:
            if self.level == 0:
                self.name_what_is_not_accessible(error)
            self.level += 1
        elif error.is_endless:
            self.replace_endless_pictures(error)
        else:
            self.show_as_source(error)

    def warn(self, number: int, what: str) -> None:
        place = self.places[number] or ("the appendix" if number else "the document")
        self.warnings[f"{place}: {what}"] = None

    def cell_at(self, line: int) -> int | None:
        """Return the number of the cell with a line of the source, or None."""
        ends = [*accumulate(part.count("\n") for part in self.parts)]
        number = bisect_left(ends, line)
        return number if [*self.places, ""][number] else None

    def find_glyphs(self, missing: set[str]) -> None:
        """Use the system's fonts; what they lack as well becomes a box."""
        if not self.system_fonts and not self.lacking:
            self.lacking, self.system_fonts = missing, True
            return
        self.system_fonts = self.system_fonts and missing != self.lacking
        unseen = {c for c in missing if unicodedata.category(c) in ("Cf", "Cc", "Co")
                  or "\ufe00" <= c <= "\ufe0f"}  # a variation selector
        boxes = {ord(c): "" if c in unseen else NO_GLYPH for c in missing}
        for number, text in enumerate(self.parts):
            self.parts[number] = text.translate(boxes)
            if here := sorted(missing & {*text} - unseen, key=text.index):
                more = f" and {len(here) - 5} more" if len(here) > 5 else ""
                what = f"{', '.join(here[:5])}{more}, shown as {NO_GLYPH[0]}"
                self.warn(number, f"no font on this computer has {what}")

    def name_what_is_not_accessible(self, error: TypstError) -> None:
        """Warn of what keeps the document from being PDF/UA, by cell where it is known.

        Pictures without a description have been named before, and have no cell here.
        """
        for message, line in error.faults:
            number, no_alt = self.cell_at(line), "missing alt text" in message
            if number is not None:
                self.warn(number, NO_ALT if no_alt else message)
            elif not no_alt:
                known = message.partition(" with font ")[0]  # the font differs
                drawings = [name for name, alone in self.errors_of_drawings.items()
                            if any(known in fault for fault, _ in alone.faults)]
                for user in [n for name in drawings for n in self.users(name)] or [0]:
                    self.warn(user, message)

    def users(self, name: str) -> list[int]:
        """Return the numbers of the cells that show a picture."""
        return [n for n, part in enumerate(self.parts) if typst_string(name) in part]

    @cached_property
    def errors_of_drawings(self) -> dict[str, TypstError]:
        """The error of each drawing that Typst refuses, tried alone and only once."""
        errors = {}
        for name, content in self.files.items():
            if name.endswith((".svg", ".pdf")):
                shown = f'#image({typst_string(name)}, alt: "a")'
                try:
                    run_typst(f'#set document(title: "t")\n{shown}', {name: content},
                              STANDARDS[0], timeout=PICTURE_TIMEOUT_S)  # fmt: skip
                except TypstError as error:
                    errors[name] = error
        return errors

    def replace_endless_pictures(self, error: TypstError) -> None:
        """Replace drawings with which Typst never finishes by PNGs or placeholders."""
        endless = [name for name, alone in self.errors_of_drawings.items()
                   if alone.is_endless and self.files.pop(name, b"")]  # fmt: skip
        if not endless:
            raise error
        for name in endless:
            shown, new = "it is not shown", "none"
            if name in self.rasters:
                shown, new = "its PNG is shown", typst_string(f"{name}.png")
                self.files[f"{name}.png"] = self.rasters[name]
            for number in self.users(name):
                self.warn(number, f"Typst never finishes with a picture: {shown}")
                part = self.parts[number]
                self.parts[number] = part.replace(typst_string(name), new)

    def show_as_source(self, error: TypstError) -> None:
        """Show the Typst of the cell at fault, unless it is already shown like this."""
        line = error.faults[-1][1] if error.faults else 0
        number = self.cell_at(line) or self.first_cell_with(error)
        mark, _, text = self.parts[number].partition("\n")
        if mark.startswith("#unset("):
            raise error
        self.parts[number] = f"#unset({typst_string(truncate(text.strip())[0])})\n"
        self.warn(number, one_line(error))

    def first_cell_with(self, error: TypstError) -> int:
        """Return the number of the first cell with which the document has an error."""
        def fails(count: int) -> bool:
            try:
                run_typst("".join(self.parts[:count]), self.files)
            except TypstError as again:
                return str(again) == str(error)
            return False

        counts = range(1, len(self.parts))  # the last part is not a cell
        number = bisect_left(counts, True, key=fails)
        if not 0 < number < len(counts):
            raise error
        return number
