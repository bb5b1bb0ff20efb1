"""TeX rewritten so that Pandoc converts it to Typst rightly.

What Pandoc would lose is written here in Typst itself: `\\text{...}` with a number
stands in for it in the TeX, and markup.lua puts the Typst in the place of that. What
Pandoc does not know it says, and the formula is shown as its source.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from nbtypst.literals import typst_array, typst_colour, typst_string
from nbtypst.tex import symbols
from nbtypst.tex.macros import Refused, known_macros, tokens_of
from nbtypst.tex.tree import (
    as_tex,
    between,
    columns_of,
    infix,
    next_node,
    parse,
    past_option,
    split,
    without_gaps,
)


class StandIn(NamedTuple):
    """The Typst for a `\\text{...}` in the rewritten TeX."""

    typst: str
    tight: bool = False  # without the space on either side of it


class Rewritten(NamedTuple):
    """TeX that Pandoc converts rightly, the stand-ins in it, and its number, if any."""

    tex: str
    stand_ins: list[StandIn]
    tag: str | None


class Scope:
    """What the formulas of a notebook know of each other: macros and numbers."""

    def __init__(self) -> None:
        """Nothing is known yet but the macros that everybody has."""
        self.macros = dict(known_macros())  # number of arguments, the first one, tokens
        self.labels: dict[str, tuple[str, str]] = {}  # the number, and where in Typst
        self.numbered = 0

    def number(self, tex: str, place: str) -> None:
        """Give a number to each line of a formula that has a label."""
        for line in re.split(r"\\\\|\\cr\b", tex):
            tag = re.search(r"\\tag\*?\s*\{([^}]*)\}", line)
            for label in re.findall(r"\\label\s*\{([^}]*)\}", line):
                self.numbered += not tag
                number = tag[1] if tag else str(self.numbered)
                self.labels.setdefault(label, (f"({number})", place))


def rewrite(
    tex: str, display: bool, mark: str, scope: Scope | None = None
) -> Rewritten:
    """A formula as Pandoc converts it rightly.

    tex -- a formula without its dollars
    display -- whether it has a line of its own
    mark -- what stands before and after a stand-in's number; not to be in the `tex`
    scope -- what the formulas before it have defined; what it defines is added

    Raises Refused if the formula has something that cannot be typeset.
    """
    scope = scope or Scope()
    writer = _Writer(mark, scope, display)
    tokens = tokens_of(tex, scope.macros)
    return Rewritten(
        writer.formula(parse(tokens), display), writer.stand_ins, writer.tag
    )



class _Writer:
    """Writes a parsed formula down again, with stand-ins for what Pandoc would lose."""

    def __init__(self, mark: str, scope: Scope, display: bool) -> None:
        self.mark, self.scope = mark, scope
        self.stand_ins: list[StandIn] = []
        self.tag: str | None = None  # of the whole formula
        self.shown = ""  # the last tag in a line
        self.inside = not display  # whether a tag stands in its line
        self.before = ""  # the TeX of what is before a token

    def stand_in(self, typst: str, tight: bool = False) -> str:
        """TeX in the place of which this Typst is put in the end."""
        self.stand_ins.append(StandIn(typst, tight))
        return f"\\text{{{self.mark}{len(self.stand_ins) - 1}{self.mark}}}"

    def call(
        self, opening: str, inside: str, closing: str = ")", tight: bool = False
    ) -> str:
        """`inside` as an argument of a Typst function."""
        inside = self.something(inside)
        return self.stand_in(opening, tight) + inside + self.stand_in(closing, tight)

    def something(self, inside: str) -> str:
        """`inside`, or what stands for it if it is empty, which no argument may be."""
        return inside if inside.strip("{ }") else self.stand_in('""')

    # -- whole formulas: the place for several lines

    def formula(self, nodes: list, display: bool) -> str:
        """The TeX of a whole formula."""
        environment = self.outermost(nodes)
        if environment is not None:
            return environment
        lines = without_gaps(split(nodes, "\\\\"))
        if display and (len(lines) > 1 or len(split(lines[0], "&")) > 1):
            return self.lines(lines)
        return self.row(nodes if lines[1:] else lines[0])

    def outermost(self, nodes: list) -> str | None:
        """The formula, if it is one environment of lines and nothing else."""
        nodes = list(nodes)
        if next_node(nodes) != "\\begin":
            return None
        self.argument(nodes)
        name, inside = self.environment(nodes)
        if next_node(nodes) is not None:
            return None
        tags = [node for node in inside if node in ("\\tag", "\\tag*", "\\label")]
        self.inside = self.inside or len(tags) > 1
        if name in symbols.LINES:
            return self.lines(split(inside, "\\\\"), gaps=name != "eqnarray")
        whole = ("equation", "subequations", "displaymath", "math")
        return self.formula(inside, True) if name in whole else None

    def lines(self, lines: list[list], *, gaps: bool = True) -> str:
        """Aligned or centred lines; between two pairs of columns there is a gap."""
        rows = []
        for line in without_gaps(lines):
            first, *others = [self.row(cell) for cell in split(line, "&")]
            for number, cell in enumerate(others):
                joint = (" & ", " & \\qquad " if gaps else " ")[number % 2]
                first += joint + cell
            rows.append(first)
        return "\\begin{aligned}" + " \\\\ ".join(rows) + "\\end{aligned}"

    # -- what stands in a line

    def row(self, nodes: list) -> str:
        """The TeX of a stretch of formula."""
        nodes, tex = infix(nodes), ""
        scripts: set[str] = set()  # that the letter before has already
        while nodes:
            node = nodes.pop(0)
            if node in ("^", "_", "'"):
                script = "_" if node == "_" else "^"
                if script in scripts:
                    raise Refused(f"a second {script} on the same letter: set braces")
                scripts.add(script)
            elif isinstance(node, list) or not node.isspace():
                scripts.clear()
            if isinstance(node, list):
                tex += self.group(node, nodes)
            elif node in ("^", "_"):
                tex += f"{node}{{{self.operand(nodes)}}}"
            elif node == "'":
                tex += self.primes(nodes)
            else:
                self.before = tex
                tex += self.token(node, nodes)
        return tex

    def group(self, group: list, following: list) -> str:
        if group == [","]:  # without the space that follows a comma: 1{,}000
            return self.stand_in('class("normal", comma)')
        inside = self.row(group)
        several = any(node in ("^", "_", "'", "\\frac") for node in group)
        if several and next_node(following) in ("^", "_", "'"):
            return self.call('class("normal", ', inside)
        return f"{{{inside}}}"

    def primes(self, following: list) -> str:
        primes = 1
        while following and following[0] == "'":
            primes += 1
            following.pop(0)
        if next_node(following) != "^":
            return "'" * primes
        self.argument(following)  # the ^
        power = self.operand(following)
        return "^{" + self.stand_in("prime " * primes) + power + "}"

    def token(self, token: str, nodes: list) -> str:
        """One token, with the arguments after it that it takes from `nodes`."""
        if token.isspace():
            return " "
        if next_node(nodes) in ("\\limits", "\\nolimits"):
            [kind] = self.argument(nodes)
            function = "limits(" if kind == "\\limits" else "scripts("
            return self.call(function, self.token(token, nodes))
        if token in symbols.SYMBOLS:
            return self.stand_in(symbols.SYMBOLS[token])
        if token in symbols.CALLS:
            opening, *others = symbols.CALLS[token]
            return self.call(opening, self.operand(nodes), *others)
        if token in symbols.STYLES:
            return self.call(symbols.STYLES[token], self.rest(nodes))
        if token in symbols.FONTS:
            return f"{symbols.FONTS[token]}{{{self.something(self.rest(nodes))}}}"
        if token in _HANDLERS:
            return _HANDLERS[token](self, token, nodes)
        if unicodedata.category(token[0]) in ("Lo", "So"):  # Chinese, emoji, ...
            return self.stand_in(f"#math.upright({typst_string(token)});", tight=True)
        return self.command(token, nodes) if token[1:].isalpha() else token

    def rest(self, nodes: list) -> str:
        """The TeX of all that follows in the group."""
        taken, nodes[:] = list(nodes), []
        return self.row(taken)

    # -- commands, with the arguments that they take from `nodes`

    def sized(self, token: str, nodes: list) -> str:
        em, side = symbols.SIZES[token]
        stretched = f"stretch({self.delimiter(nodes)}, size: #{em}em)"
        return self.stand_in(f'class("{side}", {stretched})')

    def numbered(self, token: str, nodes: list) -> str:
        """A formula's number; that of one of its lines stands in the line."""
        words = re.sub(r"\\text|[{}$\\]", "", as_tex(self.argument(nodes)))
        known = self.scope.labels.get(words, ("", ""))[0]
        number = {"\\tag": f"({words})", "\\tag*": words}.get(token, known)
        if not self.inside:
            self.tag = self.tag or number
        elif number and number != self.shown:
            self.shown = number  # which a label in the same line repeats
            return self.stand_in(f"#h(2em)#math.upright({typst_string(number)});")
        return ""

    def dots(self, token: str, nodes: list) -> str:
        """Dots with some room to what is no operator, as TeX has it."""
        room = self.stand_in("#h(1em / 6)")
        sides = self.before.strip()[-1:], as_tex(next_node(nodes) or "")[:1]
        before, after = (room * (side not in ("", *"+-=<>,&")) for side in sides)
        return before + self.stand_in("dots.h.c") + after

    def reference(self, token: str, nodes: list) -> str:
        label = as_tex(self.argument(nodes))[1:-1]
        if label not in self.scope.labels:
            raise Refused(f"no formula has the label {label}")
        number, place = self.scope.labels[label]
        words = number if token == "\\eqref" else number.strip("()")
        return self.stand_in(f"#link(<{place}>, {typst_string(words)})")

    def link(self, token: str, nodes: list) -> str:
        address = typst_string(as_tex(self.argument(nodes))[1:-1].replace("\\", ""))
        words = self.operand(nodes)
        if address == '""':
            return words
        return self.call(f"#link({address})[$", words, "$]", tight=True)

    def between_lines(self, token: str, nodes: list) -> str:
        """Words between two lines of a formula; they take no part in its columns."""
        words = self.text("\\text", nodes)
        return self.call("#box(width: 0pt, [$", words, "$])", tight=True) + " \\\\ "

    def stacked(self, token: str, nodes: list) -> str:
        script = self.operand(nodes)
        side = "b" if token == "\\underset" else "t"
        base = self.call("attach(limits(", self.operand(nodes), f"), {side}: ")
        return base + self.something(script) + self.stand_in(")")

    def coloured(self, token: str, nodes: list) -> str:
        """Some colour, to the end of the group; a browser ignores unknown ones, too."""
        if next_node(nodes) == "[":  # a colour in numbers
            self.argument(nodes)
            between(nodes, "[", "]")
        colour = "".join(self.argument(nodes)).strip()
        inside = self.operand(nodes) if token == "\\textcolor" else self.rest(nodes)
        fill = typst_colour(colour)
        if fill is None:
            return f"{{{inside}}}"
        return self.call(f"text(fill: #{fill}, ", inside)

    def space(self, token: str, nodes: list) -> str:
        """A length in braces or without, as in \\hskip 1em."""
        braced = isinstance(next_node(nodes), list)
        following = self.argument(nodes) if braced else nodes
        words = "".join(itertools.takewhile(lambda n: isinstance(n, str), following))
        length = re.match(r"\s*(-?)\s*(\d*\.?\d+)\s*(em|ex|mu|pt|cm|mm|in)", words)
        if not length:
            raise Refused(f"{token}: {words.strip()} is no length")
        taken = 0
        while taken < length.end():
            taken += len(following.pop(0))
        factor, unit = symbols.UNITS.get(length[3], (1, length[3]))
        return self.stand_in(f"#h({length[1]}{float(length[2]) * factor:g}{unit})")

    def no_line_break(self, token: str, nodes: list) -> str:
        """A \\\\ within delimiters, which breaks no line on the screen either."""
        nodes[:] = past_option(nodes)
        return " "

    def lines_in_a_script(self, token: str, nodes: list) -> str:
        rows = split(self.argument(nodes), "\\\\")
        return self.column("row-gap: #0.15em", rows, "script(")

    def word(self, token: str, nodes: list) -> str:
        """Letters that make a word; what is more than that is Pandoc's business."""
        if re.fullmatch(r"\{[A-Za-z]{2,}\}", as_tex(next_node(nodes) or "")):
            return self.text(token, nodes)
        return self.command(token, nodes)

    def text(self, token: str, nodes: list) -> str:
        """Words in a formula, and the formulas between dollars among them."""
        function = symbols.TEXT.get(token) or symbols.WORDS[token]
        tex, words = "", ""
        waiting = [*self.argument(nodes), ""]
        while waiting:
            node = waiting.pop(0)
            group = isinstance(node, list)
            if not (group or node in ("", "$") or node in symbols.TEXT):
                words += _words(node)
                continue
            if words:
                words = words.replace("---", "—").replace("--", "–")
                literal = typst_string(re.sub(r"\s+", " ", words))
                tex += self.stand_in(f"#{function}{literal});", tight=True)
                words = ""
            if node == "$":
                tex += self.row(between(waiting, "", "$"))
            elif group:
                tex += self.text(token, [node])
            elif node:
                tex += self.text(node, waiting)
        return tex

    def operator(self, token: str, nodes: list) -> str:
        """A function's name in upright letters."""
        name = re.sub(r"\\[,; ]|~", " ", as_tex(self.argument(nodes)))
        name = re.sub(r"[{}]|\\(text..|text|mbox|mathrm)\b", "", name)
        if not re.fullmatch(r"[\w\s.-]*", name):
            raise Refused(f"{token}{{{name}}}: letters only")
        limits = ", limits: #true" if token.endswith("*") else ""
        return self.stand_in(f'op("{name}"{limits})')

    def arrow(self, token: str, nodes: list) -> str:
        """An arrow as long as what stands above and below it."""
        below = ""
        if next_node(nodes) == "[":
            self.argument(nodes)
            words = self.something(self.row(between(nodes, "[", "]")))
            below = self.stand_in(", b: ") + words
        above = self.something(self.operand(nodes))
        opening = f"attach(stretch({symbols.ARROWS[token]}, size: #(100% + 1em)), t: "
        return self.call(opening, above + below)

    def fraction(self, token: str, nodes: list) -> str:
        """Whose scripts are not those of its denominator."""
        above, below = (self.something(self.operand(nodes)) for _ in range(2))
        tex = f"{token}{{{above}}}{{{below}}}"
        if next_node(nodes) in ("^", "_", "'"):
            return self.call('class("normal", ', tex)
        return tex

    def command(self, token: str, nodes: list) -> str:
        """A command that is Pandoc's business, with the groups that follow it."""
        if token == "\\sqrt" and next_node(nodes) == "[":
            self.argument(nodes)
            token += f"[{self.row(between(nodes, '[', ']'))}]"
        elif token not in symbols.WITH_GROUPS:
            return token + " "
        token += f"{{{self.something(self.operand(nodes))}}}"
        while nodes and isinstance(nodes[0], list):
            token += f"{{{self.something(self.operand(nodes))}}}"
        return token

    # -- delimiters and tables

    def fence(self, token: str, nodes: list) -> str:
        """\\left ... \\right: delimiters as high as what they hold."""
        opening = self.delimiter(nodes)
        inside = between(nodes, "\\left", "\\right")
        closing = self.delimiter(nodes)
        first, *others = split(inside, "\\middle")
        tex = self.row(first)
        for part in others:
            tex += self.stand_in(f"mid({self.delimiter(part)})") + self.row(part)
        return self.call(f"lr({opening} ", tex, f" {closing})")

    def delimiter(self, nodes: list) -> str:
        delimiter = as_tex(self.argument(nodes)[0])
        if delimiter == ".":
            return ""
        if delimiter not in symbols.DELIMITERS:
            raise Refused(f"{delimiter} as a delimiter")
        return symbols.DELIMITERS[delimiter]

    def environment(self, nodes: list) -> tuple[str, list]:
        """Take an environment that has begun: its name, and what is in it."""
        name = "".join(self.argument(nodes))
        inside = between(nodes, "\\begin", "\\end")
        self.argument(nodes)  # the name again
        placed = name in ("aligned", "alignedat", "array", "gathered") or (
            name[-1:] == "*" and name[:-1] in symbols.MATRICES  # which column is how
        )
        inside = past_option(inside) if placed else inside
        name = name.rstrip("*")
        if name in ("alignat", "alignedat"):
            self.argument(inside)  # how many columns
        return name, inside

    def grid(self, name: str, inside: list) -> str:
        """What an environment, or a command such as \\pmatrix, makes of its rows."""
        if name in ("cases", "dcases", "rcases"):
            return self.cases(name, inside)
        if name in symbols.MATRICES:
            return self.matrix(name, inside)
        if name in symbols.LINES:  # among other things, so in a box
            return self.column("row-gap: #0.65em", split(inside, "\\\\"), "display(")
        if name in ("equation", "subequations"):
            return self.row(inside)
        raise Refused(f"the environment {name}")

    def cases(self, name: str, inside: list) -> str:
        style = "display(" if name == "dcases" else "inline("
        rows = []
        for line in without_gaps(split(inside, "\\\\")):
            cells = [self.cell(style, cell) for cell in split(line, "&")]
            rows.append(self.stand_in("& ") + self.stand_in(" && quad ").join(cells))
        opening = "cases(" + ("reverse: #true, " if name == "rcases" else "")
        return self.call(opening, self.stand_in(", ").join(rows))

    def matrix(self, name: str, inside: list) -> str:
        columns = columns_of(self.argument(inside)) if name == "array" else ""
        letters = columns.replace("|", "")
        mixed = letters if len(set(letters)) > 1 else ""
        align = {"l": "left", "r": "right"}.get("" if mixed else letters[:1], "center")
        rows: list[list] = []
        across: list[int] = []  # above which rows there are lines,
        for line in without_gaps(split(inside, "\\\\")):
            while next_node(line) == "\\hline":
                self.argument(line)
                across.append(len(rows))
            if next_node(line) is not None:
                rows.append(line)
        *down, last = itertools.accumulate(map(len, columns.split("|")))  # and columns
        framed = {
            "left": 0 in down, "right": last in down,
            "top": 0 in across, "bottom": len(rows) in across,
        }  # fmt: skip
        small = name == "smallmatrix"
        gaps = "column-gap: #0.3em, row-gap: #0.2em" if small else "column-gap: #1em"
        style = f"delim: {symbols.MATRICES[name]}, align: #{align}, {gaps}"
        down = [at for at in down if 0 < at < last]
        across = [at for at in across if 0 < at < len(rows)]
        if down or across:
            style += ", augment: #(stroke: 0.4pt, "
            style += f"hline: {typst_array(across)}, vline: {typst_array(down)})"
        size = "script(" if small else "inline("
        table = self.table(style, rows, size, aligned=mixed)
        if not any(framed.values()):
            return table
        sides = ", ".join(f"{side}: 0.4pt" for side, line in framed.items() if line)
        opening = f"#box(stroke: ({sides}), inset: 0.4em, baseline: 50% - 0.25em)[$"
        return self.call(opening, table, "$]", tight=True)

    def column(self, style: str, rows: list[list], size: str) -> str:
        """Lines one below the other, aligned where they have an &."""
        return self.table(f"delim: #none, {style}", rows, size, joint=" & ")

    def table(
        self, style: str, rows: list[list], size: str, joint: str = ", ",
        aligned: str = "",
    ) -> str:
        """Rows of cells as one of Typst's matrices, with `aligned`, "lcr", of columns.

        Typst aligns all columns alike, but within one at an & before or after.
        """
        before = self.stand_in("& ") if "l" in aligned else ""
        after = self.stand_in(" &") if "r" in aligned else ""
        lines = []
        for row in without_gaps(rows):
            cells = [self.cell(size, cell) for cell in split(row, "&")]
            for number, (cell, letter) in enumerate(zip(cells, aligned)):
                left, right = before * (letter == "l"), after * (letter == "r")
                cells[number] = left + cell + right
            lines.append(self.stand_in(joint).join(cells))
        return self.call(f"mat({style}, ", self.stand_in("; ").join(lines))

    def cell(self, size: str, cell: list) -> str:
        return "" if next_node(cell) is None else self.call(size, self.row(cell))

    def operand(self, nodes: list) -> str:
        """The TeX of the next group, or of the next token with its arguments."""
        if isinstance(next_node(nodes), list):
            return self.row(self.argument(nodes))
        [token] = self.argument(nodes)
        return self.token(token, nodes)

    def argument(self, nodes: list) -> list:
        """Take the next group or token from `nodes`."""
        if (node := next_node(nodes)) is None:
            raise Refused("something is missing at its end")
        del nodes[: nodes.index(node) + 1]
        return node if isinstance(node, list) else [node]


def _words(node: str) -> str:
    """What a token among the words of a \\text stands for."""
    if re.fullmatch(r"\\[A-Za-z]+\*?", node) and node not in symbols.IN_TEXT:
        raise Refused(f"{as_tex(node)} among the words of a \\text")
    return symbols.IN_TEXT.get(node, node.removeprefix("\\"))


_HANDLERS: dict[str, Callable[[_Writer, str, list], str]] = {
    **dict.fromkeys(symbols.TEXT, _Writer.text),
    **dict.fromkeys(symbols.WORDS, _Writer.word),
    **dict.fromkeys(symbols.ARROWS, _Writer.arrow),
    **dict.fromkeys(symbols.SIZES, _Writer.sized),
    **dict.fromkeys(("\\tag", "\\tag*", "\\label"), _Writer.numbered),
    **dict.fromkeys(("\\eqref", "\\ref"), _Writer.reference),
    **dict.fromkeys(("\\operatorname", "\\operatorname*"), _Writer.operator),
    **dict.fromkeys(("\\overset", "\\underset"), _Writer.stacked),
    **dict.fromkeys(("\\hspace", "\\hspace*", "\\mspace"), _Writer.space),
    **dict.fromkeys(("\\hskip", "\\kern", "\\mkern", "\\mskip"), _Writer.space),
    **dict.fromkeys(("\\textcolor", "\\color"), _Writer.coloured),
    **dict.fromkeys(
        ("\\matrix", "\\pmatrix", "\\cases"),
        lambda writer, token, nodes: writer.grid(token[1:], writer.argument(nodes)),
    ),
    **dict.fromkeys(("\\cdots", "\\dotsb"), _Writer.dots),
    **dict.fromkeys(("\\frac", "\\binom"), _Writer.fraction),
    "\\href": _Writer.link,
    "\\intertext": _Writer.between_lines,
    "\\substack": _Writer.lines_in_a_script,
    "\\\\": _Writer.no_line_break,
    "\\left": _Writer.fence,
    "\\begin": lambda writer, _, nodes: writer.grid(*writer.environment(nodes)),
}
