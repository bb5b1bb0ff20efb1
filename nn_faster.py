"""The same training, the same derivatives, in less time.

nn_helpers is written to be read. Here two of its jobs are done again, from the same
arguments and with the same results; the tests hold each to the plain one.

    train                           where all curves, or many seeds, are wanted
    nn_finite_difference_checker    where a network has thousands of weights

Both rest on one remark: if the change of a layer's s = x W + b is simple, add the
change, and do not compute s anew. They are for ReLUs that end in one sigmoid.
"""

import contextlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

import nn_checks as check
import nn_helpers as plain
from nn_checks import Activation, Array, Seed, quietly

Argument = TypeVar("Argument")
Result = TypeVar("Result")

LARGEST_TABLE = 2**25  # inner products kept; with more, S is computed in full
CHUNK = 100  # updates that the test set follows together
FOLLOWERS = max(1, min(2, (os.cpu_count() or 1) - 1))  # threads, beside the training
ROOM = 3  # chunks that may wait for them
IMAGES = 505  # of the test set in a block, a quarter: its S fits the processor's cache
LARGEST_BLOCK = 2**20  # numbers in the largest array of finite differences


def _relus_and_a_sigmoid(depth: int) -> list[Activation]:
    return [plain.relu_activation] * (depth - 1) + [plain.sigmoid_activation]


# ---- Training without a record -------------------------------------------------------


def descend(
    X_train: Array,
    y_train: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    *,
    batch_size: int = 100,
    step_size: float = 0.1,
    num_epochs: int = 5,
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
    plain.sgd(X_train, y_train, weight_matrices, biases,  # refuses what does not fit
              _relus_and_a_sigmoid(len(weight_matrices)), batch_size=batch_size,
              step_size=step_size, num_epochs=num_epochs)
    X, y = check.floats("X_train", X_train), np.asarray(y_train)
    Ws, bs = ([check.floats("W or b", a) for a in part]
              for part in (weight_matrices, biases))
    dtype = np.result_type(X, *Ws, *bs)
    (W, *later), bs = ([a.astype(dtype) for a in part] for part in (Ws, bs))
    X, inked = _without_blank_pixels(X.astype(dtype, copy=False))
    Ws = [W[inked], *later]
    rng = check.generator(rng)
    for batch in plain.mini_batches(len(X), batch_size, num_epochs, rng):
        Ws, bs, *_ = _update(X, y, Ws, bs, batch, float(step_size))
    W[inked] = Ws[0]
    return [W, *Ws[1:]], bs


def in_parallel(
    function: Callable[[Argument], Result], arguments: Iterable[Argument]
) -> list[Result]:
    """Return [function(a) for a in arguments], several of them computed at a time.

    One thread runs for each of up to eight cores, with matrix products of one thread
    each: for several small trainings, faster than one after the other. The first error
    is raised, and what has not begun by then is left out.
    """
    threads = min(8, os.cpu_count() or 1)
    with _one_thread_each(True), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, arguments))


def _without_blank_pixels(X: Array) -> tuple[Array, Array]:
    """Return X without the columns that are all 0, and which of them (d,) are not."""
    inked = np.asarray(X.any(axis=0))
    return X if inked.all() else np.compress(inked, X, axis=1), inked


# ---- Training with a record ----------------------------------------------------------
#
# The test set's passes, over 2,019 images after each of 605 updates, take ten times the
# multiplications of the training itself. Nearly all of a pass is the first layer's
# S = X_test W + b, and S need not be computed anew. With x for the n rows of the
# mini-batch, delta = dJ/ds and a row 1^T of n ones, an update takes
#
#     step x^T delta  from W,     step 1^T delta  from b,     and therefore
#     step (X_test x^T + 1) delta  from S,
#
# where + 1, to each inner product, is the bias's part. The first layer's inputs never
# change, so that X_test x^T can be had in advance, for the whole training set. Once in
# a hundred updates S is computed in full; each of the others costs n / d of that. Where
# these products do not pay, as with very large batches, S is always computed in full.
#
# Nor need training wait for the test set. One thread trains and hands on each update's
# mini-batch, step delta and later layers. The others bring S up to date, one block of
# test images at a time, and when training is over all of them do.
#
# A pixel without ink in any training image never moves its weights, and is left out of
# what is repeated: of 784, 623 remain.


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
    rng: Seed = None,
    progress: bool = False,
) -> tuple[list[Array], list[Array], dict[str, Array]]:
    """Train as nn_helpers.train does: with its arguments, its results and its errors.

    Only roundings differ: in float64 the history is the same to a relative 1e-9. An
    interrupt loses the last timesteps, a few hundred at most, weights and record alike.
    If the activations are not ReLUs and then one sigmoid, or if images, weights and
    biases differ in dtype, nn_helpers.train itself runs.
    """
    # Refuses what does not fit.
    plain.sgd(X_train, y_train, weight_matrices, biases, activations,
              batch_size=batch_size, step_size=step_size, num_epochs=num_epochs)
    X, y = check.floats("X_train", X_train), np.asarray(y_train)
    test_set = check.test_set(X_test, y_test, X)
    W, *later = (check.floats("W", W).copy() for W in weight_matrices)
    bs = [check.floats("b", b).copy() for b in biases]
    batch_size, T = int(batch_size), int(num_epochs) * -(-len(X) // int(batch_size))
    dtypes = {a.dtype for a in (X, test_set[0], W, *later, *bs)}
    if len(dtypes) > 1 or list(activations) != _relus_and_a_sigmoid(len(activations)):
        return plain.train(X_train, y_train, X_test, y_test, weight_matrices, biases,
                           activations, batch_size=batch_size, step_size=step_size,
                           num_epochs=num_epochs, rng=rng, progress=progress)
    X, inked = _without_blank_pixels(X)
    pays = _products_pay(X, test_set[0], W, min(batch_size, len(X)), T)
    blocks = _blocks(X, test_set, W, inked, pays)
    batches = plain.mini_batches(len(X), batch_size, num_epochs, check.generator(rng))
    done = [W[inked], *later], bs, 0
    chunks = _chunks(X, y, *done[:2], batches, float(step_size), blocks, pays)
    rows: list[Array] = []
    hidden = not progress or "TQDM_DISABLE" in os.environ
    try:
        with tqdm(total=T, leave=False, disable=hidden) as bar:
            for Ws, bs, more in chunks:
                rows.extend(more)
                done = Ws, bs, len(rows)  # at once: network and record belong together
                bar.update(len(more))
    except KeyboardInterrupt:
        pass
    (W[inked], *later), bs, timesteps = done
    return [W, *later], bs, plain.as_history(rows[:timesteps])


def _products_pay(X: Array, X_test: Array, W: Array, n: int, T: int) -> bool:
    """Return whether all products, and T times n of them, cost less than T passes."""
    (N, d), h = X.shape, W.shape[1]
    return N * d + T * n * h <= T * d * h and len(X_test) * N <= LARGEST_TABLE


class _Block(NamedTuple):  # of test images, as columns: what is used lies in rows
    images: Array  # (inked pixels, B)
    unchanged: Array  # (h, B), what the other pixels add to the first layer's s
    labels: Array  # (B,)
    products: Array  # (N, B), with all training images, where they pay


@quietly()
def _blocks(
    X: Array, test_set: tuple[Array, Array], W: Array, inked: Array, pays: bool
) -> list[_Block]:
    """Return the test set in blocks; inked (d,) says which pixels X has as columns."""
    blocks = []
    for start in range(0, len(test_set[0]), IMAGES):
        images, labels = (a[start:start + IMAGES].T for a in test_set)
        unchanged, images = W[~inked].T @ images[~inked], images[inked]
        products = X @ images if pays else images[:0]
        blocks.append(_Block(images, unchanged, labels, products))
    return blocks


def _chunks(
    X: Array, y: Array, Ws: list[Array], bs: list[Array], batches: Iterator[Array],
    step_size: float, blocks: list[_Block], pays: bool,
) -> Iterator[tuple[list[Array], list[Array], Array]]:
    """Yield (weight_matrices, biases, rows), the rows of history, chunk after chunk."""
    def next_chunk():
        Ws, bs, rows, jobs = waiting.popleft()
        # From the last call on: one that no thread has begun is made here.
        parts = [j.result() if j and not j.cancel() else _follow(*c) for c, j in jobs]
        return Ws, bs, np.hstack([rows, sum(parts) / m]) if parts else rows

    waiting: deque = deque()
    m = sum(len(block.labels) for block in blocks)
    pool = ThreadPoolExecutor(FOLLOWERS)
    with _one_thread_each(pays):
        try:
            while chunk := list(itertools.islice(batches, CHUNK if pays else 1)):
                rows, steps = [], []
                for k, batch in enumerate(chunk):
                    Ws, bs, g, step_delta = _update(X, y, Ws, bs, batch, step_size)
                    rows.append(_sums(g, y[batch], 1)[0] / len(batch))
                    if k > 0:
                        change = np.vstack([step_delta.sum(axis=0), step_delta]).T
                    else:  # S will be computed in full
                        W, b, change = Ws[0], bs[0], None
                    steps.append((batch, change, Ws[1:], bs[1:]))
                calls = [(block, W, b, steps) for block in blocks]
                jobs = [(c, pool.submit(_follow, *c) if pays else None) for c in calls]
                waiting.append((Ws, bs, rows, jobs[::-1]))
                if len(waiting) > ROOM or not blocks:
                    yield next_chunk()
            while waiting:
                yield next_chunk()
        finally:
            pool.shutdown(cancel_futures=True)


@quietly()
def _update(
    X: Array, y: Array, Ws: list[Array], bs: list[Array], batch: Array, step_size: float
) -> tuple[list[Array], list[Array], Array, Array]:
    """Return Ws and bs of the new network, g (n,) of the old one, and step_delta."""
    inputs = [X[batch]]
    for k, (W, b) in enumerate(zip(Ws[:-1], bs[:-1])):
        s = inputs[-1] @ W
        s += b
        check.floats(f"layer {k}: s", s)
        inputs.append(np.maximum(s, 0, out=s))
    g, _ = plain.sigmoid_activation((inputs[-1] @ Ws[-1] + bs[-1])[:, 0])

    # dL/dg times the sigmoid's derivative is g - y.
    step_delta = step_size / len(batch) * (g - y[batch].astype(g.dtype))[:, np.newaxis]
    Ws, bs = list(Ws), list(bs)
    for k in reversed(range(len(Ws))):
        x, W = inputs[k], Ws[k]
        moved = x.T @ step_delta
        Ws[k] = np.subtract(W, moved, out=moved)
        bs[k] = bs[k] - step_delta.sum(axis=0)
        if k > 0:
            step_delta = (step_delta @ W.T) * (x > 0)
    for a in Ws + bs:
        check.floats("a weight or bias after the update", a, may_be_empty=True)
    return Ws, bs, g, step_delta


@quietly()
def _follow(block: _Block, W: Array, b: Array, steps: list[tuple]) -> Array:
    """Return the sums of losses and of right answers after each of K steps, (K, 2).

    W and b are the first layer after the first step. A step is a batch, the change of S
    for a 1 and for each product with its images, (h, n + 1), and the later Ws and bs.
    """
    B, dtype = len(block.labels), W.dtype
    n = max((len(batch) for batch, *_ in steps[1:]), default=0)
    rows = np.ones((n + 1, B), dtype)  # the first for the bias, then products
    # The maximum with an array of zeros takes NumPy half the time of that with 0.
    moved, zeros = np.empty_like(block.unchanged), np.zeros_like(block.unchanged)
    logits = np.empty((len(steps), B), dtype)
    S = W.T @ block.images
    S += block.unchanged + b.T
    for k, (batch, change, Ws, bs) in enumerate(steps):
        if k > 0:
            used = rows[:len(batch) + 1]
            # Without clip, which has nothing to clip here, take makes a copy first.
            np.take(block.products, batch, axis=0, out=used[1:], mode="clip")
            S -= np.matmul(change, used, out=moved)
        s = S
        for layer, (W, b) in enumerate(zip(Ws, bs), 1):
            a = np.maximum(s, zeros, out=moved) if s is S else np.maximum(s, 0)
            s = W.T @ a + b.T
            check.floats(f"layer {layer}: s", s)
        logits[k] = s[0]
    check.floats("layer 0: s", S)  # once infinite, it stays so
    g, _ = plain.sigmoid_activation(logits)
    return _sums(g.ravel(), np.tile(block.labels, len(steps)), len(steps))


def _sums(g: Array, y: Array, K: int) -> Array:
    """Return the sums of loss and of right answers (K, 2) over K equal parts of g."""
    loss, _ = plain.logistic_loss(g, y)
    right = (g > 0.5) == (y > 0.5)
    return np.transpose([a.reshape(K, -1).sum(1, dtype=float) for a in (loss, right)])


_limiting = threading.Lock()


@contextlib.contextmanager
def _one_thread_each(wanted: bool) -> Iterator[None]:
    """Give matrix products one thread each; of runs at once, the first one does it."""
    first = wanted and _limiting.acquire(blocking=False)
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
    X_batch: Array,
    y_batch: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    epsilon: float = 1e-5,
) -> tuple[list[Array], list[Array]]:
    """Return what nn_helpers.nn_finite_difference_checker does, but for rounding.

    That function itself runs if the activations are not ReLUs and then one sigmoid.
    """
    if list(activations) != _relus_and_a_sigmoid(len(activations)):
        return plain.nn_finite_difference_checker(
            X_batch, y_batch, weight_matrices, biases, activations, epsilon
        )
    # What does not fit together is refused here, before the first difference.
    g, _ = plain.forward_pass(X_batch, weight_matrices, biases, activations)
    plain.logistic_loss(g, y_batch)
    y, epsilon = np.asarray(y_batch), check.positive("epsilon", epsilon)
    Ws, bs = ([np.array(a, float) for a in part] for part in (weight_matrices, biases))
    inputs = [x for x, *_ in plain.forward_pass(X_batch, Ws, bs, activations)[1]]
    sums = [x @ W + b for x, W, b in zip(inputs, Ws, bs)]
    grad_Ws, grad_bs = [np.empty_like(W) for W in Ws], [np.empty_like(b) for b in bs]
    for k, (W, b) in enumerate(zip(Ws, bs)):
        x = np.hstack([inputs[k], np.ones((len(y), 1))])  # a bias is a weight of 1
        width = Ws[k + 1].shape[1] if k + 1 < len(Ws) else 1
        size = max(1, LARGEST_BLOCK // (len(y) * width))
        parts = [slice(i, i + size) for i in range(0, len(W) + 1, size)]
        for q in range(W.shape[1]):
            a = np.append(W[:, q], b[0, q])
            ahead, behind = a + epsilon, a - epsilon
            if (ahead == behind).any():
                raise ValueError(f"epsilon = {epsilon} is too small to move all")
            f_ahead, f_behind = (
                np.hstack([_losses_moved(k, q, moves[:, p], sums, y, Ws, bs)
                           for p in parts])
                for moves in (x * (ahead - a), x * (behind - a))
            )
            gradient = (f_ahead - f_behind) / (ahead - behind)
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
        for W, b in zip(Ws[k + 2:], bs[k + 2:]):
            s = np.maximum(s, 0) @ W + b
    g, _ = plain.sigmoid_activation(s.reshape(n * B))
    loss, _ = plain.logistic_loss(g, np.repeat(y, B))
    return loss.reshape(n, B).mean(axis=0)
