"""Notebooks from their files, and back into the bytes of a file."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from export.errors import ExportError

WIDGET = "application/vnd.jupyter.widget-view+json"


def read_notebook(path: Path) -> NotebookNode:
    """The notebook at `path`; ExportError, one line with the path, if it is not one."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook, relax_add_props=True)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from None
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ExportError(
            f"{path}: not a Jupyter notebook ({reason[0] if reason else error!r})"
        ) from None
    return notebook


def notebook_bytes(notebook: NotebookNode) -> bytes:
    """The content of the notebook's file, with one line break at its end."""
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
