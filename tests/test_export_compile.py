"""Typst: fonts, and what it refuses."""

import itertools

import nbformat
import pytest
from nbformat.v4 import new_raw_cell

from export import ExportError
from export.check import Checked
from export.compile import compile_typst, compile_with_fonts
from export.cover import Cover
from export.exporter import TypstPDFExporter
from export.pages import missing
from export.write_up import make_write_up
from export_samples import notebook, save, text_of

pytestmark = pytest.mark.export


def test_a_script_that_no_font_has_is_named(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A")
    cover = Cover(name="陳 Chen")
    write_up = make_write_up([path], [nbformat.read(path, 4)], cover, "w")
    checked = Checked(compile_typst(write_up.source, write_up.files))
    named = missing(itertools.chain(*checked.pages), write_up.source)
    assert named.startswith("陳 (CJK UNIFIED IDEOGRAPH-")
    with pytest.raises(ExportError, match="page 1 lacks the name"):
        checked.check(write_up.expected)


def test_the_systems_fonts_are_asked_before_a_character_is_given_up(monkeypatch):
    # Whether this computer has a Chinese font does not matter here.
    asked = []

    def compiled(source, files, *, system_fonts):
        asked.append(system_fonts)
        return compile_typst(source, files)

    monkeypatch.setattr("export.compile.compile_typst", compiled)
    with pytest.raises(ExportError, match="no font on this computer has 陳 "):
        TypstPDFExporter().from_notebook_node(notebook("a 陳 b"))
    assert asked == [False, True]
    asked.clear()
    compile_with_fonts("a white square is a letter like any other: \u25a1", {})
    assert asked == [False]


def test_a_mistake_in_typst_is_said():
    cell = new_raw_cell("#panic(1)", metadata={"raw_mimetype": "text/x-typst"})
    with pytest.raises(ExportError, match="^typst: .*panic"):
        text_of(cell)
