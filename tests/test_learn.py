"""The learner's edition, and the check of anybody's file."""

import ast
import builtins
import json
import os
import re
import subprocess
import sys
import zipfile

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import learn_styles
from learn import check, edition, record, run
from nn_data import PROJECT

RIGHT = learn_styles.CLASSES


@pytest.fixture(scope="module")
def notes():
    return run.loads(run.dumps(record.notes()))


@pytest.fixture(scope="module")
def checked(notes):
    """A function that checks a source here, and returns {function: what is said}."""
    def tests_of(source):
        module, _ = run.load(source)
        return {name: check.judged(name, facts, {"outcomes": dict(zip(
                    [step["label"] for step in facts["steps"]],
                    run.try_function(module, name, facts["steps"])))})
                for name, facts in notes.items()}
    return tests_of


@pytest.fixture
def report(notes, monkeypatch, tmp_path):
    """A function that checks a file as the command does, in other processes."""
    def results(source, question=None):
        monkeypatch.setattr(check, "notes_text", lambda: run.dumps(notes))
        path = tmp_path / "nn_helpers.py"
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        found = check.report(path, question)
        return found["output"], {test["name"][4:]: test for test in found["tests"]}
    return results


@pytest.fixture(scope="module")
def homework(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn") / "homework"
    assert edition.main([str(folder)]) == 0
    return folder


def run_check(folder, *arguments):
    return subprocess.run([sys.executable, "-m", "learn.check", *arguments], cwd=folder,
                          capture_output=True, text=True)


# ---- The check -----------------------------------------------------------------------

def test_the_solution_has_all_points(tmp_path):
    done = run_check(PROJECT, "nn_helpers.py", "--json", str(tmp_path / "results.json"))
    assert done.returncode == 0 and "28 of 28 points. These are the" in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    names = [test["name"] for test in results["tests"]]
    assert "(b) sigmoid_activation" in names and len(names) == 11
    by_question = {q: sum(test["max_score"] for test in results["tests"]
                          if test["name"].startswith(f"({q})")) for q in "abcde"}
    assert by_question == {"a": 2, "b": 8, "c": 8, "d": 4, "e": 6}
    for test in results["tests"]:
        assert {*test} == {"name", "score", "max_score", "status", "output"}
        assert test["status"] == "passed" and test["score"] == test["max_score"]


@pytest.mark.parametrize("style", ["LOOPS", "EINSUM", "SINGLE", "CLASSES"])
def test_a_right_solution_in_another_style_passes_in_full(checked, style):
    tests = checked(getattr(learn_styles, style))
    assert [t["output"] for t in tests.values() if t["status"] != "passed"] == []


def test_each_mistake_of_the_catalogue_is_named(notes):
    """As it comes of nn_helpers with the mistake in it."""
    count = 0
    for name, facts in notes.items():
        for mistake in facts["mistakes"]:
            outcomes = dict(zip([s["label"] for s in facts["steps"]],
                                mistake["outcomes"]))
            test = check.judged(name, facts, {"outcomes": outcomes})
            assert test["status"] == "failed", mistake["says"]
            assert f"It looks as if {mistake['says']}" in test["output"]
            count += 1
    assert count == len(record.mistakes()) >= 40


def test_the_projects_own_tests_fail_with_each_mistake():
    files = [f"tests/test_{name}.py" for name in (
        "pieces", "passes", "finite_differences", "oracle", "training")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no",
         "-p", "learn_planted", *files],
        cwd=PROJECT, capture_output=True, text=True, env=os.environ | {
            "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])})
    assert "survived: " not in done.stderr and "a mistake survived" not in done.stdout
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def with_mistakes(*pairs):
    source = RIGHT
    for right, wrong in pairs:
        before, found, after = source.rpartition(right)
        assert found, right
        source = before + wrong + after
    return source


@pytest.mark.parametrize("function, right, wrong, words", [
    # known mistakes, made in a file of another style
    ("finite_difference_gradient", "/ (2 * eps)", "/ 2*eps", "lacks its parentheses"),
    ("sigmoid_activation", "g * (1 - g)", "s * (1 - s)", "formula is used with s"),
    ("logistic_loss", "-1 / a if b", "1 / a if b", "dL_dg has the wrong sign"),
    ("layer_forward", ".sum(axis=1) + b", ".sum(axis=1)", "the bias is left out"),
    ("create_weight_matrices", "0.01 * np", "0.01**2 * np", "the variance is given"),
    ("backward_pass", " / len(dL_dg)", "", "n times too large: J is the average"),
    ("train", "range(n, len(X), n)", "range(n, len(X) - n + 1, n)", "is dropped"),
    ("train", 'options["step_size"] * d', 'options["step_size"] * d / len(batch)',
     "divided by the batch's size"),
    # and some that are in no catalogue
    ("finite_difference_gradient", ".reshape(a.shape)", "", "and another shape"),
    ("finite_difference_gradient", "/ (2 * eps)", "/ (3 * eps)", "is 0.6667 times"),
    ("finite_difference_gradient", "eps=1e-5", "eps=1e-2", "nearly right"),
    ("logistic_loss", "(np.array([-math.log(a if b else 1 - a) for a, b in pairs])",
     "(sum(-math.log(a if b else 1 - a) for a, b in pairs)", "loss is summed to one"),
    ("relu_activation", "s * (s > 0), s > 0", "s * (s > 0), -1.0 * (s > 0)",
     "the sign of the derivative is wrong"),
    ("backward_pass", "@ delta]\n    return walk", "@ delta * 3]\n    return walk",
     "grad_bs is 3 times what it should be"),
    ("backward_pass", "bs + [np.ones((1, len(delta))) @ delta]", "bs + [delta[-1:]]",
     "it is grad_bs alone"),
    ("forward_pass", "np.squeeze(X_batch, 1)", "np.squeeze(X_batch, 1) + 1",
     "is 1 plus what it should be"),
    ("forward_pass", "layer_forward(X_batch, *layer)",
     "layer_forward(X_batch, layer[0], biases[0], layer[2])", "b of layer 0"),
    ("nn_finite_difference_checker", "(1e-5, -1e-5)", "(1e-5, 0)", "half as large"),
    ("train", "backward_pass(slope, caches)", "(Ws, bs)", "does not call the file's"),
])
def test_one_typical_mistake_costs_one_function_and_is_named(
        checked, function, right, wrong, words):
    tests = checked(with_mistakes((right, wrong)))
    assert [n for n, test in tests.items() if test["status"] == "failed"] == [function]
    assert words in tests[function]["output"]
    assert 0 <= tests[function]["score"] < tests[function]["max_score"]


def test_two_mistakes_in_different_functions_are_both_named(checked):
    tests = checked(with_mistakes((".sum(axis=1) + b", ".sum(axis=1)"),
                                     (" / len(dL_dg)", "")))
    assert "bias is left out" in tests["layer_forward"]["output"]
    assert "n times too large" in tests["backward_pass"]["output"]
    assert sum(test["status"] == "failed" for test in tests.values()) == 2


def test_the_caches_belong_to_the_file_if_its_functions_agree(checked):
    tuples = RIGHT.replace("Layer(x, W, s, slope)", "(x, W, slope)").replace(
        "        delta = back * layer.slope", "        x, W, slope = layer\n"
        "        delta = back * slope").replace("layer.W", "W").replace("layer.x", "x")
    blank = "\ndef layer_forward(*layer):\n    raise NotImplementedError\n"
    for source, failed in [
        (tuples, []), (tuples + blank, ["layer_forward"]),
        (RIGHT + blank, ["layer_forward", "backward_pass"]),
        (tuples.replace("return out, (x, W, slope)", "return out, (x, W, s)"),
         ["backward_pass"]),
        (tuples.replace("return out, (x, W, slope)", "return s, (x, W, slope)"),
         ["layer_forward"]),
    ]:
        tests = checked(source)
        assert [n for n, t in tests.items() if t["status"] != "passed"] == failed
        if failed[-1:] == ["backward_pass"]:
            assert "your layer_forward" in tests["backward_pass"]["output"]


def test_what_a_foreign_file_does_is_named_and_the_rest_is_checked(report):
    source = RIGHT.replace("import math", "import math, no_such_module") + '''
print("x" * 10**6)
W, b, h = train(1, 2, 3)
open("a file")

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
    assert "train" not in tests and len(said) < 1000
    assert "an endless loop?" in lines["relu_activation"]
    assert "it ends the program (line" in lines["logistic_loss"]
    assert "it ends Python" in lines["layer_forward"]
    assert "KeyError: 'zzz" in lines["create_bias_vectors"]
    assert "emory" in lines["create_weight_matrices"]
    assert all(len(line) < 1500 and "y" * 9 not in line for line in lines.values())
    assert all(tests[name]["status"] == "passed" for name in [
        "finite_difference_gradient", "sigmoid_activation", "forward_pass"])


@pytest.mark.parametrize("source, words", [
    ("def f(:\n", "This is not Python: line 1"),
    (b"\x00\xff\xfe", "This is not Python"),
    ("", "There is no function of this name"),
    ("forward_pass = 3", "There is no function of this name"),
])
def test_a_file_without_functions_is_told_so_in_one_line(report, source, words):
    for test in report(source, "c")[1].values():
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
        "loss, dL_dg = logistic_loss(g, y_batch)"}
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
    right = (PROJECT / "nn_helpers.py").read_text(encoding="utf-8")
    nodes = record.definitions(blank)
    for name, node in record.definitions(right).items():
        if name in record.QUESTIONS:
            assert ast.dump(nodes[name].args) == ast.dump(node.args), name
            docstring, statement = nodes[name].body
            assert isinstance(statement, ast.Raise) and ast.get_docstring(nodes[name])
        else:
            assert name not in nodes or name in ("accuracy", "sgd")
    for notebook in (homework / "notebooks").glob("*.ipynb"):
        nb = nbformat.read(notebook, 4)
        nbformat.validate(nb)
        assert not any(cell.get("outputs") for cell in nb.cells)
        assert nb.cells[1].source.startswith("%load_ext blanks\n%check ")


def test_a_new_edition_is_at_zero_and_says_what_to_write(homework, capsys):
    done = run_check(homework)
    assert done.returncode == 1 and "\n0 of 28 points." in done.stdout
    assert done.stdout.count("Not written yet.") == 11
    heads = [line[:3] for line in done.stdout.splitlines() if line[:1] in ("G", "(")]
    assert heads == ["Get", "(a)", "(b)", "(c)", "(d)", "(e)", "(f)"]
    before = sorted(homework.rglob("*"))
    assert edition.main([str(homework)]) == 1
    assert "is there already and stays as it is" in capsys.readouterr().err
    assert sorted(homework.rglob("*")) == before


def test_the_edition_with_a_solution_has_all_points_and_its_helpers_work(
        homework, tmp_path, monkeypatch):
    """In the blanks, with another layout of the caches than nn_helpers has."""
    blank = (homework / "nn_helpers.py").read_text(encoding="utf-8")
    filled = blank + RIGHT.replace("**options", "rng=None, **options").replace(
        "X, y, X_test, y_test, Ws, bs, acts = data",
        "X, y, X_test, y_test, Ws, bs, acts = data\n    test = X_test is not None\n"
        "    X_test, y_test = (X_test, y_test) if test else (X, y)")
    (tmp_path / "nn_helpers.py").write_text(filled, encoding="utf-8")
    done = run_check(homework, str(tmp_path / "nn_helpers.py"))
    assert "28 of 28 points" in done.stdout
    module, _ = run.load(filled)
    rng = np.random.default_rng(0)
    X, y = rng.random((30, 784)) * (rng.random((30, 784)) > 0.5), np.arange(30) % 2
    network = ([rng.normal(size=(784, 5)) / 28, rng.normal(size=(5, 1))],
               [rng.normal(size=(1, 5)), rng.normal(size=(1, 1))])
    activations = [module["relu_activation"], module["sigmoid_activation"]]
    steps = list(module["sgd"](X, y, *network, activations, batch_size=7, num_epochs=2))
    assert len(steps) == 10 and module["accuracy"](np.array([0.5, 0.9]), [0, 1]) == 1
    from viewers import reasons
    pushes, rest = reasons.pushes((*network, activations), X[0])
    names = {"np": np, "forward_pass": module["forward_pass"]}
    exec(edition.template("pushes.py"), names)
    again, rest_again = names["pushes"]((*network, activations), X[0])
    assert np.allclose(again, pushes, atol=1e-6) and abs(rest - rest_again) < 1e-6
    assert names["pushes"]((*network, activations), 0 * X[0])[0].any() == 0


def names_of(tree):
    """Return the names that a cell needs now, or in a function, and those it makes."""
    made = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
            made.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made.add(node.id)
    needed = [{n.id for n in ast.walk(part) if isinstance(n, ast.Name)} - made
              for part in tree.body]
    later = [isinstance(part, ast.FunctionDef) for part in tree.body]
    now, then = (set().union(*(names for names, late in zip(needed, later)
                               if late == wait)) for wait in (False, True))
    return now, then, made


@pytest.mark.parametrize("path", sorted((PROJECT / "notebooks").glob("[0-f]_*.ipynb")),
                         ids=lambda path: path.name)
def test_each_name_in_a_notebook_of_the_edition_is_made_in_it(homework, path):
    """What stays must not need a cell that is left out, or what nn_helpers lacks."""
    if edition.SOLUTION not in path.read_text(encoding="utf-8"):
        return  # no cell of it is an answer
    known, later = {*dir(builtins), "get_ipython"}, set()
    for cell in nbformat.read(homework / "notebooks" / path.name, 4).cells:
        if cell.cell_type == "code" and not cell.source.startswith("%"):
            needed, waiting, made = names_of(ast.parse(cell.source))
            measured = set(re.findall(r"\bmeasure\.(\w+)", cell.source))
            assert measured <= {*edition.MEASURED}, cell.id
            assert needed <= known, (cell.id, needed - known)
            known, later = known | made, later | waiting
    assert later <= known, later - known


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


def test_the_zip_for_gradescope_grades_without_a_solution(tmp_path):
    assert edition.main([str(tmp_path / "autograder.zip")]) == 0
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
    (root / "submission" / "nn_helpers.py").write_text(with_mistakes(
        (".sum(axis=1) + b", ".sum(axis=1)")), encoding="utf-8")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    subprocess.run(["bash", str(script)], cwd=root, check=True, capture_output=True,
                   env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    results = json.loads((root / "results" / "results.json").read_text())
    failed = {t["name"]: t for t in results["tests"] if t["status"] == "failed"}
    assert [*failed] == ["(b) layer_forward"] and "public checks" in results["output"]
    assert sum(t["score"] for t in results["tests"]) == pytest.approx(26)
