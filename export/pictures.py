"""Pictures, known by their bytes, and how large they are on a screen."""

import base64
import binascii
import io
import re
import warnings
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from PIL import Image, UnidentifiedImageError

from export.sources import PROJECT

# The format that Pillow finds, and the ending by which Typst knows it.
_ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "WEBP": ".webp"}


def identified(content: bytes) -> tuple[bytes, str, float | None]:
    """A picture that Typst can show, its ending, and its width in pixels if it has any.

    Raises ValueError if it is none, or too large to be true.
    """
    if content.startswith(b"%PDF"):
        return content, ".pdf", None
    if svg := re.search(rb"<svg\b[^>]*>", content[:20_000]):
        width = re.search(rb'\swidth\s*=\s*["\']\s*([\d.]+)(?:px)?\s*["\']', svg[0])
        return content, ".svg", float(width[1]) if width else None
    try:
        with warnings.catch_warnings():  # Pillow warns of 90 million pixels
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                if image.format in _ENDINGS:
                    return content, _ENDINGS[image.format], image.width
                converted = io.BytesIO()
                image.convert("RGBA").save(converted, "PNG")
                return converted.getvalue(), ".png", image.width
    except UnidentifiedImageError:
        raise ValueError("it is no picture, or a damaged one") from None
    except Exception as error:  # of many kinds
        raise ValueError(f"it is no picture, or a damaged one ({error})") from None


def decoded(text: str) -> bytes:
    """The content of a picture as it stands in a notebook: as base64, or as SVG."""
    if text.lstrip().startswith("<"):
        return text.encode()
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def found(source: str, folder: Path, attachments: dict) -> bytes:
    """The content of a picture that Markdown or HTML names.

    Raises ValueError with the reason if there is none.
    """
    if data := re.match(r"data:[^,]*?(;base64)?,(.*)", source, re.DOTALL):
        return decoded(data[2]) if data[1] else unquote_to_bytes(data[2])
    if re.match(r"(\w+:)?//", source):
        raise ValueError("it is on the web: save it beside the notebook")
    for name in (source, re.sub(r"[?#].*", "", source, flags=re.DOTALL)):
        name = unquote(name).removeprefix("attachment:")
        for content in attachments.get(name, {}).values():
            return decoded(content)
        try:
            path = Path(folder, name).resolve()
            within = any(path.is_relative_to(root) for root in _roots(folder.resolve()))
            if within and path.is_file():
                return path.read_bytes()
        except (OSError, ValueError):
            continue
        if not within:
            raise ValueError("it is outside of the notebook's folder: copy it there")
    raise ValueError("there is no such file")


def _roots(folder: Path) -> list[Path]:
    """Where a notebook's pictures may be: in its folder, and in its repository."""
    repositories = [p for p in (folder, *folder.parents) if (p / ".git").exists()]
    project = [PROJECT] if folder.is_relative_to(PROJECT) else []
    return [folder, *project, *repositories[:1]]
