"""What the command puts out: lines for anybody or nobody, and files, never half."""

import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nbtypst.errors import ExportError


def prepare() -> None:
    """Let any character be printed, and keep files from the numbers of closed streams.

    Otherwise what a kernel prints could go into a file that was opened as number 1.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:  # it takes the lowest free
        os.set_inheritable(number, True)
    os.close(number)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")


def say(line: str, *, error: bool = False) -> None:
    """Print a line at once; if the reader has gone, go on silently."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError as failure:
        with open(os.devnull, "w") as nowhere:  # Python flushes once more at its end
            os.dup2(nowhere.fileno(), stream.fileno())
        if failure.errno not in (errno.EPIPE, errno.EINVAL):  # the latter on Windows
            raise


class InUse(ExportError):
    """A file that another program holds open, as Windows allows."""


def write(files: Mapping[Path, bytes]) -> None:
    """Write each content to its path so that each file is the old one or the new one.

    All of them are complete on the disk before the first is put in place, so that a
    full disk changes none. The file that a link leads to is written. Raises ExportError
    if a file cannot be written, InUse if it cannot be replaced.
    """
    complete: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            target = path.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
            with temporary.open("xb") as file:
                complete.append((temporary, target))
                if target.exists():
                    temporary.chmod(target.stat().st_mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for temporary, path in complete:
            temporary.replace(path)
    except OSError as error:
        raise _explained(path, error) from None
    finally:
        for temporary, _ in complete:  # those that are not in place
            with contextlib.suppress(OSError):
                temporary.chmod(0o600)  # Windows deletes nothing that is read-only
                temporary.unlink()


def try_to_write(path: Path) -> None:
    """Raise ExportError if no file could be written at `path`; nothing is changed."""
    target = path.resolve()
    if not target.parent.is_dir():
        raise ExportError(f"cannot write {path}: there is no folder {path.parent} yet")
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "not an ordinary file"
        raise ExportError(f"cannot write {path}: it is {kind}")
    try:
        tempfile.TemporaryFile(dir=target.parent).close()
        if target.exists():
            target.open("r+b").close()  # fails if it is open elsewhere, on Windows
    except OSError as error:
        raise _explained(path, error) from None


def _explained(path: Path, error: OSError) -> ExportError:
    if isinstance(error, PermissionError):
        return InUse(f"cannot write {path}: {error.strerror}; if it is open, close it")
    return ExportError(f"cannot write {path}: {error.strerror}")
