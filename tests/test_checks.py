"""Input validation: every ValueError of the network, its message, and what just passes.

Each public function is called with arguments that are wrong in one way. What the
functions compute is in the tests of their questions.
"""

import numpy as np
import pytest

import nn_checks
import nn_faster as fast
import nn_helpers as nn
from networks import activations_for, load_toy
from nn_helpers import relu_activation, sigmoid_activation

X, Y, WEIGHTS, BIASES = load_toy()  # 2 examples, 4-2-1
(W, _), (B, _) = WEIGHTS, BIASES
HALVES, ONES = np.full(2, 0.5), np.ones(2)
CACHES = nn.forward_pass(X, WEIGHTS, BIASES, activations_for(WEIGHTS))[1]
CHECKERS = [nn.nn_finite_difference_checker, fast.nn_finite_difference_checker]
TRAIN = [nn.train, fast.train]
LEARNING = [nn.sgd, fast.descend, *TRAIN]
LAYERS = {"weight_matrices": WEIGHTS, "biases": BIASES}
NETWORK = {**LAYERS, "activations": activations_for(WEIGHTS)}
TRAINING, TEST = {"X_train": X, "y_train": Y}, {"X_test": X, "y_test": Y}
CALLS = {  # each public function with what is right for it, and its question's marker
    nn.display_image: ("data", {"image": np.zeros(784)}),
    nn.finite_difference_gradient: ("a", {"f": lambda a: 0.0, "a": ONES}),
    **{f: ("a", {"X_batch": X, "y_batch": Y, **NETWORK}) for f in CHECKERS},
    sigmoid_activation: ("b", {"s": ONES}), relu_activation: ("b", {"s": ONES}),
    nn.logistic_loss: ("b", {"g": HALVES, "y": Y}),
    nn.layer_forward: ("b", {"x": X, "W": W, "b": B, "activation_fn": relu_activation}),
    nn.create_weight_matrices: ("c", {"layer_dims": [3, 1]}),
    nn.create_bias_vectors: ("c", {"layer_dims": [3, 1]}),
    nn.forward_pass: ("c", {"X_batch": X, **NETWORK}),
    nn.backward_pass: ("d", {"dL_dg": ONES, "layer_caches": CACHES}),
    nn.accuracy: ("e", {"g": HALVES, "y": Y}),
    nn.sgd: ("e", {**TRAINING, **NETWORK}), fast.descend: ("e", {**TRAINING, **LAYERS}),
    **{f: ("e", {**TRAINING, **TEST, **NETWORK}) for f in TRAIN},
}


def refused(function, change, message):
    """See a ValueError of one line that begins with message, and no NumPy warning."""
    with np.errstate(all="raise"), pytest.raises(ValueError) as caught:
        function(**CALLS[function][1] | change)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
    return str(caught.value)


def marked(function, *row):
    """Return a case of a parametrized test, marked with the function's question."""
    return pytest.param(function, *row, marks=getattr(pytest.mark, CALLS[function][0]))


# ---- Arrays of the wrong kind ----------------------------------------------------

def arrays():
    """Yield each function, each array's name in messages, and how to give another."""
    for function, (_, arguments) in CALLS.items():
        for name, value in arguments.items():
            if isinstance(value, np.ndarray):
                called = name.replace("y_batch", "y")
                yield marked(function, called, value, lambda v, n=name: {n: v})
            for k, part in enumerate(value if name in LAYERS else []):
                called = f"layer {k}: {name[0].replace('w', 'W')}"
                yield marked(function, called, part, lambda v, n=name, k=k: {
                    n: [*LAYERS[n][:k], v, *LAYERS[n][k + 1:]]})
    for called, result in [("output", lambda v, s: (v, s)),
                           ("derivative", lambda v, s: (s, v))]:
        yield marked(nn.layer_forward, f"activation_fn's {called}", np.ones((2, 2)),
                     lambda v, of=result: {"activation_fn": lambda s: of(v, s)})


MASKED = "must not be a masked array: its mask would be lost"
BAD = {
    "ragged": (lambda v: [[1, 2], [3]], "must not have rows of unequal length"),
    "strings": (lambda v: ["1", "2"], "must hold numbers, got dtype <U1"),
    "nothing": (lambda v: None, "must hold numbers, got dtype object"),
    "complex": (lambda v: 1j * v, "must hold numbers, got dtype complex128"),
    "nan": (lambda v: v * np.nan, "must be finite, but holds inf or nan"),
    "one inf": (lambda v: np.where(np.arange(v.size).reshape(v.shape), v, np.inf),
                "must be finite, but holds inf or nan"),
    "too large": (lambda v: np.full(v.shape, np.longdouble("1e400")),
                  "must be finite, but holds inf or nan"),
    "masked": (lambda v: np.ma.masked_array(v, v == v.flat[0]), MASKED),
    "masked rows": (lambda v: [np.ma.masked_array(row, True) for row in v], MASKED),
}


@pytest.mark.parametrize("function, name, right, change", [*arrays()])
def test_an_array_of_the_wrong_kind_is_named(
        function, name, right, change, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    function(**CALLS[function][1] | change(right))
    for kind, (make, message) in BAD.items():
        if name in TEST and kind == "nothing":
            refused(function, change(None), "X_test and y_test go together: give both")
        else:
            message = f"{name} {message}"
            assert refused(function, change(make(right)), message) == message


# ---- Each other wrong argument ---------------------------------------------------

def rows(functions, changes):
    """Return a case for each function: [(change to its arguments, message), ...]."""
    functions = functions if isinstance(functions, list) else [functions]
    return [marked(f, changes) for f in functions]


def each(name, values, message):
    """Return a change for each value, whose message may end with what it got."""
    return [({name: value}, message.format(value)) for value in values]


LARGE = 10**400  # a number, but too large for a float
LISTS = "weight_matrices, biases and activations must be lists of one length, got "
CACHE = "layer_caches[0] must hold x, W and dout_ds, 2-d arrays of floats"
SHAPES = "must hold x, W, dout_ds of shapes "
STEP = "epsilon must be positive and finite, got {0!r:.60}"
SMALL = "epsilon = 1e-05 is too small to move a"
WHOLE = "each of layer_dims must be a whole number >= 1, got "
ONE_LAYER = {"weight_matrices": [[[0], [1e30], [0], [0]]], "biases": [[[0]]],
             "activations": [sigmoid_activation]}


@pytest.mark.parametrize("function, changes", [
    *rows(nn.display_image, [
        ({"image": np.zeros(n)}, f"image must be (28, 28) or (784,), got shape {n}")
        for n in ((27, 28), (785,), (1, 28, 28))]),
    # ---- (a)
    *rows(nn.finite_difference_gradient, [
        ({"f": None}, "f must be a function, got None"),
        ({"f": lambda a: a}, "f must return one number, got shape (2,)"),
        ({"f": lambda a: np.nan}, "f(a) must be finite"),
        ({"f": lambda a: "1"}, "f(a) must hold numbers"),
        ({"f": lambda a: [[1, 2], [3]]}, "f(a) must not have rows of unequal length"),
        ({"f": lambda a: np.ma.masked}, "f(a) must not be a masked array"),
        *(({"f": lambda a, t=t: a.astype(t).sum()},
           f"f must compute in float64, got {np.dtype(t)}") for t in ("f4", "f2")),
        ({"f": lambda a: np.array(1, "f4")}, "f must compute in float64, got float32"),
        ({"f": lambda a: 1.7e308 * np.sign(a[0] - 1)}, "the gradient must be finite"),
        ({"f": np.sum, "a": np.array([1.0, 1e30])}, SMALL + "[1]")]),
    *rows([nn.finite_difference_gradient, *CHECKERS], each(
        "epsilon", [0, -1e-5, np.nan, np.inf, "a", None, True, LARGE], STEP)),
    *rows(CHECKERS, [
        (ONE_LAYER, SMALL),
        ({"y_batch": Y[:, np.newaxis], "biases": [np.zeros((1, 1)), [[0]]],
          "weight_matrices": [W[:, :1], np.ones((1, 1))]},
         "y must have shape (2,), got (2, 1)")]),
    # ---- (b)
    *rows([nn.logistic_loss, nn.accuracy], [
        *(({"g": np.full(shape, 0.5), "y": np.ones(3)},
           f"g must be (n,), got shape {shape}") for shape in ((3, 1), (1, 3))),
        *(({"y": np.ones(shape)}, f"y must have shape (2,), got {shape}")
          for shape in ((2, 1), (1,), ())),
        ({"y": [2, 2]}, "y must lie in [0, 1], got 2 to 2"),
        ({"y": [-1, 0]}, "y must lie in [0, 1], got -1 to 0"),
        ({"g": [], "y": []}, "g must not be empty, got shape (0,)")]),
    *rows(nn.logistic_loss, [
        ({"g": g, "y": g}, f"g must be at least 2.2e-308 and below 1, got {got}")
        for g, got in [([0.5, 1], "0.5 to 1"), ([0, 0.5], "0 to 0.5"),
                       ([1e-310], "1e-310 to 1e-310")]]),
    *rows(nn.layer_forward, [
        ({"x": np.ones(4)}, "x must be two-dimensional, got shape (4,)"),
        ({"W": np.ones(4)}, "W must be two-dimensional, got shape (4,)"),
        ({"W": X}, "x (2, 4) and W (2, 4) do not fit: W must have 4 row(s)"),
        *(({"b": np.ones(shape)}, f"b must have shape (1, 2) for W (4, 2), got {shape}")
          for shape in ((2,), (2, 2), (1, 1))),
        ({"x": X[:0]}, "x must not be empty, got shape (0, 4)"),
        ({"x": X * 1e200, "W": W * 1e200}, "s must be finite"),
        *each("activation_fn", ["relu", None, 3],
              "activation_fn must be a function, got {0!r}"),
        *each("activation_fn", [
            np.tanh, lambda s: (s, s, s), lambda s: (s, s[0]), lambda s: (s.sum(), s),
            lambda s: [s, s], lambda s: s.tolist(), lambda s: "ab", lambda s: None],
            "activation_fn must return output and derivative")]),
    # ---- (c)
    *rows([nn.create_weight_matrices, nn.create_bias_vectors], [
        *each("layer_dims", [
            [], [3], None, 5, {3, 1}, iter([3, 1]), np.array(5), np.array([5])],
            "layer_dims must hold 2 or more sizes, got "),
        *(({"layer_dims": dims}, WHOLE + got) for dims, got in [
            ([3, 0], "0"), ([3, -1, 1], "-1"), ([3, 2.5, 1], "2.5"), ("31", "'3'"),
            ([True, 1], "True"), ([3, np.True_], "np.True_")]),
        *(({"layer_dims": dims}, f"layer_dims are too large, got {dims!r:.60}")
          for dims in ([10**30, 10**30], [LARGE, 1], [2**30, 2**30 + 1]))]),
    *rows([nn.create_weight_matrices, *LEARNING], each(
        "rng", ["abc", 0.5, -1, True],
        "rng must be a Generator, a seed >= 0 or None, got {0!r}")),
    *rows([nn.forward_pass, *CHECKERS, *LEARNING[:1], *TRAIN], [
        *(({"weight_matrices": weights}, f"{LISTS}{got}, 2 and 2") for weights, got in [
            (WEIGHTS[:1], "1"), ([], "0"), (iter(WEIGHTS), "list_iterator"),
            (None, "NoneType"), (np.array(5), "ndarray")]),
        ({"activations": None}, LISTS + "2, 2 and NoneType"),
        ({"activations": NETWORK["activations"] * 2}, LISTS + "2, 2 and 4"),
        *((dict.fromkeys(NETWORK, v), LISTS + got)
          for v, got in (([], "0, 0 and 0"), (zip(), "zip, zip and zip")))]),
    *rows(nn.forward_pass, [
        ({"X_batch": X[0]}, "X_batch must be two-dimensional, got shape (4,)"),
        ({"X_batch": X[:0]}, "X_batch must not be empty, got shape (0, 4)"),
        ({"X_batch": X[:, :3]}, "layer 0: x (2, 3) and W (4, 2) do not fit"),
        ({"weight_matrices": [W, W]}, "layer 1: x (2, 2) and W (4, 2) do not fit"),
        ({"biases": [B, np.ones(1)]}, "layer 1: b must have shape (1, 1)"),
        ({"activations": ["relu", 3]}, "layer 0: activation_fn must be a function"),
        ({"weight_matrices": [W, np.ones((2, 3))], "biases": [B, np.ones((1, 3))]},
         "the last layer must have one neuron, got 3")]),
    # ---- (d)
    *rows(nn.backward_pass, [
        ({"dL_dg": np.ones((2, 1))}, "dL_dg must be (n,), got shape (2, 1)"),
        ({"dL_dg": np.ones(3)},
         f"layer_caches[0] {SHAPES}((3, 4), (4, 2), (3, 2)) for a"),
        ({"layer_caches": []}, "layer_caches must hold a cache for each layer, got no"),
        *each("layer_caches", [5, iter([])], "layer_caches must be a list, got {0}"),
        *each("layer_caches", [
            [1, 2], [(), ()], [[[1.0]], [[1.0]]], [([[1.0]], [[1.0]], [[1.0]])], "ab",
            [(ONES, W, W)], [CACHES[0][:2]], [list(CACHES[0])]], CACHE),
        *(({"layer_caches": [tuple(map(change, CACHES[0])), CACHES[1]]}, CACHE)
          for change in (np.ma.masked_array, lambda v: v.view(np.matrix), np.ravel,
                         lambda v: v.astype(object), lambda v: v.astype(int))),
        ({"layer_caches": CACHES[:1]},
         f"layer_caches[0] {SHAPES}((2, 4), (4, 1), (2, 1)) "
         "for a dL_dg of 2, got ((2, 4), (4, 2), (2, 2))"),
        ({"layer_caches": [(*CACHES[0][:2], np.ones((2, 3))), CACHES[1]]},
         f"layer_caches[0] {SHAPES}((2, 4), (4, 3), (2, 3)) "
         "for a dL_dg of 2, got ((2, 4), (4, 2), (2, 3))"),
        *(({"layer_caches": [CACHES[0], cache]},
           f"layer_caches[1] {SHAPES}((2, 2), (2, 1), (2, 1)) for a dL_dg of 2, got ")
          for cache in ((CACHES[1][0], np.ones((2, 2)), np.ones((2, 2))),
                        tuple(a[:1] for a in CACHES[1]))),
        ({"layer_caches": CACHES[::-1]},
         f"layer_caches[1] {SHAPES}((2, 1), (1, 1), (2, 1)) for a dL"),
        ({"dL_dg": [1.7e308], "layer_caches": [
            (np.full((1, 2), 10.0), np.ones((2, 1)), np.full((1, 1), 0.25))]},
         "a gradient in grad_Ws must be finite"),
        ({"dL_dg": [1.7e308] * 2, "layer_caches": [
            (np.full((2, 1), 1e-10), np.ones((1, 1)), np.full((2, 1), 1.9))]},
         "a gradient in grad_bs must be finite")]),
    # ---- (e)
    *rows(LEARNING, [
        ({"X_train": np.ones((2, 2, 4))},
         "X_train must be two-dimensional, got shape (2, 2, 4)"),
        ({"X_train": X[:0]}, "X_train must not be empty"),
        ({"X_train": np.ones((2, 5))}, "layer 0: x (1, 5) and W (4, 2) do not fit"),
        ({"y_train": np.ones(3)}, "y_train must have shape (2,), got (3,)"),
        ({"y_train": np.ones((2, 1))}, "y_train must have shape (2,), got (2, 1)"),
        ({"y_train": np.full(2, 9)}, "y_train must lie in [0, 1], got 9 to 9"),
        *each("batch_size", [0, -1, 2.5, "5", True],
              "batch_size must be a whole number >= 1, got {0!r}"),
        *each("num_epochs", [-1, 1.5, None, True],
              "num_epochs must be a whole number >= 0, got {0!r}"),
        *each("step_size", [0, np.inf, np.nan, True, "0.1", LARGE],
              "step_size must be positive and finite, got {0!r:.60}")]),
    *rows(TRAIN, [
        *(({name: None}, "X_test and y_test go together: give both, or None for both")
          for name in TEST),
        ({"y_test": np.ones(3)}, "y_test must have shape (2,), got (3,)"),
        ({"X_test": np.ones((2, 3))}, "X_test must have 4 columns, got shape (2, 3)"),
        ({"X_test": ONES}, "X_test must be two-dimensional, got shape (2,)"),
        ({"X_test": X[..., np.newaxis]}, "X_test must be two-dimensional, got shape")]),
    *rows(fast.descend, [
        ({"weight_matrices": weights},
         f"weight_matrices and biases must be lists of one length, got {got} and 2")
        for weights, got in ((None, "NoneType"), ([W], "1"), ([], "0"))]),
])
def test_a_wrong_argument_is_named_with_what_is_right(function, changes):
    for change, message in changes:
        refused(function, change, message)


# ---- What just passes ------------------------------------------------------------

b = pytest.mark.b


@b
def test_no_floating_point_warning_gets_through():
    """Not even the false division by zero of some libraries for matrix products."""
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
    below = np.full(2, np.nextafter(tiny, dtype(0)))
    refused(nn.logistic_loss, {"g": below}, f"g must be at least {tiny:.2g} and ")


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
