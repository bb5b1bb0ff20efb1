"""Cells and outputs of every kind on the page."""

import base64
import io
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output, new_raw_cell
from PIL import Image
from pypdf import PdfReader

from export.check import Checked
from export.errors import bounded
from export.exporter import TypstExporter, TypstPDFExporter
from export.typeset import printable
from export.write_up import APPENDIX
from export_samples import (
    WIDGET,
    alternatives,
    build,
    code,
    display,
    figure,
    markdown,
    notebook,
    pieces_of,
    save,
    squeezed,
    stdout,
    text_marks,
    text_of,
    warned,
)

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


def test_tags_leave_out_what_they_say(built):
    _, _, checked = built
    page = squeezed(checked.reader.pages[3].extract_text())
    assert "shown=True" in page
    for words in ("hidden=True", "neverseen", "notshown", "slide()"):
        assert words not in page


def test_a_widget_becomes_its_sentence(built):
    _, _, checked = built
    page = squeezed(checked.reader.pages[3].extract_text())
    assert squeezed("In the notebook: A slider pages through the digits.") in page
    view = display("text/plain", "a view of it", role="view")
    instead = display("text/plain", "Here one draws.", role="widget")
    instead.data["text/html"] = "<p>for the screen</p>"
    text = text_of(code("x", view, instead))
    assert squeezed("In the notebook, one draws.") in text
    assert "aview" not in text and "forthescreen" not in text


@pytest.mark.parametrize(
    "plain",
    ["IntSlider(value=0)", "VBox(children=(\n))", "", "interactive(value=0, x=(VBox,…"],
)
def test_a_widget_without_a_sentence_gets_one(plain):
    output = new_output(
        "display_data", data={WIDGET: {"model_id": "1"}, "text/plain": plain}
    )
    text = text_of(code("x", output))
    assert "Inthenotebook:aninteractivewidget" in text
    assert "value=0" not in text and "VBox" not in text


def test_a_progress_bar_does_not_say_that_nothing_was_done():
    """Its words are those with which it began."""
    words = "  0%|          | 0/3 [00:00<?, ?it/s]"
    bar = new_output(
        "display_data", data={WIDGET: {"model_id": "1"}, "text/plain": words}
    )
    text = text_of(code("x", bar))
    assert "Inthenotebook:aprogressbar." in text and "0%" not in text


def test_figures_are_vectors_with_caption_number_and_alternative_text(built):
    write_up, pdf, checked = built
    source = write_up.source
    used = [name for name in write_up.files if f'#graph((path: "{name}"' in source]
    assert [Path(name).suffix for name in used] == [".svg"]
    page = checked.reader.pages[2]
    forms = page["/Resources"].get("/XObject", {}).values()  # no bitmap among them
    assert {form.get_object()["/Subtype"] for form in forms} <= {"/Form"}
    assert "A line that falls" in alternatives(checked.reader)


def left(inches: float) -> NotebookNode:
    """A page that is full but for so many inches."""
    fill = f"#pagebreak()\n#block(height: 100% - {inches}in, spacing: 0pt)[x]"
    return new_raw_cell(fill, metadata={"raw_mimetype": "text/x-typst"})


def page_of(checked: Checked, word: str) -> int:
    """The one page of a question that has this word."""
    pages = checked.pages[2 : checked.sections[-1].first - 1]
    printed = [[mark.text for mark in page.marks] for page in pages]
    [number] = [n for n, words in enumerate(printed, 3) if word in words]
    return number


def numbered(name: str, lines: int) -> str:
    return "\n".join(f"{name}{k}" for k in range(lines))


HIDDEN = {"tags": ("remove_input",)}
SOURCE = markdown("`f.py`, lines 1 to 4:\n\n```python\n" + numbered("s", 4) + "\n```")


@pytest.mark.parametrize(
    ("space", "cells", "apart", "together"),
    [
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
        (0.9, [code("x", stdout(numbered("p", 12)), **HIDDEN)], "p0 p11", "p0 p1"),
        (0.5, ["shows:", code("x", SOURCE, **HIDDEN)], "shows: s0", "f.py s0 s3"),
    ],
)
def test_what_stays_on_one_page_and_what_may_part(
    tmp_path, space, cells, apart, together
):
    path = save(tmp_path / "a.ipynb", "# A", left(space), *cells, code("end"))
    _, _, checked = build(path)
    assert len({page_of(checked, word) for word in together.split()}) == 1
    if apart:
        one, other = apart.split()
        assert page_of(checked, one) < page_of(checked, other)


def test_a_lead_in_reaches_the_right_margin_as_any_paragraph():
    words = "Words, " * 40
    plain = text_marks(words + "end")
    assert max(m.right for m in text_marks(words + "end:")) == pytest.approx(
        max(m.right for m in plain), abs=0.5
    )


def test_errors_and_warnings_are_shown_without_escape_codes():
    traceback = ["\x1b[31mValueError\x1b[0m  Traceback", "ValueError: \x1b[1mboom"]
    error = new_output("error", ename="ValueError", evalue="boom", traceback=traceback)
    text = text_of(code("x", stdout("careful", "stderr"), error))
    assert "Standarderror" in text and "careful" in text
    assert "ErrorValueErrorTraceback" in text and "ValueError:boom" in text
    assert "\x1b" not in text and "[31m" not in text


def test_every_kind_of_output_leaves_a_trace():
    text = text_of(
        code(
            "x",
            display("text/html", "<table><tr><td>cell</td></tr></table>"),
            display("text/latex", r"$\displaystyle \frac{p}{q}$"),
            display("text/latex", r"\begin{align} u &= v \\ &= w \end{align}"),
            new_output("execute_result", data={"text/plain": "array([1])"}),
            new_output(
                "display_data",
                data={"text/html": "<script>1</script>", "text/plain": "plot"},
            ),
            new_output("display_data", data={"application/json": {}}),
            stdout("50%\r100%\na\tb\x07"),
        ),
        new_raw_cell("left as it is"),
    )
    for words in (
        "cell", "array([1])", "plot", "aninteractivewidget", "100%",
        r"\x07", "leftasitis", "𝑝", "𝑞", "𝑢", "𝑣", "𝑤",
    ):  # fmt: skip
        assert words in text
    assert "50%" not in text and "alert" not in text and "script" not in text


def test_images_of_markdown(tmp_path):
    data = figure().data["image/png"]
    (tmp_path / "p.png").write_bytes(base64.b64decode(data))
    path = save(tmp_path / "a.ipynb", "# A\n\n![some words](p.png)")
    write_up, _, checked = build(path)
    assert any(not mark.text for mark in checked.pages[2].marks)
    assert "some words" in alternatives(checked.reader)
    text = "![x](http://nowhere.example/y.png) ![](z)"
    path = save(tmp_path / "b.ipynb", "# B", text)
    write_up, _, checked = build(path)
    assert write_up.warnings == [
        f"{path}, cell 2: the image http://nowhere.example/y.png: it is on the web: "
        "save it beside the notebook",
        f"{path}, cell 2: the image z: there is no such file",
    ]
    text = squeezed(checked.text(3))
    assert "Picture:x,http://nowhere.example/y.png" in text and "Picture:z" in text


def size_of(checked: Checked, words: str) -> float:
    [mark] = [m for page in checked.pages for m in page.marks if m.text == words]
    return mark.top - mark.bottom


def frame(columns: int) -> NotebookNode:
    # A table as pandas shows it.
    names = "".join(f"<th>column_{k}</th>" for k in range(columns))
    numbers = "".join(f"<td>{k}.123456</td>" for k in range(columns))
    return display(
        "text/html",
        "<div>\n<style scoped>\n    .dataframe tbody {\n top: 1 }\n</style>\n"
        f"<table border='1'>\n<thead><tr><th></th>{names}</tr></thead>\n"
        f"<tbody><tr><th>0</th>{numbers}</tr></tbody>\n</table>\n</div>",
    )


def test_a_table_with_many_columns_is_set_smaller(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", code("x", frame(4), frame(16)))
    with pytest.raises(ValueError):  # in both of them there is a column_3
        size_of(build(path)[2], "column_3")
    _, _, checked = build(path)
    sizes = {
        round(mark.top - mark.bottom, 1)
        for mark in checked.pages[2].marks
        if mark.text.strip() == "column_3"
    }
    assert len(sizes) == 2 and min(sizes) > 0.45 * max(sizes)
    assert size_of(checked, "column_15") == pytest.approx(min(sizes), abs=0.1)


def test_tables_and_pictures_stay_whole_and_with_their_code(tmp_path):
    table = "| k |\n|--|\n" + "".join(f"| row{k} |\n" for k in range(5))
    bitmap = display("image/png", figure().data["image/png"], alt="A line.")
    path = save(
        tmp_path / "a.ipynb",
        "# A",
        left(1),
        code("first()", markdown(table)),
        left(1),
        code("second()", bitmap),
    )
    _, _, checked = build(path)
    assert {page_of(checked, word) for word in ("first()", "row0", "row4")} == {5}
    many = "| k |\n|--|\n" + "".join(f"| row{k} |\n" for k in range(70))
    _, _, long = build(save(tmp_path / "b.ipynb", "# B", many))
    assert "row0" in long.text(3) and "row69" in long.text(4)
    pictures = [any(not m.text for m in page.marks) for page in checked.pages]
    assert sum(pictures) == 1 and pictures[page_of(checked, "second()") - 1]


def test_a_table_with_very_many_columns_becomes_several(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", code("x", frame(52)))
    write_up, pdf, checked = build(path)
    words = [mark.text.strip() for mark in checked.pages[2].marks]
    assert [w for w in words if w.startswith("column_")] == [
        f"column_{k}" for k in range(52)
    ]
    assert words.count("0") > 3  # the first column stands in each of them
    assert b"<pdfuaid:part>1<" in pdf and write_up.warnings == []
    spanned = frame(40)
    spanned.data["text/html"] = spanned.data["text/html"].replace(
        "<tbody>", '<tbody><tr><td colspan="41">wide</td></tr>'
    )
    path = save(tmp_path / "b.ipynb", "# B", code("x", spanned))
    assert "column_39" in build(path)[2].text(3)


@pytest.mark.parametrize(
    "long", ["x" * 300, f"https://example.org/{'abc/def-ghi_jkl/' * 12}", "π·" * 99]
)
@pytest.mark.parametrize("quoted", ["", "`"])
def test_a_long_word_in_a_table_is_broken(tmp_path, long, quoted):
    table = f"| a | b |\n|--|--|\n| {quoted}{long}{quoted} | two words |\n"
    write_up, _, checked = build(save(tmp_path / "a.ipynb", "# A", table))
    assert checked.faults(write_up.expected) == []
    assert long in "".join(checked.text(3).split())
    assert "two words" in checked.text(3)


def test_a_heading_in_the_middle_begins_a_question(tmp_path):
    [piece] = pieces_of("<h2 id='center-of'>Center of</h2>")
    assert "centred" not in piece.typst
    for title in ("# <center>A<br>B</center>", "<h1 align='center'>A B</h1>"):
        paths = [save(tmp_path / f"{name}.ipynb", title, "w") for name in "ab"]
        write_up, _, checked = build(*paths)
        assert checked.faults(write_up.expected) == []
        assert [section.first for section in checked.sections] == [3, 4]


def test_a_heading_in_an_output_begins_no_question(tmp_path):
    outputs = markdown("# One"), display("text/html", "<h1>Two</h1>")
    path = save(tmp_path / "a.ipynb", "# A", code("x", *outputs))
    _, _, checked = build(path)
    assert [section.title for section in checked.sections] == ["A", APPENDIX]
    assert {"One", "Two"} <= {mark.text for mark in checked.pages[2].marks}


def test_blank_printouts_leave_no_box_and_links_no_escapes():
    link = "\x1b]8;;http://x\x1b\\here\x1b]8;;\x07 and \x1b[31mred\x1b[0m"
    source, _ = TypstExporter().from_notebook_node(
        notebook(code("x", stdout(" \n\n"), markdown("between"), stdout(link)))
    )
    assert source.count("\n#printout(") == 1
    assert '#printout("here and red")' in source


def test_raw_cells_reach_the_format_that_they_are_for():
    def raw(text: str, **metadata) -> NotebookNode:
        return new_raw_cell(text, metadata=metadata)

    text = text_of(
        raw("#strong[typst]", raw_mimetype="text/x-typst"),
        raw("<b>web</b>", raw_mimetype="text/html"),
        raw("#plain", format=""),
        raw("  "),
        raw("*rest*", raw_mimetype="text/restructuredtext"),
    )
    assert text.startswith("typstweb#plain")
    assert "rest" not in text
    assert warned(raw("*rest*", raw_mimetype="text/restructuredtext")) == [
        "cell 1: a raw cell for text/restructuredtext is left out"
    ]
    latex = raw(r"\begin{equation} e = m \end{equation}", raw_mimetype="text/latex")
    assert "𝑒=𝑚" in text_of(latex)


def test_images_in_markdown_come_from_everywhere(tmp_path):
    [data] = [figure().data["image/png"]]
    (tmp_path / "a file.png").write_bytes(base64.b64decode(data))
    cell = new_markdown_cell(
        f"![one](attachment:x%20y.png) ![two](data:image/png;base64,{data}) "
        '<img src="a%20file.png" alt="three" width="96">',
        attachments={"x y.png": {"image/png": data}},
    )
    made = notebook(cell)
    pdf, _ = TypstPDFExporter().from_notebook_node(
        made, {"metadata": {"path": str(tmp_path)}}
    )
    assert alternatives(PdfReader(io.BytesIO(pdf))) == {"one", "two", "three"}
    made.cells[0].source = "![](gone.png)"
    _, resources = TypstExporter().from_notebook_node(made)
    assert resources["warnings"] == [
        "Notebook, cell 1: the image gone.png: there is no such file"
    ]


def labelled(name: str, words: str) -> list[NotebookNode]:
    """A figure and a table, as page.figure and page.table show them."""
    picture = figure(words or "A line.")
    picture.metadata["label"] = name
    table = markdown("| a | b |\n|:--|--:|\n| one | 1 |", label=f"table-{name}")
    return [
        code("draw()", markdown(f'<a id="{name}"></a>', role="anchor"), picture,
             markdown(f"*{words}*", role="caption")),
        code("tell()", table, markdown(f"*The table {words}*", role="caption")),
        code("more()", markdown("| c |\n|:--|\n| 2 |")),  # without a number
    ]  # fmt: skip


def test_links_to_figures_and_tables_become_their_numbers(tmp_path):
    one, two = (
        save(
            tmp_path / f"{name}.ipynb",
            f"# {name}\n\n## The part\n\nSee [this](#{name}), [that](#table-{name}) "
            "and [there](#The-part), [here](#below): <a id='below'></a>it.",
            *labelled(name, f"falls{name}"),
            code("say()", markdown(f"> **Answer.** As [the curve](#{name}) shows.")),
        )
        for name in ("x", "y-2")
    )
    _, _, checked = build(one, two)
    for page, number in ((2, 1), (3, 2)):
        text = squeezed(checked.text(page + 1))
        assert f"SeeFigure{number},Table{number}andthere,here:it." in text
        assert f"Answer.AsFigure{number}shows." in text
        assert f"Figure{number}.falls" in text
        assert f"Table{number}.Thetablefalls" in text and "Table3" not in text
        assert text.index(f"Table{number}.The") < text.index("one1")
        links = [a.get_object() for a in checked.reader.pages[page]["/Annots"]]
        assert len([a for a in links if a["/Subtype"] == "/Link"]) == 3


@pytest.mark.parametrize("other", ["gone", "the-part"])
def test_a_link_to_a_label_that_nothing_has_is_named(tmp_path, other):
    cells = ["# A\n\n## The part", f"[it](#{other})", *labelled("x", "")]
    path = save(tmp_path / "a.ipynb", *cells)
    warnings = build(path)[0].warnings
    assert warnings == [f"{path}, cell 2: nothing has the label {other!r}"]


def test_a_label_belongs_to_one_figure_with_a_caption(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", *labelled("x", ""), *labelled("x", ""))
    warnings = build(path)[0].warnings
    assert warnings[0] == f"{path}, cell 5: the label 'x' is that of {path}, cell 2"
    bare, tells = labelled("x", "")[:2]
    bare.outputs.pop()
    path = save(tmp_path / "a.ipynb", "# A\n\n[it](#x)", bare, tells)
    assert build(path)[0].warnings == [f"{path}, cell 1: nothing has the label 'x'"]


def test_short_captions_are_centred_and_long_ones_begin_at_the_left():
    def left(caption: str) -> float:
        drawing = code("draw()", figure("A line"), markdown(caption, role="caption"))
        return min(m.left for m in text_marks(drawing) if m.text.startswith("Figure"))

    assert left("Short.") > 250
    assert left("A long one, " * 20) < 100


def test_text_for_the_screen_alone_is_left_out_by_its_tag():
    cell = new_markdown_cell("Press *Train*.", metadata={"tags": ["remove_cell"]})
    assert text_of("Before.", cell, "After.") == "Before.After.1of1"


def test_a_long_line_of_any_length_wraps_within_the_margins(tmp_path):
    numbers = str([round(0.1 * k, 3) for k in range(3000)])
    source = "x = '" + "abc" * 400 + "'\n" + "y = 1\n" * 1200
    path = save(tmp_path / "a.ipynb", "# A", code(source, stdout(numbers)))
    _, _, checked = build(path)  # and nothing is outside the margins, nor lost
    printed = [squeezed(checked.text(n)) for n in range(3, len(checked.pages) + 1)]
    for k in range(200, 299, 9):
        assert any(f"{k}.0,{k}.1,{k}.2" in page for page in printed)


def test_a_word_that_is_longer_than_a_line_is_broken(tmp_path):
    word = "a1b2c3d4" * 25
    text = (f"# A\n\nA {word} and **{word}** [{word}](https://a.org/{'path/' * 40})"
            f"\n\n- {word}\n\n> {word}\n\n## B {word}\n\n`{word}` $x$ {word}$y$"
            )  # fmt: skip
    _, _, checked = build(save(tmp_path / "a.ipynb", text))  # all within the margins
    assert squeezed(checked.text(3)).count(word) == 8


def test_what_is_endless_is_cut_and_says_so(tmp_path):
    outputs = stdout("1\n" * 30_000 + "z" * 50_000), stdout("a" * 20_001, "stderr")
    lines = warned(code("x", *outputs))
    assert lines == [
        "cell 1: 10,001 more lines and 30,000 more characters left out: print less",
        "cell 1: 1 more characters left out: print less",
    ]
    assert bounded("b" * 20_001 + "\nc")[0].endswith("b … 1 more characters\nc")
    assert bounded("1\n" * 20_001)[0].endswith("1\n… 2 more lines")
    assert bounded(("c" * 999 + "\n") * 2001)[1] == "2 more lines"
    long = "word " * 500_000
    path = save(tmp_path / "a.ipynb", "# A", code("x", markdown(long)))
    write_up, _, _ = build(path)
    assert "2,500,000 characters of text/markdown, too many" in write_up.warnings[0]


def test_progress_bars_are_shown_as_a_terminal_shows_them_in_the_end():
    bar = "\r  0%|   |\r 50%|#  |\r100%|###|\nab\b\bc\n\b12345\r67"
    assert printable(bar) == "100%|###|\ncb\n67345"


def test_stale_outputs_are_named_in_one_line(caplog):
    cells = [
        code("a = 1", ran=2), code("b = 1", ran=1), code("", ran=None), "text",
        *(code("c = 1", ran=None) for _ in range(10)),
    ]  # fmt: skip
    _, resources = TypstExporter().from_notebook_node(notebook(*cells))
    above = "it ran before a cell above: run the notebook from top to bottom"
    never = "it never ran: run the notebook from top to bottom"
    each = [f"Notebook, cell {k}: {never}" for k in range(5, 15)]
    assert resources["warnings"] == [f"Notebook, cell 2: {above}", *each]
    assert [record.getMessage() for record in caplog.records] == [
        f"Notebook, cell 2: {above}",
        f"Notebook, cell 5 (and 6, 7, 8, 9, 10, 11, 12, 13 and 1 more): {never}",
    ]


def test_of_what_unfolds_in_a_browser_its_words_are_set():
    """As scikit-learn and xarray have it, and whoever hides something."""
    unfolding = display("text/html", "<div class='sk-text-repr-fallback'><pre>Ridge()"
                        "</pre></div><div hidden><a>All about Ridge</a></div>")
    unfolding.data["text/plain"] = "Ridge()"
    hiding = display("text/html", "<p>seen</p><div style='display: none'>not seen</div>"
                     "<p>A<span hidden>not so</span>B</p>")
    assert text_of(code("x", unfolding, hiding)) == "xRidge()seenAB1of1"
    more = "<h3 hidden>no</h3><table style='display:none'><tr><td>no</td></tr></table>"
    kept = "<p style='--a-display:none'>yes</p>"
    unfolding.data["text/html"] += "<p>and more</p>" + more + kept
    unfolding.data["text/plain"] = "<IPython.core.display.HTML object>"
    assert text_of(code("x", unfolding)) == "xRidge()andmoreyes1of1"


def test_both_heads_of_a_table_are_its_head():
    two = "<thead><tr><th>a</th></tr></thead>\n<thead><tr><th>int</th></tr></thead>"
    cell = code("x", display("text/html", f"<table>{two}<tr><td>1</td></tr></table>"))
    source, _ = TypstExporter().from_notebook_node(notebook(cell))
    assert "table.header([a],\n      [int],)" in source


def test_outputs_for_a_browser_leave_a_sentence_and_their_picture():
    def bundle(**data):
        names = {key.replace("_", "/", 1): value for key, value in data.items()}
        described = {"alt": "A chart."}
        return code("x", new_output("display_data", data=names, metadata=described))

    plotly = {"application_vnd.plotly.v1+json": {}, "text_plain": "Figure({...})"}
    script = {"text_html": "<script>1</script>", "text_plain": "<Chart at 0x1>"}
    assert "interactivewidget" in text_of(bundle(**plotly))
    assert "interactivewidget" in text_of(bundle(**script))
    assert warned(bundle(**plotly), bundle(**script)) == [
        "cell 1: application/vnd.plotly.v1+json is not shown: give the output a "
        "picture as well",
        "cell 2: <Chart at 0x1> needs a browser: not shown",
    ]
    picture = {"image_png": figure().data["image/png"]}
    assert warned(bundle(**plotly, **picture), bundle(**script, **picture)) == []
    style = {"text_html": "<style>p {}</style>", "text_plain": "<HTML object>"}
    assert warned(bundle(**style)) == []
    assert "interactive" not in text_of(bundle(**style))


def test_latex_goes_before_a_bitmap_of_it_and_errors_and_captions_lose_nothing():
    both = new_output(
        "display_data",
        data={"text/latex": r"$\frac{p}{q}$", "image/png": figure().data["image/png"]},
    )
    error = new_output("error", ename="KeyError", evalue="'k'", traceback=[])
    captions = [markdown(words, role="caption") for words in ("first", "second")]
    text = text_of(code("x", both, error, figure(), *captions))
    for words in ("𝑝", "KeyError:'k'", "Figure1.first", "second"):
        assert words in text


def test_a_table_may_bring_its_own_caption():
    table = "<table><caption>Of two</caption><tr><td>1</td><td>2</td></tr></table>"
    shown = code("x", display("text/html", table))
    assert warned(shown) == [] and text_of(shown).startswith("xOftwo12")


def test_pictures_are_as_large_as_on_the_screen(tmp_path):
    def of(wide, high, kind="PNG", **metadata):
        file = io.BytesIO()
        Image.new("RGB", (wide, high)).save(file, kind)
        data = base64.b64encode(file.getvalue()).decode()
        mimetype = f"image/{kind.lower()}"
        more = {mimetype: metadata} if metadata else {}
        return new_output("display_data", data={mimetype: data},
                          metadata=more | {"alt": "a"})

    def sizes(*outputs):
        marks = text_marks(code("x", *outputs))
        return [(round(m.right - m.left), round(m.top - m.bottom)) for m in marks
                if not m.text]  # fmt: skip

    assert sizes(of(200, 100)) == [(150, 75)]
    assert sizes(of(200, 100, width=100)) == [(75, 38)]
    assert sizes(of(200, 100, height=50)) == [(75, 38)]
    assert sizes(of(200, 100, width=100, height=100)) == [(75, 75)]
    assert sizes(of(200, 100, width="12px")) == [(150, 75)]
    [(width, height)] = sizes(of(300, 3000))
    assert height <= 8 * 72 and width == pytest.approx(height / 10, abs=1)
    assert sizes(of(2000, 100)) == [(468, 23)]
    assert sizes(of(200, 100, "BMP")) == [(150, 75)]
    assert sizes(of(200, 100, "GIF")) == [(150, 75)]


def test_a_picture_is_the_same_whichever_formats_came_with_it():
    """Its description may lie with one that was not drawn, and its size is its own."""
    def typst(*formats):
        picture = figure()
        picture.metadata["image/png"].update({"width": 400, "height": 150})
        picture.data = {kind: picture.data[kind] for kind in formats}
        assert warned(code("x", picture)) == []
        source, resources = TypstExporter().from_notebook_node(
            notebook(code("x", picture)))
        return source, list(resources["outputs"].values())

    all_of_them = typst("image/png", "application/pdf", "image/svg+xml")
    assert typst("image/svg+xml") == all_of_them
    assert "A line that falls." in all_of_them[0] and "300pt" not in all_of_them[0]


def test_a_heading_begins_a_page_only_where_a_question_does(tmp_path):
    cells = [f"# Part {k}\n\nwords" for k in range(3)]
    pdf, _ = TypstPDFExporter().from_notebook_node(notebook("before", *cells))
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 1
    path = save(tmp_path / "a.ipynb", code("# no heading\nx = 1"), "# B")
    _, _, checked = build(path)
    titles = [section.title for section in checked.sections]
    assert titles == ["a", "B", APPENDIX]


def test_combining_marks_survive_the_check(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", code("e\u0301 = 'x\u0302\u0323y\u0304'"))
    build(path)


def test_pictures_that_are_none_or_lose_their_words_are_named(tmp_path):
    words = base64.b64encode(b"no picture").decode()
    cell = code("x", new_output(
        "display_data", data={"image/png": words, "text/plain": "<Figure 1>"},
        metadata={"alt": "A figure."},
    ))  # fmt: skip
    [line] = warned(cell)
    assert line.startswith("cell 1: a picture cannot be shown: it is no picture")
    assert "Picture:Afigure.,<Figure1>" in text_of(cell)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><foreignObject>'
        "<p>words</p></foreignObject></svg>"
    )
    lost = "cell 1: an SVG picture with HTML in it, which is not shown"
    drawn = display("image/svg+xml", svg, alt="A drawing.")
    assert warned(code("x", drawn)) == [lost]
