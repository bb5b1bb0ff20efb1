"""What stands on a page, read back from the PDF."""

import pytest

from export_samples import build, code, save, squeezed, stdout

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
