"""In a kernel: write down what its run reads, looks for, changes and starts."""

import json
import os
import sys
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_KINDS = {
    "import": "import", "os.listdir": "read", "os.scandir": "read",
    "os.remove": "write", "os.rename": "write", "os.mkdir": "write",
} | dict.fromkeys(  # their results cannot be found in a file
    ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty",
     "os.posix_spawn", "os.spawn", "socket.connect", "socket.getaddrinfo"), "outside",
)  # fmt: skip
_LIST_FONTS = ("fc-list", "system_profiler")  # by Matplotlib, before it has its cache


class Trace:
    """A file with one line of JSON for each action and its object, without repeats.

    An action is one of read (also of what is missing, and of a folder's file names),
    import, write and outside.
    """

    def __init__(self, log: str) -> None:
        """Start recording."""
        self.file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.seen: set[tuple[str, str]] = set()
        self.real_stat = os.stat
        os.stat = self.stat  # no audit event reports it
        sys.addaudithook(self.hook)

    def note(self, kind: str, what: Any) -> None:
        """Write down an action and its object, unless that has been written before."""
        if kind not in ("import", "outside"):
            if not isinstance(what, str | bytes | os.PathLike):
                return  # an open file's number
            what = os.path.abspath(os.fsdecode(what))  # noqa: PTH100
        if (kind, what) not in self.seen:
            self.seen.add((kind, what))
            os.write(self.file, (json.dumps([kind, what]) + "\n").encode())

    def hook(self, event: str, args: tuple) -> None:
        """Handle an event of sys.addaudithook."""
        if event == "open":
            self.note("write" if (args[2] or 0) & _WRITES else "read", args[0])
        elif kind := _KINDS.get(event):
            caller = sys._getframe(1).f_code
            if not (
                # An import looks for the name that it has.
                (kind == "read" and "importlib" in caller.co_filename)
                # On Windows this pair connects, but inside of the process.
                or "socketpair" in caller.co_name
                or (kind == "outside" and args and args[0] in _LIST_FONTS)
            ):
                self.note(kind, event if kind == "outside" else args[0] or ".")

    def stat(self, path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        """Do what os.stat does, and write down what is missing."""
        try:
            return self.real_stat(path, *args, **kwargs)
        except (FileNotFoundError, NotADirectoryError):
            if path:  # "" is not the current folder
                self.note("read", path)
            raise
