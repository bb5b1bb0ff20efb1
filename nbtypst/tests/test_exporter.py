"""nbtypst/exporter.py: the exporters under nbconvert, and its settings."""

import io
import subprocess
import sys

import nbformat
import pytest
import typst
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


@pytest.fixture
def app():
    """The command, as if this were its process."""
    yield NbConvertApp.instance()
    NbConvertApp.clear_instance()


def test_the_command_writes_typst_that_compiles_to_the_same_pdf(app, tmp_path, caplog):
    path = save(tmp_path / "a.ipynb", "# One\n\n![x](gone.png)", code("x", figure()))
    (tmp_path / "b.ipynb").write_text("broken")
    app.initialize(["--to", "typst-pdf", str(path)])
    app.log.propagate = True
    app.start()
    warning = "a, cell 1: the image gone.png: there is no such file"
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == [warning]
    printed = Printed(path.with_suffix(".pdf").read_bytes())
    assert printed.text(1).startswith("One") and printed.faults() == []
    assert not (tmp_path / "a_files").exists()
    command = [sys.executable, "-m", "nbconvert", "--to", "typst", "a.ipynb", "b.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    [line] = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert line.endswith(warning)
    assert "ERROR | not a Jupyter notebook: " in done.stderr.splitlines()[-1]
    again = Printed(typst.compile(tmp_path / "a.typ", ignore_system_fonts=True))
    assert again.text(1) == printed.text(1) and again.tagged("/Figure")


def source_of(*cells, **options) -> str:
    """The Typst of a notebook, after what style.typ defines."""
    file = io.StringIO(nbformat.writes(notebook(*cells)))
    source, _ = TypstExporter(**options).from_file(file)
    return source.partition("<nbtypst-cell>")[2]


HIDDEN = code("hid()", stdout("concealed"))
HIDDEN.metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
CELLS = ("prose", code("calc()", stdout("printed")), HIDDEN, new_raw_cell("uncooked"),
         code("secret", tags=("hide-me",)),
         code("removed", stdout("removed"), tags=("remove-cell",)))  # fmt: skip


@pytest.mark.parametrize("section, settings, gone", [
    ("TypstExporter", {}, set()),
    ("TypstExporter", {"exclude_input": True}, {"calc()", "hid()", "secret"}),
    ("TypstExporter", {"exclude_output": True}, {"printed", "concealed"}),
    ("TypstExporter", {"exclude_code_cell": True},
     {"calc()", "hid()", "printed", "concealed", "secret"}),
    ("TypstExporter", {"exclude_markdown": True}, {"prose"}),
    ("TypstExporter", {"exclude_raw": True}, {"uncooked"}),
    ("TypstExporter", {"exclude_hidden": True}, {"hid()", "concealed"}),
    ("TypstExporter", {"raw_mimetypes": ["text/x-typst"]}, {"uncooked"}),
    ("TagRemovePreprocessor", {"remove_input_tags": {"hide-me"}}, {"secret"}),
    ("RegexRemovePreprocessor", {"patterns": ["secret"]}, {"secret"}),
])  # fmt: skip
def test_what_nbconverts_settings_leave_out(section, settings, gone):
    """With ours, which leave out cells by their tags."""
    source = source_of(*CELLS, config=Config({section: settings}))
    words = {"prose", "calc()", "printed", "hid()", "concealed", "uncooked", "secret"}
    assert {word for word in (*words, "removed") if word not in source} == {
        *gone, "removed"}


@pytest.mark.parametrize("priority, text", [
    (["text/html", "text/markdown"], "upper"), (["text/plain", "text/html"], "simple"),
    (["image/png"], "simple"),  # any output has plain text
    (None, "upper"),
])  # fmt: skip
def test_which_form_of_an_output_is_shown(priority, text):
    data = {"text/plain": "simple", "text/markdown": "marked", "text/html": "<p>upper"}
    settings = {"display_data_priority": priority} if priority else {}
    shown = code("x", new_output("display_data", data=data))
    source = source_of(shown, config=Config(NbConvertBase=settings))
    assert [word for word in ("simple", "marked", "upper") if word in source] == [text]


def test_title_authors_and_date_in_a_template_that_extends_ours(tmp_path, monkeypatch):
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
    made = notebook("# One\n\nwords", code("x"))
    made.metadata |= {
        "title": "My *report*", "authors": [{"name": "Ada"}, {"name": None}, "Bob"],
        "date": "today",
    }  # fmt: skip
    for settings, words in [({"exclude_markdown": True}, ""), ({}, "Onewords")]:
        exporter = TypstPDFExporter(
            template_name="mine", config=Config(TypstPDFExporter=settings))
        pdf, _ = exporter.from_notebook_node(made)
        assert Printed(pdf).text(1) == f"My*report*Ada,Bobtoday{words}CODETheend.1of1"
    metadata = PdfReader(io.BytesIO(pdf)).metadata
    assert (metadata.title, metadata.author) == ("My *report*", "Ada, Bob")


def test_an_error_is_an_exception_where_no_command_runs(monkeypatch):
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: "/bin/false")
    with pytest.raises(ExportError, match="^pandoc: "):
        TypstExporter().from_notebook_node(notebook("x"))
    for content in ("{", "\udcff"):
        with pytest.raises(ExportError, match="^not a Jupyter notebook|utf-8"):
            TypstExporter().from_file(io.StringIO(content))
    assert not TypstPDFCommand().enabled
    with pytest.raises(AttributeError, match="no attribute 'Exporter'"):
        nbtypst.Exporter  # noqa: B018


def test_the_command_ends_with_one_line_and_writes_bytes(app, capsysbinary):
    with pytest.raises(SystemExit):
        TypstExporter(log=app.log).from_file(io.StringIO("{"))
    app.writer = StdoutWriter()
    assert TypstPDFExporter().from_notebook_node(notebook("x"))[0] == ""
    assert capsysbinary.readouterr().out.startswith(b"%PDF")
    assert TypstPDFCommand().enabled
