"""What export/ puts into a PDF: cover, questions, appendix; and the one committed."""

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

import export
from export.__main__ import main
from export.cover import Cover, read_cover
from export.question_pages import Section, faults, read_back
from export.sources import all_sources
from export.write_up import APPENDIX, make_write_up
from nbtypst import ExportError
from nbtypst.compile import compile_document, run_typst
from nbtypst_samples import code, figure, markdown, raw, save, stdout
from pdf_pages import Printed, plain, squeezed

pytestmark = pytest.mark.export
ROOT = Path(export.__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHIPPED = read_cover(ROOT / "export" / "cover.toml")
SIGNED = Cover(name="Ada Lovelace", worked_alone=True, date="10 December 2025",
               statement=SHIPPED.statement)


def read(*paths: Path) -> tuple:
    """Paths and the notebooks there, as the export takes them."""
    return paths, [nbformat.read(path, 4) for path in paths]


class Built:
    """A write-up and its PDF, in which nothing is missing or in the wrong place."""

    def __init__(self, *paths: Path, cover: Cover = SIGNED) -> None:
        self.source, self.resources = make_write_up(*read(*paths), cover, "w")
        self.files, count = self.resources["outputs"], self.resources["sections"]
        self.printed = Printed(compile_document(self.source, self.files).pdf)
        self.sections, _ = read_back(self.printed.pdf)
        found = [*faults(self.sections, count),
                 *missing(self.printed, self.sections, *paths,
                          unprinted=cover.only_attached)]
        assert not found, found

    def appendix(self) -> range:
        return range(self.sections[-1].first, self.sections[-1].last + 1)


def missing(
    printed: Printed, sections: list[Section], *paths: Path, unprinted: tuple = ()
) -> list[str]:
    """Lines of code and files that a PDF lacks, and what is in the wrong place."""
    sources = all_sources(*read(*paths))
    last = range(sections[-1].first, sections[-1].last + 1)
    words = plain("".join(m.text for page in last for m in printed.body(page)))
    found = printed.faults(*(APPENDIX + source.name for source in sources))
    at = 0
    for source in sources:
        for label, listing in source.listings * (source.name not in unprinted):
            for number, line in enumerate(listing.split("\n"), 1):
                place = words.find(f"{number}{plain(line)}", at) if line.strip() else at
                if place < 0:
                    found.append(f"{source.name} {label} lacks line {number}")
                at = max(at, place)
    attached = printed.reader.attachments
    return found + [f"{source.name} is not attached as it is" for source in sources
                    if attached.get(source.name) != [source.content]]


@pytest.fixture(scope="module")
def homework(tmp_path_factory) -> list[Path]:
    """Two notebooks that use every convention, next to modules that they import."""
    folder = tmp_path_factory.mktemp("homework")
    (folder / "helper.py").write_text("import deeper\n\nONE = 1\n")
    (folder / "deeper.py").write_text("TWO = 2\n")
    drawn = figure("A line that falls"), markdown("*The line falls.*", role="caption")
    return [
        save(folder / "a_first.ipynb",
             "# (a) The first *question*\n\nWhat is asked.",
             code("import helper\nimport json\nimport numpy", ran=1),
             code("def mean(values):\n\n    return 2.0", stdout("2.0\n"), ran=2),
             "## A table\n\n| name | value |\n|:--|--:|\n| one | 1 |\n| two | **2** |",
             code("draw(secret_colour)", *drawn, tags=("remove_input",), ran=3),
             "> **Answer (a.i).** The mean is 2.0, as printed."),
        save(folder / "b_second.ipynb",
             "# (b) Second Σ\n\nText.", code("1", stdout("careful\n", "stderr"), ran=2),
             code("hidden = True", stdout("never seen"), tags=("remove_cell",), ran=3)),
    ]


@pytest.fixture(scope="module")
def built(homework) -> Built:
    return Built(*homework)


# ---- cover.toml ------------------------------------------------------------------

def test_the_cover_as_shipped_names_nobody_and_gives_credit():
    assert SHIPPED.missing == ["name", "worked_alone or worked_with", "date"]
    assert (SHIPPED.name, SHIPPED.worked_with, SHIPPED.date) == ("", (), "")
    assert SHIPPED.course and SHIPPED.homework and SHIPPED.title
    credit = " ".join(SHIPPED.sources)
    for words in ("MNIST", "Yann LeCun", "Corinna Cortes", "Christopher Burges",
                  "CC BY-SA 3.0", "Gradient times input", "neural tangent kernel"):
        assert words in credit
    assert SHIPPED.statement == (
        "I certify that all solutions are entirely in my own words and that I have "
        "not looked at another student's solutions. I have given credit to all "
        "external sources I consulted.")


@pytest.mark.parametrize("text, expected, lacks", [
    ('name = "A"\nworked_with = ["B", "C"]\ndate = 2026-02-14',
     {"name": "A", "worked_with": ("B", "C"), "date": "14 February 2026"}, []),
    ('name = "A"\nworked_alone = true\ndate = "today"', {"worked_alone": True}, []),
    ('worked_with = "B"', {"worked_with": ("B",)}, ["name", "date"]),
    ('worked_with = ""\nname = " "\ndate = "5"', {"worked_with": ()},
     ["name", "worked_alone or worked_with"]),
    ('\ufeffname = "Ada"', {"name": "Ada"}, ["worked_alone or worked_with", "date"]),
])
def test_what_a_cover_says_is_read_and_what_it_lacks_is_known(
        tmp_path, text, expected, lacks):
    """The mark before the last is how some editors of Windows begin a file."""
    (tmp_path / "cover.toml").write_text(text, encoding="utf-8")
    cover = read_cover(tmp_path / "cover.toml")
    assert expected.items() <= vars(cover).items() and cover.missing == lacks


@pytest.mark.parametrize("text, line, reason", [
    ('name = "A"\ndate = "B', 2, ""), ("name = Ada", 1, "value"),
    ('name = "A"\n\nname = "B"', 3, "overwrite"),
    ('# my cover\nnme = "A"', 2, "nme is not a setting"),
    ('[cover]\nname = "A"', 1, "cover is not a setting"),
    ('name = "A"\nworked_alone = "yes"', 2, "worked_alone must be true or false"),
    ("date = 5", 1, "date must be in quotes"), ("name = 5", 1, "name must be in quot"),
    ("worked_with = [1]", 1, "worked_with must be a list of texts"),
    ("worked_with = 5", 1, "worked_with must be a list of texts"),
    ('worked_with = [""]', 1, "worked_with must be a list of texts"),
    ('name = "A"\nsources = [1]', 2, "sources must be a list of texts"),
    ('worked_with = ["A"]\nworked_alone = true', 2, "worked_with names somebody"),
    (b'name = "x"\ndate = "\xff"', 2, "not UTF-8"), (None, None, "No such file"),
])
def test_a_mistake_in_a_cover_is_named_with_its_line(tmp_path, text, line, reason):
    path = tmp_path / "cover.toml"
    if text:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ExportError) as raised:
        read_cover(path)
    start = f"{path}, line {line}: " if line else f"{path}: "
    assert str(raised.value).startswith(start) and reason in str(raised.value)
    assert "\n" not in str(raised.value)


# ---- The first page --------------------------------------------------------------

def test_page_one_is_the_cover_alone(built):
    page = built.printed.text(1)
    assert squeezed(SHIPPED.statement) in page.replace("’", "'")
    assert page.count("AdaLovelace") == 2  # the name, and the signature
    assert "workedonthishomeworkalone" in page and "10December2025" in page
    assert not any(words in page for words in ("Contents", "1of", "Sources"))


def test_a_cover_to_fill_in_by_hand_has_lines_for_it_and_room_for_sources(tmp_path):
    sources = "#1: *MNIST*, $x$", *["A book, " + "read from end to end, " * 6] * 4
    built = Built(save(tmp_path / "a.ipynb", "# A"), cover=Cover(
        statement=SHIPPED.statement, sources=sources, course="CS 1",
        homework="Homework 2", title="3 or 9?"))
    page = built.printed.text(1)
    assert built.sections[0].first == 3
    assert "student’ssolutions" in page and "nobody,ifyouworkedalone" in page
    assert "Sources#1:*MNIST*,$x$Abook" in page
    assert page.count(squeezed(sources[1])) == 4
    assert built.printed.reader.metadata.title == "CS 1 – Homework 2 – 3 or 9?"


HOSTILE = (
    'Ada "The #1" *Love* $lace$ \\ _x_ `y` <z> @w', "Zoë Ångström-Đorđević",
    "Σοφία Καρβέλη", "Софья Ковалевская", "#set page(fill: red)", "]) #panic() \\",
    "First\nSecond", "a  b // c /* d */ ~ -- ... 'q'",
)


def test_hostile_names_are_set_as_they_are(tmp_path):
    name = "\n".join(HOSTILE)
    built = Built(save(tmp_path / "a.ipynb", "# A"),
                  cover=Cover(name=name, worked_with=HOSTILE))
    page = built.printed.text(1)
    assert built.printed.reader.metadata.title == "w"  # the file's name
    assert page.count(squeezed(name)) == 2  # the name, and the signature
    assert all(page.count(squeezed(each)) == 3 for each in HOSTILE)
    assert built.sections[0].first == 3


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
    for words in ("Answer(a.i).", "2.0", "Figure1.Thelinefalls", "one", "defmean"):
        assert words in page
    assert "secret_colour" not in page and "neverseen" not in built.printed.text(4)


def test_each_question_begins_a_page_under_any_heading(tmp_path):
    removed = new_markdown_cell("# Not shown", metadata={"tags": ["remove_cell"]})
    long = "\n\n" + "Word word. " * 900
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
        "j": (["(E) Long\n==" + long], ["(E) Long"]),
        "k": (["# $x$ of `f_x` -- \"it's\" $y$"], [None]),
    }
    built = Built(*(save(tmp_path / f"{name}.ipynb", *cells)
                    for name, (cells, _) in notebooks.items()))
    found, wanted = built.sections[:-1], [t for _, ts in notebooks.values() for t in ts]
    assert [it.title for it in found][:-1] == wanted[:-1] and wanted[-1] is None
    pages = [section.first for section in found]
    assert pages[:-1] == [*range(3, 3 + len(pages) - 1)]
    *_, (_, first, last, _), _ = found
    assert last > first
    for number in range(first + 1, last + 1):  # their headers name the question
        page = built.printed.pages[number - 1]
        highest = max(mark.bottom for mark in page)
        assert [m.text for m in page if m.bottom == highest] == ["(E)", "Long"]


PLANTED = {  # what is changed in the Typst, and what the check says of it
    ("pagebreak(weak: true)", ""): r"\(b\) Second Σ' does not begin a page of its own",
    ("#contents\n", "= Odd\n"): "the PDF has the sections .* not 3 of them",
    ("#contents\n", ""): "page 1 of the PDF is not the cover alone",
    ("#cover(", "#let cover(..) = none\n#cover("): "page 1 of the PDF is not the cover",
}


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_fault_is_found_in_the_pdf(built, change):
    assert change[0] in built.source
    sections, _ = read_back(run_typst(built.source.replace(*change), built.files))
    assert re.search(PLANTED[change], "; ".join(faults(sections, 3)))


# ---- Which code is in the appendix -----------------------------------------------

def names_of(folder: Path, *cells: str) -> list[str]:
    """The files of the write-up of a notebook that has these cells of code."""
    path = save(folder / "a.ipynb", *map(code, cells))
    return [source.name for source in all_sources(*read(path))]


def test_a_package_next_to_the_notebooks_comes_last_with_all_of_its_modules(tmp_path):
    for name, source in {
        "parts/__init__.py": "from .one import x", "parts/inner/__init__.py": "",
        "parts/one.py": "import beside\nx = 1", "beside.py": "y = 2",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    assert names_of(tmp_path, "from parts import x") == [
        "a.ipynb", "beside.py", "parts/__init__.py", "parts/inner/__init__.py",
        "parts/one.py"]
    (tmp_path / "parts").rename(tmp_path / "loose")
    (tmp_path / "loose" / "__init__.py").unlink()  # a package can do without it
    assert names_of(tmp_path, "from loose.one import x") == [
        "a.ipynb", "beside.py", "loose/inner/__init__.py", "loose/one.py"]


@pytest.mark.parametrize("cells", [
    ["%matplotlib inline\n!ls\nimport mine"], *([bad, "import mine"] for bad in (
        "if x:\n    a\n  b", "x = '", "\x1cimport no", "a\0b", "(" * 5000, "é\x0c b"))])
def test_commands_and_broken_cells_hide_no_import(tmp_path, recwarn, cells):
    (tmp_path / "mine.py").write_text("x = 1\n")
    assert names_of(tmp_path, *cells) == ["a.ipynb", "mine.py"] and not recwarn.list


def test_modules_of_ones_own_are_listed_broken_or_not_and_no_others(tmp_path):
    (tmp_path / "broken.py").write_text("def")
    (tmp_path / "nul.py").write_bytes(b"a\0b")
    names = names_of(tmp_path, "import sys, __main__, not_there, numpy, json",
                     "import nul", "import broken", "import export, nn_helpers")
    folder = tmp_path.name
    assert {"nn_helpers.py", "export/__init__.py", f"{folder}/broken.py"} <= {*names}
    assert not re.search(r"sys\.py|numpy|json|not_there", " ".join(names))
    (tmp_path / "mine.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(ExportError, match="mine.py: .*encoding"):
        names_of(tmp_path, "import mine")


# ---- The appendix on paper -------------------------------------------------------

def test_a_line_or_a_file_that_is_missing_is_found(built, homework):
    """By the tests themselves, as they look for it in every write-up."""
    module = homework[0].with_name("deeper.py")
    module.write_text("TWO = 2\nTHREE = 3\n")
    found = missing(built.printed, built.sections, *homework)
    module.write_text("TWO = 2\n")
    assert found == ["deeper.py  lacks line 2", "deeper.py is not attached as it is"]


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
    """In the appendix, in its list of files, in the headers, among the attachments.

    What is only attached is named above the list.
    """
    project = tmp_path / "project"
    (project / "books").mkdir(parents=True)
    long = "def f():\n    import quicker\n" + "# x\n" * 199
    (project / "network.py").write_text(long)
    (project / "quicker.py").write_text("import network\r\nx = '\tü'", "utf-8")
    (project / "hidden.py").write_text("HIDDEN = 1\n")
    (project / "books" / "drawing.py").write_text("import network\n")
    monkeypatch.syspath_prepend(project)
    cell = code("import drawing\nimport network, hidden", stdout("9"), ran=4)
    built = Built(save(project / "books" / "a.ipynb", "# A", cell),
                  cover=Cover(only_attached=("hidden.py", "not_there.py")))
    names = ["network.py", "quicker.py", "books/a.ipynb", "books/drawing.py"]
    attached = built.printed.reader.attachments
    assert sorted(attached) == sorted([*names, "hidden.py"])
    bare = nbformat.reads(attached["books/a.ipynb"][0].decode(), 4)
    assert bare.cells[1].source == cell.source
    assert bare.cells[1].outputs == [] and bare.cells[1].execution_count is None
    first = built.sections[-1].first
    listed = built.printed.text(first)
    assert re.search(rf"network\.py\.*{first}.*quicker\.py\.*{first + 1}", listed)
    assert "onascreen:hidden.py." in listed and "not_there" not in listed
    assert not any("HIDDEN=1" in built.printed.text(page) for page in built.appendix())
    *_, top = built.printed.edges(first + 1)
    header = [m.text for m in built.printed.pages[first] if m.bottom > top]
    assert " ".join(header) == f"{APPENDIX} network.py"
    starts = [it for it in built.printed.reader.outline if isinstance(it, list)]
    assert [entry.title for entry in starts[-1]] == names


DIGITS = "".join(f"{n:03d}" for n in range(100))
ODD = "def f():\n\treturn 1\n\x0c\ny = '\u2028'\r\nz = 'ab'; a = 1"


def test_lines_are_whole_and_no_column_has_a_heading_or_a_line_alone(tmp_path):
    """Tabs, odd ends of lines, 88 columns, longer than a page; and in their places."""
    lines = ["x = '" + "8" * 82 + "'", f"x = '{DIGITS}'  # and words after it",
             f"values = {[*range(2500)]}", ODD, "z = 1\n" * 300]
    cells = ["\n".join(f"c{k}l{n}" for n in range(1 + 3 * (k % 7))) for k in range(60)]
    built = Built(save(tmp_path / "a.ipynb", "# A", *map(code, [*cells, *lines])))
    marks = [mark for page in built.appendix() for mark in built.printed.body(page)]
    places = {mark.text: mark for mark in marks}
    assert "'" + "8" * 82 + "'" in places
    assert places["return"].left > places["def"].left + 10
    columns = [[m for m in built.printed.body(page) if (m.left > 792 / 2) is right]
               for page in built.appendix() for right in (False, True)]
    assert len([column for column in columns if column]) > 6
    for body in filter(None, columns):
        heads = [round(m.bottom) for m in body if m.text == "Cell"]
        assert min(round(m.bottom) for m in body) not in heads
        for k in range(60):
            listing = [m for m in body if m.text.startswith(f"c{k}l")]
            assert len(listing) in (0, 1 + 3 * (k % 7)) or len(listing) >= 3


def test_a_cell_that_is_refused_leaves_the_appendix_as_it_is(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", ">" * 500 + " deep", raw("#panic()"),
                code("x = '\u0378'"))
    source, resources = make_write_up(*read(path), SIGNED, "w")
    compiled = compile_document(source, resources["outputs"])
    said = {line.removeprefix(f"{path}, ")[:14] for line in compiled.warnings}
    assert said >= {"cell 2: typst:", "cell 3: typst:", "cell 4: no fon",
                    "the appendix: "}
    sections, _ = read_back(compiled.pdf)
    assert [*faults(sections, resources["sections"])] == []
    assert "x='□'" in Printed(compiled.pdf).text(sections[-1].first)


# ---- export/write-up.pdf as it is committed --------------------------------------

PDF = ROOT / "export" / "write-up.pdf"


@pytest.fixture(scope="module")
def shipped() -> Printed:
    return Printed(PDF.read_bytes())


@pytest.fixture(scope="module")
def sections(shipped) -> list[Section]:
    return read_back(shipped.pdf)[0]


def test_the_committed_pdf_is_what_its_notebooks_give(capsys, tmp_path):
    output = tmp_path / "write-up.pdf"
    assert main(["--no-execute", "--strict", "--keep-typst", "-o", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Question", "Pages"]
    for letter in "abcdef":
        assert sum(f"({letter})" in line for line in lines) == 1
    # After a plain make the folder has what this computer gives, which may differ from
    # the notebooks' outputs in a last digit: then the PDF that is committed counts.
    made, there, committed = output.read_bytes(), PDF.read_bytes(), b""
    if git := shutil.which("git"):
        show = [git, "show", "HEAD:export/write-up.pdf"]
        committed = subprocess.run(show, cwd=ROOT, capture_output=True).stdout
    fresh = made in (there, committed)
    if not committed:  # this is not a repository, but a copy of its files
        fresh = words_of(made) == words_of(there)
    assert fresh, "write-up.pdf is older than notebooks or code: run make notebooks"

    # It is the same whether figures are drawn for the PDF alone, as `make` does, or in
    # three formats each, as `make notebooks` keeps them.
    paths, notebooks = read(*NOTEBOOKS)
    for result in (out for nb in notebooks for cell in nb.cells
                   for out in cell.get("outputs", [])):
        if "image/svg+xml" in result.get("data", {}):
            del result.data["image/png"], result.data["application/pdf"]
            for size in ("width", "height"):
                result.metadata["image/png"].pop(size, None)
    source, resources = make_write_up(paths, notebooks, SHIPPED, "write-up")
    assert source == output.with_suffix(".typ").read_text(encoding="utf-8")
    assert resources["warnings"] == []
    for name, content in resources["outputs"].items():
        assert (tmp_path / name).read_bytes() == content
    written = {*(tmp_path / "write-up_files").rglob("*.*")}
    assert written == {tmp_path / name for name in resources["outputs"]}


def words_of(pdf: bytes) -> tuple[str, dict[str, list[bytes]]]:
    """All of the text but numbers, and the attached files."""
    printed = Printed(pdf)
    words = "".join(printed.text(k + 1) for k in range(len(printed.pages)))
    return re.sub(r"[\d.e+-]+", "", words), dict(printed.reader.attachments.items())


def test_all_code_is_in_it_within_the_margins(shipped, sections):
    unprinted = SHIPPED.only_attached
    assert missing(shipped, sections, *NOTEBOOKS, unprinted=unprinted) == []


def test_it_is_tagged_for_everybody(shipped):
    """As PDF/UA-1, which has descriptions and no jumps of headings, or is refused."""
    assert shipped.is_pdf_ua
    assert len(shipped.tagged("/Figure")) > 10 and len(shipped.tagged("/Formula")) > 200
    kinds = [element["/S"] for element in shipped.tagged("/Table", "/TH")]
    tables = kinds.count("/Table")
    assert tables and len([*itertools.groupby(kinds)]) == 2 * tables


def test_no_description_only_repeats_its_caption():
    for cell in (cell for notebook in read(*NOTEBOOKS)[1] for cell in notebook.cells):
        for shown, below in itertools.pairwise(cell.get("outputs", [])):
            alt = shown.get("metadata", {}).get("image/png", {}).get("alt")
            if alt and below.metadata.get("role") == "caption":
                caption = below.data["text/markdown"].strip("*")
                assert squeezed(alt).lower() != squeezed(caption).lower()


def hole(printed: Printed, number: int) -> float:
    """The largest empty stretch of a page, as a share of the height of its text."""
    *_, bottom, top = printed.edges(number)
    largest, low = 0.0, float(top)
    for mark in sorted(printed.body(number), key=lambda mark: -mark.top):
        largest, low = max(largest, low - mark.top), min(low, mark.bottom)
    return max(largest, low - bottom) / (top - bottom)


def test_a_hole_is_measured(tmp_path):
    """Two tall tables do not break, so that the second begins a page of its own."""
    table = "\n\n| k |\n|--|\n" + "| row |\n" * 26
    built = Built(save(tmp_path / "a.ipynb", "# A", table, table, code("x")))
    assert built.sections[0].last == 4
    first, second = (hole(built.printed, number) for number in (3, 4))
    assert 0.2 < first < 0.5 and second > first


def test_its_pages_are_few_and_filled_and_no_heading_ends_one(shipped, sections):
    *_, last, _ = sections
    assert last.last - sections[0].first + 1 <= 42 and len(shipped.pages) <= 72
    pages = (k for it in sections[:-1] for k in range(it.first, it.last))
    assert not [number for number in pages if hole(shipped, number) > 0.25]
    for number in range(sections[0].first, sections[-1].first):
        lowest = min(shipped.body(number), key=lambda mark: mark.top)
        assert not lowest.text or lowest.top - lowest.bottom < 11 * 0.7, number
