"""Pictures are known by their bytes."""

import base64
import io
import os
import struct
import zlib

import pytest
from PIL import Image

from export.pictures import decoded, found, identified
from export_samples import build as built
from export_samples import code, display, save

pytestmark = pytest.mark.export


def picture(kind: str, size: tuple[int, int] = (8, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "ending"),
    [("PNG", ".png"), ("JPEG", ".jpg"), ("GIF", ".gif"), ("WEBP", ".webp")],
)
def test_bitmaps_have_their_ending_and_their_width(kind, ending):
    content = picture(kind)
    assert identified(content) == (content, ending, 8)


def test_other_bitmaps_become_png_and_vectors_stay():
    content, ending, width = identified(picture("TIFF"))
    assert content.startswith(b"\x89PNG") and (ending, width) == (".png", 8)
    assert identified(b"%PDF-1.7")[1:] == (".pdf", None)
    for attribute, pixels in [('width="60"', 60), ("width = '6.5px'", 6.5),
                              ('width="3in"', None), ("", None)]:  # fmt: skip
        svg = f'<?xml version="1.0"?><svg {attribute} height="1">'.encode()
        assert identified(svg)[1:] == (".svg", pixels)


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims to be large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
            + struct.pack(">I", zlib.crc32(head)) + bytes(4) + b"IDAT")  # fmt: skip


def cut_off() -> bytes:
    """A bitmap whose last rows are missing."""
    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, "BMP")
    return file.getvalue()[:-100]


@pytest.mark.parametrize(
    "content",
    [b"", b"words", b"\x89PNG\r\n\x1a\n"],
)
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(ValueError, match="no picture, or a damaged one$"):
        identified(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (cut_off(), "image file is truncated"),
        (bomb(2**31 - 1, 1), r"2147483647 pixels\) exceeds limit"),
        (bomb(14_000, 14_000), r"196000000 pixels\) exceeds limit"),
    ],
)
def test_what_is_damaged_or_claims_too_much_is_refused_with_the_reason(content, reason):
    with pytest.raises(ValueError, match=rf"no picture, or a damaged one \(.*{reason}"):
        identified(content)


def test_a_large_picture_is_one():
    file = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG")
    assert identified(file.getvalue())[1:] == (".png", 10_000)


def test_where_pictures_are_found(tmp_path):
    (tmp_path / "a b.png").write_bytes(b"1")
    (tmp_path / "c?d.png").write_bytes(b"2")
    (tmp_path / "c").write_bytes(b"3")
    attached = {"e f.png": {"image/png": base64.b64encode(b"4").decode()}}

    def of(source):
        return found(source, tmp_path, attached)

    assert of("a%20b.png") == of("a%20b.png?raw=true") == of("a%20b.png#x") == b"1"
    assert of("c?d.png") == b"2" and of("c?e.png") == b"3"
    assert of("attachment:e%20f.png") == b"4"
    assert of("data:image/png;base64,NQ==") == b"5"
    assert of("data:image/svg+xml;utf8,%3Csvg>") == b"<svg>"
    assert decoded(" <svg/>") == b" <svg/>" and decoded("A") == b""
    for source in ("http://x.org/y.png", "//x.org/y.png"):
        with pytest.raises(ValueError, match="on the web"):
            of(source)
    for source in ("gone.png", "\0"):
        with pytest.raises(ValueError, match="no such file"):
            of(source)


# ---- Nothing let in -----------------------------------------------------------------

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
        found("../common.png", folder, {})
    Image.new("RGB", (9, 9)).save(folder.parent / "common.png")
    (folder.parent / ".git").mkdir()
    assert found("../common.png", folder, {})
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
