"""What the notebooks share: tables, answers, figures of digits."""

import re

import numpy as np
import pytest
from IPython.display import display
from IPython.utils.capture import capture_output

import nn_helpers
import page

pytestmark = pytest.mark.notebooks


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed instead of displaying it, as (object, options)."""
    displayed = []

    def collect(thing, **options):
        displayed.append((thing, options))

    monkeypatch.setattr(page, "display", collect)
    return displayed


def test_table_is_markdown_with_numbers_flush_right(shown):
    page.table(["name", "value"], [["a", 1], ["b", 22]])
    assert shown[0][0].data == "| name | value |\n| :-- | --: |\n| a | 1 |\n| b | 22 |"
    assert len(shown) == 1


@pytest.mark.parametrize(
    "column",
    [
        [0, 1],
        [-0.5, 1e-15],
        ["12,080", "98.4%"],
        ["1e-5", r"$-9 \cdot 10^{-4}$"],
        ["$10^{-15}$", "**3**"],
        ["9 of 10 seeds", "74 (2 of 3)"],
        ["0.69", "", "0.56"],
        [0.1, "below 1e-10", 0.3],
    ],
)
def test_a_column_of_numbers_is_flush_right(shown, column):
    page.table(["it"], [[entry] for entry in column])
    assert shown[0][0].data.splitlines()[1] == "| --: |"


@pytest.mark.parametrize(
    "column",
    [
        [],
        ["agrees", "caught (0.40)"],
        ["4-2-1", "10-20-1"],
        ["`(4, 784)`", "`X @ W`"],
        ["3rd", "4th"],
        ["below 2e-08", 1],
        ["", None],
    ],
)
def test_a_column_of_words_is_flush_left(shown, column):
    page.table(["it"], [[entry] for entry in column])
    assert shown[0][0].data.splitlines()[1] == "| :-- |"


def test_no_result_is_a_dash_and_says_nothing_of_its_column(shown):
    page.table(["step", "width"], [[None, 74], ["-", 29], [1.0, "-"]])
    assert shown[0][0].data.splitlines()[1:] == [
        "| --: | --: |",
        "| – | 74 |",
        "| – | 29 |",
        "| 1.0 | – |",
    ]


@pytest.mark.parametrize(
    "value, text",
    [
        (0.0, "0"),
        (-1000.0, "-1000"),
        (0.25, "0.25"),
        (0.1 + 0.2, "0.3"),
        (1e-15, "$10^{-15}$"),
        (-1e20, r"$-1 \cdot 10^{20}$"),
        (4.539787e-5, r"$4.53979 \cdot 10^{-5}$"),
    ],
)
def test_number_writes_powers_of_ten(value, text):
    assert page.number(value) == text
    assert page.number(1234, digits=2) == r"$1.2 \cdot 10^{3}$"


def test_every_line_of_an_answer_is_set_off(shown):
    page.answer("(b.i)", "\nOne.\n\n1. two\n")
    assert shown[0][0].data == "> **Answer (b.i).** One.\n>\n> 1. two"


def test_figure_carries_alternative_text_and_caption(shown):
    fig, _ = page.subplots()
    page.figure(fig, "A caption.", "What is seen.")
    (drawn, options), (caption, marked) = shown
    assert drawn is fig and options == {
        "metadata": {"image/png": {"alt": "What is seen."}}
    }
    assert caption.data == "*A caption.*" and marked == {
        "metadata": {"role": "caption"}
    }


def test_what_has_a_label_has_a_place_to_lead_to(shown):
    page.figure(page.subplots()[0], "A caption.", "What is seen.", label="the-curves")
    page.table(["a"], [[1]], "What each costs.", label="costs")
    place, drawn, caption, other, table, said = shown
    assert place[0].data == '<a id="the-curves"></a>'
    assert place[1] == other[1] == {"metadata": {"role": "anchor"}}
    assert drawn[1]["metadata"]["label"] == "the-curves"
    assert table[1] == {"metadata": {"label": "costs"}}
    assert said[0].data == "*What each costs.*" and said[1] == caption[1]


def test_labels_are_plain_and_only_what_is_numbered_has_one(shown):
    for label in ("The curves", "a_b", "3", "ä"):
        with pytest.raises(ValueError, match="letters, digits and hyphens, got"):
            page.figure(page.subplots()[0], "", "", label=label)
    with pytest.raises(ValueError, match="without a caption has no number, got 'a'"):
        page.table(["a"], [[1]], label="a")
    assert shown == []


def test_source_shows_a_function_as_it_stands_in_its_file(shown):
    page.source(nn_helpers.sigmoid_activation)
    page.source(nn_helpers.sigmoid_activation, docstring=False)
    lines = (nn_helpers.PROJECT / "nn_helpers.py").read_text().splitlines()
    whole, short = (thing.data.split("\n") for thing, _ in shown)
    place = re.fullmatch(r"`nn_helpers.py`, lines (\d+) to (\d+):", whole[0])
    first, last = map(int, place.groups())
    assert whole[1:] == ["", "```python", *lines[first - 1 : last], "```"]
    assert whole[3] == "@quietly()" and whole[-2] == "    return g, g * (1 - g)"
    assert short[0] == whole[0][:-1] + ", without its docstring:"
    assert short[1:5] == whole[1:5]
    assert short[5:] == whole[whole.index('    """') + 1 :]


def test_source_takes_what_stands_within_something_else(shown):
    def inner(x):
        return x

    page.source(inner, docstring=False)
    text = shown[0][0].data
    assert text.startswith("`test_page.py`, lines ") and "docstring" not in text
    assert text.endswith("```python\ndef inner(x):\n    return x\n```")


@pytest.mark.parametrize("label", ["a < b", "x_1", 'the "loss"', "1\\2", "|x|", "{}"])
def test_figure_refuses_signs_that_its_font_has_not(shown, label):
    fig, ax = page.subplots()
    ax.set_xlabel(label)
    with pytest.raises(ValueError, match="must stand in a formula, got") as caught:
        page.figure(fig, "", "")
    assert repr(label) in str(caught.value) and shown == []
    ax.set_xlabel(f"in a formula: ${label}$, 5 % – or more; it's")
    page.figure(fig, "", "")


def test_figure_opens_lines_under_one_another(shown):
    fig, ax = page.subplots()
    texts = [ax.text(0, 0, "two\nlines"), ax.text(0, 0, "one line")]

    def heights():
        return np.array([text.get_window_extent().height for text in texts])

    before = heights()
    page.figure(fig, "", "")
    assert (heights() > before).tolist() == [True, False]


def test_set_up_draws_all_formats_or_those_that_are_asked_for(monkeypatch):
    chosen = []
    monkeypatch.setattr(
        page, "set_matplotlib_formats", lambda *formats, **_: chosen.append(formats))
    monkeypatch.setattr(page.plt, "rcParams", {})
    monkeypatch.setattr(page.plt, "rcdefaults", lambda: None)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    page.set_up()
    monkeypatch.setenv("FIGURES", "svg")
    page.set_up()
    assert chosen == [("retina", "pdf", "svg"), ("svg",)]


def test_a_few_panels_stand_apart_and_many_digits_close():
    wide = [
        page.subplots(1, columns)[0].get_layout_engine().get()["wspace"] > 0.02
        for columns in (1, 2, 3, 4, 10)
    ]
    assert wide == [False, True, True, False, False]


def test_described_adds_caption_and_text_to_a_picture(monkeypatch, tmp_path):
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell.instance()
    try:
        with capture_output() as seen, page.described("A caption.", "Seen.", "x"):
            print("and what is printed")
            display({"image/png": "...", "text/plain": "a picture"}, raw=True)
    finally:
        shell.clear_instance()
    place, picture, caption = seen.outputs
    assert place.data["text/markdown"] == '<a id="x"></a>'
    assert seen.stdout == "and what is printed\n"
    assert picture.data["image/png"] == "..."
    assert picture.metadata == {"image/png": {"alt": "Seen."}, "label": "x"}
    assert caption.data["text/markdown"] == "*A caption.*"
    assert caption.metadata == {"role": "caption"}


@pytest.mark.parametrize("n, rows", [(0, 1), (1, 1), (10, 1), (11, 2)])
def test_digit_grid_shows_each_image_under_its_title(n, rows):
    images = np.random.default_rng(0).random((n, 28, 28))
    fig = page.digit_grid(images, [f"title {k}" for k in range(n)])
    [ax] = fig.axes
    assert len(ax.images) == len(ax.texts) == n
    bottom, top = ax.get_ylim()
    assert ax.get_xlim() == (0, 10) and bottom > rows and top == 0
    for k, (image, title) in enumerate(zip(ax.images, ax.texts)):
        assert title.get_text() == f"title {k}"
        assert np.array_equal(image.get_array(), images[k])
        left, right, under, over = image.get_extent()
        row = bottom / rows
        assert k % 10 < left < right < k % 10 + 1
        assert right - left == pytest.approx(under - over)
        assert k // 10 * row < title.get_position()[1] < over < under
        assert under < (k // 10 + 1) * row
        assert title.get_position()[0] == k % 10 + 0.5


def test_digit_grid_takes_colours_and_names_of_rows():
    colours = np.random.default_rng(0).integers(0, 256, (28, 28, 3))
    fig = page.digit_grid([np.zeros(784), colours], ["", ""], 1, names=["one", "two"])
    grey, coloured = fig.axes[0].images
    assert grey.get_array().shape == (28, 28)
    assert np.array_equal(coloured.get_array(), colours)
    names = [text for text in fig.axes[0].texts if text.get_text()]
    assert [name.get_text() for name in names] == ["one", "two"]
    for name, image in zip(names, (grey, coloured)):
        left, _, under, over = image.get_extent()
        x, y = name.get_position()
        assert x < left and over < y < under


def test_a_figure_is_laid_out_once_and_has_plain_numbers():
    fig, ax = page.subplots()
    places = [ax.get_position().bounds]
    for label in ("", "a label\nthat takes\nroom"):
        ax.set_ylabel(label)
        fig.draw_without_rendering()
        places.append(ax.get_position().bounds)
    assert places[0] != places[1] == places[2]
    numbers = [tick.get_text() for tick in ax.get_xticklabels()]
    assert "0.2" in numbers and not any("$" in number for number in numbers)


def test_figures_stay_out_of_pyplot():
    import matplotlib.pyplot as plt

    plt.close("all")
    page.digit_grid(np.zeros((3, 784)), ["", "", ""])
    assert plt.get_fignums() == []
