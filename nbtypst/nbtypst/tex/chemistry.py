"""Chemical formulas in the notation of LaTeX's package mhchem, as TeX."""

import re

from nbtypst.tex.tree import Refused

_PARTS = [(re.compile(part), tex) for part, tex in {
    r"\s*<=>\s*": r"\rightleftharpoons ", r"\s*<->\s*": r"\longleftrightarrow ",
    r"\s*->\s*": r"\longrightarrow ", r"\s*<-\s*": r"\longleftarrow ",
    r"\^(?:\{([^{}]*)\}|(\d*[+-]|\w))": r"^{\mathrm{…}}",
    r"_(?:\{([^{}]*)\}|(\w))": r"_{\mathrm{…}}",
    r"(?<=[A-Za-z)\]}])(\d+)": "_{…}",
    r"(?<=[A-Za-z0-9)\]}])([+-])(?=[\s)\]]|$)": "^{…}",
    r"([A-Za-z]+)": r"\mathrm{…}",
    r"(\d+(?:/\d+)?)\s*": r"…\,",
    r"([=-])": r"\mathord{…}",
    r"(\s+[+]\s+|[()\[\].,]|\s+)": "…",
}.items()]  # fmt: skip


def chemistry(source: str) -> str:
    """Return the TeX of a chemical formula such as SO4^2- or 2 H2 + O2 -> 2 H2O.

    Raises Refused if it has something else in it.
    """
    tex, end = "", 0
    while end < len(source):
        found = ((part.match(source, end), tex) for part, tex in _PARTS)
        part, template = next((it for it in found if it[0]), (None, ""))
        if not part:
            raise Refused(f"{source[end:]} in a chemical formula")
        tex += template.replace("…", part[part.lastindex or 0])
        end = part.end()
    return tex
