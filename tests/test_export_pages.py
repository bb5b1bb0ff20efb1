"""What stands on a page, read back from the PDF."""

import pytest

from export.compile import compile_typst
from export.pages import read_text
from export_samples import build, code, pages_of, save, squeezed, stdout

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


def test_brackets_however_deep_are_read_back(tmp_path):
    deep = "[" * 18 + "(1, {2: '()'})" + "]" * 18
    path = save(tmp_path / "a.ipynb", "# A", code(f"x = {deep}", stdout(deep)))
    build(path)  # which finds the line in the appendix


def test_pages_are_read_as_pypdf_reads_them(built):
    _, _, checked = built
    for number, page in enumerate(checked.reader.pages, 1):
        pictures = sum(not mark.text for mark in checked.pages[number - 1].marks)
        ours, theirs = squeezed(checked.text(number)), squeezed(page.extract_text())
        if not pictures:
            assert sorted(ours) == sorted(theirs)


def test_a_hyphen_at_the_end_of_a_line_is_read_back(tmp_path):
    """Some of these words of code are broken there, on the page and in the appendix."""
    words = [f"{'ab' * n}-{'cd' * (20 - n)}" for n in range(1, 20)]
    path = save(tmp_path / "a.ipynb", "# A", code(f"x = '{' '.join(words)}'"))
    _, pdf, checked = build(path)
    text = squeezed(read_text(pdf))
    marks = [mark.text for page in checked.pages for mark in page.marks]
    assert any(text.endswith("ab-") for text in marks)
    assert all(text.count(word) == 2 for word in words)


def test_the_empty_half_of_a_wide_bracket_is_no_part_of_its_word(monkeypatch):
    pdf = compile_typst("(word)", {})
    [word] = pages_of(pdf)[0].marks[:1]
    # As if these were brackets of Chinese, for which there may be no font here.
    monkeypatch.setattr("unicodedata.east_asian_width", lambda char: "W")
    [ink] = pages_of(pdf)[0].marks[:1]
    assert word.text == ink.text == "(word)"
    assert word.left < ink.left and ink.right < word.right
