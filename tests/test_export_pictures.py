"""Pictures that a notebook names: those of its folder, and of nobody else's."""

import os

import pytest
from PIL import Image

from export.pictures import found
from export_samples import build as built
from export_samples import code, display, save

pytestmark = pytest.mark.export
OUTSIDE = "^it is outside of the notebook's folder: copy it there$"


@pytest.fixture
def folder(tmp_path):
    """A notebook's folder with a picture, and one beside it that is not its own."""
    inside = tmp_path / "own" / "notebooks"
    inside.mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(inside / "mine.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    (tmp_path / "secret.tex").write_text("top secret")
    return inside


def test_a_picture_of_its_own_folder_is_found(folder):
    content = (folder / "mine.png").read_bytes()
    (folder / "sub").mkdir()
    for name in ("mine.png", "./mine.png", "mine.png?raw=true", "sub/../mine.png"):
        assert found(name, folder, {}) == content


def test_nothing_from_outside_gets_in(folder, tmp_path):
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(tmp_path / "endless")  # would be waited for, were it read
    for name in (
        "../../secret.png", str(tmp_path / "secret.png"), "link.png", "../../endless",
        "sub/../../../secret.png", "%2e%2e/%2e%2e/secret.png", "../../not-there.png",
    ):  # fmt: skip
        with pytest.raises(ValueError, match=OUTSIDE):
            found(name, folder, {})
    for name in ("not-there.png", "", "."):
        with pytest.raises(ValueError, match="^there is no such file$"):
            found(name, folder, {})


def test_the_repository_is_the_notebooks_own(folder, tmp_path):
    with pytest.raises(ValueError, match=OUTSIDE):
        found("../shared.png", folder, {})
    Image.new("RGB", (9, 9)).save(folder.parent / "shared.png")
    (folder.parent / ".git").mkdir()
    assert found("../shared.png", folder, {})
    with pytest.raises(ValueError, match=OUTSIDE):
        found("../../secret.png", folder, {})


def test_latex_reads_no_files(folder, tmp_path):
    names = [tmp_path / "secret.tex", tmp_path / "secret"]
    lines = [rf"\input{{{n}}} \include{{{n}}} \lstinputlisting{{{n}}}" for n in names]
    picture = rf"\includegraphics{{{tmp_path / 'secret.png'}}}"
    cells = [code("x", display("text/latex", text)) for text in (*lines, picture)]
    write_up, _, _ = built(save(folder / "a.ipynb", "# A", *cells))
    assert "top secret" not in write_up.source
    assert "secret.png: it is outside of the notebook's folder" in write_up.warnings[-1]
