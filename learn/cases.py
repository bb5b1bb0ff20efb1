"""What each function is called with, and what replaces the functions that it calls.

Functions are checked one at a time. What one calls is replaced by a toy that computes
something else, so that no solution is here; the notes have what the right function
makes of it. All inputs are the same under each version of NumPy.
"""

import functools
import itertools

import numpy as np

FUNCTIONS = {  # the question, the points, and what is returned
    "finite_difference_gradient": ("a", 1, ["the gradient"]),
    "nn_finite_difference_checker": ("a", 1, ["grad_Ws", "grad_bs"]),
    "sigmoid_activation": ("b", 3, ["the output", "the derivative"]),
    "logistic_loss": ("b", 2, ["loss", "dL_dg"]),
    "relu_activation": ("b", 1, ["the output", "the derivative"]),
    "layer_forward": ("b", 2, ["out", "cache"]),
    "create_weight_matrices": ("c", 2, ["weight_matrices"]),
    "create_bias_vectors": ("c", 1, ["biases"]),
    "forward_pass": ("c", 5, ["the outputs", "layer_caches"]),
    "backward_pass": ("d", 4, ["grad_Ws", "grad_bs"]),
    "train": ("e", 6, ["weight_matrices", "biases", "history"]),
}
CALLERS = ["nn_finite_difference_checker", "forward_pass", "train"]  # of the others
HISTORY = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
CACHED = ["x", "W", "b", "s", "out", "the derivative",
          "the activation"]  # what a cache may hold


# ---- Inputs --------------------------------------------------------------------------

BEND, FOLD, TURN = (  # activations
    lambda s: (s + s * s / 4, 1 + s / 2), lambda s: (abs(s), np.sign(s)),
    lambda s: (np.arctan(s), 1 / (1 + s * s)))
WAVES, STEEP, PRODUCT = (  # functions of an array
    lambda a: float(np.sin(3 * np.asarray(a)).sum()),
    lambda a: float(np.exp(2 * np.ravel(a) @ np.arange(1, np.size(a) + 1))),
    lambda a: float(np.prod(a)))


def network(seed, dims, n, last=TURN):
    """Return X, weight_matrices, biases and activations of a random network."""
    normal, pairs = np.random.RandomState(seed).normal, list(zip(dims, dims[1:]))
    return [normal(0, 1, (n, dims[0])), [normal(0, 0.7, pair) for pair in pairs],
            [normal(0, 0.5, (1, d)) for _, d in pairs],
            [BEND, FOLD][:len(pairs) - 1] + [last]]


def training(seed, N, batch_size=1, num_epochs=1, step_size=0.1):
    """Return the arguments of train, and its options.

    Column 1 of X numbers the examples, in hundredths; the test set begins at 1000.
    """
    uniform = np.random.RandomState(seed).uniform
    X, X_test = uniform(0.2, 0.8, (N, 3)), uniform(0.2, 0.8, (3, 3))
    X[:, 1], X_test[:, 1] = np.arange(N) / 100, np.arange(1000, 1003) / 100
    y, y_test = np.arange(N) * 7 % 5 % 2.0, np.array([0.0, 1, 1])
    _, *parameters, _ = network(seed, [3, 2, 1], 1)
    return [X, y, X_test, y_test, *parameters, [], {
        "batch_size": batch_size, "num_epochs": num_epochs, "step_size": step_size}]


@functools.cache
def cases_of(name):
    """Return {label: arguments} of a function; the last argument may be options."""
    normal, g = np.random.RandomState(0).normal, np.array([0.1, 0.5, 0.8, 0.97])
    s, close = normal(0, 2, (2, 3)), np.array([1e-15, 1 - 1e-15])
    return {
        "finite_difference_gradient": {
            "one variable": [WAVES, normal(size=1)],
            "four variables": [WAVES, normal(size=4)],
            "a product of three": [PRODUCT, normal(1, 0.3, 3)],
            "a steep function": [STEEP, normal(0, 0.3, 3)],
            "the entries of a matrix": [WAVES, s]},
        "nn_finite_difference_checker": {
            f"n = {n}": [*a[:2], *a[4:7], {}] for n, a in [
                (4, training(4, 4)), (1, training(1, 1))]},
        "sigmoid_activation": {
            "1, 0 and -1": [np.array([1.0, 0, -1])], "a matrix": [s],
            "the integers -1000, 0 and 1000": [np.array([-1000, 0, 1000])],
            "large positive inputs": [np.array([25.0, 30, 800])],
            "large negative inputs": [np.array([-25.0, -30, -800])]},
        "logistic_loss": {
            "labels of 1": [g, np.ones(4)], "labels of 0": [g, np.zeros(4)],
            "mixed labels, as integers": [g, np.array([0, 1, 1, 0])],
            "n = 1": [g[:1], np.ones(1)],
            "outputs close to 0 and 1": [close, np.ones(2)]},
        "relu_activation": {
            "a matrix": [s], "integers": [np.array([[-2, 3]])],
            "one row": [np.array([[-0.5, 2, -1e-9]])]},
        "layer_forward": {
            label: [a[0] if isinstance(a, list) else a for a in network(*how)]
            for label, how in {
                "n = 4": (1, [3, 2], 4, BEND), "n = 1": (2, [3, 2], 1),
                "one neuron": (3, [4, 1], 5),
                "as many neurons as inputs": (4, [3, 3], 2, BEND)}.items()},
        "create_weight_matrices": {
            "784-200-1": [[784, 200, 1]], "300-70-60-1": [[300, 70, 60, 1]]},
        "create_bias_vectors": {
            "784-200-1": [[784, 200, 1]], "5-4-3-1": [[5, 4, 3, 1]]},
        "forward_pass": {
            "one layer": network(1, [3, 1], 4), "n = 1": network(2, [3, 3, 1], 1),
            "two layers": network(3, [4, 3, 1], 5),
            "three layers": network(4, [3, 3, 3, 1], 4)},
        "backward_pass": {
            label: [normal(size=n), *network(n, dims, n)[:3]] for label, dims, n in [
                ("one layer", [3, 1], 4), ("n = 1", [3, 2, 1], 1),
                ("two layers", [4, 3, 1], 5), ("three layers", [3, 4, 2, 1], 6)]},
        "train": {
            label: training(seed, *options) for seed, (label, *options) in enumerate([
                ("all examples in each batch", 6, 6, 3, 0.1),
                ("another step size", 5, 5, 2, 0.7),
                ("batches that divide the examples", 12, 4, 4, 0.1),
                ("a last batch that is shorter", 11, 4, 4, 0.1),
                ("n = 1", 9, 1, 3, 0.1)])},
    }[name]


# ---- What replaces the functions that the checked one calls --------------------------

def ids(X):
    """Return the numbers of the examples in X."""
    return np.rint(100 * X[:, 1]).astype(int).tolist()


def toys(args):
    """Return {name: function}, and a function that sums up how these were called.

    The functions make no sense as parts of a network, but depend on all that they get.
    """
    options = args[-1] if isinstance(args[-1], dict) else {}
    labels = {k: label for X, y in [args[:2], args[2:4]][:2 * len(options)]
              for k, label in zip(ids(X), y)}
    passed: list = []  # outputs, and the numbers of their examples
    batches: list = []
    weights: set = set()

    def layer_forward(x, W, b, activation_fn):
        of = [next((k for k, part in enumerate(parts) if part is given or (
                    not callable(part) and np.array_equal(part, given))), "none")
              for parts, given in zip(args[1:], (W, b, activation_fn))]
        assert len({*of}) == 1 and of[0] != "none", (
            "it calls layer_forward with W of layer {}, b of layer {} and activation "
            "of layer {}".format(*of))
        passed.append((x, []))
        mixed = np.cos(np.sum(x, axis=1, keepdims=True) + np.sum(W, axis=0)) + b
        return activation_fn(mixed)[0], ("cache",)

    def forward_pass(X_batch, weight_matrices, biases, activations):
        arrays = [*weight_matrices, *biases]
        moved = sum(np.sin(np.ravel(a) + k) @ np.arange(1, np.size(a) + 1)
                    for k, a in enumerate(arrays))
        g = X_batch[:, 0] + moved / 50 * X_batch[:, 2]
        passed.append((g.copy(), ids(X_batch)))
        return g, [(ids(X_batch), arrays, moved)]

    def logistic_loss(g, y):
        assert not options or not any(
            outputs.shape == np.shape(g) and np.allclose(outputs, g, 1e-5)
            and [*map(labels.get, which)] != np.ravel(y).tolist()
            for outputs, which in passed[-2:]), (
            "images and labels do not go together: are they shuffled alike?")
        return (g - y) ** 2, 3 * (g - y)

    def backward_pass(dL_dg, layer_caches):
        [(which, arrays, moved)] = layer_caches
        batches.append(which)
        weights.add(moved)
        grads = [np.mean(dL_dg) * np.arange(k, k + np.size(a)).reshape(np.shape(a))
                 for k, a in enumerate(arrays, 1)]
        return grads[:len(grads) // 2], grads[len(grads) // 2:]

    def finite_difference_gradient(f, a, epsilon=1e-5):
        moves = np.random.RandomState(0).normal(0, 1e-5, (2 * np.size(a), np.size(a)))
        moves = np.concatenate([moves, -moves])
        values = [float(f(a + move.reshape(np.shape(a)))) for move in moves]
        return np.linalg.lstsq(moves, values, rcond=None)[0].reshape(np.shape(a))

    def summary():
        N, order = len(args[0]) if options else 1, [*itertools.chain(*batches)]
        epochs = [order[k:k + N] for k in range(0, len(order), N)]
        orders = {*map(tuple, epochs)} - {(*range(N),)}
        return {"alone": not passed, "calls": options and {
            "the number of calls of backward_pass": len(batches),
            "the number of batches with weights of their own": len(weights),
            "the number of examples in the largest batch": max(
                map(len, batches), default=0),
            "whether each example comes once in each epoch": all(
                sorted(epoch) == [*range(N)] for epoch in epochs),
            "the number of epochs with an order of their own": len(
                orders) * (options["batch_size"] < N)}}

    return {one.__name__: one for one in (
        layer_forward, forward_pass, logistic_loss, backward_pass,
        finite_difference_gradient)}, summary
