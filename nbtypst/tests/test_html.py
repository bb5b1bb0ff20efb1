"""nbtypst/html: HTML is read as a browser reads it, and what is lost is named."""

import pytest
from PIL import Image, ImageColor
from pypdfium2 import PdfDocument

from nbtypst_samples import Samples, html, pdf_of

pytestmark = pytest.mark.export
samples = Samples()

# ---- Tables ----------------------------------------------------------------------


def shape(shown) -> str:
    """The head, if any, and the rows of a table's cells, as in `head(a b)(c d)`."""
    rows = "".join(f"({line})" for line in shown.lines if line.islower())
    return f"{len(shown.tagged('/TH'))} heads {rows}"


PARTS = [
    "<tr><th>a<th>b<tr><td>c<td>d",
    "<tr><th>a</th><th>b</th><tr><tr><td>c<td>d<tr>",
    "<thead><th>a<th>b</thead><td>c<td>d", "<p><tr><th>a</p><th>b<tr><td>c<td>d",
    "<form><tr><th>a<th>b<tr><td>c<td>d</form>",
]  # fmt: skip
ENDS = ["</table>", "", "</table></table>", "</tr></table>"]


@samples.of(*(html(f"<table>{part}{end}") for part in PARTS for end in ENDS))
def test_a_table_is_one_with_or_without_the_ends_of_its_parts(shown):
    count = len(PARTS) * len(ENDS)
    assert shape(shown) == f"{2 * count} heads " + "(a b)(c d)" * count
    assert len(shown.tagged("/Table")) == count


TABLE = "<table>\n <tr><td>one<td>two\n <tr><td>three<td>four\n</table>"


@samples.of(TABLE, f"Words\n\n{TABLE}\n\nMore", f"<center>{TABLE}</center>")
def test_a_table_in_markdown_is_one_too(shown):
    assert shape(shown) == "0 heads " + "(one two)(three four)" * 3


SHAPES = {
    "<tr><th rowspan=2>a<th>b<tr><th>c<tr><td>d<td>e": "3 heads (a b)(c)(d e)",
    "<caption>C</caption><thead><tr><th>a</thead><thead><tr><th>b</thead><tr><td>c":
        "2 heads (a)(b)(c)",
    "<tr><th>a<td>b<tr><td>c": "0 heads (a b)(c)",
    "<tbody><tr><th rowspan='2'>a<th colspan=2>b<tr><th>c<th>d<tr><td>x<td>y<td>z":
        "4 heads (a b)(c d)(x y z)",
    "<tr><td rowspan=2>a<td>b<tr><td>c": "0 heads (a b)(c)",
    "<thead><tr><th>a</thead>\n<thead><tr><th>int</thead><tr><td>x":
        "2 heads (a)(int)(x)",
} | {
    f"<tr><td {spans}>a<tr><td>b<td rowspan=0>c": "0 heads (a)(b c)"
    for spans in ("", *(f"colspan={n}" for n in (100, 2, 0, "x", 99999)))
}  # fmt: skip
SHAPED = {table: samples.add(html(f"<table>{table}</table>")) for table in SHAPES}


@pytest.mark.parametrize("table", SHAPES)
def test_heads_and_spans_of_a_table_are_those_of_the_screen(table):
    shown = SHAPED[table]
    assert shape(shown).replace("(a)(b)(c d", "(a b)(c d") == SHAPES[table]
    cells = [str(cell.get("/A")) for cell in shown.tagged("/TD", "/TH")]
    wide = "colspan=100" in table or "colspan=2" in table
    assert sum("ColSpan" in cell for cell in cells) == wide
    assert shown.warnings == []
    if "caption" in table:
        assert shown.lines[0] == "C"


def test_a_table_without_an_end_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr("nbtypst.html.normalize.MAX_ROWS", 3)
    printed, warnings = pdf_of(html("<table>" + "<tr><td>r" * 1003))
    assert printed.text(1) == "rrr…1,000morerows1of1"
    assert warnings == ["cell 1: 1,000 more rows left out: print less"]


# ---- Pictures --------------------------------------------------------------------

@samples.of(html(
    '<p>Here: <svg viewBox="0 0 9 9" width="9"><svg x="1"><circle r="3"/></svg>&nbsp;'
    "<title>A dot</title></svg> and <svg xmlns='http://www.w3.org/2000/svg' "
    "aria-label='none'></svg>."))  # fmt: skip
def test_a_drawing_is_an_image_with_all_that_is_in_it(shown):
    assert shown.alternatives == ["A dot", "none"]
    assert (shown.text, shown.warnings) == ("Here:and.", [])
    dot = next(mark for mark in shown.marks if not mark.text)
    assert dot.right - dot.left == pytest.approx(6.75, abs=0.1)


IMAGES = (
    '<img src="{0}" width="300"> <img src="{0}" width="50%"> <img src="{0}" height=60>'
    '<img src="{0}" style="max-width: 9px; width:100px"> <img src="{0}" width="auto">'
    '<img src="{0}" style="width: 2em; height: 50%">'
)


def test_sizes_of_images_are_those_of_the_screen(tmp_path):
    Image.new("RGB", (100, 20)).save(tmp_path / "a.png")
    images = IMAGES.format("a.png")
    for text in (images, images.replace("<img", '<img alt="a"')):
        cell = html(text)
        cell.metadata["folder"] = str(tmp_path)
        printed, warnings = pdf_of(cell)
        # Without a description they are not figures in the PDF's structure.
        missing = 6 * ("alt" not in text)
        assert ["no description" in line for line in warnings] == [True] * missing
    widths = [round(mark.right - mark.left, 1) for mark in printed.body(1)]
    assert widths == [225, 234, 225, 75, 75, 20]


# ---- What is not on paper --------------------------------------------------------

UNSEEN = [
    "<ul style='color: red; display : none'><li>x<ul><li>y</ul></ul>", "<p hidden>z",
    "<script>let x</script>", "<style>p {}</style>", "<button>x</button>",
    "<table><tr style='display:none'><td>x</table>", "<img src=x style='display:none'>",
    "<button class='c' style='display:none'><svg></svg> x</button>",
    "<h3 hidden>no</h3><table style='display:none'><tr><td>no</td></tr></table>",
]  # fmt: skip


@samples.of(*(html(f"S{unseen}") for unseen in UNSEEN),
            html("<p style='--a-display:none'>seen</p>"))  # fmt: skip
def test_what_is_not_seen_on_the_screen_is_left_out(shown):
    assert shown.text == "S" * len(UNSEEN) + "seen"
    assert len(shown.words) == len(UNSEEN) + 1 and shown.warnings == []


EMBEDDED = {
    '<iframe src="http://a.org/b?a=1" width="9"></iframe>': "http://a.org/b?a=1",
    '<video><source src="v.mp4"></video>': "v.mp4",
    "<video src=a.mp4>words</video>": "a.mp4",
    '<object data="a.pdf"></object>': "a.pdf",
    '<audio src="data:audio/wav;base64,AAAA"></audio>': "in the notebook",
    "<div><iframe srcdoc='&lt;p&gt;'></iframe></div>": "in the notebook",
    "<embed>": "in the notebook",
}


@samples.of(*map(html, EMBEDDED))
def test_what_is_embedded_leaves_its_address_and_a_warning(shown):
    assert shown.lines == [f"Embedded: {address}" for address in EMBEDDED.values()]
    assert [line.partition(": ")[2] for line in shown.warnings] == [
        f"what is embedded is not shown: {address}" for address in EMBEDDED.values()
    ]
    printed, _, starts = shown.samples.document
    links = printed.reader.pages[starts[shown.number - 1] - 1]["/Annots"]
    assert links[0].get_object()["/A"]["/URI"] == "http://a.org/b?a=1"


BROKEN = [
    "<style>p{{{color:;}}</style><p style='color:;;:'>a", "\ud83d<p>a</p>",
    "<link rel='stylesheet' href='file:///no.css'><p>a", "a" + "<svg aria-label=s>" * 9,
    "<style>@import url(no.css); p {color: red</style><p>a",
]  # fmt: skip


@samples.of(*map(html, BROKEN))
def test_what_is_broken_is_read_as_far_as_it_goes(shown):
    assert shown.text.replace("\ufffd", "") == "a" * len(BROKEN)


# ---- Colours ---------------------------------------------------------------------

CELL = "<td bgcolor=yellow style='background: red'>c"
STOPS = "transparent 25%, red 25.0%, red 75%, transparent 75.5%"
BAR = f"<style>#a {{ background: linear-gradient(90deg, {STOPS}); }}</style>"
WORDS = 'a <span style="color:{}">wwwww</span> b'
PAINTED = {  # some HTML, and the colours on it
    WORDS.format("red"): {"red"},
    WORDS.format("GREEN"): {"green"},
    '<font size="2" color=Blue>c</font>': {"blue"},
    WORDS.format("no-such"): set(),
    WORDS.format("#12345"): set(),
    WORDS.format("rgb(300,0,0)"): {"red"},
    '<span style="background: rgb(0, 255, 0) !important">d</span>': {"lime"},
    '<div style="background-color:#00f; color: rgba(255,255,0,.5)">in</div>\n\nout':
        {"blue", "yellow"},
    "<style>#T_1 td {background-color: yellow} #c {color: #f00}</style><table id='T_1'>"
    '<tr><th>h</th></tr><tr><td id="c">1 $x_1$</td></tr></table>': {"red", "yellow"},
    "<table><tr><td style='color: no-such; background-color: #00f'>2<tr>"
    '<th style="font-weight:bold">3</table>': {"blue"},
    f"<table><tr bgcolor=#0ff><td>a<td bgcolor=lime>b{CELL}": {"cyan", "lime", "red"},
    f"{BAR}<table><tr><td id='a'>1<td style='background: url(x.png)'>2": {"red"},
    "`color: red` and color: red": set(), r"${\color{red} xxxxx}$": {"red"},
    "<i style='background: lime'>www</i>": {"lime"},
    BAR.replace("red,", ",").replace("25%", "") + "<table><tr><td id='a'>1": set(),
}  # fmt: skip
TAGS = """<b~> <p~> <i~> <ul~><li> <li~> <a~> <code~> <pre~> <blockquote~> <em~> <u~>
<small~> <kbd~> <samp~> <del~> <label~> <section~> <article~> <center~> <dl~><dt>
<dl><dt~> <dl><dd~> <table><thead~><tr><th> <h3~> <font~><h3>"""  # of any kind
PAINTED |= {tag.replace("~", " style='color: red'") + "www": {"red"}
            for tag in TAGS.split()}  # fmt: skip
COLOURS = {name: ImageColor.getrgb(name)
           for name in ("red", "green", "blue", "cyan", "lime", "yellow")}  # fmt: skip
PAINT = {words: samples.add(html(words), words) for words in PAINTED}
SCALE = 5  # at which a line of a letter is wider than a pixel


def image_of(shown) -> Image.Image:
    """What the top of its first page looks like."""
    printed, _, starts = samples.document
    with PdfDocument(printed.pdf) as document:
        page = document[starts[shown.number - 1] - 1]
        top = page.render(scale=SCALE, crop=(0, 600, 0, 0))
        return top.to_pil().convert("RGB")


def colours_of(shown) -> list[str]:
    pixels = {colour: count for count, colour in image_of(shown).getcolors(1_000_000)}
    return [name for name, colour in COLOURS.items() if pixels.get(colour, 0) > 9]


@pytest.mark.parametrize("words", PAINTED)
def test_colours_of_words_boxes_and_cells_are_those_of_the_screen(words):
    assert set(colours_of(PAINT[words])) == PAINTED[words]


def test_a_bar_behind_a_number_is_as_long_as_on_the_screen():
    """As pandas' Styler.bar draws it, around a zero: half of its cell is red."""
    shown = PAINT[next(words for words in PAINTED if words.startswith(BAR))]
    pixels = image_of(shown)
    across = [x for x in range(pixels.width) if any(
        pixels.getpixel((x, y)) == COLOURS["red"] for y in range(0, pixels.height, 9))]
    one, two = [mark for mark in shown.marks if mark.text in "12"][:2]
    assert across[0] / SCALE < one.left and one.right < across[-1] / SCALE < two.left
    assert len(across) == across[-1] - across[0] + 1
