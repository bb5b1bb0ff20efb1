"""(c) Creating a network, the forward pass; (d) the backward pass, against autograd."""

import inspect

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from autograd.extend import defvjp, primitive
from hypothesis import example, given, settings

import nn_faster
import nn_helpers as nn
from networks import (
    activations_for,
    gradients,
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
def test_toy_loss_and_its_first_layer_is_layer_forward():
    X, y, weights, biases = load_toy()
    g, caches = nn.forward_pass(X, weights, biases, activations_for(weights))
    loss, _ = nn.logistic_loss(g, y)
    assert g.shape == loss.shape == (2,) and len(caches) == 2
    assert loss.mean() == pytest.approx(0.698516803854, rel=1e-12)
    out, cache = nn.layer_forward(X, weights[0], biases[0], nn.relu_activation)
    for one, other in zip([*cache, out], [*caches[0], caches[1][0]], strict=True):
        assert np.array_equal(one, other)


@c
def test_forward_by_hand():
    """2-2-1, worked out on paper: s = (3, -1), h = (3, 0), z = 3 * 2 - 5 = 1."""
    weights = [np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([[2.0], [100.0]])]
    biases = [np.array([[0.0, 0.0]]), np.array([[-5.0]])]
    g, caches = nn.forward_pass([[1, 2]], weights, biases, activations_for(weights))
    assert g == pytest.approx([1 / (1 + np.exp(-1))], rel=1e-15)
    assert caches[0][2].tolist() == [[1.0, 0.0]]
    assert caches[1][0].tolist() == [[3.0, 0.0]]


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
@pytest.mark.parametrize("given_as, dtype", [(np.float32, np.float32), (int, float)])
def test_float32_stays_float32_and_integers_become_float64(given_as, dtype):
    X, y, weights, biases = random_network(0, [5, 4, 1], 6)
    X, *parameters = (np.rint(a).astype(given_as) for a in (X, *weights, *biases))
    g, _, found = gradients(X, y, parameters[:2], parameters[2:])
    assert g.dtype == dtype and all(a.dtype == dtype for a in found)


@d
def test_a_saturated_and_wrong_network_still_gets_a_gradient():
    with np.errstate(all="raise"):
        *_, found = gradients([[1.0]], [0], [np.array([[1000.0]])], [np.zeros((1, 1))])
    assert [a.item() for a in found] == pytest.approx([1, 1])


LOWEST = {np.float64: 1e-15, np.float32: 2.0**-24}  # to which the sigmoid is clipped
HIGHEST = {np.float64: 1 - 1e-15, np.float32: 1 - 2.0**-24}


def drawn_network(rng):
    """Return X, y, weights and biases, float64 that a float32 holds exactly."""
    layer_dims = [*rng.integers(1, 65, rng.integers(1, 6)), 1]
    n, corner = rng.integers(1, 65), 0
    while corner < 1e-5:  # so that in float32 each ReLU's input keeps its sign
        X, y, weights, biases = random_network(rng, layer_dims, n)
        X, *parameters = (np.float64(np.float32(a)) for a in (X, *weights, *biases))
        weights, biases = parameters[:len(weights)], parameters[len(weights):]
        corner = nearest_corner(X, weights, biases)
    loud = 2.0 ** rng.choice([0, 0, 0, 3, 5, 10])  # with the last, outputs saturate
    weights[-1], biases[-1] = weights[-1] * loud, biases[-1] * loud
    fractions = rng.random(n) < rng.choice([0, 0.5, 1])
    return X, np.where(fractions, rng.random(n).astype(np.float32), y), weights, biases


# Near 1 a float holds g to some 1e-16, and 1 - g, on which loss and gradient depend,
# is not known any better. Therefore g is compared by itself, and loss and gradients are
# compared for the g that came out: at its logit. The derivative passes as if s had been
# that logit all along, which is how a clipped g comes by its derivative, g (1 - g).

@primitive
def moved_to_the_logit_of(g, s):
    return np.log(g) - np.log1p(-g)


defvjp(moved_to_the_logit_of, lambda out, g, s: lambda slope: slope, argnums=[1])


def by_autograd(X, y, weights, biases, g):
    """Return s, how far rounding moves it, and the loss, all (n,), and the gradients.

    s is the last neuron's. It is moved by half an eps of its dtype at each addition and
    multiplication, of the sum of absolute values at most; what is returned counts eps.
    """
    size, steps = abs(X), 0
    for W, b in zip(weights, biases):
        size, steps = size @ abs(W) + abs(b), steps + len(W) + 1
    seen = {}

    def average_loss(parameters):
        out = X
        for W, b in parameters:
            s = anp.dot(out, W) + b
            out = anp.where(s > 0, s, 0.0)
        seen["s"] = s[:, 0]._value
        s = moved_to_the_logit_of(g, s[:, 0])
        loss = y * anp.logaddexp(0.0, -s) + (1 - y) * anp.logaddexp(0.0, s)
        seen["loss"] = loss._value
        return anp.sum(loss) / len(X)

    parts = grad(average_loss)(list(zip(weights, biases)))
    return seen["s"], steps / 2 * size[:, 0], seen["loss"], parts


@d
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gradients_against_autograd(dtype):
    rng, eps = np.random.default_rng(189), np.finfo(dtype).eps
    seen = []
    for _ in range(1000):
        X, y, *network = drawn_network(rng)
        Ws, bs = ([a.astype(dtype) for a in arrays] for arrays in network)
        g, loss, found = gradients(X.astype(dtype), y, Ws, bs)
        s, rounding, exact_loss, exact = by_autograd(X, y, *network, np.float64(g))

        # In the saturated parts g is one number exactly; in between it is sigma(s).
        slack = eps * rounding
        assert (g[s < np.log(LOWEST[dtype]) - slack - 1e-3] == LOWEST[dtype]).all()
        assert (g[s > -np.log(LOWEST[dtype]) + slack + 0.2] == HIGHEST[dtype]).all()
        p, q = np.exp(-np.logaddexp(0, -s)), np.exp(-np.logaddexp(0, s))
        expected = np.clip(p, LOWEST[dtype], HIGHEST[dtype])
        allowed = np.minimum(p, q) * np.expm1(slack) + 2 * eps * expected
        assert (abs(g - expected) <= allowed).all()

        # One eps a rounding: measured are 15 to 21 for gradients, 2 to 26 for losses.
        assert (abs(loss - exact_loss) <= 100 * eps * exact_loss).all()
        assert {a.dtype for a in (g, loss, *found)} == {np.dtype(dtype)}
        grad_Ws, grad_bs = found[:len(Ws)], found[len(Ws):]
        for *pair, exact_pair in zip(grad_Ws, grad_bs, exact, strict=True):
            # A layer's weights and biases as one vector: one sum alone may cancel.
            size = np.hypot(*(np.linalg.norm(a) for a in exact_pair))
            for a, b in zip(pair, exact_pair):
                assert a.shape == b.shape
                # Behind ReLUs that are all off a gradient is 0, and it has to be 0.
                assert np.linalg.norm(a - b) <= 100 * eps * size
        seen.append((len(Ws), *np.shape(X), g, y))

    # The networks cover all depths, sizes and widths, and outputs that are clipped.
    depths, sizes, widths, *_ = zip(*seen)
    assert set(depths) == set(range(1, 6))
    assert {1, 64} <= set(sizes) == set(range(1, 65)) == set(widths)
    g, y = (np.concatenate(arrays) for arrays in list(zip(*seen))[3:])
    for clipped in (g == dtype(LOWEST[dtype]), g == dtype(HIGHEST[dtype])):
        assert min(np.sum(clipped & (y == label)) for label in (0, 1)) > 100
        assert np.sum(clipped & (y > 0) & (y < 1)) > 100


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
