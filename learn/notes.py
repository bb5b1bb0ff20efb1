"""Note what the functions of nn_helpers return, right and with typical mistakes."""

import ast
import functools
import json
import re
from pathlib import Path

import numpy as np

from learn.calls import ACTIVATIONS, backward, load, outcomes
from learn.cases import CALLERS, FUNCTIONS, cases_of

PROJECT = Path(__file__).resolve().parents[1]


def text(path):
    """Return the content of a file of the project."""
    return (PROJECT / path).read_text(encoding="utf-8")


@functools.cache
def functions(source):
    """Return {name: text} of a source's functions, with their decorators."""
    lines, nodes = source.splitlines(True), ast.parse(source).body
    return {node.name: "".join(lines[min(
                [node.lineno, *(d.lineno for d in node.decorator_list)]
                ) - 1:node.end_lineno])
            for node in nodes if isinstance(node, ast.FunctionDef)}


def mistakes():
    """Yield (function, its part, [(right, wrong), ...], sentence) of each mistake."""
    for name, part, lines in re.findall(r"(?m)^(\w+)(?:/(\w+))?\n((?:    .*\n)+)",
                                        text("learn/mistakes.txt")):
        for line in lines.splitlines():
            changes, sentence = line[4:].replace("\\n", "\n").rsplit(" | ", 1)
            pairs = [re.split(" => ?", change) for change in changes.split(" & ")]
            yield name, part or name, pairs, sentence


def planted(source, part, pairs):
    """Return a function's text with a mistake in it; ValueError if it does not fit."""
    wrong = functions(source)[part]
    for right, mistaken in pairs:
        old = "(.*?)".join(map(re.escape, right.split("...")))
        fits = re.search(old, wrong, re.DOTALL)
        if not fits:
            raise ValueError(f"{part}: there is no {right!r}")
        wrong = wrong.replace(fits[0], mistaken.replace("...", "".join(fits.groups())))
    return wrong


def layers_of(module, dL_dg, X, Ws, bs):
    """Return what cases.CACHED names, of each layer."""
    relu, sigmoid = (module[name] for name in ACTIVATIONS)
    activations = [relu] * (len(Ws) - 1) + [sigmoid]
    _, caches = module["forward_pass"](X, Ws, bs, activations)
    return [[x, W, b, x @ W + b, *activation(x @ W + b)]
            for (x, W, _), b, activation in zip(caches, bs, activations)]


@functools.cache
def notes():
    """Return {function: {kind: {"right": outcomes, "mistakes": {sentence: outcomes}}}}.

    For backward_pass there are the layers as well, of which caches may be made.
    """
    source = text("nn_helpers.py")
    module, _ = load(source)
    layers = {label: layers_of(module, *args)
              for label, args in cases_of("backward_pass").items()}

    def runs(name):
        if name == "backward_pass":
            return {"toys": dict(backward(module, layers, lambda _, *network: (
                module["forward_pass"](*network)[1])))}
        return {kind: outcomes(module, name, kind)
                for kind in ["toys", "plain"][:1 + (name in CALLERS)]}

    found: dict = {name: {kind: {"right": run, "mistakes": {}}
                          for kind, run in runs(name).items()} for name in FUNCTIONS}
    for name, part, pairs, sentence in mistakes():
        right = module[part]
        exec(planted(source, part, pairs), module)
        for kind, run in runs(name).items():
            found[name][kind]["mistakes"][sentence] = run
        module[part] = right
    found["backward_pass"]["toys"]["layers"] = layers
    return json.dumps(found, default=np.ndarray.tolist)
