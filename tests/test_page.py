"""What the notebooks share: tables, answers, figures of digits."""

import numpy as np
import pytest

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


@pytest.mark.parametrize("n, rows", [(0, 1), (1, 1), (10, 1), (11, 2)])
def test_digit_grid_shows_each_image_under_its_title(n, rows):
    images = np.random.default_rng(0).random((n, 28, 28))
    fig = page.digit_grid(images, [f"title {k}" for k in range(n)])
    drawn = [ax for ax in fig.axes if ax.images]
    assert len(fig.axes) == 10 * rows and len(drawn) == n
    for k, ax in enumerate(drawn):
        assert ax.get_title() == f"title {k}"
        assert np.array_equal(ax.images[0].get_array(), images[k])


def test_figures_stay_out_of_pyplot():
    import matplotlib.pyplot as plt

    plt.close("all")
    page.digit_grid(np.zeros((3, 784)), ["", "", ""])
    assert plt.get_fignums() == []
