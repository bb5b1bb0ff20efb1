"""Networks for the tests: the toy one, random ones away from the ReLUs' corners."""

import pickle

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import nn_helpers as nn

CURVES = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]


def load_toy():
    """Return X_batch, y_batch, weight_matrices, biases as handed out."""
    with open(nn.PROJECT / "test_batch_weights_biases.pkl", "rb") as fn:
        return pickle.load(fn)


def activations_for(weight_matrices):
    """Return ReLUs for all layers but the last, which is a sigmoid."""
    return [nn.relu_activation] * (len(weight_matrices) - 1) + [nn.sigmoid_activation]


def random_network(rng, layer_dims, n):
    """Return X, y, weights and biases of ordinary size, labels 0 and 1 mixed."""
    rng = np.random.default_rng(rng)
    pairs = list(zip(layer_dims[:-1], layer_dims[1:]))
    weights = [rng.normal(0, 1 / np.sqrt(p), (p, q)) for p, q in pairs]
    biases = [rng.normal(0, 0.5, (1, q)) for _, q in pairs]
    return rng.normal(size=(n, layer_dims[0])), rng.integers(0, 2, n), weights, biases


def training_set(seed=0, layer_dims=(6, 5, 1), N=23, m=7):
    """Return what train takes: N training and m test examples, and a network."""
    X, y, weights, biases = random_network(seed, layer_dims, N + m)
    return X[:N], y[:N], X[N:], y[N:], weights, biases, activations_for(weights)


def in_dtype(dtype, *arguments):
    """Return floats and lists of them in this dtype, and the rest as it is."""
    def cast(a):
        if isinstance(a, list):
            return [cast(part) for part in a]
        return a.astype(dtype) if getattr(a, "dtype", None) == np.float64 else a

    return [cast(a) for a in arguments]


def nearest_corner(X, weights, biases):
    """Return the smallest |input| that a ReLU gets: how far the loss is smooth."""
    nearest = np.inf
    for W, b in zip(weights[:-1], biases[:-1]):
        X = X @ W + b
        nearest, X = min(nearest, abs(X).min()), np.maximum(X, 0)
    return nearest


@st.composite
def networks(draw, max_depth=4, max_width=6, max_n=6, smooth=False):
    """Draw X, y, weights, biases; smooth: with a loss that is so for 1e-3 around."""
    dims = draw(st.lists(st.integers(1, max_width), min_size=1, max_size=max_depth))
    n, seed = draw(st.integers(1, max_n)), draw(st.integers(0, 2**32 - 1))
    X, y, weights, biases = random_network(seed, [*dims, 1], n)
    assume(not smooth or nearest_corner(X, weights, biases) > 1e-3)
    return X, y, weights, biases


def gradients(X, y, weights, biases, activations=None, loss_function=nn.logistic_loss):
    """Return g, the loss, and the list of all gradients by backward_pass."""
    activations = activations or activations_for(weights)
    g, caches = nn.forward_pass(X, weights, biases, activations)
    loss, dL_dg = loss_function(g, y)
    grad_Ws, grad_bs = nn.backward_pass(dL_dg, caches)
    return g, loss, grad_Ws + grad_bs
