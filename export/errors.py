"""What goes wrong and can be put right by the user."""

LONGEST = 20_000  # characters of a line that are shown
MOST = 20_000  # lines of a cell or an output that are shown


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
    lines, cuts = text.split("\n"), []
    if len(lines) > MOST:
        cuts = [f"{len(lines) - MOST:,} more lines"]
        lines = [*lines[:MOST], f"… {cuts[0]}"]
    if len(text) > LONGEST and (long := max(map(len, lines))) > LONGEST:
        cuts.append(f"up to {long - LONGEST:,} more characters in a line")
        lines = [
            line if len(line) <= LONGEST
            else f"{line[:LONGEST]} … {len(line) - LONGEST:,} more characters"
            for line in lines
        ]
    return "\n".join(lines), " and ".join(cuts)
