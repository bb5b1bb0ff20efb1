"""The parts of every viewer: labelled controls, pictures and texts that never jump."""

from collections.abc import Sequence

import ipywidgets as widgets
from IPython.display import display
from traitlets import Unicode

LABEL = {"description_width": "100px"}
HOW = "Drag the handle, or click on it and press the arrow keys"


class Picture(widgets.Image):
    """An image with a text for those who cannot see it.

    The browser shows a widget's tooltip as its accessible name, but asks for the
    description first, which an Image lacks.
    """

    description = Unicode().tag(sync=True)


# Lines as close as in a caption; and names for those who hear the page. ipywidgets
# gives none to a slider's handle, to the buttons of Play and to a canvas. They are
# copied from the label beside it, or from the tooltip, whenever something in the viewer
# changes; and where a slider stands is said in the words that one sees beside it.
# Without scripts the viewers work as well, only unnamed.
FINISH = """<style onload="
const viewer = this.closest('.viewer');
const set = (element, name, value) => element && element.setAttribute(name, value);
const finish = () => {
  for (const slider of viewer.querySelectorAll('.widget-slider')) {
    const handle = slider.querySelector('[role=slider]');
    const label = slider.querySelector('label').textContent;
    const readout = slider.querySelector('.widget-readout');
    set(handle, 'aria-label', label);
    set(handle, 'aria-valuetext', readout.textContent);
    set(readout, 'role', 'textbox');
    set(readout, 'aria-label', label + ', as text');
  }
  for (const play of viewer.querySelectorAll('.widget-play'))
    play.querySelectorAll('button').forEach((button, k) => set(button, 'aria-label',
      play.title + ['', ': stop and go back', ': over and over'][k]));
  for (const bar of viewer.querySelectorAll('.widget-hprogress')) {
    set(bar.querySelector('.progress'), 'role', 'progressbar');
    set(bar.querySelector('.progress'), 'aria-label', bar.textContent.trim());
  }
  for (const canvas of viewer.querySelectorAll('canvas[title]')) {
    set(canvas, 'role', 'img');
    set(canvas, 'aria-label', canvas.title);
  }
};
new MutationObserver(finish).observe(viewer, {
  subtree: true, childList: true, characterData: true,
  attributes: true, attributeFilter: ['aria-valuenow', 'title'],
});
finish();
">.viewer .widget-html-content { line-height: 1.45; }</style>"""


def show(widget: widgets.Box, instead: str) -> None:
    """Display a viewer; where no widget can be shown, the sentence instead stands."""
    finish = widgets.HTML(FINISH, layout=widgets.Layout(display="none"))
    widget.children = (*widget.children, finish)
    widget.add_class("viewer")
    bundle = widget._repr_mimebundle_()
    display({**bundle, "text/plain": instead}, raw=True)


def find(box: widgets.Widget, label: str) -> widgets.Widget:
    """Return the widget in box that is labelled so, or has this class."""
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    for widget in walk(box):
        if label in (getattr(widget, "description", ""), *widget._dom_classes):
            return widget
    raise KeyError(f"no widget is labelled {label!r}")


def slider(label: str, **options) -> widgets.IntSlider:
    """Return a slider that the arrow keys move, with room for its label."""
    return widgets.IntSlider(
        description=label, tooltip=HOW, style=LABEL,
        layout=widgets.Layout(width="440px"), **options,
    )


def chooser(
    label: str, texts: list[str], index: int, values: Sequence | None = None
) -> widgets.SelectionSlider:
    """Return a slider over texts, one of which stands beside it.

    Its value is the one of values that belongs to the text, or else the text's index.
    """
    if values is None:
        values = range(len(texts))
    return widgets.SelectionSlider(
        options=list(zip(texts, values, strict=True)), index=index,
        description=label, tooltip=HOW, style=LABEL,
        layout=widgets.Layout(width="440px"),
    )


def number_box(label: str, largest: int) -> widgets.BoundedIntText:
    """Return a box for a whole number from 0 to largest."""
    return widgets.BoundedIntText(
        min=0, max=largest, description=label, tooltip=f"from 0 to {largest}",
        layout=widgets.Layout(width="170px"),
    )


def player(label: str, interval: int, **options) -> widgets.Play:
    """Return buttons that play, go back and repeat, a step each interval in ms.

    label says what it is that plays.
    """
    play = widgets.Play(interval=interval, **options)
    play.tooltip = f"Play {label}"
    return play


def picture(name: str, width: int, height: int) -> Picture:
    """Return an empty picture of fixed size, so that nothing jumps when it changes."""
    image = Picture(
        format="png", width=width, height=height,
        layout=widgets.Layout(width=f"{width}px", height=f"{height}px", margin="0"),
    )
    image.add_class(name)
    return image


def text(name: str, width: int, lines: float = 1) -> widgets.HTML:
    """Return an empty text with room for so many lines."""
    html = widgets.HTML(layout=widgets.Layout(
        width=f"{width}px", min_height=f"{1.45 * lines:.2f}em", margin="0"
    ))
    html.add_class(name)
    return html


def panel(name: str, heading: str, width: int, lines: int) -> widgets.VBox:
    """Return a square picture between its heading and room for its caption."""
    title = text(f"{name}-heading", width)
    title.value = f"<b>{heading}</b>"
    parts = [title, picture(name, width, width), text(f"{name}-caption", width, lines)]
    return widgets.VBox(parts, layout=widgets.Layout(margin="0 14px 0 0"))


def row(*children: widgets.Widget) -> widgets.HBox:
    """Return widgets side by side, or below each other where the page is narrow."""
    layout = widgets.Layout(flex_flow="row wrap", align_items="flex-start")
    return widgets.HBox(children, layout=layout)


def swatch(colour: str) -> str:
    """Return a small square of a colour, framed so that it shows on any background."""
    return (f'<span style="display:inline-block;width:.8em;height:.8em;'
            f'background:{colour};border:1px solid #999"></span>')
