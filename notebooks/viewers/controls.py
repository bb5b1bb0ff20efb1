"""The parts of every viewer: controls that take what is typed, pictures, texts."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path

import anywidget
import ipywidgets as widgets
import numpy as np
from traitlets import Any, Bool, Bytes, Float, Int, List, Unicode

HERE = Path(__file__).parent
LABEL = {"description_width": "100px"}


class Accessibility(anywidget.AnyWidget):
    """Gives a viewer's parts names and announces its changes: see a11y.js."""

    # As texts, because anywidget keeps each widget that has paths, to reload them.
    _esm = (HERE / "a11y.js").read_text(encoding="utf-8")
    _css = (HERE / "viewers.css").read_text(encoding="utf-8")


def walk(widget: widgets.Widget):
    """Yield widget and all that it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def find(box: widgets.Widget, label: str) -> widgets.Widget:
    """Return the widget in box that has this label or CSS class, or raise KeyError."""
    for widget in walk(box):
        if label in (getattr(widget, "description", ""), *widget._dom_classes):
            return widget
    raise KeyError(f"no widget is labelled {label!r}")


class Dial(widgets.HBox):
    """A slider with a box that shows its value and takes a typed one.

    places are each place's text and value, in order; without any there is only the box.
    What else may be typed is within limits, (int or float, the least, the largest), and
    becomes a place; without limits the nearest place is taken.
    """

    value = Any()

    def __init__(self, label: str, places: Sequence[tuple[str, object]], value: object,
                 limits: tuple[type, float, float] | None = None):
        self.description, self.limits = label, limits
        self.slider = widgets.SelectionSlider(
            options=[""], description=label, style=LABEL, layout={"width": "400px"},
            tooltip="Drag the handle, or click on it and press the arrow keys")
        self.box = widgets.Text(
            continuous_update=False, tooltip=f"{label}: type a value",
            layout={"width": "84px"}, _dom_classes=["dial-value"])
        if not places:
            self.slider.layout.display = "none"
            self.box.description, self.box.layout.width = label, "170px"
        self.note = widgets.HTML(_dom_classes=["input-error", "not-in-fallback"])
        super().__init__([self.slider, self.box, self.note])
        self.slider.observe(self._slid, names="index")
        self.lay_out(places, value)
        self.observe(self._show, names="value")
        self.box.observe(self._typed, names="value")

    def lay_out(self, places: Sequence[tuple[str, object]], value: object) -> None:
        """Give the slider these places, and show value."""
        self._put(list(places) or [("–", None)])
        self.slider.disabled = not (self.limits or len(places) > 1)
        self.box.disabled = not (self.limits or places)
        self.value = value
        self._show()

    def _put(self, places: list) -> None:
        self.places = places
        self.slider.unobserve(self._slid, names="index")
        self.slider.index = 0  # or the browser moves it if there are fewer places now
        self.slider.options = [text for text, _ in places]
        self.slider.observe(self._slid, names="index")

    def _index(self) -> int:
        """Return the slider's index for value, or -1 if it has no place."""
        values = [value for _, value in self.places]
        return values.index(self.value) if self.value in values else -1

    def _show(self, _change: object = None) -> None:
        """Move slider and box to value; without a value the slider keeps its place."""
        if self._index() < 0 and self.limits and self.places[0][1] is not None:
            own = (self.text, self.value)
            self._put(sorted([*self.places, own], key=lambda place: place[1]))
        self.note.value, self.box.value = "", self.text
        if self._index() >= 0:
            self.slider.index = self._index()

    @property
    def text(self) -> str:
        """The text in the box: a dash if there is no value."""
        texts = {None: "–"} | {value: text for text, value in self.places}
        return texts.get(self.value) or f"{self.value:g}"

    def _slid(self, _change: object) -> None:
        if self.slider.index != self._index():  # else it only followed
            self.value = self.places[self.slider.index][1]

    def _typed(self, _change: object) -> None:
        typed = self.box.value.strip()
        number, value, note = _number(typed), dict(self.places).get(typed), ""
        ends = sorted(_number(self.places[end][0]) for end in (0, -1))
        kind, low, high = self.limits or (float, ends[0], ends[1])
        if value is None and low <= number <= high and number == kind(number):
            gap, value = min(((abs(_number(text) - number), value)
                              for text, value in self.places), key=lambda one: one[0])
            if gap and self.limits:
                value = kind(float(f"{number:g}"))  # what the box will show
            elif gap:
                note = f"{typed} has no place on the slider: this is the nearest one."
        if value is not None:
            self.value = value
        elif typed != self.text:
            what, whole = html.escape(typed) or "An empty box", "whole " * (kind is int)
            note = (f"{what} is not taken: type a {whole}number from {low:g} to "
                    f"{high:.10g}.")
        self.box.value, self.note.value = self.text, note


def _number(typed: str) -> float:
    """Return the number that is typed, or nan, which equals no other number."""
    try:
        return float(typed)
    except ValueError:
        return np.nan


class Player(widgets.Play):
    """Play buttons that move a dial one place per interval, in ms, in one window."""

    playing = Bool().tag(sync=True, echo_update=False)

    def __init__(self, label: str, dial: Dial, interval: int):
        super().__init__(interval=interval, tooltip=f"Play {label}")
        # Not by jslink: two windows of a kernel would send each other's moves back.
        widgets.dlink((dial.slider, "options"), (self, "max"), lambda all: len(all) - 1)
        for part, name in ((dial.slider, "disabled"), (dial, "value")):
            widgets.dlink((part, name), (self, "disabled"), lambda _: (
                dial.slider.disabled or dial.value is None))
        self.observe(lambda _: setattr(self, "playing", False), names="disabled")
        widgets.link((dial.slider, "index"), (self, "value"))


class Picture(anywidget.AnyWidget):
    """A picture of a fixed size, which shrinks on a narrow page: see picture.js.

    choose is called with the index of a place that is clicked on, or chosen by Enter;
    without it each pixel of the picture is shown as a square.
    """

    _esm = (HERE / "picture.js").read_text(encoding="utf-8")
    description = Unicode().tag(sync=True)  # its name, by which find finds it
    size = List(Int()).tag(sync=True)  # width and height, in the browser's pixels
    value = Bytes().tag(sync=True)  # a PNG, which alt describes
    alt = Unicode().tag(sync=True)
    places = List(List()).tag(sync=True)  # [x, y, words], as shares from the upper left
    reach = Float().tag(sync=True)  # how far from one a click counts, of the width
    grid = List(Int()).tag(sync=True)  # in how many columns and rows they are tiles
    at = Int(-1).tag(sync=True)  # the index of the place on show, or -1

    def __init__(self, name: str, width: int, height: int,
                 choose: Callable[[int], None] | None = None, reach: float = 0.2,
                 grid: Sequence[int] = ()):
        kind = "chart" if choose else "pixels"
        super().__init__(description=name, size=[width, height], reach=reach, grid=grid,
                         layout={"width": f"{width}px"},
                         _dom_classes=["picture", kind, f"{name}-{kind}"])
        if choose:
            self.choose = choose
            self.on_msg(lambda _, message, __: choose(message["chosen"]))

    def show(self, png: bytes, words: str) -> None:
        """Show a PNG, which words describe."""
        with self.hold_sync():
            self.value, self.alt = png, words.replace("<br>", "")


def text(classes: str, width: int, lines: float = 1, value: str = "") -> widgets.HTML:
    """Return a text of these CSS classes with room for so many lines."""
    return widgets.HTML(value, _dom_classes=classes.split(), layout={
        "width": f"{width}px", "min_height": f"{1.45 * lines:.2f}em", "margin": "0"})


class Panel(widgets.VBox):
    """A square picture with a heading above and a caption of so many lines below."""

    def __init__(self, name: str, heading: str, width: int, lines: int):
        self.view = Picture(name, width, width)
        self.caption = text(f"{name}-caption", width, lines)
        title = text(f"{name}-heading", width, value=f"<b>{heading}</b>")
        super().__init__(
            [title, self.view, self.caption], layout={"margin": "0 14px 0 0"})

    def show(self, png: bytes, words: str, caption: str = "") -> None:
        """Show a PNG, which words describe, and a caption."""
        self.view.show(png, words)
        self.caption.value = caption


def swatch(colour: str) -> str:
    """Return HTML of a small square of a colour, framed to show on any background."""
    return (f'<span style="display:inline-block;width:.8em;height:.8em;'
            f'background:{colour};border:1px solid #999"></span>')
