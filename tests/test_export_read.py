"""What is no notebook is named; what a notebook lacks is empty."""

import functools
import io
import json
import operator
import re

import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)

from export import ExportError, TypstExporter
from export.__main__ import main
from export.read import notebook_bytes, parsed, read_notebook, valid
from export_samples import WIDGET, code, display, notebook, stdout

pytestmark = pytest.mark.export


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a Jupyter notebook"),
        (b"PK\x03\x04\xff\xfe", "not a Jupyter notebook"),
        (b"[1, 2]", "not a Jupyter notebook"),
        (b"{}", "not a Jupyter notebook"),
        (b'{"cells": [], "nbformat": 5}', "not a Jupyter notebook"),
        (b'{"cells": [{"cell_type": "raw"}, {"cell_type": "sql"}], "nbformat": 4}',
         "not a Jupyter notebook: cell 2: "),
        (None, "No such file or directory"),
    ],
)  # fmt: skip
def test_a_damaged_notebook_is_named(tmp_path, content, reason):
    path = tmp_path / "a.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExportError) as raised:
        read_notebook(path)
    assert str(raised.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def parts_of(content, place=()):
    """The places of all parts of some JSON."""
    inside = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inside:
        yield (*place, key)
        if isinstance(value, dict | list):
            yield from parts_of(value, (*place, key))


def with_every_part() -> dict:
    """The JSON of a notebook with each kind of cell and output."""
    picture = display("image/png", "aGk=", **{"image/png": {"width": 3}}, tags=["t"])
    result = new_output("execute_result", {"text/plain": "3", WIDGET: {}})
    error = new_output("error", ename="E", evalue="v", traceback=["e"])
    made = notebook(
        "# Words", new_raw_cell("raw"),
        code("1", stdout("shown"), picture, result, error, tags=("a",)),
    )  # fmt: skip
    made.cells[0].attachments = {"a.png": {"image/png": "aGk="}}
    made.metadata |= {"title": "T", "authors": [{"name": "A"}]}
    return json.loads(notebook_bytes(made))


def test_whatever_part_is_wrong_it_is_shown_or_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("export.typeset.convert", lambda pieces, labels: None)
    ends = set()
    for *place, last in parts_of(with_every_part()):
        for value in (None, 5, "", ["a"], {"a": 1}):
            content = with_every_part()
            functools.reduce(operator.getitem, place, content)[last] = value
            try:
                TypstExporter().from_file(io.StringIO(json.dumps(content)))
                ends.add("shown")
            except ExportError as error:
                assert re.fullmatch("not a Jupyter notebook: .+", str(error))
                ends.add("refused")
    assert ends == {"shown", "refused"}


@pytest.mark.parametrize("absent", ["missing", "null"])
def test_what_a_notebook_lacks_is_empty(absent):
    """As programs write it, and as JupyterLab opens it."""
    must = ["metadata", "source", "outputs", "execution_count", "name", "text", "data"]
    for *place, last in parts_of(with_every_part()):
        if last in must and place[-1:] != ["authors"]:
            content = with_every_part()
            part = functools.reduce(operator.getitem, place, content)
            part[last] = None
            if absent == "missing":
                del part[last]
            completed = valid(parsed(json.dumps(content)))
            nbformat.validate(completed)
            assert len(completed.cells) == 3
            outputs = completed.cells[2].outputs
            assert outputs == [] if last == "outputs" else len(outputs) == 4
            if last == "name":
                assert outputs[0] == stdout("shown")


def test_what_is_no_part_of_a_notebook_is_no_matter(tmp_path):
    content = with_every_part()
    content["cells"][2]["prompt"] = 3
    content["cells"][0]["id"] = "the first one"
    content["metadata"]["kernelspec"] = {"name": "python3"}
    path = tmp_path / "a.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())  # with its mark
    found = read_notebook(path)
    assert found.cells[0].source == "# Words" and "kernelspec" not in found.metadata
    assert main(["--no-execute", str(path), "-o", str(tmp_path / "a.pdf")]) == 0


def test_half_a_character_is_shown_as_one_that_is_damaged(tmp_path):
    cell = new_code_cell(
        "'HALF'  # a \\ud83d in words stays", execution_count=1,
        outputs=[new_output("stream", text="HALF and WHOLE")],
    )  # fmt: skip
    notebook = new_notebook(cells=[new_markdown_cell("# A HALF"), cell])
    content = notebook_bytes(notebook).replace(b"HALF", rb"\ud83d")
    path = tmp_path / "a.ipynb"
    path.write_bytes(content.replace(b"WHOLE", rb"\ud83d\ude00"))
    read = read_notebook(path)
    assert read.cells[0].source == "# A \ufffd"
    assert read.cells[1].source == "'\ufffd'  # a \\ud83d in words stays"
    assert read.cells[1].outputs[0].text == "\ufffd and \U0001f600"
    read.cells[0].source = "# A \ud83d"  # as JupyterLab's server hands it on
    source, _ = TypstExporter().from_notebook_node(read)
    assert "A \ufffd" in source


def test_a_cell_without_an_id_is_no_matter(tmp_path, recwarn):
    path = tmp_path / "a.ipynb"
    notebook = new_notebook(cells=[new_markdown_cell("words")])
    cell_id = notebook.cells[0].id.encode()
    content = notebook_bytes(notebook).replace(b'"id": "' + cell_id + b'",', b"")
    assert b'"id"' not in content
    path.write_bytes(content)
    assert read_notebook(path).cells[0].source == "words" and not recwarn.list
