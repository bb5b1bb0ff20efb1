"""(b) The activations, the loss and one layer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn_helpers import (
    layer_forward,
    logistic_loss,
    relu_activation,
    sigmoid_activation,
)

pytestmark = pytest.mark.b

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ARRAYS = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=0, max_dims=3), elements=FLOATS
)
HUGE = np.array([-1.7e308, -1000, -745.2, -37, -1e-320, 0.0, 5e-324, 37, 710, 1.7e308])


def test_sigmoid_at_the_questions_own_inputs():
    g, dg_ds = sigmoid_activation(np.asarray([1.0, 0.0, -1.0]))
    assert np.allclose(g, [0.7310585786300049, 0.5, 0.2689414213699951], rtol=1e-15)
    assert np.allclose(
        dg_ds, [0.19661193324148185, 0.25, 0.19661193324148185], rtol=1e-15
    )


def test_sigmoid_of_large_integers():
    with np.errstate(all="raise"):
        g, dg_ds = sigmoid_activation(np.asarray([-1000, 1000]))
    assert g.dtype == dg_ds.dtype == np.float64
    assert g.tolist() == [1e-15, 1 - 1e-15]
    assert np.allclose(dg_ds, 1e-15, rtol=1e-3)


@given(ARRAYS)
def test_sigmoid_against_mathematics(s):
    with np.errstate(all="raise"):
        g, dg_ds = sigmoid_activation(s)
    assert np.shape(g) == np.shape(dg_ds) == s.shape
    for s_k, g_k, slope in zip(s.flat, np.ravel(g), np.ravel(dg_ds)):
        exact = (
            0.5 * (1 + math.tanh(s_k / 2))
            if s_k > -1
            else (math.exp(max(s_k, -700)) / (1 + math.exp(max(s_k, -700))))
        )
        assert g_k == pytest.approx(min(max(exact, 1e-15), 1 - 1e-15), rel=4e-16, abs=0)
        assert slope == g_k * (1 - g_k) and slope > 0


@pytest.mark.parametrize(
    "dtype, lowest", [(np.float32, 5.9604645e-08), (np.float64, 1e-15)]
)
def test_sigmoid_stays_inside_zero_and_one(dtype, lowest):
    with np.errstate(all="raise"):
        g, dg_ds = sigmoid_activation(np.array([-1000, 1000], dtype))
    assert g.dtype == dg_ds.dtype == dtype
    assert g[0] == dtype(lowest) and 1 - g[0] == g[1] < 1
    with np.errstate(all="raise"):
        loss, dL_dg = logistic_loss(g, np.array([1.0, 0.0]))
        assert loss.dtype == dL_dg.dtype == dtype
        assert np.allclose(dL_dg * dg_ds, g - [1, 0], rtol=1e-6)


def test_sigmoid_leaves_its_input_alone():
    s = HUGE.copy()
    sigmoid_activation(s)
    relu_activation(s)
    assert np.array_equal(s, HUGE)


@given(ARRAYS)
def test_relu(s):
    with np.errstate(all="raise"):
        out, slope = relu_activation(s)
    assert np.shape(out) == np.shape(slope) == s.shape
    assert np.array_equal(out, np.where(s > 0, s, 0))
    assert np.array_equal(slope, np.where(s > 0, 1, 0)) and slope.dtype == s.dtype


@pytest.mark.parametrize("activation", [relu_activation, sigmoid_activation])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_activations_of_nothing_are_nothing(activation, shape, dtype):
    for result in activation(np.empty(shape, dtype)):
        assert result.shape == shape and result.dtype == dtype


def test_relu_at_the_corner_and_for_integers():
    out, slope = relu_activation(np.array([[-2, 0, 3]]))
    assert out.tolist() == [[0.0, 0.0, 3.0]] and slope.tolist() == [[0.0, 0.0, 1.0]]
    assert out.dtype == slope.dtype == np.float64
    assert relu_activation(np.float32([1]))[0].dtype == np.float32


@pytest.mark.parametrize("activation", [relu_activation, sigmoid_activation])
@pytest.mark.parametrize(
    "bad, message",
    [
        ([1.0, np.nan], "s must be finite"),
        ([np.inf], "s must be finite"),
        (["1"], "s must hold numbers, got dtype <U1"),
        ([1j], "s must hold numbers, got dtype complex128"),
    ],
)
def test_activations_refuse(activation, bad, message):
    with pytest.raises(ValueError, match=message):
        activation(np.asarray(bad))


def test_loss_by_hand():
    g, y = np.array([0.25, 0.25, 0.75, 0.5]), np.array([0, 1, 1, 0])
    loss, dL_dg = logistic_loss(g, y)
    assert loss.shape == dL_dg.shape == (4,)
    assert np.allclose(
        loss, [-np.log(0.75), -np.log(0.25), -np.log(0.75), np.log(2)], rtol=1e-15
    )
    assert np.allclose(dL_dg, [4 / 3, -4, -4 / 3, 2], rtol=1e-15)


def test_loss_with_labels_between_zero_and_one():
    loss, dL_dg = logistic_loss(np.array([0.2, 0.2]), np.array([0.2, 0.7]))
    expected = [
        -0.2 * np.log(0.2) - 0.8 * np.log(0.8),
        -0.7 * np.log(0.2) - 0.3 * np.log(0.8),
    ]
    assert np.allclose(loss, expected, rtol=1e-15)
    assert np.allclose(dL_dg, [0, -0.5 / 0.16], rtol=1e-15)


@given(hnp.arrays(np.float64, st.integers(1, 20), elements=FLOATS), st.data())
def test_loss_after_sigmoid_has_slope_g_minus_y(s, data):
    y = data.draw(hnp.arrays(np.float64, s.shape, elements=st.sampled_from([0.0, 1.0])))
    with np.errstate(all="raise"):
        g, dg_ds = sigmoid_activation(s)
        loss, dL_dg = logistic_loss(g, y)
        assert np.allclose(dL_dg * dg_ds, g - y, rtol=1e-15, atol=0)
    assert np.isfinite(loss).all() and (loss >= 0).all() and (loss < 34.6).all()


def test_loss_is_precise_for_tiny_probabilities():
    loss, dL_dg = logistic_loss(np.array([1e-300, 1e-300]), np.array([0, 1]))
    assert np.allclose(loss, [1e-300, 300 * np.log(10)], rtol=1e-14, atol=0)
    assert np.allclose(dL_dg, [1, -1e300], rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    "g, y, message",
    [
        (np.full((3, 1), 0.5), np.ones(3), r"g must be \(n,\), got shape \(3, 1\)"),
        (
            np.full(3, 0.5),
            np.ones((3, 1)),
            r"y must have shape \(3,\), got \(3, 1\)",
        ),
        (np.full((1, 3), 0.5), np.ones(3), r"g must be \(n,\)"),
        (np.full(3, 0.5), np.ones(2), r"y must have shape \(3,\)"),
        (np.full(3, 0.5), 1.0, r"y must have shape \(3,\), got \(\)"),
        (
            np.array([0.5, 1.0]),
            np.ones(2),
            r"g must be at least 2\.2e-308 and below 1, got 0\.5 to 1",
        ),
        (
            np.array([0.0, 0.5]),
            np.ones(2),
            "g must be at least .* and below 1, got 0 to 0",
        ),
        (np.array([-0.1]), np.ones(1), "g must be at least"),
        (np.array([1e-310]), np.ones(1), "g must be at least"),
        (np.array([0.5]), np.array([2]), r"y must lie in \[0, 1\], got 2 to 2"),
        (np.array([0.5]), np.array([-1]), r"y must lie in \[0, 1\]"),
        (np.array([0.5]), np.array([np.nan]), "y must be finite"),
        (np.array([]), np.array([]), "g must not be empty"),
    ],
)
def test_loss_refuses(g, y, message):
    with pytest.raises(ValueError, match=message):
        logistic_loss(g, y)


def test_layer_by_hand():
    x, W = (
        np.array([[1.0, 2.0], [3.0, -4.0]]),
        np.array([[1.0, 0.5, -1.0], [2.0, 0.0, 1.0]]),
    )
    b = np.array([[-5.0, 1.0, 0.5]])
    out, cache = layer_forward(x, W, b, relu_activation)
    assert out.tolist() == [[0.0, 1.5, 1.5], [0.0, 2.5, 0.0]]
    cached_x, cached_W, dout_ds = cache
    assert type(cache) is tuple and cached_x is x and cached_W is W
    assert dout_ds.tolist() == [[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    "x, W, b, message",
    [
        (
            np.ones(4),
            np.ones((4, 2)),
            np.ones((1, 2)),
            r"x must be two-dimensional, got shape \(4,\)",
        ),
        (np.ones((3, 4)), np.ones(4), np.ones((1, 1)), "W must be two-dimensional"),
        (
            np.ones((3, 4)),
            np.ones((2, 4)),
            np.ones((1, 4)),
            r"x \(3, 4\) and W \(2, 4\) do not fit: W must have 4 row\(s\)",
        ),
        (
            np.ones((3, 4)),
            np.ones((4, 2)),
            np.ones(2),
            r"b must have shape \(1, 2\) for W \(4, 2\), got \(2,\)",
        ),
        (
            np.ones((3, 4)),
            np.ones((4, 2)),
            np.ones((3, 2)),
            r"b must have shape \(1, 2\)",
        ),
        (
            np.ones((3, 4)),
            np.ones((4, 2)),
            np.ones((1, 1)),
            r"b must have shape \(1, 2\)",
        ),
        (np.ones((0, 4)), np.ones((4, 2)), np.ones((1, 2)), "x must not be empty"),
        (np.full((3, 4), np.inf), np.ones((4, 2)), np.ones((1, 2)), "x must be finite"),
        (np.ones((3, 4)), np.full((4, 2), np.nan), np.ones((1, 2)), "W must be finite"),
        (np.ones((3, 4)), np.ones((4, 2)), np.array([[1, np.nan]]), "b must be finite"),
        (
            np.full((3, 4), 1e200),
            np.full((4, 2), 1e200),
            np.ones((1, 2)),
            "s must be finite",
        ),
    ],
)
def test_layer_refuses(x, W, b, message):
    with pytest.raises(ValueError, match=message):
        layer_forward(x, W, b, relu_activation)


@pytest.mark.parametrize("activation", ["relu", None, 3])
def test_layer_refuses_an_unknown_activation(activation):
    with pytest.raises(ValueError, match="activation_fn must be a function, got "):
        layer_forward(np.ones((3, 4)), np.ones((4, 2)), np.ones((1, 2)), activation)


@given(st.floats(1e-308, 1e150), st.floats(1e-308, 1e150))
def test_layer_raises_no_floating_point_error(x, W):
    with np.errstate(all="raise"):
        layer_forward(
            np.full((2, 3), x),
            np.full((3, 2), -W),
            np.zeros((1, 2)),
            sigmoid_activation,
        )


@pytest.mark.parametrize(
    "activation",
    [np.tanh, lambda s: (s, s, s), lambda s: (s, s[0]), lambda s: (s.sum(), s)],
)
def test_layer_refuses_an_activation_that_returns_something_else(activation):
    with pytest.raises(ValueError, match="must return output and derivative"):
        layer_forward(np.ones((3, 4)), np.ones((4, 2)), np.ones((1, 2)), activation)


def test_rows_of_unequal_length_are_named():
    with pytest.raises(ValueError, match="x must not have rows of unequal length"):
        layer_forward([[1, 2], [3]], np.ones((2, 2)), np.ones((1, 2)), relu_activation)


@pytest.mark.parametrize(
    "activation, message",
    [
        (lambda s: (s * np.nan, s), "activation_fn's output must be finite"),
        (lambda s: (s + np.inf, s), "activation_fn's output must be finite"),
        (lambda s: (s.astype(str), s), "activation_fn's output must hold numbers"),
        (lambda s: (1j * s, s), "activation_fn's output must hold numbers"),
        (lambda s: [s, s], "activation_fn must return output and derivative"),
        (lambda s: s.tolist(), "activation_fn must return output and derivative"),
        (lambda s: "ab", "activation_fn must return output and derivative"),
        (lambda s: None, "activation_fn must return output and derivative"),
    ],
)
def test_layer_names_an_activation_that_returns_no_numbers(activation, message):
    with pytest.raises(ValueError, match=message):
        layer_forward(np.ones((3, 4)), np.ones((4, 2)), np.ones((1, 2)), activation)


@pytest.mark.parametrize(
    "activation",
    [
        lambda s: (s, s * np.nan),
        lambda s: (s, s + np.inf),
        lambda s: (s, s.astype(str)),
        lambda s: (s, [[1.0], [1.0, 2.0]]),
    ],
)
def test_layer_names_an_activation_whose_derivative_is_no_numbers(activation):
    with pytest.raises(ValueError, match="activation_fn"):
        layer_forward(np.ones((3, 4)), np.ones((4, 2)), np.ones((1, 2)), activation)


def test_layer_does_not_silence_the_users_own_activation():
    def naive_sigmoid(s):
        g = 1 / (1 + np.exp(-s))
        return g, g * (1 - g)

    with pytest.warns(RuntimeWarning, match="overflow encountered in exp"):
        layer_forward([[-1000]], [[1]], [[0]], naive_sigmoid)
