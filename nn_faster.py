"""The same training, the same derivatives, sooner.

nn_helpers is written to be read. This file does two of its jobs in less time, and the
tests hold each to the plain version. Both rest on one remark: where little changes in a
network, little of the forward pass needs to be done again.

    training             updates; pays, timesteps
    finite differences   gradients_in_blocks

Only networks of ReLUs that end in one sigmoid are handled here. The arguments are those
of nn_helpers, which has checked that they fit.
"""

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
AFRESH = 100  # updates after which S is done anew, lest its roundings add up
KEPT = 2**23  # numbers kept of the updates which one thread is to follow
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
# sgd looks through all arrays at every step, and makes some ten of the weights' size.

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
    return X, np.asarray(y, dtype), network[:len(biases)], network[len(biases):]


@_quietly()
def _update(
    X: Array, y: Array, Ws: list[Array], bs: list[Array], batch: Array, step_size: float
) -> tuple[list[Array], list[Array], Array, Array]:
    """Return (Ws, bs, g, change) of one update with these n rows of X and y.

    Ws and bs are the new network, g (n,) the old one's outputs, and change (n, h) is
    step_size times delta of the first layer.
    """
    inputs = [X[batch]]
    for W, b in zip(Ws[:-1], bs[:-1]):
        s = inputs[-1] @ W
        s += b
        inputs.append(np.maximum(s, 0, out=s))
    g, _ = sigmoid_activation((inputs[-1] @ Ws[-1] + bs[-1])[:, 0])

    # dL/dg times the sigmoid's derivative is g - y.
    change = ((g - y[batch]) * (float(step_size) / len(batch)))[:, np.newaxis]
    Ws, bs = list(Ws), list(bs)
    for k in reversed(range(len(Ws))):
        x, W = inputs[k], Ws[k]
        moved = x.T @ change
        Ws[k] = np.subtract(W, moved, out=moved)
        bs[k] = bs[k] - change.sum(axis=0, keepdims=True)
        if k > 0:
            change = (change @ W.T) * (x > 0)
    for a in Ws + bs:
        if not np.isfinite(a.sum()):  # quicker than to look at each number
            _floats("a weight or bias after the update", a)
    return Ws, bs, g, change


# The test set after each update costs ten times the training itself: 605 passes over
# 2,019 images. Nearly all of a pass is the first layer's S = X_test W + b, and S need
# not be computed anew. With x for the n rows of the mini-batch and delta = dJ/ds, an
# update takes
#
#     step x^T delta  from W,     step 1^T delta  from b,     and therefore
#     step (X_test x^T + 1) delta  from S.
#
# The inner products in X_test x^T are the same in each epoch. Computed once for all of
# the training set, they leave n / d of a pass to be done.
#
# Training, in turn, need not wait for the test set. So one thread trains and hands on
# what a hundred updates took away; others follow, and pass the test set through the
# hundred networks that were on the way.

def pays(
    X: Array,
    X_test: Array,
    weight_matrices: Sequence[Array],
    batch_size: int,
    num_epochs: int,
) -> bool:
    """Return whether timesteps multiplies less than a pass after each update, and fits.

    X is (N, d) and X_test (m, d); the other arguments are those of train.
    """
    (N, d), m, h = np.shape(X), len(X_test), np.shape(weight_matrices[0])[1]
    n = min(batch_size, N)
    T = num_epochs * -(-N // n)
    # For each test image: all inner products, and then n columns of them, not d.
    fewer = N * d + T * n * h < T * d * h
    fits = N * m <= LARGEST_TABLE and 10 * _kept(n, weight_matrices) <= KEPT
    return fewer and fits


def _kept(n: int, weight_matrices: Sequence[Array]) -> int:
    """Return how many numbers of each update are kept until the test set follows."""
    return n * np.shape(weight_matrices[0])[1] + sum(map(np.size, weight_matrices[1:]))


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
    """Yield (weight_matrices, biases, rows) after every hundred updates or fewer.

    rows has four columns, a mini-batch's loss and accuracy and the test set's, and one
    row for each update since the last yield. As long as this runs, a matrix product
    anywhere in the process takes one thread, so that the threads here have a core each.
    """
    X, y, Ws, bs = _in_one_dtype(X, y, weight_matrices, biases)
    X_test, y_test = X_test.astype(X.dtype, copy=False), np.asarray(y_test, X.dtype)

    products = _quietly()(np.matmul)(X, X_test.T)
    batches = _batches(len(X), batch_size, num_epochs, _generator(rng))
    size = min(AFRESH, KEPT // _kept(min(batch_size, len(X)), Ws))
    waiting: deque = deque()
    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(FOLLOWERS) as followers,
    ):
        while chunk := list(itertools.islice(batches, size)):
            W, b, gs, steps = Ws[0], bs[0], [], []
            for batch in chunk:
                Ws, bs, g, change = _update(X, y, Ws, bs, batch, step_size)
                gs.append(g)
                steps.append((batch, change, Ws[1:], bs[1:]))
            sums = followers.submit(_follow, products, X_test, W, b, steps)
            waiting.append((Ws, bs, chunk, gs, sums))
            if len(waiting) > FOLLOWERS:
                yield _recorded(y, y_test, *waiting.popleft())
        while waiting:
            yield _recorded(y, y_test, *waiting.popleft())


def _follow(
    products: Array,
    X_test: Array,
    W: Array,
    b: Array,
    steps: list[tuple[Array, Array, list[Array], list[Array]]],
) -> Array:
    """Return the last neuron's s for all of X_test after each of K updates, (K, m).

    products (N, m) is X X_test^T; W and b are the first layer before the updates. Each
    of the steps is a batch and its change, as in _update, and the later layers' Ws and
    bs after it.
    """
    m, h = len(X_test), W.shape[1]
    n = max(len(batch) for batch, *_ in steps)
    # S is held transposed: then all that is read or written lies in rows.
    S, moved, zeros = np.zeros((3, h, m), X_test.dtype)
    columns = np.ones((n + 1, m), X_test.dtype)  # the last one belongs to the bias
    sums = np.empty((len(steps), m), X_test.dtype)
    with _quietly():  # here, because it holds for one thread
        np.matmul(W.T, X_test.T, out=S)
        np.add(S, b.T, out=S)
        for k, (batch, change, Ws, bs) in enumerate(steps):
            start = n - len(batch)
            # Without clip, which has nothing to clip here, take makes a copy first.
            np.take(products, batch, axis=0, out=columns[start:-1], mode="clip")
            change = np.vstack([change, change.sum(axis=0)])
            np.matmul(change.T, columns[start:], out=moved)
            np.subtract(S, moved, out=S)
            s = S
            for W, b in zip(Ws, bs):
                a = np.maximum(s, zeros, out=moved) if s is S else np.maximum(s, 0)
                s = W.T @ a + b.T
            sums[k] = s[0]
    return sums


def _recorded(
    y: Array, y_test: Array, Ws: list[Array], bs: list[Array],
    batches: list[Array], gs: list[Array], sums: Future,
) -> tuple[list[Array], list[Array], Array]:
    """Return (Ws, bs, rows), what timesteps yields."""
    g_test, _ = sigmoid_activation(sums.result())
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
