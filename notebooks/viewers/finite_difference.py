"""Move the step of a finite difference and watch its error."""

from collections.abc import Callable

import ipywidgets as widgets
import numpy as np

from nn_helpers import finite_difference_gradient
from page import GREY, NINE, THREE

from .controls import Chart, chooser, picture, text
from .pictures import WIDE, painter, spots, strip
from .static_fallback import show

HIGH = 250  # the figure, in the browser's pixels


def move_epsilon(f: Callable, slope: float, a: float = 1.0) -> widgets.Widget:
    """Show a slider for the step of the centred difference of f at a.

    On the left is the secant; in the middle the same, magnified so that every step has
    the same width; on the right the error.

    Parameters
    ----------
    f : a function of a number, or of an array element by element
    slope : its true derivative at a
    a : where the derivative is taken
    """
    epsilons = 10.0 ** np.linspace(0, -15, 76)
    at = np.array(a)
    found = np.array([finite_difference_gradient(f, at, eps) for eps in epsilons])
    errors = abs(found - slope)
    paint, place_at, dots = _three_views(f, a, epsilons, found, errors)
    place = chooser("step", [f"{eps:.1e}" for eps in epsilons], index=1)
    view = picture("secant", WIDE, HIGH, pixels=False)
    chart = Chart(view, lambda k: setattr(place, "value", k))
    chart.clicks.places = [
        [*dot, f"step {eps:.1e}"] for dot, eps in zip(dots.tolist(), epsilons)]
    words = text("epsilon", WIDE, 2, announced=True)

    def look(change=None):
        k = place.value
        place_at(k)
        chart.clicks.at = k
        view.value = paint()
        result = (f"Step {epsilons[k]:.1e}: the secant's slope is {found[k]:.12f}, "
                  f"the true one {slope:.12f}.")
        reason = f"The error is {errors[k]:.1e}: {_blame(epsilons[k])}."
        words.value = f"<b>{result}</b><br>{reason}"
        view.tooltip = f"Secant, magnified secant and error. {result} {reason}"

    place.observe(look, names="value")
    look()
    viewer = widgets.VBox([place, words, chart])
    show(viewer, "Here a slider moves the step from 1 down to 1e-15.", place,
         range(0, len(epsilons), 3))
    return viewer


def _blame(eps: float) -> str:
    """Return in words which of the two errors is larger at this step."""
    best = np.finfo(float).eps ** (1 / 3)  # about 6e-6, for f of ordinary size
    if eps > 3 * best:
        return "the curve bends between the two points"
    if eps > best / 3:
        return "the two kinds of error are in balance"
    return "f is rounded, and dividing by the small step magnifies that"


def _three_views(f, a, epsilons, found, errors):
    """Return (paint, place_at, dots) for a figure: secant, magnified, and the error.

    place_at(k) moves it to the k-th of the steps epsilons (n,), where the slopes found
    (n,) have these errors (n,); dots (n, 2) are where the errors are drawn.
    """
    fig = strip(HIGH)
    curve, microscope, error = fig.subplots(1, 3)
    offsets, multiples = np.linspace(-2.2, 2.2, 201), np.linspace(-2, 2, 401)

    curve.plot(a + offsets, f(a + offsets), color=THREE)
    curve.set(title="the curve and its secant", xlabel="$x$",
              ylim=(f(a + offsets).min() - 0.4, f(a + offsets).max() + 0.4))
    (secant,) = curve.plot([], [], "-", color=NINE)
    (points,) = curve.plot([], [], "o", color=NINE, ms=5, mec="k", mew=0.5)

    top = 1.1 * max(
        abs(f(a + multiples * eps) - f(a)).max() / eps for eps in epsilons[:60])
    microscope.set(title="magnified", xlim=(-2, 2), ylim=(-top, top),
                   xlabel=r"$(x - a)\,/\,\varepsilon$")
    microscope.set_ylabel(r"$(f(x) - f(a))\,/\,\varepsilon$")
    (enlarged,) = microscope.plot([], [], color=THREE)
    (chord,) = microscope.plot([], [], "-", color=NINE)
    (ends,) = microscope.plot([], [], "o", color=NINE, ms=5, mec="k", mew=0.5)

    floor = 1e-13
    error.loglog(epsilons, np.maximum(errors, floor), ".", color=GREY, ms=3.5)
    error.set(title="error of the slope", xlabel=r"step $\varepsilon$")
    (here,) = error.plot([], [], "o", color=NINE, ms=7, mec="k", mew=0.7)
    paint = painter(fig, [secant, points, enlarged, chord, ends, here])

    def place_at(k: int) -> None:
        eps = epsilons[k]
        sides = np.array([a - eps, a + eps])
        middle = f(sides).mean()
        secant.set_data(a + offsets, middle + found[k] * offsets)
        points.set_data(sides, f(sides))
        enlarged.set_data(multiples, (f(a + multiples * eps) - f(a)) / eps)
        chord.set_data(multiples, (middle - f(a)) / eps + found[k] * multiples)
        ends.set_data([-1, 1], (f(sides) - f(a)) / eps)
        here.set_data([eps], [max(errors[k], floor)])

    return paint, place_at, spots(error, epsilons, np.maximum(errors, floor))
