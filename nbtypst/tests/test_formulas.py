"""nbtypst/tex: a formula is found, and set right or shown as TeX with a warning."""

import re
from pathlib import Path

import pypandoc
import pytest

from nbtypst.compile import NO_ALT
from nbtypst_samples import Samples, html, notebook, pdf_of, raw
from pdf_pages import squeezed

pytestmark = pytest.mark.export
samples = Samples()

# ---- How formulas look -----------------------------------------------------------

LINES = Path(__file__).with_name("formulas.txt").read_text(encoding="utf-8")
CORPUS = [line.split(" ⟶ ") for line in LINES.splitlines() if line[0] != "#"]
SHEET = "#set page(width: auto, height: auto, margin: 6pt, header: none, footer: none)"


def test_formulas_look_as_they_did_when_compared_with_latex():
    alone = [tex for tex, *typst in CORPUS if not typst]
    done = pypandoc.convert_text("\n\nNEXT\n\n".join(alone), "typst", "markdown")
    as_pandoc = dict(zip(alone, done.split("NEXT")))
    wanted = [typst[0] if typst else as_pandoc[tex].strip() for tex, *typst in CORPUS]
    pages = [raw(SHEET)]
    cells = notebook(*(tex for tex, *_ in CORPUS), *map(raw, wanted)).cells
    for number, cell in enumerate(cells):  # each in a notebook of its own
        cell.metadata["where"] = f"formula {number}, cell 1"
        pages += [cell, raw("#pagebreak()")]
    printed, warnings = pdf_of(*pages[:-1])
    assert {line.partition(": ")[2] for line in warnings} == {NO_ALT}  # of the raw ones
    found = printed.pictures()
    pairs = [*zip(CORPUS, found, found[len(CORPUS) :])]
    assert len(found) == 2 * len(pairs)
    assert [tex for (tex, *_), ours, expected in pairs if ours != expected] == []
    blank = [tex for (tex, *_), (*_, ours), _ in pairs if len(set(ours)) < 9]
    assert blank == []


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


@samples.of(*(f"${tex}$" for tex in EMPTY), *(f"$$a {tex}$$" for tex in EMPTY))
def test_what_is_empty_is_set_as_nothing(shown):
    assert shown.warnings == []


@samples.of(*("word " * n + "$a = b + c - d = e + f$" + " word" * 9
              for n in range(6, 18)))  # fmt: skip
def test_a_short_formula_is_not_broken_across_lines(shown):
    letters = [round(m.bottom) for m in shown.marks if m.text in "𝑎𝑏𝑐𝑑𝑒𝑓"]
    assert len(letters) == 6 * 12 and len(set(letters)) == 12


@samples.of("# A\n", " and ".join([r"$\frac{\frac{1}{2}}{q}$, $\frac{1}{2}$"] * 540))
def test_a_denominator_in_the_last_line_of_a_page_is_within_it(shown):
    assert len(shown.pages) > 1  # and nothing is below the margin
    assert min(mark.bottom for mark in shown.marks) < 57


# ---- What is long, wide or high; each sample is checked to be within the margins ----

LONG = r"\\".join(rf"a_{{{n}}} &= \frac{{{n}}}{{2}}" for n in range(1, 41))


@samples.of(rf"\begin{{align}}{LONG}\end{{align}}")
def test_a_long_formula_is_broken_across_pages(shown):
    assert len(shown.pages) == 2 and shown.warnings == []


WIDE = {  # some Markdown, and whether it is set in less than 5 points
    form.format(count, sum=" + ".join(f"x_{{{n + 9}}}" for n in range(count)),
                cells="<td>words</td>" * count): count == 32 and form != "$${sum}$$"
    for count in (20, 32) for form in (
        r"\begin{{align}} a &= {sum} \\ &= b \end{{align}}", r"$${sum} \tag{{7}}$$",
        r"$$\frac{{{sum}}}{{2}}$$", "$${sum}$$",  # the last one is broken instead
        r"so $\begin{{aligned}} a &= {sum} \\ &= b \end{{aligned}}$ is",
        "<table><tr><td colspan='{0}'>x</td></tr><tr>{cells}</tr></table>",
    )
}  # fmt: skip


@samples.each(WIDE, lambda text: ["# A", text])
def test_text_of_less_than_5_points_is_named(shown, case, wanted):
    """Of a formula or table that is shrunk because it cannot be broken."""
    sizes = []

    def seen(text, cm, tm, _font, size):
        if text.strip():
            sizes.append(abs(size * tm[3] * cm[3]))

    shown.sheets[0].extract_text(visitor_text=seen)
    assert (min(sizes) < 5) == wanted == bool(shown.warnings)
    assert ("(7)" in shown.text) == (r"\tag" in case)
    assert re.fullmatch(r"(cell 2: a wide \w+ is set at \d\d% of its size: .*)?",
                        " ".join(shown.warnings))  # fmt: skip


TALL = r"$\begin{bmatrix}7\\7\end{bmatrix}$"


@samples.of(f"| a |\n|---|\n| {TALL} |\n| {TALL} |")
def test_a_tall_formula_has_its_height_in_a_table(shown):
    one, two, three, _ = (mark.bottom for mark in shown.marks if mark.text == "7")
    assert two - three > one - two > 5


# ---- Where they are found --------------------------------------------------------

FOUND = {  # the formulas in some Markdown, those on lines of their own with a second $
    "$x$ and $ y $": ["x", "y"],
    "$$\nx\n$$": ["$x"],
    r"\begin{align} a \end{align}": [r"$\begin{align} a \end{align}"],
    r"\\(x\\) \\[y\\]": ["x", "$y"],
    r"`$x$` ``a ` $y$`` \$5 and \$6": [],
    "```\n$x$\n```\n$y$": ["y"],
    "~~~ python\n$x$\n~~~": [],
    "one $ here\n\nand one $ there": [],
    r"$\text{a $b$ c}$": [r"\text{a $b$ c}"],
    "> $$\n> a +\n> b\n> $$": ["$a + b"],
    "| $|x|$ | $\\frac{a}{b}$ |": ["|x|", r"\frac{a}{b}"],
    r"$a \$ b$": [r"a \$ b"],
    r'$$\frac{a}{b} \text{ "so" é}$$ and $c$': [r'$\frac{a}{b} \text{ "so" é}', "c"],
    "It costs $5:\n```bash\necho $HOME\n```\nThe end.": [],
    "It costs $5; run `echo $HOME` now.": [],
    "$5:\n~~~\n$\n~~~\n\n$x$": ["x"],
}


@samples.each(FOUND)
def test_formulas_are_found_where_jupyter_finds_them(shown, case, wanted):
    assert shown.alternatives == [tex.removeprefix("$") for tex in wanted]
    in_the_middle = any(200 < mark.left < 400 for mark in shown.marks)
    assert in_the_middle == any(tex.startswith("$") for tex in wanted)
    if not wanted:
        assert shown.text.count("$") == case.count("$")


@samples.of(*(html(f"<table class='dataframe{name}'><tr><td>$5 and $6</table>")
              for name in ("", " tex2jax_ignore")))  # fmt: skip
def test_no_formula_is_found_where_mathjax_ignores_them(shown):
    assert shown.alternatives == ["5 and"] and shown.text.endswith("$5and$6")


# ---- What they know of each other ------------------------------------------------


@samples.of(
    r"see \eqref{late} $$x \label{a}$$ $$y \tag{T}\label{t}$$ $$z \tag*{S}$$",
    r"$$\begin{align} a &= b \label{one} \\ c &= d \tag{X} \label{two} \\ e &= f"
    r"\end{align}$$ $\eqref{one}, \eqref{two}, \ref{t}$, \ref{a}",
    "`\\eqref{a}`",
    r"$$w \label{late}$$ $v \label{late}$",
)
def test_formulas_are_numbered_by_labels_and_tags_and_linked(shown):
    assert shown.text.startswith("see(3)𝑥(1)𝑦(T)𝑧S𝑎=𝑏(2)𝑐=𝑑(X)𝑒=𝑓(2),(X),T,1")
    assert shown.text.endswith("\\eqref{a}𝑤(3)𝑣(3)")
    assert shown.warnings == []
    links = [link.get_object() for link in shown.sheets[0]["/Annots"]]
    heights = {mark.text[-1]: mark.bottom for mark in reversed(shown.marks)}
    for link, letter in zip(links, "𝑤𝑎𝑎𝑦𝑥", strict=True):
        top = float(link["/Dest"][3])
        assert heights[letter] < top < heights[letter] + 20, letter


WITHOUT = samples.add(r"$\q$")


@samples.of(r"$\def\q{x^2}\q$", r"$\q$")
def test_macros_hold_from_their_definition_and_in_their_notebook_only(shown):
    assert (shown.text, shown.warnings) == ("𝑥2𝑥2", [])
    assert len(WITHOUT.warnings) == 1


# ---- What is shown as its source -------------------------------------------------

REFUSED = {
    r"\argmin_x f": r"\argmin",
    r"\eqref{loss}": "no formula has the label loss",
    r"\begin{tikzpicture} x \end{tikzpicture}": "tikzpicture",
    r"\left\uparrow\right\frown": r"\frown",
    r"\left( x": r"\right",
    r"\hspace{2parsec}": "2parsec is no",
    r"\kern x": "x is no",
    r"a & b": "'&'",
    r"x^": "missing",
    r"\def\m#1{#1} \m": "missing",
    r"\text{a \alpha b}": r"\alpha",
    r"\text{a $x}": "without its $",
    r"\operatorname{\frac12}": r"\frac",
    "x}": "} without",
    r"\frac{5%}{2}": "{ without",
    "a_b_c": "second _",
    "x^2'": "second ^",
    r"\def\x{\x} \x": r"\x is defined by itself",
    r"\def\a{\b}\def\b{\a} \a": "more than 20,000 parts",
    r"\def\a#1{#1#1#1#1#1#1#1#1} \a{\a{\a{\a{\a{\a{\a{x}}}}}}}": "20,000 parts",
    "{" * 5000 + "x" + "}" * 5000: "its groups are more than",
    r"\newcommand{\b}[x]{y}": "ValueError",
    r"\genfrac a\text{b}": "missing",
    r"\ce{A#}": "# in a chemical formula",
}


@samples.each(REFUSED, lambda tex: ["fine $x$", f"${tex}$"])
def test_what_cannot_be_set_is_shown_as_its_source_and_named(shown, case, wanted):
    [warning] = shown.warnings
    assert warning.startswith("cell 2: the formula $") and case[:100] in warning
    assert wanted in warning.rsplit("is shown as its source: ", 1)[1]
    assert shown.text == "fine𝑥" + squeezed(f"${case}$")
