"""(c) Creating a network and the forward pass; (d) the backward pass.

And (e) the defaults of training.
"""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import activations_for, load_toy, random_network
from nn_helpers import (
    backward_pass,
    create_bias_vectors,
    create_weight_matrices,
    forward_pass,
    layer_forward,
    logistic_loss,
    nn_finite_difference_checker,
    relu_activation,
    sgd,
    sigmoid_activation,
    train,
)


@pytest.mark.c
@pytest.mark.parametrize(
    "layer_dims", [[784, 200, 1], [4, 2, 1], [3, 1], [5, 4, 3, 2, 1]]
)
def test_created_shapes(layer_dims):
    weights, biases = (
        create_weight_matrices(layer_dims),
        create_bias_vectors(layer_dims),
    )
    assert [W.shape for W in weights] == list(zip(layer_dims, layer_dims[1:]))
    assert [b.shape for b in biases] == [(1, d) for d in layer_dims[1:]]
    assert all(not b.any() and b.dtype == np.float64 for b in biases)


@pytest.mark.c
def test_weights_are_normal_with_standard_deviation_one_hundredth():
    W, _ = create_weight_matrices([784, 200, 1], rng=0)
    assert abs(W.mean()) < 1e-4 and W.std() == pytest.approx(0.01, rel=0.01)
    within = [np.mean(abs(W) < k * 0.01) for k in (1, 2, 3)]
    assert within == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.005)


@pytest.mark.c
def test_a_seed_repeats_and_a_generator_goes_on():
    dims = [5, 4, 1]
    first, again = create_weight_matrices(dims, 7), create_weight_matrices(dims, 7)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    rng = np.random.default_rng(7)
    assert np.array_equal(create_weight_matrices(dims, rng)[0], first[0])
    assert not np.array_equal(create_weight_matrices(dims, rng)[0], first[0])
    assert not np.array_equal(
        create_weight_matrices(dims)[0], create_weight_matrices(dims)[0]
    )


@pytest.mark.c
def test_the_global_random_state_is_not_used():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    create_weight_matrices([5, 4, 1])
    assert np.array_equal(np.random.get_state()[1], before)


@pytest.mark.c
@pytest.mark.parametrize(
    "layer_dims, message",
    [
        ([], "layer_dims must hold 2 or more sizes"),
        ([3], "layer_dims must hold 2 or more sizes"),
        ([3, 0], "layer_dims must be a whole number >= 1, got 0"),
        ([3, -1, 1], "layer_dims must be a whole number >= 1, got -1"),
        ([3, 2.5, 1], "layer_dims must be a whole number >= 1, got 2.5"),
        ("31", "layer_dims must be a whole number >= 1, got '3'"),
        ([True, 1], "layer_dims must be a whole number >= 1, got True"),
        ([3, np.True_], "layer_dims must be a whole number >= 1, got .*True"),
    ],
)
@pytest.mark.parametrize("create", [create_weight_matrices, create_bias_vectors])
def test_creating_refuses(create, layer_dims, message):
    with pytest.raises(ValueError, match=message):
        create(layer_dims)


@pytest.mark.c
def test_toy_loss():
    X, y, weights, biases = load_toy()
    g, caches = forward_pass(X, weights, biases, [relu_activation, sigmoid_activation])
    loss, _ = logistic_loss(g, y)
    assert g.shape == loss.shape == (2,) and len(caches) == 2
    assert loss.mean() == pytest.approx(0.698516803854, rel=1e-12)


@pytest.mark.c
def test_forward_by_hand():
    """2-2-1, worked out on paper: s = (3, -1), h = (3, 0), z = 3 * 2 - 5 = 1."""
    weights = [np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([[2.0], [100.0]])]
    biases = [np.array([[0.0, 0.0]]), np.array([[-5.0]])]
    g, caches = forward_pass(
        np.array([[1, 2]]), weights, biases, [relu_activation, sigmoid_activation]
    )
    assert g == pytest.approx([1 / (1 + np.exp(-1))], rel=1e-15)
    assert caches[0][2].tolist() == [[1.0, 0.0]]
    assert caches[1][0].tolist() == [[3.0, 0.0]]


@pytest.mark.c
@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 999))
def test_examples_do_not_see_each_other(depth, n, seed):
    rng = np.random.default_rng(seed)
    dims = [*rng.integers(1, 8, depth), 1]
    X, _, weights, biases = random_network(rng, dims, n)
    activations = activations_for(weights)
    together, _ = forward_pass(X, weights, biases, activations)
    alone = [
        forward_pass(X[i : i + 1], weights, biases, activations)[0][0] for i in range(n)
    ]
    assert together.shape == (n,)
    assert np.allclose(together, alone, rtol=1e-12)


@pytest.mark.c
def test_arguments_are_left_alone():
    X, y, weights, biases = random_network(np.random.default_rng(0), [5, 4, 3, 1], 6)
    kept = [a.copy() for a in (X, *weights, *biases)]
    g, caches = forward_pass(X, weights, biases, activations_for(weights))
    backward_pass(logistic_loss(g, y)[1], caches)
    assert all(np.array_equal(a, b) for a, b in zip(kept, (X, *weights, *biases)))


@pytest.mark.c
@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda n: n.update(weights=n["weights"][:1]),
            "must be lists of one length, got 1, 2 and 2",
        ),
        (lambda n: n.update(weights=[], biases=[], activations=[]), "got 0, 0 and 0"),
        (lambda n: n.update(activations=n["activations"] * 2), "got 2, 2 and 4"),
        (
            lambda n: n.update(X=n["X"][0]),
            r"X_batch must be two-dimensional, got shape \(4,\)",
        ),
        (
            lambda n: n.update(X=n["X"][:0]),
            r"X_batch must not be empty, got shape \(0, 4\)",
        ),
        (
            lambda n: n.update(X=n["X"][:, :3]),
            r"layer 0: x \(2, 3\) and W \(4, 2\) do not fit",
        ),
        (lambda n: n.update(X=n["X"] * np.nan), "X_batch must be finite"),
        (
            lambda n: n.update(weights=[n["weights"][0], np.ones((3, 1))]),
            r"layer 1: x \(2, 2\)",
        ),
        (
            lambda n: n.update(biases=[n["biases"][0], np.ones(1)]),
            r"layer 1: b must have shape \(1, 1\)",
        ),
        (
            lambda n: n.update(activations=["relu", "sigmoid"]),
            "layer 0: activation_fn must be a function",
        ),
        (
            lambda n: n.update(
                weights=[n["weights"][0], np.ones((2, 2))],
                biases=[n["biases"][0], np.ones((1, 2))],
            ),
            "the last layer must have one neuron, got 2",
        ),
    ],
)
def test_forward_refuses(change, message):
    X, _, weights, biases = load_toy()
    network = {
        "X": X,
        "weights": weights,
        "biases": biases,
        "activations": [relu_activation, sigmoid_activation],
    }
    change(network)
    with pytest.raises(ValueError, match=message):
        forward_pass(*network.values())


@pytest.mark.c
def test_the_users_own_activation_may_warn():
    """What the network rounds is quiet; what somebody else's function does is not."""

    def naive_sigmoid(s):
        g = 1 / (1 + np.exp(-s))
        return g, g * (1 - g)

    network = [np.ones((1, 1))], [np.zeros((1, 1))], [naive_sigmoid]
    with pytest.warns(RuntimeWarning, match="overflow encountered in exp"):
        forward_pass(np.array([[-1000.0]]), *network)


def gradients_by_loops(X, y, weights, biases):
    """Return all gradients, one example, one weight at a time, from the textbook."""
    grad_Ws = [np.zeros_like(W) for W in weights]
    grad_bs = [np.zeros_like(b) for b in biases]
    n = len(X)
    for i in range(n):
        outs = [X[i]]
        for k, (W, b) in enumerate(zip(weights, biases)):
            s = [
                sum(outs[-1][p] * W[p, q] for p in range(W.shape[0])) + b[0, q]
                for q in range(W.shape[1])
            ]
            last = k == len(weights) - 1
            outs.append([1 / (1 + np.exp(-v)) if last else max(v, 0.0) for v in s])
        delta = [outs[-1][0] - y[i]]  # dL/ds of the sigmoid neuron
        for k in reversed(range(len(weights))):
            for q in range(weights[k].shape[1]):
                grad_bs[k][0, q] += delta[q] / n
                for p in range(weights[k].shape[0]):
                    grad_Ws[k][p, q] += outs[k][p] * delta[q] / n
            delta = [
                (outs[k][p] > 0)
                * sum(weights[k][p, q] * delta[q] for q in range(weights[k].shape[1]))
                for p in range(weights[k].shape[0])
            ]
    return grad_Ws, grad_bs


@pytest.mark.d
@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_backward_against_plain_loops(depth, n, seed):
    rng = np.random.default_rng(seed)
    dims = [*rng.integers(1, 7, depth), 1]
    X, y, weights, biases = random_network(rng, dims, n)
    g, caches = forward_pass(X, weights, biases, activations_for(weights))
    grad_Ws, grad_bs = backward_pass(logistic_loss(g, y)[1], caches)
    expected_Ws, expected_bs = gradients_by_loops(X, y, weights, biases)
    for a, b in zip(grad_Ws + grad_bs, expected_Ws + expected_bs, strict=True):
        assert a.shape == b.shape
        assert np.allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.d
def test_toy_gradients_to_ten_digits():
    X, y, weights, biases = load_toy()
    g, caches = forward_pass(X, weights, biases, [relu_activation, sigmoid_activation])
    grad_Ws, grad_bs = backward_pass(logistic_loss(g, y)[1], caches)
    expected_Ws, expected_bs = gradients_by_loops(X, y, weights, biases)
    for a, b in zip(grad_Ws + grad_bs, expected_Ws + expected_bs, strict=True):
        assert np.allclose(a, b, rtol=1e-13, atol=0)
    assert grad_bs[1].item() == pytest.approx(np.mean(g - 1), rel=1e-14)


@pytest.mark.d
@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 999))
def test_gradient_of_a_batch_is_the_mean_over_its_examples(depth, n, seed):
    rng = np.random.default_rng(seed)
    X, y, weights, biases = random_network(rng, [*rng.integers(1, 7, depth), 1], n)

    def gradient(rows):
        g, caches = forward_pass(X[rows], weights, biases, activations_for(weights))
        grad_Ws, grad_bs = backward_pass(logistic_loss(g, y[rows])[1], caches)
        return grad_Ws + grad_bs

    single = [gradient(slice(i, i + 1)) for i in range(n)]
    for k, whole in enumerate(gradient(slice(None))):
        assert np.allclose(
            whole, np.mean([one[k] for one in single], axis=0), rtol=1e-11, atol=1e-14
        )


@pytest.mark.d
def test_float32_stays_float32_and_integers_become_float64():
    X, y, weights, biases = random_network(np.random.default_rng(0), [5, 4, 1], 6)
    single = [a.astype(np.float32) for a in (X, *weights, *biases)]
    for (x, W0, W1, b0, b1), dtype in [
        (single, np.float32),
        ([np.rint(a).astype(int) for a in single], np.float64),
    ]:
        g, caches = forward_pass(x, [W0, W1], [b0, b1], activations_for(weights))
        grad_Ws, grad_bs = backward_pass(logistic_loss(g, y)[1], caches)
        assert g.dtype == dtype
        assert all(a.dtype == dtype for a in grad_Ws + grad_bs)


@pytest.mark.d
def test_a_saturated_and_wrong_network_still_gets_a_gradient():
    weights, biases = [np.array([[1000.0]])], [np.zeros((1, 1))]
    with np.errstate(all="raise"):
        g, caches = forward_pass(np.ones((1, 1)), weights, biases, [sigmoid_activation])
        grad_Ws, grad_bs = backward_pass(logistic_loss(g, np.zeros(1))[1], caches)
    assert grad_Ws[0].item() == pytest.approx(1) and grad_bs[0].item() == pytest.approx(
        1
    )


@pytest.mark.d
@pytest.mark.parametrize(
    "dL_dg, caches, message",
    [
        (np.ones((2, 1)), "all", r"dL_dg must be \(n,\), got shape \(2, 1\)"),
        (
            np.ones(3),
            "all",
            r"layer_caches\[0\] must hold x, W, dout_ds of shapes \(\(3, 4\)",
        ),
        (np.array([1, np.nan]), "all", "dL_dg must be finite"),
        (np.ones(2), "none", "layer_caches must hold a cache for each layer, got none"),
        (
            np.ones(2),
            "first",
            r"layer_caches\[0\] must hold .*\(4, 1\).* got .*\(4, 2\)",
        ),
        (
            np.ones(2),
            "two outputs",
            r"layer_caches\[1\] must hold .*\(2, 1\).* got .*\(2, 2\)",
        ),
    ],
)
def test_backward_refuses(dL_dg, caches, message):
    X, _, weights, biases = load_toy()
    _, all_caches = forward_pass(X, weights, biases, activations_for(weights))
    wide = [all_caches[0], (all_caches[1][0], np.ones((2, 2)), np.ones((2, 2)))]
    chosen = {"all": all_caches, "none": [], "first": all_caches[:1],
              "two outputs": wide}[caches]
    with pytest.raises(ValueError, match=message):
        backward_pass(dL_dg, chosen)


@pytest.mark.c
def test_one_layer_forwards_is_layer_forward():
    X, _, weights, biases = load_toy()
    out, cache = layer_forward(X, weights[0], biases[0], relu_activation)
    _, caches = forward_pass(X, weights, biases, activations_for(weights))
    assert all(np.array_equal(a, b) for a, b in zip(cache, caches[0]))
    assert np.array_equal(out, caches[1][0])


@pytest.mark.d
def test_backward_refuses_to_return_what_overflowed():
    cache = (np.full((1, 2), 10.0), np.ones((2, 1)), np.full((1, 1), 0.25))
    with pytest.raises(ValueError, match="a gradient in grad_Ws must be finite"):
        backward_pass(np.array([1.7e308]), [cache])


@pytest.mark.d
@pytest.mark.parametrize(
    "caches",
    [
        lambda one, two: [one[0], two[1]],  # of batches of two sizes
        lambda one, two: [one[1], one[0]],  # in the wrong order
        lambda one, two: [one[0], one[1][:2]],  # cut short
    ],
)
def test_backward_refuses_caches_that_do_not_belong_together(caches):
    X, _, weights, biases = load_toy()
    _, one = forward_pass(X, weights, biases, activations_for(weights))
    _, two = forward_pass(X[:1], weights, biases, activations_for(weights))
    with pytest.raises(ValueError, match=r"layer_caches\[\d\] must hold"):
        backward_pass(np.ones(2), caches(one, two))


@pytest.mark.d
@pytest.mark.parametrize(
    "caches, message",
    [
        (None, "layer_caches must be a list, got None"),
        (5, "layer_caches must be a list, got 5"),
        (iter([]), "layer_caches must be a list, got <"),
        ([1, 2], r"layer_caches\[0\] must hold x, W"),
        ([(), ()], r"layer_caches\[0\] must hold x, W"),
        ([[[1.0]], [[1.0]]], r"layer_caches\[0\] must hold x, W"),
        ([([[1.0]], [[1.0]], [[1.0]])], r"layer_caches\[0\] must hold x, W"),
        ([(np.ones(2), np.ones((2, 1)), np.ones((2, 1)))], "must hold x, W"),
        ("ab", r"layer_caches\[0\] must hold x, W"),
    ],
)
def test_backward_refuses_what_is_no_list_of_caches(caches, message):
    with pytest.raises(ValueError, match=message):
        backward_pass(np.ones(2), caches)


@pytest.mark.d
def test_backward_names_a_bias_gradient_that_overflowed():
    cache = (np.full((2, 1), 1e-10), np.ones((1, 1)), np.full((2, 1), 1.9))
    with pytest.raises(ValueError, match="a gradient in grad_bs must be finite"):
        backward_pass(np.full(2, 1.7e308), [cache])


@pytest.mark.c
@pytest.mark.parametrize("lists", [(None, [], []), (iter([]), [], []), ([], [], [])])
def test_what_is_no_list_of_layers_is_refused(lists):
    X, y, _, _ = load_toy()
    with pytest.raises(ValueError, match="must be lists of one length"):
        forward_pass(X, *lists)
    with pytest.raises(ValueError, match="must be lists of one length"):
        nn_finite_difference_checker(X, y, *[list(a or []) for a in lists])


@pytest.mark.c
@pytest.mark.parametrize("rng", ["abc", 0.5, -1, True])
def test_what_is_no_source_of_random_numbers_is_named(rng):
    X, y, weights, biases = load_toy()
    arguments = weights, biases, activations_for(weights)
    for call in [
        lambda: create_weight_matrices([3, 1], rng),
        lambda: sgd(X, y, *arguments, rng=rng),
        lambda: train(X, y, None, None, *arguments, rng=rng),
    ]:
        with pytest.raises(ValueError, match=f"rng must be a Generator.*got {rng!r}"):
            call()


@pytest.mark.e
@pytest.mark.parametrize("function", [train, sgd])
def test_training_defaults_are_the_assignments(function):
    parameters = inspect.signature(function).parameters
    names = ["batch_size", "step_size", "num_epochs", "rng"]
    assert [parameters[name].default for name in names] == [100, 0.1, 5, None]
    assert type(parameters["step_size"].default) is float


@pytest.mark.e
@pytest.mark.parametrize("count", [{"batch_size": True}, {"num_epochs": True}])
def test_true_is_no_count(count):
    X, y, weights, biases = load_toy()
    arguments = weights, biases, activations_for(weights)
    [name] = count
    for call in [
        lambda: sgd(X, y, *arguments, **count),
        lambda: train(X, y, None, None, *arguments, **count),
    ]:
        with pytest.raises(ValueError, match=f"{name} must be a whole number.*True"):
            call()


def test_a_star_imports_the_questions_functions_and_no_others():
    names = {}
    exec("from nn_helpers import *", names)
    assert names.keys() - {"__builtins__"} == {
        "PROJECT", "accuracy", "backward_pass", "create_bias_vectors",
        "create_weight_matrices", "display_image", "finite_difference_gradient",
        "forward_pass", "get_mnist_threes_nines", "layer_forward", "logistic_loss",
        "nn_finite_difference_checker", "relu_activation", "sgd", "sigmoid_activation",
        "train",
    }  # fmt: skip
