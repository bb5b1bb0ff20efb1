"""Chemical formulas in the notation of LaTeX's package mhchem, as TeX."""

import re

from nbtypst.tex.macros import Refused

_ARROWS = {
    "->": r"\longrightarrow ", "<-": r"\longleftarrow ", "<->": r"\longleftrightarrow ",
    "<=>": r"\rightleftharpoons ",
}  # fmt: skip
_PARTS = re.compile(
    r"\s*(?P<arrow><=>|<->|->|<-)\s*"
    r"|\^(?:\{(?P<above>[^{}]*)\}|(?P<power>\d*[+-]|\w))"
    r"|_(?:\{(?P<below>[^{}]*)\}|(?P<index>\w))"
    r"|(?<=[A-Za-z)\]}])(?:(?P<count>\d+)|(?P<charge>[+-])(?=[\s)\]]|$))"
    r"|(?<=\d)(?P<last>[+-])(?=[\s)\]]|$)"
    r"|(?P<letters>[A-Za-z]+)"
    r"|(?P<amount>\d+(?:/\d+)?)\s*"
    r"|(?P<bond>[=-])"
    r"|(?P<other>\s+[+]\s+|[()\[\].,]|\s+)"
)


def chemistry(source: str) -> str:
    """The TeX of a chemical formula such as SO4^2- or 2 H2 + O2 -> 2 H2O.

    Raises Refused if it has something else in it.
    """
    tex, end = "", 0
    while part := _PARTS.match(source, end):
        kind = part.lastgroup or ""
        tex, end = tex + _tex(kind, part[kind]), part.end()
    if end != len(source):
        raise Refused(f"{source[end:]} in a chemical formula")
    return tex


def _tex(kind: str, text: str) -> str:
    """One part of a chemical formula."""
    templates = {
        "above": "^{\\mathrm{…}}", "power": "^{\\mathrm{…}}", "charge": "^{…}",
        "last": "^{…}", "below": "_{\\mathrm{…}}", "index": "_{\\mathrm{…}}",
        "count": "_{…}", "letters": "\\mathrm{…}", "amount": "…\\,",
        "bond": "\\mathord{…}",
    }  # fmt: skip
    return _ARROWS.get(text) or templates.get(kind, "…").replace("…", text)
