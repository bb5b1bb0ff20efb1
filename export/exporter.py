"""Two nbconvert exporters: a notebook as Typst source, and as the PDF made of it."""

from pathlib import Path

from nbconvert.exporters import TemplateExporter
from traitlets import default
from traitlets.config import Config

from export.compile import compile_with_fonts
from export.literals import typst_code, typst_string
from export.typeset import TYPST, Typeset


class TypstExporter(TemplateExporter):
    """A notebook as Typst source, with its pictures beside it."""

    export_from_notebook = "Typst"
    output_mimetype = TYPST
    preprocessors = [Typeset]  # noqa: RUF012 (a trait's default)

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".typ"

    @default("template_extension")
    def _template_extension_default(self) -> str:
        return ".typ.j2"

    @default("template_name")
    def _template_name_default(self) -> str:
        return "typst"

    @default("extra_template_basedirs")
    def _extra_template_basedirs_default(self) -> list[str]:
        return [str(Path(__file__).with_name("templates"))]

    @property
    def default_config(self) -> Config:
        """nbconvert's, with what a write-up needs turned on."""
        config = super().default_config.copy()
        config.merge(
            {
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
