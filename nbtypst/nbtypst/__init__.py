"""Any Jupyter notebook as a typeset PDF, with nothing but what pip installs.

    jupyter nbconvert --to typst-pdf x.ipynb     the PDF
    jupyter nbconvert --to typst x.ipynb         its Typst source

The modules, in the order in which the data passes through them:

    read, run               a notebook from its file, and through a kernel
    kept, trace             runs that need not be repeated, and what they depended on
    typeset                 its cells as blocks, with the help of
        markup, tex, html   Markdown, formulas and web pages as Typst
        plaintext, literals, pictures, widgets
    exporter                the blocks under nbconvert's template
    compile, engine         the PDF, whatever Typst has against it
"""

from nbtypst.errors import ExportError

__all__ = ["ExportError", "TypstExporter", "TypstPDFExporter"]


def __getattr__(name: str):
    # Imported on first use: nbconvert takes a second, and may be missing.
    if name in ("TypstExporter", "TypstPDFExporter", "TypstPDFCommand"):
        from nbtypst import exporter

        return getattr(exporter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
