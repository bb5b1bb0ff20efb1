"""The parts of every viewer: controls that take what is typed, pictures, texts."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path

import anywidget
import ipywidgets as widgets
import numpy as np
from traitlets import Any, Bool, Unicode

HERE = Path(__file__).parent
LABEL = {"description_width": "100px"}
HOW = "Drag the handle, or click on it and press the arrow keys"


class Picture(widgets.Image):
    """An image with a text for those who cannot see it.

    The browser shows a widget's tooltip as its accessible name, but asks for the
    description first, which an Image lacks.
    """

    description = Unicode().tag(sync=True)


class Names(anywidget.AnyWidget):
    """What names a viewer's parts and tells of its changes: see names.js."""

    _esm = HERE / "names.js"
    _css = HERE / "viewers.css"


def walk(widget: widgets.Widget):
    """Yield widget and all that it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def find(box: widgets.Widget, label: str) -> widgets.Widget:
    """Return the widget in box that is labelled so, or has this class."""
    for widget in walk(box):
        if label in (getattr(widget, "description", ""), *widget._dom_classes):
            return widget
    raise KeyError(f"no widget is labelled {label!r}")


# ---- controls ------------------------------------------------------------------------

Place = tuple[str, object]  # what is read at a place of a slider, and its value


class Dial(widgets.HBox):
    """A slider, and beside it a box that tells its value and takes a typed one.

    value is what counts. places are the slider's, in order; without any there is only
    the box. A typed text is looked up among the places; read makes a value of any
    other, or refuses it with a ValueError, which is then shown.
    """

    value = Any()

    def __init__(
        self,
        label: str,
        places: Sequence[Place],
        value: object,
        read: Callable[[str], object] | None = None,
    ):
        self.description, self.read = label, read
        self.slider = widgets.SelectionSlider(
            options=[""], description=label, tooltip=HOW, style=LABEL,
            layout=widgets.Layout(width="400px"))
        self.box = widgets.Text(
            continuous_update=False, tooltip=f"{label}: type a value",
            layout=widgets.Layout(width="84px"))
        if not places:
            self.slider.layout.display = "none"
            self.box.description, self.box.layout.width = label, "170px"
        self.box.add_class("dial-value")
        self.note = widgets.HTML()
        self.note.add_class("refusal")
        super().__init__([self.slider, self.box, self.note])
        self.layout.flex_flow = "row wrap"
        self.lay_out(places, value)
        self.observe(self._show, names="value")
        self.slider.observe(self._slid, names="index")
        self.box.observe(self._typed, names="value")

    def lay_out(self, places: Sequence[Place], value: object) -> None:
        """Give the slider these places, and show value."""
        self.places = list(places)
        self.slider.options = [text for text, _ in self.places] or ["–"]
        self.value = value
        self._show()

    def disable(self, disabled: bool) -> None:
        """Take away, or give back, slider and box."""
        self.slider.disabled = self.box.disabled = disabled

    def _near(self) -> int:
        """Return the slider's place for value; between two places it is the first."""
        values = [value for _, value in self.places]
        if self.value in values:
            return values.index(self.value)
        if self.value is None:
            return -1
        return max(0, sum(value <= self.value for value in values) - 1)

    def _show(self, _change: object = None) -> None:
        """Put slider and box where value is; without a value the slider stays."""
        self.note.value = ""
        if self._near() >= 0:
            self.slider.index = self._near()
        self.box.value = self.text

    @property
    def text(self) -> str:
        """What stands in the box: a dash if there is no value."""
        if self.value is None:
            return "–"
        texts = [text for text, value in self.places if value == self.value]
        return texts[0] if texts else f"{self.value:g}"

    def _slid(self, _change: object) -> None:
        if self.slider.index != self._near():  # else it has only followed
            self.value = self.places[self.slider.index][1]

    def _typed(self, _change: object) -> None:
        typed = self.box.value.strip()
        if typed == self.text:
            return
        try:
            self.value = self._read(typed)
        except ValueError as error:
            self.note.value = f"{html.escape(typed)} is not taken: {error}"
        self.box.value = self.text

    def _read(self, typed: str) -> object:
        """Return the value that a text stands for, among the places or beside them."""
        for text, value in self.places:
            if typed == text or _number(typed) == _number(text):
                return value
        if self.read is None:
            raise ValueError("the slider has no such place.")
        return self.read(typed)


def _number(typed: str) -> float:
    """Return the number that is typed; what is none is equal to nothing."""
    try:
        return float(typed)
    except ValueError:
        return np.nan


def reader(kind: type, low: float, high: float) -> Callable[[str], float]:
    """Return a function that reads a number of this kind, int or float, in bounds."""
    def read(typed: str) -> float:
        value = _number(typed)
        if not (low <= value <= high and value == kind(value)):
            whole = "whole " if kind is int else ""
            raise ValueError(f"a {whole}number from {low} to {high} is.")
        return kind(value)

    return read


def chooser(label: str, texts: Sequence[str], index: int = 0) -> Dial:
    """Return a slider over texts; its value is the index of one of them."""
    return Dial(label, [(text, k) for k, text in enumerate(texts)], index)


def number_box(label: str, largest: int) -> Dial:
    """Return a box for a whole number from 0 to largest."""
    return Dial(label, [], 0, reader(int, 0, largest))


class Player(widgets.Play):
    """Buttons that play in the window where they are pressed, not in others, too."""

    playing = Bool().tag(sync=True, echo_update=False)


def player(label: str, dial: Dial, interval: int) -> Player:
    """Return buttons that move dial from place to place, one each interval in ms.

    label says what it is that plays.
    """
    play = Player(interval=interval, min=0, max=max(0, len(dial.places) - 1))
    play.tooltip = f"Play {label}"
    # Not jslink: two windows of one kernel would each send back what the other sent.
    widgets.link((dial.slider, "index"), (play, "value"))
    return play


# ---- pictures and texts --------------------------------------------------------------

def picture(name: str, width: int, height: int, pixels: bool = True) -> Picture:
    """Return an empty picture of fixed size, so that nothing jumps when it changes.

    It becomes narrower where the page is. pixels are shown as squares.
    """
    image = Picture(
        format="png", width=width, height=height,
        layout=widgets.Layout(width=f"{width}px", height="auto"))
    for class_name in [name, *["pixels"] * pixels]:
        image.add_class(class_name)
    return image


def text(
    name: str, width: int, lines: float = 1, value: str = "", said: bool = False
) -> widgets.HTML:
    """Return a text with room for so many lines; said aloud as it changes."""
    words = widgets.HTML(value, layout=widgets.Layout(
        width=f"{width}px", min_height=f"{1.45 * lines:.2f}em", margin="0"))
    for class_name in [name, *["said"] * said]:
        words.add_class(class_name)
    return words


def panel(
    name: str, heading: str, width: int, lines: int, said: bool = False
) -> widgets.VBox:
    """Return a square picture between its heading and room for its caption."""
    parts = [text(f"{name}-heading", width, value=f"<b>{heading}</b>"),
             picture(name, width, width),
             text(f"{name}-caption", width, lines, said=said)]
    return widgets.VBox(parts, layout=widgets.Layout(margin="0 14px 0 0"))


def row(*children: widgets.Widget) -> widgets.HBox:
    """Return widgets side by side, or below each other where the page is narrow."""
    layout = widgets.Layout(flex_flow="row wrap", align_items="flex-start")
    return widgets.HBox(children, layout=layout)


def swatch(colour: str) -> str:
    """Return a small square of a colour, framed so that it shows on any background."""
    return (f'<span style="display:inline-block;width:.8em;height:.8em;'
            f'background:{colour};border:1px solid #999"></span>')
