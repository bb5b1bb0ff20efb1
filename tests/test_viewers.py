"""The viewers without a browser: every callback, driven through its widget's value."""

import asyncio
import base64
import dataclasses
import functools
import gc
import io
import json
import re
import signal
import threading
import weakref
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from ipywidgets import Play
from ipywidgets.widgets.widget import _instances
from PIL import Image
from threadpoolctl import threadpool_info, threadpool_limits

import nn_helpers as nn
import page
import viewers
from viewers import explanations, find, pictures, playground, recording, static_fallback
from viewers.controls import swatch, walk

pytestmark = pytest.mark.notebooks
ACTIVATIONS = [nn.relu_activation, nn.sigmoid_activation]
WHICH = "place in group"  # the label of the slider over mistakes
BLUE, ORANGE = [0x1B, 0x4F, 0x8A], [0xE8, 0x87, 0x1E]
FALLBACK_HTML = static_fallback.fallback_html


@pytest.fixture(scope="module")
def curves():
    """The playground's figures, each drawn for all tests once."""
    return functools.cache(playground.Curves)


@pytest.fixture(autouse=True)
def displayed(monkeypatch, curves):
    """Collect what is displayed instead of displaying it, as (object, options).

    Static fallbacks, which take longer than all else, are left empty.
    """
    shown = []
    monkeypatch.setattr(static_fallback, "display",
                        lambda thing, **options: shown.append((thing, options)))
    monkeypatch.setattr(static_fallback, "fallback_html", lambda *_: ("", 0))
    monkeypatch.setattr(playground, "Curves", curves)
    return shown


@pytest.fixture
def with_fallbacks(monkeypatch):
    monkeypatch.setattr(static_fallback, "fallback_html", FALLBACK_HTML)
    monkeypatch.setattr(static_fallback, "small", lambda png: png)  # takes too long


@pytest.fixture(scope="module")
def data():
    """A hundred digits to train on and 120 others, as rows."""
    (X, y), (X_test, y_test) = nn.get_mnist_threes_nines()
    return SimpleNamespace(X=X[:100].reshape(100, -1), y=y[:100],
                           X_test=X_test[950:1070].reshape(120, -1),
                           y_test=y_test[950:1070])


@pytest.fixture(scope="module")
def run(data):
    """A film and a history of the same short training, 12 timesteps."""
    start = (nn.create_weight_matrices([784, 6, 1], 0),
             nn.create_bias_vectors([784, 6, 1]), ACTIVATIONS)
    options = {"batch_size": 25, "num_epochs": 3, "rng": 1}
    *_, history = nn.train(data.X, data.y, data.X_test, data.y_test, *start, **options)
    return viewers.record(nn.sgd(data.X, data.y, *start, **options), start), history


@pytest.fixture(scope="module")
def network(run):
    """The network at the end of the run: it gets some of the digits wrong."""
    recorded, _ = run
    return recorded[-1][1]


@pytest.fixture
def pager(network, data):
    return viewers.look_into(network, data.X_test, data.y_test, data.X, data.y)


def with_biases(layer_dims):
    """Return an untrained network whose biases are not zero, so that they count."""
    rng = np.random.default_rng(0)
    weights = [30 * W for W in nn.create_weight_matrices(layer_dims, rng)]
    biases = [rng.normal(size=b.shape) for b in nn.create_bias_vectors(layer_dims)]
    return weights, biases, [nn.relu_activation] * (len(weights) - 1) + ACTIVATIONS[1:]


def g_of(network, image):
    return nn.forward_pass(np.reshape(image, (1, -1)), *network)[0][0]


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB")).astype(int)


def value(box, name):
    return bytes(find(box, name).value)


def type_in(box, label, typed):
    """Type a text into a dial's box; return what the box then shows, and the error."""
    dial = find(box, label)
    dial.box.value = typed
    return dial.box.value, dial.note.value


# ---- pictures ------------------------------------------------------------------------

def test_pictures_are_ink_on_paper_and_signed_ones_blue_white_and_orange():
    image, values = np.zeros((28, 28)), np.zeros((5, 784))
    image[3, 5] = 1
    grey = pixels(pictures.digit_png(image))[..., 0]
    assert grey.shape == (28, 28) and grey[3, 5] == 0 and (grey == 255).sum() == 783
    values[0, :2] = -2, 2
    colours = pixels(pictures.signed_png(values[0], 2))[0, :3]
    assert colours.tolist() == [BLUE, ORANGE, [255] * 3]
    assert (pixels(pictures.signed_png(values[1], 0)) == 255).all()
    values[4] = 2
    whole = pixels(pictures.signed_png(values, 2, rows=2, columns=3))
    assert whole.shape == (57, 86, 3) and (whole[29:, 29:57] == ORANGE).all()
    assert (whole[1:28, :28] == 255).all() and (whole[28] == 0xD9).all()


def test_small_picture_looks_like_the_large_one():
    ramp = np.linspace(0, 1, 784)
    for png in [pictures.digit_png(ramp), pictures.signed_png(2 * ramp - 1, 1),
                pictures.signed_png(np.ones((3, 784)), 1, 2, 2)]:
        small = pictures.small(png)
        assert abs(pixels(small) - pixels(png)).max() <= 16 and len(small) < len(png)
    painted = value(viewers.move_epsilon(np.sin, np.cos(1.0)), "secant")
    small = pictures.small(painted)
    assert len(small) < len(painted) / 2
    shrunk = Image.fromarray(pixels(painted).astype(np.uint8)).resize(
        (780, 250), Image.Resampling.BOX)
    ink = np.asarray(shrunk) < 250  # of decimal points, too, which are faint
    assert abs(pixels(small) - np.asarray(shrunk))[ink].mean() < 5.5


def test_figure_moves_only_what_moves_keeps_no_trace_and_its_colours():
    figure = pictures.MovingFigure()
    ax = figure.axes[1]
    ax.set(xlim=(0, 10))
    moving = ax.axvline(2, color=pictures.RUNS[3], lw=4, animated=True)
    first = pixels(figure.png())
    moving.set_xdata([8, 8])
    second = pixels(figure.png())
    moving.set_xdata([2, 2])
    moved = (first != second).any(axis=2)
    assert moved.any() and (pixels(figure.png()) == first).all()
    figure.canvas.draw()
    moving.set_animated(False)
    figure.fig.draw_artist(moving)
    exact = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    assert abs(first - exact).mean() < 0.5 and (first[0, 0] == 255).all()
    assert abs(first - exact)[moved].mean() < 0.5


# ---- reasons -------------------------------------------------------------------------

@pytest.mark.parametrize("layer_dims", [[784, 1], [784, 9, 1], [784, 9, 5, 1]])
def test_pushes_are_what_ink_adds_and_with_the_rest_the_logit(layer_dims, data):
    network = with_biases(layer_dims)

    def logit(x):
        g = g_of(network, x)
        return np.log(g / (1 - g))

    rng = np.random.default_rng(0)
    for x in data.X[:10]:
        pushed, rest = explanations.pushes(network, x)
        assert pushed.shape == (784,) and (pushed[x == 0] == 0).all()
        assert pushed.sum() + rest == pytest.approx(logit(x), abs=1e-9)
        some = x * rng.random(784)  # which gets darker or paler
        slope = (logit(x + 1e-5 * some) - logit(x - 1e-5 * some)) / 2e-5
        shares = np.divide(some, x, out=np.zeros(784), where=x > 0)
        assert pushed @ shares == pytest.approx(slope, abs=1e-4)


def test_nearest_digits_are_the_nearest(data):
    nearest = explanations.nearest_finder(data.X, data.y)
    for x in data.X_test[:5]:
        distances = np.linalg.norm(data.X - x, axis=1)
        for digit, (k, distance) in enumerate(nearest(x)):
            assert data.y[k] == digit
            assert distance == pytest.approx(distances[data.y == digit].min(), abs=1e-3)
    assert nearest(data.X[7])[data.y[7]] == (7, pytest.approx(0, abs=1e-2))


# ---- misclassified digits ------------------------------------------------------------

def choose_group(box, group):
    """Choose a group in the menu; return its size, which follows its name there."""
    menu = find(box, "show")
    [(label, menu.value)] = [
        (label, name) for label, name in menu.options if label.startswith(group)]
    return int(label.removeprefix(group).strip(" ()"))


def go_to(box, place):
    """Move the slider to a place, which is counted from 1."""
    find(box, WHICH).slider.index = place - 1


def members(box, group):
    """Page through a group and return the digits that it shows."""
    found = []
    for place in range(1, choose_group(box, group) + 1):
        go_to(box, place)
        assert find(box, WHICH).text == str(place)
        found.append(find(box, "image").value)
    assert len(find(box, WHICH).slider.options) == max(1, len(found))
    return found


def says(box, name, *parts):
    """See that a text of a viewer contains these parts."""
    for part in parts:
        assert part in find(box, name).value


def test_menu_chooses_a_group_sorted_by_how_sure_the_network_was(pager, network, data):
    g, _ = nn.forward_pass(data.X_test, *network)
    surest = np.argsort(-abs(g - 0.5), kind="stable")
    wrong = ((g > 0.5) != data.y_test)[surest]
    for name, expected in {
        "right, but least sure": surest[~wrong][::-1][:30],
        "9 taken for 3": surest[wrong & (data.y_test[surest] == 1)],
        "3 taken for 9": surest[wrong & (data.y_test[surest] == 0)],
        "all mistakes": surest[wrong],
    }.items():
        choose_group(pager, name)
        assert not len(expected) or find(pager, "image").value == expected[0]
        assert members(pager, name) == expected.tolist()


def test_box_takes_any_digit_and_the_slider_follows(pager):
    wrong = members(pager, "all mistakes")
    right, other, *_ = (k for k in range(120) if k not in wrong)
    for k, place in [(right, "–"), (other, "–"), (wrong[2], "3"), (right, "–"),
                     (wrong[0], "1")]:
        assert type_in(pager, WHICH, "99")[1]  # until another digit is chosen
        assert type_in(pager, "image", str(k)) == (str(k), "")
        assert not find(pager, WHICH).note.value
        says(pager, "digit-caption", f"Image {k}: ")
        assert find(pager, WHICH).text == place
        [player] = [one for one in walk(pager) if isinstance(one, Play)]
        assert player.disabled == (place == "–")  # for there is no next place
        assert not (player.playing and player.disabled)
        player.playing = place != "–"
    for invalid in ["5000", "12.7", "-1", "", "<b>", "–"]:
        kept, note = type_in(pager, "image", invalid)
        assert kept == str(wrong[0]) and "whole number from 0 to 119" in note
        assert "<b>" not in note and not note.startswith(" ")
    type_in(pager, WHICH, "2")
    assert find(pager, "image").value == wrong[1]
    assert type_in(pager, WHICH, "99") == (
        "2", f"99 is not taken: type a number from 1 to {len(wrong)}.")
    assert type_in(pager, "image", "-1")[1]
    go_to(pager, 3)
    assert find(pager, "image").note.value == ""


@pytest.mark.parametrize("label, typed, taken", [
    ("timestep", "7", "5"), ("timestep", "8", "10"), ("timestep", "11.9", "12"),
    ("step", "2e-5", "1.6e-05"), ("step", "1", "1.0e+00"),
])
def test_box_takes_the_nearest_place(label, typed, taken, run, data):
    box = (viewers.move_epsilon(np.sin, np.cos(1.0)) if label == "step" else
           viewers.through_time(*run, data.X_test, data.y_test))
    exact = "" if typed == "1" else (
        f"{typed} has no place on the slider: this is the nearest one.")
    assert type_in(box, label, typed) == (taken, exact)
    assert find(box, label).slider.label == taken
    find(box, label).slider.index = 0
    assert find(box, label).note.value == ""


def test_refusal_goes_when_the_other_box_of_a_film_takes_a_number(run, data):
    box = viewers.through_time(*run, data.X_test, data.y_test)
    for refusing, other in [("timestep", "image"), ("image", "timestep")]:
        assert type_in(box, refusing, "x")[1]
        assert type_in(box, other, "10") == ("10", "")
        assert find(box, refusing).note.value == ""


def test_caption_says_what_is_on_the_sheet(pager, network, data):
    """A digit, one that was edited, a drawing, or nothing; and so do all pictures."""
    sheet, k = find(pager, "sheet"), find(pager, "image").value
    find(pager, "Edit this digit").value = True
    digit = np.rint(255 * data.X_test[k]).astype(int).tolist()
    rubber = [line((0, 200), (280, 200), width=160, erase=True)]
    drawing = [line((60, 60), (200, 60))]
    network_says, truly = "The network says ", f"a {'39'[data.y_test[k]]}, "
    for strokes, below, begins in [
            ([], digit, f"Image {k}: {truly}"),
            (rubber, digit, f"Image {k}, {truly}edited. {network_says}"),
            (rubber, [], f"An empty sheet. {network_says}"),
            (drawing, [], f"Your drawing, scaled and centred. {network_says}"),
            ([], [], f"An empty sheet. {network_says}")]:
        sheet.set_state({"strokes": strokes, "digit": below})
        image = viewers.seen(strokes, below)
        assert value(pager, "digit") == pictures.digit_png(image)
        g = g_of(network, image)
        assert find(pager, "digit-caption").value.startswith(begins)
        says(pager, "digit-caption", f"{max(g, 1 - g):.3f}")
        sums = find(pager, "pushes-caption").value  # in which no number begins a line
        assert sums.count("&nbsp;") > 4 and len(re.findall(
            r"&nbsp;(?:<b>)?[-+]\d", sums)) == len(re.findall(r"[-+]\d", sums)) == 4
    for label, name in enumerate("39"):
        assert value(pager, f"mean-{name}") == pictures.digit_png(
            data.X[data.y == label].mean(axis=0))
    go_to(pager, 2)
    says(pager, "digit-caption", f"Image {find(pager, 'image').value}: a ")
    assert not sheet.strokes and sheet.digit == sheet.original != digit


def test_each_picture_is_sent_once_for_a_change(pager, run, data, monkeypatch):
    viewers.through_time(*run, data.X_test, data.y_test, follow=pager)
    find(pager, "Edit this digit").value = True
    sent = []
    monkeypatch.setattr(type(pager.comm), "publish_msg", lambda comm, kind, data, **_: (
        ("alt" in data["state"] or ["value"] in data["buffer_paths"])
        and sent.append(_instances[comm.comm_id].description)))
    go_to(pager, 3)
    assert sorted(sent) == [
        "curves", "digit", "followed", "nearest-3", "nearest-9", "pushes"]


def test_guessing_comes_before_the_reasons(pager, network, data):
    k, shown = find(pager, "image").value, value(pager, "pushes")
    find(pager, "Guess first").value = True
    assert value(pager, "pushes") == pictures.digit_png(data.X_test[k])
    judged, question = find(pager, "judged"), "Where is the ink that led it there?"
    assert judged.value == question
    pushed, _ = explanations.pushes(network, data.X_test[k])
    towards = pushed if g_of(network, data.X_test[k]) > 0.5 else -pushed
    towards = np.maximum(towards, 0).reshape(28, 28)
    find(pager, "lower left").click()
    assert value(pager, "pushes") == shown
    right = int("holds the most" not in judged.value)
    says(pager, "judged", f" First guesses: {right} of 1 right.",
         f"The lower left holds {towards[14:, :14].sum() / towards.sum():.1%}")
    find(pager, "upper right").click()  # a second guess of it does not count
    assert judged.value.endswith(f" {right} of 1 right.")
    go_to(pager, 2)
    assert judged.value == question
    assert value(pager, "pushes") == value(pager, "digit")
    find(pager, "Edit this digit").value = True
    assert judged.value == question
    find(pager, "upper left").click()
    says(pager, "judged", "The upper left holds ", " of 2 right.")
    for edits in (False, True):  # which leaves the answer in view
        find(pager, "Edit this digit").value = edits
        says(pager, "pushes-caption", "sum, the logit")
    find(pager, "sheet").set_state({"strokes": [line((60, 60), (200, 60))]})
    assert judged.value == ""  # it was about what was shown before
    go_to(pager, 3)
    find(pager, "sheet").set_state({"strokes": [], "digit": []})
    for part in ["Guess first", "upper left", "lower right"]:
        if part != "Guess first":  # when the words are there already
            find(pager, part).click()
        assert judged.value == "No ink pushed towards the network's answer."
        says(pager, "pushes-caption", "sum, the logit")  # for there is nothing to guess
    find(pager, "Edit this digit").value = False
    find(pager, "upper left").click()
    says(pager, "judged", " of 3 right.")
    go_to(pager, 4)
    find(pager, "Edit this digit").value = True
    sheet = find(pager, "sheet")
    digit = sheet.digit
    for below in ([], digit, digit):  # nothing to guess, a guess, one with it in view
        sheet.set_state({"strokes": [], "digit": below})
        find(pager, "upper left").click()
    says(pager, "judged", " of 4 right.")
    go_to(pager, 5)
    sheet.set_state({"strokes": [line((60, 60), (200, 60))]})
    find(pager, "upper left").click()  # not a guess of the digit as it is
    says(pager, "judged", "The upper left holds ", " of 4 right.")


def test_guessing_leaves_an_edit_on_the_sheet(pager):
    find(pager, "Edit this digit").value = True
    sheet = find(pager, "sheet")
    sheet.set_state({"strokes": [line((60, 60), (200, 60))]})
    edited = find(pager, "digit-caption").value
    assert ", edited. " in edited
    for guess in (True, False):
        find(pager, "Guess first").value = guess
        assert sheet.strokes and find(pager, "digit-caption").value == edited
    go_to(pager, 2)
    assert not sheet.strokes


def test_push_that_rounds_to_nothing_has_no_minus(data):
    weights = np.zeros((784, 1))
    weights[406] = -1e-4
    box = viewers.look_into(([weights], [np.full((1, 1), -1e-3)], ACTIVATIONS[1:]),
                            data.X_test, data.y_test, data.X, data.y)
    words = find(box, "pushes-caption").value  # the sum's sign decides
    assert re.findall(r"[-+]\d\.\d+", words) == [
        "-0.0001", "+0.0000", "-0.0010", "-0.0011"]
    assert "-0.0001 towards 3, +0.0000 towards 9" in find(box, "pushes").alt
    for bias, words in [(-1.0, ["+0.00", "+0.00", "-1.00", "-1.00"]),
                        (-4e-6, 2 * ["+0.0000000"] + 2 * ["-0.0000040"])]:
        box = viewers.look_into(([weights], [np.full((1, 1), bias)], ACTIVATIONS[1:]),
                                data.X_test, data.y_test, data.X, data.y)
        assert re.findall(r"[-+]\d\.\d+", find(box, "pushes-caption").value) == words
        weights = np.zeros((784, 1))
    says(box, "digit-caption", "a 3 with probability 0.500001.")


def test_mistakes_are_seen_at_a_glance_and_chosen_there(pager, data):
    wrong = members(pager, "all mistakes")
    chart = find(pager, "glance")
    for place in [1, 42, 43, 2]:
        go_to(pager, place)
        says(pager, "message", f"mistake {place} of {len(wrong)}, from the surest down")
        assert chart.at == (place - 1) % 42
        here = (1, 42) if place <= 42 else (43, len(wrong))  # a page of them
        says(pager, "message", "above are {} to {}".format(*here))
        count = here[1] - here[0] + 1
        assert chart.alt == f"At a glance: {count} of {len(wrong)}, all mistakes."
        row, column = divmod(chart.at, 14)
        tile = pixels(value(pager, "glance"))[29 * row:, 29 * column:][:28, :28, 0]
        image = data.X_test[wrong[place - 1]].reshape(28, 28)
        assert abs(tile - 255 * (1 - image)).max() < 2
    chart.choose(4)
    assert find(pager, "image").value == wrong[4] and chart.at == 4
    assert chart.places[4] == [4.5 / 14, 0.5 / 3, f"image {wrong[4]}"]
    right = next(k for k in range(120) if k not in wrong)
    type_in(pager, "image", str(right))
    says(pager, "message", f"image {right} is not in this group of {len(wrong)}")
    assert chart.at == -1
    choose_group(pager, "right, but least sure")
    assert find(pager, "message").value == "digit 1 of 30, from the least sure up"


def test_no_mistake_and_a_single_one(network, data):
    answers = (nn.forward_pass(data.X_test, *network)[0] > 0.5).astype(int)
    box = viewers.look_into(network, data.X_test, answers, data.X, data.y)
    says(box, "message", "holds none")
    assert find(box, WHICH).box.disabled
    find(box, "show").value = "right, but least sure"
    says(box, "message", "digit 1 of")
    assert not find(box, WHICH).box.disabled
    answers[4] = 1 - answers[4]
    box = viewers.look_into(network, data.X_test, answers, data.X, data.y)
    place = find(box, WHICH)
    assert find(box, "image").value == 4 and place.slider.disabled
    type_in(box, "image", "5")
    says(box, "message", "image 5 is not in this group of 1")
    assert type_in(box, WHICH, "1") == ("1", "") and find(box, "image").value == 4
    assert viewers.look_into(network, data.X_test[:1], answers[:1], data.X, data.y)


# ---- without a kernel ----------------------------------------------------------------

@pytest.fixture
def makers(network, data, run):
    """A function for each viewer, which gets those made before and makes it."""
    return {
        "pager": lambda _: viewers.look_into(
            network, data.X_test, data.y_test, data.X, data.y),
        "film": lambda made: viewers.through_time(
            *run, data.X_test, data.y_test, follow=made["pager"]),
        "secant": lambda _: viewers.move_epsilon(np.sin, np.cos(1.0)),
        "drawing": lambda _: viewers.draw_a_digit(network, data.X, data.y),
        "trainer": lambda _: new_trainer(data, run),
    }


def test_every_viewer_shows_itself_and_a_fallback_that_says_how_to_start(
    with_fallbacks, makers, displayed
):
    made = {}
    for name, make in makers.items():
        made[name] = make(made)
    assert len(displayed) == 10
    for (view, as_view), (instead, as_widget) in zip(displayed[::2], displayed[1::2]):
        assert as_view == {"raw": True, "metadata": {"role": "screen"}}
        assert "application/vnd.jupyter.widget-view+json" in view
        assert as_widget == {"raw": True, "metadata": {"role": "widget"}}
        assert instead["text/plain"].startswith("Here ")
        assert "moments" not in instead["text/plain"]  # a page has only some
        assert re.search(re.escape(instead["text/plain"]) + ".* Run &gt; Run All Cells",
                         instead["text/html"])


def test_fallback_of_the_playground_promises_no_slider(
    with_fallbacks, data, run, displayed
):
    box = new_trainer(data, run)
    page = displayed[-1][0]["text/html"]
    assert "<p>Here a viewer trains networks from scratch, where a kernel runs." in page
    assert "of 120 digits are wrong." in page
    for name in ("how-to", "goals"):
        assert find(box, name).layout.display is None
        assert find(box, name).value and find(box, name).value not in page


def test_fallback_shows_what_the_viewer_shows_at_each_place(
    with_fallbacks, pager, displayed
):
    page = displayed[-1][0]["text/html"]
    call = page[page.index("currentScript.parentElement, ...") + 32:]
    label, places, contents = json.JSONDecoder().raw_decode(call)[0]
    assert label == WHICH and places == [str(k) for k in range(1, 1 + len(places))]
    assert len(places) == len(find(pager, WHICH).slider.options) > 3
    for k in range(len(places)):
        go_to(pager, k + 1)
        shown = [part[k if len(part) > 1 else 0] for part in contents]
        assert [find(pager, "digit-caption").value] in shown
        pngs = [base64.b64decode(part[0].split(",")[1])
                for part in shown if len(part) == 2]
        assert value(pager, "pushes") in pngs and len(pngs) >= 3
    before_script, _ = page.split("<script>")
    assert before_script.count("<i></i>") == 42  # the tiles of the glance
    for k, part in enumerate(contents):
        assert len(part) in (1, len(places))
        assert f'data-part="{k}"' in before_script and part[0][0] in before_script


def test_running_a_cell_again_frees_the_viewers_it_made(makers, monkeypatch):
    """But not what a viewer of another cell still uses."""
    boxes, request = {}, {"metadata": {}, "header": {}}
    monkeypatch.setattr(static_fallback, "get_ipython",
                        lambda: SimpleNamespace(get_parent=lambda: request))

    def run_cells(names, message, session="one"):
        """Run cells; return how many models there are then."""
        request["header"] = {"msg_id": message, "session": session}
        for name in names:
            request["metadata"]["cellId"] = name
            boxes[name] = makers[name](boxes)
        gc.collect()
        gc.collect()  # what a widget's finalizer has touched goes only now
        return len(_instances)

    gc.collect()
    gc.freeze()  # all that is not made here: to go through that takes long
    count = run_cells(makers, "1")
    first = [weakref.ref(box) for box in boxes.values()]
    assert run_cells(makers, "2") == count and not any(box() for box in first)
    run_cells(["pager"], "3")
    find(boxes["film"], "image").value = 17
    says(boxes["film"], "now", "Image 17 ")
    assert find(boxes["film"], "image").comm is not None
    assert run_cells(["film"], "4") == count
    gc.unfreeze()
    shown_in_one = find(boxes["drawing"], "sheet")
    run_cells(["drawing"], "5", "another window, or one after a reload")
    assert shown_in_one.comm is not None
    run_cells(["drawing"], "6", "a third")
    assert shown_in_one.comm is None


def test_slider_does_not_move_once_it_is_shown(with_fallbacks, monkeypatch, run, data):
    """It has been through all places before, for the fallback."""
    moves, watched = [], []

    def display(bundle, metadata, **_):
        if metadata["role"] == "screen":
            view = bundle["application/vnd.jupyter.widget-view+json"]
            watched.append(_instances[view["model_id"]])
            find(watched[0], "timestep").observe(moves.append, names="value")

    monkeypatch.setattr(static_fallback, "display", display)
    box = viewers.through_time(*run, data.X_test, data.y_test)
    assert watched == [box] and moves == []
    find(box, "timestep").value = 3
    assert len(moves) == 1


def test_find_names_what_it_does_not_find(pager):
    with pytest.raises(KeyError, match="nothing like it"):
        find(pager, "nothing like it")


# ---- through time --------------------------------------------------------------------

def drawn_in(box, colour):
    """Return how many pixels of each of a film's three curves have this colour."""
    parts = np.split(pixels(value(box, "curves"))[20:-60], [390, 795], axis=1)
    return [np.sum(abs(part - colour).max(axis=2) < 40) for part in parts]


def test_film_keeps_the_first_every_fifth_and_the_last(run, data):
    recorded, history = run
    assert [t for t, _ in recorded] == [0, 5, 10, 12]
    g = explanations.probabilities(recorded[-1][1], data.X_test)
    assert ((g > 0.5) == data.y_test).mean() == history["test_accuracy"][-1]
    assert len(viewers.record(iter([]), with_biases([784, 3, 1]))) == 1


def test_film_keeps_its_networks_when_a_training_changes_them_in_place():
    start, bias = np.zeros((784, 1), np.float32), np.zeros((1, 1), np.float32)

    def steps():
        for _ in range(12):
            start[:] += 1
            yield [start], [bias], 0.5, 0.5

    film = viewers.record(steps(), ([start], [bias], ACTIVATIONS[1:]))
    assert [(t, W[0, 0]) for t, ([W], *_) in film] == [(t, t) for t in (0, 5, 10, 12)]


def test_strongest_units_come_first_on_each_side(data):
    """Above those that push towards 9, below those that push towards 3."""
    sizes = np.array([1.0, 2, 3, 4, 5] + 9 * [0.1])  # of each unit's weights
    effects = np.array([1.0, -3, 2, -1, 0.5] + 9 * [0.1])  # its output's weight
    network = ([np.tile(sizes, (784, 1)), effects[:, np.newaxis]],
               [np.zeros((1, 14)), np.zeros((1, 1))], ACTIVATIONS)
    box = viewers.through_time([(0, network)], {}, data.X_test, data.y_test)
    says(box, "now", "before the first update")
    tiles = pixels(value(box, "weights"))[14::29, 14::29]  # their middles, (2, 8, 3)
    expected = np.zeros((2, 8))
    expected[0] = [3, 5, 1] + 5 * [0.1]  # a strength of 6, 2.5, 1, and then of 0.01
    expected[1, :2] = [-2, -4]
    for colour, size in zip(tiles.reshape(16, 3), expected.ravel(), strict=True):
        square = pixels(pictures.signed_png(np.full(784, size), 5))
        assert colour.tolist() == square[0, 0].tolist()
    says(box, "weights-heading", "when one is on,", "all may be off", "If on at")


def test_tiles_tell_what_ink_does_at_the_moment_on_show(data):
    """Whose output weight changes its sign looks for the opposite before."""
    def at(t, effect):
        return t, ([np.full((784, 1), 2.0), np.full((1, 1), effect)],
                   [np.zeros((1, 1))] * 2, ACTIVATIONS)

    film = [at(0, -0.1), at(1, 0.0), at(2, 3.0)]
    box = viewers.through_time(film, {}, data.X_test, data.y_test)
    for index, sign in enumerate([-1, 0, 1]):
        find(box, "timestep").value = index
        square = pixels(pictures.signed_png(np.full(784, 2 * sign), 2))
        assert (pixels(value(box, "weights"))[:28, :28] == square).all()


def test_fate_of_a_digit_is_what_each_network_says(run, data):
    recorded, history = run
    images = np.stack([data.X_test[3], data.X_test[3], np.zeros(784)])
    box = viewers.through_time(recorded, history, images, np.array([0, 1, 1]))
    for k, label in enumerate([0, 1, 1]):
        find(box, "image").value = k
        for index, (_, network) in enumerate(recorded):
            find(box, "timestep").value = index
            g = g_of(network, images[k])
            shown = find(box, "now").value.split("probability of ")[1].split(":")[0]
            assert float(shown) == pytest.approx(g if label else 1 - g, abs=6e-4)


def test_film_of_one_update_draws_a_point_and_tells_a_close_call(data):
    network = [np.zeros((784, 1))], [np.full((1, 1), -4e-4)], ACTIVATIONS[1:]
    history = {"train_loss": [0.7], "train_accuracy": [0.4]}
    box = viewers.through_time([(0, network), (1, network)], history, data.X_test,
                               np.ones(120))
    says(box, "now", "probability of 0.499900: wrong")
    assert min(drawn_in(box, ORANGE)[:2]) > 20


@pytest.mark.parametrize("label, verdict", [(0, "right"), (1, "wrong")])
def test_a_tie_means_a_3(label, verdict, data, trainer):
    tie = [np.zeros((784, 1))], [np.zeros((1, 1))], ACTIVATIONS[1:]
    box = viewers.through_time([(0, tie)], {}, data.X_test, np.full(120, label))
    says(box, "now", f"probability of 0.500000: {verdict}")
    says(box, "fate", {0: "0, which is the last", 1: "none"}[label])
    run = dataclasses.replace(trainer.runs[0], film=[(0, tie)], colour="#000000")
    trainer.add(run, trainer.runs)
    assert run.wrong == np.sum(data.y_test)


@pytest.mark.parametrize("right, words", [
    ([0, 0, 0, 0], "none"),
    ([1, 1, 1, 1], "0&ndash;15, which is the last"),
    ([0, 1, 1, 0], "5&ndash;10, and at no later one"),
    ([0, 1, 0, 0], "5, and at no later one"),
    ([1, 0, 0, 1], "0, 15, which is the last"),
    (20 * [1, 0], "0, 10, 16 more stretches, 180, 190, and at no later one"),
])
def test_fate_of_a_digit_is_told_of_the_moments_kept_alone(right, words):
    times = 5 * np.arange(len(right))
    assert recording.spells(np.array(right, bool), times) == (
        f"Timesteps kept: {len(right)}, from 0 to {times[-1]}. "
        f"Among these, the digit was right at {words}.")


def test_each_moment_has_a_place_in_each_of_the_three_curves(run, data):
    box = viewers.through_time(*run, data.X_test, data.y_test)
    chart = find(box, "curves")
    for place in [2, 4 + 2, 8 + 2]:  # the third moment
        find(box, "timestep").value = 0
        chart.choose(place)
        says(box, "now", "Timestep 10")
        assert chart.at == 2
    x = [x for x, _, words in chart.places if words == "timestep 10"]
    assert 0 < x[0] < 1 / 3 < x[1] < 2 / 3 < x[2] < 1


# ---- training is a slider ------------------------------------------------------------

SMALL = {"hidden_units": 10, "batch_size": 20, "epochs": 2, "seed": 3}
FINISHED = "step size 0.1, hidden 10, batch 20, epochs 2, seed 3"
RUN_ABOVE = "the run above"


def new_trainer(data, run):
    """Return a playground whose run above is run."""
    recorded, history = run
    return viewers.train_yourself(
        *vars(data).values(), recorded[-1][1], history, {}, recorded)


@pytest.fixture
def trainer(data, run):
    """A playground whose first run has a film of four moments."""
    return new_trainer(data, run)


@pytest.fixture
def two_runs(trainer):
    """The same with a second run."""
    asyncio.run(trained(trainer, **SMALL))
    return trainer


async def ended(box):
    while not find(box, "Stop").disabled:
        await asyncio.sleep(0.001)


async def trained(box, **settings):
    """Move sliders, wait until the training has ended; return the status line."""
    for label, chosen in settings.items():
        find(box, label.replace("_", " ")).value = chosen
    await ended(box)
    return find(box, "status").value


async def settled():
    """Wait until no training is under way, not even one that has been dropped."""
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)


def choose_run(box, menu, name):
    """Choose a run by its name in one of the menus; return it."""
    find(box, menu).value = dict(find(box, menu).options)[name]
    return find(box, menu).value


def test_a_place_is_the_network_that_train_gives_with_its_settings(two_runs, data):
    rng = np.random.default_rng(3)
    weights, biases, _ = nn.train(
        data.X, data.y, None, None, nn.create_weight_matrices([784, 10, 1], rng),
        nn.create_bias_vectors([784, 10, 1]), ACTIVATIONS, batch_size=20, num_epochs=2,
        rng=rng)
    networks = two_runs.networks
    assert list(networks) == [RUN_ABOVE, FINISHED]
    W, b, _ = networks[FINISHED]
    for one, other in zip(W + b, weights + biases):
        assert one.dtype == np.float32 and abs(one - other).max() < 1e-5
    g, _ = nn.forward_pass(data.X_test, weights, biases, ACTIVATIONS)
    wrong = np.sum((g > 0.5) != data.y_test)
    says(two_runs, "status", f"{FINISHED}: finished.", f": {wrong} of 120 digits",
         " Goals reached, see below: 0 of 3.")
    says(two_runs, "runs", f"{1 - wrong / 120:.2%}")


def test_a_new_run_ends_the_one_before_and_leaves_nothing_of_it(trainer):
    async def move():
        find(trainer, "batch size").value = 1
        for step_size in [0.2, 0.3, 0.5, 0.7]:
            find(trainer, "step size").value = step_size
            await asyncio.sleep(0.02)
            assert not find(trainer, "Stop").disabled
        return await trained(trainer, epochs=1)

    assert "step size 0.7, hidden 200, batch 1, epochs 1" in asyncio.run(move())
    assert find(trainer, "runs").value.count("<tr>") == 3 == 1 + len(trainer.networks)
    film = find(trainer, "run on show").value.film
    assert film[-1][0] == 100 and 40 < len(film) < 70  # not each update is kept


def test_training_uses_one_blas_thread_and_gives_the_others_back(
    trainer, monkeypatch
):
    def threads():
        return {pool["num_threads"] for pool in threadpool_info()
                if pool["user_api"] == "blas"}

    def watched(*arguments, **options):
        for step in nn.sgd(*arguments, **options):
            seen.append(threads())
            yield step

    seen = []
    monkeypatch.setattr(playground, "sgd", watched)
    with threadpool_limits(2, "blas"):
        asyncio.run(trained(trainer, **SMALL))
        assert threads() == {2}
    assert len(seen) >= 10 and all(one == {1} for one in seen)


def test_another_trainer_ends_a_training_which_keeps_the_network_so_far(
    trainer, data, run
):
    async def begin_and_begin_elsewhere():
        find(trainer, "batch size").value = 1
        find(trainer, "epochs").value = 30
        await asyncio.sleep(0.05)
        other = new_trainer(data, run)  # its run begins before the first has ended
        assert "finished" in await trained(other, hidden_units=3)
        await ended(trainer)

    asyncio.run(begin_and_begin_elsewhere())
    [(_, stopped), _] = find(trainer, "run on show").options
    assert 0 < stopped.film[-1][0] < 3000
    says(trainer, "status", f"stopped at timestep {stopped.film[-1][0]:,}.")
    assert len(trainer.networks) == 2


def test_typed_settings_are_taken_or_named_invalid(trainer):
    async def typed():
        assert type_in(trainer, "step size", "0.25") == ("0.25", "")
        assert type_in(trainer, "hidden units", "7") == ("7", "")
        for invalid in ["0", "abc", "nan", "-1", "0.0005", "1000"]:  # off the chart
            kept, note = type_in(trainer, "step size", invalid)
            assert kept == "0.25" and f"{invalid} is not taken" in note
        assert "whole number" in type_in(trainer, "epochs", "2.5")[1]
        for size in ("7", "all"):
            assert type_in(trainer, "batch size", size) == (size, "")
        assert find(trainer, "batch size").value == 100
        assert find(trainer, "epochs").note.value == ""
        return await trained(trainer, epochs=1)

    assert "step size 0.25, hidden 7, batch all," in asyncio.run(typed())


@pytest.mark.parametrize("typed, trained_with", [
    ("2.0000001", 2), ("0.12345678", 0.123457), ("0.070", 0.07), ("99.9999999", 100)])
def test_step_size_is_what_is_shown_of_it(typed, trained_with):
    dial = playground.setting_dials(12000)["step_size"]
    dial.box.value = typed
    assert dial.value == trained_with == float(dial.box.value)
    assert len(set(dial.slider.options)) == len(dial.slider.options)


@pytest.mark.parametrize("label, typed, before, after", [
    ("batch_size", "7", "1", "10"), ("batch_size", "11999", "5000", "all"),
    ("hidden", "1500", "400", None), ("step_size", "0.25", "0.2", "0.3"),
    ("seed", "4711", "20", None),
])
def test_typed_setting_gets_a_place_between_its_neighbours(label, typed, before, after):
    """A screen reader hears the slider's text; each change of value begins a run."""
    dial, values = playground.setting_dials(12000)[label], []
    dial.observe(lambda change: values.append(change.new), "value")
    dial.box.value = typed
    assert values == [float(typed)]
    assert dial.box.value == dial.slider.label == typed
    here, texts = dial.slider.index, [*dial.slider.options, None]
    assert texts[here - 1:here + 2] == [before, typed, after]
    for index in (here - 1, here):
        dial.slider.index = index
        assert dial.box.value == dial.slider.label == texts[index]
    assert values == [float(typed), float(before), float(typed)]


def test_dot_of_any_run_and_a_low_loss_are_on_the_chart():
    curves = playground.Curves(1000)
    loss, ends = curves.loss, curves.ends
    low = 900, 0.00085  # as after 15 epochs in batches of 20
    assert loss.bbox.contains(*loss.transData.transform(low))
    _, smallest, largest = playground.setting_dials(100)["step_size"].limits
    for end in [(smallest, 0.9), (largest, curves.LEAST)]:
        assert ends.bbox.contains(*ends.transData.transform(end))
    run = run_of(0.1, 1, 0)
    run.colour, run.history["train_loss"] = pictures.RUNS[0], 900 * [1e-9]
    assert in_thirds(curves.paint([run]), run.colour)[0] > 100


def test_six_runs_stay_and_each_place_of_a_step_size(trainer):
    async def many():
        for step_size in [0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 0.2]:
            await trained(trainer, **{**SMALL, "epochs": 1}, step_size=step_size)

    async def again():
        [old] = [k for k, (*_, words) in enumerate(chart.places)
                 if re.match("step size 0.1,.* trained again", words)]
        chart.choose(old)
        assert find(trainer, "step size").value == 0.1
        await ended(trainer)

    chart = find(trainer, "run-curves")
    before = value(trainer, "run-curves")
    asyncio.run(many())
    rows = find(trainer, "runs").value.split("<tr>")[1:]
    assert len(rows) == 7 and RUN_ABOVE in rows[-1] and "step size 0.2," in rows[1]
    assert len(trainer.networks) == 6 and value(trainer, "run-curves") != before
    with_film = [run for run in trainer.tried if run.film]
    assert len(trainer.tried) == 8 and len(with_film) == 6
    asyncio.run(again())
    says(trainer, "status", "step size 0.1, hidden 10, batch 20, epochs 1", "finished")
    says(trainer, "key", "a click shows one, or trains it again if it is no longer")
    assert len(trainer.tried) == 8


def test_training_that_breaks_down_says_why(data, run):
    X = data.X.copy()
    X[:, 300] = np.nan  # in the first mini-batch
    box = new_trainer(SimpleNamespace(**vars(data) | {"X": X}), run)
    status = asyncio.run(trained(box, seed=1))
    assert "broke down: " in status and "finite" in status
    assert find(box, "Stop").disabled
    find(box, "Go through its training").click()
    says(box, "now", "before the first update")


def in_thirds(picture, colour):
    """Return how many pixels of a colour are in each third of a picture's width."""
    near = abs(pixels(picture) - [int(colour[k:k + 2], 16) for k in (1, 3, 5)]) < 20
    return [int(third.sum()) for third in np.split(near.all(axis=2), 3, axis=1)]


def test_run_of_one_update_is_seen(trainer):
    asyncio.run(trained(trainer, hidden_units=10, batch_size=100, epochs=1))
    on_the_loss, *_ = in_thirds(value(trainer, "run-curves"), pictures.RUNS[1])
    assert on_the_loss > 10


def test_dots_have_the_colours_of_their_runs_which_a_key_names(two_runs):
    above, second, *_ = pictures.RUNS
    on_the_loss = {}  # of a colour, while a colour is on show
    for name, mine, other in [(FINISHED, second, above), (RUN_ABOVE, above, second)]:
        choose_run(two_runs, "run on show", name)
        find(two_runs, "compare with").value = ""
        picture = value(two_runs, "run-curves")
        on_the_loss[mine, mine], *dots = in_thirds(picture, mine)
        on_the_loss[other, mine] = in_thirds(picture, other)[0]
        assert min(dots) > 10
        assert in_thirds(picture, other)[1:] == [0, 0]
        says(two_runs, "key", "Thick line, large dot, filled dots: ",
             f"{swatch(mine)} {name}.")
    for mine, other in [(above, second), (second, above)]:
        assert on_the_loss[mine, mine] > 300  # no other line lies on the thick one
        assert on_the_loss[mine, mine] > 1.3 * on_the_loss[mine, other]
    assert on_the_loss[above, second] > 5  # which goes on for two timesteps more
    choose_run(two_runs, "compare with", FINISHED)
    assert in_thirds(value(two_runs, "run-curves"), second)[2] > 10
    says(two_runs, "key", f"Hollow dots: {swatch(second)} {FINISHED}.")


def test_any_run_is_opened_under_its_name_and_compared_with_another(two_runs, data):
    box, options = two_runs, find(two_runs, "run on show").options
    assert [name for name, _ in options] == [FINISHED, RUN_ABOVE]
    assert find(box, "compare with").label == "–"
    before = value(box, "run-curves")

    def chance(run):
        """Return the probability of a 9 that a run gives to the digit on show."""
        return g_of(run.film[-1][1], data.X_test[find(box, "image").value])

    for name, other in [(FINISHED, RUN_ABOVE), (RUN_ABOVE, FINISHED)]:
        chosen = choose_run(box, "run on show", name)
        compared = choose_run(box, "compare with", other)
        assert value(box, "run-curves") != before
        says(box, "runs", f"<b>{name}</b>")
        find(box, "Look into its mistakes").click()
        says(box, "opened", f"<b>The mistakes of {name}</b>")
        assert len(members(box, "all mistakes")) == chosen.wrong
        g = chance(compared)
        says(box, "digit-caption",
             f"And {other}: {'39'[int(g > 0.5)]}, {max(g, 1 - g):.3f}.")
        find(box, "Go through its training").click()
        says(box, "opened", f"<b>The training of {name}</b>")
        assert len(find(box, "timestep").places) == len(chosen.film)
        g = chance(compared)
        label = data.y_test[find(box, "image").value]
        says(box, "now", f"{other}, which ends at {g if label else 1 - g:.3f}")


def test_another_comparison_leaves_open_what_is_open(two_runs):
    find(two_runs, "Look into its mistakes").click()
    choose_group(two_runs, "right, but least sure")
    go_to(two_runs, 3)
    before = find(two_runs, "digit-caption").value
    choose_run(two_runs, "compare with", RUN_ABOVE)
    says(two_runs, "digit-caption", f"{before} <br>And {RUN_ABOVE}: ")
    assert f"{before} And {RUN_ABOVE}: " in find(two_runs, "digit").alt
    choose_run(two_runs, "compare with", "–")
    assert find(two_runs, "digit-caption").value == before
    find(two_runs, "Go through its training").click()
    find(two_runs, "timestep").value = 2
    without, before = value(two_runs, "curves"), find(two_runs, "now").value
    choose_run(two_runs, "compare with", RUN_ABOVE)
    says(two_runs, "now", f"{before} <br>Dashed: {RUN_ABOVE}, which ends at ",
         ", timestep 12.")
    assert value(two_runs, "curves") != without
    choose_run(two_runs, "compare with", "–")
    assert find(two_runs, "now").value == before
    assert value(two_runs, "curves") == without


def test_run_on_show_is_not_offered_to_compare_it_with(two_runs):
    for name, other in [(FINISHED, RUN_ABOVE), (RUN_ABOVE, FINISHED)]:
        choose_run(two_runs, "run on show", name)
        assert find(two_runs, "compare with").label == "–"
        names = [offered for offered, _ in find(two_runs, "compare with").options]
        assert names == ["–", other]
        choose_run(two_runs, "compare with", other)


def test_loss_has_room_for_the_runs_in_the_menus_and_no_more(trainer):
    def place():
        choose_run(trainer, "run on show", RUN_ABOVE)
        return next(x for x, _, words in find(trainer, "run-curves").places
                    if words == "timestep 12")

    before = place()
    asyncio.run(trained(trainer, hidden_units=1, epochs=11, batch_size=1))
    assert place() < before
    for seed in range(1, 6):
        asyncio.run(trained(trainer, epochs=1, seed=seed))
    assert place() == before


def test_what_is_opened_stays_when_a_training_ends_until_it_is_closed(trainer):
    find(trainer, "Look into its mistakes").click()
    find(trainer, "show").value = "right, but least sure"
    asyncio.run(trained(trainer, **SMALL))
    assert find(trainer, "run on show").value.name == FINISHED
    says(trainer, "opened", f"The mistakes of {RUN_ABOVE}")
    assert find(trainer, "show").value == "right, but least sure"
    find(trainer, "Look into its mistakes").click()
    says(trainer, "opened", f"The mistakes of {FINISHED}")
    find(trainer, "Close").click()
    assert not trainer.opened.children


def test_film_of_a_run_here_draws_its_own_two_curves_and_no_test_set(two_runs):
    find(two_runs, "Go through its training").click()
    orange, blue = (drawn_in(two_runs, colour) for colour in (ORANGE, BLUE))
    assert min(orange[:2]) > 100 and orange[2] == 0 and sum(blue) == 0


@pytest.mark.parametrize("numbers", [
    [0.7], [0.7, 0.5], [0.7, 0.4, 0.02], [0.7, 7e-4], [17, 8e-4], [17, 3e-9],
    [34, 1e-16]])
def test_a_films_axes_have_numbers_however_short_or_long_it_is(numbers):
    figure = recording.Curves({"train_loss": numbers}, np.arange(len(numbers) + 1))
    assert figure.png()
    loss, *_ = figure.axes
    for axis, (low, high) in [(loss.xaxis, loss.get_xlim()),
                              (loss.yaxis, loss.get_ylim())]:
        ticks = zip(axis.get_ticklocs(), axis.get_ticklabels())
        assert 1 < sum(low <= at <= high and text.get_text() != ""
                       for at, text in ticks) < 13


def test_film_of_single_digits_draws_their_share_of_mistakes_inside_its_axes():
    hits = np.ones(12_000)
    hits[20::40] = 0  # mini-batches of 1, of which one in 40 is a mistake
    figure = recording.Curves({"train_accuracy": hits}, np.arange(12_001))
    _, mistakes, _ = figure.axes
    [curve] = mistakes.lines[:1]
    low, high = mistakes.get_ylim()
    assert low < curve.get_ydata().min() <= curve.get_ydata().max() < high
    assert curve.get_ydata()[-1] == pytest.approx(1 / 40, abs=0.003)
    assert curve.get_ydata()[0] == figure.LEAST  # none yet
    assert mistakes.get_yticklabels()[0].get_text() == f"≤{figure.LEAST:.1%}"


def test_places_of_the_curves_open_moments_runs_and_digits(two_runs):
    box, chart = two_runs, find(two_runs, "run-curves")
    names = [name for *_, name in chart.places]
    assert all(0 < x < 1 and 0 < y < 1 for x, y, _ in chart.places)
    moments = [t for t, _ in find(box, "run on show").value.film][1:]
    assert names[:len(moments)] == [f"timestep {t}" for t in moments]
    picture, orange = pixels(value(box, "run-curves")), [0xD5, 0x5E, 0]
    for x, y, _ in chart.places[:len(moments)]:  # each is on the curve
        row, column = (round(share * n) for share, n in zip((y, x), picture.shape))
        near = picture[row - 3:row + 4, column - 3:column + 4]
        assert abs(near - orange).max(axis=2).min() < 20
    chart.choose(1)
    says(box, "now", f"Timestep {moments[1]}")
    third_digit = len(moments) + 2 + 2  # after two runs
    number = re.match(r"image (\d+), probability 0", names[third_digit])[1]
    chart.choose(third_digit)
    says(box, "digit-caption", f"Image {number}: ")
    says(box, "opened", f"The mistakes of {FINISHED}")
    chart.choose(names.index(RUN_ABOVE))
    assert find(box, "run on show").value.name == RUN_ABOVE
    says(box, "opened", f"The mistakes of {FINISHED}")  # until it is closed


LABELS = ["step size", "hidden units", "epochs", "batch size", "seed"]


def test_dials_go_to_the_run_on_show_but_not_while_another_is_trained(two_runs):
    def dials():
        return [find(two_runs, label).text for label in LABELS]

    async def choose_while_it_trains():
        find(two_runs, "epochs").value = 30
        choose_run(two_runs, "run on show", RUN_ABOVE)
        assert dials() == ["0.1", "10", "30", "20", "3"]
        await ended(two_runs)
        assert find(two_runs, "run on show").value.settings["num_epochs"] == 30

    for name, texts in [(RUN_ABOVE, ["0.1", "200", "5", "all", "0"]),
                        (FINISHED, ["0.1", "10", "2", "20", "3"])]:
        choose_run(two_runs, "run on show", name)
        assert dials() == texts and find(two_runs, "Stop").disabled
    asyncio.run(choose_while_it_trains())


def test_back_to_the_run_above_puts_all_dials_back(two_runs):
    box = two_runs

    async def back():
        find(box, "seed").value = 5  # which is dropped
        find(box, "Back to the run above").click()
        await settled()

    asyncio.run(back())
    assert [find(box, label).value for label in LABELS] == [0.1, 200, 5, 100, 0]
    assert find(box, "run on show").value.name == RUN_ABOVE
    says(box, "status", f"{RUN_ABOVE}: finished. Test accuracy ")
    assert find(box, "runs").value.count("<tr>") == 3


class Lock:
    """A lock that says when another thread than the main one waits for it."""

    def __init__(self, waits):
        self.lock, self.waits = threading.RLock(), waits

    def __enter__(self):
        if threading.current_thread() is not threading.main_thread():
            self.waits.set()
        self.lock.acquire()

    def __exit__(self, *_error):
        self.lock.release()


def in_another_thread(act_there, trainer, monkeypatch, during):
    """Let another thread act while a slice is trained, or the run that ended is added.
    """
    def press():
        act_there()
        waits.set()  # or it has not waited

    def interrupted(*arguments, **options):
        if not pressing.ident:
            pressing.start()
            assert waits.wait(60)
        return act(*arguments, **options)

    async def train():
        trainer.loop = asyncio.get_running_loop()  # as where a notebook's cell made it
        find(trainer, "epochs").value = 1
        while not pressing.ident or pressing.is_alive():
            await asyncio.sleep(0)
        await settled()

    waits, pressing = threading.Event(), threading.Thread(target=press)
    act = getattr(playground, during)
    monkeypatch.setattr(playground, during, interrupted)
    monkeypatch.setattr(playground, "LOCK", Lock(waits), raising=False)
    asyncio.run(train())


@pytest.mark.parametrize("during", ["sgd", "probabilities"])
def test_back_in_another_thread_is_not_overtaken_by_the_training(
    trainer, monkeypatch, during
):
    back = find(trainer, "Back to the run above").click
    in_another_thread(back, trainer, monkeypatch, during)
    says(trainer, "status", f"{RUN_ABOVE}: finished. Test accuracy ")
    assert find(trainer, "run on show").value.name == RUN_ABOVE
    assert find(trainer, "Stop").disabled and find(trainer, "epochs").value == 5


@pytest.mark.parametrize("during", ["sgd", "probabilities"])
def test_dial_moved_in_another_thread_stays_where_it_is_moved_to(
    trainer, monkeypatch, during
):
    def move():
        find(trainer, "seed").value = 7

    in_another_thread(move, trainer, monkeypatch, during)
    assert find(trainer, "seed").value == 7
    says(trainer, "status", "epochs 1, seed 7: finished.")


def test_training_that_another_thread_begins_hears_an_interrupt(data, run):
    """A thread other than the main one may not set what handles it."""
    async def train():
        box = new_trainer(data, run)
        moving = threading.Thread(
            target=lambda: asyncio.run(trained(box, batch_size=1, epochs=100)))
        moving.start()
        while "epochs 100" not in find(box, "status").value:  # 5 come before
            assert moving.is_alive()
            await asyncio.sleep(0)
        signal.raise_signal(signal.SIGINT)
        await ended(box)
        moving.join()
        return find(box, "status").value

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as ipykernel does
    try:
        assert "epochs 100, seed 0: stopped at timestep " in asyncio.run(train())
    finally:
        signal.signal(signal.SIGINT, before)


def test_curve_grows_while_it_trains_and_nothing_else_is_drawn(trainer, monkeypatch):
    monkeypatch.setattr(playground, "REDRAW", 0)
    names = "run-curves", "runs"

    async def watched():
        before, seen = [find(trainer, name).value for name in names], set()
        find(trainer, "batch size").value = 1
        while len(seen) < 5:
            await asyncio.sleep(0)
            seen.add(value(trainer, "run-curves"))
        assert [find(trainer, name).value for name in names[1:]] == before[1:]
        find(trainer, "Stop").click()
        await ended(trainer)

    asyncio.run(watched())


def test_training_among_six_runs_has_a_colour_and_room_of_its_own(trainer):
    def place():
        return next(x for x, _, words in find(trainer, "run-curves").places
                    if words == "timestep 12")

    async def train_among_six():
        before = place()
        for seed in range(1, 6):
            await trained(trainer, **{**SMALL, "epochs": 1, "seed": seed})
        find(trainer, "batch size").value = 1
        find(trainer, "epochs").value = 100
        while "epochs 100" not in find(trainer, "status").value:
            await asyncio.sleep(0)
        colour = re.search("background:(#[0-9a-f]+)", find(trainer, "status").value)[1]
        table = find(trainer, "runs").value
        assert table.count("<tr>") == 7 and colour not in table
        choose_run(trainer, "run on show", RUN_ABOVE)
        assert place() < before and not find(trainer, "Stop").disabled
        find(trainer, "Stop").click()
        await ended(trainer)
        assert f"background:{colour}" in find(trainer, "runs").value

    asyncio.run(train_among_six())


def run_of(step_size, hidden, wrong):
    """Return a finished run that has so many of its test digits wrong."""
    return playground.Run({"step_size": step_size, "hidden": hidden, "seed": 0},
                          f"run of {hidden}", "", "finished", {}, [],
                          np.repeat([0.0, 1], [wrong, 1000]))


LARGER = [size for size in playground.STEP_SIZES if size > 2]


@pytest.mark.parametrize("runs, reached", [
    ([(0.1, 200, 30)], [None] * 3),
    ([(0.1, 200, 29)], ["29", None, None]),
    ([(0.1, 10, 19), *((0.1, n, 40) for n in (5, 3, 2, 1))], ["19", "10", None]),
    ([(0.1, 10, 19), *((0.1, n, 40) for n in (5, 3, 2))], ["19", None, None]),
    ([(0.1, 10, 19), *((0.3, n, 40) for n in (5, 3, 2, 1))], ["19", None, None]),
    ([(0.1, 10, 19), (0.1, 5, 40), (0.3, 2, 19), (0.1, 1, 40)], ["19", None, None]),
    ([(0.1, 10, 19), (0.1, 5, 40), (0.1, 2, 19), (0.1, 1, 40)], ["19", "2", None]),
    ([(0.1, 1, 35), (2.0, 50, 50)], [None] * 3),
    ([(0.1, 1, 12)], ["12", "1", None]),
    ([(2.0, 50, 50), (3.0, 50, 500)], [None] * 3),
    ([(2.0, 50, 50), *((size, 50, 500) for size in LARGER)], [None, None, "2"]),
    ([(2.0, 20, 50), *((size, 50, 500) for size in LARGER)], [None] * 3),
    ([(100.0, 50, 50)], [None, None, "100"]),
])
def test_goals_are_ticked_once_finished_runs_prove_them(runs, reached):
    lines = playground.goals([run_of(*one) for one in runs]).split("<br>")[1:]
    assert [line.split("<b>")[1].split(", done")[0] if "☑" in line else None
            for line in lines] == reached


def test_goals_reached_are_counted_below_the_sliders_after_a_training(two_runs):
    find(two_runs, "goals").value = playground.goals([run_of(0.1, 1, 12)])
    choose_run(two_runs, "run on show", RUN_ABOVE)
    assert "Goals" not in find(two_runs, "status").value
    choose_run(two_runs, "run on show", FINISHED)
    says(two_runs, "status", " Goals reached, see below: 2 of 3.")


def test_goals_name_what_would_prove_them():
    runs = [run_of(0.1, 10, 19), run_of(0.1, 2, 19), run_of(50.0, 2, 19)]
    _, least, fewest, largest = playground.goals(runs).split("<br>")
    assert least.endswith("<b>19, done</b>")
    assert fewest.endswith(": 2 so far; proven once 1 fail, all else as in run of 2")
    assert largest.endswith(
        ": 50 so far; proven once 70, 100 fail, all else as in run of 2")
    assert "0.15, 0.2, 0.3, 0.5, 0.7, 1," in playground.goals(runs[:2])


def test_goal_once_reached_stays_so_and_tells_with_which_settings():
    runs = [run_of(2.0, 1, 50), *(run_of(size, 1, 500) for size in LARGER)]
    done = "<b>2, done</b>, all else as in run of 1"
    assert playground.goals(runs).endswith(done)
    assert playground.goals([*runs, run_of(5.0, 7, 20)]).endswith(done)


# ---- finite differences --------------------------------------------------------------

def test_error_of_each_step_has_its_cause():
    box = viewers.move_epsilon(np.exp, 1.0, a=0.0)
    for index, cause in [(5, "bends"), (26, "balance"), (60, "rounded")]:
        find(box, "secant").choose(index)
        says(box, "epsilon", cause)
        assert find(box, "secant").at == find(box, "step").value == index


# ---- drawing -------------------------------------------------------------------------

def line(*points, width=22, erase=False):
    """Return a stroke, as the sheet makes it."""
    return {"points": [list(point) for point in points], "width": width, "erase": erase}


def test_mnist_digit_drawn_ten_times_larger_comes_back_as_itself():
    _, (X_test, _) = nn.get_mnist_threes_nines()
    for image in X_test[:200]:
        rows, columns = np.nonzero(image)
        if max(np.ptp(rows), np.ptp(columns)) != 19:
            continue  # MNIST's own anti-aliasing left a row of it empty
        sheet = np.zeros((500, 500), np.uint8)
        sheet[100:380, 37:317] = np.kron(255 * image, np.ones((10, 10)))
        assert abs(viewers.as_mnist(sheet) - image).max() < 0.01


def test_drawing_keeps_its_proportions_and_gets_grey_edges():
    wide = viewers.seen([line((20, 100), (260, 103))])
    rows, columns = np.nonzero(wide)
    assert np.ptp(columns) == 19 and np.ptp(rows) <= 2
    assert ((wide > 0) & (wide < 0.9)).any() and wide.max() > 0.9


@pytest.mark.parametrize("strokes", [
    [], [line((140, 140))], [line((0, 0), (0, 0))], [line((-50, -50), (400, 400))],
    [line((5, 5), (5, 270), (270, 270))], [line((-500, -500))],
    [line((140, 140), erase=True)], [line((9, 9), width=1), line((9, 9), erase=True)],
])
def test_any_drawing_fits_the_field(strokes):
    image = viewers.seen(strokes)
    assert image.shape == (28, 28) and image.min() >= 0 and image.max() <= 1


def test_drawing_is_centred_by_mass_and_as_fine_when_small():
    for strokes in viewers.EXAMPLES.values():
        large = viewers.seen(strokes)
        for axis in (0, 1):
            mass = large.sum(axis=1 - axis)
            assert abs(mass @ np.arange(28) / mass.sum() - 14) <= 0.5
        small = viewers.seen([line(*(np.array(s["points"]) / 14 + 3),
                                   width=s["width"] / 14) for s in strokes])
        moves = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]  # by rounding
        assert min(abs(np.roll(small, m, (0, 1)) - large).mean() for m in moves) < 0.01


def test_eraser_takes_ink_away_and_later_strokes_lie_above_it():
    both = [line((60, 140), (220, 140)), line((140, 60), (140, 220))]
    gone = [both[0], line((140, 60), (140, 220), width=40, erase=True), both[1]]
    sheets = [viewers.ink(strokes) for strokes in (both, gone[:2], gone)]
    assert [sheet[140, 140] for sheet in sheets] == [255, 0, 255]
    assert [sheet[140, 160 - 5] for sheet in sheets] == [255, 0, 0]


def test_digit_below_the_strokes_stays_in_its_place(data):
    digit = data.X_test[0]
    levels = np.rint(255 * digit).astype(int).tolist()
    assert abs(viewers.seen([], levels).ravel() - digit).max() < 1e-12
    dot = viewers.seen([line((15, 25), width=10)], levels) - digit.reshape(28, 28)
    assert dot[2, 1] > 0.7 and np.count_nonzero(dot > 0.1) == 1
    rubbed = viewers.seen([line((0, 140), (280, 140), width=100, erase=True)], levels)
    assert not rubbed[10:18].any() and rubbed[18:].any()


# ---- figures for print ---------------------------------------------------------------

def test_figure_of_reasons_has_each_digit_above_its_pushes(network, data):
    fig = viewers.reasons_figure(network, data.X_test[:3])
    [ax] = fig.axes
    digits, pictures_of_pushes = ax.images[:3], ax.images[3:]
    for x, digit, shown in zip(data.X_test, digits, pictures_of_pushes):
        assert np.array_equal(digit.get_array().ravel(), x)
        pushed, _ = explanations.pushes(network, x)
        red, blue = (shown.get_array()[..., k].ravel().astype(int) for k in (0, 2))
        for coloured, side in ((red > blue + 20, 1), (blue > red + 20, -1)):
            assert (side * pushed[coloured] > 0).all() and coloured.any()
    assert len(ax.images) == 6


def test_figure_of_drawings_has_two_pictures_for_each(network):
    with matplotlib.rc_context():
        page.set_up()
        fig = viewers.drawings_figure(network, viewers.EXAMPLES)
        fig.canvas.draw()
    [ax] = fig.axes
    titles = [text.get_text() for text in ax.texts]
    assert titles[::2] == ["a 3", "a 9", "curled tail"]
    for words, picture in zip(ax.texts, ax.images):
        assert words.get_window_extent().width <= picture.get_window_extent().width
    for strokes, title, drawn, shown in zip(
        viewers.EXAMPLES.values(), titles[1::2], ax.images[::2], ax.images[1::2]
    ):
        assert np.array_equal(255 * drawn.get_array(), viewers.ink(strokes))
        image = viewers.seen(strokes)
        assert np.array_equal(shown.get_array(), image)
        g = g_of(network, image)
        assert title == f"says {'9' if g > 0.5 else '3'} ({max(g, 1 - g):.3f})"
