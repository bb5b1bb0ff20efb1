"""The exporters under nbconvert."""

import shutil
import subprocess
import sys

import pytest
from pypdf import PdfReader

from export_samples import squeezed

pytestmark = pytest.mark.export
pytest_plugins = ["export_fixtures"]


@pytest.mark.parametrize("to", ["TypstPDFExporter", "TypstExporter"])
def test_nbconvert_uses_the_exporters_from_any_folder(homework, tmp_path, to):
    shutil.copy(homework / "a_first.ipynb", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", f"export.{to}", "a_first.ipynb"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if to == "TypstPDFExporter":
        reader = PdfReader(tmp_path / "a_first.pdf")
        text = squeezed(reader.pages[0].extract_text())
        assert "(a)Thefirstquestion" in text and "Answer(a.i)" in text
        assert not (tmp_path / "a_first_files").exists()
    else:
        import typst

        assert "#graph(" in (tmp_path / "a_first.typ").read_text()
        pdf = typst.compile(tmp_path / "a_first.typ", ignore_system_fonts=True)
        assert pdf.startswith(b"%PDF")
