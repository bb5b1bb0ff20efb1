"""What the notebooks measure: examples whose answer is known; memorizing, (f)."""

import numpy as np
import pytest

import measure
import nn_helpers as nn
from measure import RELU_NETWORK, iterations_to_memorize, new_network, tangent_kernel
from networks import activations_for, random_network

pytestmark = pytest.mark.notebooks


def network(seed, layer_dims):
    _, _, weights, biases = random_network(seed, layer_dims, 1)
    return weights, biases, activations_for(weights)


def test_a_new_network_is_that_of_its_seed_and_leaves_the_generator_behind():
    again = np.random.default_rng(3)
    expected = [*nn.create_weight_matrices([5, 4, 1], again),
                *nn.create_bias_vectors([5, 4, 1])]
    W, b, rng = new_network(3, [5, 4, 1], float)
    assert all(map(np.array_equal, W + b, expected)) and rng.random() == again.random()
    W, b, _ = new_network(3, [5, 4, 1])
    assert {a.dtype for a in W + b} == {np.dtype(np.float32)}


def test_logits_and_mistakes_agree_with_the_forward_pass():
    X, nets = np.random.default_rng(0).normal(size=(50, 4)), [network(0, [4, 3, 1])] * 2
    g, _ = nn.forward_pass(X, *nets[0])
    assert np.allclose(nn.sigmoid_activation(measure.logits(nets[0], X))[0], g)
    wrong = measure.mistakes(nets, X, np.zeros(50))
    assert wrong.shape == (2, 50) and np.array_equal(wrong[0], g > 0.5)


def test_only_linear_networks_are_linear():
    X, X_test = np.random.default_rng(0).normal(size=(2, 3000, 4))
    X[:, 2] = X_test[:, 2] = 0  # a pixel without ink
    # |x_0| + |x_1| has nothing linear in it.
    bent = ([np.eye(4)[:2].T @ [[1, -1, 0, 0], [0, 0, 1, -1]], np.ones((4, 1))],
            [np.zeros((1, 4)), np.zeros((1, 1))], RELU_NETWORK)
    of_line, of_bent = measure.linear_share([network(0, [4, 1]), bent], X, X_test)
    assert of_line == pytest.approx(1, abs=1e-5) and abs(of_bent) < 0.02


def test_a_network_whose_units_never_switch_is_as_it_is_held():
    X = np.random.default_rng(0).normal(size=(500, 4))
    Ws, _, activations = network(0, [4, 3, 1])
    for b, least, most in ([100, -100, 100], 1, 1), ([0, 0, 0], -9, 0.9):
        net = Ws, [np.array([b]), np.zeros((1, 1))], activations
        share = measure.share_if_units_are_held(net, X)
        assert least - 1e-9 <= share <= most + 1e-9
    s = X @ Ws[0] + b  # each unit is on for about half of the inputs
    held = (s * (np.mean(s > 0, axis=0) > 0.5)) @ Ws[1][:, 0]
    logit = measure.logits(net, X)
    assert share == pytest.approx(1 - np.var(logit - held) / np.var(logit))


def test_one_picture_is_the_share_of_the_first_direction():
    before = np.random.default_rng(0).normal(size=(6, 4))
    after = before + np.eye(6, 4) * [3, 1, 0, 0]
    assert measure.one_picture(before, after) == pytest.approx(0.9)


def test_a_closed_loop_is_paper_walled_in():
    walls = [np.s_[4:12, 8], np.s_[4:12, 16], np.s_[4, 8:17], np.s_[12, 8:17]]
    images = np.zeros((3, 28, 28))
    for image, count in zip(images, (4, 3, 0)):
        for wall in walls[:count]:
            image[wall] = 1
    assert measure.has_closed_loop(images).tolist() == [True, False, False]


def test_patterns_are_what_nine_in_ten_right_digits_of_the_class_do_not_show():
    rng = np.random.default_rng(0)
    images, y = rng.random((2000, 28, 28)), rng.integers(0, 2, 2000)
    tops = rng.integers(0, 15, 2000)
    images[np.arange(28)[np.newaxis] < tops[:, np.newaxis]] = 0
    wrong = rng.random(2000) < 0.1
    limits = measure.pattern_limits(images, y, wrong)
    shown = measure.patterns(images, y, limits)
    for name, (label, *_) in measure.PATTERNS.items():
        assert not shown[name][y != label].any()
        assert 0.02 < shown[name][(y == label) & ~wrong].mean() < 0.105
    assert tops[shown["threes that begin low"]].min() > 12
    assert tops[shown["nines that begin high"]].max() < 2
    for name, label, place in [
        ("nines with ink at the lower left", [1], np.s_[:, 18:24, 5:11]),
        ("threes with ink at the upper left", [0], np.s_[:, 8:15, 6:11]),
    ]:
        inked = np.zeros((1, 28, 28))
        inked[place] = 1
        for image, is_shown in [(inked, True), (1 - inked, False)]:
            assert measure.patterns(image, np.array(label), limits)[name] == [is_shown]


# ---- Points in a plane, and curves ---------------------------------------------------

def test_crescents_are_half_circles_that_only_a_hidden_layer_separates():
    X, y = measure.crescents(100)
    assert X.shape == (200, 2) and y.sum() == 100
    for label, flip in [(0, X), (1, [1, 0.5] - X)]:
        own = flip[y == label]
        assert abs(np.linalg.norm(own, axis=1) - 1).mean() < 0.2
        assert own[:, 1].min() > -0.6 and abs(own[:, 0].mean()) < 0.2
    right = []
    for dims in ([2, 1], [2, 16, 1]):
        trained = measure.separated(X, y, dims, 100)
        assert [W.shape for W in trained[0]] == list(zip(dims, dims[1:]))
        right.append(nn.accuracy(nn.forward_pass(X, *trained)[0], y))
    assert 0.8 < right[0] < 0.95 < 0.99 <= right[1]


def test_fitting_curves_together_is_fitting_each_by_gradient_descent():
    x = np.linspace(-1, 1, 9)
    y, dims = 0.5 + 0.4 * x, [1, 3, 2, 1]
    together = measure.fit_curve(x, y, dims, step_size=0.5, iterations=7, seeds=[4, 5])
    for seed, g in zip([4, 5], together):
        rng = np.random.default_rng(seed)
        Ws, bs = zip(*((rng.normal(0, np.sqrt(2 / d), (d, e)),
                        rng.uniform(-1, 1, (1, e)) / np.sqrt(d))
                       for d, e in zip(dims, dims[1:])))
        *_, (Ws, bs, *_) = nn.sgd(x[:, np.newaxis], y, Ws, bs, activations_for(Ws),
                                  batch_size=9, step_size=0.5, num_epochs=7, rng=0)
        expected, _ = nn.forward_pass(x[:, np.newaxis], Ws, bs, activations_for(Ws))
        assert np.allclose(g, expected)


# ---- (f) Memorizing ------------------------------------------------------------------

def noise(seed, n=100, d=784):
    """Return random inputs, of mean 0, and labels, 53% of them 1."""
    rng = np.random.default_rng(seed)
    return rng.random((n, d)) - 0.5, rng.permutation(n) < round(0.53 * n)


def accuracies(X, y, W, b, step_size, updates):
    """Return the accuracy on all of (X, y) after each update, by the plain code."""
    steps = nn.sgd(X, y, W, b, RELU_NETWORK, batch_size=len(X), step_size=step_size,
                   num_epochs=updates)
    return [nn.accuracy(nn.forward_pass(X, Ws, bs, RELU_NETWORK)[0], y)
            for Ws, bs, *_ in steps]


@pytest.mark.f
def test_iterations_are_counted_from_one_and_given_up_at_the_limit():
    (X, y), (W, b, _) = noise(0, 20, 50), new_network(0, [50, 40, 1], float)
    count = iterations_to_memorize(X, y, W, b, step_size=2.0)
    *before, last = accuracies(X, y, W, b, 2.0, count)
    assert count > 1 and last == 1 and max(before) < 1
    assert iterations_to_memorize(X, y, W, b, 2.0, limit=count) == count
    assert iterations_to_memorize(X, y, W, b, 2.0, limit=count - 1) is None


@pytest.mark.f
def test_the_tangent_kernel_holds_the_inner_products_of_the_gradients():
    rng = np.random.default_rng(0)
    X, _ = noise(1, 5, 50)
    Ws, bs = [[rng.normal(0, 1, shape) for shape in shapes]
              for shapes in (((50, 8), (8, 1)), ((1, 8), (1, 1)))]
    K, z = tangent_kernel(X, Ws[0], bs[0], Ws[1])
    gradients = []
    for x in X:  # of the logit, for dL/dg = 1 / (dg/ds)
        g, caches = nn.forward_pass(x[np.newaxis], Ws, bs, RELU_NETWORK)
        grad_Ws, grad_bs = nn.backward_pass(1 / (g * (1 - g)), caches)
        gradients.append(np.concatenate([a.ravel() for a in grad_Ws + grad_bs]))
    assert np.allclose(K, np.array(gradients) @ np.transpose(gradients), rtol=1e-8)
    assert np.allclose(z + bs[1][0], measure.logits((Ws, bs, RELU_NETWORK), X))


@pytest.mark.f
def test_one_update_memorizes_with_a_balanced_output_bias_and_only_with_it():
    """A hundred random labels, on a seed that the notebook does not use."""
    X, y = noise(100)
    W, b, _ = new_network(100, [784, 4000, 1], float)
    K, z = tangent_kernel(X, W[0], b[0], W[1])
    assert accuracies(X, y, W, b, 5.0, updates=1)[0] < 1
    b[1] += measure.balanced_bias(K, z, y, step_size=5.0)
    g, _ = nn.sigmoid_activation(z + b[1][0])
    after = z + b[1][0] + 5.0 / 100 * K @ (y - g)
    assert abs(after.mean()) < 0.1 * abs(after).mean()
    assert accuracies(X, y, W, b, 5.0, updates=1) == [1]
    assert iterations_to_memorize(X, y, W, b, 5.0, limit=1) == 1


@pytest.mark.f
def test_one_update_memorizes_with_units_that_are_on_for_one_input_each():
    X, y = noise(100)
    X += 0.5
    W, _, _ = new_network(100, [784, 4000, 1], float)
    b = measure.one_unit_each(X, *W, y, step_size=1.0)
    assert ((X @ W[0] + b[0] > 0).sum(axis=0) == 1).all()
    _, z = tangent_kernel(X, W[0], b[0], W[1])
    g, _ = nn.sigmoid_activation(z + b[1][0])
    assert abs(b[1][0, 0] + 1.0 * (y - g).mean()) < 1e-9  # moved to 0
    assert accuracies(X, y, W, b, 1.0, updates=1) == [1]
