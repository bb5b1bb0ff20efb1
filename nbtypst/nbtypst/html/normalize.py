"""HTML rewritten so that Pandoc reads it as a browser shows it."""

import base64
import functools
import html
import re

import css_inline
from bs4 import BeautifulSoup, Tag

from nbtypst.literals import typst_colour

_UNSEEN = re.compile(r"(^|[;\s])display\s*:\s*none")
_CENTRED = re.compile(r"(^|[;\s])text-align\s*:\s*center")
_DECLARATION = re.compile(r"([\w-]+)\s*:\s*([^;!]*)")
_EMBEDDED = ["iframe", "video", "audio", "object", "embed"]
_PAINTS = "typst:text:fill", "typst:fill"  # Pandoc's, of text and background
_KEEPING = ["div", "p", "section", "span", "table", "tbody", "td", "th", "thead", "tr"]
_WRAPPED = ["blockquote", "code", "dl", "ol", "pre", "ul"]
_BLOCKS = ["div", "p", "table", "ol", "ul", "pre", *(f"h{n}" for n in range(1, 7))]
MAX_ROWS = 2_000  # of a table, some forty pages
_parsed = functools.partial(BeautifulSoup, features="html.parser")


def read(source: str) -> tuple[str, list[str]]:
    """Return the HTML as a browser reads it, and what of it paper cannot show.

    Each tag has an end; what is hidden or embedded is left out.
    """
    document = _parsed(_with_drawings(_completed(source)))
    page = document.body or document
    unseen = page.find_all(["button", "script", "style", "template"])
    for tag in [*unseen, *page.find_all(hidden=True), *page.find_all(style=_UNSEEN)]:
        tag.decompose()
    problems = [_name_embedded(tag) for tag in page.find_all(_EMBEDDED)]
    for heading in page.find_all(re.compile("^h[1-6]$")):
        _flatten(heading)
    for tag in page.select('img[alt=""], img[role=presentation]'):
        tag["data-decorative"] = "yes"  # it needs no description
    for tag in page.find_all(["center", "main"]):  # else all around a main is lost
        tag.attrs |= {"align": "center"} if tag.name == "center" else {}
        tag.name = "div"
    _paint(page)
    for paragraph in page.find_all("p"):
        if paragraph.attrs:  # Pandoc keeps those of a div
            paragraph.wrap(Tag(name="div", attrs=paragraph.attrs))
            paragraph.attrs = {}
    for numbered in page.find_all("ol"):
        _number(numbered)
    for table in page.find_all("table"):
        problems += _tidy(table)
    return page.decode_contents(), problems


def _completed(source: str) -> str:
    """Return the HTML with its optional tags, and the colours of its style sheets."""
    styled = "<style" in source and ("color" in source or "background" in source)
    inline = functools.partial(css_inline.inline, load_remote_stylesheets=False)
    try:
        return inline(source, inline_style_tags=styled)
    except css_inline.InlineError:  # a broken style sheet
        return inline(source, inline_style_tags=False)


def _with_drawings(source: str) -> str:
    """Return the HTML with an image for each <svg>, which may have others in it."""
    done, drawing, depth = "", "", 0
    for part in re.split(r"(</?svg\b[^>]*>)", source):
        depth += part.startswith("<svg")
        done, drawing = (done, drawing + part) if depth else (done + part, "")
        depth -= part.startswith("</svg")
        if drawing and not depth:
            done, drawing = done + _image(drawing), ""
    return done + drawing


def _image(svg: str) -> str:
    """Return an image of an <svg>, with the namespaces that a page may leave out."""
    opening = svg[: svg.index(">")]
    for name, place in [("xmlns", "2000/svg"), ("xmlns:xlink", "1999/xlink")]:
        if f" {name}=" not in opening:
            svg = svg.replace("<svg", f'<svg {name}="http://www.w3.org/{place}"', 1)
    content = base64.b64encode(svg.replace("&nbsp;", "\u00a0").encode()).decode()
    title = re.search(r"<title[^>]*>([^<]*)</title>", svg)
    alt = title[1] if title else "".join(re.findall(r' aria-label="([^"]*)"', opening))
    size = "".join(re.findall(r' (?:width|height|style)="[^"]*"', opening))
    return f'<img src="data:image/svg+xml;base64,{content}" alt="{alt}"{size}>'


def _name_embedded(tag: Tag) -> str:
    """Replace what is embedded by its address; return a warning."""
    source = tag if tag.get("src") or tag.get("data") else tag.find(src=True) or tag
    address = str(source.get("src") or source.get("data") or "in the notebook")
    address = re.sub("^data:.*", "in the notebook", address, flags=re.DOTALL)
    words = html.escape(address)
    tag.replace_with(_parsed(f'<p>Embedded: <a href="{words}">{words}</a></p>'))
    return f"what is embedded is not shown: {address}"


def _flatten(heading: Tag) -> None:
    """Leave only words in a heading; put a centred heading into a div."""
    blocks = heading.find_all(["center", "div", "p"])
    centred = heading.get("align") == "center" or heading.center
    for tag in blocks:
        tag.unwrap()
    if centred or _CENTRED.search(str(heading.get("style", ""))):
        heading.wrap(Tag(name="div", attrs={"align": "center"}))


def _paint(page: Tag) -> None:
    """Give Pandoc the colours of words and of their background."""
    for tag in page.select("[style], [bgcolor], font[color]"):
        old = f"color: {tag.get('color')}; background: {tag.get('bgcolor')}; "
        style = dict(_DECLARATION.findall(old + str(tag.get("style"))))
        paper = style.get("background-color") or style.get("background")
        found = [(name, typst_colour((value or "").strip().lower()))
                 for name, value in zip(_PAINTS, (style.get("color"), paper))]
        paints = {name: colour for name, colour in found if colour}
        box = Tag(name="div" if tag.find(_BLOCKS) else "span", attrs=paints)
        if tag.name in _KEEPING:
            tag.attrs |= paints
        elif paints and tag.name in _WRAPPED:  # Pandoc loses their attributes
            box.name = "span" if tag.name == "code" else "div"
            tag.wrap(box)
        elif paints:
            box.extend(list(tag.contents))
            tag.append(box)


def _number(numbered: Tag) -> None:
    """Begin a new list where the numbers of one are not consecutive."""
    items = numbered.find_all("li", recursive=False)
    step = -1 if numbered.has_attr("reversed") else 1
    number = _whole(numbered, "start") or (1 if step == 1 else len(items))
    part, expected = numbered, number
    for item in items:
        number = _whole(item, "value") or number
        if item is items[0]:
            numbered["start"] = str(number)
        elif number != expected:
            last, part = part, Tag(name="ol", attrs=numbered.attrs)
            part["start"] = str(number)
            last.insert_after(part)
        if part is not numbered:
            part.append(item)
        number, expected = number + step, number + 1


def _tidy(table: Tag) -> list[str]:
    """Reduce a table to one head, and rows of cells below it; return warnings.

    Of an endless table, the rows after MAX_ROWS are left out.
    """
    for row in table.select(":scope > * > tr:not(:has(> td, > th))"):
        row.decompose()
    rows = table.select(":scope > * > tr")
    beyond = rows[MAX_ROWS:]
    for row in beyond:
        row.decompose()
    for row in rows[:MAX_ROWS]:  # whose colours Pandoc would lose
        around = (row.parent.attrs if row.parent else {}) | row.attrs
        paints = {name: around[name] for name in _PAINTS if name in around}
        for cell in _cells(row):
            cell.attrs = paints | cell.attrs
    if rows:
        _mend_spans([_cells(row) for row in rows[:MAX_ROWS]])
        _gather_head(table, rows[:MAX_ROWS])
    for part in table.select(":scope > :not(caption, colgroup, :has(tr))"):
        part.decompose()
    if not beyond:
        return []
    table.insert_after(_parsed(f"<p>… {len(beyond):,} more rows</p>"))
    return [f"{len(beyond):,} more rows left out: print less"]


def _mend_spans(rows: list[list[Tag]]) -> None:
    """Have each cell take one row and column, or as many as it validly says.

    One that is alone in its row is not wider than the other rows.
    """
    for cell in (cell for cells in rows for cell in cells):
        for name in {"colspan", "rowspan"} & {*cell.attrs}:
            cell[name] = str(_whole(cell, name) or 1)
    widths = [sum(_whole(cell, "colspan") or 1 for cell in cells)
              for cells in rows if len(cells) > 1]  # fmt: skip
    for [cell] in (cells for cells in rows if len(cells) == 1):
        cell["colspan"] = str(min(_whole(cell, "colspan") or 1, max(widths, default=1)))


def _gather_head(table: Tag, rows: list[Tag]) -> None:
    """Make one head of all header rows, or of the rows that the first one spans."""
    head = list(table.select(":scope > thead > tr"))
    if not head and all(cell.name == "th" for cell in _cells(rows[0])):
        head = rows[: max(_whole(cell, "rowspan") or 1 for cell in _cells(rows[0]))]
    if head:
        thead = Tag(name="thead")
        table.select(":scope > :has(> tr)")[0].insert_before(thead)
        thead.extend(head)


def _cells(row: Tag) -> list[Tag]:
    return row.find_all(["td", "th"], recursive=False)


def _whole(tag: Tag, name: str) -> int:
    """Return an attribute that is a whole number from 1 to 9999; 0 if it is not."""
    number = str(tag.get(name, ""))
    return int(number) if re.fullmatch("[1-9][0-9]{,3}", number) else 0
