"""nn_faster does what the plain code of nn_helpers does: histories and derivatives.

What train promises by itself is asked of both functions in test_training.py.
"""

import inspect
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import nn_faster
import nn_helpers
from networks import IdlePool, activations_for, nearest_corner, random_network
from nn_faster import descend, in_parallel, nn_finite_difference_checker, train
from nn_helpers import (
    create_bias_vectors,
    create_weight_matrices,
    finite_difference_gradient,
    forward_pass,
    get_mnist_threes_nines,
    logistic_loss,
    relu_activation,
    sgd,
    sigmoid_activation,
)

CURVES = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]


def data_and_network(layer_dims, seed, N=60, m=25):
    X, y, weights, biases = random_network(
        np.random.default_rng(seed), layer_dims, N + m
    )
    return X[:N], y[:N], X[N:], y[N:], weights, biases, activations_for(weights)


# ---- Training --------------------------------------------------------------------


def assert_same(run, plain_run):
    (W, b, history), (plain_W, plain_b, plain) = run, plain_run
    for name in CURVES:
        assert np.allclose(history[name], plain[name], rtol=1e-9, atol=1e-12), name
    for a, plain_a in zip(W + b, plain_W + plain_b, strict=True):
        assert np.allclose(a, plain_a, rtol=1e-9, atol=1e-12)


@pytest.fixture
def pays(monkeypatch):
    """Let the test set follow even where that means more to multiply."""
    monkeypatch.setattr(nn_faster, "_products_pay", lambda *arguments: True)


@pytest.mark.e
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("batch_size", [1, 7, 59, 60, 100])
@pytest.mark.parametrize(
    "layer_dims", [(40, 1), (40, 6, 1), (40, 6, 5, 1), (40, 8, 7, 6, 5, 1), (3, 9, 1)]
)
def test_the_whole_history_is_the_plain_one(
    monkeypatch, pays, layer_dims, batch_size, seed
):
    arguments = data_and_network(layer_dims, seed)
    options = {"batch_size": batch_size, "num_epochs": 3, "step_size": 0.2, "rng": seed}
    plain = nn_helpers.train(*arguments, **options)
    for chunk, images in ((1, 400), (10, 7), (100, 25), (100, 1)):
        monkeypatch.setattr(nn_faster, "CHUNK", chunk)
        monkeypatch.setattr(nn_faster, "IMAGES", images)
        assert_same(train(*arguments, **options), plain)
    with monkeypatch.context() as patch:
        patch.setattr(nn_faster, "_products_pay", lambda *arguments: False)
        assert_same(train(*arguments, **options), plain)
    arguments = *arguments[:2], None, None, *arguments[4:]
    assert_same(train(*arguments, **options), nn_helpers.train(*arguments, **options))


@pytest.mark.e
@pytest.mark.parametrize("blank", [0, 1, 39, 40])
@pytest.mark.parametrize("layer_dims", [(40, 1), (40, 6, 5, 1)])
def test_pixels_without_ink_keep_their_weights_and_count_in_the_test_set(
    pays, layer_dims, blank
):
    X, y, X_test, y_test, weights, biases, activations = data_and_network(layer_dims, 0)
    X[:, 3 : 3 + blank] = X[:, : max(0, blank - 37)] = 0
    arguments = X, y, X_test, y_test, weights, biases, activations
    run = train(*arguments, batch_size=7, rng=0)
    assert_same(run, nn_helpers.train(*arguments, batch_size=7, rng=0))
    kept = ~X.any(axis=0)
    assert kept.sum() == blank
    assert np.array_equal(run[0][0][kept], weights[0][kept])


@pytest.mark.e
def test_the_threads_number_changes_nothing(monkeypatch, pays):
    monkeypatch.setattr(nn_faster, "CHUNK", 3)
    monkeypatch.setattr(nn_faster, "IMAGES", 4)
    arguments, runs = data_and_network((40, 6, 5, 1), 0), []
    for followers, room in ((1, 0), (2, 1), (2, 3), (8, 100)):
        monkeypatch.setattr(nn_faster, "FOLLOWERS", followers)
        monkeypatch.setattr(nn_faster, "ROOM", room)
        runs.append(train(*arguments, batch_size=7, rng=0))
    for W, b, history in runs[1:]:
        for a, first in zip(W + b, runs[0][0] + runs[0][1], strict=True):
            assert np.array_equal(a, first)
        for name in CURVES:
            assert np.allclose(history[name], runs[0][2][name], rtol=1e-13, atol=0)


@pytest.mark.e
def test_no_thread_is_left_behind(pays):
    before = threading.active_count()
    for step_size in (0.1, 1e308):
        arguments = data_and_network((40, 6, 1), 0)
        if step_size > 1:
            with pytest.raises(ValueError, match="finite"):
                train(*arguments, step_size=step_size, batch_size=7, rng=0)
        else:
            train(*arguments, step_size=step_size, batch_size=7, rng=0)
        assert threading.active_count() == before


@pytest.mark.e
@pytest.mark.parametrize("way", ["products", "full passes", "no test set"])
def test_who_does_what_and_when(monkeypatch, way):
    """At most ROOM chunks wait, the caller helps with the last block first."""
    events, pool, update, follow = [], IdlePool(), nn_faster._update, nn_faster._follow

    def noting_update(*arguments):
        events.append("update")
        return update(*arguments)

    def noting_follow(block, W, b, steps):
        events.append(f"{len(block.labels)} images, {len(steps)} steps")
        return follow(block, W, b, steps)

    for name, value in {
        "CHUNK": 3, "ROOM": 2, "IMAGES": 10, "FOLLOWERS": 7, "ThreadPoolExecutor": pool,
        "_products_pay": lambda *arguments: way != "full passes",
        "_update": noting_update, "_follow": noting_follow,
        "tqdm": Bar(lambda: events.append("bar")),
    }.items():  # fmt: skip
        monkeypatch.setattr(nn_faster, name, value)
    X, y, *test_set, weights, biases, activations = data_and_network((9, 4, 1), 0)
    if way == "no test set":
        test_set = None, None
    train(X, y, *test_set, weights, biases, activations, batch_size=20, num_epochs=4)

    steps = 1 if way == "full passes" else 3
    chunk = ["update"] * steps
    followed = [f"{m} images, {steps} steps" for m in (5, 10, 10)] + ["bar"]
    if way == "no test set":
        assert events == (chunk + ["bar"]) * 4
    else:
        chunks = 12 // steps
        assert events == 2 * chunk + (chunk + followed) * (chunks - 2) + 2 * followed
    assert pool.workers == 7 and pool.options == {"cancel_futures": True}
    assert pool.submitted == {"products": 12}.get(way, 0)


def blas_threads():
    """Return the number of threads of NumPy's matrix products, if it can be told."""
    return [a["num_threads"] for a in threadpool_info() if a["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    before = blas_threads()
    _set_blas_threads(2)
    yield
    _set_blas_threads(*before[:1])


def _set_blas_threads(number):
    """Set it in a thread that ends: whoever sets it and lives keeps others out."""
    setting = threading.Thread(target=threadpool_limits, args=(number, "blas"))
    setting.start()
    setting.join()


class Bar:
    """In the place of tqdm: calls a function at each of its updates."""

    def __init__(self, call):
        self.call = call

    def __call__(self, **options):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, count):
        self.call()


@pytest.mark.e
def test_passes_in_full_leave_the_products_their_threads(monkeypatch, two_threads):
    during = []
    monkeypatch.setattr(nn_faster, "tqdm", Bar(lambda: during.append(blas_threads())))
    monkeypatch.setattr(nn_faster, "_products_pay", lambda *arguments: False)
    train(*data_and_network((40, 6, 1), 0), batch_size=30, num_epochs=2, rng=0)
    assert during == [[2] * len(blas_threads())] * 4


@pytest.mark.e
@pytest.mark.parametrize("strike", [None, KeyboardInterrupt, ValueError])
def test_products_take_one_thread_for_as_long_as_it_runs(
    monkeypatch, pays, strike, two_threads
):
    before, during = blas_threads(), []

    def look():
        during.append(blas_threads())
        if strike and len(during) == 3:
            raise strike

    monkeypatch.setattr(nn_faster, "CHUNK", 4)
    monkeypatch.setattr(nn_faster, "tqdm", Bar(look))
    arguments = data_and_network((40, 6, 1), 0)
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    if strike is ValueError:
        with pytest.raises(ValueError):
            train(*arguments, **options)
    else:
        train(*arguments, **options)
    assert len(during) > 2 and all(n == [1] * len(before) for n in during)
    assert blas_threads() == before == [2] * len(before)


@pytest.mark.e
@pytest.mark.parametrize("first_ends_first", [True, False])
def test_after_two_runs_at_once_the_threads_are_as_before(
    monkeypatch, pays, first_ends_first, two_threads
):
    """Both have begun before either ends."""
    before, arguments = blas_threads(), data_and_network((40, 6, 1), 0)
    go_on = {name: threading.Event() for name in ("first", "second")}
    begun = {name: threading.Event() for name in go_on}

    def wait():
        name = threading.current_thread().name
        begun[name].set()
        assert go_on[name].wait(60)

    monkeypatch.setattr(nn_faster, "tqdm", Bar(wait))
    runs = {
        name: threading.Thread(target=train, args=arguments, name=name)
        for name in go_on
    }
    try:
        for name, run in runs.items():
            run.start()
            assert begun[name].wait(60)
        assert blas_threads() == [1] * len(before)
    finally:
        for name in list(runs) if first_ends_first else list(runs)[::-1]:
            go_on[name].set()
            runs[name].join(60)
    assert blas_threads() == before == [2] * len(before)
    monkeypatch.undo()
    train(*arguments, num_epochs=9)
    assert blas_threads() == before


@pytest.mark.e
@pytest.mark.parametrize(
    "change, way",
    [
        ({}, "products"),
        # 6 * 4 + T * 2 * 3 <= T * 4 * 3 from T = 4 on, and an epoch has 3 timesteps
        ({"num_epochs": 1}, "full"),
        ({"num_epochs": 0}, "full"),
        ({"N": 8, "num_epochs": 1}, "full"),  # 32 + 4 * 6 > 4 * 12, if not for 5 images
        ({"batch_size": 3, "num_epochs": 3}, "full"),  # 24 + 6 * 9 > 6 * 12
        ({"batch_size": 3, "num_epochs": 4}, "products"),
        ({"batch_size": 4, "num_epochs": 99}, "full"),
        ({"batch_size": 99, "num_epochs": 99}, "full"),
        # An epoch of 3, the last one shorter: 20 + 3 * 8 < 3 * 16, but not with 2.5.
        ({"layer_dims": (4, 4, 1), "N": 5, "num_epochs": 1}, "products"),
        ({"LARGEST_TABLE": 6 * 5}, "products"),
        ({"LARGEST_TABLE": 6 * 5 - 1}, "full"),
        ({"activations": [sigmoid_activation, sigmoid_activation]}, "plain"),
        ({"activations": [relu_activation, relu_activation]}, "plain"),
        ({"single": ["X", "X_test", "weights", "biases"]}, "products"),
        ({"single": ["X", "weights", "biases"]}, "plain"),
        ({"single": ["X_test"]}, "plain"),
        ({"single": ["X", "X_test", "weights"]}, "plain"),
        ({"single": ["X", "X_test", "biases"]}, "plain"),
        ({"single": ["X_test", "weights", "biases"]}, "plain"),
    ],
)
def test_inner_products_where_they_pay_and_the_plain_training_where_it_must(
    monkeypatch, change, way
):
    options = {"batch_size": 2, "num_epochs": 2, "rng": 0} | change
    names = ("X", "y", "X_test", "y_test", "weights", "biases", "activations")
    data = dict(zip(names, data_and_network(
        options.pop("layer_dims", (4, 3, 1)), 0, options.pop("N", 6), 5
    )))  # fmt: skip
    for name in options.pop("single", []):
        if isinstance(data[name], list):
            data[name] = [a.astype(np.float32) for a in data[name]]
        else:
            data[name] = data[name].astype(np.float32)
    data["activations"] = options.pop("activations", data["activations"])
    if "LARGEST_TABLE" in options:
        monkeypatch.setattr(nn_faster, "LARGEST_TABLE", options.pop("LARGEST_TABLE"))
    if data["activations"][1] is relu_activation:  # whose outputs are no probabilities
        data["weights"] = [0 * W for W in data["weights"]]
        data["biases"] = [0 * b + 0.5 for b in data["biases"]]
        options["step_size"] = 1e-9
    seen, tables, real, follow = [], set(), nn_helpers.train, nn_faster._follow

    def noting(*arguments, **options):
        seen.append(options)
        return real(*arguments, **options)

    def noting_its_table(block, *arguments):
        tables.add(len(block.products))
        return follow(block, *arguments)

    options = {"step_size": 0.3} | options
    plain = real(*data.values(), **options)
    monkeypatch.setattr(nn_helpers, "train", noting)
    monkeypatch.setattr(nn_faster, "_follow", noting_its_table)
    run = train(*data.values(), **options, progress=False)
    assert seen == [options | {"progress": False}] * (way == "plain")
    expected = {"products": {len(data["X"])}, "full": {0}, "plain": set()}[way]
    assert tables == (expected if options["num_epochs"] else set())
    if way == "products" and "single" in change:
        for name in CURVES:
            assert np.allclose(run[2][name], plain[2][name], rtol=1e-5, atol=1e-12)
    else:
        assert_same(run, plain)


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
    plain_W, _, plain = nn_helpers.train(*arguments, num_epochs=1, rng=1)
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
    _, _, plain = nn_helpers.train(*arguments, **options)
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
    _, _, plain = nn_helpers.train(*arguments, **options)
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
    _, _, plain = nn_helpers.train(X, y, X_test, y_test, *network, batch_size=7, rng=0)
    for name in CURVES:
        assert np.array_equal(arrays[2][name], as_lists[2][name])
        assert np.allclose(arrays[2][name], plain[name], rtol=1e-9, atol=0)


@pytest.mark.e
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_dtype_and_no_copy_of_the_data(dtype):
    X, y, X_test, y_test, weights, biases, activations = (
        data_and_network((500, 3, 1), 0, N=4000, m=20)
    )  # fmt: skip
    X, X_test = X.astype(dtype), X_test.astype(dtype)
    network = [[a.astype(dtype) for a in arrays] for arrays in (weights, biases)]
    kept = [a.copy() for a in network[0] + network[1]]
    tracemalloc.start()
    try:
        W, b, _ = train(X, y, X_test, y_test, *network, activations, batch_size=7)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 2
    assert {a.dtype for a in W + b} == {np.dtype(dtype)}
    for a, before in zip(network[0] + network[1], kept, strict=True):
        assert np.array_equal(a, before)


@pytest.mark.e
@pytest.mark.parametrize("step_size", [1e-310, 1e-300, 10.0])
def test_odd_step_sizes_raise_nothing(step_size):
    arguments = data_and_network((40, 6, 1), 0)
    with np.errstate(all="raise"):
        _, _, history = train(*arguments, step_size=step_size, batch_size=7, rng=0)
        nn_helpers.train(*arguments, step_size=step_size, batch_size=7, rng=0)
    assert all(np.isfinite(curve).all() for curve in history.values())


@pytest.mark.e
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("run", [train, nn_helpers.train])
def test_weights_beyond_all_floats_are_refused(run, epochs):
    arguments = data_and_network((40, 6, 1), 0)
    with np.errstate(all="raise"), pytest.raises(ValueError, match="finite"):
        run(*arguments, step_size=1e308, batch_size=60, num_epochs=epochs, rng=0)


@pytest.mark.e
@pytest.mark.parametrize("run", [train, nn_helpers.train])
def test_one_infinite_weight_beside_a_finite_bias_is_refused_at_once(run):
    """10 times 5e307 is too large, 5e307 is not."""
    X, y = np.full((1, 1), 10.0), np.zeros(1)
    network = [np.zeros((1, 1))], [np.zeros((1, 1))], [sigmoid_activation]
    message = "^a weight or bias after the update must be finite, but holds inf or nan$"
    with np.errstate(all="raise"), pytest.raises(ValueError, match=message):
        run(X, y, X, y, *network, step_size=1e308, num_epochs=1)


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
    _, _, plain = nn_helpers.train(*arguments, **options)
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
@pytest.mark.parametrize("run", [train, nn_helpers.train])
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


# ---- Training without a record ---------------------------------------------------


def last_of(updates):
    """Return the weights and biases after the last update."""
    *_, (Ws, bs, _, _) = updates
    return Ws, bs


@pytest.mark.e
@given(
    layer_dims=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    dtypes=st.tuples(*[st.sampled_from([np.float64, np.float32])] * 3),
    batch_size=st.integers(1, 25),
    blank=st.integers(0, 8),
    seed=st.integers(0, 2**32 - 1),
)
def test_descend_ends_where_sgd_does(layer_dims, dtypes, batch_size, blank, seed):
    rng = np.random.default_rng(seed)
    X, y, weights, biases = random_network(rng, [*layer_dims, 1], 23)
    X[:, :blank] = 0
    arrays = [X, *weights, *biases]
    depth = len(weights)
    kinds = [dtypes[0]] + [dtypes[1]] * depth + [dtypes[2]] * depth
    X, *parameters = (a.astype(kind) for a, kind in zip(arrays, kinds))
    network = parameters[:depth], parameters[depth:]
    before = [a.copy() for a in (X, *parameters)]
    options = {"batch_size": batch_size, "step_size": 0.3, "num_epochs": 2, "rng": seed}
    W, b = descend(X, y, *network, **options)
    Ws, bs = last_of(sgd(X, y, *network, activations_for(weights), **options))
    dtype = max(dtypes, key=lambda kind: np.dtype(kind).itemsize)
    single = np.float32 in dtypes  # sgd begins in float32, if its arguments do
    for a, expected in zip(W + b, Ws + bs, strict=True):
        assert a.dtype == dtype and a.shape == expected.shape
        assert np.allclose(a, expected, rtol=0, atol=1e-4 if single else 1e-12)
    for a, kept in zip((X, *parameters), before, strict=True):
        assert np.array_equal(a, kept)
        assert not any(np.shares_memory(a, new) for new in W + b)


@pytest.mark.e
@pytest.mark.parametrize("change, message", [
    ({"weight_matrices": None},
     "weight_matrices and biases must be lists of one length, got NoneType and 2"),
    ({"biases": []}, "lists of one length, got 2 and 0"),
    ({"X_train": np.full((60, 5), np.nan)}, "X_train must be finite"),
    ({"y_train": np.ones(59)}, r"y_train must have shape \(60,\)"),
    ({"batch_size": 0}, "batch_size must be a whole number >= 1, got 0"),
    ({"rng": "a"}, "rng must be a Generator"),
    ({"step_size": 1e308}, "must be finite"),
])  # fmt: skip
def test_descend_refuses_what_sgd_does(change, message):
    X, y, _, _, weights, biases, _ = data_and_network((5, 4, 1), 0)
    arguments = {"X_train": X, "y_train": y, "weight_matrices": weights,
                 "biases": biases} | change
    with pytest.raises(ValueError, match=message):
        descend(**arguments)


@pytest.mark.e
def test_descend_by_numpy_numbers_and_lists_is_the_same():
    X, y, _, _, weights, biases, _ = data_and_network((5, 4, 1), 0)
    W, b = descend(X, y, weights, biases, batch_size=7, num_epochs=2, rng=1)
    again_W, again_b = descend(
        X.tolist(), y.tolist(), [W.tolist() for W in weights], biases,
        batch_size=np.uint8(7), num_epochs=np.int16(2), step_size=np.float32(0.1), rng=1
    )  # fmt: skip
    for a, again in zip(W + b, again_W + again_b, strict=True):
        assert np.allclose(a, again, rtol=0, atol=1e-7)


@pytest.mark.e
def test_in_parallel_keeps_the_order_and_gives_products_one_thread(two_threads):
    before = blas_threads()
    seen = in_parallel(lambda k: (k, *blas_threads()), range(20))
    assert seen == [(k, *[1] * len(before)) for k in range(20)]
    assert blas_threads() == before
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda k: 1 / k, [1, 0, 2])
    assert blas_threads() == before and in_parallel(abs, []) == []


# ---- Finite differences ----------------------------------------------------------


@pytest.mark.a
@pytest.mark.parametrize("block", [1, 50, 2**20])
@pytest.mark.parametrize(
    "layer_dims", [(5, 1), (5, 4, 1), (5, 4, 3, 1), (3, 4, 4, 3, 2, 1)]
)
def test_blocks_give_the_plain_loop_s_derivatives(monkeypatch, layer_dims, block):
    monkeypatch.setattr(nn_faster, "LARGEST_BLOCK", block)
    rng = np.random.default_rng(len(layer_dims))
    X, y, weights, biases = random_network(rng, layer_dims, 6)
    while nearest_corner(X, weights, biases) < 1e-3:
        X, y, weights, biases = random_network(rng, layer_dims, 6)
    activations = activations_for(weights)
    for epsilon in (1e-5, 1e-4):
        grad_Ws, grad_bs = nn_finite_difference_checker(
            X, y, weights, biases, activations, epsilon
        )
        plain_Ws, plain_bs = nn_helpers.nn_finite_difference_checker(
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
    arguments = X, y, weights, biases, activations_for(weights)
    grad_Ws, _ = nn_finite_difference_checker(*arguments, 0.1)
    plain_Ws, _ = nn_helpers.nn_finite_difference_checker(*arguments, 0.1)
    small_Ws, _ = nn_finite_difference_checker(*arguments)
    assert np.allclose(grad_Ws[0], plain_Ws[0], rtol=0, atol=1e-13)
    assert abs(grad_Ws[0] - small_Ws[0]).max() > 1e-5


@pytest.mark.a
def test_a_large_network_is_right_where_one_looks():
    X, y, weights, biases = random_network(np.random.default_rng(0), (60, 40, 1), 9)
    activations = activations_for(weights)
    grad_Ws, _ = nn_finite_difference_checker(X, y, weights, biases, activations)

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


def softplus(s):
    return np.logaddexp(0, s), 1 / (1 + np.exp(-s))


@pytest.mark.a
@pytest.mark.parametrize(
    "activations, in_blocks",
    [
        ([relu_activation, sigmoid_activation], True),
        ([softplus, sigmoid_activation], False),
        ([sigmoid_activation, sigmoid_activation], False),
        ([relu_activation, lambda s: sigmoid_activation(s)], False),
    ],
)
def test_other_activations_go_through_the_plain_loop(
    monkeypatch, activations, in_blocks
):
    X, y, weights, biases = random_network(np.random.default_rng(0), (5, 4, 1), 4)
    seen, plain = [], nn_helpers.nn_finite_difference_checker

    def noting(*arguments):
        seen.append(arguments)
        return plain(*arguments)

    monkeypatch.setattr(nn_helpers, "nn_finite_difference_checker", noting)
    arguments = X, y, weights, biases, activations
    gradients = nn_finite_difference_checker(*arguments, 1e-4)
    assert len(seen) == (not in_blocks) and all(call[-1] == 1e-4 for call in seen)
    for part, plain_part in zip(gradients, plain(*arguments, 1e-4), strict=True):
        for a, plain_a in zip(part, plain_part, strict=True):
            assert np.allclose(a, plain_a, rtol=0, atol=1e-11)
    assert abs(gradients[0][0]).max() > 1e-4


@pytest.mark.a
def test_large_blocks_are_cut_to_the_bound(monkeypatch):
    """In one block, 20 examples would make 20 * 301 * 200 numbers, or 9.6 MB."""
    rng = np.random.default_rng(0)
    X, y, weights, biases = random_network(rng, (300, 3, 200, 1), 20)
    peaks, arguments = [], (X, y, weights, biases, activations_for(weights))
    for bound in (2**12, 2**22):
        monkeypatch.setattr(nn_faster, "LARGEST_BLOCK", bound)
        tracemalloc.start()
        try:
            nn_finite_difference_checker(*arguments)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[0] < 2e6 and peaks[1] > 9e6


@pytest.mark.a
@pytest.mark.parametrize(
    "checker", [nn_finite_difference_checker, nn_helpers.nn_finite_difference_checker]
)
def test_a_step_that_is_none_is_refused_either_way(checker):
    weights, biases = [np.zeros((3, 1))], [np.zeros((1, 1))]
    X, y = np.zeros((2, 3)), np.array([0, 1])
    arguments = X, y, weights, biases, [sigmoid_activation]
    for epsilon in (0, -1e-5, np.nan, np.inf, "a", None):
        message = f"^epsilon must be positive and finite, got {epsilon!r}$"
        with pytest.raises(ValueError, match=message):
            checker(*arguments, epsilon)
    weights[0][1] = 1e30
    with pytest.raises(ValueError, match="^epsilon = 1e-05 is too small to move a"):
        checker(*arguments)


@pytest.mark.a
def test_blocks_move_by_the_step_that_a_large_weight_allows():
    """Numbers around 1e15 are an eighth apart: 0.3 becomes a quarter."""
    X, y, bias = np.array([[1.0, -1.0]]), np.array([1]), 0.2
    network = [np.full((2, 1), 1e15)], [np.full((1, 1), bias)]
    losses = [np.logaddexp(0, -bias - move) for move in (0.25, -0.25, 0.3, -0.3)]
    slope, slope_b = (losses[0] - losses[1]) / 0.5, (losses[2] - losses[3]) / 0.6
    plain = nn_helpers.nn_finite_difference_checker
    for checker in (nn_finite_difference_checker, plain):
        grad_Ws, grad_bs = checker(X, y, *network, [sigmoid_activation], 0.3)
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


def test_the_signatures_are_the_plain_ones():
    for name in ("train", "nn_finite_difference_checker"):
        fast, plain = getattr(nn_faster, name), getattr(nn_helpers, name)
        assert inspect.signature(fast) == inspect.signature(plain)
