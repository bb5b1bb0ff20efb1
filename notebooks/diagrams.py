"""Drawings of the network, of its computational graph, and of gradient descent."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

import page
from nn_helpers import sgd, sigmoid_activation
from page import DARK, GREY, LIGHT


def network() -> Figure:
    """Return the full-size network as a chain of shapes, the toy one by its neurons."""
    fig, (chain, toy) = page.subplots(1, 2, height=1.75, width_ratios=[1.25, 1])
    _blank(chain, (0, 10), (0, 7))
    arrays = [("$X$", "$(n, 784)$"), ("hidden", "$(n, 200)$"), ("$g$", "$(n,)$")]
    steps = [("times $W_0$ $(784, 200)$,", "plus $b_0$, ReLU"),
             ("times $W_1$ $(200, 1)$,", "plus $b_1$, sigmoid")]
    for k, (name, shape) in enumerate(arrays):
        _box(chain, 2.4, 6 - 2.5 * k, f"{name}  {shape}", width=4.4)
    for k, lines in enumerate(steps):
        chain.annotate("", (2.4, 4.1 - 2.5 * k), (2.4, 5.4 - 2.5 * k), arrowprops=ARROW)
        chain.text(3, 4.75 - 2.5 * k, "\n".join(lines), va="center", fontsize=8.5,
                   linespacing=1.3)

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

    Values are above and flow to the right, derivatives below and flow to the left.
    """
    fig, ax = page.subplots(height=1.5)
    step = 10 / len(nodes)
    _blank(ax, (0, 10), (-1.1, 1.1))
    for k, (name, value, derivative) in enumerate(nodes):
        x = (k + 0.5) * step
        _box(ax, x, 0, name, width=0.66 * step)
        for y, words, colour in ((0.75, value, DARK), (-0.75, derivative, BACK)):
            ax.text(x, y, words, ha="center", va="center", color=colour, fontsize=8.5)
        if k:
            ax.annotate("", (x - 0.34 * step, 0.1), (x - 0.66 * step, 0.1),
                        arrowprops=ARROW | {"color": DARK})
            ax.annotate("", (x - 0.66 * step, -0.1), (x - 0.34 * step, -0.1),
                        arrowprops=ARROW | {"color": LIGHT})
    return fig


def descent() -> Figure:
    """Return two drawings of gradient descent: the step's size, and the batch's."""
    fig, (curve, plane) = page.subplots(1, 2, height=1.9)
    w = np.linspace(-2.4, 2.4, 200)
    curve.plot(w, w**2, color=GREY, lw=1)
    for step_size, colour, name in [(0.15, LIGHT, "0.15"), (0.93, DARK, "0.93")]:
        path = 2 * (1 - 2 * step_size) ** np.arange(7)  # w - step_size * 2 w, repeated
        curve.plot(path, path**2, "o-", color=colour, ms=3.5, lw=0.9, label=name)
    curve.set(xlabel="one weight", ylabel="loss $J$", ylim=(-0.3, 8.5))
    curve.legend(title="step size", loc="upper center")

    half = np.random.default_rng(0).normal([1.0, 0.4], [1.0, 0.7], (100, 2))
    X, y = np.vstack([half, -half]), np.repeat([1, 0], 100)
    across, up = np.meshgrid(np.linspace(-0.6, 2.6, 80), np.linspace(-1, 2.7, 80))
    s = X @ np.stack([across.ravel(), up.ravel()])
    J = np.logaddexp(0, np.where(y == 1, -s.T, s.T)).mean(axis=1).reshape(80, 80)
    levels = J.min() + 0.45 * np.linspace(0.02, 1, 9) ** 2
    plane.contour(across, up, J, levels, colors=GREY, linewidths=0.6)
    start = np.array([[-0.4], [-0.7]])
    for n, colour, name in [(10, LIGHT, "10"), (200, DARK, "all 200")]:
        steps = sgd(X, y, [start], [np.zeros((1, 1))], [sigmoid_activation],
                    batch_size=n, step_size=1.0, num_epochs=40 * n // 200 or 1, rng=2)
        path = np.array([start, *(W[0] for W, *_ in steps)])[:41, :, 0]
        plane.plot(*path.T, ".-", color=colour, ms=3.5, lw=0.9, label=name)
    plane.set(xlabel="weight 1", ylabel="weight 2")
    plane.legend(title="batch of", loc="upper left", frameon=True, edgecolor="none")
    return fig


ARROW = {"arrowstyle": "-|>", "lw": 0.9, "shrinkA": 0, "shrinkB": 0, "color": "k"}
BACK = "#15705c"  # the green of LIGHT, dark enough to read


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
