"""TeX on its way to Typst: right, or shown as TeX by name, never wrong in silence."""

import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from export.compile import compile_typst
from export.literals import typst_string
from export.markup import Piece, convert
from export_samples import (
    pages_of,
    pieces_of,
    text_of,
    typst_of,
    unspoken,
    warned,
)

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
    document = "#let framed = box\n" + "\n\n#pagebreak()\n".join(CORPUS.values())
    pages = pages_of(compile_typst(document, {}))
    assert len(pages) == len(CORPUS)
    assert all(page.text.strip() for page in pages)


REFUSED = {
    r"$\argmin_x f$": r"\argmin",
    r"$\eqref{loss}$": "no formula has the label loss",
    r"$\begin{tikzpicture} x \end{tikzpicture}$": "tikzpicture",
    r"$\left\uparrow\right\frown$": r"\frown",
    r"$\left( x$": r"\right",
    r"$\hspace{2parsec}$": "2parsec is no length",
    r"$\kern x$": "is no length",
    r"$a & b$": "'&'",
    r"$x^$": "missing",
    r"$\def\m#1{#1} \m$": "missing",
    r"$\text{a \alpha b}$": r"\alpha",
    r"$\text{a $x}$": "without its $",
    r"$\operatorname{\frac12}$": r"\frac",
    "$x}$": "} without",
    r"$\frac{5%}{2}$": "{ without",
    "$a_b_c$": "second _",
    "$x^2'$": "second ^",
    r"$\def\x{\x} \x$": r"\x stands for itself",
    r"$\def\a{\b}\def\b{\a} \a$": "more than 20,000 parts",
    r"$\def\a#1{#1#1#1#1#1#1#1#1} \a{\a{\a{\a{\a{\a{\a{x}}}}}}}$": "20,000 parts",
    "$" + "{" * 5000 + "x" + "}" * 5000 + "$": "its groups are more than 18 deep",
    r"$\newcommand{\b}[x]{y}$": "ValueError",
    r"$\genfrac a\text{b}$": "a construct where Typst has no room for it",
}


@pytest.mark.parametrize("tex", REFUSED)
def test_what_cannot_be_typeset_is_shown_as_its_source_with_a_warning(tex):
    fine, piece = pieces_of("fine $x$", tex)
    assert not fine.warnings
    [warning] = piece.warnings
    assert "\n" not in warning and warning.startswith("the formula $")
    assert tex.strip("$")[:100] in warning
    assert REFUSED[tex] in warning.rsplit("is shown as its source: ", 1)[1]
    assert piece.typst.strip() == f"#unset({typst_string(tex)})"


EMPTY = re.findall(r"\S+", r"""
\frac{}{} \sqrt{} \overset{}{x} \overset{a}{} \underset{}{x} \xrightarrow{} \mathrm{}
\xrightarrow[]{a} \xrightarrow[a]{} \xrightarrow[]{} \mathbf{} \mathbb{} \mathrel{}
\color{red}{} \color{red} \textcolor{red}{} \href{}{} \href{}{x} \overline{} \hat{}
\underbrace{}_{} \binom{}{} \cancel{} \dfrac{}{} \displaystyle \textstyle{} \rm \bf{}
\large \boldsymbol{} \stackrel{}{} \substack{} \text{} \hphantom{} \boxed{}
\begin{matrix}\end{matrix} \begin{cases}\end{cases} \begin{aligned}\end{aligned}
\operatorname{} \mathop{} {\over} {a\over} \pmod{} {} x^{}_{} {}_a^b \vec{}'
\left.\right.
""")


def test_what_is_empty_is_set_as_nothing():
    cells = [f"${tex}$" for tex in EMPTY] + [f"$$a {tex}$$" for tex in EMPTY]
    assert warned(*cells) == []


def test_every_matrix_and_every_arrow_is_set_between_its_signs():
    kinds = {"": "", "p": "()", "b": "[]", "B": "{}", "v": "||", "V": "‖‖"}
    for kind, signs in kinds.items():
        [typst] = typst_of(f"$\\begin{{{kind}matrix}}a\\\\b\\end{{{kind}matrix}}$")
        text = pages_of(compile_typst(typst, {}))[0].text
        assert [sign in text for sign in signs] == [True] * len(signs)
    names = ("xrightarrow", "xLeftrightarrow", "xhookrightarrow", "xlongequal")
    assert warned(*(f"$a \\{name}[c]{{d}} b$" for name in names)) == []


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\text{with 50%} x", "with50%𝑥"),
        (r"\text{with 50\%} % a comment", "with50%"),
        (r'\mathrm{tf}("is")', 'tf("𝑖𝑠")'),
        (r"\left( a + \\ b \right)", "(𝑎+𝑏)"),
        (r"\left( a + \\[2pt] b \right)", "(𝑎+𝑏)"),
        (r"\fbox{50% {a}} \textbf{1%}", "50%a𝟏%"),
        (r"\require{cancel} \Bbb{R} \class{a}{x} \fbox{so}", "ℝ𝑥so"),
    ],
)
def test_what_is_no_tex_elsewhere_is_set_as_on_the_screen(tex, text):
    assert warned(f"${tex}$") == [] and text_of(f"${tex}$") == text + "1of1"


def test_formulas_are_numbered_by_their_labels_and_tags_and_linked():
    one, two, other, late = pieces_of(
        r"see \eqref{late} $$x \label{a}$$ $$y \tag{T}\label{t}$$ $$z \tag*{S}$$",
        r"$$\begin{align} a &= b \label{one} \\ c &= d \tag{X} \label{two} \\ e &= f"
        r"\end{align}$$ $\eqref{one}, \eqref{two}, \ref{t}$, \ref{a}",
        "`\\eqref{a}`",
        r"$$w \label{late}$$ $v \label{late}$",
    )
    assert one.typst.startswith('see $#link(<eq-7>, "(3)")$')
    for words in ('n => "(1)"); $ x $ <eq-1>]', 'n => "(T)"); $ y $ <eq-2>]',
                  'n => "S"); $ z $]'):  # fmt: skip
        assert words in one.typst
    assert 'b #h(2em)#math.upright("(2)");' in two.typst
    assert two.typst.count('"(X)"') == 2 and "numbering" not in two.typst
    assert '$#link(<eq-4>, "(2)") \\, #link(<eq-4>, "(X)") \\, #link(<eq-2>, "T")$' in (
        two.typst
    )
    assert other.typst.strip() == "`\\eqref{a}`"
    assert late.typst.count("<eq-7>") == 1
    pdf = compile_typst("\n".join(p.typst for p in (one, two, late)), {})
    links = PdfReader(io.BytesIO(pdf)).pages[0]["/Annots"]
    assert len(links) >= 5


def test_macros_hold_from_where_they_are_defined_and_in_their_notebook_only():
    pieces = [
        Piece(text, "text/markdown", f"{name}, cell 1")
        for name, text in [("a", r"$\def\q{x^2}\q$"), ("a", r"$\q$"), ("b", r"$\q$")]
    ]
    convert(pieces)
    for piece in pieces:
        piece.typst = unspoken(piece.typst)
    assert [piece.typst.strip() for piece in pieces[:2]] == ["$x^2$", "$x^2$"]
    assert pieces[2].warnings


def width_of(typst: str) -> float:
    """How wide a formula is, in em."""
    pdf = compile_typst(f"#set text(size: 10pt)\n{typst}", {})
    marks = pages_of(pdf)[0].marks
    return (max(m.right for m in marks) - min(m.left for m in marks)) / 10


@pytest.mark.parametrize(
    ("space", "width"),
    [
        (r"\,", 3 / 18), (r"\:", 4 / 18), (r"\;", 5 / 18), (r"\!", -3 / 18),
        (r"\quad", 1), (r"\qquad", 2), (r"\hspace{0.5em}", 0.5), ("{}", 0),
    ],
)  # fmt: skip
def test_spaces_are_as_wide_as_in_tex(space, width):
    tight, spaced = typst_of(r"$a\,b$", f"$a{space} b$")
    wider = width_of(spaced) - width_of(tight)
    assert wider == pytest.approx(width - 3 / 18, abs=0.003)


def test_words_in_a_formula_have_no_space_but_their_own():
    for tex, words in [(r"$n\text{th}$", "𝑛th"), (r"$\text{ReLU}(x)$", "ReLU(𝑥)")]:
        pdf = compile_typst(f"#set text(size: 10pt)\n{typst_of(tex)[0]}", {})
        line = sorted(pages_of(pdf)[0].marks, key=lambda m: m.left)
        assert words in [mark.text for mark in line]
        assert all(b.left - a.right < 0.8 for a, b in zip(line, line[1:]))


def test_the_second_exponent_stands_beside_the_first():
    pdf = compile_typst(typst_of(r"${w^{(2)}}^\top$")[0], {})
    *_, inner, outer = pages_of(pdf)[0].marks
    assert (inner.text[-1], outer.text) == (")", "⊤")
    assert outer.left >= inner.right - 0.1
    assert outer.top - outer.bottom == pytest.approx(inner.top - inner.bottom)
