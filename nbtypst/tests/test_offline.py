"""nbtypst/offline.py and mathml.py: a notebook as one page that needs no network."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from nbformat import NotebookNode
from nbformat.v4 import new_output

from nbtypst import OfflineHTMLExporter
from nbtypst.markup import Piece
from nbtypst.mathml import Page
from nbtypst.offline import NO_WORDS
from nbtypst_samples import code, display, figure, markdown, notebook, raw, save, stdout

pytestmark = pytest.mark.export
WEB = "https://example.org/"


class Exported:
    """A page of some cells; what is in its main part, and its warnings."""

    def __init__(self, *cells, name: str = "n", path: Path | str = "", **settings):
        made_of = cells[0] if isinstance(cells[0], NotebookNode) and (
            "nbformat" in cells[0]) else notebook(*cells)
        exporter = OfflineHTMLExporter(**settings)
        resources = {"metadata": {"name": name, "path": str(path)}}
        html, self.resources = exporter.from_notebook_node(made_of, resources)
        self.page = BeautifulSoup(html, "html.parser")
        self.main: Tag = self.page.main
        self.warnings = self.resources["warnings"]

    def texts(self, selector: str) -> list[str]:
        return [" ".join(tag.get_text().split()) for tag in self.main.select(selector)]


def tex_of(page: Exported) -> list[str]:
    return [math["alttext"] for math in page.main.find_all("math")]


# ---- Formulas --------------------------------------------------------------------

def test_formulas_are_mathml_wherever_they_are():
    page = Exported(
        "The $x_1$ here:\n\n$$\\frac{1}{2}$$\n\n| $a$ | b |\n|--|--|\n| 1 | $c$ |",
        code("1", display("text/latex", "$\\displaystyle y^2$"),
             display("text/markdown", "so \\\\(z\\\\)"),
             display("text/html", "<p>and $w$</p><script>'$no$ $'</script>")),
    )
    assert tex_of(page) == [
        "x_1", "\\frac{1}{2}", "a", "c", "\\displaystyle y^2", "z", "w"]
    assert [math["display"] for math in page.main.find_all("math")[:2]] == [
        "inline", "block"]
    assert page.main.find("msub").get_text() == "x1"
    assert page.warnings == [] and "'$no$ $'" in page.main.script.string


def test_macros_of_one_cell_work_in_the_next_and_on_no_other_page():
    define = "$\\def\\v#1{\\mathbf{#1}} \\newcommand{\\R}[1][n]{\\mathbb{R}^{#1}}$"
    used = "$\\v x \\in \\R[2], \\bra{a}$"
    page = Exported(define, used)
    words = page.main.find_all("math")[-1].mrow.get_text()
    assert "𝐱∈ℝ2" in words and "⟨a" in words and not page.warnings
    assert "is shown as its source" in Exported(used).warnings[0]


@pytest.mark.parametrize("source, numbers, links", [
    ("$$a \\label{x}$$ by \\eqref{x} and $b = \\ref{x}$", ["(1)"], ["(1)"]),
    ("$$a \\tag{7}\\label{x}$$ \\eqref{x}", ["(7)"], ["(7)"]),
    ("$$a \\tag*{N}$$", ["N"], []),
    ("\\begin{align} a &= b \\label{x} \\\\ c &= d \\label{y} \\end{align} \\eqref{y}",
     [], ["(2)"]),
])
def test_a_number_is_next_to_its_formula_and_links_lead_there(source, numbers, links):
    page = Exported(source)
    assert page.texts(".formula > span") == numbers and page.warnings == []
    assert page.texts("a") == links
    for link in page.main.find_all("a"):
        assert page.main.find(id=link["href"][1:]).math
    if not numbers:
        assert [tag.get_text() for tag in page.main.find_all("mtext")] == ["(1)", "(2)"]
    if "ref{x}$" in source:
        assert page.main.find_all("math")[-1].mtext.get_text() == "1"


def test_several_lines_a_box_and_the_name_of_a_function():
    page = Exported("$$a &= b \\\\ c &= d$$ $$\\boxed{x}$$ $2\\ln 2$ $\\ln(2)$")
    assert len(page.main.math.find_all("mtr")) == 2
    assert page.main.find("menclose")["notation"] == "box"
    spaced, close = page.main.find_all("math")[-2:]
    assert len(spaced.find_all("mspace")) == 2 and not close.find("mspace")


def test_what_is_not_understood_is_shown_as_its_source_and_said():
    page = Exported("$\\frob$ and $x}$, $\\hskip 1em$ and `$code$`.\n\n"
                    "    $in$ code",
                    "![$a$](data:image/gif,)")
    assert page.texts("code") == [
        "$\\frob$", "$x}$", "$\\hskip 1em$", "$code$", "$in$ code"]
    assert len(page.warnings) == 3 and not page.main.find("math")
    assert page.warnings[1].startswith("n, cell 1: the formula $\\frob$ is shown")
    assert page.main.img["alt"] == "$a$"


def test_the_corpus_is_mathml_but_for_a_few():
    lines = (Path(__file__).with_name("formulas.txt")).read_text("utf-8").splitlines()
    written = [line.partition(" ⟶ ")[0] for line in lines
               if line[0] != "#" and "\\ce{" not in line]  # which Pandoc lacks
    pieces = [Piece(text, "text/markdown", f"n, cell {k}")
              for k, text in enumerate(written)]
    page = Page(pieces)
    assert len([w for piece in pieces for w in piece.warnings]) <= 8
    assert sum("<math" in formula for formula in page.formulas) > 170


# ---- Cells and outputs -----------------------------------------------------------

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
    said = sorted(words.removeprefix("n, cell ")[:23] for words in page.warnings)
    assert said == ["1: a picture has no des", "1: the image gone.png: ",
                    f"2: the image {WEB}"[:23], "4: a picture has no des"]


def test_what_is_damaged_or_without_html_leaves_words():
    page = Exported(code(
        "x", display("image/png", "aGk=", alt="A dot."),
        display("text/plain", "A slider.", role="widget"),
        display("text/html", '<iframe src="data:,x"></iframe>')))
    assert page.texts(".elsewhere") == ["Not part of this page: A dot.,"]
    assert page.texts("em") == ["In the notebook: A slider."] and page.main.iframe
    assert "it is not a picture, or a damaged one" in " ".join(page.warnings)


def test_an_attachment_is_a_picture_of_the_page():
    made_of = notebook("![dot](attachment:dot.png)")
    png = figure().data["image/png"]
    made_of.cells[0].attachments = {"dot.png": {"image/png": png}}
    image = Exported(made_of).main.img
    assert base64.b64decode(image["src"].partition(",")[2]) == base64.b64decode(png)


@pytest.mark.parametrize("html", [
    f'<script src="{WEB}x"></script>', f'<link rel="stylesheet" href="{WEB}x">',
    f'<iframe src="{WEB}x"></iframe>', f'<video><source src="{WEB}x"></video>',
    f'<object data="{WEB}x"></object>', '<script src="//example.org/x"></script>',
])
def test_what_is_elsewhere_is_a_line_that_says_so(html):
    page = Exported(code("x", display("text/html", f"<b>here</b>{html}")))
    [line] = page.texts(".elsewhere")
    assert line.startswith("Not part of this page: ") and line.endswith(".org/x")
    assert page.main.b and "what is elsewhere is not shown" in page.warnings[0]
    assert not page.main.select("[src], [data], link")
    policy = page.page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert "default-src data: blob: " in policy["content"]  # whatever scripts do


def test_code_is_coloured_and_folded_where_paper_has_none():
    page = Exported(
        code("x = 1", tags=("remove_input",)), code("y = 2"), "```python\nz = 3\n```",
        code("print(4)", stdout("four\n"), tags=("remove_cell",)))
    assert page.texts("summary") == ["Code of cell 1", "Code of cell 4"]
    assert page.texts("details .highlight pre") == ["x = 1", "print(4)"]
    assert len(page.main.select(".highlight .mi")) == 4
    assert page.texts("pre.output") == ["four"]
    assert not Exported(code("y = 2"), exclude_input=True).main.find("pre")


def test_what_is_printed_keeps_its_colours_and_nothing_of_it_is_markup():
    page = Exported(code(
        "x", stdout("\x1b[31mred\x1b[0m <b>\n"), stdout("10%\r100%"),
        stdout("oh\n", "stderr"), display("text/plain", "<A>"),
        new_output("error", ename="E", evalue="no", traceback=["\x1b[1mE\x1b[0m: no"])))
    # What is printed in two steps is one, as in a terminal.
    assert page.texts("pre.output") == ["red <b> 100%", "<A>"]
    assert page.texts("pre.stderr") == ["oh"] and page.texts("pre.error") == ["E: no"]
    assert page.main.find("b") is None
    assert page.texts(".ansi-bold") == ["E"]


def test_widgets_have_a_heading_or_a_sentence():
    page = Exported(
        "# A\n\n## B", code("v", new_output("display_data", data={
            "text/html": "<p>still</p>", "text/plain": "Here a slider moves it."},
            metadata={"role": "widget"})), "## C",
        code("w", new_output("display_data", data={
            "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
            "text/plain": "IntSlider(value=0)"})),
        code("p", new_output("display_data", data={
            "application/vnd.plotly.v1+json": {}, "text/plain": "Figure({…})"})))
    assert page.texts("h1, h2, h3, h4, h5, h6") == ["A", "B", "A slider moves it", "C"]
    assert page.texts("h3") == ["A slider moves it"]
    assert page.texts("em") == [
        "In the notebook: an interactive widget, which is not shown here."] * 2
    assert [line.partition(": ")[2].split(" is ")[0] for line in page.warnings] == [
        "a widget", "application/vnd.plotly.v1+json"]


def test_raw_cells_are_shown_if_a_page_can():
    page = Exported(raw("<i>it</i>", "text/html"), raw("*em*", "text/markdown"),
                    raw("as <is>", ""), raw("#let", "text/x-typst"))
    assert page.texts("i") == ["it"] and page.texts("em") == ["em"]
    assert page.texts("pre") == ["as <is>"]
    assert page.warnings == ["n, cell 4: a raw cell for text/x-typst is left out"]


# ---- The page --------------------------------------------------------------------

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


def test_tables_have_no_empty_header_and_headers_of_formulas_are_named():
    html = "<table><tr><th></th><th>a</th></tr><tr><th>0</th><td>1</td></tr></table>"
    page = Exported(code("x", display("text/html", html)), "| $y$ | |\n|--|--|\n|1| |")
    assert len(page.main.select("th")) == 3
    assert page.main.select_one("th span")["title"] == "y"
    assert len(page.main.select("div.wide > table")) == 2


def test_the_command_writes_a_page(tmp_path):
    save(tmp_path / "a.ipynb", "# The question $x$")
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "offline_html",
                    "a.ipynb"], cwd=tmp_path, check=True, capture_output=True)
    html = (tmp_path / "a.html").read_text("utf-8")
    assert html.startswith("<!DOCTYPE html>") and "<math" in html
