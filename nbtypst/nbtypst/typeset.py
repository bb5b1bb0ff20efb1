"""A notebook's cells as blocks, and these as Typst."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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
IMAGES = ("image/svg+xml", "application/pdf", "image/png", "image/jpeg", "image/gif",
          "image/webp", "image/bmp")  # fmt: skip
RAW = (TYPST, *READERS)  # what a raw cell may hold
# Of an output, the first of these that it has is shown.
SHOWN = ("text/latex", *IMAGES, "text/html", "text/markdown", "text/plain")
_HELPER = r"(<IPython\.core\.display\.\w+ object>)?"  # which need not show anything
_UNSEEN = re.compile(  # of HTML
    r"<(style|script)\b.*?</\1>|<link\b[^>]*>|<!--.*?-->", re.DOTALL | re.IGNORECASE
)
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
_FRAME = re.compile(r'frames\[0\] ?= ?"data:image/[^",]*,([^"]+)"')  # of an animation
_UNFOLDS = r"\bclass=['\"][\w-]+-text-repr-fallback\b"
NO_ALT = "a picture has no description for those who cannot see it: give it alt"
# Python's default words for an object, which say nothing about it.
OBJECT = re.compile(r"[\w.]+\(.*[)…]|<.*>|\[an .*\]", re.DOTALL)
WORDLESS = "[an output without words]"
# LaTeX that is a formula; for other LaTeX, another form of the output is better.
_FORMULA = re.compile(
    r"\s*(\$|\\[\[(]|\\begin\{(equation|align|gather|multline|eqnarray|array|cases"
    r"|[a-zA-Z]*matrix))"
)


@dataclass
class Block:
    """A unit that is shown.

    kind -- text (a piece of markup), typst (raw), figure (a picture), or code,
    output, stderr, error, widget (plain text)
    """

    kind: str
    text: str = ""  # plain; for a piece or a picture, what is shown in its place
    piece: Piece | None = None
    picture: str = ""  # where it is, as the document has it; empty if it is lacking
    size: dict[str, float] = field(default_factory=dict)  # width, height, in pixels
    alt: str | None = None
    caption: "Block | None" = None
    label: str | None = None
    keep_with_next: bool = False
    html: str = ""

    @property
    def written(self) -> str:
        """The block's source in the notebook; empty if it is a picture."""
        return self.piece.text if self.piece else self.text


class Typeset(Preprocessor):
    """Give each cell its `blocks`, their Typst, and `where` it comes from."""

    on_paper = True  # without what is for the screen alone
    max_markup: float = 2_000_000  # characters; Pandoc takes 10 s for so many
    as_printed = staticmethod(printable)  # from what a program prints

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple:
        """Return the notebook with `blocks`; the resources with pictures and `titles`.

        What cannot be shown leaves a placeholder, and a line in `warnings`.
        """
        self.texts: list[tuple[NotebookNode, Block, Piece]] = []
        self.labels: dict[str, str] = {}  # and where they are
        self.resources = resources
        resources["outputs"] = resources.get("outputs") or {}  # the files, by name
        resources["rasters"] = {}  # the PNGs of some SVGs among them
        self.exporter: Any = self.parent
        self.warnings: list[str] = resources.setdefault("warnings", [])
        about = resources["metadata"]
        about["name"] = whole(about["name"])  # of a file, which is of any bytes
        for index, cell in enumerate(nb.cells, 1):
            here = f"{about['name']}, cell {index}"
            cell.where = one_line(whole(cell.metadata.get("where", here)))
        self.warnings += _stale(cell for cell in nb.cells if cell.cell_type == "code")
        for cell in nb.cells:
            cell.blocks = list(self._blocks(cell))
        self.write(nb)
        return nb, resources

    def write(self, nb: NotebookNode) -> None:
        """Convert all pieces, and name what is lost."""
        _keep_together(nb.cells)
        convert([piece for *_, piece in self.texts], list(self.labels))
        self.resources["titles"] = [t for *_, piece in self.texts for t in piece.titles]
        for cell, _, piece in self.texts:
            for warning in piece.warnings:
                self.warn(cell, warning)
            texts = [self.truncated(cell, code["text"]) for code in piece.codes]
            arrays = {  # used in the piece's Typst
                "codes": [f"({typst_code(text, code['language'])})"
                          for text, code in zip(texts, piece.codes)],
                "images": [self._image(cell, source, number not in piece.missing_alt)
                           for number, source in enumerate(piece.images)],
            }  # fmt: skip
            lets = [f"#let {name} = {typst_array(items)}\n"
                    for name, items in arrays.items() if items]  # fmt: skip
            piece.typst = "".join(lets) + piece.typst.strip()
        for cell in nb.cells:
            cell.blocks = [self._without_void(cell, block) for block in cell.blocks]

    def warn(self, cell: NotebookNode, what: str) -> None:
        """Name something that is not shown as it was meant."""
        self.warnings.append(f"{cell.where}: {what}")

    def truncated(self, cell: NotebookNode, text: str) -> str:
        """Return the text within the limits of plaintext.py."""
        text, cut = truncate(text)
        if cut:
            self.warn(cell, f"{cut} left out: print less")
        return text

    def load(self, cell: NotebookNode, source: str) -> bytes:
        """Return a picture that a text in a cell refers to, or raise ValueError."""
        folder = cell.metadata.get("folder", self.resources["metadata"].get("path", ""))
        roots = [Path(root).resolve() for root in self.exporter.picture_folders]
        return load_image(source, Path(folder), cell.get("attachments", {}), roots)

    def _printed(self, cell: NotebookNode, kind: str, text: str) -> Block:
        return Block(kind, self.truncated(cell, self.as_printed(text)))

    def _blocks(self, cell: NotebookNode) -> Iterator[Block]:
        kind, asked = cell.cell_type, self.exporter
        if getattr(asked, f"exclude_{'code_cell' if kind == 'code' else kind}"):
            return
        if kind == "markdown":
            yield self.markup(cell, cell.source, "text/markdown")
        elif kind == "raw":
            yield from self._raw(cell)
        else:
            hides = cell.metadata.get("jupyter", {}) if asked.exclude_hidden else {}
            removed = cell.metadata.get("transient", {}).get("remove_source")
            hidden = removed or asked.exclude_input or hides.get("source_hidden")
            if cell.source.strip() and not hidden:
                yield Block("code", self.truncated(cell, cell.source.rstrip()))
            if not (asked.exclude_output or hides.get("outputs_hidden")):
                yield from self._outputs(cell)

    def markup(
        self, cell: NotebookNode, text: str, mimetype: str, plain="", heading_shift=0
    ) -> Block:
        """Return a block for some markup; `plain` is shown if that gives nothing."""
        if len(text) > self.max_markup:
            self.warn(cell, f"{len(text):,} characters of {mimetype}: too many to set")
            return Block("output", truncate(text)[0])
        piece = Piece(text, mimetype, cell.where, heading_shift)
        block = Block("text", plain, piece)
        self.texts.append((cell, block, piece))
        return block

    def _raw(self, cell: NotebookNode) -> Iterator[Block]:
        """Yield what is for this document, or is for no format at all."""
        kind = cell.metadata.get("raw_mimetype") or cell.metadata.get("format") or ""
        if not cell.source.strip():
            return
        if kind not in self.exporter.raw_mimetypes:
            self.warn(cell, f"a raw cell for {kind} is left out")
        elif kind == TYPST:
            yield Block("typst", cell.source)
        elif kind in READERS:
            yield self.markup(cell, cell.source, kind)
        else:
            yield self._printed(cell, "output", cell.source)

    def _outputs(self, cell: NotebookNode) -> Iterator[Block]:
        before = label = None
        for output in cell.outputs:
            about = output.get("metadata", {})
            if about.get("role") == "screen" and self.on_paper:
                continue
            block = self._output(cell, output)
            if before and about.get("role") == "caption" and block.piece:
                # A caption all in italics, meant for the screen, is set upright.
                italics = r"\A\s*([*_])([^*_]+)\1\s*\Z"
                block.piece.text = re.sub(italics, r"\2", block.piece.text)
                before.caption, before.label = block, self._label(cell, label)
                before = None
                continue
            label = about.get("label")
            before = block if block.kind in ("figure", "text") else None
            if block.kind != "output" or block.text.strip():
                yield block

    def _label(self, cell: NotebookNode, label: str | None) -> str | None:
        """Return the label of a figure or table; warn if another one has the same."""
        if label in self.labels:
            self.warn(cell, f"the label {label!r} is that of {self.labels[label]}")
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
        data, mimetype = output.data, self._mimetype(output.data)
        plain = self._printed(cell, "", data.get("text/plain", "")).text
        if output.metadata.get("role") == "widget":
            return self.widget(cell, output, plain)
        if mimetype in IMAGES:
            return self._figure(cell, output, mimetype, data[mimetype], plain)
        if mimetype == "text/html":
            return self.html(cell, output, plain)
        if mimetype in READERS:
            # A heading in an output does not begin a section.
            return self.markup(cell, data[mimetype], mimetype, plain, heading_shift=2)
        if MERMAID in data and mimetype in (None, "text/plain"):  # as in a fence
            fence = f"~~~~~~mermaid\n{data[MERMAID]}\n~~~~~~"
            return self.markup(cell, fence, "text/markdown")
        return self._as_words(cell, data, plain)

    def widget(self, cell: NotebookNode, output: NotebookNode, plain: str) -> Block:
        """Return a block for an output with the role of a widget."""
        return Block("widget", _sentence(plain))

    def html(self, cell: NotebookNode, output: NotebookNode, plain: str) -> Block:
        """Return a block for an output in HTML."""
        text = output.data["text/html"]
        if frame := _FRAME.search(text.replace("\\\n", "")):
            self.warn(cell, "of an animation, only the first frame is shown")
            return self._figure(cell, output, "image/png", frame[1], plain)
        if not _UNSEEN.sub("", text).strip():
            if _SCRIPT.search(text) and not re.fullmatch(_HELPER, plain):
                return self._not_shown(cell, one_line(plain, 60), plain)
            return Block("output")
        text = _SCRIPT.sub("", text)  # it can have millions of characters
        unfolds = re.search(_UNFOLDS, text)
        if unfolds and plain and not re.fullmatch("<.*>", plain, re.DOTALL):
            # The HTML of scikit-learn and xarray holds the same words.
            return Block("output", plain)
        return self.markup(cell, text, "text/html", plain or WORDLESS, heading_shift=2)

    def _as_words(self, cell: NotebookNode, data: NotebookNode, plain: str) -> Block:
        """Return the plain text of an output that cannot be shown otherwise."""
        kinds = [kind for kind in data if not kind.startswith("text/")]
        if kinds and (not plain or OBJECT.fullmatch(plain)):
            if kinds == ["application/javascript"]:  # which shows nothing by itself
                return Block("output")
            return self._not_shown(
                cell, "a widget" if WIDGET in data else kinds[0], plain)
        if WIDGET in data:
            return Block("widget", _sentence(plain))
        return Block("output", plain or WORDLESS)

    def _not_shown(self, cell: NotebookNode, what: str, plain: str) -> Block:
        self.warn(cell, f"{what} is not shown: give the output a picture as well")
        return Block("widget", _sentence(plain))

    def _mimetype(self, data: NotebookNode) -> str | None:
        """Return the format in which an output is shown: the first that is known."""
        shown = IMAGES if WIDGET in data else SHOWN
        known = [m for m in self.display_data_priority if m in data and m in shown]
        if "text/latex" in known[:1] and not _FORMULA.match(data["text/latex"]):
            known = [m for m in known[1:] if m != "text/plain"] or known
        return next(iter(known), None)

    def _figure(
        self, cell: NotebookNode, output: NotebookNode, mimetype: str, content: str,
        plain: str,
    ) -> Block:
        block = Block("figure", alt=alt_of(output, cell))
        png = output.data.get("image/png", "")
        try:
            block.picture = self.picture(cell, decode_image(content), png)
        except ValueError as error:
            self.warn(cell, f"a picture cannot be shown: {error}")
            block.text = plain
        for side in ("width", "height"):
            length = str(output.metadata.get(mimetype, {}).get(side))
            if re.fullmatch(r"\d+(\.\d+)?", length):
                block.size[side] = float(length)
        if block.alt is None:
            self.warn(cell, NO_ALT)
        return block

    def picture(self, cell: NotebookNode, content: bytes, png: str = "") -> str:
        """Return what Typst's function takes for a picture, and write its file."""
        content, ending, pixels = detect_format(content)
        if b"<foreignObject" in content:
            self.warn(cell, "an SVG picture with HTML in it, which is not shown")
        folder = Path(self.resources.get("output_files_dir") or "")
        file = folder / f"image_{len(self.resources['outputs'])}{ending}"
        self.resources["outputs"][str(file)] = content
        name = Path(folder.name, file.name).as_posix()  # next to the Typst source
        if png and ending == ".svg":
            self.resources["rasters"][name] = decode_image(png)
        width = f"{pixels * 0.75:g}pt" if pixels else "auto"
        return f"(path: {typst_string(name)}, width: {width})"

    def _image(self, cell: NotebookNode, source: str, has_alt: bool) -> str:
        """Return a picture in a text as the argument of Typst's function."""
        try:
            picture = self.picture(cell, self.load(cell, source))
        except ValueError as error:
            address = source if len(source) < 300 else source[:300] + " …"
            self.warn(cell, f"the image {address}: {error}")
            return typst_string(address)
        if not has_alt:
            self.warn(cell, NO_ALT)
        return picture

    def _without_void(self, cell: NotebookNode, block: Block) -> Block:
        """Return the block, or its plain text if its markup gave nothing."""
        if block.piece is None or block.piece.typst or not block.text:
            return block
        if OBJECT.fullmatch(block.text):
            return self._not_shown(cell, one_line(block.text, 60), block.text)
        return Block("output", block.text)


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
        plain = "an interactive widget, which is not shown here."
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
