"""From Jupyter notebooks to one typeset PDF, with nothing but what pip installs.

    python -m export                                     the whole write-up
    jupyter nbconvert --to export.TypstPDFExporter x.ipynb    one notebook's PDF
    jupyter nbconvert --to export.TypstExporter x.ipynb       its Typst source
"""

__all__ = ["ExportError", "TypstExporter", "TypstPDFExporter"]


class ExportError(Exception):
    """Something the user can mend; the message is the one line to show."""


def __getattr__(name: str):
    # Imported on first use, so that `python -m export` can name a missing package.
    if name in ("TypstExporter", "TypstPDFExporter"):
        from export import exporter

        return getattr(exporter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
