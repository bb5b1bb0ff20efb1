"""Cells to blocks of Typst: what the template writes down for each cell, in order."""

import base64
import itertools
import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from export.errors import ExportError
from export.literals import typst_array, typst_code, typst_string
from export.markup import READERS, Piece, convert
from export.read import WIDGET

TYPST = "text/x-typst"
IMAGES = ("application/pdf", "image/svg+xml", "image/png", "image/jpeg")


def printable(text: str) -> str:
    """Output as it is printed: no colours or links, control characters as escapes."""
    text = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", text)
    text = strip_ansi(text).replace("\r\n", "\n").rstrip("\n")
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text
    )


class Typeset(Preprocessor):
    """Give each cell `blocks`, what the template writes down for it, in order.

    A block has a `kind`: `markup` (with `typst`), `graph` (`file`, `alt`) or one of
    `code`, `printout`, `stderr`, `error`, `widget` (with `text`). The first two can
    have a `caption` and a `label`. Code that `leads` to an output stays on the page of
    that.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict
    ) -> tuple[NotebookNode, dict]:
        """The notebook with `blocks`; the resources with pictures and `titles`.

        Raises ExportError if something cannot be typeset or found.
        """
        self.pieces: list[tuple[Piece, NotebookNode]] = []
        self.labels: dict[str, str] = {}  # and where they are
        for index, cell in enumerate(nb.cells, 1):
            self.cell, self.where = cell, cell.metadata.get("where", f"cell {index}")
            cell.blocks = list(self._blocks(cell))
        _keep_with_next(nb.cells)
        convert([piece for piece, _ in self.pieces], list(self.labels))
        resources["titles"] = [t for piece, _ in self.pieces for t in piece.titles]
        for piece, cell in self.pieces:
            piece.typst = _definitions(piece, cell, resources) + piece.typst.strip()
        for cell in nb.cells:
            cell.blocks = [_resolved(block) for block in cell.blocks]
        return nb, resources

    def _piece(self, text: str, mimetype: str, lower: int = 0) -> Piece:
        piece = Piece(text, mimetype, self.where, lower)
        self.pieces.append((piece, self.cell))
        return piece

    def _blocks(self, cell: NotebookNode) -> Iterator[dict]:
        if cell.cell_type == "markdown":
            yield {"kind": "markup", "typst": self._piece(cell.source, "text/markdown")}
        elif cell.cell_type == "raw":
            yield from _raw(cell)
        else:
            hidden = cell.metadata.get("transient", {}).get("remove_source")
            if cell.source.strip() and not hidden:
                yield {"kind": "code", "text": cell.source.rstrip()}
            yield from self._outputs(cell)

    def _outputs(self, cell: NotebookNode) -> Iterator[dict]:
        before = label = None
        for output in cell.outputs:
            role = output.get("metadata", {}).get("role")
            if role in ("anchor", "view"):  # for the screen: a link's aim, a widget
                continue
            block = self._output(output)
            if before and role == "caption":
                before["caption"] = block["typst"]
                # A caption all in italics, as for the screen, is set upright.
                before["caption"].text = re.sub(
                    r"\A\s*([*_])([^*_]+)\1\s*\Z", r"\2", before["caption"].text
                )
                before["label"] = self._label(label)
                continue
            label = output.get("metadata", {}).get("label")
            before = block if block["kind"] in ("graph", "markup") else None
            if block["kind"] != "printout" or block["text"].strip():
                yield block

    def _label(self, label: str | None) -> str | None:
        """What a link calls a figure or table; two cannot have the same."""
        if label in self.labels:
            other = self.labels[label]
            raise ExportError(f"{self.where}: the label {label!r} is that of {other}")
        if label:
            self.labels[label] = self.where
        return label

    def _output(self, output: NotebookNode) -> dict:
        if output.output_type == "stream":
            kind = "stderr" if output.name == "stderr" else "printout"
            return {"kind": kind, "text": printable(output.text)}
        if output.output_type == "error":
            return {"kind": "error", "text": printable("\n".join(output.traceback))}
        data = output.data
        plain = printable(data.get("text/plain", ""))
        if WIDGET in data or output.metadata.get("role") == "widget":
            return {"kind": "widget", "text": _sentence(plain)}
        if mimetype := _first(IMAGES, data):
            file = output.metadata["filenames"][mimetype]
            alt = output.metadata.get("image/png", {}).get("alt")
            return {"kind": "graph", "file": file, "alt": alt}
        kinds = ", ".join(data) or "without data"
        plain = plain or f"[an output that paper cannot show: {kinds}]"
        if mimetype := _first(READERS, data):
            # A heading in an output begins no question.
            typst = self._piece(data[mimetype], mimetype, lower=2)
            return {"kind": "markup", "typst": typst, "text": plain}
        return {"kind": "printout", "text": plain}


def _first(mimetypes, data: dict) -> str | None:
    return next((mimetype for mimetype in mimetypes if mimetype in data), None)


def _raw(cell: NotebookNode) -> Iterator[dict]:
    """What is meant for Typst, or for no format in particular."""
    kind = cell.metadata.get("raw_mimetype") or cell.metadata.get("format") or ""
    if kind == TYPST:
        yield {"kind": "markup", "typst": cell.source}
    elif kind == "" and cell.source.strip():
        yield {"kind": "printout", "text": printable(cell.source)}


def _sentence(plain: str) -> str:
    """What stands for a widget: where it is, and its own words if it has any."""
    if not plain or re.fullmatch(r"\w+\(.*\)", plain, re.DOTALL):
        plain = "an interactive widget, for which paper has no room."
    if plain.startswith("Here "):
        return "In the notebook, " + plain.removeprefix("Here ")
    return "In the notebook: " + plain


def _keep_with_next(cells: list[NotebookNode]) -> None:
    """Mark the text and the code that must be on the page of what comes next."""
    blocks = [(cell, block) for cell in cells for block in cell.blocks]
    for (cell, block), (next_cell, following) in itertools.pairwise(blocks):
        if next_cell.cell_type != "code":
            continue
        # A figure of another cell has a number, by which it is found overleaf, too.
        near = following["kind"] != "graph" or cell is next_cell
        if cell.cell_type == "markdown":
            block["typst"].leads = near
        elif block["kind"] == "code" and following["kind"] != "code":
            short = block["text"].count("\n") < 12  # more would leave too large a gap
            block["leads"] = cell is next_cell or (near and short)


def _definitions(piece: Piece, cell: NotebookNode, resources: dict) -> str:
    """The arrays that the Typst of a piece speaks of; its images become files."""
    definitions = ""
    if piece.codes:
        codes = [
            f"({typst_code(code['text'], code['language'])})" for code in piece.codes
        ]
        definitions += f"#let codes = {typst_array(codes)}\n"
    if piece.images:
        files = []
        for source in piece.images:
            content, extension = _image(source, piece.where, cell, resources)
            name = f"image_{len(resources['outputs'])}{extension}"
            if folder := resources.get("output_files_dir"):
                name = f"{folder}/{name}"
            resources["outputs"][name] = content
            files.append(typst_string(name))
        definitions += f"#let images = {typst_array(files)}\n"
    return definitions


def _image(
    source: str, where: str, cell: NotebookNode, resources: dict
) -> tuple[bytes, str]:
    """The bytes of an image, and the ending of a file that holds them."""
    encoded = re.match(r"data:([^;,]+);base64,(.*)", source, re.DOTALL)
    if encoded:
        bundle = {encoded[1]: encoded[2]}
    else:
        name = unquote(source.removeprefix("attachment:"))
        bundle = cell.get("attachments", {}).get(name, {})
    for mimetype, content in bundle.items():
        return base64.b64decode(content), mimetypes.guess_extension(mimetype) or ""
    folder = resources["metadata"].get("path", "")
    path = Path(cell.metadata.get("folder", folder), unquote(source))
    try:
        return path.read_bytes(), path.suffix
    except (OSError, ValueError):
        raise ExportError(f"{where}: there is no image {source}") from None


def _resolved(block: dict) -> dict:
    """A block with the Typst of its pieces; as plain text if nothing came of them."""
    for name in ("typst", "caption"):
        if isinstance(block.get(name), Piece):
            block[name] = block[name].typst
    if block["kind"] == "markup" and not block["typst"] and block.get("text"):
        block["kind"] = "printout"
    return block
