"""A notebook as one page of HTML that needs neither a network nor a kernel."""

import base64
import html
import itertools
import math
import re
import warnings

from bs4 import BeautifulSoup, Tag
from nbconvert.filters import Highlight2HTML, ansi2html
from nbformat import NotebookNode
from traitlets import Unicode, default
from traitlets.config import Config

from nbtypst.exporter import TypstExporter
from nbtypst.markup import READERS, Piece
from nbtypst.mathml import Page
from nbtypst.pictures import detect_format
from nbtypst.plaintext import printable
from nbtypst.typeset import NO_ALT, Block, Typeset

SHOWN = [  # of an output, the first that it has
    "text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png",
    "image/jpeg", "image/gif", "image/webp", "text/plain",
]  # fmt: skip
_EMBEDDED = ["script", "link", "iframe", "video", "audio", "source", "embed", "object"]
_FOR_TERMINALS = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b(?!\[)")
NO_WORDS = "A picture without a description"


class Offline(Typeset):
    """Give each block its `html`; the resources `contents` and a `title`.

    An entry of the contents has a `level`, an `id`, its `words`, its `html`, and
    whether it is `marked`, as the exporter's `also_in_contents` has it.
    """

    on_paper, max_markup = False, math.inf

    @staticmethod
    def as_printed(text: str) -> str:
        """Keep the colours if there is nothing else that only a terminal shows."""
        return printable(text) if _FOR_TERMINALS.search(text) else text.rstrip("\n")

    def write(self, nb: NotebookNode) -> None:
        """Convert all pieces, and write down the other blocks."""
        self.contents: list[dict] = []
        self.open: list[int] = []  # the levels, as written, of the headings around
        language = nb.metadata.get("language_info", {})
        lexer = language.get("pygments_lexer", language.get("name"))
        self.highlight = Highlight2HTML(pygments_lexer=lexer)
        self.page = Page([piece for *_, piece in self.texts])
        for (cell, block, piece), part in zip(self.texts, self.page.parts):
            self._finish(cell, piece, part)
            block.html = self.page.html(part)
            for warning in piece.warnings:
                self.warn(cell, warning)
        for cell in nb.cells:
            for block in cell.blocks:
                block.html = block.html if block.piece else self._html(cell, block)
        for entry in self.contents:
            entry["html"] = self.page.html(html.escape(entry["words"]))
            entry["words"] = self.page.source(entry["words"])
        titles = [entry["words"] for entry in self.contents if entry["level"] == 1]
        name = self.resources["metadata"]["name"].replace("_", " ")
        title = [*titles, nb.metadata.get("title") or name][0]
        headings = {"contents": self.contents, "has_title": bool(titles)}
        self.resources |= {"title": title, **headings}

    def widget(self, cell: NotebookNode, output: NotebookNode, plain: str) -> Block:
        """Return the HTML of a widget under a heading, or a sentence."""
        if "text/html" not in output.data:
            return super().widget(cell, output, plain)
        name = plain.removeprefix("Here ").rstrip(".")
        heading = f"<h6>{html.escape(name[:1].upper() + name[1:])}</h6>"
        return self.markup(cell, heading + output.data["text/html"], "text/html")

    def html(self, cell: NotebookNode, output: NotebookNode, plain: str) -> Block:
        """Return the HTML of an output with its scripts."""
        return self.markup(cell, output.data["text/html"], "text/html", plain, 2)

    def picture(self, cell: NotebookNode, content: bytes, png: str = "") -> str:
        """Return a picture as an address that holds all of it."""
        content, ending, _ = detect_format(content)
        kind = {".svg": "svg+xml", ".jpg": "jpeg"}.get(ending, ending[1:])
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"

    def coloured(self, *arguments, **options) -> str:
        """Return code in colours; of a language that is not known, without a word."""
        with warnings.catch_warnings(action="ignore"):
            return self.highlight(*arguments, **options)

    def _html(self, cell: NotebookNode, block: Block) -> str:
        """A block that is not markup."""
        if block.kind == "code":
            code = self.coloured(block.text, metadata=cell.metadata)
            tags = " ".join(cell.metadata.get("tags", ()))
            folds = re.search(r"\b(remove|hide)[_-](cell|input)\b", tags)
            if not (folds or cell.metadata.get("jupyter", {}).get("source_hidden")):
                return code
            name = cell.where.rpartition(", ")[2]
            return f"<details><summary>Code of {name}</summary>{code}</details>"
        if block.kind == "widget":
            return f"<p><em>{html.escape(block.text)}</em></p>"
        if block.kind != "figure":
            return f'<pre class="{block.kind}">{ansi2html(block.text)}</pre>'
        if not block.picture:
            return str(_elsewhere(block.text, block.alt or ""))
        size = "".join(f' {side}="{px:g}"' for side, px in block.size.items())
        alt = html.escape(block.alt or NO_WORDS)
        return f'<img src="{block.picture}" alt="{alt}"{size}>'

    def _finish(self, cell: NotebookNode, piece: Piece, part: BeautifulSoup) -> None:
        """Have nothing in some HTML that is elsewhere, and all that is needed here."""
        for picture in part.find_all("img", src=True):  # or a script gives it one
            self._embed(cell, picture)
        for tag in part.find_all(_EMBEDDED):
            address = str(tag.get("src") or tag.get("href") or tag.get("data") or "")
            if address and not address.startswith("data:"):
                self.warn(cell, f"what is elsewhere is not shown: {address}")
                tag.replace_with(_elsewhere(address))
        for heading in part.find_all(re.compile("^h[1-6]$")):
            self._order(piece, heading)
        for words in part.select("p > strong:first-child"):
            text, pattern = words.get_text().rstrip("."), self.exporter.also_in_contents
            if pattern and re.fullmatch(pattern, text):
                around = words.find_parent("blockquote") or words
                self._list(around, text, len(self.open) + 1, marked=True)
        for table in part.find_all("table"):
            self._tidy(table)
        for block in part.select("pre[class]:has(> code)"):
            coloured = self.coloured(block.get_text(), block["class"][-1])
            block.replace_with(self.page.kept(coloured))

    def _tidy(self, table: Tag) -> None:
        """Have a header where there are words, and a table that can be moved."""
        for head in table.find_all("th"):
            words = head.get_text(strip=True)
            if not words and not head.find():
                head.name = "td"
            elif self.page.mark.fullmatch(words):  # not words to every program
                tex = self.page.source(words).strip("$ ")
                head.wrap(Tag(name="th", attrs=head.attrs))
                head.name, head.attrs = "span", {"title": tex}
        table.wrap(Tag(name="div", attrs={"class": "wide"}))

    def _embed(self, cell: NotebookNode, picture: Tag) -> None:
        """Replace a picture's address by its content."""
        source = str(picture.get("src", ""))
        del picture["srcset"]
        if not source.startswith("data:"):
            try:
                picture["src"] = self.picture(cell, self.load(cell, source))
            except ValueError as error:
                self.warn(cell, f"the image {source}: {error}")
                picture.replace_with(_elsewhere(source, str(picture.get("alt", ""))))
                return
        if not picture.has_attr("alt"):
            self.warn(cell, NO_ALT)
            picture["alt"] = NO_WORDS

    def _order(self, piece: Piece, heading: Tag) -> None:
        """Lower a heading's level to one below that of the heading around it."""
        if not heading.get_text(strip=True):
            heading.name = "p"
            return
        written = int(heading.name[1]) + piece.heading_shift
        while self.open and self.open[-1] >= written:
            self.open.pop()
        self.open.append(written)
        level = min(len(self.open), 6)
        heading.name = f"h{level}"
        self._list(heading, heading.get_text().strip(), level)

    def _list(self, tag: Tag, words: str, level: int, *, marked: bool = False) -> None:
        """Put a place of the page into its contents."""
        name = str(tag.get("id") or self.page.source(words).replace(" ", "-"))
        names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
        used = {entry["id"] for entry in self.contents}
        tag["id"] = next(name for name in names if name not in used)
        entry = {"level": level, "id": tag["id"], "words": words, "marked": marked}
        self.contents.append(entry)


def _elsewhere(address: str, words: str = "") -> Tag:
    """Return a placeholder for what is not part of the page."""
    line = Tag(name="span", attrs={"class": "elsewhere"})
    line.string = f"Not part of this page: {words + ', ' if words else ''}{address}"
    return line


class OfflineHTMLExporter(TypstExporter):
    """A notebook as one page of HTML that needs neither a network nor a kernel."""

    export_from_notebook = "Offline HTML"
    output_mimetype = "text/html"
    preprocessors = [Offline]  # noqa: RUF012 (a trait's default)
    also_in_contents = Unicode(
        help="A regular expression: what begins a paragraph in bold, and is described "
        "by it, is in the page's contents, next to the headings."
    ).tag(config=True)

    @default("raw_mimetypes")
    def _raw_mimetypes(self) -> list[str]:
        return [*READERS, ""]

    @property
    def default_config(self) -> Config:
        """The package's, for a page on which all cells are shown."""
        config = super().default_config
        config.merge(Config({
            "OfflineHTMLExporter": {
                "file_extension": ".html",
                "template_extension": ".html.j2",
                "template_name": "html_offline",
            },
            "TagRemovePreprocessor": {"enabled": False},
            "NbConvertBase": {"display_data_priority": SHOWN},
        }))  # fmt: skip
        return config
