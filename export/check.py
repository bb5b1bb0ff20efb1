"""Open the finished PDF again and see that it is what it must be."""

import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pypdf import PageObject, PdfReader

from export.literals import CONTROLS
from export.pages import read_pages

# The left, right, lower and upper edge of the text in points on US Letter, upright and
# on its side. Typst lets a hyphen or a comma at the end of a line hang over the right,
# and a denominator in the last line over the lower edge, by less than half a line.
UPRIGHT, ON_ITS_SIDE = (71, 546, 53, 727), (39, 753, 33, 571)
JOINED = re.compile(r"[\u0590-\u08ff]")  # letters of Hebrew and Arabic
FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")


@dataclass(frozen=True)
class Expected:
    """What a PDF must hold."""

    first_page: Mapping[str, str]  # texts, by what they are called if they are missing
    titles: Sequence[Sequence[str]]  # of its sections: the words around formulas
    headers: Sequence[str]  # what may stand at the top of a page, beside a title
    code: Sequence[tuple[str, str]]  # of the last section: its places and their lines
    attached: Mapping[str, bytes]  # files by name


@dataclass(frozen=True)
class Section:
    """A question and its pages, counted from 1."""

    title: str
    first: int
    last: int
    top: float  # how high on its first page the title stands


class Checked:
    """A PDF that has been read back."""

    def __init__(self, pdf: bytes, names: Mapping[str, str] | None = None) -> None:
        """names -- of the characters that no font has, which stand in their place"""
        self.names = {ord(char): name for char, name in (names or {}).items()}
        self.reader = PdfReader(io.BytesIO(pdf))
        self.pages = read_pages(pdf, self.reader)
        outline = self.reader.outline  # what is below an entry follows as a list
        entries: list[Any] = [e for e in outline if not isinstance(e, list)]
        page_of = self.reader.get_destination_page_number
        starts = [(page_of(entry) or 0) + 1 for entry in entries]
        ends = [*starts[1:], len(self.pages) + 1]
        self.sections = [
            Section(entry.title, start, max(start, end - 1), float(entry.top))
            for entry, start, end in zip(entries, starts, ends)
        ]

    def text(self, page: int) -> str:
        """All that is printed on a page, counted from 1."""
        return self.pages[page - 1].text

    def faults(self, expected: Expected) -> list[str]:
        """What is not as it must be: all of it, or the first eight faults."""
        faults = [
            *self._cover(expected.first_page),
            *self._titles(expected.titles),
            *self._starts(),
            *self._code(expected.code),
            *self._attachments(expected.attached),
            *self._margins(expected.headers),
            *self._overlaps(),
            *self._fonts(),
        ]
        if not faults:
            return []
        shown = faults[:8] + ["..."] * (len(faults) > 8)
        return ["the PDF is not as it must be: " + "; ".join(shown)]

    def _printed(self, words: str) -> str:
        return _squeezed(words.translate(CONTROLS).translate(self.names))

    def _cover(self, wanted: Mapping[str, str]) -> Iterator[str]:
        for what, words in wanted.items():
            if _found(self._printed(words), _squeezed(self.text(1))) < 0:
                yield f"page 1 lacks {what}"
        if self.sections and self.sections[0].first < 3:
            yield "page 1 is not the cover alone"

    def _titles(self, wanted: Sequence[Sequence[str]]) -> Iterator[str]:
        titles = [section.title for section in self.sections]
        patterns = [  # a formula may be written in any way
            ".*".join(re.escape(self._printed(words)) for words in title)
            for title in wanted
        ]
        if len(titles) != len(patterns) or not all(
            re.fullmatch(pattern, _squeezed(title))
            for pattern, title in zip(patterns, titles)
        ):
            yield f"its sections are {titles}, not {['…'.join(t) for t in wanted]}"

    def _starts(self) -> Iterator[str]:
        for section in self.sections:
            marks = self.pages[section.first - 1].marks
            *_, top = edges(self.reader.pages[section.first - 1])
            if any(section.top < mark.bottom < top and mark.text for mark in marks):
                yield f"{section.title!r} does not begin page {section.first}"
        for one, other in pairwise(self.sections):
            if one.first == other.first:
                yield f"{other.title!r} shares page {one.first}"

    def _code(self, wanted: Sequence[tuple[str, str]]) -> Iterator[str]:
        first = self.sections[-1].first if self.sections else 1
        words = ""
        for page, sheet in zip(self.pages[first - 1 :], self.reader.pages[first - 1 :]):
            *_, bottom, top = edges(sheet)  # of what is neither header nor footer
            words += "".join(m.text for m in page.marks if bottom <= m.bottom <= top)
        printed, position = _squeezed(words), 0
        for where, source in wanted:
            for number, line in enumerate(source.split("\n"), 1):
                if not line.strip():
                    continue  # is printed as a gap
                numbered = str(number) + self._printed(line)
                found = _found(numbered, printed, position)
                if found < 0:
                    yield f"the appendix lacks line {number} of {where}"
                    break
                position = found + len(numbered)

    def _attachments(self, wanted: Mapping[str, bytes]) -> Iterator[str]:
        attached = self.reader.attachments
        for name, content in wanted.items():
            if attached.get(name) != [content]:
                yield f"{name} is not attached as it is"

    def _margins(self, others: Sequence[str]) -> Iterator[str]:
        titles = [section.title for section in self.sections]
        headers = {"", *map(_squeezed, titles), *map(_squeezed, others)}
        for number, page in enumerate(self.pages, 1):
            left, right, bottom, top = edges(self.reader.pages[number - 1])
            inside = [m for m in page.marks if m.left >= left and m.right <= right]
            for mark in page.marks:
                sign = mark.text and not any(map(str.isalnum, mark.text))
                hanging = 5 if sign else 0  # pt: a stop of Arabic or Hebrew
                if mark.left < left - hanging or mark.right > right:
                    what = repr(mark.text) if mark.text else "a picture"
                    yield f"page {number}: {what} is outside the margins"
            footer = "".join(m.text for m in inside if m.bottom < bottom)
            if footer not in ("", f"{number}of{len(self.pages)}"):
                yield f"page {number}: {footer!r} is below the margin"
            header = _squeezed("".join(m.text for m in inside if m.bottom > top))
            if header not in headers:
                yield f"page {number}: {header!r} is above the margin"

    def _overlaps(self) -> Iterator[str]:
        """Words printed over each other, as those too long for the cell of a table."""
        for number, page in enumerate(self.pages, 1):
            words = [mark for mark in page.marks if any(map(str.isalnum, mark.text))
                     and not JOINED.search(mark.text)]  # fmt: skip
            words.sort(key=lambda mark: (round(mark.bottom, 1), mark.left))
            for one, other in pairwise(words):
                same_line = round(one.bottom, 1) == round(other.bottom, 1)
                if same_line and other.left < one.right - 3:
                    yield f"page {number}: {other.text!r} stands on {one.text!r}"

    def _fonts(self) -> Iterator[str]:
        for number, page in enumerate(self.reader.pages, 1):
            for font in _fonts_of(page):
                name = font.get("/BaseFont", "a font")
                inner = [d.get_object() for d in font.get("/DescendantFonts", [font])]
                files = inner[0].get("/FontDescriptor", {}).keys()
                if font["/Subtype"] != "/Type3" and not set(files) & set(FONT_FILES):
                    yield f"page {number}: {name} is not embedded"


def edges(page: PageObject) -> tuple[int, int, int, int]:
    """Where the text of a page ends."""
    return ON_ITS_SIDE if page.mediabox.width > page.mediabox.height else UPRIGHT


def _fonts_of(holder: Any) -> Iterator[Any]:
    """The fonts of a page, and of the pictures in it."""
    resources = holder.get("/Resources", {}).get_object()
    for font in resources.get("/Font", {}).values():
        yield font.get_object()
    for form in resources.get("/XObject", {}).values():
        if "/Resources" in form.get_object():
            yield from _fonts_of(form.get_object())


def _squeezed(text: str) -> str:
    """Text without spaces and without the differences that typesetting makes."""
    text = unicodedata.normalize("NFKD", text).replace("’", "'").replace("‘", "'")
    text = text.replace("“", '"').replace("”", '"')
    text = "".join(char for char in text if not unicodedata.combining(char))
    return re.sub(r"[\s\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff]", "", text)


def _found(wanted: str, text: str, start: int = 0) -> int:
    """Where some squeezed text stands; -1 if nowhere."""
    if not JOINED.search(wanted):
        return text.find(wanted, start)
    # Hebrew and Arabic stand in the order of the page, words and signs swapped.
    letters = sorted(wanted)
    for place in range(start, len(text) - len(wanted) + 1):
        if sorted(text[place : place + len(wanted)]) == letters:
            return place
    return -1
