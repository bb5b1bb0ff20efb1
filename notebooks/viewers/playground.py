"""Train a network with settings of one's own, watch it, stop it, compare."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

import page
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

from .parts import chooser, picture, row, show, slider, swatch, text
from .pictures import SHARP, painter

WIDE, HIGH = 780, 260  # the curves, in the browser's pixels

STEP_SIZES = [m * 10.0**k for k in range(-3, 2) for m in (1, 2, 5)]
HIDDEN = [1, 2, 3, 5, 10, 20, 50, 100, 200, 400]
BATCH_SIZES = [1, 10, 20, 50, 100, 200, 500, 1000, 5000]  # and all
ONE_EPOCH = {
    "step_size": 0.1, "hidden": 200, "batch_size": 100, "num_epochs": 1, "seed": 0,
}

# Colours that colour-blind readers tell apart (Okabe and Ito); then the dashes change.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]
DASHES = ["-", "--", ":"]
LINES = ["-", "--", "-.", (0, (1, 1))]

SLICE = 0.04  # seconds of training, after which the buttons get a chance
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
    weights, biases = (create_weight_matrices(layer_dims, rng),
                       create_bias_vectors(layer_dims))
    activations = [relu_activation, sigmoid_activation]
    batch_size = settings["batch_size"]
    per_epoch = -(-len(X_train) // batch_size)
    steps = sgd(X_train, y_train, weights, biases, activations, rng=rng,
                batch_size=batch_size, step_size=settings["step_size"],
                num_epochs=settings["num_epochs"])
    last, updates = settings["num_epochs"] * per_epoch, 0
    losses: list[float] = []  # since the latest measurement
    network = (weights, biases, activations)
    while True:
        if updates <= 10 or updates % -(-per_epoch // LOOKS) == 0 or updates == last:
            g, _ = forward_pass(X_test, *network)
            test_loss = logistic_loss(g, y_test)[0].mean()
            run.epochs.append(updates / per_epoch)
            run.train_loss.append(float(np.mean(losses)) if losses else np.nan)
            run.test_loss.append(float(test_loss))
            run.test_accuracy.append(accuracy(g, y_test))
            losses = []
        yield updates / per_epoch, network
        if updates == last:
            return
        weights, biases, loss, _ = next(steps)
        network, updates = (weights, biases, activations), updates + 1
        losses.append(loss)


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


def settings_figure(
    X_train: np.ndarray, y_train: np.ndarray, X_test: np.ndarray, y_test: np.ndarray,
    changes: Sequence[dict],
) -> tuple[Figure, list[Run]]:
    """Train once with each of changes to the settings ONE_EPOCH.

    Returns a figure of the test loss and accuracy, and the runs, each named by its
    change. The training set is (N, 784) and (N,), the test set (n, 784) and (n,).
    """
    fig, axes = page.subplots(1, 2, height=2.7)
    runs = []
    for k, change in enumerate(changes):
        said = [f"{name.replace('_', ' ')} {value}" for name, value in change.items()]
        runs.append(run := Run(", ".join(said) or "as above"))
        settings = {**ONE_EPOCH, **change}
        for _ in training(run, settings, X_train, y_train, X_test, y_test):
            pass
        style = {"color": COLOURS[k % 6], "ls": LINES[k % 4], "label": run.name}
        axes[0].plot(run.epochs, run.test_loss, **style)
        axes[1].plot(run.epochs, run.test_accuracy, **style)
    axes[0].axhline(np.log(2), color="k", lw=0.8, ls=":")
    axes[0].set(yscale="log", ylabel="test loss")
    axes[1].set(ylabel="test accuracy", ylim=(0.45, 1.01))
    for ax in axes:
        ax.set(xlabel="epochs", xlim=(0, 1))
    named = axes[0].get_legend_handles_labels()
    fig.legend(*named, loc="outside lower center", ncols=5)
    return fig, runs


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
    N = len(X_train)
    batch_sizes = [n for n in BATCH_SIZES if n < N] + [N]
    controls = {
        "step_size": chooser("step size", [f"{s:g}" for s in STEP_SIZES], 6),
        "hidden": chooser("hidden units", [str(n) for n in HIDDEN], 8),
        "batch_size": chooser(
            "batch size", [str(n) for n in batch_sizes[:-1]] + [f"all {N}"],
            batch_sizes.index(100) if 100 in batch_sizes else 0),
        "num_epochs": slider("epochs", min=1, max=30, value=5),
        "seed": slider("seed", min=0, max=20, value=0),
    }
    choices: dict[str, list] = {
        "step_size": STEP_SIZES, "hidden": HIDDEN, "batch_size": batch_sizes}
    go = widgets.Button(description="Train", icon="play", button_style="primary")
    stop = widgets.Button(description="Stop", icon="stop", disabled=True)
    forget = widgets.Button(description="Forget all runs", icon="trash")
    bar = widgets.FloatProgress(min=0, max=1, description="progress",
                                style={"description_width": "100px"},
                                layout=widgets.Layout(width="440px"))
    status, runs_text = text("status", WIDE), text("runs-text", WIDE)
    view = picture("run-curves", WIDE, HIGH)
    runs: list[Run] = []
    if history is not None:
        runs.append(from_history("the run above", history, -(-N // 100)))
    networks = {} if networks is None else networks
    now: dict = {"stop": False}

    def lay_out():
        longest = max((run.epochs[-1] for run in runs if run.epochs), default=1)
        now["curves"] = curves(runs, max(longest, now.get("num_epochs", 1)))
        draw()

    def draw():
        view.value = now["curves"]()
        best = max((r.test_accuracy[-1] for r in runs if r.test_accuracy), default=0)
        view.tooltip = (f"Curves of {len(runs)} run(s); the best ends at a test "
                          f"accuracy of {best:.2%}.")
        runs_text.value = runs_table(runs)

    def set_running(running: bool):
        go.disabled = forget.disabled = running
        stop.disabled = not running
        for control in controls.values():
            control.disabled = running

    async def train_in_slices(run: Run, settings: dict):
        drawn_at = -np.inf
        try:
            slice_end = time.perf_counter() + SLICE
            for epochs, network in training(run, settings, X_train, y_train,
                                            X_test, y_test):
                networks[run.name] = network
                if time.perf_counter() < slice_end:
                    continue
                bar.value = epochs / settings["num_epochs"]
                status.value = f"Training: epoch {epochs:.2f}."
                if time.perf_counter() - drawn_at > FRAME:
                    draw()
                    drawn_at = time.perf_counter()
                await asyncio.sleep(0.005)  # here the kernel hears the Stop button
                if now["stop"]:
                    break
                slice_end = time.perf_counter() + SLICE
            bar.value = epochs / settings["num_epochs"]
            run.outcome = ("finished" if epochs == settings["num_epochs"] else
                           f"stopped at epoch {epochs:.2f}")
        except ValueError as error:  # a weight grew beyond all numbers
            run.outcome = f"broke down: {error}"
        finally:
            if run.outcome == "training":
                run.outcome = "interrupted"
            status.value = f"{run.name}: {run.outcome}."
            set_running(False)
            draw()

    def start(_):
        settings = {name: choices[name][control.index] if name in choices
                    else control.value for name, control in controls.items()}
        run = Run(name_for(settings, N))
        runs[:] = [earlier for earlier in runs if earlier.name != run.name] + [run]
        now["stop"] = False
        set_running(True)
        now["num_epochs"] = settings["num_epochs"]
        lay_out()
        now["task"] = asyncio.get_running_loop().create_task(
            train_in_slices(run, settings))

    def end(_):
        now["stop"] = True
        status.value = "Stopping."

    def clear(_):
        runs.clear()
        networks.clear()
        bar.value, status.value = 0, "No run yet: choose settings and press Train."
        now.pop("num_epochs", None)
        lay_out()

    go.on_click(start)
    stop.on_click(end)
    forget.on_click(clear)
    status.value = "Choose settings and press Train."
    lay_out()
    viewer = widgets.VBox(
        [*controls.values(), row(go, stop, forget), bar, status, view, runs_text])
    show(viewer, "Here one sets step size, width, batches, and trains.")
    return viewer
