"""Text and code as Typst takes them."""

import pytest

from export_samples import build, code, save

pytestmark = pytest.mark.export


def test_tabs_and_odd_line_ends_in_code_keep_its_lines_and_its_indentation(tmp_path):
    source = "def f():\n\treturn 1\n\x0c\ny = '\u2028'\r\nz = 'a\u200bb'; a = 1"
    path = save(tmp_path / "a.ipynb", "# A", code(source))
    _, _, checked = build(path)
    for page, name in ((2, "def"), (3, "1def")):
        words = {mark.text.strip(): mark for mark in checked.pages[page].marks}
        assert words["return"].left > words["def"].left + 10, name
