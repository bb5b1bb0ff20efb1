"""Small homeworks for the tests of the export, and what of them is printed."""

from collections.abc import Sequence
from pathlib import Path

import nbformat

import export
from export.__main__ import main
from export.check import Section, faults, read_back
from export.cover import Cover, read_cover
from export.sources import Source, all_sources
from export.write_up import APPENDIX, WriteUp, make_write_up
from nbtypst.compile import compile_document
from nbtypst_samples import code, figure, markdown, raw, save, stdout
from pdf_pages import Mark, Printed, plain, squeezed

__all__ = ["Mark", "code", "figure", "markdown", "plain", "raw", "save", "squeezed",
           "stdout"]  # fmt: skip

ROOT = Path(export.__file__).resolve().parents[1]
STATEMENT = read_cover(ROOT / "export" / "cover.toml").statement
SIGNED = Cover(
    name="Ada Lovelace",
    worked_alone=True,
    date="10 December 2025",
    statement=STATEMENT,
)
OLD = b"%PDF the old one"
NAMES = ("a.ipynb", "b.ipynb")


class Built:
    """A write-up and its PDF, in which nothing is missing or in the wrong place."""

    def __init__(self, *paths: Path, cover: Cover = SIGNED) -> None:
        notebooks = [nbformat.read(path, 4) for path in paths]
        self.write_up: WriteUp = make_write_up(paths, notebooks, cover, "w")
        compiled = compile_document(self.write_up.source, self.write_up.files)
        self.warnings = [*self.write_up.warnings, *compiled.warnings]
        self.printed = Printed(compiled.pdf)
        self.sections, _ = read_back(compiled.pdf)
        found = [*faults(self.sections, self.write_up.sections)]
        found += missing(self.printed, self.sections, all_sources(paths, notebooks))
        assert not found, found


def missing(
    printed: Printed, sections: Sequence[Section], sources: Sequence[Source]
) -> list[str]:
    """Lines of code and files that a write-up lacks, and what is in the wrong place."""
    last = range(sections[-1].first, sections[-1].last + 1)
    words = plain("".join(m.text for page in last for m in printed.body(page)))
    found = printed.faults(*(APPENDIX + source.name for source in sources))
    at = 0
    for listing in (listing for source in sources for listing in source.listings):
        for number, line in enumerate(listing.source.split("\n"), 1):
            place = words.find(f"{number}{plain(line)}", at) if line.strip() else at
            if place < 0:
                found.append(f"{listing.title} {listing.label} lacks line {number}")
            at = max(at, place)
    attached = printed.reader.attachments
    found += [f"{source.name} is not attached as it is" for source in sources
              if attached.get(source.name) != [source.content]]  # fmt: skip
    return found


def command(folder: Path, *more: str, notebooks: tuple[str, ...] = NAMES) -> list[str]:
    """The arguments that make w.pdf of notebooks in a folder, with its cover if any."""
    cover = folder / "cover.toml"
    options = ["-o", str(folder / "w.pdf"), *["--cover", str(cover)] * cover.exists()]
    return [*(str(folder / name) for name in notebooks), *options, *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refused(capsys, *arguments: str) -> str:
    """The one line that the command prints as it fails."""
    assert main(list(arguments)) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line
