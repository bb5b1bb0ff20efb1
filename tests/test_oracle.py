"""(d) Gradients of a thousand random networks, in both dtypes, against HIPS autograd.

Show the largest errors:  .venv/bin/python -m pytest -q -s tests/test_oracle.py
"""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from autograd.extend import defvjp, primitive

from networks import activations_for, nearest_corner, random_network
from nn_helpers import backward_pass, forward_pass, logistic_loss

pytestmark = pytest.mark.d

NETWORKS = 1000
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


def oracle(X, y, weights, biases, g):
    """Return s and how far rounding moves it, the loss, all (n,), and the gradients.

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

    gradients = grad(average_loss)(list(zip(weights, biases)))
    return seen["s"], steps / 2 * size[:, 0], seen["loss"], gradients


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gradients_against_autograd(dtype):
    rng, eps = np.random.default_rng(189), np.finfo(dtype).eps
    of_gradients, of_losses, seen = [], [], []
    for _ in range(NETWORKS):
        X, y, weights, biases = drawn_network(rng)
        Ws, bs = ([a.astype(dtype) for a in arrays] for arrays in (weights, biases))
        g, caches = forward_pass(X.astype(dtype), Ws, bs, activations_for(Ws))
        loss, dL_dg = logistic_loss(g, y)
        grad_Ws, grad_bs = backward_pass(dL_dg, caches)
        s, rounding, exact_loss, exact = oracle(X, y, weights, biases, np.float64(g))

        # In the saturated parts g is one number exactly; in between it is sigma(s).
        slack = eps * rounding
        assert (g[s < np.log(LOWEST[dtype]) - slack - 1e-3] == LOWEST[dtype]).all()
        assert (g[s > -np.log(LOWEST[dtype]) + slack + 0.2] == HIGHEST[dtype]).all()
        p, q = np.exp(-np.logaddexp(0, -s)), np.exp(-np.logaddexp(0, s))
        expected = np.clip(p, LOWEST[dtype], HIGHEST[dtype])
        allowed = np.minimum(p, q) * np.expm1(slack) + 2 * eps * expected
        assert (abs(g - expected) <= allowed).all()

        of_losses.extend(abs(loss - exact_loss) / exact_loss)
        for dW, db, (exact_dW, exact_db) in zip(grad_Ws, grad_bs, exact, strict=True):
            assert dW.dtype == db.dtype == loss.dtype == g.dtype == dtype
            # A layer's weights and biases as one vector: one sum alone may cancel.
            size = np.hypot(np.linalg.norm(exact_dW), np.linalg.norm(exact_db))
            for a, b in [(dW, exact_dW), (db, exact_db)]:
                assert a.shape == b.shape
                # Behind ReLUs that are all off a gradient is 0, and it has to be 0.
                error = np.linalg.norm(a - b)
                of_gradients.append(error / size if size else error > 0)
        seen.append((len(Ws), *np.shape(X), g, y))

    print(
        f"\n{NETWORKS} networks, {np.dtype(dtype)}: largest relative error "
        f"{np.max(of_gradients):.1e} of {len(of_gradients)} gradients, "
        f"{np.max(of_losses):.1e} of {len(of_losses)} losses"
    )
    # One eps a rounding: measured are 15 to 21 for gradients, 2 to 26 for losses.
    assert np.max(of_gradients) <= 100 * eps
    assert np.max(of_losses) <= 100 * eps

    # The networks cover all depths, sizes and widths, and outputs that are clipped.
    depths, sizes, widths, *_ = zip(*seen)
    assert set(depths) == set(range(1, 6))
    assert {1, 64} <= set(sizes) == set(range(1, 65)) == set(widths)
    g, y = (np.concatenate(arrays) for arrays in list(zip(*seen))[3:])
    for clipped in (g == dtype(LOWEST[dtype]), g == dtype(HIGHEST[dtype])):
        assert min(np.sum(clipped & (y == label)) for label in (0, 1)) > 100
        assert np.sum(clipped & (y > 0) & (y < 1)) > 100
