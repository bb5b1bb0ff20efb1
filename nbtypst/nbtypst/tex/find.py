"""Formulas in Markdown and HTML, found where JupyterLab finds them."""

import html
import re
from dataclasses import dataclass

_OPEN = r"|(?P<open>\$\$|\$|\\begin\{(?P<name>[A-Za-z]+\*?)\}|BACKSLASH\(|BACKSLASH\[)"
_REFERENCE = r"|(?P<reference>\\(?:eq)?ref\{[^{}\n]*\})|<!--[\s\S]*?-->|\\[\s\S]"
# Code in Markdown, with re.MULTILINE: in a fenced block or in a line.
FENCED = r"^[ >]*(?P<ticks>`{3,}|~{3,})[\s\S]*?(?:^[ >]*(?P=ticks)[`~]*\s*?$|\Z)"
CODE = FENCED + r"|(?P<tick>`+)(?!`)(?:(?!\n\s*\n)[\s\S])+?(?<!`)(?P=tick)(?!`)"
_IN_MARKDOWN = re.compile(
    CODE + _OPEN.replace("BACKSLASH", r"\\\\") + _REFERENCE, re.MULTILINE
)
_IN_HTML = re.compile(
    r"<(?P<tag>script|style|pre|code|svg)\b[\s\S]*?</(?P=tag)>|<[A-Za-z/][^>]*>"
    + _OPEN.replace("BACKSLASH", r"\\")
    + _REFERENCE,
    re.IGNORECASE,
)
_IGNORED = r"class=['\"][^'\"]*\b(?:tex2jax|mathjax)_ignore\b"
_CLOSING = {"(": ")", "[": "]"}


@dataclass(frozen=True)
class Formula:
    """A formula: its TeX, and its source: the same with its dollars."""

    tex: str
    display: bool  # on a line of its own
    source: str


def split(text: str, in_html: bool = False) -> list[str | Formula]:
    """Return the text as str, Formula, str, ..., str: all sources joined are the text.

    The rules are JupyterLab's: formulas are found before Markdown is looked at, but not
    in code; `$ x $` may have spaces, and `\\begin{align}` needs no dollars. In HTML
    they are between two tags, and nowhere if its class says that MathJax ignores it.
    """
    if in_html and re.search(_IGNORED, text):
        return [text]
    parts: list[str | Formula] = []
    start = position = 0  # of the text since the last formula; of the search
    pattern = _IN_HTML if in_html else _IN_MARKDOWN
    while match := pattern.search(text, position):
        end = _closing(text, match, in_html)
        if end is None:
            position = match.end()
            continue
        close, position = end
        source = text[match.start() : position]
        whole = match["name"] or match["reference"]
        tex = source if whole else text[match.end() : close]
        line_start = text.rfind("\n", 0, match.start()) + 1
        if text[line_start : match.start()].lstrip().startswith(">"):
            tex = re.sub(r"^\s*>", "", tex, flags=re.MULTILINE)
        if in_html:
            tex = html.unescape(tex)
        display = (match["open"] or "$").lstrip("\\") not in ("$", "(")
        tex = re.sub(r"^\s+|(?<!\\)\s+$", "", tex)  # not the space in a last "\\ "
        parts += [text[start : match.start()], Formula(tex, display, source)]
        start = position
    return [*parts, text[start:]]


def _closing(text: str, opening: re.Match, in_html: bool) -> tuple[int, int] | None:
    """Return where the formula's content and its closing mark end, or None."""
    if opening["reference"]:
        return opening.end(), opening.end()
    if not opening["open"]:
        return None
    begin, last = opening["open"][:-1], opening["open"][-1]
    mark = begin + _CLOSING.get(last, last)
    if opening["name"]:
        mark = rf"\end{{{opening['name']}}}"
    depth = 0
    gap = r"(?P<gap><[A-Za-z/])" if in_html else rf"(?P<gap>\n\s*\n)|{CODE}"
    steps = re.compile(rf"(?P<mark>{re.escape(mark)})|{gap}|\\.|[{{}}]", re.MULTILINE)
    for step in steps.finditer(text, opening.end()):
        if step["gap"]:
            return None
        if step["mark"] and depth <= 0:
            return step.start(), step.end()
        depth += {"{": 1, "}": -1}.get(step[0], 0)
    return None
