"""Does what the notebooks claim hold on other seeds than those it was written for?

The words of (d), (e), (f) and Beyond were chosen on seeds 0 to 19. Each claim that luck
could touch is measured on those and on seeds 100 to 119 and gets a line: the claim, the
range on either set of seeds, and ok or FAILS. The exit status is 1 if one fails. Run as
.venv/bin/python bench/claims.py; it takes some minutes.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "notebooks"))

import measure
import nn_faster
import nn_helpers as nn
from viewers import EXAMPLES, seen

Values = dict[str, float]
Found = dict[str, np.ndarray]  # what was measured, on each of the seeds
SEEDS = [range(20), range(100, 120)]
RELU_NETWORK = measure.RELU_NETWORK

(images, y), (test_images, y_test) = nn.get_mnist_threes_nines()
X, X_test = (a.reshape(len(a), -1).astype(np.float32) for a in (images, test_images))
X_100, y_100 = X[:100].astype(float), y[:100]
to_three, to_nine = (
    ((X_test - X[y == label].mean(axis=0)) ** 2).sum(axis=1) for label in (0, 1)
)
of_means = np.mean((to_nine < to_three) == y_test)  # accuracy of the nearest class mean


# ---- What is measured for a seed -----------------------------------------------------

def trained(seed: int, layer_dims: Sequence[int] = (784, 200, 1), **settings):
    """Return the network that a seed leads to, in single precision."""
    W, b, rng = measure.new_network(seed, layer_dims)
    W, b = nn_faster.descend(X, y, W, b, rng=rng, **settings)
    return W, b, RELU_NETWORK[2 - len(W):]


def backpropagation(seed: int) -> Values:
    """Return how far it is from finite differences on the network of (e)."""
    found: Values = {}
    W, b, _ = measure.new_network(seed, dtype=float)
    for when in ("start", "later"):
        if when == "later":
            W, b = nn_faster.descend(X[:10_000].astype(float), y[:10_000], W, b,
                                     num_epochs=1, rng=seed)
        g, caches = nn.forward_pass(X_100, W, b, RELU_NETWORK)
        Ws, bs = nn.backward_pass(nn.logistic_loss(g, y_100)[1], caches)
        other_Ws, other_bs = nn_faster.nn_finite_difference_checker(
            X_100, y_100, W, b, RELU_NETWORK)
        s = abs(X_100 @ W[0] + b[0])
        at_corner = (s[:, np.newaxis] <= 1e-5 * X_100[:, :, np.newaxis]).any(axis=0)
        bias_at_corner = (s <= 1e-5).any(axis=0, keepdims=True)
        found[f"corners, {when}"] = at_corner.sum() + bias_at_corner.sum()
        found[f"apart, {when}"] = max(
            abs(one - other)[~np.broadcast_to(corner, one.shape)].max()
            for one, other, corner in zip(
                Ws + bs, other_Ws + other_bs,
                [at_corner, False, bias_at_corner, False]))
    return found


def training(seed: int) -> Values:
    """Return what (e) claims of its network, and Beyond of how linear that is."""
    network = trained(seed)
    W, _, _ = measure.new_network(seed)
    loss = [nn.logistic_loss(nn.forward_pass(a, *network)[0], labels)[0].mean()
            for a, labels in [(X, y), (X_test, y_test)]]
    early, _ = nn.forward_pass(X_test, *trained(seed, num_epochs=1))
    drawn = np.array([seen(strokes).ravel() for strokes in EXAMPLES.values()])
    three, straight, curled = nn.forward_pass(drawn, *network)[0]
    return mistakes_of(network) | {
        "test loss": loss[1],
        "loss ratio": loss[1] / loss[0],
        "after one epoch": nn.accuracy(early, y_test) - of_means,
        "drawings": max(three, curled, 1 - straight),
        "R2 of (e)": measure.linear_share([network], X[:4000], X_test)[0],
        "one picture": measure.one_picture(W[0], network[0][0]),
        "held": measure.share_if_units_are_held(network, X_test),
    }


def mistakes_of(network: tuple) -> Values:
    """Return which patterns a network's mistakes show."""
    [wrong] = measure.mistakes([network], X_test, y_test)
    [wrong_train] = measure.mistakes([network], X, y)
    limits = measure.pattern_limits(test_images, y_test, wrong)
    shown = measure.patterns(test_images, y_test, limits)
    shown_train = measure.patterns(images, y, limits)
    some, some_train = (
        np.any(list(of_each.values()), axis=0) for of_each in (shown, shown_train))
    times = [
        of_each[name][is_wrong & own].mean() / of_each[name][~is_wrong & own].mean()
        for name, (label, *_) in measure.PATTERNS.items()
        for of_each, is_wrong, own in [(shown, wrong, y_test == label),
                                       (shown_train, wrong_train, y == label)]
    ]
    nines = y_test == 1
    loop = measure.has_closed_loop(test_images[nines])
    curled, high = (pattern & wrong for pattern in list(shown.values())[:2])
    return {
        "wrong": wrong.sum(),
        "pattern": some[wrong].mean(),
        "pattern, base": max(some[~wrong].mean(), some_train[~wrong_train].mean()),
        "pattern, training": some_train[wrong_train].mean(),
        "pattern, weaker": some[wrong].mean() - some_train[wrong_train].mean(),
        "pattern, each": min(times),
        "curled and high": (curled & high).sum() / curled.sum(),
        "loops": loop[wrong[nines]].mean() - loop[~wrong[nines]].mean(),
    }


def step_ten(seed: int) -> Values:
    """Return how training with a step size of 10 ends."""
    W, b, rng = measure.new_network(seed)
    W, b, history = nn_faster.train(X, y, None, None, W, b, RELU_NETWORK,
                                    step_size=10.0, rng=rng)
    g, caches = nn.forward_pass(X_test, W, b, RELU_NETWORK)
    return {
        "ten, accuracy": nn.accuracy(g, y_test),
        "ten, on": (caches[0][2] > 0).any(axis=0).sum(),
        "ten, same": np.mean(abs(g - np.median(g)) < 1e-6),
        "ten, above ln 2": np.mean(history["train_loss"] > np.log(2)),
    }


def other_settings(seed: int) -> Values:
    """Return the mistakes of other step sizes, and of logistic regression."""
    networks = {f"step {s:g}": trained(seed, step_size=s)
                for s in (0.01, 0.3, 1.0, 2.0, 3.0, 5.0)}
    networks["logistic"] = trained(seed, (784, 1), step_size=1.0, num_epochs=10)
    found = {name: measure.mistakes([net], X_test, y_test).sum()
             for name, net in networks.items()}
    found["R2, step 1"] = measure.linear_share(
        [networks["step 1"]], X[:4000], X_test)[0]
    W, _, _ = measure.new_network(seed)
    found["one picture, step 1"] = measure.one_picture(W[0], networks["step 1"][0][0])
    return found


def memorizing(seed: int) -> Values:
    """Return what (f) claims of memorizing noise."""
    raw = np.random.default_rng([seed, 1]).random((100, 784)).astype(np.float32)
    found: Values = {}
    centred = raw - np.float32(0.5)
    for name, inputs, width, step in [
        ("raw", raw, 200, 0.1), ("raw", raw, 200, 0.3), ("raw", raw, 1000, 0.1),
        ("raw", raw, 2000, 0.1), ("centred", centred, 200, 3.0),
        ("centred", centred, 1000, 3.0),
    ]:
        W, b, _ = measure.new_network(seed, (784, width, 1))
        t = measure.iterations_to_memorize(inputs, y_100, W, b, step)
        found[f"{name}, {width}, {step}"] = t or np.inf
        K, _ = measure.tangent_kernel(inputs, W[0], b[0], W[1])
        if width == 1000:
            off = K[~np.eye(100, dtype=bool)].mean()
            found[f"{name}, on over off"] = K.diagonal().mean() / off
    W, b, _ = nn_faster.train(centred, y_100, None, None, W, b, RELU_NETWORK,
                              num_epochs=1, step_size=3.0)
    g, _ = nn.forward_pass(centred, W, b, RELU_NETWORK)
    found["say 1"] = int(np.sum(g > 0.5))
    return found | in_one_step(seed, raw, centred)


def in_one_step(seed: int, raw: np.ndarray, centred: np.ndarray) -> Values:
    """Return whether one step is enough, and what the network says of other noise."""
    found: Values = {}
    for width, step in [(1000, 1.0), (4000, 1.0), (4000, 5.0)]:
        W, b, _ = measure.new_network(seed, (784, width, 1))
        K, z = measure.tangent_kernel(centred, W[0], b[0], W[1])
        b[1] += np.float32(measure.balanced_bias(K, z, y_100, step))
        found[f"once, {width}, {step}"] = measure.iterations_to_memorize(
            centred, y_100, W, b, step, limit=1) or 0
    W, b, _ = nn_faster.train(centred, y_100, None, None, W, b, RELU_NETWORK,
                              num_epochs=1, step_size=5.0)
    rng = np.random.default_rng([seed, 2])
    fresh = (rng.random((1000, 784)) - 0.5).astype(np.float32)
    g, _ = nn.forward_pass(fresh, W, b, RELU_NETWORK)
    found["fresh"] = nn.accuracy(g, rng.permutation(1000) % 2)
    W, _, _ = measure.new_network(seed, (784, 4000, 1))
    b = measure.one_unit_each(raw, W[0], W[1], y_100, step_size=0.1)
    found["once, raw"] = measure.iterations_to_memorize(
        raw, y_100, W, b, 0.1, limit=1) or 0
    return found


def plane(seed: int) -> Values:
    """Return by how much a hidden layer beats a line in accuracy, on two crescents."""
    points, labels = measure.crescents(seed)
    line, bent = (nn.accuracy(nn.forward_pass(points, *measure.separated(
        points, labels, dims, seed))[0], labels) for dims in ([2, 1], [2, 16, 1]))
    return {"bent over line": bent - line}


def shared_mistakes(seeds: Sequence[int]) -> Found:
    """Return how many test digits are wrong on all of ten seeds, and on any."""
    networks = nn_faster.in_parallel(trained, seeds[:10])
    wrong = measure.mistakes(networks, X_test, y_test)
    return {"wrong on all": wrong.all(axis=0).sum(), "on any": wrong.any(axis=0).sum()}


def curves(seeds: Sequence[int]) -> Found:
    """Return how far fitted networks are from the curves of (f)."""
    x = np.linspace(-1, 1, 65)
    curve = 0.5 + 0.4 * np.sin(4 * x) * np.cos(3 * x + 1)
    tent = 1 - abs(2 * (2 * (x + 1) % 1) - 1)  # four teeth
    saw, _ = nn.sigmoid_activation(4 * (tent - 0.5))
    return {
        f"{name} {dims}": np.sqrt(((measure.fit_curve(
            x, target, dims, step_size=step, iterations=n, seeds=seeds) - target) ** 2)
            .mean(axis=1)) / (saw.std() if name == "saw" else 1)
        for name, target, step, n, shapes in [
            ("curve", curve, 0.5, 3000, [[1, 2, 1], [1, 8, 1], [1, 32, 1]]),
            ("saw", saw, 0.25, 4000, [[1, 2, 2, 2, 1], [1, 32, 1], [1, 8, 8, 1]])]
        for dims in shapes
    }


# ---- What is claimed -----------------------------------------------------------------

def median(name: str) -> Callable[[Found], float]:
    return lambda found: np.median(found[name])


def successes(name: str) -> Callable[[Found], float]:
    return lambda found: np.isfinite(found[name]).sum()


def difference(less: str, more: str) -> Callable[[Found], float]:
    return lambda found: np.median(found[more]) - np.median(found[less])


def faster(found: Found) -> float:
    return float(np.sum(found["raw, 200, 0.3"] < found["raw, 200, 0.1"]))


def ahead(found: Found) -> float:
    return float(np.sum(found["step 1"] < found["logistic"].min()))


ABOVE_0 = (1e-9, np.inf)
# The claim, what was measured (a name: on each seed), and between what it has to be.
CLAIMS: list[tuple[str, str | Callable, tuple[float, float]]] = [
    ("(d) away from corners: apart, at the start", "apart, start", (0, 1e-10)),
    ("(d) and after 100 updates", "apart, later", (0, 1e-10)),
    ("(d) at a corner: none, or a few hundred", "corners, start", (0, 999)),
    ("(d) and after 100 updates", "corners, later", (0, 999)),
    ("(e) test digits wrong: accuracy is 98%", "wrong", (31, 50)),
    ("(e) test loss: between 0.05 and 0.06", "test loss", (0.05, 0.06)),
    ("(e) test over training loss: a little above 1", "loss ratio", (1, 1.25)),
    ("(e) one epoch beats the class means by", "after one epoch", ABOVE_0),
    ("(e) mistakes with a pattern: most", "pattern", (0.7, 1)),
    ("(e) right digits with one: few", "pattern, base", (0, 0.2)),
    ("(e) fresh mistakes with a pattern: most", "pattern, training", (0.6, 1)),
    ("(e) and a little fewer", "pattern, weaker", (0, 0.25)),
    ("(e) each pattern: times its base rate", "pattern, each", (3, 100)),
    ("(e) curled nines that begin high: most", "curled and high", (0.5, 1)),
    ("(e) closed loops: no rarer in wrong nines", "loops", (0, 1)),
    ("(e) the seed hardly matters: wrong on all ten", "wrong on all", (24, 34)),
    ("(e) wrong on any of them", "on any", (38, 60)),
    ("(e) drawings: the wrong answer's probability", "drawings", (0, 0.5)),
    ("(e) step 10: accuracy is 50%", "ten, accuracy", (0.495, 0.505)),
    ("(e) step 10: units on, fewer than ten", "ten, on", (0, 9)),
    ("(e) step 10: same output, over 99%", "ten, same", (0.99, 1)),
    ("(e) step 10: loss above ln 2, mostly", "ten, above ln 2", (0.9, 1)),
    ("(f) wider is faster: 1,000 than 200, by",
     difference("raw, 1000, 0.1", "raw, 200, 0.1"), ABOVE_0),
    ("(f) 2,000 than 1,000, by",
     difference("raw, 2000, 0.1", "raw, 1000, 0.1"), ABOVE_0),
    ("(f) width 200, step 0.3: fails on many seeds",
     successes("raw, 200, 0.3"), (1, 16)),
    ("(f) and is at times faster", faster, (4, 20)),
    ("(f) kernel, on over off the diagonal, raw", "raw, on over off", (1, 2)),
    ("(f) and centred", "centred, on over off", (3, 99)),
    ("(f) centred, width 200: a handful", "centred, 200, 3.0", (1, 5)),
    ("(f) centred, width 1,000: two", "centred, 1000, 3.0", (2, 2)),
    ("(f) after the first step all outputs say 1", "say 1", (100, 100)),
    ("(f) one step, width 4,000, step 5: all seeds", "once, 4000, 5.0", (1, 1)),
    ("(f) one step, step 1: width makes it likelier",
     lambda f: (f["once, 4000, 1.0"] - f["once, 1000, 1.0"]).sum(), (5, 20)),
    ("(f) one step, inputs as they are: all seeds", "once, raw", (1, 1)),
    ("(f) accuracy on fresh noise: half", "fresh", (0.44, 0.56)),
    ("(f) 8 units are closer than 2, by",
     difference("curve [1, 8, 1]", "curve [1, 2, 1]"), ABOVE_0),
    ("(f) 32 units are closer than 8, by",
     difference("curve [1, 32, 1]", "curve [1, 8, 1]"), ABOVE_0),
    ("(f) two layers are as close as one, but for",
     difference("saw [1, 8, 8, 1]", "saw [1, 32, 1]"), (-0.2, 0.2)),
    ("(f) 1-2-2-2-1: as far as a constant, nearly",
     median("saw [1, 2, 2, 2, 1]"), (0.9, 1)),
    ("(g) crescents: a hidden layer is ahead by", "bent over line", ABOVE_0),
    ("(g) mistakes of step 0.01", median("step 0.01"), (50, 70)),
    ("(g) step 0.1", median("wrong"), (31, 42)),
    ("(g) step 0.3", median("step 0.3"), (25, 33)),
    ("(g) step 1", median("step 1"), (15, 25)),
    ("(g) step 2: most seeds learn", median("step 2"), (0, 100)),
    ("(g) step 3: most do not", median("step 3"), (900, 1100)),
    ("(g) step 5: hardly any does, of 20 seeds",
     lambda f: (f["step 5"] < 900).sum(), (0, 2)),
    ("(g) logistic regression, better than (e), by",
     difference("logistic", "wrong"), ABOVE_0),
    ("(g) step 1 beats all of it on most seeds", ahead, (15, 20)),
    ("(g) R^2 of (e): nearly linear", "R2 of (e)", (0.99, 1)),
    ("(g) R^2 of step 1: less so", "R2, step 1", (0.5, 0.99)),
    ("(g) R^2 of (e) with units held on or off", "held", (0.99, 1)),
    ("(g) one picture makes over 90%", "one picture", (0.9, 1)),
    ("(g) and with step 1 about half", "one picture, step 1", (0.35, 0.6)),
]


def measured(seeds: Sequence[int]) -> Found:
    """Return all that the claims are about, on these seeds."""
    found = curves(seeds) | shared_mistakes(seeds)
    for of_one in (backpropagation, training, step_ten, other_settings, memorizing,
                   plane):
        rows = nn_faster.in_parallel(of_one, seeds)
        found |= {name: np.array([row[name] for row in rows], float)
                  for name in rows[0]}
    return found


def main() -> int:
    found = [measured(seeds) for seeds in SEEDS]
    failures = 0
    print(f"{'':47}{'seeds 0-19':>21}{'seeds 100-119':>21}")
    for words, what, (low, high) in CLAIMS:
        ranges, holds = [], True
        for of_seeds in found:
            values = of_seeds[what] if isinstance(what, str) else what(of_seeds)
            least, most = np.min(values), np.max(values)
            holds = holds and low <= least and most <= high
            ends = [f"{end:.{3 if end < 1000 else 4}g}" for end in (least, most)]
            ranges.append(" to ".join(dict.fromkeys(ends)))
        failures += not holds
        print(f"{words:47}{ranges[0]:>21}{ranges[1]:>21}  {'ok' if holds else 'FAILS'}")
    print(f"{len(CLAIMS)} claims, {failures} fail")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
