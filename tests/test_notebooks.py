"""The committed notebooks: in good order, and what they show is what they compute."""

import base64
import copy
import io
import re

import nbformat
import numpy as np
import pytest
from PIL import Image

import page
from export.run import execute_notebooks
from nn_helpers import PROJECT

pytestmark = pytest.mark.notebooks
NAMES = [
    "0_getting_started",
    "a_finite_differences",
    "b_activations_and_loss",
    "c_forward_pass",
    "d_backpropagation",
    "e_training",
    "f_memorization",
]
PATHS = [PROJECT / "notebooks" / f"{name}.ipynb" for name in NAMES]


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def test_the_seven_notebooks_are_there_in_reading_order():
    assert sorted((PROJECT / "notebooks").glob("*.ipynb")) == PATHS


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
class TestEach:
    def test_is_a_clean_run_from_top_to_bottom(self, path):
        notebook = read(path)
        nbformat.validate(notebook)
        cells = code_cells(notebook)
        assert [cell.execution_count for cell in cells] == list(
            range(1, len(cells) + 1)
        )
        for output in outputs(notebook):
            assert output.output_type != "error"
            assert output.get("name") != "stderr"

    def test_has_short_cells_and_short_lines(self, path):
        for cell in code_cells(read(path)):
            lines = cell.source.splitlines()
            assert 0 < len(lines) <= 15, lines[0]
            assert max(map(len, lines)) <= 88, max(lines, key=len)

    def test_has_short_lines_of_markdown(self, path):
        for cell in read(path).cells:
            if cell.cell_type == "markdown":
                longest = max(cell.source.splitlines(), key=len)
                assert len(longest) <= 92, longest

    def test_printed_lines_fit_on_the_page(self, path):
        for output in outputs(read(path)):
            if output.output_type == "stream":
                assert max(map(len, output.text.splitlines())) <= 88

    def test_every_figure_is_a_vector_too_and_has_a_text(self, path):
        for cell in code_cells(read(path)):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    assert {"application/pdf", "image/svg+xml"} <= output.data.keys()
                    assert output.metadata["image/png"]["alt"]

    def test_shows_no_bare_widget_and_no_path(self, path):
        text = path.read_text()
        assert str(PROJECT) not in text and "/home/" not in text and "/tmp/" not in text
        for output in outputs(read(path)):
            plain = output.get("data", {}).get("text/plain", "")
            assert not re.match(r"^(VBox|HBox|IntSlider|HTML|Image)\(", plain)

    def test_begins_with_a_title_and_what_is_asked(self, path):
        first = read(path).cells[0]
        assert first.cell_type == "markdown" and first.source.startswith("# ")
        assert len(first.source) > 200


QUESTIONS = {
    "0": ["(the data)"],
    "a": ["(a)"],
    "b": ["(b.i)", "(b.ii)", "(b.iii)", "(b.iv)"],
    "c": ["(c)"],
    "d": ["(d)"],
    "e": ["(e.i)", "(e.ii)", "(e.iii)", "(e.iv)"],
    "f": ["(f)", "(f, universal approximation)"],
}


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_every_question_has_its_answer_set_off(path):
    notebook = read(path)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    texts += [
        output.data["text/markdown"]
        for output in outputs(notebook)
        if "text/markdown" in output.get("data", {})
    ]
    found = re.findall(r"^> \*\*Answer (.+?)\.\*\*", "\n".join(texts), re.MULTILINE)
    assert sorted(found) == sorted(QUESTIONS[path.name[0]])


def pixels(png, mode="L"):
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    return np.array(image.convert(mode), dtype=float)


# A fresh run draws the same picture, and the fonts come with Matplotlib. A curve that
# moves by one pixel makes 12, one that is gone 70; a last digit elsewhere makes less.
LIMIT = 8


def distance(one, other):
    """Return by how many grey levels of 255 two pictures differ where they differ most.

    That is the largest difference among the means of blocks of 16 x 16 pixels: in the
    mean of the whole picture a curve hardly counts.
    """
    if one.shape != other.shape:
        return 255
    (height, width), size = one.shape, 16
    padded = np.zeros((height + -height % size, width + -width % size))
    padded[:height, :width] = one - other
    blocks = padded.reshape(padded.shape[0] // size, size, -1, size)
    return abs(blocks.mean(axis=(1, 3))).max()


def words_of(data):
    """Return the words of what stands in for a viewer, without pictures and numbers."""
    return re.sub(r'"data:[^"]*"|<script>.*|\d+', "", data.get("text/html", ""))


def differences(committed, fresh):
    """Return a line for each output that differs; texts exactly, pictures nearly."""
    found = []
    for k, (old, new) in enumerate(zip(committed.cells, fresh.cells, strict=True)):
        if old.source != new.source:
            found.append(f"cell {k}: other source")
        if old.cell_type != "code":
            continue
        if len(old.outputs) != len(new.outputs):
            found.append(
                f"cell {k}: {len(old.outputs)} outputs, now {len(new.outputs)}"
            )
        for a, b in zip(old.outputs, new.outputs):
            a_data, b_data = a.get("data", {}), b.get("data", {})
            if (a.output_type, a_data.keys(), a.get("metadata")) != (
                b.output_type,
                b_data.keys(),
                b.get("metadata"),
            ):
                found.append(f"cell {k}: another kind of output")
            elif a.get("text") != b.get("text"):
                found.append(f"cell {k}: other text\n{a.text}\nnow\n{b.text}")
            elif a_data.get("text/markdown") != b_data.get("text/markdown"):
                found.append(
                    f"cell {k}: other text\n{a_data['text/markdown']}\nnow\n"
                    f"{b_data['text/markdown']}"
                )
            elif "image/png" in a_data:
                pictures = pixels(a_data["image/png"]), pixels(b_data["image/png"])
                if distance(*pictures) > LIMIT:
                    found.append(f"cell {k}: another picture")
            elif words_of(a_data) != words_of(b_data):
                found.append(f"cell {k}: another stand-in")
            elif a_data.get("text/plain") != b_data.get("text/plain"):
                found.append(f"cell {k}: other text")
    return found


@pytest.fixture(scope="module")
def executed():
    """All notebooks, executed afresh."""
    return dict(zip(NAMES, execute_notebooks(PATHS)))


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_committed_outputs_are_what_a_fresh_run_gives(path, executed):
    assert differences(read(path), executed[path.stem]) == []


def repainted(png, change):
    """Return png after change(picture, curve), curve being where the test curve is."""
    picture = pixels(png, "RGB")
    test_curve = [int(page.THREE[k : k + 2], 16) for k in (1, 3, 5)]
    curve = abs(picture - test_curve).max(axis=2) < 60
    assert curve.sum() > 500
    change(picture, curve)
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def without_curve(picture, curve):
    picture[curve] = 255


def with_curve_moved(pixels):
    """Return a change that moves the curve upwards; by 110 is by 3 on the log axis."""

    def change(picture, curve):
        colours = picture.copy()
        picture[curve] = 255
        moved = np.roll(curve, -pixels, axis=0)
        picture[moved] = np.roll(colours, -pixels, axis=0)[moved]

    return change


def test_the_comparison_sees_what_was_tampered_with():
    """One change at a time to a committed notebook, and each must be seen."""
    committed = read(PATHS[NAMES.index("e_training")])
    assert differences(committed, committed) == []

    def first(test):
        return next(output for output in outputs(tampered) if test(output))

    def has(mime):
        return lambda output: mime in output.get("data", {})

    def shows_the_losses(output):
        alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        return alt.startswith("Both losses")

    def repaint(change):
        data = first(shows_the_losses).data
        data["image/png"] = repainted(data["image/png"], change)

    for tamper in [
        "text", "table", "swap", "missing", "alt", "source", "gone", "tripled", "moved",
    ]:
        tampered = copy.deepcopy(committed)
        if tamper == "text":
            output = first(lambda output: output.output_type == "stream")
            output.text = output.text.replace("0.", "1.", 1)
        elif tamper == "table":
            output = first(has("text/markdown"))
            output.data["text/markdown"] += " "
        elif tamper == "swap":
            one, two = [o for o in outputs(tampered) if has("image/png")(o)][:2]
            one.data["image/png"], two.data["image/png"] = (
                two.data["image/png"],
                one.data["image/png"],
            )
        elif tamper == "missing":
            next(cell for cell in code_cells(tampered) if cell.outputs).outputs.clear()
        elif tamper == "alt":
            first(has("image/png")).metadata["image/png"]["alt"] = "something else"
        elif tamper == "source":
            code_cells(tampered)[0].source += " "
        elif tamper == "gone":
            repaint(without_curve)
        elif tamper == "tripled":
            repaint(with_curve_moved(110))
        elif tamper == "moved":
            repaint(with_curve_moved(2))
        assert differences(committed, tampered) != [], tamper
