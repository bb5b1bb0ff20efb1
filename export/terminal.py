"""What the command prints: to a terminal of any encoding, a pipe, or no reader."""

import errno
import os
import sys


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
