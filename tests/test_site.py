"""export/site.py: the folder of pages that opens by a double click, in two browsers."""

import re
import shutil
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from axe import faults, thin_out
from browsers import fallback_states, new_page
from export.__main__ import main
from export.atomic_write import write
from export.cover import Cover
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
    pages, warnings = make_site(NOTEBOOKS, notebooks, cover, sources, "w.pdf", folder)
    assert warnings == []
    write({**pages, folder / "w.pdf": b"%PDF"})
    return folder


@pytest.fixture(scope="module")
def documents(site):
    return {path.stem: BeautifulSoup(path.read_text("utf-8"), "html.parser")
            for path in site.glob("*.html")}


@pytest.fixture
def opened(browser, site):
    """A function that opens a page of the site, and notes its requests and messages."""
    pages = []

    def open_page(name, **settings):
        page = new_page(browser, offline=True, **settings)
        pages.append(page)
        page.requests, page.messages = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.messages.append(message.text))
        page.on("pageerror", lambda error: page.messages.append(str(error)))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()


# ---- What the pages say ----------------------------------------------------------

def test_every_link_leads_to_a_place_in_the_site(documents, site):
    assert sorted(documents) == sorted(PAGES)
    anchors = {name: [tag["id"] for tag in document.find_all(id=True)]
               for name, document in documents.items()}
    for name, document in documents.items():
        assert len(anchors[name]) == len(set(anchors[name])), name
        for address in {link["href"] for link in document.find_all("a", href=True)}:
            place, _, anchor = address.partition("#")
            assert not re.match(r"\w+:", place), address
            assert not place or (site / place).is_file(), address
            other = Path(place).stem if place else name
            assert not anchor or unquote(anchor) in anchors[other], address


def test_each_page_leads_to_its_neighbours_and_the_first_to_all(documents):
    assert documents["index"].h1.get_text() == "Threes & nines"
    order = PAGES[1:]
    for k, name in enumerate(order):
        document = documents[name]
        assert document.title.get_text().endswith(" – Threes & nines")
        for nav in document.select("nav.pages"):
            ways = {a.get("rel", [""])[0]: a["href"] for a in nav.find_all("a")}
            wanted = {"prev": order[k - 1] if k else None, "": "index",
                      "next": order[k + 1] if name != "code" else None}
            assert ways == {kind: f"{p}.html" for kind, p in wanted.items() if p}
    linked = {link["href"] for link in documents["index"].main.find_all("a")}
    assert linked >= {f"{name}.html" for name in order} | {"w.pdf"}
    assert len(documents["index"].main.find_all("img", alt=True)) == 2


def test_each_answer_is_linked_from_its_page_and_the_first(documents):
    found = 0
    linked = {link["href"] for link in documents["index"].main.find_all("a")}
    for name in PAGES[1:]:
        document = documents[name]
        for answer in document.select("blockquote"):
            words = answer.strong.get_text() if answer.strong else ""
            if words.startswith("Answer ("):
                place = "#" + quote(answer["id"])
                assert document.select_one(f"nav.contents a[href='{place}']"), words
                assert f"{name}.html{place}" in linked
                found += 1
    assert found == 14


def test_all_code_is_there_and_nothing_says_to_run_it(documents):
    for path in NOTEBOOKS:
        cells = [cell.source.strip() for cell in read_notebook(path).cells
                 if cell.cell_type == "code"]
        shown = [pre.get_text().strip()
                 for pre in documents[path.stem].select(".highlight pre")]
        assert {*cells} - {""} <= {*shown}
    headings = [tag.get_text() for tag in documents["code"].find_all("h2")]
    assert {"nn_helpers.py", "notebooks/page.py"} <= {*headings}
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

@pytest.mark.parametrize("name", PAGES)
def test_page_has_no_fault_request_or_message_in_light_and_narrow_dark(opened, name):
    page = opened(name)
    for scheme, width in [("dark", 400), ("light", 1280)]:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        thin_out(page)
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        assert faults(page) == []
    assert [one for one in page.requests if not re.match("file:|data:", one)] == []
    assert page.messages == []


def test_a_planted_request_is_kept_from_leaving(opened):
    """Whatever a notebook's scripts try: the page's own policy does not let them."""
    page = opened("c_forward_pass")
    page.context.set_offline(False)
    page.evaluate("""() => {
        const image = new Image(); image.src = "https://example.org/x.png";
        fetch("https://example.org/x").catch(() => {}); }""")
    page.wait_for_function("performance.now() > 0")
    assert any("Content Security Policy" in message for message in page.messages)


@pytest.mark.parametrize("name", ["b_activations_and_loss", "c_forward_pass"])
def test_formulas_of_answers_are_read_as_mathml(opened, name):
    """The words of the page as Chromium gives them to a screen reader."""
    page = opened(name)
    client = page.context.new_cdp_session(page)
    nodes = client.send("Accessibility.getFullAXTree")["nodes"]
    tree = {node["nodeId"]: node for node in nodes}

    def role(node):
        return node.get("role", {}).get("value", "")

    def below(node):
        for child in (tree[k] for k in node.get("childIds", []) if k in tree):
            yield child
            yield from below(child)

    read = [node for node in nodes if role(node) == "MathMLMath"]
    assert len(read) == page.locator("math").filter(visible=True).count() > 10
    quotes = [node for node in nodes if role(node) == "blockquote"]
    kinds = {role(node) for quote in quotes for node in below(quote)}
    assert {"MathMLMath", "MathMLIdentifier", "MathMLNumber"} <= kinds
    for math in read:
        words = "".join(node["name"]["value"] for node in below(math)
                        if role(node) == "StaticText")
        assert words.strip() and "\\" not in words


@pytest.mark.parametrize("name", VIEWERS)
def test_viewers_move_under_a_heading_and_nothing_says_run(opened, name):
    page = opened(name)
    viewers = page.locator(".static-fallback")
    expect(viewers).to_have_count(VIEWERS[name])
    assert page.get_by_text("Run All Cells").filter(visible=True).count() == 0
    for viewer in viewers.all():
        heading = viewer.locator("xpath=preceding::*[self::h3 or self::h4][1]")
        expect(heading).to_have_text(re.compile("slider|draw"))
        # The playground has no slider; test_browser.py draws on the sheet.
        if not viewer.get_by_role("slider").count() or viewer.locator("canvas").count():
            continue
        assert len(fallback_states(viewer)) == 3


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


def test_what_is_wider_than_a_phone_can_be_reached_by_keyboard(opened):
    page = opened("d_backpropagation", width=320)
    wide = page.locator(".formula[tabindex], .wide[tabindex]")
    assert wide.count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(wide).to_have_count(0)


def test_on_paper_there_is_the_text_without_ways_and_folded_code(opened):
    page = opened("c_forward_pass", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("nav, .skip, summary").filter(visible=True).count() == 0
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(255, 255, 255)"


def test_firefox_shows_every_formula_and_picture_and_moves_the_viewers(
        firefox, documents, site):
    for name, document in documents.items():
        firefox.go((site / f"{name}.html").as_uri())
        heights = firefox.run(
            "Array.from(document.querySelectorAll('math'), one => one.checkVisibility()"
            " ? one.getBoundingClientRect().height : 1)")
        assert len(heights) == len(document.find_all("math")) and 0 not in heights
        assert firefox.run("Array.from(document.images, one => one.complete && "
                           "!one.naturalWidth).includes(true)") is False
    for name in VIEWERS:
        firefox.go((site / f"{name}.html").as_uri())
        shown = "document.querySelector('.static-fallback:not(:has(canvas))').outerHTML"
        before = firefox.run(shown)
        slider = ".static-fallback:not(:has(canvas)) [type=range]"
        firefox.press(slider, "\ue010")  # End
        assert firefox.run(shown) != before
