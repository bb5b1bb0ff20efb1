"""(e) Training: the loop, its record, that it learns, and what an interrupt leaves.

What train promises is tested for both, the plain one and the one of nn_faster, but the
numbers, which test_faster compares.
"""

import collections
import functools
import sys
import threading

import numpy as np
import pytest

import nn_checks
import nn_faster
import nn_helpers as nn
from networks import CURVES, activations_for, gradients, in_dtype, training_set

pytestmark = pytest.mark.e
ACTIVATIONS = [nn.relu_activation, nn.sigmoid_activation]
DIMS = (40, 5, 1)  # so many inputs that nn_faster.train does not call the plain one
with_and_without_test_set = pytest.mark.parametrize("test", [slice(2, 4), None])


@pytest.fixture(params=[nn.train, nn_faster.train], ids=["plain", "fast"])
def train(request):
    return request.param


@pytest.fixture(scope="module")
def digits():
    (X_train, y_train), (X_test, y_test) = nn.get_mnist_threes_nines()
    return X_train.reshape(-1, 784), y_train, X_test.reshape(-1, 784), y_test


def fresh(dims=(784, 200, 1), seed=0):
    weights = nn.create_weight_matrices(dims, seed)
    return weights, nn.create_bias_vectors(dims), ACTIVATIONS


def with_test_set(arguments, test):
    """Return what train takes, with None and None for the test set if it has none."""
    return arguments if test else [*arguments[:2], None, None, *arguments[4:]]


def by_the_book(X, y, X_test, y_test, weights, biases, activations,
                batch_size, step_size, num_epochs, rng):
    """Return what train should, written out again as plainly as possible."""
    weights, biases, rows = [W.copy() for W in weights], [b.copy() for b in biases], []
    for _ in range(num_epochs):
        order = rng.permutation(len(X))
        while len(order):
            batch, order = order[:batch_size], order[batch_size:]
            g, loss, found = gradients(X[batch], y[batch], weights, biases)
            rows.append([loss.mean(), np.mean((g > 0.5) == y[batch])])
            for parameter, gradient in zip(weights + biases, found):
                parameter -= step_size * gradient
            g, loss, _ = gradients(X_test, y_test, weights, biases)
            rows[-1] += [loss.mean(), np.mean((g > 0.5) == y_test)]
    return weights, biases, dict(zip(CURVES, np.transpose(rows)))


@pytest.mark.parametrize("layer_dims", [(40, 1), (40, 5, 1), (40, 5, 4, 3, 2, 1)])
@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_number_of_the_record(layer_dims, batch_size):
    arguments = training_set(3, layer_dims)
    options = {"batch_size": batch_size, "step_size": 0.3, "num_epochs": 3}
    got_W, got_b, history = nn.train(*arguments, **options, rng=9)
    W, b, record = by_the_book(*arguments, **options, rng=np.random.default_rng(9))
    assert list(history) == CURVES
    for name in CURVES:
        assert history[name].shape == (3 * -(-23 // batch_size),)
        assert np.allclose(history[name], record[name], rtol=1e-10)
    for x, expected in zip(got_W + got_b, W + b, strict=True):
        assert np.allclose(x, expected, rtol=1e-10)


def test_arguments_are_left_untouched_and_results_are_new(train):
    *data, weights, biases, _ = arguments = training_set(0, DIMS)
    kept = [np.array(a) for a in [*data, *weights, *biases]]
    for epochs in (0, 2):
        W, b, history = train(*arguments, num_epochs=epochs, batch_size=5, rng=0)
        assert [len(history[name]) for name in CURVES] == [5 * epochs] * 4
        for new, old in zip(W + b, weights + biases):
            assert not np.shares_memory(new, old)
            assert np.array_equal(new, old) == (epochs == 0)
    for before, after in zip(kept, [*data, *weights, *biases]):
        assert np.array_equal(before, after)


def test_sgd_yields_new_arrays_each_time():
    X, y, _, _, *network = training_set()
    steps = list(nn.sgd(X, y, *network, batch_size=5, num_epochs=1, rng=0))
    first = next(nn.sgd(X, y, *network, batch_size=5, num_epochs=1, rng=0))
    for a, again in zip(first[0] + first[1], steps[0][0] + steps[0][1]):
        assert np.array_equal(a, again)


def test_a_seed_repeats_the_run_and_without_a_test_set_its_curves_stay_empty(train):
    arguments = training_set(0, DIMS)
    (W, _, first), (_, _, again), (_, _, other) = (
        train(*arguments, batch_size=5, rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(first["train_loss"], again["train_loss"])
    assert not np.array_equal(first["train_loss"], other["train_loss"])
    W_alone, _, alone = train(*with_test_set(arguments, None), batch_size=5, rng=1)
    assert [len(alone[name]) for name in CURVES] == [25, 25, 0, 0]
    assert np.array_equal(W[0], W_alone[0])


# ---- Interrupts and the bar ------------------------------------------------------

@with_and_without_test_set
def test_an_interrupt_anywhere_keeps_network_and_record_together(
        train, monkeypatch, test):
    """Interrupt at each line of code that runs from the first update on."""
    monkeypatch.setattr(nn_faster, "CHUNK", 1)
    # A trace can strike between the body of a with and its end, which then is missing.
    monkeypatch.setattr(nn_faster, "_limiting", threading.Lock())
    monkeypatch.setattr(nn_faster, "threadpool_limits", lambda *_: np.errstate())
    *arguments, weights, biases, _ = with_test_set(training_set(0, DIMS), test)
    network = weights, biases, ACTIVATIONS
    options = {"batch_size": 8, "num_epochs": 2, "rng": 0}
    plain = [(weights, biases), *nn.sgd(*arguments[:2], *network, **options)]
    files = {module.__file__ for module in (nn_checks, nn, nn_faster)}

    def run(strike_at, occurrence=0):
        """Return what train does, and how often each line ran from mini_batches on."""
        times, updating, before = collections.Counter(), False, sys.gettrace()

        def trace(frame, event, argument):
            nonlocal updating
            if frame.f_code.co_filename not in files:
                return None
            updating = updating or frame.f_code.co_name == "mini_batches"
            if event == "line" and updating:
                line = frame.f_code.co_filename, frame.f_lineno
                times[line] += 1
                if line == strike_at and times[line] == occurrence:
                    raise KeyboardInterrupt
            return trace

        with np.errstate():
            sys.settrace(trace)
            try:
                return train(*arguments, *network, **options), times
            finally:
                sys.settrace(before)

    (_, _, whole), times = run(strike_at=None)
    rng, ends, over = np.random.default_rng(0), set(), 0
    for line, count in times.items():
        try:
            (W, b, history), _ = run(line, rng.integers(count) + 1)
        except KeyboardInterrupt:  # the loop is over: it is like any other interrupt
            over += 1
            continue
        done = len(history["train_loss"])
        ends.add(done)
        for name in CURVES:
            assert np.array_equal(history[name], whole[name][:done])
        plain_W, plain_b, *_ = plain[done]
        for a, plain_a in zip(W + b, plain_W + plain_b, strict=True):
            assert np.allclose(a, plain_a, rtol=1e-12, atol=1e-15)
    assert {0, 1} < ends and max(ends) == len(whole["train_loss"]) and over < 10


@with_and_without_test_set
def test_the_bar_counts_all_timesteps_and_goes_when_it_is_done(
        train, test, monkeypatch, capsys):
    at_once = functools.partial(nn.tqdm, mininterval=0, miniters=1, disable=False)
    monkeypatch.setattr(nn, "tqdm", at_once)
    arguments = with_test_set(training_set(0, DIMS), test)
    run = functools.partial(train, *arguments, batch_size=1, num_epochs=3)
    run(progress=True)
    shown, errors = capsys.readouterr()  # no widget: it would outlive its model
    assert " 0/69" in shown and " 69/69" in shown and shown.endswith(" \r")
    assert not errors
    run()
    assert capsys.readouterr() == ("", "")


# ---- On the digits, and in float32 -----------------------------------------------

def test_it_learns_threes_and_nines(train, digits):
    """One epoch beats the nearest class mean's 96 %."""
    X, y, X_test, y_test = digits
    W, b, history = train(X, y, None, None, *fresh(), num_epochs=1, rng=0)
    assert len(history["train_loss"]) == 121
    assert history["train_loss"][0] == pytest.approx(np.log(2), abs=0.01)
    assert nn.accuracy(nn.forward_pass(X_test, W, b, ACTIVATIONS)[0], y_test) > 0.965


def test_it_fits_twenty_images_in_float32_too(train, digits):
    X, y, *network = in_dtype(
        "f4", digits[0][:20], digits[1][:20], *fresh((784, 50, 1)))
    W, b, history = train(X, y, None, None, *network, batch_size=20, num_epochs=400,
                          step_size=np.float64(0.1), rng=0)
    assert history["train_accuracy"][-1] == 1 and history["train_loss"][-1] < 0.02
    assert all(a.dtype == np.float32 for a in W + b)


@pytest.mark.parametrize("N, m, num_epochs", [
    (100_000, 1, 1), (1, 100_000, 2), (30, 3000, 120)])
def test_averages_are_in_double_precision_in_float32_too(train, N, m, num_epochs):
    """Sums in float32, of the same number again and again, would drift."""
    X, X_test = np.ones((N, 40), "f4"), np.ones((m, 40), "f4")
    network = [np.zeros((40, 1), "f4")], [np.zeros((1, 1), "f4")], ACTIVATIONS[1:]
    *_, history = train(X, np.zeros(N), X_test, np.zeros(m), *network, batch_size=N,
                        num_epochs=num_epochs, step_size=1e-30, rng=0)
    one = float(-np.log1p(np.float32(-0.5)))
    for name in ("train_loss", "test_loss"):
        assert history[name][0] == pytest.approx(one, rel=1e-12)


# ---- Numbers at the edge ---------------------------------------------------------

@pytest.mark.parametrize("step_size", [1e-310, 10.0, 1000.0])
def test_odd_step_sizes_raise_nothing(train, step_size):
    with np.errstate(all="raise"):
        *_, history = train(*training_set(0, DIMS), step_size=step_size, batch_size=7)
    assert all(np.isfinite(curve).all() for curve in history.values())


@pytest.mark.parametrize("step_size, num_epochs", [(1e308, 1), (1e200, 50)])
@pytest.mark.parametrize("batch_size", [5, 60])
def test_weights_beyond_all_floats_are_refused(
        train, step_size, num_epochs, batch_size):
    arguments = training_set(0, (40, 6, 5, 1), N=60)
    threads = threading.active_count()
    with np.errstate(all="raise"), pytest.raises(ValueError, match="finite"):
        train(*arguments, step_size=step_size, batch_size=batch_size,
              num_epochs=num_epochs, rng=0)
    assert threading.active_count() == threads


def test_one_infinite_weight_next_to_a_finite_bias_is_refused_at_once(train):
    """10 times 5e307 is too large, 5e307 is not."""
    X, y = np.full((1, 9), 10.0), np.zeros(1)
    network = [np.zeros((9, 1))], [np.zeros((1, 1))], [nn.sigmoid_activation]
    message = "^a weight or bias after the update must be finite, but holds inf or nan$"
    with np.errstate(all="raise"), pytest.raises(ValueError, match=message):
        train(X, y, X, y, *network, step_size=1e308, num_epochs=2)


@pytest.mark.parametrize("layer, at_test", [
    (0, False), (1, False), (0, True), (1, True), (2, True)])
def test_what_a_relu_would_hide_is_refused(train, layer, at_test):
    """Minus infinity before a ReLU would come out as 0."""
    weights = [np.full((40, 3), 1e-9), np.full((3, 2), 1e-9), np.full((2, 1), 1e-9)]
    biases = [np.zeros((1, 3)), np.zeros((1, 2)), np.zeros((1, 1))]
    weights[layer] = np.full_like(weights[layer], -1e200)
    for k in range(layer):
        weights[k] = np.full_like(weights[k], 1e90 if layer == 1 else 1e45)
    X, X_test = np.zeros((2, 30, 40))
    (X_test if at_test else X)[-1] = 1e150
    y = np.resize([0, 1], 30)
    network = weights, biases, activations_for(weights)
    message = f"^layer {layer}: s must be finite, but holds inf or nan$"
    with np.errstate(all="raise"), pytest.raises(ValueError, match=message):
        train(X, y, X_test, y, *network, batch_size=1, rng=0)


def test_an_output_of_one_half_is_a_three_in_the_record_too(train):
    """From zeros, and with as many threes as nines, every output stays one half."""
    weights = [np.zeros((9, 2)), np.zeros((2, 1))]
    biases = [np.zeros((1, 2)), np.zeros((1, 1))]
    X, y = np.arange(36.0).reshape(4, 9), np.array([0, 1, 0, 1])
    X_test, y_test = np.arange(45.0).reshape(5, 9), np.array([0, 1, 0.5, 1, 1])
    *_, history = train(X, y, X_test, y_test, weights, biases, ACTIVATIONS,
                        batch_size=4, num_epochs=9, rng=0)
    assert np.allclose(history["train_loss"], np.log(2), rtol=1e-15)
    assert set(history["train_accuracy"]) == {0.5}
    assert set(history["test_accuracy"]) == {0.4}


BEYOND = np.nextafter(0.5, 1)


@pytest.mark.parametrize("g, y, expected", [
    ([0.2, 0.5, 0.51, 0.9, 0.4], [0, 0, 1, 0, 1], 3 / 5), ([0.1], [0.5], 1),
    ([0.9], [BEYOND], 1), ([0.5], [0.1], 1), ([BEYOND], [0.9], 1), ([0.9], [0.5], 0),
    ([0.5], [0.9], 0), ([0.1, 0.1, 0.9], [0.3, 0.4, 0.7], 1)])
def test_accuracy_counts_one_half_as_a_three_as_output_and_as_label(g, y, expected):
    assert nn.accuracy(g, y) == expected
