"""Widgets that answer at once: small functions over data, each used in one line."""

import io
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from IPython.display import display
from PIL import Image


def digit_png(image: np.ndarray, scale: int = 10) -> bytes:
    """Return a digit, (28, 28) or (784,) in [0, 1], as a PNG of ink on paper.

    Each pixel becomes a square of scale x scale: a browser would blur a small picture.
    """
    paper = np.rint(255 * (1 - np.clip(image.reshape(28, 28), 0, 1))).astype(np.uint8)
    png = io.BytesIO()
    squares = np.kron(paper, np.ones((scale, scale), np.uint8))
    Image.fromarray(squares).save(png, format="png", compress_level=1)
    return png.getvalue()


def browse_digits(
    images: np.ndarray, captions: Sequence[str], label: str = "digit"
) -> widgets.Widget:
    """Show a slider that pages through digits, large, each with its caption.

    images is (n, 28, 28) or (n, 784) and captions holds n texts. The arrow keys move
    the slider. Returns the widget, which is already on display.
    """
    if len(images) != len(captions):
        raise ValueError(
            f"{len(images)} images need as many captions, got {len(captions)}"
        )
    if len(images) == 0:
        viewer = widgets.HTML("No digit to show.")
        show(viewer, "There is no digit to page through.")
        return viewer
    slider = widgets.IntSlider(
        min=1, max=len(images), description=label,
        layout=widgets.Layout(width="420px"), tooltip="Use the arrow keys",
    )
    picture = widgets.Image(format="png", width=280, height=280)
    caption = widgets.HTML()

    def update(change=None):
        k = slider.value - 1
        picture.value = digit_png(images[k])
        picture.alt = captions[k]
        caption.value = captions[k]

    slider.observe(update, names="value")
    update()
    viewer = widgets.VBox([slider, picture, caption])
    show(viewer, f"Here a slider pages through {len(images)} digits, one by one.")
    return viewer


def show(widget: widgets.Widget, instead: str) -> None:
    """Display a widget; where no widget can be shown, the sentence instead stands."""
    bundle = widget._repr_mimebundle_()
    display({**bundle, "text/plain": instead}, raw=True)
