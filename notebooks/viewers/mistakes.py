"""Page through the digits that a network gets wrong, and see why."""

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure
from traitlets import Bunch

from page import NINE, THREE, VOTES, digit_grid

from .controls import LABEL, Dial, Panel, Picture, Player, swatch, text
from .explanations import nearest_finder, probabilities, pushes
from .pictures import digit_png, signed_png
from .sketchpad import Sheet
from .static_fallback import show

PARTS = ["upper left", "upper right", "lower left", "lower right"]
LEAST_SURE, NEARLY = "right, but least sure", 30  # the latter is how many
COLUMNS, ROWS = 14, 3  # of the digits on show at a glance


def name_of(label: float) -> str:
    """Return the digit of a label, or the likelier one for a probability of a 9."""
    return "9" if label > 0.5 else "3"


def decimals(probability: float) -> str:
    """Return a probability in so many decimals that one half is told from the rest."""
    return f"{probability:.{3 if abs(probability - 0.5) > 0.0005 else 6}f}"


class Explainer:
    """Pictures that explain what a network says of an image, in panels side by side.

    Next to it are its pixels' pushes, which are not shown while covered is True, and of
    each class in X_train, y_train the mean digit and the nearest one.
    """

    def __init__(self, network: tuple, X_train: np.ndarray, y_train: np.ndarray):
        self.network, self.X_train, self.covered = network, X_train, False
        self.other: tuple[str, list] | None = None
        self.shown: tuple | None = None  # what explain last showed
        self.nearest = nearest_finder(X_train, y_train)
        self.digit = Panel("digit", "What it is shown", 224, 4)
        self.digit.caption.add_class("announced")
        self.pushes = Panel("pushes", "What pushed", 224, 4)
        means = [Panel(f"mean-{d}", f"The mean {d}", 112, 0) for d in "39"]
        self.neighbours = [Panel(f"nearest-{d}", f"Nearest {d}", 112, 2) for d in "39"]
        self.panels = [self.digit, self.pushes, widgets.VBox([
            widgets.HBox(means), widgets.HBox(self.neighbours)])]
        for label, mean in enumerate(means):
            mean.show(digit_png(X_train[y_train == label].mean(axis=0)),
                      f"The mean of all training {name_of(label)}s.")

    def resize(self, size: int) -> None:
        """Give the digit and its pushes this width in the browser's pixels."""
        for part in (*self.digit.children, *self.pushes.children):
            part.layout.width = f"{size}px"

    def compare(self, other: tuple[str, list] | None) -> None:
        """Show what another run says, too: its name and film are given."""
        self.other = other
        self.explain(*self.asked)

    def explain(self, image: np.ndarray, before: str = "",
                label: float | None = None) -> None:
        """Show image, (28, 28) or (784,), with its label and words that come before."""
        self.asked, x = (image, before, label), image.ravel()
        if not x.any():
            before, label = "An empty sheet. ", None
        g = probabilities(self.network, x[np.newaxis])[0]
        truth = "The network says" if label is None else f"a {name_of(label)}, " + (
            "rightly " * (name_of(g) == name_of(label)) + "taken for a")
        caption = (f"{before}{truth} {name_of(g)} with probability "
                   f"{decimals(max(g, 1 - g))}.")
        if self.other:
            name, film = self.other
            h = probabilities(film[-1][1], x[np.newaxis])[0]
            caption += f" <br>And {name}: {name_of(h)}, {decimals(max(h, 1 - h))}."
        shown = x.tobytes(), caption, self.covered
        if shown == self.shown:
            return
        self.shown = shown
        self.digit.show(digit_png(x), f"The digit. {caption}", caption)
        self._show_pushes(x, g)
        for name, panel, (k, distance) in zip("39", self.neighbours, self.nearest(x)):
            panel.show(digit_png(self.X_train[k]),
                       f"The nearest {name}: training digit {k}, distance "
                       f"{distance:.2f}.", f"digit {k}<br>distance {distance:.2f}")

    def _show_pushes(self, x: np.ndarray, g: float) -> None:
        pushed, rest = pushes(self.network, x)
        towards = np.maximum(pushed if g > 0.5 else -pushed, 0)
        self.shares = (towards.reshape(2, 14, 2, 14).sum(axis=(1, 3)).ravel()
                       / max(towards.sum(), 1e-12))  # of each of PARTS
        self.asks = bool(self.covered and towards.any())
        if self.asks:
            self.pushes.show(digit_png(x), "Not shown before you have guessed.")
            return
        to_three, to_nine = pushed[pushed < 0].sum(), pushed[pushed > 0].sum()
        numbers = np.array([to_three, to_nine, rest, to_three + to_nine + rest])
        size = abs(numbers[3])  # of the logit, whose sign must not be lost
        digits = 2 if size > 0.005 else 4 if size > 5e-5 else 7
        three, nine, bias, logit = (f"{number:+z.{digits}f}" for number in numbers)
        self.pushes.show(signed_png(pushed, abs(pushed).max()), (
            "The same digit, each pixel coloured by its push: "
            f"{three} towards 3, {nine} towards 9."),
            f"{swatch(THREE)} blue, towards&nbsp;3:&nbsp;{three}<br>"
            f"{swatch(NINE)} orange, towards&nbsp;9:&nbsp;{nine}<br>biases:&nbsp;{bias}"
            f"<br>sum, the logit:&nbsp;<b>{logit}</b>, so&nbsp;{name_of(g)}")


def reasons_figure(network: tuple, images: np.ndarray) -> Figure:
    """Return a figure with each image, (28, 28) or (784,), above its pixels' pushes.

    network is (weight_matrices, biases, activations).
    """
    shown = [*images]
    for image in images:
        pushed, _ = pushes(network, image.ravel())
        votes = 0.5 + pushed.reshape(28, 28) / (2 * abs(pushed).max())
        shown.append(VOTES(votes, bytes=True))
    return digit_grid(shown, [""] * len(shown), columns=len(images),
                      names=["digit", "pushes"])


def groups(g: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return the indices of each group's digits, for outputs g (n,) and labels y (n,).

    Mistakes come surest first, right digits least sure first.
    """
    wrong = (g > 0.5) != (y > 0.5)
    doubt = np.argsort(-abs(g - 0.5), kind="stable")
    mistakes, right = doubt[wrong[doubt]], doubt[~wrong[doubt]][::-1]
    return {"all mistakes": mistakes,
            "3 taken for 9": mistakes[y[mistakes] < 0.5],
            "9 taken for 3": mistakes[y[mistakes] > 0.5],
            LEAST_SURE: right[:NEARLY]}


class Pager(widgets.VBox):
    """The viewer of look_into: groups of digits, which it explains and edits."""

    def __init__(self, network: tuple, images: np.ndarray, y: np.ndarray,
                 X_train: np.ndarray, y_train: np.ndarray):
        self.images, self.y = images, y
        self.groups = groups(probabilities(network, images), y)
        self.explainer = Explainer(network, X_train, y_train)
        self.compare = self.explainer.compare
        self.guesses: dict[int, bool] = {}  # whether the first of each digit was right
        self.menu = widgets.Dropdown(
            options=[(f"{name} ({len(k)})", name) for name, k in self.groups.items()],
            description="show", style=LABEL, layout={"width": "330px"})
        self.place = Dial("place in group", [("–", None)], None)
        self.number = Dial("image", [], 0, (int, 0, len(images) - 1))
        self.glance = Picture(
            "glance", 3 * 29 * COLUMNS // 2, 3 * 29 * ROWS // 2, reach=0.5 / COLUMNS,
            grid=(COLUMNS, ROWS),
            choose=lambda tile: setattr(self.place, "value", self.tiled[tile]))
        self.page: tuple[str, int] | None = None  # of the glance: its group and start
        self.message = text("message", 720)
        self.judged = text("judged announced", 720)
        self.edit = widgets.ToggleButton(description="Edit this digit", icon="pencil")
        self.guess = widgets.ToggleButton(description="Guess first", icon="question")
        self.sheet = Sheet(layout=widgets.Layout(display="none"))
        self.answers = widgets.HBox([widgets.Button(description=one) for one in PARTS])
        super().__init__([
            widgets.HBox([self.menu, self.number]), self.glance,
            widgets.HBox([self.place, Player("the group", self.place, 1500)]),
            self.message, widgets.HBox([self.edit, self.guess, self.answers]),
            self.judged, widgets.HBox([self.sheet, *self.explainer.panels])])

        for button in self.answers.children:
            button.on_click(self.judge)
        widgets.dlink((self.place, "value"), (self.number, "value"),
                      lambda k: self.number.value if k is None else k)
        self.menu.observe(self.choose, names="value")
        for control in (self.number, self.edit, self.guess):
            control.observe(self.look, names="value")
        self.sheet.observe(self.explain, names=["strokes", "digit"])
        self.choose()

    def choose(self, _change: object = None) -> None:
        """Show the first digit of the group that the menu names."""
        group = self.groups[self.menu.value].tolist()
        self.place.lay_out([(str(n), k) for n, k in enumerate(group, start=1)],
                           group[0] if group else None)
        self.look()

    def look(self, change: Bunch | None = None) -> None:
        """Show the digit that the box names; the slider follows within the group."""
        k, group = self.number.value, self.groups[self.menu.value]
        self.place.value = k if k in group else None
        self.show_glance(group)
        self.number.note.value = self.place.note.value = ""
        if not change or change.owner is not self.edit:  # which leaves what is in view
            self.explainer.covered = self.guess.value
        for part, button in [(self.answers, self.guess), (self.judged, self.guess),
                             (self.sheet, self.edit)]:
            part.layout.display = None if button.value else "none"
        self.explainer.resize(168 if self.edit.value else 224)
        if self.edit.value and change and change.owner is not self.guess:
            self.sheet.put([], self.images[k])
        self.explain()

    def show_glance(self, group: np.ndarray) -> None:
        """Show a page of the group's digits, with a frame around the one on show."""
        n, name, tiles = len(group), self.menu.value, COLUMNS * ROWS
        at = -1 if self.place.value is None else self.place.slider.index
        start = max(at, 0) // tiles * tiles
        if self.page != (name, start):  # not at each digit of it
            self.page, self.tiled = (name, start), group[start:start + tiles].tolist()
            self.glance.show(digit_png(self.images[self.tiled], ROWS, COLUMNS),
                             f"At a glance: {len(self.tiled)} of {n}, {name}.")
            self.glance.places = [
                [(j % COLUMNS + 0.5) / COLUMNS, (j // COLUMNS + 0.5) / ROWS,
                 f"image {digit}"] for j, digit in enumerate(self.tiled)]
        self.glance.at = at - start if at >= 0 else -1
        kind, order = (("digit", "least sure up") if name == LEAST_SURE
                       else ("mistake", "surest down"))
        part = f"; above are {start + 1} to {start + len(self.tiled)}" * (n > tiles)
        self.message.value = (
            f"{kind} {at + 1} of {n}, from the {order}{part}" if at >= 0 else
            f"image {self.number.value} is not in this group of {n}{part}" if n else
            f"There is no digit here: {name} holds none. The box <i>image</i> still "
            f"takes any number from 0 to {len(self.images) - 1}.")

    def explain(self, _change: object = None) -> None:
        """Explain the digit as it is, or as it has been edited."""
        k = self.number.value
        image, before, label = self.images[k], f"Image {k}: ", self.y[k]
        if self.edit.value and self.sheet.edited:
            image, label = self.sheet.image, None
            before = (f"Image {k}, a {name_of(self.y[k])}, edited. " if self.sheet.digit
                      else "Your drawing, scaled and centred. ")
        self.explainer.explain(image, before, label)
        nothing = self.guess.value and not self.explainer.shares.any()
        self.judged.value = ("Where is the ink that led it there?" * self.explainer.asks
                             or "No ink pushed towards the network's answer." * nothing)

    def judge(self, button: widgets.Button) -> None:
        """Uncover the pushes, and judge the guess; the first of each digit counts."""
        covered, self.explainer.covered = self.explainer.covered, False
        self.explain()
        guess, shares = button.description, dict(zip(PARTS, self.explainer.shares))
        best = max(PARTS, key=lambda part: shares[part])
        if not shares[best]:
            self.explainer.covered = covered
            return
        if covered and not (self.edit.value and self.sheet.edited):  # an honest guess
            self.guesses.setdefault(self.number.value, guess == best)
        more = "" if guess == best else (
            f" The {best} holds the most, {shares[best]:.1%}.")
        self.judged.value = (
            f"The {guess} holds {shares[guess]:.1%} of the pushes towards the "
            f"network's answer.{more} First guesses: {sum(self.guesses.values())} of "
            f"{len(self.guesses)} right.")


def look_into(network: tuple, images: np.ndarray, y: np.ndarray, X_train: np.ndarray,
              y_train: np.ndarray) -> widgets.Widget:
    """Show the digits that a network gets wrong, surest mistake first, and why.

    A menu chooses a group, a slider the digit in it, and the box "image" takes any
    index. Buttons hide the reasons until a guess is made, and open a digit for editing.

    Parameters
    ----------
    network : (weight_matrices, biases, activations)
    images : (n, 28, 28) or (n, 784) in [0, 1], the digits to look into
    y : (n,), their labels, 0 for a 3 and 1 for a 9
    X_train : (N, 784) in [0, 1], in which the nearest digits are looked up
    y_train : (N,), the labels of X_train
    """
    viewer = Pager(network, images, y, X_train, y_train)
    wrong = viewer.groups["all mistakes"].tolist()
    show(viewer, "Here a slider pages through the misclassified digits "
         f"({len(wrong)}).", viewer.place if wrong else None, wrong)
    return viewer
