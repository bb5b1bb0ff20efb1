"""The whole pipeline: run, read, typeset, compile, check, write."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

from export.cover import read_cover
from export.output import InUse, say, try_to_write, write
from export.question_pages import faults, page_table, read_back
from export.site import make_site
from export.sources import PROJECT
from export.write_up import make_write_up
from nbtypst.compile import compile_document
from nbtypst.errors import ExportError, grouped
from nbtypst.read import notebook_bytes, read_notebook
from nbtypst.run import execute_notebooks
from nbtypst.run_cache import KeptRuns

KEPT = PROJECT / ".kept"  # runs of notebooks, which may be deleted at any time


def build(paths: Sequence[Path], options: argparse.Namespace) -> None:
    """Make the PDF of some notebooks, as the options of the command line say.

    Raises ExportError, and then all files are as they were before.
    """
    output = written = options.output
    if output.resolve() in {path.resolve() for path in [*paths, options.cover]}:
        raise ExportError(f"cannot write {output}: it is read from")
    cover = read_cover(options.cover)
    try_to_write(output)  # fails now, not after the minute that the notebooks take
    notebooks = _run(paths, options)
    start = time.perf_counter()
    source, resources = make_write_up(paths, notebooks, cover, output.stem)
    files = resources["outputs"]
    if options.keep_typst:
        write({output.with_suffix(".typ"): source.encode(),
               **{output.parent / name: content for name, content in files.items()}})
    compiled = compile_document(source, files, resources["rasters"])
    sections, pages = read_back(compiled.pdf)
    site, site_warnings = make_site(
        options.site, paths, notebooks, cover, resources["sources"], output.name,
    ) if options.site else ({}, [])
    warnings = dict.fromkeys([
        *grouped([*resources["warnings"], *compiled.warnings]),
        *faults(sections, resources["sections"]), *grouped(site_warnings)])
    if warnings and options.strict:
        more = f" (and {len(warnings) - 8} more)" if len(warnings) > 8 else ""
        raise ExportError("; ".join([*warnings][:8]) + more)
    for warning in warnings:
        say(f"warning: {warning}", error=True)
    try:
        write({output: compiled.pdf})
    except InUse:
        written = output.with_stem(output.stem + "-new")
        write({written: compiled.pdf})
    say(page_table(sections))
    say(f"{written}: {pages} pages in {time.perf_counter() - start:.1f} s")
    if site:
        write({**site, options.site / output.name: compiled.pdf})
        say(f"{options.site / 'index.html'}: for a browser, with the PDF next to it")
    if written != output:
        say(f"{output} is open in another program, close it there.")
    if blanks := ", ".join(cover.missing):
        say(f"The write-up is unsigned: fill in {blanks} in {options.cover}.")


def _run(paths: Sequence[Path], options: argparse.Namespace) -> list[NotebookNode]:
    """Return the notebooks after a run, unless they are to be taken as they are."""
    if options.no_execute:
        return [read_notebook(path) for path in paths]
    say(f"Running {len(paths)} notebooks")
    before = [path.is_file() and path.read_bytes() for path in paths]
    only_for_pdf = {} if options.refresh else {"FIGURES": "svg"}
    notebooks = execute_notebooks(
        paths, timeout=options.timeout, settings=only_for_pdf, import_from=[PROJECT],
        on_done=lambda path, how: say(f"  {path.name:<32} {how}"),
        kept=KeptRuns(KEPT, [PROJECT], only_for_pdf),
        fresh=options.fresh or options.refresh,
    )
    files = {}
    for path, content, notebook in zip(paths, before, notebooks):
        if options.refresh and path.is_file() and path.read_bytes() == content:
            files[path] = notebook_bytes(notebook)
        elif options.refresh:
            say(f"{path} was saved while it ran, and is left so: run this again")
    write(files)
    return notebooks
