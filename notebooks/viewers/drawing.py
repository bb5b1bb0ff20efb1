"""Draw a 3 or a 9 with the mouse, and watch what the network makes of it."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas, hold_canvas
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from traitlets import Unicode

import page

from .mistakes import Explainer, name_of
from .parts import row, show, text
from .reasons import probabilities

SIDE, PEN = 280, 22  # the sheet and the pen, in pixels

Stroke = list[tuple[float, float]]


def ink(strokes: list[Stroke]) -> np.ndarray:
    """Return strokes, each a list of points (x, y), as ink (280, 280) in [0, 255]."""
    sheet = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(sheet)
    for stroke in strokes:
        for start, end in zip(stroke[:1] + stroke, stroke):
            _draw_line(pen, start, end)
    return np.asarray(sheet)


def _draw_line(pen: ImageDraw.ImageDraw, start: tuple, end: tuple) -> None:
    """Draw a line with round ends."""
    pen.line([*start, *end], fill=255, width=PEN)
    for x, y in (start, end):
        pen.circle((x, y), PEN / 2, fill=255)


def as_mnist(drawing: np.ndarray) -> np.ndarray:
    """Scale and centre ink on paper, (rows, columns) in [0, 255], as MNIST did.

    The ink is scaled to fit a box of 20 x 20, keeping its proportions; each new pixel
    is the average of those that it covers, which makes grey edges. The box is then put
    into a field of 28 x 28 so that the centre of mass lies at (14, 14), but never over
    the edge. Returns (28, 28) in [0, 1]; a sheet without ink stays empty.
    """
    rows = np.flatnonzero(drawing.any(axis=1))
    columns = np.flatnonzero(drawing.any(axis=0))
    field = np.zeros((28, 28))
    if len(rows) == 0:
        return field
    cut = drawing[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    height, width = (max(1, round(20 * side / max(cut.shape))) for side in cut.shape)
    small = Image.fromarray(cut).resize((width, height), Image.Resampling.BOX)
    box = np.asarray(small) / 255

    top = _start(box.sum(axis=1))
    left = _start(box.sum(axis=0))
    field[top:top + height, left:left + width] = box
    return field


def _start(mass: np.ndarray) -> int:
    """Return where mass (n,) must begin in 28 places to have its centre at 14."""
    centre = mass @ np.arange(len(mass)) / mass.sum() if mass.any() else len(mass) / 2
    return int(np.clip(round(14 - centre), 0, 28 - len(mass)))


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Return points along an ellipse around (x, y), from one angle to another."""
    angles = np.radians(np.linspace(start, end, 24))
    return [(float(x + rx * c), float(y + ry * s))
            for c, s in zip(np.cos(angles), np.sin(angles))]


EXAMPLES = {
    "a 3": [_arc(138, 94, 46, 42, -150, 90) + _arc(138, 188, 54, 52, -90, 145)],
    "a 9": [_arc(134, 100, 46, 44, 0, 360) + [(180, 100), (172, 170), (156, 240)]],
    "a 9 with a curled tail": [
        _arc(138, 94, 44, 40, 0, 360) + _arc(118, 150, 66, 88, -35, 130)],
}


def drawings_figure(network: tuple, drawings: dict[str, list[Stroke]]) -> Figure:
    """Return a figure of drawings, each as drawn, as MNIST has it, and with its answer.
    """
    fig, axes = page.subplots(1, 2 * len(drawings), height=1.5)
    for (name, strokes), drawn, seen in zip(drawings.items(), axes[::2], axes[1::2]):
        sheet = ink(strokes)
        drawn.imshow(sheet)
        page.frame(drawn)
        drawn.set_title(name, pad=3)
        image = as_mnist(sheet)
        g = probabilities(network, image[np.newaxis])[0]
        page.show_digit(seen, image, f"{name_of(g)}, {max(g, 1 - g):.3f}")
    return fig


class Sheet(Canvas):
    """A sheet to draw on: strokes holds what is drawn, and changed is called after.

    description is a text for those who cannot see it: see parts.Picture.
    """

    description = Unicode().tag(sync=True)

    def __init__(self, changed: Callable[[], None]):
        super().__init__(width=SIDE, height=SIDE, layout=widgets.Layout(
            width=f"{SIDE}px", height=f"{SIDE}px", border="1px solid #999",
            margin="0 14px 8px 0"))
        self.add_class("sheet")
        self.tooltip = "A sheet of paper: draw a 3 or a 9 here with the mouse"
        self.changed = changed
        self.strokes: list[Stroke] = []
        self.pen_is_down = False
        self.on_mouse_down(self.pen_down)
        self.on_mouse_move(self.pen_moved)
        self.on_mouse_up(self.pen_up)
        self.on_mouse_out(self.pen_up)
        self.on_client_ready(self.redraw)

    def pen_down(self, x: float, y: float) -> None:
        """Begin a stroke, with a dot."""
        self.pen_is_down = True
        self.strokes.append([(x, y)])
        self.pen_moved(x, y)

    def pen_moved(self, x: float, y: float) -> None:
        """Lengthen the stroke, if the pen is on the sheet."""
        if self.pen_is_down:
            start = self.strokes[-1][-1]
            self.strokes[-1].append((x, y))
            self.stroke_line(*start, x, y)
            self.changed()

    def pen_up(self, x: float, y: float) -> None:
        """End the stroke here."""
        self.pen_moved(x, y)
        self.pen_is_down = False

    def put(self, strokes: list[Stroke]) -> None:
        """Show these strokes in place of all others."""
        self.strokes = [list(stroke) for stroke in strokes]
        self.redraw()
        self.changed()

    def redraw(self) -> None:
        """Draw all strokes on clean paper."""
        with hold_canvas():
            self.fill_style, self.stroke_style = "white", "black"
            self.line_width, self.line_cap, self.line_join = PEN, "round", "round"
            self.fill_rect(0, 0, SIDE, SIDE)
            for stroke in self.strokes:
                self.stroke_lines(np.array(stroke[:1] + stroke))


def draw_a_digit(
    network: tuple, X_train: np.ndarray, y_train: np.ndarray
) -> widgets.Widget:
    """Show a sheet to draw on, and the network's answer while one draws.

    network is (weight_matrices, biases, activations); the nearest digits come from
    X_train, y_train.
    """
    explainer = Explainer(network, X_train, y_train)
    hint = text("hint", 700)

    def answer() -> None:
        empty = not sheet.strokes
        hint.value = "The sheet is empty: draw a 3 or a 9 on it." if empty else ""
        explainer.explain(as_mnist(ink(sheet.strokes)),
                          "An empty sheet. " if empty else "")

    sheet = Sheet(answer)
    sheet.put([])
    clear = widgets.Button(description="Clear", icon="trash")
    clear.on_click(lambda _: sheet.put([]))
    buttons = [clear]
    for name, example in EXAMPLES.items():
        button = widgets.Button(description=f"Draw {name} for me",
                                layout=widgets.Layout(width="auto"))
        button.on_click(lambda _, example=example: sheet.put(example))
        buttons.append(button)
    viewer = widgets.VBox([row(*buttons), hint, row(sheet, *explainer.panels)])
    show(viewer, "Here one draws a digit with the mouse and the network answers.")
    return viewer
