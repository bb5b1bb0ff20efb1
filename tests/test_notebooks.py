"""The committed notebooks: in good order, and what they show is what they compute."""

import base64
import copy
import io
import os
import re

import nbformat
import numpy as np
import pytest
from PIL import Image

import page
from export.build import KEPT
from nbtypst.run import execute_notebooks
from nbtypst.run_cache import KeptRuns
from nn_helpers import PROJECT

pytestmark = pytest.mark.notebooks
ANSWERS = {  # the notebooks in reading order, and the questions that each answers
    "0_getting_started": ["(the data)"],
    "a_finite_differences": ["(a)"],
    "b_activations_and_loss": ["(b.i)", "(b.ii)", "(b.iii)", "(b.iv)"],
    "c_forward_pass": ["(c)"],
    "d_backpropagation": ["(d)"],
    "e_training": ["(e.i)", "(e.ii)", "(e.iii)", "(e.iv)"],
    "f_memorization": ["(f)", "(f, universal approximation)"],
    "g_beyond": [],
}
PATHS = [PROJECT / "notebooks" / f"{name}.ipynb" for name in ANSWERS]
FORMATS = {"image/png", "image/svg+xml", "application/pdf"}
each_notebook = pytest.mark.parametrize("path", PATHS, ids=ANSWERS)


def read(path):
    return nbformat.read(path, as_version=4)


def cells_of(notebook, kind="code"):
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def outputs(notebook):
    return [output for cell in cells_of(notebook) for output in cell.outputs]


def data_of(output, kind):
    return output.get("data", {}).get(kind)


def test_the_notebooks_are_there_in_reading_order():
    assert sorted((PROJECT / "notebooks").glob("*.ipynb")) == PATHS


@each_notebook
class TestEach:
    def test_is_a_clean_run_from_top_to_bottom(self, path):
        notebook = read(path)
        nbformat.validate(notebook)
        counts = [cell.execution_count for cell in cells_of(notebook)]
        assert counts == list(range(1, len(counts) + 1))
        text = path.read_text(encoding="utf-8")
        assert str(PROJECT) not in text and "/home/" not in text and "/tmp/" not in text

    def test_has_short_cells_and_lines_that_fit_on_the_page(self, path):
        notebook = read(path)
        for cell in cells_of(notebook):
            lines = cell.source.splitlines()
            assert 0 < len(lines) <= 15, lines[0]
            assert max(map(len, lines)) <= 88, max(lines, key=len)
        for cell in cells_of(notebook, "markdown"):
            longest = max(cell.source.splitlines(), key=len)
            assert len(longest) <= 92, longest

    def test_shows_no_error_bare_widget_long_line_or_figure_without_a_text(self, path):
        for output in outputs(read(path)):
            assert output.output_type != "error" and output.get("name") != "stderr"
            if output.output_type == "stream":
                assert max(map(len, output.text.splitlines())) <= 88
            plain = data_of(output, "text/plain") or ""
            assert not re.match(r"^(VBox|HBox|IntSlider|HTML|Image)\(", plain)
            if data_of(output, "image/png"):  # and it is a vector, too
                assert output.data.keys() >= FORMATS
                assert output.metadata["image/png"]["alt"]

    def test_says_what_is_asked_and_sets_every_answer_off(self, path):
        notebook = read(path)
        texts = [cell.source for cell in cells_of(notebook, "markdown")]
        assert texts[0] == notebook.cells[0].source and texts[0].startswith("# ")
        assert len(texts[0]) > 200
        texts += [data_of(o, "text/markdown") or "" for o in outputs(notebook)]
        found = re.findall(r"^> \*\*Answer (.+?)\.\*\*", "\n".join(texts), re.MULTILINE)
        assert sorted(found) == sorted(ANSWERS[path.stem])


# ---- The outputs are those of a run --------------------------------------------------

def pixels(png, mode="L"):
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    return np.array(image.convert(mode), dtype=float)


# A run draws the same picture, and the fonts come with Matplotlib. A curve that
# moves by one pixel differs by 12, a missing one by 70, another last digit by less.
LIMIT = 8


def distance(one, other):
    """Return the largest difference, of 255 grey levels, of means of 16 x 16 pixels.

    In the mean of the whole picture a curve would hardly count.
    """
    if one == other:
        return 0
    one, other = pixels(one), pixels(other)
    if one.shape != other.shape:
        return 255
    apart = np.pad(one - other, [(0, -n % 16) for n in one.shape])
    blocks = apart.reshape(len(apart) // 16, 16, -1, 16)
    return abs(blocks.mean(axis=(1, 3))).max()


def exactly(output):
    """Return all of an output but its pictures, and the numbers that go with them."""
    data = {kind: "a picture" if kind in FORMATS else content
            for kind, content in output.get("data", {}).items()}
    if html := data.get("text/html"):  # a viewer's static fallback
        data["text/html"] = re.sub(r'"data:[^"]*"|<script>.*|\d+', "", html)
    return {**output, "data": data, "execution_count": None}


def differences(committed, fresh):
    """Return a line for each output that differs; texts exactly, pictures nearly."""
    found = []
    for k, (old, new) in enumerate(zip(committed.cells, fresh.cells, strict=True)):
        if old.source != new.source:
            found.append(f"cell {k}: other source")
        befores, afters = old.get("outputs", []), new.get("outputs", [])
        if len(befores) != len(afters):
            found.append(f"cell {k}: {len(befores)} outputs, now {len(afters)}")
        for before, after in zip(befores, afters):
            if exactly(before) != exactly(after):
                found.append(f"cell {k}: {exactly(before)}\nnow\n{exactly(after)}")
            elif distance(*(data_of(o, "image/png") for o in (before, after))) > LIMIT:
                found.append(f"cell {k}: another picture")
    return found


@pytest.fixture(scope="module")
def executed():
    """A run of each notebook: a new one in CI, else one from before if it is right."""
    return dict(zip(ANSWERS, execute_notebooks(
        PATHS, import_from=[PROJECT], kept=KeptRuns(KEPT, [PROJECT], {}),
        fresh="CI" in os.environ)))


@each_notebook
def test_committed_outputs_are_what_a_run_gives(path, executed):
    assert differences(read(path), executed[path.stem]) == []


# ---- What is tampered with is seen ---------------------------------------------------

def changed(notebook, kind):
    """Return the notebook's outputs of a kind, to be changed."""
    return [o for o in outputs(notebook) if o.output_type == kind or data_of(o, kind)]


def swap_pictures(notebook):
    one, two, *_ = [output.data for output in changed(notebook, "image/png")]
    one["image/png"], two["image/png"] = two["image/png"], one["image/png"]


def move_curve(notebook, upwards):
    """Move the test curve in the picture of the losses, or take it away for None."""
    [output] = [o for o in changed(notebook, "image/png")
                if o.metadata["image/png"]["alt"].startswith("Both losses")]
    picture = pixels(output.data["image/png"], "RGB")
    colour = [int(page.DARK[k : k + 2], 16) for k in (1, 3, 5)]
    curve, before = abs(picture - colour).max(axis=2) < 60, picture.copy()
    assert curve.sum() > 500
    picture[curve] = 255
    if upwards is not None:
        picture[np.roll(curve, -upwards, axis=0)] = before[curve]
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "png")
    output.data["image/png"] = base64.b64encode(file.getvalue()).decode()


TAMPERINGS = {
    "text": lambda nb: changed(nb, "stream")[0].update(text="605 timesteps\n"),
    "table": lambda nb: changed(nb, "text/markdown")[0].data.update(
        {"text/markdown": "| a |"}),
    "swapped": swap_pictures,
    "missing": lambda nb: next(c for c in cells_of(nb) if c.outputs).outputs.clear(),
    "alt": lambda nb: changed(nb, "image/png")[0].metadata["image/png"].update(alt="x"),
    "source": lambda nb: cells_of(nb)[0].update(source="pass"),
    "no picture": lambda nb: changed(nb, "image/png")[0].data.pop("image/png"),
    "curve gone": lambda nb: move_curve(nb, None),
    "curve moved": lambda nb: move_curve(nb, 2),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_the_comparison_sees_what_was_tampered_with(what):
    committed = read(PROJECT / "notebooks" / "e_training.ipynb")
    tampered = copy.deepcopy(committed)
    assert differences(committed, tampered) == []
    TAMPERINGS[what](tampered)
    assert differences(committed, tampered) != []
