"""Write the learner's edition, or pack the check for Gradescope.

    python -m learn.edition FOLDER       the homework with its answers left out
    python -m learn.edition FILE.zip     what Gradescope asks for
"""

import json
import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from learn import record, run

PROJECT, TEMPLATES = record.HERE.parent, record.HERE / "templates"
SOLUTION, IGNORE = "otter_assign_solution_cell", "otter_ignore"  # tags, as in otter
WRITE = "_Type your answer here, replacing this text._"
WHOLE = ["LICENSE", ".gitignore", "data", "export", "nbtypst", "nn_data.py",
         "notebooks/diagrams.py", "notebooks/page.py", "notebooks/viewers",
         "pyproject.toml", "requirements.lock", "requirements.txt",
         "test_batch_weights_biases.pkl"]
MEASURED = ["new_network", "mistakes"]  # what the edition has of measure.py
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pdf", "preview.png", "tests")
OTHERS = {"test", "lint", "bench", "versions", "windows", "ua", "lock", "learn",
          "gradescope", ".venv/ready-for-tests", ".venv/ready-for-bench"}  # of make


def text(path):
    """Return the content of a file of the project."""
    return (PROJECT / path).read_text(encoding="utf-8")


def template(name):
    """Return the content of a template; those in Python have another ending."""
    path = TEMPLATES / (f"{name}.txt" if name.endswith(".py") else name)
    return path.read_text(encoding="utf-8")


def found(pattern, source):
    """Return what matches a pattern, which there must be, over whole lines."""
    match = re.search(pattern, source, re.MULTILINE)
    assert match, pattern
    return match


def blank(source):
    """Return nn_helpers with the solution's signatures and nothing in its functions."""
    made = template("nn_helpers.py")
    for name, (question, _) in record.QUESTIONS.items():
        whole = record.text_of(source, name)
        signature = found(r"^def (?:.|\n)*?:(?=\n    \"\"\")", whole)[0]
        body = f'    raise NotImplementedError("({question}) {name} is still blank")\n'
        stub = found(rf'^def {name}\(\):(\n    """(?:.|\n)*?"""\n)', made)
        made = made.replace(stub[0], signature + stub[1] + body)
    return re.sub(r"\n+def ", "\n\n\ndef ", made)


def with_function(source, function):
    """Return a module's source with another version of one of its functions."""
    name = found(r"def (\w+)", function)[1]
    return source.replace(record.text_of(source, name), function)


# ---- Notebooks -----------------------------------------------------------------------

def cell_of(kind, source, name, tags=()):
    """Return a cell of a notebook, without outputs."""
    cell = {"cell_type": kind, "id": name, "source": source.splitlines(True),
            "metadata": {"tags": [*tags]} if tags else {}}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def to_write(cells):
    """Return what takes the place of a few cells with solutions, one after the other.

    Headings and the names of answers stay.
    """
    lines, code = [], False
    for cell in cells:
        source = "".join(cell["source"])
        answers = re.findall(r'page\.answer\(\s*"(.+?)"|\*\*Answer (.+?)\.\*\*', source)
        lines += [f"**Answer {a or b}.** {WRITE}" for a, b in answers]
        if cell["cell_type"] == "markdown":
            lines += re.findall(r"^#+ .*$", source, re.MULTILINE)
        code |= cell["cell_type"] == "code" and not answers
    if not any(WRITE in line for line in lines):
        lines.append(WRITE)
    name = cells[0]["id"]
    return [cell_of("markdown", "\n\n".join(lines), name)] + [
        cell_of("code", "# Your code", f"{name}-code")] * code


def emptied(notebook, question, known):
    """Return a notebook with cells to fill in; known are the edition's own names."""
    cells: list = []
    solutions: list = []
    for cell in [*notebook["cells"], None]:
        source = "".join(cell["source"]) if cell else ""
        tags = cell["metadata"].get("tags", []) if cell else []
        if cell and (SOLUTION in tags or "page.answer(" in source
                     or source.startswith("> **Answer")):
            solutions.append(cell)
        elif IGNORE not in tags:
            cells += to_write(solutions) if solutions else []
            solutions = []
            cells += [cell_of(cell["cell_type"], only_known(source, known), cell["id"],
                              tags)] if cell else []
    cells.insert(1, cell_of(
        "code", f"%load_ext blanks\n%check {question}",
        "check", ["remove_cell"]))
    return notebook | {"cells": cells}


def only_known(source, known):
    """Return a cell without imports, and shown sources, of what the edition lacks."""
    def names(match):
        listed = [name for name in re.findall(r"\w+", match[2]) if name in known]
        return f"from {match[1]} import (\n    {', '.join(listed)},\n)" * bool(listed)

    source = re.sub(r"^from (nn_\w+|measure) import (\([^)]*\)|.*)", names, source,
                    flags=re.MULTILINE)
    return re.sub(r"^page\.source\((?:\w+\.)?(\w+).*\)\n?",
                  lambda match: match[0] * (match[1] in known), source, flags=re.M)


# ---- All of it -----------------------------------------------------------------------

def makefile(source):
    """Return the project's Makefile without what the edition has no use for."""
    about, *parts = source.split("\n\n")
    lines = [line for line in about.splitlines() if line.split()[2] not in OTHERS]
    targets = [re.search(r"^([\w./-]+):", part, re.MULTILINE) for part in parts]
    return "\n\n".join(["\n".join(lines), *(
        part for part, target in zip(parts, targets)
        if not (target and target[1] in OTHERS))])


def checking():
    """Return the files of the check, by name."""
    return {"learn/__init__.py": '"""The check: python -m learn.check."""\n',
            "learn/check.py": text("learn/check.py"),
            "learn/run.py": text("learn/run.py"),
            "learn/notes.json": run.dumps(record.notes())}


def edition():
    """Return the files that are not copied, by name."""
    types = dict(re.findall(r"^([A-Z][a-z]+) = (.+)", text("nn_checks.py"), re.M))
    types["Cache"] = "tuple"  # of what, is up to the learner
    helpers, faster = blank(text("nn_helpers.py")), template("nn_faster.py")
    used = [name for name in sorted(types) if re.search(rf"\b{name}\b", helpers)]
    lines = [f"{name} = {value}" for name, value in types.items()]
    reasons, measure = "notebooks/viewers/reasons.py", "notebooks/measure.py"
    files = checking() | {
        "nn_helpers.py": helpers.replace("TYPES", ", ".join(used)),
        "nn_checks.py": template("nn_checks.py").replace("TYPES", "\n".join(lines)),
        "nn_faster.py": faster, "README.md": template("README.md"),
        reasons: with_function(text(reasons), template("pushes.py")),
        "notebooks/blanks.py": template("blanks.py"),
        "Makefile": makefile(text("Makefile"))}
    if (PROJECT / measure).exists():
        source = text(measure)
        parts = [record.text_of(source, name) for name in MEASURED]
        head = source[:source.index("\ndef ")].rstrip() + "\n"
        files[measure] = "\n\n".join([head, *parts])
    known = {*re.findall(r"^def (\w+)", helpers + faster, re.MULTILINE),
             *re.findall(r"(\w+)(?=,|$)", helpers + faster, re.MULTILINE)}
    for path in sorted((PROJECT / "notebooks").glob("[0-f]_*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        files[f"notebooks/{path.name}"] = json.dumps(
            emptied(notebook, path.name[0], known), indent=1, ensure_ascii=False) + "\n"
    return files


def write(to):
    """Write the edition to a folder, all of it or nothing; never over what is there."""
    if to.exists():
        raise FileExistsError(f"{to} is there already and stays as it is; remove it, "
                              "or choose another folder: make learn TO=...")
    parent = to.resolve().parent
    with tempfile.TemporaryDirectory(dir=parent, prefix=".learn-") as scratch:
        folder = Path(scratch, "edition")
        for name in WHOLE:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (PROJECT / name).is_dir():
                shutil.copytree(PROJECT / name, folder / name, ignore=LEFT_OUT)
            elif (PROJECT / name).exists():
                shutil.copy(PROJECT / name, folder / name)
        for name, content in edition().items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        folder.rename(to)


def pack(to):
    """Write the zip for Gradescope."""
    files = checking() | {name: template(f"gradescope/{name}")
                          for name in ("setup.sh", "run_autograder")}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o644 if "/" in name else 0o755) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)


def main(arguments):
    """Run the command and return its exit status."""
    to = Path(arguments[0] if arguments else PROJECT / "homework")
    try:
        pack(to) if to.suffix == ".zip" else write(to)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{to} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
