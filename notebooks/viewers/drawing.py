"""Draw a 3 or a 9, and watch the network's answer."""

import base64

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from page import NINE, THREE, digit_grid

from .controls import HERE
from .explanations import probabilities
from .mistakes import Explainer, name_of
from .sketchpad import PEN, Sheet, Stroke, ink, seen
from .static_fallback import show


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list:
    """Return points along an ellipse around (x, y), from one angle to another."""
    angles = np.radians(np.linspace(start, end, 24))
    return [(float(x + rx * c), float(y + ry * s))
            for c, s in zip(np.cos(angles), np.sin(angles))]


_LOOP = _arc(138, 94, 44, 40, 0, 360)  # the nines differ in their tails alone
EXAMPLES: dict[str, list[Stroke]] = {
    name: [{"points": points, "width": PEN, "erase": False}] for name, points in {
        "a 3": _arc(138, 94, 46, 42, -150, 90) + _arc(138, 188, 54, 52, -90, 145),
        "a 9": [*_LOOP, (180, 100), (172, 170), (156, 240)],
        "a 9 with a curled tail": _LOOP + _arc(118, 150, 66, 88, -35, 130)}.items()}


def drawings_figure(network: tuple, drawings: dict[str, list[Stroke]]) -> Figure:
    """Return a figure of drawings: as drawn, as MNIST's digits are, and the answer.

    network is (weight_matrices, biases, activations); drawings are strokes, by name.
    """
    shown, titles = [], []
    for name, strokes in drawings.items():
        image = seen(strokes)
        g = probabilities(network, image[np.newaxis])[0]
        shown += [ink(strokes) / 255, image]
        titles += [name.removeprefix("a 9 with a "),  # else wider than the picture
                   f"says {name_of(g)} ({max(g, 1 - g):.3f})"]
    return digit_grid(shown, titles, columns=len(shown))


def in_8_bits(network: tuple) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return (levels, scales, biases) of each layer: its weights are levels * scales.

    The levels are whole numbers from -127 to 127; a neuron, a column, has one scale.
    """
    scales = [np.maximum(abs(W).max(axis=0), 1e-30) / 127 for W in network[0]]
    return [(np.rint(W / scale).astype(np.int8), scale, b)
            for W, b, scale in zip(*network[:2], scales)]


def draw_a_digit(network: tuple, X_train: np.ndarray,
                 y_train: np.ndarray) -> widgets.Widget:
    """Show a sheet to draw on, and the network's answer as the drawing grows.

    network is (weight_matrices, biases, activations). The nearest digits are those of
    X_train, (N, 784) in [0, 1], with the labels y_train (N,), 0 for a 3 and 1 for a 9.
    """
    explainer = Explainer(network, X_train, y_train)
    explainer.resize(168)
    *picture, answer = explainer.digit.children
    explainer.digit.children = picture  # above the sheet, a phone shows the answer, too
    answer.layout.width, answer.layout.min_height = "700px", "2.9em"
    sheet = Sheet(examples=EXAMPLES)
    sheet.observe(lambda _: explainer.explain(sheet.image), names=["strokes", "digit"])
    explainer.explain(seen(EXAMPLES["a 9 with a curled tail"]))  # the fallback's
    viewer = widgets.VBox([answer, widgets.HBox([sheet, *explainer.panels])])
    layers = in_8_bits(network)
    rounded = [q * s for q, s, _ in layers], [b for *_, b in layers], network[2]
    changed = np.sum((probabilities(rounded, X_train) > 0.5) !=
                     (probabilities(network, X_train) > 0.5))
    words = (f"Here weights have 8 bits, which changes {changed} of the answers to "
             f"{len(X_train):,} training digits; lines differ slightly from Python's.")
    sketchpad, function, style = ((HERE / name).read_text("utf-8") for name in (
        "sketchpad.js", "drawing.js", "viewers.css"))
    module = f"(() => {{{sketchpad.replace('export default', 'return')}}})()"
    data = [words, style, [["#ffffff", "#000000"], [THREE, NINE]], EXAMPLES, [
        [f"data:;base64,{base64.b64encode(levels.tobytes()).decode()}",
         scales.tolist(), biases[0].tolist()] for levels, scales, biases in layers]]
    show(viewer, "Here you draw a digit, and the network answers.", answers=(
        f"(root, ...data) => ({function})(root, {module}, ...data)", data))
    explainer.explain(sheet.image)
    return viewer
