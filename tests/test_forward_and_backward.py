"""(c) Creating a network, the forward pass; (d) the backward pass, against autograd."""

import inspect

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import nn_faster
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

c, d = pytest.mark.c, pytest.mark.d


# ---- (c) -------------------------------------------------------------------------

@c
@pytest.mark.parametrize("layer_dims", [
    [784, 200, 1], [4, 2, 1], (3, 1), np.array([5, 4, 3, 2, 1]), range(1, 3)])
def test_created_shapes(layer_dims):
    weights = nn.create_weight_matrices(layer_dims)
    biases = nn.create_bias_vectors(layer_dims)
    assert [W.shape for W in weights] == list(zip(layer_dims, layer_dims[1:]))
    assert [b.shape for b in biases] == [(1, d) for d in layer_dims[1:]]
    assert all(not b.any() and b.dtype == np.float64 for b in biases)


@c
def test_weights_are_normal_with_standard_deviation_one_hundredth():
    W, _ = nn.create_weight_matrices([784, 200, 1], rng=0)
    assert abs(W.mean()) < 1e-4 and W.std() == pytest.approx(0.01, rel=0.01)
    within = [np.mean(abs(W) < k * 0.01) for k in (1, 2, 3)]
    assert within == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.005)


@c
def test_a_seed_repeats_and_a_generator_goes_on():
    dims, rng = [5, 4, 1], np.random.default_rng(7)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, again = (nn.create_weight_matrices(dims, 7) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    drawn = [nn.create_weight_matrices(dims, s)[0] for s in (rng, rng, None, None)]
    assert np.array_equal(drawn[0], first[0])
    assert not any(np.array_equal(a, b) for a, b in zip(drawn, drawn[1:]))
    assert np.array_equal(np.random.get_state()[1], before)  # the global state


@c
def test_toy_loss():
    X, y, weights, biases = load_toy()
    g, _ = nn.forward_pass(X, weights, biases, activations_for(weights))
    assert nn.logistic_loss(g, y)[0].mean() == pytest.approx(0.698516803854, rel=1e-12)


@c
def test_forward_by_hand():
    """2-2-1, worked out on paper: s = (3, -1), h = (3, 0), z = 3 * 2 - 5 = 1.

    All numbers are integers, which are computed in float64.
    """
    weights, biases = [[[1, 1], [1, -1]], [[2], [100]]], [[[0, 0]], [[-5]]]
    g, caches = nn.forward_pass([[1, 2]], weights, biases, activations_for(weights))
    assert g == pytest.approx([1 / (1 + np.exp(-1))], rel=1e-15)
    h, mask = caches[1][0], caches[0][2]
    assert h.tolist() == [[3.0, 0.0]] and mask.tolist() == [[1.0, 0.0]]
    assert caches[0][0].tolist() == [[1, 2]] and caches[0][1].tolist() == weights[0]
    assert {a.dtype for cache in caches for a in (g, *cache)} == {np.dtype(float)}


# ---- (d) -------------------------------------------------------------------------

@d
@settings(deadline=None)
@given(networks(max_depth=5, max_n=9))
@example(load_toy())
def test_examples_do_not_see_each_other(network):
    """A batch has the outputs of its examples, and the mean of their gradients."""
    X, y, weights, biases = network
    kept = [a.copy() for a in (X, *weights, *biases)]
    together, _, of_batch = gradients(*network)
    alone = [gradients(X[i:i + 1], y[i:i + 1], weights, biases) for i in range(len(X))]
    assert together.shape == (len(X),)
    assert np.allclose(together, [g[0] for g, *_ in alone], rtol=1e-12)
    for whole, *parts in zip(of_batch, *(single for *_, single in alone)):
        assert np.allclose(whole, np.mean(parts, axis=0), rtol=1e-11, atol=1e-14)
    assert of_batch[-1].item() == pytest.approx(np.mean(together - y), rel=1e-12)
    assert all(np.array_equal(a, b) for a, b in zip(kept, (X, *weights, *biases)))


@d
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(deadline=None, max_examples=60)
@given(networks(max_depth=5, max_width=40, max_n=40), st.booleans())
@example(random_network(189, [64, 48, 32, 16, 8, 1], 64), False)
def test_gradients_against_autograd(dtype, network, fractions):
    X, y, *network = in_dtype(dtype, *network)
    assume(nearest_corner(X, *network) > 1e-5)  # no ReLU turns over by rounding
    y = 0.25 + 0.5 * y if fractions else y
    g, loss, found = gradients(X, y, *network)
    assert {a.dtype for a in (g, loss, *found)} == {np.dtype(dtype)}

    def average_loss(parameters):
        out = X.astype(float)
        for W, b in parameters:
            s = anp.dot(out, W) + b
            out = anp.where(s > 0, s, 0.0)
        s = s[:, 0]
        losses = y * anp.logaddexp(0.0, -s) + (1 - y) * anp.logaddexp(0.0, s)
        return anp.sum(losses) / len(losses)

    parameters = list(zip(*([a.astype(float) for a in part] for part in network)))
    eps = float(np.finfo(dtype).eps)
    assert loss.mean() == pytest.approx(average_loss(parameters), rel=300 * eps)
    pairs = zip(found[:len(parameters)], found[len(parameters):], strict=True)
    for pair, exact in zip(pairs, grad(average_loss)(parameters), strict=True):
        # A layer's weights and biases as one vector: one sum alone may cancel. Behind
        # ReLUs that are all off a gradient is 0, and it has to be 0.
        assert [a.shape for a in pair] == [a.shape for a in exact]
        error, size = (np.linalg.norm(np.concatenate([a.ravel() for a in part]))
                       for part in ([a - b for a, b in zip(pair, exact)], exact))
        assert error <= 3000 * eps * size


# ---- Names and defaults ----------------------------------------------------------

@pytest.mark.e
@pytest.mark.parametrize("function", [nn.train, nn.sgd, nn_faster.descend])
def test_training_defaults_are_the_assignments(function):
    parameters = inspect.signature(function).parameters
    names = ["batch_size", "step_size", "num_epochs", "rng"]
    assert [parameters[name].default for name in names] == [100, 0.1, 5, None]
    assert type(parameters["step_size"].default) is float


def test_a_star_imports_the_questions_functions_and_no_others():
    names = {}
    exec("from nn_helpers import *", names)
    assert names.keys() - {"__builtins__"} == {
        "PROJECT", "accuracy", "backward_pass", "create_bias_vectors",
        "create_weight_matrices", "display_image", "finite_difference_gradient",
        "forward_pass", "get_mnist_threes_nines", "layer_forward", "logistic_loss",
        "nn_finite_difference_checker", "relu_activation", "sgd", "sigmoid_activation",
        "train"}
