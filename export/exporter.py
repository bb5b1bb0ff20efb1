"""Two nbconvert exporters: a notebook as Typst source, and as the PDF made of it."""

import base64
import functools
import io
import itertools
import mimetypes
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import typst
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from pypdf import PdfReader
from traitlets import default
from traitlets.config import Config

from export import ExportError
from export.colours import coloured
from export.execute import WIDGET
from export.markup import READERS, Piece, convert
from export.pages import Mark, marks, missing

IMAGES = ("application/pdf", "image/svg+xml", "image/png", "image/jpeg")


_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t"}


def typst_string(text: str) -> str:
    """`text` as a string literal in Typst's code."""
    return '"' + re.sub(r'[\\"\n\t]', lambda match: _ESCAPES[match[0]], text) + '"'


_LINE_BREAKS = re.compile(r"[\r\v\f\x85\u2028\u2029]")


@functools.cache  # what is shown in a question is in the appendix, too
def typst_code(source: str, language: str = "ipython3") -> str:
    """Code as two arguments in Typst: a string, and the coloured runs of its lines."""
    source = source.expandtabs(4)  # in the runs, Typst takes a tab for a space,
    source = _LINE_BREAKS.sub(" ", source)  # and these for the end of a line
    lines = [
        "".join(f"{typst_string(style)},{typst_string(text)}," for style, text in runs)
        for runs in coloured(source, language)
    ]
    return f"{typst_string(source)}, ({''.join(f'({line}),' for line in lines)})"


def printable(text: str) -> str:
    """Output as it is printed: no colours or links, control characters as escapes."""
    text = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", text)
    text = strip_ansi(text).replace("\r\n", "\n").rstrip("\n")
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text
    )


class Typeset(Preprocessor):
    """Give each cell `blocks`, what the template writes down for it, in order.

    A block has a `kind`: `markup` (with `typst`), `graph` (`file`, `alt`, `caption`) or
    one of `code`, `printout`, `stderr`, `error`, `widget` (with `text`). Code that
    `leads` to an output stays on the page of that.
    """

    def preprocess(self, nb: NotebookNode, resources: dict):
        """Called by nbconvert."""
        self.pieces: list[Piece] = []
        for index, cell in enumerate(nb.cells, 1):
            self.cell, self.where = cell, cell.metadata.get("where", f"cell {index}")
            cell.blocks = list(self._blocks(cell))
        _lead(nb.cells)
        convert(self.pieces)
        resources["titles"] = [title for piece in self.pieces for title in piece.titles]
        for piece in self.pieces:
            _place_images(piece, resources)
            _place_codes(piece)
        for cell in nb.cells:
            cell.blocks = [_resolved(block) for block in cell.blocks]
        return nb, resources

    def _piece(self, text: str, mimetype: str, lower: int = 0) -> Piece:
        self.pieces.append(Piece(text, mimetype, self.where, self.cell, lower))
        return self.pieces[-1]

    def _blocks(self, cell: NotebookNode) -> Iterator[dict]:
        if cell.cell_type == "markdown":
            yield {"kind": "markup", "typst": self._piece(cell.source, "text/markdown")}
        elif cell.cell_type == "raw":
            yield from self._raw(cell)
        else:
            hidden = cell.metadata.get("transient", {}).get("remove_source")
            if cell.source.strip() and not hidden:
                yield {"kind": "code", "text": cell.source.rstrip()}
            yield from self._outputs(cell)

    def _raw(self, cell: NotebookNode) -> Iterator[dict]:
        """What is meant for Typst, or for no format in particular."""
        kind = cell.metadata.get("raw_mimetype") or cell.metadata.get("format") or ""
        if kind == TypstExporter.output_mimetype:
            yield {"kind": "markup", "typst": cell.source}
        elif kind == "" and cell.source.strip():
            yield {"kind": "printout", "text": printable(cell.source)}

    def _outputs(self, cell: NotebookNode) -> Iterator[dict]:
        graph = None
        for output in cell.outputs:
            block = self._output(output)
            if graph and output.get("metadata", {}).get("role") == "caption":
                graph["caption"] = block["typst"]
                # A caption all in italics, as for the screen, is set upright.
                graph["caption"].text = re.sub(
                    r"\A\s*([*_])([^*_]+)\1\s*\Z", r"\2", graph["caption"].text
                )
                continue
            graph = block if block["kind"] == "graph" else None
            if block["kind"] != "printout" or block["text"].strip():
                yield block

    def _output(self, output: NotebookNode) -> dict:
        if output.output_type == "stream":
            kind = "stderr" if output.name == "stderr" else "printout"
            return {"kind": kind, "text": printable(output.text)}
        if output.output_type == "error":
            return {"kind": "error", "text": printable("\n".join(output.traceback))}
        data = output.data
        plain = printable(data.get("text/plain", ""))
        if WIDGET in data or output.metadata.get("role") == "widget":
            if not plain or re.fullmatch(r"\w+\(.*\)", plain, re.DOTALL):
                plain = "an interactive widget, for which paper has no room."
            where, said = "In the notebook", plain.removeprefix("Here ")
            where += ": " if said == plain else ", "
            return {"kind": "widget", "text": where + said}
        for mimetype in IMAGES:
            if mimetype in data:
                return {
                    "kind": "graph",
                    "file": output.metadata["filenames"][mimetype],
                    "alt": output.metadata.get("image/png", {}).get("alt"),
                }
        kinds = ", ".join(data) or "without data"
        plain = plain or f"[an output that paper cannot show: {kinds}]"
        for mimetype in READERS:
            if mimetype in data:
                # A heading in an output begins no question.
                typst = self._piece(data[mimetype], mimetype, lower=2)
                return {"kind": "markup", "typst": typst, "text": plain}
        return {"kind": "printout", "text": plain}


def _lead(cells: list[NotebookNode]) -> None:
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


def _resolved(block: dict) -> dict:
    """A block with the Typst of its pieces; as plain text if nothing came of them."""
    for name in ("typst", "caption"):
        if isinstance(block.get(name), Piece):
            block[name] = block[name].typst.strip()
    if block["kind"] == "markup" and not block["typst"] and block.get("text"):
        block["kind"] = "printout"
    return block


def _place_codes(piece: Piece) -> None:
    """Write the blocks of code in some Markdown as Typst has them."""
    for number, code in enumerate(piece.codes, 1):
        arguments = typst_code(code["text"], code["language"])
        piece.typst = piece.typst.replace(f"(code:{number})", f"({arguments})")


def _place_images(piece: Piece, resources: dict) -> None:
    """Put the images of some Markdown among the document's files."""
    for number, source in enumerate(piece.images, 1):
        content, extension = _image(source, piece, resources)
        name = f"image_{len(resources['outputs'])}{extension}"
        if folder := resources.get("output_files_dir"):
            name = f"{folder}/{name}"
        resources["outputs"][name] = content
        piece.typst = piece.typst.replace(f'"image:{number}"', typst_string(name))


def _image(source: str, piece: Piece, resources: dict) -> tuple[bytes, str]:
    """The bytes of an image, and the ending of a file that holds them."""
    encoded = re.match(r"data:([^;,]+);base64,(.*)", source, re.DOTALL)
    if encoded:
        bundle = {encoded[1]: encoded[2]}
    else:
        name = unquote(source.removeprefix("attachment:"))
        bundle = piece.cell.get("attachments", {}).get(name, {})
    for mimetype, content in bundle.items():
        return base64.b64decode(content), mimetypes.guess_extension(mimetype) or ""
    folder = resources["metadata"].get("path", "")
    path = Path(piece.cell.metadata.get("folder", folder), unquote(source))
    try:
        return path.read_bytes(), path.suffix
    except (OSError, ValueError):
        raise ExportError(f"{piece.where}: there is no image {source}") from None


class TypstExporter(TemplateExporter):
    """A notebook as Typst source, with its pictures beside it."""

    export_from_notebook = "Typst"
    output_mimetype = "text/x-typst"
    preprocessors = [Typeset]  # noqa: RUF012 (a trait's default)

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".typ"

    @default("template_extension")
    def _template_extension_default(self) -> str:
        return ".typ.j2"

    @default("template_name")
    def _template_name_default(self) -> str:
        return "typst"

    @default("extra_template_basedirs")
    def _extra_template_basedirs_default(self) -> list[str]:
        return [str(Path(__file__).with_name("templates"))]

    @property
    def default_config(self) -> Config:
        """nbconvert's, with what a write-up needs turned on."""
        config = super().default_config.copy()
        config.merge(
            {
                "CoalesceStreamsPreprocessor": {"enabled": True},
                "ExtractOutputPreprocessor": {"enabled": True},
                "TagRemovePreprocessor": {
                    "enabled": True,
                    "remove_cell_tags": {"remove_cell", "remove-cell"},
                    "remove_input_tags": {"remove_input", "remove-input"},
                    "remove_all_outputs_tags": {"remove_output", "remove-output"},
                },
            }
        )
        return config

    def default_filters(self):
        """nbconvert's filters, and those that write values down in Typst."""
        yield from super().default_filters()
        yield "typst_string", typst_string
        yield "typst_code", typst_code


class TypstPDFExporter(TypstExporter):
    """A notebook as PDF, by way of Typst."""

    export_from_notebook = "PDF via Typst"

    def from_notebook_node(self, nb, resources=None, **kw):
        """Called by nbconvert: the PDF, and what is known of it."""
        source, resources = super().from_notebook_node(nb, resources, **kw)
        pdf, _ = compile_whole(source, resources["outputs"])
        resources["outputs"] = {}  # they are in the PDF now
        resources["output_extension"] = ".pdf"
        return pdf, resources


def compile_whole(
    source: str, files: dict[str, bytes]
) -> tuple[bytes, list[list[Mark]]]:
    """The PDF of a Typst document, and what stands on its pages.

    The system's fonts are asked only for a script that the built-in ones lack.
    """
    for system_fonts in (False, True):
        pdf = compile_typst(source, files, system_fonts=system_fonts)
        pages = [list(marks(page)) for page in PdfReader(io.BytesIO(pdf)).pages]
        gone = missing(itertools.chain(*pages), source)
        if not gone:
            return pdf, pages
    raise ExportError(f"no font on this computer has {gone}")


def compile_typst(
    source: str, files: dict[str, bytes], *, system_fonts: bool = False
) -> bytes:
    """The PDF of a Typst document; `files` are its pictures by path."""
    with tempfile.TemporaryDirectory(prefix="typst-") as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        main = Path(folder, "main.typ")
        main.write_text(source, encoding="utf-8")
        try:
            return typst.compile(
                str(main), root=folder, ignore_system_fonts=not system_fonts
            )
        except typst.TypstError as error:
            raise ExportError(f"typst: {getattr(error, 'diagnostic', error)}") from None

