"""Plain text as a terminal shows it, in amounts that paper can hold."""

import itertools
import re

from nbconvert.filters import strip_ansi

MAX_LINE = 20_000  # characters of a line that are shown
MAX_LINES = 20_000  # of a cell or an output,
MAX_CHARACTERS = 2_000_000  # and characters


def truncate(text: str) -> tuple[str, str]:
    """Return the text within these limits, and in words what was cut off, if any."""
    lines = text.split("\n")
    cuts = []
    for number, line in enumerate(lines):
        if len(line) > MAX_LINE:
            cuts.append(f"{len(line) - MAX_LINE:,} more characters")
            lines[number] = f"{line[:MAX_LINE]} … {cuts[-1]}"
    sizes = itertools.accumulate(len(line) + 1 for line in lines[:MAX_LINES])
    shown = sum(size <= MAX_CHARACTERS for size in sizes)
    if shown < len(lines):
        cuts.insert(0, f"{len(lines) - shown:,} more lines")
        lines = [*lines[:shown], f"… {cuts[0]}"]
    return "\n".join(lines), " and ".join(cuts[:2])


def printable(text: str) -> str:
    """Output as a terminal finally shows it, without colours and links.

    After a carriage return the line is overwritten, and a backspace goes back one
    character; other control characters are shown as escapes.
    """
    text = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", text)
    text = strip_ansi(text).replace("\r\n", "\n").rstrip("\n")
    if "\r" in text or "\b" in text:
        text = "\n".join(map(_overwritten, text.split("\n")))
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text
    )


def _overwritten(line: str) -> str:
    shown, at = "", 0
    for step in re.findall(r"[^\r\x08]+|[\r\x08]", line):
        if step in "\r\b":
            at = max(at - 1, 0) if step == "\b" else 0
        else:
            shown = shown[:at] + step + shown[at + len(step) :]
            at += len(step)
    return shown
