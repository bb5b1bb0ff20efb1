"""Check anybody's nn_helpers.py, function by function, and name the mistakes.

    python -m learn.check [FILE] [--json OUT]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from learn import run

HERE = Path(__file__).resolve().parent
NOTES = HERE / "notes.json"  # where there is no solution
FILES = [HERE.parent / "homework" / "nn_helpers.py", HERE.parent / "nn_helpers.py"]
PATIENCE = 15  # seconds for a process that does not compute
SECTIONS = {"0": "Getting started: nothing to write in nn_helpers.py.", "a": "(a)",
            "b": "(b)", "c": "(c)", "d": "(d)", "e": "(e)",
            "f": "(f): nothing to write in nn_helpers.py; it uses (b) to (e)."}
PUBLIC = ("These are the public checks: they look at the code, and not at the written "
          "answers.")


def notes_text():
    """Return the notes as JSON: those handed out, or new ones from the solution."""
    if NOTES.exists():
        return NOTES.read_text(encoding="utf-8")
    return subprocess.run([sys.executable, "-m", "learn.record"], cwd=HERE.parent,
                          check=True, capture_output=True, text=True).stdout


def tried(file, name, folder):
    """Return what run tells of a function; `ended` says why it did not come to its end.
    """
    result = folder / f"{name}.json"
    (folder / name).mkdir()
    process = subprocess.Popen(
        [sys.executable, "-I", HERE / "run.py", file.resolve(), name, folder / "notes",
         result], cwd=folder / name, start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        status = process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        status = None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, OSError):  # on Windows, or nothing of it is left
        process.kill()
    endless = status is None or -status in {getattr(signal, "SIGXCPU", 0), 9}
    why = "it ends Python"
    if endless:
        why = "it does not come to an end: an endless loop?"
    told: dict = {"outcomes": {}, "ended": why}
    text = result.read_text(encoding="utf-8") if result.exists() else ""
    for line in text.splitlines():
        facts = run.loads(line)
        if "step" in facts:
            told["outcomes"][facts["step"]] = facts["outcome"]
        told |= facts
    return told


# ---- Judging -------------------------------------------------------------------------

def judged(name, facts, told):
    """Return a function's name, points and what there is to say, for Gradescope."""
    steps, points = facts["steps"], facts["points"]
    ended = {"error": told.get("ended", "it was not tried")}
    found = [told["outcomes"].get(step["label"], ended) for step in steps]
    said = [run.difference(step, one) for step, one in zip(steps, found)]
    if "unreadable" in told:
        lines, said = [told["unreadable"]], ["unreadable"] * len(steps)
    elif not told.get("found", True):
        lines = [f"There is no function of this name: {name}."]
    elif all(one.get("blank") for one in found):
        lines = ["Not written yet."]
    else:
        lines = explained(steps, found, said, facts["mistakes"])
    return {"name": f"({facts['question']}) {name}", "max_score": points,
            "score": round(points * (1 - sum(map(bool, said)) / len(steps)), 2),
            "status": "failed" if any(said) else "passed", "output": "\n".join(lines)}


def explained(steps, found, said, mistakes):
    """Return lines that name the mistake and give the facts."""
    if not any(said):
        return ["All right."]
    guess = named(steps, found, said, mistakes)
    lines = [f"It looks as if {guess}.".replace("?.", "?")] if guess else []
    for what in dict.fromkeys(filter(None, said)):
        labels = [step["label"] for step, one in zip(steps, said) if one == what]
        lines.append(f"Wrong for {'; '.join(labels)}: {what}.".replace("?.", "?"))
    right = [step["label"] for step, one in zip(steps, said) if not one]
    return lines + [f"Right for {'; '.join(right)}."] * bool(right)


def named(steps, found, said, mistakes):
    """Return what explains most failures: a known mistake, or else a relation."""
    def share(mistake):
        same = [equal(*one) for one in zip(steps, mistake["outcomes"], found)]
        return np.mean([one for one, wrong in zip(same, said) if wrong]), np.mean(same)

    best = max(mistakes, key=share, default=None)
    if best and share(best)[0] > 0.5:
        return best["says"]
    guesses = [relations(step, one) for step, one, wrong in zip(steps, found, said)
               if wrong]
    return next((guess for guess in guesses[0]
                 if all(guess in others for others in guesses)), "")


def equal(step, known, found):
    """Return whether a function did in a step what it does with a known mistake."""
    if "values" not in known or "values" not in found:
        a, b = (one.get("error", "").split(" (line")[0] for one in (known, found))
        return a == b
    if [name for name, _ in known["values"]] != [name for name, _ in found["values"]]:
        return False
    warned = bool(known["warning"]) != bool(found["warning"])
    if known["changed"] != found["changed"] or (
            warned and not run.difference(step, known | {"warning": ""})):
        return False  # the values are right: what is wrong is the warning
    plain = found | {"changed": False, "warning": ""}
    return not run.difference(step | {"expected": known}, plain) or all(
        np.array_equal(a, b, equal_nan=True)
        for (_, a), (_, b) in zip(known["values"], found["values"]))


def relations(step, found):
    """Return what relates the wrong values to the right ones, the likeliest first."""
    expected, got = dict(step["expected"]["values"]), dict(found.get("values", []))
    if [*expected] != [*got]:
        return []
    wrong = [(k, expected[k], got[k]) for k in got if got[k].shape != expected[k].shape
             or run.where_wrong(k, expected[k], got[k], 1e-9, 1e-12)]
    n = np.shape(step["args"][0])[0] if np.ndim(step["args"][0]) else 1

    def fits(change):
        return bool(wrong) and all(
            (a.size == b.size if change is None else np.shape(change(a)) == b.shape)
            and np.allclose(np.ravel(change(a) if change else a), b.ravel(), 1e-4, 1e-9)
            for _, a, b in wrong)

    names = dict.fromkeys(k.split("[")[0] for k, _, _ in wrong)
    alone = len(names) == 1 and len(wrong) < len(got)
    what = next(iter(names)) if alone else "the result"
    says = [("the sign of {} is wrong", lambda a: -a),
            ("{} is 2 times too large", lambda a: 2 * a),
            ("{} is half as large as it should be", lambda a: a / 2),
            ("{} is n times too large: is there a sum that should be an average?",
             lambda a: n * a),
            ("{} is n times too small: is there an average too much?",
             lambda a: a / n),
            ("{} is 0 all over", lambda a: 0 * a), ("{} is transposed", lambda a: a.T),
            ("{} is in the opposite order", np.flip),
            ("{} is summed to one number", np.sum),
            ("{} is averaged to one number", np.mean),
            ("{} has the right numbers and another shape", None)]
    known = [words for words, change in says
             if fits(change) and ("n times" not in words or n > 1)]
    a, b = (np.concatenate([np.ravel(one[k]) for one in wrong] or [np.zeros(0)])
            for k in (1, 2))
    if len(a) == len(b) > 0 and np.all(np.isfinite(b)) and np.all(a):
        for how, one in [("times", b / a), ("plus", b - a)]:
            if np.ptp(one) < 1e-5 * abs(one[0]):
                known.append(f"{{}} is {one[0]:.4g} {how} what it should be")
        if np.max(abs(b / a - 1)) < 1e-3:
            known.append("{} is nearly right, and differs in late digits")
    if alone:
        known.append("it is {} alone that is wrong")
    return [words.format(what) for words in known]


# ---- Reporting -----------------------------------------------------------------------

def report(file, question=None):
    """Return what Gradescope's results.json holds, for all or a question's functions.
    """
    text = notes_text()
    notes = {name: facts for name, facts in run.loads(text).items()
             if question in (None, facts["question"])}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "notes").write_text(text, encoding="utf-8")
        with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
            told = dict(zip(notes, pool.map(
                lambda name: tried(file, name, folder), notes)))
    tests = [judged(name, facts, told[name]) for name, facts in notes.items()]
    said = [PUBLIC]
    if not told.get("train", {}).get("found", True):
        tests = [test for test in tests if not test["name"].endswith(" train")]
        said.append("There is no function train, so (e)'s loop is not checked: the "
                    "file is marked out of 22.")
    faults = dict.fromkeys(fault for facts in told.values()
                           for fault in facts.get("faults", []))
    said += [f"Left out of the file: {fault}" for fault in faults]
    return {"output": "\n".join(said), "tests": tests}


def as_text(tests, sections=SECTIONS):
    """Return the results as lines, question by question."""
    lines = []
    for section, title in sections.items():
        lines.append(title)
        for test in tests:
            if test["name"].startswith(f"({section})"):
                mark = "+" if test["status"] == "passed" else "-"
                lines.append(f"  {mark} {test['name'][4:]}: {test['score']:g} of "
                             f"{test['max_score']} points")
                lines += [f"      {line}" for line in test["output"].splitlines()]
    return "\n".join(lines)


def main(arguments=None):
    """Run the command; return its exit status, 1 if something in FILE is wrong."""
    parser = argparse.ArgumentParser(prog="python -m learn.check", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE",
                        default=next(filter(Path.exists, FILES), FILES[1]))
    parser.add_argument("--json", type=Path, metavar="OUT",
                        help="also write Gradescope's results.json")
    parser.add_argument("--question", choices=SECTIONS, help="check one question only")
    options = parser.parse_args(arguments)
    if options.file.is_file():
        results = report(options.file, options.question)
    else:
        results = {"output": f"There is no file {options.file.name}.", "tests": [],
                   "score": 0}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if options.question:
        print(as_text(results["tests"], {options.question: SECTIONS[options.question]}))
        return 0
    score, total = (sum(test[key] for test in results["tests"])
                    for key in ("score", "max_score"))
    print(as_text(results["tests"]))
    print(f"\n{score:g} of {total} points. {results['output']}")
    return 0 if 0 < total == score else 1


if __name__ == "__main__":
    sys.exit(main())
