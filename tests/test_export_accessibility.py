"""PDF/UA-1: what somebody hears who cannot see the write-up, and what is refused."""

import io
import itertools
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook, new_raw_cell
from pypdf import PdfReader

from export import TypstPDFExporter
from export.compile import compile_typst, compile_with_fonts
from export.pages import tagged
from export_samples import (
    build,
    code,
    display,
    figure,
    markdown,
    save,
    squeezed,
    warned,
)

pytestmark = pytest.mark.export
DATA = "data:image/png;base64," + figure().data["image/png"].replace("\n", "")
PDF = Path(__file__).resolve().parent.parent / "export" / "write-up.pdf"


def elements(reader: PdfReader, *kinds: str) -> list:
    return list(tagged(reader.root_object["/StructTreeRoot"], set(kinds)))


def says_it_is_universal(pdf: bytes) -> bool:
    metadata = PdfReader(io.BytesIO(pdf)).xmp_metadata
    return b"<pdfuaid:part>1</pdfuaid:part>" in metadata.stream.get_data()


@pytest.fixture(scope="module")
def shipped() -> PdfReader:
    return PdfReader(PDF)


def test_the_write_up_says_that_it_is_pdf_ua_1(shipped):
    assert says_it_is_universal(PDF.read_bytes())
    assert shipped.root_object["/Lang"] == "en"
    assert shipped.root_object["/MarkInfo"]["/Marked"]


def test_figures_and_formulas_have_a_description(shipped):
    figures, formulas = elements(shipped, "/Figure"), elements(shipped, "/Formula")
    assert len(figures) > 10 and len(formulas) > 200
    assert all(element["/Alt"].strip() for element in [*figures, *formulas])


def test_no_description_only_repeats_its_caption():
    for path in sorted((PDF.parent.parent / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            outputs = cell.get("outputs", [])
            for shown, below in itertools.pairwise(outputs):
                alt = shown.get("metadata", {}).get("image/png", {}).get("alt")
                if alt and below.metadata.get("role") == "caption":
                    caption = below.data["text/markdown"].strip("*")
                    assert squeezed(alt).lower() != squeezed(caption).lower()


def test_tables_have_header_cells_and_headings_never_jump(shipped):
    tables = elements(shipped, "/Table")
    assert tables and all(list(tagged(table, {"/TH"})) for table in tables)
    levels = [int(e["/S"][2:]) for e in elements(shipped, "/H1", "/H2", "/H3", "/H4")]
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:]))


def test_what_is_attached_is_described(shipped):
    names = shipped.root_object["/Names"]["/EmbeddedFiles"]
    files = [names] if "/Names" in names else [k.get_object() for k in names["/Kids"]]
    described = [
        item.get_object() for node in files for item in node["/Names"][1::2]
    ]
    assert described and all(file["/Desc"].strip() for file in described)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([code("x", figure(None))], "cell 1: a picture has no description"),
        ([f"![]({DATA})"], "cell 1: a picture has no description"),
        (["# A", new_raw_cell("=== B", metadata={"raw_mimetype": "text/x-typst"})],
         "cell 2: PDF/UA-1 error: skipped from heading"),
        ([new_raw_cell("$x$", metadata={"raw_mimetype": "text/x-typst"})], ""),
    ],
)
def test_what_keeps_a_notebook_from_it_is_named_and_it_does_not_claim_it(
    tmp_path, cells, words
):
    assert any(line.startswith(words) for line in warned(*cells)) or not words
    _, pdf, _ = build(save(tmp_path / "a.ipynb", "# A", *cells))
    assert not says_it_is_universal(pdf)
    assert b"/StructTreeRoot" in pdf or PdfReader(io.BytesIO(pdf)).root_object[
        "/StructTreeRoot"
    ]


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        (["# A\n\n#### B\n\nwords\n\n#### C", "## D", "### E", "# F"], "122231"),
        (["## A\n\nwords", "# B\n\nwords\n\n### C\n\n## D"], "1122"),
        (["# A", code("x", display("text/html", "<h1>B</h1><h4>C</h4>")), "## D"],
         "1232"),
        (["# A", "<h3>B</h3>\n\nwords\n\n<div>\n\n###### C\n\n</div>", "### D"],
         "1232"),
        (["# [A](https://a.org) of\n\n" + 60 * "words\n\n"], "1"),  # again atop a page
        (["# <center>A<br>and `b`</center>", "<h2 align='center'><p>C</p></h2>"], "12"),
        (["# A\n\n##\n\n<h2>B<h2>\n\n## ![word](" + DATA + ")"], "12"),
    ],
)  # fmt: skip
def test_headings_of_every_kind_are_heard_on_the_next_level_at_most(cells, levels):
    cells = [new_markdown_cell(c) if isinstance(c, str) else c for c in cells]
    pdf, resources = TypstPDFExporter().from_notebook_node(new_notebook(cells=cells))
    assert resources["warnings"] == [] and says_it_is_universal(pdf)
    headings = [f"/H{level}" for level in range(1, 7)]
    found = elements(PdfReader(io.BytesIO(pdf)), *headings)
    assert "".join(element["/S"][2:] for element in found) == levels


def test_a_heading_is_as_large_as_it_was_written_to_be(tmp_path):
    text = "# A\n\n### three\n\nwords\n\n## two\n\nwords\n\n##### five"
    _, pdf, _ = build(save(tmp_path / "a.ipynb", text))
    sizes = {}

    def remember(words, _, matrix, __, size):
        sizes[words.strip()] = round(size * abs(matrix[3]), 1)

    PdfReader(io.BytesIO(pdf)).pages[2].extract_text(visitor_text=remember)
    written = ("A", "two", "three", "five", "words")
    assert [sizes[words] for words in written] == [18, 12.5, 10.5, 10, 10]


def test_descriptions_are_taken_from_wherever_people_put_them(tmp_path):
    data = figure().data["image/png"]
    outputs = [
        display("image/png", data, **{"image/png": {"alt": "of the kind"}}),
        display("image/png", data, alt="of the output"),
    ]
    of_the_cell = code("x", display("image/png", data))
    of_the_cell.metadata["alt"] = "of the cell"
    by_comment = code('#| fig-alt: "by a comment"\nx', display("image/png", data))
    cells = code("x", *outputs), of_the_cell, by_comment
    path = save(tmp_path / "a.ipynb", "# A", *cells)
    write_up, pdf, _ = build(path)
    assert write_up.warnings == [] and says_it_is_universal(pdf)
    found = elements(PdfReader(io.BytesIO(pdf)), "/Figure")
    assert [element["/Alt"] for element in found] == [
        "of the kind", "of the output", "of the cell", "by a comment",
    ]  # fmt: skip


def test_a_picture_in_pdf_only_is_named(tmp_path):
    made = figure("A line.")
    del made.data["image/svg+xml"]
    write_up, pdf, _ = build(save(tmp_path / "a.ipynb", "# A", code("x", made)))
    assert not says_it_is_universal(pdf)
    assert "in PDF, not in SVG" in write_up.warnings[0]


def test_the_three_faults_are_refused_by_the_compiler_itself():
    """So that what the tests above see does not rest on our own reading alone."""
    head = "#set document(title: [t])\n= A\n"
    for fault in ("$x$", '#pdf.attach("n", bytes("b"))', "= A\n=== B"):
        with pytest.raises(Exception, match="PDF/UA-1 error"):
            compile_typst(head + fault, {}, ["ua-1"])
        compiled = compile_with_fonts(head + fault, {})
        assert compiled.pdf.startswith(b"%PDF") and not says_it_is_universal(
            compiled.pdf
        )


def test_it_is_read_in_the_order_of_the_notebook(tmp_path):
    cells = [
        "first words",
        code("second = 2\nif second:\n    third", figure("the picture"),
             markdown("*the caption*", role="caption")),
        "fourth $x^2$ words",
    ]  # fmt: skip
    _, pdf, _ = build(save(tmp_path / "a.ipynb", "# The title", *cells))
    reader = PdfReader(io.BytesIO(pdf))
    all_kinds = "/H1", "/P", "/Code", "/Figure", "/Formula"
    kinds = [element["/S"] for element in elements(reader, *all_kinds)]
    order = re.sub(r"(/Code)+", "/Code", "".join(kinds))
    assert order.index("/H1") < order.index("/Code") < order.index("/Figure")
    assert order.index("/Code") < order.rindex("/Formula")
