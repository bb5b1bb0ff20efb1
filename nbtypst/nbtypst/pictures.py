"""Pictures: their formats, detected from the bytes, and their sizes on a screen."""

import base64
import binascii
import contextlib
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from PIL import Image, ImageOps, UnidentifiedImageError

# Pillow's name of a format, and the file ending by which Typst knows it.
_ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "WEBP": ".webp"}


def detect_format(content: bytes) -> tuple[bytes, str, float | None]:
    """Return a picture that Typst can show, its ending, and its width in pixels if any.

    Raises ValueError if it is not a picture, or too large to be true.
    """
    if content.startswith(b"%PDF"):
        return content, ".pdf", None
    if svg := re.search(rb"<svg\b[^>]*>", content[:20_000]):
        size = re.search(rb'\swidth\s*=\s*["\']\s*([\d.]+)(?:px)?\s*["\']', svg[0])
        return content, ".svg", float(size[1]) if size else None
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # over 90 million pixels
            Image.open(io.BytesIO(content)) as image,
        ):
            # All of it is read, so that half a picture is found here; a photo may be on
            # its side.
            width = ImageOps.exif_transpose(image).width
            if image.format not in _ENDINGS:
                converted = io.BytesIO()
                image.convert("RGBA").save(converted, "PNG")
                content = converted.getvalue()
            return content, _ENDINGS.get(image.format or "", ".png"), width
    except Exception as error:  # of many kinds
        more = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise ValueError(f"it is not a picture, or a damaged one{more}") from None


def decode_image(text: str) -> bytes:
    """Return the bytes of a picture that a notebook holds as base64 or as SVG."""
    text = text.lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return text.encode()
    with contextlib.suppress(binascii.Error):
        return base64.b64decode(text)
    return b""


def load_image(
    source: str, folder: Path, attachments: dict, roots: Sequence[Path] = ()
) -> bytes:
    """Return the bytes of a picture that Markdown or HTML refers to.

    folder -- the notebook's; pictures may come from it and from its repository
    attachments -- of the cell: {name: {mimetype: content}}
    roots -- more folders; notebooks in them may take pictures from them

    Raises ValueError with the reason if it cannot be loaded.
    """
    if data := re.match(r"data:[^,]*?(;base64)?,(.*)", source, re.DOTALL):
        return decode_image(data[2]) if data[1] else unquote_to_bytes(data[2])
    if re.match(r"(\w+:)?//", source):
        raise ValueError("it is on the web: save it next to the notebook")
    folder = folder.resolve()
    around = [root for root in roots if folder.is_relative_to(root)]
    repositories = [p for p in (folder, *folder.parents) if (p / ".git").exists()]
    allowed = [folder, *around, *repositories[:1]]
    without_query = re.sub(r"[?#].*", "", source, flags=re.DOTALL)
    for name in (source, without_query, source.replace("\\", "/")):
        name = unquote(name).removeprefix("attachment:")
        for content in attachments.get(name, {}).values():
            return decode_image(content)
        try:
            path = Path(folder, name).resolve()
            within = any(path.is_relative_to(root) for root in allowed)
            if within and path.is_file():
                return path.read_bytes()
        except (OSError, ValueError):
            continue
        if not within:
            raise ValueError("it is outside of the notebook's folder: copy it there")
    raise ValueError("there is no such file")
