"""Training as a slider: each place is a network, trained from scratch."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import ClassVar

import ipywidgets as widgets
import numpy as np
from threadpoolctl import ThreadpoolController

from nn_helpers import (
    create_bias_vectors,
    create_weight_matrices,
    relu_activation,
    sgd,
    sigmoid_activation,
)
from page import GREY, NINE, THREE

from .film import ROW, TimeLine, mosaic_heading, mosaic_picture, unit_tiles
from .mistakes import Pager
from .parts import LABEL, Dial, picture, reader, row, swatch, text
from .pictures import RUNS, WIDE, log_percents, mosaic_png, painter, strip
from .reasons import probabilities
from .static_fallback import show

HIGH = 250  # the curves, in the browser's pixels

STEP_SIZES = [m * 10.0**k for k in range(-3, 2) for m in (1, 1.5, 2, 3, 5, 7)] + [100.0]
HIDDEN = [1, 2, 3, 5, 10, 20, 50, 100, 200, 400]
EPOCHS = [*range(1, 11), 15, 20, 30]
BATCH_SIZES = [1, 10, 20, 50, 100, 200, 500, 1000, 5000]  # and all

ACTIVATIONS = [relu_activation, sigmoid_activation]

SLICE = 0.01  # seconds of training, after which the kernel hears its other messages
PAUSE = 0.002  # seconds in which it does
BINS = 60  # of timesteps, each as wide as the next on a log axis
MOMENTS = 60  # of a run that are kept


@dataclass(eq=False)
class Run:
    """One training: its settings, its outcome and what it went through."""

    settings: dict
    name: str
    outcome: str = "training"
    history: dict = field(
        default_factory=lambda: {"train_loss": [], "train_accuracy": []})
    film: list[tuple[int, tuple]] = field(default_factory=list)  # ends at the newest
    wrong: int = 0  # test digits


def binned(losses: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return (timesteps, mean losses) in bins that are equally wide on a log axis."""
    if not len(losses):
        return np.array([]), np.array([])
    edges = np.unique(np.rint(np.geomspace(1, len(losses) + 1, BINS)).astype(int))
    starts, sizes = edges[:-1], np.diff(edges)
    return starts + (sizes - 1) / 2, np.add.reduceat(losses, starts - 1) / sizes


def curves(longest: int) -> Callable[..., bytes]:
    """Return paint(runs, places, chances), which draws the runs as a PNG.

    longest is how many updates the axes have room for. places are (step size, share of
    test digits wrong) of all runs; chances are the probabilities that the last run's
    network gives to the true digits of the first network's mistakes.
    """
    fig = strip(HIGH)
    loss, ends, sure = fig.subplots(1, 3)
    loss.set(title="mini-batch loss", xlabel="timestep", xscale="log", yscale="log",
             xlim=(0.9, longest * 1.1), ylim=(0.003, 40))
    loss.axhline(np.log(2), color="k", lw=0.8, ls=":")
    ends.set(title="test digits wrong", xlabel="step size", xscale="log",
             xlim=(STEP_SIZES[0] / 1.5, STEP_SIZES[-1] * 1.5))
    log_percents(ends)
    ends.set(ylim=(1 / 120, 0.7))
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
            line.set_data(*binned(run.history["train_loss"] if run else []))
        tried.set_data(*np.reshape(places, (-1, 2)).T)
        here.set_data(*np.reshape(places[-1:], (-1, 2)).T)
        dots.set_data(np.linspace(-0.45, 0.95, len(chances)), chances)
        return paint()

    return draw


def setting_dials(N: int) -> dict[str, Dial]:
    """Return a dial for each setting, for N training examples."""
    def numbers(values):
        return [(f"{value:g}", value) for value in values]

    sizes = numbers([n for n in BATCH_SIZES if n < N]) + [("all", N)]
    return {
        "step_size": Dial("step size", numbers(STEP_SIZES), 0.1,
                          reader(float, 1e-6, 1000)),
        "hidden": Dial("hidden units", numbers(HIDDEN), 200, reader(int, 1, 2000)),
        "num_epochs": Dial("epochs", numbers(EPOCHS), 5, reader(int, 1, 100)),
        "batch_size": Dial("batch size", sizes, min(100, N), reader(int, 1, N)),
        "seed": Dial("seed", numbers(range(21)), 0, reader(int, 0, 10**6)),
    }


class Trainer(widgets.VBox):
    """The viewer of train_yourself: its widgets, its runs, and the training under way.
    """

    latest: ClassVar[Run | None] = None  # of all trainers, so that only one run trains

    def __init__(self, X_train: np.ndarray, y_train: np.ndarray, X_test: np.ndarray,
                 y_test: np.ndarray, networks: dict[str, tuple]):
        self.X_train, self.y_train = X_train.astype(np.float32), y_train
        self.X_test, self.y_test, self.networks = X_test, y_test, networks
        self.blas = ThreadpoolController()
        Trainer.latest = None  # a cell that is run again ends the run it began
        self.runs: list[Run] = []
        self.places: list[tuple[float, float]] = []  # (step size, wrong) of all runs
        self.mistakes = np.array([], int)  # of the first network
        self.room = 0
        self.dials = setting_dials(len(X_train))
        for dial in self.dials.values():
            dial.observe(self.start, names="value")

        self.buttons = []
        for name, press in [("Stop", self.stop),
                            ("Look into its mistakes", self.open_mistakes),
                            ("Go through its training", self.open_film)]:
            button = widgets.Button(description=name, disabled=True)
            button.layout.width = "auto"
            button.on_click(press)
            self.buttons.append(button)
        self.buttons[0].icon = "stop"
        self.bar = widgets.FloatProgress(
            min=0, max=1, description="progress", style=LABEL,
            layout=widgets.Layout(width="400px"))
        self.status = text("status", WIDE, announced=True, value=(
            "Move a slider: a network is trained from scratch at each place."))
        self.table = text("runs", WIDE)
        self.view = picture("run-curves", WIDE, HIGH, pixels=False)
        self.weights = mosaic_picture("run-weights")
        self.heading = mosaic_heading("run-weights-heading")
        self.opened = widgets.VBox()  # right below the buttons, so that it is seen
        super().__init__([*self.dials.values(), self.bar, self.status,
                          row(*self.buttons), self.opened, self.view,
                          self.heading, self.weights, self.table])
        self.draw(np.array([]))

    def chosen(self) -> dict:
        """Return the settings that the sliders are at."""
        return {name: dial.value for name, dial in self.dials.items()}

    def start(self, _change: object = None) -> None:
        """Train with the chosen settings; a run under way ends."""
        for dial in self.dials.values():
            dial.note.value = ""
        chosen = self.chosen()
        batch, all_of_them = chosen["batch_size"], len(self.X_train)
        run = Trainer.latest = Run(chosen, (
            f"step size {chosen['step_size']:g}, hidden {chosen['hidden']}, "
            f"batch {'all' if batch == all_of_them else batch}, "
            f"epochs {chosen['num_epochs']}, seed {chosen['seed']}"))
        self.buttons[0].disabled = False
        # Kept here, because a task that nothing refers to may vanish half-way.
        self.task = asyncio.get_running_loop().create_task(self.train(run))

    def stop(self, _button: widgets.Button) -> None:
        """Let the training end after its current update."""
        Trainer.latest = None

    async def train(self, run: Run) -> None:
        """Train in slices of time, until the end or until another run begins."""
        try:
            slices, share = self.slices(run), 0.0
            while share < 1 and Trainer.latest is run:
                with self.blas.limit(limits=1, user_api="blas"):
                    share = next(slices)  # more threads would only wait for each other
                self.bar.value = share
                self.status.value = f"Training: {share:.0%} of {run.name}."
                await asyncio.sleep(PAUSE)
            run.outcome = "finished" if share == 1 else f"stopped at {share:.0%}"
        except ValueError as error:  # a weight grew beyond all numbers
            run.outcome = f"broke down: {error}"
        except KeyboardInterrupt:
            run.outcome = "interrupted"
        if Trainer.latest in (run, None):  # nothing else has begun meanwhile
            self.finish(run)

    def slices(self, run: Run) -> Iterator[float]:
        """Train, and yield the share that is done after each slice of time."""
        options = dict(run.settings)  # what sgd does not take is popped
        rng = np.random.default_rng(options.pop("seed"))
        dims = [self.X_train.shape[1], options.pop("hidden"), 1]
        weights = [W.astype(np.float32) for W in create_weight_matrices(dims, rng)]
        biases = [b.astype(np.float32) for b in create_bias_vectors(dims)]
        run.film.append((0, (weights, biases, ACTIVATIONS)))
        total = options["num_epochs"] * -(-len(self.X_train) // options["batch_size"])
        every, end = -(-total // MOMENTS), 0.0
        steps = sgd(self.X_train, self.y_train, weights, biases, ACTIVATIONS,
                    rng=rng, **options)
        for t, (weights, biases, loss, hits) in enumerate(steps, start=1):
            run.history["train_loss"].append(loss)
            run.history["train_accuracy"].append(hits)
            if run.film[-1][0] % every:
                run.film.pop()
            run.film.append((t, (weights, biases, ACTIVATIONS)))
            if t == total or time.perf_counter() >= end:
                yield t / total
                end = time.perf_counter() + SLICE

    def finish(self, run: Run) -> None:
        """Show the outcome of a run."""
        Trainer.latest = None
        self.buttons[0].disabled = True
        self.status.value = f"{run.name}: {run.outcome}."
        if run.film:
            self.add(run)

    def add(self, run: Run) -> None:
        """Add a run to those on show: its accuracy, its curve and its network."""
        g = probabilities(run.film[-1][1], self.X_test)
        wrong = (g > 0.5) != (self.y_test > 0.5)
        run.wrong = int(wrong.sum())
        self.status.value += (f" Test accuracy {1 - wrong.mean():.2%}: "
                              f"{run.wrong:,} of {len(wrong):,} digits are wrong.")
        if not self.runs:
            self.mistakes = np.flatnonzero(wrong)
        self.runs = [r for r in self.runs if r.name != run.name][-len(RUNS) + 1:]
        self.runs.append(run)
        self.places.append(
            (run.settings["step_size"], max(run.wrong, 1) / len(wrong)))
        self.networks.clear()
        self.networks.update({r.name: r.film[-1][1] for r in self.runs})
        _, look, go = self.buttons
        look.disabled, go.disabled = False, len(run.film) < 2
        go.tooltip = f"There is no film of {run.name}" if go.disabled else ""
        self.opened.children = ()
        chances = np.where(self.y_test > 0.5, g, 1 - g)
        self.draw(chances[self.mistakes])

    def draw(self, chances: np.ndarray) -> None:
        """Show the runs: their curves, the newest one's hidden units, and the table."""
        longest = max((len(run.history["train_loss"]) for run in self.runs),
                      default=1000)
        if longest > self.room:
            self.room = max(1000, 2 * longest)
            self.paint = curves(self.room)
        self.view.value = self.paint(self.runs, self.places, chances)
        self.table.value = runs_table(self.runs, len(self.y_test))
        if not self.runs:
            return
        newest = self.runs[-1]
        tiles, largest = unit_tiles(newest.film[-1:])
        self.weights.value = mosaic_png(tiles(0), largest, ROW)
        self.view.tooltip = (f"Loss, mistakes, certainty of {len(self.runs)} runs; the "
                             f"newest has {newest.wrong} digits wrong.")
        self.weights.tooltip = f"The weights of hidden units of {newest.name}."

    def open_mistakes(self, _button: widgets.Button) -> None:
        """Look into the digits that the newest network gets wrong."""
        _, network = self.runs[-1].film[-1]
        self.show_opened("The mistakes", Pager(
            network, self.X_test, self.y_test, self.X_train, self.y_train))

    def open_film(self, _button: widgets.Button) -> None:
        """Go back and forth in the newest run."""
        run = self.runs[-1]
        line = TimeLine(run.film, run.history, self.X_test, self.y_test)
        line.number.value = int(next(iter(self.mistakes), 0))
        self.show_opened("The training", line)

    def show_opened(self, what: str, viewer: widgets.Box) -> None:
        """Show what there is to see of the newest run, under a title that names it."""
        title = text("opened", WIDE, announced=True,
                     value=f"<b>{what} of {self.runs[-1].name}</b>")
        self.opened.children = [title, viewer]


def runs_table(runs: list[Run], m: int) -> str:
    """Return an HTML table of the runs, newest first, in the colours of their curves.

    m is how many test digits there are.
    """
    head = ("<tr><th>curve</th><th>settings</th><th>outcome</th>"
            "<th>test accuracy</th></tr>")
    body = [f"<tr><td>{swatch(colour)}</td><td>{run.name}</td><td>{run.outcome}</td>"
            f"<td>{1 - run.wrong / m:.2%}</td></tr>" for colour, run in zip(RUNS, runs)]
    return (f'<table class="runs" style="border-spacing:8px 1px">{head}'
            f'{"".join(reversed(body))}</table>')


def train_yourself(
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
    network: tuple | None = None,
    history: dict[str, np.ndarray] | None = None,
    networks: dict[str, tuple] | None = None,
    film: list[tuple[int, tuple]] | None = None,
) -> widgets.Widget:
    """Show a slider for each setting of a training; every place trains from scratch.

    Parameters
    ----------
    X_train, X_test : (N, 784) and (n, 784) in [0, 1]
    y_train, y_test : (N,) and (n,), 0 for a 3 and 1 for a 9
    network : a network trained with the sliders' first settings, which is the first run
    history : what train returned of that run
    networks : filled with the networks of the runs on show, by the runs' names
    film : what record returned of that run, to go through its training

    Returns
    -------
    The viewer's box; find(box, label) gives one of its parts.

    Notes
    -----
    The training happens in slices of time between the kernel's other work: see SLICE.
    """
    viewer = Trainer(
        X_train, y_train, X_test, y_test, {} if networks is None else networks)
    if network is not None:
        history = history or {"train_loss": np.array([])}
        film = film or [(len(history["train_loss"]), network)]
        viewer.status.value = "The run above."
        viewer.add(Run(viewer.chosen(), "the run above", "finished", history, film))
    show(viewer, "Here each place of a slider is a network, trained from scratch.")
    return viewer
