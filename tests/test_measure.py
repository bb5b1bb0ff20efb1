"""What the notebooks measure, on examples whose answer is known."""

import numpy as np
import pytest

import measure
import nn_helpers as nn

pytestmark = pytest.mark.notebooks


def random_network(rng, layer_dims):
    pairs = list(zip(layer_dims, layer_dims[1:]))
    weights = [rng.normal(0, 1, pair) for pair in pairs]
    biases = [rng.normal(0, 1, (1, d)) for _, d in pairs]
    relus = [nn.relu_activation] * (len(pairs) - 1)
    return weights, biases, [*relus, nn.sigmoid_activation]


def test_a_new_network_is_that_of_its_seed_and_leaves_the_generator_behind():
    W, b, rng = measure.new_network(3, [5, 4, 1], float)
    again = np.random.default_rng(3)
    assert all(map(np.array_equal, W, nn.create_weight_matrices([5, 4, 1], again)))
    assert all(map(np.array_equal, b, nn.create_bias_vectors([5, 4, 1])))
    assert rng.random() == again.random()
    W, b, _ = measure.new_network(3, [5, 4, 1])
    assert {a.dtype for a in W + b} == {np.dtype(np.float32)}


def test_logits_and_mistakes_agree_with_the_forward_pass():
    rng = np.random.default_rng(0)
    X, nets = rng.normal(size=(50, 4)), [random_network(rng, [4, 3, 1])] * 2
    g, _ = nn.forward_pass(X, *nets[0])
    assert np.allclose(nn.sigmoid_activation(measure.logits(nets[0], X))[0], g)
    wrong = measure.mistakes(nets, X, np.zeros(50))
    assert wrong.shape == (2, 50) and np.array_equal(wrong[0], g > 0.5)


def test_only_linear_networks_are_linear():
    rng = np.random.default_rng(0)
    X, X_test = rng.normal(size=(2, 3000, 4))
    X[:, 2] = X_test[:, 2] = 0  # a pixel without ink
    line = random_network(rng, [4, 1])
    # |x_0| + |x_1| has nothing linear in it.
    bent = ([np.eye(4)[:2].T @ [[1, -1, 0, 0], [0, 0, 1, -1]], np.ones((4, 1))],
            [np.zeros((1, 4)), np.zeros((1, 1))], measure.RELU_NETWORK)
    of_line, of_bent = measure.linear_share([line, bent], X, X_test)
    assert of_line == pytest.approx(1, abs=1e-5) and abs(of_bent) < 0.02


def test_one_picture_is_the_share_of_the_first_direction():
    before = np.random.default_rng(0).normal(size=(6, 4))
    change = np.zeros((6, 4))
    change[0, 0], change[1, 1] = 3, 1
    assert measure.one_picture(before, before + change) == pytest.approx(0.9)


def drawn(*lines):
    image = np.zeros((28, 28))
    for rows, columns in lines:
        image[rows, columns] = 1
    return image


RING = [(slice(4, 12), 8), (slice(4, 12), 16), (4, slice(8, 17)), (12, slice(8, 17))]


def test_a_closed_loop_is_paper_walled_in():
    images = np.array([drawn(*RING), drawn(*RING[:3]), drawn()])
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
    for name, place in [("nines with ink at the lower left", np.s_[18:24, 5:11]),
                        ("threes with ink at the upper left", np.s_[8:15, 6:11])]:
        label = measure.PATTERNS[name][0]
        inked = np.zeros((1, 28, 28))
        inked[(0, *place)] = 1
        assert measure.patterns(inked, np.array([label]), limits)[name].all()
        assert not measure.patterns(1 - inked, np.array([label]), limits)[name].any()


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
        network = measure.separated(X, y, dims, 100)
        assert [W.shape for W in network[0]] == list(zip(dims, dims[1:]))
        right.append(nn.accuracy(nn.forward_pass(X, *network)[0], y))
    assert 0.8 < right[0] < 0.95 < 0.99 <= right[1]


def test_fitting_curves_together_is_fitting_each_by_gradient_descent():
    x = np.linspace(-1, 1, 9)
    y, dims = 0.5 + 0.4 * x, [1, 3, 2, 1]
    together = measure.fit_curve(x, y, dims, step_size=0.5, iterations=7, seeds=[4, 5])
    for seed, g in zip([4, 5], together):
        rng = np.random.default_rng(seed)
        start = [(rng.normal(0, np.sqrt(2 / d), (d, e)),
                  rng.uniform(-1, 1, (1, e)) / np.sqrt(d))
                 for d, e in zip(dims, dims[1:])]
        Ws, bs = map(list, zip(*start))
        relus = [nn.relu_activation] * 2 + [nn.sigmoid_activation]
        *_, (Ws, bs, *_) = nn.sgd(x[:, np.newaxis], y, Ws, bs, relus, batch_size=9,
                                  step_size=0.5, num_epochs=7, rng=0)
        assert np.allclose(g, nn.forward_pass(x[:, np.newaxis], Ws, bs, relus)[0])
