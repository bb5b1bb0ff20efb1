"""Page through digits, large, each with its caption."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np

from .parts import picture, show, slider, text
from .pictures import digit_png


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
    place, view = slider(label, min=1, max=len(images)), picture("digit", 280, 280)
    caption = text("caption", 600)

    def update(change=None):
        k = place.value - 1
        view.value = digit_png(images[k])
        view.tooltip = caption.value = captions[k]

    place.observe(update, names="value")
    update()
    viewer = widgets.VBox([place, view, caption])
    show(viewer, f"Here a slider pages through {len(images)} digits, one by one.")
    return viewer
