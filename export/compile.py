"""Typst source to PDF, with fonts for every character."""

import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path

import typst

from export.errors import ExportError
from export.pages import Page, missing, read_pages


def compile_with_fonts(
    source: str, files: Mapping[str, bytes]
) -> tuple[bytes, list[Page]]:
    """The PDF of a Typst document, and what stands on its pages.

    The system's fonts are asked only for a script that the built-in ones lack.

    files -- the pictures and attachments by path

    Raises ExportError if Typst refuses the source or no font has a character of it.
    """
    for system_fonts in (False, True):
        pdf = compile_typst(source, files, system_fonts=system_fonts)
        pages = read_pages(pdf)
        gone = missing(itertools.chain(*pages), source)
        if not gone:
            return pdf, pages
    raise ExportError(f"no font on this computer has {gone}")


def compile_typst(
    source: str, files: Mapping[str, bytes], *, system_fonts: bool = False
) -> bytes:
    """The PDF of a Typst document; ExportError with Typst's message if it has none.

    files -- the pictures and attachments by path
    """
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
