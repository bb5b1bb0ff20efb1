"""The write-up's pages as a reader sees them: full, few, and in good order."""

from pathlib import Path

import pytest

from export.check import Checked, edges
from export_samples import build, code, figure, markdown, save

pytestmark = pytest.mark.export
PDF = Path(__file__).resolve().parent.parent / "export" / "write-up.pdf"


@pytest.fixture(scope="module")
def shipped() -> Checked:
    """The committed PDF: that it is the notebooks', test_export_build.py sees."""
    return Checked(PDF.read_bytes())


def body(checked, number):
    """The marks of a page, counted from 1, without header and footer, from the top."""
    *_, bottom, top = edges(checked.reader.pages[number - 1])
    page = checked.pages[number - 1].marks
    return sorted((m for m in page if bottom < m.bottom < top), key=lambda m: -m.top)


def hole(checked: Checked, number: int) -> float:
    """The largest empty stretch of a page, as a share of the height of its text."""
    *_, bottom, top = edges(checked.reader.pages[number - 1])
    largest, low = 0.0, float(top)
    for mark in body(checked, number):
        largest, low = max(largest, low - mark.top), min(low, mark.bottom)
    return max(largest, low - bottom) / (top - bottom)


def test_only_the_last_page_of_a_question_has_a_hole(shipped):
    holes = {
        number: f"{hole(shipped, number):.0%}"
        for section in shipped.sections[:-1]
        for number in range(section.first, section.last)
        if hole(shipped, number) > 0.15
    }
    assert not holes


def test_it_is_short_enough_to_be_read(shipped):
    *_, last, appendix = shipped.sections
    assert last.last - shipped.sections[0].first + 1 <= 40
    assert appendix.last - appendix.first + 1 <= 30
    assert len(shipped.pages) <= 70


def test_no_page_ends_with_a_heading(shipped):
    for section in shipped.sections[:-1]:
        for number in range(section.first, section.last + 1):
            lowest = body(shipped, number)[-1]
            assert not lowest.text or lowest.top - lowest.bottom < 11 * 0.7, number


def test_figures_come_in_order_below_the_titles(tmp_path):
    words = "Word word. " * 20
    cells = [
        code("draw()", figure("A line", width), markdown("Is it?", role="caption"))
        for width in (2, 6, 2, 1.5)
    ]
    cells[1:1] = ["## Part", words * 4]
    _, _, checked = build(save(tmp_path / "a.ipynb", "# A", *cells, words))
    [section, _] = checked.sections
    order = [
        mark.text
        for number in range(section.first, section.last + 1)
        for mark in body(checked, number)
        if mark.text in ("1.", "2.", "3.", "4.") and mark.right < 320
    ]
    assert order == ["1.", "2.", "3.", "4."]


def test_a_hole_is_measured(tmp_path):
    """Two tall tables do not break, so that the second begins a page of its own."""
    table = "\n\n| k |\n|--|\n" + "| row |\n" * 26
    _, _, checked = build(save(tmp_path / "a.ipynb", "# A", table, table, code("x")))
    assert checked.sections[0].last == 4
    assert 0.2 < hole(checked, 3) < 0.5 and hole(checked, 4) > hole(checked, 3)
