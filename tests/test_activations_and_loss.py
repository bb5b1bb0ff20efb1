"""(b) The activations, the loss and one layer: their values, shapes and dtypes."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn_helpers import layer_forward, logistic_loss, relu_activation, sigmoid_activation

pytestmark = pytest.mark.b
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ARRAYS = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=0, max_dims=3), elements=FLOATS)


def quietly(function, *arguments):
    """Return two results, of the first argument's shape, got without any warning."""
    before = np.array(arguments[0])
    with np.errstate(all="raise"):
        results = function(*arguments)
    assert np.shape(results[0]) == np.shape(results[1]) == before.shape
    assert np.array_equal(arguments[0], before)
    return results


@settings(deadline=None)
@given(ARRAYS)
@example(np.array([1.0, 0.0, -1.0]))  # the question's own
def test_sigmoid_against_mathematics(s):
    for s_k, g_k, slope in zip(s.flat, *map(np.ravel, quietly(sigmoid_activation, s))):
        e = math.exp(max(s_k, -700)) if s_k < 0 else None
        exact = e / (1 + e) if s_k <= -1 else 0.5 * (1 + math.tanh(s_k / 2))
        assert g_k == pytest.approx(min(max(exact, 1e-15), 1 - 1e-15), rel=4e-16, abs=0)
        assert slope == g_k * (1 - g_k) and slope > 0


@pytest.mark.parametrize("dtype, given_as, lowest", [
    (np.float32, np.float32, 5.9604645e-08), (np.float64, np.float64, 1e-15),
    (np.float64, int, 1e-15)])
def test_sigmoid_stays_inside_zero_and_one(dtype, given_as, lowest):
    g, dg_ds = quietly(sigmoid_activation, np.array([-1000, 1000], given_as))
    loss, dL_dg = quietly(logistic_loss, g, np.array([1.0, 0.0]))
    assert g.dtype == dg_ds.dtype == loss.dtype == dL_dg.dtype == dtype
    assert g[0] == dtype(lowest) and 1 - g[0] == g[1] < 1
    assert np.allclose(dg_ds, lowest, rtol=1e-3, atol=0)
    assert np.allclose(dL_dg * dg_ds, g - [1, 0], rtol=1e-6)


@settings(deadline=None)
@given(ARRAYS)
@example(np.array([[-2, 0, 3]]))
@example(np.float32([1, -1]))
def test_relu_and_its_slope_which_is_0_at_the_corner(s):
    out, slope = quietly(relu_activation, s)
    assert np.array_equal(out, np.where(s > 0, s, 0))
    assert np.array_equal(slope, np.where(s > 0, 1, 0))
    assert out.dtype == slope.dtype == (np.float32 if s.dtype == "f4" else np.float64)


@pytest.mark.parametrize("g, y, loss, dL_dg", [
    (0.25, 0, -np.log(0.75), 4 / 3), (0.25, 1, -np.log(0.25), -4),
    (0.75, 1, -np.log(0.75), -4 / 3), (0.5, 0, np.log(2), 2),
    (0.2, 0.2, -0.2 * np.log(0.2) - 0.8 * np.log(0.8), 0),  # labels in between
    (0.2, 0.7, -0.7 * np.log(0.2) - 0.3 * np.log(0.8), -0.5 / 0.16),
    (1e-300, 0, 1e-300, 1), (1e-300, 1, 300 * np.log(10), -1e300)])
def test_loss_by_hand(g, y, loss, dL_dg):
    results = quietly(logistic_loss, [g, 0.5], [y, 1])
    assert np.allclose(results, [[loss, np.log(2)], [dL_dg, -2]], rtol=1e-14, atol=0)


@settings(deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 20), elements=FLOATS), st.data())
def test_loss_after_sigmoid_has_slope_g_minus_y(s, data):
    y = data.draw(hnp.arrays(np.float64, s.shape, elements=st.sampled_from([0.0, 1.0])))
    g, dg_ds = quietly(sigmoid_activation, s)
    loss, dL_dg = quietly(logistic_loss, g, y)
    assert np.allclose(dL_dg * dg_ds, g - y, rtol=1e-15, atol=0)
    assert np.isfinite(loss).all() and (loss >= 0).all() and (loss < 34.6).all()


def test_layer_by_hand():
    x = np.array([[1.0, 2.0], [3.0, -4.0]])
    W, b = np.array([[1.0, 0.5, -1.0], [2.0, 0.0, 1.0]]), np.array([[-5.0, 1.0, 0.5]])
    out, cache = layer_forward(x, W, b, relu_activation)
    assert out.tolist() == [[0.0, 1.5, 1.5], [0.0, 2.5, 0.0]]
    cached_x, cached_W, dout_ds = cache
    assert type(cache) is tuple and cached_x is x and cached_W is W
    assert dout_ds.tolist() == [[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]
    with np.errstate(all="raise"):  # products that round to zero do so quietly
        layer_forward(x * 1e-300, W * 1e-300, b, sigmoid_activation)
