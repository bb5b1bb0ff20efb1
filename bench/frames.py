"""How long a viewer takes, in Python, from a slider's step to its new picture.

Run as .venv/bin/python bench/frames.py. Each viewer's callbacks are driven through
its widgets' values, without a browser, on the real data and a network of full size.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "notebooks"))

import page
import viewers
from nn_helpers import (
    create_bias_vectors,
    create_weight_matrices,
    get_mnist_threes_nines,
    relu_activation,
    sgd,
    sigmoid_activation,
)
from viewers import find, static_fallback

BAR = 20  # ms: what is slower, with the browser's part, no longer follows the hand
STEPS = 60


def median_ms(step, places) -> float:
    """Return the median of what step(place) takes one core, in ms."""
    took = []
    for place in places:
        start = time.process_time()
        step(place)
        took.append(1000 * (time.process_time() - start))
    return statistics.median(took)


def measure() -> list[tuple[str, float]]:
    """Return (viewer, median ms of a step) for each viewer that follows the hand."""
    static_fallback.display = lambda *shown, **options: None  # there is no page
    page.set_up()
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    X_train, X_test = (X.reshape(len(X), -1) for X in (X_train, X_test))
    rng = np.random.default_rng(0)
    weights = create_weight_matrices([784, 200, 1], rng)
    biases = create_bias_vectors([784, 200, 1])
    activations = [relu_activation, sigmoid_activation]
    film = viewers.record(
        sgd(X_train, y_train, weights, biases, activations, rng=rng),
        (weights, biases, activations))
    network = film[-1][1]
    flat = np.full(film[-1][0], 0.5)
    history = {f"{part}_{kind}": flat
               for part in ("train", "test") for kind in ("loss", "accuracy")}

    def move(box, label, name="value"):
        control = find(box, label)
        return lambda place: setattr(control, name, place)

    mistakes = viewers.look_into(network, X_test, y_test, X_train, y_train)
    alone = viewers.through_time(film, history, X_test, y_test)
    secant = viewers.move_epsilon(np.sin, np.cos(1.0))
    sheet = find(viewers.draw_a_digit(network, X_train, y_train), "sheet")

    points = [[x + 0.5, y] for x in (80, 140, 200) for y in range(40, 240)]

    def draw(length):
        stroke = {"points": points[:length], "width": 22, "erase": False}
        sheet.set_state({"strokes": [stroke]})

    trainer = viewers.train_yourself(
        X_train, y_train, X_test, y_test, network, history, {}, film)
    followed = viewers.look_into(network, X_test, y_test, X_train, y_train)
    viewers.through_time(film, history, X_test, y_test, follow=followed)
    return [
        ("1 look_into, another digit", median_ms(
            move(mistakes, "image", "value"), range(1, STEPS + 1))),
        ("1 and 2 together, another digit", median_ms(
            move(followed, "image", "value"), range(1, STEPS + 1))),
        ("2 through_time, another timestep", median_ms(
            move(alone, "timestep"), range(1, STEPS + 1))),
        ("2 through_time, another digit", median_ms(
            move(alone, "image", "value"), range(1, STEPS + 1))),
        ("3 train_yourself, the curve grows", median_ms(
            lambda _: trainer.curves.paint(trainer.runs), range(STEPS))),
        ("4 move_epsilon, another step", median_ms(
            move(secant, "step"), range(2, STEPS + 2))),
        ("5 draw_a_digit, the pen moves", median_ms(draw, range(300, 360))),
    ]


def main() -> int:
    """Print the table; return 1 if one of the viewers is slower than the bar."""
    with threadpool_limits(limits=1):
        rows = measure()
    print(f"{'viewer':<36}{'median':>10}{'bar':>9}")
    for name, took in rows:
        print(f"{name:<36}{took:>7.1f} ms{BAR:>6} ms{'' if took <= BAR else '  slow'}")
    return int(any(took > BAR for _, took in rows))


if __name__ == "__main__":
    sys.exit(main())
