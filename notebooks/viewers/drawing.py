"""Draw a 3 or a 9 with the mouse, and watch what the network makes of it."""

import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas, hold_canvas
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from traitlets import Unicode

import page

from .mistakes import explainer, name_of
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
    """A canvas with a text for those who cannot see it: see parts.Picture."""

    description = Unicode().tag(sync=True)


def draw_a_digit(
    network: tuple, X_train: np.ndarray, y_train: np.ndarray
) -> widgets.Widget:
    """Show a sheet to draw on, and the network's answer while one draws.

    network is (weight_matrices, biases, activations); the nearest digits come from
    X_train, y_train.
    """
    strokes: list[Stroke] = []
    pen_is_down = False
    sheet = Sheet(width=SIDE, height=SIDE, layout=widgets.Layout(
        width=f"{SIDE}px", height=f"{SIDE}px", border="1px solid #999",
        margin="0 14px 8px 0"))
    sheet.add_class("sheet")
    sheet.tooltip = "A sheet of paper: draw a 3 or a 9 here with the mouse"
    views, explain = explainer(network, X_train, y_train)
    hint = text("hint", 700)

    def answer():
        empty = not strokes
        hint.value = "The sheet is empty: draw a 3 or a 9 on it." if empty else ""
        explain(as_mnist(ink(strokes)), "An empty sheet. " if empty else "")

    def redraw():
        with hold_canvas():
            sheet.fill_style, sheet.stroke_style = "white", "black"
            sheet.line_width, sheet.line_cap, sheet.line_join = PEN, "round", "round"
            sheet.fill_rect(0, 0, SIDE, SIDE)
            for stroke in strokes:
                sheet.stroke_lines(np.array(stroke[:1] + stroke))

    def down(x, y):
        nonlocal pen_is_down
        pen_is_down = True
        strokes.append([(x, y)])
        move(x, y)

    def move(x, y):
        if pen_is_down:
            start = strokes[-1][-1]
            strokes[-1].append((x, y))
            sheet.stroke_line(*start, x, y)
            answer()

    def up(x, y):
        nonlocal pen_is_down
        move(x, y)
        pen_is_down = False

    def put(new):
        strokes[:] = [list(stroke) for stroke in new]
        redraw()
        answer()

    sheet.on_mouse_down(down)
    sheet.on_mouse_move(move)
    sheet.on_mouse_up(up)
    sheet.on_mouse_out(up)
    sheet.on_client_ready(redraw)
    buttons = [widgets.Button(description="Clear", icon="trash")]
    buttons[0].on_click(lambda _: put([]))
    for name, example in EXAMPLES.items():
        button = widgets.Button(description=f"Draw {name} for me",
                                layout=widgets.Layout(width="auto"))
        button.on_click(lambda _, example=example: put(example))
        buttons.append(button)
    put([])
    viewer = widgets.VBox([row(*buttons), hint, row(sheet, *views.children)])
    show(viewer, "Here one draws a digit with the mouse and the network answers.")
    return viewer
