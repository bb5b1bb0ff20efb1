"""What the notebooks share: tables, answers, figures of digits, and the viewers."""

import io

import numpy as np
import pytest
from PIL import Image

import page
import viewers

pytestmark = pytest.mark.notebooks


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed instead of displaying it, as (object, options)."""
    displayed = []

    def collect(thing, **options):
        displayed.append((thing, options))

    monkeypatch.setattr(page, "display", collect)
    monkeypatch.setattr(viewers, "display", collect)
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


def picture(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_digit_png_is_ink_on_paper_in_crisp_squares():
    image = np.zeros((28, 28))
    image[3, 5] = 1
    pixels = picture(viewers.digit_png(image, scale=10))
    assert pixels.shape == (280, 280) and set(pixels.ravel()) == {0, 255}
    assert (pixels[30:40, 50:60] == 0).all() and (pixels == 0).sum() == 100


def parts(viewer):
    slider, shown_picture, caption = viewer.children
    return slider, shown_picture, caption


def test_each_step_of_the_slider_shows_its_digit(shown):
    images = np.random.default_rng(0).random((5, 784))
    captions = [f"digit {k}" for k in range(5)]
    slider, shown_picture, caption = parts(viewers.browse_digits(images, captions))
    assert (slider.min, slider.max, slider.value) == (1, 5, 1)
    for k in [0, 4, 2, 1]:
        slider.value = k + 1
        assert caption.value == captions[k]
        assert shown_picture.value == viewers.digit_png(images[k])


def test_where_no_widget_can_be_shown_there_is_a_sentence(shown):
    viewers.browse_digits(np.zeros((2, 784)), ["a", "b"])
    [(bundle, options)] = shown
    assert options == {"raw": True}
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == "Here a slider pages through 2 digits, one by one."


def test_one_digit_and_none(shown):
    slider, _, caption = parts(viewers.browse_digits(np.zeros((1, 784)), ["only"]))
    assert (slider.min, slider.max, caption.value) == (1, 1, "only")
    assert viewers.browse_digits(np.zeros((0, 784)), []).value == "No digit to show."
    with pytest.raises(ValueError, match="3 images need as many captions, got 2"):
        viewers.browse_digits(np.zeros((3, 784)), ["a", "b"])
