"""nbtypst/offline.py and mathml.py: a notebook as one page that needs no network."""

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from nbformat.v4 import new_markdown_cell, new_output

from nbtypst import OfflineHTMLExporter
from nbtypst.markup import Piece
from nbtypst.mathml import Page
from nbtypst.offline import NO_WORDS
from nbtypst_samples import (
    WIDGET,
    code,
    display,
    figure,
    html,
    markdown,
    notebook,
    raw,
    save,
    stdout,
)  # fmt: skip
from pdf_pages import plain, squeezed
from test_formulas import FOUND
from test_markup import WORDS
from test_typeset import CELLS

pytestmark = pytest.mark.export
WEB = "https://example.org/"
ELSEWHERE = "Not part of this page: "


class Exported:
    """A page of some cells; what is in its main part, and its warnings."""

    def __init__(self, *cells, name: str = "n", path: Path | str = "", **settings):
        exporter = OfflineHTMLExporter(**settings)
        resources = {"metadata": {"name": name, "path": str(path)}}
        text, resources = exporter.from_notebook_node(notebook(*cells), resources)
        self.page = BeautifulSoup(text, "html.parser")
        self.main: Tag = self.page.main
        self.warnings = [w.removeprefix("n, ") for w in resources["warnings"]]

    def texts(self, selector: str) -> list[str]:
        """What the tags say; of those after an @, this attribute."""
        selector, _, attribute = selector.partition("@")
        return [tag[attribute] if attribute else " ".join(tag.get_text().split())
                for tag in self.main.select(selector)]  # fmt: skip


PAGES = {  # cells, what is on their page by CSS selectors, and warnings
    "formulas are MathML wherever they are": [
        ["The $x_1$ here:\n\n$$\\frac{1}{2}$$\n\n| $a$ | b |\n|--|--|\n| 1 | $c$ |",
         code("1", display("text/latex", "$\\displaystyle y^2$"),
              markdown("so \\\\(z\\\\)"), display(
                  "text/html", "<p>and $w$</p><script>'$no$ $'</script>"))],
        {"math@alttext": ["x_1", "\\frac{1}{2}", "a", "c", "\\displaystyle y^2", "z",
                          "w"],
         "math@display": ["inline", "block", *["inline"] * 5], "msub": ["x1"],
         "script": ["'$no$ $'"]}],
    "several lines, a box": [
        ["$$a &= b \\\\ c &= d$$ $$\\boxed{x}$$"],
        {"math:has(mtr) mtr": ["a=b", "c=d"], "menclose@notation": ["box"]}],
    "the name of a function is apart from letters and digits": [
        ["$2\\ln 2$", "$\\ln(2)$"],
        {"p:first-of-type mspace": ["", ""], "mspace": ["", ""]}],
    "what is not understood is shown as its source": [
        ["$\\frob$ and $x}$, $\\hskip 1em$ and `$code$`.\n\n    $in$ code",
         "![$a$](data:image/gif,)"],
        {"code": ["$\\frob$", "$x}$", "$\\hskip 1em$", "$code$", "$in$ code"],
         "math": [], "img@alt": ["$a$"]},
        "cell 1: the formula $x}$ is shown as its source: a } without its {",
        *[f"cell 1: the formula ${tex}$ is shown as its source: unexpected control "
          f"sequence {tex.split()[0]}" for tex in (r"\frob", r"\hskip 1em")]],
    "a number is next to its formula, and links lead there": [
        ["$$a \\label{x}$$ by \\eqref{x} and $b = \\ref{x}$"],
        {".formula > span": ["(1)"], "a": ["(1)"], "a@href": ["#eq-0"],
         "#eq-0 math@alttext": ["a \\label{x}"], "mtext": ["1"]}],
    "a number of one's own": [
        ["$$a \\tag{7}\\label{x}$$ \\eqref{x} $$a \\tag*{N}$$"],
        {".formula > span": ["(7)", "N"], "a": ["(7)"], "a@href": ["#eq-0"],
         ".formula@id": ["eq-0", "eq-2"]}],
    "numbers of lines": [
        ["\\begin{align} a &= b \\label{x} \\\\ c &= d \\label{y} \\end{align} "
         "\\eqref{y}"],
        {".formula > span": [], "a": ["(2)"], "a@href": ["#eq-0"],
         ".formula@id": ["eq-0"], "mtext": ["(1)", "(2)"]}],
    "what is damaged or without HTML leaves words": [
        [code("x", display("image/png", "aGk=", alt="A dot."),
              display("text/plain", "A slider.", role="widget"),
              display("text/html", '<iframe src="data:,x"></iframe>'))],
        {".elsewhere": [f"{ELSEWHERE}A dot.,"], "em": ["In the notebook: A slider."],
         "iframe@src": ["data:,x"]},
        "cell 1: a picture cannot be shown: it is not a picture, or a damaged one"],
    "an attachment": [
        [new_markdown_cell("![dot](attachment:dot.png)", attachments={
            "dot.png": {"image/png": figure().data["image/png"]}})],
        {"img@src": ["data:image/png;base64," + base64.b64encode(base64.b64decode(
            figure().data["image/png"])).decode()]}],
    "code is coloured, and folded where paper has none": [
        [code("x = 1", tags=("remove_input",)), code("y = 2"),
         "```python\nz = 3\n```",
         code("print(4)", stdout("four\n"), tags=("remove_cell",))],
        {"summary": ["Code of cell 1", "Code of cell 4"], "pre.output": ["four"],
         "details .highlight pre": ["x = 1", "print(4)"],
         ".highlight .mi": ["1", "2", "3", "4"]}],
    "what is printed keeps its colours, and nothing of it is markup": [
        [code("x", stdout("\x1b[31mred\x1b[0m <b>\n"), stdout("10%\r100%"),
              stdout("oh\n", "stderr"), display("text/plain", "<A>"),
              new_output("error", ename="E", evalue="no",
                         traceback=["\x1b[1mE\x1b[0m: no"]))],
        # What is printed in two steps is one, as in a terminal.
        {"pre.output": ["red <b> 100%", "<A>"], "pre.stderr": ["oh"],
         "pre.error": ["E: no"], "b": [], ".ansi-bold": ["E"]}],
    "widgets have a heading or a sentence": [
        ["# A\n\n## B", code("v", new_output(  # as it is saved while it is alive
            "display_data", {WIDGET: {"model_id": "0"}, "text/plain": ""},
            metadata={"role": "screen"}), new_output(
            "display_data", {"text/html": "<p>still</p>",
                             "text/plain": "Here a slider moves it."},
            metadata={"role": "widget"})), "## C",
         code("w", new_output("display_data", {
             WIDGET: {"model_id": "1"}, "text/plain": "IntSlider(value=0)"})),
         code("p", new_output("display_data", {
             "application/vnd.plotly.v1+json": {}, "text/plain": "Figure({…})"}))],
        {"h1, h2, h3, h4, h5, h6": ["A", "B", "A slider moves it", "C"],
         "h3": ["A slider moves it"],
         "em": ["In the notebook: an interactive widget, which is not shown here."] * 2
         },
        *[f"cell {what} is not shown: give the output a picture as well"
          for what in ("4: a widget", "5: application/vnd.plotly.v1+json")]],
    "raw cells are shown if a page can": [
        [raw("<i>it</i>", "text/html"), raw("*em*", "text/markdown"),
         raw("as <is>", ""), raw("#let", "text/x-typst")],
        {"i": ["it"], "em": ["em"], "pre": ["as <is>"]},
        "cell 4: a raw cell for text/x-typst is left out"],
    "tables have no empty header, and headers of formulas are named": [
        [html("<table><tr><th></th><th>a</th></tr><tr><th>0</th><td>1</td></tr></table>"),
         "| $y$ | |\n|--|--|\n|1| |"],
        {"th": ["a", "0", "yy"], "th span@title": ["y"],
         "div.wide > table": ["a01", "yy 1"]}],
    "what is elsewhere is a line that says so": [
        [html(f"<b>here</b>{words}") for words in (
            f'<script src="{WEB}x"></script>', f'<link rel="stylesheet" href="{WEB}x">',
            f'<iframe src="{WEB}x"></iframe>',
            f'<video><source src="{WEB}x"></video>', f'<object data="{WEB}x"></object>',
            '<script src="//example.org/x"></script>')],
        {".elsewhere": [*[f"{ELSEWHERE}{WEB}x"] * 5, f"{ELSEWHERE}//example.org/x"],
         "b": ["here"] * 6, "[src], [data], link": []},
        *[f"cell {k}: what is elsewhere is not shown: {address}"
          for k, address in enumerate([*[f"{WEB}x"] * 5, "//example.org/x"], 1)]],
}


@pytest.mark.parametrize("name", PAGES)
def test_what_is_on_a_page(name):
    cells, expected, *warnings = PAGES[name]
    page = Exported(*cells)
    assert {selector: page.texts(selector) for selector in expected} == expected
    assert page.warnings == warnings
    policy = page.page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert "default-src data: blob: " in policy["content"]  # whatever scripts do


# What a browser runs, hides or unfolds, and what is said, or left out, on paper alone.
NOT_ON_A_PAGE = {
    "what is not seen on the screen", "broken HTML", "what is embedded", "widgets",
    "footnotes: one is cited twice, some not in their cell, where they stay",
    "outputs for a browser", "what draws in a browser alone, or nothing by itself",
    "what unfolds in a browser, as of scikit-learn", "every kind of output", "tags",
    "raw cells", "an animation",
    "Hebrew quotes; among them, PDFium mirrors the first of two",
}  # fmt: skip
ON_BOTH = {name: row for name, row in (WORDS | CELLS).items()
           if name not in NOT_ON_A_PAGE}  # fmt: skip


@pytest.mark.parametrize("name", ON_BOTH)
def test_a_page_has_the_words_and_the_warnings_that_paper_has(name):
    cells, seen, *warnings = ON_BOTH[name]
    page = Exported(*cells)
    for tag in page.main.find_all("annotation"):
        tag.decompose()
    words = re.sub("[▢→].*|[•‣]|Figure1.|Standarderror|Error(?=Key)", "", seen)
    words = words.replace("Picture:", squeezed(ELSEWHERE))
    assert plain(page.main.get_text()).removeprefix("n") == plain(words)
    assert page.warnings == warnings


def test_a_page_has_the_formulas_that_paper_has():
    maths = Exported(*FOUND).main.find_all("math")
    shown = ["$" * (it["display"] == "block") + it["alttext"] for it in maths]
    assert shown == [tex for formulas in FOUND.values() for tex in formulas]


def test_an_animation_that_runs_by_its_script_stays():
    page = Exported(html("<img id='a'><script>draw('a')</script>"))
    assert page.main.img["id"] == "a" and page.main.script and page.warnings == []


def test_macros_of_one_cell_work_in_the_next_and_on_no_other_page():
    define = "$\\def\\v#1{\\mathbf{#1}} \\newcommand{\\R}[1][n]{\\mathbb{R}^{#1}}$"
    used = "$\\v x \\in \\R[2], \\bra{a}$"
    page = Exported(define, used)
    words = page.main.find_all("math")[-1].mrow.get_text()
    assert "𝐱∈ℝ2" in words and "⟨a" in words and not page.warnings
    assert "is shown as its source" in Exported(used).warnings[0]


def test_the_corpus_is_mathml_but_for_a_few():
    corpus = Path(__file__).with_name("formulas.txt").read_text("utf-8")
    lines = corpus.partition("# What a page of HTML does not have")[0].splitlines()
    written = [line.partition(" ⟶ ")[0] for line in lines if line[0] != "#"]
    pieces = [Piece(text, "text/markdown", f"n, cell {k}")
              for k, text in enumerate(written)]
    page = Page(pieces)
    assert len([w for piece in pieces for w in piece.warnings]) <= 8
    assert sum("<math" in formula for formula in page.formulas) > 170


def test_pictures_are_in_the_page_with_their_descriptions(tmp_path):
    (tmp_path / "p.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    page = Exported(
        "![p](p.svg) ![](gone.png) ![](p.svg)",
        f'<img src="{WEB}a.png" alt="far" srcset="b 2x">',
        code("x", figure("A line."), markdown("*It falls.*", role="caption")),
        code("y", figure(None)), path=tmp_path)
    assert [img["src"].partition(",")[0] for img in page.main.find_all("img")] == [
        "data:image/svg+xml;base64"] * 4
    assert [img["alt"] for img in page.main.find_all("img")] == [
        "p", NO_WORDS, "A line.", NO_WORDS]
    assert page.texts("figcaption") == ["It falls."] and page.main.figure.img
    assert page.texts(".elsewhere") == [
        "Not part of this page: gone.png", f"Not part of this page: far, {WEB}a.png"]
    said = sorted(words.removeprefix("cell ")[:23] for words in page.warnings)
    assert said == ["1: a picture has no des", "1: the image gone.png: ",
                    f"2: the image {WEB}"[:23], "4: a picture has no des"]


def test_headings_are_in_order_and_in_the_contents():
    page = Exported(
        "# The *title*\n\n### Part $x$",
        "### Part $x$\n\n# \n\n> **Yes (1).** So.\n\n**No.** So.",
        code("x", markdown("# In an output")), also_in_contents=r"Yes \(.*\)")
    assert page.page.title.get_text() == "The title"
    assert page.texts("h1") == ["The title"] and page.texts("h3, h4") == []
    assert [words[:4] for words in page.texts("h2")] == ["Part", "Part", "In a"]
    ids = [tag["id"] for tag in page.main.select("h2, blockquote")]
    assert ids == ["Part-$x$", "Part-$x$-2", "Yes-(1)", "In-an-output"]
    links = page.page.select("nav a")
    assert len(links) == 4 and links[0].math
    assert [link.get_text() for link in links[2:]] == ["Yes (1)", "In an output"]
    assert page.page.select_one("a.skip")["href"] == "#content" == f"#{page.main['id']}"


def test_a_notebook_without_a_heading_has_its_name_as_title():
    page = Exported("Words.", name="my_notes")
    assert page.texts("h1") == ["my notes"] and not page.page.find("nav")


def test_code_can_be_left_out():
    assert not Exported(code("y = 2"), exclude_input=True).main.find("pre")


def test_the_command_writes_a_page(tmp_path):
    save(tmp_path / "a.ipynb", "# The question $x$")
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "offline_html",
                    "a.ipynb"], cwd=tmp_path, check=True, capture_output=True)
    html = (tmp_path / "a.html").read_text("utf-8")
    assert html.startswith("<!DOCTYPE html>") and "<math" in html
