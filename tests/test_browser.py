"""The viewers in a real browser: JupyterLab, Chromium, a mouse and a keyboard."""

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

import matplotlib
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect, sync_playwright
from pypdf import PdfReader

import page
from nn_helpers import (
    PROJECT,
    create_bias_vectors,
    create_weight_matrices,
    finite_difference_gradient,
    get_mnist_threes_nines,
    logistic_loss,
    relu_activation,
    sgd,
    sigmoid_activation,
)
from viewers import (
    EXAMPLES,
    as_mnist,
    film,
    find,
    ink,
    mistakes,
    move_epsilon,
    pictures,
    reasons,
    record,
)

pytestmark = [pytest.mark.notebooks, pytest.mark.browser]
PATIENCE = 120  # seconds: nothing here is timed, but nothing may hang for ever
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


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """The address of a JupyterLab over a copy of the notebooks, with nobody's settings.

    Yields (address, token).
    """
    home = tmp_path_factory.mktemp("home")
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    shutil.copytree(PROJECT / "notebooks", home / "notebooks", ignore=ignore)
    folders = {name: str(home / name) for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
        "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    settings = home / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}')
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith(("JUPYTER", "COVERAGE"))}
    environment |= {"HOME": str(home), "OPENBLAS_NUM_THREADS": "1", **folders}
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
    """A notebook open in JupyterLab, and all complaints heard from it.

    Heard are the browser's console, errors in its scripts, and what the kernel sends:
    an error, or a word on stderr, be it from a cell or from a widget's callback.
    """

    def __init__(self, browser, lab, name):
        address, token = lab
        self.complaints, self.greetings, self.unanswered = [], set(), set()
        self.page = browser.new_page(viewport={"width": 1366, "height": 768})
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.on("console", self._hear_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", self._listen)
        # A workspace for each, or one page would take over the other's tabs.
        self.page.goto(f"{address}/lab/workspaces/{name[0]}/tree/{name}.ipynb"
                       f"?token={token}")
        expect(self.page.get_by_text("(ipykernel) | Idle")).to_be_visible()

    def _hear_console(self, message):
        if message.type in ("error", "warning"):
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
            self.greetings |= set(re.findall(r'"comm_id": ?"([^"]+)"', text))
        if re.search(r'"msg_type": ?"comm_msg"', text):
            self.unanswered.add(MESSAGE.search(text)[1])

    def _hear_kernel(self, frame):
        text = as_text(frame)
        if re.search(r'"execution_state": ?"idle"', text):
            self.unanswered -= set(MESSAGE.findall(text))
        if not re.search(r'"msg_type": ?"error"|"name": ?"stderr"', text):
            return
        unanswered = re.search(
            r"No such comm(: | target registered: jupyter.widget.control)([\w-]*)", text
        )
        if not (unanswered and unanswered[2] in {"", *self.greetings}):
            self.complaints.append(text)

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

    def run_all(self):
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def viewer(self, part):
        """Return the viewer that has this part (a selector), once it is in view."""
        found = self.page.locator(".viewer").filter(has=self.page.locator(part))
        found.wait_for(state="attached")
        found.scroll_into_view_if_needed()
        expect(found.locator(part)).to_be_visible()
        return found


@pytest.fixture(scope="module")
def opened(browser, lab):
    """Both notebooks that have viewers, opened and told to run all cells, by letter."""
    names = ["e_training", "a_finite_differences"]  # the long one first
    notebooks = {name[0]: Notebook(browser, lab, name) for name in names}
    for notebook in notebooks.values():
        notebook.page.bring_to_front()
        notebook.run_all()
    return notebooks


@pytest.fixture
def a(opened):
    opened["a"].page.bring_to_front()
    return opened["a"]


@pytest.fixture
def e(opened):
    opened["e"].page.bring_to_front()
    return opened["e"]


@pytest.fixture(scope="module")
def truth():
    """What notebook e must come to: its data, its network, the first and the last."""
    (X_train, y_train), (X_test, y_test) = get_mnist_threes_nines()
    X_train, X_test = (X.reshape(len(X), -1) for X in (X_train, X_test))
    rng = np.random.default_rng(0)
    weights = create_weight_matrices([784, 200, 1], rng)
    biases = create_bias_vectors([784, 200, 1])
    activations = [relu_activation, sigmoid_activation]
    film = record(sgd(X_train, y_train, weights, biases, activations, rng=rng),
                  (weights, biases, activations), every=605)
    network = film[-1][1]
    g = reasons.probabilities(network, X_test)
    return SimpleNamespace(
        X_train=X_train, y_train=y_train, X=X_test, y=y_test, film=film,
        network=network, g=g, groups=mistakes.groups(g, y_test))


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

def test_the_step_of_a_finite_difference(a):
    viewer = a.viewer("img.secant")
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
        find(viewer, "step").index = place
        return bytes(find(viewer, "secant").value)


# ---- misclassified digits ------------------------------------------------------------

def explains(viewer, k, truth):
    """Wait until the viewer shows test digit k, all of it right."""
    caption = viewer.locator(".digit-caption")
    g, label = truth.g[k], "39"[truth.y[k]]
    expect(caption).to_contain_text(re.compile(
        f"Image {k}: a {label}, .*taken for a .* {max(g, 1 - g):.3f}", re.S))
    shows(viewer.locator("img.digit"), pictures.digit_png(truth.X[k], 16))
    pushed, rest = reasons.pushes(truth.network, truth.X[k])
    shows(viewer.locator("img.pushes"),
          pictures.signed_png(pushed, abs(pushed).max(), 16), tolerance=1)
    expect(viewer.locator(".pushes-caption")).to_contain_text(
        f"{pushed.sum() + rest:+.2f}")
    near = reasons.nearest_finder(truth.X_train, truth.y_train)(truth.X[k])
    for digit, (j, _) in zip("39", near):
        shows(viewer.locator(f"img.nearest-{digit}"),
              pictures.digit_png(truth.X_train[j], 10))


def test_the_mistakes_one_by_one(e, truth):
    viewer = e.viewer("select")
    surest_first = truth.groups["all mistakes"]
    layout = viewer.evaluate(LAYOUT)
    explains(viewer, surest_first[0], truth)
    press(viewer, "which of them", "ArrowRight")
    explains(viewer, surest_first[1], truth)
    assert viewer.evaluate(LAYOUT) == layout
    drag(viewer, "which of them", 1.0)
    explains(viewer, surest_first[-1], truth)
    assert viewer.evaluate(LAYOUT) == layout


def test_a_fast_hand_ends_at_the_right_picture(e, truth):
    viewer = e.viewer("select")
    press(viewer, "which of them", "Home")
    press(viewer, "which of them", "ArrowRight", times=20)
    assert stands_at(viewer, "which of them") == "21"
    explains(viewer, truth.groups["all mistakes"][20], truth)


def test_the_menu_the_box_and_the_play_button(e, truth):
    viewer = e.viewer("select")
    menu = viewer.get_by_role("combobox", name="show")
    layout = viewer.evaluate(LAYOUT)
    for name, members in reversed(truth.groups.items()):
        menu.select_option(f"{name} ({len(members)})")
        explains(viewer, members[0], truth)
        assert stands_at(viewer, "which of them") == "1"
        assert slider(viewer, "which of them").get_attribute("aria-valuemax") == (
            f"{len(members)}.0")
        assert viewer.evaluate(LAYOUT) == layout
    box = viewer.get_by_role("spinbutton", name="image")
    box.fill("7")
    box.press("Enter")
    explains(viewer, 7, truth)
    viewer.get_by_role("button", name="Play the group", exact=True).click()
    explains(viewer, truth.groups["all mistakes"][1], truth)
    viewer.get_by_role("button", name="stop and go back").click()
    explains(viewer, truth.groups["all mistakes"][0], truth)


# ---- through time --------------------------------------------------------------------

def test_back_and_forth_in_the_training(e, truth):
    viewer = e.viewer("img.curves")
    now, weights = viewer.locator(".now"), viewer.locator("img.weights")
    tiles, largest = film.unit_tiles(truth.film)
    layout = viewer.evaluate(LAYOUT)
    seen = set()

    def reads(t, index=None):
        expect(now).to_contain_text(f"Timestep {t}")
        assert stands_at(viewer, "timestep") == str(t)
        if index is not None:
            png = pictures.mosaic_png(tiles(index), largest, film.ROW, scale=3)
            shows(weights, png, tolerance=1)
        assert viewer.evaluate(LAYOUT) == layout
        seen.add((shown(viewer.locator("img.curves")), shown(weights)))

    reads(0, 0)
    press(viewer, "timestep", "ArrowRight", times=2)
    reads(10)
    press(viewer, "timestep", "End")
    reads(605, -1)
    loss = logistic_loss(truth.g, truth.y)[0].mean()
    expect(now).to_contain_text(f"test loss {loss:.3f}")
    drag(viewer, "timestep", 60 / 121)
    reads(300)
    assert len(seen) == 4
    viewer.get_by_role("button", name="Play the training", exact=True).click()
    expect(now).not_to_contain_text("Timestep 300")
    viewer.get_by_role("button", name="stop and go back").click()
    reads(0, 0)


def test_both_viewers_show_the_same_digit(e, truth):
    k = int(truth.groups["3 taken for 9"][0])
    viewer = e.viewer("img.curves")
    box = viewer.get_by_role("spinbutton", name="image")
    box.fill(str(k))
    box.press("Enter")
    expect(viewer.locator(".now")).to_contain_text(f"Image {k} is a 3")
    shows(viewer.locator("img.followed"), pictures.digit_png(truth.X[k], 6))
    press(viewer, "timestep", "End")
    expect(viewer.locator(".now")).to_contain_text(f"{1 - truth.g[k]:.3f}: wrong")
    other = e.viewer("select")
    explains(other, k, truth)


# ---- draw a digit --------------------------------------------------------------------

def draw(viewer, strokes):
    """Draw strokes on the sheet with the mouse."""
    mouse, sheet = viewer.page.mouse, viewer.locator("canvas").bounding_box()
    for stroke in strokes:
        points = [(sheet["x"] + x, sheet["y"] + y) for x, y in stroke]
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=2)
        mouse.up()


INK = """canvas => {  // counted on a copy, for reading slows the original down
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d", {willReadFrequently: true});
    context.drawImage(canvas, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return data.filter((value, k) => k % 4 == 0 && value < 128).length;
}"""


def has_ink(viewer, drawing):
    """Wait until the sheet has as much ink as the drawing, give or take a tenth."""
    expected, canvas = np.sum(drawing > 127), viewer.locator("canvas")
    wait_for(lambda: abs(canvas.evaluate(INK) - expected) <= expected / 10 or None,
             "the drawing on the sheet")


def test_draw_with_the_mouse_and_the_answer_follows(e, truth):
    viewer = e.viewer("canvas")
    caption, seen = viewer.locator(".digit-caption"), viewer.locator("img.digit")
    layout = viewer.evaluate(LAYOUT)
    expect(viewer.locator(".hint")).to_contain_text("The sheet is empty")

    [nine] = EXAMPLES["a 9"]
    draw(viewer, [nine[:24]])  # the loop
    shows(seen, pictures.digit_png(as_mnist(ink([nine[:24]])), 16), tolerance=12)
    expect(viewer.locator(".hint")).not_to_contain_text("The sheet is empty")
    draw(viewer, [nine[23:]])  # the tail
    shows(seen, pictures.digit_png(as_mnist(ink([nine])), 16), tolerance=12)
    expect(caption).to_contain_text("The network says 9")
    has_ink(viewer, ink([nine]))

    viewer.get_by_role("button", name="Clear").click()
    expect(viewer.locator(".hint")).to_contain_text("The sheet is empty")
    has_ink(viewer, ink([]))
    draw(viewer, EXAMPLES["a 9 with a curled tail"])
    expect(caption).to_contain_text("The network says 3")
    assert viewer.evaluate(LAYOUT) == layout


@pytest.mark.parametrize("name", EXAMPLES)
def test_let_a_button_draw(e, truth, name):
    viewer = e.viewer("canvas")
    viewer.get_by_role("button", name=f"Draw {name} for me", exact=True).click()
    image = as_mnist(ink(EXAMPLES[name]))
    shows(viewer.locator("img.digit"), pictures.digit_png(image, 16))
    [g] = reasons.probabilities(truth.network, image[np.newaxis])
    expect(viewer.locator(".digit-caption")).to_contain_text(f"{max(g, 1 - g):.3f}")
    has_ink(viewer, ink(EXAMPLES[name]))


# ---- train it yourself ---------------------------------------------------------------

def test_train_stop_and_compare(e):
    viewer = e.viewer("img.run-curves")
    rows, status = viewer.locator(".runs tr"), viewer.locator(".status")
    curves = viewer.locator("img.run-curves")
    train = viewer.get_by_role("button", name="Train")
    stop = viewer.get_by_role("button", name="Stop")
    expect(rows).to_have_count(2)  # the head and the run above
    seen = [shown(curves)]

    press(viewer, "batch size", "Home")  # batches of one, which take long
    press(viewer, "epochs", "End")
    e.settle()
    train.click()
    expect(stop).to_be_enabled()
    expect(train).to_be_disabled()
    expect(status).to_contain_text("Training: epoch")
    wait_for(lambda: shown(curves) not in (None, *seen) or None, "curves that grow")
    stop.click()
    expect(status).to_contain_text("stopped at epoch")
    expect(train).to_be_enabled()
    expect(stop).to_be_disabled()
    expect(rows).to_have_count(3)

    press(viewer, "batch size", "ArrowRight", times=4)  # 100
    press(viewer, "epochs", "Home")
    press(viewer, "step size", "ArrowRight", times=6)
    e.settle()
    train.click()
    expect(status).to_contain_text(
        "step size 10, hidden 200, batch 100, epochs 1, seed 0: finished.")
    expect(rows).to_have_count(4)
    expect(rows.nth(3)).to_contain_text(re.compile(r"49\.\d\d%|50\.\d\d%"))
    expect(rows.nth(1)).to_contain_text("the run above")
    expect(rows.nth(2)).to_contain_text("stopped at epoch")

    viewer.get_by_role("button", name="Forget all runs").click()
    expect(rows).to_have_count(1)
    expect(status).to_contain_text("No run yet")


# ---- all of them ---------------------------------------------------------------------

def test_every_control_and_picture_has_a_name(a, e):
    """As a screen reader tells them: a role, then a name that is more than an icon."""
    kinds = "slider|button|combobox|spinbutton|textbox|img|progressbar"
    told = []
    for notebook, part in [(a, "img.secant"), (e, "select"), (e, "img.curves"),
                           (e, "canvas"), (e, "img.run-curves")]:
        notebook.page.bring_to_front()
        told += notebook.viewer(part).aria_snapshot().splitlines()
    controls = [line for line in told if re.match(rf" *- '?({kinds})\b", line)]
    assert len(controls) > 40
    for line in controls:
        assert re.search(r'"[^"]*\w{3}', line), f"no name: {line}"


def test_nobody_complained(a, e):
    for notebook in (a, e):
        indicator = notebook.page.locator(".jp-Notebook-ExecutionIndicator")
        expect(indicator).to_have_attribute("data-status", "idle")
        assert notebook.greetings  # so something was heard
        assert notebook.complaints == []


def test_a_complaint_would_have_been_heard(a):
    assert not any("planted" in complaint for complaint in a.complaints)
    a.page.evaluate("console.error('planted in the page')")
    cells = a.page.locator(".jp-Cell")
    count = cells.count()
    a.page.locator(".jp-InputPrompt").last.click()
    a.page.keyboard.press("b")  # a new cell below
    expect(cells).to_have_count(count + 1)
    a.page.keyboard.press("Enter")
    expect(a.page.locator(".jp-Cell.jp-mod-active .cm-content")).to_be_focused()
    a.page.keyboard.type("raise ValueError('planted in the kernel')")
    a.page.keyboard.press("Shift+Enter")
    expect(a.page.get_by_text("ValueError: planted in the kernel")).to_be_visible()
    for planted in ("planted in the page", "planted in the kernel"):
        assert any(planted in complaint for complaint in a.complaints)


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
