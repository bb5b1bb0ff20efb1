"""Check anybody's nn_helpers.py, function by function, and name the mistakes.

    python -m learn.check [FILE] [--json OUT]
"""

import __future__

import argparse
import ast
import builtins
import contextlib
import copy
import functools
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
import types
import warnings
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

import numpy as np

from learn.cases import CACHED, CALLS, FUNCTIONS, HISTORY, cases_of, toys

HERE = Path(__file__).resolve().parent
BLANK, FILE = "it is not written yet", "<the file that is checked>"
ACTIVATIONS = ["relu_activation", "sigmoid_activation"]
UNNEEDED = {"IPython", "matplotlib", "mnist", "nn_data", "tqdm"}
MEMORY, SECONDS, TIMEOUT_S = 4 * 2**30, 2, 20  # bytes; for a function; for a process
SECTIONS = {"0": "Getting started: nothing to write in nn_helpers.py.",
            **{question: f"({question})" for question in "abcde"},
            "f": "(f): nothing to write in nn_helpers.py; it uses (b) to (e)."}
PUBLIC = "These are the public checks: they see the code, and not the written answers."
# How near a value must be to the right one, relatively and absolutely; or 1e-6, 1e-8.
NEAR = {"the output": (1e-6, 0), "1 - the output": (0.3, 0),
        "the derivative": (1e-6, 1e-12), "the standard deviation": (0.1, 0),
        "the mean": (0, 5e-4), "the share within one standard deviation": (0, 0.03)}


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
            found["the number of caches"] = len(part)
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
            "the standard deviation": np.round(np.std(drawn), 4),
            "the mean": np.round(np.mean(drawn), 4),
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

        with patch.dict(module, {f: functions[f] for f in CALLS.get(name, [])
                                 if functions}):
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


# ---- Comparing -----------------------------------------------------------------------

def apart(key, a, b, most=1.0):
    """Return what is wrong with an array b, in words, or '' if it is like a."""
    a = np.asarray(a)
    if key.startswith("the shape") and a.tolist() != b.tolist():
        return f"{key} is {(*map(int, b),)}; expected {(*map(int, a),)}"
    if b.shape != a.shape:
        return f"{key} must have shape {a.shape}, and has shape {b.shape}"
    relative, absolute = NEAR.get(key, (1e-6, min(1e-8, most)))
    if b.dtype == np.float32:
        relative, absolute = max(relative, 1e-4), max(absolute, 1e-6)
    near = np.isclose(b, a, relative, absolute, equal_nan=True)
    if near.all():
        return ""
    with np.errstate(all="ignore"):
        error = np.where(near, -1, np.nan_to_num(abs(b - a), nan=np.inf))
    at = np.unravel_index(int(error.argmax()), a.shape)
    place = f" at {[*map(int, at)]}, of shape {a.shape}," if at else ""
    return f"{key}{place} is {b[at]:.7g}; expected {a[at]:.7g}"


def difference(expected, found, most=1.0):
    """Return what is wrong with the outcome of a case, in words, or ''."""
    right, got = expected["values"], found["values"]
    for key in [*right, *got] if got and "in place" not in found["fault"] else []:
        if key not in got or key not in right:
            return f"{key} is {'missing' if key in right else 'one too many'}"
        if words := apart(key, right[key], got[key], most):
            return words
    return found["fault"]


def differences(right, found):
    """Return {label: what is wrong} for those cases where something is."""
    return {label: words for label, one in found.items()
            if (words := difference(right[label], one))}


def equal(mistaken, found):
    """Return whether a function did in a case what it does with a known mistake."""
    faults = [one["fault"].split(" (line")[0] for one in (mistaken, found)]
    if not mistaken["values"] or not found["values"]:
        return faults[0] == faults[1]
    return faults[0][:9] == faults[1][:9] and (
        not difference(mistaken, found | {"fault": ""}, 1e-12))


def explanation(known, found, wrong):
    """Return what explains wrong outcomes: a known mistake, a relation; or ''."""
    with_values = [label for label in wrong if found[label]["values"]] or wrong
    best = (0.39, 0), ""
    for words, mistaken in known["mistakes"].items():
        alike = {label: equal(mistaken[label], one) for label, one in found.items()}
        share = np.mean([alike[k] for k in with_values]), np.mean([*alike.values()])
        best = max(best, (share, words), key=lambda pair: pair[0])
    parts, parts_wrong, fits = set[str](), set[str](), None
    for label in with_values:
        right = known["right"][label]["values"]
        for key, b in found[label]["values"].items():
            if key.startswith(("the number", "whether", "1 -")):
                continue
            parts.add(part := re.sub(r"\[\d+\]", "", key))
            if key not in right or apart(key, right[key], b):
                parts_wrong.add(part)
                a = np.asarray(right.get(key, np.nan))
                fit = relations(a, b, found[label]["n"])
                fits = fit if fits is None else [one for one in fits if one in fit]
    names = " and ".join(sorted(parts_wrong))
    if fits and best[0][0] < 1:  # the known mistake does not explain all
        return fits[0].format(names)
    alone = len(parts_wrong) == 1 < len(parts)
    return best[1] or f"only {names} came out wrong" * alone


@np.errstate(all="ignore")
def relations(a, b, n):
    """Return how b may come of a, which is right for n examples, in words."""
    size = np.max(abs(a), initial=0)
    ratio = shift = np.nan
    if a.shape == b.shape and a.size:
        at = np.unravel_index(abs(a).argmax(), a.shape)
        ratio, shift = b[at] / a[at], b[at] - a[at]
    made = {
        "{} came out as nothing but zeros": np.zeros(b.shape) if size else np.nan,
        "{} came out in whole numbers: what cuts off the rest?": np.trunc(a + 1e-9),
        "the sign of {} is wrong": -a,
        "{} came out n times too large: a sum, where an average belongs?": n * a,
        "{} came out n times too small: an average too much?": a / n,
        "{} came out as 1 minus what is right": 1 - a if size else np.nan,
        f"{{}} came out as {ratio:.4g} times what is right": ratio * a,
        f"{{}} came out as {shift:.4g} plus what is right": a + shift,
        "{} came out transposed": a.T,
        "{} came out in the opposite order": np.flip(a),
        "{} came out right, but in another shape":
            a.reshape(b.shape) if a.size == b.size else np.nan,
        "{} came out summed to one number": np.full(b.shape, np.sum(a)),
        "{} came out averaged to one number": np.full(b.shape, np.mean(a)),
        "{} came out (n, n): does an (n, 1) meet an (n,), each with each?":
            b if b.shape == (n, n) != a.shape else np.nan,
        "{} came out with an entry for each example: along which axis is the sum?":
            b if b.shape[:1] == (n,) and b.shape != a.shape else np.nan}
    near = np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-3, 1e-3 * size)
    return ["{} came out nearly right: late digits differ"] * near + [
        words for words, one in made.items()
        if np.shape(one) == b.shape and np.allclose(one, b, 1e-5, 1e-5 * size)]


# ---- Judging -------------------------------------------------------------------------

class Guess:
    """A cache of any kind: what is asked for first, by name or index, is its part 0."""

    def __init__(self, parts, keys):
        """Take the parts in their order; the list keys is shared with other layers."""
        self._parts, self._keys = parts, keys

    def __getitem__(self, key):
        """Return the part of this key, or the next one if the key is new."""
        self._keys += [] if key in self._keys else [key]
        return self._parts[self._keys.index(key)]

    __getattr__ = __getitem__

    def __iter__(self):
        """Go over the parts, as unpacking does."""
        return iter(self._parts)


def caches_to_try(module):
    """Yield what a cache holds, and a function that makes caches of layers.

    First come those of the file, which may be wrong, and hold ''; then guesses.
    """
    def each(layers, X, Ws, bs, activations):
        return [module["layer_forward"](*layer[:3], activation)[1]
                for layer, activation in zip(layers, activations)]

    yield "", lambda layers, *network: module["forward_pass"](*network)[1]
    yield "", each
    yield "", lambda *args: each(*args)[::-1]
    for count in (3, 4, 2, 5):
        for order in itertools.permutations(range(len(CACHED)), count):
            keys: list = []
            yield ", ".join(CACHED[k] for k in order), (
                lambda layers, *network, order=order, keys=keys: [
                    Guess([[*layer, activation][k] for k in order], keys)
                    for layer, activation in zip(layers, network[-1])])


def tried_backward(module, notes):
    """Return what tried does, with the caches of the file, or with guesses of them."""
    known = notes["backward_pass"]["toys"]
    own = []
    for holds, caches_of in caches_to_try(module):
        found = {}
        for label, found[label] in backward(module, known["layers"], caches_of):
            if holds and difference(known["right"][label], found[label]):
                break
        else:
            if not differences(known["right"], found):
                layer, run = tried(module, "layer_forward", notes)
                if holds and not differences(layer["right"], run):
                    fault = (f"it would be right if each cache held {holds}; your "
                             "layer_forward has others in it")
                    found = {key: {"values": {}, "fault": fault} for key in found}
                return known, found
            own.append(found)
        if holds and found[label]["fault"].startswith(BLANK):
            return known, dict.fromkeys(known["right"], found[label])
    return known, max(own, key=lambda run: any(one["values"] for one in run.values()))


def tried(module, name, notes):
    """Return the notes that fit and the outcomes of a function, by case.

    A function that is wrong with toys may be right without: it need not call them all.
    """
    if name == "backward_pass":
        return tried_backward(module, notes)
    known, found = notes[name]["toys"], outcomes(module, name, "toys")
    if "plain" in notes[name] and differences(known["right"], found) and all(
            one["alone"] or one["calls"] == known["right"][label]["calls"]
            for label, one in found.items()):
        plain = notes[name]["plain"], outcomes(module, name, "plain")
        if not differences(plain[0]["right"], plain[1]) or all(
                one["alone"] for one in found.values()):
            return plain
    return known, found


def judged(module, name, notes, faults=()):
    """Return a function's name, points and comments, for Gradescope."""
    if not callable(module.get(name)):
        return test(name, [f"There is no function of this name: {name}." if module
                           else faults[0]])
    known, found = tried(module, name, notes)
    wrong = differences(known["right"], found)
    if not wrong:
        return test(name, ["All right."], 1)
    if len(wrong) == len(found) and (
            {fault.split(" (")[0] for fault in wrong.values()} == {BLANK}):
        return test(name, ["Not written yet."])
    words = explanation(known, found, [*wrong])
    lines = [f"It looks as if {words}."] if words else []
    for what in dict.fromkeys(wrong.values()):
        labels = [label for label in wrong if wrong[label] == what]
        lines.append(f"Wrong for {'; '.join(labels)}: {what}.")
    right = [label for label in found if label not in wrong]
    lines += [f"Right for {'; '.join(right)}."] if right else []
    return test(name, lines, len(right) / len(found))


def test(name, lines, share=0.0):
    """Return what Gradescope wants to know of one test."""
    question, points, _ = FUNCTIONS[name]
    return {"name": f"({question}) {name}", "score": round(points * share, 2),
            "max_score": points, "status": "passed" if share == 1 else "failed",
            "output": "\n".join(lines).replace("?.", "?")}


# ---- In a process of its own ---------------------------------------------------------

def in_own_process(file, *names):
    """Check functions of a file within its limits; print a line of JSON for each."""
    results = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what the file prints
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # not on macOS
    notes = json.loads(sys.stdin.read())
    sys.path[0] = str(Path(file).parent)
    module, faults = load(Path(file).read_bytes())
    print(json.dumps(faults), file=results, flush=True)
    for name in names:
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGPROF, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
        print(json.dumps(judged(module, name, notes, faults)), file=results, flush=True)
    os._exit(0)  # even if the file has left threads running


def report(file):
    """Return what Gradescope's results.json holds.

    If the process of the file ends or runs too long, only the function that was tried
    loses its points, and another process goes on.
    """
    start = (f"import sys; sys.path.insert(0, {str(HERE.parent)!r}); "
             "import learn.check; learn.check.in_own_process(*sys.argv[1:])")
    settings = {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    notes, tests = notes_as_json().encode(), dict[str, dict]()
    while left := [name for name in FUNCTIONS if name not in tests]:
        with tempfile.TemporaryDirectory() as empty:
            try:
                printed = subprocess.run(
                    [sys.executable, "-I", "-c", start, file.resolve(), *left],
                    input=notes, cwd=empty, timeout=TIMEOUT_S, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, env=os.environ | settings).stdout
            except subprocess.TimeoutExpired as error:
                printed = error.stdout or b""
        faults, *done = map(json.loads, printed.splitlines() or ["[]"])
        tests |= dict(zip(left, done))
        if len(done) < len(left):
            tests[left[len(done)]] = test(left[len(done)], [
                "It ends Python, or does not come to an end: an endless loop?"])
    remarks = [PUBLIC, *(f"Left out of the file: {fault}." for fault in faults)]
    if "no function" in tests["train"]["output"]:
        del tests["train"]
        remarks.append("There is no function train, so (e)'s loop is not checked: the "
                       "file is marked out of 22.")
    return {"output": "\n".join(remarks), "tests": [*tests.values()]}


def notes_as_json():
    """Return the notes: those handed out, or new ones from the solution."""
    if (HERE / "notes.json").exists():
        return (HERE / "notes.json").read_text(encoding="utf-8")
    from learn.edition import notes
    return notes()


def as_text(tests, sections=SECTIONS):
    """Return the results as lines, question by question."""
    lines = []
    for section in sections:
        lines.append(SECTIONS[section])
        for one in tests:
            if one["name"].startswith(f"({section})"):
                mark = "+" if one["status"] == "passed" else "-"
                lines.append(f"  {mark} {one['name'][4:]}: {one['score']:g} of "
                             f"{one['max_score']} points")
                lines += [f"      {line}" for line in one["output"].splitlines()]
    return "\n".join(lines)


def main(arguments=None):
    """Run the command; return its exit status, 1 if something in FILE is wrong."""
    parser = argparse.ArgumentParser(prog="python -m learn.check", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE",
                        default=Path("nn_helpers.py"))
    parser.add_argument("--json", type=Path, metavar="OUT",
                        help="also write Gradescope's results.json")
    options = parser.parse_args(arguments)
    results: dict = report(options.file) if options.file.is_file() else {
        "output": f"There is no file {options.file.name}.", "tests": [], "score": 0}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    score, total = (sum(one[key] for one in results["tests"])
                    for key in ("score", "max_score"))
    print(f"{as_text(results['tests'])}\n\n{score:g} of {total} points. "
          f"{results['output']}")
    return 0 if 0 < total == score else 1


if __name__ == "__main__":
    sys.exit(main())
