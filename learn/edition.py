"""Write the learner's edition, or pack the check for Gradescope.

    python -m learn.edition FOLDER       the homework with its answers left out
    python -m learn.edition FILE.zip     what Gradescope asks for
"""

import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat
from nbformat import v4

from learn.cases import FUNCTIONS
from learn.notes import PROJECT, functions, notes, text

SOLUTION, IGNORE = "otter_assign_solution_cell", "otter_ignore"  # tags, as in otter
WRITE = "_Type your answer here, replacing this text._"
WHOLE = ["data", "export", "nbtypst", "notebooks/viewers",  # folders, which files need
         "LICENSE", ".gitignore", "nn_data.py", "notebooks/diagrams.py",
         "notebooks/page.py", "pyproject.toml", "requirements.lock",
         "requirements.txt", "test_batch_weights_biases.pkl"]
MEASURED = ["new_network", "mistakes"]  # what the edition has of measure.py
LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "*.pdf", "preview.png", "tests")
OTHERS = re.compile(  # what the edition's Makefile has no use for: a line, a paragraph
    r"(?m)^# make ({0}) .*\n(#  .*\n)*|^({0}|.venv/ready-for-\w+):.*\n(.+\n)*\n".format(
        "test|lint|bench|versions|windows|ua|lock|learn|gradescope"))
REVEALS = re.compile(  # what a docstring says of how it is done
    r" = g \(1 - g\)|The first form(.|\n)*overflow\. |(\n +dL_dg\[i\]|\n {17}=).*"
    r"|, 1 where s > 0 else 0| : \(x, W, dout_ds\).*|: x for(.|\n)*activation(?=\.)"
    r"|    With J(.|\n)*before\n\n")


# ---- Notebooks -----------------------------------------------------------------------

def emptied(path, known):
    """Return a notebook with cells to fill in; known are the edition's own names."""
    notebook = nbformat.read(path, 4)
    cells: list = []
    for cell in notebook.cells:
        tags, code = cell.metadata.get("tags", []), cell.cell_type == "code"
        asked = re.findall(r'(?:page\.answer\(\s*"|\*\*Answer )(.+?)(?:"|\.\*\*)',
                           cell.source)
        if SOLUTION in tags or asked:
            kept = [] if code else re.findall(r"^#+ .*$", cell.source, re.MULTILINE)
            kept += [f"**Answer {name}.**" for name in asked]
            to_write = v4.new_markdown_cell("\n\n".join([*kept, WRITE]), id=cell.id)
            if code and not asked:
                to_write = v4.new_code_cell("# Your code", id=cell.id)
            if kept or to_write.source != cells[-1].source:
                cells.append(to_write)
        elif IGNORE not in tags:
            new = v4.new_code_cell if code else v4.new_markdown_cell
            cells.append(new(only_known(cell.source, known), id=cell.id,
                             metadata={"tags": tags} if tags else {}))
    cells.insert(1, v4.new_code_cell(
        f"%load_ext blanks\n%check {path.name[0]}", id="check",
        metadata={"tags": ["remove_cell", "keep_run"]}))
    notebook.cells = cells
    return nbformat.writes(notebook) + "\n"


def only_known(source, known):
    """Return a cell without imports, and shown sources, of what the edition lacks."""
    def names(match):
        listed = [name for name in re.findall(r"\w+", match[2]) if name in known]
        return f"from {match[1]} import (\n    {', '.join(listed)},\n)" * bool(listed)

    source = re.sub(r"^from (nn_\w+|measure) import (\([^)]*\)|.*)", names,
                    source.replace("nn_faster", "nn_helpers"), flags=re.MULTILINE)
    return re.sub(r"^page\.source\((?:\w+\.)?(\w+).*\)\n?",
                  lambda match: match[0] * (match[1] in known), source, flags=re.M)


# ---- All of it -----------------------------------------------------------------------

def blank(source):
    """Return nn_helpers with the solution's signatures and nothing in its functions."""
    blanks = []
    for name, whole in functions(source).items():
        if name in FUNCTIONS:
            signature, docstring = re.findall(
                r'(?s)(def .*?:\n)(    """.*?"""\n)', whole)[0]
            said = f"({FUNCTIONS[name][0]}) {name} is still blank"
            blanks.append(f"{signature}{REVEALS.sub('', docstring)}"
                          f'    raise NotImplementedError("{said}")\n')
    return text("learn/templates/nn_helpers.py.txt").replace(
        "BLANKS\n", "\n\n".join(blanks))


def only(source, names):
    """Return what comes before a source's first function, and functions of it."""
    head = re.split(r"^(?:def|@|# ----)", source, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n\n\n".join([head.rstrip(), *(functions(source)[n] for n in names)])


def checking():
    """Return the files of the check, by name."""
    return {"learn/notes.json": notes(), **{
        f"learn/{name}.py": text(f"learn/{name}.py")
        for name in ("__init__", "cases", "calls", "check")}}


def edition():
    """Return the files that are not copied, by name."""
    helpers = blank(text("nn_helpers.py"))
    explanations = text("notebooks/viewers/explanations.py")
    files = checking() | {
        "nn_helpers.py": helpers, "README.md": text("learn/templates/README.md"),
        "nn_checks.py": only(text("nn_checks.py"), ["floats"]).replace(
            "tuple[Array, Array, Array]", "tuple"),
        "notebooks/viewers/explanations.py": explanations.replace(
            functions(explanations)["pushes"], text("learn/templates/pushes.py.txt")),
        "notebooks/measure.py": only(text("notebooks/measure.py"), MEASURED).replace(
            "from nn_faster import descend\n", ""),
        "notebooks/blanks.py": text("learn/templates/blanks.py.txt"),
        "Makefile": OTHERS.sub("", text("Makefile"))}
    known = {*functions(helpers), *re.findall(r"(\w+)(?=,|$)", helpers, re.MULTILINE)}
    notebooks = {f"notebooks/{path.name}": emptied(path, known)
                 for path in (PROJECT / "notebooks").glob("[0-f]_*.ipynb")}
    labels = {*re.findall(r'label=\\"([\w-]+)', "".join(notebooks.values()))}
    link = re.compile(r"\[([^][]*)\]\(#([\w-]+)\)")
    return files | {  # a link to what is left out keeps its text
        name: link.sub(lambda found: found[found[2] not in labels], notebook)
        for name, notebook in notebooks.items()}


def write(to):
    """Write the edition to a folder, all of it or nothing; never over what is there."""
    if to.exists():
        raise FileExistsError(f"{to} is there already and stays as it is; remove it, "
                              "or choose another folder: make learn TO=...")
    parent = to.resolve().parent
    with tempfile.TemporaryDirectory(dir=parent, prefix=".learn-") as scratch:
        folder = Path(scratch, "edition")
        for name in WHOLE:
            if (PROJECT / name).is_dir():
                shutil.copytree(PROJECT / name, folder / name, ignore=LEFT_OUT)
            else:
                shutil.copy(PROJECT / name, folder / name)
        for name, content in edition().items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        folder.rename(to)


def pack(to):
    """Write the zip for Gradescope."""
    files = checking() | {name: text(f"learn/templates/gradescope/{name}")
                          for name in ("setup.sh", "run_autograder")}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o644 if "/" in name else 0o755) << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)


def main(arguments):
    """Run the command, and end with a line if something is in the way."""
    to = Path(arguments[0] if arguments else PROJECT / "homework")
    try:
        pack(to) if to.suffix == ".zip" else write(to)
    except OSError as error:
        sys.exit(f"error: {error}")
    print(f"{to} is written.")


if __name__ == "__main__":
    main(sys.argv[1:])
