"""Record a training run and go back and forth in it."""

import functools
from collections.abc import Container, Iterable, Iterator

import ipywidgets as widgets
import numpy as np
from ipywidgets import HBox
from matplotlib.ticker import LogLocator

from page import GREY, NINE, THREE

from .controls import Dial, Picture, Player, find, swatch, text
from .mistakes import decimals, name_of
from .pictures import HIGH, WIDE, MovingFigure, digit_png, signed_png
from .static_fallback import show

Film = list[tuple[int, tuple]]  # (timestep, network), ...
ROW = 8  # hidden units on show for each digit


def record(steps: Iterable, network: tuple, every: int = 5) -> Film:
    """Run a training to its end, and keep networks on the way for through_time.

    Parameters
    ----------
    steps : what sgd yields: (weight_matrices, biases, ...) after each update
    network : what sgd started from, with activations; it is timestep 0
    every : how many timesteps lie between two networks that are kept

    Returns
    -------
    [(timestep, network), ...] with the first, every so many and the last network, in
    float32 to halve the memory.
    """
    film = [(0, compact(*network))]
    for _ in filming(steps, film, range(0, 10**9, every)):
        pass
    return film


def compact(weights: list, biases: list, activations: list, copy: bool = True) -> tuple:
    """Return a network in float32, with arrays of its own unless copy is False."""
    return *([a.astype(np.float32, copy=copy) for a in part]
             for part in (weights, biases)), activations


def filming(steps: Iterable, film: Film, kept: Container[int]) -> Iterator[tuple]:
    """Go through steps, yielding (timestep, loss, accuracy), and prolong their film."""
    for t, (weights, biases, *rest) in enumerate(steps, start=1):
        if film[-1][0] not in kept:
            film.pop()
        film.append((t, compact(weights, biases, film[0][1][2], copy=t in kept)))
        yield t, *rest


class Mosaic(widgets.VBox):
    """What hidden units look for at a moment of a film, in tiles.

    Signed so that ink on a positive pixel then raises the logit. At the film's end they
    have the largest effect on it of those that push towards 9, above, and towards 3.
    """

    def __init__(self, film: Film):
        self.view = Picture("weights", 3 * (29 * ROW - 1), 3 * (29 * 2 - 1))
        super().__init__([text("weights-heading", WIDE, 2, (
            f"<b>What up to {2 * ROW} hidden units look for</b>: when one is on, ink "
            f"on {swatch(NINE)} raises the logit, on {swatch(THREE)} lowers it. Some "
            "or all may be off. White: small next to the final weights. If on at the "
            "end, those above push towards 9, those below towards 3.")), self.view])
        self.film = film
        self.effects = [  # of each unit on the logit, at each moment
            functools.reduce(lambda effect, W: W @ effect, later[::-1], np.ones(1))
            for _, ((_, *later), *_) in film]
        first, effect = film[-1][1][0][0], self.effects[-1]
        order = np.argsort(-abs(effect) * np.linalg.norm(first, axis=0))
        self.rows = [order[effect[order] > 0][:ROW], order[effect[order] <= 0][:ROW]]
        self.largest = float(np.quantile(abs(self.tiles(-1)), 0.995))  # saturates

    def tiles(self, index: int) -> np.ndarray:
        """Return the tiles at a moment, (2 ROW, 784)."""
        first = (self.film[index][1][0][0] * np.sign(self.effects[index])).T
        filled = np.zeros((2, ROW, first.shape[1]))
        for tiles, units in zip(filled, self.rows):
            tiles[:len(units)] = first[units]
        return filled.reshape(2 * ROW, -1)

    def show(self, index: int) -> None:
        """Show a moment of the film."""
        self.view.show(signed_png(self.tiles(index), self.largest, 2, ROW),
                       f"The weights of the strongest hidden units at timestep "
                       f"{self.film[index][0]}.")


def fate(film: Film, image: np.ndarray, label: float) -> np.ndarray:
    """Return the probability that image's true digit gets at each moment, (moments,).

    Blank pixels, six of seven, add nothing and are left out with their weights.
    """
    x = image.ravel().astype(np.float32)
    inked = np.flatnonzero(x)
    networks = [network for _, network in film]
    first, *later = networks[0][2]
    s = np.stack([x[inked] @ Ws[0][inked] + bs[0] for Ws, bs, _ in networks])
    out, _ = first(s)
    for k, activation in enumerate(later, start=1):  # out is (moments, 1, neurons)
        W, b = (np.stack([network[part][k] for network in networks]) for part in (0, 1))
        out, _ = activation(out @ W + b)
    g = out[:, 0, 0]
    return g if label > 0.5 else np.nextafter(1 - g, 2)  # a tie means a 3


def spells(right: np.ndarray, times: np.ndarray) -> str:
    """Return in words at which of the times kept (n,) a digit was right (n,)."""
    starts, ends = np.flatnonzero(np.diff([0, *right, 0])).reshape(-1, 2).T - [[0], [1]]
    parts = [f"{times[a]}&ndash;{times[b]}" if b > a else f"{times[a]}"
             for a, b in zip(starts, ends)]
    if len(parts) > 6:
        parts[2:-2] = [f"{len(parts) - 4} more stretches"]
    end = ", which is the last" if right[-1] else ", and at no later one"
    return (f"Timesteps kept: {len(times)}, from 0 to {times[-1]}. Among these, the "
            f"digit was right at {', '.join(parts) + end if parts else 'none'}.")


class Curves(MovingFigure):
    """The figure of a film: loss, mistakes, and how one digit fares in two of them."""

    def __init__(self, history: dict[str, np.ndarray], times: np.ndarray):
        super().__init__()
        loss, mistakes, digit = self.axes
        for ax, kind, title in [(loss, "loss", "loss"),
                                (mistakes, "accuracy", "share of mistakes")]:
            ax.set(title=title)
            for part, name, colour, lw in [("train", "mini-batches", NINE, 0.7),
                                           ("test", "test set", THREE, 1.4)]:
                numbers = np.array(history.get(f"{part}_{kind}", []))
                if len(numbers):
                    x, y = (self.means(numbers, 300, 0) if ax is loss else
                            self.means(1 - numbers, 300, self.LEAST))
                    ax.plot(x, y, "o-"[len(x) > 1], label=name, color=colour, lw=lw)
        if loss.lines:
            loss.legend(loc="lower left")
        numbers = np.concatenate([line.get_ydata() for line in loss.lines] or [[1.0]])
        if numbers.max() > 5 * numbers.min():  # else a log axis may have no number
            loss.set_yscale("log")
            wide = numbers.max() > 1000 * numbers.min()
            loss.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
            loss.yaxis.set_major_formatter("{x:g}")
        self.percents(mistakes)
        digit.set(title="probability of its true digit", ylim=(-0.02, 1.02))
        digit.axhline(0.5, color=GREY, lw=0.9)
        self.mine, self.other = (
            self.line(digit, style, color=colour, lw=0.9, ms=2.5)
            for style, colour in [(".-", "k"), (".--", GREY)])
        self.cursors = [ax.axvline(color="k", lw=1.6, alpha=0.6, animated=True)
                        for ax in self.axes]
        powers = (0, 1, 2, 5) if times[-1] < 10 else (0, 10, 100, 1000, 10000)
        marks = [t for t in powers if t <= times[-1]]
        for ax in self.axes:
            ax.set_xscale("symlog", linthresh=10, linscale=0.5)
            ax.set_xticks(marks, [f"{t:,}" for t in marks])
            ax.minorticks_off()
            ax.set(xlabel="timestep", xlim=(0, 1.05 * max(times[-1], 1)))


class TimeLine(widgets.VBox):
    """The viewer of through_time; number may be another viewer's dial for the digit."""

    def __init__(self, film: Film, history: dict[str, np.ndarray], images: np.ndarray,
                 y: np.ndarray, number: Dial | None = None):
        self.film, self.history, self.images, self.y = film, history, images, y
        self.other: tuple[str, Film] = "", []
        self.times = np.array([t for t, _ in film])
        self.curves = Curves(history, self.times)
        self.number = number or Dial("image", [], 0, (int, 0, len(images) - 1))
        texts = [str(t) for t in self.times]
        self.place = Dial("timestep", list(zip(texts, range(len(film)))), 0)
        self.digit = Picture("followed", 84, 84)
        self.chart = Picture(  # each moment is a place in each of the curves
            "curves", WIDE, HIGH,
            lambda place: setattr(self.place, "value", place % len(film)))
        self.chart.places = [[x, y, f"timestep {t}"] for ax in self.curves.axes
                             for x, y, t in self.curves.places(ax, texts, self.times)]
        self.mosaic = Mosaic(film)
        self.now = text("now announced", WIDE - 110, 2)
        self.fate = text("fate", WIDE - 110, 2)
        super().__init__([
            HBox([self.place, Player("the training", self.place, 150), self.number]),
            HBox([self.digit, widgets.VBox([self.now, self.fate])]),
            self.chart, self.mosaic])
        self.choose_digit()
        self.place.observe(self.choose_moment, names="value")
        self.number.observe(self.choose_digit, names="value")

    def release(self) -> None:
        """Follow no longer the dial of another viewer."""
        self.number.unobserve(self.choose_digit, names="value")

    def compare(self, other: tuple[str, Film] | None) -> None:
        """Show another run's answers, too: its name and film are given."""
        self.other = other or ("", [])
        self.choose_digit()

    def choose_digit(self, _change: object = None) -> None:
        """Show another digit: its picture, its fate and the curve of that."""
        k = self.number.value
        self.chances = fate(self.film, self.images[k], self.y[k])
        self.curves.mine.set_data(self.times, self.chances)
        _, film = self.other
        self.others = fate(film, self.images[k], self.y[k]) if film else np.array([])
        self.curves.other.set_data([t for t, _ in film], self.others)
        self.fate.value = spells(self.chances > 0.5, self.times)
        self.digit.show(
            digit_png(self.images[k]), f"Image {k}, a {name_of(self.y[k])}.")
        self.choose_moment()

    def choose_moment(self, _change: object = None) -> None:
        """Show another moment: the curves' cursor, the weights and the numbers."""
        index = self.chart.at = self.place.value
        self.place.note.value = self.number.note.value = ""
        t, k, chance = self.times[index], self.number.value, self.chances[index]
        for cursor in self.curves.cursors:
            cursor.set_xdata([t, t])
        self.mosaic.show(index)
        moment = f"Timestep {t}" + ("" if t else ", before the first update")
        if t and len(self.history.get("test_loss", [])):
            loss, hits = (self.history[f"test_{kind}"][t - 1]
                          for kind in ("loss", "accuracy"))
            moment += f": test loss {loss:.3f}, test accuracy {hits:.2%}"
        verdict = "right" if chance > 0.5 else "wrong"
        answer = (f"Image {k} is a {name_of(self.y[k])}, and the network gives that a "
                  f"probability of {decimals(chance)}: {verdict}")
        name, film = self.other
        compared = (f" <br>Dashed: {name}, which ends at {decimals(self.others[-1])}, "
                    f"timestep {film[-1][0]}." if film else "")
        self.now.value = f"<b>{moment}.</b> <br>{answer}.{compared}"
        self.chart.show(self.curves.png(), "Curves of loss, mistakes, probability. "
                        f"{moment}. {answer}.")


def through_time(film: Film, history: dict[str, np.ndarray], images: np.ndarray,
                 y: np.ndarray, follow: widgets.Widget | None = None) -> widgets.Widget:
    """Show a slider over a training run: the curves, the weights, and one digit's fate.

    film is what record returns, and history what train returns of the same run. The box
    "image" chooses one of images, (n, 28, 28) or (n, 784) in [0, 1], whose labels are
    y (n,). follow is a viewer made by look_into, which then shows the same digit.
    """
    line = TimeLine(film, history, images, y, follow and find(follow, "image"))
    last = len(film) - 1
    early = np.unique(np.rint(last * np.linspace(0, 1, 16) ** 2).astype(int)).tolist()
    show(line, "Here a slider goes through the training.", line.place, early)
    return line
