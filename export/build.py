"""The whole way: run, read, typeset, compile, check, write."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from export.check import Checked, Section
from export.compile import compile_with_fonts
from export.cover import read_cover
from export.errors import ExportError
from export.read import notebook_bytes, read_notebook
from export.run import execute_notebooks
from export.write import try_to_write, write
from export.write_up import make_write_up


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
        print(f"Running {len(paths)} notebooks", flush=True)
        notebooks = execute_notebooks(paths, timeout=options.timeout, on_done=_progress)
        if options.refresh:
            write(dict(zip(paths, map(notebook_bytes, notebooks))))
    start = time.perf_counter()
    write_up = make_write_up(paths, notebooks, cover, output.stem)
    if options.keep_typst:
        write({output.parent / name: data for name, data in write_up.files.items()})
        write({output.with_suffix(".typ"): write_up.source.encode()})
    compiled = compile_with_fonts(write_up.source, write_up.files)
    checked = Checked(compiled.pdf, compiled.pages, compiled.names)
    warnings = [*write_up.warnings, *compiled.warnings]
    warnings += checked.faults(write_up.expected)
    for warning in [] if options.strict else warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if warnings and options.strict:
        more = f" (and {len(warnings) - 8} more)" if len(warnings) > 8 else ""
        raise ExportError("; ".join(warnings[:8]) + more)
    write({output: compiled.pdf})
    print(_page_table(checked.sections))
    seconds = time.perf_counter() - start
    print(f"{output}: {len(checked.pages)} pages in {seconds:.1f} s")
    if cover.missing:
        blanks = ", ".join(cover.missing)
        print(f"The write-up is unsigned: fill in {blanks} in {options.cover}.")


def _progress(path: Path, seconds: float) -> None:
    print(f"  {path.name:<32} {seconds:6.1f} s", flush=True)


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
