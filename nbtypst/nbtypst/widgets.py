"""What widgets show, where there are no widgets."""

from collections.abc import Iterator

from nbformat import NotebookNode

WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def unfold(notebook: NotebookNode) -> None:
    """Put behind each widget, in place, the outputs that it shows inside of it.

    They are kept in the notebook's metadata, which are gone then: what a function of
    `interact` printed or drew last, and all that an Output has caught.
    """
    kept = notebook.metadata.pop("widgets", {}).get(STATE, {})
    models = dict(kept.get("state", kept))  # Google Colab has no state between them
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [*_unfolded(cell.outputs, models)]


def _unfolded(outputs: list[NotebookNode], models: dict) -> Iterator[NotebookNode]:
    for output in outputs:
        yield output
        view = output.get("data", {}).get(WIDGET, {})
        yield from _inside(view.get("model_id"), models)


def _inside(name: str | None, models: dict) -> Iterator[NotebookNode]:
    """The outputs in a widget and in those that it holds, each of which comes once."""
    state = models.pop(name, {}).get("state", {})
    yield from _unfolded(state.get("outputs", []), models)
    for child in state.get("children", []):
        yield from _inside(child.removeprefix("IPY_MODEL_"), models)
