"""Any Jupyter notebook as a typeset PDF, with nothing but what pip installs.

    jupyter nbconvert --to typst-pdf x.ipynb     the PDF
    jupyter nbconvert --to typst x.ipynb         its Typst source
    jupyter nbconvert --to offline_html x.ipynb  a page that needs no network

README.md says what the modules do, in the order in which the data passes through them.
"""

from nbtypst.errors import ExportError

__all__ = ["ExportError", "OfflineHTMLExporter", "TypstExporter", "TypstPDFExporter"]


def __getattr__(name: str):
    # Imported on first use: nbconvert takes a second, and may be missing.
    if name in ("TypstExporter", "TypstPDFExporter", "TypstPDFCommand"):
        from nbtypst import exporter

        return getattr(exporter, name)
    if name == "OfflineHTMLExporter":
        from nbtypst.offline import OfflineHTMLExporter

        return OfflineHTMLExporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
