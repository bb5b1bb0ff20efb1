"""export/site.py: the folder of pages that opens by a double click, in two browsers."""

import re
import shutil
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote, unquote, urljoin

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from axe import faults, thin_out
from browsers import fallback_states, new_page
from export.__main__ import main
from export.cover import Cover
from export.output import write
from export.site import make_site
from export.sources import all_sources
from nbtypst.read import read_notebook
from nbtypst_samples import save
from nn_helpers import PROJECT

pytestmark = [pytest.mark.export, pytest.mark.browser]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
PAGES = ["index", *(path.stem for path in NOTEBOOKS), "code"]
VIEWERS = {"a_finite_differences": 1, "e_training": 4}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site of the committed notebooks, with a PDF that is not one."""
    folder = tmp_path_factory.mktemp("a folder") / "site"
    notebooks = [read_notebook(path) for path in NOTEBOOKS]
    cover = Cover(title="Threes & nines")
    sources = all_sources(NOTEBOOKS, notebooks)
    pages, warnings = make_site(folder, NOTEBOOKS, notebooks, cover, sources, "w.pdf")
    assert warnings == []
    write({**pages, folder / "w.pdf": b"%PDF"})
    return folder


@pytest.fixture(scope="module")
def documents(site):
    """The pages without the colours of their code, which are most of their tags."""
    coloured = r'<span class="\w+">([^<]*)</span>'
    return {path.stem: BeautifulSoup(
        re.sub(coloured, r"\1", path.read_text("utf-8")), "html.parser")
        for path in site.glob("*.html")}


@pytest.fixture(scope="module")
def opened(browser, site):
    """A function that opens a page in a tab which notes its requests and messages."""
    tab = new_page(browser, offline=True)
    tab.on("request", lambda request: tab.requests.append(request.url))
    tab.on("console", lambda message: tab.messages.append(message.text))
    tab.on("pageerror", lambda error: tab.messages.append(str(error)))

    def open_page(name, width=1366, scheme="light"):
        tab.requests, tab.messages = [], []
        tab.set_viewport_size({"width": width, "height": 768})
        tab.emulate_media(color_scheme=scheme, media="screen")
        tab.goto((site / f"{name}.html").as_uri())
        return tab

    return open_page


# ---- What the pages say ----------------------------------------------------------

def test_every_link_leads_to_a_place_in_the_site(documents):
    assert sorted(documents) == sorted(PAGES)
    places, links = {"w.pdf"}, set()
    for name, document in documents.items():
        names = [tag["id"] for tag in document.find_all(id=True)]
        assert len(names) == len({*names}), name
        places |= {f"{name}.html", *(f"{name}.html#{anchor}" for anchor in names)}
        links |= {unquote(urljoin(f"{name}.html", link["href"]))
                  for link in document.find_all("a", href=True)}
    assert links - places == set()


def test_each_page_leads_to_its_neighbours_and_the_first_to_all(documents):
    assert documents["index"].h1.get_text() == "Threes & nines"
    pages = [f"{name}.html" for name in PAGES[1:]]
    for name, before, after in zip(PAGES[1:], ["", *pages], [*pages[1:], ""]):
        assert documents[name].title.get_text().endswith(" – Threes & nines")
        ways = [{a.get("rel", [""])[0]: a["href"] for a in nav.find_all("a")}
                for nav in documents[name].select("nav.pages")]
        wanted = {"prev": before, "": "index.html", "next": after}
        assert ways == [{kind: page for kind, page in wanted.items() if page}] * 2
    linked = {link["href"] for link in documents["index"].main.find_all("a")}
    assert linked >= {*pages, "w.pdf"}
    assert len(documents["index"].main.find_all("img", alt=True)) == 2


def test_each_answer_is_linked_from_its_page_and_the_first(documents):
    places = []
    for name, document in documents.items():
        for answer in document.select("blockquote:has(strong)"):
            if answer.strong.get_text().startswith("Answer ("):
                place = "#" + quote(answer["id"])
                assert document.select_one(f"nav.contents a[href='{place}']"), place
                places.append(f"{name}.html{place}")
    assert len(places) == 14
    linked = {link["href"] for link in documents["index"].main.find_all("a")}
    assert {*places} <= linked


def test_all_code_is_there_and_nothing_says_to_run_it(documents):
    for path in NOTEBOOKS:
        cells = {cell.source.strip() for cell in read_notebook(path).cells
                 if cell.cell_type == "code"}
        listings = documents[path.stem].select(".highlight pre")
        assert cells - {""} <= {pre.get_text().strip() for pre in listings}
    headings = {tag.get_text() for tag in documents["code"].find_all("h2")}
    assert {"nn_helpers.py", "notebooks/page.py"} <= headings
    assert "def train(" in documents["code"].get_text()


def test_the_command_writes_all_of_a_site_or_nothing(tmp_path, capsys):
    save(tmp_path / "a.ipynb", "# A\n\n![](gone.png) [b](b.ipynb#B)")
    save(tmp_path / "b.ipynb", "Words.")
    site, pdf = tmp_path / "site", tmp_path / "w.pdf"
    given = [str(tmp_path / name) for name in ("a.ipynb", "b.ipynb")]
    command = [*given, "--no-execute", "-o", str(pdf), "--site", str(site)]
    for more, reason in [(["--strict"], "gone.png"), (given[:1], "are called alike")]:
        assert main([*more, *command]) == 1 and reason in capsys.readouterr().err
        assert not site.exists() and not pdf.exists()
    assert main(command) == 0
    assert capsys.readouterr().err.count("the image gone.png") == 1
    assert sorted(path.name for path in site.iterdir()) == [
        "a.html", "b.html", "code.html", "index.html", "w.pdf"]
    assert (site / "w.pdf").read_bytes() == pdf.read_bytes()
    assert 'href="b.html#B"' in (site / "a.html").read_text("utf-8")
    shutil.rmtree(site)
    site.touch()
    assert main(command) == 1 and "not a folder" in capsys.readouterr().err


# ---- In the browser --------------------------------------------------------------

# The rules whose answer may differ in another theme and width.
AGAIN = ["color-contrast", "link-in-text-block", "scrollable-region-focusable"]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_right_narrow_and_dark_wide_and_light_and_on_paper(opened, name):
    """And its own policy keeps a request that a script makes from leaving."""
    page = opened(name, width=320, scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    moved = page.locator(".formula[tabindex], .wide[tabindex]")  # by keyboard
    assert moved.count() or name != "d_backpropagation"
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) != "rgb(255, 255, 255)"
    thin_out(page)
    assert faults(page) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    expect(moved).to_have_count(0)
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert faults(page, rules=AGAIN) == []
    page.emulate_media(color_scheme="dark", media="print")
    assert page.locator("nav, .skip, summary").filter(visible=True).count() == 0
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert [one for one in page.requests if not re.match("file:|data:", one)] == []
    assert page.messages == []
    page.evaluate("fetch('https://example.org/x').catch(() => {})")
    assert any("Content Security Policy" in message for message in page.messages)


@pytest.mark.parametrize("name", VIEWERS)
def test_viewers_move_under_a_heading_and_nothing_says_run(opened, name):
    page = opened(name)
    viewers = page.locator(".static-fallback")
    expect(viewers).to_have_count(VIEWERS[name])
    assert page.get_by_text("Run All Cells").filter(visible=True).count() == 0
    for viewer in viewers.all():
        heading = viewer.locator("xpath=preceding::*[self::h3 or self::h4][1]")
        expect(heading).to_have_text(re.compile("slider|draw|trains"))
        # The playground has no slider; test_browser.py draws on the sheet.
        slider, sheet = viewer.get_by_role("slider"), viewer.locator("canvas")
        assert sheet.count() or not slider.count() or len(fallback_states(viewer)) == 3


def test_viewers_say_where_they_move_if_scripts_are_off(browser, site):
    page = new_page(browser, offline=True, java_script_enabled=False)
    page.goto((site / "e_training.html").as_uri())
    sentences = page.get_by_text("If nothing moves here,").filter(visible=True)
    expect(sentences).to_have_count(VIEWERS["e_training"])
    page.close()


def test_keyboard_skips_to_the_text_and_unfolds_code(opened):
    page = opened("a_finite_differences")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the text")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["x"] > 0
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    code = page.locator("details pre").first
    expect(code).to_be_hidden()
    page.keyboard.press("Enter")
    expect(code).to_contain_text("import pickle")
    assert page.locator("summary:focus-visible").count() == 1


@pytest.mark.parametrize("name", ["b_activations_and_loss", "c_forward_pass"])
def test_formulas_of_answers_are_read_as_mathml(opened, name):
    """The words of the page as Chromium gives them to a screen reader."""
    page = opened(name)
    client = page.context.new_cdp_session(page)
    nodes = client.send("Accessibility.getFullAXTree")["nodes"]
    client.detach()
    around, words, in_answers = {}, defaultdict(str), set()
    for node in nodes:  # those around a node come before it
        role = node.get("role", {}).get("value")
        here = around.get(node.get("parentId"), {}) | {role: node["nodeId"]}
        around[node["nodeId"]] = here
        if "MathMLMath" in here:
            said = node["name"]["value"] if role == "StaticText" else ""
            words[here["MathMLMath"]] += said
        if "blockquote" in here:
            in_answers.add(role)
    assert len(words) == page.locator("math").filter(visible=True).count() > 10
    assert {"MathMLMath", "MathMLIdentifier", "MathMLNumber"} <= in_answers
    assert all(said.strip() and "\\" not in said for said in words.values())


def test_firefox_shows_every_formula_and_picture_and_moves_the_viewers(
        firefox, documents, site):
    """All formulas and pictures on one page, as they are for each page alone."""
    shown = {str(tag) for document in documents.values()
             for tag in document.find_all(["math", "img"])}
    page = (site / "index.html").read_text("utf-8")
    (site / "all.html").write_text(page.replace("</main>", "".join(shown)), "utf-8")
    firefox.go((site / "all.html").as_uri())
    heights = firefox.run("Array.from(document.querySelectorAll('math, img'), one => "
                          "one.naturalWidth ?? one.getBoundingClientRect().height)")
    assert len(heights) >= len(shown) > 100 and 0 not in heights
    for name in VIEWERS:
        firefox.go((site / f"{name}.html").as_uri())
        viewer = ".static-fallback:not(:has(canvas))"
        state = f"document.querySelector('{viewer}').outerHTML"
        before = firefox.run(state)
        firefox.press(f"{viewer} [type=range]", "\ue010")  # End
        assert firefox.run(state) != before
