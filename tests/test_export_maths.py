"""TeX on its way to Typst: right, or refused by name, never wrong in silence."""

import io
import json
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from export import ExportError
from export.compile import compile_typst
from export.formulas import Formula, split
from export.markup import Piece, convert
from export.pages import marks

pytestmark = pytest.mark.export


SPOKEN = re.compile(r'#\[#set math\.equation\(alt: ".*?"\); (\$ .* \$)\]', re.DOTALL)


def typeset(*formulas: str) -> list[str]:
    """Each formula's Typst, as Markdown with that formula gives it."""
    pieces = [
        Piece(tex, "text/markdown", f"cell {number}")
        for number, tex in enumerate(formulas, 1)
    ]
    convert(pieces)
    return [SPOKEN.sub(r"\1", piece.typst.strip()) for piece in pieces]


def corpus() -> dict[str, str]:
    """Formulas and the Typst that was looked at and found right."""
    text = Path(__file__).with_name("export_maths.txt").read_text(encoding="utf-8")
    pairs = {}
    for block in text.strip().split("\n\n")[1:]:
        tex, *typst = block.strip("\n").split("\n")
        pairs[tex] = "\n".join(line.removeprefix("    ") for line in typst)
    return pairs


CORPUS = corpus()


def test_the_corpus_is_converted_as_when_it_was_looked_at():
    assert dict(zip(CORPUS, typeset(*CORPUS))) == CORPUS


def test_the_corpus_compiles_and_no_formula_is_lost():
    document = "\n\n#pagebreak()\n".join(CORPUS.values())
    reader = PdfReader(io.BytesIO(compile_typst(document, {})))
    assert len(reader.pages) == len(CORPUS)
    assert all(any(m.text.strip() for m in marks(page)) for page in reader.pages)


REFUSED = {
    r"$\argmin_x f$": r"\argmin",
    r"$\color{red} x$": r"\textcolor",
    r"$\textcolor{mauve}{x}$": "mauve",
    r"$$x \tag{1}$$": r"\tag",
    r"$\eqref{loss}$": r"\eqref",
    r"$\def\x{1} \x$": r"\def",
    r"$\begin{array}{lr} 1 & 2 \end{array}$": "{lr}",
    r"$\begin{array}{|c|} 1 \end{array}$": "frame",
    r"$\begin{tikzpicture} x \end{tikzpicture}$": "tikzpicture",
    r"$\left\uparrow\right\frown$": r"\frown",
    r"$\left( x$": r"\right",
    r"$\hspace{2parsec}$": "2parsec",
    r"$\kern 3pt x$": r"\hspace",
    r"$a \\ b$": r"\\",
    r"$x^$": "missing",
    r"$\text{a \alpha b}$": r"\alpha",
    r"$\operatorname{\frac12}$": r"\frac",
    r"$\smash{x}$": r"\smash",
    "$x}$": "} without",
    r"$\text{5%}$": "{ without",
    r"$\text{a {\bf b}}$": r"{\bf b}",
    "$a_b_c$": "second _",
    "$x^2'$": "second ^",
    r"$\begin{array}{c} 1 \\ \hline \end{array}$": "frame",
}


@pytest.mark.parametrize("tex", REFUSED)
def test_what_cannot_be_typeset_is_refused_with_place_and_formula(tex):
    with pytest.raises(ExportError) as raised:
        typeset("fine $x$", tex)
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("cell 2: cannot typeset ")
    assert tex.strip("$") in message
    assert REFUSED[tex] in message.rsplit("$: ", 1)[1]


def test_a_stand_in_that_pandoc_moves_is_refused():
    tex = r"\genfrac a\text{b}"  # Pandoc takes its letters for a delimiter
    with pytest.raises(ExportError) as raised:
        typeset(f"${tex}$")
    reason = "a construct where Typst has no room for it"
    assert str(raised.value) == f"cell 1: cannot typeset ${tex}$: {reason}"


def test_what_pandoc_says_is_passed_on(monkeypatch, tmp_path):
    unclear = {"formulas": [{"problem": "no idea\nat all"}], "pieces": []}
    (tmp_path / "results").write_text(json.dumps(unclear))
    pandoc = tmp_path / "pandoc"
    pandoc.write_text(f"#!/bin/sh\ncat >/dev/null\ncat '{tmp_path}/results'\n")
    pandoc.chmod(0o755)
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: str(pandoc))
    with pytest.raises(ExportError, match="Pandoc does not understand it"):
        typeset("$x$")
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: "/bin/false")
    with pytest.raises(ExportError, match="^pandoc: "):
        typeset("$x$")


def advance(typst: str) -> float:
    """How far apart, in em, a formula sets its a and its b."""
    pdf = compile_typst(f"#set text(size: 10pt)\n{typst}", {})
    letters = {m.text: m for m in marks(PdfReader(io.BytesIO(pdf)).pages[0])}
    return (letters["\U0001d44f"].left - letters["\U0001d44e"].left) / 10


@pytest.mark.parametrize(
    ("space", "width"),
    [
        (r"\,", 3 / 18), (r"\:", 4 / 18), (r"\;", 5 / 18), (r"\!", -3 / 18),
        (r"\quad", 1), (r"\qquad", 2), (r"\hspace{0.5em}", 0.5), ("{}", 0),
    ],
)  # fmt: skip
def test_spaces_are_as_wide_as_in_tex(space, width):
    tight, spaced = typeset(r"$a\,b$", f"$a{space} b$")
    assert advance(spaced) - advance(tight) == pytest.approx(width - 3 / 18, abs=0.003)


def test_words_in_a_formula_have_no_space_but_their_own():
    for tex, words in [(r"$n\text{th}$", "th"), (r"$\text{ReLU}(x)$", "ReLU")]:
        pdf = compile_typst(f"#set text(size: 10pt)\n{typeset(tex)[0]}", {})
        line = sorted(marks(PdfReader(io.BytesIO(pdf)).pages[0]), key=lambda m: m.left)
        assert words in [mark.text for mark in line]
        assert all(b.left - a.right < 0.8 for a, b in zip(line, line[1:]))


def test_the_second_exponent_stands_beside_the_first():
    pdf = compile_typst(typeset(r"${w^{(2)}}^\top$")[0], {})
    *_, inner, outer = marks(PdfReader(io.BytesIO(pdf)).pages[0])
    assert (inner.text[-1], outer.text) == (")", "⊤")
    assert outer.left >= inner.right - 0.1
    assert outer.top - outer.bottom == pytest.approx(inner.top - inner.bottom)


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("$x$ and $ y $", [("x", False), ("y", False)]),
        ("$$\nx\n$$", [("x", True)]),
        (r"\begin{align} a \end{align}", [(r"\begin{align} a \end{align}", True)]),
        (r"\\(x\\) \\[y\\]", [("x", False), ("y", True)]),
        (r"`$x$` ``a ` $y$`` \$5 and \$6", []),
        ("```\n$x$\n```\n$y$", [("y", False)]),
        ("~~~ python\n$x$\n~~~", []),
        ("one $ here\n\nand one $ there", []),
        (r"$\text{a $b$ c}$", [(r"\text{a $b$ c}", False)]),
        ("> $$\n> a +\n> b\n> $$", [("a +\n b", True)]),
        ("| $|x|$ | $\\frac{a}{b}$ |", [("|x|", False), (r"\frac{a}{b}", False)]),
        (r"$a \$ b$", [(r"a \$ b", False)]),
    ],
)
def test_formulas_are_found_where_jupyter_finds_them(text, formulas):
    parts = split(text)
    found = [part for part in parts if isinstance(part, Formula)]
    assert [(formula.tex, formula.display) for formula in found] == formulas
    assert "".join(getattr(part, "source", part) for part in parts) == text


def test_text_around_formulas_is_kept():
    (typst,) = typeset(r"costs \$5, _not_ $x_1$ but `$y$`: **$z^2$**-th")
    assert typst == "costs \\$5, #emph[not] $x_1$ but `$y$`: #strong[$z^2$]-th"
