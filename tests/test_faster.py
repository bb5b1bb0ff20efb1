"""nn_faster does what the plain code of nn_helpers does: histories and derivatives."""

from concurrent.futures import Future

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nn_faster
from networks import activations_for, nearest_corner, random_network
from nn_helpers import (
    accuracy,
    create_bias_vectors,
    create_weight_matrices,
    finite_difference_gradient,
    forward_pass,
    get_mnist_threes_nines,
    logistic_loss,
    nn_finite_difference_checker,
    relu_activation,
    sgd,
    sigmoid_activation,
    train,
)

CURVES = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]


def straightforward(X, y, X_test, y_test, weights, biases, activations, **options):
    """Train by sgd, with one forward pass over the test set after each update."""
    record = []
    for W, b, loss, hits in sgd(X, y, weights, biases, activations, **options):
        g, _ = forward_pass(X_test, W, b, activations)
        record.append(
            [loss, hits, logistic_loss(g, y_test)[0].mean(), accuracy(g, y_test)]
        )
    return W, b, dict(zip(CURVES, np.transpose(record)))


def data_and_network(layer_dims, seed, N=60, m=25):
    X, y, weights, biases = random_network(
        np.random.default_rng(seed), layer_dims, N + m
    )
    return X[:N], y[:N], X[N:], y[N:], weights, biases, activations_for(weights)


# ---- Training --------------------------------------------------------------------


def follow(arguments, **options):
    """Train by nn_faster.timesteps, whether or not it pays; return what train does."""
    defaults = {"batch_size": 100, "step_size": 0.1, "num_epochs": 5, "rng": None}
    X, y, X_test, y_test, weights, biases, _ = arguments
    yielded = list(
        nn_faster.timesteps(X, y, X_test, y_test, weights, biases, **defaults | options)
    )
    W, b, _ = yielded[-1]
    rows = np.concatenate([rows for *_, rows in yielded])
    return W, b, dict(zip(CURVES, rows.T))


def assert_same(run, plain_run):
    (W, b, history), (plain_W, plain_b, plain) = run, plain_run
    for name in CURVES:
        assert np.allclose(history[name], plain[name], rtol=1e-9, atol=1e-12), name
    for a, plain_a in zip(W + b, plain_W + plain_b, strict=True):
        assert np.allclose(a, plain_a, rtol=1e-9, atol=1e-12)


@pytest.mark.e
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("batch_size", [1, 7, 59, 60, 100])
@pytest.mark.parametrize(
    "layer_dims", [(40, 1), (40, 6, 1), (40, 6, 5, 1), (40, 8, 7, 6, 5, 1), (3, 9, 1)]
)
def test_the_whole_history_is_the_straightforward_one(
    monkeypatch, layer_dims, batch_size, seed
):
    arguments = data_and_network(layer_dims, seed)
    options = {"batch_size": batch_size, "num_epochs": 3, "step_size": 0.2, "rng": seed}
    plain = straightforward(*arguments, **options)
    assert_same(train(*arguments, **options), plain)
    for afresh in (1, 10, 100):
        monkeypatch.setattr(nn_faster, "CHUNK", afresh)
        assert_same(follow(arguments, **options), plain)


class AtOnce:
    """In the place of threads: what is submitted is done when submit returns."""

    def __init__(self, number):
        assert number == nn_faster.FOLLOWERS

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


class AtLast(AtOnce):
    """In the place of threads: what is submitted is not done until it is asked for."""

    def submit(self, function, *arguments):
        class Waiting(Future):
            def result(self):
                return function(*arguments)

        return Waiting()


@pytest.mark.e
@pytest.mark.parametrize("executor, behind", [(AtOnce, 0), (AtLast, 1)])
@pytest.mark.parametrize("followers", [1, 2, 5])
@pytest.mark.parametrize("chunk, largest", [(4, 2**22), (100, 5 * 102 - 1)])
def test_how_many_updates_are_handed_on_at_a_time(
    monkeypatch, chunk, largest, followers, executor, behind
):
    """Of each update 7 * 6 + 30 + 5 + 25 numbers are kept: either way four fit."""
    monkeypatch.setattr(nn_faster, "CHUNK", chunk)
    monkeypatch.setattr(nn_faster, "LARGEST_CHUNK", largest)
    monkeypatch.setattr(nn_faster, "FOLLOWERS", followers)
    monkeypatch.setattr(nn_faster, "ThreadPoolExecutor", executor)
    calls, real = [], nn_faster._update

    def noting(*arguments):
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(nn_faster, "_update", noting)
    X, y, X_test, y_test, *network = data_and_network((40, 6, 5, 1), 0)
    options = {"batch_size": 7, "step_size": 0.1, "num_epochs": 3, "rng": 0}
    T, yielded = 27, []
    plain = list(sgd(X, y, *network, **options))
    for W, b, rows in nn_faster.timesteps(
        X, y, X_test, y_test, *network[:2], **options
    ):
        # What is done is yielded, and no more waits than the threads can take.
        assert len(calls) == min(T, 4 * (len(yielded) + 1 + followers * behind))
        yielded.append(len(rows))
        plain_W, plain_b, *_ = plain[sum(yielded) - 1]
        for a, plain_a in zip(W + b, plain_W + plain_b, strict=True):
            assert np.allclose(a, plain_a, rtol=1e-12, atol=1e-14)
    assert yielded == [4] * 6 + [3]


@pytest.mark.e
def test_the_threads_number_changes_nothing(monkeypatch):
    monkeypatch.setattr(nn_faster, "CHUNK", 3)
    arguments, runs = data_and_network((40, 6, 5, 1), 0), []
    for followers in (1, 2, 2, 8):
        monkeypatch.setattr(nn_faster, "FOLLOWERS", followers)
        runs.append(follow(arguments, batch_size=7, rng=0))
    for W, b, history in runs[1:]:
        for a, first in zip(W + b, runs[0][0] + runs[0][1], strict=True):
            assert np.array_equal(a, first)
        assert all(np.array_equal(history[k], runs[0][2][k]) for k in CURVES)


def blas_threads():
    """Return the number of threads of NumPy's matrix products, if it can be told."""
    return [a["num_threads"] for a in threadpool_info() if a["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    with threadpool_limits(limits=2, user_api="blas"):
        yield


@pytest.mark.e
@pytest.mark.parametrize("strike", [None, KeyboardInterrupt, ValueError])
def test_products_take_one_thread_for_as_long_as_it_runs(
    monkeypatch, strike, two_threads
):
    before, during = blas_threads(), []
    real_follow, real_update = nn_faster._follow, nn_faster._update

    def noting_follow(*arguments):
        during.append(blas_threads())
        return real_follow(*arguments)

    def noting_update(*arguments):
        during.append(blas_threads())
        if strike and len(during) > 6:
            raise strike
        return real_update(*arguments)

    monkeypatch.setattr(nn_faster, "_follow", noting_follow)
    monkeypatch.setattr(nn_faster, "_update", noting_update)
    arguments = data_and_network((40, 6, 1), 0)
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    if strike is ValueError:
        with pytest.raises(ValueError):
            train(*arguments, **options)
    else:
        train(*arguments, **options)
    assert during and all(threads == [1] * len(before) for threads in during)
    assert blas_threads() == before == [2] * len(before)


@pytest.mark.e
@pytest.mark.parametrize("first, last", [(0, 1), (1, 0)])
def test_the_last_of_two_runs_at_once_gives_the_threads_back(first, last, two_threads):
    before, (*data, _) = blas_threads(), data_and_network((40, 6, 1), 0)
    options = {"batch_size": 7, "step_size": 0.1, "num_epochs": 3, "rng": 0}
    runs = [nn_faster.timesteps(*data, **options) for _ in range(2)]
    for run in runs:
        next(run)
    assert blas_threads() == [1] * len(before)
    list(runs[first])
    assert blas_threads() == [1] * len(before)
    list(runs[last])
    assert blas_threads() == before == [2] * len(before)


@pytest.mark.e
@pytest.mark.parametrize("executor, behind", [(AtOnce, 0), (AtLast, 2)])
@pytest.mark.parametrize("strike_at", [0, 1, 11, 12, 13, 30, 53])
def test_an_interrupt_amid_the_updates_keeps_what_was_recorded(
    monkeypatch, strike_at, executor, behind
):
    """Four updates are handed on at a time."""
    monkeypatch.setattr(nn_faster, "CHUNK", 4)
    monkeypatch.setattr(nn_faster, "ThreadPoolExecutor", executor)
    calls, real = [], nn_faster._update

    def striking(*arguments):
        if len(calls) == strike_at:
            raise KeyboardInterrupt
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(nn_faster, "_update", striking)
    X, y, X_test, y_test, *network = data_and_network((40, 6, 1), 0)
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    W, b, history = train(X, y, X_test, y_test, *network, **options)
    done = max(0, strike_at // 4 - behind) * 4
    assert [len(history[name]) for name in CURVES] == [done] * 4
    expected = network[0]
    if done:
        expected, *_ = list(sgd(X, y, *network, **options))[done - 1]
    for a, plain in zip(W, expected, strict=True):
        assert np.allclose(a, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.e
@pytest.mark.parametrize("batch_size", [7, 60])
@pytest.mark.parametrize("layer_dims", [(40, 1), (40, 6, 5, 1)])
def test_without_a_test_set_it_yields_what_sgd_yields(
    monkeypatch, layer_dims, batch_size
):
    X, y, _, _, *network = data_and_network(layer_dims, 0)
    options = {"batch_size": batch_size, "num_epochs": 3, "step_size": 0.2, "rng": 5}
    steps = list(nn_faster.updates(X, y, *network[:2], **options))
    plain_steps = list(sgd(X, y, *network, **options))
    for step, plain in zip(steps, plain_steps, strict=True):
        assert np.allclose(step[2:], plain[2:], rtol=1e-9, atol=0)
        for a, b in zip(step[0] + step[1], plain[0] + plain[1], strict=True):
            assert np.allclose(a, b, rtol=1e-9, atol=1e-12)

    seen = []

    def noting(*arguments, **options):
        seen.append(options)
        return iter(steps)

    monkeypatch.setattr(nn_faster, "updates", noting)
    W, _, history = train(X, y, None, None, *network, **options)
    assert seen == [options]
    assert all(a is b for a, b in zip(W, steps[-1][0], strict=True))
    assert np.array_equal(history["train_loss"], [step[2] for step in steps])
    assert np.array_equal(history["train_accuracy"], [step[3] for step in steps])


@pytest.mark.e
@pytest.mark.parametrize(
    "change, expected",
    [
        ({}, True),
        # 6 * 4 + T * 2 * 3 < T * 4 * 3 from T = 5 on, and an epoch has 3 timesteps
        ({"num_epochs": 1}, False),
        ({"num_epochs": 0}, False),
        ({"batch_size": 3, "num_epochs": 4}, False),  # 24 + 8 * 9 = 8 * 12
        ({"batch_size": 3, "num_epochs": 5}, True),
        ({"batch_size": 4, "num_epochs": 99}, False),
        ({"batch_size": 99, "num_epochs": 99}, False),
        # An epoch of 3, the last one shorter: 20 + 3 * 8 < 3 * 16, but not with 2.5.
        ({"layer_dims": (4, 4, 1), "N": 5, "num_epochs": 1}, True),
        ({"LARGEST_TABLE": 6 * 5}, True),
        ({"LARGEST_TABLE": 6 * 5 - 1}, False),
        ({"LARGEST_CHUNK": 10 * (2 * 3 + 3 + 5)}, True),
        ({"LARGEST_CHUNK": 10 * (2 * 3 + 3 + 5) - 1}, False),
        ({"layer_dims": (4, 30, 1), "m": 50, "LARGEST_CHUNK": 50 * 30}, True),
        ({"layer_dims": (4, 30, 1), "m": 50, "LARGEST_CHUNK": 50 * 30 - 1}, False),
        ({"activations": [sigmoid_activation, sigmoid_activation]}, False),
        ({"single": ["X", "X_test", "weights", "biases"]}, True),
        ({"single": ["X", "weights", "biases"]}, False),
        ({"single": ["X_test"]}, False),
        *(
            ({"single": [name for name in ("X", "weights", "biases") if name != double],
              "m": m}, True)
            for double in ("X", "weights", "biases") for m in (5, 6)
        ),
    ],
)
def test_it_is_done_where_it_pays_and_fits(monkeypatch, change, expected):
    options = {"batch_size": 2, "num_epochs": 2, "rng": 0} | change
    names = ("X", "y", "X_test", "y_test", "weights", "biases", "activations")
    data = dict(zip(names, data_and_network(
        options.pop("layer_dims", (4, 3, 1)), 0, options.pop("N", 6),
        options.pop("m", 5)
    )))  # fmt: skip
    for name in options.pop("single", []):
        if isinstance(data[name], list):
            data[name] = [a.astype(np.float32) for a in data[name]]
        else:
            data[name] = data[name].astype(np.float32)
    X, y, X_test, y_test, weights, biases, activations = data.values()
    activations = options.pop("activations", activations)
    for name in ("LARGEST_TABLE", "LARGEST_CHUNK"):
        if name in options:
            monkeypatch.setattr(nn_faster, name, options.pop(name))
    seen, real = [], nn_faster.timesteps

    def noting(*arguments, **options):
        seen.append(options)
        return real(*arguments, **options)

    monkeypatch.setattr(nn_faster, "timesteps", noting)
    network = weights, biases, activations
    *_, history = train(X, y, X_test, y_test, *network, step_size=0.3, **options)
    assert seen == [{"step_size": 0.3} | options] * expected
    if options["num_epochs"]:
        *_, plain = straightforward(
            X, y, X_test, y_test, *network, step_size=0.3, **options
        )
        rtol = 1e-5 if "single" in change else 1e-9
        for name in CURVES:
            assert np.allclose(history[name], plain[name], rtol=rtol, atol=1e-12)


@pytest.mark.e
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_an_epoch_on_the_digits(dtype, rtol):
    (X, y), (X_test, y_test) = get_mnist_threes_nines()
    rng = np.random.default_rng(0)
    weights = [W.astype(dtype) for W in create_weight_matrices([784, 200, 1], rng)]
    biases = [b.astype(dtype) for b in create_bias_vectors([784, 200, 1])]
    arguments = (
        X.reshape(-1, 784).astype(dtype), y, X_test.reshape(-1, 784).astype(dtype),
        y_test, weights, biases, [relu_activation, sigmoid_activation],
    )  # fmt: skip
    W, _, history = train(*arguments, num_epochs=1, rng=1)
    plain_W, _, plain = straightforward(*arguments, num_epochs=1, rng=1)
    assert W[0].dtype == dtype
    for name in ("train_loss", "test_loss"):
        assert np.allclose(history[name], plain[name], rtol=rtol, atol=0)
    # In float32 a digit on the border may fall to the other side.
    for name in ("train_accuracy", "test_accuracy"):
        assert np.allclose(
            history[name], plain[name], rtol=0, atol=0 if rtol < 1e-6 else 2 / 100
        )


@pytest.mark.e
def test_float32_data_and_float64_weights_train_in_float64():
    X, y, X_test, y_test, *network = data_and_network((40, 6, 1), 3)
    arguments = X.astype(np.float32), y, X_test.astype(np.float32), y_test, *network
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    W, _, history = train(*arguments, **options)
    _, _, plain = straightforward(*arguments, **options)
    assert W[0].dtype == np.float64
    assert np.allclose(history["test_loss"], plain["test_loss"], rtol=1e-9, atol=0)


@pytest.mark.e
@pytest.mark.parametrize("wide", range(4))
def test_one_float64_array_makes_it_all_float64(wide):
    X, y, X_test, y_test, weights, biases, activations = data_and_network((40, 6, 1), 3)
    arrays = [X, weights[0], weights[1], biases[0]]
    single = [a.astype(np.float64 if k == wide else "f4") for k, a in enumerate(arrays)]
    arguments = (
        single[0], y, X_test.astype("f4"), y_test, single[1:3],
        [single[3], biases[1].astype("f4")], activations,
    )  # fmt: skip
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    W, b, history = train(*arguments, **options)
    _, _, plain = straightforward(*arguments, **options)
    assert all(a.dtype == np.float64 for a in W + b)
    # There the first few products are float32 still.
    assert np.allclose(history["test_loss"], plain["test_loss"], rtol=1e-5, atol=0)


@pytest.mark.e
def test_lists_and_integers_train_too():
    X, y, X_test, y_test, weights, biases, activations = data_and_network((40, 6, 1), 3)
    X, X_test = np.rint(X).astype(int), np.rint(X_test).astype(int)
    network = weights, biases, activations
    arrays = train(X, y, X_test, y_test, *network, batch_size=7, rng=0)
    lists = [a.tolist() for a in (X, y, X_test, y_test)]
    as_lists = train(
        *lists, [W.tolist() for W in weights], biases, activations, batch_size=7, rng=0
    )
    _, _, plain = straightforward(X, y, X_test, y_test, *network, batch_size=7, rng=0)
    for name in CURVES:
        assert np.array_equal(arrays[2][name], as_lists[2][name])
        assert np.allclose(arrays[2][name], plain[name], rtol=1e-9, atol=0)


@pytest.mark.e
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_dtype_and_no_copy_of_the_data(monkeypatch, dtype):
    seen = {}

    def noting(function):
        def noted(*arguments):
            seen.setdefault(function.__name__, arguments)
            return function(*arguments)

        return noted

    for function in (nn_faster._update, nn_faster._follow):
        monkeypatch.setattr(nn_faster, function.__name__, noting(function))
    X, y, X_test, y_test, weights, biases, activations = data_and_network((40, 6, 1), 0)
    X, X_test = X.astype(dtype), X_test.astype(dtype)
    network = [[a.astype(dtype) for a in arrays] for arrays in (weights, biases)]
    kept = [a.copy() for a in network[0] + network[1]]
    W, b, _ = train(X, y, X_test, y_test, *network, activations, batch_size=7)
    own_X, own_y, Ws, bs, *_ = seen["_update"]
    products, own_X_test, first_W, first_b, steps = seen["_follow"]
    changes = [change for _, change, *_ in steps]
    arrays = [own_X, *Ws, *bs, products, own_X_test, first_W, first_b, *changes]
    arrays.append(nn_faster._follow(*seen["_follow"]))
    assert {a.dtype for a in [*arrays, *W, *b]} == {np.dtype(dtype)}
    assert np.shares_memory(own_X, X) and np.shares_memory(own_X_test, X_test)
    for a, before in zip(network[0] + network[1], kept, strict=True):
        assert np.array_equal(a, before)


@pytest.mark.e
@pytest.mark.parametrize("step_size", [1e-310, 1e-300, 10.0])
def test_odd_step_sizes_raise_nothing(step_size):
    arguments = data_and_network((40, 6, 1), 0)
    with np.errstate(all="raise"):
        _, _, history = train(*arguments, step_size=step_size, batch_size=7, rng=0)
        straightforward(*arguments, step_size=step_size, batch_size=7, rng=0)
    assert all(np.isfinite(curve).all() for curve in history.values())


@pytest.mark.e
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("run", [train, straightforward])
def test_weights_beyond_all_floats_are_refused(run, epochs):
    arguments = data_and_network((40, 6, 1), 0)
    with np.errstate(all="raise"), pytest.raises(ValueError, match="finite"):
        run(*arguments, step_size=1e308, batch_size=60, num_epochs=epochs, rng=0)


@pytest.mark.e
@pytest.mark.parametrize("run", [train, straightforward])
def test_one_infinite_weight_beside_a_finite_bias_is_refused_at_once(run):
    """10 times 5e307 is too large, 5e307 is not."""
    X, y = np.full((1, 1), 10.0), np.zeros(1)
    network = [np.zeros((1, 1))], [np.zeros((1, 1))], [sigmoid_activation]
    message = "^a weight or bias after the update must be finite, but holds inf or nan$"
    with np.errstate(all="raise"), pytest.raises(ValueError, match=message):
        run(X, y, X, y, *network, step_size=1e308, num_epochs=1)


@pytest.mark.e
def test_averages_of_groups():
    """An output of a half is on the threes' side; sums are in double precision."""
    g, y = np.array([0.5, 0.5, 0.9, 0.1, 0.9]), np.array([0, 1, 0.5, 0.2, 1])
    losses = -(y * np.log(g) + (1 - y) * np.log1p(-g))
    averages = nn_faster._losses_and_accuracies(g, y, [2, 3])
    expected = [[losses[:2].mean(), 1 / 2], [losses[2:].mean(), 2 / 3]]
    assert np.allclose(averages, expected, rtol=1e-15, atol=0)
    g, y = np.full(10**6, 0.3, np.float32), np.zeros(10**6, np.float32)
    ((loss, _),) = nn_faster._losses_and_accuracies(g, y, [len(g)])
    assert np.isclose(loss, -np.log1p(-g[0]), rtol=1e-7, atol=0)


LABELS = [0.5 - 1e-9, 0.5 + 1e-9]  # on both sides of a half, but not in float32


@pytest.mark.e
def test_labels_keep_their_precision_beside_a_float32_network():
    X, _, X_test, _, weights, biases, activations = data_and_network((40, 6, 1), 0)
    X, X_test = X.astype("f4"), X_test.astype("f4")
    network = [[a.astype("f4") for a in part] for part in (weights, biases)]
    y, y_test = np.resize(LABELS, len(X)), np.resize(LABELS, len(X_test))
    arguments = X, y, X_test, y_test, *network, activations
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    _, _, history = train(*arguments, **options)
    _, _, plain = straightforward(*arguments, **options)
    for name in ("train_accuracy", "test_accuracy"):
        assert np.allclose(history[name], plain[name], rtol=1e-12, atol=0)
        assert 0 < history[name].mean() < 1


@pytest.mark.e
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint64])
def test_numpy_s_whole_numbers_are_numbers_too(kind):
    arguments = data_and_network((40, 6, 1), 0, N=300)
    options = {"batch_size": kind(7), "num_epochs": kind(6), "rng": 0}
    _, _, history = train(*arguments, **options)
    _, _, expected = train(*arguments, batch_size=7, num_epochs=6, rng=0)
    for name in CURVES:
        assert np.array_equal(history[name], expected[name])


@pytest.mark.e
@pytest.mark.parametrize("run", [train, straightforward])
@pytest.mark.parametrize(
    "layer, at_test", [(0, False), (1, False), (0, True), (1, True), (2, True)]
)
def test_what_a_relu_would_hide_is_refused(run, layer, at_test):
    """Minus infinity before a ReLU would come out as 0."""
    weights = [np.full((2, 3), 1e-9), np.full((3, 2), 1e-9), np.full((2, 1), 1e-9)]
    biases = [np.zeros((1, 3)), np.zeros((1, 2)), np.zeros((1, 1))]
    weights[layer] = np.full_like(weights[layer], -1e200)
    for k in range(layer):
        weights[k] = np.full_like(weights[k], 1e90 if layer == 1 else 1e45)
    X, X_test = np.zeros((2, 30, 2))
    (X_test if at_test else X)[-1] = 1e150
    y = np.resize([0, 1], 30)
    network = weights, biases, [relu_activation, relu_activation, sigmoid_activation]
    message = f"^layer {layer}: s must be finite, but holds inf or nan$"
    with np.errstate(all="raise"), pytest.raises(ValueError, match=message):
        run(X, y, X_test, y, *network, batch_size=30 if not at_test else 1, rng=0)


# ---- Finite differences ----------------------------------------------------------


@pytest.mark.a
@pytest.mark.parametrize("block", [1, 50, 2**20])
@pytest.mark.parametrize(
    "layer_dims", [(5, 1), (5, 4, 1), (5, 4, 3, 1), (3, 4, 4, 3, 2, 1)]
)
def test_blocks_give_the_plain_loop_s_derivatives(monkeypatch, layer_dims, block):
    monkeypatch.setattr(nn_faster, "BLOCK", block)
    rng = np.random.default_rng(len(layer_dims))
    X, y, weights, biases = random_network(rng, layer_dims, 6)
    while nearest_corner(X, weights, biases) < 1e-3:
        X, y, weights, biases = random_network(rng, layer_dims, 6)
    activations = activations_for(weights)
    for epsilon in (1e-5, 1e-4):
        grad_Ws, grad_bs = nn_faster.gradients_in_blocks(X, y, weights, biases, epsilon)
        plain_Ws, plain_bs = nn_finite_difference_checker(
            X, y, weights, biases, activations, epsilon
        )
        for a, plain in zip(grad_Ws + grad_bs, plain_Ws + plain_bs, strict=True):
            assert a.shape == plain.shape
            # Both err by rounding alone: some 1e-16 of the loss, over 2 epsilon.
            assert np.allclose(a, plain, rtol=0, atol=2e-15 / epsilon)


@pytest.mark.a
def test_the_curvature_is_the_plain_loop_s_too():
    """With a step of 0.1 the difference is far from the derivative, and the same."""
    X, y, weights, biases = random_network(np.random.default_rng(4), (5, 4, 1), 6)
    grad_Ws, _ = nn_faster.gradients_in_blocks(X, y, weights, biases, 0.1)
    plain_Ws, _ = nn_finite_difference_checker(
        X, y, weights, biases, activations_for(weights), 0.1
    )
    small_Ws, _ = nn_faster.gradients_in_blocks(X, y, weights, biases, 1e-5)
    assert np.allclose(grad_Ws[0], plain_Ws[0], rtol=0, atol=1e-13)
    assert abs(grad_Ws[0] - small_Ws[0]).max() > 1e-5


@pytest.mark.a
def test_a_large_network_goes_in_blocks_and_is_right_where_one_looks():
    X, y, weights, biases = random_network(np.random.default_rng(0), (60, 40, 1), 9)
    activations = activations_for(weights)
    grad_Ws, _ = nn_finite_difference_checker(X, y, weights, biases, activations)
    blocks, _ = nn_faster.gradients_in_blocks(X, y, weights, biases, 1e-5)
    assert np.array_equal(grad_Ws[0], blocks[0])

    def loss_with(w, p, q):
        changed = weights[0].copy()
        changed[p, q] = w
        g, _ = forward_pass(X, [changed, weights[1]], biases, activations)
        return logistic_loss(g, y)[0].mean()

    for p, q in [(0, 0), (59, 39), (7, 20)]:
        one = finite_difference_gradient(
            lambda w, p=p, q=q: loss_with(w, p, q), weights[0][p, q]
        )
        assert np.isclose(grad_Ws[0][p, q], one, rtol=0, atol=2e-10)


@pytest.mark.a
def test_other_activations_go_through_the_plain_loop():
    X, y, weights, biases = random_network(np.random.default_rng(0), (40, 30, 1), 4)

    def softplus(s):
        return np.logaddexp(0, s), 1 / (1 + np.exp(-s))

    activations = [softplus, sigmoid_activation]
    grad_Ws, _ = nn_finite_difference_checker(X, y, weights, biases, activations)
    g, caches = forward_pass(X, weights, biases, activations)
    assert np.isfinite(grad_Ws[0]).all() and abs(grad_Ws[0]).max() > 1e-4
    assert not nn_faster.handles(activations)
    assert nn_faster.handles([relu_activation, sigmoid_activation])
    assert not nn_faster.handles([sigmoid_activation, sigmoid_activation])
    assert not nn_faster.handles([relu_activation])


@pytest.mark.a
@pytest.mark.parametrize("d, in_blocks", [(998, False), (999, False), (1000, True)])
def test_more_than_a_thousand_parameters_go_in_blocks(monkeypatch, d, in_blocks):
    def noting(*arguments):
        seen.append(arguments)
        return real(*arguments)

    seen, real = [], nn_faster.gradients_in_blocks
    monkeypatch.setattr(nn_faster, "gradients_in_blocks", noting)
    X, y, weights, biases = random_network(np.random.default_rng(0), (d, 1), 2)
    grad_Ws, grad_bs = nn_finite_difference_checker(
        X, y, weights, biases, activations_for(weights), 1e-4
    )
    assert grad_Ws[0].shape == (d, 1) and grad_bs[0].shape == (1, 1)
    assert len(seen) == in_blocks and all(call[-1] == 1e-4 for call in seen)


@pytest.mark.a
@pytest.mark.parametrize("block", [1, 50, 2**20])
@pytest.mark.parametrize("layer_dims", [(5, 1), (5, 4, 1), (5, 4, 7, 1)])
def test_no_block_is_larger_than_it_may_be_nor_needlessly_small(
    monkeypatch, layer_dims, block
):
    monkeypatch.setattr(nn_faster, "BLOCK", block)
    seen, real = [], nn_faster._losses_moved

    def noting(k, q, moves, *others):
        seen.append((k, *moves.shape))
        return real(k, q, moves, *others)

    monkeypatch.setattr(nn_faster, "_losses_moved", noting)
    X, y, weights, biases = random_network(np.random.default_rng(0), layer_dims, 6)
    nn_faster.gradients_in_blocks(X, y, weights, biases, 1e-5)
    for k, (d_in, d_out) in enumerate(zip(layer_dims, layer_dims[1:])):
        # A way of moving takes 6 numbers, for each neuron of the next layer.
        fit = max(1, block // (6 * (*layer_dims, 1)[k + 2]))
        one = [min(fit, d_in + 1 - start) for start in range(0, d_in + 1, fit)]
        expected = [size for size in one for _ in "+-"] * d_out
        assert [size for layer, n, size in seen if layer == k] == expected
        assert all(n == 6 for _, n, _ in seen)


@pytest.mark.a
@pytest.mark.parametrize("d", [3, 2000])  # by the plain loop, and in blocks
def test_a_step_that_is_none_is_refused_either_way(d):
    weights, biases = [np.zeros((d, 1))], [np.zeros((1, 1))]
    X, y = np.zeros((2, d)), np.array([0, 1])
    arguments = X, y, weights, biases, [sigmoid_activation]
    for epsilon in (0, -1e-5, np.nan, np.inf, "a", None):
        message = f"^epsilon must be positive and finite, got {epsilon!r}$"
        with pytest.raises(ValueError, match=message):
            nn_finite_difference_checker(*arguments, epsilon)
    weights[0][1] = 1e30
    with pytest.raises(ValueError, match="^epsilon = 1e-05 is too small to move a"):
        nn_finite_difference_checker(*arguments)


@pytest.mark.a
def test_blocks_move_by_the_step_that_a_large_weight_allows():
    """Numbers around 1e15 are an eighth apart: 0.3 becomes a quarter."""
    X, y, bias = np.array([[1.0, -1.0]]), np.array([1]), 0.2
    network = [np.full((2, 1), 1e15)], [np.full((1, 1), bias)]
    losses = [np.logaddexp(0, -bias - move) for move in (0.25, -0.25, 0.3, -0.3)]
    slope, slope_b = (losses[0] - losses[1]) / 0.5, (losses[2] - losses[3]) / 0.6
    for grad_Ws, grad_bs in [
        nn_faster.gradients_in_blocks(X, y, *network, 0.3),
        nn_finite_difference_checker(X, y, *network, [sigmoid_activation], 0.3),
    ]:
        assert np.allclose(grad_Ws[0].T, [slope, -slope], rtol=1e-12, atol=0)
        assert np.allclose(grad_bs[0], slope_b, rtol=1e-12, atol=0)


@pytest.mark.a
def test_blocks_round_to_zero_without_a_word():
    X, y, weights, biases = random_network(np.random.default_rng(0), (60, 20, 1), 4)
    tiny = X * 1e-305
    with np.errstate(all="raise"):
        grad_Ws, _ = nn_finite_difference_checker(
            tiny, y, weights, biases, activations_for(weights)
        )
    assert abs(grad_Ws[0]).max() < 1e-9


@pytest.mark.a
def test_lists_of_numbers_go_in_blocks_too():
    X, y, weights, biases = random_network(np.random.default_rng(0), (40, 30, 1), 4)
    activations = activations_for(weights)
    arrays = nn_finite_difference_checker(X, y, weights, biases, activations)
    lists = [[a.tolist() for a in part] for part in ([X, y], weights, biases)]
    as_lists = nn_finite_difference_checker(*lists[0], *lists[1:], activations)
    single = [a.astype(np.float32) for a in weights]
    in_single = nn_finite_difference_checker(X, y, single, biases, activations)
    for a, b, c in zip(*(Ws + bs for Ws, bs in (arrays, as_lists, in_single))):
        assert np.array_equal(a, b) and a.dtype == b.dtype == c.dtype == np.float64
        assert np.allclose(a, c, rtol=0, atol=1e-5)
