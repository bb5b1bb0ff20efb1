"""Input validation: every ValueError of the network, its message, and what just passes.

Each public function is called with arguments that are wrong in one way. What the
functions compute is in test_pieces, test_passes, test_training and test_faster.
"""

import re

import numpy as np
import pytest

import nn_checks
import nn_faster as fast
import nn_helpers as nn
from networks import activations_for, load_toy
from nn_helpers import relu_activation, sigmoid_activation

X, Y, WEIGHTS, BIASES = load_toy()  # 2 examples, 4-2-1
W, B = WEIGHTS[0], BIASES[0]
NETWORK = WEIGHTS, BIASES, activations_for(WEIGHTS)
HALVES, ONES = np.full(2, 0.5), np.ones(2)
_, CACHES = nn.forward_pass(X, *NETWORK)
CHECKERS = [nn.nn_finite_difference_checker, fast.nn_finite_difference_checker]
TRAIN = [nn.train, fast.train]
a, b, c, d, e = (getattr(pytest.mark, name) for name in "abcde")


def assert_refused(message, function, *arguments, **named):
    """See a ValueError of one line that begins with message, and no NumPy warning."""
    with np.errstate(all="raise"), pytest.raises(ValueError) as caught:
        function(*arguments, **named)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def for_each(functions, mark, name, valid, call):
    """Return a row of ARGUMENTS for each function, which call takes first."""
    return [(mark, name, valid, lambda v, f=f: call(f, v)) for f in functions]


def activated(*result):
    return nn.layer_forward(X, W, B, lambda s: result)


# ---- Arrays of the wrong kind ----------------------------------------------------

# For each argument that takes an array: what is right, and the call with it.
ARGUMENTS = [
    (pytest.mark.data, "image", np.zeros(784), nn.display_image),
    (a, "a", ONES, lambda v: nn.finite_difference_gradient(lambda a: 0.0, v)),
    *for_each(CHECKERS, a, "X_batch", X, lambda f, v: f(v, Y, *NETWORK)),
    *for_each(CHECKERS, a, "y", Y, lambda f, v: f(X, v, *NETWORK)),
    (b, "s", ONES, sigmoid_activation),
    (b, "s", ONES, relu_activation),
    (b, "g", HALVES, lambda v: nn.logistic_loss(v, Y)),
    (b, "y", Y, lambda v: nn.logistic_loss(HALVES, v)),
    (b, "x", X, lambda v: nn.layer_forward(v, W, B, relu_activation)),
    (b, "W", W, lambda v: nn.layer_forward(X, v, B, relu_activation)),
    (b, "b", B, lambda v: nn.layer_forward(X, W, v, relu_activation)),
    (b, "activation_fn's output", np.ones((2, 2)),
     lambda v: activated(v, np.ones((2, 2)))),
    (b, "activation_fn's derivative", np.ones((2, 2)),
     lambda v: activated(np.ones((2, 2)), v)),
    (c, "X_batch", X, lambda v: nn.forward_pass(v, *NETWORK)),
    (c, "layer 1: W", WEIGHTS[1], lambda v: nn.forward_pass(X, [W, v], *NETWORK[1:])),
    (c, "layer 0: b", B,
     lambda v: nn.forward_pass(X, WEIGHTS, [v, BIASES[1]], NETWORK[2])),
    (d, "dL_dg", ONES, lambda v: nn.backward_pass(v, CACHES)),
    (e, "g", HALVES, lambda v: nn.accuracy(v, Y)),
    (e, "y", Y, lambda v: nn.accuracy(HALVES, v)),
    (e, "X_train", X, lambda v: nn.sgd(v, Y, *NETWORK)),
    (e, "y_train", Y, lambda v: nn.sgd(X, v, *NETWORK)),
    (e, "X_train", X, lambda v: fast.descend(v, Y, WEIGHTS, BIASES)),
    (e, "y_train", Y, lambda v: fast.descend(X, v, WEIGHTS, BIASES)),
    (e, "layer 0: W", W, lambda v: fast.descend(X, Y, [v, WEIGHTS[1]], BIASES)),
    (e, "layer 1: b", BIASES[1], lambda v: fast.descend(X, Y, WEIGHTS, [B, v])),
    *for_each(TRAIN, e, "X_train", X, lambda f, v: f(v, Y, X, Y, *NETWORK)),
    *for_each(TRAIN, e, "y_train", Y, lambda f, v: f(X, v, X, Y, *NETWORK)),
    *for_each(TRAIN, e, "X_test", X, lambda f, v: f(X, Y, v, Y, *NETWORK)),
    *for_each(TRAIN, e, "y_test", Y, lambda f, v: f(X, Y, X, v, *NETWORK)),
]  # fmt: skip

BAD = {
    "ragged": (lambda v: [[1, 2], [3]], "must not have rows of unequal length"),
    "strings": (lambda v: ["1", "2"], "must hold numbers, got dtype <U1"),
    "nothing": (lambda v: None, "must hold numbers, got dtype object"),
    "dates": (lambda v: v.astype("datetime64[s]"),
              "must hold numbers, got dtype datetime64[s]"),
    "complex": (lambda v: 1j * v, "must hold numbers, got dtype complex128"),
    "nan": (lambda v: v * np.nan, "must be finite, but holds inf or nan"),
    "one inf": (lambda v: np.where(np.arange(v.size).reshape(v.shape), v, np.inf),
                "must be finite, but holds inf or nan"),
    "too large": (lambda v: np.full(v.shape, np.longdouble("1e400")),
                  "must be finite, but holds inf or nan"),
    "masked": (lambda v: np.ma.masked_array(v, v == v.flat[0]),
               "must not be a masked array: its mask would be lost"),
    "masked rows": (lambda v: [np.ma.masked_array(row, True) for row in v],
                    "must not be a masked array: its mask would be lost"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(
    "name, valid, call",
    [pytest.param(*row[1:], id=f"{row[1]}-{k}", marks=row[0])
     for k, row in enumerate(ARGUMENTS)],
)  # fmt: skip
def test_an_array_of_the_wrong_kind_is_named(name, valid, call, kind, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    call(valid)
    change, message = BAD[kind]
    if name in ("X_test", "y_test") and kind == "nothing":
        message = "X_test and y_test go together: give both, or None for both"
    else:
        message = f"{name} {message}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(change(valid))


# ---- Each other wrong argument ---------------------------------------------------

LARGE = 10**400  # a number, but too large for a float
LISTS = "weight_matrices, biases and activations must be lists of one length, got "
CACHE = "layer_caches[0] must hold x, W and dout_ds, 2-d arrays of floats"
SHAPES = "must hold x, W, dout_ds of shapes "


@pytest.mark.data
@pytest.mark.parametrize("shape", [(27, 28), (785,), (1, 28, 28)])
def test_an_image_of_another_shape(shape):
    message = f"image must be (28, 28) or (784,), got shape {shape}"
    assert_refused(message, nn.display_image, np.zeros(shape))


@a
@pytest.mark.parametrize("f, message", [
    (None, "f must be a function, got None"),
    (lambda a: a, "f must return one number, got shape (2,)"),
    (lambda a: np.nan, "f(a) must be finite"),
    (lambda a: "1", "f(a) must hold numbers"),
    (lambda a: [[1, 2], [3]], "f(a) must not have rows of unequal length"),
    (lambda a: np.ma.masked, "f(a) must not be a masked array"),
    (lambda a: a.astype("f4").sum(), "f must compute in float64, got float32"),
    (lambda a: a.astype("f2").sum(), "f must compute in float64, got float16"),
    (lambda a: np.array(1, "f4"), "f must compute in float64, got float32"),
    (lambda a: 1.7e308 * np.sign(a[0] - 1), "the gradient must be finite"),
])  # fmt: skip
def test_a_function_that_cannot_be_differentiated(f, message):
    assert_refused(message, nn.finite_difference_gradient, f, ONES)


@a
@pytest.mark.parametrize("epsilon", [0, -1e-5, np.nan, np.inf, "a", None, True, LARGE])
def test_an_epsilon_that_is_not_a_step(epsilon):
    message = f"epsilon must be positive and finite, got {epsilon!r:.60}"
    assert_refused(message, nn.finite_difference_gradient, np.sum, ONES, epsilon)
    for checker in CHECKERS:
        assert_refused(message, checker, X, Y, *NETWORK, epsilon)


@a
def test_an_epsilon_too_small_to_move_a_large_number():
    message = "epsilon = 1e-05 is too small to move a"
    a = np.array([1.0, 1e30])
    assert_refused(f"{message}[1]", nn.finite_difference_gradient, np.sum, a)
    network = [[[0], [1e30], [0], [0]]], [[[0]]], [sigmoid_activation]
    for checker in CHECKERS:
        assert_refused(message, checker, X, Y, *network)


@a
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_refuses_before_any_difference(checker):
    network = [np.ones((4, 1)), np.ones((1, 1))], [np.zeros((1, 1)), [[0]]], NETWORK[2]
    message = "y must have shape (2,), got (2, 1)"
    assert_refused(message, checker, X, Y[:, np.newaxis], *network)
    assert_refused(LISTS + "NoneType, 0 and 0", checker, X, Y, None, [], [])
    assert_refused(LISTS + "2, 2 and NoneType", checker, X, Y, WEIGHTS, BIASES, None)


@b
@pytest.mark.parametrize("g, y, message", [
    (np.full((3, 1), 0.5), np.ones(3), "g must be (n,), got shape (3, 1)"),
    (np.full((1, 3), 0.5), np.ones(3), "g must be (n,), got shape (1, 3)"),
    (HALVES, np.ones((2, 1)), "y must have shape (2,), got (2, 1)"),
    (HALVES, np.ones(1), "y must have shape (2,), got (1,)"),
    (HALVES, 1.0, "y must have shape (2,), got ()"),
    (HALVES, [2, 2], "y must lie in [0, 1], got 2 to 2"),
    (HALVES, [-1, 0], "y must lie in [0, 1], got -1 to 0"),
    ([], [], "g must not be empty, got shape (0,)"),
])  # fmt: skip
def test_outputs_and_labels_that_do_not_fit(g, y, message):
    assert_refused(message, nn.logistic_loss, g, y)
    assert_refused(message, nn.accuracy, g, y)


@b
@pytest.mark.parametrize("g, got", [
    ([0.5, 1], "0.5 to 1"), ([0, 0.5], "0 to 0.5"), ([-0.1], "-0.1 to -0.1"),
    ([1e-310], "1e-310 to 1e-310"),
])  # fmt: skip
def test_outputs_that_are_not_probabilities(g, got):
    message = f"g must be at least 2.2e-308 and below 1, got {got}"
    assert_refused(message, nn.logistic_loss, g, np.ones(len(g)))


@b
@pytest.mark.parametrize("x, W, b, message", [
    (np.ones(4), W, B, "x must be two-dimensional, got shape (4,)"),
    (X, np.ones(4), B, "W must be two-dimensional, got shape (4,)"),
    (X, X, B, "x (2, 4) and W (2, 4) do not fit: W must have 4 row(s)"),
    (X, W, np.ones(2), "b must have shape (1, 2) for W (4, 2), got (2,)"),
    (X, W, np.ones((2, 2)), "b must have shape (1, 2) for W (4, 2), got (2, 2)"),
    (X, W, np.ones((1, 1)), "b must have shape (1, 2) for W (4, 2), got (1, 1)"),
    (X[:0], W, B, "x must not be empty, got shape (0, 4)"),
    (X * 1e200, W * 1e200, B, "s must be finite"),
])  # fmt: skip
def test_a_layer_that_does_not_fit(x, W, b, message):
    assert_refused(message, nn.layer_forward, x, W, b, sigmoid_activation)


@b
@pytest.mark.parametrize("function", [
    "relu", None, 3, np.tanh, lambda s: (s, s, s), lambda s: (s, s[0]),
    lambda s: (s.sum(), s), lambda s: [s, s], lambda s: s.tolist(), lambda s: "ab",
    lambda s: None,
])  # fmt: skip
def test_an_activation_that_is_not_one(function):
    message = "activation_fn must return output and derivative"
    if not callable(function):
        message = f"activation_fn must be a function, got {function!r}"
    assert_refused(message, nn.layer_forward, X, W, B, function)


@c
@pytest.mark.parametrize("create", [nn.create_weight_matrices, nn.create_bias_vectors])
@pytest.mark.parametrize("layer_dims, message", [
    *((dims, "must hold 2 or more sizes, got ")
      for dims in ([], [3], None, 5, {3, 1}, iter([3, 1]), np.array(5), np.array([5]))),
    ([3, 0], "must be a whole number >= 1, got 0"),
    ([3, -1, 1], "must be a whole number >= 1, got -1"),
    ([3, 2.5, 1], "must be a whole number >= 1, got 2.5"),
    ("31", "must be a whole number >= 1, got '3'"),
    ([True, 1], "must be a whole number >= 1, got True"),
    ([3, np.True_], "must be a whole number >= 1, got np.True_"),
    ([10**30, 10**30], "are too large, got [1000"),
    ([LARGE, 1], "are too large, got [1000"),
    ([2**30, 2**30 + 1], "are too large, got [1073741824, 1073741825]"),
])  # fmt: skip
def test_sizes_that_do_not_make_a_network(create, layer_dims, message):
    each = "each of " if "whole" in message else ""
    assert_refused(f"{each}layer_dims {message}", create, layer_dims)


@c
@pytest.mark.parametrize("rng", ["abc", 0.5, -1, True])
def test_no_source_of_random_numbers(rng):
    message = f"rng must be a Generator, a seed >= 0 or None, got {rng!r}"
    assert_refused(message, nn.create_weight_matrices, [3, 1], rng)


@c
@pytest.mark.parametrize("change, message", [
    ({"weight_matrices": WEIGHTS[:1]}, LISTS + "1, 2 and 2"),
    ({"weight_matrices": iter(WEIGHTS)}, LISTS + "list_iterator, 2 and 2"),
    *(({"weight_matrices": v}, f"{LISTS}{type(v).__name__}, 2 and 2")
      for v in (None, np.array(5))),
    ({"activations": NETWORK[2] * 2}, LISTS + "2, 2 and 4"),
    ({"weight_matrices": [], "biases": [], "activations": []}, LISTS + "0, 0 and 0"),
    ({"weight_matrices": zip(), "biases": zip(), "activations": zip()},
     LISTS + "zip, zip and zip"),
    ({"X_batch": X[0]}, "X_batch must be two-dimensional, got shape (4,)"),
    ({"X_batch": X[:0]}, "X_batch must not be empty, got shape (0, 4)"),
    ({"X_batch": X[:, :3]}, "layer 0: x (2, 3) and W (4, 2) do not fit"),
    ({"weight_matrices": [W, W]}, "layer 1: x (2, 2) and W (4, 2) do not fit"),
    ({"biases": [B, np.ones(1)]}, "layer 1: b must have shape (1, 1)"),
    ({"activations": ["relu", 3]}, "layer 0: activation_fn must be a function"),
    ({"weight_matrices": [W, np.ones((2, 3))], "biases": [B, np.ones((1, 3))]},
     "the last layer must have one neuron, got 3"),
])  # fmt: skip
def test_a_network_that_does_not_fit(change, message):
    names = ["X_batch", "weight_matrices", "biases", "activations"]
    arguments = dict(zip(names, [X, *NETWORK])) | change
    assert_refused(message, nn.forward_pass, **arguments)


@d
@pytest.mark.parametrize("dL_dg, caches, message", [
    (np.ones((2, 1)), CACHES, "dL_dg must be (n,), got shape (2, 1)"),
    (np.ones(3), CACHES, f"layer_caches[0] {SHAPES}((3, 4), (4, 2), (3, 2)) for a"),
    (ONES, [], "layer_caches must hold a cache for each layer, got none"),
    (ONES, None, "layer_caches must be a list, got None"),
    (ONES, 5, "layer_caches must be a list, got 5"),
    (ONES, iter([]), "layer_caches must be a list, got <"),
    *((ONES, caches, CACHE) for caches in (
        [1, 2], [(), ()], [[[1.0]], [[1.0]]], [([[1.0]], [[1.0]], [[1.0]])], "ab",
        [(ONES, W, W)], [CACHES[0][:2]], [list(CACHES[0])])),
    *((ONES, [tuple(map(change, CACHES[0])), CACHES[1]], CACHE) for change in (
        np.ma.masked_array, lambda v: v.view(np.matrix), lambda v: v.astype(object),
        lambda v: v[0], lambda v: v.astype(str), lambda v: v.astype(int))),
    (ONES, CACHES[:1], f"layer_caches[0] {SHAPES}((2, 4), (4, 1), (2, 1)) "
     "for a dL_dg of 2, got ((2, 4), (4, 2), (2, 2))"),
    (ONES, [(*CACHES[0][:2], np.ones((2, 3))), CACHES[1]],
     f"layer_caches[0] {SHAPES}((2, 4), (4, 3), (2, 3)) "
     "for a dL_dg of 2, got ((2, 4), (4, 2), (2, 3))"),
    (ONES, [CACHES[0], (CACHES[1][0], np.ones((2, 2)), np.ones((2, 2)))],
     f"layer_caches[1] {SHAPES}((2, 2), (2, 1), (2, 1)) for a dL_dg of 2, got "),
    (ONES, [CACHES[0], nn.forward_pass(X[:1], *NETWORK)[1][1]],
     f"layer_caches[1] {SHAPES}((2, 2), (2, 1), (2, 1)) for a dL_dg of 2, got "),
    (ONES, CACHES[::-1], f"layer_caches[1] {SHAPES}((2, 1), (1, 1), (2, 1)) for a dL"),
    ([1.7e308], [(np.full((1, 2), 10.0), np.ones((2, 1)), np.full((1, 1), 0.25))],
     "a gradient in grad_Ws must be finite"),
    ([1.7e308] * 2, [(np.full((2, 1), 1e-10), np.ones((1, 1)), np.full((2, 1), 1.9))],
     "a gradient in grad_bs must be finite"),
])  # fmt: skip
def test_caches_that_do_not_belong_together(dL_dg, caches, message):
    assert_refused(message, nn.backward_pass, dL_dg, caches)


@e
@pytest.mark.parametrize("call", [
    lambda X=X, y=Y, **rest: nn.sgd(X, y, *NETWORK, **rest),
    lambda X=X, y=Y, **rest: fast.descend(X, y, *NETWORK[:2], **rest),
    *(lambda X=X, y=Y, f=f, **rest: f(X, y, X, y, *NETWORK, **rest) for f in TRAIN),
], ids=["sgd", "descend", "train", "fast train"])
@pytest.mark.parametrize("change, message", [
    ({"X": np.ones((2, 2, 4))}, "X_train must be two-dimensional, got shape (2, 2, 4)"),
    ({"X": X[:0]}, "X_train must not be empty"),
    ({"X": np.ones((2, 5))}, "layer 0: x (1, 5) and W (4, 2) do not fit"),
    ({"y": np.ones(3)}, "y_train must have shape (2,), got (3,)"),
    ({"y": np.ones((2, 1))}, "y_train must have shape (2,), got (2, 1)"),
    ({"y": np.full(2, 9)}, "y_train must lie in [0, 1], got 9 to 9"),
    *(({"batch_size": n}, f"batch_size must be a whole number >= 1, got {n!r}")
      for n in (0, -1, 2.5, "5", True)),
    *(({"num_epochs": n}, f"num_epochs must be a whole number >= 0, got {n!r}")
      for n in (-1, 1.5, None, True)),
    *(({"step_size": s}, f"step_size must be positive and finite, got {s!r:.60}")
      for s in (0, np.inf, np.nan, True, "0.1", LARGE)),
    *(({"rng": r}, f"rng must be a Generator, a seed >= 0 or None, got {r!r}")
      for r in ("abc", 0.5, -1, True)),
])  # fmt: skip
def test_training_is_refused_before_the_first_step(call, change, message):
    assert_refused(message, call, **change)


@e
@pytest.mark.parametrize("train", TRAIN)
@pytest.mark.parametrize("change, message", [
    ({"X_test": None}, "X_test and y_test go together: give both, or None for both"),
    ({"y_test": None}, "X_test and y_test go together: give both, or None for both"),
    ({"y_test": np.ones(3)}, "y_test must have shape (2,), got (3,)"),
    ({"X_test": np.ones((2, 3))}, "X_test must have 4 columns, got shape (2, 3)"),
    ({"X_test": ONES}, "X_test must be two-dimensional, got shape (2,)"),
    ({"X_test": X[..., np.newaxis]}, "X_test must be two-dimensional, got shape"),
    ({"weight_matrices": []}, LISTS + "0, 2 and 2"),
    ({"weight_matrices": None}, LISTS + "NoneType, 2 and 2"),
    ({"activations": None}, LISTS + "2, 2 and NoneType"),
])  # fmt: skip
def test_a_test_set_or_network_that_does_not_fit(train, change, message):
    names = ["X_train", "y_train", "X_test", "y_test", "weight_matrices", "biases",
             "activations"]
    assert_refused(message, train, **dict(zip(names, [X, Y, X, Y, *NETWORK])) | change)


@e
@pytest.mark.parametrize("weights, got", [(None, "NoneType"), ([W], "1"), ([], "0")])
def test_lists_of_layers_that_descend_cannot_pair(weights, got):
    message = f"weight_matrices and biases must be lists of one length, got {got} and 2"
    assert_refused(message, fast.descend, X, Y, weights, BIASES)


# ---- What just passes ------------------------------------------------------------

@b
def test_no_floating_point_warning_gets_through():
    """A false division by zero, as of some libraries for matrix products, neither."""
    with np.errstate(all="raise"), nn_checks.quietly():
        one, zero, huge = np.ones(1), np.zeros(1), np.full(1, 1e308)
        results = one / zero, zero / zero, huge * huge, 1 / huge / huge
    assert np.array_equal(results, [[np.inf], [np.nan], [np.inf], [0]], equal_nan=True)


@b
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_smallest_probability_is_allowed_and_rounds_quietly(dtype):
    tiny = np.finfo(dtype).tiny
    with np.errstate(all="raise"):
        loss, dL_dg = nn.logistic_loss(np.full(3, tiny), np.array([0, 0.7, 1]))
    assert np.allclose(loss[1:], np.array([-0.7, -1]) * np.log(tiny), rtol=1e-6)
    assert np.allclose(dL_dg, [1, -0.7 / tiny, -1 / tiny], rtol=1e-6, atol=0)
    below = np.nextafter(tiny, dtype(0))
    with pytest.raises(ValueError, match=f"^g must be at least {tiny:.2g} and "):
        nn.logistic_loss(np.full(3, below), np.zeros(3))


@b
def test_the_users_own_activation_may_warn():
    """What the network rounds is quiet; what somebody else's function does is not."""
    def naive_sigmoid(s):
        g = 1 / (1 + np.exp(-s))
        return g, g * (1 - g)

    for call in (lambda: nn.layer_forward([[-1000]], [[1]], [[0]], naive_sigmoid),
                 lambda: nn.forward_pass([[-1000]], [[[1]]], [[[0]]], [naive_sigmoid])):
        with pytest.warns(RuntimeWarning, match="overflow encountered in exp"):
            call()


@b
@pytest.mark.parametrize("activation", [relu_activation, sigmoid_activation])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_activations_of_nothing_are_nothing(activation, shape, dtype):
    for result in activation(np.empty(shape, dtype)):
        assert result.shape == shape and result.dtype == dtype
