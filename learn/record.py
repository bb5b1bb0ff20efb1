"""Note what the network's functions return, right and with each of the mistakes.

    python -m learn.record      print the notes

The notes are numbers and words. With them anybody's file can be checked where there is
no solution: see learn.run, which also says how a function is called.
"""

import ast
import functools
import sys
from pathlib import Path

import numpy as np

from learn import run

HERE = Path(__file__).resolve().parent
SOLUTION = HERE.parent / "nn_helpers.py"
QUESTIONS = {  # and points
    "finite_difference_gradient": ("a", 1), "nn_finite_difference_checker": ("a", 1),
    "sigmoid_activation": ("b", 3), "logistic_loss": ("b", 2),
    "relu_activation": ("b", 1), "layer_forward": ("b", 2),
    "create_weight_matrices": ("c", 2), "create_bias_vectors": ("c", 1),
    "forward_pass": ("c", 5), "backward_pass": ("d", 4), "train": ("e", 6),
}
# In which functions the parts of (e)'s loop are, of which the assignment asks for none.
PARTS = {"train": ["train", "sgd", "mini_batches", "accuracy"]}


# ---- The steps of each function: a label, args, and what else run needs of it --------

def network(seed, dims, n, last="squash"):
    """Return X, weight_matrices, biases and activations of a random network."""
    rng, pairs = np.random.default_rng(seed), list(zip(dims, dims[1:]))
    names = [*["bend", "fold", "bend"][:len(pairs) - 1], last]
    return [rng.normal(0, 1, (n, dims[0])),
            [rng.normal(0, 0.7, pair) for pair in pairs],
            [rng.normal(0, 0.5, (1, d)) for _, d in pairs],
            [run.GIVEN[name] for name in names]]


def through(seed, dims, n):
    """Return args, and [x, W, b, activation, out, slope] of each layer."""
    X, *lists = args = network(seed, dims, n)
    layers = []
    for W, b, activation in zip(*lists):
        layers.append([X, W, b, activation, *activation(X @ W + b)])
        X = layers[-1][-2]
    return args, layers


def passing(seed, dims, n):
    """Return a step for forward_pass."""
    args, layers = through(seed, dims, n)
    return {"args": args, "layers": [layer[:-1] for layer in layers]}


def returning(seed, dims, n):
    """Return a step for backward_pass."""
    args, layers = through(seed, dims, n)
    return {"args": [*args, np.random.default_rng(seed).normal(size=n)],
            "inputs": [layer[0] for layer in layers],
            "results": [layer[-2:] for layer in layers]}


def toy(seed, N, n=0, epochs=0, step_size=0.0):
    """Return a step for train, or without options for the finite differences."""
    rng = np.random.default_rng(seed)
    X, X_test = (rng.uniform(0.2, 0.8, (m, 3)) for m in (N, 4))
    X[:, 1], X_test[:, 1] = np.arange(N), np.arange(1000, 1004)
    y, y_test = np.arange(N) * 7 % 5 % 2.0, np.array([0.0, 1, 1, 0])
    _, *lists = network(seed, [3, 2, 1], 1)
    if n:
        return {"args": [X, y, X_test, y_test, *lists],
                "options": {"batch_size": n, "step_size": step_size,
                            "num_epochs": epochs}}
    moves = {str(m): [np.vstack([np.eye(m), -np.eye(m)]) / 1e5,
                      np.hstack([np.eye(m), -np.eye(m)]) * 5e4] for m in (1, 2, 6, 11)}
    return {"args": [X, y, *lists], "moves": moves, "tolerances": {"": (1e-7, 1e-8)}}


def all_steps():
    """Return {function: {label: step}}; a step may be its args alone."""
    rng, close = np.random.default_rng(0), {"tolerances": {"": (1e-7, 1e-7)}}
    s, g, G = rng.normal(0, 2, (2, 3)), np.array([0.1, 0.5, 0.8, 0.97]), run.GIVEN
    sure = {"tolerances": {"": (1e-6, 0), "1 - the output": (0.3, 0),
                           "the derivative": (1e-6, 1e-12)}}
    drawn = {"tolerances": {"": (0, 0.03), "standard deviation": (0.1, 0),
                            "mean": (0, 5e-4)}}
    return {
        "finite_difference_gradient": {
            label: {"args": [G[f], a]} | close for label, f, a in [
                ("one variable", "waves", rng.normal(size=1)),
                ("four variables", "waves", rng.normal(size=4)),
                ("a product of three", "product", rng.normal(1, 0.3, 3)),
                ("a steep function", "steep", rng.normal(0, 0.3, 3)),
                ("the entries of a matrix", "waves", s)]},
        "nn_finite_difference_checker": {"n = 4": toy(1, 4), "n = 1": toy(2, 1)},
        "sigmoid_activation": {
            label: {"args": [np.array(values)]} | sure for label, values in [
                ("1, 0 and -1", [1.0, 0.0, -1.0]), ("a matrix", s),
                ("the integers -1000 and 1000", [-1000, 1000]),
                ("large positive inputs", [25.0, 30.0, 800.0]),
                ("large negative inputs", [-25.0, -30.0, -800.0])]},
        "logistic_loss": {
            "labels of 1": [g, np.ones(4)], "labels of 0": [g, np.zeros(4)],
            "mixed labels, as integers": [g, np.array([0, 1, 1, 0])],
            "n = 1": [g[:1], np.ones(1)],
            "outputs close to 0 and 1": [np.array([1e-15, 1 - 1e-15]), np.ones(2)]},
        "relu_activation": {"a matrix": [s], "integers": [np.array([[-2, 3]])],
                            "one row": [np.array([[-0.5, 2.0, -1e-9]])]},
        "layer_forward": {
            label: [part[0] if isinstance(part, list) else part
                    for part in network(seed, dims, n, last)]
            for label, seed, dims, n, last in [
                ("n = 4", 1, [3, 2], 4, "bend"), ("n = 1", 2, [3, 2], 1, "fold"),
                ("one neuron", 3, [4, 1], 5, "squash")]},
        "create_weight_matrices": {
            "-".join(map(str, dims)): {"args": [dims]} | drawn
            for dims in ([784, 200, 1], [300, 70, 60, 1])},
        "create_bias_vectors": {
            "784-200-1": [[784, 200, 1]], "5-4-3-1": [[5, 4, 3, 1]]},
        "forward_pass": {
            "one layer": passing(1, [3, 1], 4), "n = 1": passing(2, [3, 3, 1], 1),
            "two layers": passing(3, [4, 3, 1], 5),
            "three layers": passing(4, [3, 3, 3, 1], 4)},
        "backward_pass": {
            "one layer": returning(1, [3, 1], 4), "n = 1": returning(2, [3, 2, 1], 1),
            "two layers": returning(3, [4, 3, 1], 5),
            "three layers": returning(4, [3, 3, 3, 1], 4)},
        "train": {
            "all examples in each batch": toy(1, 6, 6, 3, 0.1),
            "another step size": toy(2, 5, 5, 2, 0.7),
            "batches that divide the examples": toy(3, 12, 4, 4, 0.1),
            "a last batch that is shorter": toy(4, 11, 4, 4, 0.1),
            "n = 1": toy(5, 9, 1, 3, 0.1)},
    }


# ---- The notes -----------------------------------------------------------------------

@functools.cache
def definitions(source):
    """Return the nodes of a source's functions by name."""
    return {node.name: node for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef)}


def text_of(source, name):
    """Return a function's text, with its decorators."""
    node = definitions(source)[name]
    first = min(n.lineno for n in [node, *node.decorator_list]) - 1
    return "\n".join(source.splitlines()[first:node.end_lineno]) + "\n"


def mistakes():
    """Return (function, [(right, wrong), ...], sentence) of each in mistakes.txt."""
    found, pairs, name = [], [], ""
    for line in (HERE / "mistakes.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if "  =>  " in line:
            pairs.append(line[4:].replace("\\n", "\n").split("  =>  "))
        elif line.startswith("  "):
            found.append((name, pairs, line.strip()))
            pairs = []
        else:
            name = line
    return found


def planted(source, name, pairs):
    """Return a function's text with a mistake in it; ValueError if it does not fit."""
    text = text_of(source, name)
    for old, new in pairs:
        if text.count(old) != 1:
            raise ValueError(f"{name}: {old!r} occurs {text.count(old)} times")
        text = text.replace(old, new)
    return text


def notes():
    """Return {function: question, points, steps, mistakes}, for run.dumps."""
    source = SOLUTION.read_text(encoding="utf-8")
    module, _ = run.load(source)
    found = {}
    for name, by_label in all_steps().items():
        steps = [{"label": label} | (step if isinstance(step, dict) else {"args": step})
                 for label, step in by_label.items()]
        for step in steps:
            [step["expected"]] = run.try_function(module, name, [step])
            if "error" in step["expected"]:
                raise ValueError(f"{name}: {step['expected']['error']}")
        known = []
        for place, pairs, says in mistakes():
            if place in PARTS.get(name, [name]):
                right = module[place]
                exec(planted(source, place, pairs), module)
                known.append({"says": says,
                              "outcomes": run.try_function(module, name, steps)})
                module[place] = right
        question, points = QUESTIONS[name]
        found[name] = {"question": question, "points": points, "steps": steps,
                       "mistakes": known}
    return found


if __name__ == "__main__":
    sys.modules |= {name: run.Placeholder(name) for name in run.UNNEEDED}
    print(run.dumps(notes()))
