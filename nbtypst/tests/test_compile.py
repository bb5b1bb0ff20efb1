"""nbtypst/compile.py: fonts for each character, a way around what Typst refuses."""

import re
import subprocess
import sys
import time

import psutil
import pytest

import nbtypst.compile
from nbtypst import ExportError
from nbtypst.compile import compile_document, run_typst
from nbtypst.engine import TypstError
from nbtypst_samples import code, display, figure, pdf_of, raw, shell_script

pytestmark = pytest.mark.export
NOT_A_LETTER = "\u0378"  # unassigned in Unicode, so no font has it


@pytest.fixture
def asked(monkeypatch) -> list[bool]:
    """Whether the system's fonts were used, in each try."""
    found = []

    def spied(*arguments, system_fonts: bool = False, **options):
        found.append(system_fonts)
        return run_typst(*arguments, system_fonts=system_fonts, **options)

    monkeypatch.setattr(nbtypst.compile, "run_typst", spied)
    return found


def test_a_character_that_no_font_has_becomes_a_box_and_is_named(asked):
    many = "".join(map(chr, [0x378, 0x379, 0x380, 0x381, 0x382, 0x383, 0x38B]))
    printed, warnings = pdf_of(f"a {many}\ufe0f b", code(f"x = '{NOT_A_LETTER}'"))
    assert warnings == [
        f"cell 1: no font on this computer has {', '.join(many[:5])} and 2 more, shown "
        "as □",
        f"cell 2: no font on this computer has {NOT_A_LETTER}, shown as □",
    ]
    assert printed.text(1) == "a" + "□" * 7 + "bx='□'1of1" and printed.is_pdf_ua
    assert asked[:2] == [False, True]  # tried before a box is shown


def test_the_systems_fonts_are_asked_only_for_what_the_others_lack(asked):
    assert pdf_of("a white square is a letter like any: \u25a1")[1] == []
    assert asked == [False]


def test_characters_that_take_no_room_are_not_named():
    printed, warnings = pdf_of("a\u2060b\u200bc\U000f0000d\ufe0f")
    assert warnings == [] and re.sub("[^a-z]", "", printed.text(1)) == "abcdof"


def test_a_control_character_is_shown_by_its_symbol():
    printed, warnings = pdf_of(code("x = '\x1c'\ny = '\x00\x7f'  # –"), "words\x1b")
    lacking = {char for line in warnings for char in "␜␀␡␛" if char in line}
    shown = [char for char in printed.text(1) if char in "␜␀␡␛□"]
    assert len(shown) == 4 and shown.count("□") == len(lacking)
    assert "–" in printed.text(1) and all("no font" in line for line in warnings)


def test_a_picture_that_typst_never_finishes_becomes_its_png(monkeypatch):
    """As an arrow over a letter in an SVG does: a timeout, then each picture alone."""
    def run(source, files, *arguments, **options):
        if any(name.endswith(".svg") and b"<!--endless" in content
               for name, content in files.items()):  # fmt: skip
            raise TypstError("still at work after 60 s", is_endless=True)
        return run_typst(source, files, *arguments, **options)

    monkeypatch.setattr(nbtypst.compile, "run_typst", run)
    with_png, alone = figure(), figure()
    for output in (with_png, alone):
        output.data["image/svg+xml"] += "<!--endless-->"
    del alone.data["image/png"], alone.data["application/pdf"]
    bad = figure()
    bad.data["image/svg+xml"] = "<svg width='1' height='1'>"  # refused when tried alone
    printed, warnings = pdf_of(code("x", with_png), code("y", alone), code("z", bad))
    said = "Typst never finishes with a picture"
    assert warnings[:2] == [f"cell 1: {said}: its PNG is shown",
                            f"cell 2: {said}: it is not shown"]  # fmt: skip
    assert warnings[2].startswith("cell 3: typst: ") and "Picture:" in printed.text(1)
    with pytest.raises(TypstError, match="still at work"):  # no picture to omit
        monkeypatch.setattr(nbtypst.compile, "run_typst", endless)
        compile_document("#while true {}", {"a.png": b""})


def endless(*arguments, **options):
    raise TypstError("still at work after 60 s", is_endless=True)


def test_only_the_drawing_at_fault_is_named():
    star = "<text x='5' y='30'>*\ufe0e</text>"  # its second part has no glyph
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='100' height='50'>{}</svg>"
    outputs = [display("image/svg+xml", svg.format(inside), alt="a drawing")
               for inside in ("<rect width='9' height='9'/>", star,
                              f"<text x='5' y='30'>{NOT_A_LETTER}</text>")]  # fmt: skip
    _, warnings = pdf_of("# A", *(code("x", output) for output in outputs))
    assert sorted(line.partition(":")[0] for line in warnings) == ["cell 3", "cell 4"]


def test_a_character_without_a_font_is_named_if_it_is_not_pdf_ua():
    """Typst does not name it there: it reports only the table within a table."""
    rule = "#show table.where(columns: (auto,)): it => table(columns: 2, [a], [b])"
    cells = code(f"x = '{NOT_A_LETTER}'"), raw(rule + "\n#table(columns: 1, [x])"), "z"
    printed, warnings = pdf_of(*cells)
    assert warnings == [
        "cell 2: PDF/UA-1 error: invalid table (Table) structure",
        f"cell 1: no font on this computer has {NOT_A_LETTER}, shown as □",
    ]
    assert "x='□'" in printed.text(1)


def test_a_glyph_that_is_not_in_the_source_is_named_and_stops_nothing():
    _, [warning] = pdf_of("before", raw(r'#"\u{378}"'), "after")
    assert warning.startswith("cell 2: PDF/UA-1 error: the text")


def test_a_mistake_in_typst_is_named_and_the_rest_is_set():
    bad = raw("#panic(1)"), raw("#nothing"), raw("$ unclosed")
    printed, warnings = pdf_of("before", bad[0], "after", *bad[1:], code("x", figure()))
    assert printed.text(1) == "before#panic(1)after#nothing$unclosedx1of1"
    assert {line[:13] for line in warnings} == {f"cell {n}: typst" for n in (2, 4, 5)}
    assert "panicked" in "".join(warnings) and len(warnings) == 3


@pytest.mark.parametrize("before", [0, 1, 4])
def test_the_cell_of_an_error_without_a_line_is_found(before):
    cells = ["text"] * before + [">" * 500 + " deep", "after"]
    printed, [line] = pdf_of(*cells)
    assert line.startswith(f"cell {before + 1}: typst: maximum show rule depth")
    assert printed.text(1).startswith("text" * before + "#quote(block:true)[#quote")
    assert "after" in printed.text(len(printed.pages))


def cell_of(text: str) -> str:
    """A document of one cell, up to what comes after it."""
    mark = "#metadata({})<nbtypst-cell>\n"
    return mark.format('"n, cell 1"') + text + "\n" + mark.format('""')


def test_what_typst_refuses_outside_of_cells_is_an_error():
    with pytest.raises(ExportError, match="^typst: unknown variable: nothing$"):
        compile_document("#nothing", {})
    with pytest.raises(ExportError, match="^typst: unknown variable: nothing$"):
        compile_document(cell_of("fine") + "#nothing\n", {})
    with pytest.raises(ExportError, match="^typst: "):
        compile_document(cell_of("fine") + "#quote[" * 500 + "]" * 500, {})


def test_what_cannot_even_be_shown_as_its_source_is_an_error():
    """Here the function that shows it is missing."""
    with pytest.raises(ExportError, match="^typst: unknown variable: unset$"):
        compile_document(cell_of("#panic()"), {})


@pytest.fixture
def typst(monkeypatch, tmp_path):
    """Let a shell script be the process that runs Typst."""
    def become(*lines: str) -> None:
        script = shell_script(tmp_path / "python", *lines)
        monkeypatch.setattr("sys.executable", script)

    return become


@pytest.mark.parametrize("line, words", [
    ("kill -ABRT $$", r"it crashed, .*: +\(status -6\)$"),
    ("echo 'panicked at x\nboom' >&2; exit 101",
     r"it crashed, .*: panicked at x boom \(status 101\)$"),
    ("exec sleep 60", r"still at work after 1 s$"),
])  # fmt: skip
def test_a_crash_of_typst_is_one_line(typst, monkeypatch, line, words):
    typst(line)
    with pytest.raises(ExportError, match=f"^typst: {words}"):
        run_typst("x", {}, timeout=0.5)


def test_a_cell_that_makes_typst_crash_is_shown_as_its_source(typst):
    real = sys.executable
    typst('grep -q ^CRASH "$3/main.typ" && exit 101', f"exec '{real}' \"$@\"")
    printed, [line] = pdf_of("before", raw("CRASH"), "after")
    assert line.startswith("cell 2: typst: it crashed, over something nested or too")
    assert printed.text(1) == "beforeCRASHafter1of1"


def test_typst_ends_with_the_process_that_waits_for_it(tmp_path):
    endless = "#let x = 0\n#for i in range(1000000000) { x = calc.rem(x + i, 7) }"
    code = f"from nbtypst.engine import run_typst\nrun_typst({endless!r}, {{}})"
    with subprocess.Popen([sys.executable, "-c", code]) as waiting:
        parent = psutil.Process(waiting.pid)
        while not (children := parent.children()) or children[0].cpu_times().user < 0.5:
            time.sleep(0.05)
        waiting.kill()
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert gone and not alive
