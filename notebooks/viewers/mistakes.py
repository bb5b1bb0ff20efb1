"""Page through the digits that a network gets wrong, and see why."""

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

import page
from page import NINE, THREE

from .parts import (
    LABEL,
    number_box,
    panel,
    player,
    row,
    show,
    slider,
    swatch,
    text,
)
from .pictures import digit_png, rgb, signed_indices, signed_png
from .reasons import nearest_finder, probabilities, pushes


def name_of(label: float) -> str:
    """Return the digit that a label, or a probability of being a 9, stands for."""
    return "9" if label > 0.5 else "3"


def verdict(g: float, label: float | None = None) -> str:
    """Say in words what the output g means, beside the true label if there is one."""
    answer = f"{name_of(g)} with probability {max(g, 1 - g):.3f}"
    if label is None:
        return f"The network says {answer}"
    if name_of(g) == name_of(label):
        return f"a {name_of(label)}, rightly taken for a {answer}"
    return f"a {name_of(label)}, taken for a {answer}"


class Explainer:
    """A row of four pictures that explain what a network says of an image.

    Beside the image stand the pixels' pushes and the nearest digit of each class in
    X_train, y_train.
    """

    def __init__(self, network: tuple, X_train: np.ndarray, y_train: np.ndarray):
        self.network, self.X_train = network, X_train
        self.nearest = nearest_finder(X_train, y_train)
        self.panels = [
            panel("digit", "What the network is shown", 224, 3),
            panel("pushes", "What pushed", 224, 4),
            panel("nearest-3", "Nearest training 3", 140, 2),
            panel("nearest-9", "Nearest training 9", 140, 2),
        ]

    def explain(
        self, image: np.ndarray, before: str = "", label: float | None = None
    ) -> None:
        """Show image (28, 28) or (784,); before is what its caption begins with."""
        x = image.ravel()
        g = probabilities(self.network, x[np.newaxis])[0]
        words = f"{before}{verdict(g, label)}."
        of_digit, of_pushes, *of_neighbours = self.panels
        _fill(of_digit, digit_png(x, 16), f"The digit. {words}", words)
        self._show_pushes(of_pushes, x, g)
        for name, one, (k, distance) in zip("39", of_neighbours, self.nearest(x)):
            self._show_neighbour(one, name, k, distance)

    def _show_pushes(self, of_pushes: widgets.Box, x: np.ndarray, g: float) -> None:
        pushed, rest = pushes(self.network, x)
        to_three, to_nine = pushed[pushed < 0].sum(), pushed[pushed > 0].sum()
        logit = to_three + to_nine + rest
        alt = (f"The same digit, each pixel coloured by its push: {to_three:+.2f} "
               f"towards 3, {to_nine:+.2f} towards 9.")
        caption = (f"{swatch(THREE)} towards 3: {to_three:+.2f}<br>"
                   f"{swatch(NINE)} towards 9: {to_nine:+.2f}<br>biases: {rest:+.2f}"
                   f"<br>sum, the logit: <b>{logit:+.2f}</b>, so {name_of(g)}")
        _fill(of_pushes, signed_png(pushed, abs(pushed).max(), 16), alt, caption)

    def _show_neighbour(
        self, one: widgets.Box, name: str, k: int, distance: float
    ) -> None:
        if k < 0:
            image, where, caption = np.zeros(784), "none", "none"
        else:
            image = self.X_train[k]
            where = f"training digit {k}, distance {distance:.2f}"
            caption = f"training digit {k}<br>distance {distance:.2f}"
        _fill(one, digit_png(image, 10), f"The nearest {name}: {where}.", caption)


def _fill(of_one: widgets.Box, png: bytes, alt: str, caption: str) -> None:
    """Put a picture and its caption into a panel."""
    _, view, words = of_one.children
    view.value, view.tooltip, words.value = png, alt, caption


def reasons_figure(
    network: tuple, images: np.ndarray, X_train: np.ndarray, y_train: np.ndarray
) -> Figure:
    """Return a figure that explains images (n, 28, 28) or (n, 784), one in each column.

    From above: the image, the pixels' pushes, the nearest training 3 and 9.
    """
    nearest = nearest_finder(X_train, y_train)
    fig, axes = page.subplots(4, len(images), height=4.1, squeeze=False)
    for column, image in zip(axes.T, images):
        pushed, _ = pushes(network, image.ravel())
        page.show_digit(column[0], image)
        shown = rgb(signed_indices(pushed.reshape(28, 28), abs(pushed).max()))
        column[1].imshow(shown, interpolation="nearest")
        page.frame(column[1])
        for ax, (k, _) in zip(column[2:], nearest(image)):
            page.show_digit(ax, X_train[k])
    names = ["digit", "pushes", "nearest 3", "nearest 9"]
    for ax, name in zip(axes[:, 0], names):
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
    return fig


NEARLY = 30  # how many of the digits that are only just right


def groups(g: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return the indices of the digits to look into, by what happened to them.

    g (n,) holds the outputs and y (n,) the labels. Mistakes come surest first, and the
    nearly wrong, which are right, least sure first.
    """
    wrong = (g > 0.5) != (y > 0.5)
    doubt = np.argsort(-abs(g - 0.5), kind="stable")
    mistakes, right = doubt[wrong[doubt]], doubt[~wrong[doubt]][::-1]
    return {
        "all mistakes": mistakes,
        "3 taken for 9": mistakes[y[mistakes] < 0.5],
        "9 taken for 3": mistakes[y[mistakes] > 0.5],
        "right, but nearly wrong": right[:NEARLY],
    }


def look_into(
    network: tuple,
    images: np.ndarray,
    y: np.ndarray,
    X_train: np.ndarray,
    y_train: np.ndarray,
) -> widgets.Widget:
    """Show the digits that a network gets wrong, surest mistake first, and why.

    network is (weight_matrices, biases, activations); images (n, 28, 28) or (n, 784)
    with labels y (n,) are looked into, and the nearest digits come from X_train,
    y_train. A menu chooses a group, a slider the digit in it, and the box "image"
    takes any other index.
    """
    g = probabilities(network, images)
    of_group = groups(g, y)
    names = [(f"{name} ({len(found)})", name) for name, found in of_group.items()]
    menu = widgets.Dropdown(options=names, description="show",
                            style=LABEL,
                            layout=widgets.Layout(width="330px"))
    place = slider("which of them", min=1, max=1)
    play = player("the group", 1500, min=1, max=1)
    number = number_box("image", len(images) - 1)
    message = text("message", 720)
    explainer = Explainer(network, X_train, y_train)

    def look(change=None):
        k = number.value
        explainer.explain(images[k], f"Image {k}: ", y[k])

    def step(change=None):
        found = of_group[menu.value]
        if len(found):
            number.value = int(found[place.value - 1])

    def choose(change=None):
        found = of_group[menu.value]
        for control in (place, play):
            control.max, control.value = max(1, len(found)), 1
            control.disabled = len(found) < 2
        message.value = "" if len(found) else (
            f"There is no digit here: {menu.value} holds none. The box <i>image</i> "
            f"still takes any number from 0 to {number.max}.")
        step()

    number.observe(look, names="value")
    place.observe(step, names="value")
    menu.observe(choose, names="value")
    choose()
    look()
    viewer = widgets.VBox([row(menu, number), row(place, play), message,
                           row(*explainer.panels)])
    widgets.jslink((play, "value"), (place, "value"))
    count = len(of_group["all mistakes"])
    show(viewer, f"Here a slider pages through the misclassified digits ({count}).")
    return viewer
