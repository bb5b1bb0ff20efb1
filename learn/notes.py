"""Note what the functions of nn_helpers return, right and with typical mistakes."""

import ast
import functools
import json
import re
from pathlib import Path

import numpy as np

from learn import calls, cases

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent


@functools.cache
def functions(source):
    """Return {name: text} of a source's functions, with their decorators."""
    lines, nodes = source.splitlines(True), ast.parse(source).body
    return {node.name: "".join(lines[min(
                [node.lineno, *(d.lineno for d in node.decorator_list)]
                ) - 1:node.end_lineno])
            for node in nodes if isinstance(node, ast.FunctionDef)}


def mistakes():
    """Return (function, its part, [(right, wrong), ...], sentence) of each mistake."""
    found, heading = [], ""
    for line in (HERE / "mistakes.txt").read_text(encoding="utf-8").splitlines()[2:]:
        if line.startswith("    "):
            changes, sentence = line[4:].replace("\\n", "\n").rsplit(" | ", 1)
            pairs = [re.split(" => ?", change) for change in changes.split(" & ")]
            name, _, part = heading.partition("/")
            found.append((name, part or name, pairs, sentence))
        else:
            heading = line
    return found


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
    relu, sigmoid = (module[name] for name in calls.ACTIVATIONS)
    g, caches = module["forward_pass"](X, Ws, bs, [relu] * (len(Ws) - 1) + [sigmoid])
    outs = [*(x for x, *_ in caches[1:]), g[:, np.newaxis]]
    return [[x, W, b, x @ W + b, out, slope]
            for (x, W, slope), b, out in zip(caches, bs, outs)]


@functools.cache
def as_json():
    """Return {function: {kind: {"right": outcomes, "mistakes": {sentence: outcomes}}}}.

    For backward_pass there are the layers as well, of which caches may be made.
    """
    source = (PROJECT / "nn_helpers.py").read_text(encoding="utf-8")
    module, _ = calls.load(source)
    layers = {label: layers_of(module, *args)
              for label, args in cases.cases_of("backward_pass").items()}

    def run(name, kind):
        return calls.outcomes(module, name, kind) if name != "backward_pass" else dict(
            calls.backward(module, layers, lambda _, *network: module["forward_pass"](
                *network)[1]))

    kinds = {name: ["toys", "plain"][:1 + (name in cases.CALLS)]
             for name in cases.FUNCTIONS}
    found: dict = {name: {kind: {"right": run(name, kind), "mistakes": {}}
                          for kind in kinds[name]} for name in kinds}
    for name, part, pairs, sentence in mistakes():
        right = module[part]
        exec(planted(source, part, pairs), module)
        for kind in kinds[name]:
            found[name][kind]["mistakes"][sentence] = run(name, kind)
        module[part] = right
    found["backward_pass"]["toys"]["layers"] = layers
    return json.dumps(found, default=np.ndarray.tolist)
