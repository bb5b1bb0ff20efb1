"""What widgets show, as outputs for a page without widgets."""

import html
from collections.abc import Iterator

from nbformat import NotebookNode
from nbformat.v4 import new_output

WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
TEXTS = "HTMLModel", "HTMLMathModel", "LabelModel"
SHOWN_BELOW = "an interactive widget; what it showed last is below."


def unfold(notebook: NotebookNode) -> None:
    """Put after each widget, in place, the outputs that it shows inside of it.

    They come from the notebook's metadata, which is then removed: what a function of
    `interact` printed or drew last, all that an Output has caught, texts and labels.
    A widget with the role `screen` is removed: the output next to it says the same.
    """
    kept = notebook.metadata.pop("widgets", {}).get(STATE, {})
    models = dict(kept.get("state", kept))  # Google Colab has no state between them
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [*_unfolded(cell.outputs, models)]


def _unfolded(outputs: list[NotebookNode], models: dict) -> Iterator[NotebookNode]:
    for output in outputs:
        data, role = output.get("data", {}), output.get("metadata", {}).get("role")
        if WIDGET in data and role == "screen":  # the output after it says the same
            continue
        name = data.get(WIDGET, {}).get("model_id")
        is_text = models.get(name, {}).get("model_name") in TEXTS
        inside = [*_inside(name, models)]
        if inside and role is None:
            output.metadata = NotebookNode(output.get("metadata") or {}, role="widget")
            data["text/plain"] = SHOWN_BELOW
        if not (is_text and inside):  # its value, in `inside`, is all that it shows
            yield output
        yield from inside


def _inside(name: str | None, models: dict) -> Iterator[NotebookNode]:
    """Yield the outputs in a widget and in those that it holds, each once."""
    model = models.pop(name, {})
    state, kind = model.get("state", {}), model.get("model_name")
    if kind in TEXTS and state.get("value"):
        value = state["value"]
        value = html.escape(value) if kind == "LabelModel" else value
        yield new_output("display_data", {"text/html": value, "text/plain": value})
    yield from _unfolded(state.get("outputs", []), models)
    for child in state.get("children", []):
        yield from _inside(child.removeprefix("IPY_MODEL_"), models)
