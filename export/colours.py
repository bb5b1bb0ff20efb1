"""Code as Typst colours it: the runs of each line, found by Pygments.

Typst could do this itself, but takes some three seconds over a write-up's appendix.
"""

import functools

from pygments import lex
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token
from pygments.util import ClassNotFound

_STYLES = [  # the first that fits; the letters are those of style.typ
    (Comment, "c"),
    (String, "s"),
    (Number, "n"),
    (Keyword.Constant, "n"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Decorator, "f"),
    (Token, ""),
]


def coloured(source: str, language: str) -> list[list[tuple[str, str]]]:
    """For each line of the source, its runs: a letter for the style, and the text."""
    lines: list[list[tuple[str, str]]] = [[]]
    for token, text in lex(source, _lexer(language)):
        style = _style(token)
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part and lines[-1] and lines[-1][-1][0] == style:
                lines[-1][-1] = (style, lines[-1][-1][1] + part)
            elif part:
                lines[-1].append((style, part))
    return lines


@functools.cache
def _style(token: tuple) -> str:
    return next(letter for kind, letter in _STYLES if token in kind)


@functools.cache
def _lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return _lexer("text")
