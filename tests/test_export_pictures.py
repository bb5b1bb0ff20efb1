"""Pictures are known by their bytes."""

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from export.pictures import decoded, found, identified

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
            + struct.pack(">I", zlib.crc32(head)))  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b"", b"words", b"\x89PNG\r\n\x1a\n", bomb(2**31 - 1, 1), bomb(9999, 9999)],
)
def test_what_is_no_picture_or_claims_too_much_is_refused(content):
    with pytest.raises(ValueError, match="no picture, or a damaged one"):
        identified(content)


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
