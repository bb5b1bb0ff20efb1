"""nbtypst/markup.py and markup.lua: Markdown and LaTeX look as in JupyterLab."""

import json
import re
from html import escape, unescape

import pypandoc
import pytest
from nbformat.v4 import new_markdown_cell

from nbtypst import ExportError
from nbtypst_samples import Samples, code, display, figure, html, pdf_of, shell_script
from pdf_pages import squeezed

pytestmark = pytest.mark.export
samples = Samples()


def latex(text: str):
    return code("", display("text/latex", text))


# ---- Words -----------------------------------------------------------------------

TABLES = "| a | b |\n|---|--:|\n| 1 | 2 |", "a|b\n-|-\n1|2", "|a|\n|:-:|\n|1|"
PRINTED: dict[str, list] = {  # cells, and their words without white space
    "quotes and dashes": [
        "(a)'s \"it's\" 'so' -- or --- so... `x = 'a' -- \"b\"...` \\-- \\.\\.\\. $f'$",
        "(a)’s“it’s”‘so’–or—so…x='a'--\"b\"...--...𝑓′"],
    "dashes of options": ["Run `a --b` with --help (--all), not one -- or two--three.",
                          "Runa--bwith--help(--all),notone–ortwo–three."],
    "code in any language or none": [
        "```python\ndef f(): return '#'\n```\n\n```nolang\na $b$\n```\n\n    four",
        "deff():return'#'a$b$four"],
    "text around formulas": [r"costs \$5, _not_ $x_1$ but `$y$`: **$z^2$**-th",
                             "costs$5,not𝑥1but$y$:𝑧2-th"],
    "full stops after markup": [
        "$x$.shape **b**.T *i*.at(0) [l](https://a.org).c ~~s~~.len() `k`.d\n\n$$y$$.e",
        html("a<sup>2</sup>.f <mark>m</mark>.g <u>u</u>.h"),
        "𝑥.shapeb.Ti.at(0)l.cs.len()k.d𝑦.ea2.fm.gu.h"],
    "tables in code": [*(f"```\nwords\n{table}\n```" for table in TABLES),
                       squeezed("".join(f"words\n{table}" for table in TABLES))],
    "HTML in Markdown": [
        "H<sub>2</sub>O<br>and <b>bold</b> <!-- no --> $x$\n\n<div>\n\nin\n\n</div>",
        "H2Oandbold𝑥in"],
    "around main and head": [
        "One.\n\nA <main> B\n\nTwo.", "One. A <head> B Two.",
        html("<h2>One</h2><main id='x'><p>Two</p></main><footer>Three</footer>"),
        "One.ABTwo.One.ABTwo.OneTwoThree"],
}  # fmt: skip
SHOWN = {name: samples.add(*cells) for name, (*cells, _) in PRINTED.items()}


@pytest.mark.parametrize("name", PRINTED)
def test_words_are_those_that_jupyter_shows(name):
    assert (SHOWN[name].text, SHOWN[name].warnings) == (PRINTED[name][-1], [])


@samples.of("Text:\n- one\n- two\n  - three\n# Heading\n> quote\n\n~~gone~~\nend")
def test_markdown_is_read_as_jupyter_reads_it(shown):
    assert "•one•two" in shown.text.replace("‣", "•")
    assert "Heading" in shown.text and "-one" not in shown.text


CHARACTERS = ["\\-", "\\+", "/", "=", "==", "7\\."]
PLACES = ["* C is", "# C is", "> C is", "|a|\n|-|\n|C is|", "[C is](#l)",
          "x[^1]\n\n[^1]: C is", "x\\\nC is", "**C** is"]  # fmt: skip


@samples.of(*(text.replace("C", c) for text in PLACES for c in CHARACTERS))
def test_no_character_before_words_becomes_the_mark_of_a_list_or_a_heading(shown):
    for character in CHARACTERS:
        words = character.replace("\\", "") + "is"
        assert len(re.findall(rf"(?<!=){re.escape(words)}", shown.text)) == len(PLACES)


@samples.of(
    "abc מרחב\n\n1 + 2\n\né مرحبا\n\n- b\n- ش",
    '<p dir="rtl">abc שלום</p>\n\nمرحبا abc',
    "## مرحبا A", "- مرحبا\n- b\n\n1. مرحبا",
)  # fmt: skip
def test_right_to_left_words_have_their_direction(shown):
    on_the_right = {
        word: [mark.left > 306 for mark in shown.marks if mark.text == word]
        for word in ("abc", "1", "é", "b", "A")
    }
    assert on_the_right == {
        "abc": [False, True, True], "1": [False], "é": [False], "b": [False, True],
        "A": [True],
    }  # fmt: skip


# ---- Blocks ----------------------------------------------------------------------


@samples.of(
    *(f"{above}\n{table}" for table in TABLES for above in ("As follows", "`df` is")),
    "| a |\n|---|\n| 1 |\n|---|\n| 3 |",
)
def test_a_table_right_below_a_line_of_words_is_one(shown):
    assert len(shown.tagged("/Table")) == 7 and "|" not in shown.text


@samples.of("Claim.[^1]\n\n[^1]: here", "[^1]: See *it*.\n\nEnd.", "```\n[^a]: 1\n```",
            "Open.[^1]")  # fmt: skip
def test_a_note_that_its_cell_does_not_refer_to_stays_where_it_is(shown):
    expected = r"Claim\.(\d)\[\^1\]:Seeit\.End\.\[\^a\]:1Open\.\[\^1\]\1here"
    assert re.fullmatch(expected, shown.text)


@samples.of(
    'First.\n\n<div align="center">Mid</div>\n\nSecond.\n\n<p>P.</p>\n\nThird.'
    '\n\n<div class="alert alert-info"><b>Note:</b> boxed</div>\n\nLast.'
    '\n\n<center>c</center>\n\n<p style="text-align: center">s</p>'
    "\n\n<p align=right>r</p><div style='text-align: right'>q</div>"
)
def test_blocks_of_html_in_markdown_are_placed_as_on_the_screen(shown):
    marks = {mark.text: mark for mark in shown.marks}
    for word in ("Mid", "c", "s"):
        assert (marks[word].left + marks[word].right) / 2 == pytest.approx(306, abs=1)
    for word in ("First.", "Second.", "P.", "Third.", "Last."):
        assert marks[word].left == pytest.approx(72, abs=0.5)
    assert marks["r"].right == marks["q"].right == pytest.approx(540, abs=1)
    assert 75 < marks["Note:"].left < 90  # in a box
    assert [*marks] == [
        "First.", "Mid", "Second.", "P.", "Third.", "Note:", "boxed", "Last.", "c", "s",
        "r", "q",
    ]  # fmt: skip


@samples.of("- # one\n\n> # two\n\n<table><tr><td><h1>three</h1></td></tr></table>"
            "\n\n# T")  # fmt: skip
def test_headings_in_lists_quotations_and_tables_begin_nothing(shown):
    assert shown.text.endswith("onetwothreeT")
    assert len(shown.tagged("/H1", "/H2", "/H3")) == 1


@samples.of("<!-- a --> one <!-- b\nc\n\nThree is **lost**.",
            "one <b>x</b>\n\n<!-- a\n\nb --> \n\ntwo")  # fmt: skip
def test_a_comment_without_an_end_hides_one_paragraph_and_is_named(shown):
    assert "one" in shown.text and "Threeislost." in shown.text
    assert shown.text.endswith("onextwo")
    assert shown.warnings == ["cell 1: a comment has no end: <!-- b"]


# ---- LaTeX -----------------------------------------------------------------------


@samples.of(
    latex(r"Text $x^2$ \begin{tabular}{lr} a & b \\ \hline 1 & 2 \end{tabular}"),
    latex(r"As in \cite{knuth}."), latex("\\displaystyle x"),
)  # fmt: skip
def test_latex_is_set_and_what_is_lost_is_named(shown):
    assert shown.text == "Text𝑥2ab12Asin[knuth].\\displaystylex"
    assert len(shown.tagged("/Table")) == 1 and len(shown.warnings) == 2
    assert shown.warnings[1] == (
        r"cell 3: latex code is shown as its source: \displaystyle")


# ---- Words that look like what the exporter writes --------------------------------

LIKE = [
    "(code:1)", "codes.at(0)", "#code(..codes.at(0))", "images.at(0)", '"image:1"',
    "\ue0000\ue000", "\ue0000\ue001", "\ue0020\ue003", "\ue004", "\uf8ff0\uf8ff",
]  # fmt: skip
ENTITIES = ["&#xe001;0&#xe001;", "&#57346;0&#57346;"]


@samples.of(*(f"see {w} and $x$ `{unescape(w)}` **{w}**\n\n```\n"
              f"{unescape(w)}\nREAL\n```\n" for w in (*LIKE, *ENTITIES)),
            *(f"# T {w} $x$ {w}" for w in LIKE),
            *(rf"$\text{{{w}}} \; y$" for w in LIKE),
            *(code("", display("text/html", f"<h1>{escape(w)} $x$</h1><p>"
                               f"{escape(w)}</p>")) for w in LIKE))  # fmt: skip
def test_words_that_look_like_a_placeholder_stay_as_written(shown):
    def plain(words: str) -> str:  # what has no font takes no room
        return re.sub("[\ue000-\uf8ff]", "", unescape(words)).replace('"', "")

    expected = "".join(
        f"see{plain(w)}and𝑥{plain(w)}{plain(w)}{plain(w)}REAL" for w in LIKE + ENTITIES
    ) + "".join(f"T{plain(w)}𝑥{plain(w)}" for w in LIKE)
    expected += "".join(f"{plain(w)}𝑦" for w in LIKE)
    expected += "".join(f"{plain(w)}𝑥{plain(w)}" for w in LIKE)
    assert re.sub('[“”"\ue000-\uf8ff]', "", shown.text) == expected


PIXEL = figure().data["image/png"].replace("\n", "")


@samples.of(
    "    a = $x$\n\n[here](http://x.org/$a$) ![a $b$](p$q$.png) <i>$y$</i> $z$",
    "A<br>\n\n```\necho \\$5\n```\n\n`a\\$b`, \\$6",
    code("", display("text/html", "<pre>\\$5</pre><p>costs \\$6")),
)
def test_dollars_in_code_addresses_and_descriptions_are_as_written(shown):
    assert shown.text == (
        "a=$x$herePicture:a$b$,p$q$.png𝑦𝑧Aecho\\$5a\\$b,$6\\$5costs$6"
    )
    printed, _, starts = shown.samples.document
    links = printed.reader.pages[starts[shown.number - 1] - 1]["/Annots"]
    assert [it.get_object()["/A"]["/URI"] for it in links] == ["http://x.org/$a$"]


@samples.of(*(new_markdown_cell(f"(code:1)\n\n```\n{name}\n```\n\n![of {name}](x.png)",
                                attachments={"x.png": {"image/png": PIXEL}})
              for name in "ab"))  # fmt: skip
def test_code_and_images_are_those_of_their_own_cell(shown):
    assert shown.words == ["(code:1)", "a", "(code:1)", "b", "", ""]
    assert shown.alternatives == ["of a", "of b"]


# ---- What Pandoc does not do -----------------------------------------------------


@pytest.fixture
def pandoc(monkeypatch, tmp_path):
    """Let a shell script be Pandoc."""
    def become(*lines: str) -> None:
        script = shell_script(tmp_path / "pandoc", *lines)
        monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: script)

    return become


def test_what_pandoc_says_is_passed_on(pandoc, tmp_path):
    lists = "titles", "images", "codes", "problems", "missing_alt", "links", "anchors"
    result = {"typst": "x"} | {name: [] for name in lists}
    problem = {"problem": "Could not convert it\nat all"}
    unclear = {"formulas": [problem], "pieces": [result]}
    (tmp_path / "results").write_text(json.dumps(unclear))
    pandoc("cat >/dev/null", f"cat '{tmp_path}/results'")
    assert "Pandoc does not understand it" in pdf_of("$x$")[1][0]
    pandoc("echo not so >&2; exit 1")
    with pytest.raises(ExportError, match="^pandoc: not so$"):
        pdf_of("$x$")


def test_only_the_pandoc_that_is_installed_with_it_is_used(monkeypatch):
    monkeypatch.setenv("PYPANDOC_PANDOC", "/bin/false")
    pypandoc.clean_pandocpath_cache()
    assert pdf_of("$x$")[1] == []


def test_a_pandoc_that_never_ends_is_given_up(pandoc, monkeypatch):
    pandoc("exec sleep 60")
    monkeypatch.setattr("nbtypst.markup.TIMEOUT_S", 0.6)
    with pytest.raises(ExportError, match=r"^pandoc: still at work after 1 s$"):
        pdf_of("$x$")


def test_what_never_ends_is_shown_as_written_and_the_rest_is_set(pandoc):
    """As a footnote within itself, with which Pandoc would fill the computer."""
    real = pypandoc.get_pandoc_path()
    pandoc(
        "input=$(cat)\ncase $input in",
        """*'"text": "a[^1]'*'"endless": true'*) ;;""",
        """*'"text": "a[^1]'*) printf 'piece 0\\npiece 1\\nno room' >&2; exit 251 ;;""",
        f"esac\nprintf %s \"$input\" | exec '{real}' \"$@\"",
    )
    notes = "a[^1]\n\n[^1]: note\na[^1]"
    printed, [warning] = pdf_of("first $x$", notes, "*last*")
    assert printed.text(1) == f"first𝑥{squeezed(notes)}last1of1"
    assert warning.startswith("cell 2: ") and "it never finishes" in warning


def test_what_makes_pandocs_filter_fail_is_shown_as_written():
    broken = "a <b>b</b> `c`\n" * 3 + "[" * 20_000
    printed, warnings = pdf_of(broken, "fine", code("", display(
        "text/html", "<div>" * 3000 + "deep")))  # fmt: skip
    text = "".join(printed.text(k + 1) for k in range(len(printed.pages)))
    assert text.count("[") == 20_000 and "fine" in text and "deep" in text


def test_a_temporary_folder_that_is_gone_is_no_hindrance(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    printed, warnings = pdf_of("words $x$")
    assert warnings == [] and "words" in printed.text(1)
