"""What several tests of the export share, made once."""

from pathlib import Path

import pytest

from export_samples import (
    NAMES,
    OLD,
    Built,
    code,
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
        code("def mean(values):\n\n    return sum(values)", stdout("2.0\n"), ran=2),
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
        "# (b) Second Σ\n\nText.",
        code("1", stdout("careful\n", "stderr"), ran=2),
        code("hidden = True", stdout("never seen"), tags=("remove_cell",), ran=3),
    )
    return folder


@pytest.fixture(scope="session")
def built(homework) -> Built:
    return Built(*sorted(homework.glob("*.ipynb")))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two notebooks with old outputs, a cover that is filled in, and an old PDF."""
    for name, title in zip(NAMES, "AB"):
        save(tmp_path / name, f"# {title}", code("print(6 * 7)", stdout("old"), ran=9))
    (tmp_path / "w.pdf").write_bytes(OLD)
    signed = 'title = "T"\nname = "Ada"\nworked_alone = true\ndate = "today"\n'
    (tmp_path / "cover.toml").write_text(signed)
    return tmp_path
