"""What the command says: to a terminal of any encoding, to a pipe, or to nobody."""

import errno
import io
import os
import sys


def prepare() -> None:
    """Let any character be printed, and keep files from the numbers of closed streams.

    Otherwise what a kernel prints could go into a file that was opened as number 1.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It takes the lowest number that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(line: str, *, error: bool = False) -> None:
    """Print a line at once, and go on without a word when nobody reads any more."""
    stream = sys.stderr if error else sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError as failure:
        with open(os.devnull, "w") as nowhere:  # Python flushes once more at its end
            os.dup2(nowhere.fileno(), stream.fileno())
        if failure.errno not in (errno.EPIPE, errno.EINVAL):  # the latter on Windows
            raise
