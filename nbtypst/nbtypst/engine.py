"""Typst itself, in a process of its own: a PDF, or Typst's error messages."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import typst  # noqa: F401 (for the child process: fails here if it is missing)

from nbtypst.errors import ExportError, one_line

TIMEOUT_S = 60  # for a document, and as much again for each megabyte in it

# This runs in a process of its own, since a crash of Typst ends the process. It exits
# when the process that waits for it ends in any way, because its input is then closed.
_CHILD = """
import json, os, sys, threading, typst
folder, system_fonts, *standards = sys.argv[1:]
threading.Thread(target=lambda: os._exit(bool(sys.stdin.read())), daemon=True).start()
document = folder + "/main.typ"
try:
    compiler = typst.Compiler(document, folder, ignore_system_fonts=not system_fonts)
    compiler.compile(output=folder + "/out.pdf", pdf_standards=standards)
    answer = json.loads(compiler.query("<nbtypst-small>", "value"))  # from its cache
except typst.TypstError as error:
    answer = [str(error.message), str(error.diagnostic)]
with open(folder + "/answer.json", "w") as file:  # others may print
    json.dump(answer, file)
"""


class TypstError(ExportError):
    """Typst makes no PDF.

    faults -- its messages about the document, each with its line (from 1; 0 if that is
    not known); empty if it crashed or, as `is_endless` says, did not finish in time
    """

    def __init__(
        self, message: str, diagnostic: str = "", *, is_endless: bool = False
    ) -> None:
        super().__init__(f"typst: {message}")
        self.is_endless = is_endless
        faults = re.split(r"^error: ", diagnostic, flags=re.MULTILINE)[1:]
        lines = [re.findall(r"main\.typ:(\d+):", fault) or ["0"] for fault in faults]
        self.faults = [(fault.partition("\n")[0], int(known[-1]))
                       for fault, known in zip(faults, lines)]  # fmt: skip
        self.is_of_standard = bool(re.search("^PDF/|in this export mode", message))
        text = "".join(re.findall('text `"(.*)"` could not be displayed', diagnostic))
        text = re.sub(r"\\u\{(\w+)\}", lambda match: chr(int(match[1], 16)), text)
        self.missing_glyphs = {char for char in text if char > "\x7f"}


def run_typst(
    source: str, files: Mapping[str, bytes], standards: Sequence[str] = (), *,
    system_fonts: bool = False, timeout: float = TIMEOUT_S,
    small: list[str] | None = None,
) -> bytes:
    """Return the PDF of a Typst document, compiled once and without repairs.

    files -- the pictures and attachments by path
    standards -- what the PDF must conform to
    timeout -- seconds, and as many again for each megabyte
    small -- a list that gets a warning for each text that style.typ sets below 5 pt

    Raises TypstError if Typst refuses the document, crashes or does not finish in time.
    """
    seconds = timeout * (1 + (len(source) + sum(map(len, files.values()))) / 1e6)
    reading, writing = os.pipe()
    with open(reading) as held_open, open(writing, "w"), \
            tempfile.TemporaryDirectory(prefix="typst-") as folder:  # fmt: skip
        for name, content in {"main.typ": source.encode(), **files}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        options = [folder, "yes" * system_fonts, *standards]
        try:
            done = subprocess.run([sys.executable, "-c", _CHILD, *options],
                                  stdin=held_open, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=seconds)  # fmt: skip
        except subprocess.TimeoutExpired:
            reason = f"still at work after {seconds:.0f} s"
            raise TypstError(reason, is_endless=True) from None
        if done.returncode:
            last = one_line(done.stderr.decode(errors="replace"), 200)
            reason = f"it crashed, over something nested or too large: {last}"
            raise TypstError(f"{reason} (status {done.returncode})")
        answer = json.loads(Path(folder, "answer.json").read_bytes())
        pdf = Path(folder, "out.pdf")
        if not pdf.exists():
            raise TypstError(*answer)
        if small is not None:
            small += answer
        return pdf.read_bytes()
