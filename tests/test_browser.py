"""The viewers in a real browser: JupyterLab and others, a mouse and a keyboard."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import matplotlib
import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect, sync_playwright
from pypdf import PdfReader

import page
from nn_helpers import (
    PROJECT,
    finite_difference_gradient,
    logistic_loss,
)
from viewers import (
    EXAMPLES,
    film,
    find,
    ink,
    mistakes,
    move_epsilon,
    pictures,
    reasons,
    seen,
)

pytestmark = [pytest.mark.notebooks, pytest.mark.browser]
PATIENCE = 240  # seconds: nothing here is timed, but nothing may hang for ever
expect.set_options(timeout=1000 * PATIENCE)


# ---- a server and a browser ----------------------------------------------------------

@pytest.fixture(scope="module")
def chromium():
    """The path of Chromium; without one the tests are skipped or, with CI set, fail."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing = ("the viewers were not tested in a browser, for there is no chromium "
                   "here; on Debian: apt install chromium")
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return path


def wait_for(condition, what):
    """Return what condition returns, as soon as that is not None."""
    deadline = time.monotonic() + PATIENCE
    while (found := condition()) is None:
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
    return found


# A notebook with all viewers that is ready at once: most is seen in it, and in the real
# ones only that their viewers are alive.
QUICK = """
import numpy as np
import page
import viewers
from nn_helpers import *
from nn_faster import train
page.set_up()
(X_train, y_train), (X, y) = get_mnist_threes_nines()
X_train, X = X_train.reshape(-1, 784), X.reshape(-1, 784)
X_train, y_train = X_train[:2000], y_train[:2000]
start = (create_weight_matrices([784, 20, 1], 0), create_bias_vectors([784, 20, 1]),
         [relu_activation, sigmoid_activation])
options = {"batch_size": 20, "rng": 0, "num_epochs": 1}
film = viewers.record(sgd(X_train, y_train, *start, **options), start)
history = train(X_train, y_train, X, y, *start, **options)[2]
network = film[-1][1]
---
viewer = viewers.look_into(network, X, y, X_train, y_train)
---
viewers.through_time(film, history, X, y, follow=viewer);
---
viewers.move_epsilon(np.sin, np.cos(1.0));
---
viewers.draw_a_digit(network, X_train, y_train);
---
viewers.train_yourself(X_train, y_train, X, y, network, history);
"""
CELLS = QUICK.strip().split("\n---\n")


def write_quick_notebook(folder):
    cells = map(nbformat.v4.new_code_cell, CELLS)
    notebook = nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": {
        "name": "python3", "display_name": "Python 3", "language": "python"}})
    nbformat.write(notebook, folder / "q_quick.ipynb")


def train_fewer_networks(path):
    """Have (e) train for three seeds: what twenty give is seen in test_notebooks."""
    before, twenty, after = path.read_text(encoding="utf-8").partition("range(20)")
    assert before.endswith("seeds = ") and twenty
    path.write_text(f"{before}range(3){after}", encoding="utf-8")


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """The address of a JupyterLab over a copy of the notebooks, with nobody's settings.

    Yields (address, token).
    """
    home = tmp_path_factory.mktemp("home")
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    shutil.copytree(PROJECT / "notebooks", home / "notebooks", ignore=ignore)
    write_quick_notebook(home / "notebooks")
    train_fewer_networks(home / "notebooks" / "e_training.ipynb")
    folders = {name: str(home / name) for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
        "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    settings = home / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}')
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    environment |= {"HOME": str(home), "OPENBLAS_NUM_THREADS": "1", **folders}
    # A kernel's debugger warns, at times on stderr, that Python is not made for it.
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    runtime = Path(folders["JUPYTER_RUNTIME_DIR"])
    with open(home / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
             "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
             str(home / "notebooks")],
            env=environment, cwd=home, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )

    def address():
        assert server.poll() is None, (home / "server.log").read_text()
        for file in runtime.glob("jpserver-*.json"):
            try:
                told = json.loads(file.read_text())
            except ValueError:  # still being written
                continue
            return f"http://127.0.0.1:{told['port']}", told["token"]

    try:
        yield wait_for(address, "JupyterLab")
    finally:
        server.terminate()  # and it ends its kernels
        server.wait(PATIENCE)


QUIET = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-domain-reliability", "--no-first-run",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=QUIET, timeout=1000 * PATIENCE)
        yield launched
        launched.close()


MESSAGE = re.compile(r'"msg_id": ?"([^"]+)"')


def as_text(frame):
    return frame if isinstance(frame, str) else frame.decode(errors="replace")


class Notebook:
    """A notebook open in a browser, and all complaints heard from it.

    path is where the server shows it: for JupyterLab in a workspace of its own, or one
    page would take over the other's tabs. Heard are the browser's console, errors in
    its scripts, and what the kernel sends: an error, or a word on stderr, be it from a
    cell or from a widget's callback.
    """

    greetings: ClassVar[set] = set()  # of all pages, for each hears the whole kernel

    def __init__(self, browser, lab, path):
        address, token = lab
        self.complaints, self.heard, self.unanswered = [], False, set()
        self.page = browser.new_page(viewport={"width": 1366, "height": 768})
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("console", self._hear_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", self._listen)
        self.page.goto(f"{address}/{path}?token={token}")

    def _hear_console(self, message):
        font = ".woff" in message.location["url"]  # Notebook 7 asks for some in vain
        if message.type in ("error", "warning") and not font:
            self.complaints.append(f"{message.type}: {message.text}")

    def _listen(self, socket):
        socket.on("framesent", self._hear_page)
        socket.on("framereceived", self._hear_kernel)

    def _hear_page(self, frame):
        """Note the page's greeting to the kernel, to which it may get no answer.

        JupyterLab asks a kernel for its widgets before it has imported ipywidgets,
        which then says that it does not know the target, nor the comm of this id.
        """
        if '"jupyter.widget.control"' in (text := as_text(frame)):
            self.greetings.update(re.findall(r'"comm_id": ?"([^"]+)"', text))
            self.heard = True
        if re.search(r'"msg_type": ?"comm_msg"', text):
            self.unanswered.add(MESSAGE.search(text)[1])

    def _hear_kernel(self, frame):
        text = as_text(frame)
        if re.search(r'"execution_state": ?"idle"', text):
            self.unanswered -= set(MESSAGE.findall(text))
        if re.search(r'"msg_type": ?"error"|"name": ?"stderr"', text):
            self.complaints.append(text)

    def serious(self):
        """Return the complaints but for greetings without an answer, of any page."""
        def unanswered(complaint):
            found = re.search(r"No such comm(: | target registered: "
                              r"jupyter.widget.control)([\w-]*)", complaint)
            return found and found[2] in {"", *self.greetings}

        return [c for c in self.complaints if not unanswered(c)]

    def settle(self):
        """Wait until the kernel has taken all that widgets have to tell it.

        While it is busy a slider keeps its newest position back, and a button's click
        would overtake that.
        """
        def quiet():
            self.page.wait_for_timeout(100)  # in which frames are heard
            return not self.unanswered

        wait_for(lambda: (quiet() and quiet()) or None,
                 "a kernel that has heard all")

    def wait_until_idle(self):
        if "/lab/" in self.page.url:  # which alone says in words that it is connected
            expect(self.page.get_by_text("(ipykernel) | Idle")).to_be_visible()
        indicator = self.page.locator(".jp-Notebook-ExecutionIndicator")
        expect(indicator).to_have_attribute("data-status", "idle")

    def run_all(self):
        self.wait_until_idle()
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def save(self):
        def saved(response):
            return response.request.method == "PUT" and "/api/contents" in response.url

        self.wait_until_idle()
        with self.page.expect_response(saved):
            self.page.locator(".jp-InputPrompt").first.click()
            self.page.keyboard.press("Control+s")

    def viewer(self, part):
        """Return the viewer that has this part (a selector), once it is in view."""
        found = self.page.locator(".viewer").filter(has=self.page.locator(part))
        found.wait_for(state="attached")
        found.scroll_into_view_if_needed()
        expect(found.locator(part)).to_be_visible()
        return found


@pytest.fixture(scope="module")
def opened(browser, lab):
    """The quick notebook, opened and told to run all cells."""
    notebook = Notebook(browser, lab, "lab/workspaces/q/tree/q_quick.ipynb")
    notebook.run_all()
    return notebook


@pytest.fixture
def q(opened):
    opened.page.bring_to_front()
    return opened


@pytest.fixture(scope="module")
def truth():
    """What the quick notebook comes to: its data, its network, the first and last."""
    names = {}
    exec(CELLS[0], names)
    names["g"] = reasons.probabilities(names["network"], names["X"])
    return SimpleNamespace(**names, groups=mistakes.groups(names["g"], names["y"]))


# ---- what one does, and what one sees ------------------------------------------------

def slider(viewer, label):
    return viewer.get_by_role("slider", name=label, exact=True)


def drag(viewer, label, share):
    """Drag a slider's handle with the mouse to this share of its way."""
    mouse, handle = viewer.page.mouse, slider(viewer, label).bounding_box()
    way = slider(viewer, label).locator(
        "xpath=ancestor::*[@class='noUi-base']").bounding_box()
    y = handle["y"] + handle["height"] / 2
    mouse.move(handle["x"] + handle["width"] / 2, y)
    mouse.down()
    for part in (0.3, 0.7, 1):
        start, end = handle["x"] + handle["width"] / 2, way["x"] + share * way["width"]
        mouse.move(start + part * (end - start), y)
    mouse.up()


def press(viewer, label, key, times=1):
    """Press a key so many times on a slider, as fast as it goes."""
    slider(viewer, label).focus()
    for _ in range(times):
        viewer.page.keyboard.press(key)


def stands_at(viewer, label):
    """Return what a slider says of where it stands."""
    return slider(viewer, label).get_attribute("aria-valuetext")


FETCH = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
}"""


def shown(image):
    """Return the file that an image shows, or None while one makes way for the next."""
    try:
        return base64.b64decode(image.evaluate(FETCH))
    except PlaywrightError:
        return None


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(float)


def shows(image, png, tolerance=0.0):
    """Wait until an image shows this PNG, or one as near (mean grey levels of 255)."""
    def same():
        now = shown(image)
        if now is None:
            return None
        near = abs(pixels(now) - pixels(png)).mean() < tolerance
        return True if now == png or near else None

    wait_for(same, f"the right picture in {image}")


LAYOUT = """viewer => {
    const origin = viewer.getBoundingClientRect();
    const parts = viewer.querySelectorAll("img, canvas, button, .widget-slider");
    return [origin.height, ...Array.from(parts, part => {
        const box = part.getBoundingClientRect();
        return [box.x - origin.x, box.y - origin.y, box.width, box.height];
    })].flat().map(Math.round);
}"""


# ---- finite differences --------------------------------------------------------------

def test_the_step_of_a_finite_difference(q):
    viewer = q.viewer("img.secant")
    said, picture = viewer.locator(".epsilon"), viewer.locator("img.secant")
    layout = viewer.evaluate(LAYOUT)

    def reads(eps):
        expect(said).to_contain_text(f"Step {eps:.1e}:")
        slope = finite_difference_gradient(np.sin, 1.0, eps)
        expect(said).to_contain_text(f"{slope:.12f}")
        error = abs(slope - np.cos(1.0))
        expect(said).to_contain_text(f"The error is {error:.1e}")
        expect(picture).to_have_attribute("title", re.compile(f"Step {eps:.1e}:"))
        assert stands_at(viewer, "step") == f"{eps:.1e}"
        assert viewer.evaluate(LAYOUT) == layout
        return shown(picture)

    seen = [reads(10**-0.2)]
    press(viewer, "step", "ArrowRight")
    seen.append(reads(10**-0.4))
    press(viewer, "step", "End")
    seen.append(reads(1e-15))
    drag(viewer, "step", 25 / 75)
    seen.append(reads(1e-5))
    assert len(set(seen)) == 4
    shows(picture, secant_png(25), tolerance=1)


def secant_png(place):
    """The picture of the secant at this place of the slider, drawn here."""
    with matplotlib.rc_context():
        page.set_up()
        viewer = move_epsilon(np.sin, np.cos(1.0))
        find(viewer, "step").value = place
        return bytes(find(viewer, "secant").value)


# ---- misclassified digits ------------------------------------------------------------

def explains(viewer, k, truth):
    """Wait until the viewer shows test digit k, all of it right."""
    caption = viewer.locator(".digit-caption")
    g, label = truth.g[k], "39"[truth.y[k]]
    expect(caption).to_contain_text(re.compile(
        f"Image {k}: a {label}, .*taken for a .* {max(g, 1 - g):.3f}", re.S))
    shows(viewer.locator("img.digit"), pictures.digit_png(truth.X[k]))
    pushed, rest = reasons.pushes(truth.network, truth.X[k])
    shows(viewer.locator("img.pushes"),
          pictures.signed_png(pushed, abs(pushed).max()), tolerance=1)
    expect(viewer.locator(".pushes-caption")).to_contain_text(
        f"{pushed.sum() + rest:+.2f}")
    near = reasons.nearest_finder(truth.X_train, truth.y_train)(truth.X[k])
    for digit, (j, _) in zip("39", near):
        shows(viewer.locator(f"img.nearest-{digit}"),
              pictures.digit_png(truth.X_train[j]))


def test_the_mistakes_one_by_one(q, truth):
    viewer = q.viewer("select")
    surest_first = truth.groups["all mistakes"]
    layout = viewer.evaluate(LAYOUT)
    explains(viewer, surest_first[0], truth)
    press(viewer, "which of them", "ArrowRight")
    explains(viewer, surest_first[1], truth)
    assert viewer.evaluate(LAYOUT) == layout
    drag(viewer, "which of them", 1.0)
    explains(viewer, surest_first[-1], truth)
    assert viewer.evaluate(LAYOUT) == layout


def test_a_fast_hand_ends_at_the_right_picture(q, truth):
    viewer = q.viewer("select")
    press(viewer, "which of them", "Home")
    press(viewer, "which of them", "ArrowRight", times=20)
    expect(slider(viewer, "which of them")).to_have_attribute("aria-valuetext", "21")
    explains(viewer, truth.groups["all mistakes"][20], truth)


def test_the_menu_the_box_and_the_play_button(q, truth):
    viewer = q.viewer("select")
    menu = viewer.get_by_role("combobox", name="show")
    layout = viewer.evaluate(LAYOUT)
    for name, members in reversed(truth.groups.items()):
        menu.select_option(f"{name} ({len(members)})")
        explains(viewer, members[0], truth)
        assert stands_at(viewer, "which of them") == "1"
        last = slider(viewer, "which of them").get_attribute("aria-valuemax")
        assert float(last) == len(members) - 1
        assert viewer.evaluate(LAYOUT) == layout
    viewer.get_by_role("button", name="Play the group", exact=True).click()
    explains(viewer, truth.groups["all mistakes"][1], truth)
    viewer.get_by_role("button", name="stop and go back").click()
    explains(viewer, truth.groups["all mistakes"][0], truth)


# ---- through time --------------------------------------------------------------------

def test_back_and_forth_in_the_training(q, truth):
    viewer = q.viewer("img.curves")
    now, weights = viewer.locator(".now"), viewer.locator("img.weights")
    tiles, largest = film.unit_tiles(truth.film)
    layout = viewer.evaluate(LAYOUT)
    seen = set()

    def reads(t, index=None):
        expect(now).to_contain_text(f"Timestep {t}")
        assert stands_at(viewer, "timestep") == str(t)
        if index is not None:
            png = pictures.mosaic_png(tiles(index), largest, film.ROW)
            shows(weights, png, tolerance=1)
        assert viewer.evaluate(LAYOUT) == layout
        seen.add((shown(viewer.locator("img.curves")), shown(weights)))

    reads(0, 0)
    press(viewer, "timestep", "ArrowRight", times=2)
    reads(10)
    press(viewer, "timestep", "End")
    reads(100, -1)
    loss = logistic_loss(truth.g, truth.y)[0].mean()
    expect(now).to_contain_text(f"test loss {loss:.3f}")
    drag(viewer, "timestep", 10 / 20)
    reads(50)
    assert len(seen) == 4
    viewer.get_by_role("button", name="Play the training", exact=True).click()
    expect(now).not_to_contain_text("Timestep 50")
    viewer.get_by_role("button", name="stop and go back").click()
    reads(0, 0)


def test_both_viewers_show_the_same_digit(q, truth):
    k = int(truth.groups["3 taken for 9"][0])
    viewer = q.viewer("img.curves")
    box = viewer.get_by_role("textbox", name="image")
    box.fill(str(k))
    box.press("Enter")
    expect(viewer.locator(".now")).to_contain_text(f"Image {k} is a 3")
    shows(viewer.locator("img.followed"), pictures.digit_png(truth.X[k]))
    press(viewer, "timestep", "End")
    expect(viewer.locator(".now")).to_contain_text(f"{1 - truth.g[k]:.3f}: wrong")
    other = q.viewer("select")
    explains(other, k, truth)


# ---- draw a digit --------------------------------------------------------------------

SHEET = "canvas[aria-label^='A sheet']"
DRAWING = "button:has-text('Draw a 9 with a curled tail')"
PARTS = ["img.secant", "select", "img.curves", DRAWING, "img.run-curves"]


def on_sheet(viewer, points):
    """Return where points of the sheet, 280 x 280, are on the page."""
    sheet = viewer.locator(SHEET).bounding_box()
    scale = sheet["width"] / 280
    return [(sheet["x"] + scale * x, sheet["y"] + scale * y) for x, y in points]


def draw(viewer, strokes):
    """Draw strokes on the sheet with the mouse."""
    mouse = viewer.page.mouse
    for stroke in strokes:
        points = on_sheet(viewer, stroke["points"])
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=2)
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
    wait_for(lambda: abs(canvas.evaluate(INK) - expected) <= expected / 10 or None,
             "the drawing on the sheet")


def answers(viewer, strokes, tolerance=12):
    """Wait until the network is shown these strokes."""
    image = pictures.digit_png(seen(strokes))
    shows(viewer.locator("img.digit"), image, tolerance)


[NINE], [CURLED] = EXAMPLES["a 9"], EXAMPLES["a 9 with a curled tail"]
LOOP, TAIL = ({**NINE, "points": NINE["points"][part]}
              for part in (slice(24), slice(23, None)))


def empty(viewer):
    viewer.get_by_role("button", name="Clear", exact=True).click()
    expect(viewer.locator(".hint")).to_contain_text("The sheet is empty")
    has_ink(viewer, [])


def test_draw_with_the_mouse_and_the_answer_follows(q, truth):
    viewer = q.viewer(DRAWING)
    caption = viewer.locator(".digit-caption")
    layout = viewer.evaluate(LAYOUT)
    expect(viewer.locator(".hint")).to_contain_text("The sheet is empty")
    draw(viewer, [LOOP])
    answers(viewer, [LOOP])
    expect(viewer.locator(".hint")).not_to_contain_text("The sheet is empty")
    draw(viewer, [TAIL])
    answers(viewer, [NINE])
    expect(caption).to_contain_text("The network says 9")
    has_ink(viewer, [NINE])
    empty(viewer)
    draw(viewer, [CURLED])
    expect(caption).to_contain_text("The network says 3")
    assert viewer.evaluate(LAYOUT) == layout


def test_let_a_button_draw(q, truth):
    viewer = q.viewer(DRAWING)
    for name, strokes in EXAMPLES.items():
        viewer.get_by_role("button", name=f"Draw {name} for me", exact=True).click()
        answers(viewer, strokes, tolerance=0.01)
        [g] = reasons.probabilities(truth.network, seen(strokes)[np.newaxis])
        said = viewer.locator(".digit-caption")
        expect(said).to_contain_text(f"{max(g, 1 - g):.3f}")
        has_ink(viewer, strokes)


def test_draw_with_a_finger_undo_and_erase(q):
    viewer = q.viewer(DRAWING)
    empty(viewer)
    draw(viewer, [CURLED])
    empty(viewer)
    touch(viewer, [LOOP, TAIL])
    has_ink(viewer, [NINE])
    answers(viewer, [NINE])
    undo = viewer.get_by_role("button", name="Undo", exact=True)
    undo.click()
    has_ink(viewer, [LOOP])
    answers(viewer, [LOOP])
    eraser = viewer.get_by_role("button", name="Erase", exact=True)
    eraser.click()
    rubber = {**TAIL, "points": [[80, 0], [80, 280]], "erase": True}
    draw(viewer, [rubber])
    has_ink(viewer, [LOOP, rubber])
    answers(viewer, [LOOP, rubber])
    eraser.click()
    width = viewer.get_by_role("slider", name="pen width")
    width.press("Home")
    thin = {**TAIL, "points": [[20, 20], [30, 260]], "width": 4}
    draw(viewer, [thin])
    has_ink(viewer, [LOOP, rubber, thin])
    width.fill("22")
    for _ in range(3):  # the thin stroke, the rubber and the loop
        undo.click()
    expect(viewer.locator(".hint")).to_contain_text("The sheet is empty")
    has_ink(viewer, [])
    undo.click()  # Clear
    has_ink(viewer, [CURLED])
    answers(viewer, [CURLED])


def test_the_mouse_and_the_keyboard_are_not_trapped(q):
    viewer = q.viewer(DRAWING)
    empty(viewer)
    keyboard, mouse = viewer.page.keyboard, viewer.page.mouse
    canvas = viewer.locator(SHEET)
    [(x, y)] = on_sheet(viewer, [(140, 140)])
    mouse.click(x, y, button="right")
    mouse.move(x + 50, y)
    keyboard.press("Escape")
    has_ink(viewer, [])
    before = canvas.bounding_box()["y"]
    mouse.move(x, y)
    mouse.wheel(0, -40)
    wait_for(lambda: canvas.bounding_box()["y"] != before or None, "a page that moves")

    canvas.focus()
    for key in [*["ArrowUp"] * 5, "Space", *["ArrowRight"] * 20]:
        keyboard.press(key)
    expect(viewer.locator(".cursor")).to_be_visible()
    stroke = {**TAIL, "points": [[140, 120], [220, 120]]}
    has_ink(viewer, [stroke])
    answers(viewer, [stroke])
    keyboard.press("Space")
    keyboard.press("ArrowDown")
    has_ink(viewer, [stroke])
    keyboard.press("Tab")
    expect(viewer.get_by_role("button", name="Undo", exact=True)).to_be_focused()


# ---- what is typed, edited and guessed -----------------------------------------------

def type_in(viewer, label, typed):
    box = viewer.get_by_role("textbox", name=f"{label}, typed", exact=True)
    box.fill(typed)
    box.press("Enter")
    return box


def test_what_is_typed_is_taken_or_refused_before_one_s_eyes(q, truth):
    viewer = q.viewer("select")
    box = type_in(viewer, "image", "7")
    explains(viewer, 7, truth)
    expect(viewer.get_by_role("textbox", name="which of them")).to_have_value("–")
    type_in(viewer, "image", "12.7")
    alert = viewer.get_by_role("alert").filter(has_text="12.7 is not taken")
    expect(alert).to_be_visible()
    expect(box).to_have_value("7")
    type_in(viewer, "which of them", "3")
    explains(viewer, truth.groups["all mistakes"][2], truth)
    expect(alert).to_have_count(0)


def test_a_mistake_is_guessed_and_then_edited(q, truth):
    viewer = q.viewer("select")
    k = int(truth.groups["9 taken for 3"][0])
    type_in(viewer, "image", str(k))
    guess = viewer.get_by_role("button", name="Guess first")
    guess.click()
    shows(viewer.locator("img.pushes"), pictures.digit_png(truth.X[k]))
    viewer.get_by_role("button", name="lower left").click()
    expect(viewer.locator(".judged")).to_contain_text("The lower left holds")
    guess.click()
    explains(viewer, k, truth)

    viewer.get_by_role("button", name="Edit this digit").click()
    expect(viewer.locator(SHEET)).to_be_visible()
    levels = np.rint(255 * truth.X[k]).astype(int).tolist()
    digit = viewer.locator("img.digit")
    viewer.get_by_role("button", name="Move down by a pixel").click()
    moved = np.roll(truth.X[k].reshape(28, 28), 1, axis=0)
    shows(digit, pictures.digit_png(moved))
    viewer.get_by_role("button", name="Undo", exact=True).click()
    shows(digit, pictures.digit_png(truth.X[k]))
    viewer.get_by_role("button", name="Erase", exact=True).click()
    rubber = {"points": [[40, 210], [150, 230]], "width": 22, "erase": True}
    draw(viewer, [rubber])
    edited = seen([rubber], levels)
    shows(digit, pictures.digit_png(edited), tolerance=3)
    [g] = reasons.probabilities(truth.network, edited[np.newaxis])
    said = viewer.locator(".digit-caption")
    expect(said).to_contain_text(f"taken for a {'39'[int(g > 0.5)]} with")
    told = float(re.search(r"probability (0\.\d+)", said.inner_text())[1])
    assert abs(told - max(g, 1 - g)) < 0.05 < abs(g - truth.g[k])
    viewer.get_by_role("button", name="Edit this digit").click()
    explains(viewer, k, truth)


# ---- training is a slider ------------------------------------------------------------

def test_each_place_of_a_slider_is_trained(q):
    viewer = q.viewer("img.run-curves")
    rows, status = viewer.locator(".runs tr"), viewer.locator(".status")
    curves = viewer.locator("img.run-curves")
    stop = viewer.locator("button", has_text="Stop")
    expect(rows).to_have_count(2)  # the head and the run above
    before = shown(curves)
    type_in(viewer, "hidden units", "7")
    expect(status).to_contain_text("hidden 7, batch 100, epochs 5, seed 0: finished.")
    press(viewer, "step size", "ArrowRight", times=12)  # from 0.1 to 10, one by one
    expect(status).to_contain_text("step size 10, hidden 7,")
    expect(status).to_contain_text("finished.")
    expect(rows.nth(1)).to_contain_text(re.compile(r"step size 10.*(49|50)\.\d\d%"))
    assert shown(curves) != before

    type_in(viewer, "batch size", "1")  # which takes long
    press(viewer, "epochs", "End")
    expect(status).to_contain_text(re.compile("Training: .*batch 1, epochs 30"))
    stop.dblclick()
    expect(status).to_contain_text("stopped at")
    expect(stop).to_be_disabled()
    viewer.get_by_role("button", name="Look into its mistakes").click()
    expect(viewer.locator(".digit-caption")).to_contain_text("Image ")
    viewer.get_by_role("button", name="Go through its training").click()
    expect(viewer.locator(".now")).to_contain_text("before the first update")


def test_an_interrupt_of_the_kernel_leaves_stop_alive(q):
    viewer = q.viewer("img.run-curves")
    status = viewer.locator(".status")
    type_in(viewer, "seed", "5")
    expect(status).to_contain_text(re.compile("Training: .*batch 1, epochs 30, seed 5"))
    q.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    q.page.get_by_role("menuitem", name="Interrupt Kernel").click()
    type_in(viewer, "seed", "6")
    expect(status).to_contain_text(re.compile("Training: .*batch 1, epochs 30, seed 6"))
    viewer.locator("button", has_text="Stop").click()
    expect(status).to_contain_text(re.compile("seed 6: stopped at"))


def test_a_cell_that_is_run_again_ends_the_training_it_began(q):
    viewer = q.viewer("img.run-curves")
    press(viewer, "seed", "ArrowRight")
    status = viewer.locator(".status")
    expect(status).to_contain_text(re.compile("Training: .*batch 1, epochs 30"))
    q.page.locator(".jp-Cell .cm-content", has_text="train_yourself").click()
    q.page.keyboard.press("Control+Enter")
    expect(status).to_contain_text("The run above.")
    stop = viewer.locator("button", has_text="Stop")
    type_in(viewer, "hidden units", "3")
    expect(status).to_contain_text("hidden 3, batch 100, epochs 5, seed 0: finished.")
    expect(stop).to_be_disabled()


# ---- other pages, other windows ------------------------------------------------------

def use_every_viewer(place, truth, hand, *others):
    """Use every viewer in the window hand, and see each answer there and in the others.

    What is chosen, drawn and trained depends on place.
    """
    def told(part, selector, words, label=None, position=None):
        for window in (hand, *others):
            viewer = window.viewer(part)
            expect(viewer.locator(selector)).to_contain_text(words)
            if label:
                expect(slider(viewer, label)).to_have_attribute(
                    "aria-valuetext", position)

    def go(part, label):
        press(hand.viewer(part), label, "Home")
        press(hand.viewer(part), label, "ArrowRight", times=place)

    go("img.secant", "step")
    step = f"{10 ** (-place / 5):.1e}"
    told("img.secant", ".epsilon", f"Step {step}:", "step", step)
    go("select", "which of them")
    k = truth.groups["all mistakes"][place]
    told("select", ".digit-caption", f"Image {k}:", "which of them", str(place + 1))
    go("img.curves", "timestep")
    told("img.curves", ".now", f"Timestep {5 * place}:", "timestep", str(5 * place))
    type_in(hand.viewer("img.run-curves"), "hidden units", str(place))
    told("img.run-curves", ".status",
         f"hidden {place}, batch 100, epochs 5, seed 0: finished.")
    empty(hand.viewer(DRAWING))
    draw(hand.viewer(DRAWING), drawn_at(place))
    for window in (hand, *others):
        answers(window.viewer(DRAWING), drawn_at(place))
        has_ink(window.viewer(DRAWING), drawn_at(place))


def drawn_at(place):
    """A loop at even places, and a 9 at odd ones."""
    return [LOOP, TAIL][:place % 2 + 1]


def test_every_viewer_survives_a_reload(q, truth):
    use_every_viewer(4, truth, q)
    q.save()
    q.page.reload()
    for part, label, position in [
        ("img.secant", "step", "1.6e-01"), ("select", "which of them", "5"),
        ("img.curves", "timestep", "20"),
    ]:
        handle = slider(q.viewer(part), label)
        expect(handle).to_have_attribute("aria-valuetext", position)
    typed = q.viewer("img.run-curves").get_by_role(
        "textbox", name="hidden units, typed", exact=True)
    expect(typed).to_have_value("4")  # the slider, which has no such place, is at 3
    viewer = q.viewer(DRAWING)
    has_ink(viewer, drawn_at(4))
    draw(viewer, [CURLED])
    answers(viewer, [*drawn_at(4), CURLED])
    use_every_viewer(5, truth, q)


def test_a_second_window_follows_and_may_be_closed(q, browser, lab, truth):
    q.save()
    second = Notebook(browser, lab, "lab/workspaces/second/tree/q_quick.ipynb")
    use_every_viewer(6, truth, second, q)
    q.page.bring_to_front()
    q.viewer("img.curves").get_by_role(
        "button", name="Play the training", exact=True).click()
    for window in (q, second):
        now = window.viewer("img.curves").locator(".now")
        expect(now).to_contain_text("Timestep 100")
    hears_nothing(second)
    second.page.close()
    press(q.viewer("img.secant"), "step", "End")
    expect(q.viewer("img.secant").locator(".epsilon")).to_contain_text("Step 1.0e-15")
    draw(q.viewer(DRAWING), [TAIL])
    answers(q.viewer(DRAWING), [*drawn_at(6), TAIL])


def test_notebook_7(q, browser, lab, truth):
    q.save()
    seven = Notebook(browser, lab, "notebooks/q_quick.ipynb")
    expect(seven.page.locator(".jp-Cell")).to_have_count(len(CELLS))  # all is read
    seven.wait_until_idle()
    seven.complaints.clear()  # its own, as it starts
    seven.run_all()
    use_every_viewer(3, truth, seven)
    cells = seven.page.locator(".jp-Cell")
    before = cells.count()
    slider(seven.viewer("img.secant"), "step").focus()
    for key in "bdd":  # shortcuts that add a cell, and delete one
        seven.page.keyboard.press(key)
    assert cells.count() == before
    hears_nothing(seven)
    seven.page.close()
    q.page.bring_to_front()


def test_voila(browser, lab, truth):
    voila = Notebook(browser, lab, "voila/render/q_quick.ipynb")
    voila.viewer("img.run-curves")
    voila.complaints.clear()  # its own, as it starts: it asks for fonts elsewhere
    use_every_viewer(3, truth, voila)
    expect(voila.page.locator(".stand-in:visible")).to_have_count(0)
    assert voila.serious() == []
    voila.page.close()


# ---- small and enlarged pages --------------------------------------------------------

TOO_WIDE = """viewer => {
    const edge = viewer.closest(".jp-OutputArea-output");
    const right = edge.getBoundingClientRect().right;
    const parts = Array.from(viewer.querySelectorAll("img, canvas, button, input, td"));
    return [edge.scrollWidth - edge.clientWidth, ...parts.filter(
        part => part.getBoundingClientRect().right > right + 1
    ).map(part => part.outerHTML)];
}"""


def fits(viewer):
    wait_for(lambda: viewer.evaluate(TOO_WIDE) == [0] or None, f"{viewer} that fits")


def test_nothing_is_cut_off_at_800_pixels_and_enlarged(q):
    usual = q.page.viewport_size
    try:
        for width in (640, 800, 910):  # 1280 pixels at 200 %; 1366 at 150 %
            q.page.set_viewport_size({"width": width, "height": 700})
            for part in PARTS:
                fits(q.viewer(part))
    finally:
        q.page.set_viewport_size(usual)


# ---- without a kernel ----------------------------------------------------------------

def test_a_restarted_kernel_leaves_the_pictures_and_says_what_to_do(q):
    again = q.page.get_by_text("In JupyterLab, run this cell again")
    expect(q.page.locator(".viewer:visible")).to_have_count(5)
    expect(again.locator("visible=true")).to_have_count(0)
    q.save()
    q.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    q.page.get_by_role("menuitem", name="Restart Kernel…").click()
    q.page.locator(".jp-Dialog button.jp-mod-accept").click()
    for _ in range(2):  # at once, and when the page is loaded anew
        expect(again.locator("visible=true")).to_have_count(5)
        expect(q.page.locator(".viewer:visible")).to_have_count(0)
        expect(q.page.get_by_text("model not found").locator("visible=true")
               ).to_have_count(0)
        stand_in = q.page.locator(".stand-in").filter(has_text="Here a slider moves")
        expect(stand_in.locator("img")).to_be_visible()
        stand_in.get_by_role("slider", name="step").press("End")
        expect(stand_in).to_contain_text("Step 1.0e-15:")
        q.page.reload()
    q.page.locator(".jp-Cell .cm-content", has_text="import viewers").click()
    q.run_all()
    q.viewer(DRAWING)
    expect(again.locator("visible=true")).to_have_count(0)
    q.complaints[:] = [c for c in q.complaints if "model not found" not in c]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The notebooks as stock nbconvert's HTML."""
    folder = tmp_path_factory.mktemp("html")
    notebooks = sorted((PROJECT / "notebooks").glob("*.ipynb"))
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir",
                    folder, *notebooks], check=True, capture_output=True)
    return [folder / f"{notebook.stem}.html" for notebook in notebooks]


@pytest.mark.parametrize("name, sliders", [
    ("a_finite_differences", ["step"]), ("e_training", ["which of them", "timestep"])])
def test_the_committed_notebooks_live_in_html_without_network(
    browser, pages, name, sliders
):
    assert (PROJECT / "notebooks" / f"{name}.ipynb").stat().st_size < 3e6
    [address] = [path.as_uri() for path in pages if path.stem == name]
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(address, wait_until="commit")
    for label in sliders:
        slider = page.get_by_role("slider", name=label, exact=True)
        stand_in = page.locator(".stand-in").filter(has=slider)
        seen = set()
        for key in ["Home", "ArrowRight", "End"]:
            slider.press(key)
            sources = stand_in.locator("img").evaluate_all(
                "images => images.map(image => image.src)")
            seen.add((stand_in.inner_text(), *sources))
        assert len(seen) == 3
    context.close()
    plain = browser.new_context(offline=True, java_script_enabled=False).new_page()
    plain.goto(address, wait_until="commit")
    images = plain.locator(".stand-in img")
    for k in range(images.count()):
        assert images.nth(k).bounding_box()["width"] > 20
    assert images.count() and not plain.locator(".stand-in input").count()
    plain.context.close()


# ---- what an automatic check of accessibility finds ----------------------------------

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def found(page, inside):
    """Return the faults that axe-core finds inside what matches a selector.

    Each is (rule, element). What lies outside is JupyterLab's or nbconvert's; so is how
    a link in a text looks, which their style tells from the text by colour alone.
    """
    options = {"runOnly": {"type": "tag", "values": RULES},
               "rules": {"link-in-text-block": {"enabled": False}}}
    report = Axe().run(page, {"include": [[inside]]}, options).response
    assert report["passes"]  # so something was looked at
    return [(fault["id"], node["html"])
            for fault in report["violations"] for node in fault["nodes"]]


def set_theme(page, name):
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_role("menuitem", name=f"JupyterLab {name}", exact=True).click()
    light = str(name == "Light").lower()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", light)


def test_nothing_is_found_in_the_viewers_in_light_and_dark(q):
    for theme in ("Dark", "Light"):
        set_theme(q.page, theme)
        for part in PARTS:
            q.viewer(part)
        assert found(q.page, ".jp-OutputArea-output") == []


def test_nothing_is_found_in_the_notebooks_html(browser, pages):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    for path in pages:
        page.goto(path.as_uri(), wait_until="commit")
        page.wait_for_load_state("domcontentloaded")
        assert found(page, ".jp-OutputArea-output, .jp-MarkdownOutput") == []
    context.close()


def test_planted_faults_are_found(browser):
    page = browser.new_page()
    page.set_content("""<p style="color: #aaa; background: #fff">outside</p>
        <div class="ours"><img src="data:,"><input type="range">
        <table><tr><th></th></tr><tr><td>1</td></tr></table>
        <p style="color: #aaa; background: #fff">pale</p></div>""")
    assert sorted(rule for rule, _ in found(page, ".ours")) == [
        "color-contrast", "empty-table-header", "image-alt", "label"]
    page.close()


# ---- what only a person finds, or a test made for it ---------------------------------

LOOK = """control => {
    const { outline, boxShadow, border, background } = getComputedStyle(control);
    return [outline, boxShadow, border, background].join();
}"""


def test_the_keyboard_reaches_every_control_and_its_focus_is_seen(q):
    q.wait_until_idle()
    for part in PARTS:
        viewer = q.viewer(part)
        shown = [one for one in viewer.locator(
            "button, [role=slider], input, select, canvas[tabindex]").all()
                 if one.is_visible() and one.is_enabled()]
        shown[0].focus()
        q.page.keyboard.press("Tab")  # and back: a focus by keyboard is shown
        q.page.keyboard.press("Shift+Tab")
        for number, control in enumerate(shown):
            expect(control).to_be_focused()
            focused = control.evaluate(LOOK)
            control.evaluate("control => control.blur()")
            assert focused != control.evaluate(LOOK), (part, number)
            control.focus()
            q.page.keyboard.press("Tab")


def test_what_changes_is_said_once_the_hand_rests(q):
    q.wait_until_idle()
    viewer = q.viewer("img.secant")
    status = viewer.locator(".unseen[role=status]")
    press(viewer, "step", "Home")
    expect(status).to_contain_text("Step 1.0e+00")
    status.evaluate("""status => {
        window.said = [];
        new MutationObserver(() => said.push(status.textContent)).observe(
            status, { subtree: true, childList: true, characterData: true });
    }""")
    press(viewer, "step", "ArrowRight", times=12)
    expect(status).to_contain_text("Step 4.0e-03")
    said = q.page.evaluate("window.said")
    assert len(set(said)) < 4  # once, but where a slow machine rests in between


def test_nothing_moves_by_itself(q):
    q.wait_until_idle()
    q.page.emulate_media(reduced_motion="reduce")
    for part in PARTS:
        viewer = q.viewer(part)
        q.page.mouse.move(2, 2)
        q.page.wait_for_timeout(300)
        before = viewer.screenshot()
        assert not viewer.evaluate("viewer => viewer.getAnimations({subtree: true})")
        q.page.wait_for_timeout(1000)
        assert viewer.screenshot() == before
    q.page.emulate_media(reduced_motion="no-preference")


# ---- all of them ---------------------------------------------------------------------

def test_every_control_and_picture_has_a_name(q):
    """As a screen reader tells them: a role, then a name that is more than an icon."""
    kinds = "slider|button|combobox|spinbutton|textbox|img|progressbar"
    told = []
    for part in PARTS:
        told += q.viewer(part).aria_snapshot().splitlines()
        targets = q.viewer(part).locator("button, [role=slider], input, select")
        for target in targets.all():
            box = target.bounding_box()  # none if it is not shown
            assert not box or min(box["width"], box["height"]) >= 24, target
    controls = [line for line in told if re.match(rf" *- '?({kinds})\b", line)]
    assert len(controls) > 40
    for line in controls:
        assert re.search(r'"[^"]*\w{3}', line), f"no name: {line}"


def hears_nothing(notebook):
    notebook.wait_until_idle()
    assert notebook.heard
    assert notebook.serious() == []


def test_nobody_complained(q):
    hears_nothing(q)


@pytest.mark.parametrize("name, parts", [
    ("a_finite_differences", ["img.secant"]),
    ("e_training", ["select", "img.curves", DRAWING, "img.run-curves"]),
])
def test_the_viewers_of_the_real_notebooks_are_alive(browser, lab, name, parts):
    notebook = Notebook(browser, lab, f"lab/workspaces/{name[0]}/tree/{name}.ipynb")
    notebook.run_all()
    for part in parts:
        viewer = notebook.viewer(part)
        slider = viewer.get_by_role("slider").first
        before = slider.get_attribute("aria-valuenow")
        slider.press("ArrowRight")
        if part != DRAWING:
            expect(slider).not_to_have_attribute("aria-valuenow", before)
    hears_nothing(notebook)
    notebook.page.close()


def test_a_complaint_would_have_been_heard(q):
    assert not any("planted" in complaint for complaint in q.complaints)
    q.page.evaluate("console.error('planted in the page')")
    cells = q.page.locator(".jp-Cell")
    count = cells.count()
    q.page.locator(".jp-InputPrompt").last.click()
    q.page.keyboard.press("Escape")
    q.page.keyboard.press("b")  # a new cell below
    expect(cells).to_have_count(count + 1)
    q.page.keyboard.press("Enter")
    expect(q.page.locator(".jp-Cell.jp-mod-active .cm-content")).to_be_focused()
    q.page.keyboard.type("raise ValueError('planted in the kernel')")
    q.page.keyboard.press("Shift+Enter")
    expect(q.page.get_by_text("ValueError: planted in the kernel")).to_be_visible()
    for planted in ("planted in the page", "planted in the kernel"):
        assert any(planted in complaint for complaint in q.complaints)


# ---- the exporter in the menu --------------------------------------------------------

def test_the_menu_saves_a_pdf(browser, lab):
    address, token = lab
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(1000 * PATIENCE)
    cells = [{"cell_type": "markdown", "metadata": {}, "id": "a",
              "source": "# Report\n\n![words](https://example.org/gone.png) $\\frob$"}]
    kernel = {"name": "python3", "display_name": "Python 3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel},
               "nbformat": 4, "nbformat_minor": 5}
    page.request.put(
        f"{address}/api/contents/report.ipynb",
        headers={"Authorization": f"token {token}"},
        data=json.dumps({"type": "notebook", "content": content}),
    )
    page.goto(f"{address}/lab/workspaces/report/tree/report.ipynb?token={token}")
    expect(page.get_by_text("(ipykernel) | Idle")).to_be_visible()
    # A page that is nothing but a download is gone before it can be listened to.
    page.evaluate("window.open = address => { window.asked = address; return null; }")
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_text("Save and Export Notebook As").hover()
    expect(page.get_by_role("menuitem", name="Typst-pdf", exact=True)).to_have_count(0)
    page.get_by_role("menuitem", name="Typst_pdf", exact=True).click()
    page.wait_for_function("window.asked")
    answer = page.request.get(
        page.evaluate("new URL(window.asked, location).href"),
        headers={"Referer": f"{address}/lab"})
    assert "report.pdf" in answer.headers["content-disposition"]
    text = PdfReader(io.BytesIO(answer.body())).pages[0].extract_text()
    for words in ("Report", "Picture: words, https://example.org/gone.png", r"$\frob$"):
        assert words in " ".join(text.split())
    page.close()
