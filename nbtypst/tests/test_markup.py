"""nbtypst/markup and html: Markdown, HTML and LaTeX look as in JupyterLab."""

import json
import re
import shlex
from html import escape, unescape

import pypandoc
import pytest
from nbformat.v4 import new_markdown_cell
from PIL import Image, ImageColor
from pypdfium2 import PdfDocument

from nbtypst import ExportError
from nbtypst_samples import Samples, code, display, figure, html, pdf_of, warnings_of
from pdf_pages import squeezed

pytestmark = pytest.mark.export
samples = Samples()


def latex(text: str):
    return code("", display("text/latex", text))


def table_cells(shown) -> str:
    """The heads and cells of its tables, as in `2 heads (a b)(c d)`."""
    rows = "".join(f"({line})" for line in shown.lines if line.islower())
    return f"{len(shown.tagged('/TH'))} heads {rows}"


# ---- Words -----------------------------------------------------------------------

TABLES = "| a | b |\n|---|--:|\n| 1 | 2 |", "a|b\n-|-\n1|2", "|a|\n|:-:|\n|1|"
PIXEL = figure().data["image/png"].replace("\n", "")
EMBEDDED = {
    '<iframe src="http://a.org/b?a=1" width="9"></iframe>': "http://a.org/b?a=1",
    '<video><source src="v.mp4"></video>': "v.mp4",
    "<video src=a.mp4>words</video>": "a.mp4",
    '<object data="a.pdf"></object>': "a.pdf",
    '<audio src="data:audio/wav;base64,AAAA"></audio>': "in the notebook",
    "<div><iframe srcdoc='&lt;p&gt;'></iframe></div>": "in the notebook",
    "<embed>": "in the notebook",
}
UNSEEN = [
    "<ul style='color: red; display : none'><li>x<ul><li>y</ul></ul>", "<p hidden>z",
    "<script>let x</script>", "<style>p {}</style>", "<button>x</button>",
    "<table><tr style='display:none'><td>x</table>", "<img src=x style='display:none'>",
    "<button class='c' style='display:none'><svg></svg> x</button>",
    "<h3 hidden>no</h3><table style='display:none'><tr><td>no</td></tr></table>",
]  # fmt: skip
WORDS: dict[str, tuple] = {  # cells, and what is seen of them
    "quotes and dashes": (
        ["(a)'s \"it's\" 'so' -- or --- so... `x = 'a' -- \"b\"...` "
         "\\-- \\.\\.\\. $f'$"],
        "(a)’s“it’s”‘so’–or—so…x='a'--\"b\"...--...𝑓′"),
    "dashes of options": (
        ["Run `a --b` with --help (--all), not one -- or two--three."],
        "Runa--bwith--help(--all),notone–ortwo–three."),
    "code in any language or none": (
        ["```python\ndef f(): return '#'\n```\n\n```nolang\na $b$\n```\n\n    four"],
        "deff():return'#'a$b$four"),
    "text around formulas": ([r"costs \$5, _not_ $x_1$ but `$y$`: **$z^2$**-th"],
                             "costs$5,not𝑥1but$y$:𝑧2-th"),
    "full stops after markup": (
        ["$x$.shape **b**.T *i*.at(0) [l](https://a.org).c ~~s~~.len() `k`.d",
         "$$y$$.e",
         html("a<sup>2</sup>.f <mark>m</mark>.g <u>u</u>.h")],
        "𝑥.shapeb.Ti.at(0)l.cs.len()k.d𝑦.ea2.fm.gu.h→https://a.org"),
    "tables in code": ([f"```\nwords\n{table}\n```" for table in TABLES],
                       squeezed("".join(f"words\n{table}" for table in TABLES))),
    "blocks without blank lines": (
        ["Text:\n- one\n- two\n  - three\n# Heading\n> quote\n\n~~gone~~\nend"],
        "Text:•one•two‣threeHeadingquotegoneend"),
    "less than": (["a < b"], "a<b"),
    "HTML in Markdown": (
        ["H<sub>2</sub>O<br>and <b>bold</b> <!-- no --> $x$\n\n<div>\n\nin\n\n</div>"],
        "H2Oandbold𝑥in"),
    "around main and head": (
        ["One.\n\nA <main> B\n\nTwo.", "One. A <head> B Two.",
         html("<h2>One</h2><main id='x'><p>Two</p></main><footer>Three</footer>")],
        "One.ABTwo.One.ABTwo.OneTwoThree"),
    "a comment without an end": (
        ["<!-- a --> one <!-- b\nc\n\nThree is **lost**.",
         "one <b>x</b>\n\n<!-- a\n\nb --> \n\ntwo"],
        "onecThreeislost.onextwo", "cell 1: a comment has no end: <!-- b"),
    "what is not seen on the screen": (
        [*(html(f"S{unseen}") for unseen in UNSEEN),
         html("<p style='--a-display:none'>seen</p>")],
        "S" * len(UNSEEN) + "seen"),
    "broken HTML": (
        [*map(html, [
            "<style>p{{{color:;}}</style><p style='color:;;:'>a", "\ud83d<p>a</p>",
            "<link rel='stylesheet' href='file:///no.css'><p>a",
            "a" + "<svg aria-label=s>" * 9,
            "<style>@import url(no.css); p {color: red</style><p>a"])],
        "a\ufffdaaaa▢s"),
    "LaTeX": (
        [latex(r"Text $x^2$ \begin{tabular}{lr} a & b \\ \hline 1 & 2 \end{tabular}"),
         latex(r"As in \cite{knuth}."), latex("\\displaystyle x"),
         latex(r"\begin{itemize} $y$")],
        r"Text𝑥2ab12Asin[knuth].\displaystylex\begin{itemize}$y$",
        r"cell 2: latex code is shown as its source: \cite{knuth}",
        r"cell 3: latex code is shown as its source: \displaystyle",
        "cell 4: shown as its source, for Pandoc fails: Error at (line 1, column 21): "
        r"unexpected end of input expecting \end{itemize} \begin{itemize} $y$ ^"),
    "LaTeX of R": (
        [latex("\\begin{enumerate*}\n\\item 2\n\\item 3\n\\end{enumerate*}\n"),
         latex("\\begin{description}\n\\item[\\$a] 1\n\\end{description}\n")],
        "2,3$a1"),
    "formulas in MathML and in LaTeX": (
        ["<math><mfrac><mn>1</mn><mi>n</mi></mfrac></math>",
         latex("\\begin{tabular}{l}\n$\\alpha$\\\\\n\\end{tabular}"),
         latex(r"\begin{itemize}\item $\argmax$\end{itemize}")],
        r"1𝑛𝛼•$\argmax$", r"cell 3: a formula is shown as its source: \argmax"),
    "Hebrew quotes; among them, PDFium mirrors the first of two": (
        ['צה"ל "abc" `צ"ה`'], 'צה"ל”abc”צ"ה'),
    "footnotes: one is cited twice, some not in their cell, where they stay": (
        ["One.[^n] Two.[^n] Three.[^m]\n\n[^n]: Words.\n\n[^m]: Others.",
         "Claim.[^1]\n\n[^1]: here", "[^1]: See *it*.\n\nEnd.",
         "```\n[^a]: 1\n```", "Open.[^1]"],
        "One.1Two.1Three.2Claim.3[^1]:Seeit.End.[^a]:1Open.[^1]1Words.2Others.3here"),
    "dollars in code, addresses and descriptions": (
        ["    a = $x$\n\n[here](http://x.org/$a$) ![a $b$](p$q$.png) <i>$y$</i> $z$",
         "A<br>\n\n```\necho \\$5\n```\n\n`a\\$b`, \\$6",
         html("<pre>\\$5</pre><p>costs \\$6")],
        "a=$x$herePicture:a$b$,p$q$.png𝑦𝑧Aecho\\$5a\\$b,$6\\$5costs$6→http://x.org/$a$",
        "cell 1: the image p$q$.png: there is no such file"),
    "code and images of two cells": (
        [new_markdown_cell(f"(code:1)\n\n```\n{name}\n```\n\n![of {name}](x.png)",
                           attachments={"x.png": {"image/png": PIXEL}})
         for name in "ab"],
        "(code:1)a(code:1)b▢of a▢of b"),
    "what is embedded": (
        [*map(html, EMBEDDED)],
        "".join(f"Embedded:{squeezed(words)}" for words in EMBEDDED.values())
        + "→http://a.org/b?a=1",
        *[f"cell {number}: what is embedded is not shown: {words}"
          for number, words in enumerate(EMBEDDED.values(), 1)]),
    "what is nested deeply": (
        [f"<b>b</b>{'[' * 20_000}", html("<div>" * 3000 + "deep")],
        f"b{'[' * 20_000}deep"),
}  # fmt: skip


@samples.rows(WORDS)
def test_words_are_those_that_jupyter_shows(shown, wanted):
    assert shown.seen == wanted


@samples.of(*WORDS["formulas in MathML and in LaTeX"][0])
def test_formulas_that_pandoc_finds_are_read_out_as_their_tex(shown):
    assert shown.alternatives == [r"\frac{1}{n}", r"\alpha"]


NUMBERS = {
    "2. a\n   1. b\n   2. c\n3. d\n   - e\n     1. f": "2.a 1.b 2.c 3.d 1.f",
    "1) a\n   1. b": "1)a 1.b",
    "1) a\n   1. b\n\n<ol start='7'><li>c</li></ol>": "1)a 1.b 7.c",
    "<ol><li value='4'>a</li><li>b</li><li value='9'>c</li></ol>": "4.a 5.b 9.c",
    "<ol reversed><li>a</li><li>b<ol><li>c</li></ol></li></ol>": "2.a 1.b 1.c",
    "<ol value='x'><li value='y'>a</li><li>b</li></ol><ol></ol>": "1.a 2.b",
    "<ol type='a'><li>a<ol><li>b</li></ol></li></ol>": "a.a 1.b",
}


@samples.each(NUMBERS)
def test_each_item_of_a_list_has_its_own_number(shown, wanted):
    items = re.findall(r"(?:\d|(?<!\.)a)[.)][a-f]", shown.text)
    assert [items, shown.warnings] == [wanted.split(), []]


CHARACTERS = ["\\-", "\\+", "/", "=", "==", "7\\."]
PLACES = ["* C is", "# C is", "> C is", "|a|\n|-|\n|C is|", "[C is](#l)",
          "x[^1]\n\n[^1]: C is", "x\\\nC is", "**C** is"]  # fmt: skip


@samples.of(*(text.replace("C", c) for text in PLACES for c in CHARACTERS))
def test_no_character_before_words_becomes_the_mark_of_a_list_or_a_heading(shown):
    for character in CHARACTERS:
        words = character.replace("\\", "") + "is"
        assert len(re.findall(rf"(?<!=){re.escape(words)}", shown.text)) == len(PLACES)


@samples.of(
    "abc מרחב\n\n1 + 2\n\né مرحبا\n\n- b\n- ش",
    '<p dir="rtl">abc שלום</p>\n\nمرحبا abc',
    "## مرحبا A", "- مرحبا\n- b\n\n1. مرحبا",
)  # fmt: skip
def test_right_to_left_words_have_their_direction(shown):
    on_the_right = [(mark.text, mark.left > 306) for mark in shown.marks
                    if mark.text in ("abc", "1", "é", "b", "A")]  # fmt: skip
    assert on_the_right == [
        ("abc", False), ("1", False), ("é", False), ("b", False), ("abc", True),
        ("abc", True), ("A", True), ("b", True),
    ]  # fmt: skip


LIKE = [  # what is written for Typst, or takes the place of a formula
    "#code(..codes.at(0))", "images.at(0)", '"image:1"', "\ue0000\ue000",
    "\ue0000\ue001", "\ue004", "\uf8ff0\uf8ff", "&#xe001;0&#xe001;",
    "&#57346;0&#57346;",
]  # fmt: skip


@samples.each(dict.fromkeys(LIKE), lambda w: [
    f"see {w} and $x$ `{unescape(w)}` **{w}**\n\n```\n{unescape(w)}\nREAL\n```\n",
    f"# T {w} $x$ {w}", rf"$\text{{{unescape(w)}}} \; y$",
    html(f"<h1>{escape(unescape(w))} $x$</h1><p>{escape(unescape(w))}</p>"),
])  # fmt: skip
def test_words_that_look_like_a_placeholder_stay_as_written(shown, case):
    # What has no font takes no room.
    plain = re.sub('["\ue000-\uf8ff]', "", unescape(case))
    assert re.sub('[“”"\ue000-\uf8ff]', "", shown.text) == (
        f"see{plain}and𝑥{plain}{plain}{plain}REALT{plain}𝑥{plain}{plain}𝑦{plain}𝑥"
        + plain)  # fmt: skip


# ---- Blocks ----------------------------------------------------------------------


@samples.of(
    *(f"{above}\n{table}" for table in TABLES for above in ("As follows", "`df` is")),
    "| a |\n|---|\n| 1 |\n|---|\n| 3 |",
)
def test_a_table_right_below_a_line_of_words_is_one(shown):
    assert len(shown.tagged("/Table")) == 7 and "|" not in shown.text


@samples.of(
    'First.\n\n<div align="center">Mid</div>\n\nSecond.\n\n<p>P.</p>\n\nThird.'
    '\n\n<div class="alert alert-info"><b>Note:</b> boxed</div>\n\nLast.'
    '\n\n<center>c</center>\n\n<p style="text-align: center">s</p>'
    "\n\n<p align=right>r</p><div style='text-align: right'>q</div>"
)
def test_blocks_of_html_in_markdown_are_placed_as_on_the_screen(shown):
    marks = {mark.text: mark for mark in shown.marks}
    expected = "First. Mid Second. P. Third. Note: boxed Last. c s r q"
    assert " ".join(marks) == expected
    for word in ("Mid", "c", "s"):
        assert (marks[word].left + marks[word].right) / 2 == pytest.approx(306, abs=1)
    for word in ("First.", "Second.", "P.", "Third.", "Last."):
        assert marks[word].left == pytest.approx(72, abs=0.5)
    assert marks["r"].right == marks["q"].right == pytest.approx(540, abs=1)
    assert 75 < marks["Note:"].left < 90  # in a box


@samples.each(dict.fromkeys([
    '<div style="page-break-after: always"></div>', r"\newpage", "\\pagebreak",
    '<div style="break-before: always">b</div>',
]), lambda page_break: ["# T\n\na", page_break, "c"])  # fmt: skip
def test_a_page_ends_where_people_say_so(shown):
    assert len(shown.pages) == 2 and shown.warnings == []


@samples.of("- # one\n\n> # two\n\n<table><tr><td><h1>three</h1></td></tr></table>"
            "\n\n# T")  # fmt: skip
def test_headings_in_lists_quotations_and_tables_begin_nothing(shown):
    assert shown.text.endswith("onetwothreeT")
    assert len(shown.tagged("/H1", "/H2", "/H3")) == 1


IN_PARTS = [
    "<tr><th>a<th>b<tr><td>c<td>d",
    "<tr><th>a</th><th>b</th><tr><tr><td>c<td>d<tr>",
    "<thead><th>a<th>b</thead><td>c<td>d", "<p><tr><th>a</p><th>b<tr><td>c<td>d",
    "<form><tr><th>a<th>b<tr><td>c<td>d</form>",
]  # fmt: skip
ENDS = ["</table>", "", "</table></table>", "</tr></table>"]
TABLE = "<table>\n <tr><td>one<td>two\n <tr><td>three<td>four\n</table>"
SHAPES = {  # tables, and their heads and cells
    **{f"<table>{part}{end}": "2 heads (a b)(c d)"
       for part in IN_PARTS for end in ENDS},
    f"<center>{TABLE}</center>": "0 heads (one two)(three four)",
    "<table><tr><th rowspan=2>a<th>b<tr><th>c<tr><td>d<td>e": "3 heads (a b)(c)(d e)",
    "<table><caption>C</caption><thead><tr><th>a</thead><thead><tr><th>b</thead><tr>"
    "<td>c": "2 heads (a)(b)(c)",
    "<table><tr><th>a<td>b<tr><td>c": "0 heads (a b)(c)",
    "<table><tbody><tr><th rowspan='2'>a<th colspan=2>b<tr><th>c<th>d<tr><td>x<td>y"
    "<td>z": "4 heads (a b)(c d)(x y z)",
    "<table><tr><td rowspan=2>a<td>b<tr><td>c": "0 heads (a b)(c)",
    "<table><thead><tr><th>a</thead>\n<thead><tr><th>int</thead><tr><td>x":
        "2 heads (a)(int)(x)",
} | {
    f"<table><tr><td {spans}>a<tr><td>b<td rowspan=0>c": "0 heads (a)(b c)"
    for spans in ("", *(f"colspan={n}" for n in (100, 2, 0, "x", 99999)))
}  # fmt: skip
for text in (TABLE, f"Words\n\n{TABLE}\n\nMore"):  # in Markdown
    SHAPES[f"{text} "] = "0 heads (one two)(three four)"
SHAPES[r"\begin{tabular}{lr} a & b \\ \hline c & d \end{tabular}"] = (
    "2 heads (a b)(c d)")


@samples.each(SHAPES, lambda text: [
    latex(text) if text[0] == "\\" else text if text[-1] == " " else html(text)])
def test_parts_heads_and_spans_of_a_table_are_those_of_the_screen(shown, case, wanted):
    assert table_cells(shown).replace("(a)(b)(c d", "(a b)(c d") == wanted
    cells = [str(cell.get("/A")) for cell in shown.tagged("/TD", "/TH")]
    wide = "colspan=100" in case or "colspan=2" in case
    assert sum("ColSpan" in cell for cell in cells) == wide
    assert len(shown.tagged("/Table")) == 1 and shown.warnings == []
    if "caption" in case:
        assert shown.lines[0] == "C"


def test_a_table_without_an_end_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr("nbtypst.html.normalize.MAX_ROWS", 3)
    printed, warnings = pdf_of(html("<table>" + "<tr><td>r" * 1003))
    assert printed.text(1) == "rrr…1,000morerows1of1"
    assert warnings == ["cell 1: 1,000 more rows left out: print less"]


# ---- Pictures and what is embedded -------------------------------------------------


@samples.of(html(
    '<p>Here: <svg viewBox="0 0 9 9" width="9"><svg x="1"><circle r="3"/></svg>&nbsp;'
    "<title>A dot</title></svg> and <svg xmlns='http://www.w3.org/2000/svg' "
    "aria-label='none'></svg>."))  # fmt: skip
def test_a_drawing_is_an_image_with_all_that_is_in_it(shown):
    assert shown.alternatives == ["A dot", "none"]
    assert (shown.text, shown.warnings) == ("Here:and.", [])
    dot = next(mark for mark in shown.marks if not mark.text)
    assert dot.right - dot.left == pytest.approx(6.75, abs=0.1)


IMAGES = (
    '<img src="{0}" width="300"> <img src="{0}" width="50%"> <img src="{0}" height=60>'
    '<img src="{0}" style="max-width: 9px; width:100px"> <img src="{0}" width="auto">'
    '<img src="{0}" style="width: 2em; height: 50%">'
)


def test_sizes_of_images_are_those_of_the_screen(tmp_path):
    Image.new("RGB", (100, 20)).save(tmp_path / "a.png")
    images = IMAGES.format("a.png")
    for text in (images, images.replace("<img", '<img alt="a"')):
        cell = html(text)
        cell.metadata["folder"] = str(tmp_path)
        printed, warnings = pdf_of(cell)
        # Without a description they are not figures in the PDF's structure.
        missing = 6 * ("alt" not in text)
        assert ["no description" in line for line in warnings] == [True] * missing
    widths = [round(mark.right - mark.left, 1) for mark in printed.body(1)]
    assert widths == [225, 234, 225, 75, 75, 20]


# ---- Colours ---------------------------------------------------------------------

CELL = "<td bgcolor=yellow style='background: red'>c"
STOPS = "transparent 25%, red 25.0%, red 75%, transparent 75.5%"
BAR = f"<style>#a {{ background: linear-gradient(90deg, {STOPS}); }}</style>"
BARS = f"{BAR}<table><tr><td id='a'>1<td style='background: url(x.png)'>2"
SPAN = 'a <span style="color:{}">wwwww</span> b'
PAINTED = {  # some HTML, and the colours on it
    SPAN.format("red"): {"red"},
    SPAN.format("GREEN"): {"green"},
    '<font size="2" color=Blue>c</font>': {"blue"},
    SPAN.format("no-such"): set(),
    SPAN.format("#12345"): set(),
    SPAN.format("rgb(300,0,0)"): {"red"},
    '<span style="background: rgb(0, 255, 0) !important">d</span>': {"lime"},
    '<div style="background-color:#00f; color: rgba(255,255,0,.5)">in</div>\n\nout':
        {"blue", "yellow"},
    "<style>#T_1 td {background-color: yellow} #c {color: #f00}</style><table id='T_1'>"
    '<tr><th>h</th></tr><tr><td id="c">1 $x_1$</td></tr></table>': {"red", "yellow"},
    "<table><tr><td style='color: no-such; background-color: #00f'>2<tr>"
    '<th style="font-weight:bold">3</table>': {"blue"},
    f"<table><tr bgcolor=#0ff><td>a<td bgcolor=lime>b{CELL}": {"cyan", "lime", "red"},
    BARS: {"red"},
    "`color: red` and color: red": set(), r"${\color{red} xxxxx}$": {"red"},
    "<i style='background: lime'>www</i>": {"lime"},
    BAR.replace("red,", ",").replace("25%", "") + "<table><tr><td id='a'>1": set(),
}  # fmt: skip
TAGS = """<b~> <p~> <i~> <ul~><li> <li~> <a~> <code~> <pre~> <blockquote~> <em~> <u~>
<small~> <kbd~> <samp~> <del~> <label~> <section~> <article~> <center~> <dl~><dt>
<dl><dt~> <dl><dd~> <table><thead~><tr><th> <h3~> <font~><h3>"""  # of any kind
PAINTED |= {tag.replace("~", " style='color: red'") + "www": {"red"}
            for tag in TAGS.split()}  # fmt: skip
COLOURS = {name: ImageColor.getrgb(name)
           for name in ("red", "green", "blue", "cyan", "lime", "yellow")}  # fmt: skip
SCALE = 5  # at which a line of a letter is wider than a pixel


def image_of(shown) -> Image.Image:
    """What the top of its first page looks like."""
    with PdfDocument(shown.printed.pdf) as document:
        page = document[shown.numbers[0] - 1]
        top = page.render(scale=SCALE, crop=(0, 600, 0, 0))
        return top.to_pil().convert("RGB")


@samples.each(PAINTED, lambda words: [html(words), words])
def test_colours_of_words_boxes_and_cells_are_those_of_the_screen(shown, wanted):
    pixels = {colour: count for count, colour in image_of(shown).getcolors(1_000_000)}
    assert wanted == {
        name for name, colour in COLOURS.items() if pixels.get(colour, 0) > 9}


@samples.of(html(BARS))
def test_a_bar_behind_a_number_is_as_long_as_on_the_screen(shown):
    """As pandas' Styler.bar draws it, around a zero: half of its cell is red."""
    pixels = image_of(shown)
    across = [x for x in range(pixels.width) if any(
        pixels.getpixel((x, y)) == COLOURS["red"] for y in range(0, pixels.height, 9))]
    one, two = [mark for mark in shown.marks if mark.text in "12"][:2]
    assert across[0] / SCALE < one.left and one.right < across[-1] / SCALE < two.left
    assert len(across) == across[-1] - across[0] + 1


# ---- What Pandoc does not do -----------------------------------------------------


@pytest.fixture
def pandoc(monkeypatch, script):
    """Let a shell script be Pandoc."""
    def become(*lines: str) -> None:
        path = script(*lines)
        monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: path)

    return become


def test_what_pandoc_says_is_passed_on(pandoc, tmp_path):
    lists = "titles", "images", "codes", "problems", "missing_alt", "links", "anchors"
    result = {"typst": "x"} | {name: [] for name in lists}
    problem = {"problem": "Could not convert it\nat all"}
    unclear = {"formulas": [problem], "pieces": [result]}
    (tmp_path / "results").write_text(json.dumps(unclear))
    pandoc("cat >/dev/null", f"cat '{tmp_path}/results'")
    assert "Pandoc does not understand it" in warnings_of("$x$")[0]
    pandoc("echo not so >&2; exit 1")
    with pytest.raises(ExportError, match="^pandoc: not so$"):
        pdf_of("$x$")


def test_only_the_pandoc_that_is_installed_with_it_is_used(monkeypatch):
    monkeypatch.setenv("PYPANDOC_PANDOC", "/bin/false")
    pypandoc.clean_pandocpath_cache()
    assert warnings_of("$x$") == []


def test_a_pandoc_that_never_ends_is_given_up(pandoc, monkeypatch):
    pandoc("exec sleep 60")
    monkeypatch.setattr("nbtypst.markup.TIMEOUT_S", 0.6)
    with pytest.raises(ExportError, match=r"^pandoc: still at work after 1 s$"):
        pdf_of("$x$")


def test_what_never_ends_is_shown_as_written_and_the_rest_is_set(pandoc):
    """As a footnote within itself, with which Pandoc would fill the computer."""
    real = pypandoc.get_pandoc_path()
    pandoc(
        "input=$(cat)\ncase $input in",
        """*'"text": "a[^1]'*'"endless": true'*) ;;""",
        """*'"text": "a[^1]'*) printf 'piece 0\\npiece 1\\nno room' >&2; exit 251 ;;""",
        f'esac\nprintf %s "$input" | exec {shlex.quote(real)} "$@"',
    )
    notes = "a[^1]\n\n[^1]: note\na[^1]"
    printed, [warning] = pdf_of("first $x$", notes, "*last*")
    assert printed.text(1) == f"first𝑥{squeezed(notes)}last1of1"
    assert warning.startswith("cell 2: ") and "it never finishes" in warning


def test_a_temporary_folder_that_is_gone_is_no_hindrance(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    printed, warnings = pdf_of("words $x$")
    assert warnings == [] and "words" in printed.text(1)
