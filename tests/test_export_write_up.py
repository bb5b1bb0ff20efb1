"""The document: cover, contents, questions and appendix."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from export.__main__ import main
from export.check import ON_ITS_SIDE, Checked
from export.cover import Cover
from export.write_up import APPENDIX, make_write_up
from export_samples import (
    CELL,
    SIGNED,
    STATEMENT,
    build,
    code,
    save,
    squeezed,
    stdout,
    text_marks,
)

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]
ROOT = Path(__file__).resolve().parent.parent


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


def test_our_notebooks_are_the_same_whether_figures_are_drawn_for_the_pdf_alone():
    """As `make` draws them, and as `make notebooks` keeps them, three formats each."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    notebooks = [nbformat.read(path, 4) for path in paths]
    kept = make_write_up(paths, notebooks, SIGNED, "w")
    for notebook in notebooks:
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                if "image/svg+xml" in output.get("data", {}):
                    del output.data["image/png"], output.data["application/pdf"]
                    for size in ("width", "height"):
                        output.metadata["image/png"].pop(size, None)
    drawn = make_write_up(paths, notebooks, SIGNED, "w")
    assert (drawn.source, drawn.warnings) == (kept.source, [])
    assert drawn.files == kept.files and kept.warnings == []


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
    assert "Atable" not in pages[1]  # it is of one level


def test_the_running_header_names_the_question(tmp_path):
    path = save(tmp_path / "a.ipynb", "# (a) Long\n\n" + "Word word. " * 900)
    _, _, checked = build(path)
    assert checked.sections[0].last > 3
    for number in range(4, checked.sections[0].last + 1):
        marks = checked.pages[number - 1].marks
        highest = max(mark.bottom for mark in marks)
        header = [mark.text for mark in marks if mark.bottom == highest]
        assert header == ["(a)", "Long"]


def test_each_notebook_begins_a_page_even_without_a_heading(tmp_path):
    paths = [save(tmp_path / f"{name}.ipynb", "Hello.") for name in ("a_one", "b_two")]
    _, _, checked = build(*paths)
    found = [(section.title, section.first) for section in checked.sections]
    assert found == [("a one", 3), ("b two", 4)]
    removed = new_markdown_cell("# Not shown", metadata={"tags": ["remove_cell"]})
    path = save(tmp_path / "c.ipynb", removed, "## Part", "#\n\n## Other")
    write_up, _, checked = build(path)
    assert [section.title for section in checked.sections] == ["c"]
    assert checked.faults(write_up.expected) == []
    for first in ("# ![logo](x.png)", "<h1><img src='x.png'></h1>", "# <!-- c -->"):
        path = save(tmp_path / "d.ipynb", first, "## Part")
        _, _, checked = build(paths[0], path)
        assert [section.title for section in checked.sections] == ["a one", "d"]


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


def test_the_title_of_the_file_is_the_course_and_what_it_is(tmp_path):
    cover = Cover(course="CS 1", homework="Homework 2", title="3 or 9?")
    _, _, checked = build(save(tmp_path / "a.ipynb", "# A"), cover=cover)
    assert checked.reader.metadata.title == "CS 1 – Homework 2 – 3 or 9?"


def test_a_cover_to_fill_in_by_hand_has_lines_for_it(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A")
    text = squeezed(build(path, cover=Cover(statement=STATEMENT))[2].text(1))
    assert "student’ssolutions" in text and "nobody,ifyouworkedalone" in text
    text = squeezed(build(path)[2].text(1))
    assert "ifyouworkedalone" not in text


def test_the_cover_credits_the_sources_on_one_page(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A")
    sources = ("#1: *MNIST*, $x$", *["A book, " + "read from end to end, " * 6] * 4)
    _, _, checked = build(path, cover=Cover(sources=sources))
    page = squeezed(checked.text(1))
    assert page.count(squeezed(sources[1])) == 4
    assert "Sources#1:*MNIST*,$x$Abook" in page
    assert "Sources" not in build(path)[2].text(1)
    assert checked.sections[0].first == 3


@pytest.mark.parametrize("words", range(6, 18))
def test_a_short_formula_is_not_broken_across_lines(words):
    found = text_marks("word " * words + "$a = b + c - d = e + f$ " + "word " * 9)
    assert len({round(m.bottom) for m in found if m.text in "𝑎𝑏𝑐𝑑𝑒𝑓"}) == 1


def test_no_column_of_the_appendix_has_a_heading_or_a_line_alone(tmp_path):
    cells = [
        code("\n".join(f"c{k}l{n}" for n in range(1 + 3 * (k % 7)))) for k in range(60)
    ]
    path = save(tmp_path / "a.ipynb", "# A", *cells, code("z = 1\n" * 300))
    _, _, checked = build(path)
    columns = []
    *_, bottom, top = ON_ITS_SIDE
    for page in checked.pages[checked.sections[-1].first - 1 :]:
        body = [m for m in page.marks if bottom < m.bottom < top]
        columns.append([m for m in body if m.right < 792 / 2])
        columns.append([m for m in body if m.left > 792 / 2])
    assert len([column for column in columns if column]) > 6
    for body in filter(None, columns):
        lines = sorted({round(m.bottom) for m in body})
        heads = [round(m.bottom) for m in body if m.text == "Cell"]
        assert lines[0] not in heads
        for k in range(60):
            listing = [m for m in body if m.text.startswith(f"c{k}l")]
            assert len(listing) in (0, 1 + 3 * (k % 7)) or len(listing) >= 3


def test_every_line_of_code_is_in_the_appendix(built, homework):
    write_up, _, checked = built
    page = checked.reader.pages[checked.sections[-1].first - 1]
    printed = squeezed(page.extract_text())
    headers = [header.removeprefix(APPENDIX) for header in write_up.expected.headers]
    wanted = ["a_first.ipynb", "b_second.ipynb", "helper.py", "deeper.py"]
    assert [name for name in headers if name] == wanted
    for line in [*CELL.splitlines(), "draw(secret_colour)", "hidden = True", "TWO = 2"]:
        assert squeezed(line) in printed
    assert "Cell5[3]" in printed and "Cell3[2]" in printed


def test_line_numbers_and_code_are_apart_so_that_code_can_be_copied(built):
    _, _, checked = built
    page = checked.pages[checked.sections[-1].first - 1].marks
    [start] = [m for m in page if m.text.strip() == "def"]
    numbers = [m for m in page if m.right < start.left and m.text.strip().isdigit()]
    lines = [x for _, source in built[0].expected.code for x in source.splitlines()]
    assert len(numbers) == sum(line != "" for line in lines)
    assert max(m.right for m in numbers) < start.left - 3


def test_the_projects_modules_come_first_and_what_draws_last(tmp_path, monkeypatch):
    """In the appendix, in its list of files, in the headers, among the attachments."""
    project, beside = tmp_path / "project", tmp_path / "project" / "books"
    beside.mkdir(parents=True)
    source = "def f():\n    import quicker\n" + "# x\n" * 199
    (project / "network.py").write_text(source)
    (project / "quicker.py").write_text("import network\r\nx = '\tü'")
    (beside / "drawing.py").write_text("import network\n")
    monkeypatch.syspath_prepend(project)
    source = "import drawing\nimport network"
    path = save(beside / "a.ipynb", "# A", code(source, stdout("9"), ran=4))
    write_up, _, checked = build(path)
    wanted = ["network.py", "quicker.py", "books/a.ipynb", "books/drawing.py"]
    assert write_up.expected.headers == [APPENDIX + name for name in wanted]
    attached = {name: data for name, [data] in checked.reader.attachments.items()}
    assert sorted(attached) == sorted(wanted)
    for name in wanted:
        if name != "books/a.ipynb":
            assert attached[name] == (project / name).read_bytes()
    bare = nbformat.reads(attached["books/a.ipynb"].decode(), 4)
    assert bare.cells[1].source == source
    assert bare.cells[1].outputs == [] and bare.cells[1].execution_count is None
    first = checked.sections[-1].first
    listed = squeezed(checked.text(first))
    assert re.search(rf"network\.py\.*{first}.*quicker\.py\.*{first + 1}", listed)
    top = ON_ITS_SIDE[-1]
    header = [m.text for m in checked.pages[first].marks if m.bottom > top]
    assert " ".join(header) == f"{APPENDIX} network.py"
    starts = [entry for entry in checked.reader.outline if isinstance(entry, list)]
    assert [entry.title for entry in starts[-1]] == wanted


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


def test_a_line_longer_than_a_page_is_found_whole(tmp_path):
    line = f"values = {[*range(2500)]}"
    write_up, _, checked = build(save(tmp_path / "a.ipynb", "# A", code(line)))
    assert len(checked.pages) > 4 and checked.faults(write_up.expected) == []


def test_88_columns_fit_on_a_line(tmp_path):
    line = "x = '" + "8" * 82 + "'"
    assert len(line) == 88
    path = save(tmp_path / "a.ipynb", "# A", code(line, stdout(line)))
    _, _, checked = build(path)
    places = [
        m for page in checked.pages for m in page.marks if set(m.text) <= {"'", "8"}
    ]
    assert len(places) == 3
    assert all(len(m.text.strip("'")) == 82 for m in places)


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


def test_the_next_homework_needs_nothing_but_the_folder_export(tmp_path):
    """As a student would: export/ beside other notebooks, and another cover.toml."""
    here = Path(__file__).parent.parent / "export"
    ignore = shutil.ignore_patterns("__pycache__", "*.pdf", "*.png")
    shutil.copytree(here, tmp_path / "export", ignore=ignore)
    cover = tmp_path / "export" / "cover.toml"
    cover.write_text(
        'course = "Stat 20"\nhomework = "Homework 9"\ntitle = "Dice"\nname = "Ada"\n'
        'worked_alone = true\ndate = "today"\nstatement = "I rolled them myself."\n'
    )
    (tmp_path / "dice.py").write_text("FACES = 6\n")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "dice.py").rename(tmp_path / "notebooks" / "dice.py")
    for name, title in (("1_one", "# Question 1"), ("2_two", "# Question 2")):
        save(tmp_path / "notebooks" / f"{name}.ipynb", title, code("import dice"))
    subprocess.run(
        [sys.executable, "-m", "export", "--no-execute", "--strict"],
        cwd=tmp_path, check=True, capture_output=True, env={"PATH": ""},
    )  # fmt: skip
    checked = Checked((tmp_path / "export" / "write-up.pdf").read_bytes())
    first = checked.text(1)
    for words in ("Stat 20", "Homework 9", "Dice", "Ada", "I rolled them myself."):
        assert words in first
    assert "certify" not in first
    titles = [section.title for section in checked.sections]
    assert titles == ["Question 1", "Question 2", APPENDIX]
    assert checked.reader.metadata.title == "Stat 20 – Homework 9 – Dice"
    assert "FACES = 6" in checked.text(len(checked.pages))


def test_what_is_not_as_meant_is_said_and_an_error_when_strict(tmp_path, capsys):
    lost = [f"![](gone{k}.png)" for k in range(9)]
    path = save(tmp_path / "a.ipynb", "# A", *lost)
    options = [str(path), "--no-execute", "-o", str(tmp_path / "a.pdf")]
    assert main(options) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 9
    line = f"{path}, cell 2: the image gone0.png: there is no such file"
    assert lines[0] == f"warning: {line}"
    (tmp_path / "a.pdf").unlink()
    assert main([*options, "--strict"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {line}; ") and error.endswith(" (and 1 more)\n")
    assert not (tmp_path / "a.pdf").exists()
