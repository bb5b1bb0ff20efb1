"""The check is checked: each fault is planted and found."""

import dataclasses

import pytest

from export.check import Checked
from export.compile import compile_typst
from export.cover import Cover
from export.write_up import WriteUp
from export_samples import build, code, save

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


def test_an_attachment_that_is_not_the_file_is_found(built):
    write_up, pdf, _ = built
    other = dataclasses.replace(
        write_up.expected, attached={"helper.py": b"", "gone.py": b""}
    )
    [fault] = Checked(pdf).faults(other)
    for name in ("helper.py", "gone.py"):
        assert f"{name} is not attached as it is" in fault


def test_what_is_written_from_right_to_left_is_found(tmp_path):
    name = "שלום כהן"
    path = save(tmp_path / "a.ipynb", "# A", code(f"x = 1  # {name}, 12 'fine'\ny = 2"))
    write_up, pdf, _ = build(path, cover=Cover(name=name))
    other = dataclasses.replace(
        write_up.expected, first_page={"the name": "שלום כהו"}
    )
    [fault] = Checked(pdf).faults(other)
    assert "page 1 lacks the name" in fault


def test_stops_of_arabic_hang_over_the_left_margin(tmp_path):
    words = "تحليل التسلسل، كما هو موضح أدناه. نموذجًا لأنه " * 60
    write_up, _, checked = build(save(tmp_path / "a.ipynb", "# A", words, f"- {words}"))
    assert checked.faults(write_up.expected) == []
    assert min(m.left for page in checked.pages[2:] for m in page.marks) < 71


def faults(write_up: WriteUp, source: str | None = None) -> str:
    pdf = compile_typst(source or write_up.source, write_up.files)
    [fault] = Checked(pdf).faults(write_up.expected)
    return fault


def test_signs_that_take_no_room_are_no_fault(tmp_path):
    """A byte order mark, joiners, line breaks of other systems, ligatures, accents."""
    lines = "\ufeffx = 'a\u200bb'\ny\x0b=\x0c1\u2028\x85z='ﬁ ½ e\u0301'  #\u2060b\u3000"
    cells = code(lines), code(lines.replace("\n", " "))
    build(save(tmp_path / "a.ipynb", "# A", *cells))  # which finds them in the appendix


def test_a_denominator_in_the_last_line_of_a_page_is_within_it(tmp_path):
    words = " and ".join([r"$\frac{1}{\frac{2}{q}}$, $\frac{1}{2}$"] * 800)
    _, _, checked = build(save(tmp_path / "a.ipynb", "# A", words))
    marks = [mark for page in checked.pages for mark in page.marks]
    assert min(mark.bottom for mark in marks if mark.bottom > 45) < 57


def test_the_check_finds_what_is_wrong(built):
    write_up, _, _ = built
    source = write_up.source
    lost = source.replace('#listing("TWO = 2"', '#listing("TWO = 3"').replace(
        '(("","TWO = ","n","2",),)', '(("","TWO = ","n","3",),)'
    )
    assert lost != source
    assert "the appendix lacks line 1 of deeper.py" in faults(write_up, lost)
    assert "page 1 lacks the statement" in faults(
        write_up, source.replace("I certify that all", "I hope that most")
    )
    wide = source.replace("What is asked.", "#box(width: 0pt, move(dx: 6.4in)[gone])")
    assert "'gone' is outside the margins" in faults(write_up, wide)
    together = source.replace("pagebreak(weak: true)", "")
    assert "does not begin page" in faults(write_up, together)
    header = source.replace("What is asked.", "#place(top, dy: -1.1in)[odd] What?")
    assert "page 3: 'odd' is above the margin" in faults(write_up, header)
    cell = "#table(columns: (2em, 2em), [" + "w" * 20 + "], [two])"
    assert "'two' stands on 'www" in faults(
        write_up, source.replace("What is asked.", cell)
    )
    deep = source.replace(
        "What is asked.", "#block(breakable: false, height: 12in)[#v(1fr) deep]"
    )
    assert "below the margin" in faults(write_up, deep)
    other = source.replace("(b) Second", "(b) Third", 1)
    assert "its sections are" in faults(write_up, other)


def test_fonts_that_are_not_embedded_are_found(built):
    write_up, pdf, _ = built
    checked = Checked(pdf)
    for page in checked.reader.pages:
        for font in page["/Resources"]["/Font"].values():
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            for key in ("/FontFile2", "/FontFile3"):
                descendant["/FontDescriptor"].get_object().pop(key, None)
    [fault] = checked.faults(write_up.expected)
    assert "is not embedded" in fault
