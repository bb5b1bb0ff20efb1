"""(f) One update memorizes, on seeds that the notebook does not use."""

import nbformat
import numpy as np
import pytest

import nn_helpers
from nn_helpers import PROJECT, get_mnist_threes_nines, relu_activation

pytestmark = pytest.mark.f


@pytest.fixture(scope="module")
def notebook():
    """Return the functions that notebook (f) defines."""
    path = PROJECT / "notebooks" / "f_memorization.ipynb"
    names = dict(vars(nn_helpers))
    names["activations"] = [relu_activation, nn_helpers.sigmoid_activation]
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "def " in cell.source:
            parts = cell.source.split("\n\n\n")
            exec("\n\n".join(part for part in parts if part[:4] == "def "), names)
    return names


def accuracy_after_one_update(X, y, weights, biases, step_size):
    """By the plain code, on the whole of (X, y)."""
    activations = [relu_activation, nn_helpers.sigmoid_activation]
    updates = nn_helpers.sgd(X, y, weights, biases, activations, batch_size=len(X),
                             step_size=step_size, num_epochs=1)
    Ws, bs, *_ = next(updates)
    return nn_helpers.accuracy(nn_helpers.forward_pass(X, Ws, bs, activations)[0], y)


@pytest.mark.parametrize("seed", [100, 101, 102])
def test_one_update_memorizes_a_hundred_random_labels(notebook, seed):
    X = np.random.default_rng(seed).random((100, 784))
    y = get_mnist_threes_nines()[0][1][:100]
    (W, w), _ = notebook["ordinary"](8000, seed)
    assert abs(W.std() - 0.01) < 1e-4 and abs(W.mean()) < 1e-4
    G, S = notebook["sums"](X, W)
    b_hidden, b = notebook["tuned"](S, w, y, step_size=1.0)
    K, _ = notebook["first_step_kernel"](G, S + b_hidden, w)
    assert np.allclose(K - 1, np.diag(K.diagonal() - 1), rtol=0, atol=1e-12)
    count = notebook["iterations_to_memorize"](G, S + b_hidden, w, b, y, 1.0, limit=1)
    assert count == 1
    biases = [b_hidden[np.newaxis], np.array([[b]])]
    assert accuracy_after_one_update(X, y, [W, w], biases, 1.0) == 1


@pytest.mark.parametrize("seed", [100, 101, 102])
def test_one_update_memorizes_with_a_balanced_output_bias_alone(notebook, seed):
    X = np.random.default_rng(seed).random((100, 784)) - 0.5
    y = get_mnist_threes_nines()[0][1][:100]
    weights, biases = notebook["ordinary"](2000, seed)
    G, S = notebook["sums"](X, weights[0])
    K, z = notebook["first_step_kernel"](G, S, weights[1])
    b = notebook["balanced"](K, z, y, step_size=5.0)
    for bias, expected in [(b, 1), (0.0, None)]:
        assert expected == notebook["iterations_to_memorize"](
            G, S, weights[1], bias, y, 5.0, limit=1
        )
    assert accuracy_after_one_update(X, y, weights, biases, 5.0) < 1
    biases[1] += b
    assert accuracy_after_one_update(X, y, weights, biases, 5.0) == 1


def test_iterations_are_counted_from_one_and_given_up_at_the_limit(notebook):
    X = np.random.default_rng(0).random((4, 784))
    y = np.array([0, 1, 1, 0])
    (W, w), _ = notebook["ordinary"](50)
    network = *notebook["sums"](X, W), w, 0.0
    count = notebook["iterations_to_memorize"](*network, y, 0.1, limit=200)
    assert 1 < count < 200
    for limit, expected in [(count, count), (count - 1, None)]:
        assert expected == notebook["iterations_to_memorize"](
            *network, y, 0.1, limit=limit
        )
