"""pdf_pages.py, with which tests see pages: each fault is planted and found."""

import pytest

from nbtypst.compile import run_typst
from nbtypst_samples import Samples, code, figure, stdout
from pdf_pages import Printed, squeezed

pytestmark = pytest.mark.export
samples = Samples()

SHEET = '#set page(paper: "us-letter", margin: 1in)\n= Title\n'
FAULTS = {
    "#box(width: 0pt, move(dx: 6.4in)[gone])": "'gone' is outside the margins",
    "#move(dx: -0.5in)[gone]": "'gone' is outside the margins",
    "#place(top, dy: -0.8in)[odd] x": "'odd' is above the margin",
    "#place(bottom, dy: 0.4in)[deep]": "'deep' is below the margin",
    "#table(columns: (2em, 2em), [" + "w" * 20 + "], [two])": "'two' is over 'www",
}


@pytest.mark.parametrize("typst", FAULTS)
def test_words_outside_the_margins_and_over_others_are_found(typst):
    assert FAULTS[typst] in " ".join(Printed(run_typst(SHEET + typst, {})).faults())
    assert Printed(run_typst(SHEET + "fine", {})).faults() == []


def test_fonts_that_are_not_embedded_are_found():
    printed = Printed(run_typst(SHEET, {}))
    for font in printed.reader.pages[0]["/Resources"]["/Font"].values():
        inner = font.get_object()["/DescendantFonts"][0].get_object()
        for key in ("/FontFile2", "/FontFile3"):
            inner["/FontDescriptor"].get_object().pop(key, None)
    assert "is not embedded" in printed.faults()[0]


DEEP = "[" * 18 + "(1, {2: '()'})" + "]" * 18
HYPHENS = [f"{'ab' * n}-{'cd' * (20 - n)}" for n in range(1, 20)]


@samples.of(code(f"x = {DEEP}", stdout(DEEP)), code(f"x = '{' '.join(HYPHENS)}'"),
            "words $x^2$", code("draw()", figure()))  # fmt: skip
def test_pages_are_read_as_pypdf_reads_them(shown):
    printed, *_ = samples.document
    theirs = squeezed("".join(page.extract_text() for page in printed.reader.pages))
    ours = "".join(printed.text(k + 1) for k in range(len(printed.pages)))
    assert shown.text.count(DEEP.replace(" ", "")) == 2
    assert any(mark.text.endswith("ab-") for mark in shown.marks)  # at a line's end
    assert all(word in shown.text for word in HYPHENS)
    assert "".join(sorted(theirs.replace("§§1", ""))) == "".join(sorted(ours))
