"""Mutation testing: change the network's files in one place, and see a test fail.

    make mutate                             try all mutants
    .venv/bin/python tests/mutate.py WORD   try those in whose description WORD occurs

The mutants are those of mutmut (numbers, operators, arguments, assignments, strings)
and some more: statements deleted, conditions turned round, operands and arguments
exchanged, parts of conditions and decorators dropped. mutmut's own runner would leave
out all that is decorated, and with it the sigmoid, the loss and the backward pass; and
it puts functions of its own in the place of train, whose lines one test counts. So they
are run here: each mutant in a fork of a process that has imported NumPy and pytest
already, in a scratch copy, until the first test fails.

Not mutated are annotations and types, docstrings, and the texts of error messages: what
a message says about its values is mutated, and so is whether and where it is raised.
Nor are the sizes by which nn_faster divides its work: how long it takes depends on
them, but not what comes of it.

Survivors are listed in tests/mutants.md, with the reason. The command fails if one is
not listed, if one that is listed is killed or no longer there, or if fewer than 95 % of
a file's mutants are killed.
"""

import difflib
import importlib
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import hypothesis
import libcst as cst
import pytest
from mutmut.mutation.mutators import mutation_operators, operator_string

PROJECT = Path(__file__).resolve().parent.parent
LISTED = PROJECT / "tests" / "mutants.md"
NEEDED = 95  # % killed
PROCESSES = os.cpu_count() or 1

# The quick tests, a file at a time: first the one that knows the function best.
FILES = ["nn_checks.py", "nn_data.py", "nn_helpers.py", "nn_faster.py"]
TESTS = [
    "pieces", "passes", "checks", "finite_differences", "faster", "training", "data",
]  # fmt: skip
BEST = {
    "nn_checks.py": "checks", "nn_data.py": "data", "nn_faster.py": "faster",
    "finite_difference_gradient": "finite_differences",
    "nn_finite_difference_checker": "finite_differences",
    "create_weight_matrices": "passes", "create_bias_vectors": "passes",
    "forward_pass": "passes", "backward_pass": "passes", "caches": "passes",
    "accuracy": "training", "mini_batches": "training", "sgd": "training",
    "_copies": "training", "_descend": "training", "train": "training",
    "as_history": "training", "one_value": "finite_differences",
}  # fmt: skip
# The tests, beside its own, in which nn_faster is called.
OF_FASTER = ["training", "finite_differences", "checks"]
SIZES = ["LARGEST_TABLE", "CHUNK", "FOLLOWERS", "ROOM", "IMAGES", "LARGEST_BLOCK"]
SLOW = [
    "test_faster.py::test_an_epoch_on_the_digits",
    *(
        f"test_training.py::test_{name}[{way}]"
        for name in (
            "step_size_ten_gives_no_nan_and_no_warning", "it_learns_threes_and_nines",
            "it_fits_twenty_images_in_float32_too",
        )
        for way in ("plain", "fast")
    ),
    "test_data.py::test_damaged_file_is_named_with_the_way_out[train-images-idx3-"
    "ubyte.gz-alter_and_recompress]",
]


# ---- The mutants -----------------------------------------------------------------

def turned_round(condition):
    return cst.UnaryOperation(
        cst.Not(),
        condition.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]),
    )


def without_statement(node):
    if not isinstance(node.body[0], cst.Pass | cst.Import | cst.ImportFrom):
        yield node.with_changes(body=[cst.Pass()])


def with_other_condition(node):
    yield node.with_changes(test=turned_round(node.test))


def with_one_part_only(node):
    yield from (node.left, node.right)


def with_operands_exchanged(node):
    one_way = (cst.Subtract, cst.Divide, cst.FloorDivide, cst.Power, cst.MatrixMultiply)
    if isinstance(node.operator, one_way):
        left, right = (
            side.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
            for side in (node.left, node.right)
        )
        yield node.with_changes(left=right, right=left)


def with_arguments_exchanged(node):
    name = getattr(node.func, "attr", node.func)
    if getattr(name, "value", "") in ("max", "min", "maximum", "add"):  # as good
        return
    if len(node.args) > 1 and not any(a.keyword or a.star for a in node.args[:2]):
        first, second = (arg.value for arg in node.args[:2])
        args = [
            node.args[0].with_changes(value=second),
            node.args[1].with_changes(value=first),
            *node.args[2:],
        ]
        yield node.with_changes(args=args)


def with_less(node):
    value = node.evaluated_value
    if isinstance(node, cst.Integer | cst.Float) and value > 0:
        yield node.with_changes(
            value=repr(value - 1 if isinstance(value, int) else value / 2)
        )


def without_decorators(node):
    if node.decorators:
        yield node.with_changes(decorators=[])


def returning_none(node):
    if node.value is not None:
        yield node.with_changes(value=cst.Name("None"))


OPERATORS = [
    *mutation_operators,
    (cst.SimpleStatementLine, without_statement),
    (cst.Return, returning_none),
    (cst.If | cst.While | cst.IfExp | cst.CompIf, with_other_condition),
    (cst.Comparison, lambda node: [turned_round(node)]),
    (cst.BooleanOperation, with_one_part_only),
    (cst.BinaryOperation, with_operands_exchanged),
    (cst.Call, with_arguments_exchanged),
    (cst.BaseNumber, with_less),
    (cst.FunctionDef, without_decorators),
]


class Places(cst.CSTVisitor):
    """Collects (function, node, mutated node)."""

    def __init__(self):
        self.found, self.functions, self.raising = [], [], 0

    def on_visit(self, node):
        kinds = (is_type, is_size, is_docstring)
        if isinstance(node, cst.Annotation) or any(kind(node) for kind in kinds):
            return False
        if isinstance(node, cst.FunctionDef):
            self.functions.append(node.name.value)
        self.raising += isinstance(node, cst.Raise)
        for kind, operator in OPERATORS:
            if isinstance(node, kind) and not (
                self.raising and operator is operator_string
            ):
                self.found.extend(
                    (".".join(self.functions), node, mutated)
                    for mutated in operator(node)
                )
        return True

    def on_leave(self, node):
        if isinstance(node, cst.FunctionDef):
            self.functions.pop()
        self.raising -= isinstance(node, cst.Raise)


def is_type(node):
    """Say whether this is Name = Type[...] or Name = Type | None."""
    return (
        isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.Assign)
        and (
            re.match(r"(Callable|tuple)\[", cst.Module([]).code_for_node(value))
            if isinstance(value := node.body[0].value, cst.Subscript)
            else isinstance(getattr(value, "operator", None), cst.BitOr)
        )
    )


def is_size(node):
    """Say whether this sets one of SIZES."""
    return (
        isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.Assign)
        and getattr(node.body[0].targets[0].target, "value", "") in SIZES
    )


def is_docstring(node):
    return (
        isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.Expr)
        and isinstance(node.body[0].value, cst.SimpleString)
    )


def mutants(folder, file):
    """Return {(file, function, change): source}, change as the lines of a diff."""
    source = (folder / file).read_text()
    module = cst.parse_module(source)
    texts, found = [module.code_for_node(part) for part in module.body], {}
    begin = source.index("".join(texts))
    for part, text in zip(module.body, texts):
        end, places = begin + len(text), Places()
        part.visit(places)
        for function, node, mutated in places.found:
            changed = module.code_for_node(part.deep_replace(node, mutated))
            whole = source[:begin] + changed + source[end:]
            try:
                compile(whole, file, "exec")
            except SyntaxError:
                continue
            diff = difflib.unified_diff(
                text.splitlines(), changed.splitlines(), n=0, lineterm=""
            )
            change = tuple(line for line in list(diff)[2:] if line[:2] != "@@")
            if change:
                found[file, function, change] = whole
        begin = end
    return found


# ---- Running them ----------------------------------------------------------------

def import_once():
    """Import, before the first fork, what takes long."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"  # a fork has no other threads
    os.environ["MPLBACKEND"] = "Agg"
    for name in ("hypothesis.extra.numpy", "matplotlib.pyplot", "mnist", "tqdm.auto"):
        importlib.import_module(name)


def scratch_copy(folder):
    folder.mkdir()
    for name in (*FILES, "pyproject.toml", "test_batch_weights_biases.pkl"):
        shutil.copy(PROJECT / name, folder)
    (folder / "data").symlink_to(PROJECT / "data")
    (folder / "notebooks").mkdir()
    (folder / "tests").mkdir()
    for path in (PROJECT / "tests").glob("*.py"):
        shutil.copy(path, folder / "tests")
    return folder


def start(folder, key, source, seconds):
    """Fork a process that runs the tests with this source, and return its id."""
    child = os.fork()
    if child:
        return child
    try:
        file, function, _ = key
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(4 * seconds)
        os.chdir(folder)
        output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.path[:0] = [str(folder), str(folder / "tests")]
        Path(file).write_text(source)
        for name in FILES:  # not from a .pyc, whose age in seconds is too coarse
            load(folder / name)
        hypothesis.settings.register_profile(
            "mutants", database=None, deadline=None, derandomize=True, max_examples=30,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        )  # fmt: skip
        hypothesis.settings.load_profile("mutants")
        options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider"]
        options += [f"--deselect=tests/{test}" for test in SLOW]
        best = BEST.get(function.partition(".")[0], BEST.get(file, "pieces"))
        if file == "nn_faster.py":
            best = "faster"
        names = OF_FASTER if file == "nn_faster.py" else TESTS
        tests = [f"tests/test_{name}.py" for name in names if name != best]
        if file == "nn_faster.py" and function in (
            "nn_finite_difference_checker", "_losses_moved"
        ):
            options += ["-m", "a"]  # finite differences, not training
        code = pytest.main([*options, f"tests/test_{best}.py"])
        code = int(code or pytest.main([*options, *tests]))
    except BaseException as error:  # of the mutant while it was imported
        print(repr(error), flush=True)
        code = 1
    os._exit(code)


def load(path):
    module = type(sys)(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    exec(compile(path.read_text(), path, "exec"), vars(module))


def run(folders, jobs, seconds):
    """Run jobs, (key, source), and yield each key with what became of it, and where."""
    free, running, jobs = list(folders), {}, iter(jobs)
    while True:
        while free and (job := next(jobs, None)):
            folder = free.pop()
            running[start(folder, *job, seconds)] = job[0], folder
        if not running:
            return
        child, status = os.wait()
        key, folder = running.pop(child)
        shutil.copy(folder.parent / "origin" / key[0], folder)
        free.append(folder)
        if os.WIFSIGNALED(status):
            late = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM)
            yield key, "stopped" if late else "killed", folder
        else:
            yield key, "killed" if os.WEXITSTATUS(status) else "survived", folder


# ---- The list of survivors -------------------------------------------------------

def listed():
    """Return the (file, function, change) in tests/mutants.md."""
    keys, place = set(), ()
    text = LISTED.read_text() if LISTED.exists() else ""
    pattern = r"^### `(\S+)`(?:, `(\S+)`)?$|^```diff\n(.*?)^```$"
    for file, function, diff in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        if file:
            place = file, function
        else:
            keys.add((*place, tuple(diff.splitlines())))
    return keys


def shown(key):
    file, function, change = key
    place = f"### `{file}`" + f", `{function}`" * bool(function)
    return "\n".join([place, "```diff", *change, "```"])


def main(words):
    import_once()
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        origin = scratch_copy(Path(scratch) / "origin")
        jobs = [job for file in FILES for job in mutants(origin, file).items()]
        jobs = [job for job in jobs if all(word in shown(job[0]) for word in words)]
        print(f"{len(jobs)} mutants", flush=True)
        folders = [
            shutil.copytree(origin, origin.with_name(str(k)), symlinks=True)
            for k in range(PROCESSES)
        ]
        began = time.monotonic()
        for folder in folders:  # the tests' own .pyc files are written here
            plain = ("nn_helpers.py", "", ()), (folder / "nn_helpers.py").read_text()
            for _, result, _ in run([folder], [plain], 600):
                if result != "survived":
                    print((folder / "output").read_text())
                    sys.exit("the tests fail without any mutation")
        seconds = 10 + 3 * int(time.monotonic() - began)
        report(jobs, run(folders, jobs, seconds), complete=not words)


def report(jobs, results, complete):
    known, survivors, counts = listed(), [], Counter()
    for done, (key, result, _) in enumerate(results, 1):
        counts[key[0], result] += 1
        if result == "survived":
            survivors.append(key)
            if key not in known:
                print(shown(key), flush=True)
        if done % 100 == 0:
            print(f"{done} of {len(jobs)}", flush=True)

    wrong = []
    for file in FILES:
        killed, stopped, survived = (
            counts[file, result] for result in ("killed", "stopped", "survived")
        )
        total = killed + stopped + survived
        percent = 100 * (killed + stopped) / max(total, 1)
        print(
            f"{file}: {total} mutants, {percent:.1f} % killed ({stopped} of them by "
            f"the time limit), {survived} survived"
        )
        if complete and percent < NEEDED:
            wrong.append(f"fewer than {NEEDED} % of {file}'s mutants were killed")
    if new := [key for key in survivors if key not in known]:
        wrong.append(f"{len(new)} survivors are not in {LISTED.name}")
    if complete and (gone := known - set(survivors)):
        print(*map(shown, gone), sep="\n")
        wrong.append(f"{len(gone)} of those in {LISTED.name} did not survive")
    sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])
