"""Cells to blocks of Typst: what the template writes down for each cell, in order."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from export.errors import bounded, one_line
from export.literals import typst_array, typst_code, typst_string
from export.markup import READERS, Piece, convert
from export.pictures import decoded, found, identified
from export.widgets import WIDGET

TYPST = "text/x-typst"
RAW = (TYPST, *READERS)  # what a raw cell may hold
IMAGES = (
    "image/svg+xml", "application/pdf", "image/png", "image/jpeg", "image/gif",
    "image/webp", "image/bmp",
)  # fmt: skip
SHOWN = (  # of an output, the first that it has
    "text/latex", *IMAGES, "text/markdown", "text/html", "text/plain",
)  # fmt: skip
_OBJECT = r"[\w.]+\(.*[)…]|<.*>|\[an .*\]"  # words that say nothing to a reader
_UNSEEN = r"(?s)<style\b.*?</style>|<link\b[^>]*>|<!--.*?-->"  # of HTML
_UNFOLDS = r"\bclass=['\"][\w-]+-text-repr-fallback\b"
NO_DESCRIPTION = "a picture has no description for those who cannot see it: give it alt"
LONGEST_MARKUP = 2_000_000  # characters; Pandoc takes 10 s for so many


def printable(text: str) -> str:
    """Output as a terminal shows it in the end, without colours and links.

    What follows a carriage return is written over the line, a backspace goes back one
    character; other control characters are shown as escapes.
    """
    text = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", text)
    text = strip_ansi(text).replace("\r\n", "\n").rstrip("\n")
    if "\r" in text or "\b" in text:
        text = "\n".join(map(_overwritten, text.split("\n")))
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text
    )


def _overwritten(line: str) -> str:
    shown, at = "", 0
    for step in re.findall(r"[^\r\x08]+|[\r\x08]", line):
        if step in "\r\b":
            at = max(at - 1, 0) if step == "\b" else 0
        else:
            shown = shown[:at] + step + shown[at + len(step) :]
            at += len(step)
    return shown


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

        What cannot be shown leaves a placeholder, and a line in `warnings`.
        """
        self.pieces: list[tuple[Piece, NotebookNode]] = []
        self.labels: dict[str, str] = {}  # and where they are
        self.resources = resources
        self.exporter: Any = self.parent
        resources["outputs"] = resources.get("outputs") or {}  # the files, by name
        self.warnings: list[str] = resources.setdefault("warnings", [])
        name = resources["metadata"]["name"]
        for index, cell in enumerate(nb.cells, 1):
            cell.where = cell.metadata.get("where", f"{name}, cell {index}")
            cell.where = one_line(cell.where)
        self.warnings += _stale(cell for cell in nb.cells if cell.cell_type == "code")
        for cell in nb.cells:
            self.cell = cell
            cell.blocks = list(self._blocks(cell))
        _keep_with_next(nb.cells)
        convert([piece for piece, _ in self.pieces], list(self.labels))
        resources["titles"] = [t for piece, _ in self.pieces for t in piece.titles]
        for piece, cell in self.pieces:
            self.cell = cell
            for warning in piece.warnings:
                self._warn(warning)
            piece.typst = self._definitions(piece) + piece.typst.strip()
        for cell in nb.cells:
            self.cell = cell
            cell.blocks = [self._resolved(block) for block in cell.blocks]
        return nb, resources

    def _warn(self, what: str) -> None:
        self.warnings.append(f"{self.cell.where}: {what}")

    def _bounded(self, text: str) -> str:
        """The text, cut if it is endless."""
        text, cut = bounded(text)
        if cut:
            self._warn(f"{cut} left out: print less")
        return text

    def _blocks(self, cell: NotebookNode) -> Iterator[dict]:
        kind = cell.cell_type
        if getattr(self.exporter, f"exclude_{'code_cell' if kind == 'code' else kind}"):
            return
        if kind == "markdown":
            yield self._marked_up(cell.source, "text/markdown")
        elif kind == "raw":
            yield from self._raw(cell)
        else:
            hidden = cell.metadata.get("transient", {}).get("remove_source")
            if cell.source.strip() and not (hidden or self._left_out("source")):
                yield {"kind": "code", "text": self._bounded(cell.source.rstrip())}
            if not self._left_out("outputs"):
                yield from self._outputs(cell)

    def _left_out(self, part: str) -> bool:
        """Whether nbconvert's options leave out the code, or the outputs."""
        hidden = self.cell.metadata.get("jupyter", {}).get(f"{part}_hidden")
        asked = {"source": "exclude_input", "outputs": "exclude_output"}[part]
        hidden = hidden and self.exporter.exclude_hidden
        return hidden or getattr(self.exporter, asked)

    def _marked_up(self, text: str, mimetype: str, lower: int = 0) -> dict:
        if len(text) > LONGEST_MARKUP:
            self._warn(f"{len(text):,} characters of {mimetype}, too many to be set")
            return {"kind": "printout", "text": bounded(text)[0]}
        piece = Piece(text, mimetype, self.cell.where, lower)
        self.pieces.append((piece, self.cell))
        return {"kind": "markup", "typst": piece}

    def _raw(self, cell: NotebookNode) -> Iterator[dict]:
        """What is meant for Typst or can become it, or for no format in particular."""
        kind = cell.metadata.get("raw_mimetype") or cell.metadata.get("format") or ""
        if not cell.source.strip():
            return
        if kind not in self.exporter.raw_mimetypes:
            self._warn(f"a raw cell for {kind} is left out")
        elif kind == TYPST:
            yield {"kind": "markup", "typst": cell.source}
        elif kind in READERS:
            yield self._marked_up(cell.source, kind)
        else:
            yield {"kind": "printout", "text": self._bounded(printable(cell.source))}

    def _outputs(self, cell: NotebookNode) -> Iterator[dict]:
        before = label = None
        for output in cell.outputs:
            role = output.get("metadata", {}).get("role")
            if role in ("anchor", "view"):  # for the screen: a link's aim, a widget
                continue
            block = self._output(output)
            if before and role == "caption" and block["kind"] == "markup":
                before["caption"] = block["typst"]
                # A caption all in italics, as for the screen, is set upright.
                before["caption"].text = re.sub(
                    r"\A\s*([*_])([^*_]+)\1\s*\Z", r"\2", before["caption"].text
                )
                before["label"] = self._label(label)
                before = None
                continue
            label = output.get("metadata", {}).get("label")
            before = block if block["kind"] in ("graph", "markup") else None
            if block["kind"] != "printout" or block["text"].strip():
                yield block

    def _label(self, label: str | None) -> str | None:
        """What a link calls a figure or table; two cannot have the same."""
        if label in self.labels:
            self._warn(f"the label {label!r} is that of {self.labels[label]}")
            return None
        if label:
            self.labels[label] = self.cell.where
        return label

    def _output(self, output: NotebookNode) -> dict:
        if output.output_type == "stream":
            kind = "stderr" if output.name == "stderr" else "printout"
            return {"kind": kind, "text": self._bounded(printable(output.text))}
        if output.output_type == "error":
            text = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
            return {"kind": "error", "text": self._bounded(printable(text))}
        data = output.data
        plain = self._bounded(printable(data.get("text/plain", "")))
        if WIDGET in data or output.metadata.get("role") == "widget":
            return {"kind": "widget", "text": _sentence(plain)}
        wanted = self.display_data_priority
        mimetype = next((m for m in wanted if m in data and m in SHOWN), None)
        if mimetype in IMAGES:
            return self._graph(output, mimetype, plain)
        plain = plain or "[an output without words]"
        if mimetype == "text/html" and not re.sub(_UNSEEN, "", data[mimetype]).strip():
            return {"kind": "printout", "text": ""}
        unfolds = mimetype == "text/html" and re.search(_UNFOLDS, data[mimetype])
        if unfolds and not re.fullmatch("<.*>", plain, re.DOTALL):
            # What scikit-learn and xarray make for a browser holds the same words.
            return {"kind": "printout", "text": plain}
        if mimetype in READERS:
            # A heading in an output begins no question.
            block = self._marked_up(data[mimetype], mimetype, lower=2)
            return block if block["kind"] == "printout" else block | {"text": plain}
        kinds = [m for m in data if not m.startswith("text/") and m not in IMAGES]
        if kinds:
            self._warn(f"{kinds[0]} is not shown: give the output a picture as well")
            return {"kind": "widget", "text": _sentence(plain)}
        return {"kind": "printout", "text": plain}

    def _graph(self, output: NotebookNode, mimetype: str, plain: str) -> dict:
        size = output.metadata.get(mimetype, {})
        alt = _alt(output, self.cell)
        try:
            picture = self._picture(decoded(output.data[mimetype]))
        except ValueError as error:
            self._warn(f"a picture cannot be shown: {error}")
            picture = f"(path: none, address: {typst_string(plain)})"
        lengths = [
            f", {side}: {float(size[side]) * 0.75:g}pt"
            for side in ("width", "height")
            if re.fullmatch(r"\d+(\.\d+)?", str(size.get(side)))
        ]
        if alt is None:
            self._warn(NO_DESCRIPTION)
        elif mimetype == "application/pdf":
            self._warn("a picture is in PDF, not in SVG, so that this is no PDF/UA")
        return {"kind": "graph", "file": picture + "".join(lengths), "alt": alt}

    def _picture(self, content: bytes) -> str:
        """A picture, kept as a file, as the first argument of Typst's function."""
        content, ending, pixels = identified(content)
        if b"<foreignObject" in content:
            self._warn("an SVG picture with HTML in it, which is not shown")
        name = f"image_{len(self.resources['outputs'])}{ending}"
        if folder := self.resources.get("output_files_dir"):
            name = f"{folder}/{name}"
        self.resources["outputs"][name] = content
        width = f"{pixels * 0.75:g}pt" if pixels else "auto"
        return f"(path: {typst_string(name)}, width: {width})"

    def _resolved(self, block: dict) -> dict:
        """A block with the Typst of its pieces; as plain text if nothing came of it."""
        for name in ("typst", "caption"):
            if isinstance(block.get(name), Piece):
                block[name] = block[name].typst
        if block["kind"] == "markup" and not block["typst"] and "text" in block:
            block["kind"] = "printout"
            if re.fullmatch(_OBJECT, block["text"], re.DOTALL):
                self._warn(f"{one_line(block['text'], 60)} needs a browser: not shown")
                block = {"kind": "widget", "text": _sentence(block["text"])}
        return block

    def _definitions(self, piece: Piece) -> str:
        """The arrays that the Typst of a piece speaks of; its images become files."""
        definitions = ""
        if piece.codes:
            codes = [
                f"({typst_code(self._bounded(code['text']), code['language'])})"
                for code in piece.codes
            ]
            definitions += f"#let codes = {typst_array(codes)}\n"
        if piece.images:
            folder = self.resources["metadata"].get("path", "")
            folder = Path(self.cell.metadata.get("folder", folder))
            pictures = []
            for number, source in enumerate(piece.images):
                address = source if len(source) < 300 else source[:300] + " …"
                try:
                    content = found(source, folder, self.cell.get("attachments", {}))
                    pictures.append(self._picture(content))
                    if number in piece.bare:
                        self._warn(NO_DESCRIPTION)
                except ValueError as error:
                    self._warn(f"the image {address}: {error}")
                    missing = f"(path: none, address: {typst_string(address)})"
                    pictures.append(missing)
            definitions += f"#let images = {typst_array(pictures)}\n"
        return definitions


def _stale(cells: Iterable[NotebookNode]) -> Iterator[str]:
    """A warning for each cell whose outputs cannot be from one run in order."""
    last: defaultdict[str, int] = defaultdict(int)  # count, by notebook
    for cell in cells:
        notebook, count = cell.where.rpartition(", cell ")[0], cell.execution_count or 0
        if cell.source.strip() and count < max(last[notebook], 1):
            what = "ran before a cell above" if count else "never ran"
            yield f"{cell.where}: it {what}: run the notebook from top to bottom"
        last[notebook] = max(last[notebook], count)


def _sentence(plain: str) -> str:
    """What stands for a widget: where it is, and its own words if it has any."""
    if not plain or re.fullmatch(_OBJECT, plain, re.DOTALL):
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


def _keep_with_next(cells: list[NotebookNode]) -> None:
    """Mark what must be on the page of what comes next: more leaves large gaps."""
    blocks = [(cell, block) for cell in cells for block in cell.blocks]
    for (cell, block), (next_cell, following) in itertools.pairwise(blocks):
        shown = _text(following)
        if block["kind"] == "code" and cell is next_cell and "caption" not in following:
            # Of more than eight lines, three follow the others.
            code = block["text"].count("\n") + 1
            block["leads"] = (code if code <= 8 else 3) + shown.count("\n") <= 8
        elif isinstance(block.get("typst"), Piece):
            block["typst"].leads = "```" not in shown  # it says itself what it is


def _text(block: dict) -> str:
    """A block as it was written; empty if it is a picture."""
    piece = block.get("typst")
    return piece.text if isinstance(piece, Piece) else block.get("text", "")

