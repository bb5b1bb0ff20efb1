"""Typst source to PDF: fonts for every character, a way around all that it refuses."""

import json
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import typst  # noqa: F401 (needed by its process: if it is missing, better known here)

from export.errors import ExportError, bounded, one_line
from export.literals import CONTROLS, typst_string
from export.pages import read_text

UNIVERSAL = "ua-1"  # PDF/UA-1, which everybody can read, with eyes or without
PATIENCE = 600  # seconds
MOST_ROUNDS = 30  # in which a document is mended
MOST_NAMES = 12  # of characters without a font; the names of more would fill pages
UNKNOWN = "□\u2009"  # in the place of each of those; a line may end there
LAST = 4  # rounds, in which each cell is tried alone; one that needs another is lost

# What runs in a process of its own, for a crash of Typst ends it.
_CHILD = """
import json, sys, typst
folder, system_fonts, *standards = sys.argv[1:]
try:
    pdf = typst.compile(folder + "/main.typ", root=folder, pdf_standards=standards,
                        ignore_system_fonts=not system_fonts)
except typst.TypstError as error:
    pdf = json.dumps([str(error.message), str(error.diagnostic)]).encode()
sys.stdout.buffer.write(pdf)
"""


class Compiled(NamedTuple):
    """A PDF, and what could not be shown as it was meant."""

    pdf: bytes
    warnings: list[str]
    names: dict[str, str]  # of the characters that no font has


def compile_with_fonts(source: str, files: Mapping[str, bytes]) -> Compiled:
    """The PDF of a Typst document, with a warning for each cell that is not as meant.

    It is PDF/UA-1 if the document allows it, and what does not allow it is named. The
    system's fonts are asked only for a script that the built-in ones lack; a character
    that these lack, too, becomes its name.

    files -- the pictures and attachments by path

    Raises ExportError if Typst refuses what is in no cell.
    """
    warnings: list[str] = []
    names: dict[str, str] = {}
    source = source.translate(CONTROLS)
    standards, system_fonts = [UNIVERSAL], False
    lacking: set[str] = set()  # in the fonts that come with Typst
    for done in range(MOST_ROUNDS):
        cells, error = _cells(source), None
        try:
            pdf = compile_typst(source, files, standards, system_fonts=system_fonts)
            found = set() if standards else _not_printed(pdf, cells)
        except ExportError as refusal:
            error, found = refusal, _without_font(refusal)
        found -= set("".join([*files, *names.values()]))
        if found and not lacking:
            lacking, system_fonts = found, True
        elif gone := found & set(source):  # and not what has a name in Typst
            system_fonts = found != lacking
            names |= _names(gone)
            warnings += _signs(gone, names, cells)
            source = source.translate({ord(c): name for c, name in names.items()})
        elif not error:
            return Compiled(pdf, warnings, names)
        elif "PDF/UA" in str(error) or "in this export mode" in str(error):
            standards.clear()
            warnings += _not_for_all(error.faults, cells)
        else:
            source = _without_refused(
                error, files, cells, warnings, named=done < MOST_ROUNDS - LAST
            )
    raise ExportError(f"Typst refuses something after {MOST_ROUNDS} rounds")


def _without_refused(
    error: ExportError, files: Mapping[str, bytes], cells: list[str],
    warnings: list[str], *, named: bool,
) -> str:
    """The source with what Typst refuses shown as code.

    If `named`, that is the cell that the error points to; otherwise, every picture or
    cell that Typst refuses on its own. Raises the error if there is none.
    """
    if named and (number := _cell_at(error.line, cells)):
        warnings.append(f"{cells[number]}: {one_line(error)}")
        cells[number + 1] = _unset(cells[number + 1])
    elif not _without_faults(files, cells, warnings):
        raise error
    pairs = zip(cells[1::2], cells[2::2])
    return cells[0] + "".join(f"// Cell: {where}\n{text}" for where, text in pairs)


def _not_printed(pdf: bytes, cells: list[str]) -> set[str]:
    """The characters that no font has, where Typst does not name them."""
    text = read_text(pdf)
    if "\0" not in text:  # which stands in the place of each
        return set()
    unseen = set("".join(cells[2::2])) - set(text)
    return {char for char in unseen if char > "\x7f" and not char.isspace()}


def _without_font(error: ExportError) -> set[str]:
    """The characters that no font has, as Typst names them where it writes PDF/UA."""
    words = [re.search('the text `"(.*)"` could not be displayed', what)
             for what, _ in error.faults]  # fmt: skip
    text = "".join(found[1] for found in words if found)
    text = re.sub(r"\\u\{(\w+)\}", lambda match: chr(int(match[1], 16)), text)
    return {char for char in text if char > "\x7f"}


def _signs(gone: set[str], names: Mapping[str, str], cells: list[str]) -> Iterator[str]:
    """A warning for each cell with characters that no font has."""
    boxes = sorted(char for char in gone if names[char] == UNKNOWN)
    for where, text in zip(cells[1::2], cells[2::2]):
        here = [char for char in dict.fromkeys(text) if char in gone]
        signs = [f"{char} {names[char]}".strip() for char in here]
        end = ""
        if boxes and any(char in boxes for char in here):  # one line for all cells
            signs, end = boxes, " in this document, which become boxes"
        if signs:
            more = f" and {len(signs) - 5} more" if len(signs) > 5 else ""
            listed = ", ".join(signs[:5]) + more + end
            yield f"{where or 'the appendix'}: no font on this computer has {listed}"


def _names(gone: set[str]) -> dict[str, str]:
    """What is printed in the place of each character."""
    names = {char: _named(char) for char in sorted(gone)}
    if sum(map(bool, names.values())) > MOST_NAMES:
        return {char: name and UNKNOWN for char, name in names.items()}
    return names


def _named(char: str) -> str:
    """The words that are printed in the place of a character."""
    if unicodedata.category(char) in ("Cf", "Cc", "Co") or "\ufe00" <= char <= "\ufe0f":
        return ""
    return f"‹{unicodedata.name(char, f'U+{ord(char):04X}').lower()}›"


def _not_for_all(faults: list[tuple[str, int]], cells: list[str]) -> list[str]:
    """What keeps the document from being PDF/UA, cell by cell if Typst says where.

    Pictures without a description are named elsewhere.
    """
    found = {
        f"{cells[number] if number else 'the document'}: {message}"
        for message, line in faults
        for number in [_cell_at(line, cells)]
        if "PDF/UA" in message and "alt text" not in message
    }
    return sorted(found)


def _cells(source: str) -> list[str]:
    """What is before the cells; then by turns where a cell is from, and its Typst."""
    return re.split(r"^// Cell: (.*)\n", source, flags=re.MULTILINE)


def _cell_at(line: int, cells: list[str]) -> int:
    """The number, in `cells`, of the cell that has a line of the source; 0 if none."""
    end = cells[0].count("\n")
    for number in range(1, len(cells), 2):
        begin, end = end + 1, end + 1 + cells[number + 1].count("\n")
        if begin < line <= end and cells[number]:
            return number
    return 0


def _without_faults(
    files: Mapping[str, bytes], cells: list[str], warnings: list[str]
) -> bool:
    """Find what Typst refuses without saying where, by trying all, if there is any.

    A picture makes way for a placeholder, a cell for its Typst as code.
    """
    before = len(warnings)
    numbers = [n for n in range(2, len(cells), 2) if cells[n - 1]]  # of the notebooks'
    for name, content in files.items():
        literal = typst_string(name)
        users = [number for number in numbers if literal in cells[number]]
        if users and (error := _refusal(f"#image({literal})", {name: content})):
            for number in users:
                cells[number] = cells[number].replace(literal, "none")
                warnings.append(f"{cells[number - 1]}: a picture: {error}")
    for number in numbers if len(warnings) == before else []:
        if error := _refusal(cells[0] + cells[number], files):
            cells[number] = _unset(cells[number])
            warnings.append(f"{cells[number - 1]}: {one_line(error)}")
    return len(warnings) > before


def _unset(source: str) -> str:
    """The Typst that shows some other Typst as code."""
    return f"#unset({typst_string(bounded(source.strip())[0])})\n"


def _refusal(source: str, files: Mapping[str, bytes]) -> ExportError | None:
    try:
        compile_typst(source, files)
    except ExportError as error:
        return error
    return None


def compile_typst(
    source: str, files: Mapping[str, bytes], standards: Sequence[str] = (), *,
    system_fonts: bool = False,
) -> bytes:
    """The PDF of a Typst document; ExportError with Typst's message if it has none.

    files -- the pictures and attachments by path
    standards -- what the PDF must conform to
    """
    with tempfile.TemporaryDirectory(prefix="typst-") as folder:
        for name, content in {"main.typ": source.encode(), **files}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        fonts = "yes" * system_fonts
        command = [sys.executable, "-c", _CHILD, folder, fonts, *standards]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise ExportError(f"typst: still at work after {PATIENCE} s") from None
    if done.returncode:
        last = one_line(done.stderr.decode(errors="replace"), 200)
        reason = f"it crashed, over something nested or too large: {last}"
        raise ExportError(f"typst: {reason} (status {done.returncode})")
    if done.stdout.startswith(b"%PDF"):
        return done.stdout
    message, diagnostic = json.loads(done.stdout)
    error = ExportError(f"typst: {message}")
    for fault in re.split(r"^(?=error: )", diagnostic, flags=re.MULTILINE)[1:]:
        lines = re.findall(r"main\.typ:(\d+):", fault)
        what = fault.partition("\n")[0].removeprefix("error: ")
        error.faults.append((what, int(lines[-1]) if lines else 0))
    error.line = error.faults[-1][1] if error.faults else 0
    raise error
