"""HTML is read as a browser reads it, and nothing of it is lost without a word."""

import base64
import re

import pytest

from export import webpage
from export_samples import code, display, pieces_of, text_of, warned

pytestmark = pytest.mark.export

CELLS = re.compile(r"<(thead|tr|th|td)\b[^>]*>([^<]*)")


def shape(html: str) -> str:
    """The head, the rows and the cells of a table, as in `head(a b)(c d)`."""
    parts = {"thead": "head", "tr": ")(", "th": " ", "td": " "}
    told = "".join(parts[tag] + words for tag, words in CELLS.findall(html))
    return re.sub(r"\( ", "(", told + ")").replace("head)", "head").removeprefix(")")


@pytest.mark.parametrize(
    "table",
    ["<tr><th>a<th>b<tr><td>c<td>d", "<tr><th>a</th><th>b</th><tr><tr><td>c<td>d<tr>",
     "<thead><th>a<th>b</thead><td>c<td>d", "<p><tr><th>a</p><th>b<tr><td>c<td>d",
     "<form><tr><th>a<th>b<tr><td>c<td>d</form>"],
)  # fmt: skip
@pytest.mark.parametrize("end", ["</table>", "", "</table></table>", "</tr></table>"])
def test_a_table_is_one_with_or_without_the_ends_of_its_parts(table, end):
    assert shape(webpage.read(f"<table>{table}{end}").html) == "head(a b)(c d)"


@pytest.mark.parametrize("around", ["{}", "Words\n\n{}\n\nmore", "<center>{}</center>"])
def test_it_is_one_in_markdown_too(around):
    table = "<table>\n <tr><td>one<td>two\n <tr><td>three<td>four\n</table>"
    assert "onetwo" in text_of(around.format(table))
    assert "onethree" not in text_of(around.format(table))


def test_rows_that_reach_down_from_the_first_are_head_and_all_that_say_so_too():
    reaches = "<tr><th rowspan=2>a<th>b<tr><th>c<tr><td>d<td>e"
    assert shape(webpage.read(f"<table>{reaches}").html) == "head(a b)(c)(d e)"
    two = "<thead><tr><th>a</thead><thead><tr><th>b</thead><tr><td>c"
    html = webpage.read(f"<table><caption>C</caption>{two}").html
    assert shape(html) == "head(a)(b)(c)"
    assert html.index("<caption>") < html.index("<thead>")
    assert shape(webpage.read("<table><tr><th>a<td>b<tr><td>c").html) == "(a b)(c)"


@pytest.mark.parametrize(
    "spans, kept", [("colspan=100", "2"), ("colspan=2", "2"), ("colspan=0", "1"),
                    ("colspan=x", "1"), ("colspan=99999", "1"), ("", "1")]
)  # fmt: skip
def test_a_cell_is_as_wide_as_the_table_at_most(spans, kept):
    html = webpage.read(f"<table><tr><td {spans}>a<tr><td>b<td rowspan=0>c").html
    assert f'colspan="{kept}"' in html
    assert 'rowspan="1"' in html


def test_a_table_without_an_end_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr("export.webpage.MOST_ROWS", 3)
    table = "<table>" + "<tr><td>r" * 1003
    shown = code("x", display("text/html", table))
    assert text_of(shown).startswith("xrrr…1,000morerows")
    assert warned(shown) == ["cell 1: 1,000 more rows left out: print less"]
    assert webpage.read(table[:-10]).problems == ["999 more rows left out: print less"]


def test_a_drawing_is_an_image_with_all_that_is_in_it():
    inner = '<svg x="1"><circle r="3"/></svg>'
    svg = f'<svg viewBox="0 0 9 9" width="9">{inner}&nbsp;<title>A dot</title></svg>'
    html = webpage.read(f"<p>Here: {svg} and <svg aria-label='none'></svg>.").html
    sources = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', html)
    drawing, empty = (base64.b64decode(source).decode() for source in sources)
    assert 'xmlns="http://www.w3.org/2000/svg"' in drawing
    assert 'viewBox="0 0 9 9"' in drawing
    assert '<svg x="1"><circle r="3"></circle></svg>\u00a0<title>' in drawing
    assert re.findall('alt="(.*?)"', html) == ["A dot", "none"]
    assert re.findall('width="(.*?)"', html) == ["9"]
    assert re.sub("<img.*?>", "IMG", html) == "<p>Here: IMG and IMG.</p>"
    assert warned(code("x", display("text/html", svg))) == []
    named = "<svg xmlns='http://www.w3.org/2000/svg'></svg>"
    content = re.search("base64,([^\"]*)", webpage.read(named).html)[1]
    assert base64.b64decode(content).count(b"xmlns=") == 1


def test_what_is_not_seen_on_the_screen_is_left_out():
    unseen = ["<ul style='color: red; display : none'><li>x<ul><li>y</ul></ul>",
              "<p hidden>z", "<script>let x</script>", "<style>p {}</style>",
              "<button>x</button>", "<table><tr style='display:none'><td>x</table>",
    ]  # fmt: skip
    for html in unseen:
        assert re.sub("<.*?>", "", webpage.read(f"{html}").html) == ""


def test_what_is_embedded_leaves_its_address():
    for html, address in [
        ('<iframe src="http://a.org/b"></iframe>', "http://a.org/b"),
        ('<video><source src="v.mp4"></video>', "v.mp4"),
        ('<object data="a.pdf"></object>', "a.pdf"),
        ('<audio src="data:audio/wav;base64,AA"></audio>', "in the notebook"),
        ("<embed>", "in the notebook"),
    ]:
        read = webpage.read(html)
        assert read.problems == [f"what is embedded is not shown: {address}"]
        assert "Embedded: <a href=" in read.html and f">{address}</a>" in read.html


def test_bars_behind_numbers_are_as_long_as_on_the_screen():
    """As pandas' Styler.bar draws them, around a zero or from the left."""
    bar = "transparent 25%, red 25.0%, red 75%, transparent 75.5%"
    style = f"<style>#a {{ background: linear-gradient(90deg, {bar}); }}</style>"
    table = f"{style}<table><tr><td id='a'>1<td style='background: url(x.png)'>2"
    html = webpage.read(table).html
    [fill] = re.findall("typst:fill='([^']*)'", html)
    red = 'rgb("#ff0000")'
    assert fill == (
        f"gradient.linear((white, 0%), (white, 25%), ({red}, 25.0%), ({red}, 75%), "
        "(white, 75.5%), (white, 100%))"
    )
    unknown = table.replace("red,", ",").replace("25%", "")
    assert "typst:fill" not in webpage.read(unknown).html
    shown = code("x", display("text/html", table))
    assert text_of(shown).startswith("x12") and warned(shown) == []


@pytest.mark.parametrize(
    "html", ["<style>p{{{color:;}}</style><p style='color:;;:'>a", "\ud83d<p>a</p>",
             "<link rel='stylesheet' href='file:///no.css'><p>a", "<svg>" * 9 + "a",
             "<style>@import url(no.css); p {color: red</style><p>a"]
)  # fmt: skip
def test_what_is_broken_is_read_as_far_as_it_goes(html):
    assert "a" in webpage.read(html).html


def test_colours_and_places_may_be_attributes():
    cell = "<td bgcolor=yellow style='background: red'>"
    html = webpage.read(f"<table><tr bgcolor=#eef><td>a<td bgcolor=lime>b{cell}c").html
    cells = re.findall("<td.*?</td>", html)
    assert [re.findall("#[0-9a-f]{6}", cell) for cell in cells] == [
        ["#eeeeff"], ["#00ff00"], ["#ff0000"]]  # fmt: skip
    for right in ("<p align=right>r</p>", "<div style='text-align: right'>r</div>"):
        assert "#align(right)[" in pieces_of(right)[0].typst
