"""What goes wrong and can be put right by the user."""

import itertools
import re
from collections.abc import Iterable, Iterator

LONGEST = 20_000  # characters of a line that are shown
MOST = 20_000  # lines of a cell or an output that are shown,
MOST_CHARACTERS = 2_000_000  # and characters


class ExportError(Exception):
    """Something the user can put right; the message is the one line to show."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.line = 0  # of the Typst that it is about, if that is known
        self.faults: list[tuple[str, int]] = []  # all that Typst names, with lines


def one_line(text: object, most: int = 300) -> str:
    """A message on one line, cut if it is long."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[:most] + " …"


def bounded(text: str) -> tuple[str, str]:
    """The text within bounds, and what it lacks: nothing, or words that say so."""
    lines = text.split("\n")
    cuts = []
    for number, line in enumerate(lines):
        if len(line) > LONGEST:
            cuts.append(f"{len(line) - LONGEST:,} more characters")
            lines[number] = f"{line[:LONGEST]} … {cuts[-1]}"
    sizes = itertools.accumulate(len(line) + 1 for line in lines[:MOST])
    shown = sum(size <= MOST_CHARACTERS for size in sizes)
    if shown < len(lines):
        cuts.insert(0, f"{len(lines) - shown:,} more lines")
        lines = [*lines[:shown], f"… {cuts[0]}"]
    return "\n".join(lines), " and ".join(cuts[:2])


def gathered(warnings: Iterable[str]) -> Iterator[str]:
    """The warnings; those that say the same of several cells of a notebook, in one."""
    cells: dict[tuple[str, str], dict[str, None]] = {}
    for warning in warnings:
        [parts] = re.findall(r"(?s)\A(?:(.*?), cell (\d+): )?(.*)\Z", warning)
        notebook, cell, what = parts
        cells.setdefault((notebook, what), {})[cell] = None
    for (notebook, what), (first, *others) in cells.items():
        more = f" and {len(others) - 8} more" if len(others) > 8 else ""
        also = f" (and {', '.join(others[:8])}{more})" if others else ""
        yield f"{notebook}, cell {first}{also}: {what}" if first else what
