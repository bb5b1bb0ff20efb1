"""The same training, the same derivatives, sooner.

nn_helpers is written to be read. This file does two of its jobs in less time, and the
tests hold each to the plain version. Both rest on one remark: where little changes in a
network, little of the forward pass needs to be done again.

    training             timesteps, updater, follower
    finite differences   gradients_in_blocks

Only networks of ReLUs that end in one sigmoid are handled here. The arguments are those
of nn_helpers, which has checked that they fit.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

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

LARGEST_TABLE = 2**28  # bytes of inner products; with more, passes are done in full
AFRESH = 100  # timesteps after which S is done anew, lest its roundings add up
BLOCK = 2**20  # numbers in the largest array that a block of finite differences makes


def handles(activations: Sequence[Activation]) -> bool:
    """Return whether these are ReLUs and then one sigmoid."""
    *hidden, last = activations
    return last is sigmoid_activation and all(a is relu_activation for a in hidden)


# --------------------------------------------------------------------------------------
# Training
# --------------------------------------------------------------------------------------

def timesteps(
    X_test: Array | None,
    X: Array,
    y: Array,
    weight_matrices: Sequence[Array],
    biases: Sequence[Array],
    activations: Sequence[Activation],
    *,
    batch_size: int,
    step_size: float,
    num_epochs: int,
    rng: np.random.Generator | int | None,
) -> Iterator[tuple[list[Array], list[Array], float, float, Array | None]]:
    """Yield (weight_matrices, biases, loss, accuracy, g_test) after each update.

    It is what sgd yields, with the outputs g_test (m,) for X_test (m, d), or None
    without it. The arrays of the network are overwritten two timesteps later.
    """
    X, y = _floats("X", X), _floats("y", y)
    Ws = [_floats("W", W) for W in weight_matrices]
    bs = [_floats("b", b) for b in biases]
    dtype = np.result_type(X, *Ws, *bs)
    X, Ws, bs = X.astype(dtype, copy=False), _copies(Ws, dtype), _copies(bs, dtype)

    update = updater(X, y.astype(dtype), Ws, bs, step_size)
    g_test, test_outputs = None, None
    if X_test is not None:
        X_test, n = X_test.astype(dtype, copy=False), min(batch_size, len(X))
        test_outputs = follower(X, X_test, Ws, n, num_epochs * -(-len(X) // n))
    for batch in _batches(len(X), batch_size, num_epochs, _generator(rng)):
        Ws, bs, g, change = update(batch)
        if test_outputs is not None:
            g_test = test_outputs(Ws, bs, batch, change)
        loss, _ = logistic_loss(g, y[batch])
        yield Ws, bs, float(loss.mean()), accuracy(g, y[batch]), g_test


def _copies(arrays: list[Array], dtype: np.dtype) -> list[Array]:
    return [np.array(a, dtype) for a in arrays]


# sgd makes some ten arrays of the weights' size at each timestep and looks through each
# for infinities. Here there are two sets of weights and biases: while the next network
# is written into one of them, the other holds the last complete one.

def updater(
    X: Array, y: Array, Ws: list[Array], bs: list[Array], step_size: float
) -> Callable[[Array], tuple[list[Array], list[Array], Array, Array]]:
    """Return a function that trains on some rows of X: batch -> (Ws, bs, g, change).

    Ws and bs are the network after this update and are overwritten by the second next.
    g (n,) are the mini-batch's outputs before it; change (n, h) is step_size times
    delta of the first layer.
    """
    old, new = (Ws, bs), (_copies(Ws, X.dtype), _copies(bs, X.dtype))

    @_quietly()
    def update(batch):
        nonlocal old, new
        (Ws, bs), (new_Ws, new_bs) = old, new
        inputs = [X[batch]]
        for W, b in zip(Ws[:-1], bs[:-1]):
            s = inputs[-1] @ W
            s += b
            inputs.append(np.maximum(s, 0, out=s))
        g, _ = sigmoid_activation((inputs[-1] @ Ws[-1] + bs[-1])[:, 0])

        # dL/dg times the sigmoid's derivative is g - y.
        change = ((g - y[batch]) * (step_size / len(batch)))[:, np.newaxis]
        for k in reversed(range(len(Ws))):
            np.matmul(inputs[k].T, change, out=new_Ws[k])
            np.subtract(Ws[k], new_Ws[k], out=new_Ws[k])
            np.subtract(bs[k], change.sum(axis=0, keepdims=True), out=new_bs[k])
            if k > 0:
                change = (change @ Ws[k].T) * (inputs[k] > 0)
        for a in new_Ws + new_bs:
            if not np.isfinite(a.sum()):  # quicker than to look at each number
                _floats("a weight or bias after the update", a)
        old, new = new, old
        return new_Ws, new_bs, g, change

    return update


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

def follower(
    X: Array, X_test: Array, Ws: list[Array], batch_size: int, num_timesteps: int
) -> Callable[[list[Array], list[Array], Array, Array], Array]:
    """Return a function from (Ws, bs, batch, change) to the outputs for X_test, (m,).

    It is to be called after each update, in turn, with what the update returned.
    """
    (N, d), m, h = X.shape, len(X_test), Ws[0].shape[1]
    S, hidden, zeros = np.zeros((3, m, h), X.dtype)
    passes = 0

    # Multiplications for each test image: all inner products, then n of d columns.
    pays = N * d + num_timesteps * batch_size * h < num_timesteps * d * h
    fits = N * m * S.itemsize <= LARGEST_TABLE
    if pays and fits:
        with _quietly():
            products = X @ X_test.T
        rows = np.ones((batch_size + 1, m), X.dtype)  # the last one belongs to the bias

    @_quietly()
    def outputs(Ws, bs, batch, change):
        nonlocal passes
        if pays and fits and passes % AFRESH:
            first = batch_size - len(batch)
            # Without clip, which has nothing to clip here, take makes a copy first.
            np.take(products, batch, axis=0, out=rows[first:-1], mode="clip")
            factors = np.vstack([change, change.sum(axis=0)])
            np.matmul(rows[first:].T, factors, out=hidden)
            np.subtract(S, hidden, out=S)
        else:
            np.matmul(X_test, Ws[0], out=S)
            np.add(S, bs[0], out=S)
        passes += 1
        out = S
        for W, b in zip(Ws[1:], bs[1:]):
            out = np.maximum(out, zeros, out=hidden) if out is S else np.maximum(out, 0)
            out = out @ W + b
        return sigmoid_activation(out[:, 0])[0]

    return outputs


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
    Ws, bs = (_copies(a, np.dtype(float)) for a in (weight_matrices, biases))
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
