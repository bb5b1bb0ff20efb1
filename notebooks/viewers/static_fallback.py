"""What replaces a viewer where no kernel runs: HTML with pictures and a slider."""

import base64
import html
import json
import zlib
from collections.abc import Callable, Sequence

import ipywidgets as widgets
from IPython import get_ipython
from IPython.display import display

from .controls import HERE, Accessibility, Dial, Picture, walk
from .pictures import small

PIXELS = "image-rendering:pixelated;box-sizing:border-box;border:1px solid #999"
HOW_TO_START = ("If nothing moves here, or to use all of it, choose Run > Run All "
                "Cells in JupyterLab.")

# The viewers on show, by the cell that made them: (window, run of the cell, viewer).
_on_show: dict[str, list[tuple[str, str, widgets.Box]]] = {}
WINDOWS = 2  # in how many a cell's viewers stay alive; a reloaded page is one, too


def show(widget: widgets.Box, instead: str, dial: Dial | None = None,
         places: Sequence = (), answers: tuple[str, list] | None = None) -> None:
    """Display a viewer and its static fallback: HTML, for where no kernel runs.

    instead is a sentence that tells what the viewer is for; on paper it is all there
    is. The fallback has a slider for dial, if one is given, and shows at places, values
    of it, what the viewer shows. Or it does more: answers is a function in JavaScript,
    and the data that it gets after the fallback's element.
    """
    _close_former(widget)
    # Before the viewer is seen, because the dial goes to all places.
    page, number = fallback_html(widget, instead, dial, places, answers)
    widget.children = (*widget.children, Accessibility())
    widget.add_class("viewer").add_class(f"viewer-{number}")
    view = {**widget._repr_mimebundle_(), "text/plain": ""}
    display(view, raw=True, metadata={"role": "screen"})
    display({"text/html": page, "text/plain": instead}, raw=True,
            metadata={"role": "widget"})


def _close_former(widget: widgets.Box) -> None:
    """Free the memory of what this cell has shown before, but in another window."""
    shell = get_ipython()
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = request.get("metadata", {}).get("cellId")
    if cell is None:
        return
    window, run = (request["header"][name] for name in ("session", "msg_id"))
    shown = [*_on_show.get(cell, []), (window, run, widget)]
    windows = list(dict.fromkeys(where for where, *_ in reversed(shown)))[:WINDOWS]
    _on_show[cell] = [one for one in shown if one[0] in windows
                      and (one[0] != window or one[1] == run)]
    # One viewer's control may also be in another, which follows it.
    alive = {p for kept in _on_show.values() for *_, box in kept for p in walk(box)}
    for *_, box in set(shown) - set(_on_show[cell]):
        for part in list(walk(box)):
            getattr(part, "release", lambda: None)()
            if part not in alive:
                for model in (part, part.layout, getattr(part, "style", part)):
                    model.close()


def fallback_html(box: widgets.Box, instead: str, dial: Dial | None, places: Sequence,
                  answers: tuple[str, list] | None) -> tuple[str, int]:
    """Return the fallback that show displays, and a number that tells it apart."""
    leaves: list[Callable] = []  # what parts show, in their order on the page
    tree = _tree(box, leaves, empty=bool(dial or answers))
    body = f"<p>{html.escape(f'{instead} {HOW_TO_START}')}</p>{tree}"
    if dial is not None:
        before, texts, shown = dial.value, [], []
        for dial.value in places:
            texts.append(dial.text)
            shown.append([leaf() for leaf in leaves])
        dial.value = before
        answers = (HERE / "static_fallback.js").read_text(encoding="utf-8"), [
            dial.description, texts,
            [each[:1] if len(set(each)) == 1 else each for each in zip(*shown)]]
    if answers is not None:
        function, arguments = answers
        data = json.dumps(arguments, separators=(",", ":")).replace("</", "<\\/")
        call = f"(document.currentScript.parentElement, ...{data})"
        body += f"<script>({function.strip().rstrip(';')}){call}</script>"
    number = zlib.crc32(body.encode())
    style = (HERE / "static_fallback.css").read_text("utf-8").replace("ID", str(number))
    return (f'<style>\n{style}</style>'
            f'<div class="static-fallback fallback-{number}">{body}</div>'), number


def _content(leaf: widgets.Widget) -> tuple[str, ...]:
    """Return what a leaf shows: (text,), or (picture, its alternative text)."""
    if isinstance(leaf, Picture):
        data = base64.b64encode(small(bytes(leaf.value))).decode()
        return f"data:image/png;base64,{data}", leaf.alt
    return (leaf.value,)


def _tree(widget: widgets.Widget, leaves: list, empty: bool) -> str:
    """Return the visible parts of a widget as HTML; add what they show to leaves."""
    if widget.layout.display == "none" or "not-in-fallback" in widget._dom_classes:
        return ""
    if isinstance(widget, widgets.Box):
        inner = "".join(_tree(child, leaves, empty) for child in widget.children)
        wide = isinstance(widget, widgets.HBox)
        style = "max-width:100%" + wide * ";display:flex;flex-wrap:wrap;gap:0 14px"
        return f'<div style="{style}">{inner}</div>' if inner else ""
    if not (isinstance(widget, (Picture, widgets.HTML)) and (widget.value or empty)):
        return ""
    part = f'data-part="{len(leaves)}"'
    leaves.append(lambda: _content(widget))
    if not isinstance(widget, Picture):
        style = f"width:{widget.layout.width};min-height:{widget.layout.min_height}"
        return f'<div {part} style="{style};max-width:100%">{widget.value}</div>'
    (source, alt), width = _content(widget), widget.layout.width.removesuffix("px")
    squares = "pixels" in widget._dom_classes
    style = "max-width:100%;height:auto;" + squares * PIXELS
    image = (f'<img {part} src="{source}" alt="{html.escape(alt)}" width="{width}" '
             f'style="{style}">')
    if squares:
        return image
    if not widget.grid:
        return f'<div class="wide" tabindex=0 data-lm-suppress-shortcuts>{image}</div>'
    columns, rows = widget.grid
    return (f'<div class="tiled">{image}<div class="tiles" style="grid:auto-flow 1fr / '
            f'repeat({columns}, 1fr)">{columns * rows * "<i></i>"}</div></div>')
