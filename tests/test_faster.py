"""nn_faster does what the plain code of nn_helpers does: training and derivatives.

What train promises by itself is tested for both functions in test_training.
"""

import contextlib
import inspect
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import nn_faster
import nn_helpers as nn
from networks import activations_for, in_dtype, networks, random_network, training_set
from nn_faster import descend, in_parallel, nn_finite_difference_checker, train

e, a = pytest.mark.e, pytest.mark.a
DTYPES = st.sampled_from([np.float64, np.float32])
DIMS = st.lists(st.integers(1, 8), max_size=3)


def assert_same_arrays(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        assert np.allclose(one, other, rtol=tolerance, atol=tolerance)


def assert_same_run(run, plain_run, tolerance=1e-9):
    (W, b, history), (plain_W, plain_b, plain) = run, plain_run
    for name in history if tolerance < 1e-6 else ["train_loss", "test_loss"]:
        assert np.allclose(history[name], plain[name], rtol=tolerance, atol=1e-12), name
    assert_same_arrays(W + b, plain_W + plain_b, tolerance)


def peak_memory(call):
    """Return the most memory in bytes that a call took."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# ---- Training with a record ------------------------------------------------------

DIVISIONS = [  # how the work is divided changes nothing
    {"CHUNK": 100}, {"CHUNK": 1, "TEST_BLOCK": 400}, {"CHUNK": 10, "TEST_BLOCK": 7},
    {"CHUNK": 3, "TEST_BLOCK": 13, "WORKERS": 1, "MAX_PENDING": 0},
    {"CHUNK": 3, "TEST_BLOCK": 4, "WORKERS": 8, "MAX_PENDING": 100}]


@e
@settings(deadline=None, max_examples=40)
@given(hidden=DIMS, dtype=DTYPES, N=st.integers(1, 60),
       m=st.sampled_from([0, 1, 25, 999]), batch_size=st.integers(1, 61),
       num_epochs=st.integers(0, 9), blank=st.integers(0, 40), seed=st.integers(0, 999),
       division=st.sampled_from(DIVISIONS))
@example([6], np.float64, 60, 1100, 1, 9, 3, 0, DIVISIONS[0])
@example([], np.float64, 60, 1100, 7, 9, 0, 0, DIVISIONS[0])
@example([5, 4], np.float32, 59, 25, 2, 9, 9, 0, DIVISIONS[0])
@example([4], np.float64, 60, 25, 7, 5, 40, 0, DIVISIONS[3])
@example([6, 5], np.float64, 60, 25, 7, 5, 0, 0, DIVISIONS[4])
def test_the_whole_history_is_the_plain_one(
        hidden, dtype, N, m, batch_size, num_epochs, blank, seed, division):
    X, y, *test_set, weights, biases, activations = in_dtype(
        dtype, *training_set(seed, [40, *hidden, 1], N, m))
    X[:, blank // 2:blank // 2 + blank] = 0
    options = {"batch_size": batch_size, "num_epochs": num_epochs, "step_size": 0.2}
    network = weights, biases, activations
    arguments = X, y, *(test_set if m else (None, None)), *network
    with patch.multiple(nn_faster, **division):
        run = train(*arguments, **options, rng=seed)
    assert not any("Pool" in thread.name for thread in threading.enumerate())
    plain_run = nn.train(*arguments, **options, rng=seed)
    assert_same_run(run, plain_run, 1e-9 if dtype == np.float64 else 1e-3)
    kept = ~X.any(axis=0)
    assert np.array_equal(run[0][0][kept], weights[0][kept])


@e
@pytest.mark.parametrize("change, plain", [
    ({}, False), ({"batch_size": 99}, True),
    # 6 * 4 + T * 2 * 3 <= T * 4 * 3 from T = 4 on, and an epoch has 3 timesteps
    ({"num_epochs": 1}, True), ({"MAX_PRODUCTS": 6 * 5 - 1}, True),
    ({"activations": [nn.sigmoid_activation, nn.sigmoid_activation]}, True),
    ({"activations": [nn.relu_activation, lambda s: nn.sigmoid_activation(s)]}, True),
    ({"single": ["X", "X_test", "weights", "biases"]}, False),
    *(({"single": names}, True) for names in (
        ["X_test"], ["X", "X_test", "weights"], ["X_test", "weights", "biases"]))])
def test_the_plain_training_runs_where_it_must(change, plain):
    names = ("X", "y", "X_test", "y_test", "weights", "biases", "activations")
    arguments = dict(zip(names, training_set(0, (4, 3, 1), 6, 5)))
    for name in change.get("single", []):
        [arguments[name]] = in_dtype("f4", arguments[name])
    arguments["activations"] = change.get("activations", arguments["activations"])
    options = {"batch_size": 2, "num_epochs": 2, "rng": 0, "step_size": 0.3} | {
        name: change[name] for name in change if name in ("batch_size", "num_epochs")}
    bound = change.get("MAX_PRODUCTS", nn_faster.MAX_PRODUCTS)
    run = nn.train(*arguments.values(), **options)
    with (patch.object(nn_faster, "MAX_PRODUCTS", bound),
          patch.object(nn, "train", return_value=run) as called):
        assert_same_run(train(*arguments.values(), **options), run,
                        1e-5 if "single" in change else 1e-9)
    assert called.called == plain


@e
def test_lists_integers_and_numpy_s_numbers_train_too():
    X, y, X_test, y_test, *network = training_set(3, (40, 6, 1), 300)
    X, X_test = np.rint(X).astype(int), np.rint(X_test).astype(int)
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    arrays = train(X, y, X_test, y_test, *network, **options)
    assert_same_run(arrays, nn.train(X, y, X_test, y_test, *network, **options))
    weights, biases = descend(X, y, *network[:2], **options)
    lists = [part.tolist() for part in (X, y, X_test, y_test)]
    network[0] = [W.tolist() for W in network[0]]
    options = {"batch_size": np.uint8(7), "num_epochs": np.uint8(6), "rng": 0}
    assert_same_run(train(*lists, *network, **options), arrays, 1e-15)
    again = descend(*lists[:2], *network[:2], step_size=np.float32(0.1), **options)
    assert_same_arrays(again[0] + again[1], weights + biases, 1e-6)


@e
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_training_makes_no_copy_of_the_data(dtype):
    X, y, *rest = in_dtype(dtype, *training_set(0, (500, 10, 1), N=2000, m=20))
    for call in (lambda: train(X, y, *rest, batch_size=20, num_epochs=1),
                 lambda: descend(X, y, *rest[2:4], batch_size=20, num_epochs=1)):
        assert peak_memory(call) < X.nbytes / 2


@e
def test_labels_keep_their_precision_with_a_float32_network():
    arguments = in_dtype("f4", *training_set(0, (40, 6, 1), 60, 25))
    labels = [0.5 - 1e-9, 0.5 + 1e-9]  # on both sides of a half, but not in float32
    arguments[1], arguments[3] = np.resize(labels, 60), np.resize(labels, 25)
    options = {"batch_size": 7, "num_epochs": 6, "rng": 0}
    _, _, history = train(*arguments, **options)
    _, _, plain = nn.train(*arguments, **options)
    for name in ("train_accuracy", "test_accuracy"):
        assert np.allclose(history[name], plain[name], rtol=1e-12, atol=0)
        assert 0 < history[name].mean() < 1


# ---- Training without a record, and several at once ------------------------------

@e
@settings(deadline=None, max_examples=60)
@given(hidden=DIMS, dtypes=st.tuples(DTYPES, DTYPES, DTYPES), blank=st.integers(0, 8),
       batch_size=st.integers(1, 25), num_epochs=st.integers(0, 2),
       seed=st.integers(0, 9))
def test_descend_ends_as_sgd_does(hidden, dtypes, blank, batch_size, num_epochs, seed):
    X, y, weights, biases = random_network(seed, [8, *hidden, 1], 23)
    X[:, :blank] = 0
    X, *network = (in_dtype(*pair)[0] for pair in zip(dtypes, (X, weights, biases)))
    arrays = X, *network[0], *network[1]
    before = [array.copy() for array in arrays]
    options = {"batch_size": batch_size, "num_epochs": num_epochs, "rng": seed}
    W, b = descend(X, y, *network, **options)
    steps = nn.sgd(X, y, *network, activations_for(weights), **options)
    Ws, bs, *_ = [network, *steps][-1]
    expected = [array.astype(np.result_type(*dtypes)) for array in Ws + bs]
    # sgd begins in float32, where its arguments do.
    assert_same_arrays(W + b, expected, 1e-4 if np.float32 in dtypes else 1e-12)
    for array, kept in zip(arrays, before, strict=True):
        assert np.array_equal(array, kept)
        assert not any(np.shares_memory(array, new) for new in W + b)


def blas_threads():
    """Return the number of threads of NumPy's matrix products, if it can be found."""
    return [a["num_threads"] for a in threadpool_info() if a["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    """Give NumPy's matrix products two threads; return what reads their number."""
    def set_to(number):  # in a thread that ends: whoever sets it and lives is first
        setting = threading.Thread(target=threadpool_limits, args=(number, "blas"))
        setting.start()
        setting.join()

    before = blas_threads()
    set_to(2)
    yield [2] * len(before)
    set_to(*before[:1])


@e
@pytest.mark.parametrize("strike", [None, KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("function, left_out", [
    (train, []), (train, [2, 3]), (descend, [2, 3, 6])])
def test_products_take_one_thread_for_as_long_as_training_runs(
        strike, function, left_out, two_threads, monkeypatch):
    during, mini_batches = [], nn.mini_batches

    def looking(*arguments):
        for batch in mini_batches(*arguments):
            during.append(blas_threads())
            if strike and len(during) == 3:
                raise strike
            yield batch

    monkeypatch.setattr(nn, "mini_batches", looking)
    arguments = training_set(0, (40, 6, 1), 60, 25)
    arguments = [None if k in left_out else a for k, a in enumerate(arguments)]
    if function is descend:
        arguments = [a for a in arguments if a is not None]
    with contextlib.suppress(KeyboardInterrupt, ValueError):
        function(*arguments, batch_size=1)
    assert len(during) > 2 and all(n == [1] * len(two_threads) for n in during)
    assert blas_threads() == two_threads


@e
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_after_two_trainings_at_once_the_threads_are_as_before(order, two_threads):
    """Both have begun before either ends."""
    begun, may_end = threading.Barrier(2), [threading.Event(), threading.Event()]

    def held(k):
        begun.wait(60)
        during = blas_threads()
        begun.wait(60)
        assert may_end[k].wait(60)
        return during

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(in_parallel, held, [k]) for k in (0, 1)]
        for k in order:
            may_end[k].set()
            assert runs[k].result(60) == [[1] * len(two_threads)]
    assert blas_threads() == two_threads


@e
def test_in_parallel_keeps_the_order_and_gives_products_one_thread(two_threads):
    def seen(k):
        descend(*random_network(k, (5, 4, 1), 9))
        return k, *blas_threads()

    expected = [(k, *[1] * len(two_threads)) for k in range(20)]
    assert in_parallel(seen, range(20)) == expected
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda k: 1 / k, [1, 0, 2])
    assert blas_threads() == two_threads and in_parallel(abs, []) == []
    if (nn_faster.os.cpu_count() or 1) > 1:  # more than one at a time
        meeting = threading.Barrier(2)
        in_parallel(lambda k: meeting.wait(60), range(2))


# ---- Finite differences ----------------------------------------------------------

def assert_same_derivatives(arguments, plain_arguments, tolerance):
    grad_Ws, grad_bs = nn_finite_difference_checker(*arguments)
    plain_Ws, plain_bs = nn.nn_finite_difference_checker(*plain_arguments)
    assert_same_arrays(grad_Ws + grad_bs, plain_Ws + plain_bs, tolerance)


@a
@settings(deadline=None, max_examples=50)
@given(networks(max_width=5), st.sampled_from([1e-5, 1e-4, 0.1]),
       st.sampled_from([1, 50, 2**20]))
@example(random_network(0, (40, 30, 1), 9), 1e-5, 2**20)
def test_blocks_give_the_plain_loop_s_differences(network, epsilon, block):
    """With a step of 0.1 they are far from the derivatives."""
    arguments = *network, activations_for(network[2]), epsilon
    with patch.object(nn_faster, "MAX_BLOCK", block):
        # Both err by rounding alone: some 1e-16 of the loss, over 2 epsilon.
        assert_same_derivatives(arguments, arguments, 4e-15 / epsilon)
        tiny = network[0] * 1e-305
        with np.errstate(all="raise"):  # what rounds to zero does so quietly
            nn_finite_difference_checker(tiny, *arguments[1:])


def softplus(s):
    return np.logaddexp(0, s), 1 / (1 + np.exp(-s))


@a
@pytest.mark.parametrize("activations", [
    [softplus, nn.sigmoid_activation], [nn.sigmoid_activation, nn.sigmoid_activation],
    [nn.relu_activation, lambda s: nn.sigmoid_activation(s)], None])
def test_other_activations_lists_and_float32_give_the_plain_derivatives(activations):
    X, y, *network = random_network(0, (5, 4, 1), 4)
    plain = X, y, *network, activations or activations_for(network[0]), 1e-4
    assert_same_derivatives(plain, plain, 1e-11)
    lists = [[part.tolist() for part in parts] for parts in ([X, y], *network)]
    assert_same_derivatives((*lists[0], *lists[1:], *plain[4:]), plain, 1e-10)
    single = in_dtype("f4", X, y, *network)
    assert_same_derivatives((*single, *plain[4:]), plain, 1e-5)


@a
def test_large_blocks_are_cut_to_the_bound(monkeypatch):
    """In one block, 20 examples would make 20 * 301 * 200 numbers, or 9.6 MB."""
    network = random_network(0, (300, 3, 200, 1), 20)
    for bound, least, most in ((2**12, 0, 2e6), (2**22, 9e6, 1e9)):
        monkeypatch.setattr(nn_faster, "MAX_BLOCK", bound)
        arguments = *network, activations_for(network[2])
        peak = peak_memory(lambda: nn_finite_difference_checker(*arguments))  # noqa: B023
        assert least < peak < most


@a
@pytest.mark.parametrize("checker", [
    nn_finite_difference_checker, nn.nn_finite_difference_checker])
def test_blocks_move_by_the_step_that_a_large_weight_allows(checker):
    """Numbers around 1e15 are an eighth apart: 0.3 becomes a quarter."""
    X, y, bias = np.array([[1.0, -1.0]]), np.array([1]), 0.2
    network = [np.full((2, 1), 1e15)], [np.full((1, 1), bias)]
    losses = [np.logaddexp(0, -bias - move) for move in (0.25, -0.25, 0.3, -0.3)]
    slope, slope_b = (losses[0] - losses[1]) / 0.5, (losses[2] - losses[3]) / 0.6
    grad_Ws, grad_bs = checker(X, y, *network, [nn.sigmoid_activation], 0.3)
    assert np.allclose(grad_Ws[0].T, [slope, -slope], rtol=1e-12, atol=0)
    assert np.allclose(grad_bs[0], slope_b, rtol=1e-12, atol=0)


def test_the_signatures_are_the_plain_ones():
    for name in ("train", "nn_finite_difference_checker"):
        fast, plain = getattr(nn_faster, name), getattr(nn, name)
        assert inspect.signature(fast) == inspect.signature(plain)
