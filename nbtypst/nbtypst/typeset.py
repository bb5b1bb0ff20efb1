"""Cells to blocks of Typst: what the template writes down for each cell, in order."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from nbtypst.errors import one_line
from nbtypst.literals import typst_array, typst_code, typst_string
from nbtypst.markup import READERS, Piece, convert
from nbtypst.pictures import decode_image, detect_format, load_image
from nbtypst.plaintext import printable, truncate
from nbtypst.read import whole
from nbtypst.widgets import WIDGET

TYPST = "text/x-typst"
RAW = (TYPST, *READERS)  # what a raw cell may hold
IMAGES = (
    "image/svg+xml", "application/pdf", "image/png", "image/jpeg", "image/gif",
    "image/webp", "image/bmp",
)  # fmt: skip
SHOWN = (  # of an output, the first that it has
    "text/latex", *IMAGES, "text/html", "text/markdown", "text/plain",
)  # fmt: skip
NO_ALT = "a picture has no description for those who cannot see it: give it alt"
_OBJECT = r"[\w.]+\(.*[)…]|<.*>|\[an .*\]"  # words that say nothing to a reader
_HELPER = r"(<IPython\.core\.display\.\w+ object>)?"  # which need not show anything
_UNSEEN = re.compile(  # of HTML
    r"<(style|script)\b.*?</\1>|<link\b[^>]*>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
_FRAME = re.compile(r'frames\[0\] ?= ?"(data:image/[^"]+)"')  # of an animation
# LaTeX that is a formula; other is better shown by what is next to it.
_FORMULA = re.compile(
    r"\s*(\$|\\[\[(]|\\begin\{(equation|align|gather|multline|eqnarray|array|cases"
    r"|[a-zA-Z]*matrix))"
)
_UNFOLDS = r"\bclass=['\"][\w-]+-text-repr-fallback\b"
MAX_MARKUP = 2_000_000  # characters; Pandoc takes 10 s for so many


@dataclass
class Block:
    """What the template writes down in one go.

    kind -- text (a piece of markup), typst (as it is), figure (a picture), or code,
    output, stderr, error, widget (plain text)
    """

    kind: str
    text: str = ""  # plain; of a piece, what is shown if nothing comes of it
    piece: Piece | None = None
    picture: str = ""  # the first arguments of Typst's function
    alt: str | None = None
    caption: Piece | None = None
    label: str | None = None
    keep_with_next: bool = False

    @property
    def written(self) -> str:
        """The block as it is in the notebook; empty if it is a picture."""
        return self.piece.text if self.piece else self.text


class Typeset(Preprocessor):
    """Give each cell `blocks`, and `where` it is from."""

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        """The notebook with `blocks`; the resources with pictures and `titles`.

        What cannot be shown leaves a placeholder, and a line in `warnings`.
        """
        self.pieces: list[tuple[NotebookNode, Piece]] = []
        self.labels: dict[str, str] = {}  # and where they are
        self.resources = resources
        self.exporter: Any = self.parent
        resources["outputs"] = resources.get("outputs") or {}  # the files, by name
        resources["rasters"] = {}  # the PNGs of some SVGs among them
        self.warnings: list[str] = resources.setdefault("warnings", [])
        name = resources["metadata"]["name"]
        for index, cell in enumerate(nb.cells, 1):
            where = cell.metadata.get("where", f"{name}, cell {index}")
            cell.where = one_line(whole(where))
        self.warnings += _stale(cell for cell in nb.cells if cell.cell_type == "code")
        for cell in nb.cells:
            cell.blocks = list(self._blocks(cell))
        _keep_together(nb.cells)
        convert([piece for _, piece in self.pieces], list(self.labels))
        resources["titles"] = [t for _, piece in self.pieces for t in piece.titles]
        for cell, piece in self.pieces:
            for warning in piece.warnings:
                self._warn(cell, warning)
            piece.typst = self._definitions(cell, piece) + piece.typst.strip()
        for cell in nb.cells:
            cell.blocks = [self._without_void(cell, block) for block in cell.blocks]
        return nb, resources

    def _warn(self, cell: NotebookNode, what: str) -> None:
        self.warnings.append(f"{cell.where}: {what}")

    def _truncated(self, cell: NotebookNode, text: str) -> str:
        text, cut = truncate(text)
        if cut:
            self._warn(cell, f"{cut} left out: print less")
        return text

    def _blocks(self, cell: NotebookNode) -> Iterator[Block]:
        kind = cell.cell_type
        if getattr(self.exporter, f"exclude_{'code_cell' if kind == 'code' else kind}"):
            return
        if kind == "markdown":
            yield self._markup(cell, cell.source, "text/markdown")
        elif kind == "raw":
            yield from self._raw(cell)
        else:
            hidden = cell.metadata.get("transient", {}).get("remove_source")
            if cell.source.strip() and not (hidden or self._left_out(cell, "source")):
                yield Block("code", self._truncated(cell, cell.source.rstrip()))
            if not self._left_out(cell, "outputs"):
                yield from self._outputs(cell)

    def _left_out(self, cell: NotebookNode, part: str) -> bool:
        """Whether nbconvert's options leave out the code, or the outputs."""
        hidden = cell.metadata.get("jupyter", {}).get(f"{part}_hidden")
        asked = {"source": "exclude_input", "outputs": "exclude_output"}[part]
        hidden = hidden and self.exporter.exclude_hidden
        return hidden or getattr(self.exporter, asked)

    def _markup(
        self, cell: NotebookNode, text: str, mimetype: str, plain: str = "",
        heading_shift: int = 0,
    ) -> Block:
        if len(text) > MAX_MARKUP:
            self._warn(cell, f"{len(text):,} characters of {mimetype}: too many to set")
            return Block("output", truncate(text)[0])
        piece = Piece(text, mimetype, cell.where, heading_shift)
        self.pieces.append((cell, piece))
        return Block("text", plain, piece)

    def _raw(self, cell: NotebookNode) -> Iterator[Block]:
        """What is meant for Typst or can become it, or for no format in particular."""
        kind = cell.metadata.get("raw_mimetype") or cell.metadata.get("format") or ""
        if not cell.source.strip():
            return
        if kind not in self.exporter.raw_mimetypes:
            self._warn(cell, f"a raw cell for {kind} is left out")
        elif kind == TYPST:
            yield Block("typst", cell.source)
        elif kind in READERS:
            yield self._markup(cell, cell.source, kind)
        else:
            yield Block("output", self._truncated(cell, printable(cell.source)))

    def _outputs(self, cell: NotebookNode) -> Iterator[Block]:
        before = label = None
        for output in cell.outputs:
            role = output.get("metadata", {}).get("role")
            if role == "screen":
                continue
            block = self._output(cell, output)
            if before and role == "caption" and block.piece:
                before.caption, before.label = block.piece, self._label(cell, label)
                # A caption all in italics, as for the screen, is set upright.
                block.piece.text = re.sub(
                    r"\A\s*([*_])([^*_]+)\1\s*\Z", r"\2", block.piece.text
                )
                before = None
                continue
            label = output.get("metadata", {}).get("label")
            before = block if block.kind in ("figure", "text") else None
            if block.kind != "output" or block.text.strip():
                yield block

    def _label(self, cell: NotebookNode, label: str | None) -> str | None:
        """What a link calls a figure or table; two cannot have the same."""
        if label in self.labels:
            self._warn(cell, f"the label {label!r} is that of {self.labels[label]}")
            return None
        if label:
            self.labels[label] = cell.where
        return label

    def _output(self, cell: NotebookNode, output: NotebookNode) -> Block:
        if output.output_type in ("stream", "error"):
            return self._printed(cell, output)
        data = output.data
        plain = self._truncated(cell, printable(data.get("text/plain", "")))
        if output.metadata.get("role") == "widget":
            return Block("widget", _sentence(plain))
        mimetype = self._mimetype(data)
        if mimetype in IMAGES:
            return self._figure(cell, output, data[mimetype], mimetype)
        if WIDGET in data:
            if not plain or _is_object(plain):  # or its own words say what it is
                what = "a widget is not shown: give the output a picture as well"
                self._warn(cell, what)
            return Block("widget", _sentence(plain))
        if mimetype == "text/html":
            return self._html(cell, output, plain)
        if mimetype in READERS:  # a heading in an output begins no section
            return self._markup(cell, data[mimetype], mimetype, plain, heading_shift=2)
        kinds = [kind for kind in data if not kind.startswith("text/")]
        if kinds and (not plain or _is_object(plain)):
            if kinds == ["application/javascript"]:  # which shows nothing by itself
                return Block("output")
            what = f"{kinds[0]} is not shown: give the output a picture as well"
            self._warn(cell, what)
            return Block("widget", _sentence(plain))
        return Block("output", plain or "[an output without words]")

    def _printed(self, cell: NotebookNode, output: NotebookNode) -> Block:
        if output.output_type == "stream":
            kind = "stderr" if output.name == "stderr" else "output"
            return Block(kind, self._truncated(cell, printable(output.text)))
        text = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
        return Block("error", self._truncated(cell, printable(text)))

    def _mimetype(self, data: NotebookNode) -> str | None:
        """The kind that is shown of an output: the first one, as JupyterLab has it."""
        found = [m for m in self.display_data_priority if m in data and m in SHOWN]
        if "text/latex" in found[:1] and not _FORMULA.match(data["text/latex"]):
            found = [m for m in found[1:] if m != "text/plain"] or found
        return next(iter(found), None)

    def _html(self, cell: NotebookNode, output: NotebookNode, plain: str) -> Block:
        text = output.data["text/html"]
        if frame := _FRAME.search(text.replace("\\\n", "")):
            self._warn(cell, "of an animation, only the first frame is shown")
            content = frame[1].partition(",")[2]
            return self._figure(cell, output, content, "image/png")
        if not _UNSEEN.sub("", text).strip():
            if _SCRIPT.search(text) and not re.fullmatch(_HELPER, plain):
                return self._needs_browser(cell, plain)
            return Block("output")
        text = _SCRIPT.sub("", text)  # of which there can be millions of characters
        unfolds = re.search(_UNFOLDS, text)
        if unfolds and plain and not re.fullmatch("<.*>", plain, re.DOTALL):
            # What scikit-learn and xarray make for a browser holds the same words.
            return Block("output", plain)
        plain = plain or "[an output without words]"
        return self._markup(cell, text, "text/html", plain, heading_shift=2)

    def _figure(
        self, cell: NotebookNode, output: NotebookNode, content: str, mimetype: str
    ) -> Block:
        size = output.metadata.get(mimetype, {})
        try:
            name, picture = self._picture(cell, decode_image(content))
            if name.endswith(".svg") and "image/png" in output.data:
                self.resources["rasters"][name] = decode_image(output.data["image/png"])
        except ValueError as error:
            self._warn(cell, f"a picture cannot be shown: {error}")
            plain = printable(output.data.get("text/plain", ""))
            picture = f"(path: none, address: {typst_string(truncate(plain)[0])})"
        lengths = [
            f", {side}: {float(size[side]) * 0.75:g}pt"
            for side in ("width", "height")
            if re.fullmatch(r"\d+(\.\d+)?", str(size.get(side)))
        ]
        if (alt := _alt(output, cell)) is None:
            self._warn(cell, NO_ALT)
        return Block("figure", picture=picture + "".join(lengths), alt=alt)

    def _picture(self, cell: NotebookNode, content: bytes) -> tuple[str, str]:
        """The file in which a picture is kept, and what Typst's function takes."""
        content, ending, pixels = detect_format(content)
        if b"<foreignObject" in content:
            self._warn(cell, "an SVG picture with HTML in it, which is not shown")
        name = f"image_{len(self.resources['outputs'])}{ending}"
        folder = Path(self.resources.get("output_files_dir") or "")
        self.resources["outputs"][str(folder / name)] = content
        name = (folder.name and f"{folder.name}/") + name  # next to the Typst source
        width = f"{pixels * 0.75:g}pt" if pixels else "auto"
        return name, f"(path: {typst_string(name)}, width: {width})"

    def _without_void(self, cell: NotebookNode, block: Block) -> Block:
        """The block; in plain text if nothing came of its markup."""
        if block.piece is None or block.piece.typst or not block.text:
            return block
        if _is_object(block.text):
            return self._needs_browser(cell, block.text)
        return Block("output", block.text)

    def _needs_browser(self, cell: NotebookNode, plain: str) -> Block:
        self._warn(cell, f"{one_line(plain, 60)} needs a browser: not shown")
        return Block("widget", _sentence(plain))

    def _definitions(self, cell: NotebookNode, piece: Piece) -> str:
        """The arrays that the Typst of a piece speaks of; its images become files."""
        definitions = ""
        if piece.codes:
            codes = [
                f"({typst_code(self._truncated(cell, c['text']), c['language'])})"
                for c in piece.codes
            ]
            definitions += f"#let codes = {typst_array(codes)}\n"
        if piece.images:
            pictures = [
                self._image(cell, source, has_alt=number not in piece.missing_alt)
                for number, source in enumerate(piece.images)
            ]
            definitions += f"#let images = {typst_array(pictures)}\n"
        return definitions

    def _image(self, cell: NotebookNode, source: str, *, has_alt: bool) -> str:
        """A picture of a text as the argument of Typst's function."""
        folder = cell.metadata.get("folder", self.resources["metadata"].get("path", ""))
        roots = [Path(root).resolve() for root in self.exporter.picture_folders]
        address = source if len(source) < 300 else source[:300] + " …"
        try:
            attachments = cell.get("attachments", {})
            content = load_image(source, Path(folder), attachments, roots)
            _, picture = self._picture(cell, content)
        except ValueError as error:
            self._warn(cell, f"the image {address}: {error}")
            return f"(path: none, address: {typst_string(address)})"
        if not has_alt:
            self._warn(cell, NO_ALT)
        return picture


def _stale(cells: Iterable[NotebookNode]) -> Iterator[str]:
    """A warning for each cell whose outputs cannot be from one run in order."""
    last: defaultdict[str, int] = defaultdict(int)  # count, by notebook
    for cell in cells:
        if {"remove_output", "remove-output"} & {*cell.metadata.get("tags", ())}:
            continue  # nbconvert has taken its number
        notebook, count = cell.where.rpartition(", cell ")[0], cell.execution_count or 0
        if cell.source.strip() and count < max(last[notebook], 1):
            what = "ran before a cell above" if count else "never ran"
            yield f"{cell.where}: it {what}: run the notebook from top to bottom"
        last[notebook] = max(last[notebook], count)


def _is_object(plain: str) -> bool:
    """Whether words are those by which Python shows an object that it cannot spell."""
    return bool(re.fullmatch(_OBJECT, plain, re.DOTALL))


def _sentence(plain: str) -> str:
    """What is in the place of a widget: that it is one, and its own words if any."""
    if not plain or _is_object(plain):
        plain = "an interactive widget, for which paper has no room."
    if re.match(r"\s*\d+%\|", plain):  # as it was before the first step
        plain = "a progress bar."
    if plain.startswith("Here "):
        return "In the notebook, " + plain.removeprefix("Here ")
    return "In the notebook: " + plain


def _alt(output: NotebookNode, cell: NotebookNode) -> str | None:
    """A picture's description, from wherever people put it."""
    places = [output.metadata.get(kind, {}) for kind in IMAGES]
    places += [output.metadata, cell.metadata]
    found = [place["alt"] for place in places if isinstance(place.get("alt"), str)]
    comment = re.search(r"^#\| *fig-alt: *[\"']?(.+?)[\"']? *$", cell.source, re.M)
    found += [comment[1]] if comment else []
    return next((alt for alt in found if alt.strip()), None)


def _keep_together(cells: list[NotebookNode]) -> None:
    """Mark what must be on the page of what comes next: more leaves large gaps."""
    blocks = [(cell, block) for cell in cells for block in cell.blocks]
    for (cell, block), (next_cell, following) in itertools.pairwise(blocks):
        if block.kind == "code" and cell is next_cell and not following.caption:
            # Of more than eight lines, three follow the others.
            lines = block.text.count("\n") + 1
            last_part = lines if lines <= 8 else 3
            block.keep_with_next = last_part + following.written.count("\n") <= 8
        elif block.piece:  # a code block in it says itself what it is
            block.piece.keep_with_next = "```" not in following.written
