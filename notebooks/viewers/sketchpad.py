"""A sheet to draw on, and the image that the network gets of it."""

from typing import Any

import anywidget
import numpy as np
from PIL import Image, ImageDraw
from traitlets import Dict, List

from .controls import HERE

SIDE, CELL = 280, 10  # the sheet, and one of MNIST's pixels on it
PEN = 22  # how wide a line is, unless one chooses
FINE = 24  # a small drawing is enlarged until an MNIST pixel has this many of its own

Stroke = dict  # points: [[x, y], ...], width, erase


def ink(strokes: list[Stroke], box: tuple = (0, 0, SIDE, SIDE), zoom: float = 1,
        below: np.ndarray | None = None) -> np.ndarray:
    """Return the part of a sheet inside box as grey levels from 0 to 255.

    Strokes are drawn in this order on below, (rows, columns). box is (left, top, right,
    bottom) on the sheet, a unit of which has zoom pixels of the result.
    """
    left, top, right, bottom = box
    size = round((right - left) * zoom), round((bottom - top) * zoom)
    sheet = Image.new("L", size) if below is None else Image.fromarray(below)
    pen = ImageDraw.Draw(sheet)
    for stroke in strokes:
        points = (np.array(stroke["points"], float) - (left, top)) * zoom
        width, grey = stroke["width"] * zoom, 0 if stroke["erase"] else 255
        for start, end in zip(points[:-1], points[1:]):
            pen.line([*start, *end], fill=grey, width=max(1, round(width)))
        for point in points:  # round ends and corners
            pen.circle(tuple(point), width / 2, fill=grey)
    return np.asarray(sheet)


def seen(strokes: list[Stroke], digit: list[int] | None = None) -> np.ndarray:
    """Return the image (28, 28) in [0, 1] that the network gets of a sheet.

    Strokes alone are scaled and centred as MNIST's digits were; a smaller drawing is
    drawn more finely first. With a digit below them, 784 grey levels from 0 to 255,
    everything keeps its place.
    """
    if digit:
        levels = np.array(digit, np.uint8).reshape(28, 28)
        sheet = ink(strokes, below=np.kron(levels, np.ones((CELL, CELL), np.uint8)))
        return sheet.reshape(28, CELL, 28, CELL).mean(axis=(1, 3)) / 255
    drawn = [stroke for stroke in strokes if not stroke["erase"]]
    if not drawn:
        return np.zeros((28, 28))
    ends = [(np.min(s["points"], axis=0) - s["width"] / 2 - 1,
             np.max(s["points"], axis=0) + s["width"] / 2 + 1) for s in drawn]
    low = np.clip(np.min([end[0] for end in ends], axis=0), 0, SIDE - 1)
    high = np.clip(np.max([end[1] for end in ends], axis=0), low + 1, SIDE)
    zoom = np.clip(20 * FINE / max(high - low), 1, FINE)
    return as_mnist(ink(strokes, (*low, *high), zoom))


def as_mnist(drawing: np.ndarray) -> np.ndarray:
    """Scale and centre ink on paper, (rows, columns) in [0, 255], as MNIST did.

    The ink is scaled to fit a box of 20 x 20, keeping its proportions; each new pixel
    is the average of those that it covers, which makes grey edges. The box is then put
    into a field of 28 x 28 so that the centre of mass lies at (14, 14), but never over
    the edge. Returns (28, 28) in [0, 1]; a sheet without ink stays empty.
    """
    rows, columns = (np.flatnonzero(drawing.any(axis=axis)) for axis in (1, 0))
    field = np.zeros((28, 28))
    if len(rows) == 0:
        return field
    cut = drawing[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    height, width = (max(1, round(20 * side / max(cut.shape))) for side in cut.shape)
    small = Image.fromarray(cut).resize((width, height), Image.Resampling.BOX)
    box = np.asarray(small) / 255
    top, left = (_start(box.sum(axis=axis)) for axis in (1, 0))
    field[top:top + height, left:left + width] = box
    return field


def _start(mass: np.ndarray) -> int:
    """Return where mass (n,) must begin in 28 places to have its centre at 14."""
    centre = mass @ np.arange(len(mass)) / mass.sum() if mass.any() else len(mass) / 2
    return int(np.clip(round(14 - centre), 0, 28 - len(mass)))


class Sheet(anywidget.AnyWidget):
    """A sheet to draw on: see sketchpad.js, with which it shares its state."""

    description = "sheet"
    _esm = (HERE / "sketchpad.js").read_text(encoding="utf-8")
    strokes: Any = List().tag(sync=True)  # in units of SIDE, each as told at Stroke
    digit: Any = List().tag(sync=True)  # [] or 784 levels below them, 0 to 255
    original: Any = List().tag(sync=True)  # the digit that was put; Undo ends there
    examples: Any = Dict().tag(sync=True)  # strokes by name, each drawn by a button

    def put(self, strokes: list[Stroke], digit: np.ndarray | None = None) -> None:
        """Show these strokes, and a digit (784,) in [0, 1], in place of all else."""
        levels = [] if digit is None else np.rint(255 * digit.ravel()).astype(int)
        with self.hold_sync(), self.hold_trait_notifications():
            self.strokes, self.digit = strokes, [int(level) for level in levels]
            self.original = self.digit

    @property
    def edited(self) -> bool:
        """Whether anything is there that was not put there."""
        return bool(self.strokes) or self.digit != self.original

    @property
    def image(self) -> np.ndarray:
        """What the network is shown of it, (28, 28) in [0, 1]."""
        return seen(self.strokes, self.digit)
