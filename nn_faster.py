"""The same training, the same derivatives, in less time.

nn_helpers is written to be read. This file does two of its jobs in less time, and the
tests hold each to the plain version. Both rest on one remark: if the change of a
layer's s = x W + b is simple, add the change, and do not compute s anew.

    training             updates; pays, timesteps
    finite differences   gradients_in_blocks

Only networks of ReLUs that end in one sigmoid are handled here. The arguments are those
of nn_helpers, which has checked that they fit.
"""

import contextlib
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from nn_helpers import (
    Activation,
    Array,
    _batches,
    _floats,
    _generator,
    _quietly,
    accuracy,
    logistic_loss,
    relu_activation,
    sigmoid_activation,
)

LARGEST_TABLE = 2**25  # inner products; with more of them, passes are done in full
CHUNK = 100  # updates in a row; each begins with a full pass, lest roundings add up
LARGEST_CHUNK = 2**22  # numbers that a chunk may keep; FOLLOWERS + 1 chunks may wait
FOLLOWERS = 2  # threads
BLOCK = 2**20  # numbers in the largest array that a block of finite differences makes


def handles(activations: Sequence[Activation]) -> bool:
    """Return whether these are ReLUs and then one sigmoid."""
    *hidden, last = activations
    return last is sigmoid_activation and all(a is relu_activation for a in hidden)


# --------------------------------------------------------------------------------------
# Training
# --------------------------------------------------------------------------------------
#
# At every step sgd looks through all arrays for inf and nan, and makes several new ones
# of the weights' size. Here one sum of each array shows whether it holds inf or nan,
# and fewer arrays are made.

def updates(
    X: Array,
    y: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    *,
    batch_size: int,
    step_size: float,
    num_epochs: int,
    rng: np.random.Generator | int | None,
) -> Iterator[tuple[list[Array], list[Array], float, float]]:
    """Yield (weight_matrices, biases, loss, accuracy) of each update, as sgd does."""
    X, y, Ws, bs = _in_one_dtype(X, y, weight_matrices, biases)
    for batch in _batches(len(X), batch_size, num_epochs, _generator(rng)):
        Ws, bs, g, _ = _update(X, y, Ws, bs, batch, step_size)
        loss, _ = logistic_loss(g, y[batch])
        yield Ws, bs, float(loss.mean()), accuracy(g, y[batch])


def _in_one_dtype(
    X: Array, y: Array, weight_matrices: Sequence[Array], biases: Sequence[Array]
) -> tuple[Array, Array, list[Array], list[Array]]:
    arrays = [_floats("an array", a) for a in (X, *weight_matrices, *biases)]
    dtype = np.result_type(*arrays)
    X, *network = (a.astype(dtype, copy=False) for a in arrays)
    return X, np.asarray(y, float), network[:len(biases)], network[len(biases):]


@_quietly()
def _update(
    X: Array, y: Array, Ws: list[Array], bs: list[Array], batch: Array, step_size: float
) -> tuple[list[Array], list[Array], Array, Array]:
    """Return (Ws, bs, g, step_delta) of one update with these n rows of X and y.

    Ws and bs are the new network, g (n,) the old one's outputs, and step_delta (n, h)
    is step_size times dJ/ds of the first layer.
    """
    inputs = [X[batch]]
    for k, (W, b) in enumerate(zip(Ws[:-1], bs[:-1])):
        s = inputs[-1] @ W
        s += b
        _look_at(f"layer {k}: s", s)
        inputs.append(np.maximum(s, 0, out=s))
    g, _ = sigmoid_activation((inputs[-1] @ Ws[-1] + bs[-1])[:, 0])

    # dL/dg times the sigmoid's derivative is g - y.
    step_delta = (g - y[batch].astype(g.dtype)) * (step_size / len(batch))
    step_delta = step_delta[:, np.newaxis]
    Ws, bs = list(Ws), list(bs)
    for k in reversed(range(len(Ws))):
        x, W = inputs[k], Ws[k]
        moved = x.T @ step_delta
        Ws[k] = np.subtract(W, moved, out=moved)
        bs[k] = bs[k] - step_delta.sum(axis=0, keepdims=True)
        if k > 0:
            step_delta = (step_delta @ W.T) * (x > 0)
    for a in Ws + bs:
        _look_at("a weight or bias after the update", a)
    return Ws, bs, g, step_delta


def _look_at(name: str, a: Array) -> None:
    """Raise a ValueError that names a, if it is not finite."""
    if not np.isfinite(a.sum()):  # which is quicker than to look at each number
        _floats(name, a)


# The test set's passes, over 2,019 images after each of 605 updates, take ten times the
# multiplications of the training itself. Nearly all of a pass is the first layer's
# S = X_test W + b, and S need not be computed anew. With x for the n rows of the
# mini-batch, delta = dJ/ds and a row 1^T of n ones, an update takes
#
#     step x^T delta  from W,     step 1^T delta  from b,     and therefore
#     step (X_test x^T + 1) delta  from S,
#
# where + 1, to each inner product, is the bias's part. The first layer's inputs, unlike
# later ones, never change, so that X_test x^T can be computed in advance, once for the
# whole training set. Then S is computed in full at the start of each chunk of a hundred
# updates, and each of them costs n / d of the first layer's pass.
#
# Training, in turn, need not wait for the test set. One thread trains, and hands the
# batches of a chunk to another, with their step delta and the later layers after each.
# That one updates S and completes the passes, while training goes on.

def pays(
    X: Array,
    X_test: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    batch_size: int,
    num_epochs: int,
) -> bool:
    """Return whether timesteps multiplies less than passes in full, and fits.

    X is (N, d) and X_test (m, d); the other arguments are those of train. It fits if
    X_test has the dtype in which training computes, and if what is kept is not too
    large.
    """
    (N, d), (m, _), (_, h) = np.shape(X), X_test.shape, np.shape(weight_matrices[0])
    n = min(batch_size, N)
    T = num_epochs * -(-N // n)
    # For each test image: all inner products, and then n columns of them, not d.
    less = N * d + T * n * h < T * d * h
    kept = _kept(n, m, weight_matrices)
    small = N * m <= LARGEST_TABLE and max(m * h, 10 * kept) <= LARGEST_CHUNK
    single = all(
        np.asarray(a).dtype == np.float32 for a in (X, *weight_matrices, *biases)
    )
    return less and small and (X_test.dtype == np.float32) == single


def _kept(n: int, m: int, weight_matrices: Sequence[Array]) -> int:
    """Return how many numbers of each update a chunk keeps."""
    first, *later = weight_matrices
    return n * np.shape(first)[1] + sum(map(np.size, later)) + m


def timesteps(
    X: Array,
    y: Array,
    X_test: Array,
    y_test: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    *,
    batch_size: int,
    step_size: float,
    num_epochs: int,
    rng: np.random.Generator | int | None,
) -> Iterator[tuple[list[Array], list[Array], Array]]:
    """Yield (weight_matrices, biases, rows) for one chunk of updates after another.

    rows has four columns, a mini-batch's loss and accuracy and the test set's, and one
    row for each update since the last yield. While it waits to be yielded, training is
    ahead by up to FOLLOWERS chunks. Until the end, NumPy's matrix products take one
    thread each in all of the process, lest they get in the way of the threads here.
    """
    X, y, Ws, bs = _in_one_dtype(X, y, weight_matrices, biases)
    products = _quietly()(np.matmul)(X, X_test.T)
    batches = _batches(len(X), batch_size, num_epochs, _generator(rng))
    kept = _kept(min(batch_size, len(X)), len(X_test), Ws)
    size = min(CHUNK, LARGEST_CHUNK // kept)
    waiting: deque = deque()
    with _one_thread_each(), ThreadPoolExecutor(FOLLOWERS) as followers:
        while chunk := list(itertools.islice(batches, size)):
            W, b, gs, steps = Ws[0], bs[0], [], []
            for batch in chunk:
                Ws, bs, g, step_delta = _update(X, y, Ws, bs, batch, step_size)
                gs.append(g)
                steps.append((batch, step_delta, Ws[1:], bs[1:]))
            logits = followers.submit(_follow, products, X_test, W, b, steps)
            waiting.append((Ws, bs, chunk, gs, logits))
            while len(waiting) > FOLLOWERS or (waiting and waiting[0][-1].done()):
                yield _recorded(y, y_test, *waiting.popleft())
        while waiting:
            yield _recorded(y, y_test, *waiting.popleft())


_running: dict[object, threadpool_limits] = {}  # and the limits found by the first one


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Give NumPy's matrix products one thread each, until the last user has gone."""
    me = object()
    try:  # without a lock, which an interrupt could leave locked
        _running[me] = next(iter(_running.values()), None) or threadpool_limits()
        threadpool_limits(limits=1, user_api="blas")
        yield
    finally:
        if list(_running) == [me]:
            _running[me].restore_original_limits()
        _running.pop(me, None)


def _follow(
    products: Array,
    X_test: Array,
    W_0: Array,
    b_0: Array,
    steps: list[tuple[Array, Array, list[Array], list[Array]]],
) -> Array:
    """Return the last neuron's s for X_test (m, d) after each of K updates, (K, m).

    products (N, m) is X X_test^T; W_0 and b_0 are the first layer before the updates.
    Each of the steps is a batch and its step_delta, as in _update, and the later
    layers' Ws and bs after it.
    """
    m, h = len(X_test), W_0.shape[1]
    n = max(len(batch) for batch, *_ in steps)
    # S is held transposed: then all that is read or written lies in rows.
    # The maximum with an array of zeros takes NumPy less time than that with 0.
    S, moved, zeros = np.zeros((3, h, m), X_test.dtype)
    rows = np.ones((n + 1, m), X_test.dtype)  # of products; the last is for the bias
    logits = np.empty((len(steps), m), X_test.dtype)
    with _quietly():  # here, because it holds for one thread
        np.matmul(W_0.T, X_test.T, out=S)
        np.add(S, b_0.T, out=S)
        for k, (batch, step_delta, Ws, bs) in enumerate(steps):
            start = n - len(batch)
            # Without clip, which has nothing to clip here, take makes a copy first.
            np.take(products, batch, axis=0, out=rows[start:-1], mode="clip")
            step_delta = np.vstack([step_delta, step_delta.sum(axis=0)])
            np.matmul(step_delta.T, rows[start:], out=moved)
            np.subtract(S, moved, out=S)
            s = S
            for layer, (W, b) in enumerate(zip(Ws, bs), 1):
                a = np.maximum(s, zeros, out=moved) if s is S else np.maximum(s, 0)
                s = W.T @ a + b.T
                _look_at(f"layer {layer}: s", s)
            logits[k] = s[0]
        _look_at("layer 0: s", S)  # once infinite, it stays so
    return logits


def _recorded(
    y: Array, y_test: Array, Ws: list[Array], bs: list[Array],
    batches: list[Array], gs: list[Array], logits: Future,
) -> tuple[list[Array], list[Array], Array]:
    """Return (Ws, bs, rows), what timesteps yields."""
    g_test, _ = sigmoid_activation(logits.result())
    K, m = g_test.shape
    rows = np.empty((K, 4))
    rows[:, :2] = _losses_and_accuracies(
        np.concatenate(gs), y[np.concatenate(batches)], [len(g) for g in gs]
    )
    rows[:, 2:] = _losses_and_accuracies(g_test.ravel(), np.tile(y_test, K), [m] * K)
    return Ws, bs, rows


def _losses_and_accuracies(g: Array, y: Array, sizes: Sequence[int]) -> Array:
    """Return average loss and accuracy (K, 2) of the K groups, of these sizes, in g."""
    loss, _ = logistic_loss(g, y)
    right = (g > 0.5) == (y > 0.5)
    starts = np.cumsum([0, *sizes[:-1]])
    sums = [np.add.reduceat(a, starts, dtype=float) for a in (loss, right)]
    return np.transpose(sums) / np.transpose([sizes])


# --------------------------------------------------------------------------------------
# Finite differences
# --------------------------------------------------------------------------------------
#
# Moving one weight W[p, q] of a layer moves only column q of its s = x W + b, and by
# the move times x[:, p]; moving b[q] does the same with 1 for x. So one forward pass,
# with everything in it kept, serves all the differences. For each neuron q, the moves
# of its d_in weights and of its bias are carried on together, as if the batch were
# d_in + 1 times as large. It is still forward passes alone: no derivative is used.

@_quietly()
def gradients_in_blocks(
    X: Array,
    y: Array,
    weight_matrices: list[Array],
    biases: list[Array],
    epsilon: float,
) -> tuple[list[Array], list[Array]]:
    """Return grad_Ws, grad_bs by centred differences, as nn_finite_difference_checker.

    X is (n, d), y (n,), epsilon the half-width of each difference. The gradients are
    float64 and have their parameters' shapes.
    """
    inputs, sums = [np.asarray(X)], []
    Ws, bs = ([np.array(a, float) for a in part] for part in (weight_matrices, biases))
    for W, b in zip(Ws, bs):
        sums.append(inputs[-1] @ W + b)
        inputs.append(np.maximum(sums[-1], 0))

    grad_Ws, grad_bs = [np.empty_like(W) for W in Ws], [np.empty_like(b) for b in bs]
    for k, (W, b) in enumerate(zip(Ws, bs)):
        x = np.hstack([inputs[k], np.ones((len(y), 1))])  # a bias is a weight of 1
        width = Ws[k + 1].shape[1] if k + 1 < len(Ws) else 1
        size = max(1, BLOCK // (len(y) * width))
        for q in range(W.shape[1]):
            weights = np.append(W[:, q], b[0, q])
            gradient = np.empty_like(weights)
            for start in range(0, len(weights), size):
                block = slice(start, start + size)
                a = weights[block]
                ahead, behind = (
                    _losses_moved(k, q, x[:, block] * (moved - a), sums, y, Ws, bs)
                    for moved in (a + epsilon, a - epsilon)
                )
                step = (a + epsilon) - (a - epsilon)
                if not step.all():
                    raise ValueError(f"epsilon = {epsilon} is too small to move all")
                gradient[block] = (ahead - behind) / step
            grad_Ws[k][:, q], grad_bs[k][0, q] = gradient[:-1], gradient[-1]
    return grad_Ws, grad_bs


def _losses_moved(
    k: int, q: int, moves: Array, sums: list[Array], y: Array,
    Ws: list[Array], bs: list[Array],
) -> Array:
    """Return the average loss (B,) for each way in which neuron q of layer k may move.

    moves (n, B) is what is added to column q of layer k's s, in each of B ways.
    """
    n, B = moves.shape
    before = sums[k][:, q, np.newaxis]
    s = before + moves
    if k + 1 < len(Ws):
        change = np.maximum(s, 0) - np.maximum(before, 0)
        s = sums[k + 1][:, np.newaxis] + change[..., np.newaxis] * Ws[k + 1][q]
        s = s.reshape(n * B, -1)
        for W, b in zip(Ws[k + 2:], bs[k + 2:]):
            s = np.maximum(s, 0) @ W + b
    g, _ = sigmoid_activation(s.reshape(n * B))
    loss, _ = logistic_loss(g, np.repeat(y, B))
    return loss.reshape(n, B).mean(axis=0)
