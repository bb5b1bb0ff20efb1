"""What the notebooks measure: mistakes, linearity, patterns in digits, memorizing."""

from collections.abc import Sequence

import numpy as np

from nn_faster import descend
from nn_helpers import (
    accuracy,
    create_bias_vectors,
    create_weight_matrices,
    forward_pass,
    relu_activation,
    sigmoid_activation,
)

Array = np.ndarray
Network = tuple  # (weight_matrices, biases, activations), as forward_pass takes them
RELU_NETWORK = [relu_activation, sigmoid_activation]


def new_network(
    seed: int, layer_dims: Sequence[int] = (784, 200, 1), dtype: type = np.float32
) -> tuple[list[Array], list[Array], np.random.Generator]:
    """Return fresh weights and biases, and the generator that orders the examples."""
    rng = np.random.default_rng(seed)
    Ws, bs = create_weight_matrices(layer_dims, rng), create_bias_vectors(layer_dims)
    return [W.astype(dtype) for W in Ws], [b.astype(dtype) for b in bs], rng


def logits(network: Network, X: Array) -> Array:
    """Return the pre-activation of the output neuron for each row of X, (n,)."""
    _, caches = forward_pass(X, *network)
    x, W, _ = caches[-1]
    return (x @ W + network[1][-1])[:, 0].astype(float)


def mistakes(networks: Sequence[Network], X: Array, y: Array) -> Array:
    """Return which rows of X each network classifies wrongly, (networks, n)."""
    return np.array([(forward_pass(X, *net)[0] > 0.5) != y for net in networks])


# ---- How linear a network is ---------------------------------------------------------


def linear_share(networks: Sequence[Network], X: Array, X_test: Array) -> Array:
    """Return R^2 of the best linear function of the inputs, for each network.

    The linear function is fitted to a network's logits on X by least squares. R^2 is
    the share of the variance of the logits on X_test that it explains: 1 if the logit
    is a linear function of the inputs.

    Parameters
    ----------
    networks : sequence of (weight_matrices, biases, activations)
    X, X_test : (n, d) and (m, d), the inputs to fit on and to compare on

    Returns
    -------
    (number of networks,) floats

    Notes
    -----
    A penalty of 1 on the squared coefficients keeps those of inputs small that are
    nearly always 0.
    """
    used = X.any(axis=0)
    A, A_test = (
        np.hstack([part[:, used], np.ones((len(part), 1))]).astype(float)
        for part in (X, X_test)
    )
    s, s_test = (
        np.transpose([logits(net, part) for net in networks]) for part in (X, X_test)
    )
    coefficients = np.linalg.solve(A.T @ A + np.eye(A.shape[1]), A.T @ s)
    left = ((s_test - A_test @ coefficients) ** 2).sum(axis=0)
    return 1 - left / ((s_test - s_test.mean(axis=0)) ** 2).sum(axis=0)


def share_if_units_are_held(network: Network, X: Array) -> float:
    """Return R^2 of the logit if each hidden unit stays on or off, as for most of X."""
    (W, w), (b, _), _ = network
    s = X @ W + b
    logit, held = np.maximum(s, 0) @ w, s * (np.mean(s > 0, axis=0) > 0.5) @ w
    return float(1 - np.var(logit - held) / np.var(logit))


def one_picture(before: Array, after: Array) -> float:
    """Return the largest squared singular value of a change, as a share of all."""
    change = after - before
    return float(np.linalg.norm(change, 2) ** 2 / np.linalg.norm(change) ** 2)


# ---- Patterns in digits --------------------------------------------------------------

PATTERNS = {  # the label that can show it, what is measured, and towards which side
    "nines with ink at the lower left": (1, "lower left", 1),
    "nines that begin high": (1, "top", -1),
    "threes with ink at the upper left": (0, "upper left", 1),
    "threes that begin low": (0, "top", 1),
}


def _features(images: Array) -> dict[str, Array]:
    return {
        "top": np.argmax(images.max(axis=2) > 0.3, axis=1),  # the first row with ink
        "lower left": images[:, 18:24, 5:11].mean(axis=(1, 2)),  # where 3s have a hook
        "upper left": images[:, 8:15, 6:11].mean(axis=(1, 2)),  # where 9s have a loop
    }


def pattern_limits(images: Array, y: Array, wrong: Array) -> dict[str, float]:
    """Return the limit of each pattern, which 90% of its class's right digits keep to.

    images is (n, 28, 28), y (n,) their labels and wrong (n,) which are mistakes.
    """
    features = _features(images)
    return {
        name: np.quantile(side * features[feature][(y == label) & ~wrong], 0.9)
        for name, (label, feature, side) in PATTERNS.items()
    }


def patterns(images: Array, y: Array, limits: dict[str, float]) -> dict[str, Array]:
    """Return which images (n, 28, 28) with labels y (n,) show which pattern, (n,)."""
    features = _features(images)
    return {
        name: (y == label) & (side * features[feature] > limits[name])
        for name, (label, feature, side) in PATTERNS.items()
    }


def has_closed_loop(images: Array) -> Array:
    """Return in which images (n, 28, 28) ink walls in some paper, (n,)."""
    paper = np.pad(images, ((0, 0), (1, 1), (1, 1))) < 0.3
    wet = np.zeros_like(paper)  # water from the border; what stays dry is walled in
    wet[:, 0, :] = True
    while True:
        before = wet.sum()
        for axis in (1, 2):
            for step in (1, -1):
                wet |= np.roll(wet, step, axis) & paper
        if wet.sum() == before:
            return np.any(paper & ~wet, axis=(1, 2))


# ---- Memorizing ----------------------------------------------------------------------


def iterations_to_memorize(
    X: Array, y: Array, weight_matrices: Sequence[Array], biases: Sequence[Array],
    step_size: float, limit: int = 100,
) -> int | None:
    """Return after how many updates with the batch X all labels y are right.

    None means more than limit. The network is a ReLU layer and a sigmoid. Since
    the batch never changes, an update by x^T delta moves the hidden pre-activations by
    x x^T delta: with that product of the inputs they need not be computed again.
    """
    (W, w), (b, c) = weight_matrices, biases
    s, gram = X @ W + b, X @ X.T + 1  # the 1 is the bias's part
    for t in range(limit + 1):
        h = np.maximum(s, 0)
        g, _ = sigmoid_activation((h @ w + c)[:, 0])
        if t > 0 and accuracy(g, y) == 1:
            return t
        step = step_size / len(y) * (g - y)[:, np.newaxis].astype(s.dtype)
        s = s - gram @ (step @ w.T * (s > 0))
        w, c = w - h.T @ step, c - step.sum(axis=0)
    return None


def tangent_kernel(X: Array, W: Array, b: Array, w: Array) -> tuple[Array, Array]:
    """Return K (n, n), the inner products of the logits' gradients, and the logits.

    The network is 784-width-1 with hidden weights W, hidden biases b and output weights
    w. The output bias, left out of the logits, adds 1 to each entry of K.
    """
    s = X @ W + b
    h, mask = np.maximum(s, 0), (s > 0).astype(s.dtype)
    return 1 + h @ h.T + (mask * w[:, 0] ** 2) @ mask.T * (X @ X.T + 1), (h @ w)[:, 0]


def balanced_bias(K: Array, z: Array, y: Array, step_size: float) -> float:
    """Return the output bias from which one step brings the mean logit to 0.

    K and z come from tangent_kernel.
    """
    def mean_after(b: float) -> float:
        g, _ = sigmoid_activation(z + b)
        return np.mean(z + b + step_size / len(y) * K @ (y - g))

    at_0, at_1 = mean_after(0), mean_after(0.2)  # it is nearly linear in b
    return 0.2 * at_0 / (at_0 - at_1)


def one_unit_each(X: Array, W: Array, w: Array, y: Array, step_size: float) -> list:
    """Return biases with which each hidden unit is on for exactly one row of X.

    The hidden biases are (1, width). The output bias, (1, 1), is the one that a step of
    this size moves to 0. All are of X's dtype.
    """
    s = X @ W
    second, first = np.partition(s, -2, axis=0)[-2:]
    b_hidden = -(0.99 * first + 0.01 * second)
    z = (np.maximum(s + b_hidden, 0) @ w)[:, 0]
    b_output = 0.0
    for _ in range(100):  # each round leaves at most step_size / 4 of the error
        g, _ = sigmoid_activation(z + b_output)
        b_output = float(step_size * np.mean(g - y))
    return [b_hidden[np.newaxis], np.array([[b_output]], X.dtype)]


# ---- Points in a plane, and curves ---------------------------------------------------


def crescents(seed: int, n: int = 100) -> tuple[Array, Array]:
    """Return the points of two interlocked crescents, (2n, 2), and labels, (2n,)."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, np.pi, n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.vstack([upper, [1, 0.5] - upper]) + rng.normal(0, 0.15, (2 * n, 2))
    return points, np.repeat([0, 1], n)


def separated(X: Array, y: Array, layer_dims: Sequence[int], seed: int) -> Network:
    """Return a network of these layers that is trained to tell y (n,) from X (n, d).

    Its weights start from normal(0, 1) and its biases from normal(0, 0.5).
    """
    rng, pairs = np.random.default_rng(seed), list(zip(layer_dims, layer_dims[1:]))
    weights = [rng.normal(0, 1, pair) for pair in pairs]
    biases = [rng.normal(0, 0.5, (1, d_out)) for _, d_out in pairs]
    weights, biases = descend(X, y, weights, biases, batch_size=20, num_epochs=500,
                              rng=rng)
    relus = [relu_activation] * (len(pairs) - 1)
    return weights, biases, [*relus, sigmoid_activation]


def fit_curve(
    x: Array,
    y: Array,
    layer_dims: Sequence[int],
    *,
    step_size: float,
    iterations: int,
    seeds: Sequence[int],
) -> Array:
    """Return what ReLU networks that end in a sigmoid give on x after fitting y.

    One network for each seed, all trained together by gradient descent on the logistic
    loss, which is least where the output equals y. x and y are (n,), y in [0, 1].
    Returns (number of seeds, n). Weights start from normal(0, sqrt(2 / d_in)), biases
    from uniform(-1, 1) / sqrt(d_in).
    """
    pairs = list(zip(layer_dims, layer_dims[1:]))
    rngs = [np.random.default_rng(seed) for seed in seeds]
    Ws, bs = [], []  # of all networks, transposed: (seeds, e, d) and (seeds, e, 1)
    for d, e in pairs:
        Ws.append(np.stack([rng.normal(0, np.sqrt(2 / d), (d, e)).T for rng in rngs]))
        bs.append(np.stack([rng.uniform(-1, 1, (e, 1)) for rng in rngs]) / np.sqrt(d))
    for _ in range(iterations):
        inputs, g = _forwards(x, Ws, bs)
        delta = (g - y) * (step_size / len(y))
        for k in reversed(range(len(Ws))):
            moved = delta @ inputs[k].swapaxes(-2, -1)
            bs[k] -= delta.sum(axis=2, keepdims=True)
            if k > 0:
                delta = Ws[k].swapaxes(1, 2) @ delta * (inputs[k] > 0)
            Ws[k] -= moved
    return _forwards(x, Ws, bs)[1][:, 0]


def _forwards(x: Array, Ws: list[Array], bs: list[Array]) -> tuple[list[Array], Array]:
    """Return the inputs of each layer, an example a column, and g (seeds, 1, n)."""
    inputs = [x[np.newaxis]]
    for W, b in zip(Ws, bs):
        s = W @ inputs[-1] + b
        inputs.append(np.maximum(s, 0))
    return inputs[:-1], sigmoid_activation(s)[0]
