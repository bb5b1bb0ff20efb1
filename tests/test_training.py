"""(e) Training: the loop, its record, and that it learns.

What train promises is asked of both, the plain one and the one of nn_faster.
"""

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import nn_checks
import nn_faster
import nn_helpers
from networks import IdlePool, activations_for, random_network
from nn_helpers import (
    accuracy,
    backward_pass,
    create_bias_vectors,
    create_weight_matrices,
    forward_pass,
    get_mnist_threes_nines,
    logistic_loss,
    relu_activation,
    sgd,
    sigmoid_activation,
)

pytestmark = pytest.mark.e
ACTIVATIONS = [relu_activation, sigmoid_activation]
CURVES = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]


@pytest.fixture(params=[nn_helpers.train, nn_faster.train], ids=["plain", "fast"])
def train(request, monkeypatch):
    """Return either function; the fast one leaves nothing to the plain one."""
    monkeypatch.setattr(nn_faster, "_products_pay", lambda *arguments: True)
    return request.param


@pytest.fixture(scope="module")
def digits():
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    return X_train.reshape(-1, 784), y_train, X_test.reshape(-1, 784), y_test


def network(seed=0, layer_dims=(6, 5, 1)):
    """Return a small training set of 23, a test set of 7, weights and biases."""
    rng = np.random.default_rng(seed)
    X, y, weights, biases = random_network(rng, layer_dims, 30)
    return X[:23], y[:23], X[23:], y[23:], weights, biases


def by_the_book(
    X, y, X_test, y_test, weights, biases, batch_size, step_size, epochs, rng
):
    """Return what train should, written out once more, and as plainly as can be."""
    weights, biases = [W.copy() for W in weights], [b.copy() for b in biases]
    activations = activations_for(weights)
    record = {name: [] for name in CURVES}
    for _ in range(epochs):
        order = rng.permutation(len(X))
        while len(order):
            rows, order = order[:batch_size], order[batch_size:]
            g, caches = forward_pass(X[rows], weights, biases, activations)
            loss, dL_dg = logistic_loss(g, y[rows])
            record["train_loss"].append(loss.mean())
            record["train_accuracy"].append(np.mean((g > 0.5) == y[rows]))
            for parameters, gradients in zip(
                (weights, biases), backward_pass(dL_dg, caches)
            ):
                for parameter, gradient in zip(parameters, gradients):
                    parameter -= step_size * gradient
            g, _ = forward_pass(X_test, weights, biases, activations)
            record["test_loss"].append(logistic_loss(g, y_test)[0].mean())
            record["test_accuracy"].append(np.mean((g > 0.5) == y_test))
    return weights, biases, record


@pytest.mark.parametrize("layer_dims", [(6, 1), (6, 5, 1), (6, 5, 4, 3, 2, 1)])
@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_number_of_the_record(train, layer_dims, batch_size):
    X, y, X_test, y_test, weights, biases = network(3, layer_dims)
    got_W, got_b, history = train(
        X,
        y,
        X_test,
        y_test,
        weights,
        biases,
        activations_for(weights),
        batch_size=batch_size,
        step_size=0.3,
        num_epochs=3,
        rng=np.random.default_rng(9),
    )
    W, b, record = by_the_book(
        X,
        y,
        X_test,
        y_test,
        weights,
        biases,
        batch_size,
        0.3,
        3,
        np.random.default_rng(9),
    )
    assert list(history) == CURVES
    for name in CURVES:
        assert history[name].shape == (3 * -(-23 // batch_size),)
        assert np.allclose(history[name], record[name], rtol=1e-10)
    for x, expected in zip(got_W + got_b, W + b, strict=True):
        assert np.allclose(x, expected, rtol=1e-10)


def test_the_last_test_numbers_are_the_trained_networks(train):
    X, y, X_test, y_test, weights, biases = network()
    W, b, history = train(X, y, X_test, y_test, weights, biases, ACTIVATIONS, rng=0)
    g, _ = forward_pass(X_test, W, b, ACTIVATIONS)
    expected = logistic_loss(g, y_test)[0].mean()
    assert history["test_loss"][-1] == pytest.approx(expected, rel=1e-12)
    assert history["test_accuracy"][-1] == accuracy(g, y_test)


def test_the_first_training_loss_is_the_untrained_networks(train):
    X, y, _, _, weights, biases = network()
    _, _, history = train(
        X, y, None, None, weights, biases, ACTIVATIONS, batch_size=23, rng=0
    )
    g, _ = forward_pass(X, weights, biases, ACTIVATIONS)
    assert history["train_loss"][0] == pytest.approx(
        logistic_loss(g, y)[0].mean(), rel=1e-12
    )


def test_every_example_is_seen_once_an_epoch(monkeypatch):
    seen = []

    def watching(X_batch, *network):
        seen.append(X_batch[:, 0])
        return forward_pass(X_batch, *network)

    monkeypatch.setattr(nn_helpers, "forward_pass", watching)
    X = np.arange(23.0)[:, None] / 23
    weights, biases = create_weight_matrices([1, 1]), create_bias_vectors([1, 1])
    steps = list(
        sgd(
            X,
            np.arange(23) % 2,
            weights,
            biases,
            [sigmoid_activation],
            batch_size=5,
            num_epochs=2,
            rng=0,
        )
    )
    del seen[0]  # one forward pass checks the arguments
    assert [len(batch) for batch in seen] == [5, 5, 5, 5, 3] * 2 and len(steps) == 10
    epochs = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    assert all(np.array_equal(np.sort(epoch), X[:, 0]) for epoch in epochs)
    assert not np.array_equal(*epochs) and not np.array_equal(epochs[0], X[:, 0])


def test_arguments_are_left_untouched_and_results_are_new(train):
    arguments = network()
    *_, weights, biases = arguments
    kept = [np.array(a) for a in [*arguments[:4], *weights, *biases]]
    for epochs in (0, 2):
        W, b, _ = train(*arguments, ACTIVATIONS, num_epochs=epochs, rng=0)
        for new, old in zip(W + b, weights + biases):
            assert not np.shares_memory(new, old)
    for a, b in zip(kept, [*arguments[:4], *weights, *biases]):
        assert np.array_equal(a, b)


def test_a_seed_repeats_the_run(train):
    runs = [
        train(*network(), ACTIVATIONS, batch_size=4, rng=seed) for seed in (1, 1, 2)
    ]
    histories = [history["train_loss"] for _, _, history in runs]
    assert np.array_equal(histories[0], histories[1])
    assert not np.array_equal(histories[0], histories[2])


def test_without_a_test_set_its_curves_stay_empty(train):
    X, y, X_test, y_test, weights, biases = network()
    W, _, history = train(X, y, None, None, weights, biases, ACTIVATIONS, rng=0)
    with_test, _, _ = train(X, y, X_test, y_test, weights, biases, ACTIVATIONS, rng=0)
    assert [len(history[name]) for name in CURVES] == [5, 5, 0, 0]
    assert np.array_equal(W[0], with_test[0])


def test_no_epochs_give_an_empty_record(train):
    _, _, history = train(*network(), ACTIVATIONS, num_epochs=0)
    assert [history[name].shape for name in CURVES] == [(0,)] * 4


class Bar:
    """In the place of tqdm: notes what it is told, and can strike like a Ctrl-C."""

    told, strike_at = [], None

    def __init__(self, iterable=None, **options):
        self.iterable = iterable
        Bar.told = [options]

    def __iter__(self):
        for item in self.iterable:
            yield item
            self.update(1)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        Bar.told.append("gone")

    def update(self, count):
        Bar.told.append(count)
        if sum(Bar.told[1:]) == Bar.strike_at:
            raise KeyboardInterrupt


@pytest.fixture
def bar(monkeypatch):
    for module in (nn_helpers, nn_faster):
        monkeypatch.setattr(module, "tqdm", Bar)
    monkeypatch.setattr(nn_faster, "CHUNK", 1)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    return Bar


@pytest.mark.parametrize("with_test_set", [True, False])
def test_an_interrupt_anywhere_keeps_network_and_record_together(
    train, monkeypatch, with_test_set
):
    """Strike at each line that runs from the first update on."""
    monkeypatch.setattr(nn_faster, "CHUNK", 1)
    monkeypatch.setattr(nn_faster, "ThreadPoolExecutor", IdlePool())
    X, y, X_test, y_test, weights, biases = network()
    test_set = (X_test, y_test) if with_test_set else (None, None)
    arguments = X, y, *test_set, weights, biases, ACTIVATIONS
    _, _, whole = train(*arguments, batch_size=5, rng=0)
    plain = list(sgd(X, y, weights, biases, ACTIVATIONS, batch_size=5, rng=0))
    files = {module.__file__ for module in (nn_checks, nn_helpers, nn_faster)}
    strike_at, lines, updating, done, ends = 0, 0, False, 0, set()

    def trace(frame, event, argument):
        nonlocal lines, updating
        if frame.f_code.co_filename not in files:
            return None
        updating = updating or frame.f_code.co_name == "mini_batches"
        if event == "line" and updating:
            lines += 1
            if lines == strike_at:
                raise KeyboardInterrupt
        return trace

    while True:
        strike_at += 1 + (done > 0) * strike_at // 30  # at first, no line is left out
        lines, updating, before = 0, False, sys.gettrace()
        # A trace can strike between the body of a with and its end: mend that here.
        with np.errstate(), threadpool_limits():
            sys.settrace(trace)
            try:
                W, b, history = train(*arguments, batch_size=5, rng=0)
            except KeyboardInterrupt:
                break  # the loop is over: an interrupt is from here on like any other
            finally:
                sys.settrace(before)
        done = len(history["train_loss"])
        ends.add(done)
        for name in CURVES:
            assert np.array_equal(history[name], whole[name][:done])
        plain_W, plain_b = plain[done - 1][:2] if done else (weights, biases)
        for a, plain_a in zip(W + b, plain_W + plain_b, strict=True):
            assert np.allclose(a, plain_a, rtol=1e-12, atol=1e-15)
        if lines < strike_at:
            break
    assert len(ends) > 3 and max(ends) == len(whole["train_loss"])


@pytest.mark.parametrize("strike_at", [1, 7, 24])
def test_an_interrupt_between_two_updates_keeps_all_so_far(train, bar, strike_at):
    X, y, X_test, y_test, weights, biases = network()
    bar.strike_at = strike_at
    try:
        W, _, history = train(X, y, X_test, y_test, weights, biases, ACTIVATIONS,
                              batch_size=5, rng=0, progress=True)
    finally:
        bar.strike_at = None
    assert [len(history[name]) for name in CURVES] == [strike_at] * 4
    steps = list(sgd(X, y, weights, biases, ACTIVATIONS, batch_size=5, rng=0))
    assert np.allclose(W[0], steps[strike_at - 1][0][0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("with_test_set", [True, False])
def test_the_bar_counts_all_timesteps_and_goes_when_it_is_done(
    train, bar, with_test_set
):
    X, y, X_test, y_test, weights, biases = network()
    test_set = (X_test, y_test) if with_test_set else (None, None)
    train(X, y, *test_set, weights, biases, ACTIVATIONS, batch_size=1, num_epochs=3,
          progress=True)
    options, *counts = bar.told
    assert options == {"total": 69, "leave": False, "disable": False}
    assert [count for count in counts if count != "gone"] == [1] * 69


def test_progress_shows_a_bar(train, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    train(*network(), ACTIVATIONS, num_epochs=2, progress=True)
    assert "/2" in capsys.readouterr().err
    train(*network(), ACTIVATIONS, num_epochs=2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    train(*network(), ACTIVATIONS, num_epochs=2, progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"batch_size": 0}, "batch_size must be a whole number >= 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number >= 1"),
        ({"num_epochs": -1}, "num_epochs must be a whole number >= 0, got -1"),
        ({"num_epochs": 1.5}, "num_epochs must be a whole number >= 0"),
        ({"step_size": 0}, "step_size must be positive and finite, got 0"),
        ({"step_size": np.inf}, "step_size must be positive and finite"),
        ({"step_size": np.nan}, "step_size must be positive and finite"),
        ({"step_size": True}, "step_size must be positive and finite, got True"),
        (
            {"X_train": np.ones((23, 2, 3))},
            r"X_train must be two-dimensional, got shape \(23, 2, 3\)",
        ),
        ({"X_train": np.ones((0, 6))}, "X_train must not be empty"),
        ({"X_train": np.ones((23, 7))}, "layer 0: x "),
        (
            {"y_train": np.ones(22)},
            r"y_train must have shape \(23,\), got \(22,\)",
        ),
        ({"y_train": np.ones((23, 1))}, r"y_train must have shape \(23,\)"),
        ({"y_train": np.full(23, 9)}, r"y_train must lie in \[0, 1\], got 9 to 9"),
        ({"X_test": None}, "X_test and y_test go together"),
        ({"y_test": None}, "X_test and y_test go together"),
        ({"y_test": np.ones(6)}, r"y_test must have shape \(7,\)"),
        ({"X_test": np.full((7, 6), np.nan)}, "X_test must be finite"),
        (
            {"X_test": np.ones((7, 5))},
            r"X_test must have 6 columns, got shape \(7, 5\)",
        ),
        ({"weight_matrices": []}, "must be lists of one length"),
    ],
)
def test_train_refuses(train, change, message):
    names = ["X_train", "y_train", "X_test", "y_test", "weight_matrices", "biases"]
    arguments = dict(zip(names, network()), activations=ACTIVATIONS) | change
    with pytest.raises(ValueError, match=message):
        train(**arguments)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"batch_size": -1}, "batch_size must be a whole number >= 1, got -1"),
        ({"batch_size": "5"}, "batch_size must be a whole number >= 1, got '5'"),
        ({"num_epochs": None}, "num_epochs must be a whole number >= 0, got None"),
        ({"step_size": "0.1"}, "step_size must be positive and finite, got '0.1'"),
        ({"y": np.ones(3)}, r"y_train must have shape \(23,\)"),
    ],
)
def test_sgd_refuses_before_the_first_step(change, message):
    X, y, _, _, weights, biases = network()
    with pytest.raises(ValueError, match=message):
        sgd(X, change.pop("y", y), weights, biases, ACTIVATIONS, **change)


def test_accuracy():
    g, y = np.array([0.2, 0.5, 0.51, 0.9, 0.4]), np.array([0, 0, 1, 0, 1])
    assert accuracy(g, y) == 3 / 5


def test_it_learns_threes_and_nines(train, digits):
    """One epoch beats the nearest class mean's 96 %, and learning is no accident."""
    X, y, X_test, y_test = digits
    dims = [784, 200, 1]
    weights, biases = create_weight_matrices(dims, 0), create_bias_vectors(dims)
    W, b, history = train(
        X, y, None, None, weights, biases, ACTIVATIONS, num_epochs=1, rng=0
    )
    assert len(history["train_loss"]) == 121
    assert history["train_loss"][0] == pytest.approx(np.log(2), abs=0.01)
    assert accuracy(forward_pass(X_test, W, b, ACTIVATIONS)[0], y_test) > 0.965


def test_it_fits_twenty_images_in_float32_too(train, digits):
    X, y = digits[0][:20].astype(np.float32), digits[1][:20]
    weights = [W.astype(np.float32) for W in create_weight_matrices([784, 50, 1], 0)]
    biases = [b.astype(np.float32) for b in create_bias_vectors([784, 50, 1])]
    W, b, history = train(
        X,
        y,
        None,
        None,
        weights,
        biases,
        ACTIVATIONS,
        batch_size=20,
        num_epochs=400,
        rng=0,
    )
    assert history["train_accuracy"][-1] == 1 and history["train_loss"][-1] < 0.02
    assert all(a.dtype == np.float32 for a in W + b)


def test_step_size_ten_gives_no_nan_and_no_warning(train, digits):
    X, y, X_test, y_test = digits
    dims = [784, 200, 1]
    for seed in (0, 1):
        with np.errstate(all="raise"):
            W, b, history = train(
                X,
                y,
                X_test[:50],
                y_test[:50],
                create_weight_matrices(dims, seed),
                create_bias_vectors(dims),
                ACTIVATIONS,
                step_size=10.0,
                num_epochs=1,
                rng=seed,
            )
        assert all(np.isfinite(a).all() for a in [*W, *b, *history.values()])


def test_overflow_is_one_clear_error(train):
    X, y, _, _, weights, biases = network(0, (6, 5, 4, 1))
    with pytest.raises(ValueError, match="finite"):
        train(
            X,
            y,
            None,
            None,
            weights,
            biases,
            activations_for(weights),
            step_size=1e200,
            num_epochs=50,
            rng=0,
        )


@pytest.mark.parametrize(
    "g, y, message",
    [
        (np.full((3, 1), 0.5), np.ones(3), r"g must be \(n,\), got shape \(3, 1\)"),
        (np.full(3, 0.5), np.ones((3, 1)), r"y must have shape \(3,\), got \(3, 1\)"),
        ([], [], "g must not be empty"),
    ],
)
def test_accuracy_refuses(g, y, message):
    with pytest.raises(ValueError, match=message):
        accuracy(g, y)


def test_a_numpy_step_size_keeps_float32(train):
    X, y, _, _, weights, biases = network()
    single = [[a.astype(np.float32) for a in arrays] for arrays in (weights, biases)]
    W, b, _ = train(
        X.astype(np.float32),
        y,
        None,
        None,
        *single,
        ACTIVATIONS,
        step_size=np.float64(0.1),
        rng=0,
    )
    assert all(a.dtype == np.float32 for a in W + b)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_ctrl_c_ends_training_with_what_is_done(after):
    """As it happens: while one of the functions runs that train calls."""
    X, y, X_test, y_test, weights, biases = network()
    seen = []

    def interrupted(s):
        seen.append(len(s))
        # The first call checks the arguments; then a batch of 5 and the test set of 7.
        if len(seen) > 1 + 2 * after:
            raise KeyboardInterrupt
        return relu_activation(s)

    arguments = X, y, X_test, y_test, weights, biases
    W, b, history = nn_helpers.train(
        *arguments, [interrupted, sigmoid_activation], batch_size=5, rng=0
    )
    _, _, whole = nn_helpers.train(*arguments, ACTIVATIONS, batch_size=5, rng=0)
    assert seen == [1, *[5, 7] * after, 5]
    for name in CURVES:
        assert np.array_equal(history[name], whole[name][:after])
    if after:
        g, _ = forward_pass(X_test, W, b, ACTIVATIONS)
        assert history["test_loss"][-1] == logistic_loss(g, y_test)[0].mean()
    else:
        assert np.array_equal(W[0], weights[0]) and np.array_equal(b[0], biases[0])


def test_other_activations_train_the_plain_way(train):
    X, y, X_test, y_test, weights, biases = network()
    arguments = X, y, X_test, y_test, weights, biases
    activations = [lambda s: relu_activation(s), sigmoid_activation]
    W, _, history = train(*arguments, activations, rng=0)
    plain_W, _, plain = nn_helpers.train(*arguments, ACTIVATIONS, rng=0)
    assert np.array_equal(W[0], plain_W[0])
    assert all(np.array_equal(history[name], plain[name]) for name in CURVES)


def test_an_output_of_one_half_is_a_three_in_the_record_too(train):
    """From zeros, and with as many threes as nines, every output stays one half."""
    weights = [np.zeros((3, 2)), np.zeros((2, 1))]
    biases = [np.zeros((1, 2)), np.zeros((1, 1))]
    X, y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])
    X_test, y_test = np.arange(15.0).reshape(5, 3), np.array([0, 1, 0.5, 1, 1])
    *_, history = train(X, y, X_test, y_test, weights, biases, ACTIVATIONS,
                        batch_size=4, num_epochs=9, rng=0)
    assert np.allclose(history["train_loss"], np.log(2), rtol=1e-15)
    assert set(history["train_accuracy"]) == {0.5}
    assert set(history["test_accuracy"]) == {0.4}


def test_accuracy_exactly_at_one_half_and_between_the_labels():
    """One half is on the side of the threes, as output and as label."""
    beyond = np.nextafter(0.5, 1)
    assert accuracy([0.1], [0.5]) == accuracy([0.9], [beyond]) == 1
    assert accuracy([0.5], [0.1]) == accuracy([beyond], [0.9]) == 1
    assert accuracy([0.9], [0.5]) == accuracy([0.5], [0.9]) == 0
    assert accuracy([0.1, 0.1, 0.9], [0.3, 0.4, 0.7]) == 1


@pytest.mark.parametrize("shape", [(7,), (7, 6, 1)])
def test_a_test_set_of_another_dimension_is_refused(train, shape):
    X, y, _, y_test, weights, biases = network()
    message = r"^X_test must be two-dimensional, got shape \(7,"
    with pytest.raises(ValueError, match=message):
        train(X, y, np.ones(shape), y_test, weights, biases, ACTIVATIONS)


@pytest.mark.parametrize("N, m", [(100_000, 1), (1, 100_000)])
def test_averages_are_in_double_precision_in_float32_too(train, N, m):
    """A hundred thousand times the same number: sums in float32 would drift."""
    X, X_test = np.ones((N, 1), "f4"), np.ones((m, 1), "f4")
    network = [np.zeros((1, 1), "f4")], [np.zeros((1, 1), "f4")], [sigmoid_activation]
    *_, history = train(X, np.zeros(N), X_test, np.zeros(m), *network, batch_size=N,
                        num_epochs=1, step_size=1e-30, rng=0)
    one = float(-np.log1p(np.float32(-0.5)))
    for name in ("train_loss", "test_loss"):
        assert history[name][0] == pytest.approx(one, rel=1e-12)
