"""Check anybody's nn_helpers.py, function by function, and name the mistakes.

    python -m learn.check [FILE] [--json OUT]
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from learn.calls import BLANK, backward, load, outcomes
from learn.cases import CACHED, FUNCTIONS

HERE = Path(__file__).resolve().parent
MEMORY, SECONDS, TIMEOUT_S = 4 * 2**30, 2, 20  # bytes; for a function; for a process
SECTIONS = {"0": "Getting started: nothing to write in nn_helpers.py.",
            **{question: f"({question})" for question in "abcde"},
            "f": "(f): nothing to write in nn_helpers.py; it uses (b) to (e)."}
LAYER = re.compile(r"\[\d+\]")  # what a key has after the name, for one of a list
PUBLIC = "These are the public checks: they see the code, and not the written answers."
# How near a value must be to the right one, relatively and absolutely; or 1e-6, 1e-8.
NEAR = {"the output": (1e-6, 0), "1 - the output": (0.3, 0),
        "the derivative": (1e-6, 1e-12), "the standard deviation": (0.1, 0),
        "the mean, in standard deviations,": (0, 0.05),
        "the share within one standard deviation": (0, 0.03)}


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
    parts = [(key, known["right"][label]["values"], b, found[label]["n"])
             for label in with_values for key, b in found[label]["values"].items()
             if not key.startswith(("the number", "whether", "1 -", "the mean"))]
    off = [(key, right, b, n) for key, right, b, n in parts
           if key not in right or apart(key, right[key], b)]
    names = sorted({LAYER.sub("", key) for key, *_ in off})
    fits = [relations(*part) for part in off] or [[]]
    for words in fits[0] if best[0][0] < 1 else []:  # no known mistake explains all
        if all(words in fit for fit in fits):
            return words.format(" and ".join(names))
    if len(names) == 1 < len({LAYER.sub("", key) for key, *_ in parts}):
        return best[1] or f"only {names[0]} came out wrong"
    faults = " ".join(one["fault"] for one in found.values())
    unfit = re.search("mismatch|not aligned|broadcast|did not match", faults)
    return best[1] or "two shapes do not fit: is one to be transposed?" * bool(unfit)


@np.errstate(all="ignore")
def relations(key, right, b, n):
    """Return how b may come of what is right, for n examples, in words."""
    a = np.asarray(right.get(key, np.nan))
    size, same, part = np.max(abs(a), initial=0), a.shape == b.shape, LAYER.sub("", key)
    places = {LAYER.sub("", other) for other, one in right.items()
              if np.shape(one) == b.shape and np.allclose(one, b, 1e-5, 1e-9)}
    ratio = shift = np.nan
    if same and a.size:
        at = np.unravel_index(abs(a).argmax(), a.shape)
        ratio, shift = b[at] / a[at], b[at] - a[at]
        if a.size > 1 and np.isclose(b, ratio * a, 1e-3, 0).sum() < 2:
            ratio = np.nan  # one entry alone proves nothing
    made = {
        "{} came out nearly right: late digits differ":
            same and np.allclose(a, b, 1e-3, 1e-3 * size),
        "{} came out as nothing but zeros": np.zeros(b.shape) if size else False,
        "{} came out in whole numbers: cut off, rounded, or a count?":
            not np.allclose(a, np.rint(a)) and np.rint(b),
        "the sign of {} is wrong": -a,
        "{} came out n times too large: a sum, where an average belongs?": n * a,
        "{} came out n times too small: an average too much?": a / n,
        "{} came out as 1 minus what is right": 1 - a if size else False,
        "{} came out in another order: which layer is the first?": part in places,
        "{} came out as another result should: which one is returned there?":
            bool(places - {part}),
        f"{{}} came out as {ratio:.4g} times what is right": ratio * a,
        "{} came out as a multiple of what is right, not always the same":
            a.ndim > 1 and ratio * a,
        f"{{}} came out as {shift:.4g} plus what is right": a + shift,
        "{} came out transposed": a.T,
        "{} came out in the opposite order": np.flip(a),
        "{} came out right, but in another shape":
            a.size == b.size and a.reshape(b.shape),
        "{} came out summed to one number":
            (same or b.size == 1) and np.full(b.shape, np.sum(a)),
        "{} came out averaged to one number":
            (same or b.size == 1) and np.full(b.shape, np.mean(a)),
        "{} came out (n, n): does an (n, 1) meet an (n,), each with each?":
            b.shape == (n, n) != a.shape,
        "{} came out with an entry for each example: along which axis is the sum?":
            b.shape[:1] == (n,) and not same}
    return [words for words, one in made.items() if one is True or (
        one is not False and one.shape == b.shape
        and np.allclose(one, b, 1e-5, 1e-5 * size))]


# ---- Judging -------------------------------------------------------------------------

class Guess(list):
    """A cache of any kind: what is asked for first, by name or index, is its part 0."""

    keys: dict  # the parts by what they are asked for with, the same in all layers

    def __getattr__(self, key):
        """Return the part of this key, or the next one if the key is new."""
        return list.__getitem__(self, self.keys.setdefault(key, len(self.keys)))

    __getitem__ = __getattr__


def caches_to_try(module):
    """Yield whose caches are wrong, in which words, and a function that makes caches.

    First come those of the file, then guesses, if its layer_forward may be wrong.
    """
    def each(layers, X, Ws, bs, activations):
        return [module["layer_forward"](*layer[:3], activation)[1]
                for layer, activation in zip(layers, activations)]

    def guesses(order, keys):
        guess = type("Guess", (Guess,), {"keys": keys})
        return lambda layers, *network: [
            guess([*layer, activation][k] for k in order)
            for layer, activation in zip(layers, network[-1])]

    yield "", "", lambda layers, *network: module["forward_pass"](*network)[1]
    for step, way in (1, "first to last"), (-1, "last to first"):
        yield "forward_pass", f"layer_caches were layer_forward's, {way}", (
            lambda *args, step=step: each(*args)[::step])
    for count in (3, 4, 2, 5):
        for order in itertools.permutations(range(len(CACHED)), count):
            holds = ", ".join(CACHED[k] for k in order)
            yield "layer_forward", f"each cache held {holds}", guesses(order, {})


def tried_backward(module, notes):
    """Return what tried does, with the caches of the file, or with guesses of them."""
    known = notes["backward_pass"]["toys"]
    own = []
    for maker, words, caches_of in caches_to_try(module):
        found, guessed = {}, maker == "layer_forward"
        for label, found[label] in backward(module, known["layers"], caches_of):
            if guessed and difference(known["right"][label], found[label]):
                break
        else:
            if not differences(known["right"], found):
                if maker and all(judged(module, name, notes)["status"] == "passed"
                                 for name in {"layer_forward", maker}):
                    fault = f"it would be right if {words}; your {maker} has others"
                    found = {key: {"values": {}, "fault": fault} for key in found}
                return known, found
            own.append(found)
        if guessed and found[label]["fault"].startswith(BLANK):
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
    from learn.notes import notes
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
