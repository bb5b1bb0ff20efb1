"""How fast the network trains with all four curves, next to four other ways to do it.

Each contender does the same work: the same first weights, the same order of examples,
and loss and accuracy of mini-batch and test set at every timestep. They take turns,
five rounds of them; the table has medians, and ratios taken round by round. A contender
whose curves are not ours ends the benchmark.
"""

import functools
import itertools
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import sklearn
import torch
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info

import nn_faster
import nn_helpers as nn

ROUNDS = 5
ACTIVATIONS = [nn.relu_activation, nn.sigmoid_activation]
NAMES = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]


def digits(dtype):
    """Return X_train, y_train, X_test, y_test with images as rows."""
    (X, y), (X_test, y_test) = nn.get_mnist_threes_nines()
    flat = [a.reshape(len(a), -1).astype(dtype) for a in (X, X_test)]
    return flat[0], y, flat[1], y_test


def start(dtype):
    """Return the first weights and biases, and the generator that orders examples."""
    rng = np.random.default_rng(0)
    weights = nn.create_weight_matrices([784, 200, 1], rng)
    biases = nn.create_bias_vectors([784, 200, 1])
    return [W.astype(dtype) for W in weights], [b.astype(dtype) for b in biases], rng


def mini_batches(N, n, num_epochs, rng, steps):
    """Return the first steps of the run's mini-batches, as sgd draws them."""
    return list(itertools.islice(nn.mini_batches(N, n, num_epochs, rng), steps))


def ours(data, dtype, n, num_epochs, steps):
    weights, biases, rng = start(dtype)
    X, y, X_test, y_test = data
    *_, history = nn_faster.train(X, y, X_test, y_test, weights, biases, ACTIVATIONS,
                                  batch_size=n, num_epochs=num_epochs, rng=rng)
    return np.transpose([history[name] for name in NAMES])


def numpy_plain(data, dtype, n, num_epochs, steps):
    X, y, X_test, y_test = data
    weights, biases, rng = start(dtype)
    rows = []
    updates = nn.sgd(X, y, weights, biases, ACTIVATIONS,
                     batch_size=n, num_epochs=num_epochs, rng=rng)
    for (W, b, loss, hits), _ in zip(updates, range(steps)):
        g, _ = nn.forward_pass(X_test, W, b, ACTIVATIONS)
        test_loss, _ = nn.logistic_loss(g, y_test)
        rows.append([loss, hits, test_loss.mean(), nn.accuracy(g, y_test)])
    return np.array(rows)


def pytorch_eager(data, dtype, n, num_epochs, steps):
    X, y, X_test, y_test = (torch.from_numpy(a.astype(dtype)) for a in data)
    weights, biases, rng = start(dtype)
    parameters = [torch.from_numpy(a).requires_grad_() for a in [*weights, *biases]]
    W1, W2, b1, b2 = parameters
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits

    def logits(X):
        return (torch.relu(X @ W1 + b1) @ W2 + b2)[:, 0]

    def hits_of(s, y):
        return ((s > 0) == (y > 0.5)).double().mean().item()

    rows = []
    for batch in mini_batches(len(X), n, num_epochs, rng, steps):
        X_batch, y_batch = X[batch], y[batch]
        s = logits(X_batch)
        loss = loss_of(s, y_batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            s_test = logits(X_test)
            rows.append([loss.item(), hits_of(s, y_batch),
                         loss_of(s_test, y_test).item(), hits_of(s_test, y_test)])
    return np.array(rows)


@functools.cache
def _jax_run() -> Callable:
    """Return the whole run as one compiled function of data, network and batches."""
    def logits(parameters, X):
        W1, W2, b1, b2 = parameters
        return (jax.nn.relu(X @ W1 + b1) @ W2 + b2)[:, 0]

    def losses(s, y):
        return jnp.logaddexp(0, s) - y * s

    def run(X, y, X_test, y_test, parameters, batches, weights):
        def step(parameters, chosen):
            batch, weight = chosen  # a short last batch is filled up with weights of 0

            def loss_of(parameters):
                s = logits(parameters, X[batch])
                return (losses(s, y[batch]) * weight).sum(), s

            (loss, s), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters)
            parameters = [a - 0.1 * da for a, da in zip(parameters, gradients)]
            hits = (((s > 0) == (y[batch] > 0.5)) * weight).sum()
            s_test = logits(parameters, X_test)
            test_hits = ((s_test > 0) == (y_test > 0.5)).mean(dtype=s_test.dtype)
            return parameters, jnp.stack(
                [loss, hits, losses(s_test, y_test).mean(), test_hits])

        return jax.lax.scan(step, parameters, (batches, weights))[1]

    return jax.jit(run)


def jax_jit(data, dtype, n, num_epochs, steps):
    data = [jnp.asarray(a.astype(dtype)) for a in data]
    weights, biases, rng = start(dtype)
    parameters = [jnp.asarray(a) for a in [*weights, *biases]]
    chosen = mini_batches(len(data[0]), n, num_epochs, rng, steps)
    batches = np.array([np.resize(batch, n) for batch in chosen])
    shares = np.array([(np.arange(n) < len(batch)) / len(batch) for batch in chosen])
    rows = _jax_run()(*data, parameters, batches, shares.astype(dtype))
    return np.asarray(rows, float)


def scikit_learn(data, dtype, n, num_epochs, steps):
    X, y, X_test, y_test = data
    weights, biases, rng = start(dtype)
    network = MLPClassifier([200], solver="sgd", learning_rate_init=0.1, momentum=0,
                            nesterovs_momentum=False, alpha=0, batch_size=n)
    network.partial_fit(X[:n], y[:n], classes=[0, 1])  # makes its arrays
    network.coefs_, network.intercepts_ = weights, [b[0] for b in biases]
    network._optimizer.params = network.coefs_ + network.intercepts_
    rows = []
    for batch in mini_batches(len(X), n, num_epochs, rng, steps):
        network.batch_size = len(batch)
        row: list[float] = []
        for images, labels in ((X[batch], y[batch]), (X_test, y_test)):
            if row:
                network.partial_fit(X[batch], y[batch])
            g = network.predict_proba(images)[:, 1].astype(float)
            g = np.clip(g, 1e-15, 1 - 1e-15)
            row += [nn.logistic_loss(g, labels)[0].mean(), nn.accuracy(g, labels)]
        rows.append(row)
    return np.array(rows)


def without_test_curves(data, dtype, n, num_epochs, steps):
    weights, biases, rng = start(dtype)
    X, y, *_ = data
    *_, history = nn_faster.train(X, y, None, None, weights, biases, ACTIVATIONS,
                                  batch_size=n, num_epochs=num_epochs, rng=rng)
    return np.transpose([history[name] for name in NAMES[:2]])


def compare(contenders: list[Callable], dtype, n, num_epochs, short=None):
    """Print a row for each contender: median seconds, and times over ours, by round.

    With short, all but the first do that many timesteps only, scaled to the whole run.
    """
    data = digits(dtype)
    if jax_jit in contenders:  # once before, for it to be compiled
        jax_jit(data, dtype, n, num_epochs, None)
    T = num_epochs * -(-len(data[0]) // n)
    seconds = np.zeros((ROUNDS, len(contenders)))
    for row in seconds:
        for k, contender in enumerate(contenders):
            steps = T if k == 0 or not short else short
            begin = time.perf_counter()
            curves = contender(data, dtype, n, num_epochs, steps)
            row[k] = (time.perf_counter() - begin) * T / len(curves)
            if k == 0:
                our_curves = curves
            expected = our_curves[:steps, :curves.shape[1]]
            apart = abs(curves - expected) / np.maximum(abs(expected), 1e-6)
            if apart.max() > (1e-9 if dtype == np.float64 else 0.05):
                sys.exit(f"{contender.__name__}: curves differ by {apart.max():.1e}")
    for name, column in zip(contenders, seconds.T):
        low, ratio, high = np.percentile(column / seconds[:, 0], [0, 50, 100])
        note = f" ({low:.2f} to {high:.2f})" if ratio != 1 else ""
        note += f", scaled from {short} of {T} timesteps" if note and short else ""
        print(f"    {name.__name__.replace('_', ' '):24s}{np.median(column):8.2f} s"
              f"{ratio:8.2f} x{note}", flush=True)
    return np.median(seconds[:, 0])


def matrix_product_rate(dtype) -> float:
    """Return the machine's rate of multiplications and additions, per second."""
    a = np.ones((2000, 2000), dtype)
    seconds = []
    for _ in range(10):
        begin = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - begin)
    return 2 * 2000**3 / np.median(seconds)


def peak_memory() -> float:
    """Return the peak memory in MB of a process that does our run alone."""
    script = (
        "import resource, nn_faster, nn_helpers as nn\n"
        "(X, y), (X_test, y_test) = nn.get_mnist_threes_nines()\n"
        "X, X_test = X.reshape(-1, 784), X_test.reshape(-1, 784)\n"
        "W, b = nn.create_weight_matrices([784, 200, 1], 0), "
        "nn.create_bias_vectors([784, 200, 1])\n"
        "nn_faster.train(X, y, X_test, y_test, W, b, "
        "[nn.relu_activation, nn.sigmoid_activation], rng=0)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True
    )
    return int(done.stdout) / (1e6 if sys.platform == "darwin" else 1e3)


def differences_seconds() -> float:
    """Return the median time for all 157,201 derivatives by finite differences."""
    X, y, *_ = digits(np.float64)
    weights, biases, _ = start(np.float64)
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        nn_faster.nn_finite_difference_checker(
            X[:100], y[:100], weights, biases, ACTIVATIONS
        )
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


def cpu_name() -> str:
    """Return the name of the CPU, as far as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def blas() -> str:
    """Return the library of NumPy's matrix products and the kernel that it uses."""
    for found in threadpool_info():
        if found["user_api"] == "blas" and "numpy" in found["filepath"]:
            kernel = found.get("architecture", "?")
            return f"{found['internal_api']} {found['version']} ({kernel})"
    return "an unknown BLAS"


def main() -> None:
    warnings.simplefilter("ignore")
    # First, because a new process is charged with the size of the one that starts it.
    megabytes = peak_memory()
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores; "
          f"NumPy {np.__version__} with {blas()}, PyTorch {torch.__version__}, "
          f"JAX {jax.__version__}, scikit-learn {sklearn.__version__}; medians of "
          f"{ROUNDS} rounds in turn, times over ours (least to most)")
    for dtype in (np.float64, np.float32):
        jax.config.update("jax_enable_x64", dtype == np.float64)
        print(f"\n  784-200-1, batches of 100, 605 timesteps, {dtype.__name__}")
        ours_seconds = compare(
            [ours, numpy_plain, pytorch_eager, jax_jit, scikit_learn,
             without_test_curves], dtype, 100, 5)
        m, N, d, h = 2019, 12080, 784, 200
        training = 5 * N * h * 2 * d
        rate = matrix_product_rate(dtype)
        bound = 2 * (training + m * N * d + 7 * m * d * h + 5 * N * h * m) / rate
        in_full = 2 * (training + 605 * m * d * h) / rate
        print(f"    our arithmetic, at the rate of a matrix product: {bound:.2f} s; "
              f"ours takes {ours_seconds / bound:.2f} x that\n"
              f"    the same with passes in full: {in_full:.2f} s")
    print("\n  batches of 1, one epoch, 12080 timesteps, float64")
    compare([ours, numpy_plain], np.float64, 1, 1, short=400)
    print("\n  all 157,201 derivatives of 784-200-1 by finite differences, n = 100: "
          f"{differences_seconds():.2f} s")
    print("  peak memory of the run with batches of 100, float64: "
          f"{megabytes:.0f} MB")


if __name__ == "__main__":
    main()
