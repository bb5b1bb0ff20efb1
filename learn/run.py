"""Run one function of somebody's file on noted inputs, in a process of its own.

    python run.py FILE FUNCTION NOTES RESULT

NOTES is what learn.record wrote; RESULT gets a line of JSON for each step. This needs
NumPy and nothing else, and holds no solution: what a function calls is replaced by
results from the notes, or by a toy, which it cannot tell from the right one.
"""

import ast
import copy
import functools
import itertools
import json
import os
import sys
import traceback
import types
import warnings
from pathlib import Path

import numpy as np

MEMORY, SECONDS = 4 * 2**30, 2  # bytes; computing time for each function
UNNEEDED = {"IPython", "matplotlib", "mnist", "nn_data", "tqdm"}  # modules left out
FILE = "<the file that is checked>"
# What each function returns. []: a list of arrays, {}: a dictionary of arrays,
# #: something of which only the length counts, -: something that may be anything.
RETURNS = {
    "finite_difference_gradient": ["the gradient"],
    "nn_finite_difference_checker": ["grad_Ws[]", "grad_bs[]"],
    "sigmoid_activation": ["the output", "the derivative"],
    "logistic_loss": ["loss", "dL_dg"],
    "relu_activation": ["the output", "the derivative"],
    "layer_forward": ["out", "cache-"],
    "create_weight_matrices": ["weight_matrices[]"],
    "create_bias_vectors": ["biases[]"],
    "forward_pass": ["outputs", "layer_caches#"],
    "backward_pass": ["grad_Ws[]", "grad_bs[]"],
    "train": ["weight_matrices[]", "biases[]", "history{}"],
}
HISTORY = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
GIVEN = {  # activations with their derivatives, and functions of an array
    "bend": lambda s: (s + s * s / 4, 1 + s / 2),
    "fold": lambda s: (np.abs(s), np.sign(s)),
    "squash": lambda s: (0.5 + s / (2 + 2 * np.abs(s)), 0.5 / (1 + np.abs(s)) ** 2),
    "waves": lambda a: float(np.sin(3 * np.asarray(a)).sum()),
    "product": lambda a: float(np.prod(a)),
    "steep": lambda a: float(np.exp(2 * np.ravel(a) @ np.arange(1, np.size(a) + 1))),
}


class Wrong(Exception):
    """What is wrong, in words for the author of the file."""


def dumps(value):
    """Return JSON, in which an array is a dictionary and a function its name."""
    def plain(item):
        if callable(item):
            return {"function": next(k for k, f in GIVEN.items() if f is item)}
        a = np.asarray(item)
        return {"array": a.tolist(), "dtype": str(a.dtype), "shape": a.shape}

    return json.dumps(value, default=plain)


def loads(text):
    """Return what dumps has written."""
    def back(item):
        if "array" in item:
            return np.array(item["array"], item["dtype"]).reshape(item["shape"])
        return GIVEN[item["function"]] if "function" in item else item

    return json.loads(text, object_hook=back)


def alike(a, b):
    """Return whether two arrays are the same but for rounding, maybe to float32."""
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-5, atol=1e-7)


# ---- What replaces the functions that the checked one calls --------------------------

def noted_layers(step):
    """Return a layer_forward that knows its results for the layers of this step."""
    def layer_forward(x, W, b, activation_fn):
        for *given, activation, out in step["layers"]:
            if activation is activation_fn and all(map(alike, given, (x, W, b))):
                return out.copy(), ("cache", len(out))
        given = [x, W, b, activation_fn]
        of = [next((k for k, layer in enumerate(step["layers"])
                    if layer[i] is value or (i < 3 and alike(layer[i], value))), "none")
              for i, value in enumerate(given)]
        raise Wrong("it calls layer_forward with the x of layer {}, W of layer {}, b "
                    "of layer {} and activation of layer {}".format(*of))

    return {"layer_forward": layer_forward}


class Toy:
    """A network and a loss that make no sense, and notes of how they are called.

    Column 1 of X numbers the examples; those of the test set begin at 1000.
    """

    def __init__(self, step):
        self.step, self.passed, self.batches, self.mixed = step, [], [], False
        args = step["args"]
        self.labels: dict = {}
        for X, y in [args[:2], args[2:4]] if "options" in step else [args[:2]]:
            self.labels |= dict(zip(X[:, 1].tolist(), y.tolist()))

    def forward_pass(self, X_batch, weight_matrices, biases, activations):
        """Return outputs that depend on X and on all parameters."""
        arrays, ids = [*weight_matrices, *biases], np.rint(X_batch[:, 1])
        moved = sum(np.sin(np.ravel(a) + k) @ np.arange(1, np.size(a) + 1)
                    for k, a in enumerate(arrays))
        g = X_batch[:, 0] + moved / 200 * X_batch[:, 2]
        self.passed.append((g.copy(), ids))
        return g, [(ids, arrays)]

    def logistic_loss(self, g, y):
        """Return squares, and halves of their derivatives."""
        for outputs, ids in self.passed[-2:]:
            if alike(outputs, g):
                own = [*map(self.labels.get, ids.tolist())]
                self.mixed |= own != np.ravel(y).tolist()
        return (g - y) ** 2, g - y

    def backward_pass(self, dL_dg, layer_caches):
        """Return multiples of the average of dL_dg."""
        [(ids, arrays)] = layer_caches
        if np.shape(dL_dg) != ids.shape:
            raise Wrong("it calls backward_pass with dL_dg and caches of two batches")
        self.batches.append(ids.astype(int).tolist())
        mean = np.mean(dL_dg)
        grads = [mean * np.arange(k + 1, k + 1 + np.size(a)).reshape(np.shape(a))
                 for k, a in enumerate(arrays)]
        return grads[:len(grads) // 2], grads[len(grads) // 2:]

    def finite_difference_gradient(self, f, a, epsilon=1e-5):
        """Return a combination, which is noted, of values of f close to a."""
        moves, weights = self.step["moves"][str(np.size(a))]
        values = [float(f(a + move.reshape(np.shape(a)))) for move in moves]
        return (weights @ values).reshape(np.shape(a))

    def judge(self, N, n, epochs):
        """Raise Wrong if the N examples did not come, each once, in batches of n."""
        T = -(-N // n)
        made = len(self.batches)
        orders = [[*itertools.chain(*self.batches[k:k + T])] for k in range(0, made, T)]
        for wrong, words in [
            (made == 0, "it does not call the file's backward_pass"),
            (made != T * epochs, f"it makes {made} updates, where {epochs} epochs with "
             f"{N} examples in batches of {n} take {T * epochs}"),
            (any(sorted(order) != [*range(N)] for order in orders),
             "not each example comes once in each epoch"),
            (n < N and orders[:1] == [[*range(N)]], "the examples are not shuffled"),
            (n < N and len({*map(tuple, orders)}) < epochs,
             "the examples come in the same order in each epoch"),
            (self.mixed, "examples do not have their own labels"),
        ]:
            if wrong:
                raise Wrong(words)


# ---- Calling a function, and what is seen of its result ------------------------------

def named(result, names):
    """Return the arrays of a result under their names: see RETURNS."""
    parts = [result] if len(names) == 1 else result
    if not isinstance(parts, tuple | list) or len(parts) != len(names):
        raise Wrong(f"it must return {len(names)} things: "
                    + ", ".join(name.rstrip("[]{}#-") for name in names))
    seen = []
    for full, part in zip(names, parts):
        name = full.rstrip("[]{}#-")
        if full.endswith("[]"):
            if isinstance(part, np.ndarray) and part.dtype != object:
                raise Wrong(f"{name} must be a list of arrays, one for each layer")
            seen += [(f"{name}[{k}]", a) for k, a in enumerate(part)]
        elif full.endswith("{}"):
            seen += [(f"{name}[{key!r}]", part[key]) for key in HISTORY]
        elif not full.endswith("-"):
            seen.append((name, len(part) if full.endswith("#") else part))
    return seen


def call(module, name, step):
    """Return the names and arrays that are seen of a function's result."""
    if name == "backward_pass":
        return back(module, step)
    found = named(module[name](*step["args"], **step.get("options", {})), RETURNS[name])
    if name == "sigmoid_activation":
        found.append(("1 - the output", 1 - np.asarray(found[0][1])))
    if name == "create_weight_matrices":
        numbers = np.concatenate([np.ravel(W) for _, W in found] or [np.zeros(0)])
        spread = np.std(numbers)
        near = np.mean(abs(numbers - np.mean(numbers)) < spread)
        found = [(f"shape of {W_name}", np.shape(W)) for W_name, W in found] + [
            ("standard deviation", spread), ("mean", np.mean(numbers)),
            ("share within one standard deviation", near)]
    if name == "train":
        N, options = len(step["args"][0]), step["options"]
        step["toy"].judge(N, options["batch_size"], options["num_epochs"])
        if options["batch_size"] < N:  # what comes of it depends on the order
            return [(f"shape of {key}", np.shape(a)) for key, a in found[-4:]]
    return found


def back(module, step):
    """Return gradients from the file's own caches; what they hold is up to it.

    Its layers may be wrong: so that their caches are not, the activations give the
    right results whatever they are given. Without caches of its own, those of the notes
    are tried: each layer's x, W and derivative.
    """
    X, Ws, bs, _, dL_dg = step["args"]
    noted = [(x, W, slope) for x, W, (_, slope) in
             zip(step["inputs"], Ws, step["results"])]
    fixed = [lambda s, results=results: tuple(map(np.copy, results))
             for results in step["results"]]

    def gradients(caches):
        found = module["backward_pass"](dL_dg.copy(), copy.deepcopy(caches))
        return named(found, RETURNS["backward_pass"])

    def right(caches):
        return "expected" in step and not difference(
            step, outcome(lambda: gradients(caches), step))

    made = []
    for make in (lambda: module["forward_pass"](X, Ws, bs, fixed)[1],
                 lambda: [module["layer_forward"](*layer)[1]
                          for layer in zip(step["inputs"], Ws, bs, fixed)]):
        try:
            made.append(make())
        except Exception as error:
            why = one_line(error)
    for caches in made:
        if right(caches):
            return gradients(caches)
    if made and right(noted):
        raise Wrong("it would be right if each cache held the layer's input x, W and "
                    "the activation's derivative; your layer_forward has others in it")
    try:
        return gradients((made or [noted])[0])
    except (IndexError, KeyError, TypeError, AttributeError, ValueError):
        if made:
            raise
        raise Wrong(f"it needs the cache of your layer_forward, which fails: {why}"
                    ) from None


def one_line(text, most=200):
    """Return text, which may be anybody's, as one short line."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[:most] + " ..."


def outcome(function, step):
    """Return what comes of a call: values or error; warning, changed, blank."""
    before = copy.deepcopy(step.get("args"))
    found: dict = {"warning": ""}
    with warnings.catch_warnings(record=True) as caught, np.errstate(under="ignore"):
        warnings.simplefilter("always")
        try:
            found["values"] = [[name, numbers(name, a)] for name, a in function()]
        except NotImplementedError as error:
            found |= {"error": one_line(error) or "still blank", "blank": True}
        except Wrong as error:
            found["error"] = one_line(error, 400)
        except BaseException as error:
            lines = [line.lineno for line in traceback.extract_tb(error.__traceback__)
                     if line.filename == FILE]
            found["error"] = {
                SystemExit: "it ends the program",
                MemoryError: "it needs too much memory",
            }.get(type(error), f"{type(error).__name__}: {one_line(error)}")
            found["error"] += f" (line {lines[-1]})" if lines else ""
    for warning in caught:
        if issubclass(warning.category, RuntimeWarning):
            found["warning"] = one_line(warning.message)
    return found | {"changed": not same(before, step.get("args"))}


def numbers(name, value):
    """Return value as an array of floats."""
    try:
        array = np.asarray(value)
        return array if array.dtype == np.float32 else array.astype(float)
    except (TypeError, ValueError):
        raise Wrong(f"{name} must be an array of numbers, and is "
                    f"{type(value).__name__}") from None


def same(a, b):
    """Return whether arguments kept their values, but for rounding."""
    if isinstance(a, list | tuple):
        return all(map(same, a, b))
    return not isinstance(a, np.ndarray) or np.allclose(a, b, rtol=1e-12, atol=1e-15)


# ---- Comparing -----------------------------------------------------------------------

def difference(step, found):
    """Return what is wrong with the outcome of a step, in words, or ''."""
    if "values" not in found:
        return found["error"]
    expected, got = dict(step["expected"]["values"]), dict(found["values"])
    for name in [*expected, *got]:
        if name not in got or name not in expected:
            return f"{name} is {'missing' if name in expected else 'one too many'}"
    for name, value in expected.items():
        if got[name].shape != value.shape:
            return (f"{name} must have shape {value.shape}, "
                    f"and has shape {got[name].shape}")
        tolerances = step.get("tolerances", {})
        near = tolerances.get(name, tolerances.get("", (1e-6, 1e-9)))
        if wrong := where_wrong(name, value, got[name], *near):
            return wrong
    if found["changed"]:
        return "it changes an argument in place"
    return found["warning"] and f"NumPy warns: {found['warning']}"


def where_wrong(name, expected, got, relative, absolute):
    """Return where got is farthest from expected, in words, or ''."""
    if got.dtype == np.float32:
        relative, absolute = max(relative, 1e-4), max(absolute, 1e-6)
    with np.errstate(all="ignore"):
        excess = abs(got - expected) - relative * abs(expected) - absolute
    excess = np.where(np.isfinite(got), excess, np.inf)
    if not excess.size or excess.max() <= 0:
        return ""
    at = np.unravel_index(int(excess.argmax()), excess.shape)
    place = f" at {[*map(int, at)]}, of shape {got.shape}," if at else ""
    return f"{name}{place} is {got[at]:.7g}; expected {expected[at]:.7g}"


# ---- The file ------------------------------------------------------------------------

class Placeholder(types.ModuleType):
    """A module that is not needed or not there, and all in it: does next to nothing."""

    given = ()

    def __getattr__(self, name):
        """Return one more of these."""
        if name == "__path__":
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder(name)

    def __call__(self, argument=(), *others, **options):
        """Return a function as it is, and else what goes over the argument as a bar."""
        if callable(argument):
            return argument
        called = Placeholder("called")
        called.given = argument
        return called

    def __iter__(self):
        """Go over what was given."""
        return iter(self.given)

    def __enter__(self):
        """Return itself."""
        return self

    def __exit__(self, *error):
        """Do nothing."""


def load(source):
    """Return the names that a file defines, and what went wrong on the way.

    Of its statements only imports, definitions and assignments are run, and no
    assignment that calls the file's own functions: a script at its end need not run.
    Raises SyntaxError or ValueError if it is not Python.
    """
    tree, faults = ast.parse(source, FILE), []
    module = types.ModuleType("nn_helpers")
    if __name__ == "__main__":  # for a file that imports itself
        sys.modules["nn_helpers"] = module
    own = {getattr(node, "name", "") for node in tree.body}
    for node in tree.body:
        calls = {getattr(n.func, "id", "") for n in ast.walk(node)
                 if isinstance(n, ast.Call)}
        script = isinstance(node, ast.Expr | ast.For | ast.While | ast.With)
        if script or (isinstance(node, ast.Assign | ast.AnnAssign) and calls & own):
            continue
        again = True
        while again:
            again = False
            try:
                exec(compile(ast.Module([node], []), FILE, "exec"), vars(module))
            except BaseException as error:
                lacking = isinstance(error, ModuleNotFoundError)
                missing = str(getattr(error, "name", "")) if lacking else ""
                if again := lacking and missing not in sys.modules:
                    sys.modules[missing] = Placeholder(missing)
                if missing.partition(".")[0] not in UNNEEDED:
                    faults.append(f"line {node.lineno}: {one_line(error)}")
    return vars(module), faults


def try_function(module, name, steps, report=lambda step, found: None):
    """Return the outcome of each step for a function of a file; report is told each."""
    found = []
    for step in steps:
        step = step | {"args": copy.deepcopy(step["args"])}
        replaced = noted_layers(step) if "layers" in step else {}
        if name in ("train", "nn_finite_difference_checker"):
            step = step | {"toy": Toy(step)}
            replaced = {callee: getattr(step["toy"], callee) for callee in RETURNS
                        if hasattr(Toy, callee)}
        kept = {callee: module.get(callee) for callee in replaced}
        module |= replaced
        called = functools.partial(call, module, name, step)
        found.append(outcome(called, step))
        module |= kept
        report(step, found[-1])
    return found


def main(file, name, notes, result):
    """Check a function of a file and write what comes of it, a line for each step."""
    steps = loads(Path(notes).read_text(encoding="utf-8"))[name]["steps"]

    def tell(**facts):
        with open(result, "a", encoding="utf-8") as lines:
            print(dumps(facts), file=lines)

    sys.modules |= {name: Placeholder(name) for name in UNNEEDED}
    sys.path.append(str(Path(file).resolve().parent))
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, OSError, ValueError):  # not on Windows; RLIMIT_AS not on macOS
        pass
    try:
        module, faults = load(Path(file).read_bytes())
    except (SyntaxError, ValueError) as error:
        where = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        tell(unreadable=f"This is not Python: {where}"
                        f"{one_line(getattr(error, 'msg', None) or error)}")
        return
    tell(faults=faults[:5], found=callable(module.get(name)))
    if callable(module.get(name)):
        try_function(module, name, steps,
                     lambda step, found: tell(step=step["label"], outcome=found))
    tell(finished=True)
    os._exit(0)  # whatever the file has left running


if __name__ == "__main__":
    main(*sys.argv[1:])
