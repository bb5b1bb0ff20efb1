"""Markdown, HTML and LaTeX on their way to Typst."""

import html
import io
import itertools
import json
from collections.abc import Sequence

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
    save,
    text_of,
    typst_of,
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
    return pieces


def test_quotes_and_dashes_are_those_that_markdown_means():
    text = text_of(
        "(a)'s \"it's\" 'so' -- or --- so... `x = 'a' -- \"b\"...` \\-- \\.\\.\\. $f'$",
        code("x", display("text/html", "<p>--no-execute 'it's' ...</p>")),
    )
    assert text.startswith("(a)’s“it’s”‘so’–or—so…x='a'--\"b\"...--...𝑓′")
    assert "--no-execute'it's'..." in text


def test_formulas_on_their_own_line_are_read_out_as_tex():
    made = notebook(r'$$\frac{a}{b} \text{ "so" é}$$ and $c$')
    pdf, _ = TypstPDFExporter().from_notebook_node(made)
    assert alternatives(PdfReader(io.BytesIO(pdf))) == {r'\frac{a}{b} \text{ "so" é}'}


def test_html_in_markdown_is_understood():
    text = text_of(
        "H<sub>2</sub>O<br>and <b>bold</b> <!-- no --> $x$\n\n<div>\n\nin\n\n</div>"
    )
    assert text.startswith("H2Oandbold𝑥in") and "no" not in text


def test_markdown_as_jupyter_reads_it():
    text = text_of("Text:\n- one\n- two\n  - three\n# Heading\n> quote\n\n~~gone~~")
    assert "•one•two" in text.replace("‣", "•")
    assert "Heading" in text and "-one" not in text


def test_unknown_maths_names_the_notebook_the_cell_and_the_formula(tmp_path):
    path = save(tmp_path / "a.ipynb", "# A", "Fine $x$.", r"Bad $\frob{x}$.")
    with pytest.raises(ExportError) as raised:
        build(path)
    assert str(raised.value) == (
        rf"{path}, cell 3: cannot typeset $\frob{{x}}$: "
        r"unexpected control sequence \frob"
    )


def test_code_in_markdown_in_any_language_or_none():
    text = text_of(
        "```python\ndef f(): return '#'\n```\n\n```nolang\na $b$\n```\n\n    four"
    )
    for words in ("deff():return'#'", "a$b$", "four"):
        assert words in text


def test_what_pandoc_would_drop_is_refused():
    output = display("text/latex", "\\displaystyle x")
    with pytest.raises(ExportError, match="cell 2: cannot typeset latex code: "):
        text_of("text", code("x", output))


def test_what_pandoc_says_is_passed_on(monkeypatch, tmp_path):
    unclear = {"formulas": [{"problem": "no idea\nat all"}], "pieces": []}
    (tmp_path / "results").write_text(json.dumps(unclear))
    pandoc = tmp_path / "pandoc"
    pandoc.write_text(f"#!/bin/sh\ncat >/dev/null\ncat '{tmp_path}/results'\n")
    pandoc.chmod(0o755)
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: str(pandoc))
    with pytest.raises(ExportError, match="Pandoc does not understand it"):
        typst_of("$x$")
    monkeypatch.setattr("pypandoc.get_pandoc_path", lambda: "/bin/false")
    with pytest.raises(ExportError, match="^pandoc: "):
        typst_of("$x$")


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
    assert page.titles == [[f"{words} $x$"]]
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
