"""Two nbconvert exporters: a notebook as Typst source, and as the PDF made of it."""

import sys
from pathlib import Path

from nbconvert.exporters import TemplateExporter
from nbconvert.nbconvertapp import NbConvertApp
from nbconvert.writers import StdoutWriter
from traitlets import Bool, List, Unicode
from traitlets.config import Config

from export.compile import compile_with_fonts
from export.errors import ExportError
from export.literals import typst_code, typst_string
from export.typeset import RAW, TYPST, Typeset

TEMPLATES = Path(__file__).with_name("templates")


class TypstExporter(TemplateExporter):
    """A notebook as Typst source, with its pictures beside it."""

    export_from_notebook = "Typst"
    output_mimetype = TYPST
    preprocessors = [Typeset]  # noqa: RUF012 (a trait's default)
    raw_mimetypes = List(
        Unicode(), [*RAW, ""], help="The raw cells that are set, by their formats."
    ).tag(config=True)
    exclude_hidden = Bool(
        False, help="Leave out the code and the outputs that JupyterLab hides."
    ).tag(config=True)

    @property
    def default_config(self) -> Config:
        """nbconvert's, with what a write-up needs turned on."""
        config = super().default_config.copy()
        config.merge(
            {
                "TypstExporter": {
                    "file_extension": ".typ",
                    "template_extension": ".typ.j2",
                    "template_name": "typst",
                    "extra_template_basedirs": [str(TEMPLATES)],
                },
                "CoalesceStreamsPreprocessor": {"enabled": True},
                "TagRemovePreprocessor": {
                    "enabled": True,
                    "remove_cell_tags": {"remove_cell", "remove-cell"},
                    "remove_input_tags": {"remove_input", "remove-input"},
                    "remove_all_outputs_tags": {"remove_output", "remove-output"},
                },
            }
        )
        return config

    def default_filters(self):
        """nbconvert's filters, and those that write values down in Typst."""
        yield from super().default_filters()
        yield "typst_string", typst_string
        yield "typst_code", typst_code

    def from_notebook_node(self, nb, resources=None, **kw):
        """The notebook's Typst, or PDF, and nbconvert's resources.

        What could not be shown is logged, and stands in `resources["warnings"]`.
        Raises ExportError if there is none; `jupyter nbconvert` ends with one line.
        """
        try:
            output, resources = self.converted(nb, resources, **kw)
        except ExportError as error:
            if NbConvertApp.initialized():
                self.log.error(error)
                sys.exit(1)
            raise
        for warning in resources["warnings"]:
            self.log.warning(warning)
        return output, resources

    def converted(self, nb, resources, **kw):
        """The same, without anything logged."""
        return super().from_notebook_node(nb, resources, **kw)


class TypstPDFExporter(TypstExporter):
    """A notebook as PDF, by way of Typst."""

    export_from_notebook = "PDF via Typst"
    output_mimetype = "application/pdf"

    def converted(self, nb, resources, **kw):
        """The PDF (bytes) of a notebook, and nbconvert's resources."""
        source, resources = super().converted(nb, resources, **kw)
        compiled = compile_with_fonts(source, resources["outputs"])
        resources["warnings"] += compiled.warnings
        resources["outputs"] = {}  # they are in the PDF now
        resources["output_extension"] = ".pdf"
        app = NbConvertApp.initialized() and NbConvertApp.instance()
        if app and isinstance(app.writer, StdoutWriter):  # which takes no bytes
            sys.stdout.buffer.write(compiled.pdf)
            return "", resources
        return compiled.pdf, resources
