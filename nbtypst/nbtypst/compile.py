"""Typst source to PDF: fonts for every character, a way around what Typst refuses."""

import functools
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from nbtypst.engine import Endless, Refusal, run_typst
from nbtypst.errors import ExportError, one_line
from nbtypst.literals import CONTROLS, typst_string
from nbtypst.plaintext import truncate

# The first that a document allows: PDF/UA-1, which everybody can read, with eyes or
# without; one that names missing glyphs as well; any PDF.
STANDARDS = ("ua-1",), ("a-3u",), ()
PICTURE_TIMEOUT_S = 15  # of a picture alone, and as much again for each megabyte
NO_GLYPH = "□\u2009"  # in the place of a character without a font; a line may end there
NO_ALT = "a formula has no description for those who cannot see it"
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f]")  # built in only with fixed width
_CELL = re.compile(r"^// Cell: (.*)\n", re.MULTILINE)  # as the template marks each


class Compiled(NamedTuple):
    """A PDF, and what could not be shown as it was meant."""

    pdf: bytes
    warnings: list[str]


def compile_document(
    source: str, files: Mapping[str, bytes],
    rasters: Mapping[str, bytes] = MappingProxyType({}),
) -> Compiled:
    """The PDF of a Typst document, with a warning for each cell that is not as meant.

    It is PDF/UA-1 if the document allows it, and what does not allow it is named. The
    system's fonts are asked only for scripts that the built-in ones lack; what these
    lack, too, becomes a box. A cell that Typst refuses is shown as its source.

    files -- the pictures and attachments by path
    rasters -- PNGs to be shown instead, should Typst never end with a picture

    Raises ExportError if Typst refuses what is in no cell.
    """
    return _Compilation(source.translate(CONTROLS), dict(files), rasters).result()


class _Compilation:
    """A document on its way to a PDF, in as many rounds as it has things to mend."""

    def __init__(
        self, source: str, files: dict[str, bytes], rasters: Mapping[str, bytes]
    ) -> None:
        self.source, self.files, self.rasters = source, files, rasters
        self.warnings: list[str] = []
        self.level = 0  # in STANDARDS
        self.system_fonts = bool(_ARABIC.search(source))
        self.lacking: set[str] = set()  # in the fonts that come with Typst

    def result(self) -> Compiled:
        while True:  # each round has one cell, picture, script or standard less to try
            try:
                standards = STANDARDS[self.level]
                pdf = run_typst(self.source, self.files, standards,
                                system_fonts=self.system_fonts)  # fmt: skip
                return Compiled(pdf, self.warnings)
            except Refusal as refusal:
                missing = refusal.missing_glyphs() & set(self.source)
                if missing:
                    self.find_glyphs(missing)
                elif refusal.is_of_standard:
                    if self.level == 0:
                        self.warnings += self.not_accessible(refusal)
                    self.level += 1
                else:
                    self.show_as_source(self.cell_at(refusal.line), refusal)
            except Endless as error:
                self.replace_endless_pictures(error)
            except ExportError as error:  # a crash
                self.show_as_source(None, error)

    def cells(self) -> Iterator[tuple[str, str]]:
        """Where each cell is from, and its Typst; what is in no cell comes last."""
        _, *parts = _CELL.split(self.source)
        return zip(parts[::2], parts[1::2])

    def cell_at(self, line: int) -> int | None:
        """The number of the cell that has a line of the source; None if none has."""
        marks = [*_CELL.finditer(self.source)]
        starts = [self.source.count("\n", 0, mark.start()) + 1 for mark in marks]
        number = bisect_right(starts, line) - 1
        return number if number >= 0 and marks[number][1] else None

    def find_glyphs(self, missing: set[str]) -> None:
        """Ask the system's fonts; what they lack as well becomes a box."""
        if not self.system_fonts and not self.lacking:
            self.lacking, self.system_fonts = missing, True
            return
        self.system_fonts = self.system_fonts and missing != self.lacking
        for where, text in self.cells():
            here = [c for c in missing if c in text and not _is_unseen(c)]
            here.sort(key=text.index)
            if here:
                more = f" and {len(here) - 5} more" if len(here) > 5 else ""
                shown = ", ".join(here[:5]) + more + f", shown as {NO_GLYPH[0]}"
                where = where or "the appendix"
                self.warnings.append(f"{where}: no font on this computer has {shown}")
        boxes = {ord(c): "" if _is_unseen(c) else NO_GLYPH for c in missing}
        self.source = self.source.translate(boxes)

    def not_accessible(self, refusal: Refusal) -> list[str]:
        """What keeps the document from being PDF/UA, by cells where that is known.

        Pictures without a description have been named before, and are in no cell here.
        """
        found: dict[str, None] = {}
        cells = [*self.cells()]
        for message, line in refusal.faults:
            no_alt, number = "missing alt text" in message, self.cell_at(line)
            if no_alt and number is None:
                continue
            what = NO_ALT if no_alt else message
            numbers = [number] if number is not None else self.users_of_refused(message)
            for number in numbers:
                found[f"{cells[number][0]}: {what}"] = None
            if not numbers:
                found[f"the document: {what}"] = None
        return [*found]

    def users_of_refused(self, message: str) -> list[int]:
        """The cells with a drawing for which, alone, Typst has the same message."""
        known = message.partition(" with font ")[0]  # which differs
        literals = [literal for literal, faults in self.faults_of_drawings.items()
                    if any(known in fault for fault in faults)]  # fmt: skip
        return [number for literal in literals
                for number, (_, text) in enumerate(self.cells()) if literal in text]

    @functools.cached_property  # each is tried once, for however many messages
    def faults_of_drawings(self) -> dict[str, list[str]]:
        """What Typst has against each drawing alone, by its literal in the source."""
        found = {}
        for name, content in self.files.items():
            if name.endswith((".svg", ".pdf")):
                literal = typst_string(name)
                alone = f'#set document(title: "t")\n#image({literal}, alt: "a")'
                try:
                    run_typst(alone, {name: content}, STANDARDS[0])
                except Refusal as refusal:
                    found[literal] = [what for what, _ in refusal.faults]
        return found

    def replace_endless_pictures(self, error: Endless) -> None:
        """Put PNGs or placeholders for drawings with which Typst comes to no end.

        Raises the error if there is none.
        """
        endless = [name for name in self.files if self.is_endless(name)]
        for name in endless:
            raster, known = f"{name}.png", name in self.rasters
            shown = "its PNG is shown" if known else "it is not shown"
            self.warnings += [
                f"{where}: Typst comes to no end with a picture: {shown}"
                for where, text in self.cells() if typst_string(name) in text
            ]  # fmt: skip
            new = typst_string(raster) if known else "none"
            self.source = self.source.replace(typst_string(name), new)
            self.files |= {raster: self.rasters[name]} if known else {}
            del self.files[name]
        if not endless:
            raise error

    def is_endless(self, name: str) -> bool:
        """Whether a picture, each tried alone, keeps Typst at work for too long."""
        try:
            if name.endswith(".svg"):
                run_typst(f"#image({typst_string(name)})", {name: self.files[name]},
                          timeout=PICTURE_TIMEOUT_S)  # fmt: skip
        except Endless:
            return True
        except ExportError:  # known when the document is tried again
            pass
        return False

    def show_as_source(self, number: int | None, error: ExportError) -> None:
        """Show the Typst of the cell with that number, or of the one that is refused.

        Raises the error if it is about no cell, or about one that is shown so already.
        """
        if number is None:
            number = self.search(error)
        marks = [*_CELL.finditer(self.source)]
        start, end = marks[number].end(), marks[number + 1].start()
        text = self.source[start:end].strip()
        if text.startswith("#unset("):
            raise error
        shown = f"#unset({typst_string(truncate(text)[0])})\n"
        self.source = self.source[:start] + shown + self.source[end:]
        self.warnings.append(f"{marks[number][1]}: {one_line(error)}")

    def search(self, error: ExportError) -> int:
        """The number of the cell that is refused, found by halves.

        Raises the error if it is in no cell.
        """
        marks = [*_CELL.finditer(self.source)]

        def is_refused(first: int, last: int) -> bool:
            part = self.source[marks[first].start() : marks[last].start()]
            try:
                run_typst(self.source[: marks[0].start()] + part, self.files)
            except ExportError as again:
                return str(again) == str(error)
            return False

        first, last = 0, len(marks) - 1  # below the last mark is what is in no cell
        if last < 1 or is_refused(0, 0) or not is_refused(first, last):
            raise error
        while last - first > 1:
            half = (first + last) // 2
            first, last = (first, half) if is_refused(first, half) else (half, last)
        return first


def _is_unseen(char: str) -> bool:
    """Whether a character takes no room of its own, such as a variation selector."""
    unseen = unicodedata.category(char) in ("Cf", "Cc", "Co")
    return unseen or "\ufe00" <= char <= "\ufe0f"
