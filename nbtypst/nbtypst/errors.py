"""Errors that the user can put right, and warnings."""

import re
from collections.abc import Iterable, Iterator


class ExportError(Exception):
    """Something the user can put right; the message is the one line to show."""


def one_line(text: object, max_length: int = 300) -> str:
    """Return a message on one line, cut if it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= max_length else line[:max_length] + " …"


def grouped(warnings: Iterable[str]) -> Iterator[str]:
    """Yield the warnings, with one for those that say the same of several cells."""
    cells: dict[tuple[str, str], dict[str, None]] = {}
    for warning in warnings:
        pattern = r"(?s)\A(?:(.*?), cell (\d+): )?(.*)\Z"
        [(notebook, cell, what)] = re.findall(pattern, warning)
        cells.setdefault((notebook, what), {})[cell] = None
    for (notebook, what), (first, *others) in cells.items():
        more = f" and {len(others) - 8} more" if len(others) > 8 else ""
        also = f" (and {', '.join(others[:8])}{more})" if others else ""
        yield f"{notebook}, cell {first}{also}: {what}" if first else what
