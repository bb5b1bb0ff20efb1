"""(a) The numerical gradient check, and that it finds planted mistakes.

What it refuses is in test_checks; the faster one is in test_faster.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import (
    activations_for,
    in_dtype,
    load_toy,
    nearest_corner,
    networks,
    random_network,
    relative_error,
)
from nn_helpers import (
    backward_pass,
    finite_difference_gradient,
    forward_pass,
    logistic_loss,
    nn_finite_difference_checker,
    relu_activation,
    sigmoid_activation,
)

pytestmark = pytest.mark.a
ACTIVATIONS = [relu_activation, sigmoid_activation]


@given(
    shape=st.lists(st.integers(1, 4), max_size=3).map(tuple), seed=st.integers(0, 999)
)
def test_gradient_of_a_known_function_in_any_shape(shape, seed):
    rng = np.random.default_rng(seed)
    a, c = rng.normal(size=shape), rng.normal(size=shape)
    gradient = finite_difference_gradient(lambda a: float(np.sum(c * np.sin(a))), a)
    assert gradient.shape == shape and gradient.dtype == np.float64
    assert np.allclose(gradient, c * np.cos(a), rtol=0, atol=1e-9)


def test_the_difference_is_centred_and_divided_by_the_whole_step():
    """On a cubic at 0 the centred difference is eps^2, exactly and by formula."""
    for epsilon in (0.5, 0.125):
        cubic = finite_difference_gradient(lambda a: float(a**3), 0.0, epsilon)
        square = finite_difference_gradient(lambda a: float(a**2), 3.0, epsilon)
        assert cubic == epsilon**2 and square == 6


def test_error_falls_with_the_square_of_epsilon():
    error = [
        abs(finite_difference_gradient(np.exp, 0.3, eps) - np.exp(0.3))
        for eps in (1e-2, 1e-3)
    ]
    assert error[0] / error[1] == pytest.approx(100, rel=0.01)


def test_the_step_that_was_taken_counts_beside_a_large_number():
    gradient = finite_difference_gradient(lambda a: float(2 * a), 1e10, 1e-5)
    assert gradient == 2


@pytest.mark.parametrize("integer", [3, np.int64(3), np.array([3, 4])])
def test_integers_are_differentiated_as_floats(integer):
    gradient = finite_difference_gradient(lambda a: float(np.sum(a**2)), integer)
    assert np.allclose(gradient, 2 * np.asarray(integer))


def test_a_is_left_as_it_was_even_when_f_raises():
    a = np.arange(6.0).reshape(2, 3)
    kept, calls = a.copy(), []

    def raises(shifted):
        calls.append(1)
        if len(calls) == 5:
            raise RuntimeError("stop")
        return 0.0

    with pytest.raises(RuntimeError, match="stop"):
        finite_difference_gradient(raises, a)
    assert np.array_equal(a, kept)


def test_f_cannot_write_into_its_argument():
    def writes(shifted):
        shifted[0] = 99

    with pytest.raises(ValueError, match="read-only"):
        finite_difference_gradient(writes, np.ones(3))


def test_f_sees_one_entry_moved_at_a_time():
    seen = []

    def remember(a):
        seen.append(a.copy())
        return 0.0

    finite_difference_gradient(remember, np.array([1.0, 5.0]), epsilon=0.5)
    assert np.array_equal(seen, [[1.5, 5], [0.5, 5], [1, 5.5], [1, 4.5]])


def test_toy_network_at_two_digits():
    """What the handout prints, worked out by this formula in plain Python."""
    X, y, weights, biases = load_toy()
    grad_Ws, grad_bs = nn_finite_difference_checker(X, y, weights, biases, ACTIVATIONS)
    with np.printoptions(precision=2):
        printed = [str(gradient) for gradient in grad_Ws + grad_bs]
    assert printed == [
        "[[ 4.12e-04  3.34e-05]\n [-6.56e-05  2.07e-05]\n"
        " [-1.24e-03  8.02e-05]\n [ 2.26e-04 -1.41e-06]]",
        "[[-0.  ]\n [-0.01]]",
        "[[-0.  0.]]",
        "[[-0.5]]",
    ]


def test_toy_network_is_smooth_within_reach():
    X, _, weights, biases = load_toy()
    assert nearest_corner(X, weights, biases) > 100 * 1e-5 * max(1, abs(X).max())


def test_the_checker_works_in_double_precision_whatever_it_is_given():
    X, y, *low = in_dtype("f4", *random_network(0, (4, 3, 1), 2))
    high = [[a.astype(float) for a in part] for part in low]
    activations = activations_for(low[0])
    in_low, _ = nn_finite_difference_checker(X, y, *low, activations)
    in_high, _ = nn_finite_difference_checker(X, y, *high, activations)
    for a, b in zip(in_low, in_high, strict=True):
        assert np.allclose(a, b, rtol=0, atol=1e-9)


def test_checker_knows_nothing_of_derivatives(monkeypatch):
    """It must not use backward_pass, nor the activations' or the loss's derivatives."""
    import nn_helpers

    def refuse(*arguments):
        raise AssertionError("backward_pass was called")

    monkeypatch.setattr(nn_helpers, "backward_pass", refuse)
    monkeypatch.setattr(
        nn_helpers, "logistic_loss", lambda g, y: (logistic_loss(g, y)[0], np.nan * g)
    )
    X, y, weights, biases = load_toy()
    blind = [
        lambda s, fn=fn: (fn(s)[0], np.full_like(s, 7.0))
        for fn in ACTIVATIONS
    ]
    with_nan = nn_finite_difference_checker(X, y, weights, biases, blind)
    plain = nn_finite_difference_checker(X, y, weights, biases, ACTIVATIONS)
    for a, b in zip(with_nan[0] + with_nan[1], plain[0] + plain[1]):
        assert np.array_equal(a, b)


def relu_all_pass(s):
    return relu_activation(s)[0], np.ones_like(s)


def relu_wrong_sign(s):
    return relu_activation(s)[0], -(s > 0).astype(float)


def relu_mask_inverted(s):
    return relu_activation(s)[0], (s <= 0).astype(float)


def sigmoid_without_derivative(s):
    return sigmoid_activation(s)[0], np.ones_like(s)


def loss_only_for_ones(g, y):
    return logistic_loss(g, y)[0], -y / g


def loss_summed(g, y):
    return logistic_loss(g, y)[0], logistic_loss(g, y)[1] * len(g)


def loss_with_labels_shifted(g, y):
    return logistic_loss(g, y)[0], logistic_loss(g, np.roll(y, 1))[1]


@pytest.mark.parametrize("planted", [
    {"relu": relu_all_pass}, {"relu": relu_wrong_sign}, {"relu": relu_mask_inverted},
    {"sigmoid": sigmoid_without_derivative}, {"loss": loss_only_for_ones},
    {"loss": loss_summed}, {"loss": loss_with_labels_shifted}, {},
])  # fmt: skip
def test_a_planted_mistake_is_found(planted):
    right = {"relu": relu_activation, "sigmoid": sigmoid_activation,
             "loss": logistic_loss}
    relu, sigmoid, loss = (right | planted).values()
    X, _, weights, biases = random_network(5, [6, 5, 4, 1], 6)
    y = np.array([0, 0, 1, 0, 1, 1])
    assert nearest_corner(X, weights, biases) > 1e-3
    g, caches = forward_pass(X, weights, biases, [relu, relu, sigmoid])
    grad_Ws, grad_bs = backward_pass(loss(g, y)[1], caches)
    right_Ws, right_bs = nn_finite_difference_checker(
        X, y, weights, biases, activations_for(weights)
    )
    error = relative_error(grad_Ws + grad_bs, right_Ws + right_bs)
    assert error > 0.05 if planted else error < 1e-8


@settings(deadline=None, max_examples=40)
@given(networks(smooth=True))
def test_checker_agrees_with_backpropagation(network):
    X, y, weights, biases = network
    activations = activations_for(weights)
    numerical = nn_finite_difference_checker(X, y, weights, biases, activations)
    g, caches = forward_pass(X, weights, biases, activations)
    backward = backward_pass(logistic_loss(g, y)[1], caches)
    for a, b in zip(numerical[0] + numerical[1], backward[0] + backward[1]):
        assert a.shape == b.shape
        assert np.allclose(a, b, rtol=1e-5, atol=1e-8)
