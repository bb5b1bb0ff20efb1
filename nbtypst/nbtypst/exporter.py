"""Two nbconvert exporters: a notebook as Typst source, and as the PDF made of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbconvert.exporters import TemplateExporter
from nbconvert.writers import StdoutWriter
from traitlets import Bool, List, Unicode, default
from traitlets.config import Application, Config

from nbtypst.compile import compile_document
from nbtypst.errors import ExportError, grouped
from nbtypst.literals import typst_code, typst_value
from nbtypst.read import parsed, valid
from nbtypst.typeset import RAW, SHOWN, TYPST, Typeset

REMOVED = {"remove_cell", "remove-cell"}  # tags of cells that are not shown
TEMPLATES = Path(__file__).with_name("templates")


def _nbconvert() -> Application | None:
    """Return the application `jupyter nbconvert`, if this is its process."""
    app = Application.instance() if Application.initialized() else None
    return app if app and app.name == "jupyter-nbconvert" else None


class TypstExporter(TemplateExporter):
    """A notebook as Typst source, with its pictures in files next to it."""

    export_from_notebook = "Typst"
    output_mimetype = TYPST
    preprocessors = [Typeset]  # noqa: RUF012 (a trait's default)
    raw_mimetypes = List(
        Unicode(), [*RAW, ""], help="The raw cells that are set, by their formats."
    ).tag(config=True)
    exclude_hidden = Bool(
        False, help="Leave out the code and the outputs that JupyterLab hides."
    ).tag(config=True)
    picture_folders = List(Unicode(), help="""Folders from which the notebooks in them
        take pictures, next to each notebook's own folder and repository.""",
    ).tag(config=True)  # fmt: skip

    @property
    def default_config(self) -> Config:
        """nbconvert's configuration, with what a document on paper needs turned on."""
        ours = Config({
            "TypstExporter": {
                "file_extension": ".typ",
                "filters": {"typst_value": typst_value, "typst_code": typst_code},
                "template_extension": ".typ.j2",
                "template_name": "typst",
                "extra_template_basedirs": [str(TEMPLATES)],
            },
            "TypstPDFExporter": {"file_extension": ".pdf"},
            "NbConvertBase": {"display_data_priority": [*SHOWN]},
            "TagRemovePreprocessor": {
                "remove_cell_tags": REMOVED,
                "remove_input_tags": {"remove_input", "remove-input"},
                "remove_all_outputs_tags": {"remove_output", "remove-output"},
            },
        })  # fmt: skip
        ours.merge(super().default_config)
        return ours

    @default("template_paths")
    def _paths(self) -> list[str]:
        """nbconvert's template folders, after the one that has "typst/..."."""
        return [str(TEMPLATES), *self._template_paths()]

    def from_notebook_node(self, nb, resources=None, **kw):
        """Return the notebook's Typst, or PDF, and nbconvert's resources.

        What could not be shown is logged, and is in `resources["warnings"]`.
        Raises ExportError if that fails; `jupyter nbconvert` ends with one line.
        """
        with self._one_line_errors():
            output, resources = self.converted(valid(nb), resources, **kw)
        for warning in grouped(resources["warnings"]):
            self.log.warning(warning)
        return output, resources

    def from_file(self, file_stream, resources=None, **kw):
        """Return the same for a file."""
        with self._one_line_errors():
            content = parsed(file_stream.read())
        return self.from_notebook_node(content, resources, **kw)

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except (ExportError, UnicodeDecodeError) as error:
            if _nbconvert():
                self.log.error(error)
                sys.exit(1)
            raise ExportError(str(error)) from None

    def converted(self, nb, resources, **kw):
        """Return the same, without logging."""
        return super().from_notebook_node(nb, resources, **kw)


class TypstPDFExporter(TypstExporter):
    """A notebook as PDF, by way of Typst."""

    export_from_notebook = "PDF via Typst"
    output_mimetype = "application/pdf"

    def converted(self, nb, resources, **kw):
        """Return the PDF (bytes) of a notebook, and nbconvert's resources."""
        resources = {**(resources or {}), "output_files_dir": ""}
        source, resources = super().converted(nb, resources, **kw)
        pdf, warnings = compile_document(
            source, resources["outputs"], resources["rasters"])
        resources["warnings"] += warnings
        resources["outputs"] = {}  # they are in the PDF now
        if isinstance(getattr(_nbconvert(), "writer", None), StdoutWriter):  # of text
            sys.stdout.buffer.write(pdf)
            return "", resources
        return pdf, resources


class TypstPDFCommand(TypstPDFExporter):
    """The same under the name typst-pdf, for commands alone.

    JupyterLab's server takes no name with a hyphen: its menu has typst_pdf.
    """

    @default("enabled")
    def _in_a_command(self) -> bool:
        return _nbconvert() is not None
