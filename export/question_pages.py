"""The pages of each question, read from the finished PDF: are they its own?"""

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pypdf import PdfReader


class Section(NamedTuple):
    """A question, its first and last page, and how high its title is on the first."""

    title: str
    first: int  # counted from 1
    last: int
    top: float  # a share of the height of the page


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
    taken = 0
    for title, first, _, top in sections:
        if first == taken or top < 0.8:
            yield f"{title!r} does not begin a page of its own: page {first}"
        taken = first


def page_table(sections: Sequence[Section]) -> str:
    """Return the pages of each question, as Gradescope asks for them."""
    rows = [("Question", "Pages")]
    rows += [(title, f"{first}-{last}" if last > first else str(first))
             for title, first, last, _ in sections]
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"  {title:<{width}}  {pages:>7}" for title, pages in rows)
