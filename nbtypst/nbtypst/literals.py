"""Text and code as Typst's literals.

Pygments finds the colours of code. Typst could do this itself, but takes 1.8 s
of a core over a write-up's appendix, Pygments 0.4 s.
"""

import functools
import itertools
import re
from collections.abc import Iterable

from PIL import ImageColor
from pygments import lex
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token
from pygments.util import ClassNotFound

_STYLES = [  # the first match counts; the letters are those of style.typ
    (Comment, "c"), (String, "s"), (Number, "n"), (Keyword.Constant, "n"),
    (Keyword, "k"), (Operator.Word, "k"), (Name.Function, "f"), (Name.Class, "f"),
    (Name.Decorator, "f"), (Token, ""),
]  # fmt: skip
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t"}
_LINE_BREAKS = re.compile(r"[\v\f\x85\u2028\u2029]")

# Typst prints no control characters: symbols such as ␛ replace them.
CONTROLS = {n: 0x2400 + n for n in range(32) if not 9 <= n <= 13} | {127: "␡"}


def typst_string(text: str) -> str:
    """`text` as a string literal in Typst's code."""
    return '"' + re.sub(r'[\\"\n\t]', lambda match: _ESCAPES[match[0]], text) + '"'


def typst_colour(words: str) -> str | None:
    """Return a colour of CSS, or bars of colours, in Typst's code, or None."""
    if bars := re.fullmatch(r"linear-gradient\(90deg,(.+%)\s*\)", words):
        return _bars(bars[1])
    numbers = re.match(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,/)]", words)
    try:
        parts = numbers.groups() if numbers else ImageColor.getrgb(words)[:3]
    except ValueError:
        return None
    red, green, blue = (min(int(part), 255) for part in parts)
    return f'rgb("#{red:02x}{green:02x}{blue:02x}")'


def _bars(words: str) -> str | None:
    """Colours from one place to another, as pandas draws them behind a number."""
    stops = [stop.split() for stop in words.split(",")]
    if not all(len(stop) == 2 for stop in stops):
        return None
    places = [(typst_colour(name) or "white", place) for name, place in stops]
    ends = (places[0][0], "0%"), *places, (places[-1][0], "100%")
    inside = ", ".join(f"({colour}, {place})" for colour, place in ends)
    return f"gradient.linear({inside})"


def typst_array(items: Iterable[object]) -> str:
    """Return an array in Typst's code; items are numbers or in Typst's code already."""
    return "(" + "".join(f"{item}," for item in items) + ")"


def typst_value(value: str | bool | Iterable) -> str:
    """Return a text, a flag, or several of either, in Typst's code."""
    if isinstance(value, str):
        return typst_string(value)
    if isinstance(value, bool):
        return str(value).lower()
    return typst_array(map(typst_value, value))


@functools.cache  # the same code can be shown in two places
def typst_code(source: str, language: str = "ipython3") -> str:
    """Code as two arguments in Typst: a string, and the coloured runs of its lines."""
    source = re.sub(r"\r\n?", "\n", source)
    source = source.expandtabs(4)  # in the runs, Typst takes a tab for a space,
    source = _LINE_BREAKS.sub(" ", source)  # and these for the end of a line
    lines: list[list[str]] = [[]]  # each line's runs: a letter for the style, words
    for style, tokens in itertools.groupby(
        lex(source, _lexer(language)), lambda token: _style(token[0])
    ):
        first, *others = "".join(text for _, text in tokens).split("\n")
        lines[-1] += [style, first] if first else []
        lines += [[style, part] if part else [] for part in others]
    runs = typst_array(typst_array(map(typst_string, line)) for line in lines)
    return f"{typst_string(source)}, {runs}"


@functools.cache
def _style(token: tuple) -> str:
    return next(letter for kind, letter in _STYLES if token in kind)


@functools.cache
def _lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return _lexer("text")
