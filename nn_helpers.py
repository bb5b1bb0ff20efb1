"""A neural network in NumPy that tells a handwritten 3 from a handwritten 9.

The file reads from top to bottom, in the order in which the network is built:

    the data             get_mnist_threes_nines, display_image
    (a) a referee        finite_difference_gradient
    (b) the pieces       sigmoid_activation, logistic_loss, relu_activation,
                         layer_forward
    (c) forwards         create_weight_matrices, create_bias_vectors, forward_pass
    (d) backwards        backward_pass, nn_finite_difference_checker
    (e) training         accuracy, sgd, train
    the fine print       what is refused, and in which words

Every example is a row: X is (n, d) and X[i] is the i-th input. A layer is

    s = x W + b,   out = activation(s)     x (n, d_in), W (d_in, d_out), b (1, d_out)

Arrays are float64, or float32 if all that goes in is; integers are computed as
float64. A wrong shape, an empty batch, or a number that is infinite or not a number
raises a ValueError that names the argument; nothing passes by broadcasting.
"""

import functools
import hashlib
import numbers
import os
from collections.abc import Callable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any

import mnist
import numpy as np

PROJECT = Path(__file__).resolve().parent
DATA = PROJECT / "data"
SHA256 = {
    "train-images-idx3-ubyte.gz":
        "c5f72039caf4dfba219a04bb64a1ee56d747767a68628bdc08be3fcb225749c2",
    "train-labels-idx1-ubyte.gz":
        "1e1e6fe448c26c6724fe5ba13ff9fd3e4135beb35f77f950fb3eab5a6175fa97",
    "t10k-images-idx3-ubyte.gz":
        "1af16d4914967b0c3e0b6c30848b904cd8a6f777b1039effa97be9724ebb06a4",
    "t10k-labels-idx1-ubyte.gz":
        "44341127fffb0bc8b4e39b128015737db6c2775ac2d83d6664ce12937cfddbd8",
}

Array = np.ndarray
Activation = Callable[[Array], tuple[Array, Array]]
Cache = tuple[Array, Array, Array]

SMALL = 1000  # parameters that the plain loop of finite differences is quick enough for

# A result too small for a float rounds to zero, which is the right answer here: even
# under np.errstate(all="raise") it is no error. A result too large becomes infinite and
# is caught by name, in the next check for finite numbers.
_quietly = functools.partial(
    np.errstate, under="ignore", over="ignore", invalid="ignore"
)


# --------------------------------------------------------------------------------------
# The data
# --------------------------------------------------------------------------------------

@functools.cache
def _read_idx(path: Path) -> Array:
    """Return the unsigned bytes in one of MNIST's files, if it is intact."""
    mend = "restore it with: git checkout -- data"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; {mend}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[path.name]:
        raise ValueError(f"{path} is damaged (its SHA-256 is another one); {mend}")
    return mnist.download_and_parse_mnist_file(path.name, target_dir=str(path.parent))


def get_mnist_threes_nines() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return MNIST's threes and nines as (X_train, y_train), (X_test, y_test).

    X_train is (12080, 28, 28) and X_test (2019, 28, 28), float64 in [0, 1]: 0 is paper
    and 1 is ink. y_train and y_test are integers, 0 for a three and 1 for a nine. The
    arrays are fresh at each call. Raises FileNotFoundError or ValueError, with the way
    to mend it, if a file in data/ is missing or is not the one that was handed out.
    """
    def split(prefix: str) -> tuple[Array, Array]:
        images = _read_idx(DATA / f"{prefix}-images-idx3-ubyte.gz")
        labels = _read_idx(DATA / f"{prefix}-labels-idx1-ubyte.gz")
        return images / 255, (labels == 9).astype(int)

    return split("train"), split("t10k")


def display_image(image: Array) -> None:
    """Show one image in [0, 1], (28, 28) or flattened to (784,), as ink on paper."""
    import matplotlib.pyplot as plt  # here, because nothing else in the file needs it

    image = _floats("image", image)
    if image.shape not in [(28, 28), (784,)]:
        raise ValueError(f"image must be (28, 28) or (784,), got shape {image.shape}")
    plt.figure(figsize=(2, 2))
    plt.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
    plt.axis("off")
    plt.show()


# --------------------------------------------------------------------------------------
# (a) A referee: derivatives without calculus
# --------------------------------------------------------------------------------------

def finite_difference_gradient(
    f: Callable[[Array], float], a: Array, epsilon: float = 1e-5
) -> Array:
    """Return the gradient of f at a, one centred difference for each entry of a:

        df/da_k ~ [f(..., a_k + eps, ...) - f(..., a_k - eps, ...)] / (2 eps)

    f takes an array of a's shape and returns one number; a may have any shape and is
    left as it was. The result is float64, of a's shape, with an error of O(eps^2).
    Raises a ValueError if f gives anything but one finite number, or if epsilon is too
    small to change an entry of a.
    """
    a, epsilon = _floats("a", a).astype(np.float64), _positive("epsilon", epsilon)
    gradient, moved = np.empty_like(a), a.copy()
    argument = moved.view()
    argument.flags.writeable = False  # f shall look at it only
    for k in np.ndindex(a.shape):
        moved[k] = ahead = float(a[k]) + epsilon
        f_ahead = _number(f(argument))
        moved[k] = behind = float(a[k]) - epsilon
        f_behind = _number(f(argument))
        moved[k] = a[k]
        # Beside a large a_k the step is rounded: divide by the one that was taken.
        if ahead == behind:
            raise ValueError(f"epsilon = {epsilon} is too small to move a{list(k)}")
        gradient[k] = (f_ahead - f_behind) / (ahead - behind)
    return _floats("the gradient", gradient)


# --------------------------------------------------------------------------------------
# (b) The pieces
# --------------------------------------------------------------------------------------

@_quietly()
def sigmoid_activation(s: Array) -> tuple[Array, Array]:
    """Return g = sigma(s) and dg/ds = g (1 - g), both of s's shape (any).

        sigma(s) = 1 / (1 + e^-s) = e^s / (1 + e^s)

    The first form is used where s >= 0 and the second where s < 0, so that e is only
    ever raised to -|s| and cannot overflow. g is clipped to [eps, 1 - eps] with
    eps = 1e-15, or 6e-8 in float32, where 1 - 1e-15 would round to 1.
    """
    s = _floats("s", s)
    e = np.exp(-np.abs(s))
    g = np.where(s >= 0, 1, e) / (1 + e)
    eps = max(1e-15, float(np.finfo(s.dtype).epsneg))
    g = np.clip(g, eps, 1 - eps)
    return g, g * (1 - g)


@_quietly()
def logistic_loss(g: Array, y: Array) -> tuple[Array, Array]:
    """Return the loss and its derivative with respect to g, both (n,).

        loss[i]  = -log( g[i]^y[i] (1 - g[i])^(1 - y[i]) )
        dL_dg[i] = -y[i] / g[i] + (1 - y[i]) / (1 - g[i])
                 = (g[i] - y[i]) / (g[i] (1 - g[i]))

    g (n,) holds probabilities, strictly between 0 and 1; y (n,) holds labels in [0, 1].
    """
    g, y = _floats("g", g, ndim=1), _labels("y", y, len(g))
    smallest = np.finfo(g.dtype).tiny  # below it 1 / g would overflow
    if g.min() < smallest or g.max() >= 1:
        raise ValueError(
            f"g must be at least {smallest:.2g} and below 1, "
            f"got {g.min():g} to {g.max():g}"
        )
    y = y.astype(g.dtype)
    loss = -(y * np.log(g) + (1 - y) * np.log1p(-g))
    # The second form has the 1 / (g (1 - g)) that the sigmoid's derivative cancels.
    dL_dg = (g - y) / (g * (1 - g))
    return loss, dL_dg


def relu_activation(s: Array) -> tuple[Array, Array]:
    """Return max(s, 0) and its derivative, 1 where s > 0 else 0, both of s's shape."""
    s = _floats("s", s)
    return np.maximum(s, 0), (s > 0).astype(s.dtype)


def layer_forward(
    x: Array, W: Array, b: Array, activation_fn: Activation
) -> tuple[Array, Cache]:
    """Run one layer: out = activation(x W + b).

    x is (n, d_in), W (d_in, d_out), b (1, d_out); activation_fn returns its output and
    derivative, as relu_activation does. Returns out (n, d_out) and the cache, what the
    chain rule will ask for on the way back:

        x        (n, d_in)     for the gradient of W
        W        (d_in, d_out) for the gradient of x, which is the layer before's out
        dout_ds  (n, d_out)    to pass through the activation
    """
    x, W, b = _floats("x", x, 2), _floats("W", W, 2), _floats("b", b)
    if x.shape[1] != W.shape[0]:
        raise ValueError(
            f"x {x.shape} and W {W.shape} do not fit: W must have {x.shape[1]} row(s)"
        )
    if b.shape != (1, W.shape[1]):
        raise ValueError(
            f"b must have shape (1, {W.shape[1]}) for W {W.shape}, got {b.shape}"
        )
    if not callable(activation_fn):
        raise ValueError(f"activation_fn must be a function, got {activation_fn!r}")
    with _quietly():
        s = x @ W + b
    result = activation_fn(s)
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError("activation_fn must return output and derivative")
    out = _floats("activation_fn's output", result[0])
    dout_ds = _floats("activation_fn's derivative", result[1])
    if out.shape != s.shape or dout_ds.shape != s.shape:
        raise ValueError("activation_fn must return output and derivative, shaped as s")
    return out, (x, W, dout_ds)


# --------------------------------------------------------------------------------------
# (c) Forwards through all layers
# --------------------------------------------------------------------------------------

def create_weight_matrices(
    layer_dims: Sequence[int], rng: np.random.Generator | int | None = None
) -> list[Array]:
    """Return a (d_in, d_out) matrix for each layer, drawn from normal(0, 0.01).

    layer_dims counts the neurons from input to output, for example [784, 200, 1].
    rng is a NumPy Generator, a seed for one, or None for a random start.
    """
    rng = _generator(rng)
    return [rng.normal(0, 0.01, size=pair) for pair in _layer_pairs(layer_dims)]


def create_bias_vectors(layer_dims: Sequence[int]) -> list[Array]:
    """Return a (1, d_out) bias vector of zeros for each layer of layer_dims."""
    return [np.zeros((1, d_out)) for _, d_out in _layer_pairs(layer_dims)]


def forward_pass(
    X_batch: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
) -> tuple[Array, list[Cache]]:
    """Run the network on X_batch (n, d); return its outputs (n,) and all layer caches.

    weight_matrices, biases and activations hold one entry for each layer, as
    layer_forward takes them; the last layer has one neuron. The caches are in the
    layers' order, as backward_pass takes them.
    """
    lists = (weight_matrices, biases, activations)
    sizes = [len(a) if isinstance(a, Sized) else type(a).__name__ for a in lists]
    if len(set(sizes)) > 1 or sizes[0] == 0 or not isinstance(sizes[0], int):
        raise ValueError(
            "weight_matrices, biases and activations must be lists of one length, got "
            "{}, {} and {}".format(*sizes)
        )
    out, layer_caches = _floats("X_batch", X_batch, ndim=2), []
    for k, layer in enumerate(zip(weight_matrices, biases, activations)):
        try:
            out, cache = layer_forward(out, *layer)
        except ValueError as error:
            raise ValueError(f"layer {k}: {error}") from None
        layer_caches.append(cache)
    if out.shape[1] != 1:
        raise ValueError(f"the last layer must have one neuron, got {out.shape[1]}")
    return out[:, 0], layer_caches


# --------------------------------------------------------------------------------------
# (d) Backwards, by the chain rule
# --------------------------------------------------------------------------------------

@_quietly()
def backward_pass(
    dL_dg: Array, layer_caches: Sequence[Cache]
) -> tuple[list[Array], list[Array]]:
    """Return the gradients of the batch's average loss: grad_Ws, grad_bs.

    dL_dg (n,) is each example's own derivative, as logistic_loss returns it, and
    layer_caches come from forward_pass. Each gradient has its parameter's shape.

    With J = (1/n) sum_i loss[i], walking from the last layer to the first:

        delta = dJ/ds   = dJ/dout * dout/ds      (n, d_out)   elementwise
                dJ/dW   = x^T delta              (d_in, d_out)
                dJ/db   = sum over rows of delta (1, d_out)
                dJ/dx   = delta W^T              (n, d_in)    the next layer's dJ/dout
    """
    dL_dg = _floats("dL_dg", dL_dg, ndim=1)
    n = len(dL_dg)
    _check_caches(layer_caches, n)
    grad_Ws, grad_bs = [], []
    dJ_dout = dL_dg[:, np.newaxis] / n
    for k in reversed(range(len(layer_caches))):
        x, W, dout_ds = layer_caches[k]
        delta = dJ_dout * dout_ds
        # Example i adds x[i, p] * delta[i, q] to entry (p, q): sum over i.
        grad_W = np.einsum("ip,iq->pq", x, delta, optimize=True)
        grad_b = delta.sum(axis=0, keepdims=True)
        grad_Ws.append(_floats("a gradient in grad_Ws", grad_W))
        grad_bs.append(_floats("a gradient in grad_bs", grad_b))
        if k > 0:  # before the first layer there is only data, which does not learn
            dJ_dout = delta @ W.T
    return grad_Ws[::-1], grad_bs[::-1]


def nn_finite_difference_checker(
    X_batch: Array,
    y_batch: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    epsilon: float = 1e-5,
) -> tuple[list[Array], list[Array]]:
    """Return grad_Ws, grad_bs as backward_pass does, but by finite differences.

    Only the forward pass is used, twice for each weight and bias, so that agreement
    with backward_pass means something. Arguments are those of forward_pass, with the
    labels y_batch (n,) and the half-width epsilon of the difference. A network of more
    than SMALL parameters goes through nn_faster, which does the same in blocks.
    """
    # What does not fit together is refused here.
    g, _ = forward_pass(X_batch, weight_matrices, biases, activations)
    logistic_loss(g, y_batch)
    epsilon = _positive("epsilon", epsilon)
    Ws, bs = list(weight_matrices), list(biases)
    if sum(np.size(a) for a in Ws + bs) > SMALL:
        import nn_faster  # here, because it builds on this file

        if nn_faster.handles(activations):
            return nn_faster.gradients_in_blocks(X_batch, y_batch, Ws, bs, epsilon)

    def average_loss(Ws, bs):
        g, _ = forward_pass(X_batch, Ws, bs, activations)
        return logistic_loss(g, y_batch)[0].mean()

    def gradients(parameters, loss_with):
        def gradient(k):
            def f(a):
                return loss_with(parameters[:k] + [a] + parameters[k + 1:])

            return finite_difference_gradient(f, parameters[k], epsilon)

        return [gradient(k) for k in range(len(parameters))]

    grad_Ws = gradients(Ws, lambda changed: average_loss(changed, bs))
    grad_bs = gradients(bs, lambda changed: average_loss(Ws, changed))
    return grad_Ws, grad_bs


# --------------------------------------------------------------------------------------
# (e) Training
# --------------------------------------------------------------------------------------

def accuracy(g: Array, y: Array) -> float:
    """Return the share of outputs g (n,) on the same side of 1/2 as their labels y.

    y is (n,), too. An output of exactly 1/2 counts as a three.
    """
    g = _floats("g", g, ndim=1)
    return float(np.mean((g > 0.5) == (_labels("y", y, len(g)) > 0.5)))


def sgd(
    X_train: Array,
    y_train: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    *,
    batch_size: int = 100,
    step_size: float = 0.1,
    num_epochs: int = 5,
    rng: np.random.Generator | int | None = None,
) -> Iterator[tuple[list[Array], list[Array], float, float]]:
    """Yield (weight_matrices, biases, loss, accuracy) after each update of the weights.

    Each epoch draws a new order of the training set and cuts it into mini-batches; the
    last one may be shorter. Loss and accuracy are the mini-batch's, from the forward
    pass that led to the update. Every update makes new arrays: those yielded earlier,
    and the arguments', keep their values. X_train is (N, d) and y_train (N,); the other
    arguments are those of train.
    """
    X_train = _floats("X_train", X_train, ndim=2)
    y_train = _labels("y_train", y_train, len(X_train))
    step_size = _positive("step_size", step_size)
    batches = _batches(len(X_train), batch_size, num_epochs, _generator(rng))
    # What does not fit together is refused here, before the first update.
    forward_pass(X_train[:1], weight_matrices, biases, activations)

    def updates(Ws, bs):
        for batch in batches:
            X_batch, y_batch = X_train[batch], y_train[batch]
            g, layer_caches = forward_pass(X_batch, Ws, bs, activations)
            loss, dL_dg = logistic_loss(g, y_batch)
            grad_Ws, grad_bs = backward_pass(dL_dg, layer_caches)
            Ws = _descend(Ws, grad_Ws, step_size)
            bs = _descend(bs, grad_bs, step_size)
            yield Ws, bs, float(loss.mean()), accuracy(g, y_batch)

    return updates(list(map(np.array, weight_matrices)), list(map(np.array, biases)))


@_quietly()
def _descend(
    parameters: list[Array], gradients: list[Array], step_size: float
) -> list[Array]:
    """Return the parameters after one step down their gradients."""
    return [
        _floats("a weight or bias after the update", a - step_size * da)
        for a, da in zip(parameters, gradients)
    ]


def _batches(
    N: int, batch_size: int, num_epochs: int, rng: np.random.Generator
) -> Iterator[Array]:
    """Return the rows that make up each mini-batch, newly shuffled for each epoch."""
    batch_size = _whole("batch_size", batch_size, at_least=1)
    num_epochs = _whole("num_epochs", num_epochs, at_least=0)
    return (
        order[start:start + batch_size]
        for order in (rng.permutation(N) for _ in range(num_epochs))
        for start in range(0, N, batch_size)
    )


def train(
    X_train: Array,
    y_train: Array,
    X_test: Array | None,
    y_test: Array | None,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    *,
    batch_size: int = 100,
    step_size: float = 0.1,
    num_epochs: int = 5,
    rng: np.random.Generator | int | None = None,
    progress: bool = False,
) -> tuple[list[Array], list[Array], dict[str, Array]]:
    """Train by mini-batch stochastic gradient descent and keep a record.

    X_train is (N, d) and y_train (N,); weight_matrices, biases and activations are as
    in forward_pass, and are left untouched. batch_size n = 1 is plain SGD, n = N is
    gradient descent. rng (a Generator, a seed or None) decides the examples' order.
    progress=True shows a bar.

    Returns the trained weight_matrices and biases, and history, a dictionary of arrays
    (T,), float64, with one number for each of the T = num_epochs * ceil(N / n)
    timesteps: train_loss and train_accuracy of the mini-batch before its update,
    test_loss and test_accuracy of the whole test set after it. With X_test=None and
    y_test=None the last two stay empty. An interrupt (Ctrl-C, or the notebook's stop
    button) ends training early, with what has been recorded by then.

    Networks of ReLUs and one sigmoid go through nn_faster: the same numbers but for
    rounding, in less time. Where it means less to multiply, the test set follows the
    training a hundred timesteps at a time; an interrupt then loses the last ones, up to
    three hundred, weights and record alike.
    """
    arguments = X_train, y_train, weight_matrices, biases, activations
    batch_size = _whole("batch_size", batch_size, at_least=1)
    num_epochs = _whole("num_epochs", num_epochs, at_least=0)
    options: dict[str, Any] = {"batch_size": batch_size, "num_epochs": num_epochs,
                               "step_size": _positive("step_size", step_size),
                               "rng": rng}
    timesteps: Any = sgd(*arguments, **options)  # which refuses what does not fit
    if (X_test is None) != (y_test is None):
        raise ValueError("X_test and y_test go together: give both, or None for both")
    if X_test is not None and y_test is not None:
        X_test = _floats("X_test", X_test, ndim=2)
        y_test = _labels("y_test", y_test, len(X_test))
        if X_test.shape[1] != (d := np.shape(X_train)[1]):
            raise ValueError(f"X_test must have {d} columns, got shape {X_test.shape}")
    import nn_faster  # here, because it builds on this file

    network, fast = (weight_matrices, biases), nn_faster.handles(activations)
    if fast:
        timesteps = nn_faster.updates(X_train, y_train, *network, **options)
    if fast and X_test is not None and y_test is not None and nn_faster.pays(
        X_train, X_test, *network, batch_size, num_epochs
    ):
        data = X_train, y_train, X_test, y_test
        timesteps = nn_faster.timesteps(*data, *network, **options)
    else:
        timesteps = _with_test_curves(timesteps, X_test, y_test, activations)
    if progress:
        timesteps = _with_bar(timesteps, num_epochs * -(-len(X_train) // batch_size))

    rows: list[Array] = []
    Ws = [_floats("W", W).copy() for W in weight_matrices]
    bs = [_floats("b", b).copy() for b in biases]
    done = Ws, bs, 0
    try:
        for Ws, bs, new_rows in timesteps:
            rows.extend(new_rows)
            done = Ws, bs, len(rows)  # at once: network and record belong together
    except KeyboardInterrupt:
        pass
    Ws, bs, num_timesteps = done

    names = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    history = {name: np.array([]) for name in names}
    history.update(zip(names, np.array(rows[:num_timesteps]).T))
    return Ws, bs, history


def _with_test_curves(timesteps, X_test, y_test, activations):
    """Yield (weight_matrices, biases, [row]) for what sgd yields, a row at a time."""
    for Ws, bs, *row in timesteps:
        if X_test is not None:
            g, _ = forward_pass(X_test, Ws, bs, activations)
            loss, _ = logistic_loss(g, y_test)
            row += [float(loss.mean()), accuracy(g, y_test)]
        yield Ws, bs, [row]


def _with_bar(timesteps, total):
    """Yield the same, while a bar counts the rows up to the total."""
    from tqdm.auto import tqdm  # a bar for the notebook or for the terminal

    # The notebook's bar overlooks the variable that turns bars off.
    off = "TQDM_DISABLE" in os.environ
    with tqdm(total=total, unit="step", leave=False, disable=off) as bar:
        for Ws, bs, rows in timesteps:
            yield Ws, bs, rows
            bar.update(len(rows))


# --------------------------------------------------------------------------------------
# The fine print: what is refused, and in which words
# --------------------------------------------------------------------------------------

def _floats(name: str, value, ndim: int | None = None) -> Array:
    """Return value as a finite float array, or raise a ValueError that names it."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must not have rows of unequal length") from None
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name} must hold numbers, got dtype {array.dtype}")
    if array.dtype != np.float32:
        array = array.astype(np.float64, copy=False)
    if ndim is not None and array.ndim != ndim:
        expected = {1: "(n,)", 2: "two-dimensional"}[ndim]
        raise ValueError(f"{name} must be {expected}, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but holds inf or nan")
    return array


def _labels(name: str, y: Array, n: int) -> Array:
    """Return the n labels y as floats, or raise a ValueError that names them."""
    y = _floats(name, y)
    if y.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {y.shape}")
    if y.min() < 0 or y.max() > 1:
        raise ValueError(f"{name} must lie in [0, 1], got {y.min():g} to {y.max():g}")
    return y


def _number(value) -> float:
    """Return what f gave as one float, or raise a ValueError."""
    if np.ndim(value) != 0:
        raise ValueError(f"f must return one number, got shape {np.shape(value)}")
    return float(_floats("f(a)", value))


def _whole(name: str, value, at_least: int) -> int:
    """Return value as an int, or raise a ValueError that names it."""
    number = at_least - 1
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        number = int(value)
    if number < at_least:
        raise ValueError(f"{name} must be a whole number >= {at_least}, got {value!r}")
    return number


def _positive(name: str, value) -> float:
    """Return value, a positive finite number, or raise a ValueError that names it."""
    number = float(value) if isinstance(value, numbers.Real) else 0.0
    if not 0 < number < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number


def _generator(rng) -> np.random.Generator:
    """Return rng, or a Generator with this seed, or raise a ValueError."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(
            f"rng must be a Generator, a seed >= 0 or None, got {rng!r}"
        ) from None


def _layer_pairs(layer_dims: Sequence[int]) -> list[tuple[int, int]]:
    """Return (d_in, d_out) of each layer: [784, 200, 1] gives (784, 200), (200, 1)."""
    if not isinstance(layer_dims, Sequence | Array) or len(layer_dims) < 2:
        raise ValueError(f"layer_dims must hold 2 or more sizes, got {layer_dims!r}")
    dims = [_whole("each of layer_dims", d, at_least=1) for d in layer_dims]
    return list(zip(dims[:-1], dims[1:]))


def _check_caches(layer_caches: Sequence[Cache], n: int) -> None:
    """Raise a ValueError unless these are n examples' caches, first to last layer."""
    if not isinstance(layer_caches, Sequence):
        raise ValueError(f"layer_caches must be a list, got {layer_caches!r:.60}")
    if len(layer_caches) == 0:
        raise ValueError("layer_caches must hold a cache for each layer, got none")
    for k, cache in enumerate(layer_caches):
        arrays = isinstance(cache, tuple) and all(isinstance(a, Array) for a in cache)
        if not arrays or [a.ndim for a in cache] != [2, 2, 2]:
            raise ValueError(f"layer_caches[{k}] must hold x, W and dout_ds, all 2-d")
    shapes = [tuple(np.shape(item) for item in cache) for cache in layer_caches]
    widths = [shape[-1][-1] for shape in shapes]
    for k, (shape, d_in, d_out) in enumerate(
        zip(shapes, [shapes[0][0][-1], *widths], [*widths[:-1], 1])
    ):
        expected = ((n, d_in), (d_in, d_out), (n, d_out))
        if shape != expected:
            raise ValueError(
                f"layer_caches[{k}] must hold x, W, dout_ds of shapes {expected} for a "
                f"dL_dg of {n}, got {shape}"
            )
