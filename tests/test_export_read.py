"""What is no notebook is named."""

import pytest

from export import ExportError
from export.read import read_notebook

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
