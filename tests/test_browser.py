"""The viewers in JupyterLab, Notebook 7 and as exported HTML; in Firefox in Voila.

One server serves all tests, and one notebook in JupyterLab most of them,
in the order of this file. What a callback computes is tested in test_viewers.py.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from io import BytesIO
from types import SimpleNamespace
from typing import ClassVar

import matplotlib
import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect
from pypdf import PdfReader

from axe import faults, thin_out
from browsers import TIMEOUT_S, fallback_states, new_page, wait_for
from nn_helpers import PROJECT, finite_difference_gradient, logistic_loss
from test_viewers import line, pixels, with_biases
from viewers import (
    EXAMPLES,
    draw_a_digit,
    explanations,
    ink,
    mistakes,
    pictures,
    seen,
    static_fallback,
)
from viewers.drawing import in_8_bits

pytestmark = [pytest.mark.notebooks, pytest.mark.browser]
WHICH = "place in group"  # the label of the slider over mistakes
MENU_PDF = "Typst_pdf"  # the exporter in JupyterLab's menu


# ---- the notebook --------------------------------------------------------------------

STATEMENTS = """
import numpy as np
import page
from nn_helpers import *
from viewers import *
page.set_up()
(few, y_train), (test_images, y_test) = get_mnist_threes_nines()
few, y_train = few[:500], y_train[:500]
X_train, X_test = few.reshape(500, -1), test_images.reshape(len(y_test), -1)
start = create_weight_matrices([784, 20, 1], 0), create_bias_vectors([784, 20, 1])
activations = [relu_activation, sigmoid_activation]
options = {"batch_size": 25, "rng": 0}
weights, biases, history = train(
    X_train, y_train, X_test, y_test, *start, activations, progress=True, **options)
network = weights, biases, activations
film = record(sgd(X_train, y_train, *start, activations, **options),
              (*start, activations))

secant = move_epsilon(np.sin, np.cos(1.0))

pager = look_into(network, test_images, y_test, X_train, y_train)

film_viewer = through_time(film, history, test_images, y_test, follow=pager)

sheet = draw_a_digit(network, X_train, y_train)

trainer = train_yourself(X_train, y_train, X_test, y_test, network, history, {}, film)
""".strip().split("\n\n")


@pytest.fixture(scope="module")
def truth():
    """What its first cell computes: data, a network, and the network's answers."""
    with matplotlib.rc_context():
        names = {}
        exec(STATEMENTS[0], names)
        names["g"] = explanations.probabilities(names["network"], names["test_images"])
        names["images"] = names["test_images"].reshape(-1, 784)
        yield SimpleNamespace(
            **names, groups=mistakes.groups(names["g"], names["y_test"]))


# ---- a server and a browser ----------------------------------------------------------

@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """(address, token) of a JupyterLab over the notebook, with default settings."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(PROJECT / "notebooks", home / "notebooks",
                    ignore=shutil.ignore_patterns("__pycache__", "*.ipynb*"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in STATEMENTS],
        metadata={"kernelspec": kernel}), home / "notebooks" / "q.ipynb")
    settings = home / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}')
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("JUPYTER", "IPYTHON", "XDG"))}
    environment |= {"HOME": str(home), "OPENBLAS_NUM_THREADS": "1"}
    # A kernel's debugger may warn on stderr that Python is not made for it.
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    with open(home / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
             "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
             "--LabApp.expose_app_in_browser=True", home / "notebooks"],
            env=environment, cwd=home, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def address():
        assert server.poll() is None, (home / "server.log").read_text()
        for file in home.glob(".local/share/jupyter/runtime/jpserver-*.json"):
            try:
                running = json.loads(file.read_text())
            except ValueError:  # still being written
                continue
            return f"http://127.0.0.1:{running['port']}", running["token"]

    try:
        yield wait_for(address, "JupyterLab")
    finally:
        server.terminate()  # and it ends its kernels
        server.wait(TIMEOUT_S)


class Notebook:
    """A notebook open in a browser, and all errors and warnings of it.

    path is where the server shows it: for JupyterLab in a workspace of its own, or one
    page would take over the other's tabs. They come from the browser's console, its
    scripts, and the kernel: an error, or a text on stderr, from a cell or a callback.
    """

    greetings: ClassVar[set] = set()  # of all pages, for each hears the whole kernel

    def __init__(self, browser, lab, path):
        address, token = lab
        self.complaints = []
        self.page = new_page(browser)
        self.page.on("console", self._hear_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", lambda socket: (
            socket.on("framesent", self._hear_page),
            socket.on("framereceived", self._hear_kernel)))
        self.page.goto(f"{address}/{path}?token={token}")

    def _hear_console(self, message):
        font = ".woff" in message.location["url"]  # Notebook 7 asks for missing ones
        if message.type in ("error", "warning") and not font:
            self.complaints.append(f"{message.type}: {message.text}")

    def _hear_page(self, frame):
        """Note the page's greeting to the kernel, which may not be answered.

        JupyterLab asks a kernel for its widgets before it has imported ipywidgets,
        which then says that it does not know the target, nor the comm of this id.
        """
        if '"jupyter.widget.control"' in (text := str(frame)):
            self.greetings.update(re.findall(r'"comm_id": ?"([^"]+)"', text))

    def _hear_kernel(self, frame):
        text = str(frame)
        unknown = re.search(r"No such comm(: | target registered: "
                            r"jupyter.widget.control)([\w-]*)", text)
        if re.search(r'"msg_type": ?"error"|"name": ?"stderr"', text) and not (
                unknown and unknown[2] in {"", *self.greetings}):
            self.complaints.append(text)

    def assert_no_complaint(self, besides="$^"):
        """See that there is none but those in which besides is found."""
        self.wait_until_idle()
        assert [c for c in self.complaints if not re.search(besides, c)] == []

    def wait_until_idle(self):
        if "/lab/" in self.page.url:  # which alone says in words that it is connected
            expect(self.page.get_by_text("(ipykernel) | Idle")).to_be_visible()
        indicator = self.page.locator(".jp-Notebook-ExecutionIndicator")
        expect(indicator).to_have_attribute("data-status", "idle")

    def command(self, name, **arguments):
        """Run one of JupyterLab's commands when the kernel is idle, to its end."""
        self.wait_until_idle()
        self.page.evaluate("""([name, arguments]) => jupyterapp.commands.execute(
            name, arguments).then(() => null)""", [name, arguments])

    def viewer(self, part):
        """Return the viewer that has this part (a selector), once it is in view."""
        found = self.page.locator(".viewer").filter(has=self.page.locator(part))
        self.page.bring_to_front()
        found.wait_for(state="attached")
        found.scroll_into_view_if_needed()
        expect(found.locator(part).first).to_be_visible()
        return found


@pytest.fixture(scope="module")
def q(browser, lab):
    """The notebook, opened in JupyterLab and told to run all cells."""
    notebook = Notebook(browser, lab, "lab/workspaces/q/tree/q.ipynb")
    notebook.command("notebook:run-all-cells")
    return notebook


# ---- what is done, and what is seen --------------------------------------------------

SECANT, MISTAKES, FILM, RUNS = (
    f"img.{name}" for name in ("secant", "glance", "curves", "run-curves"))
SHEET = "canvas[aria-label^='A sheet']"
DRAWING = "button:has-text('Draw a 9 with a curled tail')"
PARTS = [SECANT, MISTAKES, FILM, DRAWING, RUNS]


def slider(viewer, label):
    return viewer.get_by_role("slider", name=label, exact=True)


def button(viewer, name):
    """Return the button of this name, before which there may be an icon's character."""
    return viewer.get_by_role("button", name=re.compile(rf"(^|\W ?){name}$"))


def drag(viewer, label, share):
    """Drag a slider's handle with the mouse to this share of its way."""
    handle = slider(viewer, label)
    way = handle.locator("xpath=ancestor::*[@class='noUi-base']")
    box = way.bounding_box()
    target = {"x": share * box["width"], "y": box["height"] / 2}
    handle.drag_to(way, target_position=target, force=True)


def press(viewer, label, key, times=1):
    """Press a key so many times on a slider, as fast as it goes."""
    for _ in range(times):
        slider(viewer, label).press(key)


def choose(picture, *keys):
    """Press keys on a picture that has places, and choose the one it is then at."""
    for key in (*keys, "Enter"):
        picture.press(key)


def is_at(viewer, label, text):
    expect(slider(viewer, label)).to_have_attribute("aria-valuetext", text)


def type_in(viewer, label, typed):
    box = viewer.get_by_role("textbox", name=re.compile(f"^{label}(, typed)?$"))
    box.fill(str(typed))
    box.press("Enter")
    return box


FETCH = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""


def shown(image):
    """Return the file that an image shows, or None while it is being replaced."""
    try:
        return base64.b64decode(image.evaluate(FETCH))
    except PlaywrightError:
        return None


def shows(image, png, tolerance=0.0):
    """Wait until an image shows this PNG, or one as near (mean grey levels of 255)."""
    def same():
        now = shown(image)
        return now and (
            now == png or abs(pixels(now) - pixels(png)).mean() < tolerance)

    wait_for(same, f"the right picture in {image}")


LAYOUT = """viewer => {
    const origin = viewer.getBoundingClientRect();
    const parts = viewer.querySelectorAll("img, canvas, button, .widget-slider");
    return [origin.height, ...Array.from(parts, part => {
        const box = part.getBoundingClientRect();
        return [box.x - origin.x, box.y - origin.y, box.width, box.height];
    })].flat().map(Math.round);
}"""


def run_cell(notebook, text):
    """Run the cell that has this text, with the keyboard."""
    notebook.page.locator(".jp-Cell .cm-content", has_text=text).click()
    notebook.page.keyboard.press("Control+Enter")


# ---- a journey through each viewer ---------------------------------------------------

def middle(element):
    """Return where the middle of an element is on the page."""
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_secant_follows_keys_mouse_and_places_of_its_chart(q):
    viewer = q.viewer(SECANT)
    words, picture = viewer.locator(".epsilon"), viewer.locator(SECANT)
    layout = viewer.evaluate(LAYOUT)
    pictures_seen = set()

    def reads(eps):
        slope = finite_difference_gradient(np.sin, np.array(1.0), eps)
        for text in (f"Step {eps:.1e}:", f"{slope:.12f}",
                     f"The error is {abs(slope - np.cos(1.0)):.1e}"):
            expect(words).to_contain_text(text)
        expect(picture).to_have_attribute("title", re.compile(f"Step {eps:.1e}:"))
        is_at(viewer, "step", f"{eps:.1e}")
        assert viewer.evaluate(LAYOUT) == layout
        pictures_seen.add(shown(picture))

    reads(0.63)
    press(viewer, "step", "ArrowRight")
    reads(0.4)
    press(viewer, "step", "End")
    reads(1e-15)
    drag(viewer, "step", 25 / 75)
    reads(1e-5)
    assert len(pictures_seen) == 4
    dot = middle(viewer.locator(".place"))
    for key in ["Home", "ArrowRight", "End", *["ArrowLeft"] * 25]:
        picture.press(key)
    reads(1e-5)  # until it is chosen
    picture.press("Enter")
    reads(1e-10)
    q.page.mouse.click(*dot)
    reads(1e-5)


def explains(viewer, k, truth):
    """Wait until the viewer shows test digit k, all of it right."""
    g, label = truth.g[k], "39"[truth.y_test[k]]
    expect(viewer.locator(".digit-caption")).to_contain_text(re.compile(
        f"Image {k}: a {label}, .*taken for a .* {max(g, 1 - g):.3f}", re.S))
    shows(viewer.locator("img.digit"), pictures.digit_png(truth.images[k]))
    pushed, rest = explanations.pushes(truth.network, truth.images[k])
    shows(viewer.locator("img.pushes"),
          pictures.signed_png(pushed, abs(pushed).max()), tolerance=1)
    logit = pushed.sum() + rest
    expect(viewer.locator(".pushes-caption")).to_contain_text(
        f"{logit:+.{2 if abs(logit) > 0.005 else 4}f}")
    near = explanations.nearest_finder(truth.X_train, truth.y_train)(truth.images[k])
    for digit, (j, _) in zip("39", near):
        shows(viewer.locator(f"img.nearest-{digit}"),
              pictures.digit_png(truth.X_train[j]))


def test_mistakes_follow_slider_picture_menu_box_and_play(q, truth):
    viewer = q.viewer(MISTAKES)
    surest_first = truth.groups["all mistakes"]
    layout = viewer.evaluate(LAYOUT)

    def explains_with_the_same_layout(k):
        explains(viewer, k, truth)
        assert viewer.evaluate(LAYOUT) == layout

    explains_with_the_same_layout(surest_first[0])
    press(viewer, WHICH, "ArrowRight", times=20)  # faster than the kernel answers
    is_at(viewer, WHICH, "21")
    explains_with_the_same_layout(surest_first[20])
    drag(viewer, WHICH, 1.0)
    explains_with_the_same_layout(surest_first[-1])
    glance = viewer.locator(MISTAKES)
    assert len(surest_first) > 42  # so that there are two pages
    expect(glance).to_have_attribute("aria-valuenow", str(len(surest_first) - 43))
    box = glance.bounding_box()

    def click_tile(k):
        glance.click(position={"x": (k % 14 + 0.5) / 14 * box["width"],
                               "y": (k // 14 + 0.5) / 3 * box["height"]})

    click_tile(0)
    explains(viewer, surest_first[42], truth)
    click_tile(len(surest_first) - 42)  # an empty one, which chooses nothing
    choose(glance, "ArrowRight")
    explains(viewer, surest_first[43], truth)
    drag(viewer, WHICH, 0.0)
    explains(viewer, surest_first[0], truth)
    click_tile(17)
    explains_with_the_same_layout(surest_first[17])
    is_at(viewer, WHICH, "18")
    glanced = viewer.locator(".glance-chart")
    frame, mark = glanced.locator(".frame"), glanced.locator(".place")
    for key, tiles in [("Home", 3), ("End", -10)]:  # from the mark to the frame
        glance.press(key)  # moves only the mark
        assert middle(frame)[0] - box["x"] == pytest.approx(box["width"] / 4, abs=2)
        assert middle(frame)[0] - middle(mark)[0] == pytest.approx(
            tiles * box["width"] / 14, abs=2)
        expect(mark).to_have_css("opacity", "1")
    glance.blur()
    expect(mark).to_have_css("opacity", "0")
    choose(glance, "ArrowRight")
    explains(viewer, surest_first[18], truth)
    choose(glance, "ArrowDown", "ArrowRight", "ArrowUp", "ArrowUp")  # by rows
    explains(viewer, surest_first[5], truth)
    glance.press("ArrowRight")
    glance.blur()  # the frame is around the digit on show
    expect(glance).to_have_attribute("aria-valuenow", "5")
    menu = viewer.get_by_role("combobox", name="show")
    name, members = list(truth.groups.items())[-1]
    menu.select_option(f"{name} ({len(members)})")
    explains_with_the_same_layout(members[0])
    menu.select_option(f"all mistakes ({len(surest_first)})")
    play = button(viewer, "Play the group")
    over = viewer.get_by_role("button", name="over and over")
    expect(play).to_have_attribute("aria-pressed", "false")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    explains(viewer, surest_first[1], truth)
    viewer.get_by_role("button", name="stop and go back").click()
    explains(viewer, surest_first[0], truth)
    for part in (play, over):
        expect(part).to_have_attribute("aria-pressed", "false")
    for pressed in ("true", "false"):
        over.click()
        expect(over).to_have_attribute("aria-pressed", pressed)

    assert 7 not in surest_first
    play.click()
    explains(viewer, surest_first[1], truth)
    type_in(viewer, "image", "7")  # which ends the show
    expect(play).to_have_attribute("aria-pressed", "false")
    type_in(viewer, WHICH, len(surest_first))
    explains(viewer, surest_first[-1], truth)
    type_in(viewer, WHICH, 1)
    explains(viewer, surest_first[0], truth)
    for key, place in [("Home", 0), ("End", -1), (None, -1), ("ArrowRight", -1)]:
        box = type_in(viewer, "image", "7")  # no place of the slider, which stays
        explains(viewer, 7, truth)
        is_at(viewer, WHICH, "–")
        press(viewer, WHICH, key) if key else slider(viewer, WHICH).click()
        explains(viewer, surest_first[place], truth)
    type_in(viewer, "image", "7")
    type_in(viewer, "image", "12.7")
    alert = viewer.get_by_role("alert").filter(has_text="12.7 is not taken")
    expect(alert).to_be_visible()
    expect(box).to_have_value("7")
    type_in(viewer, WHICH, "3")
    explains(viewer, surest_first[2], truth)
    expect(alert).to_have_count(0)


def test_mistake_can_be_guessed_and_edited(q, truth):
    viewer = q.viewer(MISTAKES)
    k, other = (int(truth.groups[f"{one} taken for {two}"][0])
                for one, two in [(9, 3), (3, 9)])
    expect(viewer.get_by_title("null", exact=True)).to_have_count(0)
    type_in(viewer, "image", k)
    guess, digit = button(viewer, "Guess first"), viewer.locator("img.digit")
    caption = viewer.locator(".digit-caption")
    guess.click()
    shows(viewer.locator("img.pushes"), pictures.digit_png(truth.images[k]))
    button(viewer, "lower left").click()
    expect(viewer.locator(".judged")).to_contain_text(re.compile("[01] of 1 right"))
    guess.click()
    explains(viewer, k, truth)

    button(viewer, "Edit this digit").click()
    button(viewer, "Move down by a pixel").click()
    moved = np.roll(truth.images[k].reshape(28, 28), 1, axis=0)
    shows(digit, pictures.digit_png(moved))
    button(viewer, "Undo").click()
    shows(digit, pictures.digit_png(truth.images[k]))
    button(viewer, "Erase").click()
    rubber = line((40, 210), (150, 230), erase=True)
    draw(viewer, [rubber])
    edited = seen([rubber], np.rint(255 * truth.images[k]).astype(int).tolist())
    shows(digit, pictures.digit_png(edited), tolerance=3)
    expect(caption).to_contain_text(f"Image {k}, a 9, edited. The network says ")

    # Undo and Clear go no further than this digit, and the caption says what is shown.
    type_in(viewer, "image", other)
    explains(viewer, other, truth)
    button(viewer, "Undo").click()
    button(viewer, "Move down by a pixel").click()
    expect(caption).to_contain_text(f"Image {other}, a 3, edited. The network says ")
    button(viewer, "Clear").click()
    expect(caption).to_contain_text("An empty sheet. The network says")
    for _ in range(3):  # Clear, the move, and nothing
        button(viewer, "Undo").click()
    explains(viewer, other, truth)
    button(viewer, "Edit this digit").click()


def test_film_goes_back_and_forth_and_follows_the_mistakes(q, truth):
    viewer = q.viewer(FILM)
    now, weights = viewer.locator(".now"), viewer.locator("img.weights")
    layout = viewer.evaluate(LAYOUT)
    curves_seen, weights_seen = set(), set()

    def reads(t):
        expect(now).to_contain_text(f"Timestep {t}")
        is_at(viewer, "timestep", str(t))
        assert viewer.evaluate(LAYOUT) == layout
        curves_seen.add(shown(viewer.locator(FILM)))
        weights_seen.add(shown(weights))

    reads(0)
    press(viewer, "timestep", "ArrowRight", times=2)
    reads(10)
    press(viewer, "timestep", "End")
    reads(100)
    loss = logistic_loss(truth.g, truth.y_test)[0].mean()
    expect(now).to_contain_text(f"test loss {loss:.3f}")
    drag(viewer, "timestep", 10 / 20)
    reads(50)
    assert len(curves_seen) == len(weights_seen) == 4
    moment = middle(viewer.locator(".curves-chart .place"))  # on the loss
    choose(viewer.locator(FILM), "ArrowRight")
    reads(55)
    q.page.mouse.click(*moment)
    reads(50)
    button(viewer, "Play the training").click()
    expect(now).not_to_contain_text("Timestep 50")
    viewer.get_by_role("button", name="stop and go back").click()
    reads(0)

    k = int(truth.groups["3 taken for 9"][0])
    type_in(viewer, "image", k)
    expect(now).to_contain_text(f"Image {k} is a 3")
    shows(viewer.locator("img.followed"), pictures.digit_png(truth.images[k]))
    press(viewer, "timestep", "End")
    expect(now).to_contain_text(f"{1 - truth.g[k]:.3f}: wrong")
    explains(q.viewer(MISTAKES), k, truth)


# ---- drawing -------------------------------------------------------------------------

def on_sheet(viewer, points):
    """Return where points of the sheet, 280 x 280, are on the page."""
    sheet = viewer.locator(SHEET).bounding_box()
    scale = sheet["width"] / 280
    return [(sheet["x"] + scale * x, sheet["y"] + scale * y) for x, y in points]


def draw(viewer, strokes):
    """Draw strokes on the sheet with the mouse."""
    mouse = viewer.page.mouse
    for stroke in strokes:
        first, *points = on_sheet(viewer, stroke["points"])
        mouse.move(*first)
        mouse.down()
        for point in points:
            mouse.move(*point)
        mouse.up()


def touch(viewer, strokes):
    """Draw strokes with a finger."""
    device = viewer.page.context.new_cdp_session(viewer.page)
    for stroke in strokes:
        kind = "touchStart"
        for x, y in on_sheet(viewer, stroke["points"]):
            device.send("Input.dispatchTouchEvent", {
                "type": kind, "touchPoints": [{"x": x, "y": y}]})
            kind = "touchMove"
        device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


INK = """canvas => {  // counted on a copy, for reading slows the original down
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d", {willReadFrequently: true});
    context.drawImage(canvas, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const dark = data.filter((value, k) => k % 4 == 0 && value < 128).length;
    return dark * (280 / canvas.width) ** 2;
}"""


def has_ink(viewer, strokes):
    """Wait until the sheet has as much ink as the strokes, give or take a tenth."""
    expected, canvas = np.sum(ink(strokes) > 127), viewer.locator(SHEET)
    wait_for(lambda: abs(canvas.evaluate(INK) - expected) <= expected / 10,
             "the drawing on the sheet")


def answers(viewer, strokes, tolerance=12):
    """Wait until the sheet has these strokes, and the network gets what they make."""
    image = pictures.digit_png(seen(strokes))
    shows(viewer.locator("img.digit"), image, tolerance)
    has_ink(viewer, strokes)


[NINE], [CURLED] = EXAMPLES["a 9"], EXAMPLES["a 9 with a curled tail"]
LOOP, TAIL = ({**NINE, "points": NINE["points"][part]}
              for part in (slice(24), slice(23, None)))
DOT = line((140, 140))


def clear(viewer):
    button(viewer, "Clear").click()
    expect(viewer.locator(".digit-caption")).to_contain_text("An empty sheet.")
    has_ink(viewer, [])


def test_drawing_by_mouse_or_button_is_answered(q, truth):
    viewer = q.viewer(DRAWING)
    caption, layout = viewer.locator(".digit-caption"), viewer.evaluate(LAYOUT)
    for name in ("Undo", "Clear"):  # there is nothing yet
        button(viewer, name).click()
        expect(caption).to_contain_text("An empty sheet. The network says ")
        has_ink(viewer, [])
    draw(viewer, [LOOP])
    answers(viewer, [LOOP])
    expect(caption).not_to_contain_text("An empty sheet")
    draw(viewer, [TAIL])
    answers(viewer, [NINE])
    expect(caption).to_contain_text("The network says 9")
    for name, strokes in EXAMPLES.items():
        button(viewer, f"Draw {name} for me").click()
        answers(viewer, strokes, tolerance=0.01)
        [g] = explanations.probabilities(truth.network, seen(strokes)[np.newaxis])
        expect(caption).to_contain_text(f"{max(g, 1 - g):.3f}")
    assert viewer.evaluate(LAYOUT) == layout


def test_drawing_is_undone_erased_and_thin(q):
    viewer = q.viewer(DRAWING)
    clear(viewer)
    draw(viewer, [CURLED])
    clear(viewer)
    draw(viewer, [LOOP, TAIL])
    answers(viewer, [NINE])
    undo, eraser = button(viewer, "Undo"), button(viewer, "Erase")
    undo.click()
    answers(viewer, [LOOP])
    eraser.click()
    rubber = line((80, 0), (80, 280), erase=True)
    draw(viewer, [rubber])
    answers(viewer, [LOOP, rubber])
    eraser.click()
    width = viewer.get_by_role("slider", name="pen width")
    width.press("Home")
    thin = line((20, 20), (30, 260), width=4)
    draw(viewer, [thin])
    has_ink(viewer, [LOOP, rubber, thin])
    width.fill("22")
    for _ in range(3):  # the thin stroke, the rubber and the loop
        undo.click()
    expect(viewer.locator(".digit-caption")).to_contain_text("An empty sheet.")
    has_ink(viewer, [])
    undo.click()  # Clear
    answers(viewer, [CURLED])
    clear(viewer)
    draw(viewer, [DOT])
    has_ink(viewer, [DOT])


def test_sheet_draws_by_keyboard_and_traps_neither_mouse_nor_keys(q):
    viewer = q.viewer(DRAWING)
    clear(viewer)
    keyboard, mouse = viewer.page.keyboard, viewer.page.mouse
    canvas = viewer.locator(SHEET)
    expect(viewer.get_by_text("By keyboard: arrow keys move")).to_be_visible()
    [(x, y)] = on_sheet(viewer, [(140, 140)])
    mouse.click(x, y, button="right")
    mouse.move(x + 50, y)
    keyboard.press("Escape")
    has_ink(viewer, [])
    before = canvas.bounding_box()["y"]
    mouse.move(x, y)
    mouse.wheel(0, -40)
    wait_for(lambda: canvas.bounding_box()["y"] != before, "a page that moves")

    canvas.focus()
    for key in [*["ArrowUp"] * 5, "Space", *["ArrowRight"] * 20]:
        keyboard.press(key)
    expect(viewer.locator(".cursor")).to_be_visible()
    stroke = line((140, 120), (220, 120))
    answers(viewer, [stroke])
    keyboard.press("Space")
    keyboard.press("ArrowDown")
    has_ink(viewer, [stroke])
    keyboard.press("Tab")
    expect(button(viewer, "Undo")).to_be_focused()


# ---- training ------------------------------------------------------------------------

def test_playground_trains_stops_and_opens_any_run(q):
    viewer = q.viewer(RUNS)
    rows, status = viewer.locator(".runs tr"), viewer.locator(".status")
    curves, stop = viewer.locator(RUNS), button(viewer, "Stop")
    expect(rows).to_have_count(2)  # the head and the run above
    before = shown(curves)
    type_in(viewer, "hidden units", "7")
    for key, text in [(None, "7"), ("ArrowRight", "10"), ("ArrowLeft", "7"),
                      ("ArrowLeft", "5"), ("End", "400"), ("Home", "1"),
                      *(("ArrowRight", n) for n in "2357")]:
        if key:
            press(viewer, "hidden units", key)
        is_at(viewer, "hidden units", text)
    expect(status).to_contain_text("hidden 7, batch 100, epochs 5, seed 0: finished.")
    press(viewer, "step size", "ArrowRight", times=12)  # from 0.1 to 10, one by one
    expect(status).to_contain_text("step size 10, hidden 7,")
    expect(status).to_contain_text("finished.")
    expect(rows.nth(1)).to_contain_text(re.compile(r"step size 10.*(49|50)\.\d\d%"))
    assert shown(curves) != before

    type_in(viewer, "batch size", "1")  # which takes long
    type_in(viewer, "epochs", "100")
    expect(status).to_contain_text(re.compile("Training: .*batch 1, epochs 100"))
    growing = shown(curves)
    wait_for(lambda: shown(curves) not in (growing, None), "a curve that grows")
    stop.focus()
    stop.press("Enter")
    expect(viewer.get_by_role("combobox", name="run on show")).to_be_focused()
    expect(status).to_contain_text("stopped at timestep ")
    expect(stop).to_be_disabled()
    newest = "step size 10, hidden 7, batch 1, epochs 100, seed 0"
    for name, what, part in [("Look into its mistakes", "mistakes", ".digit-caption"),
                             ("Go through its training", "training", ".now")]:
        button(viewer, name).click()
        expect(viewer.get_by_text(f"The {what} of {newest}")).to_be_in_viewport()
        expect(viewer.locator(part)).to_be_in_viewport()
    expect(viewer.locator(".now")).to_contain_text("before the first update")

    viewer.get_by_role("combobox", name="run on show").select_option("the run above")
    expect(status).to_contain_text("the run above: finished.")
    expect(viewer.get_by_text(f"The training of {newest}")).to_be_visible()
    viewer.get_by_role("combobox", name="compare with").select_option(newest)
    choose(curves, "Home")  # the first moment of the loss
    expect(viewer.locator(".opened")).to_be_focused()
    expect(viewer.locator(".opened")).to_be_in_viewport()
    q.page.keyboard.press("Tab")
    expect(button(viewer, "Close")).to_be_focused()
    expect(viewer.locator(".now")).to_contain_text("Timestep 5")
    expect(viewer.locator(".now")).to_contain_text(f"Dashed: {newest}, which ends at")
    button(viewer, "Play the training").click()
    expect(viewer.locator(".now")).not_to_contain_text("Timestep 5:")
    button(viewer, "Close").click()
    expect(viewer.locator(".now")).to_have_count(0)
    expect(curves).to_be_focused()  # from where it was opened
    choose(curves, "End")  # the last of the mistakes of the run above
    expect(viewer.locator(".digit-caption")).to_contain_text(f"And {newest}: ")
    button(viewer, "Back to the run above").click()
    for label, text in [("step size", "0.1"), ("hidden units", "200")]:
        is_at(viewer, label, text)
    button(viewer, "Close").click()
    expect(viewer.locator(".digit-caption")).to_have_count(0)


def test_training_begun_from_a_dot_is_seen_and_can_be_stopped(q):
    viewer = q.viewer(RUNS)
    status, stop, curves = viewer.locator(".status"), button(viewer, "Stop"), (
        viewer.locator(RUNS))
    type_in(viewer, "hidden units", "1")
    for seed in range(1, 7):  # with which the others are listed no more
        type_in(viewer, "seed", seed)
        expect(status).to_contain_text(f"seed {seed}: finished")
    curves.evaluate("one => one.scrollIntoView()")
    expect(stop).not_to_be_in_viewport()
    curves.press("Home")
    for _ in range(60):
        if "batch 1, epochs 100" in curves.get_attribute("aria-valuetext"):
            break
        curves.press("ArrowRight")
    expect(curves).to_have_attribute("aria-valuetext", re.compile(", trained again"))
    curves.press("Enter")
    expect(status).to_contain_text("Training: ")
    for part in (stop, status):
        expect(part).to_be_in_viewport()
    stop.click()
    expect(status).to_contain_text("batch 1, epochs 100, seed 0: stopped at timestep ")
    button(viewer, "Back to the run above").click()
    expect(status).to_contain_text("the run above: finished")


def test_playground_hears_an_interrupt_and_trains_on_in_a_cell_that_runs_again(q):
    viewer = q.viewer(RUNS)
    status, stop = viewer.locator(".status"), button(viewer, "Stop")
    type_in(viewer, "batch size", "1")
    type_in(viewer, "epochs", "100")
    for seed, end in [("5", lambda: q.command("notebook:interrupt-kernel")),
                      ("6", stop.click)]:
        type_in(viewer, "seed", seed)
        expect(status).to_contain_text(re.compile(f"Training: .* seed {seed}"))
        end()
        expect(status).to_contain_text(re.compile(f"seed {seed}: stopped at timestep "))
    type_in(viewer, "seed", "7")
    expect(status).to_contain_text(re.compile("Training: .* seed 7"))
    run_cell(q, "= train_yourself")
    expect(status).to_contain_text("the run above: finished")
    type_in(viewer, "hidden units", "3")
    expect(status).to_contain_text("hidden 3, batch 100, epochs 5, seed 0: finished.")
    expect(stop).to_be_disabled()


# ---- accessibility -------------------------------------------------------------------

# How a link in a text looks is JupyterLab's or nbconvert's: by colour alone.
NOT_OURS = ["link-in-text-block"]


def test_axe_reports_planted_faults(browser):
    page = new_page(browser)
    page.set_content("""<p style="color: #aaa; background: #fff">outside</p>
        <div class="ours"><img src="data:,"><input type="range">
        <table><tr><th></th></tr><tr><td>1</td></tr></table>
        <pre>code <span class="a">one</span> <span class="a">two</span>
        <span class="b" style="color: #aaa">pale</span></pre>
        <p style="color: #aaa; background: #fff">pale</p></div>""")
    thin_out(page)
    assert page.locator("span").count() == 2
    assert sorted(rule for rule, _ in faults(page, ".ours")) == [
        "color-contrast", "color-contrast", "empty-table-header", "image-alt", "label"]
    page.close()


def test_axe_finds_no_fault_in_dark_and_light_and_nothing_moves_meanwhile(q):
    q.wait_until_idle()
    q.page.emulate_media(reduced_motion="reduce")
    for theme in ("Dark", "Light"):
        q.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        expect(q.page.locator("body")).to_have_attribute(
            "data-jp-theme-light", str(theme == "Light").lower())
        for part in PARTS:
            moving = q.viewer(part).evaluate(
                "viewer => viewer.getAnimations({subtree: true}).length")
            assert not moving
        expect(q.page.locator("#jupyterlab-splash")).to_have_count(0)  # it fades
        q.page.mouse.move(2, 2)
        before = {part: q.viewer(part).screenshot() for part in PARTS}
        assert faults(q.page, ".jp-OutputArea-output", NOT_OURS) == []
        moved = [part for part in PARTS if q.viewer(part).screenshot() != before[part]]
        assert not moved
    q.page.emulate_media(reduced_motion="no-preference")


CONTROLS = "button, [role=slider], input, select, canvas[tabindex]"
FOCUSED_AND_SEEN = """control => {
    const look = () => {
        const { outline, boxShadow, border, background } = getComputedStyle(control);
        return [outline, boxShadow, border, background].join();
    };
    if (document.activeElement !== control) return "not focused";
    const focused = look();
    control.blur();
    const blurred = look();
    control.focus();
    return focused === blurred ? "focus not seen" : "";
}"""


def test_every_control_has_name_size_and_seen_focus_by_keyboard(q):
    """The name as a screen reader gets it: a role, then more than an icon."""
    q.wait_until_idle()
    kinds = "slider|button|combobox|spinbutton|textbox|img|progressbar"
    named = []
    for part in PARTS:
        lines = q.viewer(part).aria_snapshot().splitlines()
        named += [one for one in lines if re.match(rf" *- '?({kinds})\b", one)]
        controls = [one for one in q.viewer(part).locator(CONTROLS).all()
                    if one.is_visible() and one.is_enabled()]
        controls[0].focus()
        q.page.keyboard.press("Tab")  # and back: a focus by keyboard is shown
        q.page.keyboard.press("Shift+Tab")
        for number, control in enumerate(controls):
            assert not control.evaluate(FOCUSED_AND_SEEN), (part, number)
            q.page.keyboard.press("Tab")
        assert q.viewer(part).locator(CONTROLS).evaluate_all("""all => all.filter(
            one => one.offsetParent && Math.min(one.offsetWidth, one.offsetHeight) < 24
        ).map(one => one.outerHTML)""") == []
    assert len(named) > 40
    assert [one for one in named if not re.search(r'"[^"]*\w{3}', one)] == []


def test_changes_are_announced_once_and_not_at_each_step(q):
    viewer = q.viewer(SECANT)
    status = viewer.locator(".visually-hidden[role=status]")
    press(viewer, "step", "Home")
    expect(status).to_contain_text("Step 1.0e+00")
    status.evaluate("""status => {
        window.announced = new Set();
        new MutationObserver(() => announced.add(status.textContent)).observe(
            status, { subtree: true, childList: true, characterData: true });
    }""")
    slider(viewer, "step").evaluate("""handle => {  // as fast as no hand is
        for (let k = 0; k < 12; k++) handle.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    }""")
    expect(status).to_contain_text("Step 4.0e-03")
    assert q.page.evaluate("announced.size") < 4  # the first, the last, one between


TOO_WIDE = """viewer => {
    const edge = viewer.closest(".jp-OutputArea-output");
    const right = edge.getBoundingClientRect().right;
    const parts = Array.from(
        viewer.querySelectorAll(".picture, canvas, button, input, td"));
    const charts = Array.from(viewer.querySelectorAll(".chart:not(.glance-chart) img"));
    const rows = Array.from(viewer.querySelectorAll(".widget-hbox"));
    return [edge.scrollWidth - edge.clientWidth, ...[
        ...parts.filter(part => part.getBoundingClientRect().right > right + 1),
        ...rows.filter(row => getComputedStyle(row).overflowX !== "visible"),
        ...charts.filter(chart => chart.clientWidth < 680),  // which can be scrolled to
    ].map(part => part.outerHTML)];
}"""


def test_nothing_is_cut_off_on_narrow_and_enlarged_pages(q):
    usual = q.page.viewport_size
    for width in (640, 800, 910):  # 1280 pixels at 200 %; 1366 at 150 %
        q.page.set_viewport_size({"width": width, "height": 700})
        for part in PARTS:
            viewer = q.viewer(part)
            wait_for(lambda viewer=viewer: viewer.evaluate(TOO_WIDE) == [0],
                     f"{part} without a part cut off")
        chart = q.viewer(SECANT).locator(".secant-chart")
        chart.locator("img").press("Home")  # to the right end, with the word below it
        edge = chart.bounding_box()["x"] + chart.bounding_box()["width"]
        assert middle(chart.locator(".place"))[0] + 16 <= edge
    q.page.set_viewport_size({"width": 1800, "height": 900})  # nothing to scroll there
    taller = "one => one.scrollHeight - one.clientHeight"
    wait_for(lambda: q.viewer(DRAWING).evaluate(taller) == 0, "a viewer without a bar")
    q.page.set_viewport_size(usual)


# ---- other pages, other windows ------------------------------------------------------

def drawn_at(place):
    """A loop at even places, and a 9 at odd ones."""
    return [LOOP, TAIL][:place % 2 + 1]


def places(place, truth):
    """Return [(viewer, slider's label, its text there, where it says what), ...]."""
    step, image = f"{10 ** (-place / 5):.1e}", truth.groups["all mistakes"][place]
    return [(SECANT, "step", step, ".epsilon", f"Step {step}:"),
            (MISTAKES, WHICH, str(place + 1), ".digit-caption", f"Image {image}:"),
            (FILM, "timestep", str(5 * place), ".now", f"Timestep {5 * place}:")]


def shows_place(window, place, truth):
    """See that every viewer shows what use_every_viewer did at this place."""
    for part, label, text, selector, words in places(place, truth):
        expect(window.viewer(part).locator(selector)).to_contain_text(words)
        is_at(window.viewer(part), label, text)
    runs = window.viewer(RUNS)
    expect(runs.locator(".status")).to_contain_text(
        f"hidden {place}, batch 100, epochs 5, seed 0: finished.")
    typed = runs.get_by_role("textbox", name="hidden units, typed", exact=True)
    expect(typed).to_have_value(str(place))  # the slider has not each such place
    answers(window.viewer(DRAWING), drawn_at(place))


def use_every_viewer(place, truth, window, *others):
    """Use every viewer in a window, and see each answer there and in the others."""
    for part, label, *_ in places(place, truth):
        press(window.viewer(part), label, "Home")
        press(window.viewer(part), label, "ArrowRight", times=place)
    type_in(window.viewer(RUNS), "hidden units", place)
    clear(window.viewer(DRAWING))
    draw(window.viewer(DRAWING), drawn_at(place))
    for one in (window, *others):
        shows_place(one, place, truth)


def test_viewers_survive_a_reload_and_follow_in_notebook_7(q, browser, lab, truth):
    use_every_viewer(4, truth, q)
    pager = q.viewer(MISTAKES)
    button(pager, "Edit this digit").click()
    button(pager, "Clear").click()
    expect(pager.locator(".digit-caption")).to_contain_text("An empty sheet")
    q.command("docmanager:save")
    q.page.reload()
    q.wait_until_idle()
    button(pager, "Undo").click()
    edited = truth.groups["all mistakes"][4]
    expect(pager.locator(".digit-caption")).to_contain_text(f"Image {edited}: ")
    button(pager, "Edit this digit").click()
    shows_place(q, 4, truth)
    seven = Notebook(browser, lab, "notebooks/q.ipynb")
    shows_place(seven, 4, truth)
    use_every_viewer(5, truth, seven, q)
    q.page.bring_to_front()
    button(q.viewer(FILM), "Play the training").click()
    for window in (q, seven):
        expect(window.viewer(FILM).locator(".now")).to_contain_text("Timestep 100")
    cells = seven.page.locator(".jp-Cell")
    expect(cells).to_have_count(len(STATEMENTS))
    slider(seven.viewer(SECANT), "step").focus()
    for key in (*"xbdd", "Shift+M"):  # that cut, add, delete and merge cells
        seven.page.keyboard.press(key)
    expect(cells).to_have_count(len(STATEMENTS))
    run_cell(seven, "= move_epsilon")  # which leaves the first window's alone
    expect(seven.viewer(SECANT).locator(".epsilon")).to_contain_text("Step 6.3e-01")
    seven.assert_no_complaint(besides=(  # Notebook 7's own, as it starts
        "^warning: Menu entry .* is duplicated|Not same Y.Doc|reading 'schema'|"
        "'filebrowser:open-path' not registered"))
    seven.page.close()
    press(q.viewer(SECANT), "step", "End")
    expect(q.viewer(SECANT).locator(".epsilon")).to_contain_text("Step 1.0e-15")
    draw(q.viewer(DRAWING), [CURLED])
    answers(q.viewer(DRAWING), [*drawn_at(5), CURLED])


# ---- without a kernel ----------------------------------------------------------------

def test_fallbacks_replace_the_viewers_of_a_restarted_kernel(q):
    fallbacks = q.page.locator(".static-fallback:visible")
    viewers = q.page.locator(".viewer:visible")
    q.assert_no_complaint()
    expect(viewers).to_have_count(5)
    expect(fallbacks).to_have_count(0)
    q.command("docmanager:save")
    q.page.evaluate("() => { jupyterapp.commands.execute('notebook:restart-kernel'); }")
    q.page.locator(".jp-Dialog button.jp-mod-accept").click()
    not_found = q.page.get_by_text("Error displaying widget: model not found")
    for number_of_errors in (0, 5):  # at once, and after a reload
        expect(not_found).to_have_count(number_of_errors)
        expect(fallbacks).to_have_count(5)
        expect(viewers).to_have_count(0)
        expect(not_found.locator("visible=true")).to_have_count(0)
        secant = fallbacks.filter(has_text="Here a slider moves")
        expect(secant.locator("img")).to_be_visible()
        secant.get_by_role("slider", name="step").press("End")
        expect(secant).to_contain_text("Step 1.0e-15:")
        secant.get_by_role("slider", name="step").press("ArrowLeft")
        expect(secant).to_contain_text("Step 4.0e-15:")
        sheet = fallbacks.filter(has=q.page.locator("canvas"))
        for part in (sheet.locator("canvas"), button(sheet, "Undo"),
                     sheet.get_by_role("slider", name="pen width")):
            for key in (*"xbdd", "Shift+M"):  # that cut, add, delete and merge cells
                part.press(key)
        expect(q.page.locator(".jp-Cell")).to_have_count(len(STATEMENTS))
        if not number_of_errors:
            q.page.reload()
    run_cell(q, "page.set_up()")
    run_cell(q, "= move_epsilon")
    q.viewer(SECANT)
    expect(fallbacks).to_have_count(4)
    dead = "model not found|No such comm|Connection lost"  # of the kernel before
    q.assert_no_complaint(besides=dead)


def add_cell(q, text, *keys):
    """Type a cell below all others, and press keys in it."""
    cells = q.page.locator(".jp-Cell")
    count = cells.count()
    q.page.locator(".jp-InputPrompt").last.click()
    for key in ("Escape", "b", *keys):
        q.page.keyboard.press(key)
    expect(cells).to_have_count(count + 1)
    q.page.keyboard.press("Enter")
    expect(q.page.locator(".jp-Cell.jp-mod-active .cm-content")).to_be_focused()
    q.page.keyboard.insert_text(text)


def test_planted_errors_in_page_and_kernel_are_heard(q):
    q.page.evaluate("console.error('planted in the page')")
    add_cell(q, "raise ValueError('planted in the kernel')")
    q.page.keyboard.press("Shift+Enter")
    expect(q.page.get_by_text("ValueError: planted in the kernel")).to_be_visible()
    for planted in ("planted in the page", "planted in the kernel"):
        assert any(planted in complaint for complaint in q.complaints)


def test_menu_saves_a_pdf(q, lab):
    address, _ = lab
    add_cell(q, "![words](https://example.org/gone.png) $\\frob$", "m")
    # A page that is nothing but a download is gone before it can be listened to.
    q.page.evaluate("window.open = address => { window.asked = address; return null; }")

    def chosen():  # an open menu does not get what JupyterLab fetches for it later
        q.page.get_by_role("menuitem", name="File", exact=True).click()
        q.page.get_by_text("Save and Export Notebook As", exact=True).hover()
        try:
            item = q.page.get_by_role("menuitem", name=MENU_PDF, exact=True)
            item.click(timeout=2000)
        except PlaywrightTimeout:
            q.page.keyboard.press("Escape")
            q.page.keyboard.press("Escape")
            return False
        return True

    wait_for(chosen, MENU_PDF)
    other = q.page.get_by_role("menuitem", name=MENU_PDF.replace("_", "-"), exact=True)
    expect(other).to_have_count(0)
    q.page.wait_for_function("window.asked")
    answer = q.page.request.get(
        q.page.evaluate("new URL(window.asked, location).href"),
        headers={"Referer": f"{address}/lab"})
    assert "q.pdf" in answer.headers["content-disposition"]
    pages = PdfReader(BytesIO(answer.body())).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    for words in (r"$\frob$", "Picture: words, https://example.org/gone.png"):
        assert words in text


READ = """(root, digits) => digits.match(/.{1568}/g).map((digit, k) => {
    const [logit, pushes] = root.read(
        digit.match(/../g).map(level => parseInt(level, 16) / 255));
    return k < 50 ? [logit, pushes] : [logit];
})"""


def without_kernel(viewer, *arguments):
    """Return what a viewer shows where no kernel runs."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(static_fallback, "display", lambda one, **_: shown.append(one))
        viewer(*arguments)
    return shown[-1]["text/html"]


def drawing_page(network, truth):
    return without_kernel(draw_a_digit, network, truth.X_train, truth.y_train)


def mistakes_page(truth):
    return without_kernel(mistakes.look_into, truth.network, truth.images,
                          truth.y_test, truth.X_train, truth.y_train)


def test_glance_without_a_kernel_chooses_a_mistake_on_its_page(browser, truth):
    wrong = truth.groups["all mistakes"]
    page = new_page(browser, width=400, offline=True)
    page.set_content(mistakes_page(truth))
    slider, tiles = page.get_by_role("slider"), page.locator(".tiles *")
    assert len(wrong) > 42 == tiles.count()
    for key, tile, place in [("Home", 17, 18), ("End", 0, 43), ("ArrowRight", 1, 44)]:
        slider.press(key)
        tiles.nth(tile).click()
        for _ in range(2):
            assert slider.get_attribute("aria-valuetext") == str(place)
            expect(page.get_by_text(f"Image {wrong[place - 1]}: ")).to_be_visible()
            expect(page.locator(".tiles .chosen")).to_have_count(1)
            expect(tiles.nth(tile)).to_have_class("chosen")
            if place > 42:  # a click where no digit is
                page.mouse.click(*middle(tiles.nth(len(wrong) - 42)))
    frame, picture = (one.bounding_box() for one in (
        page.locator(".chosen"), page.locator(".tiled img")))
    assert frame["x"] == pytest.approx(picture["x"] + picture["width"] / 14, abs=1)
    assert frame["height"] == pytest.approx(picture["height"] / 3, abs=1)
    page.close()


def test_untrusted_notebook_has_pictures_and_promises_no_slider(browser, lab, truth, q):
    """JupyterLab takes scripts out of outputs that it has not seen being made."""
    [file] = [q.page.evaluate("""async content => (await
        jupyterapp.serviceManager.contents.save("untrusted.ipynb", {
            type: "notebook", format: "json", content})).path""",
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
            "look_into()", outputs=[nbformat.v4.new_output(
                "display_data", {"text/html": mistakes_page(truth)})])]))]
    untrusted = Notebook(browser, lab, f"lab/workspaces/untrusted/tree/{file}")
    fallback = untrusted.page.locator(".jp-OutputArea-output")
    expect(fallback.locator("p").first).to_have_text(
        "Here a slider pages through the misclassified digits "
        f"({len(truth.groups['all mistakes'])}). If nothing moves here, or to use all "
        "of it, choose Run > Run All Cells in JupyterLab.")
    expect(fallback.locator("img").first).to_be_visible()
    expect(fallback.get_by_role("slider")).to_have_count(0)
    expect(fallback.locator("script")).to_have_count(0)
    untrusted.page.close()


@pytest.mark.parametrize("deep", [False, True])
def test_sheet_answers_in_a_page_without_a_kernel(browser, truth, deep):
    """As NumPy does, but for digits whose logit is within the weights' rounding."""
    network = with_biases([784, 9, 5, 1]) if deep else truth.network
    digits = truth.images[::40] if deep else truth.images
    page = new_page(browser, width=400, offline=True, has_touch=True)
    page.set_content(drawing_page(network, truth))
    root = page.locator(".static-fallback")
    levels = np.rint(255 * digits).astype(np.uint8)
    answered = root.evaluate(READ, levels.tobytes().hex())
    logits = np.array([logit for logit, *_ in answered])
    layers = in_8_bits(network)
    rounded = [q * s for q, s, _ in layers], [b for *_, b in layers], network[2]
    for x, (logit, pushed) in zip(digits[:50], answered):
        expected, rest = explanations.pushes(rounded, x)
        assert pushed == pytest.approx(expected, abs=1e-5)
        assert logit - sum(pushed) == pytest.approx(rest, abs=1e-4)
    g = explanations.probabilities(network, digits)
    expected = np.log(g / (1 - g))
    assert abs(logits - expected).max() < 0.02 * abs(expected).max()
    assert np.sum((logits > 0) != (expected > 0)) <= 2

    caption, sums = root.get_by_role("status").first, root.get_by_text("sum, the logit")
    for name, strokes in EXAMPLES.items():
        button(root, f"Draw {name} for me").click()
        image = seen(strokes)
        g = explanations.probabilities(network, image[np.newaxis])[0]
        answer = re.search(r"says (.) with .* (0\.\d+)", caption.inner_text())
        assert abs(float(answer[2]) - max(g, 1 - g)) < 0.05
        assert answer[1] == mistakes.name_of(g) or abs(g - 0.5) < 0.05
        drawn = pixels(base64.b64decode(root.locator("img").first.evaluate(
            "image => image.src.split(',')[1]")))
        assert abs(drawn - pixels(pictures.digit_png(image))).mean() < 3
        pushed, rest = explanations.pushes(network, image.ravel())
        numbers = [float(number) for number in re.findall(
            r"[+-]\d+\.\d+", sums.inner_text())]
        parts = [pushed[pushed < 0].sum(), pushed[pushed > 0].sum(), rest]
        assert numbers == pytest.approx([*parts, sum(parts)], abs=0.3)
    for_rounding = root.get_by_text("Here weights have 8 bits, which changes")
    expect(for_rounding).to_contain_text(f" {len(truth.X_train):,} training digits")
    place = root.evaluate(LAYOUT)
    button(root, "Clear").click()
    expect(caption).to_contain_text("An empty sheet. The network says ")
    assert root.evaluate(LAYOUT) == place  # or the pen would be elsewhere
    root.locator(SHEET).scroll_into_view_if_needed()
    ends = [one.bounding_box() for one in (caption, root.locator(SHEET))]
    assert ends[1]["y"] + ends[1]["height"] - ends[0]["y"] < 400  # on one screen
    touch(root, [DOT])
    expect(caption).not_to_contain_text("An empty sheet")
    has_ink(root, [DOT])
    button(root, "Clear").click()
    touch(root, [LOOP, TAIL])
    expect(caption).not_to_contain_text("An empty sheet")
    has_ink(root, [NINE])
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert faults(page, ".static-fallback") == []
    page.close()


@pytest.mark.parametrize("bias, nothing, logit, probability", [
    (-0.1, "+0.00", "-0.10", "0.525"), (-1e-3, "+0.0000", "-0.0010", "0.500250"),
    (-4e-6, "+0.0000000", "-0.0000040", "0.500001")])
def test_sheet_without_a_kernel_writes_no_minus_before_nothing(
        browser, truth, bias, nothing, logit, probability):
    network = [np.zeros((784, 1))], [np.full((1, 1), bias)], truth.activations[1:]
    page = new_page(browser, offline=True)
    page.set_content(drawing_page(network, truth))
    sums = page.get_by_text("sum, the logit")
    button(page, "Draw a 3 for me").click()
    assert re.findall(r"[+-]\d+\.\d+", sums.inner_text()) == [
        *[nothing] * 2, *[logit] * 2]  # the sum's sign decides
    expect(page.get_by_text(f"says 3 with probability {probability}.")).to_be_visible()
    page.close()


# ---- Firefox -------------------------------------------------------------------------

def test_viewers_work_in_voila_in_firefox_without_their_fallbacks(firefox, lab, truth):
    address, token = lab
    firefox.go(f"{address}/voila/render/q.ipynb?token={token}")
    firefox.run_until("document.querySelectorAll('.viewer').length == 5")
    fallbacks = "Array.from(document.querySelectorAll('.static-fallback'))"
    assert firefox.run(f"{fallbacks}.length") == 5
    for output_area in ("jp-OutputArea", "gone"):  # as in VS Code and Colab
        firefox.run("document.querySelectorAll('.jp-OutputArea').forEach("
                    f"one => one.classList.replace('jp-OutputArea', {output_area!r}))")
        firefox.run_until(f"{fallbacks}.every(one => !one.offsetParent)")

    for part, selector, words in [(SECANT, ".epsilon", "Step 4.0e-01"),
                                  (FILM, ".now", "Timestep 5")]:
        firefox.press(f".viewer:has({part}) .noUi-handle", "\ue014")  # to the right
        firefox.reads(selector, words)
    firefox.press("[aria-label='hidden units, typed']", "\ue010", *"\ue003" * 3, "3",
                  "\ue007")  # End, Backspace, Enter
    firefox.reads(".status", "hidden 3, batch 100, epochs 5, seed 0: finished")
    first, second, *_ = truth.groups["all mistakes"]
    caption = ".digit-caption"
    firefox.reads(caption, f"Image {first}: ")
    firefox.click("Edit this digit")
    firefox.click("Move down by a pixel")
    firefox.reads(caption, f"Image {first}, a ., edited. ")
    firefox.press(MISTAKES, "\ue014", "\ue007")  # the right arrow, and Enter
    firefox.reads(caption, f"Image {second}: ")
    firefox.click("Undo")  # which does not bring the first digit back
    firefox.click("Move up by a pixel")
    firefox.reads(caption, f"Image {second}, a ., edited. ")
    firefox.click("Edit this digit")

    drawing = ".viewer:has(button[title='Draw a 3 for me'])"
    firefox.draw(f"{drawing} canvas", LOOP["points"])
    firefox.draw(f"{drawing} canvas", TAIL["points"])
    firefox.reads(f"{drawing} .digit-caption", "^The network says 9 with")
    assert [one for one in firefox.errors  # besides Voila's own, as it starts
            if "RUNTIME-012" not in one] == []


def test_sheet_answers_in_firefox_without_a_kernel(firefox, truth, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(drawing_page(truth.network, truth), encoding="utf-8")
    firefox.go(page.as_uri())
    caption = ".static-fallback [role=status]:not(.visually-hidden)"
    firefox.click("Clear")
    firefox.reads(caption, "An empty sheet. The network says ")
    firefox.draw("canvas", NINE["points"])
    firefox.reads(caption, "^The network says 9 with")


# ---- exported HTML -------------------------------------------------------------------

def test_exported_pages_move_without_network_and_axe_finds_no_fault(browser, tmp_path):
    """As stock nbconvert exports the committed notebooks; pictures need no script."""
    sliders = {"a_finite_differences": 1, "e_training": 2}
    notebooks = {path.stem: path for path in (PROJECT / "notebooks").glob("*.ipynb")}
    assert notebooks.keys() >= sliders.keys()
    with_scripts = new_page(browser, width=400, offline=True)
    without = new_page(browser, offline=True, java_script_enabled=False)
    for name, path in notebooks.items():
        exported = tmp_path / f"{name}.html"
        exported.write_text(HTMLExporter().from_filename(path)[0], "utf-8")
        with_scripts.goto(exported.as_uri(), wait_until="domcontentloaded")
        thin_out(with_scripts)
        ours = ".jp-OutputArea-output, .jp-MarkdownOutput"
        assert faults(with_scripts, ours, NOT_OURS) == []
        if name not in sliders:
            continue
        assert path.stat().st_size < 3e6
        fallbacks = with_scripts.locator(".jp-RenderedHTML").filter(
            has=with_scripts.get_by_role("slider")).filter(
            has_not=with_scripts.locator("canvas"))
        expect(fallbacks).to_have_count(sliders[name])
        for fallback in fallbacks.all():
            assert len(fallback_states(fallback)) == 3
            ends = fallback.locator(":not(.wide img)").evaluate_all(
                "parts => parts.map(one => one.getBoundingClientRect().right)")
            assert max(ends) <= 400
            for chart in fallback.locator(".wide img").all():  # which is scrolled to
                assert chart.bounding_box()["width"] >= 680
        without.goto(exported.as_uri(), wait_until="domcontentloaded")
        images = without.locator(".jp-RenderedHTML [data-part] img, img[data-part]")
        assert images.count() >= sliders[name]
        for image in images.all():
            assert image.bounding_box()["width"] > 20
        assert not without.locator(".jp-RenderedHTML input").count()
    with_scripts.close()
    without.close()
