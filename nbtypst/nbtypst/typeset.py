"""Cells to blocks of Typst: what the template writes for each cell, in order."""

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

MERMAID = "text/vnd.mermaid"
TYPST = "text/x-typst"
RAW = (TYPST, *READERS)  # what a raw cell may hold
IMAGES = ("image/svg+xml", "application/pdf", "image/png", "image/jpeg", "image/gif",
          "image/webp", "image/bmp")  # fmt: skip
# Of an output, the first of these that it has is shown.
SHOWN = ("text/latex", *IMAGES, "text/html", "text/markdown", "text/plain")
NO_ALT = "a picture has no description for those who cannot see it: give it alt"
# Python's default words for an object, which say nothing about it.
OBJECT = re.compile(r"[\w.]+\(.*[)…]|<.*>|\[an .*\]", re.DOTALL)
_HELPER = r"(<IPython\.core\.display\.\w+ object>)?"  # which need not show anything
_UNSEEN = re.compile(  # of HTML
    r"<(style|script)\b.*?</\1>|<link\b[^>]*>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
_FRAME = re.compile(r'frames\[0\] ?= ?"data:image/[^",]*,([^"]+)"')  # of an animation
# LaTeX that is a formula; for other LaTeX, another form of the output is better.
_FORMULA = re.compile(
    r"\s*(\$|\\[\[(]|\\begin\{(equation|align|gather|multline|eqnarray|array|cases"
    r"|[a-zA-Z]*matrix))"
)
_UNFOLDS = r"\bclass=['\"][\w-]+-text-repr-fallback\b"
MAX_MARKUP = 2_000_000  # characters; Pandoc takes 10 s for so many


@dataclass
class Block:
    """A unit that the template writes.

    kind -- text (a piece of markup), typst (raw), figure (a picture), or code,
    output, stderr, error, widget (plain text)
    """

    kind: str
    text: str = ""  # plain; for a piece, shown if its markup gives nothing
    piece: Piece | None = None
    picture: str = ""  # the first arguments of Typst's function
    alt: str | None = None
    caption: Piece | None = None
    label: str | None = None
    keep_with_next: bool = False

    @property
    def written(self) -> str:
        """The block's source in the notebook; empty if it is a picture."""
        return self.piece.text if self.piece else self.text


class Typeset(Preprocessor):
    """Give each cell its `blocks`, and `where` it comes from."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple:
        """Return the notebook with `blocks`; the resources with pictures and `titles`.

        What cannot be shown leaves a placeholder, and a line in `warnings`.
        """
        self.pieces: list[tuple[NotebookNode, Piece]] = []
        self.labels: dict[str, str] = {}  # and where they are
        self.resources = resources
        self.exporter: Any = self.parent
        resources["outputs"] = resources.get("outputs") or {}  # the files, by name
        resources["rasters"] = {}  # the PNGs of some SVGs among them
        self.warnings: list[str] = resources.setdefault("warnings", [])
        for index, cell in enumerate(nb.cells, 1):
            here = f"{resources['metadata']['name']}, cell {index}"
            cell.where = one_line(whole(cell.metadata.get("where", here)))
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

    def _printed(self, cell: NotebookNode, kind: str, text: str) -> Block:
        return Block(kind, self._truncated(cell, printable(text)))

    def _truncated(self, cell: NotebookNode, text: str) -> str:
        text, cut = truncate(text)
        if cut:
            self._warn(cell, f"{cut} left out: print less")
        return text

    def _blocks(self, cell: NotebookNode) -> Iterator[Block]:
        kind, asked = cell.cell_type, self.exporter
        if getattr(asked, f"exclude_{'code_cell' if kind == 'code' else kind}"):
            return
        if kind == "markdown":
            yield self._markup(cell, cell.source, "text/markdown")
        elif kind == "raw":
            yield from self._raw(cell)
        else:
            hides = cell.metadata.get("jupyter", {}) if asked.exclude_hidden else {}
            removed = cell.metadata.get("transient", {}).get("remove_source")
            hidden = removed or asked.exclude_input or hides.get("source_hidden")
            if cell.source.strip() and not hidden:
                yield Block("code", self._truncated(cell, cell.source.rstrip()))
            if not (asked.exclude_output or hides.get("outputs_hidden")):
                yield from self._outputs(cell)

    def _markup(
        self, cell: NotebookNode, text: str, mimetype: str, plain="", heading_shift=0
    ) -> Block:
        if len(text) > MAX_MARKUP:
            self._warn(cell, f"{len(text):,} characters of {mimetype}: too many to set")
            return Block("output", truncate(text)[0])
        piece = Piece(text, mimetype, cell.where, heading_shift)
        self.pieces.append((cell, piece))
        return Block("text", plain, piece)

    def _raw(self, cell: NotebookNode) -> Iterator[Block]:
        """Yield what is for Typst, can become Typst, or is for no format at all."""
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
            yield self._printed(cell, "output", cell.source)

    def _outputs(self, cell: NotebookNode) -> Iterator[Block]:
        before = label = None
        for output in cell.outputs:
            about = output.get("metadata", {})
            if about.get("role") == "screen":
                continue
            block = self._output(cell, output)
            if before and about.get("role") == "caption" and block.piece:
                # A caption all in italics, meant for the screen, is set upright.
                italics = r"\A\s*([*_])([^*_]+)\1\s*\Z"
                block.piece.text = re.sub(italics, r"\2", block.piece.text)
                before.caption, before.label = block.piece, self._label(cell, label)
                before = None
                continue
            label = about.get("label")
            before = block if block.kind in ("figure", "text") else None
            if block.kind != "output" or block.text.strip():
                yield block

    def _label(self, cell: NotebookNode, label: str | None) -> str | None:
        """Return the label of a figure or table; warn if another one has the same."""
        if label in self.labels:
            self._warn(cell, f"the label {label!r} is that of {self.labels[label]}")
        elif label:
            self.labels[label] = cell.where
            return label
        return None

    def _output(self, cell: NotebookNode, output: NotebookNode) -> Block:
        if output.output_type == "stream":
            kind = "stderr" if output.name == "stderr" else "output"
            return self._printed(cell, kind, output.text)
        if output.output_type == "error":
            text = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
            return self._printed(cell, "error", text)
        data = output.data
        plain = self._truncated(cell, printable(data.get("text/plain", "")))
        mimetype = self._mimetype(data)
        if output.metadata.get("role") == "widget":
            return Block("widget", _sentence(plain))
        if mimetype in IMAGES:
            return self._figure(cell, output, data[mimetype], mimetype)
        if mimetype == "text/html" and WIDGET not in data:
            return self._html(cell, output, plain)
        if mimetype in READERS and WIDGET not in data:
            # A heading in an output does not begin a section.
            return self._markup(cell, data[mimetype], mimetype, plain, heading_shift=2)
        if MERMAID in data and mimetype in (None, "text/plain"):  # as in a fence
            fence = f"~~~~~~mermaid\n{data[MERMAID]}\n~~~~~~"
            return self._markup(cell, fence, "text/markdown")
        return self._as_words(cell, data, plain)

    def _as_words(self, cell: NotebookNode, data: NotebookNode, plain: str) -> Block:
        """Return the plain text of an output that paper cannot show."""
        kinds = [kind for kind in data if not kind.startswith("text/")]
        if kinds and (not plain or OBJECT.fullmatch(plain)):
            if kinds == ["application/javascript"]:  # which shows nothing by itself
                return Block("output")
            what = "a widget" if WIDGET in data else kinds[0]
            self._warn(cell, f"{what} is not shown: give the output a picture as well")
            return Block("widget", _sentence(plain))
        if WIDGET in data:
            return Block("widget", _sentence(plain))
        return Block("output", plain or "[an output without words]")

    def _needs_browser(self, cell: NotebookNode, plain: str) -> Block:
        self._warn(cell, f"{one_line(plain, 60)} needs a browser: not shown")
        return Block("widget", _sentence(plain))

    def _mimetype(self, data: NotebookNode) -> str | None:
        """Return the format in which an output is shown: JupyterLab's first choice."""
        found = [m for m in self.display_data_priority if m in data and m in SHOWN]
        if "text/latex" in found[:1] and not _FORMULA.match(data["text/latex"]):
            found = [m for m in found[1:] if m != "text/plain"] or found
        return next(iter(found), None)

    def _html(self, cell: NotebookNode, output: NotebookNode, plain: str) -> Block:
        text = output.data["text/html"]
        if frame := _FRAME.search(text.replace("\\\n", "")):
            self._warn(cell, "of an animation, only the first frame is shown")
            return self._figure(cell, output, frame[1], "image/png")
        if not _UNSEEN.sub("", text).strip():
            if _SCRIPT.search(text) and not re.fullmatch(_HELPER, plain):
                return self._needs_browser(cell, plain)
            return Block("output")
        text = _SCRIPT.sub("", text)  # it can have millions of characters
        unfolds = re.search(_UNFOLDS, text)
        if unfolds and plain and not re.fullmatch("<.*>", plain, re.DOTALL):
            # The HTML of scikit-learn and xarray holds the same words.
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
        for side in ("width", "height"):
            if re.fullmatch(r"\d+(\.\d+)?", str(size.get(side))):
                picture += f", {side}: {float(size[side]) * 0.75:g}pt"
        if (alt := alt_of(output, cell)) is None:
            self._warn(cell, NO_ALT)
        return Block("figure", picture=picture, alt=alt)

    def _picture(self, cell: NotebookNode, content: bytes) -> tuple[str, str]:
        """Return the file of a picture, and what Typst's function takes."""
        content, ending, pixels = detect_format(content)
        if b"<foreignObject" in content:
            self._warn(cell, "an SVG picture with HTML in it, which is not shown")
        folder = Path(self.resources.get("output_files_dir") or "")
        file = folder / f"image_{len(self.resources['outputs'])}{ending}"
        self.resources["outputs"][str(file)] = content
        name = Path(folder.name, file.name).as_posix()  # next to the Typst source
        width = f"{pixels * 0.75:g}pt" if pixels else "auto"
        return name, f"(path: {typst_string(name)}, width: {width})"

    def _without_void(self, cell: NotebookNode, block: Block) -> Block:
        """Return the block, or its plain text if its markup gave nothing."""
        if block.piece is None or block.piece.typst or not block.text:
            return block
        if OBJECT.fullmatch(block.text):
            return self._needs_browser(cell, block.text)
        return Block("output", block.text)

    def _definitions(self, cell: NotebookNode, piece: Piece) -> str:
        """Return the arrays that the Typst of a piece uses; its images become files."""
        codes = [typst_code(self._truncated(cell, code["text"]), code["language"])
                 for code in piece.codes]  # fmt: skip
        images = [self._image(cell, source, has_alt=number not in piece.missing_alt)
                  for number, source in enumerate(piece.images)]  # fmt: skip
        arrays = {"codes": [f"({code})" for code in codes], "images": images}
        return "".join(f"#let {name} = {typst_array(items)}\n"
                       for name, items in arrays.items() if items)  # fmt: skip

    def _image(self, cell: NotebookNode, source: str, *, has_alt: bool) -> str:
        """Return a picture in a text as the argument of Typst's function."""
        folder = cell.metadata.get("folder", self.resources["metadata"].get("path", ""))
        roots = [Path(root).resolve() for root in self.exporter.picture_folders]
        try:
            found = load_image(source, Path(folder), cell.get("attachments", {}), roots)
            _, picture = self._picture(cell, found)
        except ValueError as error:
            address = source if len(source) < 300 else source[:300] + " …"
            self._warn(cell, f"the image {address}: {error}")
            return f"(path: none, address: {typst_string(address)})"
        if not has_alt:
            self._warn(cell, NO_ALT)
        return picture


def _stale(cells: Iterable[NotebookNode]) -> Iterator[str]:
    """Yield a warning for each cell whose outputs cannot be from one run in order."""
    last: defaultdict[str, int] = defaultdict(int)  # count, by notebook
    for cell in cells:
        if {"remove_output", "remove-output"} & {*cell.metadata.get("tags", ())}:
            continue  # nbconvert has removed its number
        notebook, count = cell.where.rpartition(", cell ")[0], cell.execution_count or 0
        if cell.source.strip() and count < max(last[notebook], 1):
            what = "ran before a cell above" if count else "never ran"
            yield f"{cell.where}: it {what}: run the notebook from top to bottom"
        last[notebook] = max(last[notebook], count)


def _sentence(plain: str) -> str:
    """Return the sentence that replaces a widget, with its own words if any."""
    if not plain or OBJECT.fullmatch(plain):
        plain = "an interactive widget, for which paper has no room."
    elif re.match(r"\s*\d+%\|", plain):  # a progress bar before its first step
        plain = "a progress bar."
    here = plain.startswith("Here ")
    return f"In the notebook{',' if here else ':'} {plain.removeprefix('Here ')}"


def alt_of(output: NotebookNode, cell: NotebookNode) -> str | None:
    """Return a picture's description, from wherever people put it."""
    places = [output.metadata.get(kind, {}) for kind in IMAGES]
    found = [place.get("alt") for place in (*places, output.metadata, cell.metadata)]
    found += re.findall(r"^#\| *fig-alt: *[\"']?(.+?)[\"']? *$", cell.source, re.M)
    return next((a for a in found if isinstance(a, str) and a.strip()), None)


def _keep_together(cells: list[NotebookNode]) -> None:
    """Mark what must be on the page of what comes next: more leaves large gaps."""
    blocks = [(cell, block) for cell in cells for block in cell.blocks]
    for (cell, block), (next_cell, following) in itertools.pairwise(blocks):
        if block.kind == "code" and cell is next_cell and not following.caption:
            # Of more than eight lines, the last three may be on the next page.
            lines = block.text.count("\n") + 1
            last_part = lines if lines <= 8 else 3
            block.keep_with_next = last_part + following.written.count("\n") <= 8
        elif block.piece:  # a code block in it is marked already
            block.piece.keep_with_next = "```" not in following.written
