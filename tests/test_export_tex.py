"""TeX on its way to Typst: right, or refused by name, never wrong in silence."""

from pathlib import Path

import pytest

from export import ExportError
from export.compile import compile_typst
from export.pages import read_pages
from export_samples import typst_of

pytestmark = pytest.mark.export


def corpus() -> dict[str, str]:
    """Formulas and the Typst that was looked at and found right."""
    text = Path(__file__).with_name("export_tex.txt").read_text(encoding="utf-8")
    pairs = {}
    for block in text.strip().split("\n\n")[1:]:
        tex, *typst = block.strip("\n").split("\n")
        pairs[tex] = "\n".join(line.removeprefix("    ") for line in typst)
    return pairs


CORPUS = corpus()


def test_the_corpus_is_converted_as_when_it_was_looked_at():
    assert dict(zip(CORPUS, typst_of(*CORPUS))) == CORPUS


def test_the_corpus_compiles_and_no_formula_is_lost():
    document = "\n\n#pagebreak()\n".join(CORPUS.values())
    pages = read_pages(compile_typst(document, {}))
    assert len(pages) == len(CORPUS)
    assert all(any(mark.text.strip() for mark in page) for page in pages)


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
        typst_of("fine $x$", tex)
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("cell 2: cannot typeset ")
    assert tex.strip("$") in message
    assert REFUSED[tex] in message.rsplit("$: ", 1)[1]


def test_a_stand_in_that_pandoc_moves_is_refused():
    tex = r"\genfrac a\text{b}"  # Pandoc takes its letters for a delimiter
    with pytest.raises(ExportError) as raised:
        typst_of(f"${tex}$")
    reason = "a construct where Typst has no room for it"
    assert str(raised.value) == f"cell 1: cannot typeset ${tex}$: {reason}"


def advance(typst: str) -> float:
    """How far apart, in em, a formula sets its a and its b."""
    pdf = compile_typst(f"#set text(size: 10pt)\n{typst}", {})
    letters = {m.text: m for m in read_pages(pdf)[0]}
    return (letters["\U0001d44f"].left - letters["\U0001d44e"].left) / 10


@pytest.mark.parametrize(
    ("space", "width"),
    [
        (r"\,", 3 / 18), (r"\:", 4 / 18), (r"\;", 5 / 18), (r"\!", -3 / 18),
        (r"\quad", 1), (r"\qquad", 2), (r"\hspace{0.5em}", 0.5), ("{}", 0),
    ],
)  # fmt: skip
def test_spaces_are_as_wide_as_in_tex(space, width):
    tight, spaced = typst_of(r"$a\,b$", f"$a{space} b$")
    assert advance(spaced) - advance(tight) == pytest.approx(width - 3 / 18, abs=0.003)


def test_words_in_a_formula_have_no_space_but_their_own():
    for tex, words in [(r"$n\text{th}$", "th"), (r"$\text{ReLU}(x)$", "ReLU")]:
        pdf = compile_typst(f"#set text(size: 10pt)\n{typst_of(tex)[0]}", {})
        line = sorted(read_pages(pdf)[0], key=lambda m: m.left)
        assert words in [mark.text for mark in line]
        assert all(b.left - a.right < 0.8 for a, b in zip(line, line[1:]))


def test_the_second_exponent_stands_beside_the_first():
    pdf = compile_typst(typst_of(r"${w^{(2)}}^\top$")[0], {})
    *_, inner, outer = read_pages(pdf)[0]
    assert (inner.text[-1], outer.text) == (")", "⊤")
    assert outer.left >= inner.right - 0.1
    assert outer.top - outer.bottom == pytest.approx(inner.top - inner.bottom)
