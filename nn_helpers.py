"""A neural network in NumPy that tells a handwritten 3 from a handwritten 9.

The file reads from top to bottom, in the order in which the network is built:

    (a) the gradient check  finite_difference_gradient
    (b) the pieces          sigmoid_activation, logistic_loss, relu_activation,
                            layer_forward
    (c) forwards            create_weight_matrices, create_bias_vectors, forward_pass
    (d) backwards           backward_pass, nn_finite_difference_checker
    (e) training            accuracy, mini_batches, sgd, train

Every example is a row: X is (n, d) and X[i] is the i-th input. A layer is

    s = x W + b,   out = activation(s)     x (n, d_in), W (d_in, d_out), b (1, d_out)

with the pre-activations s. A network is three lists of one length, with an entry for
each layer from the input on: weight_matrices, biases and activations.

Arrays are float64, or float32 if all that goes in is, labels apart; integers are
computed as float64. Each function raises a ValueError that names the argument if a
shape is wrong, a batch empty, or a number infinite or not a number; nothing passes by
broadcasting. These checks are in nn_checks, and the images come from nn_data.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

import nn_checks as check
from nn_checks import Activation, Activations, Array, Arrays, Cache, Seed, quietly
from nn_data import PROJECT, display_image, get_mnist_threes_nines

__all__ = [
    "PROJECT", "accuracy", "backward_pass", "create_bias_vectors",
    "create_weight_matrices", "display_image", "finite_difference_gradient",
    "forward_pass", "get_mnist_threes_nines", "layer_forward", "logistic_loss",
    "nn_finite_difference_checker", "relu_activation", "sgd", "sigmoid_activation",
    "train",
]


# ---- (a) The gradient check: derivatives without calculus ----------------------------

def finite_difference_gradient(
    f: Callable[[Array], float], a: Array, epsilon: float = 1e-5
) -> Array:
    """Return the gradient of f at a, one centred difference for each entry of a:

        df/da_k ~ [f(..., a_k + eps, ...) - f(..., a_k - eps, ...)] / (2 eps)

    Parameters
    ----------
    f
        Takes an array of a's shape, which it must not change, and returns one number,
        computed in float64.
    a : any shape, or a number
    epsilon
        Half the width of the difference.

    Returns
    -------
    gradient : of a's shape, float64
        Its error is eps^2 f'''/6, by Taylor's theorem, and 1e-16 |f| / eps of rounding.
    """
    check.function("f", f)
    a = check.floats("a", a).astype(np.float64)
    epsilon = check.positive("epsilon", epsilon)
    gradient, moved = np.empty_like(a), a.copy()
    argument = moved.view()
    argument.flags.writeable = False  # f may only read it
    for k in np.ndindex(a.shape):
        moved[k] = ahead = float(a[k]) + epsilon
        f_ahead = check.one_value(f(argument))
        moved[k] = behind = float(a[k]) - epsilon
        f_behind = check.one_value(f(argument))
        moved[k] = a[k]
        # Next to a large a_k the step is rounded: divide by the one that was taken.
        if ahead == behind:
            raise ValueError(f"epsilon = {epsilon} is too small to move a{list(k)}")
        gradient[k] = (f_ahead - f_behind) / (ahead - behind)
    return check.floats("the gradient", gradient)


# ---- (b) The pieces ------------------------------------------------------------------

@quietly()
def sigmoid_activation(s: Array) -> tuple[Array, Array]:
    """Return g = sigma(s) and its derivative dg/ds = g (1 - g), both of s's shape.

        sigma(s) = 1 / (1 + e^-s) = e^s / (1 + e^s)

    s may have any shape. The first form is used where s >= 0 and the second where
    s < 0: e is only ever raised to -|s| and cannot overflow. g is clipped to
    [eps, 1 - eps] with eps = 1e-15, or 6e-8 in float32, where 1 - 1e-15 rounds to 1.
    """
    s = check.floats("s", s, may_be_empty=True)
    e = np.exp(-np.abs(s))
    g = np.where(s >= 0, 1, e) / (1 + e)
    eps = max(1e-15, float(np.finfo(s.dtype).epsneg))
    g = np.clip(g, eps, 1 - eps)
    return g, g * (1 - g)


@quietly()
def logistic_loss(g: Array, y: Array) -> tuple[Array, Array]:
    """Return the loss, the negative log-likelihood, and its derivative in g.

        loss[i]  = -log( g[i]^y[i] (1 - g[i])^(1 - y[i]) )
        dL_dg[i] = -y[i] / g[i] + (1 - y[i]) / (1 - g[i])
                 = (g[i] - y[i]) / (g[i] (1 - g[i]))

    All four have shape (n,), with 0 < g < 1 and labels 0 <= y <= 1.
    """
    g = check.floats("g", g, ndim=1)
    y = check.labels("y", y, len(g)).astype(g.dtype)
    check.probabilities("g", g)
    loss = -(y * np.log(g) + (1 - y) * np.log1p(-g))
    # The second form has the 1 / (g (1 - g)) that the sigmoid's derivative cancels.
    dL_dg = (g - y) / (g * (1 - g))
    return loss, dL_dg


def relu_activation(s: Array) -> tuple[Array, Array]:
    """Return max(s, 0) and its derivative, 1 where s > 0 else 0, both of s's shape."""
    s = check.floats("s", s, may_be_empty=True)
    return np.maximum(s, 0), (s > 0).astype(s.dtype)


def layer_forward(
    x: Array, W: Array, b: Array, activation_fn: Activation
) -> tuple[Array, Cache]:
    """Run one layer: out = activation(x W + b).

    Parameters
    ----------
    x, W, b : (n, d_in), (d_in, d_out), (1, d_out)
    activation_fn
        Returns its output and derivative, as relu_activation does.

    Returns
    -------
    out : (n, d_out)
    cache : (x, W, dout_ds), the last (n, d_out)
        What the chain rule needs on the way back: x for the gradient of W, W for the
        gradient of x, dout/ds to pass through the activation.
    """
    x, W, b = check.layer(x, W, b, activation_fn)
    with quietly():
        s = x @ W + b
    out, dout_ds = check.activated(activation_fn(s), s.shape)
    return out, (x, W, dout_ds)


# ---- (c) Forwards through all layers -------------------------------------------------

def create_weight_matrices(layer_dims: Sequence[int], rng: Seed = None) -> list[Array]:
    """Return a (d_in, d_out) matrix for each layer, drawn from normal(0, 0.01).

    layer_dims holds the numbers of neurons from input to output, such as
    [784, 200, 1]; rng is a NumPy Generator, a seed for one, or None for a random start.
    """
    rng = check.generator(rng)
    return [rng.normal(0, 0.01, size=pair) for pair in check.layer_pairs(layer_dims)]


def create_bias_vectors(layer_dims: Sequence[int]) -> list[Array]:
    """Return a (1, d_out) bias vector of zeros for each layer of layer_dims."""
    return [np.zeros((1, d_out)) for _, d_out in check.layer_pairs(layer_dims)]


def forward_pass(
    X_batch: Array, weight_matrices: Arrays, biases: Arrays, activations: Activations
) -> tuple[Array, list[Cache]]:
    """Run the network on a batch.

    Parameters
    ----------
    X_batch : (n, d)
    weight_matrices, biases, activations
        One entry for each layer; the last layer has one neuron.

    Returns
    -------
    g : (n,)
    layer_caches
        What layer_forward keeps for backward_pass, from the first layer on.
    """
    check.layer_lists(weight_matrices=weight_matrices, biases=biases,
                      activations=activations)
    out, layer_caches = check.floats("X_batch", X_batch, ndim=2), []
    for k, layer in enumerate(zip(weight_matrices, biases, activations)):
        with check.in_layer(k):
            out, cache = layer_forward(out, *layer)
        layer_caches.append(cache)
    check.one_neuron(out)
    return out[:, 0], layer_caches


# ---- (d) Backwards, by the chain rule ------------------------------------------------

@quietly()
def backward_pass(
    dL_dg: Array, layer_caches: Sequence[Cache]
) -> tuple[list[Array], list[Array]]:
    """Return the gradients of the batch's average loss.

    With J = (1/n) sum_i loss[i], walking from the last layer to the first:

        delta = dJ/ds   = dJ/dout * dout/ds      (n, d_out)   elementwise
                dJ/dW   = x^T delta              (d_in, d_out)
                dJ/db   = sum over rows of delta (1, d_out)
                dJ/dx   = delta W^T              (n, d_in)    dJ/dout, a layer before

    dL_dg (n,) holds each example's own derivative, as logistic_loss returns it, and
    layer_caches is forward_pass's. grad_Ws and grad_bs are lists of arrays, each of its
    parameter's shape.
    """
    dL_dg = check.floats("dL_dg", dL_dg, ndim=1)
    n = len(dL_dg)
    check.caches(layer_caches, n)
    grad_Ws, grad_bs = [], []
    dJ_dout = dL_dg[:, np.newaxis] / n
    for k in reversed(range(len(layer_caches))):
        x, W, dout_ds = layer_caches[k]
        delta = dJ_dout * dout_ds
        # Example i adds x[i, p] * delta[i, q] to entry (p, q): sum over i.
        grad_W = np.einsum("ip,iq->pq", x, delta, optimize=True)
        grad_b = delta.sum(axis=0, keepdims=True)
        grad_Ws.append(check.floats("a gradient in grad_Ws", grad_W))
        grad_bs.append(check.floats("a gradient in grad_bs", grad_b))
        if k > 0:  # before the first layer there is only data, which does not learn
            dJ_dout = delta @ W.T
    return grad_Ws[::-1], grad_bs[::-1]


def nn_finite_difference_checker(
    X_batch: Array, y_batch: Array, weight_matrices: Arrays, biases: Arrays,
    activations: Activations, epsilon: float = 1e-5,
) -> tuple[list[Array], list[Array]]:
    """Return the gradients that backward_pass does, but by finite differences.

    Only the forward pass is used, twice for each weight and bias: an error in the
    backward pass cannot hide. y_batch (n,) are the labels; the other arguments are as
    in forward_pass and finite_difference_gradient. The gradients are float64.
    """
    g, _ = forward_pass(X_batch, weight_matrices, biases, activations)
    logistic_loss(g, y_batch)  # validates all input, before the first difference
    parameters = [np.array(a, float) for a in (*weight_matrices, *biases)]
    depth = len(weight_matrices)

    def average_loss(k: int, changed: Array) -> float:
        trial = [*parameters[:k], changed, *parameters[k + 1:]]
        g, _ = forward_pass(X_batch, trial[:depth], trial[depth:], activations)
        return logistic_loss(g, y_batch)[0].mean()

    gradients = [
        finite_difference_gradient(functools.partial(average_loss, k), a, epsilon)
        for k, a in enumerate(parameters)
    ]
    return gradients[:depth], gradients[depth:]


# ---- (e) Training --------------------------------------------------------------------

def accuracy(g: Array, y: Array) -> float:
    """Return the share of g (n,) on the same side of 1/2 as y (n,); 1/2 is a three."""
    g = check.floats("g", g, ndim=1)
    return float(np.mean((g > 0.5) == (check.labels("y", y, len(g)) > 0.5)))


def mini_batches(
    N: int, batch_size: int, num_epochs: int, rng: np.random.Generator
) -> Iterator[Array]:
    """Yield the rows of each mini-batch: for each epoch, a new order of N, cut up.

    The last mini-batch of an epoch may be shorter.
    """
    for _ in range(num_epochs):
        order = rng.permutation(N)
        for start in range(0, N, batch_size):
            yield order[start:start + batch_size]


def sgd(
    X_train: Array, y_train: Array, weight_matrices: Arrays, biases: Arrays,
    activations: Activations, *, batch_size: int = 100, step_size: float = 0.1,
    num_epochs: int = 5, rng: Seed = None,
) -> Iterator[tuple[list[Array], list[Array], float, float]]:
    """Train by stochastic gradient descent, an update at a time.

    The arguments are train's, and are checked at once, not at the first update.

    Yields
    ------
    weight_matrices, biases
        After the update, in new arrays: those yielded earlier keep their values.
    loss, accuracy
        Averages over the mini-batch, from the forward pass that led to the update.
    """
    X_train = check.floats("X_train", X_train, ndim=2)
    y_train = check.labels("y_train", y_train, len(X_train))
    batch_size = check.whole_number("batch_size", batch_size, at_least=1)
    num_epochs = check.whole_number("num_epochs", num_epochs, at_least=0)
    step_size = check.positive("step_size", step_size)
    rng = check.generator(rng)
    forward_pass(X_train[:1], weight_matrices, biases, activations)

    def updates(Ws, bs):
        for batch in mini_batches(len(X_train), batch_size, num_epochs, rng):
            X_batch, y_batch = X_train[batch], y_train[batch]
            g, layer_caches = forward_pass(X_batch, Ws, bs, activations)
            loss, dL_dg = logistic_loss(g, y_batch)
            grad_Ws, grad_bs = backward_pass(dL_dg, layer_caches)
            with quietly():
                Ws = [W - step_size * dW for W, dW in zip(Ws, grad_Ws)]
                bs = [b - step_size * db for b, db in zip(bs, grad_bs)]
            for a in Ws + bs:
                check.floats("a weight or bias after the update", a)
            yield Ws, bs, float(loss.mean(dtype=float)), accuracy(g, y_batch)

    return updates(check.copies(weight_matrices), check.copies(biases))


def train(
    X_train: Array, y_train: Array, X_test: Array | None, y_test: Array | None,
    weight_matrices: Arrays, biases: Arrays, activations: Activations, *,
    batch_size: int = 100, step_size: float = 0.1, num_epochs: int = 5,
    rng: Seed = None, progress: bool = False,
) -> tuple[list[Array], list[Array], dict[str, Array]]:
    """Train by mini-batch stochastic gradient descent and keep a record.

    An interrupt (Ctrl-C, or the notebook's stop button) ends training early, with all
    that has been recorded by then.

    Parameters
    ----------
    X_train, y_train : (N, d), (N,)
    X_test, y_test : (m, d), (m,), or None for both
    weight_matrices, biases, activations
        As forward_pass takes them. They keep their values.
    batch_size
        1 is plain stochastic gradient descent, N is gradient descent.
    rng
        A NumPy Generator, a seed for one, or None: it decides the examples' order.
    progress
        Whether to show a bar.

    Returns
    -------
    weight_matrices, biases
        After training, in new arrays.
    history
        A dictionary of arrays (T,), float64, with a number for each of the
        T = num_epochs * ceil(N / batch_size) timesteps: train_loss and train_accuracy
        of the mini-batch before its update, test_loss and test_accuracy of the whole
        test set after it, empty without one.
    """
    updates = sgd(X_train, y_train, weight_matrices, biases, activations,
                  batch_size=batch_size, step_size=step_size, num_epochs=num_epochs,
                  rng=rng)
    X_test, y_test = check.test_set(X_test, y_test, np.asarray(X_train))

    def timesteps():
        for Ws, bs, *row in updates:
            if len(X_test):
                g, _ = forward_pass(X_test, Ws, bs, activations)
                loss, _ = logistic_loss(g, y_test)
                row += [float(loss.mean(dtype=float)), accuracy(g, y_test)]
            yield Ws, bs, [row]

    T = int(num_epochs) * -(-len(X_train) // int(batch_size))
    return keep_record(timesteps(), check.copies(weight_matrices),
                       check.copies(biases), T, progress)


def keep_record(
    chunks: Iterable[tuple[list[Array], list[Array], Sequence | Array]],
    Ws: list[Array], bs: list[Array], T: int, progress: bool,
) -> tuple[list[Array], list[Array], dict[str, Array]]:
    """Return what train does, from chunks of a training: Ws, bs and rows of history.

    Ws and bs are the network before the first chunk, and T rows are expected.
    """
    rows: list[Sequence | Array] = []
    done = Ws, bs, 0
    off = {} if progress else {"disable": True}  # else TQDM_DISABLE, if set, decides
    with (contextlib.suppress(KeyboardInterrupt),
          tqdm(total=T, leave=False, file=sys.stdout, **off) as bar):
        for Ws, bs, more in chunks:
            rows.extend(more)
            done = Ws, bs, len(rows)  # in one assignment, which no Ctrl-C divides
            bar.update(len(more))
    Ws, bs, timesteps = done
    names = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    columns = np.array(rows[:timesteps]).T
    return Ws, bs, {name: np.array([]) for name in names} | dict(zip(names, columns))
