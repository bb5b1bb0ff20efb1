"""What a browser shows is on the page, or a warning says what is not."""

import re

import pytest

from nbtypst import TypstExporter
from nbtypst_samples import Samples, code, display, notebook, pdf_of

pytestmark = pytest.mark.export
samples = Samples()


def typst_of(*cells):
    """The Typst of the cells, without descriptions, and the warnings."""
    source, resources = TypstExporter().from_notebook_node(notebook(*cells))
    found = source.partition("<nbtypst-cell>")[2]
    return re.sub(r'alt: "([^"\\]|\\.)*"', "", found), resources["warnings"]


def latex(text):
    return code("", display("text/latex", text))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(end):
    table = end.join(["Rates:", "| step | loss |", "|--|--|", "| 0.1 | 0.5 |", ""])
    for cell in table, code("", display("text/markdown", table)):
        typst, warnings = typst_of(cell)
        assert "[step], [loss]" in typst and "[0.1], [0.5]" in typst and not warnings
    typst, _ = typst_of(code(f"def f():{end}    return 1{end}f()"))
    assert r'#code("def f():\n    return 1\nf()"' in typst


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
    found = re.findall(r"(?:\d|(?<!\.)a)[.)][a-f]", LISTS[markdown].text)
    assert [found, LISTS[markdown].warnings] == [NUMBERS[markdown].split(), []]


def test_vectors_and_lists_of_r_are_not_latex_source():
    typst, warnings = typst_of(
        latex("\\begin{enumerate*}\n\\item 2\n\\item 3\n\\end{enumerate*}\n"),
        latex("\\begin{description}\n\\item[\\$a] 1\n\\end{description}\n"),
    )
    assert warnings == [] and "2, 3" in typst
    assert "/ \\$a: #block[\n1\n]" in typst


@pytest.mark.parametrize(
    ("tex", "same"),
    [
        ("R₀ + x²", "R_{0} + x^{2}"),
        ("y₁₂^3 e⁻ˣ", "y_{12}^3 e^{−x}"),
        (r"\text{m²}", r"\text{m²}"),
        (r"\verb|a_b%| = 2", r"\texttt{a_b\%} = 2"),
        (r"\prescript{14}{6}{C}", r"{}^{14}_{6}{C}"),
        (r"\ce{H2O}", r"\mathrm{H}_{2}\mathrm{O}"),
        (r"\ce{SO4^2-}", r"\mathrm{SO}_{4}^{\mathrm{2-}}"),
        (r"\ce{Na+}", r"\mathrm{Na}^{+}"),
        (r"\ce{Ca(OH)2}", r"\mathrm{Ca}(\mathrm{OH})_{2}"),
        (r"\ce{^{14}_6C}", r"^{\mathrm{14}}_{\mathrm{6}}\mathrm{C}"),
        (r"\ce{2 H2 <=> X-Y}", r"2\,\mathrm{H}_{2}\rightleftharpoons "
         r"\mathrm{X}\mathord{-}\mathrm{Y}"),
    ],
)  # fmt: skip
def test_what_the_screen_sets_in_a_formula_is_set(tex, same):
    [shown, warnings], [expected, _] = typst_of(f"${tex}$"), typst_of(f"${same}$")
    assert warnings == [] and shown == expected


def test_what_is_not_chemistry_is_named():
    assert "# in a chemical formula" in typst_of(r"$\ce{A#}$")[1][0]


def test_a_mark_in_a_hebrew_word_is_not_a_quote():
    typst, _ = typst_of('צה"ל "abc" `צ"ה`')
    assert 'צה"ל “abc” `צ"ה`' in typst


def test_each_formula_has_a_description():
    cells = (
        "<math><mfrac><mn>1</mn><mi>n</mi></mfrac></math>",
        latex("\\begin{tabular}{l}\n$\\alpha$\\\\\n\\end{tabular}"),
    )
    source, _ = TypstExporter().from_notebook_node(notebook(*cells))
    for tex in (r"\\frac{1}{n}", r"\\alpha"):
        assert f'math.equation(alt: "{tex}")' in source
    broken = r"\begin{itemize}\item $\argmax$\end{itemize}"
    typst, [warning] = typst_of(latex(broken))
    assert r"#unset(" in typst and r"shown as its source: \argmax" in warning


LONG = r"\\".join(rf"a_{{{n}}} &= \frac{{{n}}}{{2}}" for n in range(1, 41))


@samples.of(rf"\begin{{align}}{LONG}\end{{align}}")
def test_a_long_formula_is_broken_across_pages(shown):
    """Within the margins, as any sample."""
    assert len(shown.pages) == 2 and shown.warnings == []


def smallest(printed):
    """The size of the smallest text on the first page."""
    sizes = []

    def seen(text, cm, tm, _font, size):
        if text.strip():
            sizes.append(abs(size * tm[3] * cm[3]))

    printed.reader.pages[0].extract_text(visitor_text=seen)
    return min(sizes)


def test_a_wide_formula_is_broken_and_keeps_its_size():
    terms = " + ".join(f"{n}x^{{{n}}}" for n in range(10, 71))
    printed, warnings = pdf_of(f"$${terms}$$")
    assert smallest(printed) >= 5 and not warnings and not printed.faults()


@pytest.mark.parametrize("wide", [
    r"\begin{{align}} a &= {} \\ &= b \end{{align}}", r"$${} \tag{{7}}$$",
    r"$$\frac{{{}}}{{2}}$$", "table",
    r"so $\begin{{aligned}} a &= {} \\ &= b \end{{aligned}}$ is",
])  # fmt: skip
def test_text_of_less_than_5_points_is_named(wide):
    """Of a formula or table that is shrunk because it cannot be broken."""
    for count in (20, 32):
        cell = wide.format(" + ".join(f"x_{{{n + 9}}}" for n in range(count)))
        if wide == "table":
            cell = (f"<table><tr><td colspan='{count}'>x</td></tr>"
                    f"<tr>{'<td>words</td>' * count}</tr></table>")  # fmt: skip
        printed, warnings = pdf_of("# A", cell)
        assert not printed.faults()
        assert ("(7)" in printed.text(1)) == (r"\tag" in wide)
        assert (smallest(printed) < 5) == (count == 32) == bool(warnings)
        assert re.fullmatch(r"(cell 2: a wide \w+ is set at \d\d% of its size: .*)?",
                            " ".join(warnings))  # fmt: skip


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
BROKEN = [samples.add("# T\n\na", page_break, "c") for page_break in BREAKS]


@pytest.mark.parametrize("number", range(len(BREAKS)))
def test_a_page_ends_where_people_say_so(number):
    assert len(BROKEN[number].pages) == 2 and BROKEN[number].warnings == []


def test_a_diagram_shown_as_its_source_is_named():
    alone, named = (display("text/vnd.mermaid", "graph LR; a --> b") for _ in range(2))
    named.data["text/plain"] = "<Mermaid object>"
    fence = "```mermaid\ngraph LR; a --> b\n```"
    typst, warnings = typst_of(fence, code("", alone), code("", named))
    assert [words.partition(": ")[2] for words in warnings] == [
        "a diagram in mermaid is shown as its source"] * 3
    assert typst.count("#code(") == 3 and "object" not in typst
