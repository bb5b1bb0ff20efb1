"""nbtypst/compile.py: fonts for each character, a way around what Typst refuses."""

import re
import shlex
import subprocess
import sys
import time

import psutil
import pytest

import nbtypst.compile
from nbtypst import ExportError
from nbtypst.compile import TypstError, compile_document, run_typst
from nbtypst_samples import code, display, figure, pdf_of, raw

pytestmark = pytest.mark.export
NOT_A_LETTER = "\u0378"  # unassigned in Unicode, so no font has it


@pytest.fixture
def asked(monkeypatch) -> list[bool]:
    """Whether the system's fonts were used, in each try."""
    tries = []

    def spied(*arguments, system_fonts: bool = False, **options):
        tries.append(system_fonts)
        return run_typst(*arguments, system_fonts=system_fonts, **options)

    monkeypatch.setattr(nbtypst.compile, "run_typst", spied)
    return tries


def test_a_character_that_no_font_has_becomes_a_box_and_is_named(asked):
    """One that takes no room is not named."""
    many = "".join(map(chr, [0x378, 0x379, 0x380, 0x381, 0x382, 0x383, 0x38B]))
    no_room = "\ufe0fb\u2060c\u200bd\U000f0000e"
    printed, warnings = pdf_of(f"a {many}{no_room}", code(f"x = '{NOT_A_LETTER}'"))
    assert warnings == [
        f"cell 1: no font on this computer has {', '.join(many[:5])} and 2 more, shown "
        "as □",
        f"cell 2: no font on this computer has {NOT_A_LETTER}, shown as □",
    ]
    text = re.sub("[\u2060\u200b]", "", printed.text(1))
    assert text == "a" + "□" * 7 + "bcdex='□'1of1" and printed.is_pdf_ua
    assert asked[:2] == [False, True]  # tried before a box is shown


def test_the_systems_fonts_are_asked_only_for_what_the_others_lack(asked):
    assert pdf_of("a white square is a letter like any: \u25a1")[1] == []
    assert asked == [False]


def test_a_control_character_is_shown_by_its_symbol():
    printed, warnings = pdf_of(code("x = '\x1c'\ny = '\x00\x7f'  # –"), "words\x1b")
    lacking = {char for line in warnings for char in "␜␀␡␛" if char in line}
    shown = [char for char in printed.text(1) if char in "␜␀␡␛□"]
    assert len(shown) == 4 and shown.count("□") == len(lacking)
    assert "–" in printed.text(1) and all("no font" in line for line in warnings)


def test_a_picture_that_typst_never_finishes_becomes_its_png(monkeypatch):
    """As an arrow over a letter in an SVG does: a timeout, then each picture alone."""
    def run(source, files, *arguments, **options):
        if any(b"<!--endless" in it for it in (source.encode(), *files.values())):
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
    reason = "Typst never finishes with a picture"
    assert warnings[:2] == [f"cell 1: {reason}: its PNG is shown",
                            f"cell 2: {reason}: it is not shown"]  # fmt: skip
    assert warnings[2].startswith("cell 3: typst: ") and "Picture:" in printed.text(1)
    with pytest.raises(TypstError, match="still at work"):  # no picture to leave out
        compile_document("// <!--endless", {"a.png": b""})


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


def test_a_mistake_in_typst_is_named_and_the_rest_is_set():
    """So is a glyph that is not in the source; lines may end as on any system."""
    bad = raw("#panic(1)"), raw("#nothing"), raw("$ unclosed"), raw(r'#"\u{378}"')
    lines = code("\r".join("before"))
    printed, warnings = pdf_of(lines, bad[0], "after", *bad[1:], code("x", figure()))
    assert printed.text(1).startswith("before#panic(1)after#nothing$unclosed")
    assert {line[:13] for line in warnings[:3]} == {
        f"cell {n}: typst" for n in (2, 4, 5)}
    assert "panicked" in "".join(warnings[:3]) and len(warnings) == 4
    assert warnings[3].startswith("cell 6: PDF/UA-1 error: the text")


@pytest.mark.parametrize("before, after", [(0, 1), (3, 0)])
def test_the_cell_of_an_error_without_a_line_is_found(before, after):
    cells = ["text"] * before + [">" * 500 + " deep"] + ["after"] * after
    printed, [line] = pdf_of(*cells)
    assert line.startswith(f"cell {before + 1}: typst: maximum show rule depth")
    assert printed.text(1).startswith("text" * before + "#quote(block:true)[#quote")
    assert ("after" in printed.text(len(printed.pages))) == after


@pytest.mark.parametrize("cell, after, error", [
    (None, "#nothing", "unknown variable: nothing$"),
    ("fine", "#nothing\n", "unknown variable: nothing$"),
    ("fine", "#quote[" * 500 + "]" * 500, ""),
    # What shows a cell as its source is missing here.
    ("#panic()", "", "unknown variable: unset$"),
])  # fmt: skip
def test_what_cannot_even_be_shown_as_its_source_is_an_error(cell, after, error):
    mark = "#metadata({})<nbtypst-cell>\n"
    source = mark.format('"n, cell 1"') + f"{cell}\n" + mark.format('""')
    with pytest.raises(ExportError, match=f"^typst: {error}"):
        compile_document((source if cell else "") + after, {})


@pytest.mark.parametrize("line, words", [
    ("kill -ABRT $$", r"it crashed, .*: +\(status -6\)$"),
    ("echo 'panicked at x\nboom' >&2; exit 101",
     r"it crashed, .*: panicked at x boom \(status 101\)$"),
    ("exec sleep 60", r"still at work after 1 s$"),
])  # fmt: skip
def test_a_crash_of_typst_is_one_line(monkeypatch, script, line, words):
    monkeypatch.setattr("sys.executable", script(line))
    with pytest.raises(ExportError, match=f"^typst: {words}"):
        run_typst("x", {}, timeout=0.6)


def test_a_cell_that_makes_typst_crash_is_shown_as_its_source(monkeypatch, script):
    monkeypatch.setattr("sys.executable", script(
        'grep -q ^CRASH "$3/main.typ" && exit 101',
        f'exec {shlex.quote(sys.executable)} "$@"'))
    printed, [line] = pdf_of("before", raw("CRASH"), "after")
    assert line.startswith("cell 2: typst: it crashed, over something nested or too")
    assert printed.text(1) == "beforeCRASHafter1of1"


def test_typst_ends_with_the_process_that_waits_for_it(tmp_path):
    endless = "#let x = 0\n#for i in range(1000000000) { x = calc.rem(x + i, 7) }"
    code = f"from nbtypst.compile import run_typst\nrun_typst({endless!r}, {{}})"
    with subprocess.Popen([sys.executable, "-c", code]) as waiting:
        parent = psutil.Process(waiting.pid)
        while not (children := parent.children()) or children[0].cpu_times().user < 0.5:
            time.sleep(0.05)
        waiting.kill()
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert gone and not alive
