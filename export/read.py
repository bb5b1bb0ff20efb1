"""Notebooks from their files, and back into the bytes of a file."""

import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from export.errors import ExportError

WIDGET = "application/vnd.jupyter.widget-view+json"


def read_notebook(path: Path) -> NotebookNode:
    """The notebook at `path`; ExportError, one line with the path, if it is not one."""
    try:
        with warnings.catch_warnings():  # of cells without ids, which get some
            warnings.simplefilter("ignore")
            notebook = whole(nbformat.read(path, as_version=4))
            nbformat.validate(notebook, relax_add_props=True)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from None
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ExportError(
            f"{path}: not a Jupyter notebook ({reason[0] if reason else error!r})"
        ) from None
    return notebook


def whole(part: Any) -> Any:
    """A notebook, or a part of it, with U+FFFD for each half of a character.

    JSON can hold such a half, the first of an emoji's two, and no other text can.
    """
    if isinstance(part, str):
        return part.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(part, dict):
        return NotebookNode({whole(name): whole(value) for name, value in part.items()})
    return [whole(item) for item in part] if isinstance(part, list) else part


def notebook_bytes(notebook: NotebookNode) -> bytes:
    """The content of the notebook's file, with one line break at its end."""
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
