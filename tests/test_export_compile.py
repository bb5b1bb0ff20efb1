"""Typst: fonts, and what it refuses."""

import base64

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_raw_cell

from export import ExportError
from export.check import Checked
from export.compile import compile_typst, compile_with_fonts
from export.cover import Cover
from export.write_up import make_write_up
from export_samples import code, display, figure, save, text_of, warned

pytestmark = pytest.mark.export


@pytest.fixture
def built_in_fonts(monkeypatch):
    """None but those that come with Typst, whatever this computer has."""
    def compiled(source, files, standards, *, system_fonts):
        return compile_typst(source, files, standards)

    monkeypatch.setattr("export.compile.compile_typst", compiled)


def test_a_sign_that_no_font_has_becomes_its_name(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A 陳", code("x = '陳'  # 🐌"))
    cover = Cover(name="陳 Chen", statement="S")
    write_up = make_write_up([path], [nbformat.read(path, 4)], cover, "w")
    compiled = compile_with_fonts(write_up.source, write_up.files)
    if not compiled.names:
        pytest.skip("this computer has fonts for everything")
    assert set(compiled.names.values()) <= {"‹cjk unified ideograph-9673›", "‹snail›"}
    assert all("no font on this computer has " in line for line in compiled.warnings)
    checked = Checked(compiled.pdf, compiled.names)
    assert checked.faults(write_up.expected) == []
    assert "no font on this computer has" in compiled.warnings[0]


def test_of_a_whole_script_without_a_font_the_names_would_fill_pages(
    tmp_path, built_in_fonts
):
    words = "".join(map(chr, range(0x9673, 0x96C0)))
    path = save(tmp_path / "a.ipynb", f"# {words}", code(f"x = '{words}'"))
    cover = Cover(statement="S")
    write_up = make_write_up([path], [nbformat.read(path, 4)], cover, "w")
    compiled = compile_with_fonts(write_up.source, write_up.files)
    assert set(compiled.names.values()) == {"□\u2009"}
    listed = ", ".join(words[:5]) + " and 72 more in this document, which become boxes"
    assert f"no font on this computer has {listed}" in compiled.warnings[0]
    assert Checked(compiled.pdf, compiled.names).faults(write_up.expected) == []


def test_a_control_character_is_shown_by_its_sign_or_its_name(
    tmp_path, built_in_fonts
):
    cells = code("x = '\x1c'\ny = '\x00\x7f'  # – 🐌"), "in words\x1b, $a\x01$"
    path = save(tmp_path / "a.ipynb", "# A", *cells)
    cover = Cover(statement="S")
    write_up = make_write_up([path], [nbformat.read(path, 4)], cover, "w")
    compiled = compile_with_fonts(write_up.source, write_up.files)
    assert Checked(compiled.pdf, compiled.names).faults(write_up.expected) == []
    assert {"␜": "‹symbol for file separator›", "🐌": "‹snail›"}.items() <= (
        compiled.names.items()
    )
    assert "–" not in compiled.names and any("␛" in line for line in compiled.warnings)


def test_the_systems_fonts_are_asked_before_a_character_is_given_up(monkeypatch):
    # Whether this computer has a Chinese font does not matter here.
    asked = []

    def compiled(source, files, standards, *, system_fonts):
        asked.append(system_fonts)
        return compile_typst(source, files, standards)

    monkeypatch.setattr("export.compile.compile_typst", compiled)
    many = "".join(map(chr, range(0x9673, 0x967B)))
    assert warned(f"a 🐌\ufe0f {many} b $陳$") == [
        "cell 1: no font on this computer has 🐌 ‹snail›, \ufe0f, "
        + ", ".join(f"{c} ‹cjk unified ideograph-{ord(c):x}›" for c in many[:3])
        + " and 5 more",
    ]  # fmt: skip
    assert asked == [False, True, False]
    asked.clear()
    titled = "#set document(title: [t])\n"  # or it could be no PDF/UA
    compile_with_fonts(titled + "a white square is a letter like any: \u25a1", {})
    assert asked == [False]
    lost = compile_with_fonts("\u2060\u0e5b\u200b\U000f0000", {})
    assert set(lost.names.values()) <= {"", "‹thai character khomut›"}


def test_a_sign_without_a_font_is_named_in_what_is_no_pdf_ua_as_well(built_in_fonts):
    """There Typst does not name it: of a table within a table it says that alone."""
    rule = "#show table.where(columns: (auto,)): it => table(columns: 2, [a], [b])"
    nested = rule + "\n#table(columns: 1, [x])"
    cells = code("x = '🐌'"), typst_cell(nested), "after"
    assert warned(*cells) == [
        "cell 2: PDF/UA-1 error: invalid table (Table) structure",
        "cell 1: no font on this computer has 🐌 ‹snail›",
    ]
    assert "x='‹snail›'" in text_of(*cells)


def typst_cell(source: str) -> NotebookNode:
    return new_raw_cell(source, metadata={"raw_mimetype": "text/x-typst"})


def test_a_sign_that_is_not_in_the_source_is_said_and_stops_nothing(built_in_fonts):
    [warning] = warned("before", typst_cell(r'#"\u{1f40c}"'), "after")
    assert warning.startswith("cell 2: PDF/UA-1 error: the text") and "🐌" in warning


def test_a_mistake_in_typst_is_said_and_the_rest_is_set():
    cells = "before", typst_cell("#panic(1)"), "after"
    [warning] = warned(*cells)
    assert warning.startswith("cell 2: typst: panicked")
    assert text_of(*cells).startswith("before#panic(1)after")


def test_what_typst_refuses_without_a_place_is_found_by_trying(monkeypatch):
    [line] = warned("before", ">" * 500 + " deep", "after", code("x", figure()))
    assert line.startswith("cell 2: typst: maximum show rule depth exceeded")


def test_what_is_tried_leaves_the_appendix_as_it_is(tmp_path):
    """Its attachments are no pictures, and it is in no cell."""
    picture = figure()
    path = save(tmp_path / "a.ipynb", "# A", ">" * 500 + " deep", code("x", picture))
    write_up = make_write_up([path], [nbformat.read(path, 4)], Cover(), "w")
    compiled = compile_with_fonts(write_up.source, write_up.files)
    [line] = compiled.warnings
    assert line.startswith(f"{path}, cell 2: typst: maximum show rule depth exceeded")
    assert Checked(compiled.pdf).faults(write_up.expected) == []


def test_a_damaged_picture_is_named_with_its_cell():
    data = figure().data["image/png"]
    cut = base64.b64encode(base64.b64decode(data)[:400]).decode()
    made = display("image/png", cut, alt="Half of a figure.")
    lines = warned("text", code("x", made), "after", code("y", figure()))
    assert len(lines) == 1
    assert lines[0].startswith("cell 2: a picture: typst: ")
    assert "Picture:" in text_of("text", code("x", made))


def test_what_typst_refuses_outside_of_cells_is_an_error(monkeypatch):
    with pytest.raises(ExportError, match="^typst: unknown variable: nothing$"):
        compile_with_fonts("#nothing", {})
    monkeypatch.setattr("export.compile.MOST_ROUNDS", 3)
    monkeypatch.setattr("export.compile.LAST", 0)
    many = "\n".join(f"// Cell: n, cell {k}\n#panic()" for k in range(4))
    with pytest.raises(ExportError, match="Typst refuses something after 3 rounds"):
        compile_with_fonts("#let unset(x) = x\n" + many + "\n// Cell: \n", {})
    monkeypatch.setattr("export.compile.LAST", 3)  # the others are found in one round
    compiled = compile_with_fonts("#let unset(x) = x\n" + many + "\n// Cell: \n", {})
    assert [w.partition(":")[0] for w in compiled.warnings[:4]] == [
        f"n, cell {k}" for k in range(4)
    ]


@pytest.mark.parametrize(
    ("child", "words"),
    [
        ("import os; os.abort()", r"it crashed, .*: +\(status -6\)$"),
        ("import sys; print('panicked at x\\nboom', file=sys.stderr); sys.exit(101)",
         r"it crashed, .*: panicked at x boom \(status 101\)$"),
        ("import time; time.sleep(60)", r"still at work after 0.5 s$"),
    ],
)  # fmt: skip
def test_a_crash_of_typst_is_one_line(monkeypatch, child, words):
    monkeypatch.setattr("export.compile._CHILD", child)
    monkeypatch.setattr("export.compile.PATIENCE", 0.5)
    with pytest.raises(ExportError, match=f"^typst: {words}"):
        compile_typst("x", {})
