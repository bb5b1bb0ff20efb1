"""What is refused, in which words and by which name, and what only just is not."""

import re

import numpy as np
import pytest

import nn_checks
import nn_faster
from networks import activations_for, load_toy
from nn_helpers import (
    accuracy,
    backward_pass,
    create_bias_vectors,
    create_weight_matrices,
    display_image,
    finite_difference_gradient,
    forward_pass,
    layer_forward,
    logistic_loss,
    nn_finite_difference_checker,
    relu_activation,
    sgd,
    sigmoid_activation,
    train,
)

X, Y, WEIGHTS, BIASES = load_toy()  # 2 examples, 4-2-1
ACTIVATIONS = activations_for(WEIGHTS)
DERIVATIVES = np.ones(2)
_, CACHES = forward_pass(X, WEIGHTS, BIASES, ACTIVATIONS)
RAGGED = [[1, 2], [3]]
HALVES = np.full(2, 0.5)

# For each function and argument that takes an array: the call with the array in it.
CALLS = {
    "display_image": (pytest.mark.data, "image", display_image),
    "finite_difference_gradient": (
        pytest.mark.a, "a", lambda a: finite_difference_gradient(lambda a: 0.0, a)
    ),
    "checker X": (
        pytest.mark.a, "X_batch",
        lambda a: nn_finite_difference_checker(a, Y, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "checker y": (
        pytest.mark.a, "y",
        lambda a: nn_finite_difference_checker(X, a, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "faster checker X": (
        pytest.mark.a, "X_batch",
        lambda a: nn_faster.nn_finite_difference_checker(
            a, Y, WEIGHTS, BIASES, ACTIVATIONS
        ),
    ),
    "sigmoid": (pytest.mark.b, "s", sigmoid_activation),
    "relu": (pytest.mark.b, "s", relu_activation),
    "loss g": (pytest.mark.b, "g", lambda a: logistic_loss(a, Y)),
    "loss y": (pytest.mark.b, "y", lambda a: logistic_loss(HALVES, a)),
    "layer x": (
        pytest.mark.b, "x",
        lambda a: layer_forward(a, WEIGHTS[0], BIASES[0], relu_activation),
    ),
    "layer W": (
        pytest.mark.b, "W", lambda a: layer_forward(X, a, BIASES[0], relu_activation)
    ),
    "layer b": (
        pytest.mark.b, "b", lambda a: layer_forward(X, WEIGHTS[0], a, relu_activation)
    ),
    "activation's output": (
        pytest.mark.b, "activation_fn's output",
        lambda a: layer_forward(
            X, WEIGHTS[0], BIASES[0], lambda s: (a, np.ones((2, 2)))
        ),
    ),
    "activation's derivative": (
        pytest.mark.b, "activation_fn's derivative",
        lambda a: layer_forward(
            X, WEIGHTS[0], BIASES[0], lambda s: (np.ones((2, 2)), a)
        ),
    ),
    "forward X": (
        pytest.mark.c, "X_batch",
        lambda a: forward_pass(a, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "forward W": (
        pytest.mark.c, "layer 1: W",
        lambda a: forward_pass(X, [WEIGHTS[0], a], BIASES, ACTIVATIONS),
    ),
    "forward b": (
        pytest.mark.c, "layer 0: b",
        lambda a: forward_pass(X, WEIGHTS, [a, BIASES[1]], ACTIVATIONS),
    ),
    "backward": (pytest.mark.d, "dL_dg", lambda a: backward_pass(a, CACHES)),
    "accuracy g": (pytest.mark.e, "g", lambda a: accuracy(a, Y)),
    "accuracy y": (pytest.mark.e, "y", lambda a: accuracy(HALVES, a)),
    "sgd X": (
        pytest.mark.e, "X_train", lambda a: sgd(a, Y, WEIGHTS, BIASES, ACTIVATIONS)
    ),
    "sgd y": (
        pytest.mark.e, "y_train", lambda a: sgd(X, a, WEIGHTS, BIASES, ACTIVATIONS)
    ),
    "train X": (
        pytest.mark.e, "X_train",
        lambda a: train(a, Y, X, Y, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "train y": (
        pytest.mark.e, "y_train",
        lambda a: train(X, a, X, Y, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "train X_test": (
        pytest.mark.e, "X_test",
        lambda a: train(X, Y, a, Y, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "train y_test": (
        pytest.mark.e, "y_test",
        lambda a: train(X, Y, X, a, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "faster train X": (
        pytest.mark.e, "X_train",
        lambda a: nn_faster.train(a, Y, X, Y, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "faster train y": (
        pytest.mark.e, "y_train",
        lambda a: nn_faster.train(X, a, X, Y, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "faster train X_test": (
        pytest.mark.e, "X_test",
        lambda a: nn_faster.train(X, Y, a, Y, WEIGHTS, BIASES, ACTIVATIONS),
    ),
    "faster train y_test": (
        pytest.mark.e, "y_test",
        lambda a: nn_faster.train(X, Y, X, a, WEIGHTS, BIASES, ACTIVATIONS),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name, call",
    [pytest.param(n, call, id=k, marks=mark) for k, (mark, n, call) in CALLS.items()],
)
@pytest.mark.parametrize(
    "bad, message",
    [
        (RAGGED, "must not have rows of unequal length"),
        (["1", "2"], "must hold numbers, got dtype <U1"),
        (None, "must hold numbers, got dtype object"),
        (np.ones(2, "datetime64[s]"), "must hold numbers, got dtype datetime64[s]"),
    ],
    ids=["ragged", "strings", "None", "dates"],
)
def test_an_argument_that_holds_no_numbers_is_named(name, call, bad, message):
    if name in ("X_test", "y_test") and bad is None:
        message = "X_test and y_test go together: give both, or None for both"
    else:
        message = f"{name} {message}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(bad)


@pytest.mark.c
@pytest.mark.parametrize(
    "wrap, got",
    [
        (lambda a: iter(a), "list_iterator, 2 and 2"),
        (lambda a: None, "NoneType, 2 and 2"),
        (lambda a: a[:1], "1, 2 and 2"),
    ],
)
def test_lists_of_layers_are_told_apart(wrap, got):
    message = "weight_matrices, biases and activations must be lists of one length, got"
    with pytest.raises(ValueError, match=f"^{message} {got}$"):
        forward_pass(X, wrap(WEIGHTS), BIASES, ACTIVATIONS)
    with pytest.raises(ValueError, match=f"^{message} zip, zip and zip$"):
        forward_pass(X, zip(), zip(), zip())


@pytest.mark.c
def test_the_last_layers_width_is_named():
    wide = [WEIGHTS[0], np.ones((2, 3))], [BIASES[0], np.ones((1, 3))]
    with pytest.raises(ValueError, match="the last layer must have one neuron, got 3$"):
        forward_pass(X, *wide, ACTIVATIONS)


@pytest.mark.a
@pytest.mark.parametrize(
    "checker", [nn_finite_difference_checker, nn_faster.nn_finite_difference_checker]
)
def test_labels_of_another_shape_are_refused_before_any_difference(checker):
    network = [np.ones((4, 1)), np.ones((1, 1))], [np.zeros((1, 1)), [[0]]]
    with pytest.raises(ValueError, match=r"^y must have shape \(2,\), got \(2, 1\)$"):
        checker(X, Y[:, np.newaxis], *network, ACTIVATIONS)


@pytest.mark.b
def test_no_floating_point_warning_gets_through():
    """A false division by zero, as of some libraries for matrix products, neither."""
    with np.errstate(all="raise"), nn_checks.quietly():
        one, zero, huge = np.ones(1), np.zeros(1), np.full(1, 1e308)
        results = one / zero, zero / zero, huge * huge, 1 / huge / huge
    assert np.array_equal(results, [[np.inf], [np.nan], [np.inf], [0]], equal_nan=True)


@pytest.mark.c
@pytest.mark.parametrize("layer_dims", [None, 5, {3, 1}, iter([3, 1])])
def test_what_is_no_sequence_of_sizes_is_refused(layer_dims):
    for create in (create_weight_matrices, create_bias_vectors):
        with pytest.raises(ValueError, match="^layer_dims must hold 2 or more sizes, "):
            create(layer_dims)


@pytest.mark.d
def test_a_cache_whose_derivative_is_too_wide_is_named():
    (x, W, dout_ds), last = CACHES
    message = re.escape(
        "layer_caches[0] must hold x, W, dout_ds of shapes ((2, 4), (4, 3), (2, 3)) "
        "for a dL_dg of 2, got ((2, 4), (4, 2), (2, 3))"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        backward_pass(DERIVATIVES, [(x, W, np.ones((2, 3))), last])


@pytest.mark.data
def test_an_image_is_shown_two_inches_wide_without_axes(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    shown = []
    plt.switch_backend("Agg")
    display_image(np.zeros((28, 28), int))
    [figure] = shown
    assert figure.get_size_inches().tolist() == [2, 2]
    assert not figure.axes[0].axison
    plt.close("all")


@pytest.mark.b
def test_the_smallest_probability_is_allowed_and_rounds_quietly():
    for dtype in (np.float64, np.float32):
        tiny = np.finfo(dtype).tiny
        with np.errstate(all="raise"):
            loss, dL_dg = logistic_loss(np.full(3, tiny), np.array([0, 0.7, 1]))
        assert np.allclose(loss[1:], np.array([-0.7, -1]) * np.log(tiny), rtol=1e-6)
        assert np.allclose(dL_dg, [1, -0.7 / tiny, -1 / tiny], rtol=1e-6, atol=0)
        below = np.nextafter(tiny, dtype(0))
        with pytest.raises(ValueError, match=f"^g must be at least {tiny:.2g} and "):
            logistic_loss(np.full(3, below), np.zeros(3))
