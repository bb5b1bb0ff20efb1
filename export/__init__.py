"""From Jupyter notebooks to one typeset PDF, with nothing but what pip installs.

    python -m export                                     the whole write-up
    jupyter nbconvert --to typst-pdf x.ipynb     one notebook's PDF
    jupyter nbconvert --to typst x.ipynb         its Typst source

The files, in the order in which the data passes through them (build.py calls them):

    read, run                           notebooks from their files, and through kernels
    cover, sources, write_up            one document: first page, notebooks, appendix
    formulas, tex, markup, literals     text, formulas and code as Typst
    typeset, exporter                   cells as Typst, under nbconvert's template
    compile, pages, check, write        the PDF: made, read back, checked, saved
"""

from export.errors import ExportError

__all__ = ["ExportError", "TypstExporter", "TypstPDFExporter"]


def __getattr__(name: str):
    # Imported on first use, so that `python -m export` can name a missing package.
    if name in ("TypstExporter", "TypstPDFExporter", "TypstPDFCommand"):
        from export import exporter

        return getattr(exporter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
