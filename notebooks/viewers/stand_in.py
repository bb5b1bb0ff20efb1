"""What stands in for a viewer where no kernel runs: its pictures, and a slider."""

import base64
import html
import json
from collections.abc import Sequence

import ipywidgets as widgets
from IPython.display import display

from .parts import HERE, Dial, Names, Picture, walk
from .pictures import small

PIXELS = "image-rendering:pixelated;outline:1px solid #999;outline-offset:-1px"
AGAIN = "In JupyterLab, run this cell again, and the whole viewer is here."

# While the viewer is alive its stand-in is hidden; when it has died, the viewer is.
STYLE = """<style>
.jp-OutputArea:has(.viewer:not(.jupyter-widgets-disconnected)) .stand-in,
.jp-OutputArea:has(.stand-in) .viewer.jupyter-widgets-disconnected,
.jp-OutputArea:has(.stand-in) [data-mime-type$="widget-view+json"]:not(:has(.viewer))
{ display: none; }
.stand-in .refusal { display: none; }
</style>"""


def show(
    widget: widgets.Box,
    instead: str,
    dial: Dial | None = None,
    places: Sequence = (),
) -> None:
    """Display a viewer, and what stands in for it where there is no kernel.

    That is HTML that needs nothing but itself: the sentence instead and the viewer as
    it is now. With a dial, stand_in.js makes a slider of what the viewer shows as the
    dial goes to each of places.
    """
    page = stand_in(widget, instead, dial, places)  # while nobody sees the dial move
    widget.children = (*widget.children, Names())
    widget.add_class("viewer")
    view = {**widget._repr_mimebundle_(), "text/plain": ""}
    display(view, raw=True, metadata={"role": "view"})
    display({"text/html": page, "text/plain": instead}, raw=True,
            metadata={"role": "widget"})


def stand_in(
    box: widgets.Box, instead: str, dial: Dial | None, places: Sequence
) -> str:
    """Return the HTML of what stands in for a viewer: see show."""
    leaves = [leaf for leaf in walk(box) if isinstance(leaf, (Picture, widgets.HTML))
              and (leaf.value or dial) and "refusal" not in leaf._dom_classes]
    body = f"<p>{html.escape(instead)} {AGAIN}</p>{_tree(box, leaves)}"
    script = ""
    if dial is not None:
        frames = _frames(leaves, dial, places)
        data = json.dumps([dial.description, frames], separators=(",", ":"))
        function = (HERE / "stand_in.js").read_text(encoding="utf-8")
        call = "(document.currentScript.parentElement, ..." + data.replace("</", "<\\/")
        script = f"<script>({function.strip().rstrip(';')}){call})</script>"
    return f'{STYLE}<div class="stand-in">{body}{script}</div>'


def _content(leaf: widgets.Widget) -> list[str]:
    """Return what a leaf shows: a text, or a picture and what it says."""
    if isinstance(leaf, Picture):
        data = base64.b64encode(small(bytes(leaf.value))).decode()
        return [f"data:image/png;base64,{data}", leaf.tooltip or ""]
    return [leaf.value]


def _frames(leaves: list, dial: Dial, places: Sequence) -> list:
    """Return [place, {number of a leaf: content}] for each place; only what changes."""
    before, frames = dial.value, []
    for value in places:
        dial.value = value
        now = {k: _content(leaf) for k, leaf in enumerate(leaves)}
        frames.append((dial.text, now))
    dial.value = before
    steady = {k for k in range(len(leaves))
              if all(now[k] == frames[0][1][k] for _, now in frames)}
    return [[text, {k: new for k, new in now.items() if k not in steady}]
            for text, now in frames]


def _tree(widget: widgets.Widget, leaves: list) -> str:
    """Return the HTML of what is seen in a widget, laid out alike."""
    if widget.layout.display == "none":
        return ""
    if isinstance(widget, widgets.Box):
        inner = "".join(_tree(child, leaves) for child in widget.children)
        wide = isinstance(widget, widgets.HBox)
        style = "display:flex;flex-wrap:wrap;gap:0 14px" if wide else ""
        return f'<div style="{style}">{inner}</div>' if inner else ""
    if widget not in leaves:
        return ""
    part = f'data-part="{leaves.index(widget)}"'
    if not isinstance(widget, Picture):
        width = widget.layout.width
        return f'<div {part} style="width:{width};max-width:100%">{widget.value}</div>'
    source, words = _content(widget)
    squares = "pixels" in widget._dom_classes
    style = "max-width:100%;height:auto;" + squares * PIXELS
    return (f'<img {part} src="{source}" alt="{html.escape(words)}" '
            f'width="{widget.width}" height="{widget.height}" style="{style}">')
