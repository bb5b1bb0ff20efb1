"""PDF/UA-1: what a screen reader reads out, and what keeps a PDF from conforming."""

import re

import pytest

from nbtypst.compile import compile_document, run_typst
from nbtypst_samples import Samples, code, figure, html, markdown, pdf_of, raw
from pdf_pages import Printed

pytestmark = pytest.mark.export
samples = Samples()
PNG = figure().data["image/png"]
DATA = "data:image/png;base64," + PNG.replace("\n", "")
PDF_ALONE = figure("A line.")
del PDF_ALONE.data["image/svg+xml"]
DECORATION = f"<img src='{DATA}' alt=''> words, <img src='{DATA}' role='{{}}'>"


def test_what_breaks_pdf_ua_is_named_and_nothing_is_claimed():
    printed, warnings = pdf_of(
        "# A", code("x", figure(None)), f"![]({DATA})", code("x", PDF_ALONE),
        raw("=== B"), f"![]({DATA}) <b>words</b>", DECORATION.format("img"),
    )  # fmt: skip
    no_alt = "a picture has no description"
    assert [line[: len(no_alt) + 8] for line in warnings[:4]] == [
        f"cell {k}: {no_alt}" for k in (2, 3, 6, 7)]  # fmt: skip
    assert any(line.startswith("cell 5: PDF/UA-1 error: skipped") for line in warnings)
    assert not printed.is_pdf_ua and printed.elements
    _, [warning] = pdf_of("# A", code("x", PDF_ALONE))
    assert warning.startswith("cell 2: embedding PDFs is currently not supported")


@pytest.mark.parametrize("fault", ["$x$", '#pdf.attach("n", bytes("b"))', "= A\n=== B"])
def test_typst_itself_refuses_pdf_ua(fault):
    """So the tests above do not rely on our own reading of the standard alone."""
    source = "#set document(title: [t])\n= A\n" + fault
    with pytest.raises(Exception, match="PDF/UA-1 error"):
        run_typst(source, {}, ["ua-1"])
    assert not Printed(compile_document(source, {}).pdf).is_pdf_ua


HEADINGS = [f"/H{level}" for level in range(1, 7)]
LEVELS = [  # of headings as written, and in the tags
    (["# A\n\n#### B\n\nwords\n\n#### C", "## D", "### E", "# F"], "122231"),
    (["# A", html("<h1>B</h1><h4>C</h4>"), "## D"], "1232"),
    (["# A", "<h3>B</h3>\n\nwords\n\n<div>\n\n###### C\n\n</div>", "### D"], "1232"),
    (["# [A](https://a.org) of\n\n" + 60 * "words\n\n"], "1"),  # again atop a page
    (["# <center>A<br>and `b`</center>", "<h2 align='center'><p>C</p></h2>"], "12"),
    (["# A\n\n##\n\n<h2>B<h2>\n\n## ![word](" + DATA + ")"], "12"),
]  # fmt: skip


@samples.each(dict(enumerate(LEVELS)), lambda number: LEVELS[number][0])
def test_heading_levels_in_the_tags_are_never_skipped(shown, wanted):
    assert shown.warnings == [] and samples.document[0].is_pdf_ua
    levels = "".join(element["/S"][2:] for element in shown.tagged(*HEADINGS))
    assert levels == wanted[1]


def test_the_first_heading_is_on_level_1():
    printed, _ = pdf_of("## A\n\nwords", "# B\n\nwords\n\n### C\n\n## D")
    levels = "".join(element["/S"][2:] for element in printed.tagged(*HEADINGS))
    assert levels == "1122" and printed.is_pdf_ua


@samples.of("# A\n\n### three\n\nwords\n\n## two\n\nwords\n\n##### five")
def test_a_heading_is_as_large_as_it_was_written_to_be(shown):
    sizes = {m.text: round((m.top - m.bottom) / 0.7, 1) for m in shown.marks}
    written = ("A", "two", "three", "five", "words")
    assert [sizes[words] for words in written] == [18, 12.5, 10.5, 10, 10]


@samples.of(
    "# The title", "first words",
    code("second = 2\nif second:\n    third", figure("the picture"),
         markdown("*the caption*", role="caption")),
    "fourth $x^2$ words",
)  # fmt: skip
def test_the_reading_order_is_that_of_the_notebook(shown):
    kinds = shown.tagged("/H1", "/P", "/Code", "/Figure", "/Formula")
    order = re.sub(r"(/Code)+", "/Code", "".join(element["/S"] for element in kinds))
    assert order.index("/H1") < order.index("/Code") < order.index("/Figure")
    assert order.index("/Code") < order.rindex("/Formula")


@samples.of("# A", DECORATION.format("presentation"))
def test_an_empty_description_in_html_says_that_a_picture_is_decoration(shown):
    assert shown.warnings == [] and not shown.tagged("/Figure")
    assert samples.document[0].is_pdf_ua
