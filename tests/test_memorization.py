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
            functions = [
                part for part in cell.source.split("\n\n\n") if part.startswith("def ")
            ]
            exec("\n\n".join(functions), names)
    return names


@pytest.mark.parametrize("seed", [100, 101, 102])
def test_one_update_memorizes_a_hundred_random_labels(notebook, seed):
    X = np.random.default_rng(seed).random((100, 784))
    y = get_mnist_threes_nines()[0][1][:100]
    weights, biases = notebook["tuned"](8000, X, y, step_size=1.0, seed=seed)
    assert abs(weights[0].std() - 0.01) < 1e-4 and abs(weights[0].mean()) < 1e-4
    K = notebook["first_step_kernel"](X, weights, biases) - 1
    assert np.allclose(K, np.diag(K.diagonal()), rtol=0, atol=1e-12)
    assert notebook["iterations_to_memorize"](X, y, weights, biases, 1.0, limit=1) == 1


@pytest.mark.parametrize("seed", [100, 101, 102])
def test_one_update_memorizes_with_a_balanced_output_bias_alone(notebook, seed):
    X = np.random.default_rng(seed).random((100, 784)) - 0.5
    y = get_mnist_threes_nines()[0][1][:100]
    weights, biases = notebook["ordinary"](2000, seed)
    balanced = notebook["balanced"](X, y, weights, biases, step_size=5.0)
    assert not balanced[0].any()
    assert notebook["iterations_to_memorize"](X, y, weights, balanced, 5.0, 1) == 1
    assert notebook["iterations_to_memorize"](X, y, weights, biases, 5.0, 1) is None


def test_iterations_are_counted_from_one_and_given_up_at_the_limit(notebook):
    X = np.random.default_rng(0).random((4, 784))
    y = np.array([0, 1, 1, 0])
    count = notebook["iterations_to_memorize"](
        X, y, *notebook["ordinary"](50), 0.1, limit=200
    )
    assert 1 < count < 200
    for limit, expected in [(count, count), (count - 1, None)]:
        assert expected == notebook["iterations_to_memorize"](
            X, y, *notebook["ordinary"](50), 0.1, limit=limit
        )
