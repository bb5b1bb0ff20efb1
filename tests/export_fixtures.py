"""What several tests of the export share, made once."""

from pathlib import Path

import pytest

from export.check import Checked
from export.write_up import WriteUp
from export_samples import (
    CELL,
    NAMES,
    OLD,
    build,
    code,
    display,
    figure,
    markdown,
    save,
    stdout,
)


@pytest.fixture(scope="session")
def homework(tmp_path_factory) -> Path:
    """Two notebooks that use every convention, and a module that they import."""
    folder = tmp_path_factory.mktemp("homework")
    (folder / "helper.py").write_text("import deeper\n\nONE = 1\n")
    (folder / "deeper.py").write_text("TWO = 2\n")
    save(
        folder / "a_first.ipynb",
        "# (a) The first *question*\n\nWhat is asked.",
        code("import helper\nimport json\nimport numpy", ran=1),
        code(CELL, stdout("2.0\n"), ran=2),
        "## A table\n\n| name | value |\n|:--|--:|\n| one | 1 |\n| two | **2** |",
        code(
            "draw(secret_colour)",
            figure("A line that falls"),
            markdown("*The line falls with $x^2$.*", role="caption"),
            tags=("remove_input",),
            ran=3,
        ),
        "> **Answer (a.i).** The mean is $2.0$, as printed.",
    )
    save(
        folder / "b_second.ipynb",
        "# (b) Second\n\nText.",
        code(
            "slide()",
            display("text/plain", "A slider pages through the digits.", role="widget"),
            tags=("remove-input",),
        ),
        code("1", stdout("careful\n", "stderr"), ran=2),
        code("hidden = True", stdout("never seen"), tags=("remove_cell",), ran=3),
        code("shown = True", stdout("not shown"), tags=("remove_output",), ran=4),
    )
    return folder


@pytest.fixture(scope="session")
def built(homework) -> tuple[WriteUp, bytes, Checked]:
    return build(*sorted(homework.glob("*.ipynb")))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two notebooks with old outputs, and an old PDF."""
    for name, title in zip(NAMES, "AB"):
        save(tmp_path / name, f"# {title}", code("print(6 * 7)", stdout("old"), ran=9))
    (tmp_path / "w.pdf").write_bytes(OLD)
    return tmp_path
