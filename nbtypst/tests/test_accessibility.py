"""PDF/UA-1: what a screen reader reads out, and what keeps a PDF from conforming."""

import re

import pytest

from nbtypst.compile import compile_document, run_typst
from nbtypst_samples import code, display, figure, html, markdown, pdf_of, raw
from pdf_pages import Printed

pytestmark = pytest.mark.export
DATA = "data:image/png;base64," + figure().data["image/png"].replace("\n", "")
PDF_ALONE = figure("A line.")
del PDF_ALONE.data["image/svg+xml"]


@pytest.mark.parametrize("cell, words", [
    (code("x", figure(None)), "a picture has no description"),
    (f"![]({DATA})", "a picture has no description"),
    (code("x", PDF_ALONE), "embedding PDFs is currently not supported"),
    (raw("=== B"), "PDF/UA-1 error: skipped from heading"),
    (raw("$x$"), None),
])  # fmt: skip
def test_a_notebook_that_breaks_pdf_ua_is_named_and_claims_nothing(cell, words):
    printed, warnings = pdf_of("# A", cell)
    if words:  # else Typst names no place
        assert warnings[0].startswith(f"cell 2: {words}")
    assert not printed.is_pdf_ua and printed.elements


@pytest.mark.parametrize("fault", ["$x$", '#pdf.attach("n", bytes("b"))', "= A\n=== B"])
def test_typst_itself_refuses_pdf_ua(fault):
    """So the tests above do not rely on our own reading of the standard alone."""
    source = "#set document(title: [t])\n= A\n" + fault
    with pytest.raises(Exception, match="PDF/UA-1 error"):
        run_typst(source, {}, ["ua-1"])
    assert not Printed(compile_document(source, {}).pdf).is_pdf_ua


@pytest.mark.parametrize("cells, levels", [
    (["# A\n\n#### B\n\nwords\n\n#### C", "## D", "### E", "# F"], "122231"),
    (["## A\n\nwords", "# B\n\nwords\n\n### C\n\n## D"], "1122"),
    (["# A", html("<h1>B</h1><h4>C</h4>"), "## D"], "1232"),
    (["# A", "<h3>B</h3>\n\nwords\n\n<div>\n\n###### C\n\n</div>", "### D"], "1232"),
    (["# [A](https://a.org) of\n\n" + 60 * "words\n\n"], "1"),  # again atop a page
    (["# <center>A<br>and `b`</center>", "<h2 align='center'><p>C</p></h2>"], "12"),
    (["# A\n\n##\n\n<h2>B<h2>\n\n## ![word](" + DATA + ")"], "12"),
])  # fmt: skip
def test_heading_levels_in_the_tags_are_never_skipped(cells, levels):
    printed, warnings = pdf_of(*cells)
    assert warnings == [] and printed.is_pdf_ua
    found = printed.tagged(*(f"/H{level}" for level in range(1, 7)))
    assert "".join(element["/S"][2:] for element in found) == levels


def test_a_heading_is_as_large_as_it_was_written_to_be():
    printed, _ = pdf_of("# A\n\n### three\n\nwords\n\n## two\n\nwords\n\n##### five")
    sizes = {m.text: round((m.top - m.bottom) / 0.7, 1) for m in printed.pages[0]}
    written = ("A", "two", "three", "five", "words")
    assert [sizes[words] for words in written] == [18, 12.5, 10.5, 10, 10]


def test_descriptions_are_taken_from_wherever_people_put_them():
    data = figure().data["image/png"]
    outputs = [
        display("image/png", data, **{"image/png": {"alt": "of the kind"}}),
        display("image/png", data, alt="of the output"),
    ]
    of_the_cell = code("x", display("image/png", data))
    of_the_cell.metadata["alt"] = "of the cell"
    by_comment = code('#| fig-alt: "by a comment"\nx', display("image/png", data))
    printed, warnings = pdf_of(code("x", *outputs), of_the_cell, by_comment)
    assert warnings == [] and printed.is_pdf_ua
    assert printed.alternatives == [
        "of the kind", "of the output", "of the cell", "by a comment",
    ]  # fmt: skip


def test_the_reading_order_is_that_of_the_notebook():
    printed, _ = pdf_of(
        "# The title", "first words",
        code("second = 2\nif second:\n    third", figure("the picture"),
             markdown("*the caption*", role="caption")),
        "fourth $x^2$ words",
    )  # fmt: skip
    kinds = printed.tagged("/H1", "/P", "/Code", "/Figure", "/Formula")
    order = re.sub(r"(/Code)+", "/Code", "".join(element["/S"] for element in kinds))
    assert order.index("/H1") < order.index("/Code") < order.index("/Figure")
    assert order.index("/Code") < order.rindex("/Formula")


def test_an_empty_description_in_html_says_that_a_picture_is_decoration():
    drawn = f"<img src='{DATA}' alt=''> words, <img src='{DATA}' role='{{}}'>"
    printed, warnings = pdf_of("# A", drawn.format("presentation"))
    assert warnings == [] and printed.is_pdf_ua and not printed.tagged("/Figure")
    _, warnings = pdf_of("# A", f"![]({DATA}) <b>words</b>", drawn.format("img"))
    assert [line.partition(":")[0] for line in warnings] == ["cell 2", "cell 3"]
