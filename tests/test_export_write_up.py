"""export/write_up.py, check.py and the template: cover, questions, appendix."""

import re

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from export.check import faults, read_back
from export.cover import Cover
from export.write_up import APPENDIX, make_write_up
from export_samples import (
    ROOT,
    SIGNED,
    STATEMENT,
    Built,
    code,
    missing,
    raw,
    save,
    squeezed,
    stdout,
)
from nbtypst.compile import compile_document, run_typst
from pdf_pages import Printed

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]

# ---- The cover -------------------------------------------------------------------


def test_page_one_is_the_cover_alone(built):
    page = built.printed.text(1)
    assert squeezed(STATEMENT) in page.replace("’", "'")
    assert page.count("AdaLovelace") == 2  # the name, and the signature
    assert "workedonthishomeworkalone" in page and "10December2025" in page
    assert not any(words in page for words in ("Contents", "1of", "Sources"))


def test_the_sentence_is_the_courses_word_for_word():
    assert STATEMENT == (
        "I certify that all solutions are entirely in my own words and that I have "
        "not looked at another student's solutions. I have given credit to all "
        "external sources I consulted."
    )


def cover_page(tmp_path, **settings) -> Printed:
    built = Built(save(tmp_path / "a.ipynb", "# A"), cover=Cover(**settings))
    assert built.sections[0].first == 3
    return built.printed


def test_a_cover_to_fill_in_by_hand_has_lines_for_it_and_room_for_sources(tmp_path):
    sources = "#1: *MNIST*, $x$", *["A book, " + "read from end to end, " * 6] * 4
    printed = cover_page(tmp_path, statement=STATEMENT, sources=sources, course="CS 1",
                         homework="Homework 2", title="3 or 9?")  # fmt: skip
    page = printed.text(1)
    assert "student’ssolutions" in page and "nobody,ifyouworkedalone" in page
    assert "Sources#1:*MNIST*,$x$Abook" in page
    assert page.count(squeezed(sources[1])) == 4
    assert printed.reader.metadata.title == "CS 1 – Homework 2 – 3 or 9?"


HOSTILE = (
    'Ada "The #1" *Love* $lace$ \\ _x_ `y` <z> @w', "Zoë Ångström-Đorđević",
    "Σοφία Καρβέλη", "Софья Ковалевская", "#set page(fill: red)", "]) #panic() \\",
    "First\nSecond", "a  b // c /* d */ ~ -- ... 'q'",
)  # fmt: skip


@pytest.mark.parametrize("name", [HOSTILE[0], "#set page(fill: red)", "First\nSecond"])
def test_hostile_names_are_set_as_they_are(name, tmp_path):
    page = cover_page(tmp_path, name=name, worked_with=HOSTILE).text(1)
    assert page.count(squeezed(name)) == 3  # name, signature, and among the others
    assert all(squeezed(other) in page for other in HOSTILE)


# ---- Questions -------------------------------------------------------------------


def test_contents_bookmarks_and_page_numbers(built):
    contents, pages = built.printed.text(2), len(built.printed.pages)
    titles = ["(a) The first question", "(b) Second Σ", APPENDIX]
    assert [(it.title, it.first) for it in built.sections] == [*zip(titles, (3, 4, 5))]
    for section in built.sections:
        line = re.escape(squeezed(section.title)) + rf"\D*{section.first}"
        assert re.search(line, contents)
    for number in range(2, pages + 1):
        assert f"{number}of{pages}" in built.printed.text(number)
    assert "Atable" not in contents  # it is of one level


def test_a_question_keeps_its_answers_figures_and_outputs(built):
    page = built.printed.text(3)
    for words in ("Answer(a.i).", "2.0", "Figure1.Thelinefallswith", "one", "defmean"):
        assert words in page
    assert "secret_colour" not in page and "neverseen" not in built.printed.text(4)


def sections_of(*paths) -> list[tuple[str, int]]:
    *sections, last = Built(*paths).sections
    return [(section.title, section.first) for section in [*sections, last]
            if section.title != APPENDIX]  # fmt: skip


def test_each_question_begins_a_page_whatever_its_heading_is(tmp_path):
    removed = new_markdown_cell("# Not shown", metadata={"tags": ["remove_cell"]})
    notebooks = {
        "a_one": (["Hello."], ["a one"]),
        "b": (["# One\n\ntext\n\n# Two", "# Three"], ["One", "Two", "Three"]),
        "c": ([removed, "## Part", "#\n\n## Other"], ["c"]),
        "d": (["# ![logo](x.png)", "## Part"], ["d"]),
        "e": (["<h1><img src='x.png'></h1>", "## Part"], ["e"]),
        "f": (["# <!-- c -->"], ["f"]),
        "g": (["# <center>A<br>B</center>", "w"], ["A B"]),
        "h": (["<h1 align='center'>C</h1>"], ["C"]),
        "i": ([code("# no heading\nx = 1"), "# D"], ["i", "D"]),
        "j": (["E\n==\n\n" + "Word word. " * 900], ["E"]),
        "k": (["# $\\sigma(s)$ of `f_x` -- \"it's\" $\\frac12$"], [None]),
    }
    paths = [save(tmp_path / f"{name}.ipynb", *cells)
             for name, (cells, _) in notebooks.items()]  # fmt: skip
    found = sections_of(*paths)
    wanted = [title for _, titles in notebooks.values() for title in titles]
    assert [title for title, _ in found][:-1] == wanted[:-1] and wanted[-1] is None
    pages = [page for _, page in found]
    assert pages[:-1] == [*range(3, 3 + len(pages) - 1)] and pages[-1] > pages[-2] + 1


def test_the_running_header_names_the_question(tmp_path):
    path = save(tmp_path / "a.ipynb", "# (a) Long\n\n" + "Word word. " * 900)
    built = Built(path)
    assert built.sections[0].last > 3
    for number in range(4, built.sections[0].last + 1):
        page = built.printed.pages[number - 1]
        highest = max(mark.bottom for mark in page)
        assert [m.text for m in page if m.bottom == highest] == ["(a)", "Long"]


PLANTED = {  # what is changed in the Typst, and what the check says of it
    ("pagebreak(weak: true)", ""): r"\(b\) Second Σ' (shares|does not begin) page",
    ("#contents\n", "= Odd\n"): "the PDF has the sections .* not 3 of them",
    ("#contents\n", ""): "page 1 of the PDF is not the cover alone",
    ("#cover(", "#let cover(..) = none\n#cover("): "page 1 of the PDF is not the cover",
}


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_fault_is_found_in_the_pdf(built, change):
    source, files = built.write_up.source, built.write_up.files
    assert change[0] in source
    planted = run_typst(source.replace(*change), files)
    sections, _ = read_back(planted)
    assert re.search(PLANTED[change], "; ".join(faults(sections, 3)))


# ---- The appendix ----------------------------------------------------------------


def test_a_line_or_a_file_that_is_missing_is_found(built, homework):
    """By the tests themselves, as they look for it in every write-up."""
    from export.sources import all_sources

    paths = sorted(homework.glob("*.ipynb"))
    sources = all_sources(paths, [nbformat.read(path, 4) for path in paths])
    (homework / "deeper.py").write_text("TWO = 2\nTHREE = 3\n")
    changed = all_sources(paths, [nbformat.read(path, 4) for path in paths])
    (homework / "deeper.py").write_text("TWO = 2\n")
    assert missing(built.printed, built.sections, sources) == []
    assert missing(built.printed, built.sections, changed) == [
        "deeper.py  lacks line 2", "deeper.py is not attached as it is"]  # fmt: skip


def test_the_appendix_has_all_code_with_numbers_apart_from_it(built):
    page = built.printed.pages[built.sections[-1].first - 1]
    text = built.printed.text(built.sections[-1].first)
    for words in ("draw(secret_colour)", "hidden=True", "TWO=2", "Cell5[3]"):
        assert words in text
    start = next(mark for mark in page if mark.text.strip() == "def")
    numbers = [m for m in page if m.right < start.left and m.text.strip().isdigit()]
    assert len(numbers) == 11
    assert max(m.right for m in numbers) < start.left - 3


def test_the_projects_modules_come_first_and_what_draws_last(tmp_path, monkeypatch):
    """In the appendix, in its list of files, in the headers, among the attachments."""
    project = tmp_path / "project"
    (project / "books").mkdir(parents=True)
    long = "def f():\n    import quicker\n" + "# x\n" * 199
    (project / "network.py").write_text(long)
    (project / "quicker.py").write_text("import network\r\nx = '\tü'")
    (project / "books" / "drawing.py").write_text("import network\n")
    monkeypatch.syspath_prepend(project)
    cell = code("import drawing\nimport network", stdout("9"), ran=4)
    built = Built(save(project / "books" / "a.ipynb", "# A", cell))
    names = ["network.py", "quicker.py", "books/a.ipynb", "books/drawing.py"]
    attached = built.printed.reader.attachments
    assert sorted(attached) == sorted(names)
    bare = nbformat.reads(attached["books/a.ipynb"][0].decode(), 4)
    assert bare.cells[1].source == cell.source
    assert bare.cells[1].outputs == [] and bare.cells[1].execution_count is None
    first = built.sections[-1].first
    listed = built.printed.text(first)
    assert re.search(rf"network\.py\.*{first}.*quicker\.py\.*{first + 1}", listed)
    *_, top = built.printed.edges(first + 1)
    header = [m.text for m in built.printed.pages[first] if m.bottom > top]
    assert " ".join(header) == f"{APPENDIX} network.py"
    starts = [it for it in built.printed.reader.outline if isinstance(it, list)]
    assert [entry.title for entry in starts[-1]] == names


DIGITS = "".join(f"{n:03d}" for n in range(100))
ODD = "def f():\n\treturn 1\n\x0c\ny = '\u2028'\r\nz = 'a\u200bb'; a = 1"


def test_lines_of_any_kind_are_whole_in_the_appendix(tmp_path):
    """And their places: tabs, odd ends of lines, 88 columns, longer than a page."""
    lines = ["x = '" + "8" * 82 + "'", f"x = '{DIGITS}'  # and words after it",
             f"values = {[*range(2500)]}"]  # fmt: skip
    cells = map(code, [*lines, ODD.replace("\u200b", "")])
    built = Built(save(tmp_path / "a.ipynb", "# A", *cells))
    pages = range(built.sections[-1].first, built.sections[-1].last + 1)
    marks = [mark for page in pages for mark in built.printed.body(page)]
    assert len(pages) > 1 and "'" + "8" * 82 + "'" in {mark.text for mark in marks}
    places = {mark.text: mark for mark in marks}
    assert places["return"].left > places["def"].left + 10


def test_no_column_of_the_appendix_has_a_heading_or_a_line_alone(tmp_path):
    cells = [
        code("\n".join(f"c{k}l{n}" for n in range(1 + 3 * (k % 7)))) for k in range(60)
    ]
    built = Built(save(tmp_path / "a.ipynb", "# A", *cells, code("z = 1\n" * 300)))
    columns = []
    for page in range(built.sections[-1].first, built.sections[-1].last + 1):
        body = built.printed.body(page)
        columns.append([m for m in body if m.right < 792 / 2])
        columns.append([m for m in body if m.left > 792 / 2])
    assert len([column for column in columns if column]) > 6
    for body in filter(None, columns):
        heads = [round(m.bottom) for m in body if m.text == "Cell"]
        assert min(round(m.bottom) for m in body) not in heads
        for k in range(60):
            listing = [m for m in body if m.text.startswith(f"c{k}l")]
            assert len(listing) in (0, 1 + 3 * (k % 7)) or len(listing) >= 3


def test_a_cell_that_is_refused_leaves_the_appendix_as_it_is(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", ">" * 500 + " deep", raw("#panic()"),
                code("x = '\u0378'"))  # fmt: skip
    notebooks = [nbformat.read(path, 4)]
    write_up = make_write_up([path], notebooks, SIGNED, "w")
    compiled = compile_document(write_up.source, write_up.files)
    said = {line.removeprefix(f"{path}, ")[:14] for line in compiled.warnings}
    assert said >= {"cell 2: typst:", "cell 3: typst:", "cell 4: no fon",
                    "the appendix: "}  # fmt: skip
    sections, _ = read_back(compiled.pdf)
    assert [*faults(sections, write_up.sections)] == []
    assert "x='□'" in Printed(compiled.pdf).text(sections[-1].first)


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
