"""What stands on the pages of a PDF, and where: enough to check a write-up.

pypdf opens the file. The pages' contents are read here: its own reading of them takes
several times as long, longer than all the rest of the build. pypdfium2 is as fast, but
counts what a picture clips away as part of it, and runs of spaces as one.
"""

import io
import re
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
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
    """The runs of text and the pictures of each page, in the order of the file."""
    return [list(_marks(page)) for page in PdfReader(io.BytesIO(pdf)).pages]


def _marks(page: PageObject) -> Iterator[Mark]:
    contents = page.get_contents()
    drawn = b"" if contents is None else contents.get_data()
    state = _State(page["/Resources"])
    for match in _OPERATOR.finditer(drawn):
        kind = match.lastgroup or ""
        operator = match[kind].decode() if kind in ("set", "word") else kind
        mark = _HANDLERS[operator](state, match)
        if mark is not None:
            yield mark


class _State:
    """What the operators of a page have set so far; one method for each of them."""

    def __init__(self, resources: Any) -> None:
        self.fonts = {
            name.lstrip("/"): _Font(font.get_object())
            for name, font in resources.get("/Font", {}).items()
        }
        self.forms = resources.get("/XObject", {})
        self.place: Matrix = (1, 0, 0, 1, 0, 0)
        self.line: Matrix = (1, 0, 0, 1, 0, 0)  # of text, within the place
        self.saved: list[Matrix] = []
        # The text that stands for what is marked, if it is given.
        self.spans: list[str | None] = []
        self.actual: str | None = None

    def move(self, match: re.Match) -> None:
        self.place = _times(_matrix(match["matrix"].split()), self.place)

    def move_text(self, match: re.Match) -> None:
        self.line = _matrix(match["matrix"].split())

    def save(self, match: re.Match) -> None:
        self.saved.append(self.place)

    def restore(self, match: re.Match) -> None:
        self.place = self.saved.pop()

    def set_font(self, match: re.Match) -> None:
        self.font, self.size = self.fonts[match["font"].decode()], float(match["size"])

    def set_actual(self, match: re.Match) -> None:
        self.actual = _text(_string(match["actual"]))

    def begin_span(self, match: re.Match) -> None:
        self.spans.append(self.actual)
        self.actual = None

    def end_span(self, match: re.Match) -> None:
        self.spans.pop()

    def picture(self, match: re.Match) -> Mark:
        form = self.forms["/" + match["form"].decode()].get_object()
        box = [float(n) for n in form.get("/BBox", (0, 0, 1, 1))]
        inner = _matrix(form.get("/Matrix", (1, 0, 0, 1, 0, 0)))
        return _mark("", box, _times(inner, self.place))

    def show(self, match: re.Match) -> Mark:
        text, width = self.font.read(match["one"] or match["many"])
        if self.spans and self.spans[-1] is not None and MISSING not in text:
            text, self.spans[-1] = self.spans[-1], ""
        box = [0, 0, width * self.size, self.size * 0.7]
        return _mark(text, box, _times(self.line, self.place))


_HANDLERS: dict[str, Callable[[_State, re.Match], Mark | None]] = {
    "cm": _State.move,
    "Tm": _State.move_text,
    "q": _State.save,
    "Q": _State.restore,
    "size": _State.set_font,
    "actual": _State.set_actual,
    "BDC": _State.begin_span,
    "BMC": _State.begin_span,
    "EMC": _State.end_span,
    "form": _State.picture,
    "one": _State.show,
    "many": _State.show,
}


def missing(marked: Iterable[Mark], source: str) -> str:
    """The names of the characters of the source that no font has, or an empty text."""
    known = set("".join(mark.text for mark in marked))
    if MISSING not in known:
        return ""
    gone = dict.fromkeys(
        c for c in source if not (c.isspace() or " " < c < "\x7f" or c in known)
    )
    names = [
        f"{c} ({unicodedata.name(c, '?')})" if c.isprintable() else f"U+{ord(c):04X}"
        for c in gone
    ]
    return ", ".join(names) or "a character"


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


def _mark(text: str, box: list[float], place: Matrix) -> Mark:
    a, b, c, d, e, f = place
    corners = [
        (a * x + c * y + e, b * x + d * y + f)
        for x in (box[0], box[2])
        for y in (box[1], box[3])
    ]
    xs, ys = zip(*corners)
    return Mark(text, min(xs), max(xs), min(ys), max(ys))
