"""Move the step of a finite difference and watch its error."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np

from nn_helpers import finite_difference_gradient
from page import GREY, NINE, THREE

from .controls import Dial, Picture, text
from .pictures import HIGH, WIDE, MovingFigure
from .static_fallback import show

FLOOR = 1e-13  # below this an error is drawn here: a logarithmic axis has no 0


def move_epsilon(f: Callable, slope: float, a: float = 1.0) -> widgets.Widget:
    """Show a slider for the step of the centred difference of f at a.

    On the left is the secant; in the middle the same, magnified so that every step has
    the same width; on the right the error. f is a function of a number, or of an array
    element by element; slope is its true derivative at a.
    """
    names = [f"{eps:.1e}" for eps in 10.0 ** np.linspace(0, -15, 76)]
    epsilons = np.array(names, float)  # exactly what is shown
    slopes = np.concatenate([  # of a function of a vector, as everybody's takes it
        finite_difference_gradient(lambda x: f(x[0]), np.array([a]), eps)
        for eps in epsilons])
    errors = abs(slopes - slope)
    step = Dial("step", [(name, k) for k, name in enumerate(names)], 1)
    chart = Picture("secant", WIDE, HIGH, lambda k: setattr(step, "value", k))
    draw, chart.places = _three_views(f, a, epsilons, slopes, errors)
    best = np.finfo(float).eps ** (1 / 3)  # about 6e-6, for f of ordinary size
    caption = text("epsilon announced", WIDE, 2)

    def look(_change: object = None) -> None:
        k = chart.at = step.value
        result = (f"Step {names[k]}: the secant's slope is {slopes[k]:.12f}, "
                  f"the true one {slope:.12f}.")
        cause = ("the curve bends between the two points" if epsilons[k] > 3 * best else
                 "the two kinds of error are in balance" if epsilons[k] > best / 3 else
                 "f is rounded, and dividing by the small step magnifies that")
        reason = f"The error is {errors[k]:.1e}: {cause}."
        caption.value = f"<b>{result}</b> <br>{reason}"
        chart.show(draw(k), f"Secant, magnified secant and error. {result} {reason}")

    step.observe(look, names="value")
    look()
    viewer = widgets.VBox([step, caption, chart])
    show(viewer, "Here a slider moves the step from 1 down to 1e-15.", step,
         range(0, len(epsilons), 3))
    return viewer


def _three_views(f, a, epsilons, slopes, errors):
    """Return (draw, places): draw(k) returns a figure at the k-th step, as a PNG.

    The steps epsilons (n,) have these slopes (n,) and errors (n,), which are at places.
    """
    figure = MovingFigure()
    line, (curve, microscope, error) = figure.line, figure.axes
    offsets, multiples = np.linspace(-2.2, 2.2, 201), np.linspace(-2, 2, 401)
    heights = f(a + offsets)
    curve.plot(a + offsets, heights, color=THREE)
    curve.set(title="the curve and its secant", xlabel="$x$",
              ylim=(heights.min() - 0.4, heights.max() + 0.4))
    top = 1.1 * max(
        abs(f(a + multiples * eps) - f(a)).max() / eps for eps in epsilons[:60])
    microscope.set(title="magnified", xlim=(-2, 2), ylim=(-top, top),
                   xlabel=r"$(x - a)\,/\,\varepsilon$",
                   ylabel=r"$(f(x) - f(a))\,/\,\varepsilon$")
    errors = np.maximum(errors, FLOOR)
    error.loglog(epsilons, errors, ".", color=GREY, ms=3.5)
    error.set(title="error of the slope", xlabel=r"step $\varepsilon$")

    secant, enlarged = line(curve, color=NINE), line(microscope, color=THREE)
    chord, dot = line(microscope, color=NINE), {"mec": "k", "mew": 0.5, "color": NINE}
    points, ends = (line(ax, "o", ms=5, **dot) for ax in (curve, microscope))
    here = line(error, "o", ms=7, **dot)

    def draw(k: int) -> bytes:
        eps = epsilons[k]
        sides = np.array([a - eps, a + eps])
        middle = f(sides).mean()
        secant.set_data(a + offsets, middle + slopes[k] * offsets)
        points.set_data(sides, f(sides))
        enlarged.set_data(multiples, (f(a + multiples * eps) - f(a)) / eps)
        chord.set_data(multiples, (middle - f(a)) / eps + slopes[k] * multiples)
        ends.set_data([-1, 1], (f(sides) - f(a)) / eps)
        here.set_data([eps], [errors[k]])
        return figure.png()

    return draw, figure.places(
        error, [f"step {eps:.1e}" for eps in epsilons], epsilons, errors)
