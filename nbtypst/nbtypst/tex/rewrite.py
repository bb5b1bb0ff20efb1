"""TeX rewritten so that Pandoc converts it to Typst rightly.

What Pandoc would lose is written here in Typst itself: a `\\text{...}` with a number
is its placeholder in the TeX, and markup.lua puts the Typst in the place of that. What
Pandoc does not know it says, and the formula is shown as its source.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable

from nbtypst.literals import typst_array, typst_colour, typst_string
from nbtypst.tex import symbols
from nbtypst.tex.chemistry import chemistry
from nbtypst.tex.macros import KNOWN_MACROS, TOKEN, Refused, tokens_of
from nbtypst.tex.tree import (
    as_tex,
    between,
    columns_of,
    infix,
    next_node,
    parse,
    past_option,
    split,
    with_scripts,
    without_gaps,
)


class Scope:
    """What the formulas of a notebook know of each other: macros and numbers."""

    def __init__(self) -> None:
        """Nothing is known yet but the macros that everybody has."""
        self.macros = dict(KNOWN_MACROS)  # number of arguments, the first one, tokens
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


def rewrite(tex: str, display: bool, mark: str, scope: Scope) -> "_Writer":
    """A formula as Pandoc converts it rightly: `tex`, and `tag` if it has a number.

    Parameters
    ----------
    tex : the formula without its dollars
    display : whether it has a line of its own
    mark : what is before and after a placeholder's number; not to be in the `tex`
    scope : what the formulas before it have defined; what it defines is added

    Raises
    ------
    Refused : if the formula has something that cannot be typeset
    """
    return _Writer(tex, display, mark, scope)


_Handler = Callable[["_Writer", str, list], str]
_HANDLERS: dict[str, _Handler] = {}  # the methods that write a command, by its token


def _writes(*tokens: str) -> Callable[[_Handler], _Handler]:
    """Mark a method that writes these tokens, and takes their arguments."""

    def registered(method: _Handler) -> _Handler:
        _HANDLERS.update(dict.fromkeys(tokens, method))
        return method

    return registered


class _Writer:
    """Writes a parsed formula down again, with placeholders where Pandoc would err."""

    def __init__(self, tex: str, display: bool, mark: str, scope: Scope) -> None:
        self.mark, self.scope = mark, scope
        self.placeholders: list[tuple[str, bool]] = []  # the Typst, whether it is tight
        self.tag: str | None = None  # of the whole formula
        self.shown = ""  # the last tag in a line
        self.tags_in_lines = not display
        self.before = ""  # the TeX of what is before a token
        self.tex = self.formula(parse(tokens_of(tex, scope.macros)), display)

    def typst(self, code: str, tight: bool = False) -> str:
        """A placeholder in TeX for some Typst; a tight one has no space around it."""
        self.placeholders.append((code, tight))
        return f"\\text{{{self.mark}{len(self.placeholders) - 1}{self.mark}}}"

    def call(self, template: str, *arguments: str) -> str:
        """The call of a Typst function, which has a … for each of the arguments."""
        tight = template.startswith("#")
        opening, *others = [self.typst(code, tight) for code in template.split("…")]
        inside = [self.something(tex) + code for tex, code in zip(arguments, others)]
        return opening + "".join(inside)

    def something(self, inside: str) -> str:
        """`inside`, or an empty string for it: no argument of Typst's may be empty."""
        return inside if inside.strip("{ }") else self.typst('""')

    # -- whole formulas: the place for several lines

    def formula(self, nodes: list, display: bool) -> str:
        """The TeX of a whole formula."""
        name, following = "", list(nodes)
        inside: list = []
        if next_node(nodes) == "\\begin":
            self.argument(following)
            name, inside = self.environment(following)
        if name and next_node(following) is None:  # one environment, nothing else
            tags = [node for node in inside if node in ("\\tag", "\\tag*", "\\label")]
            self.tags_in_lines = self.tags_in_lines or len(tags) > 1
            if name in symbols.LINES:
                return self.lines(split(inside, "\\\\"), gaps=name != "eqnarray")
            if name in symbols.WHOLE:
                return self.formula(inside, True)
        lines = without_gaps(split(nodes, "\\\\"))
        if display and (len(lines) > 1 or len(split(lines[0], "&")) > 1):
            return self.lines(lines)
        return self.row(nodes if lines[1:] else lines[0])

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

    # -- one line

    def row(self, nodes: list) -> str:
        """The TeX of a stretch of formula."""
        nodes, tex = with_scripts(infix(nodes)), ""
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
            return self.typst('class("normal", comma)')
        inside = self.row(group)
        several = any(node in ("^", "_", "'", "\\frac") for node in group)
        if several and next_node(following) in ("^", "_", "'"):
            return self.call('class("normal", …)', inside)
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
        return "^{" + self.typst("prime " * primes) + power + "}"

    def token(self, token: str, nodes: list) -> str:
        """One token, with the arguments after it that it takes from `nodes`."""
        if token.isspace():
            return " "
        if next_node(nodes) in ("\\limits", "\\nolimits"):
            [kind] = self.argument(nodes)
            function = "limits(…)" if kind == "\\limits" else "scripts(…)"
            return self.call(function, self.token(token, nodes))
        if token in symbols.SYMBOLS:
            return self.typst(symbols.SYMBOLS[token])
        if token in symbols.CALLS:
            template = symbols.CALLS[token]
            operands = [self.operand(nodes) for _ in range(template.count("…"))]
            return self.call(template, *operands)
        if token in symbols.STYLES:
            return self.call(symbols.STYLES[token], self.rest(nodes))
        if token in symbols.FONTS:
            return f"{symbols.FONTS[token]}{{{self.something(self.rest(nodes))}}}"
        if token in _HANDLERS:
            return _HANDLERS[token](self, token, nodes)
        if unicodedata.category(token[0]) in ("Lo", "So"):  # Chinese, emoji, ...
            return self.typst(f"#math.upright({typst_string(token)});", tight=True)
        return self.command(token, nodes) if token[1:].isalpha() else token

    def rest(self, nodes: list) -> str:
        """The TeX of all that follows in the group."""
        taken, nodes[:] = list(nodes), []
        return self.row(taken)

    # -- commands, with the arguments that they take from `nodes`

    @_writes(*symbols.SIZES)
    def sized(self, token: str, nodes: list) -> str:
        em, side = symbols.SIZES[token]
        stretched = f"stretch({self.delimiter(nodes)}, size: #{em}em)"
        return self.typst(f'class("{side}", {stretched})')

    @_writes("\\tag", "\\tag*", "\\label")
    def numbered(self, token: str, nodes: list) -> str:
        """A formula's number; that of one of its lines is set in the line."""
        words = re.sub(r"\\text|[{}$\\]", "", as_tex(self.argument(nodes)))
        known = self.scope.labels.get(words, ("", ""))[0]
        number = {"\\tag": f"({words})", "\\tag*": words}.get(token, known)
        if not self.tags_in_lines:
            self.tag = self.tag or number
        elif number and number != self.shown:
            self.shown = number  # which a label in the same line repeats
            return self.typst(f"#h(2em)#math.upright({typst_string(number)});")
        return ""

    @_writes("\\cdots", "\\dotsb")
    def dots(self, token: str, nodes: list) -> str:
        """Dots with some room to letters and digits, as in TeX."""
        room = self.typst("#h(1em / 6)")
        sides = self.before.strip()[-1:], as_tex(next_node(nodes) or "")[:1]
        before, after = (room * (side not in ("", *"+-=<>,&")) for side in sides)
        return before + self.typst("dots.h.c") + after

    @_writes("\\eqref", "\\ref")
    def reference(self, token: str, nodes: list) -> str:
        label = as_tex(self.argument(nodes))[1:-1]
        if label not in self.scope.labels:
            raise Refused(f"no formula has the label {label}")
        number, place = self.scope.labels[label]
        words = number if token == "\\eqref" else number.strip("()")
        return self.typst(f"#link(<{place}>, {typst_string(words)})")

    @_writes("\\href")
    def link(self, token: str, nodes: list) -> str:
        address = typst_string(as_tex(self.argument(nodes))[1:-1].replace("\\", ""))
        words = self.operand(nodes)
        if address == '""':
            return words
        return self.call(f"#link({address})[$…$]", words)

    @_writes("\\intertext")
    def between_lines(self, token: str, nodes: list) -> str:
        """Words between two lines of a formula; they take no part in its columns."""
        words = self.text("\\text", nodes)
        return self.call("#box(width: 0pt, [$…$])", words) + " \\\\ "

    @_writes("\\textcolor", "\\color")
    def coloured(self, token: str, nodes: list) -> str:
        """Some colour, to the end of the group; a browser ignores unknown ones, too."""
        if next_node(nodes) == "[":  # a colour in numbers
            self.argument(nodes)
            between(nodes, "[", "]")
        fill = typst_colour("".join(self.argument(nodes)).strip())
        inside = self.operand(nodes) if token == "\\textcolor" else self.rest(nodes)
        return self.call(f"text(fill: #{fill}, …)", inside) if fill else f"{{{inside}}}"

    @_writes("\\hspace", "\\hspace*", "\\mspace")
    @_writes("\\hskip", "\\kern", "\\mkern", "\\mskip")
    def space(self, token: str, nodes: list) -> str:
        """A length in braces or without, as in \\hskip 1em."""
        braced = isinstance(next_node(nodes), list)
        following = self.argument(nodes) if braced else nodes
        words = "".join(itertools.takewhile(lambda n: isinstance(n, str), following))
        length = re.match(r"\s*(-?)\s*(\d*\.?\d+)\s*(em|ex|mu|pt|cm|mm|in)", words)
        if not length:
            raise Refused(f"{token}: {words.strip()} is not a length")
        taken = 0
        while taken < length.end():
            taken += len(following.pop(0))
        factor, unit = symbols.UNITS.get(length[3], (1, length[3]))
        return self.typst(f"#h({length[1]}{float(length[2]) * factor:g}{unit})")

    @_writes("\\\\")
    def no_line_break(self, token: str, nodes: list) -> str:
        """A \\\\ within delimiters, which breaks no line on the screen either."""
        nodes[:] = past_option(nodes)
        return " "

    @_writes(*symbols.WORDS)
    def word(self, token: str, nodes: list) -> str:
        """Letters that make a word; what is more than that is Pandoc's business."""
        if re.fullmatch(r"\{[A-Za-z]{2,}\}", as_tex(next_node(nodes) or "")):
            return self.text(token, nodes)
        return self.command(token, nodes)

    @_writes(*symbols.TEXT)
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
                tex += self.typst(f"#{function}{literal});", tight=True)
                words = ""
            if node == "$":
                tex += self.row(between(waiting, "", "$"))
            elif group:
                tex += self.text(token, [node])
            elif node:
                tex += self.text(node, waiting)
        return tex

    @_writes("\\operatorname", "\\operatorname*")
    def operator(self, token: str, nodes: list) -> str:
        """A function's name in upright letters."""
        name = re.sub(r"\\[,; ]|~", " ", as_tex(self.argument(nodes)))
        name = re.sub(r"[{}]|\\(text..|text|mbox|mathrm)\b", "", name)
        if not re.fullmatch(r"[\w\s.-]*", name):
            raise Refused(f"{token}{{{name}}}: letters only")
        limits = ", limits: #true" if token.endswith("*") else ""
        return self.typst(f'op("{name}"{limits})')

    @_writes(*symbols.ARROWS)
    def arrow(self, token: str, nodes: list) -> str:
        """An arrow as long as what is above and below it."""
        arrow = f"stretch({symbols.ARROWS[token]}, size: #(100% + 1em))"
        if next_node(nodes) != "[":
            return self.call(f"attach({arrow}, t: …)", self.operand(nodes))
        self.argument(nodes)
        below = self.row(between(nodes, "[", "]"))
        return self.call(f"attach({arrow}, b: …, t: …)", below, self.operand(nodes))

    @_writes("\\ce")
    def chemistry(self, token: str, nodes: list) -> str:
        """A chemical formula, in the notation of LaTeX's package mhchem."""
        source = as_tex(self.argument(nodes))[1:-1]
        return self.row(parse(TOKEN.findall(chemistry(source))))

    @_writes("\\frac", "\\binom")
    def fraction(self, token: str, nodes: list) -> str:
        """Whose scripts are not those of its denominator."""
        above, below = (self.something(self.operand(nodes)) for _ in range(2))
        tex = f"{token}{{{above}}}{{{below}}}"
        if next_node(nodes) in ("^", "_", "'"):
            return self.call('class("normal", …)', tex)
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

    @_writes("\\left")
    def fence(self, token: str, nodes: list) -> str:
        """\\left ... \\right: delimiters as high as what they hold."""
        opening = self.delimiter(nodes)
        inside = between(nodes, "\\left", "\\right")
        closing = self.delimiter(nodes)
        first, *others = split(inside, "\\middle")
        tex = self.row(first)
        for part in others:
            tex += self.typst(f"mid({self.delimiter(part)})") + self.row(part)
        return self.call(f"lr({opening} … {closing})", tex)

    def delimiter(self, nodes: list) -> str:
        delimiter = as_tex(self.argument(nodes)[0])
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

    @_writes("\\begin")
    def within(self, token: str, nodes: list) -> str:
        """An environment that is not the whole formula."""
        return self.grid(*self.environment(nodes))

    @_writes("\\matrix", "\\pmatrix", "\\cases", "\\substack")
    def grid_in_braces(self, token: str, nodes: list) -> str:
        return self.grid(token[1:], self.argument(nodes))

    def grid(self, name: str, inside: list) -> str:
        """What an environment makes of its rows and cells."""
        if name in symbols.MATRICES:
            return self.matrix(name, inside)
        if name in symbols.LINES or name == "substack":
            gap = 0.15 if name == "substack" else 0.65
            style, rows = f"delim: #none, row-gap: #{gap}em", split(inside, "\\\\")
            return self.table(style, rows, symbols.SIZES_OF_CELLS[name], joint=" & ")
        if name in symbols.WHOLE:
            return self.row(inside)
        raise Refused(f"the environment {name}")

    def matrix(self, name: str, inside: list) -> str:
        """A matrix, or cases."""
        columns = columns_of(self.argument(inside)) if name == "array" else ""
        rows: list[list] = []
        across: list[int] = []  # above which rows there are lines
        for line in without_gaps(split(inside, "\\\\")):
            while next_node(line) == "\\hline":
                self.argument(line)
                across.append(len(rows))
            if next_node(line) is not None:
                rows.append(line)
        if across or len(set(columns)) > 1:
            return self.array(name, columns, rows, across)
        columns = "l" if "cases" in name else columns
        align = symbols.ALIGNMENTS.get(columns[:1], "center")
        small = name == "smallmatrix"
        gaps = "column-gap: #0.3em, row-gap: #0.2em" if small else "column-gap: #1em"
        style = f"delim: {symbols.MATRICES[name]}, align: #{align}, {gaps}"
        return self.table(style, rows, symbols.SIZES_OF_CELLS[name])

    def array(self, name: str, columns: str, rows: list[list], across: list) -> str:
        """A matrix with lines, or with columns that are not aligned alike."""
        cells = [[self.cell("inline(…)", cell) for cell in split(row, "&")]
                 for row in rows]  # fmt: skip
        letters = columns.replace("|", "")
        width = max([len(letters), *map(len, cells)])
        down = itertools.accumulate(map(len, columns.split("|")[:-1]))
        lines = [f"grid.hline(y: {row}, stroke: 0.4pt)" for row in across]
        lines += [f"grid.vline(x: {column}, stroke: 0.4pt)" for column in down]
        aligned = (symbols.ALIGNMENTS.get(letter, "center") for letter in letters)
        align = typst_array(f"{side} + horizon" for side in aligned)
        style = f"columns: {width}, align: {align}, inset: (x: 0.5em, y: 0.3em)"
        grid = f"#grid({', '.join([style, *lines])}, [$"
        opening = f" mat(delim: {symbols.MATRICES[name]}, {grid}"
        full = [cell for row in cells for cell in row + [""] * (width - len(row))]
        inside = self.typst("$], [$", tight=True).join(full)
        return self.typst(opening, tight=True) + inside + self.typst("$]))", tight=True)

    def table(self, style: str, rows: list[list], size: str, joint: str = ", ") -> str:
        """Rows of cells as one of Typst's matrices."""
        lines = [
            self.typst(joint).join(self.cell(size, cell) for cell in split(row, "&"))
            for row in without_gaps(rows)
        ]
        return self.call(f"mat({style}, …)", self.typst("; ").join(lines))

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
    """What a token means among the words of a \\text."""
    if re.fullmatch(r"\\[A-Za-z]+\*?", node) and node not in symbols.IN_TEXT:
        raise Refused(f"{as_tex(node)} among the words of a \\text")
    return symbols.IN_TEXT.get(node, node.removeprefix("\\"))
