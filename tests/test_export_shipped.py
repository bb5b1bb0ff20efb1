"""export/write-up.pdf as it is committed: fresh, whole, for all, in good order."""

import io
import itertools
import re
import shutil
import subprocess

import nbformat
import pytest
from pypdf import PdfReader

from export.__main__ import main
from export.check import Section, read_back
from export.sources import all_sources
from export_samples import ROOT, Built, code, missing, save, squeezed
from pdf_pages import Printed

pytestmark = pytest.mark.export
PDF = ROOT / "export" / "write-up.pdf"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def shipped() -> Printed:
    return Printed(PDF.read_bytes())


@pytest.fixture(scope="module")
def sections(shipped) -> list[Section]:
    return read_back(shipped.pdf)[0]


def test_it_is_what_its_notebooks_give(capsys, tmp_path):
    output = tmp_path / "write-up.pdf"
    assert main(["--no-execute", "--output", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Question", "Pages"]
    for letter in "abcdef":
        assert sum(f"({letter})" in line for line in lines) == 1
    # After a plain make the folder has what this processor gives, which may differ from
    # the notebooks' outputs in a last digit: then the PDF that is committed counts.
    made, there, committed = output.read_bytes(), PDF.read_bytes(), b""
    if git := shutil.which("git"):
        show = [git, "show", "HEAD:export/write-up.pdf"]
        committed = subprocess.run(show, cwd=ROOT, capture_output=True).stdout
    fresh = made in (there, committed)
    if not committed:  # for this is not a repository, but a copy of its files
        fresh = words_of(made) == words_of(there)
    assert fresh, "write-up.pdf is older than notebooks or code: run make notebooks"


def words_of(pdf: bytes) -> tuple[str, dict[str, list[bytes]]]:
    """All of the text but numbers, and the attached files."""
    printed = Printed(pdf)
    words = "".join(printed.text(k + 1) for k in range(len(printed.pages)))
    attached = PdfReader(io.BytesIO(pdf)).attachments
    return re.sub(r"[\d.e+-]+", "", words), dict(attached.items())


def test_all_code_is_in_it_within_the_margins(shipped, sections):
    notebooks = [nbformat.read(path, 4) for path in NOTEBOOKS]
    assert missing(shipped, sections, all_sources(NOTEBOOKS, notebooks)) == []


# ---- For everybody ---------------------------------------------------------------


def test_it_says_that_it_is_pdf_ua_1(shipped):
    root = shipped.reader.root_object
    assert shipped.is_pdf_ua and root["/Lang"] == "en" and root["/MarkInfo"]["/Marked"]


def test_figures_formulas_and_files_have_a_description(shipped):
    figures, formulas = shipped.tagged("/Figure"), shipped.tagged("/Formula")
    assert len(figures) > 10 and len(formulas) > 200
    assert all(element["/Alt"].strip() for element in [*figures, *formulas])
    names = shipped.reader.root_object["/Names"]["/EmbeddedFiles"]
    nodes = [names] if "/Names" in names else [k.get_object() for k in names["/Kids"]]
    files = [item.get_object() for node in nodes for item in node["/Names"][1::2]]
    assert files and all(file["/Desc"].strip() for file in files)


def test_no_description_only_repeats_its_caption():
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, 4).cells:
            for shown, below in itertools.pairwise(cell.get("outputs", [])):
                alt = shown.get("metadata", {}).get("image/png", {}).get("alt")
                if alt and below.metadata.get("role") == "caption":
                    caption = below.data["text/markdown"].strip("*")
                    assert squeezed(alt).lower() != squeezed(caption).lower()


def test_tables_have_header_cells_and_headings_never_jump(shipped):
    kinds = [element["/S"] for element in shipped.tagged("/Table", "/TH")]
    tables = kinds.count("/Table")
    assert tables and len([*itertools.groupby(kinds)]) == 2 * tables
    headings = shipped.tagged("/H1", "/H2", "/H3", "/H4")
    levels = [int(element["/S"][2:]) for element in headings]
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:]))


# ---- In good order ---------------------------------------------------------------


def hole(printed: Printed, number: int) -> float:
    """The largest empty stretch of a page, as a share of the height of its text."""
    *_, bottom, top = printed.edges(number)
    largest, low = 0.0, float(top)
    for mark in sorted(printed.body(number), key=lambda mark: -mark.top):
        largest, low = max(largest, low - mark.top), min(low, mark.bottom)
    return max(largest, low - bottom) / (top - bottom)


def test_only_the_last_page_of_a_question_has_a_hole(shipped, sections):
    pages = (k for it in sections[:-1] for k in range(it.first, it.last))
    assert not [number for number in pages if hole(shipped, number) > 0.25]


def test_a_hole_is_measured(tmp_path):
    """Two tall tables do not break, so that the second begins a page of its own."""
    table = "\n\n| k |\n|--|\n" + "| row |\n" * 26
    built = Built(save(tmp_path / "a.ipynb", "# A", table, table, code("x")))
    assert built.sections[0].last == 4
    first, second = (hole(built.printed, number) for number in (3, 4))
    assert 0.2 < first < 0.5 and second > first


def test_it_is_short_enough_to_be_read(shipped, sections):
    *_, last, _ = sections
    assert last.last - sections[0].first + 1 <= 42
    assert len(shipped.pages) <= 72


def test_no_page_ends_with_a_heading(shipped, sections):
    for number in range(sections[0].first, sections[-1].first):
        lowest = min(shipped.body(number), key=lambda mark: mark.top)
        assert not lowest.text or lowest.top - lowest.bottom < 11 * 0.7, number
