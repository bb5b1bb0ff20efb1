"""What is no notebook is named."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from export import ExportError, TypstExporter
from export.read import notebook_bytes, read_notebook

pytestmark = pytest.mark.export


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a Jupyter notebook"),
        (b"PK\x03\x04\xff\xfe", "not a Jupyter notebook"),
        (b"[1, 2]", "not a Jupyter notebook"),
        (b"{}", "not a Jupyter notebook"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4}', "not a Jupyter notebook"),
        (b'{"cells": [{"cell_type": "code"}], "metadata": {}, "nbformat": 4, '
         b'"nbformat_minor": 5}', "not a Jupyter notebook"),
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
