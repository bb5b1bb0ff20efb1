"""Notebooks from their files, and back into the bytes of a file."""

import contextlib
import itertools
import json
import re
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, ValidationError, v4
from nbformat.v4.rwbase import rejoin_lines
from nbformat.validator import normalize

from nbtypst.errors import ExportError, one_line
from nbtypst.widgets import unfold

# What cells and outputs must have: these empty values replace what is missing or null.
_EMPTY: dict[str, NotebookNode] = {
    part.get("output_type") or part.cell_type: part
    for part in (
        v4.new_markdown_cell(), v4.new_raw_cell(), v4.new_code_cell(),
        *map(v4.new_output, ("stream", "display_data", "execute_result", "error")),
    )
}  # fmt: skip


def read_notebook(path: Path) -> NotebookNode:
    """Return the notebook at `path`; raise ExportError, in one line, if it is none."""
    try:
        return valid(parsed(path.read_bytes()))
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from None
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from None


def parsed(text: str | bytes) -> dict:
    """Return the content of a notebook file of any age, in format 4; not yet validated.

    Raises ExportError if it is not a notebook.
    """
    try:
        content = json.loads(text.encode() if isinstance(text, str) else text)
        if nbformat.reader.get_version(content)[0] != 4:
            with warnings.catch_warnings(action="ignore"):
                content = nbformat.convert(nbformat.reader.reads(text), 4)
    except Exception as error:  # of many kinds
        raise ExportError(f"not a Jupyter notebook: {one_line(error)}") from None
    return content


def valid(content: dict) -> NotebookNode:
    """Return a notebook of format 4 with all required parts, in whole characters.

    Missing parts are empty, and invalid metadata is left out; the outputs inside a
    widget follow it. Raises ExportError, with the cell, if something else is wrong.
    """
    notebook = whole(content)
    try:
        _fill(notebook)
        with warnings.catch_warnings(action="ignore"):  # of cells that get an id
            _, notebook = normalize(notebook, strip_invalid_metadata=True)
            nbformat.validate(notebook, relax_add_props=True)
        for number, cell in enumerate(notebook.cells, 1):
            if cell.cell_type not in _EMPTY:  # as a later format may have it
                kind = f"is of an unknown kind, {cell.cell_type!r}"
                raise ExportError(f"not a Jupyter notebook: cell {number} {kind}")
            if "outputs" in cell:
                cell.outputs = join_streams(cell.outputs)
    except ValidationError as error:
        place = re.search(r"On instance\['cells'\]\[(\d+)\]", str(error))
        where = f"cell {int(place[1]) + 1}: " if place else ""
        reason = where + str(error).partition("\n")[0]
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        reason = f"something in it is missing or of the wrong kind ({error})"
    else:
        return notebook
    raise ExportError(f"not a Jupyter notebook: {one_line(reason)}")


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return the outputs; streams in a row become one of stdout and one of stderr."""
    joined: list[NotebookNode] = []
    for kind, group in itertools.groupby(outputs, lambda output: output.output_type):
        if kind != "stream":
            joined += group
            continue
        texts: dict[str, list[str]] = {}
        for output in group:
            texts.setdefault(output.name, []).append(output.text)
        for name in sorted(texts, reverse=True):  # stdout, stderr
            joined.append(v4.new_output("stream", name=name, text="".join(texts[name])))
    return joined


def _fill(notebook: NotebookNode) -> None:
    """Add to a notebook, in place, the required parts that it lacks."""
    notebook.metadata = notebook.get("metadata") or NotebookNode()
    if notebook.get("nbformat_minor") is None:
        notebook.nbformat_minor = 5
    for cell in notebook.cells:
        _complete(cell)
    with contextlib.suppress(AttributeError, TypeError):  # a broken widget
        unfold(notebook)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    for output in outputs:
        _complete(output)
        # Not in the schema: tags must be text, and formats must have names.
        for name, value in [*output.get("metadata", {}).items()]:
            tags = name == "tags" and not all(isinstance(tag, str) for tag in value)
            if tags or ("/" in name and not isinstance(value, dict)):
                del output["metadata"][name]
    rejoin_lines(notebook)
    bundles = [output.get("data", {}) for output in outputs]
    for cell in notebook.cells:
        bundles += cell.get("attachments", {}).values()
    for bundle in bundles:
        _make_text(bundle)


def _complete(part: NotebookNode) -> None:
    """Fill in, in place, what a cell or an output must have; nothing in it is null."""
    for name in [name for name, value in part.items() if value is None]:
        del part[name]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(part.get("id", "new"))):
        del part["id"]
    kind = part.get("cell_type") or part.get("output_type", "")
    for name, empty in _EMPTY.get(kind, NotebookNode()).items():
        if name != "id":
            part.setdefault(name, deepcopy(empty))
    if part.get("name") == "":
        part["name"] = "stdout"


def _make_text(bundle: NotebookNode) -> None:
    """Turn into text, in place, all that is not text and should be."""
    for mimetype, value in [*bundle.items()]:
        if value is None:
            del bundle[mimetype]
        elif not isinstance(value, str) and "json" not in mimetype:
            bundle[mimetype] = json.dumps(value)


def whole(part: Any) -> Any:
    """Return a notebook, or a part of it, with U+FFFD for each half of a character.

    JSON can hold such a half, the first of an emoji's two, and no other text can.
    """
    text = json.dumps(part, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return json.loads(text.decode("utf-16", "replace"), object_hook=NotebookNode)


def notebook_bytes(notebook: NotebookNode) -> bytes:
    """Return the content of the notebook's file, with one line break at its end."""
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
