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
    said = json.loads(compiler.query("<nbtypst-small>", "value"))  # from its cache
except typst.TypstError as error:
    said = [str(error.message), str(error.diagnostic)]
with open(folder + "/said.json", "w") as file:
    json.dump(said, file)
"""


class TypstError(ExportError):
    """Typst makes no PDF; `faults` are its messages about the document, if any."""

    faults: Sequence[tuple[str, int]] = ()  # and their lines, from 1, or 0 if not known


class Endless(TypstError):
    """Typst does not finish in time."""


class Refusal(TypstError):
    """Typst refuses to compile the document."""

    def __init__(self, message: str, diagnostic: str) -> None:
        super().__init__(f"typst: {message}")
        faults = re.split(r"^error: ", diagnostic, flags=re.MULTILINE)[1:]
        lines = [re.findall(r"main\.typ:(\d+):", fault) or ["0"] for fault in faults]
        self.faults = [(fault.partition("\n")[0], int(known[-1]))
                       for fault, known in zip(faults, lines)]  # fmt: skip
        self.line = self.faults[-1][1] if self.faults else 0
        self.is_of_standard = bool(re.search("^PDF/|in this export mode", message))
        text = "".join(re.findall('text `"(.*)"` could not be displayed', diagnostic))
        text = re.sub(r"\\u\{(\w+)\}", lambda match: chr(int(match[1], 16)), text)
        self.missing_glyphs = {char for char in text if char > "\x7f"}


def run_typst(
    source: str, files: Mapping[str, bytes], standards: Sequence[str] = (), *,
    system_fonts: bool = False, timeout: float | None = None,
    small: list[str] | None = None,
) -> bytes:
    """Return the PDF of a Typst document, compiled once and without repairs.

    files -- the pictures and attachments by path
    standards -- what the PDF must conform to
    timeout -- seconds, and as many again for each megabyte (default: TIMEOUT_S)
    small -- a list that gets a warning for each text that style.typ sets below 5 pt

    Raises Refusal with Typst's message, Endless, or TypstError if it crashes.
    """
    size = len(source) + sum(map(len, files.values()))
    seconds = (timeout or TIMEOUT_S) * (1 + size / 1e6)
    ours, held_open = os.pipe()
    try:
        with tempfile.TemporaryDirectory(prefix="typst-") as folder:
            for name, content in {"main.typ": source.encode(), **files}.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            fonts = "yes" * system_fonts
            command = [sys.executable, "-c", _CHILD, folder, fonts, *standards]
            done = subprocess.run(
                command, stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                timeout=seconds,
            )  # fmt: skip
            if done.returncode == 0:
                said, pdf = Path(folder, "said.json"), Path(folder, "out.pdf")
                if not pdf.exists():
                    raise Refusal(*json.loads(said.read_bytes()))
                if small is not None:
                    small += json.loads(said.read_bytes())
                return pdf.read_bytes()
    except subprocess.TimeoutExpired:
        raise Endless(f"typst: still at work after {seconds:.0f} s") from None
    finally:
        os.close(ours)
        os.close(held_open)
    last = one_line(done.stderr.decode(errors="replace"), 200)
    reason = f"it crashed, over something nested or too large: {last}"
    raise TypstError(f"typst: {reason} (status {done.returncode})")
