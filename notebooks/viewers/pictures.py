"""Pictures fast enough to follow a slider: arrays in, PNG files out.

A picture of pixels has one pixel for each, which the page shows as a square. A figure
that moves is drawn once, and then only its moving parts.
"""

import functools
import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike
from PIL import Image

from page import GREY, NINE, THREE

WIDE, HIGH = 780, 250  # a figure that moves, in the browser's pixels
SHARP = 1.5  # a figure has this many pixels for each of the browser's

# Of runs: colours that colour-blind readers tell apart (Okabe and Ito).
RUNS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"]

# Inks of the first 255 palette entries, and one more for the gaps in a mosaic.
MIDDLE, GAP = 127, 255


def _ramp(n: int, *stops: str) -> list[int]:
    """Return n colours through these stops, as a flat list of red, green and blue."""
    parts = [np.interp(np.linspace(0, len(stops) - 1, n), range(len(stops)), part)
             for part in zip(*map(to_rgb, stops))]
    return np.rint(255 * np.transpose(parts)).astype(int).ravel().tolist()


PAPER_TO_INK = [*_ramp(255, "white", "black"), *3 * [0xD9]]
THREE_TO_NINE = [*_ramp(255, THREE, "white", NINE), *3 * [0xD9]]
# In a figure each colour fades into the paper, and NINE also into a black edge. What is
# nearly white is left out, for Pillow, which rounds, would take it for white.
FIGURE = Image.new("P", (1, 1))
FIGURE.putpalette([255] * 3 + _ramp(41, "white", NINE, "black")[9:] + [
    part for colour in (GREY, THREE, *RUNS)
    for part in _ramp(24, "white", colour)[6:]])


def _encoded(picture: Image.Image, compress_level: int = 1, bits: int = 8) -> bytes:
    """Return the picture as a PNG; by default encoded for speed, not for size."""
    png = io.BytesIO()
    picture.save(png, format="png", compress_level=compress_level, bits=bits)
    return png.getvalue()


def small(png: bytes) -> bytes:
    """Return a PNG in fewer bytes, with 16 colours, for a page with many of them."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.thumbnail((WIDE, WIDE), Image.Resampling.BOX)  # a figure, which is SHARP
    return _encoded(picture.quantize(
        16, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE),
        compress_level=7, bits=4)


def digit_png(images: np.ndarray, rows: int = 1, columns: int = 1) -> bytes:
    """Return digits in [0, 1] as a PNG of black ink on paper, with room for so many.

    images is one, (28, 28) or (784,), or some side by side, (n, 784).
    """
    inks = np.rint(254 * np.clip(images, 0, 1))
    return _tiled(inks, rows, columns, PAPER_TO_INK, 0)


def signed_png(values: np.ndarray, largest: float, rows: int = 1,
               columns: int = 1) -> bytes:
    """Return signed pictures as a PNG: blue at -largest, white at 0, orange at largest.

    Their shape is as for digit_png.
    """
    share = np.clip(values / largest, -1, 1) if largest > 0 else np.zeros_like(values)
    inks = MIDDLE + np.rint(MIDDLE * share)
    return _tiled(inks, rows, columns, THREE_TO_NINE, MIDDLE)


def _tiled(inks: np.ndarray, rows: int, columns: int, palette: list[int],
           blank: int) -> bytes:
    inks = inks.reshape(-1, 28, 28)
    tiles = np.full((rows * columns, 29, 29), GAP)
    tiles[:, :28, :28] = blank
    tiles[:len(inks), :28, :28] = inks
    whole = tiles.reshape(rows, columns, 29, 29).swapaxes(1, 2).reshape(rows * 29, -1)
    picture = Image.fromarray(whole[:-1, :-1].astype(np.uint8))
    picture.putpalette(palette)
    return _encoded(picture)


class MovingFigure:
    """Three pairs of axes; all but their animated lines is drawn once.

    Each PNG then takes a few milliseconds instead of fifty.
    """

    LEAST = 0.005  # a smaller share is drawn here: a logarithmic axis has no 0

    def __init__(self):
        self.fig = Figure((WIDE / 96, HIGH / 96), dpi=96 * SHARP, layout="constrained")
        self.canvas, self.axes = FigureCanvasAgg(self.fig), self.fig.subplots(1, 3)

    @staticmethod
    def line(ax: Axes, style: str = "-", **options) -> Line2D:
        """Return an empty animated line in ax."""
        return ax.plot([], [], style, animated=True, **options)[0]

    @functools.cached_property
    def drawn(self) -> tuple:
        """What is drawn once, and the artists that are not."""
        self.canvas.draw()
        return (self.canvas.copy_from_bbox(self.fig.bbox),
                self.fig.findobj(lambda artist: artist.get_animated()))

    def png(self) -> bytes:
        """Return the figure as it is now."""
        still, animated = self.drawn
        self.canvas.restore_region(still)
        for artist in sorted(animated, key=lambda artist: artist.zorder):
            self.fig.draw_artist(artist)
        whole = Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")
        # In 256 colours, which takes a fifth of the time.
        return _encoded(whole.quantize(palette=FIGURE, dither=Image.Dither.NONE))

    def places(self, ax: Axes, words: Sequence[str], x: ArrayLike,
               y: ArrayLike | None = None) -> list[list]:
        """Return the places of points in ax, for Picture; without y half-way up it."""
        assert self.drawn  # for where axes are is known once they are drawn
        way = ax.get_xaxis_transform() if y is None else ax.transData
        y = np.full(np.shape(x), 0.5) if y is None else y
        points = way.transform(np.column_stack([x, y]))
        shares = abs([0, 1] - points / self.fig.bbox.size)
        return [[*share, word] for share, word in zip(shares.tolist(), words)]

    def percents(self, ax: Axes) -> None:
        """Give axes of shares, of at least LEAST, a logarithmic scale in per cent."""
        ax.set(yscale="log", ylim=(0.9 * self.LEAST, 1.1))
        ax.set_yticks([self.LEAST, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
                      ["≤0.5%", "1%", "2%", "5%", "10%", "50%", "100%"])
        ax.minorticks_off()

    @staticmethod
    def means(numbers: list | np.ndarray, bins: int,
              least: float) -> tuple[np.ndarray, np.ndarray]:
        """Return timesteps, and mean numbers, or least, in bins of a log axis."""
        edges = np.unique(np.rint(np.geomspace(1, len(numbers) + 1, bins)).astype(int))
        starts, sizes = edges[:-1], np.diff(edges)
        means = np.add.reduceat(numbers, starts - 1) / sizes
        return starts + (sizes - 1) / 2, np.maximum(means, least)
