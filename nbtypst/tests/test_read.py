"""nbtypst/read.py, widgets.py: damaged notebooks are named; missing parts are empty."""

import functools
import io
import json
import operator
import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_output

from nbtypst import (
    ExportError,
    OfflineHTMLExporter,
    TypstExporter,
    TypstPDFExporter,
)  # fmt: skip
from nbtypst.read import notebook_bytes, parsed, read_notebook, valid
from nbtypst.widgets import STATE, unfold
from nbtypst_samples import WIDGET, code, display, notebook, pdf_of, raw, stdout
from pdf_pages import Printed, plain

pytestmark = pytest.mark.export


DAMAGED = dict.fromkeys(
    [b"", b"PK\x03\x04\xff\xfe", b"[1, 2]", b"{}", b'{"cells": [], "nbformat": 5}'], ""
) | {
    b'{"cells": [{"cell_type": "raw"}, {"cell_type": "sql"}], "nbformat": 4}':
        ": cell 2: ",
    b'{"cells": [{"cell_type": "future", "id": "a", "metadata": {}, "source": ""}], '
    b'"metadata": {}, "nbformat": 4, "nbformat_minor": 9}':
        ": cell 1 is of an unknown kind, 'future'",
}  # fmt: skip


@pytest.mark.parametrize("content", [*DAMAGED, None])
def test_a_damaged_notebook_is_named(tmp_path, content):
    path, reason = tmp_path / "a.ipynb", "No such file or directory"
    if content is not None:
        path.write_bytes(content)
        reason = "not a Jupyter notebook" + DAMAGED[content]
    with pytest.raises(ExportError) as raised:
        read_notebook(path)
    assert str(raised.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def parts_of(content, *place):
    """All parts of some JSON: each with the place of what it is in, and its key."""
    inside = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inside:
        yield place, key
        if isinstance(value, dict | list):
            yield from parts_of(value, *place, key)


def with_every_part() -> bytes:
    """The JSON of a notebook with each kind of cell and output."""
    picture = display("image/png", "aGk=", **{"image/png": {"width": 3}}, tags=["t"])
    result = new_output("execute_result", {"text/plain": "3", WIDGET: {}})
    error = new_output("error", ename="E", evalue="v", traceback=["e"])
    cell = code("1", stdout("shown"), picture, result, error, tags=("a",))
    made = notebook("# Words", raw("raw"), cell)
    made.cells[0].attachments = {"a.png": {"image/png": "aGk="}}
    made.metadata |= {"title": "T", "authors": [{"name": "A"}]}
    return notebook_bytes(made)


# May be missing or null, as some programs write notebooks and JupyterLab opens them.
OPTIONAL = {"metadata", "source", "outputs", "execution_count", "name", "text", "data"}


def test_any_wrong_part_is_empty_or_shown_or_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("nbtypst.typeset.convert", lambda pieces, labels: None)
    exporter, whole = TypstExporter(), with_every_part()
    ends = set()
    for place, key in parts_of(json.loads(whole)):
        for value in ("missing", None, 5, "", ["a"], {"a": 1}):
            content = json.loads(whole)
            part = functools.reduce(operator.getitem, place, content)
            part[key] = value
            if value == "missing":
                del part[key]
            absent = value in ("missing", None)
            if absent and key in OPTIONAL and "authors" not in place:
                completed = valid(parsed(json.dumps(content)))
                nbformat.validate(completed)
                outputs = completed.cells[2].outputs
                assert len(completed.cells) == 3
                assert len(outputs) == 4 * (key != "outputs")
                assert key != "name" or outputs[0] == stdout("shown")
            try:
                exporter.from_file(io.StringIO(json.dumps(content)))
                ends.add("shown")
            except ExportError as error:
                assert re.fullmatch("not a Jupyter notebook: .+", str(error))
                ends.add("refused")
    assert ends == {"shown", "refused"}


def test_what_does_not_belong_to_a_notebook_does_no_harm(tmp_path, recwarn):
    content = json.loads(with_every_part())
    content["cells"][2]["prompt"] = 3
    content["cells"][0]["id"] = "the first one"
    del content["cells"][1]["id"]
    content["metadata"]["kernelspec"] = {"name": "python3"}
    path = tmp_path / "a.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())  # with its mark
    read = read_notebook(path)
    assert read.cells[0].source == "# Words" and "kernelspec" not in read.metadata
    source, _ = TypstExporter().from_notebook_node(read)
    assert "Words" in source and not recwarn.list


HALVES = [  # ~ is the first half of an emoji, which JSON can hold
    "M~ <b>B~</b> $F~$ `C~` ![I~](i~.png)\n\n| T~ |\n|--|\n\n```X~\nY~\n```",
    code("'S~'  # \\ud83d and \U0001f600 stay", stdout("O~"), display(
        "text/html", "<p style='color: red~'>H~</p>"), display("text/latex", "$L~$"),
        new_output("error", ename="E", evalue="", traceback=["E~"])), raw("R~", ""),
]  # fmt: skip


@pytest.mark.parametrize("exporter, words_of", [
    (TypstPDFExporter, lambda pdf: "".join(
        mark.text for page in Printed(pdf).pages for mark in page)),
    (OfflineHTMLExporter, lambda page: BeautifulSoup(
        page.encode(), "html.parser").get_text()),
])  # fmt: skip
def test_half_a_character_is_shown_as_one_that_is_damaged(exporter, words_of, tmp_path):
    made = notebook(*HALVES)
    made.metadata |= {"title": "T~", "authors": ["A~"], "more~": "~"}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(made).replace("~", r"\ud83d"))
    about = {"metadata": {"name": "n\udcff", "path": ""}}  # a file's name is of bytes
    as_served = nbformat.from_dict(json.loads(path.read_text()))  # by JupyterLab
    for given in (read_notebook(path), as_served):
        shown, resources = exporter().from_notebook_node(given, about)
        text = plain(words_of(shown))
        assert [x for x in "MBFCITYSOHLER" if f"{x}\ufffd" not in text] == []
        assert "\\ud83dand\U0001f600stay" in text
        assert resources["warnings"] == [
            "n\ufffd, cell 1: the image i\ufffd.png: there is no such file"]
    shown, _ = exporter().from_notebook_node(notebook("words"), about)
    assert "words" in words_of(shown)  # though its title is the file's name


# ---- Outputs that widgets show inside of them ------------------------------------


def view(name: str) -> NotebookNode:
    return display(WIDGET, {"model_id": name})


def with_models(*outputs: NotebookNode, **models: dict) -> NotebookNode:
    """A notebook with widgets by their states, and the `kind` of some."""
    made = notebook("# Words", code("1", *outputs))
    kept = {name: {"model_name": f"{state.pop('kind', '')}Model", "state": state}
            for name, state in models.items()}  # fmt: skip
    made.metadata.widgets = {STATE: {"state": kept}}
    return made


def test_outputs_in_a_widget_follow_it_once_and_in_order():
    boxes = {"children": ["IPY_MODEL_slider", "IPY_MODEL_out", "IPY_MODEL_box"]}
    made = with_models(
        view("box"), stdout("between"), view("box"), view("other"), view("gone"),
        box=boxes, slider={"value": 3},
        out={"outputs": [stdout("one"), view("inner")]},
        inner={"outputs": [stdout("two")]}, other={"outputs": [stdout("three")]},
    )  # fmt: skip
    unfold(made)
    shown = [output.get("text", "view") for output in made.cells[1].outputs]
    assert shown == [
        "view", "one", "view", "two", "between", "view", "view", "three", "view"
    ]  # fmt: skip
    assert "widgets" not in made.metadata


def test_texts_and_labels_are_shown_as_what_they_say():
    alive = view("a")  # with another output that says the same on paper
    alive.metadata["role"] = "screen"
    made = with_models(
        alive, view("a"), view("b"), view("box"), box={"children": ["IPY_MODEL_c"]},
        a={"kind": "HTML", "value": "<b>Result: 42</b>"},
        b={"kind": "Label", "value": "Label <says> 43"},
        c={"kind": "HTMLMath", "value": "$x = 44$"},
    )  # fmt: skip
    unfold(made)
    printed, warnings = pdf_of(*made.cells)
    text = printed.text(1)
    assert warnings == [] and text.count("Result:42") == 1 and "Label<says>43" in text
    assert "𝑥=44" in text and text.count("interactivewidget") == 1


@pytest.mark.parametrize("state", [
    {"out": {"state": {"outputs": [stdout("shown")]}}},  # as in Google Colab
    *({"state": broken}
      for broken in ("", [], {"out": 3}, {"out": {"state": {"outputs": [3]}}})),
])  # fmt: skip
def test_colabs_widget_state_is_read_and_a_broken_one_ignored(state):
    more = [stdout("shown")] * ("state" in state)
    made = notebook("# Words", code("1", view("out"), *more))
    made.metadata.widgets = {STATE: state}
    assert valid(made).cells[1].outputs[-1].text == "shown"
