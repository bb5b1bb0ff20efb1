"""nbtypst/exporter.py: the exporters under nbconvert, and its settings."""

import io
import subprocess
import sys

import nbformat
import pytest
from nbconvert.nbconvertapp import NbConvertApp
from nbconvert.writers import StdoutWriter
from nbformat.v4 import new_output, new_raw_cell
from pypdf import PdfReader
from traitlets.config import Config

import nbtypst
from nbtypst import ExportError, TypstExporter, TypstPDFExporter
from nbtypst.exporter import TypstPDFCommand
from nbtypst_samples import code, figure, notebook, save, stdout
from pdf_pages import Printed

pytestmark = pytest.mark.export


def nbconvert(folder, *arguments: str, status: int = 0) -> list[str]:
    """The lines that the command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", *arguments], cwd=folder, capture_output=True
    )
    assert done.returncode == status, done.stderr.decode()
    assert not done.stdout
    return done.stderr.decode().splitlines()


def test_the_pdf_of_a_notebook_by_name_with_a_line_for_each_warning(tmp_path):
    save(tmp_path / "a.ipynb", "# The question\n\n![x](gone.png)", code("x", figure()))
    said = nbconvert(tmp_path, "--to", "typst-pdf", "a.ipynb")
    [line] = [line for line in said if "WARNING" in line]
    assert line.endswith("a, cell 1: the image gone.png: there is no such file")
    printed = Printed((tmp_path / "a.pdf").read_bytes())
    assert printed.text(1).startswith("Thequestion") and printed.faults() == []
    assert not (tmp_path / "a_files").exists()


def test_typst_with_its_pictures_compiles_and_an_error_is_one_line(tmp_path):
    import typst

    save(tmp_path / "a.ipynb", "words", code("x", figure()))
    (tmp_path / "b.ipynb").write_text("broken")
    said = nbconvert(tmp_path, "--to", "typst", "a.ipynb", "b.ipynb", status=1)
    assert "ERROR | not a Jupyter notebook: " in said[-1]
    pdf = typst.compile(tmp_path / "a.typ", ignore_system_fonts=True)
    assert Printed(pdf).text(1).startswith("wordsx")
    assert Printed(pdf).tagged("/Figure")


def text_with(*cells, **options) -> str:
    file = io.StringIO(nbformat.writes(notebook(*cells)))
    pdf, _ = TypstPDFExporter(**options).from_file(file)
    return Printed(pdf).text(1)


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


def test_settings_of_nbconverts_own_are_kept_with_ours():
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


@pytest.mark.parametrize("priority, text", [
    (["text/html", "text/markdown"], "up"), (["text/plain", "text/html"], "plain"),
    (["image/png"], "plain"),  # any output has plain text
    (None, "up"),
])  # fmt: skip
def test_which_form_of_an_output_is_shown(priority, text):
    data = {"text/plain": "plain", "text/markdown": "*marked*", "text/html": "<p>up"}
    settings = {"display_data_priority": priority} if priority else {}
    shown = code("x", new_output("display_data", data=data))
    config = Config(NbConvertBase=settings)
    assert text_with(shown, config=config) == f"x{text}1of1"


def test_title_authors_and_date_of_the_metadata():
    made = notebook("# One\n\nwords")
    made.metadata |= {
        "title": "My *report*", "authors": [{"name": "Ada"}, {"name": None}, "Bob"],
        "date": "today",
    }  # fmt: skip
    pdf, _ = TypstPDFExporter().from_notebook_node(made)
    assert Printed(pdf).text(1).startswith("My*report*Ada,Bobtoday")
    metadata = PdfReader(io.BytesIO(pdf)).metadata
    assert (metadata.title, metadata.author) == ("My *report*", "Ada, Bob")


def test_a_template_can_extend_ours(tmp_path, monkeypatch):
    folder = tmp_path / "nbconvert" / "templates" / "mine"
    folder.mkdir(parents=True)
    (folder / "conf.json").write_text(
        '{"base_template": "typst", "mimetypes": {"application/pdf": true}}')
    (folder / "index.typ.j2").write_text(
        '{% extends "typst/index.typ.j2" %}\n{% block back %}The *end*.{% endblock %}'
        "{% block front %}{{ super() }} #let code(..) = [CODE]{% endblock %}")
    other = folder.with_name("typst")  # of somebody's own, with the same name
    other.mkdir()
    (other / "index.typ.j2").write_text("not ours")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    text = text_with("words", code("x"), template_name="mine")
    assert text == "wordsCODETheend.1of1"


def test_a_refusal_is_an_exception_where_no_command_runs(monkeypatch):
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: "/bin/false")
    with pytest.raises(ExportError, match="^pandoc: "):
        TypstExporter().from_notebook_node(notebook("x"))
    for content in ("{", "\udcff"):
        with pytest.raises(ExportError, match="^not a Jupyter notebook|utf-8"):
            TypstExporter().from_file(io.StringIO(content))
    assert not TypstPDFCommand().enabled
    with pytest.raises(AttributeError, match="no attribute 'Exporter'"):
        nbtypst.Exporter  # noqa: B018


@pytest.fixture
def app():
    """The command, as if this were its process."""
    yield NbConvertApp.instance()
    NbConvertApp.clear_instance()


def test_the_command_ends_with_one_line_and_writes_bytes(app, capsysbinary):
    with pytest.raises(SystemExit):
        TypstExporter(log=app.log).from_file(io.StringIO("{"))
    app.writer = StdoutWriter()
    assert TypstPDFExporter().from_notebook_node(notebook("x"))[0] == ""
    assert capsysbinary.readouterr().out.startswith(b"%PDF")
    assert TypstPDFCommand().enabled
