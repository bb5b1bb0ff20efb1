"""Open the finished PDF again: does each question begin a page of its own?"""

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from pypdf import PdfReader


class Section(NamedTuple):
    """A question and its pages, counted from 1."""

    title: str
    first: int
    last: int
    top: float  # how high on its first page the title is, as a share of its height


def read_back(pdf: bytes) -> tuple[list[Section], int]:
    """Return the sections of a PDF, from its outline, and how many pages it has."""
    reader = PdfReader(io.BytesIO(pdf))
    entries = [e for e in reader.outline if not isinstance(e, list)]  # no subsections
    pages = [reader.get_destination_page_number(entry) or 0 for entry in entries]
    sections = [
        Section(entry.title or "", page + 1, max(page + 1, end),
                float(entry.top or 0) / reader.pages[page].mediabox.height)
        for entry, page, end in zip(entries, pages, [*pages[1:], len(reader.pages)])
    ]
    return sections, len(reader.pages)


def faults(sections: Sequence[Section], expected: int) -> Iterator[str]:
    """Yield what is wrong with the sections; `expected` is how many there must be."""
    if len(sections) != expected:
        titles = ", ".join(section.title for section in sections)
        yield f"the PDF has the sections {titles}, not {expected} of them"
    if sections and sections[0].first < 3:
        yield "page 1 of the PDF is not the cover alone"
    for section in sections:
        if section.top < 0.8:
            yield f"{section.title!r} does not begin page {section.first}"
    for one, other in pairwise(sections):
        if one.first == other.first:
            yield f"{other.title!r} shares page {one.first}"
