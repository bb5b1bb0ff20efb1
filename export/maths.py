"""TeX formulas: found in Markdown as Jupyter finds them, and mended for Typst."""

import re
from dataclasses import dataclass

# What takes a formula's place in the text while Pandoc works on it.
PLACEHOLDER = re.compile("\ue000(\\d+)\ue001")

_NEXT = re.compile(
    r"(?P<fence>^[ >]*(?P<ticks>`{3,}|~{3,})[\s\S]*?(?:^[ >]*(?P=ticks)[`~]*\s*?$|\Z))"
    r"|(?P<span>(?P<tick>`+)(?!`)(?:(?!\n\s*\n)[\s\S])+?(?<!`)(?P=tick)(?!`))"
    r"|(?P<open>\$\$|\$|\\begin\{(?P<name>[A-Za-z]+\*?)\}|\\\\\(|\\\\\[)"
    r"|\\[\s\S]",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Formula:
    """A formula as it was written, without its dollars."""

    tex: str
    display: bool


def lift(text: str, formulas: list[Formula]) -> str:
    """Put a placeholder in the place of each formula, and the formula in `formulas`.

    The rules are JupyterLab's: formulas are found before Markdown is looked at, but not
    in code; `$ x $` may have spaces, and `\\begin{align}` needs no dollars.
    """
    pieces, position = [], 0
    while match := _NEXT.search(text, position):
        pieces.append(text[position : match.start()])
        position = match.end()
        end = _closing(text, match) if match["open"] else None
        if end is None:
            pieces.append(match[0])
            continue
        close, position = end
        inner = text[match.end() : close]
        if match["name"]:
            inner = text[match.start() : position]
        line_start = text.rfind("\n", 0, match.start()) + 1
        if text[line_start : match.start()].lstrip().startswith(">"):
            inner = re.sub(r"^\s*>", "", inner, flags=re.MULTILINE)
        pieces.append(f"\ue000{len(formulas)}\ue001")
        formulas.append(Formula(inner.strip(), match["open"] not in ("$", r"\\(")))
    return "".join(pieces) + text[position:]


def _closing(text: str, opening: re.Match) -> tuple[int, int] | None:
    """Where the formula's content and its closing mark end; None if it has no end."""
    marks = {"$": "$", "$$": "$$", r"\\(": r"\\)", r"\\[": r"\\]"}
    mark = marks.get(opening["open"]) or rf"\end{{{opening['name']}}}"
    depth = 0
    steps = re.compile(rf"(?P<mark>{re.escape(mark)})|(?P<gap>\n\s*\n)|\\.|[{{}}]")
    for step in steps.finditer(text, opening.end()):
        if step["gap"]:
            return None
        if step["mark"] and depth <= 0:
            return step.start(), step.end()
        depth += {"{": 1, "}": -1}.get(step[0], 0)
    return None
