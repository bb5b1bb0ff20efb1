"""What each function is called with, and what replaces the functions that it calls.

Functions are checked one at a time. What one calls is replaced by a toy that computes
something else, so that no solution is here; the notes of learn.edition say what the
right function makes of it. All inputs are the same under each version of NumPy.
"""

import copy
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
CALLS = {  # what is replaced
    "nn_finite_difference_checker": [
        "finite_difference_gradient", "forward_pass", "logistic_loss"],
    "forward_pass": ["layer_forward"],
    "train": ["forward_pass", "logistic_loss", "backward_pass"],
}
HISTORY = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
PARTS = ["x", "W", "b", "s", "out", "the derivative"]  # of what a cache may hold


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
    X, X_test = uniform(0.2, 0.8, (N, 3)), uniform(0.2, 0.8, (4, 3))
    X[:, 1], X_test[:, 1] = np.arange(N) / 100, np.arange(1000, 1004) / 100
    y, y_test = np.arange(N) * 7 % 5 % 2.0, np.array([0.0, 1, 1, 0])
    _, *parameters, _ = network(seed, [3, 2, 1], 1)
    return [X, y, X_test, y_test, *parameters, [], {
        "batch_size": batch_size, "num_epochs": num_epochs, "step_size": step_size}]


def of(name):
    """Return {label: arguments} of a function; the last argument may be options."""
    return copy.deepcopy(all_cases()[name])


@functools.cache
def all_cases():
    """Return {function: {label: arguments}}."""
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
            "the integers -1000 and 1000": [np.array([-1000, 1000])],
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
    }


# ---- What replaces the functions that the checked one calls --------------------------

def ids(X):
    """Return the numbers of the examples in X."""
    return np.rint(100 * X[:, 1]).astype(int).tolist()


class Toy:
    """A network and a loss that make no sense, and a record of how they are called."""

    def __init__(self, args):
        """Make the functions for one call, with these arguments."""
        self.args, self.options = args, args[-1] if isinstance(args[-1], dict) else {}
        self.called, self.passed, self.batches = False, [], []
        self.labels: dict = {}
        for X, y in [args[:2], args[2:4]] if self.options else []:
            self.labels |= dict(zip(ids(X), y))
        self.strange = 0  # how often outputs came with the labels of other examples

    def layer_forward(self, x, W, b, activation_fn):
        """Return an output that depends on all arguments."""
        self.called = True
        of = [next((k for k, part in enumerate(parts) if part is given or (
                    not callable(part) and np.array_equal(part, given))), -1)
              for parts, given in zip(self.args[1:], (W, b, activation_fn))]
        assert len({*of}) == 1 and -1 not in of, (
            "it calls layer_forward with W of layer {}, b of layer {} and activation "
            "of layer {}".format(*("none" if k < 0 else k for k in of)))
        mixed = np.cos(np.sum(x, axis=1, keepdims=True) + np.sum(W, axis=0)) + b
        return activation_fn(mixed)[0], ("cache",)

    def forward_pass(self, X_batch, weight_matrices, biases, activations):
        """Return outputs that depend on X and on all parameters."""
        arrays, self.called = [*weight_matrices, *biases], True
        moved = sum(np.sin(np.ravel(a) + k) @ np.arange(1, np.size(a) + 1)
                    for k, a in enumerate(arrays))
        g = X_batch[:, 0] + moved / 200 * X_batch[:, 2]
        self.passed.append((g.copy(), ids(X_batch)))
        return g, [(ids(X_batch), arrays)]

    def logistic_loss(self, g, y):
        """Return squares, and multiples of their derivatives."""
        self.strange += any(
            outputs.shape == np.shape(g) and np.allclose(outputs, g, 1e-5)
            and [*map(self.labels.get, which)] != np.ravel(y).tolist()
            for outputs, which in self.passed[-2:])
        return (g - y) ** 2, 3 * (g - y)

    def backward_pass(self, dL_dg, layer_caches):
        """Return multiples of the average of dL_dg."""
        [(which, arrays)] = layer_caches
        self.batches.append(which)
        grads = [np.mean(dL_dg) * np.arange(k, k + np.size(a)).reshape(np.shape(a))
                 for k, a in enumerate(arrays, 1)]
        return grads[:len(grads) // 2], grads[len(grads) // 2:]

    def finite_difference_gradient(self, f, a, epsilon=1e-5):
        """Fit a plane to values of f close to a, and return its slopes."""
        moves = np.random.RandomState(0).normal(0, 1e-5, (2 * np.size(a), np.size(a)))
        moves = np.concatenate([moves, -moves])
        values = [float(f(a + move.reshape(np.shape(a)))) for move in moves]
        return np.linalg.lstsq(moves, values, rcond=None)[0].reshape(np.shape(a))

    def seen(self):
        """Return a summary of the calls that train makes, by name."""
        if not self.options:
            return {}
        N, order = len(self.args[0]), [*itertools.chain(*self.batches)]
        epochs = [order[k:k + N] for k in range(0, len(order), N)]
        orders = {*map(tuple, epochs)} - {(*range(N),)}
        return {"the number of calls of backward_pass": len(self.batches),
                "whether each example comes once in each epoch": all(
                    sorted(epoch) == [*range(N)] for epoch in epochs),
                "the number of epochs with an order of their own": len(
                    orders) if self.options["batch_size"] < N else 0,
                "the number of losses with the labels of other examples": self.strange}
