"""Put finished files in place: the old content or the new, never half of it."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from export.errors import ExportError


def write(files: Mapping[Path, bytes]) -> None:
    """Write each content to its path so that each file is the old one or the new one.

    All of them are complete on the disk before the first is put in place, so that a
    full disk changes none. Killed between two of these last steps, a program leaves the
    first files new and the others old, each of them whole: no file system does better.

    Raises ExportError if a file cannot be written.
    """
    written: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=f".{path.name}.", delete=False
            ) as file:
                written.append((Path(file.name), path))
                mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        while written:
            temporary, path = written[0]
            temporary.replace(path)
            written.pop(0)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    finally:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)


def try_to_write(path: Path) -> None:
    """Raise ExportError if no file could be written at `path`; nothing is changed."""
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
