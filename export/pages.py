"""What stands on the pages of a PDF, and where: enough to check a write-up.

pypdf opens the file. The pages' contents are read here: its own reading of them takes
several times as long, longer than all the rest of the build. pypdfium2 is as fast, but
counts what a picture clips away as part of it, and runs of spaces as one.
"""

import io
import re
import struct
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pypdf import PageObject, PdfReader

Matrix = tuple[float, float, float, float, float, float]

MISSING = "\ufffe"  # in the place of a character that no font has; it is none itself

_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)"
_INSIDE = rb"[^()\\]|\\[\s\S]"
_LITERAL = rb"\((?:%s)*\)" % _INSIDE
for _ in range(20):  # parentheses in parentheses, as deep as brackets are in any code
    _LITERAL = rb"\((?:%s|%s)*\)" % (_INSIDE, _LITERAL)
_STRING = rb"%s|<[0-9A-Fa-f\s]*>" % _LITERAL
_OPERATOR = re.compile(  # Typst writes each on a line of its own
    rb"^(?:(?P<matrix>(?:%s ){6})(?P<set>cm|Tm)"
    rb"|/(?P<font>\S+) (?P<size>%s) Tf"
    rb"|(?P<one>%s) Tj"
    rb"|\[(?P<many>(?:%s|[^\](<])*)\] TJ"
    rb"|/(?P<form>\S+) Do"
    rb"|  /ActualText (?P<actual>%s)"
    rb"|.*?(?P<word>q|Q|BDC|BMC|EMC))$"
    % (_NUMBER, _NUMBER, _STRING, _STRING, _STRING),
    re.MULTILINE,
)
_PART = re.compile(rb"(?P<string>%s)|(?P<shift>%s)" % (_STRING, _NUMBER))
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|[\s\S])")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_CODE = struct.Struct(">H")
_UNICODE = re.compile(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*$", re.MULTILINE)


@dataclass
class Mark:
    """A run of text or (with no text) a picture, in points from the lower left."""

    text: str
    left: float
    right: float
    bottom: float
    top: float


Page = list[Mark]


def read_pages(pdf: bytes) -> list[Page]:
    """The runs of text of each page, in the order of the file, and its pictures.

    Pictures are drawn by a name; or line by line, and then a tag has their box.
    """
    reader = PdfReader(io.BytesIO(pdf))
    pages = [list(_marks(page)) for page in reader.pages]
    for element in tagged(reader.root_object.get("/StructTreeRoot", {}), {"/Figure"}):
        box = next((a["/BBox"] for a in element.get("/A", []) if "/BBox" in a), None)
        if box and not _has_picture(page := pages[_number(reader, element)], box):
            left, bottom, right, top = map(float, box)
            page.append(Mark("", left, right, bottom, top))
    return pages


def _number(reader: PdfReader, element: Any) -> int:
    return reader.get_page_number(element["/Pg"].get_object()) or 0


def _has_picture(page: Page, box: list) -> bool:
    """Whether a picture begins where this box does."""
    left, bottom = map(float, box[:2])
    corners = [(m.left, m.bottom) for m in page if not m.text]
    return any(abs(x - left) < 1 and abs(y - bottom) < 1 for x, y in corners)


def tagged(element: Any, kinds: Container[str]) -> Iterator[Any]:
    """The elements of these kinds below one of a PDF's structure tree, in order."""
    waiting = [element]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            if node.get("/S") in kinds:
                yield node
            if not isinstance(children := node.get("/K", 0), int):
                waiting.append(children)


def _marks(page: PageObject) -> Iterator[Mark]:
    resources: Any = page["/Resources"]
    fonts, forms = _fonts(resources), resources.get("/XObject", {})
    contents = page.get_contents()
    place: Matrix = (1, 0, 0, 1, 0, 0)
    line: Matrix = place
    saved: list[Matrix] = []
    # For each span within the other, the text that stands for it, if it is given; and
    # last, that for the span to come.
    spans: list[str | None] = [None, None]
    for match in _OPERATOR.finditer(b"" if contents is None else contents.get_data()):
        kind, word = match.lastgroup, match[match.lastindex or 0]
        if kind == "size":
            font, size = fonts[match["font"].decode()], float(word)
        elif kind == "actual":
            spans[-1] = _text(_string(word))
        elif kind == "form":
            yield _picture(forms["/" + word.decode()].get_object(), place)
        elif kind in ("one", "many"):
            text, width = font.read(word)
            if spans[-2] is not None and MISSING not in text:
                text, spans[-2] = spans[-2], ""
            yield _mark(text, [0, 0, width * size, size * 0.7], _times(line, place))
        elif kind == "word":
            place = _nested(word, place, saved, spans)
        elif word == b"Tm":
            line = _matrix(match["matrix"].split())
        else:
            place = _times(_matrix(match["matrix"].split()), place)


def _nested(word: bytes, place: Matrix, saved: list, spans: list) -> Matrix:
    """The place after the beginning or end of what is drawn together, or of a span."""
    if word == b"q":
        saved.append(place)
    elif word == b"Q":
        return saved.pop()
    elif word == b"EMC":
        spans[-2:] = [None]
    else:
        spans.append(None)
    return place


def missing(marked: Iterable[Mark], source: str) -> list[str]:
    """The characters of the source that no font has."""
    known = set("".join(mark.text for mark in marked))
    if MISSING not in known:
        return []
    return list(dict.fromkeys(
        c for c in source if not (c.isspace() or " " < c < "\x7f" or c in known)
    ))


def _fonts(resources: Any) -> dict[str, "_Font"]:
    fonts = resources.get("/Font", {}).items()
    return {name.lstrip("/"): _Font(font.get_object()) for name, font in fonts}


class _Font:
    """What the codes in a font's strings stand for, and how wide they are."""

    def __init__(self, font: dict) -> None:
        descendant = font["/DescendantFonts"][0].get_object()
        table = font["/ToUnicode"].get_object().get_data().decode("latin-1")
        self.texts: defaultdict[int, str] = defaultdict(str)
        for code, text in _UNICODE.findall(table):
            self.texts[int(code, 16)] = bytes.fromhex(text).decode("utf-16-be")
        self.texts[0] = MISSING
        self.widths: defaultdict[int, float] = defaultdict(lambda: 1000.0)
        widths = iter([item.get_object() for item in descendant.get("/W", [])])
        for first, last, width in zip(widths, widths, widths):  # as Typst writes them
            self.widths.update(dict.fromkeys(range(first, last + 1), float(width)))

    def read(self, strings: bytes) -> tuple[str, float]:
        """What Tj or TJ shows, and its width at size 1 (up to the last letter)."""
        text, width, ink = "", 0.0, 0.0
        for part in _PART.finditer(strings):
            if part["shift"]:
                width -= float(part["shift"])
                continue
            codes = [code for (code,) in _CODE.iter_unpack(_string(part["string"]))]
            letters = "".join([self.texts[code] for code in codes])
            widths = [self.widths[code] for code in codes]
            width += sum(widths)
            if printed := len(letters.rstrip(" ")):
                ink = width - sum(widths[len(widths) - len(letters) + printed :])
            text += letters
        return text, ink / 1000


def _string(literal: bytes) -> bytes:
    """The bytes that a string in a PDF stands for."""
    if literal.startswith(b"<"):
        return bytes.fromhex(literal[1:-1].decode())

    def unescaped(match: re.Match) -> bytes:
        code = match[1]
        return bytes([int(code, 8)]) if code.isdigit() else _ESCAPED.get(code, code)

    inside = literal[1:-1]
    if rb"\\" not in inside:  # by far the most common escape, at once
        inside = inside.replace(rb"\000", b"\0")
    return _ESCAPE.sub(unescaped, inside)


def _text(string: bytes) -> str:
    """A string meant to be read: UTF-16 if it begins so, else (here) ASCII."""
    if string.startswith(b"\xfe\xff"):
        return string[2:].decode("utf-16-be")
    return string.decode("latin-1")


def _matrix(numbers: Iterable[bytes | float]) -> Matrix:
    a, b, c, d, e, f = map(float, numbers)
    return a, b, c, d, e, f


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d, e, f = inner
    A, B, C, D, E, F = outer
    return (
        a * A + b * C, a * B + b * D, c * A + d * C, c * B + d * D,
        e * A + f * C + E, e * B + f * D + F,
    )  # fmt: skip


def _picture(form: Any, place: Matrix) -> Mark:
    box = [*map(float, form.get("/BBox", (0, 0, 1, 1)))]
    inner = _matrix(form.get("/Matrix", (1, 0, 0, 1, 0, 0)))
    return _mark("", box, _times(inner, place))


def _mark(text: str, box: list[float], place: Matrix) -> Mark:
    a, b, c, d, e, f = place
    corners = [
        (a * x + c * y + e, b * x + d * y + f)
        for x in (box[0], box[2])
        for y in (box[1], box[3])
    ]
    xs, ys = zip(*corners)
    return Mark(text, min(xs), max(xs), min(ys), max(ys))
