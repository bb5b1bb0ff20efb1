"""Training as a slider: at each place a network that was trained from scratch."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import ClassVar

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from nn_helpers import (
    create_bias_vectors,
    create_weight_matrices,
    relu_activation,
    sgd,
    sigmoid_activation,
)
from page import GREY, NINE, THREE

from .film import ROW, TimeLine, unit_tiles
from .mistakes import Pager
from .parts import LABEL, Dial, number_box, picture, row, swatch, text, whole
from .pictures import RUNS, SHARP, mosaic_png, painter
from .reasons import probabilities
from .stand_in import show

WIDE, HIGH = 780, 250  # the curves, in the browser's pixels

STEP_SIZES = [m * 10.0**k for k in range(-3, 2) for m in (1, 1.5, 2, 3, 5, 7)] + [100.0]
HIDDEN = [1, 2, 3, 5, 10, 20, 50, 100, 200, 400]
EPOCHS = [*range(1, 11), 15, 20, 30]
BATCH_SIZES = [1, 10, 20, 50, 100, 200, 500, 1000, 5000]  # and all

ACTIVATIONS = [relu_activation, sigmoid_activation]

SLICE = 0.01  # seconds of training, after which the kernel hears its other messages
PAUSE = 0.002  # seconds in which it does
BINS = 60  # of timesteps, each as wide as the next on a log axis
MOMENTS = 60  # of a run that are kept


@dataclass
class Run:
    """What is told of one training."""

    settings: dict
    name: str
    outcome: str = "training"
    losses: list[float] = field(default_factory=list)
    film: list[tuple[int, tuple]] = field(default_factory=list)
    newest: tuple = ()  # (timestep, parameters)
    network: tuple = ()
    wrong: int | None = None  # test digits


class Data:
    """The arrays of train_yourself, and X in single precision without blank pixels."""

    def __init__(self, X_train: np.ndarray, y_train: np.ndarray, X_test: np.ndarray,
                 y_test: np.ndarray):
        self.X_train, self.y_train = X_train, y_train
        self.X_test, self.y_test = X_test, y_test
        self.inked = np.any(X_train, axis=0)
        self.X = X_train[:, self.inked].astype(np.float32)

    def start(self, settings: dict) -> tuple:
        """Return (weights, biases, rng): as the same seed gives them elsewhere."""
        rng = np.random.default_rng(settings["seed"])
        layer_dims = [self.X_train.shape[1], settings["hidden"], 1]
        weights = create_weight_matrices(layer_dims, rng)
        biases = create_bias_vectors(layer_dims)
        return ([W.astype(np.float32) for W in weights],
                [b.astype(np.float32) for b in biases], rng)

    def training(self, settings: dict) -> Iterator[tuple]:
        """Yield (loss, (weights, biases)) at each update, leaving out blank pixels.

        The first is from before all updates and has no loss.
        """
        (W, *later), b, rng = self.start(settings)
        Ws = [W[self.inked], *later]
        options = {k: settings[k] for k in ("step_size", "batch_size", "num_epochs")}
        yield np.nan, (Ws, b)
        steps = sgd(self.X, self.y_train, Ws, b, ACTIVATIONS, rng=rng, **options)
        for weights, biases, loss, _ in steps:
            yield loss, (weights, biases)

    def network(self, settings: dict, parameters: tuple) -> tuple:
        """Return the network of what training yields, with all pixels' weights."""
        (W, *later), biases = parameters
        first = self.start(settings)[0][0]
        first[self.inked] = W
        return [first, *later], biases, ACTIVATIONS


def updates_of(settings: dict, N: int) -> int:
    """Return how many updates N training examples make of these settings."""
    return settings["num_epochs"] * -(-N // settings["batch_size"])


def name_for(settings: dict, N: int) -> str:
    """Return the settings as a name, for N training examples."""
    batch = "all" if settings["batch_size"] == N else settings["batch_size"]
    return (f"step size {settings['step_size']:g}, hidden {settings['hidden']}, "
            f"batch {batch}, epochs {settings['num_epochs']}, seed {settings['seed']}")


def binned(losses: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return (timesteps, mean losses) in bins that are equally wide on a log axis."""
    if not losses:
        return np.array([]), np.array([])
    edges = np.unique(np.rint(np.geomspace(1, len(losses) + 1, BINS)).astype(int))
    starts, sizes = edges[:-1], np.diff(edges)
    return starts + (sizes - 1) / 2, np.add.reduceat(losses, starts - 1) / sizes


def curves(longest: int, m: int) -> Callable[..., bytes]:
    """Return paint(runs, chances), which draws the runs as a PNG.

    longest is how many updates there is room for, m how many test digits there are.
    chances are the probabilities that the last run's network gives to the true digits
    of the mistakes of the first.
    """
    fig = Figure(figsize=(WIDE / 96, HIGH / 96), dpi=96 * SHARP, layout="constrained")
    loss, ends, sure = fig.subplots(1, 3)
    loss.set(title="mini-batch loss", xlabel="timestep", xscale="log", yscale="log",
             xlim=(0.9, longest * 1.1), ylim=(0.003, 40))
    loss.axhline(np.log(2), color="k", lw=0.8, ls=":")
    ends.set(title="test digits wrong", xlabel="step size", xscale="log", yscale="log",
             xlim=(STEP_SIZES[0] / 1.5, STEP_SIZES[-1] * 1.5), ylim=(m / 120, m * 0.7))
    ticks = [m / 100, m / 50, m / 20, m / 10, m / 2]
    ends.set_yticks(ticks, ["1%", "2%", "5%", "10%", "50%"])
    ends.minorticks_off()
    sure.set(title="the first network's mistakes", ylim=(-0.03, 1.03), xlim=(-0.5, 1),
             xlabel="each mistake", ylabel="probability of its digit", xticks=[])
    sure.axhline(0.5, color=GREY, lw=0.9)
    lines = [loss.plot([], [], color=colour, lw=1)[0] for colour in RUNS]
    (tried,) = ends.plot([], [], "o", color=GREY, ms=4)
    (here,) = ends.plot([], [], "o", color=NINE, ms=7, mec="k", mew=0.7)
    (dots,) = sure.plot([], [], "o", color=THREE, ms=3.5)
    paint = painter(fig, [*lines, tried, here, dots])

    def draw(runs: list[Run], places: list, chances: np.ndarray) -> bytes:
        for line, run in zip_longest(lines, runs):
            line.set_data(*(binned(run.losses) if run else ([], [])))
        tried.set_data(*np.reshape(places, (-1, 2)).T)
        here.set_data(*np.reshape(places[-1:], (-1, 2)).T)
        dots.set_data(np.linspace(-0.45, 0.95, len(chances)), chances)
        return paint()

    return draw


def setting_dials(N: int) -> dict[str, Dial]:
    """Return a dial for each setting, for N training examples."""
    def numbers(values):
        return [(f"{value:g}", value) for value in values]

    sizes = numbers([n for n in BATCH_SIZES if n < N]) + [(f"all {N}", N)]
    return {
        "step_size": Dial("step size", numbers(STEP_SIZES), 0.1, _positive),
        "hidden": Dial("hidden units", numbers(HIDDEN), 200, whole(1, 2000)),
        "num_epochs": Dial("epochs", numbers(EPOCHS), 5, whole(1, 100)),
        "batch_size": Dial("batch size", sizes, min(100, N), whole(1, N)),
        "seed": Dial("seed", numbers(range(21)), 0, whole(0, 10**6)),
    }


def _positive(typed: str) -> float:
    """Return the number that is typed, if it can be a step size."""
    try:
        value = float(typed)
    except ValueError:
        value = np.nan
    if not 1e-6 <= value <= 1000:
        raise ValueError("a number from 0.000001 to 1000 is.")
    return value


class Trainer:
    """The viewer of train_yourself: its widgets, its runs, and the training under way.

    networks collects the network of each run on show under the run's name.
    """

    latest: ClassVar[Run | None] = None  # of all trainers, so that only one run trains

    def __init__(self, data: Data, networks: dict[str, tuple]):
        self.data, self.networks = data, networks
        Trainer.latest = None  # a cell that is run again ends the run it began
        self.runs: list[Run] = []
        self.places: list[tuple[float, int]] = []  # (step size, wrong) of all runs
        self.mistakes = np.array([], int)  # of the first network
        self.room = 0
        self.dials = setting_dials(len(data.X))
        for dial in self.dials.values():
            dial.observe(self.start, names="value")

        self.stop_button = widgets.Button(
            description="Stop", icon="stop", disabled=True)
        self.pager_button = widgets.Button(description="Look into its mistakes")
        self.film_button = widgets.Button(description="Go through its training")
        self.stop_button.on_click(self.stop)
        self.pager_button.on_click(self.open_mistakes)
        self.film_button.on_click(self.open_film)
        for button in (self.pager_button, self.film_button):
            button.layout.width, button.disabled = "auto", True
        self.bar = widgets.FloatProgress(
            min=0, max=1, description="progress", style=LABEL,
            layout=widgets.Layout(width="400px", max_width="100%"))
        self.status, self.table = text("status", WIDE, said=True), text("runs", WIDE)
        self.view = picture("run-curves", WIDE, HIGH, pixels=False)
        self.weights = picture("run-weights", 3 * (29 * ROW - 1), 3 * (29 * 2 - 1))
        self.below = widgets.VBox()
        self.status.value = "Move a slider: the network is trained anew at each place."
        self.draw(np.array([]))

    def box(self) -> widgets.VBox:
        """Return all widgets, laid out."""
        buttons = row(self.stop_button, self.pager_button, self.film_button)
        return widgets.VBox([*self.dials.values(), self.bar, self.status, buttons,
                             self.view, self.weights, self.table, self.below])

    def start(self, _change: object = None) -> None:
        """Train with the chosen settings; a run under way is overtaken."""
        settings = {name: dial.value for name, dial in self.dials.items()}
        run = Run(settings, name_for(settings, len(self.data.X)))
        Trainer.latest = run
        self.stop_button.disabled = False
        # Kept here, because a task that nothing refers to may vanish half-way.
        self.task = asyncio.get_running_loop().create_task(self.train(run))

    def stop(self, _button: widgets.Button) -> None:
        """Let the training end after its current update."""
        Trainer.latest = None

    async def train(self, run: Run) -> None:
        """Train in slices of time, until the end or until the run is overtaken."""
        try:
            for share in self.slices(run):
                self.bar.value = share
                self.status.value = f"Training: {share:.0%} of {run.name}."
                await asyncio.sleep(PAUSE)
                if Trainer.latest is not run:
                    break
            run.outcome = "finished" if share == 1 else f"stopped at {share:.0%}"
        except ValueError as error:  # a weight grew beyond all numbers
            run.outcome = f"broke down: {error}"
        except KeyboardInterrupt:
            run.outcome = "interrupted"
        if Trainer.latest in (run, None):  # nothing else has begun meanwhile
            self.finish(run)

    def slices(self, run: Run) -> Iterator[float]:
        """Train, and yield after each slice what share is done."""
        total = updates_of(run.settings, len(self.data.X))
        every, end = -(-total // MOMENTS), 0.0
        for t, (loss, parameters) in enumerate(self.data.training(run.settings)):
            run.newest = t, parameters
            run.losses += [loss] * (t > 0)
            if t % every == 0:
                run.film.append(run.newest)
            if t == total or time.perf_counter() >= end:
                yield t / total
                end = time.perf_counter() + SLICE

    def finish(self, run: Run) -> None:
        """Show what has come of a run."""
        Trainer.latest = None
        self.stop_button.disabled = True
        self.status.value = f"{run.name}: {run.outcome}."
        if run.newest:
            if run.film[-1][0] != run.newest[0]:
                run.film.append(run.newest)
            run.network = self.data.network(run.settings, run.newest[1])
            self.add(run)

    def add(self, run: Run) -> None:
        """Show the network of a run, its place among the others, and keep it."""
        g = probabilities(run.network, self.data.X_test)
        wrong = (g > 0.5) != (self.data.y_test > 0.5)
        run.wrong = int(wrong.sum())
        self.status.value += (f" Test accuracy {1 - wrong.mean():.2%}: "
                              f"{run.wrong:,} of {len(wrong):,} digits are wrong.")
        if not self.runs:
            self.mistakes = np.flatnonzero(wrong)
        self.runs = [r for r in self.runs if r.name != run.name][-len(RUNS) + 1:]
        self.runs.append(run)
        self.places.append((run.settings["step_size"], max(run.wrong, 1)))
        self.networks.clear()
        self.networks.update({r.name: r.network for r in self.runs})
        for button in (self.pager_button, self.film_button):
            button.disabled = False
        self.film_button.disabled = not run.film
        self.below.children = ()
        y = self.data.y_test[self.mistakes]
        self.draw(np.where(y > 0.5, g[self.mistakes], 1 - g[self.mistakes]))

    def draw(self, chances: np.ndarray) -> None:
        """Show the runs: their curves, the newest one's hidden units, and the table."""
        longest = max((len(run.losses) for run in self.runs), default=1000)
        if longest > self.room:
            self.room = max(1000, 2 * longest)
            self.paint = curves(self.room, len(self.data.y_test))
        self.view.value = self.paint(self.runs, self.places, chances)
        self.table.value = runs_table(self.runs, len(self.data.y_test))
        if not self.runs:
            return
        newest = self.runs[-1]
        tiles, largest = unit_tiles([(0, newest.network)])
        self.weights.value = mosaic_png(tiles(0), largest, ROW)
        self.view.tooltip = (f"Loss, mistakes, certainty of {len(self.runs)} runs; the "
                             f"newest has {newest.wrong} digits wrong.")
        self.weights.tooltip = f"The weights of hidden units of {newest.name}."

    def open_mistakes(self, _button: widgets.Button) -> None:
        """Look into the digits that the newest network gets wrong."""
        data = self.data
        pager = Pager(self.runs[-1].network, data.X_test, data.y_test, data.X_train,
                      data.y_train)
        self.below.children = [pager.box()]

    def open_film(self, _button: widgets.Button) -> None:
        """Go back and forth in the newest run."""
        run, data = self.runs[-1], self.data
        film = [(t, data.network(run.settings, parameters))
                for t, parameters in run.film]
        history = {"train_loss": np.array(run.losses)}
        line = TimeLine(film, history, data.X_test, data.y_test,
                        number_box("image", len(data.y_test) - 1))
        line.number.value = int(next(iter(self.mistakes), 0))
        self.below.children = [line.box()]


def runs_table(runs: list[Run], m: int) -> str:
    """Return an HTML table of the runs, newest first, in the colours of their curves.

    m is how many test digits there are.
    """
    def cells(k, run):
        accuracy = f"{1 - run.wrong / m:.2%}"
        return (f"<tr><td>{swatch(RUNS[k])}</td><td>{run.name}</td>"
                f"<td>{run.outcome}</td><td>{accuracy}</td></tr>")

    head = ("<tr><th>curve</th><th>settings</th><th>outcome</th>"
            "<th>test accuracy</th></tr>")
    body = "".join(cells(k, run) for k, run in reversed(list(enumerate(runs))))
    return f'<table class="runs" style="border-spacing:8px 1px">{head}{body}</table>'


def train_yourself(
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
    network: tuple | None = None,
    history: dict[str, np.ndarray] | None = None,
    networks: dict[str, tuple] | None = None,
) -> widgets.Widget:
    """Show a slider for each setting of a training; every place trains from scratch.

    X_train is (N, 784) and X_test (n, 784), with labels y_train and y_test. A network
    that was trained with the settings at which the sliders stand, and its history from
    train, are the first run. The networks of the runs on show are put into the
    dictionary networks, each under the name of its run. The training itself happens
    between the kernel's other work, in slices: see SLICE.
    """
    data = Data(X_train, y_train, X_test, y_test)
    trainer = Trainer(data, {} if networks is None else networks)
    if network is not None:
        settings = {name: dial.value for name, dial in trainer.dials.items()}
        losses = [] if history is None else list(history["train_loss"])
        trainer.status.value = "The run above."
        trainer.add(Run(settings, "the run above", "finished", losses, [], (), network))
    viewer = trainer.box()
    show(viewer, "Here each place of a slider is a network, trained from scratch.")
    return viewer
