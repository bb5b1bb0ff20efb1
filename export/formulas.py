"""Formulas in Markdown, found where JupyterLab finds them."""

import re
from dataclasses import dataclass

_NEXT = re.compile(
    r"(?P<fence>^[ >]*(?P<ticks>`{3,}|~{3,})[\s\S]*?(?:^[ >]*(?P=ticks)[`~]*\s*?$|\Z))"
    r"|(?P<span>(?P<tick>`+)(?!`)(?:(?!\n\s*\n)[\s\S])+?(?<!`)(?P=tick)(?!`))"
    r"|(?P<open>\$\$|\$|\\begin\{(?P<name>[A-Za-z]+\*?)\}|\\\\\(|\\\\\[)"
    r"|\\[\s\S]",
    re.MULTILINE,
)
_CLOSING = {"$": "$", "$$": "$$", r"\\(": r"\\)", r"\\[": r"\\]"}


@dataclass(frozen=True)
class Formula:
    """A formula: its TeX, and how it stands in the text, with its dollars."""

    tex: str
    display: bool  # on a line of its own
    source: str


def split(text: str) -> list[str | Formula]:
    """The text as str, Formula, str, ..., str: the source of all, joined, is the text.

    The rules are JupyterLab's: formulas are found before Markdown is looked at, but not
    in code; `$ x $` may have spaces, and `\\begin{align}` needs no dollars.
    """
    parts: list[str | Formula] = []
    start = position = 0  # of the text since the last formula; of the search
    while match := _NEXT.search(text, position):
        end = _closing(text, match) if match["open"] else None
        if end is None:
            position = match.end()
            continue
        close, position = end
        source = text[match.start() : position]
        tex = source if match["name"] else text[match.end() : close]
        line_start = text.rfind("\n", 0, match.start()) + 1
        if text[line_start : match.start()].lstrip().startswith(">"):
            tex = re.sub(r"^\s*>", "", tex, flags=re.MULTILINE)
        display = match["open"] not in ("$", r"\\(")
        parts += [text[start : match.start()], Formula(tex.strip(), display, source)]
        start = position
    return [*parts, text[start:]]


def _closing(text: str, opening: re.Match) -> tuple[int, int] | None:
    """Where the formula's content and its closing mark end; None if it has no end."""
    mark = _CLOSING.get(opening["open"]) or rf"\end{{{opening['name']}}}"
    depth = 0
    steps = re.compile(rf"(?P<mark>{re.escape(mark)})|(?P<gap>\n\s*\n)|\\.|[{{}}]")
    for step in steps.finditer(text, opening.end()):
        if step["gap"]:
            return None
        if step["mark"] and depth <= 0:
            return step.start(), step.end()
        depth += {"{": 1, "}": -1}.get(step[0], 0)
    return None
