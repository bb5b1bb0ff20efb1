"""What a browser shows is on the page, or a warning says what is not."""

import io
import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pypdf import PdfReader

from nbtypst import TypstExporter, TypstPDFExporter
from pdf_pages import Printed


def notebook(*cells):
    """A notebook of Markdown (text) and of outputs (by their formats)."""
    made = []
    for count, cell in enumerate(cells, 1):
        if isinstance(cell, str):
            made.append(new_markdown_cell(cell))
        else:
            output = new_output("display_data", cell)
            made.append(new_code_cell("x", execution_count=count, outputs=[output]))
    return new_notebook(cells=made)


def typst_of(*cells):
    """The Typst of the cells, without descriptions, and the warnings."""
    source, resources = TypstExporter().from_notebook_node(notebook(*cells))
    found = source.partition("<nbtypst-cell>")[2]
    return re.sub(r'alt: "([^"\\]|\\.)*"', "", found), resources["warnings"]


def pages_of(*cells):
    """The pages of the cells' PDF, which must be without warnings."""
    pdf, resources = TypstPDFExporter().from_notebook_node(notebook(*cells))
    assert resources["warnings"] == []
    return PdfReader(io.BytesIO(pdf)).pages


def marks_of(page):
    """Each piece of text on a page: the text, its height on the page, its size."""
    marks = []

    def seen(text, cm, tm, _font, size):
        if text.strip():
            y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            marks.append((text.strip(), y, abs(size * tm[3] * cm[3])))

    page.extract_text(visitor_text=seen)
    return marks


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(end):
    table = end.join(["Rates:", "| step | loss |", "|--|--|", "| 0.1 | 0.5 |", ""])
    for cell in table, {"text/markdown": table}:
        typst, warnings = typst_of(cell)
        assert "[step], [loss]" in typst and "[0.1], [0.5]" in typst and not warnings
    lines = notebook({"text/plain": "1"})
    lines.cells[0].source = f"def f():{end}    return 1{end}f()"
    typst, _ = TypstExporter().from_notebook_node(lines)
    assert r'#code("def f():\n    return 1\nf()"' in typst


@pytest.mark.parametrize(
    ("markdown", "numbers"),
    [
        ("2. a\n   1. b\n   2. c\n3. d\n   - e\n     1. f", "2.a 1.b 2.c 3.d 1.f"),
        ("1) a\n   1. b", "1)a 1.b"),
        ("1) a\n   1. b\n\n<ol start='7'><li>c</li></ol>", "1)a 1.b 7.c"),
        ("<ol><li value='4'>a</li><li>b</li><li value='9'>c</li></ol>", "4.a 5.b 9.c"),
        ("<ol reversed><li>a</li><li>b<ol><li>c</li></ol></li></ol>", "2.a 1.b 1.c"),
        ("<ol value='x'><li value='y'>a</li><li>b</li></ol><ol></ol>", "1.a 2.b"),
        ("<ol type='a'><li>a<ol><li>b</li></ol></li></ol>", "a.a 1.b"),
    ],
)
def test_each_item_of_a_list_has_its_own_number(markdown, numbers):
    [page] = pages_of(markdown)
    words = re.sub(r"\s", "", page.extract_text())
    assert re.findall(r"(?:\d|(?<!\.)a)[.)][a-f]", words) == numbers.split()


def test_vectors_and_lists_of_r_are_not_latex_source():
    typst, warnings = typst_of(
        {"text/latex": "\\begin{enumerate*}\n\\item 2\n\\item 3\n\\end{enumerate*}\n"},
        {"text/latex": "\\begin{description}\n\\item[\\$a] 1\n\\end{description}\n"},
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
        {"text/latex": "\\begin{tabular}{l}\n$\\alpha$\\\\\n\\end{tabular}"},
    )
    source, _ = TypstExporter().from_notebook_node(notebook(*cells))
    for tex in (r"\\frac{1}{n}", r"\\alpha"):
        assert f'math.equation(alt: "{tex}")' in source
    broken = {"text/latex": "\\begin{itemize}\\item $\\argmax$\\end{itemize}"}
    typst, [warning] = typst_of(broken)
    assert r"#unset(" in typst and r"shown as its source: \argmax" in warning


def test_a_long_formula_goes_on_on_the_next_page():
    lines = r"\\".join(rf"a_{{{n}}} &= \frac{{{n}}}{{2}}" for n in range(1, 41))
    pages = pages_of(rf"\begin{{align}}{lines}\end{{align}}")
    assert len(pages) == 2
    heights = [y for page in pages for text, y, _ in marks_of(page)]
    assert min(heights) > 20


def test_a_wide_formula_is_broken_and_keeps_its_size():
    terms = " + ".join(f"{n}x^{{{n}}}" for n in range(10, 71))
    [page] = pages_of(f"$${terms}$$")
    assert min(size for _, _, size in marks_of(page)) >= 5


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
        made = notebook("# A", cell)
        pdf, resources = TypstPDFExporter().from_notebook_node(made)
        [page] = PdfReader(io.BytesIO(pdf)).pages
        size = min(size for *_, size in marks_of(page))
        assert Printed(pdf).faults() == []
        said = " ".join(resources["warnings"])
        found = re.findall(r"cell 2: a wide \w+ is set at (\d+)% of its size: ", said)
        assert bool(found) == (size < 5) == (count == 32) == bool(said)


def test_a_tall_formula_has_its_height_in_a_table():
    cell = r"$\begin{bmatrix}7\\7\end{bmatrix}$"
    [page] = pages_of(f"| a |\n|---|\n| {cell} |\n| {cell} |")
    one, two, three, _ = [y for text, y, _ in marks_of(page) if text == "7"]
    assert two - three > one - two > 5


def test_a_footnote_cited_twice_is_printed_once():
    [page] = pages_of("One.[^n] Two.[^n] Three.[^m]\n\n[^n]: Words.\n\n[^m]: Others.")
    assert page.extract_text().count("Words.") == 1


@pytest.mark.parametrize(
    "page_break",
    ['<div style="page-break-after: always"></div>', r"\newpage", "\\pagebreak",
     '<div style="break-before: always">b</div>'],
)  # fmt: skip
def test_a_page_ends_where_people_say_so(page_break):
    assert len(pages_of("# T\n\na", page_break, "c")) == 2


def test_a_diagram_shown_as_its_source_is_named():
    assert "mermaid" in typst_of("```mermaid\ngraph LR; a --> b\n```")[1][0]
