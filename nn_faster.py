"""The same training, the same derivatives, in less time.

nn_helpers is written to be read. Here some of its functions are written again to be
fast, with the same results; the tests compare each with the plain one.

    descend                         to train without a record; in_parallel, many times
    train                           to train with all curves
    nn_finite_difference_checker    to check a network of thousands of weights

The last two use one observation: if the change of a layer's s = x W + b is simple, add
the change, and do not compute s again. All are for ReLUs that end in one sigmoid.
"""

import contextlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import nn_checks as check
import nn_helpers as plain
from nn_checks import Activation, Activations, Array, Arrays, Seed, quietly

MAX_PRODUCTS = 2**25  # inner products kept, 256 MiB in float64
CHUNK = 100  # updates that are evaluated together
TEST_BLOCK = 505  # test images in a block, a quarter: its S fits a core's cache
WORKERS = max(1, min(2, (os.cpu_count() or 1) - 1))  # threads, next to the training
MAX_PENDING = 3  # chunks that may wait for these threads
MAX_BLOCK = 2**20  # numbers in the largest array of finite differences


def _relus_and_a_sigmoid(depth: int) -> list[Activation]:
    return [plain.relu_activation] * (depth - 1) + [plain.sigmoid_activation]


# ---- Training without a record -------------------------------------------------------


def descend(
    X_train: Array, y_train: Array, weight_matrices: Arrays, biases: Arrays, *,
    batch_size: int = 100, step_size: float = 0.1, num_epochs: int = 5,
    rng: Seed = None,
) -> tuple[list[Array], list[Array]]:
    """Train a network of ReLUs that end in one sigmoid, and keep no record.

    The updates are those of nn_helpers.sgd from the same rng, but for rounding.

    Parameters
    ----------
    X_train, y_train, batch_size, step_size, num_epochs, rng
        As nn_helpers.train takes them.
    weight_matrices, biases
        One entry for each layer, as in nn_helpers.forward_pass; they keep their values.
        With a single layer, such as 784-1, the network is logistic regression.

    Returns
    -------
    weight_matrices, biases
        The trained network in new arrays: float32 if images, weights and biases all
        are, else float64.

    Raises
    ------
    ValueError
        As nn_helpers.sgd does.
    """
    check.layer_lists(weight_matrices=weight_matrices, biases=biases)
    activations = _relus_and_a_sigmoid(len(weight_matrices))
    plain.sgd(X_train, y_train, weight_matrices, biases, activations,  # validates all
              batch_size=batch_size, step_size=step_size, num_epochs=num_epochs,
              rng=rng)
    X, y = check.floats("X_train", X_train), np.asarray(y_train)
    Ws, bs = check.copies(weight_matrices), check.copies(biases)
    dtype = np.result_type(X, *Ws, *bs)
    (W, *later), bs = ([a.astype(dtype) for a in part] for part in (Ws, bs))
    X = X.astype(dtype, copy=False)
    sizes = len(X), int(batch_size), int(num_epochs)
    with _one_blas_thread():
        for batch in plain.mini_batches(*sizes, check.generator(rng)):
            later, bs, *_ = _update(X, y, W, later, bs, batch, float(step_size))
    return [W, *later], bs


def in_parallel(function: Callable, arguments: Iterable) -> list:
    """Return [function(a) for a in arguments], several of them computed at a time.

    One thread runs for each of up to eight cores, with matrix products of one thread
    each: for several small trainings, faster than one after the other. The first error
    is raised, and what has not begun by then is left out.
    """
    threads = min(8, os.cpu_count() or 1)
    with _one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, arguments))


# ---- Training with a record ----------------------------------------------------------
#
# The test set's passes, over 2,019 images after each of 605 updates, take ten times the
# multiplications of the training itself. Nearly all of a pass is the first layer's
# S = X_test W + b, and S need not be computed again. With x for the n rows of the
# mini-batch, delta = dJ/ds and a row 1^T of n ones, an update takes
#
#     step x^T delta  from W,     step 1^T delta  from b,     and therefore
#     step (X_test x^T + 1) delta  from S,
#
# where + 1, to each inner product, is the bias's part. The first layer's inputs never
# change, so X_test x^T can be computed in advance, for the whole training set. Once in
# a hundred updates S is computed in full; each of the others costs n / d of that.
#
# Training does not wait for the test set, either. One thread trains, and passes on a
# chunk of updates at a time; others evaluate the chunk, one block of test images at a
# time. When training is over, all of them evaluate.


def train(
    X_train: Array, y_train: Array, X_test: Array | None, y_test: Array | None,
    weight_matrices: Arrays, biases: Arrays, activations: Activations, *,
    batch_size: int = 100, step_size: float = 0.1, num_epochs: int = 5,
    rng: Seed = None, progress: bool = False,
) -> tuple[list[Array], list[Array], dict[str, Array]]:
    """Train as nn_helpers.train does: with its arguments, its results and its errors.

    Notes
    -----
    Only roundings differ: in float64 the history is the same to a relative 1e-9. An
    interrupt loses the last timesteps, a few hundred at most, weights and record alike.
    nn_helpers.train itself runs if the activations are not ReLUs and then one sigmoid,
    if images, weights and biases differ in dtype, or if inner products would not save
    arithmetic, as with very large batches.
    """
    options: dict[str, Any] = {"batch_size": batch_size, "step_size": step_size,
                               "num_epochs": num_epochs, "rng": rng}
    plain.sgd(X_train, y_train, weight_matrices, biases, activations, **options)
    X, y = check.floats("X_train", X_train), np.asarray(y_train)
    test_set = check.test_set(X_test, y_test, X)
    (W, *later), bs = check.copies(weight_matrices), check.copies(biases)
    m, N, n = len(test_set[0]), len(X), min(int(batch_size), len(X))
    T = int(num_epochs) * -(-N // n)
    if (
        list(activations) != _relus_and_a_sigmoid(len(activations))
        or len({a.dtype for a in (X, test_set[0], W, *later, *bs)}) > 1
        or not _gram_is_cheaper(m, N, n, T, *W.shape)
    ):
        return plain.train(X_train, y_train, X_test, y_test, weight_matrices, biases,
                           activations, **options, progress=progress)
    inked = np.asarray(X.any(axis=0))  # the pixels that are not 0 in all images
    if not inked.all():
        X = np.compress(inked, X, axis=1)
    start = [W[inked], *later], bs
    batches = plain.mini_batches(N, n, int(num_epochs), check.generator(rng))
    chunks = _train_in_chunks(X, y, *start, batches, float(step_size))
    blocks = _test_blocks(X, *test_set, W, inked)
    with _one_blas_thread():
        if m:
            records = _evaluate(chunks, blocks)
        else:
            records = ((*chunk.network, chunk.rows) for chunk in chunks)
        Ws, bs, history = plain.keep_record(records, *start, T, progress)
    W[inked] = Ws[0]
    return [W, *Ws[1:]], bs, history


def _gram_is_cheaper(m: int, N: int, n: int, T: int, d: int, h: int) -> bool:
    """Say whether to compute all inner products of m test and N training images.

    For each test image that costs N d multiplications and then T times n h, for T
    batches of n; without them, T passes cost d h each.
    """
    return N * d + T * n * h <= T * d * h and m * N <= MAX_PRODUCTS


class _TestBlock(NamedTuple):  # images as columns, so that what is used lies in rows
    images: Array  # (inked pixels, B)
    unchanged: Array  # (h, B), what the other pixels add to the first layer's s
    labels: Array  # (B,)
    products: Array  # (N, B), with all training images


class _Step(NamedTuple):  # what an update leaves for the evaluation
    batch: Array  # (n,) rows of the training set
    change: Array  # (h, n + 1), of S, for a 1 and for each product with the batch
    Ws: list[Array]  # the later layers after the update
    bs: list[Array]


class _Chunk(NamedTuple):  # of consecutive updates
    W: Array  # the first layer after the first update
    b: Array
    steps: list[_Step]
    network: tuple[list[Array], list[Array]]  # after the last update
    rows: Array  # (K, 2), loss and accuracy of each mini-batch


def _train_in_chunks(
    X: Array, y: Array, Ws: list[Array], bs: list[Array], batches: Iterator[Array],
    step_size: float,
) -> Iterator[_Chunk]:
    """Train, and yield CHUNK updates at a time."""
    W, *later = Ws
    W = W.copy()
    while chunk := list(itertools.islice(batches, CHUNK)):
        steps: list[_Step] = []
        rows = []
        for batch in chunk:
            later, bs, g, step_delta = _update(X, y, W, later, bs, batch, step_size)
            if not steps:
                first = W.copy(), bs[0]
            change = np.vstack([step_delta.sum(axis=0), step_delta]).T
            steps.append(_Step(batch, change, later, bs[1:]))
            rows.append(_loss_and_hits(g, y[batch], 1)[0] / len(batch))
        yield _Chunk(*first, steps, ([W.copy(), *later], bs), np.array(rows))


def _evaluate(
    chunks: Iterator[_Chunk], blocks: list[_TestBlock]
) -> Iterator[tuple[list[Array], list[Array], Array]]:
    """Yield (weight_matrices, biases, rows of history) for each chunk.

    Threads evaluate the chunks, up to MAX_PENDING of them behind the training.
    """
    pending: deque = deque()
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for chunk in chunks:
            futures = [pool.submit(_evaluate_block, block, chunk) for block in blocks]
            pending.append((chunk, futures))
            if len(pending) > MAX_PENDING:
                yield _record(blocks, *pending.popleft())
        while pending:
            yield _record(blocks, *pending.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _record(
    blocks: list[_TestBlock], chunk: _Chunk, futures: list[Future]
) -> tuple[list[Array], list[Array], Array]:
    """Return what _evaluate yields for a chunk; compute what no thread has begun."""
    parts = [
        _evaluate_block(block, chunk) if future.cancel() else future.result()
        for block, future in zip(blocks[::-1], futures[::-1])  # threads begin in front
    ]
    test_rows = sum(parts) / sum(len(block.labels) for block in blocks)
    return *chunk.network, np.hstack([chunk.rows, test_rows])


@quietly()
def _update(
    X: Array, y: Array, W: Array, later: list[Array], bs: list[Array], batch: Array,
    step_size: float,
) -> tuple[list[Array], list[Array], Array, Array]:
    """Change the first layer's W in place, and return the new later layers and bs.

    Where a pixel is 0 in the whole batch, so is the gradient of its row of W: only the
    other rows take part. Also returned are g (n,) of the old network and step_delta
    (n, h), the first layer's.
    """
    x = X[batch]
    inked = np.flatnonzero(x.any(axis=0))
    inputs, Ws, bs = [x[:, inked]], [W[inked], *later], list(bs)
    for k, (V, b) in enumerate(zip(Ws[:-1], bs[:-1])):
        s = inputs[-1] @ V
        s += b
        check.floats(f"layer {k}: s", s)
        inputs.append(np.maximum(s, 0, out=s))
    g, _ = plain.sigmoid_activation((inputs[-1] @ Ws[-1] + bs[-1])[:, 0])

    # dL/dg times the sigmoid's derivative is g - y.
    step_delta = step_size / len(batch) * (g - y[batch].astype(g.dtype))[:, np.newaxis]
    for k in reversed(range(len(Ws))):
        x, V = inputs[k], Ws[k]
        moved = x.T @ step_delta
        Ws[k] = np.subtract(V, moved, out=moved)
        bs[k] = bs[k] - step_delta.sum(axis=0)
        if k > 0:
            step_delta = (step_delta @ V.T) * (x > 0)
    for a in Ws + bs:
        check.floats("a weight or bias after the update", a, may_be_empty=True)
    W[inked] = Ws[0]
    return Ws[1:], bs, g, step_delta


@quietly()
def _test_blocks(
    X: Array, X_test: Array, y_test: Array, W: Array, inked: Array
) -> list[_TestBlock]:
    """Return the test set in blocks; inked (d,) says which pixels X has as columns."""
    blocks = []
    for start in range(0, len(X_test), TEST_BLOCK):
        images = X_test[start:start + TEST_BLOCK].T
        unchanged, images = W[~inked].T @ images[~inked], images[inked]
        labels = y_test[start:start + TEST_BLOCK]
        blocks.append(_TestBlock(images, unchanged, labels, X @ images))
    return blocks


@quietly()
def _evaluate_block(block: _TestBlock, chunk: _Chunk) -> Array:
    """Return the sums of losses and of right answers after each of K updates, (K, 2).
    """
    B, dtype = len(block.labels), chunk.W.dtype
    n = max(len(step.batch) for step in chunk.steps)
    factors = np.ones((n + 1, B), dtype)  # a row for the bias, then products
    # The maximum with an array of zeros takes NumPy half the time of that with 0.
    moved, zeros = np.empty_like(block.unchanged), np.zeros_like(block.unchanged)
    logits = np.empty((len(chunk.steps), B), dtype)
    S = chunk.W.T @ block.images
    S += block.unchanged + chunk.b.T
    for k, step in enumerate(chunk.steps):
        if k > 0:
            used = factors[:len(step.batch) + 1]
            # Without clip, which has nothing to clip here, take makes a copy first.
            np.take(block.products, step.batch, axis=0, out=used[1:], mode="clip")
            S -= np.matmul(step.change, used, out=moved)
        s = S
        for layer, (W, b) in enumerate(zip(step.Ws, step.bs), 1):
            a = np.maximum(s, zeros, out=moved) if s is S else np.maximum(s, 0)
            s = W.T @ a + b.T
            check.floats(f"layer {layer}: s", s)
        logits[k] = s[0]
    check.floats("layer 0: s", S)  # once infinite, it stays so
    g, _ = plain.sigmoid_activation(logits)
    return _loss_and_hits(g.ravel(), np.tile(block.labels, len(logits)), len(logits))


def _loss_and_hits(g: Array, y: Array, K: int) -> Array:
    """Return the sums of loss and of right answers (K, 2) over K equal parts of g."""
    loss, _ = plain.logistic_loss(g, y)
    right = (g > 0.5) == (y > 0.5)
    return np.transpose([a.reshape(K, -1).sum(1, dtype=float) for a in (loss, right)])


_limiting = threading.Lock()


@contextlib.contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Give matrix products one thread each; if trainings overlap, the first does so."""
    first = _limiting.acquire(blocking=False)
    try:
        with threadpool_limits(1, "blas") if first else contextlib.nullcontext():
            yield
    finally:
        if first:
            _limiting.release()


# ---- Finite differences --------------------------------------------------------------
#
# Moving one weight W[p, q] of a layer moves only column q of its s = x W + b, and by
# the move times x[:, p]; moving b[q] does the same with 1 for x. So one forward pass,
# with everything in it kept, serves all the differences. For each neuron q, the moves
# of its d_in weights and of its bias are carried on together, as if the batch were
# d_in + 1 times as large. It is still forward passes alone: no derivative is used.


@quietly()
def nn_finite_difference_checker(
    X_batch: Array, y_batch: Array, weight_matrices: Arrays, biases: Arrays,
    activations: Activations, epsilon: float = 1e-5,
) -> tuple[list[Array], list[Array]]:
    """Return what nn_helpers.nn_finite_difference_checker does, but for rounding.

    That function itself runs if the activations are not ReLUs and then one sigmoid.
    """
    # Input validation, before the first difference.
    g, _ = plain.forward_pass(X_batch, weight_matrices, biases, activations)
    plain.logistic_loss(g, y_batch)
    if list(activations) != _relus_and_a_sigmoid(len(activations)):
        return plain.nn_finite_difference_checker(
            X_batch, y_batch, weight_matrices, biases, activations, epsilon
        )
    y, epsilon = np.asarray(y_batch), check.positive("epsilon", epsilon)
    Ws, bs = ([np.array(a, float) for a in part] for part in (weight_matrices, biases))
    inputs = [x for x, *_ in plain.forward_pass(X_batch, Ws, bs, activations)[1]]
    pre_activations = [x @ W + b for x, W, b in zip(inputs, Ws, bs)]
    grad_Ws, grad_bs = [np.empty_like(W) for W in Ws], [np.empty_like(b) for b in bs]
    for k, (W, b) in enumerate(zip(Ws, bs)):
        x = np.hstack([inputs[k], np.ones((len(y), 1))])  # a bias is a weight of 1
        width = Ws[k + 1].shape[1] if k + 1 < len(Ws) else 1
        size = max(1, MAX_BLOCK // (len(y) * width))
        parts = [slice(i, i + size) for i in range(0, len(W) + 1, size)]
        for q in range(W.shape[1]):
            a = np.append(W[:, q], b[0, q])
            ahead, behind = a + epsilon, a - epsilon
            if (ahead == behind).any():
                raise ValueError(f"epsilon = {epsilon} is too small to move all")
            f_ahead, f_behind = (
                np.hstack([
                    _losses_moved(k, q, moves[:, p], pre_activations, y, Ws, bs)
                    for p in parts
                ])
                for moves in (x * (ahead - a), x * (behind - a))
            )
            gradient = (f_ahead - f_behind) / (ahead - behind)
            grad_Ws[k][:, q], grad_bs[k][0, q] = gradient[:-1], gradient[-1]
    return grad_Ws, grad_bs


def _losses_moved(
    k: int, q: int, moves: Array, pre_activations: list[Array], y: Array,
    Ws: list[Array], bs: list[Array],
) -> Array:
    """Return the average loss (B,) for each way in which neuron q of layer k may move.

    moves (n, B) is what is added to column q of layer k's s, in each of B ways.
    """
    n, B = moves.shape
    before = pre_activations[k][:, q, np.newaxis]
    s = before + moves
    if k + 1 < len(Ws):
        change = np.maximum(s, 0) - np.maximum(before, 0)
        later = pre_activations[k + 1][:, np.newaxis]
        s = later + change[..., np.newaxis] * Ws[k + 1][q]
        for W, b in zip(Ws[k + 2:], bs[k + 2:]):
            s = np.maximum(s, 0) @ W + b
    g, _ = plain.sigmoid_activation(s.reshape(n * B))
    loss, _ = plain.logistic_loss(g, np.repeat(y, B))
    return loss.reshape(n, B).mean(axis=0)
