"""The exporters under nbconvert."""

import io
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbconvert.nbconvertapp import NbConvertApp
from nbconvert.writers import StdoutWriter
from nbformat.v4 import new_output, new_raw_cell
from pypdf import PdfReader
from traitlets.config import Config

from export import ExportError, TypstExporter, TypstPDFExporter
from export.exporter import TypstPDFCommand
from export.typeset import SHOWN
from export_samples import code, notebook, save, squeezed, stdout

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


@pytest.mark.parametrize("to", ["TypstPDFExporter", "TypstExporter"])
def test_nbconvert_uses_the_exporters_from_any_folder(homework, tmp_path, to):
    shutil.copy(homework / "a_first.ipynb", tmp_path)
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


def nbconvert(folder, *arguments: str, status: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", *arguments],
        cwd=folder,
        capture_output=True,
    )
    assert done.returncode == status, done.stderr.decode()
    return done


def test_by_name_with_one_line_for_each_warning_and_each_error(tmp_path):
    save(tmp_path / "a.ipynb", "![x](gone.png)")
    done = nbconvert(tmp_path, "--to", "typst-pdf", "--stdout", "a.ipynb")
    assert done.stdout.startswith(b"%PDF")
    said = done.stderr.decode().splitlines()
    [line] = [line for line in said if "WARNING" in line]
    assert line.endswith("a, cell 1: the image gone.png: there is no such file")
    (tmp_path / "b.ipynb").write_text("broken")
    done = nbconvert(tmp_path, "--to", "typst", "b.ipynb", status=1)
    assert "ERROR | not a Jupyter notebook: " in done.stderr.decode().splitlines()[-1]


def text_with(*cells, **options) -> str:
    file = io.StringIO(nbformat.writes(notebook(*cells)))
    pdf, _ = TypstPDFExporter(**options).from_file(file)
    return squeezed("".join(p.extract_text() for p in PdfReader(io.BytesIO(pdf)).pages))


def test_what_nbconverts_options_leave_out():
    hidden = code("hid()", stdout("concealed"))
    hidden.metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
    cells = "words", code("calc()", stdout("printed")), hidden, new_raw_cell("raw")
    words = {"words", "calc()", "printed", "hid()", "concealed", "raw"}
    for option, gone in {
        "exclude_input": {"calc()", "hid()"},
        "exclude_output": {"printed", "concealed"},
        "exclude_code_cell": {"calc()", "hid()", "printed", "concealed"},
        "exclude_markdown": {"words"},
        "exclude_raw": {"raw"},
        "exclude_hidden": {"hid()", "concealed"},
    }.items():
        text = text_with(*cells, **{option: True})
        assert {word for word in words if word in text} == words - gone, option
    assert "raw" not in text_with(*cells, raw_mimetypes=["text/x-typst"])


def test_settings_of_nbconverts_own_stand_beside_ours():
    cells = code("kept = 1"), code("secret = 2", tags=("hide-me",)), code("dropped = 3")
    for section, settings, gone in [
        ("TagRemovePreprocessor", {"remove_cell_tags": {"hide-me"}}, "secret=2"),
        ("RegexRemovePreprocessor", {"patterns": ["dropped"]}, "dropped=3"),
        ("TypstExporter", {"exclude_markdown": True}, "words"),
        ("TypstPDFExporter", {"exclude_markdown": True}, "words"),
    ]:
        text = text_with("words", *cells, config=Config({section: settings}))
        everything = {"words", "kept=1", "secret=2", "dropped=3"}
        assert {word for word in everything if word not in text} == {gone}, section
    removed = code("gone = 4", stdout("out"), tags=("remove-cell",))
    assert "gone" not in text_with(removed, config=Config(TypstExporter={}))


def test_which_form_of_an_output_is_shown():
    data = {"text/plain": "plain", "text/markdown": "*marked*", "text/html": "<p>up"}
    shown = code("x", new_output("display_data", data=data))
    for priority, text in [
        (["text/html", "text/markdown"], "up"),
        (["text/plain", "text/html"], "plain"),
        (["image/png"], "plain"),  # for this is what any output has
        ([*SHOWN], "marked"),
    ]:
        config = Config(NbConvertBase={"display_data_priority": priority})
        assert text_with(shown, config=config).startswith("x" + text + "1of1")


def test_title_authors_and_date_of_the_metadata():
    made = notebook("# One\n\nwords")
    made.metadata |= {
        "title": "My *report*", "authors": [{"name": "Ada"}, {"name": None}, "Bob"],
        "date": "today",
    }  # fmt: skip
    pdf, _ = TypstPDFExporter().from_notebook_node(made)
    reader = PdfReader(io.BytesIO(pdf))
    text = squeezed(reader.pages[0].extract_text())
    assert text.startswith("My*report*Ada,Bobtoday")
    assert reader.metadata.title == "My *report*"
    assert reader.metadata.author == "Ada, Bob"


def test_a_refusal_is_an_exception_where_no_command_runs(monkeypatch):
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: "/bin/false")
    with pytest.raises(ExportError, match="^pandoc: "):
        TypstExporter().from_notebook_node(notebook("x"))
    with pytest.raises(ExportError, match="^not a Jupyter notebook"):
        TypstExporter().from_file(io.StringIO("{"))
    assert not TypstPDFCommand().enabled


def test_the_command_ends_with_one_line(monkeypatch, caplog, capsysbinary):
    app = NbConvertApp()
    monkeypatch.setattr("export.exporter._nbconvert", lambda: app)
    with pytest.raises(SystemExit):
        TypstExporter(log=app.log).from_file(io.StringIO("{"))
    app.writer = StdoutWriter()
    assert TypstPDFExporter().from_notebook_node(notebook("x"))[0] == ""
    assert capsysbinary.readouterr().out.startswith(b"%PDF")
    assert TypstPDFCommand().enabled
