"""What the notebooks share: tables, answers, figures of digits."""

import re
from unittest.mock import Mock

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from IPython.utils.capture import capture_output
from matplotlib import pyplot as plt

import nn_helpers
import page

pytestmark = pytest.mark.notebooks
CAPTION = {"role": "caption"}


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, as (text or object, metadata)."""
    displayed = []
    monkeypatch.setattr(page, "display", lambda thing, metadata=None: displayed.append(
        (getattr(thing, "data", thing), metadata)))
    return displayed


def test_table_is_markdown_with_numbers_flush_right_and_dashes(shown):
    page.table(["name", "value"], [["a", 1], ["b", None], ["c", "-"]])
    lines = "| name | value |\n| :-- | --: |\n| a | 1 |\n| b | – |\n| c | – |"
    assert shown == [(lines, {})]


@pytest.mark.parametrize("mark, columns", [
    ("--:", [[0, 1], [-0.5, 1e-15], ["12,080", "98.4%"], ["$10^{-15}$", "**3**"],
             ["1e-5", r"$-9 \cdot 10^{-4}$"], ["9 of 10 seeds", "74 (2 of 3)"],
             [None, 74], ["0.69", "", "0.56"], [0.1, "below 1e-10", 0.3]]),
    (":--", [[], ["agrees", "caught (0.40)"], ["4-2-1", "10-20-1"], ["", None],
             ["`(4, 784)`", "`X @ W`"], ["3rd", "4th"], ["below 2e-08", 1]])])
def test_a_column_of_numbers_is_flush_right(shown, mark, columns):
    for column in columns:
        page.table(["it"], [[entry] for entry in column])
        assert shown.pop()[0].splitlines()[1] == f"| {mark} |", column


@pytest.mark.parametrize("value, digits, text", [
    (0.0, 6, "0"), (-1000.0, 6, "-1000"), (0.25, 6, "0.25"), (0.1 + 0.2, 6, "0.3"),
    (1e-15, 6, "$10^{-15}$"), (-1e20, 6, r"$-1 \cdot 10^{20}$"),
    (4.539787e-5, 6, r"$4.53979 \cdot 10^{-5}$"), (1234, 2, r"$1.2 \cdot 10^{3}$")])
def test_number_writes_powers_of_ten(value, digits, text):
    assert page.number(value, digits=digits) == text


def test_matrices_show_all_digits_of_each_number():
    arrays = {"a_b": np.array([[1234, -0.0012]]), "c": np.array([[-6.5e-5, 3]])}
    assert page.matrices(arrays).split("\n\n") == [
        r"$$ \texttt{a\_b} = \begin{pmatrix} 1234 & -0.001200 \end{pmatrix} $$",
        r"$$ \texttt{c} = \begin{pmatrix} -6.500 \cdot 10^{-5} & 3.000 \cdot 10^{0} "
        r"\end{pmatrix} $$"]


def test_answers_are_set_off_and_texts_are_not(shown):
    page.answer("(b.i)", "\nOne.\n\n1. two\n")
    page.text("\nOne.\n\n1. two\n")
    assert [text for text, _ in shown] == [
        "> **Answer (b.i).** One.\n>\n> 1. two", "One.\n\n1. two"]


def test_figures_and_tables_carry_text_caption_and_a_place_for_links(shown):
    fig, _ = page.subplots()
    page.figure(fig, "A caption.", "What is seen.")
    page.figure(fig, "A caption.", "What is seen.", label="the-curves")
    page.table(["a"], [[1]], "What each costs.", label="costs")
    alt = {"image/png": {"alt": "What is seen."}, "alt": "What is seen."}
    assert shown == [
        (fig, alt), ("*A caption.*", CAPTION),
        ('<a id="the-curves"></a>', {"role": "screen"}),
        (fig, {**alt, "label": "the-curves"}), ("*A caption.*", CAPTION),
        ('<a id="costs"></a>', {"role": "screen"}),
        ("| a |\n| --: |\n| 1 |", {"label": "costs"}), ("*What each costs.*", CAPTION)]


@pytest.mark.parametrize("label", ["The curves", "a_b", "3", "ä"])
def test_labels_are_plain_and_only_what_is_numbered_has_one(shown, label):
    with pytest.raises(ValueError, match="letters, digits and hyphens, got"):
        page.figure(page.subplots()[0], "", "", label=label)
    with pytest.raises(ValueError, match="without a caption has no number, got 'a'"):
        page.table(["a"], [[1]], label="a")
    assert shown == []


def test_source_shows_a_function_as_its_file_has_it(shown):
    def inner(x):
        return x

    page.source(nn_helpers.sigmoid_activation)
    page.source(nn_helpers.sigmoid_activation, docstring=False)
    page.source(inner, docstring=False)
    lines = (nn_helpers.PROJECT / "nn_helpers.py").read_text().splitlines()
    whole, short, nested = (text.split("\n") for text, _ in shown)
    place = re.fullmatch(r"`nn_helpers.py`, lines (\d+) to (\d+):", whole[0])
    start, end = map(int, place.groups())
    assert whole[1:] == ["", "```python", *lines[start - 1 : end], "```"]
    assert whole[3] == "@quietly()" and whole[-2] == "    return g, g * (1 - g)"
    assert short[0] == whole[0][:-1] + ", without its docstring:"
    assert short[1:] == whole[1:5] + whole[whole.index('    """') + 1 :]
    assert nested[0].startswith("`test_page.py`, lines ") and "docstr" not in nested[0]
    assert nested[2:] == ["```python", "def inner(x):", "    return x", "```"]


@pytest.mark.parametrize("label", ["a < b", "x_1", 'the "loss"', "1\\2", "|x|", "{}"])
def test_figure_refuses_characters_that_its_font_does_not_have(shown, label):
    fig, ax = page.subplots()
    ax.set_xlabel(label)
    with pytest.raises(ValueError, match="must be in a formula, got") as caught:
        page.figure(fig, "", "")
    assert repr(label) in str(caught.value) and shown == []
    ax.set_xlabel(f"in a formula: ${label}$, 5 % – or more; it's")
    page.figure(fig, "", "")


def test_figure_spaces_lines_below_one_another(shown):
    fig, ax = page.subplots()
    two, one = ax.text(0, 0, "two\nlines"), ax.text(0, 0, "one line")
    before = [text.get_window_extent().height for text in (two, one)]
    page.figure(fig, "", "")
    assert two.get_window_extent().height > before[0]
    assert one.get_window_extent().height == before[1]


def test_figures_are_laid_out_once_have_plain_numbers_and_stay_out_of_pyplot():
    before = plt.get_fignums()
    fig, ax = page.subplots()
    assert plt.get_fignums() == before
    places = [ax.get_position().bounds]
    for label in ("", "a label\nthat takes\nroom"):
        ax.set_ylabel(label)
        fig.draw_without_rendering()
        places.append(ax.get_position().bounds)
    assert places[0] != places[1] == places[2]
    numbers = [tick.get_text() for tick in ax.get_xticklabels()]
    assert "0.2" in numbers and not any("$" in number for number in numbers)
    wide = [page.subplots(1, columns)[0].get_layout_engine().get()["wspace"] > 0.02
            for columns in (1, 2, 3, 4, 10)]  # a few panels apart, many digits close
    assert wide == [False, True, True, False, False]


@pytest.mark.parametrize("asked, formats", [
    (None, ("retina", "pdf", "svg")), ("svg", ("svg",))])
def test_set_up_draws_all_formats_or_those_that_are_asked_for(
        monkeypatch, asked, formats):
    chosen = Mock()
    monkeypatch.setattr(page, "set_matplotlib_formats", chosen)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    if asked:
        monkeypatch.setenv("FIGURES", asked)
    with plt.rc_context():
        page.set_up()
    assert chosen.call_args.args == formats


def test_described_adds_caption_and_text_to_a_picture(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell.instance()
    try:
        with capture_output() as seen, page.described("A caption.", "Seen.", "x"):
            print("and what is printed")
            display({"image/png": "...", "text/plain": "a picture"}, raw=True)
    finally:
        shell.clear_instance()
    place, picture, caption = ((o.data, o.metadata) for o in seen.outputs)
    assert place[0]["text/markdown"] == '<a id="x"></a>'
    assert seen.stdout == "and what is printed\n" and picture[0]["image/png"] == "..."
    alt = {"alt": "Seen."}
    assert picture[1] == {"image/png": alt, **alt, "label": "x"}
    assert caption[0]["text/markdown"] == "*A caption.*" and caption[1] == CAPTION


@pytest.mark.parametrize("n, rows, names", [
    (0, 1, []), (1, 1, []), (10, 1, []), (11, 2, ["one", "two"])])
def test_digit_grid_shows_each_image_under_its_title_in_rows_with_names(n, rows, names):
    images = np.random.default_rng(0).random((n, 28, 28, 3))  # in colours
    images = [a if k % 2 else a[..., 0].ravel() for k, a in enumerate(images)]
    fig = page.digit_grid(images, [f"title {k}" for k in range(n)], names=names)
    [ax] = fig.axes
    titles, at_left = ax.texts[:n], ax.texts[n:]
    bottom, top = ax.get_ylim()
    assert ax.get_xlim() == (0, 10) and bottom > rows and top == 0
    for k, (image, title) in enumerate(zip(ax.images, titles, strict=True)):
        assert title.get_text() == f"title {k}"
        assert np.array_equal(image.get_array().ravel(), images[k].ravel())
        left, right, under, over = image.get_extent()
        assert k % 10 < left < right < k % 10 + 1
        assert right - left == pytest.approx(under - over)
        x, y = title.get_position()
        assert x == k % 10 + 0.5 and k // 10 * bottom / rows < y < over
        assert under < (k // 10 + 1) * bottom / rows
    assert [text.get_text() for text in at_left] == names
    for text, image in zip(at_left, ax.images[::10]):
        left, _, under, over = image.get_extent()
        x, y = text.get_position()
        assert x < left and over < y < under
