"""Training as a slider: each place is a network, trained from scratch."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
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

from .film import Mosaic, TimeLine
from .mistakes import Pager
from .parts import LABEL, Chart, Dial, picture, reader, row, swatch, text
from .pictures import RUNS, WIDE, log_percents, painter, spots, strip
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
REDRAW = 0.2  # seconds after which the growing curve is drawn again
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
    chances: np.ndarray = field(default_factory=lambda: np.array([]))  # of true digits
    colour: str = RUNS[0]

    @property
    def wrong(self) -> int:
        """How many of the test digits are wrong."""
        return int(np.sum(self.chances <= 0.5))


def binned(losses: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return (timesteps, mean losses) in bins that are equally wide on a log axis."""
    if not len(losses):
        return np.array([]), np.array([])
    edges = np.unique(np.rint(np.geomspace(1, len(losses) + 1, BINS)).astype(int))
    starts, sizes = edges[:-1], np.diff(edges)
    return starts + (sizes - 1) / 2, np.add.reduceat(losses, starts - 1) / sizes


class Curves:
    """The figure of the runs; its loss has room for so many updates."""

    def __init__(self, longest: int):
        fig = strip(HIGH)
        self.loss, self.ends, self.sure = loss, ends, sure = fig.subplots(1, 3)
        loss.set(title="mini-batch loss", xlabel="timestep", xscale="log", yscale="log",
                 xlim=(0.9, longest * 1.1), ylim=(0.003, 40))
        loss.axhline(np.log(2), color="k", lw=0.8, ls=":")
        ends.set(title="test digits wrong", xlabel="step size", xscale="log",
                 xlim=(STEP_SIZES[0] / 1.5, STEP_SIZES[-1] * 1.5))
        log_percents(ends)
        ends.set(ylim=(1 / 120, 0.7))
        sure.set(title="the first network's mistakes", ylim=(-0.03, 1.03),
                 xlim=(-0.5, 1), xlabel="each mistake", xticks=[],
                 ylabel="probability of its digit")
        sure.axhline(0.5, color=GREY, lw=0.9)
        self.lines = {colour: loss.plot([], [], color=colour, lw=1)[0]
                      for colour in RUNS}
        (self.tried,) = ends.plot([], [], "o", color=GREY, ms=4)
        (self.here,) = ends.plot([], [], "o", color=NINE, ms=7, mec="k", mew=0.7)
        (self.others,) = sure.plot([], [], "o", mfc="none", mec=GREY, ms=4)
        (self.dots,) = sure.plot([], [], "o", color=THREE, ms=3.5)
        self.png = painter(fig, [
            *self.lines.values(), self.tried, self.here, self.others, self.dots])

    def paint(self, runs: list[Run]) -> bytes:
        """Return the figure as a PNG, with the losses of these runs."""
        losses = {run.colour: run.history["train_loss"] for run in runs}
        for colour, line in self.lines.items():
            line.set_data(*binned(losses.get(colour, [])))
        return self.png()

    def mark(self, tried: list[Run], run: Run, other: Run | None,
             mistakes: np.ndarray) -> None:
        """Show where all runs ended, and the answers of one or two to some digits."""
        self.x = np.linspace(-0.45, 0.95, len(mistakes))
        self.tried.set_data(*np.transpose([ended(one) for one in tried]))
        self.here.set_data(*np.transpose([ended(run)]))
        self.dots.set_data(self.x, run.chances[mistakes])
        if other:
            self.others.set_data(self.x, other.chances[mistakes])
        self.others.set_visible(bool(other))


def ended(run: Run) -> tuple[float, float]:
    """Return (step size, share of test digits wrong), at least one of them."""
    return run.settings["step_size"], max(run.wrong, 1) / len(run.chances)


def border(runs: list[Run], name: str, places: list, wrong: float) -> float | None:
    """Return the last value of a setting at which a run has fewer digits wrong.

    That is, of the values along places, the slider's: the run with the next one, its
    other settings the same, has as many wrong or more; the last place has no next one.
    """
    last = None
    for run in runs:
        value = run.settings[name]
        beyond = places[places.index(value) + 1:][:1] if value in places else [None]
        passes = run.wrong < wrong and (not beyond or any(
            one.settings == {**run.settings, name: beyond[0]} and one.wrong >= wrong
            for one in runs))
        if passes and (last is None or places.index(value) > places.index(last)):
            last = value
    return last


def goals(runs: list[Run]) -> str:
    """Return HTML of what there is to reach, ticked where these runs, finished, did."""
    if not runs:
        return ""
    m = len(runs[0].chances)
    least = min(run.wrong for run in runs)
    units = border(runs, "hidden", HIDDEN[::-1], 0.02 * m)
    step = border(runs, "step_size", STEP_SIZES, 0.1 * m)
    told = [
        (least < 30, "fewer than 30 test digits wrong", f"{least} so far", least),
        (units, "the fewest hidden units above 98%",
         "show that one place less on the slider is not enough", units),
        (step, "the largest step size that still learns, to 90%",
         "show that one place more on the slider is too much", step)]
    return "<b>Three goals</b>" + "".join(
        f"<br>☑ {goal}: <b>{found:g}, done</b>" if met else f"<br>☐ {goal}: {hint}"
        for met, goal, hint, found in told)


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
        self.runs: list[Run] = []  # on show: the first and the newest ones
        self.tried: list[Run] = []  # all
        self.actions: list[Callable] = []  # of the curves' places
        self.room = 1000  # updates for which the curves have room
        self.filling = False  # while settings and menus are not the user's
        self.dials = setting_dials(len(X_train))
        for dial in self.dials.values():
            dial.observe(self.start, names="value")

        self.buttons = []
        for name, press in [("Stop", self.stop), ("Back to the run above", self.back),
                            ("Look into its mistakes", self.open_mistakes),
                            ("Go through its training", self.open_film)]:
            button = widgets.Button(description=name, disabled=True)
            button.layout.width = "auto"
            button.on_click(lambda _, press=press: press())
            self.buttons.append(button)
        self.buttons[0].icon = "stop"
        self.menus = [
            widgets.Dropdown(description=label, options=[("–", None)], style=LABEL,
                             layout=widgets.Layout(width="560px"))
            for label in ("run on show", "compare with")]
        for menu in self.menus:
            menu.observe(self.look, names="value")
        self.bar = widgets.FloatProgress(
            min=0, max=1, description="progress", style=LABEL,
            layout=widgets.Layout(width="400px"))
        self.status = text("status", WIDE, announced=True, value=(
            "Move a slider: a network is trained from scratch at each place."))
        self.goals, self.table = text("goals", WIDE, 4), text("runs", WIDE)
        self.curves = Curves(self.room)
        self.view = picture("run-curves", WIDE, HIGH, pixels=False)
        self.view.value = self.curves.paint([])
        self.chart = Chart(self.view, lambda index: self.actions[index]())
        self.mosaic = Mosaic("run-weights")
        self.opened = widgets.VBox()  # right below the buttons, so that it is seen
        super().__init__([*self.dials.values(), self.bar, self.status, row(*self.menus),
                          row(*self.buttons), self.opened, self.chart, self.goals,
                          self.mosaic, self.table])

    def chosen(self) -> dict:
        """Return the settings that the sliders are at."""
        return {name: dial.value for name, dial in self.dials.items()}

    def start(self, _change: object = None) -> None:
        """Train with the chosen settings, or show their run; a run under way ends."""
        for dial in self.dials.values():
            dial.note.value = ""
        if self.filling:
            return
        chosen = self.chosen()
        batch, all_of_them = chosen["batch_size"], len(self.X_train)
        run = Run(chosen, (
            f"step size {chosen['step_size']:g}, hidden {chosen['hidden']}, "
            f"batch {'all' if batch == all_of_them else batch}, "
            f"epochs {chosen['num_epochs']}, seed {chosen['seed']}"))
        taken = {one.colour for one in self.shown_with(run)}
        run.colour = next(colour for colour in RUNS if colour not in taken)
        Trainer.latest = run
        for known in self.runs:
            if known.settings == chosen and known.outcome == "finished":
                self.ready(known)
                self.show_run(known)
                Trainer.latest = known
                return
        self.buttons[0].disabled = False
        # Kept here, because a task that nothing refers to may vanish half-way.
        self.task = asyncio.get_running_loop().create_task(self.train(run))

    def shown_with(self, run: Run) -> list[Run]:
        """Return the runs that stay on show with another one: the first and the newest.
        """
        others = [one for one in self.runs if one.name != run.name]
        return [*others[:1], *others[1:][2 - len(RUNS):]]

    def stop(self) -> None:
        """Let the training end after its current update."""
        Trainer.latest = None

    def back(self) -> None:
        """Put all dials to the first run's settings, and show that run."""
        self.filling = True
        for name, value in self.runs[0].settings.items():
            self.dials[name].value = value
        self.filling = False
        self.start()

    async def train(self, run: Run) -> None:
        """Train in slices of time, until the end or until another run begins."""
        try:
            slices, share, drawn = self.slices(run), 0.0, time.perf_counter()
            while share < 1 and Trainer.latest is run:
                hear_interrupts()
                with self.blas.limit(limits=1, user_api="blas"):
                    share = next(slices)  # more threads would only wait for each other
                self.bar.value = share
                self.status.value = f"Training: {share:.0%} of {run.name}."
                if time.perf_counter() > drawn + REDRAW:
                    self.view.value = self.curves.paint([*self.shown_with(run), run])
                    drawn = time.perf_counter()
                await asyncio.sleep(PAUSE)
            run.outcome = "finished" if share == 1 else f"stopped at {share:.0%}"
        except ValueError as error:  # a weight grew beyond all numbers
            run.outcome = f"broke down: {error}"
        except KeyboardInterrupt:
            run.outcome = "interrupted"
        if Trainer.latest in (run, None):  # nothing else has begun meanwhile
            self.add(run)

    def slices(self, run: Run) -> Iterator[float]:
        """Train, and yield the share that is done after each slice of time."""
        options = dict(run.settings)  # what sgd does not take is popped
        rng = np.random.default_rng(options.pop("seed"))
        dims = [self.X_train.shape[1], options.pop("hidden"), 1]
        weights = [W.astype(np.float32) for W in create_weight_matrices(dims, rng)]
        biases = [b.astype(np.float32) for b in create_bias_vectors(dims)]
        run.film.append((0, (weights, biases, ACTIVATIONS)))
        total = options["num_epochs"] * -(-len(self.X_train) // options["batch_size"])
        self.make_room(total)
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

    def ready(self, run: Run) -> None:
        """Say how a run came out; another one can begin."""
        Trainer.latest = None
        self.buttons[0].disabled = True
        self.status.value = f"{run.name}: {run.outcome}."
        if run.film:
            m = len(self.y_test)
            self.status.value += (f" Test accuracy {1 - run.wrong / m:.2%}: "
                                  f"{run.wrong:,} of {m:,} digits are wrong.")

    def add(self, run: Run) -> None:
        """Add a run that has ended, and show it."""
        if run.film:
            g = probabilities(run.film[-1][1], self.X_test)
            run.chances = np.where(self.y_test > 0.5, g, 1 - g)
        self.ready(run)
        if not run.film:
            return
        self.runs = [*self.shown_with(run), run]
        self.tried.append(replace(run, film=[], history={}))  # no weights
        self.make_room(len(run.history["train_loss"]))
        self.networks.clear()
        self.networks.update({one.name: one.film[-1][1] for one in self.runs})
        self.goals.value = goals(
            [one for one in self.tried if one.outcome == "finished"])
        self.show_run(run)

    def show_run(self, run: Run) -> None:
        """Show a run in the menus and in the pictures."""
        beside = self.menus[1].value
        self.filling = True
        names = [(one.name, one) for one in self.runs]
        for menu, options, value in [
            (self.menus[0], names[::-1], run),
            (self.menus[1], [("–", None), *names],
             beside if beside in self.runs else None),
        ]:
            menu.options, menu.value = options, value
        self.filling = False
        self.look()

    def make_room(self, updates: int) -> None:
        """See that so many updates fit into the curves."""
        if self.room < updates:
            self.room = 2 * updates
            self.curves = Curves(self.room)
            self.mark()

    def look(self, _change: object = None) -> None:
        """Show the run that the menu names; what was opened of another one closes."""
        if self.filling:
            return
        run = self.menus[0].value
        self.mark()
        self.view.value = self.curves.paint(self.runs)
        self.table.value = runs_table(self.runs, run)
        self.mosaic.follow(run.film[-1:])
        self.mosaic.show(0)
        self.view.tooltip = (f"Loss, mistakes, certainty of {len(self.runs)} runs; the "
                             f"one on show has {run.wrong} digits wrong.")
        for button in self.buttons[1:]:
            button.disabled = False
        film = self.buttons[-1]
        film.disabled = len(run.film) < 2
        film.tooltip = f"There is no film of {run.name}" if film.disabled else ""
        self.opened.children = ()

    def mark(self) -> None:
        """Mark the run on show in the curves, and what a click on them opens."""
        run, other = (menu.value for menu in self.menus)
        if run is None:
            return
        mistakes = np.flatnonzero(self.tried[0].chances <= 0.5)
        curves = self.curves
        curves.mark(self.tried, run, other, mistakes)
        moments = [t for t, _ in run.film]
        groups = [
            (spots(curves.loss, moments[1:]),
             [f"timestep {t}" for t in moments[1:]],
             [partial(self.open_film, j) for j in range(1, len(moments))]),
            (spots(curves.ends, *np.transpose([ended(one) for one in self.runs])),
             [one.name for one in self.runs],
             [partial(setattr, self.menus[0], "value", one) for one in self.runs]),
            (spots(curves.sure, curves.x, run.chances[mistakes]),
             [f"image {k}, probability {run.chances[k]:.2f}" for k in mistakes],
             [partial(self.open_mistakes, int(k)) for k in mistakes])]
        self.actions = [action for *_, actions in groups for action in actions]
        self.chart.clicks.places = [
            [*spot, words] for spots_, all_words, _ in groups
            for spot, words in zip(spots_.tolist(), all_words)]

    def open_mistakes(self, k: int | None = None) -> None:
        """Look into the digits that the network on show gets wrong, or into digit k."""
        run, other = (menu.value for menu in self.menus)
        pager = Pager(run.film[-1][1], self.X_test, self.y_test, self.X_train,
                      self.y_train, other and (other.name, other.film[-1][1]))
        if k is not None:
            pager.number.value = k
        self.show_opened("The mistakes", pager)

    def open_film(self, moment: int = 0) -> None:
        """Go back and forth in the run on show, from a moment of its film."""
        run, other = (menu.value for menu in self.menus)
        line = TimeLine(run.film, run.history, self.X_test, self.y_test,
                        other=other and (other.name, other.film))
        line.number.value = int(np.argmax(self.tried[0].chances <= 0.5))
        line.place.value = moment
        self.show_opened("The training", line)

    def show_opened(self, what: str, viewer: widgets.Box) -> None:
        """Show what there is to see of the run on show, under a title that names it."""
        title = text("opened", WIDE, announced=True,
                     value=f"<b>{what} of {self.menus[0].value.name}</b>")
        self.opened.children = [title, viewer]


def hear_interrupts() -> None:
    """Let Jupyter's interrupt stop a training, which runs when no cell does.

    Between cells ipykernel ignores the signal; after each it does so again.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: setattr(Trainer, "latest", None))


def runs_table(runs: list[Run], on_show: Run) -> str:
    """Return an HTML table of the runs in the curves' colours, newest first."""
    head = ("<tr><th>curve</th><th>settings</th><th>outcome</th>"
            "<th>test accuracy</th></tr>")
    body = []
    for run in reversed(runs):
        name = f"<b>{run.name}</b>" if run is on_show else run.name
        body.append(f"<tr><td>{swatch(run.colour)}</td><td>{name}</td>"
                    f"<td>{run.outcome}</td>"
                    f"<td>{1 - run.wrong / len(run.chances):.2%}</td></tr>")
    return (f'<table class="runs" style="border-spacing:8px 1px">{head}'
            f'{"".join(body)}</table>')


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
        viewer.add(
            Run(viewer.chosen(), "the run above", "finished", history, film))
    show(viewer, "Here each place of a slider is a network, trained from scratch.")
    return viewer
