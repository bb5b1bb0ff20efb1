"""What stands on the pages of a PDF, and where: enough to check a write-up."""

import ctypes
import math
import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from pypdf import PdfReader
from pypdfium2 import PdfDocument, PdfTextPage, raw

from export.read import whole


@dataclass
class Mark:
    """A word or (with no text) a picture, in points from the lower left.

    A word stands on its lower edge, and is as high as its capital letters.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float


@dataclass
class Page:
    """All text of a page, in the order of the file; and the marks on it."""

    text: str
    marks: list[Mark]


def read_pages(pdf: bytes, reader: PdfReader) -> list[Page]:
    """What stands on each page.

    reader -- the same PDF; if it is PDF/UA, its tags have the boxes of pictures
    """
    with PdfDocument(pdf) as document:
        pages = [_read(page.get_textpage()) for page in document]
    tree = reader.root_object.get("/StructTreeRoot", {})
    for element in tagged(tree, {"/Figure"}, outside={"/Code"}):
        for attributes in element.get("/A", []):
            if "/BBox" in attributes:
                left, bottom, right, top = map(float, attributes["/BBox"])
                number = reader.get_page_number(element["/Pg"].get_object()) or 0
                pages[number].marks.append(Mark("", left, right, bottom, top))
    return pages


def read_text(pdf: bytes) -> str:
    """All text of a PDF."""
    with PdfDocument(pdf) as document:
        pages = ["".join(_letters(page.get_textpage())) for page in document]
    return whole("".join(pages))


def _letters(page: PdfTextPage) -> list[str]:
    """The letters of a page; a zero stands for one that no font has."""
    numbers = range(page.count_chars())
    letters = [chr(raw.FPDFText_GetUnicode(page, number)) for number in numbers]
    # PDFium takes a hyphen at a line's end for one that only divides a word.
    return ["-" if letter == "\x02" else letter for letter in letters]


def _read(page: PdfTextPage) -> Page:
    """The letters of a page, and the words that they make."""
    letters, marks = _letters(page), [Mark("", 0, 0, 0, 0)]
    x, y, box = ctypes.c_double(), ctypes.c_double(), raw.FS_RECTF()
    ink = [ctypes.c_double() for _ in range(4)]
    before = 0.0  # where the letter before begins; those of a ligature begin together
    for number, letter in enumerate(letters):
        if letter.isspace():
            before = math.inf
            continue
        raw.FPDFText_GetCharOrigin(page, number, x, y)
        raw.FPDFText_GetLooseCharBox(page, number, box)
        size = raw.FPDFText_GetFontSize(page, number)
        if _is_half_empty(letter):
            raw.FPDFText_GetCharBox(page, number, *ink)
            x.value, box.right = ink[0].value, ink[1].value
        line, word = (y.value, y.value + 0.7 * size), marks[-1]
        follows = before <= x.value < word.right + size / 8
        if not follows or line != (word.bottom, word.top):
            word = Mark("", x.value, x.value, *line)
            marks.append(word)
        word.text, word.right, before = word.text + letter, box.right, x.value
    for mark in marks:
        mark.text = whole(mark.text)  # PDFium counts in UTF-16
    return Page(whole("".join(letters)), marks[1:])


def _is_half_empty(letter: str) -> bool:
    """Whether it is a stop or a bracket of Chinese or Japanese.

    Typst lets the empty half hang over the margin, or under what comes next.
    """
    wide = unicodedata.east_asian_width(letter) in ("W", "F")
    return wide and unicodedata.category(letter)[0] == "P"


def tagged(
    element: Any, kinds: Container[str], outside: Container[str] = ()
) -> Iterator[Any]:
    """The elements of these kinds below one of a PDF's structure tree, in order.

    outside -- the kinds in which none is looked for, for they can hold thousands
    """
    waiting = [element]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            kind, children = node.get("/S"), node.get("/K", 0)
            if kind in kinds:
                yield node
            if kind not in outside and not isinstance(children, int):
                waiting.append(children)
