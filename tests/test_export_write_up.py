"""The finished PDF: what is in it, and on which page."""

import base64
import dataclasses
import hashlib
import io
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output, new_raw_cell
from pypdf import PdfReader

from export import ExportError
from export.__main__ import main
from export.check import BOTTOM, TOP, Checked
from export.compile import compile_typst, compile_with_fonts
from export.cover import STATEMENT, Cover
from export.exporter import TypstExporter, TypstPDFExporter
from export.pages import marks, missing
from export.sources import local_modules
from export.write_up import APPENDIX, WriteUp, make_write_up
from export_samples import (
    WIDGET,
    code,
    display,
    figure,
    markdown,
    notebook,
    save,
    squeezed,
    stdout,
)

pytestmark = pytest.mark.export

ROOT = Path(__file__).resolve().parent.parent
SIGNED = Cover(name="Ada Lovelace", worked_alone=True, date="10 December 2025")
CELL = '''def mean(values):
    """The average."""
    return sum(values) / len(values)  # not of an empty list


print(mean([1, 2, 3]))'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two notebooks that use every convention, and a module that they import."""
    folder = tmp_path_factory.mktemp("homework")
    (folder / "helper.py").write_text("import deeper\n\nONE = 1\n")
    (folder / "deeper.py").write_text("TWO = 2\n")
    save(
        folder / "a_first.ipynb",
        "# (a) The first *question*\n\nWhat is asked.",
        code("import helper\nimport json\nimport numpy", ran=1),
        code(CELL, stdout("2.0\n"), ran=2),
        "## A table\n\n| name | value |\n|:--|--:|\n| one | 1 |\n| two | **2** |",
        code(
            "draw(secret_colour)",
            figure("A line that falls"),
            markdown("*The line falls with $x^2$.*", role="caption"),
            tags=("remove_input",),
            ran=3,
        ),
        "> **Answer (a.i).** The mean is $2.0$, as printed.",
    )
    save(
        folder / "b_second.ipynb",
        "# (b) Second\n\nText.",
        code(
            "slide()",
            display("text/plain", "A slider pages through the digits.", role="widget"),
            tags=("remove-input",),
        ),
        code("1", stdout("careful\n", "stderr"), ran=2),
        code("hidden = True", stdout("never seen"), tags=("remove_cell",), ran=3),
        code("shown = True", stdout("not shown"), tags=("remove_output",), ran=4),
    )
    return folder


@pytest.fixture(scope="module")
def built(folder) -> tuple[WriteUp, bytes, Checked]:
    return build(*sorted(folder.glob("*.ipynb")))


def build(*paths: Path, cover: Cover = SIGNED) -> tuple[WriteUp, bytes, Checked]:
    notebooks = [nbformat.read(path, 4) for path in paths]
    write_up = make_write_up(paths, notebooks, cover, "w")
    pdf = compile_typst(write_up.source, write_up.files)
    checked = Checked(pdf)
    checked.check(write_up)
    return write_up, pdf, checked


def text_of(*cells) -> str:
    """All text of the PDF of one notebook with these cells, without white space."""
    source, resources = TypstExporter().from_notebook_node(notebook(*cells))
    reader = PdfReader(io.BytesIO(compile_typst(source, resources["outputs"])))
    return squeezed("".join(m.text for page in reader.pages for m in marks(page)))


# ---- The parts of the document ---------------------------------------------------


def test_page_one_is_the_cover_alone(built):
    _, _, checked = built
    page = squeezed(checked.reader.pages[0].extract_text())
    assert squeezed(STATEMENT) in page.replace("’", "'")
    assert page.count("AdaLovelace") == 2  # the name, and the signature
    assert "workedonthishomeworkalone" in page
    assert "10December2025" in page
    assert "Contents" not in page and "1of" not in page


def test_the_sentence_is_the_courses_word_for_word():
    assert STATEMENT == (
        "I certify that all solutions are entirely in my own words and that I have "
        "not looked at another student's solutions. I have given credit to all "
        "external sources I consulted."
    )


def test_contents_bookmarks_header_and_page_numbers(built):
    _, _, checked = built
    pages = [squeezed(page.extract_text()) for page in checked.reader.pages]
    for section in checked.sections:
        line = re.escape(squeezed(section.title)) + rf"\D*{section.first}"
        assert re.search(line, pages[1])
    titles = ["(a) The first question", "(b) Second", APPENDIX]
    assert [section.title for section in checked.sections] == titles
    assert [section.first for section in checked.sections] == [3, 4, 5]
    for number, page in enumerate(pages[1:], 2):
        assert f"{number}of{len(pages)}" in page


def test_the_running_header_names_the_question(tmp_path):
    path = save(tmp_path / "a.ipynb", "# (a) Long\n\n" + "Word word. " * 900)
    _, _, checked = build(path)
    assert checked.sections[0].last > 3
    for number in range(4, checked.sections[0].last + 1):
        first = max(checked.pages[number - 1], key=lambda mark: mark.top)
        assert first.text.strip() == "(a) Long"


def test_each_notebook_begins_a_page_even_without_a_heading(tmp_path):
    paths = [save(tmp_path / f"{name}.ipynb", "Hello.") for name in ("a_one", "b_two")]
    _, _, checked = build(*paths)
    found = [(section.title, section.first) for section in checked.sections]
    assert found == [("a one", 3), ("b two", 4)]


def test_titles_may_hold_formulas_code_and_quotes(tmp_path):
    path = save(tmp_path / "a.ipynb", "# $\\sigma(s)$ of `f_x` -- \"it's\" $\\frac12$")
    _, _, checked = build(path)
    assert len(checked.sections) == 1


def test_each_first_heading_begins_a_question(tmp_path):
    path = save(tmp_path / "all.ipynb", "# One\n\ntext\n\n# Two", "# Three")
    _, _, checked = build(path)
    assert [s.title for s in checked.sections] == ["One", "Two", "Three"]
    assert [s.first for s in checked.sections] == [3, 4, 5]


def test_sections_keep_their_answers_figures_and_printouts(built):
    _, _, checked = built
    page = squeezed(checked.reader.pages[2].extract_text())
    for words in (
        "Answer(a.i).", "2.0", "Figure1.", "Thelinefallswith", "one", "defmean",
    ):  # fmt: skip
        assert words in page
    assert "secret_colour" not in page  # left to the appendix


def test_tags_leave_out_what_they_say(built):
    _, _, checked = built
    page = squeezed(checked.reader.pages[3].extract_text())
    assert "shown=True" in page
    for words in ("hidden=True", "neverseen", "notshown", "slide()"):
        assert words not in page


def test_a_widget_becomes_its_sentence(built):
    _, _, checked = built
    page = squeezed(checked.reader.pages[3].extract_text())
    assert squeezed("In the notebook: A slider pages through the digits.") in page
    text = text_of(code("x", display("text/plain", "Here one draws.", role="widget")))
    assert squeezed("In the notebook, one draws.") in text


@pytest.mark.parametrize("plain", ["IntSlider(value=0)", "VBox(children=(\n))", ""])
def test_a_widget_without_a_sentence_gets_one(plain):
    output = new_output(
        "display_data", data={WIDGET: {"model_id": "1"}, "text/plain": plain}
    )
    text = text_of(code("x", output))
    assert "Inthenotebook:aninteractivewidget" in text
    assert "value=0" not in text and "VBox" not in text


def test_figures_are_vectors_with_caption_number_and_alternative_text(built):
    write_up, pdf, checked = built
    used = [name for name in write_up.files if f'#graph("{name}"' in write_up.source]
    assert [Path(name).suffix for name in used] == [".pdf"]
    page = checked.reader.pages[2]
    forms = page["/Resources"]["/XObject"].values()
    assert {form.get_object()["/Subtype"] for form in forms} == {"/Form"}
    assert "A line that falls" in alternatives(checked.reader)


def alternatives(reader: PdfReader) -> set[str]:
    """The alternative texts in a PDF's structure."""
    found, waiting = set(), [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            found |= {node["/Alt"]} if "/Alt" in node else set()
            waiting += [node["/K"]] if "/K" in node else []
    return found


def test_quotes_and_dashes_are_those_that_markdown_means():
    text = text_of(
        "(a)'s \"it's\" 'so' -- or --- so... `x = 'a' -- \"b\"...` \\-- \\.\\.\\. $f'$",
        code("x", display("text/html", "<p>--no-execute 'it's' ...</p>")),
    )
    assert text.startswith("(a)’s“it’s”‘so’–or—so…x='a'--\"b\"...--...𝑓′")
    assert "--no-execute'it's'..." in text


def test_the_title_of_the_file_is_the_course_and_what_it_is(tmp_path):
    cover = Cover(course="CS 1", homework="Homework 2", title="3 or 9?")
    _, _, checked = build(save(tmp_path / "a.ipynb", "# A"), cover=cover)
    assert checked.reader.metadata.title == "CS 1 – Homework 2 – 3 or 9?"


def test_formulas_on_their_own_line_are_read_out_as_tex():
    made = notebook(r'$$\frac{a}{b} \text{ "so" é}$$ and $c$')
    pdf, _ = TypstPDFExporter().from_notebook_node(made)
    assert alternatives(PdfReader(io.BytesIO(pdf))) == {r'\frac{a}{b} \text{ "so" é}'}


def test_a_cover_to_fill_in_by_hand_has_lines_for_it(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A")
    text = squeezed(build(path, cover=Cover())[2].text(1))
    assert "student’ssolutions" in text and "nobody,ifyouworkedalone" in text
    text = squeezed(build(path)[2].text(1))
    assert "ifyouworkedalone" not in text


# ---- What stays together ---------------------------------------------------------


def down(inches: float) -> NotebookNode:
    return new_raw_cell(
        f"#block(height: {inches}in)[x]", metadata={"raw_mimetype": "text/x-typst"}
    )


def page_of(checked: Checked, words: str) -> int:
    """The one page of a question that has these words."""
    last = checked.sections[-1]
    pages = range(3, last.first if last.title == APPENDIX else len(checked.pages) + 1)
    [number] = [n for n in pages if squeezed(words) in squeezed(checked.text(n))]
    return number


def test_text_stays_on_the_page_of_the_code_or_output_after_it(tmp_path):
    hidden = {"tags": ("remove_input",)}
    long = "a = 1\n" * 15
    path = save(
        tmp_path / "a.ipynb",
        "# A",
        down(7.3),
        "## Head\n\nbefore code",
        code("b = 1\n" * 10),
        down(5.8),
        "before output",
        code("x", stdout("printed\n" * 10), **hidden),
        down(6.2),
        "before block\n\n```\n" + "fenced\n" * 10 + "```",
        down(6.6),
        "before list:\n\n- one\n- two",
        down(6.3),
        code("short()"),
        code("x", markdown("| table |\n|--|\n" + "| row |\n" * 8), **hidden),
        down(5.5),
        code(long + "long()"),
        code("x", markdown("| other |\n|--|\n" + "| cell |\n" * 8), **hidden),
        down(5.8),
        "before figure",
        code("x", figure(), markdown("caption", role="caption"), **hidden),
    )
    _, _, checked = build(path)
    for one, other in [
        ("Head", "before code"), ("before code", "b = 1"), ("before output", "printed"),
        ("before block", "fenced"), ("before list", "one"), ("short()", "table"),
    ]:  # fmt: skip
        assert page_of(checked, one) == page_of(checked, other), one
    # What would leave too large a gap: long code, and all that leads to a figure.
    assert page_of(checked, "long()") < page_of(checked, "other")
    assert page_of(checked, "before figure") < page_of(checked, "caption")


def test_a_lead_in_reaches_the_right_margin_as_any_paragraph():
    words = "Words, " * 40
    plain = text_marks(words + "end")
    assert max(m.right for m in text_marks(words + "end:")) == pytest.approx(
        max(m.right for m in plain), abs=0.5
    )


def text_marks(*cells) -> list:
    source, resources = TypstExporter().from_notebook_node(notebook(*cells))
    reader = PdfReader(io.BytesIO(compile_typst(source, resources["outputs"])))
    return [mark for page in reader.pages for mark in marks(page)]


@pytest.mark.parametrize("words", range(6, 18))
def test_a_short_formula_is_not_broken_across_lines(words):
    found = text_marks("word " * words + "$a = b + c - d = e + f$ " + "word " * 9)
    assert len({round(m.bottom) for m in found if m.text in "𝑎𝑏𝑐𝑑𝑒𝑓"}) == 1


def test_no_page_of_the_appendix_has_a_heading_or_a_line_alone(tmp_path):
    cells = [
        code("\n".join(f"c{k}l{n}" for n in range(1 + 3 * (k % 7)))) for k in range(60)
    ]
    path = save(tmp_path / "a.ipynb", "# A", *cells, code("z = 1\n" * 300))
    _, _, checked = build(path)
    for page in checked.pages[checked.sections[-1].first - 1 :]:
        body = [m for m in page if BOTTOM < m.bottom < TOP and m.text.strip()]
        lines = sorted({round(m.bottom) for m in body})
        heads = [round(m.bottom) for m in body if m.text.startswith("Cell ")]
        assert lines[0] not in heads
        for k in range(60):
            listing = [m for m in body if m.text.startswith(f"c{k}l")]
            assert len(listing) in (0, 1 + 3 * (k % 7)) or len(listing) >= 3


# ---- The appendix ----------------------------------------------------------------


def test_every_line_of_code_is_in_the_appendix(built, folder):
    write_up, _, checked = built
    page = checked.reader.pages[checked.sections[-1].first - 1]
    printed = squeezed(page.extract_text())
    titles = [listing.title for listing in write_up.listings if listing.title]
    assert titles == ["a_first.ipynb", "b_second.ipynb", "helper.py", "deeper.py"]
    for line in [*CELL.splitlines(), "draw(secret_colour)", "hidden = True", "TWO = 2"]:
        assert squeezed(line) in printed
    assert "Cell5[3]" in printed and "Cell3[2]" in printed


def test_line_numbers_and_code_are_apart_so_that_code_can_be_copied(built):
    _, _, checked = built
    page = checked.pages[checked.sections[-1].first - 1]
    [start] = [m for m in page if m.text.strip() == "def"]
    numbers = [m for m in page if m.right < start.left and m.text.strip().isdigit()]
    assert len(numbers) == sum(
        len(listing.source.splitlines()) for listing in built[0].listings
    )
    assert max(m.right for m in numbers) < start.left - 3


def test_modules_of_ones_own_are_found_and_installed_ones_are_not(folder):
    paths = sorted(folder.glob("*.ipynb"))
    notebooks = [nbformat.read(path, 4) for path in paths]
    assert names(local_modules(paths, notebooks), folder) == ["helper.py", "deeper.py"]


def names(found: dict[Path, Path], folder: Path) -> list[str]:
    return [path.relative_to(folder.resolve()).as_posix() for path in found]


def test_the_projects_modules_come_first_and_what_draws_last(tmp_path, monkeypatch):
    """In the appendix, in its list of files, in the headers, among the attachments."""
    project, beside = tmp_path / "project", tmp_path / "project" / "books"
    beside.mkdir(parents=True)
    (project / "network.py").write_text("def f():\n    import quicker\n" + "# x\n" * 99)
    (project / "quicker.py").write_text("import network\r\nx = '\tü'")
    (beside / "drawing.py").write_text("import network\n")
    monkeypatch.syspath_prepend(project)
    source = "import drawing\nimport network"
    path = save(beside / "a.ipynb", "# A", code(source, stdout("9"), ran=4))
    write_up, _, checked = build(path)
    wanted = ["network.py", "quicker.py", "books/a.ipynb", "books/drawing.py"]
    assert [listing.title for listing in write_up.listings] == wanted
    attached = {name: data for name, [data] in checked.reader.attachments.items()}
    assert sorted(attached) == sorted(wanted)
    for name in wanted:
        if name != "books/a.ipynb":
            assert attached[name] == (project / name).read_bytes()
    bare = nbformat.reads(attached["books/a.ipynb"].decode(), 4)
    assert bare.cells[1].source == source
    assert bare.cells[1].outputs == [] and bare.cells[1].execution_count is None
    first = checked.sections[-1].first
    listed = checked.text(first)
    assert re.search(rf"network\.py[. ]*{first}.*quicker\.py[. ]*{first + 1}", listed)
    header = [mark.text for mark in checked.pages[first] if mark.bottom > TOP]
    assert header == [APPENDIX, "network.py"]
    starts = [entry for entry in checked.reader.outline if isinstance(entry, list)]
    assert [entry.title for entry in starts[-1]] == wanted


def test_an_attachment_that_is_not_the_file_is_found(built):
    write_up, pdf, _ = built
    other = dataclasses.replace(write_up, attached={"helper.py": b"", "gone.py": b""})
    with pytest.raises(ExportError) as raised:
        Checked(pdf).check(other)
    for name in ("helper.py", "gone.py"):
        assert f"{name} is not attached as it is" in str(raised.value)


def test_a_package_beside_the_notebooks_comes_with_all_of_its_modules(tmp_path):
    for name, source in {
        "parts/__init__.py": "from .one import x",
        "parts/one.py": "import beside\nx = 1",
        "parts/inner/__init__.py": "",
        "beside.py": "y = 2",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    path = save(tmp_path / "a.ipynb", code("from parts import x"))
    found = local_modules([path], [nbformat.read(path, 4)])
    assert names(found, tmp_path) == [
        "parts/__init__.py", "parts/inner/__init__.py", "parts/one.py", "beside.py"
    ]


def test_magics_and_broken_cells_do_not_hide_an_import(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    path = save(tmp_path / "a.ipynb", code("%matplotlib inline\n!ls\nimport mine"))
    found = local_modules([path], [nbformat.read(path, 4)])
    assert names(found, tmp_path) == ["mine.py"]


def test_long_lines_are_wrapped_not_clipped(tmp_path):
    digits = "".join(f"{n:03d}" for n in range(100))
    path = save(
        tmp_path / "a.ipynb",
        "# A",
        code(f"x = '{digits}'  # and words after it", stdout("=" * 88 + "\n" + digits)),
    )
    _, _, checked = build(path)  # which also finds that nothing is in the margin
    for page in (2, len(checked.pages) - 1):
        assert digits in squeezed(checked.reader.pages[page].extract_text())


def test_brackets_however_deep_are_read_back(tmp_path):
    deep = "[" * 18 + "(1, {2: '()'})" + "]" * 18
    path = save(tmp_path / "a.ipynb", "# A", code(f"x = {deep}", stdout(deep)))
    build(path)  # which finds the line in the appendix


def test_88_columns_fit_on_a_line(tmp_path):
    line = "x = '" + "8" * 82 + "'"
    assert len(line) == 88
    path = save(tmp_path / "a.ipynb", "# A", code(line, stdout(line)))
    _, _, checked = build(path)
    places = [
        m for page in checked.pages for m in page if set(m.text.strip("x= '")) == {"8"}
    ]
    assert len(places) == 3
    assert all(len(m.text.strip("x= '")) == 82 for m in places)


def test_tabs_and_odd_line_ends_in_code_keep_its_lines_and_its_indentation(tmp_path):
    source = "def f():\n\treturn 1\n\x0c\ny = '\u2028'\r\nz = 'a\u200bb'; a = 1"
    path = save(tmp_path / "a.ipynb", "# A", code(source))
    _, _, checked = build(path)
    for page, name in ((2, "def"), (3, "1def")):
        words = {mark.text.strip(): mark for mark in checked.pages[page]}
        assert words["return"].left > words["def"].left + 10, name


def test_a_module_in_no_encoding_is_named(tmp_path):
    (tmp_path / "mine.py").write_bytes(b"x = '\xff'\n")
    path = save(tmp_path / "a.ipynb", code("import mine"))
    with pytest.raises(ExportError, match="mine.py: .*encoding"):
        local_modules([path], [nbformat.read(path, 4)])


def test_what_is_no_module_of_ones_own_is_left_out(tmp_path):
    (tmp_path / "broken.py").write_text("def")  # a listing all the same
    cells = ["import sys, __main__, not_there", "import broken", "import export"]
    path = save(tmp_path / "a.ipynb", *map(code, cells), code("import nn_helpers"))
    found = local_modules([path], [nbformat.read(path, 4)])
    files = {tmp_path.resolve() / "broken.py", ROOT / "nn_helpers.py"}
    assert files | {ROOT / "export" / "__init__.py"} <= found.keys()
    assert not {"sys.py", "numpy", "json"} & {part for p in found for part in p.parts}


# ---- Outputs of every kind -------------------------------------------------------


def test_errors_and_warnings_are_shown_without_escape_codes():
    traceback = ["\x1b[31mValueError\x1b[0m  Traceback", "ValueError: \x1b[1mboom"]
    error = new_output("error", ename="ValueError", evalue="boom", traceback=traceback)
    text = text_of(code("x", stdout("careful", "stderr"), error))
    assert "Standarderror" in text and "careful" in text
    assert "ErrorValueErrorTraceback" in text and "ValueError:boom" in text
    assert "\x1b" not in text and "[31m" not in text


def test_every_kind_of_output_leaves_a_trace():
    text = text_of(
        code(
            "x",
            display("text/html", "<table><tr><td>cell</td></tr></table>"),
            display("text/latex", r"$\displaystyle \frac{p}{q}$"),
            display("text/latex", r"\begin{align} u &= v \\ &= w \end{align}"),
            new_output("execute_result", data={"text/plain": "array([1])"}),
            new_output(
                "display_data",
                data={"text/html": "<script>1</script>", "text/plain": "plot"},
            ),
            new_output("display_data", data={"application/json": {}}),
            stdout("50%\r100%\na\tb\x07"),
        ),
        new_raw_cell("left as it is"),
    )
    for words in (
        "cell", "array([1])", "plot", "papercannotshow:application/json", "100%",
        r"\x07", "leftasitis", "𝑝", "𝑞", "𝑢", "𝑣", "𝑤",
    ):  # fmt: skip
        assert words in text
    assert "50%" not in text and "alert" not in text and "script" not in text


def test_html_in_markdown_is_understood():
    text = text_of(
        "H<sub>2</sub>O<br>and <b>bold</b> <!-- no --> $x$\n\n<div>\n\nin\n\n</div>"
    )
    assert text.startswith("H2Oandbold𝑥in") and "no" not in text


def test_markdown_as_jupyter_reads_it():
    text = text_of("Text:\n- one\n- two\n  - three\n# Heading\n> quote\n\n~~gone~~")
    assert "•one•two" in text.replace("‣", "•")
    assert "Heading" in text and "-one" not in text


def test_images_of_markdown(tmp_path):
    data = figure().data["image/png"]
    (tmp_path / "p.png").write_bytes(base64.b64decode(data))
    path = save(tmp_path / "a.ipynb", "# A\n\n![some words](p.png)")
    write_up, _, checked = build(path)
    assert any(not mark.text for mark in checked.pages[2])
    assert "some words" in alternatives(checked.reader)
    path = save(tmp_path / "b.ipynb", "# B", "![x](http://nowhere.example/y.png)")
    with pytest.raises(ExportError, match=r"b.ipynb, cell 2: there is no image http"):
        build(path)


def test_unknown_maths_names_the_notebook_the_cell_and_the_formula(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", "Fine $x$.", r"Bad $\frob{x}$.")
    with pytest.raises(ExportError) as raised:
        build(path)
    assert str(raised.value) == (
        rf"{path}, cell 3: cannot typeset $\frob{{x}}$: "
        r"unexpected control sequence \frob"
    )


# ---- Hostile names, other scripts ------------------------------------------------

HOSTILE = [
    'Ada "The #1" *Love* $lace$ \\ _x_ `y` <z> @w',
    "Zoë Ångström-Đorđević",
    "Σοφία Καρβέλη",
    "Софья Ковалевская",
    "#set page(fill: red)",
    "]) #panic() \\",
    "First\nSecond",
    "a  b // c /* d */ ~ -- ... 'q'",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_typeset_as_they_are(name, tmp_path):
    path = save(tmp_path / "a.ipynb", "# A")
    _, _, checked = build(path, cover=Cover(name=name, worked_with=(name, "B")))
    page = squeezed(checked.text(1))
    assert page.count(squeezed(name)) == 3


def test_a_script_that_no_font_has_is_named(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A")
    cover = Cover(name="陳 Chen")
    write_up = make_write_up([path], [nbformat.read(path, 4)], cover, "w")
    checked = Checked(compile_typst(write_up.source, write_up.files))
    named = missing(itertools.chain(*checked.pages), write_up.source)
    assert named.startswith("陳 (CJK UNIFIED IDEOGRAPH-")
    with pytest.raises(ExportError, match="page 1 lacks the name"):
        checked.check(write_up)


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


def test_what_is_written_from_right_to_left_is_found(tmp_path):
    name = "שלום כהן"
    path = save(tmp_path / "a.ipynb", "# A", code(f"x = 1  # {name}, 12 'fine'\ny = 2"))
    write_up, pdf, _ = build(path, cover=Cover(name=name))
    other = dataclasses.replace(write_up, cover=Cover(name="שלום כהו"))
    with pytest.raises(ExportError, match="page 1 lacks the name"):
        Checked(pdf).check(other)


# ---- The check itself is checked -------------------------------------------------


def faults(write_up: WriteUp, source: str | None = None) -> str:
    with pytest.raises(ExportError) as raised:
        pdf = compile_typst(source or write_up.source, write_up.files)
        Checked(pdf).check(write_up)
    return str(raised.value)


def test_the_check_finds_what_is_wrong(built):
    write_up, _, _ = built
    source = write_up.source
    lost = source.replace('#listing("TWO = 2"', '#listing("TWO = 3"').replace(
        '(("","TWO = ","n","2",),)', '(("","TWO = ","n","3",),)'
    )
    assert lost != source
    assert "the appendix lacks line 1 of deeper.py" in faults(write_up, lost)
    assert "page 1 lacks the honor statement" in faults(
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
    with pytest.raises(ExportError, match="is not embedded"):
        checked.check(write_up)


def test_pages_are_read_as_pypdf_reads_them(built):
    _, _, checked = built
    for number, page in enumerate(checked.reader.pages, 1):
        pictures = sum(not mark.text for mark in checked.pages[number - 1])
        ours, theirs = squeezed(checked.text(number)), squeezed(page.extract_text())
        if not pictures:
            assert sorted(ours) == sorted(theirs)


def size_of(checked: Checked, words: str) -> float:
    [mark] = [m for page in checked.pages for m in page if m.text.strip() == words]
    return mark.top - mark.bottom


def frame(columns: int) -> NotebookNode:
    # A table as pandas shows it.
    names = "".join(f"<th>column_{k}</th>" for k in range(columns))
    numbers = "".join(f"<td>{k}.123456</td>" for k in range(columns))
    return display(
        "text/html",
        "<div>\n<style scoped>\n    .dataframe tbody {\n top: 1 }\n</style>\n"
        f"<table border='1'>\n<thead><tr><th></th>{names}</tr></thead>\n"
        f"<tbody><tr><th>0</th>{numbers}</tr></tbody>\n</table>\n</div>",
    )


def test_a_table_with_many_columns_is_set_smaller(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", code("x", frame(4), frame(16)))
    with pytest.raises(ValueError):  # in both of them there is a column_3
        size_of(build(path)[2], "column_3")
    _, _, checked = build(path)
    sizes = {
        round(mark.top - mark.bottom, 1)
        for mark in checked.pages[2]
        if mark.text.strip() == "column_3"
    }
    assert len(sizes) == 2 and min(sizes) > 0.45 * max(sizes)
    assert size_of(checked, "column_15") == pytest.approx(min(sizes), abs=0.1)


def test_tables_and_pictures_stay_whole_and_with_their_code(tmp_path):
    table = "| k |\n|--|\n" + "".join(f"| row{k} |\n" for k in range(9))
    path = save(
        tmp_path / "a.ipynb",
        "# A",
        down(6.5),
        code("first()", markdown(table)),
        down(5),
        code("second()", figure()),
    )
    _, _, checked = build(path)
    words = [{mark.text.strip() for mark in page} for page in checked.pages]
    assert {"first()", "row0", "row8"} <= words[3]
    many = "| k |\n|--|\n" + "".join(f"| row{k} |\n" for k in range(70))
    _, _, long = build(save(tmp_path / "b.ipynb", "# B", many))
    assert "row0" in long.text(3) and "row69" in long.text(4)
    pictures = [any(not m.text for m in page) for page in checked.pages]
    assert sum(pictures) == 1 and "second()" in words[pictures.index(True)]


def test_a_table_that_cannot_be_made_to_fit_is_named(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", code("x", frame(40)))
    with pytest.raises(ExportError, match="page 3: '1.123456' stands on "):
        build(path)


def test_a_heading_in_an_output_begins_no_question(tmp_path):
    outputs = markdown("# One"), display("text/html", "<h1>Two</h1>")
    path = save(tmp_path / "a.ipynb", "# A", code("x", *outputs))
    _, _, checked = build(path)
    assert [section.title for section in checked.sections] == ["A", APPENDIX]
    assert {"One", "Two"} <= {mark.text for mark in checked.pages[2]}


def test_blank_printouts_leave_no_box_and_links_no_escapes():
    link = "\x1b]8;;http://x\x1b\\here\x1b]8;;\x07 and \x1b[31mred\x1b[0m"
    source, _ = TypstExporter().from_notebook_node(
        notebook(code("x", stdout(" \n\n"), markdown("between"), stdout(link)))
    )
    assert source.count("\n#printout(") == 1
    assert '#printout("here and red")' in source


def test_code_in_markdown_in_any_language_or_none():
    text = text_of(
        "```python\ndef f(): return '#'\n```\n\n```nolang\na $b$\n```\n\n    four"
    )
    for words in ("deff():return'#'", "a$b$", "four"):
        assert words in text


def test_raw_cells_reach_the_format_that_they_are_for():
    def raw(text: str, **metadata) -> NotebookNode:
        return new_raw_cell(text, metadata=metadata)

    text = text_of(
        raw("#strong[typst]", raw_mimetype="text/x-typst"),
        raw("<b>web</b>", raw_mimetype="text/html"),
        raw("#plain", format=""),
        raw("  "),
    )
    assert text.startswith("typst#plain")


def test_images_in_markdown_come_from_everywhere(tmp_path):
    [data] = [figure().data["image/png"]]
    (tmp_path / "a file.png").write_bytes(base64.b64decode(data))
    cell = new_markdown_cell(
        f"![one](attachment:x%20y.png) ![two](data:image/png;base64,{data}) "
        '<img src="a%20file.png" alt="three" width="96">',
        attachments={"x y.png": {"image/png": data}},
    )
    made = notebook(cell)
    pdf, _ = TypstPDFExporter().from_notebook_node(
        made, {"metadata": {"path": str(tmp_path)}}
    )
    assert alternatives(PdfReader(io.BytesIO(pdf))) == {"one", "two", "three"}
    made.cells[0].source = "![](gone.png)"
    with pytest.raises(ExportError, match="^cell 1: there is no image gone.png$"):
        TypstExporter().from_notebook_node(made)


def test_what_pandoc_would_drop_is_refused():
    output = display("text/latex", "\\displaystyle x")
    with pytest.raises(ExportError, match="cell 2: cannot typeset latex code: "):
        text_of("text", code("x", output))


def test_a_mistake_in_typst_is_said():
    cell = new_raw_cell("#panic(1)", metadata={"raw_mimetype": "text/x-typst"})
    with pytest.raises(ExportError, match="^typst: .*panic"):
        text_of(cell)


# ---- The same bytes, and the exporters on their own ------------------------------


def test_two_builds_give_the_same_bytes(built, folder, tmp_path):
    command = [sys.executable, "-m", "export", "--no-execute", "-o"]
    digests = set()
    for name, seed in (("one", "1"), ("two", "2")):
        output = tmp_path / name / "w.pdf"
        output.parent.mkdir()
        subprocess.run(
            [*command, output, *sorted(folder.glob("*.ipynb"))],
            check=True,
            capture_output=True,
            env={"PATH": "", "PYTHONHASHSEED": seed, "TZ": f"UTC{seed}"},
        )
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("to", ["TypstPDFExporter", "TypstExporter"])
def test_nbconvert_uses_the_exporters_from_any_folder(folder, tmp_path, to):
    shutil.copy(folder / "a_first.ipynb", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", f"export.{to}", "a_first.ipynb"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if to == "TypstPDFExporter":
        reader = PdfReader(tmp_path / "a_first.pdf")
        text = squeezed(reader.pages[0].extract_text())
        assert "(a)Thefirstquestion" in text and "Answer(a.i)" in text
        assert not (tmp_path / "a_first_files").exists()
    else:
        import typst

        assert "#graph(" in (tmp_path / "a_first.typ").read_text()
        pdf = typst.compile(tmp_path / "a_first.typ", ignore_system_fonts=True)
        assert pdf.startswith(b"%PDF")


def test_the_repositorys_pdf_is_what_its_notebooks_give(capsys, tmp_path):
    output = tmp_path / "write-up.pdf"
    assert main(["--no-execute", "--output", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Question", "Pages"]
    for letter in "abcdef":
        assert any(line.lstrip().startswith(f"({letter}) ") for line in lines)
    assert output.read_bytes() == (ROOT / "export" / "write-up.pdf").read_bytes(), (
        "export/write-up.pdf is older than notebooks or code: run make notebooks"
    )
