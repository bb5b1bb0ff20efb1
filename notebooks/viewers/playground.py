"""Train a network with settings of your own, watch it, stop it, compare."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from nn_helpers import (
    accuracy,
    create_bias_vectors,
    create_weight_matrices,
    forward_pass,
    logistic_loss,
    relu_activation,
    sgd,
    sigmoid_activation,
)

from .parts import LABEL, chooser, picture, row, show, slider, swatch, text
from .pictures import SHARP, painter

WIDE, HIGH = 780, 260  # the curves, in the browser's pixels

STEP_SIZES = [m * 10.0**k for k in range(-3, 2) for m in (1, 2, 5)]
HIDDEN = [1, 2, 3, 5, 10, 20, 50, 100, 200, 400]
BATCH_SIZES = [1, 10, 20, 50, 100, 200, 500, 1000, 5000]  # and all

# Colours that colour-blind readers tell apart (Okabe and Ito); then the dashes change.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]
DASHES = ["-", "--", ":"]

SLICE = 0.04  # seconds of training, after which the buttons get a chance
PAUSE = 0.005  # seconds in which the kernel hears the Stop button
FRAME = 0.2  # seconds from one drawing of the curves to the next
LOOKS = 12  # at the test set in each epoch


@dataclass
class Run:
    """What is drawn and told of one training: a list entry for each measurement."""

    name: str
    outcome: str = "training"
    epochs: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)

    def measure(
        self, epochs: float, losses: list[float], g: np.ndarray, y_test: np.ndarray
    ) -> None:
        """Keep the mean of the mini-batches' losses, and how good the outputs g are."""
        self.epochs.append(epochs)
        self.train_loss.append(float(np.mean(losses)) if losses else np.nan)
        self.test_loss.append(float(logistic_loss(g, y_test)[0].mean()))
        self.test_accuracy.append(accuracy(g, y_test))


def training(
    run: Run, settings: dict, X_train: np.ndarray, y_train: np.ndarray,
    X_test: np.ndarray, y_test: np.ndarray,
) -> Iterator[tuple]:
    """Train, keep measurements in run, and yield (epochs done, network) at each update.

    settings holds step_size, hidden, batch_size, num_epochs and seed. The same seed
    gives the weights and the order of examples that it gives elsewhere in the notebook.
    All of the first ten updates are measured, for that is where a large step does harm,
    and then LOOKS in each epoch.
    """
    rng = np.random.default_rng(settings["seed"])
    layer_dims = [X_train.shape[1], settings["hidden"], 1]
    activations = [relu_activation, sigmoid_activation]
    network = (create_weight_matrices(layer_dims, rng),
               create_bias_vectors(layer_dims), activations)
    batch_size, num_epochs = settings["batch_size"], settings["num_epochs"]
    per_epoch = -(-len(X_train) // batch_size)
    every, last = -(-per_epoch // LOOKS), num_epochs * per_epoch

    run.measure(0.0, [], forward_pass(X_test, *network)[0], y_test)
    yield 0.0, network
    losses: list[float] = []  # since the latest measurement
    steps = sgd(X_train, y_train, *network, rng=rng, batch_size=batch_size,
                step_size=settings["step_size"], num_epochs=num_epochs)
    for updates, (weights, biases, loss, _) in enumerate(steps, start=1):
        network, epochs = (weights, biases, activations), updates / per_epoch
        losses.append(loss)
        if updates <= 10 or updates % every == 0 or updates == last:
            run.measure(epochs, losses, forward_pass(X_test, *network)[0], y_test)
            losses = []
        yield epochs, network


def from_history(name: str, history: dict[str, np.ndarray], per_epoch: int) -> Run:
    """Return the Run that a history from train tells of."""
    t = np.arange(1, len(history["test_loss"]) + 1)
    return Run(name, "finished", list(t / per_epoch), list(history["train_loss"]),
               list(history["test_loss"]), list(history["test_accuracy"]))


def name_for(settings: dict, N: int) -> str:
    """Return the settings as a name, for N training examples."""
    batch = "all" if settings["batch_size"] == N else settings["batch_size"]
    return (f"step size {settings['step_size']:g}, hidden {settings['hidden']}, "
            f"batch {batch}, epochs {settings['num_epochs']}, seed {settings['seed']}")


def curves(runs: list[Run], num_epochs: float) -> Callable[[], bytes]:
    """Return a function that draws the runs' curves as a PNG, over num_epochs.

    All runs but the last are drawn once, here; the last may grow from call to call.
    """
    fig = Figure(figsize=(WIDE / 96, HIGH / 96), dpi=96 * SHARP, layout="constrained")
    axes = fig.subplots(1, 3)
    for ax, title in zip(axes, ["mini-batch loss", "test loss", "test accuracy"]):
        ax.set(title=title, xlabel="epochs", xlim=(-0.02 * num_epochs, num_epochs))
    for ax in axes[:2]:
        ax.set(yscale="log", ylim=(0.003, 40))
        ax.axhline(np.log(2), color="k", lw=0.8, ls=":")
    axes[2].set(ylim=(0.45, 1.01))
    lines = [[ax.plot([], [], color=COLOURS[k % 6], ls=DASHES[k // 6 % 3])[0]
              for ax in axes] for k, _ in enumerate(runs)]

    def follow(run: Run, of_run: list) -> None:
        for line, numbers in zip(
            of_run, (run.train_loss, run.test_loss, run.test_accuracy)
        ):
            line.set_data(run.epochs, numbers)

    for run, of_run in zip(runs, lines):
        follow(run, of_run)
    paint = painter(fig, lines[-1] if lines else [])

    def draw() -> bytes:
        if runs:
            follow(runs[-1], lines[-1])
        return paint()

    return draw


def runs_table(runs: list[Run]) -> str:
    """Return an HTML table of the runs, in the colours of their curves."""
    def cells(k, run):
        known = bool(run.test_loss)
        loss = f"{run.test_loss[-1]:.3f}" if known else ""
        hits = f"{run.test_accuracy[-1]:.2%}" if known else ""
        return (f"<tr><td>{swatch(COLOURS[k % 6])}</td><td>{run.name}</td>"
                f"<td>{run.outcome}</td><td>{loss}</td><td>{hits}</td></tr>")

    head = ("<tr><th></th><th>settings</th><th>outcome</th><th>test loss</th>"
            "<th>test accuracy</th></tr>")
    body = "".join(cells(k, run) for k, run in enumerate(runs))
    return f'<table class="runs" style="border-spacing:12px 1px">{head}{body}</table>'


def setting_controls(N: int) -> dict[str, widgets.Widget]:
    """Return a control for each setting, for N training examples.

    A control's value is what training takes, whatever stands beside its handle.
    """
    sizes = [n for n in BATCH_SIZES if n < N] + [N]
    of_sizes = [str(n) for n in sizes[:-1]] + [f"all {N}"]
    usual = sizes.index(100) if 100 in sizes else 0
    return {
        "step_size": chooser("step size", [f"{s:g}" for s in STEP_SIZES], 6,
                             STEP_SIZES),
        "hidden": chooser("hidden units", [str(n) for n in HIDDEN], 8, HIDDEN),
        "batch_size": chooser("batch size", of_sizes, usual, sizes),
        "num_epochs": slider("epochs", min=1, max=30, value=5),
        "seed": slider("seed", min=0, max=20, value=0),
    }


class Trainer:
    """The viewer of train_yourself: its widgets, its runs, and the training under way.

    data is (X_train, y_train, X_test, y_test); runs holds the runs to start with, and
    networks collects the network of each run under the run's name.
    """

    def __init__(self, data: tuple, runs: list[Run], networks: dict[str, tuple]):
        self.data, self.runs, self.networks = data, runs, networks
        self.stopping = False  # whether Stop was pressed during this training
        self.num_epochs = 1  # how many the latest training was to have
        self.drawn_at = -np.inf  # when this training's curves were drawn last

        self.controls = setting_controls(len(data[0]))
        self.train_button = widgets.Button(
            description="Train", icon="play", button_style="primary")
        self.stop_button = widgets.Button(
            description="Stop", icon="stop", disabled=True)
        self.forget_button = widgets.Button(
            description="Forget all runs", icon="trash")
        self.train_button.on_click(self.start)
        self.stop_button.on_click(self.stop)
        self.forget_button.on_click(self.forget)

        self.bar = widgets.FloatProgress(
            min=0, max=1, description="progress", style=LABEL,
            layout=widgets.Layout(width="440px"))
        self.status, self.table = text("status", WIDE), text("runs-text", WIDE)
        self.view = picture("run-curves", WIDE, HIGH)
        self.status.value = "Choose settings and press Train."
        self.new_curves()

    def box(self) -> widgets.VBox:
        """Return all widgets, laid out."""
        buttons = row(self.train_button, self.stop_button, self.forget_button)
        return widgets.VBox([*self.controls.values(), buttons, self.bar, self.status,
                             self.view, self.table])

    def start(self, _button: widgets.Button) -> None:
        """Train with the chosen settings; an earlier run with the same makes way."""
        settings = {name: control.value for name, control in self.controls.items()}
        run = Run(name_for(settings, len(self.data[0])))
        self.runs = [r for r in self.runs if r.name != run.name] + [run]
        self.num_epochs = settings["num_epochs"]
        self.stopping, self.drawn_at = False, -np.inf
        self.set_running(True)
        self.new_curves()
        # Kept here, because a task that nothing refers to may vanish half-way.
        self.task = asyncio.get_running_loop().create_task(self.train(run, settings))

    def stop(self, _button: widgets.Button) -> None:
        """Let the training end before its next slice."""
        self.stopping = True
        self.status.value = "Stopping."

    def forget(self, _button: widgets.Button) -> None:
        """Remove all runs and their networks."""
        self.runs = []
        self.networks.clear()
        self.num_epochs = 1
        self.bar.value = 0
        self.status.value = "No run yet: choose settings and press Train."
        self.new_curves()

    async def train(self, run: Run, settings: dict) -> None:
        """Train in slices of time, until the end or until Stop is pressed."""
        updates = training(run, settings, *self.data)
        try:
            while (epochs := self.train_a_slice(run, updates)) < self.num_epochs:
                self.show_progress(epochs)
                await asyncio.sleep(PAUSE)
                if self.stopping:
                    break
            finished = epochs == self.num_epochs
            run.outcome = "finished" if finished else f"stopped at epoch {epochs:.2f}"
        except ValueError as error:  # a weight grew beyond all numbers
            run.outcome = f"broke down: {error}"
        finally:
            if run.outcome == "training":
                run.outcome = "interrupted"
            self.status.value = f"{run.name}: {run.outcome}."
            self.set_running(False)
            self.draw()

    def train_a_slice(self, run: Run, updates: Iterator[tuple]) -> float:
        """Train for SLICE seconds, or to the end; return how many epochs are done."""
        end = time.perf_counter() + SLICE
        while True:
            epochs, self.networks[run.name] = next(updates)
            if epochs == self.num_epochs or time.perf_counter() >= end:
                break
        self.bar.value = epochs / self.num_epochs
        return epochs

    def show_progress(self, epochs: float) -> None:
        """Say how far the training is, and draw the curves if that is due."""
        self.status.value = f"Training: epoch {epochs:.2f}."
        if time.perf_counter() - self.drawn_at > FRAME:
            self.draw()
            self.drawn_at = time.perf_counter()

    def set_running(self, running: bool) -> None:
        """Enable what can be used while a training runs, or while none does."""
        for control in (self.train_button, self.forget_button, *self.controls.values()):
            control.disabled = running
        self.stop_button.disabled = not running

    def new_curves(self) -> None:
        """Lay the curves out anew, wide enough for the runs there are, and draw."""
        longest = max((run.epochs[-1] for run in self.runs if run.epochs), default=1)
        self.paint = curves(self.runs, max(longest, self.num_epochs))
        self.draw()

    def draw(self) -> None:
        """Show the curves and the table of the runs as they are now."""
        self.view.value = self.paint()
        ends = [run.test_accuracy[-1] for run in self.runs if run.test_accuracy]
        self.view.tooltip = (f"Curves of {len(self.runs)} run(s); the best ends at a "
                             f"test accuracy of {max(ends, default=0):.2%}.")
        self.table.value = runs_table(self.runs)


def train_yourself(
    X_train: np.ndarray,
    y_train: np.ndarray,
    X_test: np.ndarray,
    y_test: np.ndarray,
    history: dict[str, np.ndarray] | None = None,
    networks: dict[str, tuple] | None = None,
) -> widgets.Widget:
    """Show the settings of a training, and buttons to start and to stop it.

    X_train is (N, 784) and X_test (n, 784), with labels y_train and y_test. history,
    from train with batches of 100, is a first run to compare with. Each run's network
    is put into the dictionary networks under the run's name, for look_into. The
    training itself happens between the kernel's other work, in slices: see SLICE.
    """
    runs = []
    if history is not None:
        runs.append(from_history("the run above", history, -(-len(X_train) // 100)))
    data = (X_train, y_train, X_test, y_test)
    viewer = Trainer(data, runs, {} if networks is None else networks).box()
    show(viewer, "Here one sets step size, width, batches, and trains.")
    return viewer
