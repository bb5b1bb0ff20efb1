"""The learner's edition, and the check of anybody's file."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import right_solutions
from learn import cases, check, edition
from learn import notes as noted
from nbtypst.run import execute_notebooks
from nbtypst.run_cache import KeptRuns
from nn_helpers import PROJECT, relu_activation, sigmoid_activation

LOOPS, RIGHT = right_solutions.LOOPS, right_solutions.TUPLES
BLANK = "\ndef layer_forward(*layer):\n    raise NotImplementedError\n"


@pytest.fixture(scope="module")
def notes():
    return noted.notes()


@pytest.fixture(scope="module")
def judge(notes):
    """A function that checks a source here, and returns {function: its messages}."""
    known = json.loads(notes)

    def tests_of(source):
        module, _ = check.load(source)
        return {name: check.judged(module, name, known) for name in cases.FUNCTIONS}
    return tests_of


@pytest.fixture
def report(notes, monkeypatch, tmp_path):
    """A function that checks a file as the command does, in another process."""
    def results(source):
        monkeypatch.setattr(check, "notes_as_json", lambda: notes)
        path = tmp_path / "nn_helpers.py"
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        found = check.report(path)
        return found["output"], {test["name"][4:]: test for test in found["tests"]}
    return results


@pytest.fixture(scope="module")
def homework(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn") / "homework"
    edition.main([str(folder)])
    return folder


@pytest.fixture(scope="module")
def solved(homework, tmp_path_factory):
    """The edition with its blanks filled in, with other caches than the solution's."""
    folder = tmp_path_factory.mktemp("solved") / "homework"
    edition.main([str(folder)])
    with open(folder / "nn_helpers.py", "a", encoding="utf-8") as file:
        file.write(RIGHT)
    return folder


def run_check(folder):
    return subprocess.run([sys.executable, "-m", "learn.check"], cwd=folder,
                          capture_output=True, text=True)


def failed(tests):
    return [name for name, test in tests.items() if test["status"] == "failed"]


# ---- The check -----------------------------------------------------------------------

def test_the_solution_has_all_points(tmp_path, capsys):
    json_file = ["--json", str(tmp_path / "results.json")]
    assert check.main([str(PROJECT / "nn_helpers.py"), *json_file]) == 0
    assert "28 of 28 points. These are the" in capsys.readouterr().out
    results = json.loads((tmp_path / "results.json").read_text())
    names = [test["name"] for test in results["tests"]]
    assert "(b) sigmoid_activation" in names and len(names) == 11
    points = {q: sum(test["max_score"] for test in results["tests"]
                     if test["name"].startswith(f"({q})")) for q in "abcde"}
    assert points == {"a": 2, "b": 8, "c": 8, "d": 4, "e": 6}
    for test in results["tests"]:
        assert {*test} == {"name", "score", "max_score", "status", "output"}
        assert test["status"] == "passed" and test["score"] == test["max_score"]


@pytest.mark.parametrize("style", [*filter(str.isupper, dir(right_solutions))])
def test_a_right_solution_in_another_style_passes_in_full(judge, style):
    tests = judge(getattr(right_solutions, style))
    assert [t["output"] for t in tests.values() if t["status"] != "passed"] == []


def test_each_mistake_of_the_catalogue_is_named(notes):
    """Planted in nn_helpers."""
    named = set()
    for name, kinds in json.loads(notes).items():
        for kind, known in kinds.items():
            for says, outcomes in known["mistakes"].items():
                for one in outcomes.values():
                    assert "NameError" not in one["fault"], says
                    one["values"] = {k: np.asarray(a, float)
                                     for k, a in one["values"].items()}
                wrong = check.differences(known["right"], outcomes)
                assert wrong or kind == "plain", says
                assert not wrong or check.explanation(known, outcomes, wrong) == says
                named |= {(name, says)} if wrong else set()
    assert len(named) == len([*noted.mistakes()]) >= 60


def test_the_projects_own_tests_fail_with_each_mistake():
    files = [f"tests/test_{name}.py" for name in (
        "activations_and_loss", "finite_differences", "forward_and_backward",
        "training")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no",
         "-p", "learn_planted", *files],
        cwd=PROJECT, capture_output=True, text=True, env=os.environ | {
            "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])})
    assert f"{len([*noted.mistakes()])} mistakes are caught" in done.stdout, (
        done.stdout[-2000:] + done.stderr)
    assert done.returncode == 0


def with_mistake(right, wrong, source=RIGHT):
    before, found, after = source.rpartition(right.replace("\\n", "\n"))
    assert found, right
    return before + wrong.replace("\\n", "\n") + after


MISTAKES = r"""
finite_difference_gradient: / (2 * eps) => / 2*eps => lacks its parentheses
finite_difference_gradient: .reshape(a.shape) =>  => right, but in another shape
finite_difference_gradient: / (2 * eps) => / (3 * eps) => as 0.6667 times
finite_difference_gradient: range(flat.size) => [slice(9)] * flat.size => moved at once
finite_difference_gradient: eps=1e-5 => eps=1e-2 => nearly right
sigmoid_activation: out - out**2 => s - s**2 => formula is used with s
sigmoid_activation: math.exp(v) / (1 + => 1 / (1 + => a negative s gives what -s
sigmoid_activation: [out, out - out**2] => out => must return 2 things
sigmoid_activation: np.zeros(np.shape(s)) => np.zeros_like(s) => in whole numbers
sigmoid_activation: 1e-15) => 1e-15).astype(np.asarray(s).dtype) => array of integers
sigmoid_activation: [out, out - out**2] => [out, 0 * out] => nothing but zeros
sigmoid_activation: [out, out - out**2] => [out, 1 - out + out**2] => as 1 minus what
logistic_loss: -1 / a if b => 1 / a if b => dL_dg has the wrong sign
logistic_loss: (np.array([-math.log( => (sum([-math.log( => loss came out summed
logistic_loss: pairs])) => pairs]) * np.ones((len(g), 1))) => dL_dg came out (n, n)
relu_activation: , s > 0 => , s * (s > 0) => as another result should
relu_activation: , s > 0 => , -1.0 * (s > 0) => the sign of the derivative is wrong
relu_activation: s * (s > 0), => max(s, 0), => truth value of an array
layer_forward: .sum(axis=1) + b => .sum(axis=1) => the bias is left out
layer_forward: = activation_fn(s) => = activation_fn(activation_fn(s)[0]) => twice
layer_forward: W[None]) => W.T[None]) => broadcast
create_weight_matrices: 0.01 * np => 0.01**2 * np => the variance is given
create_weight_matrices: k], layer_dims[k + 1] => k + 1], layer_dims[k] => (784, 200)
create_weight_matrices: random.randn => random.rand => deviations, is 1.7; expected 0.
create_bias_vectors: [[[0] * d] for => [[[0]] * d for => biases came out transposed
forward_pass: np.squeeze(X_batch, 1) => np.squeeze(X_batch, 1) + 1 => as 1 plus what
forward_pass: np.squeeze(X_batch, 1) => np.squeeze(X_batch) => but in another shape
forward_pass: np.squeeze(X_batch, 1) => np.rint(np.squeeze(X_batch, 1)) => in whole
forward_pass: caches += [cache] => caches = [cache] => the number of caches is 1
forward_pass: *layer) => layer[0], biases[0], layer[2]) => b of layer 0
backward_pass: Ws + [x.T @ delta] => [x.T @ delta] + Ws => in another order
backward_pass: / len(dL_dg) => / layer_caches[0][0].shape[1] => as a multiple
backward_pass: / len(dL_dg) =>  => n times too large
backward_pass: @ delta]\n    return => @ delta * 3]\n    return => grad_bs came out as 3
backward_pass: [np.ones((1, len(delta))) @ delta] => [delta[-1:]] => only grad_bs
backward_pass: back * slope => -back * slope**2 => expected
nn_finite_difference_checker: (1e-5, -1e-5) => (1e-5, 0) => as 0.5 times
nn_finite_difference_checker: return found => return found[::-1] => another result
nn_finite_difference_checker: a[k] = kept\n => pass\n => changes an argument in place
train: (n, len(X), n)) => (n, len(X), n))[:len(X) // n] => is dropped
train: ["step_size"] * d => ["step_size"] * d / len(batch) => divided by the batch
train: forward_pass(X[batch], => forward_pass(X[:len(batch)], => not shuffled alike
train: np.array_split(rng. => [range(len(X))] * 3 or (rng. => in the largest
train: names = ["train_loss", => names = ["loss", => history['train_loss'] is missing
train: (X_test, Ws, bs, => (X_test, *data[4:6], => those of the weights at the start
train: return Ws, bs, dict => return *data[4:6], dict => those of the start
train: d in zip(*pair)] => d in zip(*pair)][:-1] + pair[0][-1:] => never updated
train: g, caches => Ws, bs = data[4:6]; g, caches => start again
train: rng.permutation(len(X)) => rng.integers(0, len(X), len(X)) => some never come
train: backward_pass(slope, caches) => (Ws, bs) => calls of backward_pass is 0
train: range(options["num_epochs"]) => range(1) => backward_pass is 3; expected 12
train: dict(zip(names, np.array(rows).T)) => dict(zip(names, [[1]] * 4)) => history[
"""


@pytest.mark.parametrize("line", MISTAKES.strip().splitlines())
def test_one_typical_mistake_costs_one_function_and_is_named(judge, line):
    """Known mistakes in a file of another style, and some that are in no catalogue."""
    function, change = line.split(": ", 1)
    right, wrong, words = change.split(" => ", 2)
    tests = judge(with_mistake(right, wrong))
    assert failed(tests) == [function] and words in tests[function]["output"]
    assert 0 <= tests[function]["score"] < tests[function]["max_score"]


@pytest.mark.parametrize("source, named", [
    # Two mistakes in different functions.
    (with_mistake("=1) + b", "=1)", with_mistake(" / len(dL_dg)", "")), {
        "layer_forward": "bias is left out", "backward_pass": "n times too large"}),
    (with_mistake("(X_test, Ws, bs", "(X_test, *old", with_mistake(
        "loss, slope", "old = Ws, bs; loss, slope")), {"train": "before the update"}),
    # A training that calls nothing is compared with right ones.
    (with_mistake("W1 - step", "W1 + step", LOOPS), {"train": ""}),
    (with_mistake("/ len(xs)", "", LOOPS), {"train": ""}),
    (with_mistake("* (s > 0)", "", LOOPS), {"train": ""}),
    (with_mistake("(g > .5) == y", "(g > .5) != y", LOOPS), {"train": "as 1 minus"}),
    (with_mistake("(after > 0.5) ==", "(after > 0.5) !="), {"train": "as 1 minus"}),
    (with_mistake("len(X), batch", "len(X) - batch_size + 1, batch", LOOPS), {
        "train": "shorter, is dropped"}),
    # The caches are the file's own if its functions agree.
    (RIGHT + BLANK, {"layer_forward": "Not written yet."}),
    (RIGHT.replace("=1) + b", "=1) + c"), {"layer_forward": "'c' is not defined"}),
    (RIGHT.replace("return out, (x", "return s, (x"), {"layer_forward": "left out"}),
    (RIGHT.replace("W, slope)", "W, s)"), {"backward_pass": "held x, W, the deriv"}),
    (with_mistake("caches += [cache]", "caches.insert(0, cache)"), {
        "backward_pass": "first to last; your forward_pass has others"}),
    (right_solutions.CLASSES + BLANK, {"layer_forward": "Not written"})])
def test_functions_are_judged_apart_from_each_other(judge, source, named):
    tests = judge(source)
    assert failed(tests) == [*named]
    for name, words in named.items():
        assert words in tests[name]["output"]


def test_what_a_foreign_file_does_is_named_and_the_rest_is_checked(report):
    source = RIGHT.replace("import math", "import math, no_such_module") + '''
from tqdm.auto import tqdm, trange
print("x" * 10**6)
from nn_data import get_mnist_threes_nines
(X, y), (X_test, y_test) = get_mnist_threes_nines()
W, b, h = train(X, y, X_test)
best = h["test_loss"].min()
GENERATOR = np.random.default_rng(0)
open("a file")

def finite_difference_gradient(f, a, g=finite_difference_gradient):
    with tqdm(trange(3), total=3) as bar:
        assert [k for k in bar] == [0, 1, 2]
        bar.set_description("three")
    return g(f, a)

def relu_activation(s):
    while True:
        print("y" * 1000)

def logistic_loss(g, y):
    exit()

def layer_forward(x, W, b, activation_fn):
    import os
    os._exit(0)

def create_bias_vectors(layer_dims):
    raise KeyError("z" * 10**6)

def create_weight_matrices(layer_dims):
    return [np.ones((10**6, 10**6))]

del train
'''
    said, tests = report(source)
    lines = {name: test["output"] for name, test in tests.items()}
    assert "No module named 'no_such_module'" in said and "marked out of 22" in said
    assert "train" not in tests and len(said) < 1000 and said.count("Left out") == 1
    assert "an endless loop?" in lines["relu_activation"]
    assert "it ends the program (line" in lines["logistic_loss"]
    assert "It ends Python" in lines["layer_forward"]
    assert "KeyError: 'zzz" in lines["create_bias_vectors"]
    assert "emory" in lines["create_weight_matrices"]
    assert all(len(line) < 1500 and "y" * 9 not in line for line in lines.values())
    assert not {"finite_difference_gradient", "sigmoid_activation", "forward_pass"} & {
        *failed(tests)}


@pytest.mark.parametrize("source, words", [
    ("def f(:\n", "This is not Python: line 1"),
    (b"\x00\xff\xfe", "This is not Python"),
    ("", "There is no function of this name"),
    ("forward_pass = 3", "There is no function of this name"),
])
def test_a_file_without_functions_gets_one_line(report, source, words):
    for test in report(source)[1].values():
        assert words in test["output"] and "\n" not in test["output"]
        assert test["score"] == 0


def test_a_file_that_is_not_there(capsys, tmp_path):
    assert check.main([str(tmp_path / "none.py")]) == 1
    assert "There is no file none.py" in capsys.readouterr().out


# ---- What is handed out --------------------------------------------------------------

def solution_lines():
    """Return the lines of the solution's functions, but for those that many have."""
    lines = set()
    for module in ("nn_helpers", "nn_faster"):
        source = (PROJECT / f"{module}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[ast.get_docstring(node) is not None:]
                first, last = body[0].lineno - 1, node.end_lineno
                lines |= {line.strip() for line in source.splitlines()[first:last]}
    handed_out = {  # calls of the functions, as the assignment has them
        "g, _ = forward_pass(X_batch, weight_matrices, biases, activations)",
        "grad_Ws, grad_bs = backward_pass(dL_dg, layer_caches)",
        "loss, dL_dg = logistic_loss(g, y_batch)", "with quietly():"}
    common = re.compile(
        r"\W*|return\W*|(try|else|finally|except.*):|pass|(# )?\w+\W?|\w+ = \W*")
    return {line for line in lines - handed_out if not common.fullmatch(line)}


def solutions_in(folder):
    lines = solution_lines()
    assert len(lines) > 100 and "dL_dg = (g - y) / (g * (1 - g))" in lines
    found = []
    exporter = {*folder.glob("export/**/*"), *folder.glob("nbtypst/**/*")}
    for path in {*folder.rglob("*.*"), *folder.rglob("run_autograder")} - exporter:
        if path.suffix not in (".gz", ".pkl", ".png") and path.is_file():
            text = path.read_text(encoding="utf-8").replace('\\n",', "\n")
            here = {line.strip().strip('"') for line in text.splitlines()}
            found += [f"{path.name}: {line}" for line in here & lines]
    return found


def test_no_line_of_the_solution_is_left_in_the_edition(homework):
    assert solutions_in(homework) == []
    blank = (homework / "nn_helpers.py").read_text(encoding="utf-8")
    for words in ("g (1 - g)", "-|s|", "dL_dg[i]", "else 0", "dout_ds", "delta"):
        assert words not in blank  # docstrings ask, and do not say how
    nodes, solution = ({
        node.name: node for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)} for source in (
            blank, edition.text("nn_helpers.py")))
    assert {*nodes} & {*solution} == {*cases.FUNCTIONS, "accuracy", "sgd"}
    for name in cases.FUNCTIONS:
        assert ast.dump(nodes[name].args) == ast.dump(solution[name].args), name
        docstring, statement = nodes[name].body
        assert isinstance(statement, ast.Raise) and ast.get_docstring(nodes[name])
    for notebook in (homework / "notebooks").glob("*.ipynb"):
        nb = nbformat.read(notebook, 4)
        nbformat.validate(nb)
        assert not any(cell.get("outputs") for cell in nb.cells)
        assert nb.cells[1].source.startswith("%load_ext blanks\n%check ")


def test_a_new_edition_is_at_zero_and_says_what_to_write(homework):
    done = run_check(homework)
    assert done.returncode == 1 and "\n0 of 28 points." in done.stdout
    assert done.stdout.count("Not written yet.") == 11
    heads = [line[:3] for line in done.stdout.splitlines() if line[:1] in ("G", "(")]
    assert heads == ["Get", "(a)", "(b)", "(c)", "(d)", "(e)", "(f)"]
    before = sorted(homework.rglob("*"))
    with pytest.raises(SystemExit, match="^error: .*is there already and stays as it"):
        edition.main([str(homework)])
    assert sorted(homework.rglob("*")) == before


def test_the_edition_with_a_solution_has_all_points_and_its_helpers_work(solved):
    assert "28 of 28 points" in run_check(solved).stdout
    module, _ = check.load((solved / "nn_helpers.py").read_text(encoding="utf-8"))
    rng = np.random.default_rng(0)
    X, y = rng.random((30, 784)) * (rng.random((30, 784)) > 0.5), np.arange(30) % 2
    network = ([rng.normal(size=(784, 5)) / 28, rng.normal(size=(5, 1))],
               [rng.normal(size=(1, 5)), rng.normal(size=(1, 1))])
    activations = [relu_activation, sigmoid_activation]
    steps = list(module["sgd"](X, y, *network, activations, batch_size=7, num_epochs=2))
    assert len(steps) == 10 and module["accuracy"](np.array([0.5, 0.9]), [0, 1]) == 1
    from viewers import explanations
    pushes, rest = explanations.pushes((*network, activations), X[0])
    names = {"np": np, "forward_pass": module["forward_pass"]}
    exec(edition.text("learn/templates/pushes.py.txt"), names)
    again, rest_again = names["pushes"]((*network, activations), X[0])
    assert np.allclose(again, pushes, atol=1e-6) and abs(rest - rest_again) < 1e-6
    assert names["pushes"]((*network, activations), 0 * X[0])[0].any() == 0


def test_a_run_with_the_check_is_kept_until_a_function_changes(solved, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(solved))
    path, said = solved / "notebooks" / "short.ipynb", []
    notebook = nbformat.read(solved / "notebooks" / "a_finite_differences.ipynb", 4)
    notebook.cells[2:] = [nbformat.v4.new_code_cell("import nn_helpers")]
    nbformat.write(notebook, path)
    kept = KeptRuns(solved / ".kept", [solved], {})
    for change in ("", "", "\nrelu_activation = None\n"):
        with open(solved / "nn_helpers.py", "a", encoding="utf-8") as file:
            file.write(change)
        [done] = execute_notebooks([path], on_done=lambda _, how: said.append(how),
                                   kept=kept, fresh=False, import_from=[solved])
        assert "finite_difference_gradient: 1 of 1" in done.cells[1].outputs[0].text
    assert said[1].startswith("kept from") and not said[2].startswith("kept from")


def test_each_name_in_a_notebook_of_the_edition_is_made_in_it(homework):
    """What stays must not need a cell that is left out, or what nn_helpers lacks."""
    notebooks = [*(homework / "notebooks").glob("*.ipynb")]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821,F811",
         *notebooks], capture_output=True, text=True)
    assert len(notebooks) == 7 and done.returncode == 0, done.stdout
    text = "".join(path.read_text(encoding="utf-8") for path in notebooks)
    assert {*re.findall(r"\bmeasure\.(\w+)", text)} <= {*edition.MEASURED, "py"}
    links = {*re.findall(r"\]\(#([\w-]+)\)", text)}
    assert {"loss"} <= links <= {*re.findall(r'label=\\"([\w-]+)', text)}
    for module in ("nn_helpers", "measure"):
        made = (homework / {"nn_helpers": "."}.get(module, "notebooks") / f"{module}.py"
                ).read_text(encoding="utf-8")
        for names in re.findall(rf"from {module} import \(([^)]*)\)", text):
            assert all(name in made for name in re.findall(r"\w+", names))


def test_a_blank_function_says_so_in_one_line_in_a_notebook(homework, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(homework))
    notebook = nbformat.read(homework / "notebooks" / "a_finite_differences.ipynb", 4)
    NotebookClient(notebook, allow_errors=True, resources={
        "metadata": {"path": str(homework / "notebooks")}}).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    texts = [out.text.strip() for out in outputs if out.output_type == "stream"]
    assert "Not written yet." in texts[0] and "finite_difference_gradient" in texts[0]
    assert "Not yet: (a) finite_difference_gradient is still blank." in texts
    assert all("\n" not in text for text in texts if text.startswith("Not yet"))
    assert not any(out.output_type == "error" for out in outputs)


def test_the_zip_for_gradescope_grades_without_a_solution(tmp_path, homework):
    edition.main([str(tmp_path / "autograder.zip")])
    root = tmp_path / "autograder"
    for folder in ("source", "submission", "results"):
        (root / folder).mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        assert {"setup.sh", "run_autograder"} <= {*archive.namelist()}
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111
        archive.extractall(root / "source")
    assert solutions_in(root) == []
    for path in (root / "source" / "learn").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {a.name.split(".")[0] for node in ast.walk(tree)
                    if isinstance(node, ast.Import) for a in node.names}
        assert imported <= {*sys.stdlib_module_names, "numpy"}
    script = root / "run_autograder"
    script.write_bytes((root / "source" / "run_autograder").read_bytes())
    blank = (homework / "nn_helpers.py").read_text(encoding="utf-8")
    (root / "submission" / "nn_helpers.py").write_text(blank + with_mistake(
        "=1) + b", "=1)"), encoding="utf-8")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    subprocess.run(["bash", str(script)], cwd=root, check=True, capture_output=True,
                   env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    results = json.loads((root / "results" / "results.json").read_text())
    wrong = {t["name"]: t for t in results["tests"] if t["status"] == "failed"}
    assert [*wrong] == ["(b) layer_forward"] and results["output"] == check.PUBLIC
    assert sum(t["score"] for t in results["tests"]) == pytest.approx(26)
