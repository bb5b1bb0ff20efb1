"""Markdown, HTML and LaTeX on their way to Typst."""

import html
import io
import itertools
import json
from collections.abc import Sequence

import pypandoc
import pytest
from pypdf import PdfReader

from export import ExportError
from export.exporter import TypstPDFExporter
from export.literals import typst_string
from export.markup import Piece, convert
from export_samples import (
    alternatives,
    build,
    code,
    display,
    notebook,
    pieces_of,
    save,
    squeezed,
    text_of,
    typst_of,
    unspoken,
    warned,
)

pytestmark = pytest.mark.export


def converted(*texts: str, mimetypes: Sequence[str] = ()) -> list[Piece]:
    """Markdown, or what the mimetypes say, after `convert`."""
    pieces = [
        Piece(text, mimetype, "cell 1")
        for text, mimetype in itertools.zip_longest(
            texts, mimetypes, fillvalue="text/markdown"
        )
    ]
    convert(pieces)
    for piece in pieces:
        piece.typst = unspoken(piece.typst)
    return pieces


def test_quotes_and_dashes_are_those_that_markdown_means():
    text = text_of(
        "(a)'s \"it's\" 'so' -- or --- so... `x = 'a' -- \"b\"...` \\-- \\.\\.\\. $f'$",
        code("x", display("text/html", "<p>--no-execute 'it's' ...</p>")),
    )
    assert text.startswith("(a)’s“it’s”‘so’–or—so…x='a'--\"b\"...--...𝑓′")
    assert "--no-execute'it's'..." in text


def test_formulas_are_read_out_as_tex():
    made = notebook(r'$$\frac{a}{b} \text{ "so" é}$$ and $c$')
    pdf, _ = TypstPDFExporter().from_notebook_node(made)
    expected = {r'\frac{a}{b} \text{ "so" é}', "c"}
    assert alternatives(PdfReader(io.BytesIO(pdf))) == expected


def test_html_in_markdown_is_understood():
    text = text_of(
        "H<sub>2</sub>O<br>and <b>bold</b> <!-- no --> $x$\n\n<div>\n\nin\n\n</div>"
    )
    assert text.startswith("H2Oandbold𝑥in") and "no" not in text


def test_markdown_as_jupyter_reads_it():
    text = text_of("Text:\n- one\n- two\n  - three\n# Heading\n> quote\n\n~~gone~~")
    assert "•one•two" in text.replace("‣", "•")
    assert "Heading" in text and "-one" not in text


def test_unknown_maths_is_named_with_notebook_cell_and_formula(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", "Fine $x$.", r"Bad $\frob{x}$.")
    write_up, _, checked = build(path)
    assert write_up.warnings == [
        rf"{path}, cell 3: the formula $\frob{{x}}$ is shown as its source: "
        r"unexpected control sequence \frob"
    ]
    assert squeezed(r"Bad $\frob{x}$.") in squeezed(checked.text(3))


def test_code_in_markdown_in_any_language_or_none():
    text = text_of(
        "```python\ndef f(): return '#'\n```\n\n```nolang\na $b$\n```\n\n    four"
    )
    for words in ("deff():return'#'", "a$b$", "four"):
        assert words in text


def test_what_pandoc_would_drop_is_shown_as_its_source():
    cell = code("x", display("text/latex", "\\displaystyle x"))
    warning = r"latex code is shown as its source: \displaystyle"
    assert f"cell 2: {warning}" in warned("text", cell)
    assert r"\displaystyle" in text_of("text", cell)


def test_what_pandoc_says_is_passed_on(monkeypatch, tmp_path):
    lists = ("titles", "images", "codes", "problems", "bare", "links", "anchors")
    result = {"typst": ""} | {name: [] for name in lists}
    unclear = {"formulas": [{"problem": "no idea\nat all"}], "pieces": [result]}
    (tmp_path / "results").write_text(json.dumps(unclear))
    pandoc = tmp_path / "pandoc"
    pandoc.write_text(f"#!/bin/sh\ncat >/dev/null\ncat '{tmp_path}/results'\n")
    pandoc.chmod(0o755)
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: str(pandoc))
    [piece] = pieces_of("$x$")
    assert "Pandoc does not understand it" in piece.warnings[0]
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: "/bin/false")
    with pytest.raises(ExportError, match="^pandoc: "):
        typst_of("$x$")
    pandoc.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: str(pandoc))
    monkeypatch.setattr("export.markup.PATIENCE", 0.6)
    with pytest.raises(ExportError, match=r"^pandoc: still at work after 1 s$"):
        typst_of("$x$")


def test_what_never_ends_is_shown_as_written_and_the_rest_is_set(monkeypatch, tmp_path):
    """As a footnote within itself, with which Pandoc would fill the computer."""
    pandoc = tmp_path / "pandoc"
    pandoc.write_text(
        "#!/bin/sh\ninput=$(cat)\ncase $input in\n"
        """  *'"text": "a[^1]'*'"endless": true'*) ;;\n"""
        """  *'"text": "a[^1]'*) echo heap overflow >&2; exit 251 ;;\nesac\n"""
        f"printf %s \"$input\" | exec '{pypandoc.get_pandoc_path()}' \"$@\"\n"
    )
    pandoc.chmod(0o755)
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: str(pandoc))
    notes = "a[^1]\n\n[^1]: note\na[^1]"
    first, endless, last = pieces_of("first $x$", notes, "*last*")
    assert [first.typst.strip(), last.typst.strip()] == ["first $x$", "#emph[last]"]
    assert endless.typst == "#code(..codes.at(0))" and not first.warnings
    assert endless.codes[0]["text"].strip() == notes
    assert "it comes to no end" in endless.warnings[0]


def test_what_makes_pandocs_filter_fail_is_shown_as_written():
    [broken, fine] = pieces_of("a <b>b</b> `c`\n" * 3 + "[" * 20_000, "fine")
    assert fine.typst.strip() == "fine"
    deep = "<div>" * 3000 + "x"
    [piece] = pieces_of(deep, mimetype="text/html")
    assert "x" in piece.typst or piece.codes[0]["text"].strip() == deep


def test_a_paragraph_after_a_div_is_one_and_alerts_and_centred_words_look_so():
    [piece] = pieces_of(
        'First.\n\n<div align="center">Mid</div>\n\nSecond.\n\n<p>P.</p>\n\nThird.'
        '\n\n<div class="alert alert-info"><b>Note:</b> boxed</div>\n\nLast.'
        '\n\n<center>c</center>\n\n<p style="text-align: center">s</p>'
    )
    words = piece.typst
    assert "#centred[\nMid\n\n]" in words and "#centred[\nc\n\n]" in words
    assert "#centred[\ns\n\n]" in words
    assert "#quote(block: true)[\n#strong[Note:] boxed\n]\n\nLast." in words
    assert "Second.\n\nP.\n\nThird." in words


def test_a_full_stop_after_any_markup_is_one():
    text = text_of(
        "$x$.shape **b**.T *i*.at(0) [l](https://a.org).c ~~s~~.len() `k`.d\n\n$$y$$.e",
        code("x", display("text/html", "a<sup>2</sup>.f <mark>m</mark>.g <u>u</u>.h")),
    )
    assert "𝑥.shapeb.Ti.at(0)l.cs.len()k.d𝑦.e" in text and "a2.fm.gu.h" in text
    assert warned("$x$.shape **b**.T") == []


def test_headings_in_lists_quotations_and_tables_begin_nothing():
    [piece] = pieces_of(
        "- # one\n\n> # two\n\n<table><tr><td><h1>three</h1></td></tr></table>"
        "\n\n# T"
    )
    assert piece.titles == [["T"]]
    for word in ("one", "two", "three"):
        assert f"#strong[{word}]" in piece.typst


def test_embedded_pages_leave_their_address():
    [piece] = pieces_of(
        '<iframe src="https://x.org/v?a=1" width="9"></iframe>'
        "<video src=a.mp4>words</video><video controls></video>"
        "<embed src='https://x.org/e'>"
        "<audio src='data:audio/wav;base64,AAAA'></audio>"
        '<object data="https://x.org/o"></object>',
        mimetype="text/html",
    )
    for words in ('#link("https://x.org/v?a=1")', "Embedded: a.mp4", "x.org/e",
                  "x.org/o", "Embedded: in the notebook"):  # fmt: skip
        assert words in piece.typst
    assert "AAAA" not in piece.typst


def test_right_to_left_words_have_their_direction():
    [piece] = pieces_of(
        '<p dir="rtl">abc שלום</p>\n\nمرحبا abc\n\nabc مرحبا\n\n1 + 2\n\n'
        "é مرحبا"
    )
    assert piece.typst.count("#rtl[") == 2
    assert "#rtl[\nabc" in piece.typst and "#rtl[\nمرحبا" in piece.typst
    texts = ("## مرحبا A", "- مرحبا\n- b\n\n1. مرحبا", "- b\n- ش")
    heading, lists, other = pieces_of(*texts)
    assert heading.typst.startswith("#rtl[\n#as-on-level(2)[")
    assert lists.typst.count("#rtl[") == 2 and "#rtl[" not in other.typst


def test_colours_of_words_boxes_and_cells_are_those_of_the_screen():
    words, box, sheet, inline, prose = converted(
        'a <span style="color:red">b</span> <font size="2" color=GREEN>c</font> '
        '<span style="background: rgb(1, 2, 3) !important">d</span>',
        '<div style="background-color:#EEF; color: rgba(9,8,7,.5)">in</div>\n\nout',
        "<style>#T_1 td {background-color: yellow} #c {color: #f1f1f1}</style>"
        '<table id="T_1"><tr><th>h</th></tr><tr><td id="c">1 $x_1$</td></tr></table>',
        '<table><tr><td style="color: no-such; background-color: #08f">2</td></tr>'
        '<tr><th style="font-weight:bold">3</th></tr></table>',
        "`color: red` <b style='color:red'>bold</b> and color: red",
        mimetypes=["text/markdown"] * 2 + ["text/html"] * 2 + ["text/markdown"],
    )
    assert '#text(fill: rgb("#ff0000"))[b]' in words.typst
    assert '#text(fill: rgb("#008000"))[c]' in words.typst
    assert "#highlight(fill: rgb(\"#010203\"))[d]" in words.typst
    inside, outside = "".join(box.typst.split()).split("]]")
    assert inside == (
        '#block(width:100%,inset:6pt,fill:rgb("#eeeeff"))[#text(fill:rgb("#090807"))[in'
    )
    assert outside == "out"
    cell = 'table.cell(fill: rgb("#ffff00"))[#set text(fill: rgb("#f1f1f1")); 1 $x_1$]'
    assert cell in sheet.typst and "[h]" in sheet.typst
    assert 'table.cell(fill: rgb("#0088ff"))[2]' in inline.typst
    assert "[3]" in inline.typst
    assert "fill" not in prose.typst


def test_a_colour_is_the_same_in_words_and_formulas_and_a_wrong_one_is_none():
    formula, words, wrong = converted(
        r"${\color{red} x}$", '<b><span style="color:red">x</span></b>',
        '<span style="color:#12345">a</span><span style="color:rgb(300,0,0)">b</span>',
    )  # fmt: skip
    assert 'text(fill: #rgb("#ff0000"), ' in formula.typst
    assert '#text(fill: rgb("#ff0000"))[x]' in words.typst
    assert wrong.typst.strip() == 'a#text(fill: rgb("#ff0000"))[b]'


def test_sizes_of_images_are_those_of_the_screen():
    [piece] = pieces_of(
        '<img src="a" width="300"> <img src="a" width="50%"> <img src="a" height=60>'
        '<img src="a" style="max-width: 9px; width:100px"> <img src="a" width="auto">'
        '<img src="a" style="width: 2em; height: 50%">'
    )
    assert piece.bare == [0, 1, 2, 3, 4, 5]  # none has a description
    sizes = [call.split(")")[1] for call in piece.typst.split("images.at(")[1:]]
    assert sizes == [
        ", width: 225.0pt", ", width: 50%", ", height: 45.0pt", ", width: 75.0pt", "",
        ", width: 2em",
    ]  # fmt: skip


def test_tables_of_latex_are_set_and_formulas_in_html_too():
    latex = r"Text $x^2$ \begin{tabular}{lr} a & b \\ \hline 1 & 2 \end{tabular}"
    [piece] = pieces_of(latex, mimetype="text/latex")
    assert "fitted(" in piece.typst and "$x^2$" in piece.typst and not piece.warnings
    [piece] = pieces_of(
        r"<p>a $x^2$, \(y &lt; z\), \[w\], \$5</p><code>$c$</code>"
        r"<td>$5</td><td>$6</td><!-- $no$ -->",
        mimetype="text/html",
    )
    for words in ("$x^2$", "$y < z$", "$ w $", r"\$5", "`$c$`", r"\$6"):
        assert words in piece.typst
    assert "no" not in piece.typst.replace("numbering", "")


def test_text_around_formulas_is_kept():
    (typst,) = typst_of(r"costs \$5, _not_ $x_1$ but `$y$`: **$z^2$**-th")
    assert typst == "costs \\$5, #emph[not] $x_1$ but `$y$`: #strong[$z^2$]-th"


# ---- Words that look like what the exporter writes --------------------------------

LIKE = [
    "(code:1)", "codes.at(0)", "#code(..codes.at(0))", "images.at(0)", '"image:1"',
    "\ue0000\ue000", "\ue0000\ue001", "\ue0020\ue003", "\ue004",
    "\u2b1a", "\uf8ff0\uf8ff",
]  # fmt: skip


@pytest.mark.parametrize("words", [*LIKE, "&#xe001;0&#xe001;", "&#57346;0&#57346;"])
def test_prose_that_looks_like_a_placeholder_stays_as_written(words):
    plain = html.unescape(words)
    cell = f"{words} and $x$ `{plain}` **{words}**\n\n```\n{plain}\nREAL\n```\n"
    (piece,) = converted(cell)
    typst = piece.typst.replace("\\", "").replace("“", '"').replace("”", '"')
    assert typst.startswith(f"#lead-in[\n{plain} and $x$ `{plain}` #strong[{plain}]")
    assert piece.codes == [{"text": f"{plain}\nREAL", "language": "text"}]
    assert typst.count("$") == 2


@pytest.mark.parametrize("words", LIKE)
def test_titles_formulas_and_html_that_look_like_placeholders_stay_too(words):
    title, formula, page = converted(
        f"# {words} $x$ {words}",
        rf"$\text{{{words}}} \; y$",
        f"<h1>{html.escape(words)} $x$</h1><p>{html.escape(words)}</p>",
        mimetypes=["text/markdown", "text/markdown", "text/html"],
    )
    assert [[words] * 2] == [
        [part.strip().replace("“", '"').replace("”", '"') for part in parts]
        for parts in title.titles
    ]
    assert formula.typst.strip() == f"$#math.upright({typst_string(words)});thick y$"
    assert [part.strip() for part in page.titles[0]] == [words, ""]
    assert page.typst.replace("\\", "").count(words) == 2


def test_dollars_in_code_addresses_and_descriptions_are_as_written():
    (piece,) = converted(
        "    a = $x$\n\n[here](http://x.org/$a$) ![a $b$](p$q$.png) <i>$y$</i> $z$"
    )
    assert piece.codes == [{"text": "a = $x$", "language": "text"}]
    assert piece.images == ["p$q$.png"]
    for words in ('"http://x.org/$a$"', 'alt: "a $b$"', "#emph[$y$]", " $z$"):
        assert words in piece.typst


def test_code_and_images_are_those_of_their_own_cell():
    cells = [f"(code:1)\n\n```\n{name}\n```\n\n![]({name}.png)" for name in "ab"]
    for name, piece in zip("ab", converted(*cells)):
        assert [code["text"] for code in piece.codes] == [name]
        assert piece.images == [f"{name}.png"]


@pytest.mark.parametrize("words", LIKE[:4])
def test_on_the_page_there_is_what_was_written(words):
    text = text_of(f"# T {words} $x$\n\nsee {words} in the text\n\n```\nREAL\n```")
    assert text.startswith(f"T{words}𝑥see{words}inthetextREAL")


@pytest.mark.parametrize("sign", ["\\-", "\\+", "/", "=", "==", "7\\."])
@pytest.mark.parametrize(
    "text", ["* SIGN is", "# SIGN is", "> SIGN is", "|a|\n|-|\n|SIGN is|",
             "[SIGN is](#l)", "x[^1]\n\n[^1]: SIGN is", "x\\\nSIGN is", "**SIGN** is"]
)  # fmt: skip
def test_no_sign_before_words_becomes_the_mark_of_a_list_or_a_heading(text, sign):
    assert sign.replace("\\", "") + "is" in text_of(text.replace("SIGN", sign))


def words_of(text: str, mimetype: str = "text/markdown") -> str:
    [piece] = pieces_of(text, mimetype=mimetype)
    return " ".join(piece.typst.split())


@pytest.mark.parametrize(
    "table", ["| a | b |\n|---|--:|\n| 1 | 2 |", "a|b\n-|-\n1|2", "|a|\n|:-:|\n|1|"]
)
def test_a_table_may_stand_right_below_a_line_of_words(table):
    assert "#fitted(" in words_of(f"As follows\n{table}")
    [piece] = pieces_of(f"```\nwords\n{table}\n```")
    assert piece.codes[0]["text"] == f"words\n{table}"
    assert "#fitted(" in words_of(f"`df` is\n{table}")
    two_rows = "| a |\n|---|\n| 1 |\n|---|\n| 3 |"
    assert words_of(two_rows).count("#fitted(") == 1


def test_a_note_that_its_cell_does_not_refer_to_stays_where_it_is():
    assert "#footnote[here]" in words_of("Claim.[^1]\n\n[^1]: here")
    assert words_of("[^1]: See *it*.\n\nEnd.") == r"\[^1\]: See #emph[it]\. End."
    [piece] = pieces_of("```\n[^a]: 1\n```")
    assert piece.codes[0]["text"] == "[^a]: 1"
    assert words_of("Claim.[^1]") == r"Claim.\[^1\]"


def test_the_dashes_of_an_option_are_two():
    found = words_of("Run `a --b` with --help (--all), not one -- or two--three.")
    assert r"`a --b` with \-\-help (\-\-all), not one – or two–three" in found


def test_elements_that_pandoc_would_keep_alone_lose_nothing():
    for text in ("One.\n\nA <main> B\n\nTwo.", "One. A <head> B Two."):
        found = words_of(text)
        assert all(word in found for word in ("One.", "A", "B", "Two."))
    html = "<h2>One</h2><main id='x'><p>Two</p></main><footer>Three</footer>"
    assert all(word in words_of(html, "text/html") for word in ("One", "Two", "Three"))


def test_a_backslash_before_a_dollar_is_code_in_code():
    [piece] = pieces_of("A<br>\n\n```\necho \\$5\n```\n\n`a\\$b`, \\$6")
    assert piece.codes[0]["text"] == "echo \\$5"
    assert "`a\\$b`, \\$6" in piece.typst
    [piece] = pieces_of("<pre>\\$5</pre><p>costs \\$6", mimetype="text/html")
    assert piece.codes[0]["text"] == "\\$5"
    assert "costs \\$6" in piece.typst  # as Typst escapes it


def test_a_comment_without_an_end_hides_what_is_in_it_and_says_so():
    [piece] = pieces_of("<!-- a --> one <!-- b\nc\n\nThree is **lost**.")
    assert "one" in piece.typst and "Three is #strong[lost]" in piece.typst
    assert piece.warnings == ["a comment has no end: <!-- b"]
    [piece] = pieces_of("one <b>x</b>\n\n<!-- a\n\nb --> \n\ntwo")
    assert "two" in piece.typst and not piece.warnings


def test_what_is_hidden_in_html_stays_so():
    """As the buttons below the tables of Google Colab."""
    hidden = "<ul style='display: none'><li>gone</ul><b style='display:none;'>gone</b>"
    button = "<button class='c' style='display:none'><svg></svg> gone</button>"
    image = "<img src='gone.png' style='display:none'>"
    [piece] = pieces_of(f"<p>seen{hidden}{button}{image}</p>", mimetype="text/html")
    assert "seen" in piece.typst and "gone" not in piece.typst and not piece.images


@pytest.mark.parametrize(
    ("html", "address"),
    [
        ("<iframe src='https://a.org/b'></iframe>", "https://a.org/b"),
        ("<div><iframe srcdoc='&lt;p&gt;'></iframe></div>", "in the notebook"),
        ("<video><source src='data:video/mp4;base64,AA'></video>", "in the notebook"),
    ],
)
def test_what_is_embedded_leaves_its_address_and_a_warning(html, address):
    [piece] = pieces_of(html, mimetype="text/html")
    assert "Embedded: " in piece.typst and address in piece.typst
    assert piece.warnings == [f"what is embedded is not shown: {address}"]


def test_a_citation_in_latex_is_a_placeholder():
    [piece] = pieces_of(r"As in \cite{knuth}.", mimetype="text/latex")
    assert r"\[knuth\]" in piece.typst and len(piece.warnings) == 1


def test_the_rows_that_a_head_reaches_into_are_head_too():
    rows = ("<tr><th rowspan='2'>A</th><th colspan=2>B</th></tr><tr><th>C</th>"
            "<th>D</th></tr><tr><td>x</td><td>y</td><td>z</td></tr>")  # fmt: skip
    head = "table.header(table.cell(rowspan: 2)[A], table.cell(colspan: 2)[B], [C]"
    for table in (f"<table>{rows}</table>", f"<table><tbody>{rows}</tbody></table>"):
        found = words_of(table, "text/html")
        assert head in found and "[x], [y], [z]" in found
    table = "<table><tr><td rowspan=2>A</td><td>B</td></tr><tr><td>C</td></tr></table>"
    assert "table.cell(rowspan: 2)[A], [B], [C]" in words_of(table, "text/html")
