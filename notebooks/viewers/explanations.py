"""Why a network gives its answer for an image: its pixels' pushes, and similar images.

A network here is a tuple (weight_matrices, biases, activations), so that
forward_pass(X, *network) runs it. Its last activation is the sigmoid, the ones before
are ReLUs; there may be any number of them.
"""

from collections.abc import Callable

import numpy as np

from nn_helpers import forward_pass


def pushes(network: tuple, x: np.ndarray) -> tuple[np.ndarray, float]:
    """Return what each pixel of x (784,) adds to the logit, (784,), and the rest.

    The logit s is the number that the sigmoid turns into g: below 0 the network says
    3, above it 9. A ReLU either passes its input on or blocks it, so around x the logit
    is an affine function of the pixels:

        s = sum_p x_p ds/dx_p + rest

    Pixel p pushes by x_p ds/dx_p: towards 9 if that is positive, towards 3 if it is
    negative, and not at all where there is no ink. The rest is what the biases add.
    """
    weight_matrices, biases, _ = network
    _, caches = forward_pass(x.reshape(1, -1), *network)
    ds, rest = np.ones((1, 1)), 0.0  # the derivative of s with respect to itself
    for k in reversed(range(len(caches))):
        x_k, W, dout_ds = caches[k]
        if k < len(caches) - 1:  # the sigmoid comes after the logit
            ds = ds * dout_ds
        rest += (ds * biases[k]).sum()
        ds = ds @ W.T
    return (x.reshape(1, -1) * ds)[0], float(rest)


def nearest_finder(X: np.ndarray,
                   y: np.ndarray) -> Callable[[np.ndarray], list[tuple[int, float]]]:
    """Return a function from an image to its nearest 3 and its nearest 9 in X.

    X is (n, 784) or (n, 28, 28), and y (n,) holds its labels, of both classes. The
    function takes (784,) and returns [(index, distance), (index, distance)]. All
    distances come from one product:

        |a - x|^2 = |a|^2 - 2 a.x + |x|^2
    """
    rows = X.reshape(len(X), -1).astype(np.float32)
    lengths = np.einsum("np,np->n", rows, rows)
    members = [np.flatnonzero(y == digit) for digit in (0, 1)]

    def nearest(x: np.ndarray) -> list[tuple[int, float]]:
        x = x.ravel().astype(np.float32)
        squares = lengths - 2 * (rows @ x) + x @ x
        closest = [int(of_class[squares[of_class].argmin()]) for of_class in members]
        return [(k, float(np.sqrt(max(squares[k], 0)))) for k in closest]

    return nearest


def probabilities(network: tuple, X: np.ndarray) -> np.ndarray:
    """Return the network's outputs (n,) for images (n, 28, 28) or (n, 784)."""
    return forward_pass(X.reshape(len(X), -1), *network)[0]
