"""Two nbconvert exporters: a notebook as Typst source, and as the PDF made of it."""

from pathlib import Path

from nbconvert.exporters import TemplateExporter
from traitlets.config import Config

from export.compile import compile_with_fonts
from export.literals import typst_code, typst_string
from export.typeset import TYPST, Typeset

TEMPLATES = Path(__file__).with_name("templates")


class TypstExporter(TemplateExporter):
    """A notebook as Typst source, with its pictures beside it."""

    export_from_notebook = "Typst"
    output_mimetype = TYPST
    preprocessors = [Typeset]  # noqa: RUF012 (a trait's default)

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
                "ExtractOutputPreprocessor": {"enabled": True},
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


class TypstPDFExporter(TypstExporter):
    """A notebook as PDF, by way of Typst."""

    export_from_notebook = "PDF via Typst"

    def from_notebook_node(self, nb, resources=None, **kw):
        """The PDF (bytes) of a notebook, and nbconvert's resources.

        Raises ExportError if something cannot be typeset.
        """
        source, resources = super().from_notebook_node(nb, resources, **kw)
        pdf, _ = compile_with_fonts(source, resources["outputs"])
        resources["outputs"] = {}  # they are in the PDF now
        resources["output_extension"] = ".pdf"
        return pdf, resources
