"""What replaces a viewer where no kernel runs: static HTML with pictures and a slider.
"""

import base64
import html
import json
from collections.abc import Sequence

import ipywidgets as widgets
from IPython.display import display

from .parts import HERE, Accessibility, Dial, Picture, walk
from .pictures import small

PIXELS = "image-rendering:pixelated;outline:1px solid #999;outline-offset:-1px"
AGAIN = "In JupyterLab, run this cell again, and the whole viewer is here."

# The fallback is hidden while its viewer is alive, and the viewer once it is dead.
STYLE = """<style>
.jp-OutputArea:has(.viewer:not(.jupyter-widgets-disconnected)) .static-fallback,
.jp-OutputArea:has(.static-fallback) .viewer.jupyter-widgets-disconnected,
.jp-OutputArea:has(.static-fallback)
  .jp-OutputArea-output.jupyter-widgets:not(:has(.viewer)) { display: none; }
.static-fallback .input-error { display: none; }
</style>"""


def show(
    widget: widgets.Box,
    instead: str,
    dial: Dial | None = None,
    places: Sequence = (),
) -> None:
    """Display a viewer and its static fallback, for where no kernel runs.

    The fallback is self-contained HTML.

    Parameters
    ----------
    widget : the viewer
    instead : a sentence that tells what the viewer is for; on paper it is all there is
    dial : the dial that the fallback has a slider for, if any; see static_fallback.js
    places : the values of dial at which the fallback shows what the viewer shows
    """
    # First of all, so that the dial's moves are not seen.
    page = fallback_html(widget, instead, dial, places)
    widget.children = (*widget.children, Accessibility())
    widget.add_class("viewer")
    view = {**widget._repr_mimebundle_(), "text/plain": ""}
    display(view, raw=True, metadata={"role": "screen"})
    display({"text/html": page, "text/plain": instead}, raw=True,
            metadata={"role": "widget"})


def fallback_html(
    box: widgets.Box, instead: str, dial: Dial | None, places: Sequence
) -> str:
    """Return a viewer's static fallback as HTML; the arguments are those of show."""
    leaves = [leaf for leaf in walk(box) if isinstance(leaf, (Picture, widgets.HTML))
              and (leaf.value or dial) and "input-error" not in leaf._dom_classes]
    body = f"<p>{html.escape(instead)} {AGAIN}</p>{_tree(box, leaves)}"
    script = ""
    if dial is not None:
        frames = _frames(leaves, dial, places)
        data = json.dumps([dial.description, frames], separators=(",", ":"))
        function = (HERE / "static_fallback.js").read_text(encoding="utf-8")
        call = "(document.currentScript.parentElement, ..." + data.replace("</", "<\\/")
        script = f"<script>({function.strip().rstrip(';')}){call})</script>"
    return f'{STYLE}<div class="static-fallback">{body}{script}</div>'


def _content(leaf: widgets.Widget) -> list[str]:
    """Return what a leaf shows: [text], or [picture, its alternative text]."""
    if isinstance(leaf, Picture):
        data = base64.b64encode(small(bytes(leaf.value))).decode()
        return [f"data:image/png;base64,{data}", leaf.tooltip or ""]
    return [leaf.value]


def _frames(leaves: list, dial: Dial, places: Sequence) -> list:
    """Return [place, {number of a leaf: content}, ...] of the leaves that change."""
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
    """Return the visible parts of a widget as HTML with the same layout."""
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
