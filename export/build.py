"""The whole way: run, read, typeset, compile, check, write."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

from export.check import Section, faults, read_back
from export.cover import read_cover
from export.sources import PROJECT
from export.terminal import say
from export.write import try_to_write, write, write_or_rename
from export.write_up import make_write_up
from nbtypst.compile import compile_document
from nbtypst.errors import ExportError, grouped
from nbtypst.kept import KeptRuns
from nbtypst.read import notebook_bytes, read_notebook
from nbtypst.run import execute_notebooks

KEPT = PROJECT / ".kept"  # runs of notebooks, which may be deleted at any time


def build(paths: Sequence[Path], options: argparse.Namespace) -> None:
    """Make the PDF of some notebooks, as the options of the command line say.

    Raises ExportError, and then all files are as they were before.
    """
    output = options.output
    if output.resolve() in {path.resolve() for path in [*paths, options.cover]}:
        raise ExportError(f"cannot write {output}: it is read from")
    cover = read_cover(options.cover)
    try_to_write(output)  # better known before the minute that the notebooks take
    if options.no_execute:
        notebooks = [read_notebook(path) for path in paths]
    else:
        say(f"Running {len(paths)} notebooks")
        before = {path: _content(path) for path in paths}
        only_for_pdf = {} if options.refresh else {"FIGURES": "svg"}
        notebooks = execute_notebooks(
            paths, timeout=options.timeout, on_done=_progress, settings=only_for_pdf,
            import_from=[PROJECT], kept=KeptRuns(KEPT, [PROJECT], only_for_pdf),
            fresh=options.fresh or options.refresh,
        )
        if options.refresh:
            _refresh(before, notebooks)
    start = time.perf_counter()
    write_up = make_write_up(paths, notebooks, cover, output.stem)
    if options.keep_typst:
        write({output.parent / name: data for name, data in write_up.files.items()})
        write({output.with_suffix(".typ"): write_up.source.encode()})
    compiled = compile_document(write_up.source, write_up.files, write_up.rasters)
    sections, pages = read_back(compiled.pdf)
    warnings = [*grouped([*write_up.warnings, *compiled.warnings])]
    warnings += faults(sections, write_up.sections)
    for warning in [] if options.strict else warnings:
        say(f"warning: {warning}", error=True)
    if warnings and options.strict:
        more = f" (and {len(warnings) - 8} more)" if len(warnings) > 8 else ""
        raise ExportError("; ".join(warnings[:8]) + more)
    written = write_or_rename(output, compiled.pdf)
    say(_page_table(sections))
    seconds = time.perf_counter() - start
    say(f"{written}: {pages} pages in {seconds:.1f} s")
    if written != output:
        say(f"{output} is open in another program, close it there.")
    if cover.missing:
        blanks = ", ".join(cover.missing)
        say(f"The write-up is unsigned: fill in {blanks} in {options.cover}.")


def _refresh(before: dict[Path, bytes], notebooks: Sequence[NotebookNode]) -> None:
    """Write the notebooks that ran, but for those that were saved in the meantime."""
    files = {}
    for (path, content), notebook in zip(before.items(), notebooks):
        if _content(path) == content:
            files[path] = notebook_bytes(notebook)
        else:
            say(f"{path} was saved while it ran, and is left so: run this again")
    write(files)


def _content(path: Path) -> bytes:
    """What a file holds; nothing if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _progress(path: Path, how: str) -> None:
    say(f"  {path.name:<32} {how}")


def _page_table(sections: list[Section]) -> str:
    """The pages of each question, as Gradescope asks for them."""
    rows = [("Question", "Pages")]
    for section in sections:
        pages = str(section.first)
        if section.last > section.first:
            pages += f"-{section.last}"
        rows.append((section.title, pages))
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"  {title:<{width}}  {pages:>7}" for title, pages in rows)
