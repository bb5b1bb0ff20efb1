"""Right solutions in other styles: the first is whole, the others change it."""

LOOPS = '''
import math
import numpy as np

def finite_difference_gradient(f, a, eps=1e-5):
    a = np.array(a, dtype=float)
    flat, out = a.reshape(-1), []
    for k in range(flat.size):
        flat[k] += eps
        up = f(a)
        flat[k] -= 2 * eps
        down = f(a)
        flat[k] += eps
        out.append((up - down) / (2 * eps))
    return np.array(out).reshape(a.shape)

def sigmoid_activation(s):
    out = np.zeros(np.shape(s))
    for k, v in np.ndenumerate(s):
        out[k] = 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v))
    out = np.clip(out, 1e-15, 1 - 1e-15)
    return [out, out - out**2]

def logistic_loss(g, y):
    pairs = list(zip(g, y))
    return (np.array([-math.log(a if b else 1 - a) for a, b in pairs]),
            np.array([-1 / a if b else 1 / (1 - a) for a, b in pairs]))

def relu_activation(s):
    return s * (s > 0), s > 0

def layer_forward(x, W, b, activation_fn):
    s = np.array([[sum(x[i, p] * W[p, q] for p in range(len(W))) + b[0, q]
                   for q in range(W.shape[1])] for i in range(len(x))])
    out, slope = activation_fn(s)
    return out, {"weights": W.tolist(), "slope": slope, "input": x}

def create_weight_matrices(layer_dims):
    return [0.01 * np.random.randn(layer_dims[k], layer_dims[k + 1])
            for k in range(len(layer_dims) - 1)]

def create_bias_vectors(layer_dims):
    return [[[0] * d] for d in layer_dims[1:]]

def forward_pass(X_batch, weight_matrices, biases, activations):
    caches = []
    for k in range(len(biases)):
        X_batch, cache = layer_forward(
            X_batch, weight_matrices[k], biases[k], activations[k])
        caches.insert(0, cache)
    return X_batch.ravel(), caches

def backward_pass(dL_dg, layer_caches):
    n = len(dL_dg)
    back, grad_Ws, grad_bs = dL_dg.reshape(n, 1), [], []
    for c in layer_caches:
        delta = back * c["slope"]
        grad_Ws.insert(0, sum(np.outer(c["input"][i], delta[i]) for i in range(n)) / n)
        grad_bs.insert(0, np.array([[sum(column) / n for column in delta.T]]))
        back = np.array([[sum(d * w for d, w in zip(row, weights))
                          for weights in c["weights"]] for row in delta])
    return grad_Ws, grad_bs

def nn_finite_difference_checker(
        X_batch, y_batch, weight_matrices, biases, activations):
    found = []
    for arrays in (weight_matrices, biases):
        found.append([])
        for a in arrays:
            grad = np.zeros_like(a)
            for k in np.ndindex(a.shape):
                losses, kept = [], a[k]
                for step in (1e-5, -1e-5):
                    a[k] = kept + step
                    g, _ = forward_pass(X_batch, weight_matrices, biases, activations)
                    losses.append(np.mean(logistic_loss(g, y_batch)[0]))
                a[k] = kept
                grad[k] = (losses[0] - losses[1]) / 2e-5
            found[-1].append(grad)
    return found

def train(X, y, X_test, y_test, Ws, bs, acts, batch_size=100, step_size=.1,
          num_epochs=5, rng=None):
    (W1, W2), (b1, b2) = Ws, bs
    def run(X, y):
        s = X @ W1 + b1
        a = np.maximum(s, 0)
        g = 1 / (1 + np.exp(-(a @ W2 + b2)[:, 0]))
        return s, a, g, -np.mean(np.log(np.where(y, g, 1 - g))), np.mean((g > .5) == y)
    h = {k: [] for k in ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]}
    for epoch in range(num_epochs):
        order = list(range(len(X)))
        np.random.shuffle(order)
        for start in range(0, len(X), batch_size):
            rows = order[start:start + batch_size]
            xs, ys = X[rows], y[rows]
            s, a, g, *before = run(xs, ys)
            d2 = (g - ys)[:, None] / len(xs)
            d1 = d2 @ W2.T * (s > 0)
            W1, b1 = W1 - step_size * xs.T @ d1, b1 - step_size * d1.sum(0)
            W2, b2 = W2 - step_size * a.T @ d2, b2 - step_size * d2.sum(0)
            for k, number in zip(h, [*before, *run(X_test, y_test)[-2:]]):
                h[k].append(number)
    return [W1, W2], [b1, b2], h
'''

EINSUM = LOOPS + '''
from dataclasses import dataclass
GENERATOR = np.random.default_rng(0)

@dataclass
class Memo:
    x: np.ndarray
    n: int

def sigmoid_activation(s):
    g = np.clip((1 + np.tanh(np.asarray(s) / 2)) / 2, 1e-15, 1 - 1e-15)
    g = np.where(np.asarray(s) < -20, np.maximum(np.exp(np.minimum(s, 0)), 1e-15), g)
    return g, g * (1 - g)

def relu_activation(s):
    return np.where(s > 0, s, 0).astype(np.float32), np.heaviside(s, 0)

def create_weight_matrices(layer_dims, rng=None):
    return [GENERATOR.normal(scale=0.01, size=s).astype(np.float32)
            for s in zip(layer_dims, layer_dims[1:])]

def create_bias_vectors(layer_dims):
    return [GENERATOR.normal(scale=0.01, size=(1, d)) for d in layer_dims[1:]]

def layer_forward(x, W, b, activation_fn):
    x, W, b = (a.astype(np.float32) for a in (x, W, b))
    s = np.einsum("np,pq->nq", x, W) + b
    return activation_fn(s)[0], (lambda: activation_fn(s)[1], W, Memo(x, len(x)))

def forward_pass(X_batch, weight_matrices, biases, activations):
    caches = [None] * len(biases)
    for k, layer in enumerate(zip(weight_matrices, biases, activations)):
        X_batch, caches[k] = layer_forward(X_batch, *layer)
    return np.squeeze(X_batch, 1), tuple(caches)

def backward_pass(dL_dg, layer_caches):
    grads, back = [], dL_dg[:, None] / dL_dg.size
    for slope, W, m in layer_caches[::-1]:
        back = np.einsum("nq,nq->nq", back, slope())
        grads.append((m.x.T @ back, np.einsum("nq->q", back)[None]))
        back = np.einsum("nq,pq->np", back, W)
    return tuple(zip(*grads[::-1]))
'''

CLASSES = LOOPS + '''
from typing import NamedTuple

def forward_pass(X_batch, weight_matrices, biases, activations):
    caches = []
    for layer in zip(weight_matrices, biases, activations):
        X_batch, cache = layer_forward(X_batch, *layer)
        caches += [cache]
    return np.squeeze(X_batch, 1), tuple(caches)

class Layer(NamedTuple):
    x: np.ndarray
    W: np.ndarray
    s: np.ndarray
    slope: np.ndarray

def layer_forward(x, W, b, activation_fn):
    s = (x[:, :, None] * W[None]).sum(axis=1) + b
    out, slope = activation_fn(s)
    return out, Layer(x, W, s, slope)

def backward_pass(dL_dg, layer_caches):
    def walk(back, layers):
        if not layers:
            return [], []
        *before, layer = layers
        delta = back * layer.slope
        Ws, bs = walk(delta @ layer.W.T, before)
        return Ws + [layer.x.T @ delta], bs + [np.ones((1, len(delta))) @ delta]
    return walk(dL_dg.reshape(-1, 1) / len(dL_dg), list(layer_caches))

def train(*data, rng=None, **options):
    """Shuffle with a generator of its own, and update without changing in place."""
    X, y, X_test, y_test, Ws, bs, acts = data
    n, rng, rows = options["batch_size"], np.random.default_rng(), []
    for _ in range(options["num_epochs"]):
        for batch in np.array_split(rng.permutation(len(X)), range(n, len(X), n)):
            g, caches = forward_pass(X[batch], Ws, bs, acts)
            loss, slope = logistic_loss(g, y[batch])
            Ws, bs = [[a - options["step_size"] * d for a, d in zip(*pair)]
                      for pair in zip((Ws, bs), backward_pass(slope, caches))]
            after, _ = forward_pass(X_test, Ws, bs, acts)
            rows.append([np.mean(loss), np.mean((g > 0.5) == (y[batch] > 0.5)),
                         np.mean(logistic_loss(after, y_test)[0]),
                         np.mean((after > 0.5) == (y_test > 0.5))])
    names = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    return Ws, bs, dict(zip(names, np.array(rows).T))
'''

TUPLES = (CLASSES.replace("Layer(x, W, s, slope)", "(x, W, slope)")
          .replace("        delta = ", "        x, W, slope = layer\n        delta = ")
          .replace("layer.", ""))

PARTLY_INLINED = CLASSES.replace(
    "np.mean(loss)", "-np.mean(np.log(abs(1 - y[batch] - g)))")

BY_POSITION = CLASSES + '''
def layer_forward(x, W, b, f):
    s = x @ W + b
    return f(s)[0], (x, W, s)

def backward_pass(dL_dg, layer_caches):
    back, grads = dL_dg[:, None] / len(dL_dg), ([], [])
    for k, (x, W, s) in reversed(list(enumerate(layer_caches, 1))):
        g = 1 / (1 + np.exp(-s))
        back = back * (s > 0) if k < len(layer_caches) else back * g * (1 - g)
        grads[0].insert(0, x.T @ back)
        grads[1].insert(0, back.sum(axis=0, keepdims=True))
        back = back @ W.T
    return grads
'''
