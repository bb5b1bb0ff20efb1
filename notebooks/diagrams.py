"""Drawings of the network and of its computational graph."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

import page
from page import GREY, NINE, THREE


def network() -> Figure:
    """Return the full-size network as a chain of shapes, the toy one by its neurons."""
    fig, (chain, toy) = page.subplots(1, 2, height=2.1, width_ratios=[1.25, 1])
    _blank(chain, (0, 10), (0, 7))
    arrays = [("$X$", "$(n, 784)$"), ("hidden", "$(n, 200)$"), ("$g$", "$(n,)$")]
    steps = [("times $W_0$ $(784, 200)$,", "plus $b_0$, ReLU"),
             ("times $W_1$ $(200, 1)$,", "plus $b_1$, sigmoid")]
    for k, (name, shape) in enumerate(arrays):
        _box(chain, 2.4, 6 - 2.5 * k, f"{name}  {shape}", width=4.4)
    for k, lines in enumerate(steps):
        chain.annotate("", (2.4, 4.1 - 2.5 * k), (2.4, 5.4 - 2.5 * k), arrowprops=ARROW)
        chain.text(3, 4.75 - 2.5 * k, "\n".join(lines), va="center", linespacing=1.5)

    _blank(toy, (-0.6, 6.2), (0, 5))
    layers = [[(0.2, 4.3 - 1.2 * k) for k in range(4)], [(2.9, 3.3), (2.9, 1.7)],
              [(5.4, 2.5)]]
    names = [[f"$x_{k}$" for k in (1, 2, 3, 4)], ["$u$", "$v$"], ["$g$"]]
    for left, right in zip(layers, layers[1:]):
        for start in left:
            for end in right:
                toy.plot(*zip(start, end), color=GREY, lw=0.8, zorder=0)
    for places, words in zip(layers, names):
        for place, word in zip(places, words):
            toy.add_patch(Circle(place, 0.38, fc="white", ec="k", lw=0.9))
            toy.text(*place, word, ha="center", va="center")
    toy.text(2.9, 0.75, "ReLU", ha="center", color="#555555")
    toy.text(5.4, 1.55, "sigmoid", ha="center", color="#555555")
    return fig


def graph(nodes: Sequence[tuple[str, str, str]]) -> Figure:
    """Return a computational graph in one row, for nodes (name, value, derivative).

    Values stand above and flow to the right, derivatives below and flow to the left.
    """
    fig, ax = page.subplots(height=1.5)
    step = 10 / len(nodes)
    _blank(ax, (0, 10), (-1.1, 1.1))
    for k, (name, value, derivative) in enumerate(nodes):
        x = (k + 0.5) * step
        _box(ax, x, 0, name, width=0.66 * step)
        for y, words, colour in ((0.75, value, THREE), (-0.75, derivative, BACK)):
            ax.text(x, y, words, ha="center", va="center", color=colour, fontsize=8.5)
        if k:
            ax.annotate("", (x - 0.34 * step, 0.1), (x - 0.66 * step, 0.1),
                        arrowprops=ARROW | {"color": THREE})
            ax.annotate("", (x - 0.66 * step, -0.1), (x - 0.34 * step, -0.1),
                        arrowprops=ARROW | {"color": NINE})
    return fig


ARROW = {"arrowstyle": "-|>", "lw": 0.9, "shrinkA": 0, "shrinkB": 0, "color": "k"}
BACK = "#a04f00"  # the orange of NINE, dark enough to read


def _box(ax: Axes, x: float, y: float, words: str, width: float) -> None:
    height = 0.2 * abs(ax.get_ylim()[1] - ax.get_ylim()[0]) * 0.75
    ax.add_patch(FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height,
        boxstyle="round,pad=0.02", fc="#f5f5f5", ec="k", lw=0.8))
    ax.text(x, y, words, ha="center", va="center", fontsize=9)


def _blank(ax: Axes, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Make ax a sheet with these ranges, without axes."""
    ax.set(xlim=x, ylim=y)
    ax.axis("off")
