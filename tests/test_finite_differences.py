"""(a) The numerical gradient check, and that it finds planted mistakes."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nn_helpers as nn
from networks import (
    activations_for,
    gradients,
    in_dtype,
    load_toy,
    nearest_corner,
    networks,
    random_network,
)
from nn_helpers import finite_difference_gradient, nn_finite_difference_checker

pytestmark = pytest.mark.a
ACTIVATIONS = [nn.relu_activation, nn.sigmoid_activation]


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), max_size=3).map(tuple), st.integers(0, 999))
def test_gradient_of_a_known_function_in_any_shape(shape, seed):
    rng = np.random.default_rng(seed)
    a, c = rng.normal(size=shape), rng.normal(size=shape)
    gradient = finite_difference_gradient(lambda a: float(np.sum(c * np.sin(a))), a)
    assert gradient.shape == shape and gradient.dtype == np.float64
    assert np.allclose(gradient, c * np.cos(a), rtol=0, atol=1e-9)


@pytest.mark.parametrize("power, a, epsilon, expected", [
    (3, 0.0, 0.5, 0.25), (3, 0.0, 0.125, 0.125**2),  # centred: on a cubic eps^2 exactly
    (2, 3.0, 0.5, 6), (2, 3, 0.125, 6), (2, np.int64(3), 0.125, 6),
    (2, np.array([3, 4]), 0.125, [6, 8]),  # integers, too
    (1, 1e10, 1e-5, 1),  # the step that was taken, next to a large number
])
def test_the_difference_is_centred_and_divided_by_the_whole_step(
        power, a, epsilon, expected):
    found = finite_difference_gradient(lambda a: float(np.sum(a**power)), a, epsilon)
    assert np.array_equal(found, expected)


def test_f_sees_one_entry_moved_and_cannot_change_it_and_a_stays_even_if_f_raises():
    a, seen = np.array([1.0, 5.0]), []

    def remember(shifted):
        seen.append(shifted.copy())
        if len(seen) == 4:
            shifted[0] = 99
        return 0.0

    with pytest.raises(ValueError, match="read-only"):
        finite_difference_gradient(remember, a, epsilon=0.5)
    assert np.array_equal(seen, [[1.5, 5], [0.5, 5], [1, 5.5], [1, 4.5]])
    assert a.tolist() == [1, 5]


def test_toy_network_at_two_digits():
    """What the handout prints, worked out by this formula in plain Python."""
    grad_Ws, grad_bs = nn_finite_difference_checker(*load_toy(), ACTIVATIONS)
    with np.printoptions(precision=2):
        printed = [str(gradient) for gradient in grad_Ws + grad_bs]
    assert printed == [
        "[[ 4.12e-04  3.34e-05]\n [-6.56e-05  2.07e-05]\n"
        " [-1.24e-03  8.02e-05]\n [ 2.26e-04 -1.41e-06]]",
        "[[-0.  ]\n [-0.01]]", "[[-0.  0.]]", "[[-0.5]]"]
    X, _, weights, biases = load_toy()  # which is smooth within reach
    assert nearest_corner(X, weights, biases) > 100 * 1e-5 * max(1, abs(X).max())


def test_the_checker_computes_in_double_precision_for_any_dtype():
    X, y, *low = in_dtype("f4", *random_network(0, (4, 3, 1), 2))
    high = [[a.astype(float) for a in part] for part in low]
    in_low, in_high = (nn_finite_difference_checker(X, y, *part, ACTIVATIONS)
                       for part in (low, high))
    for a, b in zip(in_low[0] + in_low[1], in_high[0] + in_high[1], strict=True):
        assert np.allclose(a, b, rtol=0, atol=1e-9)


def test_checker_knows_nothing_of_derivatives(monkeypatch):
    """It must not use backward_pass, nor the activations' or the loss's derivatives."""
    toy, loss_of = load_toy(), nn.logistic_loss
    plain = nn_finite_difference_checker(*toy, ACTIVATIONS)
    blind = [lambda s, fn=fn: (fn(s)[0], np.full_like(s, 7.0)) for fn in ACTIVATIONS]
    monkeypatch.delattr(nn, "backward_pass")
    monkeypatch.setattr(nn, "logistic_loss", lambda *gy: (loss_of(*gy)[0], np.nan))
    without = nn_finite_difference_checker(*toy, blind)
    for a, b in zip(without[0] + without[1], plain[0] + plain[1], strict=True):
        assert np.array_equal(a, b)


def with_slope(right, slope):
    """Return a function that gives what the right one does, with another slope."""
    return lambda *arguments: (right(*arguments)[0], slope(*arguments))


RIGHT = {"relu": nn.relu_activation, "sigmoid": nn.sigmoid_activation,
         "loss": nn.logistic_loss}


@pytest.mark.parametrize("name, slope", [
    ("relu", np.ones_like), ("relu", lambda s: -(s > 0).astype(float)),
    ("relu", lambda s: (s <= 0).astype(float)), ("sigmoid", np.ones_like),
    ("loss", lambda g, y: -y / g),  # for ones only, summed, and with labels shifted
    ("loss", lambda g, y: RIGHT["loss"](g, y)[1] * len(g)),
    ("loss", lambda g, y: RIGHT["loss"](g, np.roll(y, 1))[1]), (None, None)])
def test_a_planted_mistake_is_found(name, slope):
    planted = {name: with_slope(RIGHT[name], slope)} if name else {}
    relu, sigmoid, loss = (RIGHT | planted).values()
    X, _, weights, biases = random_network(5, [6, 5, 4, 1], 6)
    y = np.array([0, 0, 1, 0, 1, 1])
    assert nearest_corner(X, weights, biases) > 1e-3
    *_, found = gradients(X, y, weights, biases, [relu, relu, sigmoid], loss)
    right_Ws, right_bs = nn_finite_difference_checker(
        X, y, weights, biases, activations_for(weights))
    a, b = (np.concatenate([part.ravel() for part in parts])
            for parts in (found, right_Ws + right_bs))
    error = np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))
    assert error > 0.05 if planted else error < 1e-8


@settings(deadline=None, max_examples=40)
@given(networks(smooth=True))
@example(load_toy())
def test_checker_agrees_with_backpropagation(network):
    activations = activations_for(network[2])
    grad_Ws, grad_bs = nn_finite_difference_checker(*network, activations)
    *_, backward = gradients(*network)
    for a, b in zip(grad_Ws + grad_bs, backward, strict=True):
        assert a.shape == b.shape
        assert np.allclose(a, b, rtol=1e-5, atol=1e-8)
