"""Markdown, HTML and LaTeX to HTML with MathML: all of a page in one call of Pandoc."""

import html
import re
from collections.abc import Sequence
from itertools import pairwise

from bs4 import BeautifulSoup

from nbtypst.markup import Piece, Texts
from nbtypst.tex.find import Formula
from nbtypst.tex.macros import KNOWN_MACROS, Macros, Scope
from nbtypst.tex.tree import infix, with_scripts

# What Pandoc does not know in MathML, but for \boxed, which it does.
_SIZES = "tiny scriptsize footnotesize small normalsize large Large LARGE huge Huge"
_MACROS = Macros(KNOWN_MACROS)
del _MACROS["\\boxed"]
_MACROS.replaced(
    r"\newcommand\color[2][]{} \newcommand\textcolor[3][]{#3} \def\href#1#2{#2}"
    r"\def\vphantom#1{} \def\hphantom{\phantom} \def\bmod{\mathbin{\mathrm{mod}}}"
    + "".join(rf"\def\{size}{{}}" for size in _SIZES.split())
)
_NUMBER = re.compile(r"(\\tag\*?|\\label)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_REFERENCE = re.compile(r"(\\eqref|\\ref)\s*\{([^{}]*)\}")
_NAME = re.compile(  # of a function, with an invisible sign after it
    "(</m(?:n|i|su[bp])>)?(<mrow><mi[^>]*>[a-z]{2,}</mi><mo>&#8289;</mo></mrow>)"
    "(?=(<m[a-z]+)?)"
)
# Letters that Pandoc would take apart, or set in bold italics.
_WORD = re.compile(
    r"\\math(?:(rm|it|tt|sf)\{([A-Za-z]{2,})\}|(bf) *(?:\{([A-Za-z]+)\}|([A-Za-z])))"
)
_GROUP = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}|\{[^{}]*\}", re.DOTALL)


class Page:
    """The texts of a page as HTML: one of `parts` for each of its pieces.

    A placeholder is in these for each formula, until `html` makes them
    MathML. A formula that is not understood is shown as its source, and its piece has
    a warning.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        """Convert all pieces; what Pandoc has against them is in their warnings."""
        texts = Texts(pieces)
        self.character, self.origins = texts.mark, texts.origins
        self.mark = re.compile(f"{texts.mark}([0-9]+){texts.mark}")
        written = texts.formulas(_as_pandoc_takes_it, _MACROS)
        done = texts.run("page", written)
        self.parts = [
            self._without_formulas_in_code(result["html"]) for result in done["pieces"]
        ]
        self.formulas = [*map(_as_html, written, done["formulas"])]

    def html(self, part: object) -> str:
        """A part, or a text in it, with its formulas as MathML."""
        return self.mark.sub(lambda match: self.formulas[int(match[1])], str(part))

    def kept(self, done: str) -> str:
        """Return a placeholder for finished HTML, which `html` puts back."""
        self.formulas.append(done)
        return f"{self.character}{len(self.formulas) - 1}{self.character}"

    def source(self, text: str) -> str:
        """A text with its formulas as they were written."""
        origins = self.origins
        return self.mark.sub(lambda match: origins[int(match[1])][1].source, text)

    def _without_formulas_in_code(self, text: str) -> BeautifulSoup:
        """The HTML; in code and in attributes, formulas are as they were written."""
        part = BeautifulSoup(text, "html.parser")
        for tag in part.find_all():
            for name, value in tag.attrs.items():
                if isinstance(value, str):
                    tag[name] = self.source(value)
        for words in part.find_all(string=re.compile(rf"{self.mark.pattern}|\\\$")):
            as_written = words.find_parent(["code", "pre", "script", "style"])
            new = self.source(words) if as_written else words.replace("\\$", "$")
            words.replace_with(new)
        return part


def _as_pandoc_takes_it(formula: Formula, scope: Scope, place: str) -> dict:
    """Return the TeX of a formula without what Pandoc does not know, and its number.

    In place of a reference alone, there is a link.
    """
    def shown(match: re.Match) -> str:
        return scope.shown(match[1], match[2])

    if alone := _REFERENCE.fullmatch(formula.tex):
        words = html.escape(shown(alone))
        return {"html": f'<a href="#{scope.place(alone[2])}">{words}</a>'}
    tex = _tex(scope.macros.replaced(formula.tex))
    tex = _REFERENCE.sub(lambda match: rf"\text{{{shown(match)}}}", tex)
    numbers = {shown(match) for match in _NUMBER.finditer(tex)}
    if len(numbers) > 1:  # of its lines
        tex = _NUMBER.sub(lambda match: rf"\qquad\text{{{shown(match)}}}", tex)
        tex = re.sub(r"(\\qquad\\text\{[^{}]*\})\s*\1", r"\1", tex)
        numbers.clear()
    tex = re.sub(r"\\(begin|end)\{subequations\}", "", _NUMBER.sub("", tex))
    tex = re.sub(r"(\\\\\s*|(?<!\\)\s+)$", "", tex).replace("{dcases}", "{cases}")
    tex = _WORD.sub(lambda m: "\\text{}{{{}}}".format(*filter(None, m.groups())), tex)
    bare = _GROUP.sub("", tex)
    if formula.display and re.search(r"\\\\|(?<!\\)&", bare):
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    number = html.escape("".join(numbers))
    words = html.escape(" ".join(formula.tex.split()))
    return {
        "tex": tex, "display": formula.display, "words": words, "place": place,
        "number": f" <span>{number}</span>" * bool(number),
    }  # fmt: skip


def _tex(tree: list) -> str:
    """The TeX of a tree, with a space between a command and a letter."""
    nodes = [f"{{{_tex(node)}}}" if isinstance(node, list) else node
             for node in with_scripts(infix(tree))]  # fmt: skip
    return "".join(
        node + " " * (node[1:].isalpha() and following[:1].isalpha())
        for node, following in pairwise([*nodes, ""])
    )


def _as_html(formula: dict, result: dict) -> str:
    """Return a formula as MathML, with its number next to it, or as its source."""
    if result.get("problem") or not formula.get("tex"):
        source = f"<code>{html.escape(formula['source'])}</code>"
        return formula.get("html", source)
    alt = f'<math alttext="{formula["words"]}" '
    math = _NAME.sub(_apart, result["html"].replace("<math ", alt, 1))
    if not formula["display"]:
        return math
    shown = math + formula["number"]
    return f'<span class="formula" id="{formula["place"]}">{shown}</span>'


def _apart(name: re.Match) -> str:
    """A function's name, such as ln, with a space to what it could be taken for."""
    space = '<mspace width="0.167em"></mspace>'
    before = (name[1] or "") + space * bool(name[1])
    return before + name[2] + space * (name[3] not in (None, "<mo"))
