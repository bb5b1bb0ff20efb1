"""Two nbconvert exporters: a notebook as Typst source, and as the PDF made of it."""

import base64
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
from traitlets import default
from traitlets.config import Config

from export import ExportError
from export.colours import coloured
from export.execute import WIDGET
from export.markup import READERS, Piece, convert

IMAGES = ("application/pdf", "image/svg+xml", "image/png", "image/jpeg")


_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t"}


def typst_string(text: str) -> str:
    """`text` as a string literal in Typst's code."""
    return '"' + re.sub(r'[\\"\n\t]', lambda match: _ESCAPES[match[0]], text) + '"'


def typst_code(source: str, language: str = "ipython3") -> str:
    """Code as two arguments in Typst: a string, and the coloured runs of its lines."""
    lines = [
        "".join(f"{typst_string(style)},{typst_string(text)}," for style, text in runs)
        for runs in coloured(source, language)
    ]
    return f"{typst_string(source)}, ({''.join(f'({line}),' for line in lines)})"


def printable(text: str) -> str:
    """Output as it is printed: no colours, and control characters as escapes."""
    text = strip_ansi(text).replace("\r\n", "\n").rstrip("\n")
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text
    )


class Typeset(Preprocessor):
    """Give each cell `blocks`, what the template writes down for it, in order.

    A block has a `kind`: `markup` (with `typst`), `graph` (`file`, `alt`, `caption`) or
    one of `code`, `printout`, `stderr`, `error`, `widget` (with `text`).
    """

    def preprocess(self, nb: NotebookNode, resources: dict):
        pieces: list[Piece] = []
        used: set[str] = set()
        for index, cell in enumerate(nb.cells):
            where = cell.metadata.get("where", f"cell {index + 1}")
            cell.blocks = list(self._blocks(cell, where, pieces))
        convert(pieces)
        resources["titles"] = [title for piece in pieces for title in piece.titles]
        for piece in pieces:
            self._place_images(piece, resources)
            for number, code in enumerate(piece.codes, 1):
                coloured = typst_code(code["text"], code["language"])
                piece.typst = piece.typst.replace(f"(code:{number})", f"({coloured})")
        for cell in nb.cells:
            for block in cell.blocks:
                for name in ("typst", "caption"):
                    if isinstance(block.get(name), Piece):
                        block[name] = block[name].typst
        return nb, resources

    def _blocks(self, cell, where: str, pieces: list[Piece]) -> Iterator[dict]:
        def piece(text: str, mimetype: str) -> Piece:
            pieces.append(Piece(text, mimetype, where, cell))
            return pieces[-1]

        if cell.cell_type == "markdown":
            yield {"kind": "markup", "typst": piece(cell.source, "text/markdown")}
        if cell.cell_type != "code":
            return
        if cell.source.strip() and not cell.metadata.get("transient", {}).get("remove_source"):
            yield {"kind": "code", "text": cell.source.rstrip()}
        graph = None
        for output in cell.outputs:
            block = self._block(output, piece)
            if graph and output.get("metadata", {}).get("role") == "caption":
                graph["caption"] = block["typst"]
                # A caption all in italics, as for the screen, is set upright.
                graph["caption"].text = re.sub(
                    r"\A\s*([*_])([^*_]+)\1\s*\Z", r"\2", graph["caption"].text
                )
                graph = None
                continue
            graph = block if block["kind"] == "graph" else None
            yield block

    def _block(self, output: NotebookNode, piece) -> dict:
        if output.output_type == "stream":
            kind = "stderr" if output.name == "stderr" else "printout"
            return {"kind": kind, "text": printable(output.text)}
        if output.output_type == "error":
            return {"kind": "error", "text": printable("\n".join(output.traceback))}
        data = output.data
        if WIDGET in data or output.metadata.get("role") == "widget":
            sentence = data.get("text/plain", "").strip()
            if not sentence or re.match(r"\w+\(.*\)$", sentence, re.DOTALL):
                sentence = "an interactive widget, for which paper has no room."
            return {"kind": "widget", "text": sentence}
        for mimetype in IMAGES:
            if mimetype in data:
                return {
                    "kind": "graph",
                    "file": output.metadata["filenames"][mimetype],
                    "alt": output.metadata.get("image/png", {}).get("alt"),
                }
        for mimetype in READERS:
            if mimetype in data:
                return {"kind": "markup", "typst": piece(data[mimetype], mimetype)}
        if "text/plain" in data:
            return {"kind": "printout", "text": printable(data["text/plain"])}
        kinds = ", ".join(data) or "no data"
        return {"kind": "printout", "text": f"[an output that paper cannot show: {kinds}]"}

    def _place_images(self, piece: Piece, resources: dict) -> None:
        """Put the images of some Markdown among the document's files."""
        for number, source in enumerate(piece.images, 1):
            content, extension = self._image(source, piece, resources)
            name = f"image_{len(resources['outputs'])}{extension}"
            if folder := resources.get("output_files_dir"):
                name = f"{folder}/{name}"
            resources["outputs"][name] = content
            piece.typst = piece.typst.replace(
                f'"image:{number}"', typst_string(name)
            )

    def _image(self, source: str, piece: Piece, resources: dict) -> tuple[bytes, str]:
        data = None
        if source.startswith("attachment:"):
            bundle = piece.cell.get("attachments", {}).get(unquote(source[11:]), {})
            data = next(((kind, text) for kind, text in bundle.items()), None)
        elif match := re.match(r"data:([^;,]+);base64,(.*)", source, re.DOTALL):
            data = match.groups()
        if data:
            return base64.b64decode(data[1]), mimetypes.guess_extension(data[0]) or ""
        folder = piece.cell.metadata.get("folder") or resources.get("metadata", {}).get("path")
        path = Path(folder or ".", unquote(source))
        try:
            return path.read_bytes(), path.suffix
        except (OSError, ValueError):
            raise ExportError(f"{piece.where}: no image {source!r}") from None


class TypstExporter(TemplateExporter):
    """A notebook as Typst source, with its pictures beside it."""

    export_from_notebook = "Typst"
    output_mimetype = "text/x-typst"
    preprocessors = [Typeset]

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
        tags = {
            f"remove_{trait}_tags": {f"remove_{tag}", f"remove-{tag}"}
            for trait, tag in [
                ("cell", "cell"), ("input", "input"), ("all_outputs", "output")
            ]
        }
        config = Config(
            {
                "CoalesceStreamsPreprocessor": {"enabled": True},
                "ExtractOutputPreprocessor": {"enabled": True},
                "TagRemovePreprocessor": {"enabled": True, **tags},
            }
        )
        return _merged(super().default_config, config)

    def default_filters(self):
        yield from super().default_filters()
        yield "typst_string", typst_string
        yield "typst_code", typst_code

    def from_notebook_node(self, nb, resources=None, **kw):
        resources = self._init_resources(resources)
        resources.setdefault("title", resources["metadata"].get("name", ""))
        return super().from_notebook_node(nb, resources, **kw)


class TypstPDFExporter(TypstExporter):
    """A notebook as PDF, by way of Typst."""

    export_from_notebook = "PDF via Typst"

    def from_notebook_node(self, nb, resources=None, **kw):
        source, resources = super().from_notebook_node(nb, resources, **kw)
        pdf = compile_typst(source, resources["outputs"])
        resources["outputs"] = {}  # they are in the PDF now
        resources["output_extension"] = ".pdf"
        return pdf, resources


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
            return typst.compile(main, root=folder, ignore_system_fonts=not system_fonts)
        except typst.TypstError as error:
            raise ExportError(f"typst: {getattr(error, 'diagnostic', error)}") from None


def _merged(config: Config, more: Config) -> Config:
    config = config.copy()
    config.merge(more)
    return config
