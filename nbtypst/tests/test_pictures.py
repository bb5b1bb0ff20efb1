"""nbtypst/pictures.py: the formats of pictures, and where they may come from."""

import base64
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from nbformat.v4 import new_markdown_cell, new_output
from PIL import Image

from nbtypst.pictures import detect_format, load_image
from nbtypst_samples import Samples, code, display, figure, html, pdf_of, warnings_of

pytestmark = pytest.mark.export
samples = Samples()


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 4), mode="RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("content, ending, pixels", [
    (picture("PNG"), ".png", 8), (picture("JPEG"), ".jpg", 8),
    (picture("GIF"), ".gif", 8), (picture("WEBP"), ".webp", 8),
    (picture(size=(10_000, 10_000), mode="1"), ".png", 10_000),
    (b"%PDF-1.7", ".pdf", None), (b'<?xml?><svg width="60" height="1">', ".svg", 60),
    (b"<svg height='1' width = '6.5px'>", ".svg", 6.5),
    (b'<svg width="3in">', ".svg", None), (b"<svg >", ".svg", None),
])  # fmt: skip
def test_a_picture_stays_and_has_an_ending_and_its_width(content, ending, pixels):
    assert detect_format(content) == (content, ending, pixels)


def test_a_bitmap_that_typst_does_not_know_becomes_a_png():
    content, *known = detect_format(picture("TIFF"))
    assert known == [".png", 8] and content.startswith(b"\x89PNG")


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims to be large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
            + struct.pack(">I", zlib.crc32(head)) + bytes(4) + b"IDAT")  # fmt: skip


@pytest.mark.parametrize("content, reason", [
    (b"", "$"), (b"words", "$"), (b"\x89PNG\r\n\x1a\n", "$"),
    (picture("BMP", (20, 20))[:-100], r" \(.*image file is truncated"),
    (bomb(2**31 - 1, 1), r" \(.*2147483647 pixels\) exceeds limit"),
    (bomb(14_000, 14_000), r" \(.*196000000 pixels\) exceeds limit"),
], ids=["empty", "words", "header", "cut", "wide", "large"])  # fmt: skip
def test_what_is_not_a_picture_or_claims_too_much_is_refused(content, reason):
    with pytest.raises(ValueError, match="not a picture, or a damaged one" + reason):
        detect_format(content)


# ---- On the page -----------------------------------------------------------------


def of(wide: int, high: int, kind: str = "PNG", **metadata):
    mimetype = f"image/{kind.lower()}"
    data = {mimetype: base64_of(picture(kind, (wide, high)))}
    metadata = {mimetype: metadata, "alt": "a"}
    return new_output("display_data", data=data, metadata=metadata)


@samples.of(code(
    "x", of(200, 100), of(200, 100, width=100), of(200, 100, height=50),
    of(200, 100, width=100, height=100), of(200, 100, width="12px"), of(2000, 100),
    of(200, 100, "BMP"), of(200, 100, "GIF"), of(300, 3000)))  # fmt: skip
def test_pictures_are_as_large_as_on_the_screen(shown):
    sizes = [(round(m.right - m.left), round(m.top - m.bottom)) for m in shown.marks
             if not m.text]  # fmt: skip
    assert sizes == [
        (150, 75), (75, 38), (75, 38), (75, 75), (150, 75), (468, 23), (150, 75),
        (150, 75), (58, 576),
    ]  # fmt: skip


def test_a_picture_is_the_same_whichever_formats_came_with_it():
    """Its description may come with another format; its size is its own."""
    def printed(*formats):
        drawn = figure()
        drawn.metadata["image/png"].update({"width": 400, "height": 150})
        drawn.data = {kind: drawn.data[kind] for kind in formats}
        pdf, warnings = pdf_of(code("x", drawn))
        [drawing] = pdf.tagged("/Figure")
        assert warnings == [] and drawing["/Alt"] == "A line that falls."
        forms = pdf.reader.pages[0]["/Resources"].get("/XObject", {}).values()
        assert {form.get_object()["/Subtype"] for form in forms} <= {"/Form"}  # vectors
        return pdf.pictures(), pdf.pages

    all_of_them = printed("image/png", "application/pdf", "image/svg+xml")
    assert printed("image/svg+xml") == all_of_them
    [mark] = [mark for mark in all_of_them[1][0] if not mark.text]
    assert mark.right - mark.left == pytest.approx(4 * 72, abs=1)  # not 300 points


NONE = display("image/png", base64_of(b"not a picture"), alt="A figure.")
NONE.data["text/plain"] = "<Figure 1>"
SVG = ('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><foreignObject>'
       "<p>words</p></foreignObject></svg>")  # fmt: skip


@samples.of(code("x", NONE), code("y", display("image/svg+xml", SVG, alt="A drawing.")),
            code("z", display("image/svg+xml", "<svg/>", alt="Empty.")),
            code("", display("image/png", "A", alt="Odd.")))  # fmt: skip
def test_broken_pictures_and_those_that_lose_words_are_named(shown):
    broken = "a picture cannot be shown: it is not a picture, or a damaged one"
    assert shown.seen == [
        "xPicture:Afigure.,<Figure1>yzPicture:Odd.▢A drawing.▢Empty.",
        f"cell 1: {broken}",
        "cell 2: an SVG picture with HTML in it, which is not shown",
        f"cell 4: {broken}",
    ]


# ---- Where they come from --------------------------------------------------------


def test_where_pictures_are_found(tmp_path):
    for name, content in {"a b.png": b"1", "c?d.png": b"2", "c": b"3"}.items():
        (tmp_path / name).write_bytes(content)
    attached = {"e f.png": {"image/png": base64_of(b"4")}}
    for source, content in {
        "a%20b.png": b"1", "./a b.png": b"1", "a%20b.png?raw=true": b"1",
        "a%20b.png#x": b"1", "../" + tmp_path.name + "/a b.png": b"1", "c?d.png": b"2",
        "c?e.png": b"3", "attachment:e%20f.png": b"4",
        "data:image/png;base64,NQ==": b"5",
        "data:image/svg+xml;utf8,%3Csvg>": b"<svg>",
    }.items():  # fmt: skip
        assert load_image(source, tmp_path, attached) == content, source


@pytest.fixture
def folder(tmp_path) -> Path:
    """A notebook's folder with a picture, next to one that is not its own."""
    inside = tmp_path / "own" / "notebooks"
    inside.mkdir(parents=True)
    for place in (inside / "mine.png", tmp_path / "secret.png"):
        place.write_bytes(picture())
    return inside


def test_no_picture_from_outside_is_taken(folder, tmp_path):
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(tmp_path / "endless")  # would be waited for, were it read
    outside = "^it is outside of the notebook's folder: copy it there$"
    for reason, names in {
        outside: [
            "../../secret.png", str(tmp_path / "secret.png"), "link.png",
            "../../endless", "sub/../../../secret.png", "%2e%2e/%2e%2e/secret.png",
            "../../not-there.png",
        ],
        "^there is no such file$": ["gone.png", "", ".", "\0"],
        "on the web": ["http://x.org/y.png", "//x.org/y.png"],
    }.items():  # fmt: skip
        for name in names:
            with pytest.raises(ValueError, match=reason):
                load_image(name, folder, {})


def test_a_repository_and_the_folders_named_are_the_notebooks_own(folder, tmp_path):
    (folder.parent / "common.png").write_bytes(picture())

    def taken(name: str, *roots: Path) -> bool:
        try:
            return bool(load_image(name, folder, {}, roots))
        except ValueError:
            return False

    assert not taken("../common.png") and not taken("../common.png", folder / "other")
    assert taken("../common.png", folder.parent)
    assert not taken("../../secret.png", folder.parent)
    (folder.parent / ".git").mkdir()
    assert taken("../common.png") and not taken("../../secret.png")


def test_pictures_of_a_notebook_come_from_where_they_may(folder, tmp_path):
    (tmp_path / "secret.tex").write_text("top secret")
    names = [tmp_path / "secret.tex", tmp_path / "secret"]
    lines = [rf"\input{{{n}}} \include{{{n}}} \lstinputlisting{{{n}}}" for n in names]
    included = rf"\includegraphics{{{tmp_path / 'secret.png'}}}"
    data = base64_of(picture())
    cells = [
        new_markdown_cell(
            f"![one](attachment:x%20y.png) ![two](data:image/png;base64,{data}) "
            '<img src="mine.png" alt="three" width="96"> '
            "![x](http://nowhere.example/y.png) ![](z)",
            attachments={"x y.png": {"image/png": data}},
        ),
        *(code("", display("text/latex", text)) for text in (*lines, included)),
        html('<img src="../../secret.png" alt="four">'),
    ]
    for cell in cells:
        cell.metadata["folder"] = str(folder)
    printed, warnings = pdf_of(*cells)
    shown = [element["/Alt"] for element in printed.tagged("/Figure")]
    assert shown == ["one", "two", "three"]
    outside = "it is outside of the notebook's folder: copy it there"
    assert warnings[:2] + warnings[-2:] == [
        "cell 1: the image http://nowhere.example/y.png: it is on the web: save it "
        "next to the notebook", "cell 1: the image z: there is no such file",
        f"cell 4: the image {tmp_path / 'secret.png'}: {outside}",
        f"cell 5: the image ../../secret.png: {outside}",
    ]  # fmt: skip
    assert "Picture:x,http://nowhere.example/y.png" in printed.text(1)
    assert "Picture:z" in printed.text(1) and "topsecret" not in printed.text(1)
    assert warnings_of(cells[-1], picture_folders=[str(tmp_path)]) == []
