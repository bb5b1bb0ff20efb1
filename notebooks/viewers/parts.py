"""The parts of every viewer: labelled controls, pictures and texts that never jump."""

import ipywidgets as widgets
from IPython.display import display
from traitlets import Unicode

LABEL = {"description_width": "100px"}


class Picture(widgets.Image):
    """An image with a text for those who cannot see it.

    The browser shows a widget's tooltip as its accessible name, but asks for the
    description first, which an Image lacks.
    """

    description = Unicode().tag(sync=True)


def show(widget: widgets.Widget, instead: str) -> None:
    """Display a widget; where no widget can be shown, the sentence instead stands."""
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
        description=label, style=LABEL, layout=widgets.Layout(width="440px"), **options
    )


def chooser(label: str, values: list[str], index: int) -> widgets.SelectionSlider:
    """Return a slider over texts, one of which stands beside it."""
    return widgets.SelectionSlider(
        options=[(value, k) for k, value in enumerate(values)], index=index,
        description=label, style=LABEL, layout=widgets.Layout(width="440px"),
    )


def number_box(label: str, largest: int) -> widgets.BoundedIntText:
    """Return a box for a whole number from 0 to largest."""
    return widgets.BoundedIntText(
        min=0, max=largest, description=label, layout=widgets.Layout(width="170px"),
    )


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
