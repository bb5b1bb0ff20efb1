"""Training as a slider: each place is a network, trained from scratch."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import ipywidgets as widgets
import numpy as np
from threadpoolctl import ThreadpoolController

from nn_helpers import create_bias_vectors, create_weight_matrices, sgd
from page import GREY

from .controls import LABEL, Dial, Picture, swatch, text
from .explanations import probabilities
from .mistakes import Pager
from .pictures import HIGH, RUNS, WIDE, MovingFigure
from .recording import Film, TimeLine, compact, filming
from .static_fallback import show

STEP_SIZES = [float(f"{m}e{k}") for k in range(-3, 2) for m in (1, 1.5, 2, 3, 5, 7)]
STEP_SIZES += [100.0]
HIDDEN = [1, 2, 3, 5, 10, 20, 50, 100, 200, 400]
EPOCHS = [*range(1, 11), 15, 20, 30]
BATCH_SIZES = [1, 10, 20, 50, 100, 200, 500, 1000, 5000]  # and all

SLICE = 0.01  # seconds of training, after which the kernel hears its other messages
PAUSE = 0.002  # seconds in which it does
REDRAW = 0.2  # seconds after which the growing curve is drawn again
FLOOR = 3e-4  # a smaller loss is drawn here: a logarithmic axis has no 0
LOCK = threading.RLock()  # of all that changes a playground
NONE = ("–", "")  # in a menu of runs; the value None would be shown as a blank


@dataclass(eq=False)
class Run:
    """One training: its settings, its outcome and what it went through."""

    settings: dict
    name: str
    colour: str
    outcome: str
    history: dict
    film: Film  # ends at the newest network
    chances: np.ndarray = field(default_factory=lambda: np.array([]))  # of true digits

    @property
    def wrong(self) -> int:
        """How many of the test digits are wrong."""
        return int(np.sum(self.chances <= 0.5))


class Curves(MovingFigure):
    """The figure of the runs; its loss has room for so many updates."""

    def __init__(self, room: int):
        super().__init__()
        self.room = room
        self.loss, self.ends, self.sure = loss, ends, sure = self.axes
        loss.set(title="mini-batch loss", xlabel="timestep", xscale="log", yscale="log",
                 xlim=(0.9, room * 1.1), ylim=(FLOOR, 40))
        loss.set_yticks([FLOOR, 0.01, 1, 10], ["≤0.0003", "0.01", "1", "10"])
        loss.axhline(np.log(2), color="k", lw=0.8, ls=":")
        ends.set(title="test digits wrong", xlabel="step size", xscale="log",
                 xlim=(STEP_SIZES[0] / 1.5, STEP_SIZES[-1] * 1.5))
        self.percents(ends)
        sure.set(title="mistakes of the run above", xlabel="each mistake", xticks=[],
                 ylabel="probability of its digit", xlim=(-0.5, 1), ylim=(-0.03, 1.03))
        sure.axhline(0.5, color=GREY, lw=0.9)
        self.lines = {colour: self.line(loss, color=colour, lw=1) for colour in RUNS}
        self.tried = self.line(ends, "o", color=GREY, ms=4)
        self.here = self.line(ends, "o", ms=7, mec="k", mew=0.7)
        self.others = self.line(sure, "o", mfc="none", ms=5)
        self.dots = self.line(sure, "o", ms=3.5)

    def losses(self, run: Run) -> tuple[np.ndarray, np.ndarray]:
        """Return timesteps, and mean losses around them."""
        return self.means(run.history["train_loss"], 60, FLOOR)

    def paint(self, runs: list[Run]) -> bytes:
        """Return a PNG with these runs' losses."""
        data = {run.colour: self.losses(run) for run in runs}
        for colour, line in self.lines.items():
            x, y = data.get(colour, ([], []))
            line.set(data=(x, y), marker="." * (len(x) == 1))  # else it is not seen
        return self.png()


def border(runs: list[Run], name: str, places: list, wrong: float) -> tuple:
    """Return how far in a setting's places runs have fewer digits wrong, and a hint.

    And whether it is proven: with that run's other settings, all beyond fail.
    """
    tried = [run.settings for run in runs]
    good = [(k, [f"{place:g}" for place in places[k + 1:]
                 if {**run.settings, name: place} not in tried], run.name)
            for run in runs if run.wrong < wrong
            for k in range(len(places)) if places[k] == run.settings[name]]
    if not good:
        return "none so far", "", False
    k, left, best = min(good, key=lambda one: (one[1] != [], -one[0], len(one[1])))
    hint = f" so far; proven once {', '.join(left)} fail" * bool(left)
    return f"{places[k]:g}", f"{hint}, all else as in {best}", not left


def goals(runs: list[Run]) -> str:
    """Return HTML of what there is to reach, ticked where finished runs prove it."""
    runs = [run for run in runs if run.outcome == "finished"]
    m, least = len(runs[0].chances), min(run.wrong for run in runs)
    items = {
        "fewer than 30 test digits wrong": (
            f"{least}", " so far" * (least >= 30), least < 30),
        "the fewest hidden units above 98%": border(
            runs, "hidden", HIDDEN[::-1], 0.02 * m),
        "the largest step size that still learns, to 90%": border(
            runs, "step_size", STEP_SIZES, 0.1 * m)}
    return ("<b>Three goals</b> for runs that finish, the last two among the places "
            "that their sliders have at first") + "".join(
        f"<br>☑ {goal}: <b>{n}, done</b>{more}" if done else f"<br>☐ {goal}: {n}{more}"
        for goal, (n, more, done) in items.items())


@contextmanager
def alone() -> Iterator[None]:
    """Let other threads wait: ipykernel 7 runs callbacks in several."""
    with LOCK:
        yield


def setting_dials(N: int) -> dict[str, Dial]:
    """Return a dial for each setting, for N training examples."""
    def numbers(values):
        return [(f"{value:g}", value) for value in values]

    sizes = numbers([n for n in BATCH_SIZES if n < N]) + [("all", N)]
    return {
        "step_size": Dial("step size", numbers(STEP_SIZES), 0.1,
                          (float, STEP_SIZES[0], STEP_SIZES[-1])),
        "hidden": Dial("hidden units", numbers(HIDDEN), 200, (int, 1, 2000)),
        "num_epochs": Dial("epochs", numbers(EPOCHS), 5, (int, 1, 100)),
        "batch_size": Dial("batch size", sizes, min(100, N), (int, 1, N)),
        "seed": Dial("seed", numbers(range(21)), 0, (int, 0, 10**6))}


class Trainer(widgets.VBox):
    """The viewer of train_yourself: widgets, runs, and the training under way."""

    latest: Run | None = None  # of all trainers, so that only one run trains

    def __init__(self, training: tuple, test: tuple, networks: dict, history: dict,
                 film: Film):
        self.training, self.test, self.networks = training, test, networks
        self.blas = ThreadpoolController()
        self.stop()  # a cell that is run again ends the run it began
        self.newest: Run | None = None  # that was begun here
        self.loop: asyncio.AbstractEventLoop | None = None
        with suppress(RuntimeError):  # in a script no loop runs
            self.loop = asyncio.get_running_loop()  # the main thread's
        self.tried: list[Run] = []  # all; those not in the menus without their weights
        self.filling = False  # while the program, not the user, moves dials and menus
        self.total = 0  # timesteps of the training under way
        self.dials = setting_dials(len(training[0]))
        for dial in self.dials.values():
            dial.observe(self.start, names="value")
        self.stop_button, *buttons = (
            widgets.Button(description=name, layout={"width": "auto"})
            for name in ("Stop", "Back to the run above", "Look into its mistakes",
                         "Go through its training"))
        self.stop_button.icon, self.stop_button.disabled = "stop", True
        for button, press in zip((self.stop_button, *buttons), (
                self.stop, self.back, partial(self.inspect, "mistakes"),
                partial(self.inspect, "training"))):
            button.on_click(lambda _, press=press: press())
        self.menus = [widgets.Dropdown(
            options=[NONE], description=label, style=LABEL, layout={"width": "560px"})
            for label in ("run on show", "compare with")]
        for one in self.menus:
            one.observe(self.choose, names="value")
        self.status, self.table = text("status announced", WIDE), text("runs", WIDE)
        how_to = text("how-to not-in-fallback", WIDE, value=(
            "Each place of a slider is a network, trained from scratch. To move one "
            "drops the run in training; Stop keeps it. A click on the loss of the run "
            "on show opens its training there."))
        self.goals = text("goals not-in-fallback", WIDE, 5)  # where nothing is trained
        self.key, self.curves = text("key", WIDE), Curves(1000)
        self.chart = Picture("run-curves", WIDE, HIGH, alone()(
            lambda k: self.actions[k]()), reach=0.04)
        self.opened = widgets.VBox()  # right below the buttons, so that it is seen
        super().__init__([
            how_to, *self.dials.values(), self.status, widgets.HBox(self.menus),
            widgets.HBox([self.stop_button, *buttons]), self.opened, self.chart,
            self.key, self.table, self.goals])
        settings = {name: dial.value for name, dial in self.dials.items()}
        self.add(Run(settings, "the run above", RUNS[0], "finished", history, film), [])

    @alone()
    def start(self, _change: object = None) -> None:
        """Train with the chosen settings; a run under way ends."""
        for dial in self.dials.values():
            dial.note.value = ""
        if self.filling:
            return
        chosen = {name: dial.value for name, dial in self.dials.items()}
        name = (f"step size {chosen['step_size']:g}, hidden {chosen['hidden']}, batch "
                f"{self.dials['batch_size'].text}, epochs {chosen['num_epochs']}, "
                f"seed {chosen['seed']}")
        first, *others = (run for run in self.runs if run.name != name)
        left = [first, *others[3 - len(RUNS):]]  # with this one, a colour is free
        run = Trainer.latest = self.newest = Run(
            chosen, name, next(
                c for c in RUNS if all(c != one.colour for one in self.runs)),
            "training", {"train_loss": [], "train_accuracy": []}, [])
        self.stop_button.disabled = False
        # Kept here, because a task that nothing refers to may vanish half-way.
        self.task = asyncio.run_coroutine_threadsafe(
            self.train(run, left), self.loop or asyncio.get_running_loop())

    @staticmethod
    def stop(*_signal: object) -> None:
        """Let the training end after its current update."""
        Trainer.latest = None

    @alone()
    def back(self) -> None:
        """Show the first run, with all dials at its settings; a run under way ends."""
        self.stop_button.disabled, self.total = True, 0
        Trainer.latest = self.newest = None
        self.turn_dials(self.runs[0])
        self.look(self.runs[0])

    def show_again(self, run: Run) -> None:
        """Show a run, which is trained again if it is no longer in the menus."""
        if run in self.runs:
            self.menus[0].value = run
        else:
            self.turn_dials(run)
            self.start()

    async def train(self, run: Run, others: list[Run]) -> None:
        """Train in slices, in the main thread: only it may handle an interrupt."""
        slices, self.drawn = self.slices(run), time.perf_counter()
        while run.outcome == "training":
            self.advance(run, others, slices)
            await asyncio.sleep(PAUSE)

    @alone()
    def advance(self, run: Run, others: list[Run], slices: Iterator[float]) -> None:
        """Train for one slice, or end the run and add it to others in the menus."""
        # Between cells ipykernel ignores Jupyter's interrupt.
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            signal.signal(signal.SIGINT, self.stop)
        try:
            if Trainer.latest is not run:
                run.outcome = f"stopped at timestep {len(run.history['train_loss']):,}"
            else:  # more threads of BLAS than one would only wait for each other
                with self.blas.limit(limits=1, user_api="blas"):
                    share = next(slices)
                run.outcome = "finished" if share == 1 else "training"
                self.status.value = (
                    f'<progress aria-label="progress" value="{share}"></progress> '
                    f"Training: {share:.0%} of {swatch(run.colour)} {run.name}.")
        except ValueError as error:  # a weight grew beyond all numbers
            run.outcome = f"broke down: {error}"
        except KeyboardInterrupt:
            run.outcome = "interrupted"
        if run.outcome == "training":
            if time.perf_counter() > self.drawn + REDRAW:
                self.chart.value = self.curves.paint([*self.runs, run])
                self.drawn = time.perf_counter()
        elif self.newest is run:
            self.stop_button.disabled, self.total = True, 0
            if run.film:
                self.add(run, others)

    def slices(self, run: Run) -> Iterator[float]:
        """Train, and yield the share that is done after each slice of time."""
        options = dict(run.settings)  # what sgd does not take is popped
        rng = np.random.default_rng(options.pop("seed"))
        N, width = self.training[0].shape
        dims = [width, options.pop("hidden"), 1]
        network = compact(create_weight_matrices(dims, rng), create_bias_vectors(dims),
                          self.runs[0].film[-1][1][2])
        run.film.append((0, network))
        self.total = total = options["num_epochs"] * -(-N // options["batch_size"])
        self.mark()
        # Kept: moments as far from each other on a linear axis, and on a log one.
        kept, end = {*np.r_[0:total:30j, np.geomspace(1, total, 30)].astype(int)}, 0.0
        steps = sgd(*self.training, *network, rng=rng, **options)
        for t, loss, hits in filming(steps, run.film, kept):
            run.history["train_loss"].append(loss)
            run.history["train_accuracy"].append(hits)
            if t == total or time.perf_counter() >= end:
                yield t / total
                end = time.perf_counter() + SLICE

    def add(self, run: Run, others: list[Run]) -> None:
        """Add a run that has ended to others in the menus, and show it."""
        images, y = self.test
        g = probabilities(run.film[-1][1], images)
        run.chances = np.where(y > 0.5, g, np.nextafter(1 - g, 2))  # a tie means a 3
        self.runs = [*others, run]  # in the menus: the first and the newest ones
        self.tried = [one for one in self.tried if (one.name, one.outcome) != (
            run.name, run.outcome)] + [run]
        for one in set(self.tried) - set(self.runs):
            one.film, one.history = [], {}
        self.networks.clear()
        self.networks.update({one.name: one.film[-1][1] for one in self.runs})
        self.goals.value = goals(self.tried)
        self.look(run)

    @alone()
    def choose(self, _change: object) -> None:
        """Show the run and the comparison that the menus name."""
        if not self.filling:
            run = self.menus[0].value
            if self.stop_button.disabled:  # else they are those of a training under way
                self.turn_dials(run)
            self.look(run)

    def turn_dials(self, run: Run) -> None:
        """Turn all dials to a run's settings."""
        self.filling = True
        for name, value in run.settings.items():
            self.dials[name].value = value
        self.filling = False

    def look(self, run: Run) -> None:
        """Show a run; dials stay, for one may have been moved since it began."""
        shown, other = [(one.name, one) for one in self.runs], self.menus[1].value
        others = [pair for pair in shown if pair[1] is not run]
        self.filling = True
        self.menus[0].options, self.menus[0].value = shown[::-1], run
        self.menus[1].options = [NONE, *others]
        other = next((one for _, one in others if one is other), None)
        self.menus[1].value = other or NONE[1]
        self.filling = False
        m, reached = len(run.chances), self.goals.value.count("☑")
        self.status.value = (
            f"{run.name}: {run.outcome}. Test accuracy {1 - run.wrong / m:.2%}: "
            f"{run.wrong:,} of {m:,} digits are wrong."
            + f" Goals reached, see below: {reached} of 3." * (run is self.newest))
        self.mark()
        for viewer in self.opened.children[1:]:
            viewer.compare(other and (other.name, other.film))
        self.chart.show(self.curves.paint(self.runs), "Loss, mistakes, certainty. Runs "
                        f"listed below: {len(self.runs)}. Wrong on show: {run.wrong}.")
        rows = "<tr><th>curve<th>settings<th>outcome<th>test accuracy"
        for one in reversed(self.runs):
            name = f"<b>{one.name}</b>" if one is run else one.name
            rows += (f"<tr><td>{swatch(one.colour)}<td>{name}<td>{one.outcome}"
                     f"<td>{1 - one.wrong / m:.2%}")
        self.table.value = f'<table class="runs" cellspacing="4">{rows}</table>'

    def mark(self) -> None:
        """Mark the run on show in curves with room for it, and what a click opens."""
        most = max(self.total, *(len(one.history["train_loss"]) for one in self.runs))
        room = 10 ** max(3, len(str(most - 1)))  # the next power of ten
        if self.curves.room != room:
            self.curves = Curves(room)
        run, other = (one.value for one in self.menus)
        mistakes, curves = np.flatnonzero(self.tried[0].chances <= 0.5), self.curves
        x, chances = np.linspace(-0.45, 0.95, len(mistakes)), run.chances[mistakes]
        ends = np.array([[one.settings["step_size"] for one in self.tried], [
            max(one.wrong / len(run.chances), curves.LEAST) for one in self.tried]])
        for colour, line in curves.lines.items():
            mine = colour == run.colour
            line.set(linewidth=1 + mine, zorder=2 + mine)
        curves.tried.set(data=ends)
        curves.here.set(data=ends[:, [self.tried.index(run)]], color=run.colour)
        curves.dots.set(data=(x, chances), color=run.colour)
        curves.others.set(data=(x, (other or run).chances[mistakes]),
                          color=(other or run).colour, visible=bool(other))
        key = [f"Thick line, large dot, filled dots: {swatch(run.colour)} {run.name}."]
        key += [f"Hollow dots: {swatch(other.colour)} {other.name}."] if other else []
        if len(self.tried) > 1:
            key.append("Grey dots, some below others: the other runs; a click shows "
                       "one, or trains it again if it is no longer listed.")
        self.key.value = "<br>".join(key)
        moments = [t for t, _ in run.film][1:]
        self.chart.places = [
            *curves.places(curves.loss, [f"timestep {t}" for t in moments], moments,
                           np.interp(moments, *curves.losses(run))),
            *curves.places(curves.ends, [
                one.name + ", trained again" * (one not in self.runs)
                for one in self.tried], *ends),
            *curves.places(curves.sure, [
                f"image {k}, probability {chance:.2f}"
                for k, chance in zip(mistakes, chances)], x, chances)]
        self.actions: list[partial] = [  # of these places
            *(partial(self.inspect, "training", j) for j in range(1, len(run.film))),
            *(partial(self.show_again, one) for one in self.tried),
            *(partial(self.inspect, "mistakes", int(k)) for k in mistakes)]

    @alone()
    def inspect(self, what: str, place: int | None = None) -> None:
        """Open the run's mistakes, at a digit, or its training, at a moment."""
        run, other = (one.value for one in self.menus)
        if what == "mistakes":
            viewer = Pager(run.film[-1][1], *self.test, *self.training)
            dial = viewer.number
        else:
            viewer = TimeLine(run.film, run.history, *self.test)
            viewer.number.value = int(np.argmax(self.tried[0].chances <= 0.5))
            dial = viewer.place
        if place is not None:
            dial.value = place
        close = widgets.Button(description="Close", icon="times")
        close.on_click(lambda _: setattr(self.opened, "children", ()))
        title = f"<b>The {what} of {run.name}</b>"
        self.opened.children = [widgets.HBox([
            text("opened announced", WIDE - 160, 1, title), close]), viewer]
        viewer.compare(other and (other.name, other.film))


def train_yourself(X_train: np.ndarray, y_train: np.ndarray, X_test: np.ndarray,
                   y_test: np.ndarray, network: tuple, history: dict[str, np.ndarray],
                   networks: dict[str, tuple], film: Film) -> widgets.Widget:
    """Show a slider for each setting of a training; every place trains from scratch.

    Parameters
    ----------
    X_train, X_test : (N, 784) and (n, 784) in [0, 1]
    y_train, y_test : (N,) and (n,), 0 for a 3 and 1 for a 9
    network : a network trained with the sliders' first settings, which is the first run
    history : what train returned of that run
    networks : filled with the networks of the runs on show, by the runs' names
    film : what record returned of that run, to go through its training
    """
    viewer = Trainer(
        (X_train.astype(np.float32), y_train), (X_test, y_test), networks, history,
        [*film[:-1], (film[-1][0], network)])
    show(viewer, "Here a viewer trains networks from scratch, where a kernel runs.")
    return viewer
