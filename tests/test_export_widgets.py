"""Outputs that widgets show inside of them."""

import pytest
from nbformat import NotebookNode

from export.read import valid
from export.run import execute_notebooks
from export.widgets import STATE, unfold
from export_samples import WIDGET, code, display, notebook, save, stdout, text_of

pytestmark = pytest.mark.export


def view(name: str) -> NotebookNode:
    return display(WIDGET, {"model_id": name})


def with_models(*outputs: NotebookNode, **models: dict) -> NotebookNode:
    made = notebook("# Words", code("1", *outputs))
    kept = {name: {"state": state} for name, state in models.items()}
    made.metadata.widgets = {STATE: {"state": kept}}
    return made


def test_they_stand_behind_the_widget_once_and_in_their_order():
    boxes = {"children": ["IPY_MODEL_slider", "IPY_MODEL_out", "IPY_MODEL_box"]}
    made = with_models(
        view("box"), stdout("between"), view("box"), view("other"), view("gone"),
        box=boxes, slider={"value": 3},
        out={"outputs": [stdout("one"), view("inner")]},
        inner={"outputs": [stdout("two")]}, other={"outputs": [stdout("three")]},
    )  # fmt: skip
    unfold(made)
    found = [output.get("text", "view") for output in made.cells[1].outputs]
    assert found == [
        "view", "one", "view", "two", "between", "view", "view", "three", "view"
    ]  # fmt: skip
    assert "widgets" not in made.metadata


def test_the_state_as_colab_keeps_it_and_a_broken_one():
    made = with_models(view("out"), out={"outputs": [stdout("shown")]})
    made.metadata.widgets[STATE] = made.metadata.widgets[STATE]["state"]
    assert "shown" in text_of(*valid(made).cells)
    for broken in ("", [], {"out": 3}, {"out": {"state": {"outputs": [3]}}}):
        made = with_models(view("out"), stdout("shown"))
        made.metadata.widgets[STATE] = {"state": broken}
        assert valid(made).cells[1].outputs[-1].text == "shown"


def test_what_interact_and_an_output_show_is_run_and_kept(tmp_path):
    """In time: a reply that comes while the widget is sent its text is heard."""
    path = save(
        tmp_path / "a.ipynb",
        code("import ipywidgets as w"),
        code("w.interact(lambda x: print('x is', x), x=(0, 10));"),
        code("out = w.Output()\nwith out:\n    print('caught')\n    display(3)\nout"),
    )
    [done] = execute_notebooks([path], timeout=20)
    _, interactive, caught = [cell.outputs for cell in done.cells]
    assert interactive[0].metadata.role == caught[0].metadata.role == "widget"
    assert interactive[1].text == "x is 5\n"
    assert [caught[1].text, caught[2].data["text/plain"]] == ["caught\n", "3"]
    assert "aninteractivewidget" in text_of(*done.cells)
