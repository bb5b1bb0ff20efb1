"""(f) Memorizing: what is counted and predicted, and that one update is enough."""

import numpy as np
import pytest

import nn_helpers as nn
from measure import (
    RELU_NETWORK,
    balanced_bias,
    iterations_to_memorize,
    logits,
    new_network,
    one_unit_each,
    tangent_kernel,
)

pytestmark = pytest.mark.f


def noise(seed, n=100, d=784):
    """Return random inputs, of mean 0, and labels of which 53% are 1."""
    rng = np.random.default_rng(seed)
    return rng.random((n, d)) - 0.5, rng.permutation(n) < round(0.53 * n)


def accuracies(X, y, W, b, step_size, updates):
    """Return the accuracy on all of (X, y) after each update, by the plain code."""
    steps = nn.sgd(X, y, W, b, RELU_NETWORK, batch_size=len(X), step_size=step_size,
                   num_epochs=updates)
    return [nn.accuracy(nn.forward_pass(X, Ws, bs, RELU_NETWORK)[0], y)
            for Ws, bs, *_ in steps]


def test_iterations_are_counted_from_one_and_given_up_at_the_limit():
    (X, y), (W, b, _) = noise(0, 20, 50), new_network(0, [50, 40, 1], float)
    count = iterations_to_memorize(X, y, W, b, step_size=2.0)
    *before, last = accuracies(X, y, W, b, 2.0, count)
    assert count > 1 and last == 1 and max(before) < 1
    assert iterations_to_memorize(X, y, W, b, 2.0, limit=count) == count
    assert iterations_to_memorize(X, y, W, b, 2.0, limit=count - 1) is None


def test_the_tangent_kernel_holds_the_inner_products_of_the_gradients():
    rng = np.random.default_rng(0)
    X, _ = noise(1, 5, 50)
    Ws = [rng.normal(0, 1, (50, 8)), rng.normal(0, 1, (8, 1))]
    bs = [rng.normal(0, 1, (1, 8)), rng.normal(0, 1, (1, 1))]
    K, z = tangent_kernel(X, Ws[0], bs[0], Ws[1])
    gradients = []
    for x in X:  # of the logit, for dL/dg = 1 / (dg/ds)
        g, caches = nn.forward_pass(x[np.newaxis], Ws, bs, RELU_NETWORK)
        grad_Ws, grad_bs = nn.backward_pass(1 / (g * (1 - g)), caches)
        gradients.append(np.concatenate([a.ravel() for a in grad_Ws + grad_bs]))
    assert np.allclose(K, np.array(gradients) @ np.transpose(gradients), rtol=1e-8)
    assert np.allclose(z + bs[1][0], logits((Ws, bs, RELU_NETWORK), X))


@pytest.mark.parametrize("seed", [100, 101, 102])
class TestOneUpdateMemorizes:
    """A hundred random labels, on seeds that the notebook does not use."""

    def test_with_a_balanced_output_bias_and_only_with_it(self, seed):
        X, y = noise(seed)
        W, b, _ = new_network(seed, [784, 4000, 1], float)
        assert abs(W[0].std() - 0.01) < 1e-4 and abs(W[0].mean()) < 1e-4
        K, z = tangent_kernel(X, W[0], b[0], W[1])
        assert accuracies(X, y, W, b, 5.0, updates=1)[0] < 1
        b[1] += balanced_bias(K, z, y, step_size=5.0)
        g, _ = nn.sigmoid_activation(z + b[1][0])
        after = z + b[1][0] + 5.0 / 100 * K @ (y - g)
        assert abs(after.mean()) < 0.1 * abs(after).mean()
        assert accuracies(X, y, W, b, 5.0, updates=1) == [1]
        assert iterations_to_memorize(X, y, W, b, 5.0, limit=1) == 1

    def test_with_units_that_are_on_for_one_input_each(self, seed):
        X, y = noise(seed)
        X += 0.5
        W, _, _ = new_network(seed, [784, 8000, 1], float)
        b = one_unit_each(X, *W, y, step_size=1.0)
        assert ((X @ W[0] + b[0] > 0).sum(axis=0) == 1).all()
        K, z = tangent_kernel(X, W[0], b[0], W[1])
        assert np.allclose(K - 1, np.diag(K.diagonal() - 1), rtol=0, atol=1e-12)
        g, _ = nn.sigmoid_activation(z + b[1][0])
        assert abs(b[1][0, 0] + 1.0 * (y - g).mean()) < 1e-9  # moved to 0
        assert accuracies(X, y, W, b, 1.0, updates=1) == [1]
