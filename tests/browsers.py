"""The browsers in which the viewers and the site are tested: Chromium and Firefox.

Where one is not installed, a test that asks for it is skipped or, with CI set, fails.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import time

import pytest
import websocket
from playwright.sync_api import expect, sync_playwright

TIMEOUT_S = 240  # nothing here is timed, but nothing may hang for ever
expect.set_options(timeout=1000 * TIMEOUT_S)


def wait_for(condition, what):
    """Wait until condition returns something true; return that."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)
    return result


def path_of(name, *commands):
    for command in commands:
        if path := shutil.which(command):
            return path
    missing = f"not tested in {name}: it is not installed (apt install {commands[0]})"
    return pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


@contextlib.contextmanager
def chromium():
    """Playwright's Chromium, from the system."""
    path = path_of("Chromium", "chromium", "chromium-browser")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=path, timeout=1000 * TIMEOUT_S,
            args=["--no-sandbox", "--disable-sync", "--disable-domain-reliability"])


def new_page(browser, width=1366, **settings):
    """Return a new page of Chromium, with the tests' time limit."""
    page = browser.new_page(viewport={"width": width, "height": 768}, **settings)
    page.set_default_timeout(1000 * TIMEOUT_S)
    return page


def fallback_states(fallback):
    """Return what a static fallback shows at three places of its slider, as a set."""
    states = set()
    for key in ["Home", "ArrowRight", "End"]:
        fallback.get_by_role("slider").press(key)
        sources = fallback.locator("img").evaluate_all("all => all.map(one => one.src)")
        states.add((fallback.inner_text(), *sources))
    return states


class Firefox:
    """A tab of Firefox, driven over WebDriver BiDi, and the errors of its scripts.

    Playwright asks for a command that Firefox ESR does not know.
    """

    def __init__(self, home):
        path, log = path_of("Firefox", "firefox-esr", "firefox"), home / "log"
        with open(log, "w") as file:
            self.process = subprocess.Popen(
                [path, "--headless", "--remote-debugging-port=0", "--profile", home],
                env={**os.environ, "HOME": str(home)}, stdout=file, stderr=file)
        address = wait_for(lambda: re.search(
            r"listening on (ws://\S+)", log.read_text()), "Firefox")[1]
        self.socket = websocket.create_connection(
            f"{address}/session", timeout=TIMEOUT_S, suppress_origin=True)
        self.numbers, self.errors = itertools.count(), []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=["log.entryAdded"])
        [self.tab] = self.send("browsingContext.getTree")["contexts"]

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(TIMEOUT_S)

    def send(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps(
            {"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            if answer["params"].get("level") == "error":
                self.errors.append(answer["params"]["text"])
        assert answer["type"] == "success", answer
        return answer["result"]

    def go(self, address):
        self.send("browsingContext.navigate", context=self.tab["context"], url=address,
                  wait="complete")

    def run(self, expression):
        """Return the value of a JavaScript expression in the page, None on an error."""
        result = self.send(
            "script.evaluate", expression=f"JSON.stringify({expression})",
            target={"context": self.tab["context"]}, awaitPromise=False)
        return json.loads(result.get("result", {}).get("value", "null"))

    def act(self, kind, *actions):
        self.send("input.performActions", context=self.tab["context"], actions=[
            {"type": kind, "id": kind, "actions": actions}])

    def press(self, selector, *keys):
        """Focus what matches a selector, and press keys."""
        self.call(selector, "focus()")
        self.act("key", *({"type": kind, "value": key}
                          for key in keys for kind in ("keyDown", "keyUp")))

    def run_until(self, expression):
        """Run an expression again and again until its value is true."""
        wait_for(lambda: self.run(expression), expression)

    def call(self, selector, method):
        self.run_until(f"(document.querySelector({selector!r}).{method}, true)")

    def draw(self, selector, points):
        """Drag the mouse along points of a sheet, 280 x 280."""
        self.call(selector, "scrollIntoView({block: 'center'})")
        x, y, width = self.run(f"(box => [box.x, box.y, box.width])(document"
                               f".querySelector({selector!r}).getBoundingClientRect())")
        moves = [{"type": "pointerMove", "x": round(x + width * a / 280),
                  "y": round(y + width * b / 280)} for a, b in points]
        self.act("pointer", moves[0], {"type": "pointerDown", "button": 0}, *moves[1:],
                 {"type": "pointerUp", "button": 0})

    def click(self, text):
        self.run_until(
            "(Array.from(document.querySelectorAll('button')).find(one => "
            f"one.offsetParent && (one.title || one.textContent).trim() === {text!r})"
            ".click(), true)")

    def reads(self, selector, pattern):
        wait_for(lambda: re.search(pattern, self.run(
            f"document.querySelector({selector!r}).textContent") or ""), pattern)
