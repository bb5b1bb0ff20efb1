"""Open the finished PDF again and see that it is what it must be."""

import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pypdf import PdfReader

from export import ExportError
from export.cover import STATEMENT
from export.maths import FORMULA
from export.pages import Mark, marks
from export.write_up import APPENDIX, WriteUp

# The edges of the text in points: US Letter with margins of an inch, into which Typst
# lets a hyphen or a comma at the end of a line hang.
LEFT, RIGHT, BOTTOM, TOP = 71, 546, 66, 722
FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")


@dataclass(frozen=True)
class Section:
    """A question and its pages, counted from 1."""

    title: str
    first: int
    last: int
    top: float  # how high on its first page the title stands


class Checked:
    """A PDF that has been read back."""

    def __init__(self, pdf: bytes, pages: list[list[Mark]] | None = None) -> None:
        """`pages` are the marks on the pages, if they have been read already."""
        self.reader = PdfReader(io.BytesIO(pdf))
        self.pages = pages or [list(marks(page)) for page in self.reader.pages]
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
        return "".join(mark.text for mark in self.pages[page - 1])

    def check(self, write_up: WriteUp) -> None:
        """Raise ExportError with everything that is wrong."""
        faults = [
            *self._cover(write_up),
            *self._questions(write_up),
            *self._appendix(write_up),
            *self._attachments(write_up),
            *self._margins(write_up),
            *self._overlaps(),
            *self._fonts(),
        ]
        if faults:
            shown = faults[:8] + ["..."] * (len(faults) > 8)
            raise ExportError("the PDF is not as it must be: " + "; ".join(shown))

    def _cover(self, write_up: WriteUp) -> Iterator[str]:
        if _squeezed(STATEMENT) not in _squeezed(self.text(1)):
            yield "page 1 lacks the honor statement"
        for name in (write_up.cover.name, *write_up.cover.worked_with):
            if _found(_squeezed(name), _squeezed(self.text(1))) < 0:
                yield f"page 1 lacks the name {name!r}"
        if self.sections and self.sections[0].first < 3:
            yield "page 1 is not the cover alone"

    def _questions(self, write_up: WriteUp) -> Iterator[str]:
        titles = [section.title for section in self.sections]
        wanted = write_up.titles + [APPENDIX] * bool(write_up.listings)
        # A formula in a title may be written in any way.
        patterns = [
            re.escape(_squeezed(title)).replace(re.escape(FORMULA), ".*")
            for title in wanted
        ]
        if len(titles) != len(wanted) or not all(
            re.fullmatch(pattern, _squeezed(title))
            for pattern, title in zip(patterns, titles)
        ):
            yield f"its sections are {titles}, not {wanted}"
        for section in self.sections:
            page = self.pages[section.first - 1]
            above = [m for m in page if section.top < m.bottom < TOP and m.text.strip()]
            if above:
                yield f"{section.title!r} does not begin page {section.first}"
        for one, other in pairwise(self.sections):
            if one.first == other.first:
                yield f"{other.title!r} shares page {one.first}"

    def _appendix(self, write_up: WriteUp) -> Iterator[str]:
        first = self.sections[-1].first if self.sections else 1
        printed = _squeezed("".join(map(self.text, range(first, len(self.pages) + 1))))
        position = 0
        for listing in write_up.listings:
            for number, line in enumerate(listing.source.split("\n"), 1):
                wanted = str(number) + _squeezed(line)
                found = _found(wanted, printed, position)
                if found < 0:
                    where = f"{listing.title} {listing.label}".strip()
                    yield f"the appendix lacks line {number} of {where}"
                    break
                position = found + len(wanted)

    def _attachments(self, write_up: WriteUp) -> Iterator[str]:
        attached = self.reader.attachments
        for name, content in write_up.attached.items():
            if attached.get(name) != [content]:
                yield f"{name} is not attached as it is"

    def _margins(self, write_up: WriteUp) -> Iterator[str]:
        count = len(self.pages)
        headers = {_squeezed(section.title) for section in self.sections}
        for listing in write_up.listings:
            headers.add(_squeezed(APPENDIX + listing.title))
        for number, page in enumerate(self.pages, 1):
            header: list[Mark] = []
            footer: list[Mark] = []
            for mark in page:
                if mark.left < LEFT or mark.right > RIGHT:
                    what = repr(mark.text.strip()) if mark.text else "a picture"
                    yield f"page {number}: {what} is outside the margins"
                elif mark.bottom < BOTTOM:
                    footer.append(mark)
                elif mark.bottom > TOP:
                    header.append(mark)
            said = "".join(mark.text for mark in footer)
            if said not in ("", f"{number} of {count}"):
                yield f"page {number}: {said!r} is below the margin"
            said = _squeezed("".join(mark.text for mark in header))
            if said and said not in headers:
                yield f"page {number}: {said!r} is above the margin"

    def _overlaps(self) -> Iterator[str]:
        """Words printed over each other, as those too long for the cell of a table."""
        for number, page in enumerate(self.pages, 1):
            words = [mark for mark in page if any(map(str.isalnum, mark.text))]
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
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'")
    text = text.replace("“", '"').replace("”", '"')
    return re.sub(r"[\s\u00ad\u200b\u2060]", "", text)


def _found(wanted: str, text: str, start: int = 0) -> int:
    """Where some squeezed text stands; -1 if nowhere."""
    if not re.search(r"[\u0590-\u08ff]", wanted):
        return text.find(wanted, start)
    # Hebrew and Arabic stand in the order of the page, words and signs swapped.
    letters = sorted(wanted)
    for place in range(start, len(text) - len(wanted) + 1):
        if sorted(text[place : place + len(wanted)]) == letters:
            return place
    return -1
