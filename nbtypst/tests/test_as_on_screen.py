"""What a browser shows is on the page, or a warning says what is not."""

import re

import pytest

from nbtypst import TypstExporter
from nbtypst_samples import Samples, code, display, notebook

pytestmark = pytest.mark.export
samples = Samples()


def typst_of(*cells):
    """The Typst of each cell, and the warnings."""
    source, resources = TypstExporter().from_notebook_node(notebook(*cells))
    parts = re.split(r"#metadata.*<nbtypst-cell>\n", source)
    return [part.strip() for part in parts[1:-1]], resources["warnings"]


def latex(text):
    return code("", display("text/latex", text))


def test_lines_may_end_as_on_any_system():
    table = "Rates:\n| step | loss |\n|--|--|\n| 0.1 | 0.5 |\n"
    program = "def f():\n    return 1\nf()"
    cells = [cell for end in ("\n", "\r\n", "\r") for cell in (
        table.replace("\n", end), code(program.replace("\n", end)),
        code("", display("text/markdown", table.replace("\n", end))))]  # fmt: skip
    typst, warnings = typst_of(*cells)
    assert typst[3:6] == typst[6:] == typst[:3] and warnings == []
    assert all("[step], [loss]" in shown and "[0.1], [0.5]" in shown
               for shown in typst[::2][:2])  # fmt: skip
    assert r'#code("def f():\n    return 1\nf()"' in typst[1]


NUMBERS = {
    "2. a\n   1. b\n   2. c\n3. d\n   - e\n     1. f": "2.a 1.b 2.c 3.d 1.f",
    "1) a\n   1. b": "1)a 1.b",
    "1) a\n   1. b\n\n<ol start='7'><li>c</li></ol>": "1)a 1.b 7.c",
    "<ol><li value='4'>a</li><li>b</li><li value='9'>c</li></ol>": "4.a 5.b 9.c",
    "<ol reversed><li>a</li><li>b<ol><li>c</li></ol></li></ol>": "2.a 1.b 1.c",
    "<ol value='x'><li value='y'>a</li><li>b</li></ol><ol></ol>": "1.a 2.b",
    "<ol type='a'><li>a<ol><li>b</li></ol></li></ol>": "a.a 1.b",
}
LISTS = {markdown: samples.add(markdown) for markdown in NUMBERS}


@pytest.mark.parametrize("markdown", NUMBERS)
def test_each_item_of_a_list_has_its_own_number(markdown):
    items = re.findall(r"(?:\d|(?<!\.)a)[.)][a-f]", LISTS[markdown].text)
    assert [items, LISTS[markdown].warnings] == [NUMBERS[markdown].split(), []]


SAME = {
    "R₀ + x²": "R_{0} + x^{2}",
    "y₁₂^3 e⁻ˣ": "y_{12}^3 e^{−x}",
    r"\text{m²}": r"\text{m²}",
    r"\verb|a_b%| = 2": r"\texttt{a_b\%} = 2",
    r"\prescript{14}{6}{C}": r"{}^{14}_{6}{C}",
    r"\ce{H2O}": r"\mathrm{H}_{2}\mathrm{O}",
    r"\ce{SO4^2-}": r"\mathrm{SO}_{4}^{\mathrm{2-}}",
    r"\ce{Na+}": r"\mathrm{Na}^{+}",
    r"\ce{Ca(OH)2}": r"\mathrm{Ca}(\mathrm{OH})_{2}",
    r"\ce{^{14}_6C}": r"^{\mathrm{14}}_{\mathrm{6}}\mathrm{C}",
    r"\ce{2 H2 <=> X-Y}":
        r"2\,\mathrm{H}_{2}\rightleftharpoons \mathrm{X}\mathord{-}\mathrm{Y}",
}  # fmt: skip


def test_what_the_screen_sets_in_a_formula_is_set():
    written = [f"${tex}$" for pair in SAME.items() for tex in pair]
    typst, warnings = typst_of(*written, r"$\ce{A#}$")
    plain = [re.sub(r'alt: "([^"\\]|\\.)*"', "", formula) for formula in typst]
    assert plain[:-1:2] == plain[1::2]
    [warning] = warnings
    assert "# in a chemical formula" in warning


def test_what_else_a_browser_shows_of_latex_mathml_and_quotes():
    typst, warnings = typst_of(
        latex("\\begin{enumerate*}\n\\item 2\n\\item 3\n\\end{enumerate*}\n"),
        latex("\\begin{description}\n\\item[\\$a] 1\n\\end{description}\n"),  # of R
        'צה"ל "abc" `צ"ה`',
        "<math><mfrac><mn>1</mn><mi>n</mi></mfrac></math>",
        latex("\\begin{tabular}{l}\n$\\alpha$\\\\\n\\end{tabular}"),
        latex(r"\begin{itemize}\item $\argmax$\end{itemize}"),
    )
    for part, shown in zip(typst, [
        "2, 3", "/ \\$a: #block[\n1\n]", 'צה"ל “abc” `צ"ה`',
        r'equation(alt: "\\frac{1}{n}")', r'equation(alt: "\\alpha")', "#unset(",
    ]):  # fmt: skip
        assert shown in part
    [warning] = warnings
    assert r"shown as its source: \argmax" in warning


# ---- What is long, wide or high; each sample is checked to be within the margins ----

LONG = r"\\".join(rf"a_{{{n}}} &= \frac{{{n}}}{{2}}" for n in range(1, 41))


@samples.of(rf"\begin{{align}}{LONG}\end{{align}}")
def test_a_long_formula_is_broken_across_pages(shown):
    assert len(shown.pages) == 2 and shown.warnings == []


WIDE = [
    r"\begin{{align}} a &= {} \\ &= b \end{{align}}", r"$${} \tag{{7}}$$",
    r"$$\frac{{{}}}{{2}}$$", "table",
    r"so $\begin{{aligned}} a &= {} \\ &= b \end{{aligned}}$ is",
    "$${}$$",
]  # fmt: skip


def wide(form, count):
    if form == "table":
        return (f"<table><tr><td colspan='{count}'>x</td></tr>"
                f"<tr>{'<td>words</td>' * count}</tr></table>")  # fmt: skip
    return form.format(" + ".join(f"x_{{{n + 9}}}" for n in range(count)))


SHRUNK = {(form, count): samples.add("# A", wide(form, count))
          for form in WIDE for count in (20, 32)}  # fmt: skip


@pytest.mark.parametrize("form, count", SHRUNK)
def test_text_of_less_than_5_points_is_named(form, count):
    """Of a formula or table that is shrunk because it cannot be broken."""
    shown = SHRUNK[form, count]
    printed, _, starts = samples.document
    sizes = []

    def seen(text, cm, tm, _font, size):
        if text.strip():
            sizes.append(abs(size * tm[3] * cm[3]))

    printed.reader.pages[starts[shown.number - 1] - 1].extract_text(visitor_text=seen)
    too_small = count == 32 and form != "$${}$$"  # which is broken instead
    assert (min(sizes) < 5) == too_small == bool(shown.warnings)
    assert ("(7)" in shown.text) == (r"\tag" in form)
    assert re.fullmatch(r"(cell 2: a wide \w+ is set at \d\d% of its size: .*)?",
                        " ".join(shown.warnings))  # fmt: skip


TALL = r"$\begin{bmatrix}7\\7\end{bmatrix}$"


@samples.of(f"| a |\n|---|\n| {TALL} |\n| {TALL} |")
def test_a_tall_formula_has_its_height_in_a_table(shown):
    one, two, three, _ = (mark.bottom for mark in shown.marks if mark.text == "7")
    assert two - three > one - two > 5


@samples.of("One.[^n] Two.[^n] Three.[^m]\n\n[^n]: Words.\n\n[^m]: Others.")
def test_a_footnote_cited_twice_is_printed_once(shown):
    assert shown.text.count("Words.") == 1


BREAKS = ['<div style="page-break-after: always"></div>', r"\newpage", "\\pagebreak",
          '<div style="break-before: always">b</div>']  # fmt: skip
BROKEN = {page_break: samples.add("# T\n\na", page_break, "c") for page_break in BREAKS}


@pytest.mark.parametrize("page_break", BREAKS)
def test_a_page_ends_where_people_say_so(page_break):
    assert len(BROKEN[page_break].pages) == 2 and BROKEN[page_break].warnings == []


def test_a_diagram_shown_as_its_source_is_named():
    alone, named = (display("text/vnd.mermaid", "graph LR; a --> b") for _ in range(2))
    named.data["text/plain"] = "<Mermaid object>"
    fence = "```mermaid\ngraph LR; a --> b\n```"
    typst, warnings = typst_of(fence, code("", alone), code("", named))
    assert [words.partition(": ")[2] for words in warnings] == [
        "a diagram in mermaid is shown as its source"] * 3
    assert all("#code(" in part and "object" not in part for part in typst)
