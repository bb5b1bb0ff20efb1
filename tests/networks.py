"""Networks for the tests, the toy one and random ones off the corners, and a pool."""

import pickle
from concurrent.futures import Future

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from nn_helpers import PROJECT, relu_activation, sigmoid_activation


def load_toy():
    """Return X_batch, y_batch, weight_matrices, biases as handed out."""
    with open(PROJECT / "test_batch_weights_biases.pkl", "rb") as fn:
        return pickle.load(fn)


def activations_for(weight_matrices):
    """Return ReLUs for all layers but the last, which is a sigmoid."""
    return [relu_activation] * (len(weight_matrices) - 1) + [sigmoid_activation]


def random_network(rng, layer_dims, n):
    """Return X, y, weights and biases of ordinary size, labels 0 and 1 mixed."""
    pairs = list(zip(layer_dims[:-1], layer_dims[1:]))
    weights = [rng.normal(0, 1 / np.sqrt(p), (p, q)) for p, q in pairs]
    biases = [rng.normal(0, 0.5, (1, q)) for _, q in pairs]
    return rng.normal(size=(n, layer_dims[0])), rng.integers(0, 2, n), weights, biases


def nearest_corner(X, weights, biases):
    """Return the smallest |input| that a ReLU gets: how far the loss is smooth."""
    nearest = np.inf
    for W, b in zip(weights[:-1], biases[:-1]):
        X = X @ W + b
        nearest, X = min(nearest, abs(X).min()), np.maximum(X, 0)
    return nearest


@st.composite
def smooth_networks(draw, max_depth=4, max_width=6, max_n=6):
    """Draw X, y, weights, biases whose loss is smooth for 1e-3 around."""
    depth = draw(st.integers(1, max_depth))
    layer_dims = draw(
        st.lists(st.integers(1, max_width), min_size=depth, max_size=depth)
    )
    n, seed = draw(st.integers(1, max_n)), draw(st.integers(0, 2**32 - 1))
    network = random_network(np.random.default_rng(seed), [*layer_dims, 1], n)
    X, _, weights, biases = network
    assume(nearest_corner(X, weights, biases) > 1e-3)
    return network


def relative_error(a, b):
    """Return |a - b| / (|a| + |b|) over two lists of arrays taken as one vector."""
    a, b = (np.concatenate([np.ravel(x) for x in arrays]) for arrays in (a, b))
    size = np.linalg.norm(a) + np.linalg.norm(b)
    return np.linalg.norm(a - b) / size if size else 0.0


class IdlePool:
    """In the place of a pool of threads: notes what it is asked for, begins nothing.

    The caller then does it all, in the same order each time.
    """

    submitted = 0

    def __call__(self, workers):
        self.workers = workers
        return self

    def submit(self, function, *arguments):
        self.submitted += 1
        return Future()

    def shutdown(self, **options):
        self.options = options
