"""A notebook as one page of HTML that needs neither a network nor a kernel."""

import base64
import html
import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets import Unicode
from traitlets.config import Config

from nbtypst.exporter import TypstExporter
from nbtypst.markup import READERS, Piece
from nbtypst.mathml import Page
from nbtypst.pictures import decode_image, detect_format, load_image
from nbtypst.plaintext import printable, truncate
from nbtypst.typeset import IMAGES, NO_ALT, OBJECT, alt_of
from nbtypst.widgets import WIDGET

SHOWN = (  # of an output, the first that it has
    "text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png",
    "image/jpeg", "image/gif", "image/webp", "text/plain",
)  # fmt: skip
FOLDED = {f"{verb}{join}{what}" for verb in ("remove", "hide") for join in "_-"
          for what in ("cell", "input")}  # fmt: skip
_KINDS = {".svg": "svg+xml", ".jpg": "jpeg"}  # where it is not the ending
_EMBEDDED = ["script", "link", "iframe", "video", "audio", "source", "embed", "object"]
NO_WORDS = "A picture without a description"


class Offline(Preprocessor):
    """Give each cell, and each of its outputs, the `html` that the template shows."""

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        """The notebook with HTML; the resources with `contents`, `title` and warnings.

        An entry of the contents has a `level`, an `id`, its `words`, its `html`, and
        whether it is `marked`, as the exporter's `also_in_contents` has it.
        """
        self.exporter: Any = self.parent
        self.texts: list[tuple[NotebookNode, NotebookNode, Piece]] = []
        self.warnings: list[str] = resources.setdefault("warnings", [])
        self.contents: list[dict] = []
        self.open: list[int] = []  # the levels, as written, of the headings around
        metadata = resources["metadata"]
        self.folder = Path(metadata.get("path", ""))
        for index, cell in enumerate(nb.cells, 1):
            cell.where, cell.index = f"{metadata['name']}, cell {index}", index
            self._prepare(cell)
        self.page = Page([piece for *_, piece in self.texts])
        for (cell, shown, piece), part in zip(self.texts, self.page.parts):
            self._finish(cell, piece, part)
            shown.html = self.page.html(part)
            self.warnings += [f"{cell.where}: {words}" for words in piece.warnings]
        first = next((e for e in self.contents if e["level"] == 1), None)
        given = nb.metadata.get("title") or metadata["name"].replace("_", " ")
        for entry in self.contents:
            entry["html"] = self.page.html(html.escape(entry["words"]))
            entry["words"] = self.page.source(entry["words"])
        language = nb.metadata.get("language_info", {})
        resources |= {
            "contents": self.contents,
            "title": first["words"] if first else given,
            "has_title": bool(first),
            "lexer": language.get("pygments_lexer", language.get("name")),
        }
        return nb, resources

    def _warn(self, cell: NotebookNode, what: str) -> None:
        self.warnings.append(f"{cell.where}: {what}")

    def _text(self, cell: NotebookNode, shown: NotebookNode, *given) -> None:
        """Have some markup converted, to be shown by a cell or one of its outputs."""
        self.texts.append((cell, shown, Piece(*given)))

    def _prepare(self, cell: NotebookNode) -> None:
        if cell.cell_type == "code":
            hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
            cell.folded = hidden or bool(FOLDED & {*cell.metadata.get("tags", ())})
            shown: list[NotebookNode] = []
            for output in cell.outputs:
                role = output.get("metadata", {}).get("role")
                if role == "caption" and shown:
                    shown[-1].caption = output
                else:
                    shown.append(output)
                self._output(cell, output, role)
            cell.outputs = shown
            return
        kind = "text/markdown"
        if cell.cell_type == "raw":
            metadata = cell.metadata
            kind = metadata.get("raw_mimetype") or metadata.get("format") or ""
            if kind not in ("", *READERS):
                self._warn(cell, f"a raw cell for {kind} is left out")
                cell.html = ""
                return
        if kind:
            self._text(cell, cell, cell.source, kind, cell.where)
        else:
            cell.html = f"<pre>{html.escape(cell.source)}</pre>"

    def _output(self, cell: NotebookNode, output: NotebookNode, role: str) -> None:
        """Give an output its HTML, or have it converted."""
        if output.output_type == "error":
            text = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
            output.html = f'<pre class="error">{_printed(text)}</pre>'
            return
        if output.output_type == "stream":
            output.html = f'<pre class="{output.name}">{_printed(output.text)}</pre>'
            return
        data = output.data
        plain = data.get("text/plain", "")
        kind = next((kind for kind in SHOWN if kind in data), "")
        needs = [other for other in data if not other.startswith("text/")]
        if kind in IMAGES:
            output.html = self._picture(cell, output, kind)
        elif kind == "text/html" and role == "widget":
            name = plain.removeprefix("Here ").rstrip(".")
            heading = f"<h6>{html.escape(name[:1].upper() + name[1:])}</h6>"
            self._text(cell, output, heading + data[kind], kind, cell.where)
        elif kind in READERS:  # a heading in an output begins no section
            self._text(cell, output, data[kind], kind, cell.where, 2)
        elif (role == "widget" or needs) and (not plain or OBJECT.fullmatch(plain)):
            what = "a widget" if WIDGET in data or role else needs[0]
            self._warn(cell, f"{what} is not shown: give the output a picture as well")
            output.html = f"<p><em>Not shown here: {what}.</em></p>"
        else:
            output.html = f"<pre>{_printed(plain)}</pre>"

    def _picture(self, cell: NotebookNode, output: NotebookNode, kind: str) -> str:
        content = base64.b64encode(decode_image(output.data[kind])).decode()
        if (alt := alt_of(output, cell)) is None:
            self._warn(cell, NO_ALT)
        size = "".join(
            f' {side}="{html.escape(str(length))}"'
            for side, length in output.metadata.get(kind, {}).items()
            if side in ("width", "height")
        )
        source = f"data:{kind};base64,{content}"
        return f'<img src="{source}" alt="{html.escape(alt or NO_WORDS)}"{size}>'

    def _finish(self, cell: NotebookNode, piece: Piece, part: BeautifulSoup) -> None:
        """Have nothing in some HTML that is elsewhere, and all that is needed here."""
        for picture in part.find_all("img"):
            self._embed(cell, picture)
        for tag in part.find_all(_EMBEDDED):
            address = str(tag.get("src") or tag.get("href") or tag.get("data") or "")
            if address and not address.startswith("data:"):
                self._warn(cell, f"what is elsewhere is not shown: {address}")
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
            coloured = Highlight2HTML()(block.get_text(), block["class"][-1])
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
            roots = [Path(root).resolve() for root in self.exporter.picture_folders]
            attachments = cell.get("attachments", {})
            try:
                content = load_image(source, self.folder, attachments, roots)
                content, ending, _ = detect_format(content)
            except ValueError as error:
                self._warn(cell, f"the image {source}: {error}")
                picture.replace_with(_elsewhere(source, str(picture.get("alt", ""))))
                return
            kind = _KINDS.get(ending, ending[1:])
            data = base64.b64encode(content).decode()
            picture["src"] = f"data:image/{kind};base64,{data}"
        if not picture.has_attr("alt"):
            self._warn(cell, NO_ALT)
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
        used = {entry["id"] for entry in self.contents}
        number = 2
        unique = name
        while unique in used:
            unique, number = f"{name}-{number}", number + 1
        tag["id"] = unique
        entry = {"level": level, "id": unique, "words": words, "marked": marked}
        self.contents.append(entry)


def _printed(text: str) -> str:
    """Output as a terminal shows it, with its colours if nothing is overwritten."""
    text = printable(text) if "\r" in text or "\b" in text else text.rstrip("\n")
    return ansi2html(truncate(text)[0])


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

    @property
    def default_config(self) -> Config:
        """The package's, for a page on which all cells are shown."""
        ours = Config({
            "OfflineHTMLExporter": {
                "file_extension": ".html",
                "template_extension": ".html.j2",
                "template_name": "html_offline",
            },
            "TagRemovePreprocessor": {"enabled": False},
        })  # fmt: skip
        config = super().default_config
        config.merge(ours)
        return config
