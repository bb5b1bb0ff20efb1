"""What is on the pages of a PDF, and where; and whether it is well set."""

import ctypes
import io
import math
import re
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from pypdf import PdfReader
from pypdfium2 import PdfDocument, raw

# The left, right, lower and upper edge of the text in points on US Letter, upright and
# on its side. Typst lets a hyphen or a comma at the end of a line hang over the right,
# and a denominator in the last line over the lower edge, by less than half a line.
UPRIGHT, ON_ITS_SIDE = (71, 546, 53, 727), (32, 760, 30, 574)
FONT_FILES = {"/FontFile", "/FontFile2", "/FontFile3"}


@dataclass
class Mark:
    """A word or (with no text) a picture, in points from the lower left.

    A word is as high as its capital letters.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float


def squeezed(text: str) -> str:
    """Text without white space (and U+2060, which only says where not to break)."""
    return re.sub(r"[\s\u2060]", "", text)


class Printed:
    """A PDF that has been read back; its pages count from 1, but not in lists."""

    def __init__(self, pdf: bytes) -> None:
        self.pdf = pdf
        self.reader = PdfReader(io.BytesIO(pdf))

    @cached_property
    def pages(self) -> list[list[Mark]]:
        """The words of each page in the order of the file, then its pictures."""
        with PdfDocument(self.pdf) as document:
            pages = [list(_words(page.get_textpage())) for page in document]
        for element, page in self.elements:
            for attributes in element.get("/A", []) * (element["/S"] == "/Figure"):
                if "/BBox" in attributes:
                    left, bottom, right, top = map(float, attributes["/BBox"])
                    pages[page - 1].append(Mark("", left, right, bottom, top))
        return pages

    def text(self, number: int) -> str:
        """All words of a page, without white space."""
        return squeezed("".join(mark.text for mark in self.pages[number - 1]))

    def edges(self, number: int) -> tuple[int, int, int, int]:
        box = self.reader.pages[number - 1].mediabox
        return ON_ITS_SIDE if box.width > box.height else UPRIGHT

    def body(self, number: int) -> list[Mark]:
        """What is on a page between its header and its footer."""
        *_, bottom, top = self.edges(number)
        return [m for m in self.pages[number - 1] if bottom <= m.bottom <= top]

    @cached_property
    def elements(self) -> list[tuple[Any, int]]:
        """All elements of the PDF's structure in order, with their pages, or 0."""
        number_of = self.reader.get_page_number
        found, page = [], 0
        for element in _elements(self.reader.root_object.get("/StructTreeRoot", {})):
            inner = element
            while isinstance(inner, dict) and "/Pg" not in inner:
                kids = inner.get("/K") or [0]
                inner = kids[0] if isinstance(kids, list) else kids
                inner = inner.get_object() if hasattr(inner, "get_object") else inner
            known = isinstance(inner, dict)
            page = (number_of(inner["/Pg"].get_object()) or 0) + 1 if known else 0
            found.append((element, page))
        return found

    def tagged(self, *kinds: str, pages: Container[int] | None = None) -> list[Any]:
        """The elements of these kinds in the PDF's structure, in order."""
        return [element for element, page in self.elements if element["/S"] in kinds
                and (pages is None or page in pages)]  # fmt: skip

    @property
    def is_pdf_ua(self) -> bool:
        """Whether it declares PDF/UA-1."""
        metadata = self.reader.xmp_metadata
        said = metadata.stream.get_data() if metadata else b""
        return b"<pdfuaid:part>1</pdfuaid:part>" in said

    def pictures(self) -> list[tuple[int, int, bytes]]:
        """What each page looks like: width, height, and the colours of its pixels."""
        with PdfDocument(self.pdf) as document:
            bitmaps = [page.render(scale=2) for page in document]
        return [(it.width, it.height, bytes(it.buffer)) for it in bitmaps]

    # ---- What must hold of every document ------------------------------------------

    @property
    def titles(self) -> list[str]:
        """The sections in its outline."""
        return [e.title for e in self.reader.outline if not isinstance(e, list)]

    def faults(self, *headers: str) -> list[str]:
        """Words outside of the margins or over other words, and missing fonts.

        headers -- what may be at the top of a page, other than a section's title
        """
        known = {plain(words) for words in (*self.titles, *headers)}
        return [*self._margins(known), *self._overlaps(), *self._fonts()]

    def _margins(self, headers: Container[str]) -> Iterator[str]:
        for number, page in enumerate(self.pages, 1):
            left, right, bottom, top = self.edges(number)
            for mark in page:
                stop = mark.text and not any(map(str.isalnum, mark.text))
                hanging = 5 if stop else 0  # pt: a stop of Arabic or Hebrew
                if mark.left < left - hanging or mark.right > right:
                    what = repr(mark.text) if mark.text else "a picture"
                    yield f"page {number}: {what} is outside the margins"
            footer = "".join(mark.text for mark in page if mark.bottom < bottom)
            if footer not in ("", f"{number}of{len(self.pages)}"):
                yield f"page {number}: {footer!r} is below the margin"
            header = "".join(mark.text for mark in page if mark.bottom > top)
            if header and plain(header) not in headers:
                yield f"page {number}: {header!r} is above the margin"

    def _overlaps(self) -> Iterator[str]:
        """Words printed over each other, as those too long for the cell of a table."""
        for number, page in enumerate(self.pages, 1):
            words = [mark for mark in page if any(map(str.isalnum, mark.text))
                     and not re.search("[\u0590-\u08ff]", mark.text)]  # fmt: skip
            words.sort(key=lambda mark: (round(mark.bottom, 1), mark.left))
            for one, other in pairwise(words):
                same_line = round(one.bottom, 1) == round(other.bottom, 1)
                if same_line and other.left < one.right - 3:
                    yield f"page {number}: {other.text!r} is over {one.text!r}"

    def _fonts(self) -> Iterator[str]:
        for number, page in enumerate(self.reader.pages, 1):
            for font in _fonts_of(page):
                inner = [d.get_object() for d in font.get("/DescendantFonts", [font])]
                files = inner[0].get("/FontDescriptor", {}).keys()
                if font["/Subtype"] != "/Type3" and not FONT_FILES & set(files):
                    yield f"page {number}: {font['/BaseFont']} is not embedded"


def plain(text: str) -> str:
    """Text without the differences that typesetting makes."""
    return re.sub("[\ue000-\uf8ff]", "", unicodedata.normalize("NFKD", squeezed(text)))


def _fonts_of(holder: Any) -> Iterator[Any]:
    """The fonts of a page, and of the pictures in it."""
    resources = holder.get("/Resources", {}).get_object()
    for font in resources.get("/Font", {}).values():
        yield font.get_object()
    for form in resources.get("/XObject", {}).values():
        if "/Resources" in form.get_object():
            yield from _fonts_of(form.get_object())


def _elements(root: Any) -> Iterator[Any]:
    waiting = [root]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            if "/S" in node:
                yield node
            if not isinstance(children := node.get("/K", 0), int):
                waiting.append(children)


def _words(page: Any) -> Iterator[Mark]:
    """The words of a page, letter by letter."""
    word = Mark("", 0, 0, 0, 0)
    x, y, box = ctypes.c_double(), ctypes.c_double(), raw.FS_RECTF()
    before = 0.0  # where the letter before begins; those of a ligature begin together
    for number in range(page.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(page, number))
        if letter.isspace():
            before = math.inf
            continue
        letter = letter.replace("\x02", "-")  # a hyphen at the end of a line
        raw.FPDFText_GetCharOrigin(page, number, x, y)
        raw.FPDFText_GetLooseCharBox(page, number, box)
        line = y.value, y.value + 0.7 * raw.FPDFText_GetFontSize(page, number)
        follows = before <= x.value < word.right + (line[1] - line[0]) / 5.6
        if not follows or line != (word.bottom, word.top):
            if word.text:
                yield _whole(word)
            word = Mark("", x.value, x.value, *line)
        word.text, word.right, before = word.text + letter, box.right, x.value
    if word.text:
        yield _whole(word)


def _whole(word: Mark) -> Mark:
    """A word without halves of characters, for PDFium counts in UTF-16."""
    text = word.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Mark(text, word.left, word.right, word.bottom, word.top)
