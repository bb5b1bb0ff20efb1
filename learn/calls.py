"""Load anybody's file, call its functions, and note what each of them does."""

import __future__

import ast
import builtins
import contextlib
import copy
import functools
import sys
import traceback
import types
import warnings
from collections.abc import Iterable
from unittest.mock import patch

import numpy as np

from learn.cases import FUNCTIONS, HISTORY, cases_of, toys

BLANK, FILE = "it is not written yet", "<the file that is checked>"
ACTIVATIONS = ["relu_activation", "sigmoid_activation"]
UNNEEDED = {"IPython", "matplotlib", "mnist", "nn_data", "tqdm"}


# ---- The file ------------------------------------------------------------------------

class Placeholder(contextlib.ExitStack):
    """Replaces a module that is missing or not needed, and everything in it."""

    given: Iterable = ()

    def __getattr__(self, name):
        """Return one more of these."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder()

    def __call__(self, given=(), *others, **options):
        """Return a function unchanged (a decorator), else an iterator (a bar)."""
        if callable(given) and not isinstance(given, Placeholder):
            return given
        bar = Placeholder()
        bar.given = range(given) if isinstance(given, int) else given
        return bar

    def __iter__(self):
        """Go over what was given."""
        return iter(self.given)


def one_line(text):
    """Return text, which may be anybody's, as one short line."""
    return " ".join(str(text).split())[:200]


def statements(body):
    """Yield the imports, definitions and assignments: a script need not run.

    Left out is what calls a function of the assignment or needs data or plots, and
    what needs the results.
    """
    script, left_out = {*FUNCTIONS}, set[str]()
    for node in body:
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        made = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        calls = script & {getattr(n.func, "id", "") for n in ast.walk(node)
                          if isinstance(n, ast.Call)}
        if isinstance(node, ast.Import | ast.ImportFrom):
            left_out |= {
                one.asname or one.name.partition(".")[0] for one in node.names
                if (getattr(node, "module", "") or one.name).partition(".")[0]
                in UNNEEDED - {"tqdm"}}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            script |= {node.name} if calls else set()
        elif calls or left_out & {n.id for n in names} - made or isinstance(
                node, ast.Expr | ast.For | ast.While | ast.With):
            left_out |= made
            continue
        yield node


def load(source):
    """Return the names that a file defines, and what went wrong on the way."""
    faults, module = [], types.ModuleType("submission")

    def imported(name, *how):
        try:
            if name.partition(".")[0] not in UNNEEDED:
                return __import__(name, *how)
        except ModuleNotFoundError as error:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                raise  # the file may have an answer to it
            if name != "nn_checks":
                faults.append(f"line {node.lineno}: {error}")
        return Placeholder()

    sys.modules["submission"] = module  # where dataclasses look their types up
    vars(module)["__builtins__"] = vars(builtins) | {"__import__": imported}
    try:
        body = ast.parse(source, FILE).body
    except (SyntaxError, ValueError) as error:
        where = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        return {}, [f"This is not Python: {where}{getattr(error, 'msg', error)}"]
    for node in statements(body):
        code = compile(ast.Module([node], []), FILE, "exec",
                       __future__.annotations.compiler_flag)
        try:
            exec(code, vars(module))
        except BaseException as error:
            faults.append(f"line {node.lineno}: {one_line(error)}")
    return vars(module), faults[:5]


# ---- Calling a function, and what is seen of its result ------------------------------

def seen(name, result):
    """Return the arrays of a function's result by name."""
    names = FUNCTIONS[name][2]
    found: dict = {}
    parts = [result] if len(names) == 1 else result
    assert isinstance(parts, tuple | list) and len(parts) == len(names), (
        f"it must return {len(names)} things: {', '.join(names)}")
    for key, part in zip(names, parts):
        if key in ("weight_matrices", "biases", "grad_Ws", "grad_bs"):
            found |= {f"{key}[{k}]": a for k, a in enumerate(part)}
        elif key == "history":
            found |= {f"history[{k!r}]": part[k] for k in HISTORY if k in part}
        elif key == "layer_caches":
            found = {"the number of caches": len(part)} | found
        elif key != "cache":  # what is in it is up to the file
            found[key] = part
    if name == "create_bias_vectors":  # small random numbers will do as well as zeros
        found = {key: np.round(a, 1) for key, a in found.items()}
    if name == "sigmoid_activation":
        found["1 - the output"] = 1 - np.asarray(found["the output"])
    if name == "create_weight_matrices":
        drawn = np.concatenate([np.ravel(W) for W in found.values()])
        near = np.mean(abs(drawn - np.mean(drawn)) < np.std(drawn))
        found = {f"the shape of {key}": np.shape(W) for key, W in found.items()} | {
            "the mean, in standard deviations,": np.round(
                np.mean(drawn) / (np.std(drawn) or 1), 1) + 0,
            "the standard deviation": np.round(np.std(drawn), 4),
            "the share within one standard deviation": np.round(near, 2)}
    return found


def same(a, b):
    """Return whether arguments kept their values, but for rounding."""
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return not isinstance(a, np.ndarray) or np.allclose(a, b, rtol=1e-12, atol=1e-15)


def outcome(function, args):
    """Return the values of a call, or none, and other faults in words."""
    before, values, fault = copy.deepcopy(args), {}, ""
    with warnings.catch_warnings(record=True) as caught, np.errstate(under="ignore"):
        warnings.simplefilter("always")
        try:
            for key, a in function().items():
                a = np.asarray(a)
                assert a.dtype.kind in "buif", f"{key} must be an array of numbers"
                values[key] = a if a.dtype == np.float32 else a.astype(float)
        except BaseException as error:
            lines = [line for frame, line in traceback.walk_tb(error.__traceback__)
                     if frame.f_code.co_filename == FILE]
            fault = {KeyboardInterrupt: "it does not come to an end: an endless loop?",
                     NotImplementedError: BLANK,
                     SystemExit: "it ends the program",
                     MemoryError: "it needs too much memory",
                     AssertionError: one_line(error),
                     }.get(type(error), f"{type(error).__name__}: {one_line(error)}")
            values, fault = {}, fault + (f" (line {lines[-1]})" if lines else "")
    warned = [w.message for w in caught if issubclass(w.category, RuntimeWarning)]
    if not fault and not same(before, args):
        fault = "it changes an argument in place"
    elif not fault and warned:
        fault = f"NumPy warns: {one_line(warned[0])}"
    n = (np.shape(args[0]) or [1])[0]  # examples, where there are some
    return {"values": values, "fault": fault, "n": n}


def outcomes(module, name, kind):
    """Return {label: outcome} of a function, with "toys" for what it calls or "plain".

    With toys, a training in batches is judged by its calls: its values depend on the
    order of the examples. Plain, the examples of such a training are all alike.
    """
    def run(args):
        *given, options = args if isinstance(args[-1], dict) else [*args, {}]
        in_batches = options and options["batch_size"] < len(args[0])
        if name in ("train", "nn_finite_difference_checker"):
            given[-1] = [module.get(activation) for activation in ACTIVATIONS]
        if in_batches and kind == "plain":
            args[0][:], args[1][:] = args[0][0], args[1][0]
        functions, summary = toys(args) if kind == "toys" else ({}, dict)

        def call():
            values = seen(name, module[name](*given, **options))
            if in_batches and kind == "toys":
                values = {f"the number of entries of {key}": np.size(values[key])
                          for key in values if key.startswith("history")}
            return summary().get("calls", {}) | values

        with patch.dict(module, {f: functions[f] for f in functions if f != name}):
            return outcome(call, args) | summary()

    found: dict = {}
    for label, args in copy.deepcopy(cases_of(name)).items():
        found[label] = run(args)
        if "endless" in found[label]["fault"]:
            return dict.fromkeys(cases_of(name), found[label])
    return found


def backward(module, layers, caches_of):
    """Yield label and outcome of backward_pass for layers, {label: lists of CACHED}.

    The file's layers may be wrong. So that their caches are not, the activations give
    the right results for any input.
    """
    def call(dL_dg, *network):
        try:
            caches = caches_of(*network)
        except Exception as error:
            raise AssertionError("it needs the cache of your layer_forward, which "
                                 f"fails: {error}") from None
        return seen("backward_pass", module["backward_pass"](dL_dg, caches))

    for label, args in cases_of("backward_pass").items():
        dL_dg, *network = copy.deepcopy(args)
        own = [[*map(np.asarray, layer)] for layer in layers[label]]
        results = {s.shape: (out, slope) for *_, s, out, slope in own}
        relu, sigmoid = (lambda s, own=results: tuple(map(np.copy, own[np.shape(s)]))
                         for _ in ACTIVATIONS)
        network = own, *network, [relu] * (len(own) - 1) + [sigmoid]
        with patch.dict(module, relu_activation=relu, sigmoid_activation=sigmoid):
            yield label, outcome(functools.partial(call, dL_dg, *network), [dL_dg])
