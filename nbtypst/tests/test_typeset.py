"""nbtypst/typeset.py and style.typ: cells and outputs of every kind on the page."""

import re

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output, new_raw_cell

from nbtypst.plaintext import printable, truncate
from nbtypst.typeset import MERMAID
from nbtypst_samples import (
    CELL,
    WIDGET,
    Samples,
    code,
    display,
    figure,
    html,
    markdown,
    pdf_of,
    raw,
    space_left,
    stdout,
    warnings_of,
)  # fmt: skip
from pdf_pages import squeezed

pytestmark = pytest.mark.export
samples = Samples()


# ---- Outputs ---------------------------------------------------------------------


def bundle(*, alt: str = "A chart.", role: str = "", **data) -> NotebookNode:
    names = {key.replace("_", "/", 1): value for key, value in data.items()}
    metadata = {"alt": alt} | ({"role": role} if role else {})
    return new_output("display_data", data=names, metadata=metadata)


def widget(plain: str) -> NotebookNode:
    data = {WIDGET: {"model_id": "1"}, "text/plain": plain}
    return new_output("display_data", data=data)


def error(*traceback: str, value: str = "boom") -> NotebookNode:
    return new_output("error", ename="KeyError", evalue=value, traceback=[*traceback])


PLAIN = ["IntSlider(value=0)", "VBox(children=(\n))", "",
         "interactive(value=0, x=(VBox,…"]  # fmt: skip
UNKNOWN = "Inthenotebook:aninteractivewidget,whichisnotshownhere."
UNFOLDS = "<div class='sk-text-repr-fallback'><pre>Ridge()</pre></div>{}"
LINK = "\x1b]8;;http://x\x1b\\here\x1b]8;;\x07 and \x1b[31mred\x1b[0m"
PLOTLY = {"application_vnd.plotly.v1+json": {}, "text_plain": "Figure({...})"}
SCRIPT = {"text_html": "<script>1</script>", "text_plain": "<Chart at 0x1>"}
PNG = figure().data["image/png"]
PICTURE = {"image_png": PNG}
OF_THE_CELL = code("x", display("image/png", PNG))
OF_THE_CELL.metadata["alt"] = "of the cell"
TAGGED = [
    code("shown()", stdout("gone1"), tags=("remove_output",)),
    code("gone2()", stdout("kept"), tags=("remove-input",)), "between",
    code("gone3()", stdout("gone4"), tags=("remove_cell",)),
    new_markdown_cell("gone5", metadata={"tags": ["remove-cell"]}),
]  # fmt: skip
BOTH = display("text/latex", r"$\frac{p}{q}$")
BOTH.data["image/png"] = PNG
FRAME = PNG.replace("\n", "\\\n")  # as Matplotlib breaks its lines
LONG = "a1b2c3d4" * 25, f"https://example.org/{'abc/def-ghi_jkl/' * 12}", "π·" * 99
NOT_SHOWN = "is not shown: give the output a picture as well"
CELLS: dict[str, list] = {  # cells, and what is seen of them
    "escape codes": [
        [code("x", stdout("careful", "stderr"), stdout(LINK), error(value="'k'"),
              error("\x1b[31mKeyError\x1b[0m  Traceback", "KeyError: \x1b[1mboom"))],
        "xhereandredStandarderrorcarefulErrorKeyError:'k'"
        "ErrorKeyErrorTracebackKeyError:boom"],
    "widgets": [
        [code("x", *map(widget, PLAIN), widget("  0%|    | 0/3 [00:00<?, ?it/s]"),
              bundle(text_plain="a view", role="screen"),
              bundle(text_html="<p>for the screen</p>", text_plain="Here one draws.",
                     role="widget"), bundle(text_plain="A slider.", role="widget"))],
        f"x{UNKNOWN * len(PLAIN)}Inthenotebook:aprogressbar."
        "Inthenotebook,onedraws.Inthenotebook:Aslider.",
        *[f"cell 1: a widget {NOT_SHOWN}"] * len(PLAIN)],
    "outputs for a browser": [
        [code("a", bundle(**PLOTLY), bundle(**SCRIPT)),
         code("b", bundle(**PLOTLY, **PICTURE), bundle(**SCRIPT, **PICTURE),
              bundle(text_html="<style>p {}</style>", text_plain="<HTML object>"))],
        f"a{UNKNOWN * 2}b▢A chart.▢A chart.",
        f"cell 1: application/vnd.plotly.v1+json {NOT_SHOWN}",
        f"cell 1: <Chart at 0x1> {NOT_SHOWN}"],
    "what draws in a browser alone, or nothing by itself": [
        [code("a", bundle(text_html="<div id='p'></div><script>draw()</script>",
                          text_plain="Figure({...})"),
              bundle(application_javascript="load()", text_plain="<a.Javascript at 0>"),
              bundle(text_html="<script>load()</script>",
                     text_plain="<IPython.core.display.HTML object>"))],
        f"a{UNKNOWN}", f"cell 1: Figure({{...}}) {NOT_SHOWN}"],
    "what unfolds in a browser, as of scikit-learn": [
        [code("x", bundle(text_html=UNFOLDS.format("<div hidden><a>About"),
                          text_plain="Ridge()"),
              bundle(text_html=UNFOLDS.format("<p>and more</p>"),
                     text_plain="<IPython.core.display.HTML object>"))],
        "xRidge()Ridge()andmore"],
    "an animation": [
        [code("x", bundle(text_html="<img id='a'><label>Once</label><script>frames[0] ="
                          f'"data:image/png;base64,{FRAME}"\n</script>'))],
        "x▢A chart.", "cell 1: of an animation, only the first frame is shown"],
    "every kind of output": [
        [code("x", display("text/html", "<table><tr><td>cell</td></tr></table>"),
              display("text/latex", r"$\displaystyle \frac{p}{q}$"),
              display("text/latex", r"\begin{align} u &= v \\ &= w \end{align}"),
              new_output("execute_result", data={"text/plain": "array([1])"}),
              bundle(text_html="<script>", text_plain="plot"),
              display("application/json", {}), stdout("50%\r100%\na\tb\x07")),
         new_raw_cell("left as it is")],
        f"xcell𝑝𝑞𝑢=𝑣=𝑤array([1])plot{UNKNOWN}100%ab\\x07leftasitis",
        f"cell 1: application/json {NOT_SHOWN}"],
    "LaTeX before a bitmap; a second caption": [
        [code("x", BOTH, figure(), *(markdown(words, role="caption")
                                     for words in ("first", "second")))],
        "x𝑝𝑞Figure1.firstsecond▢A line that falls."],
    "descriptions of pictures from wherever people put them": [
        [code("a", display("image/png", PNG, **{"image/png": {"alt": "of the kind"}}),
              display("image/png", PNG, alt="of the output")), OF_THE_CELL,
         code('#| fig-alt: "by a comment"\nx', display("image/png", PNG))],
        'ax#|fig-alt:"byacomment"x▢of the kind▢of the output▢of the cell▢by a comment'],
    "a table's own caption": [
        [html("<table><caption>Of two</caption><tr><td>1</td><td>2</td></tr>")],
        "Oftwo12"],
    "tags": [TAGGED, "shown()keptbetween"],
    "raw cells": [
        [raw("#strong[typst]"), raw("<b>web</b>", "text/html"),
         raw("*rest*", "text/x-rst"), raw("#plain", ""), raw("  "),
         raw(r"\begin{equation} e = m \end{equation}", "text/latex")],
        "typstweb#plain𝑒=𝑚", "cell 3: a raw cell for text/x-rst is left out"],
    "diagrams": [
        ["```mermaid\na-->b\n```", code("", display(MERMAID, "a-->b")),
         code("", bundle(**{"text_vnd.mermaid": "a-->b", "text_plain": "<M object>"}))],
        "a-->b" * 3, *[f"cell {k}: a diagram in mermaid is shown as its source"
                       for k in (1, 2, 3)]],
    "words that are longer than a line": [
        [f"# A {LONG[0]}\n\nA {LONG[0]} and **{LONG[0]}** [{LONG[0]}](https://a.org/)\n\n"
         f"- {LONG[0]}\n\n> {LONG[0]}\n\n`{LONG[0]}` $x$ {LONG[0]}$y$"],
        "A{0}A{0}and{0}{0}•{0}{0}{0}𝑥{0}𝑦→https://a.org/".format(LONG[0])],
    "words that are longer than a column": [
        [f"| a | b |\n|--|--|\n| {quote}{word}{quote} | two words |\n"
         for word in LONG for quote in ("", "`")],
        "".join(f"ab{word}twowordsab{word}twowords" for word in LONG)
        + f"→{LONG[1]}"],
    "headings, which begin no page": [
        ["before", "# Part 0\n\nwords", "# Part 1\n\nwords", code(CELL)],
        f"beforePart0wordsPart1words{squeezed(CELL)}"],
}  # fmt: skip


@samples.rows(CELLS)
def test_what_is_seen_of_cells_and_what_is_warned_about(shown, wanted):
    assert shown.seen == wanted and len(shown.pages) == 1


def test_a_blank_output_leaves_no_box():
    pictures = [pdf_of(code("x", *outputs, markdown("between")))[0].pictures()
                for outputs in ([], [stdout(" \n\n")])]  # fmt: skip
    assert pictures[0] == pictures[1]


@samples.of(*(cell for end in ("\n", "\r\n", "\r") for cell in (
    f"Rates:{end}| a | b |{end}|--|--|{end}| 1 | 2 |{end}", code(f"if c:{end}    d"),
    code("", markdown(f"More:{end}| a |{end}|--|{end}| 1 |{end}")))))  # fmt: skip
def test_lines_may_end_as_on_any_system(shown):
    assert shown.lines == 3 * ["Rates:", "a b", "1 2", "if c:", "d", "More:", "a", "1"]
    [left] = {mark.left for mark in shown.marks if mark.text == "d"}
    assert left > 90 and len(shown.tagged("/Table")) == 6 and shown.warnings == []


@samples.of(code("def f():\n\treturn 1\n\x0c\ny = '\u2028'\r\nz = 'a\u200bb'; a = 1"))
def test_tabs_and_odd_line_ends_keep_the_lines_and_the_indentation(shown):
    marks = {mark.text: mark for mark in shown.marks}
    assert marks["return"].left > marks["def"].left + 10
    assert [line.split()[0] for line in shown.lines] == ["def", "return", "y", "z"]


def test_progress_bars_are_shown_as_a_terminal_shows_them_in_the_end():
    bar = "\r  0%|   |\r 50%|#  |\r100%|###|\nab\b\bc\n\b12345\r67"
    assert printable(bar) == "100%|###|\ncb\n67345"


def test_endless_output_is_cut_and_says_so():
    outputs = stdout("1\n" * 30_000 + "z" * 50_000), stdout("a" * 20_001, "stderr")
    assert pdf_of(code("x", *outputs, markdown("word " * 500_000)))[1] == [
        "cell 1: 10,001 more lines and 30,000 more characters left out: print less",
        "cell 1: 1 more characters left out: print less",
        "cell 1: 2,500,000 characters of text/markdown: too many to set",
    ]
    assert truncate("b" * 20_001 + "\nc")[0].endswith("b … 1 more characters\nc")
    assert truncate("1\n" * 20_001)[0].endswith("1\n… 2 more lines")
    assert truncate(("c" * 999 + "\n") * 2001)[1] == "2 more lines"


# ---- Figures, tables and links to them --------------------------------------------


def labelled(name: str, words: str) -> list[NotebookNode]:
    """A figure and a table with captions and labels."""
    picture = figure(words or "A line.")
    picture.metadata["label"] = name
    table = markdown("| a | b |\n|:--|--:|\n| one | 1 |", label=f"table-{name}")
    return [
        code("draw()", markdown(f'<a id="{name}"></a>', role="screen"), picture,
             markdown(f"*{words}*", role="caption")),
        code("tell()", table, markdown(f"*The table {words}*", role="caption")),
        code("more()", markdown("| c |\n|:--|\n| 2 |")),  # without a number
    ]  # fmt: skip


def test_links_to_figures_and_tables_become_their_numbers():
    see = ("# Part {0}\n\nSee [this](#{0}), [that](#table-{0}) and [there](#Part-x), "
           "[here](#below): <a id='below'></a>it.")  # fmt: skip
    answer = code("say()", markdown("> **Answer.** As [the curve](#x) shows."))
    printed, warnings = pdf_of(
        see.format("x"), *labelled("x", "falls"), raw("#pagebreak()"),
        see.format("y-2"), *labelled("y-2", "climbs"), answer,
    )  # fmt: skip
    assert warnings == []
    for number, words in ((1, "falls"), (2, "climbs")):
        text = printed.text(number)
        assert f"SeeFigure{number},Table{number}andthere,here:it." in text
        assert f"Figure{number}.{words}" in text  # upright, though it was in stars
        assert text.index(f"Table{number}.Thetable{words}") < text.index("one1")
        links = [a.get_object() for a in printed.reader.pages[number - 1]["/Annots"]]
        assert [a["/Subtype"] for a in links] == ["/Link"] * (2 + (number == 2))
    assert "Answer.AsFigure1shows." in printed.text(2) and "Table3" not in text


@pytest.mark.parametrize("cells, warnings", [
    (["[it](#gone)", *labelled("x", "")], ["cell 1: nothing has the label 'gone'"]),
    (["## The part\n\n[it](#the-part)", *labelled("x", "")],
     ["cell 1: nothing has the label 'the-part'"]),
    ([*labelled("x", ""), *labelled("x", "")],
     ["cell 4: the label 'x' is that of Notebook, cell 1",
      "cell 5: the label 'table-x' is that of Notebook, cell 2"]),
    (["[it](#x)", code("x", *labelled("x", "")[0].outputs[:-1]), labelled("x", "")[1]],
     ["cell 1: nothing has the label 'x'"]),
])  # fmt: skip
def test_a_label_that_nothing_or_too_much_has_is_named(cells, warnings):
    assert pdf_of(*cells)[1] == warnings


@samples.of(code("", figure("A"), markdown("Short.", role="caption")),
            code("", figure("A"), markdown("A long one, " * 20, role="caption")))
def test_short_captions_are_centred_and_long_ones_begin_at_the_left(shown):
    short, long = (mark.left for mark in shown.marks if mark.text == "Figure")
    assert short > 250 and long < 100


def frame(columns: int, above: str = "") -> NotebookNode:
    """A table as pandas shows it."""
    names = "".join(f"<th>column_{k}</th>" for k in range(columns))
    numbers = "".join(f"<td>{k}.123456</td>" for k in range(columns))
    return html(
        "<div>\n<style scoped>\n    .dataframe tbody {\n top: 1 }\n</style>\n"
        f"<table border='1'>\n<thead><tr><th></th>{names}</tr></thead>\n"
        f"<tbody>{above}<tr><th>0</th>{numbers}</tr></tbody>\n</table>\n</div>",
    )


@samples.of(frame(4), frame(16))
def test_a_table_with_many_columns_is_set_smaller(shown):
    few, many, last = (mark.top - mark.bottom for mark in shown.marks
                       if mark.text in ("column_3", "column_15"))  # fmt: skip
    assert 0.45 * few < many < few and last == pytest.approx(many, abs=0.1)


@samples.of(frame(52), frame(40, above='<tr><td colspan="41">wide</td></tr>'))
def test_a_table_with_very_many_columns_becomes_several_unless_cells_span_them(shown):
    columns = [word for word in shown.words if word.startswith("column_")]
    assert columns == [f"column_{k}" for k in [*range(52), *range(40)]]
    assert shown.words.count("0") > 4  # the first column is in each of them
    [line] = shown.warnings
    assert "wide" in shown.words and line.startswith("cell 2: a wide table is set at")


# ---- Lines -----------------------------------------------------------------------

DIGITS = "".join(f"{n:03d}" for n in range(100))
EIGHTS = "x = '" + "8" * 82 + "'"  # 88 columns
NUMBERS = str([round(0.1 * k, 3) for k in range(3000)])
LINES = "x = '" + "abc" * 400 + "'\n" + "y = 1\n" * 1200


@samples.of(code(f"x = '{DIGITS}'  # and words", stdout("=" * 88 + f"\n{DIGITS}")),
            code(LINES, stdout(NUMBERS)), code(EIGHTS, stdout(EIGHTS)))  # fmt: skip
def test_lines_of_any_length_are_wrapped_within_the_margins(shown):
    assert shown.text.count(DIGITS) == 2
    assert squeezed(NUMBERS) in shown.text and "abc" * 400 in shown.text
    assert shown.text.count("y=1") == 1200
    assert [line.count("8") for line in shown.lines[-2:]] == [82, 82]  # on one line


WORDS = "Words, " * 40


@samples.of(WORDS + "end", WORDS + "end:\n\n- one")
def test_a_lead_in_reaches_the_right_margin_as_any_paragraph(shown):
    ends = [k for k, mark in enumerate(shown.marks) if mark.text.startswith("end")]
    plain, leads = shown.marks[: ends[0]], shown.marks[ends[0] + 1 : ends[1]]
    assert max(m.right for m in leads) == pytest.approx(
        max(m.right for m in plain), abs=0.5)  # fmt: skip


# ---- What stays on one page ------------------------------------------------------


def numbered(name: str, lines: int) -> str:
    return "\n".join(f"{name}{k}" for k in range(lines))


HIDDEN = {"tags": ("remove_input",)}
SOURCE = markdown("`f.py`, lines 1 to 4:\n\n```python\n" + numbered("s", 4) + "\n```")
TABLE = markdown("| k |\n|--|\n" + "".join(f"| row{k} |\n" for k in range(5)))
BITMAP = display("image/png", PNG, alt="A line.")
TOGETHER = [  # inches left on a page; cells; words that part, and words that do not
    (0.4, ["## Head\n\nwords"], "", "Head words"),
    (0.3, ["a list:\n\n- one\n- two"], "", "list: one"),
    (0.3, ["code:\n\n```\nf\n```"], "", "code: f"),
    (0.4, ["leads:", code("x", stdout("p0\np1"), **HIDDEN)], "", "leads: p0 p1"),
    (0.4, ["tells.", code("f0\nf1\nf2")], "tells. f0", "f0 f2"),
    (0.4, [code("few", stdout(numbered("p", 4)))], "", "few p0 p3"),
    (0.9, [code(numbered("c", 6), stdout(numbered("p", 6)))], "c0 p0", "c0 c5"),
    (0.9, [code(numbered("c", 8))], "x c0", "c0 c7"),
    (0.9, [code(numbered("c", 12))], "c0 c11", "c0 c2"),
    (0.9, [code(numbered("c", 12))], "c2 c9", "c9 c11"),
    (1.4, [code(numbered("c", 12), stdout("p"))], "c0 p", "c9 c11 p"),
    (0.9, [code("few", stdout(numbered("p", 8)))], "", "few p0 p7"),
    (0.9, [code("x", stdout(numbered("p", 14)), **HIDDEN)], "", "p0 p13"),
    (0.9, [code("x", stdout(numbered("p", 16)), **HIDDEN)], "p0 p15", "p0 p1"),
    (0.9, [code(numbered("c", 5) + "\ndef f():\n  d0\n\n" + numbered("e", 9))],
     "c4 d0", "def d0"),
    (0.9, [code(numbered("c", 5) + "\nf(a,  # one\n  d0)\n" + numbered("e", 9))],
     "c4 d0)", "f(a, d0)"),
    (1.1, [code(numbered("c", 6) + "\n\n\n" + numbered("e", 9))], "c0 e8", "c3 c5"),
    (0.5, ["shows:", code("x", SOURCE, **HIDDEN)], "shows: s0", "f.py s0 s3"),
    (1, [code("first()", TABLE)], "", "first() row0 row4"),
]  # fmt: skip


@samples.each(dict(enumerate(TOGETHER)), lambda k: [
    "# A", space_left(72 * TOGETHER[k][0]), *TOGETHER[k][1], code("end")])  # fmt: skip
def test_what_stays_on_one_page_and_what_may_part(shown, wanted):
    pages = [[mark.text for mark in page] for page in shown.pages]

    def page_of(word: str) -> int:
        [found] = [k for k, words in enumerate(pages) if word in words]
        return found

    *_, apart, together = wanted
    assert len({page_of(word) for word in together.split()}) == 1
    if apart:
        one, other = apart.split()
        assert page_of(one) < page_of(other)


@samples.of("# A", space_left(72), code("second()", BITMAP))
def test_a_picture_is_on_the_page_of_its_code(shown):
    assert [mark.text for mark in shown.pages[-1]] == ["second()", ""]


@samples.of("# A", "| k |\n|--|\n" + "".join(f"| row{k} |\n" for k in range(70)))
def test_a_table_longer_than_a_page_is_broken(shown):
    words = [[mark.text for mark in page] for page in shown.pages]
    assert len(words) == 2 and "row0" in words[0] and "row69" in words[1]


FILL = "Word word. " * 20
DRAWN = [code("draw()", figure("A line", width), markdown("Is it?", role="caption"))
         for width in (2, 6, 2, 1.5)]  # fmt: skip


def test_figures_come_in_order_below_the_titles():
    printed, _ = pdf_of("# A", DRAWN[0], "## Part", FILL * 4, *DRAWN[1:], FILL)
    down = [mark for number in range(1, len(printed.pages) + 1)
            for mark in sorted(printed.body(number), key=lambda mark: -mark.top)]
    order = [m.text for m in down if re.fullmatch(r"\d\.", m.text) and m.right < 320]
    assert order == ["1.", "2.", "3.", "4."] and printed.faults() == []


# ---- From which run --------------------------------------------------------------


def test_stale_outputs_are_named_in_one_line(caplog):
    never_ran = [code("c = 1", ran=None) for _ in range(10)]
    cells = [code("a = 1", ran=2), code("b = 1", ran=1), code("", ran=None), "text",
             *never_ran]  # fmt: skip
    warnings = warnings_of(*cells)
    above = "it ran before a cell above: run the notebook from top to bottom"
    never = "it never ran: run the notebook from top to bottom"
    each = [f"cell {k}: {never}" for k in range(5, 15)]
    assert warnings == [f"cell 2: {above}", *each]
    assert [record.getMessage() for record in caplog.records] == [
        f"Notebook, cell 2: {above}",
        f"Notebook, cell 5 (and 6, 7, 8, 9, 10, 11, 12, 13 and 1 more): {never}",
    ]
